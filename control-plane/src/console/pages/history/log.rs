//! The event log: every attempt of a subscription or of a tenant, with what was answered.
//!
//! Fed by `route`; feeds it the page, one page of attempts at a time.

use maud::{Markup, html};
use postrider_identity::Permission;
use postrider_proto::v1;

use super::attempt_search::AttemptSearch;
use crate::console::answers::{Answer, Page};
use crate::console::components::{attempts, forms, tables, times};
use crate::console::failure::PageFailure;
use crate::console::pages::choices::SubscriptionChoices;
use crate::console::pages::crumbs;
use crate::console::visit::{Visit, id_of, path};

const COLUMNS: [&str; 8] =
    ["Time", "Event", "Status", "HTTP code", "Test event", "Next retry", "Retries", "Answer"];
/// For those who may do something.
const ACTIONS_COLUMN: &str = "Actions";

pub async fn show(
    visit: &Visit,
    tenant: &str,
    subscription: Option<&str>,
) -> Result<Answer, PageFailure> {
    let parent = match subscription {
        Some(id) => format!("tenants/{tenant}/subscriptions/{id}"),
        None => format!("tenants/{tenant}/deliveries/-"),
    };
    let filter = AttemptSearch::read(visit);
    let listed = if filter.errors.is_empty() {
        let request = v1::ListAttemptsRequest {
            parent,
            page_size: visit.console.page_size,
            page_token: tables::page_token(visit),
            filter: filter.text.clone(),
        };
        visit.calls.deliveries().list_attempts(request).await?.into_inner()
    } else {
        v1::ListAttemptsResponse::default()
    };
    let names = match subscription {
        Some(_) => None,
        None => Some(SubscriptionChoices::read_names(visit, tenant).await),
    };
    let rows = listed.attempts.iter().map(|attempt| row(visit, tenant, attempt, names.as_ref()));
    let rows: Vec<_> = rows.collect();
    let empty = match (listed.next_page_token.as_str(), filter.text.as_str()) {
        ("", "") => "Nothing was sent yet.",
        ("", _) => "No attempt is as you look for it.",
        _ => "There are none among these; there may be on the next page.",
    };
    let mut columns = COLUMNS.to_vec();
    if visit.may_in(Permission::WriteDeliveries, tenant) {
        columns.push(ACTIONS_COLUMN);
    }
    let body = html! {
        (filter.form(visit))
        (tables::table("Event log", &columns, &rows, empty))
        (tables::pager(visit, &listed.next_page_token))
    };
    let page = Page::new("Event log", body);
    let page = match subscription {
        Some(id) => {
            let name = crumbs::subscription_name(visit, tenant, id).await;
            crumbs::in_named_subscription(visit, page, tenant, (id, &name))
        }
        None => crumbs::in_tenant(visit, page, tenant),
    };
    Ok(if filter.errors.is_empty() { page } else { page.with_errors() }.into())
}

/// `names`: of the subscriptions, where there may be several.
fn row(
    visit: &Visit,
    tenant: &str,
    attempt: &v1::Attempt,
    names: Option<&SubscriptionChoices>,
) -> Vec<Markup> {
    let delivery = id_of(&attempt.delivery);
    let subscription = id_of(&attempt.subscription);
    let number = attempt.number.to_string();
    let target = path(&["tenants", tenant, "deliveries", delivery, "attempts", &number]);
    vec![
        html! {
            a href=(target) { (times::time(attempt.start_time.or(attempt.create_time), visit.now)) }
        },
        html! {
            code { (attempt.event_type) }
            @if let Some(names) = names {
                br;
                a.hint href=(path(&["tenants", tenant, "subscriptions", subscription])) {
                    (names.name_of(subscription))
                }
            }
        },
        attempts::outcome(attempt.outcome),
        attempts::http_status(attempt.http_status),
        html! { @if attempt.test { "Yes" } @else { "No" } },
        times::time(attempt.next_attempt_time, visit.now),
        html! { (attempt.number.saturating_sub(1)) },
        answer(attempt),
        html! {
            @if visit.may_in(Permission::WriteDeliveries, tenant) {
                (forms::action(
                    visit,
                    &path(&["tenants", tenant, "deliveries", delivery, "retry"]),
                    ("from", "log"),
                    "Resend",
                ))
            }
        },
    ]
}

/// What the receiver answered, folded; or what went wrong.
fn answer(attempt: &v1::Attempt) -> Markup {
    html! {
        @if !attempt.response_body.is_empty() {
            details {
                summary { "Answer" }
                (attempts::body("Answer", &attempt.response_text, &attempt.response_body))
            }
        } @else if !attempt.error.is_empty() {
            span.hint { (attempt.error) }
        } @else {
            span.none { "Empty" }
        }
    }
}
