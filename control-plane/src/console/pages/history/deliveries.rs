//! One delivery: its attempts on a line of time, and one of them with what was sent and answered.
//!
//! Fed by `route`; feeds it the page, and the API with deliveries that are tried now or ended.

use std::time::Duration;

use maud::{Markup, html};
use postrider_identity::Permission;
use postrider_proto::v1::{self, DeliveryEndReason, DeliveryState};

use crate::console::answers::{Answer, Flash, Page};
use crate::console::components::menus::{self, MenuEntry, MenuEntryKind};
use crate::console::components::time_lines::{self, TimeMark};
use crate::console::components::{attempts, badges, charts, tables, times};
use crate::console::failure::PageFailure;
use crate::console::pages::crumbs;
use crate::console::values;
use crate::console::visit::{Visit, id_of, path};

/// As many as a policy may have, and some that people asked for.
const MAX_SHOWN_ATTEMPTS: i32 = 200;
const ATTEMPT_COLUMNS: [&str; 5] = ["Attempt", "Status", "HTTP code", "Began", "Took"];

/// The page; `number` is of the attempt that is shown, the last one if it is none.
pub async fn show(
    visit: &Visit,
    tenant: &str,
    id: &str,
    number: Option<&str>,
) -> Result<Answer, PageFailure> {
    let own = format!("tenants/{tenant}/deliveries/{id}");
    let (mut calls, mut also) = (visit.calls.deliveries(), visit.calls.deliveries());
    let all = v1::ListAttemptsRequest {
        parent: own.clone(),
        page_size: MAX_SHOWN_ATTEMPTS,
        ..v1::ListAttemptsRequest::default()
    };
    let (delivery, listed) = tokio::try_join!(
        calls.get_delivery(v1::GetDeliveryRequest { name: own.clone() }),
        also.list_attempts(all),
    )?;
    let (delivery, listed) = (delivery.into_inner(), listed.into_inner());
    let last = listed.attempts.last().map(|attempt| attempt.number.to_string());
    let shown = match number.map(str::to_owned).or(last) {
        Some(number) => {
            let request = v1::GetAttemptRequest { name: format!("{own}/attempts/{number}") };
            Some(visit.calls.deliveries().get_attempt(request).await?.into_inner())
        }
        None => None,
    };
    let name = crumbs::subscription_name(visit, tenant, id_of(&delivery.subscription)).await;
    let body = html! {
        (menus::buttons(visit, &entries(visit, tenant, &delivery)))
        (facts(visit, tenant, &delivery, &name))
        section {
            h2 { "Attempts" }
            @if listed.attempts.is_empty() {
                p.empty { "None has ended yet." }
            } @else {
                (line(&delivery, &listed.attempts))
                (attempt_table(visit, tenant, id, &listed.attempts, shown.as_ref()))
                @if !listed.next_page_token.is_empty() {
                    p.hint { "These are the first " (MAX_SHOWN_ATTEMPTS) "." }
                }
            }
        }
        @if let Some(attempt) = &shown { (attempt_section(visit, attempt)) }
    };
    let page = Page::new("Delivery", body);
    let page = match id_of(&delivery.subscription) {
        "" => crumbs::in_tenant(visit, page, tenant),
        id => crumbs::in_named_subscription(visit, page, tenant, (id, &name)),
    };
    Ok(page.into())
}

fn entries(visit: &Visit, tenant: &str, delivery: &v1::Delivery) -> Vec<MenuEntry> {
    if !visit.may_in(Permission::WriteDeliveries, tenant) {
        return Vec::new();
    }
    let id = id_of(&delivery.name);
    let entry = |words, action: &str| MenuEntry {
        words,
        target: path(&["tenants", tenant, "deliveries", id, action]),
        kind: MenuEntryKind::Action { etag: String::new() },
    };
    match delivery.state() {
        DeliveryState::Waiting => vec![entry("Try now", "retry"), entry("Cancel", "cancel")],
        DeliveryState::Held | DeliveryState::InFlight => vec![entry("Cancel", "cancel")],
        DeliveryState::Unspecified
        | DeliveryState::Succeeded
        | DeliveryState::Exhausted
        | DeliveryState::Cancelled
        | DeliveryState::Suppressed => vec![entry("Resend", "retry")],
    }
}

fn facts(visit: &Visit, tenant: &str, delivery: &v1::Delivery, name: &str) -> Markup {
    let id = id_of(&delivery.name);
    let (event, subscription) = (id_of(&delivery.event), id_of(&delivery.subscription));
    let mut facts = vec![
        ("State", state(delivery)),
        (
            "Event",
            html! {
                code { (delivery.event_type) } " "
                a href=(path(&["tenants", tenant, "events", event])) { (event) }
            },
        ),
        (
            "Subscription",
            html! {
                a href=(path(&["tenants", tenant, "subscriptions", subscription])) { (name) }
            },
        ),
        ("Id", html! { code { (id) } }),
        ("Test", html! { @if delivery.test { "Yes" } @else { "No" } }),
        ("Attempts", html! { (delivery.attempt_count) }),
        ("Created", times::time(delivery.create_time, visit.now)),
        ("Next attempt", times::time(delivery.next_attempt_time, visit.now)),
        ("Ended", times::time(delivery.end_time, visit.now)),
        ("Expires", times::time(delivery.expire_time, visit.now)),
    ];
    if !delivery.account.is_empty() {
        facts.push(("Account", html! { code { (delivery.account) } }));
    }
    if !delivery.ordering_key.is_empty() {
        facts.push(("In order with", html! { code { (delivery.ordering_key) } }));
    }
    if !delivery.resend_of.is_empty() {
        let earlier = id_of(&delivery.resend_of);
        let target = path(&["tenants", tenant, "deliveries", earlier]);
        facts.push(("Sends again", html! { a href=(target) { (earlier) } }));
    }
    tables::facts(&facts)
}

