//! One subscription: its settings, the health of its endpoint, its keys and its timetable.
//!
//! Fed by `route`; feeds it the page.

use maud::{Markup, html};
use postrider_identity::Permission;
use postrider_proto::v1;

use super::{actions, form_retry, secrets};
use crate::console::answers::{Answer, Page};
use crate::console::components::{badges, menus, tables, times};
use crate::console::failure::PageFailure;
use crate::console::pages::crumbs;
use crate::console::values;
use crate::console::visit::{Visit, id_of, path};

pub async fn show(visit: &Visit, tenant: &str, id: &str) -> Result<Answer, PageFailure> {
    let found = actions::find(visit, tenant, id).await?;
    let entries = actions::entries(visit, tenant, &found);
    let body = html! {
        (menus::buttons(visit, &entries))
        (facts(visit, &found))
        @if found.delete_time.is_none() {
            section {
                h2 { "Retries" }
                (form_retry::drawn(found.retry_policy.as_ref()))
            }
            section {
                h2 { "Signing keys" }
                (secrets::keys(visit, tenant, &found))
            }
        }
        @if visit.may_in(Permission::ReadDeliveries, tenant) {
            section {
                h2 { "More" }
                ul.choices {
                    li {
                        a href=(path(&["tenants", tenant, "subscriptions", id, "attempts"])) {
                            "Event log"
                        }
                    }
                    li {
                        a href={ (path(&["tenants", tenant, "tail"])) "?subscription=" (id) } {
                            "Live tail"
                        }
                    }
                    @if visit.may_in(Permission::WriteDeliveries, tenant) {
                        li {
                            a href={ (path(&["tenants", tenant, "replay"])) "?subscription=" (id) } {
                                "Replay a window"
                            }
                        }
                    }
                    li {
                        a href={ (path(&["tenants", tenant, "reconcile"])) "?subscription=" (id) } {
                            "Reconcile a window"
                        }
                    }
                }
            }
        }
    };
    let page = Page::new(actions::name_of(&found), body);
    let page = crumbs::in_list(visit, page, tenant, ("Subscriptions", "subscriptions"));
    Ok(page.into())
}

fn facts(visit: &Visit, found: &v1::Subscription) -> Markup {
    let health = found.endpoint_health.as_ref();
    let mut facts = vec![
        ("URL", html! { code.url { (found.url) } }),
        ("Status", status(visit, found)),
        ("Events", codes(&found.event_types)),
    ];
    if !found.accounts.is_empty() {
        facts.push(("Only accounts", codes(&found.accounts)));
    }
    if !found.content_filter.is_empty() {
        facts.push(("Condition", html! { code { (found.content_filter) } }));
    }
    facts.push(("Region", html! { (id_of(&found.region)) }));
    if let Some(hold) = health.and_then(|health| health.hold_until_time) {
        facts.push(("Left alone until", times::time(Some(hold), visit.now)));
    }
    if let Some(timeout) = values::span_of(found.request_timeout) {
        facts.push(("Time limit", html! { (values::span_text(timeout)) }));
    }
    facts.push(("Created", times::time(found.create_time, visit.now)));
    facts.push(("Changed", times::time(found.update_time, visit.now)));
    if found.delete_time.is_some() {
        facts.push(("Deleted", times::time(found.delete_time, visit.now)));
    }
    tables::facts(&facts)
}

fn status(visit: &Visit, found: &v1::Subscription) -> Markup {
    let health = found.endpoint_health.as_ref();
    let circuit = health.and_then(|health| badges::circuit(health.circuit_state));
    html! {
        (badges::subscription_status(found.status))
        @if let Some(circuit) = circuit {
            " " (circuit) " since "
            (times::time(health.and_then(|health| health.circuit_open_time), visit.now))
        }
        @if !found.status_reason.is_empty() { span.hint { " " (found.status_reason) } }
    }
}

fn codes(values: &[String]) -> Markup {
    html! {
        ul.codes { @for value in values { li { code { (value) } } } }
    }
}
