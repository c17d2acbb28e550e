//! What became of a window's events: counts that add up, and what was not delivered.
//!
//! Fed by `route` with a window; feeds it the page. Guarantees that so many rows are read and so
//! long is waited at most: a window with more is for the command line.

use std::time::Duration;

use maud::{Markup, html};
use postrider_proto::v1::reconcile_events_response::Part;
use postrider_proto::v1::{self, DeliveryState, ReconcileSummary, ReconciledEvent};

use crate::console::answers::{Answer, Page};
use crate::console::components::forms::{self, TextField};
use crate::console::components::{badges, tables, times};
use crate::console::failure::{FormErrors, PageFailure};
use crate::console::pages::choices::SubscriptionChoices;
use crate::console::pages::crumbs;
use crate::console::values::{time_field, typed_time};
use crate::console::visit::{Visit, id_of, path};

const SUBSCRIPTION_PARAMETER: &str = "subscription";
const START_PARAMETER: &str = "start_time";
const END_PARAMETER: &str = "end_time";
const DEFAULT_WINDOW: Duration = Duration::from_secs(3600);
/// Rows that are read, and of those not delivered the ones that are shown.
const MAX_READ_ROWS: usize = 200_000;
const MAX_SHOWN_ROWS: usize = 200;
/// Nobody waits longer for a page.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// The account of a window, as far as it was read.
#[derive(Default)]
struct WindowAccount {
    summary: Option<ReconcileSummary>,
    undelivered: Vec<ReconciledEvent>,
    undelivered_count: usize,
    row_count: usize,
}

pub async fn show(visit: &Visit, tenant: &str) -> Result<Answer, PageFailure> {
    let mut errors = FormErrors::default();
    let mut time = |name: &str| match visit.request.query(name).trim() {
        "" => None,
        given => typed_time(given).map_err(|problem| errors.add(name, problem)).ok(),
    };
    let (start_time, end_time) = (time(START_PARAMETER), time(END_PARAMETER));
    let chosen = visit.request.query(SUBSCRIPTION_PARAMETER);
    let account = if start_time.is_some() && errors.is_empty() {
        let request = v1::ReconcileEventsRequest {
            parent: format!("tenants/{tenant}"),
            start_time,
            end_time,
            subscription: match chosen {
                "" => String::new(),
                id => format!("tenants/{tenant}/subscriptions/{id}"),
            },
        };
        Some(read(visit, request).await?)
    } else {
        None
    };
    let choices = SubscriptionChoices::read(visit, tenant).await?;
    let body = html! {
        p { "Every event that was published in the window, and what became of it." }
        (window_form(visit, &choices.options(chosen), chosen, &errors))
        @if let Some(account) = &account { (shown(visit, tenant, &choices, account)) }
    };
    let page = crumbs::in_tenant(visit, Page::new("Reconcile a window", body), tenant);
    Ok(if errors.is_empty() { page } else { page.with_errors() }.into())
}

fn window_form(
    visit: &Visit,
    subscriptions: &[(String, String)],
    chosen: &str,
    errors: &FormErrors,
) -> Markup {
    let start = match visit.request.query(START_PARAMETER) {
        "" => time_field(visit.now - DEFAULT_WINDOW),
        given => given.to_owned(),
    };
    let field = |name, label, value| TextField {
        name,
        label,
        value,
        kind: "datetime-local",
        is_required: name == START_PARAMETER,
        ..TextField::default()
    };
    let end = visit.request.query(END_PARAMETER);
    let named = (SUBSCRIPTION_PARAMETER, "Subscription", "");
    html! {
        form.panel method="get" action=(visit.request.uri.path()) {
            div.fields {
                (forms::text_field(field(START_PARAMETER, "From (UTC)", &start), errors))
                (forms::text_field(field(END_PARAMETER, "Before (UTC)", end), errors))
                (forms::select_field(named, subscriptions, chosen, errors))
            }
            button.primary type="submit" { "Reconcile" }
        }
    }
}

