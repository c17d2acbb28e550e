//! Tenants, and one of them.
//!
//! Fed by `pages`; feeds it the pages.

use std::time::Duration;

use maud::{Markup, html};
use postrider_identity::Permission;
use postrider_proto::v1;

use crate::console::answers::{Answer, Page};
use crate::console::components::badges::{self, Tone};
use crate::console::components::{tables, times};
use crate::console::failure::PageFailure;
use crate::console::filters;
use crate::console::visit::{Visit, id_of, path};

/// Of the search bar the parameter of the query.
const SEARCH_PARAMETER: &str = "q";

pub async fn list(visit: &Visit) -> Result<Answer, PageFailure> {
    let request = v1::ListTenantsRequest {
        page_size: visit.console.page_size,
        page_token: tables::page_token(visit),
        filter: filters::all_of(&[("display_name:", visit.request.query(SEARCH_PARAMETER))]),
        ..v1::ListTenantsRequest::default()
    };
    let listed = visit.calls.tenants().list_tenants(request).await?.into_inner();
    let rows: Vec<_> = listed.tenants.iter().map(|tenant| row(visit, tenant)).collect();
    let body = html! {
        (tables::search_bar(visit, "Search by name", SEARCH_PARAMETER))
        (tables::table("Tenants", &["Tenant", "Name", "Created"], &rows, "There are no tenants here."))
        (tables::pager(visit, &listed.next_page_token))
    };
    Ok(Page::new("Tenants", body).into())
}

fn row(visit: &Visit, tenant: &v1::Tenant) -> Vec<Markup> {
    let id = id_of(&tenant.name);
    vec![
        html! { a href=(path(&["tenants", id])) { (id) } },
        html! { (tenant.display_name) },
        times::time(tenant.create_time, visit.now),
    ]
}

pub async fn show(visit: &Visit, tenant: &str) -> Result<Answer, PageFailure> {
    let request = v1::GetTenantRequest { name: format!("tenants/{tenant}") };
    let found = visit.calls.tenants().get_tenant(request).await?.into_inner();
    let body = html! {
        (facts(visit, &found))
        ul.choices {
            @if visit.may_in(Permission::ReadSubscriptions, tenant) {
                li { a href=(path(&["tenants", tenant, "subscriptions"])) { "Subscriptions" } }
            }
            @if visit.may_in(Permission::ReadAudit, tenant) {
                li {
                    a href={ (path(&["audit"])) "?parent=tenants/" (tenant) } { "Audit log" }
                }
            }
        }
        @if !found.labels.is_empty() {
            section { h2 { "Labels" } (labels(&found)) }
        }
    };
    let page = Page::new(tenant, body).of_tenant(tenant);
    Ok(page.below("Tenants", path(&["tenants"])).into())
}

fn facts(visit: &Visit, tenant: &v1::Tenant) -> Markup {
    let mut facts = vec![
        ("Name", html! { (tenant.display_name) }),
        ("Created", times::time(tenant.create_time, visit.now)),
        ("Changed", times::time(tenant.update_time, visit.now)),
        ("History is kept", retention(tenant.history_retention)),
        ("Payloads are kept", retention(tenant.payload_retention)),
        (
            "Plain HTTP",
            html! { @if tenant.allow_insecure_urls { "Allowed" } @else { "Not allowed" } },
        ),
        ("Configuration", html! { "Version " (tenant.config_version) }),
    ];
    if tenant.delete_time.is_some() {
        let deleted = html! {
            (badges::badge(Tone::Bad, "Deleted")) " " (times::time(tenant.delete_time, visit.now))
        };
        facts.push(("Status", deleted));
    }
    tables::facts(&facts)
}

fn retention(given: Option<prost_types::Duration>) -> Markup {
    let span = given.and_then(|given| Duration::try_from(given).ok());
    html! {
        @match span {
            Some(span) => { (times::span(span)) },
            None => { "As the installation does" },
        }
    }
}

fn labels(tenant: &v1::Tenant) -> Markup {
    let mut labels: Vec<_> = tenant.labels.iter().collect();
    labels.sort();
    html! {
        dl.facts { @for (key, value) in labels { div { dt { (key) } dd { (value) } } } }
    }
}
