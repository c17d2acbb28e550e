//! A tenant's events, and one of them with its payload and its deliveries.
//!
//! Fed by `route`; feeds it the pages, and the API with events that are sent again.

use maud::{Markup, html};
use postrider_identity::Permission;
use postrider_proto::v1::event::PayloadForm;
use postrider_proto::v1::{self, PayloadRemovalReason};

use crate::console::answers::{Answer, Flash, Page};
use crate::console::components::{attempts, badges, forms, tables, times};
use crate::console::failure::PageFailure;
use crate::console::filters;
use crate::console::pages::choices::SubscriptionChoices;
use crate::console::pages::crumbs;
use crate::console::visit::{Visit, id_of, path};

/// What events are looked for by: the parameter, the field with its operator, words.
const SOUGHT: [(&str, &str, &str); 2] =
    [("event_type", "event_type = ", "Event"), ("account", "account = ", "Account")];
/// Deliveries of an event that its page shows.
const MAX_SHOWN_DELIVERIES: i32 = 100;

pub async fn list(visit: &Visit, tenant: &str) -> Result<Answer, PageFailure> {
    let sought = SOUGHT.map(|(name, field, _)| (field, visit.request.query(name)));
    let request = v1::ListEventsRequest {
        parent: format!("tenants/{tenant}"),
        page_size: visit.console.page_size,
        page_token: tables::page_token(visit),
        filter: filters::all_of(&sought),
        ..v1::ListEventsRequest::default()
    };
    let listed = visit.calls.events().list_events(request).await?.into_inner();
    let rows: Vec<_> = listed.events.iter().map(|event| row(visit, tenant, event)).collect();
    let columns = ["Time", "Event", "Account", "Test", "Deliveries"];
    let body = html! {
        form.search method="get" action=(visit.request.uri.path()) role="search"
            aria-label="Published events" {
            div.fields {
                @for (name, _, words) in SOUGHT {
                    div.field {
                        label for={ "events-" (name) } { (words) }
                        input id={ "events-" (name) } name=(name) value=(visit.request.query(name))
                            autocomplete="off" spellcheck="false";
                    }
                }
            }
            button type="submit" { "Search" }
        }
        (tables::table("Published events", &columns, &rows, "There are no such events."))
        (tables::pager(visit, &listed.next_page_token))
    };
    let page = Page::new("Published events", body);
    Ok(crumbs::in_tenant(visit, page, tenant).into())
}