/// Reads the account until its summary, or until it is too much.
async fn read(
    visit: &Visit,
    request: v1::ReconcileEventsRequest,
) -> Result<WindowAccount, PageFailure> {
    let mut rows = visit.calls.events().reconcile_events(request).await?.into_inner();
    let mut account = WindowAccount::default();
    let reading = async {
        while account.row_count < MAX_READ_ROWS {
            let Some(part) = rows.message().await? else { break };
            match part.part {
                Some(Part::Row(row)) => account.add(row),
                Some(Part::Summary(summary)) => account.summary = Some(summary),
                None => {}
            }
        }
        Ok::<(), tonic::Status>(())
    };
    match tokio::time::timeout(READ_TIMEOUT, reading).await {
        Ok(read) => read?,
        // What was read until then is shown, and that it is not all.
        Err(_) => account.summary = None,
    }
    Ok(account)
}

impl WindowAccount {
    fn add(&mut self, row: ReconciledEvent) {
        self.row_count += 1;
        if row.subscription.is_empty() || row.state() == DeliveryState::Succeeded {
            return;
        }
        self.undelivered_count += 1;
        if self.undelivered.len() < MAX_SHOWN_ROWS {
            self.undelivered.push(row);
        }
    }
}

fn shown(
    visit: &Visit,
    tenant: &str,
    choices: &SubscriptionChoices,
    account: &WindowAccount,
) -> Markup {
    let cells = |row| cells(visit, tenant, choices, row);
    let rows: Vec<_> = account.undelivered.iter().map(cells).collect();
    let columns = ["Published", "Event", "Subscription", "State", "Deliveries"];
    html! {
        section aria-live="polite" {
            h2 { "The account" }
            @if let Some(summary) = &account.summary {
                (figures(summary))
            } @else {
                p.error role="alert" {
                    "This window is too long for a page: " (account.row_count) " rows were read. \
                     Choose a shorter one, or use the command line (postrider reconcile)."
                }
            }
        }
        section {
            h2 { "Not delivered" }
            (tables::table("Not delivered", &columns, &rows, "Everything was delivered."))
            @if account.undelivered_count > account.undelivered.len() {
                p.hint {
                    "These are the first " (account.undelivered.len()) " of "
                    (account.undelivered_count) "."
                }
            }
        }
    }
}

fn figures(summary: &ReconcileSummary) -> Markup {
    let counts = summary.pair_counts.unwrap_or_default();
    let under_way = counts.held + counts.waiting + counts.in_flight;
    let figures = [
        ("Events", summary.event_count),
        ("For nobody", summary.unmatched_event_count),
        ("Event and subscription", summary.pair_count),
        ("Delivered", i64::from(counts.succeeded)),
        ("Under way", i64::from(under_way)),
        ("Failed", i64::from(counts.exhausted)),
        ("Cancelled", i64::from(counts.cancelled)),
        ("Not sent", i64::from(counts.suppressed)),
    ];
    html! {
        dl.figures { @for (name, count) in figures { div { dt { (name) } dd { (count) } } } }
    }
}

fn cells(
    visit: &Visit,
    tenant: &str,
    choices: &SubscriptionChoices,
    row: &ReconciledEvent,
) -> Vec<Markup> {
    let (event, subscription) = (id_of(&row.event), id_of(&row.subscription));
    vec![
        html! {
            a href=(path(&["tenants", tenant, "events", event])) {
                (times::time(row.create_time, visit.now))
            }
        },
        html! { code { (row.event_type) } },
        html! {
            a href=(path(&["tenants", tenant, "subscriptions", subscription])) {
                (choices.name_of(subscription))
            }
        },
        html! {
            a href=(path(&["tenants", tenant, "deliveries", id_of(&row.delivery)])) {
                (badges::delivery_state(row.state))
            }
        },
        html! { (row.delivery_count) },
    ]
}
