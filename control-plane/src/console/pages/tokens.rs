//! One token: what it allows, until when, and whether it is used. Its text is stored nowhere.
//!
//! Fed by `pages`; feeds it the page.

use maud::{Markup, html};
use postrider_identity::Permission;
use postrider_proto::v1;

use crate::console::answers::{Answer, Page};
use crate::console::components::badges::{self, Tone};
use crate::console::components::{tables, times};
use crate::console::failure::PageFailure;
use crate::console::visit::{Visit, id_of, path};

/// Of a grant's tenants as many are shown; there may be a thousand.
const SHOWN_TENANTS: usize = 20;

pub async fn show(visit: &Visit, token: &str) -> Result<Answer, PageFailure> {
    let request = v1::GetTokenRequest { name: format!("tokens/{token}") };
    let found = visit.calls.tokens().get_token(request).await?.into_inner();
    let id = id_of(&found.name);
    let rows: Vec<_> = found.grants.iter().map(row).collect();
    let body = html! {
        (facts(visit, &found))
        section {
            h2 { "What it allows" }
            (tables::table("What it allows", &["Role", "Where"], &rows, "Nothing."))
        }
        @if visit.may_somewhere(Permission::ReadAudit) {
            ul.choices {
                li { a href={ (path(&["audit"])) "?actor=" (id) } { "What it has changed" } }
            }
        }
    };
    Ok(Page::new(format!("Token {id}"), body).into())
}

fn facts(visit: &Visit, token: &v1::Token) -> Markup {
    let kind = if token.portal { "A customer's, for the portal" } else { "A caller's" };
    tables::facts(&[
        ("Status", status(visit, token)),
        ("Name", html! { (token.display_name) }),
        ("Kind", html! { (kind) }),
        ("Created", times::time(token.create_time, visit.now)),
        ("By", html! { (token.creator) }),
        ("Ends", times::time(token.expire_time, visit.now)),
        ("Last used", times::time(token.last_use_time, visit.now)),
    ])
}

fn status(visit: &Visit, token: &v1::Token) -> Markup {
    if token.revoke_time.is_some() {
        return html! {
            (badges::badge(Tone::Bad, "Revoked")) " " (times::time(token.revoke_time, visit.now))
        };
    }
    match token.expire_time.map(times::timestamp) {
        Some(end) if end <= visit.now => badges::badge(Tone::Plain, "Ended"),
        Some(_) | None => badges::badge(Tone::Good, "Valid"),
    }
}

fn row(grant: &v1::Grant) -> Vec<Markup> {
    let shown = grant.tenants.iter().take(SHOWN_TENANTS);
    let more = grant.tenants.len().saturating_sub(SHOWN_TENANTS);
    let place = html! {
        @if grant.installation { "The installation" }
        @for (number, tenant) in shown.enumerate() {
            @if number > 0 { ", " }
            a href=(path(&["tenants", id_of(tenant)])) { (id_of(tenant)) }
        }
        @if more > 0 { " and " (more) " more" }
    };
    vec![html! { (role(grant.role())) }, place]
}

fn role(role: v1::Role) -> &'static str {
    match role {
        v1::Role::Publisher => "Publisher",
        v1::Role::Reader => "Reader",
        v1::Role::SubscriptionManager => "Subscription manager",
        v1::Role::Operator => "Operator",
        v1::Role::Administrator => "Administrator",
        v1::Role::Autoscaler => "Autoscaler",
        v1::Role::Unspecified => "Unknown",
    }
}