fn row(visit: &Visit, tenant: &str, event: &v1::Event) -> Vec<Markup> {
    let target = path(&["tenants", tenant, "events", id_of(&event.name)]);
    let summary = event.delivery_summary.unwrap_or_default();
    let counts = [
        (summary.succeeded, "delivered"),
        (summary.exhausted, "failed"),
        (summary.waiting + summary.held + summary.in_flight, "under way"),
        (summary.cancelled + summary.suppressed, "not sent"),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts.map(|(count, words)| format!("{count} {words}")).collect();
    vec![
        html! { a href=(target) { (times::time(event.create_time, visit.now)) } },
        html! { code { (event.event_type) } },
        html! { (event.account) },
        html! { @if event.test { "Yes" } @else { "No" } },
        html! { @if counts.is_empty() { span.none { "None" } } @else { (counts.join(", ")) } },
    ]
}

pub async fn show(visit: &Visit, tenant: &str, id: &str) -> Result<Answer, PageFailure> {
    let name = format!("tenants/{tenant}/events/{id}");
    let view = v1::EventView::Full.into();
    let request = v1::GetEventRequest { name: name.clone(), view };
    let event = visit.calls.events().get_event(request).await?.into_inner();
    let request = v1::ListDeliveriesRequest {
        parent: format!("tenants/{tenant}"),
        page_size: MAX_SHOWN_DELIVERIES,
        filter: filters::all_of(&[("event = ", &name)]),
        ..v1::ListDeliveriesRequest::default()
    };
    let listed = match visit.may_in(Permission::ReadDeliveries, tenant) {
        true => visit.calls.deliveries().list_deliveries(request).await?.into_inner(),
        false => v1::ListDeliveriesResponse::default(),
    };
    let names = SubscriptionChoices::read_names(visit, tenant).await;
    let body = html! {
        @if visit.may_in(Permission::WriteDeliveries, tenant) {
            (forms::action(
                visit,
                &path(&["tenants", tenant, "events", id, "resend"]),
                ("subscription", ""),
                "Resend to all",
            ))
        }
        (facts(visit, &event))
        section { h2 { "Payload" } (payload(visit, &event)) }
        section {
            h2 { "Deliveries" }
            (deliveries_table(visit, tenant, id, &listed.deliveries, &names))
            @if !listed.next_page_token.is_empty() {
                p.hint { "These are the newest " (MAX_SHOWN_DELIVERIES) "." }
            }
        }
    };
    let page = Page::new(event.event_type.clone(), body);
    Ok(crumbs::in_list(visit, page, tenant, ("Published events", "events")).into())
}

fn facts(visit: &Visit, event: &v1::Event) -> Markup {
    let mut facts = vec![
        ("Id", html! { code { (id_of(&event.name)) } }),
        ("Published", times::time(event.create_time, visit.now)),
        ("Test", html! { @if event.test { "Yes" } @else { "No" } }),
        ("Matching subscriptions", html! { (event.matched_subscriptions) }),
        ("Content type", html! { code { (event.content_type) } }),
        ("SHA-256", html! { code { (event.payload_sha256) } }),
        ("Bytes", html! { (event.payload_size) }),
    ];
    let texts = [
        ("Account", &event.account),
        ("Ordering key", &event.ordering_key),
        ("Idempotency key", &event.idempotency_key),
    ];
    let given = texts.into_iter().filter(|(_, text)| !text.is_empty());
    facts.extend(given.map(|(name, text)| (name, html! { code { (text) } })));
    let mut attributes: Vec<_> = event.attributes.iter().collect();
    attributes.sort();
    html! {
        (tables::facts(&facts))
        @if !attributes.is_empty() {
            section {
                h2 { "Attributes" }
                dl.facts {
                    @for (name, value) in attributes { div { dt { (name) } dd { (value) } } }
                }
            }
        }
    }
}

fn payload(visit: &Visit, event: &v1::Event) -> Markup {
    if let Some(removal) = event.payload_removal {
        let why = match removal.reason() {
            PayloadRemovalReason::Expunged => "Somebody removed it",
            PayloadRemovalReason::RetentionEnded => "Its retention is over",
            PayloadRemovalReason::Unspecified => "It was removed",
        };
        return html! {
            p.hint { (why) ", " (times::time(removal.remove_time, visit.now)) "." }
        };
    }
    match &event.payload_form {
        Some(PayloadForm::PayloadJson(text)) => attempts::body("Payload", text, &[]),
        Some(PayloadForm::Payload(bytes)) => {
            // Shown as text where it is one, as a receiver's answer is.
            let text = std::str::from_utf8(bytes).unwrap_or_default();
            attempts::body("Payload", text, bytes)
        }
        None => html! { p.hint { "It is empty." } },
    }
}

fn deliveries_table(
    visit: &Visit,
    tenant: &str,
    event: &str,
    deliveries: &[v1::Delivery],
    names: &SubscriptionChoices,
) -> Markup {
    let may = visit.may_in(Permission::WriteDeliveries, tenant);
    let resend = path(&["tenants", tenant, "events", event, "resend"]);
    let row = |delivery: &v1::Delivery| {
        let (id, subscription) = (id_of(&delivery.name), id_of(&delivery.subscription));
        vec![
            html! {
                a href=(path(&["tenants", tenant, "deliveries", id])) {
                    (times::time(delivery.create_time, visit.now))
                }
            },
            html! {
                a href=(path(&["tenants", tenant, "subscriptions", subscription])) {
                    (names.name_of(subscription))
                }
            },
            badges::delivery_state(delivery.state),
            html! { (delivery.attempt_count) },
            times::time(delivery.next_attempt_time, visit.now),
            html! {
                @if may {
                    (forms::action(visit, &resend, ("subscription", subscription), "Resend"))
                }
            },
        ]
    };
    let rows: Vec<_> = deliveries.iter().map(row).collect();
    let columns = ["Created", "Subscription", "State", "Attempts", "Next attempt", "Actions"];
    tables::table("Deliveries", &columns, &rows, "It has none, or none that you may see.")
}

/// Sends an event again, to one subscription or to all.
pub async fn resend(visit: &Visit, tenant: &str, id: &str) -> Result<Answer, PageFailure> {
    let subscription = match visit.request.form("subscription") {
        "" => String::new(),
        subscription => format!("tenants/{tenant}/subscriptions/{subscription}"),
    };
    let name = format!("tenants/{tenant}/events/{id}");
    let request = v1::ResendEventRequest { name, subscription };
    visit.calls.events().resend_event(request).await?;
    Ok(Answer::See(path(&["tenants", tenant, "events", id]), Some(Flash::Sent)))
}
