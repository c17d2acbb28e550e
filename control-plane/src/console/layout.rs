//! The frame around every page.
//!
//! Fed by `serve` and `sign_in_pages` with what pages made; feeds browsers with whole documents.
//! Guarantees that what the navigation offers is what the caller may see, and that every page
//! has one heading, a way around the navigation and a language.

use maud::{DOCTYPE, Markup, html};
use postrider_identity::Permission;

use super::Console;
use super::answers::{Flash, Page};
use super::components::icons::{self, Icon};
use super::failure::PageFailure;
use super::visit::{Visit, path};

/// A whole document around a page.
pub fn document(visit: &Visit, page: &Page, flash: Option<Flash>) -> Markup {
    let header = html! {
        header.top {
            (brand(&visit.console, &visit.home()))
            @if !visit.is_portal() && visit.may_everywhere(Permission::ReadFleet) {
                form.find method="get" action=(path(&["search"])) role="search"
                    aria-label="The installation" {
                    label.hidden for="find" { "Find by id" }
                    input #find type="search" name="q" placeholder="Find by id"
                        value=(visit.request.query("q")) autocomplete="off" spellcheck="false";
                    button type="submit" { (icons::icon(Icon::Search)) span.hidden { "Find" } }
                }
            }
            form.sign-out method="post" action=(path(&["sign-out"])) {
                input type="hidden" name="form_token" value=(visit.form_token());
                @if !visit.is_portal() { span.who title="Signed in as" { (visit.caller()) } }
                button type="submit" { "Sign out" }
            }
        }
        (navigation(visit, page))
    };
    let body = html! {
        @if !page.crumbs.is_empty() {
            nav.crumbs aria-label="Where you are" {
                ol {
                    @for (words, target) in &page.crumbs { li { a href=(target) { (words) } } }
                    li aria-current="page" { (page.title) }
                }
            }
        }
        @if let Some(flash) = flash { p.flash role="status" { (flash.words()) } }
        h1 { (page.title) }
        (page.body)
    };
    frame(&visit.console, &page.title, header, body)
}

/// A document for somebody without a session.
pub fn plain_document(console: &Console, title: &str, body: Markup) -> Markup {
    let header = html! { header.top { (brand(console, &path(&[]))) } };
    let body = html! { div.narrow { h1 { (title) } (body) } };
    frame(console, title, header, body)
}

fn frame(console: &Console, title: &str, header: Markup, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · " (console.settings.operator_name) }
                link rel="stylesheet" href=(console.files.style_sheet());
                @if let Some(logo) = console.files.logo() { link rel="icon" href=(logo); }
                script src=(console.files.script()) defer {}
            }
            body {
                a.skip href="#main" { "Skip to the page" }
                (header)
                main #main tabindex="-1" { (body) }
            }
        }
    }
}

fn brand(console: &Console, home: &str) -> Markup {
    html! {
        a.brand href=(home) {
            @if let Some(logo) = console.files.logo() { img src=(logo) alt="" height="28"; }
            span { (console.settings.operator_name) }
        }
    }
}

/// Words, and the path's parts.
type NavigationEntry<'a> = (&'static str, Vec<&'a str>);

fn navigation(visit: &Visit, page: &Page) -> Markup {
    let mut entries: Vec<NavigationEntry<'_>> = Vec::new();
    if visit.may_everywhere(Permission::ReadFleet) {
        entries.push(("Overview", vec!["overview"]));
    }
    if visit.only_tenant().is_none() && visit.may_somewhere(Permission::ReadTenants) {
        entries.push(("Tenants", vec!["tenants"]));
    }
    if visit.may_everywhere(Permission::ReadFleet) {
        entries.push(("Replicas", vec!["fleet"]));
    }
    if visit.may_somewhere(Permission::ReadAudit) {
        entries.push(("Audit log", vec!["audit"]));
    }
    let own = visit.only_tenant();
    let tenant = page.tenant.as_deref().or(own.as_deref());
    let mut of_tenant: Vec<NavigationEntry<'_>> = Vec::new();
    if let Some(tenant) = tenant {
        if visit.may_in(Permission::ReadSubscriptions, tenant) {
            of_tenant.push(("Subscriptions", vec!["tenants", tenant, "subscriptions"]));
        }
        if visit.may_in(Permission::ReadDeliveries, tenant) {
            of_tenant.push(("Event log", vec!["tenants", tenant, "attempts"]));
            of_tenant.push(("Live tail", vec!["tenants", tenant, "tail"]));
        }
        if visit.may_in(Permission::ReadEvents, tenant) {
            of_tenant.push(("Published events", vec!["tenants", tenant, "events"]));
        }
        if visit.may_in(Permission::ReadOperations, tenant) {
            of_tenant.push(("Operations", vec!["tenants", tenant, "operations"]));
        }
        if visit.may_in(Permission::ReadDeliveries, tenant) {
            of_tenant.push(("Reconcile", vec!["tenants", tenant, "reconcile"]));
        }
        // Pages of one tenant are added here.
    }
    html! {
        @if !visit.is_portal() && !entries.is_empty() {
            (links(visit, page, "Installation", &entries))
        }
        @if let Some(tenant) = tenant {
            @if !of_tenant.is_empty() { (links(visit, page, tenant, &of_tenant)) }
        }
    }
}

fn links(visit: &Visit, page: &Page, label: &str, entries: &[NavigationEntry<'_>]) -> Markup {
    let targets: Vec<String> = entries.iter().map(|(_, parts)| path(parts)).collect();
    let here = visit.request.uri.path();
    let is_at = |target: &str| here == target || here.starts_with(&format!("{target}/"));
    let crumbs = || page.crumbs.iter().map(|(_, target)| target);
    // A page whose path is below none of them, as a delivery's, stands where its crumbs say.
    let current = targets
        .iter()
        .find(|target| is_at(target.as_str()))
        .or_else(|| targets.iter().find(|target| crumbs().any(|crumb| crumb == *target)));
    html! {
        nav.links aria-label=(label) {
            ul {
                @for ((words, _), target) in entries.iter().zip(&targets) {
                    @let is_here = current == Some(target);
                    li { a href=(target) aria-current=[is_here.then_some("page")] { (words) } }
                }
            }
        }
    }
}

/// Why there is no page.
pub fn failure(failure: &PageFailure) -> Markup {
    html! {
        p { (failure.message()) }
        @if let Some(reason) = failure.reason() { p.hint { "Reason: " code { (reason) } } }
        p { a href=(path(&[])) { "To the first page" } }
    }
}

/// The same within the frame of somebody who is signed in.
pub fn failure_page(told: &PageFailure) -> Page {
    Page { http_status: told.http_status(), ..Page::new(told.title(), failure(told)) }
}