fn state(delivery: &v1::Delivery) -> Markup {
    let why = match delivery.end_reason() {
        DeliveryEndReason::Unspecified => "",
        DeliveryEndReason::AttemptsExhausted => "The last attempt failed.",
        DeliveryEndReason::Expired => "Its time ran out.",
        DeliveryEndReason::CancelledByCaller => "Somebody cancelled it.",
        DeliveryEndReason::SubscriptionDeleted => "Its subscription was deleted.",
        DeliveryEndReason::SubscriptionDisabled => "Its subscription was disabled.",
        DeliveryEndReason::TenantDeleted => "Its tenant was deleted.",
        DeliveryEndReason::EventGone => "Its event was no longer stored.",
        DeliveryEndReason::EventExpunged => "Its event's payload was removed.",
    };
    html! {
        (badges::delivery_state(delivery.state))
        @if !why.is_empty() { span.hint { " " (why) } }
        @if delivery.filter_failed {
            span.hint { " The subscription's condition failed on it, so that it is sent." }
        }
    }
}

/// The attempts since the delivery was made, and when the next one is due.
fn line(delivery: &v1::Delivery, all: &[v1::Attempt]) -> Markup {
    let begin = delivery.create_time.map(times::timestamp);
    let offset = |time: Option<prost_types::Timestamp>| -> Option<Duration> {
        Some(times::timestamp(time?).since(begin?))
    };
    let mut marks: Vec<TimeMark> = all
        .iter()
        .filter_map(|attempt| {
            let (tone, outcome) = attempts::outcome_words(attempt.outcome);
            let offset = offset(attempt.start_time.or(attempt.create_time))?;
            let words = format!("Attempt {}: {outcome}", attempt.number);
            Some(TimeMark { offset, tone, words })
        })
        .collect();
    if let Some(offset) = offset(delivery.next_attempt_time) {
        let words = "The next attempt is due".to_owned();
        marks.push(TimeMark { offset, tone: badges::Tone::Plain, words });
    }
    time_lines::time_line("Attempts over time; the table below says the same", &marks)
}

/// All of them, each with a link that shows it below.
fn attempt_table(
    visit: &Visit,
    tenant: &str,
    id: &str,
    all: &[v1::Attempt],
    shown: Option<&v1::Attempt>,
) -> Markup {
    let shown = shown.map(|attempt| attempt.number);
    let row = |attempt: &v1::Attempt| {
        let number = attempt.number.to_string();
        let target = path(&["tenants", tenant, "deliveries", id, "attempts", &number]);
        let is_shown = shown == Some(attempt.number);
        let total = attempt.timings.as_ref().and_then(|timings| timings.total);
        vec![
            html! {
                a href={ (target) "#attempt" } aria-current=[is_shown.then_some("true")] {
                    "Attempt " (number)
                }
            },
            attempts::outcome(attempt.outcome),
            attempts::http_status(attempt.http_status),
            times::time(attempt.start_time.or(attempt.create_time), visit.now),
            html! {
                @if let Some(total) = values::span_of(total) {
                    (charts::value_text(total.as_secs_f64() * 1000.0, charts::MILLISECONDS))
                } @else { span.none { "–" } }
            },
        ]
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    tables::table("Attempts", &ATTEMPT_COLUMNS, &rows, "None has ended yet.")
}

fn attempt_section(visit: &Visit, attempt: &v1::Attempt) -> Markup {
    let facts = [
        ("Result", attempts::outcome(attempt.outcome)),
        ("HTTP status", attempts::http_status(attempt.http_status)),
        ("Because", html! { (attempts::trigger_words(attempt.trigger)) }),
        ("Began", times::time(attempt.start_time, visit.now)),
        ("Next attempt", times::time(attempt.next_attempt_time, visit.now)),
        ("Receiver's address", html! { (attempt.remote_address) }),
        ("Protocol", html! { (attempt.http_version) }),
        ("Sent by", html! { (id_of(&attempt.agent)) " in " (id_of(&attempt.region)) }),
    ];
    html! {
        section #attempt {
            h2 { "Attempt " (attempt.number) }
            (tables::facts(&facts))
            (attempts::summary(attempt))
            div.halves {
                section { h3 { "Request as sent" } (attempts::request(attempt)) }
                section { h3 { "Answer" } (attempts::response(attempt)) }
            }
        }
    }
}

/// Tries a delivery now, or sends an ended one again as another one, and shows that.
pub async fn retry(visit: &Visit, tenant: &str, id: &str) -> Result<Answer, PageFailure> {
    let name = format!("tenants/{tenant}/deliveries/{id}");
    let request = v1::RetryDeliveryRequest { name };
    let tried = visit.calls.deliveries().retry_delivery(request).await?.into_inner();
    let delivery = tried.delivery.unwrap_or_default();
    let target = path(&["tenants", tenant, "deliveries", id_of(&delivery.name)]);
    Ok(Answer::See(target, Some(Flash::Sent)))
}

pub async fn cancel(visit: &Visit, tenant: &str, id: &str) -> Result<Answer, PageFailure> {
    let name = format!("tenants/{tenant}/deliveries/{id}");
    let request = v1::CancelDeliveryRequest { name };
    visit.calls.deliveries().cancel_delivery(request).await?;
    let target = path(&["tenants", tenant, "deliveries", id]);
    Ok(Answer::See(target, Some(Flash::Cancelled)))
}
