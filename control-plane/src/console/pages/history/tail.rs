//! Attempts as they happen.
//!
//! Fed by `route`, and by the API's live tail; feeds the page the last attempts and the script
//! every one after them. Without the script the page shows the last ones, and is reloaded.
//! Guarantees that none is left out while the browser asks again: it says after which it goes on;
//! what the API repeats then has a key, by which the script leaves it out.

use std::sync::Arc;

use futures::{Stream, StreamExt as _};
use maud::{Markup, html};
use postrider_domain::time::Timestamp;
use postrider_proto::v1;
use tonic::Status;

use crate::console::answers::{Answer, Page};
use crate::console::components::{attempts, times};
use crate::console::failure::PageFailure;
use crate::console::live::{self, LiveEvent, LiveEventKind};
use crate::console::pages::choices::SubscriptionChoices;
use crate::console::pages::crumbs;
use crate::console::visit::{Visit, id_of, path};

const SUBSCRIPTION_PARAMETER: &str = "subscription";
/// With which a browser says which event was the last.
const LAST_EVENT_ID: &str = "last-event-id";
/// With which the script says the same, where the browser has given up.
const AFTER_PARAMETER: &str = "after";
const SHOWN_ATTEMPTS: i32 = 20;
/// The longest token that is passed on; the API's are shorter.
const MAX_TOKEN_BYTES: usize = 4096;

pub async fn show(visit: &Visit, tenant: &str) -> Result<Answer, PageFailure> {
    let subscription = visit.request.query(SUBSCRIPTION_PARAMETER);
    let parent = match subscription {
        "" => format!("tenants/{tenant}/deliveries/-"),
        id => format!("tenants/{tenant}/subscriptions/{id}"),
    };
    let request = v1::ListAttemptsRequest {
        parent,
        page_size: SHOWN_ATTEMPTS,
        ..v1::ListAttemptsRequest::default()
    };
    let listed = visit.calls.deliveries().list_attempts(request).await?.into_inner();
    let names = SubscriptionChoices::read_names(visit, tenant).await;
    let query = visit.request.query_with("", "");
    let live = format!("{}?{query}", path(&["tenants", tenant, "tail", "live"]));
    let body = html! {
        (live::lost_notice())
        p.hint { "New attempts come by themselves. Without scripts, reload the page." }
        div.scroll role="region" aria-label="Attempts as they happen" tabindex="0" {
            table {
                caption.hidden { "Attempts as they happen" }
                thead {
                    tr {
                        @for column in ["Time", "Event", "Status", "HTTP code", "Subscription"] {
                            th scope="col" { (column) }
                        }
                    }
                }
                tbody data-live=(live) data-live-most="200" {
                    @for attempt in &listed.attempts { (row(tenant, &names, attempt, visit.now)) }
                }
            }
        }
    };
    let page = Page::new("Live tail", body);
    let page = match subscription {
        "" => crumbs::in_tenant(visit, page, tenant),
        id => {
            let name = crumbs::subscription_name(visit, tenant, id).await;
            crumbs::in_named_subscription(visit, page, tenant, (id, &name))
        }
    };
    Ok(page.into())
}

fn row(tenant: &str, names: &SubscriptionChoices, attempt: &v1::Attempt, now: Timestamp) -> Markup {
    let (delivery, number) = (id_of(&attempt.delivery), attempt.number.to_string());
    let target = path(&["tenants", tenant, "deliveries", delivery, "attempts", &number]);
    let subscription = id_of(&attempt.subscription);
    let own = ["tenants", tenant, "subscriptions", subscription];
    html! {
        tr data-key=(attempt.name) {
            td data-label="Time" {
                a href=(target) {
                    (times::time(attempt.start_time.or(attempt.create_time), now))
                }
            }
            td data-label="Event" { code { (attempt.event_type) } }
            td data-label="Status" { (attempts::outcome(attempt.outcome)) }
            td data-label="HTTP code" { (attempts::http_status(attempt.http_status)) }
            td data-label="Subscription" {
                a href=(path(&own)) { (names.name_of(subscription)) }
            }
        }
    }
}

/// Every attempt from now on, or after the one that the browser was shown last.
pub async fn live(visit: &Visit, tenant: &str) -> Result<Answer, PageFailure> {
    let last = visit.request.headers.get(LAST_EVENT_ID);
    let last = last.and_then(|value| value.to_str().ok());
    let last = last.unwrap_or_else(|| visit.request.query(AFTER_PARAMETER));
    // One that is too long is none of the API's.
    let last = Some(last).filter(|token| token.len() <= MAX_TOKEN_BYTES).unwrap_or_default();
    let subscription = match visit.request.query(SUBSCRIPTION_PARAMETER) {
        "" => String::new(),
        id => format!("tenants/{tenant}/subscriptions/{id}"),
    };
    let request = v1::WatchAttemptsRequest {
        parent: format!("tenants/{tenant}"),
        subscription,
        resume_token: last.to_owned(),
        send_progress: true,
    };
    let watched = visit.calls.deliveries().watch_attempts(request).await?.into_inner();
    let names = SubscriptionChoices::read_names(visit, tenant).await;
    live::events(visit, changes(visit, tenant, names, watched))
}

fn changes(
    visit: &Visit,
    tenant: &str,
    names: SubscriptionChoices,
    watched: tonic::Streaming<v1::WatchAttemptsResponse>,
) -> impl Stream<Item = Result<LiveEvent, Status>> + Send + use<> {
    let (tenant, clock) = (tenant.to_owned(), Arc::clone(&visit.console.clock));
    watched.map(move |told| {
        let told = told?;
        let markup = match &told.attempt {
            Some(attempt) => row(&tenant, &names, attempt, clock.now()),
            None => html! {},
        };
        let id = Some(told.resume_token).filter(|token| !token.is_empty());
        Ok(LiveEvent { kind: LiveEventKind::Prepend, id, markup })
    })
}
