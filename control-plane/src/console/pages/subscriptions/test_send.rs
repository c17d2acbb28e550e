//! A test: a type is chosen, and its attempt is seen at once.
//!
//! Fed by `route`; feeds the API with the test and shows what came of it, with the form for
//! another one. A receiver that fails is no failure of the page.

use maud::{Markup, html};
use postrider_identity::Permission;
use postrider_proto::v1;
use postrider_proto::v1::test_subscription_request::PayloadForm;
use tonic::Code;

use super::actions;
use super::event_choice::EventChoice;
use crate::console::answers::{Answer, Page};
use crate::console::components::forms::{self, CheckBox, TextField};
use crate::console::components::{attempts, tables, times};
use crate::console::failure::{FormErrors, PageFailure};
use crate::console::pages::crumbs;
use crate::console::visit::{Visit, id_of, path};

const TYPE_FIELD: &str = "event_type";
const PAYLOAD_FIELD: &str = "payload_json";
const RETRY_FIELD: &str = "retry";

pub async fn show(visit: &Visit, tenant: &str, id: &str) -> Result<Answer, PageFailure> {
    test_page(visit, tenant, id, &FormErrors::default(), None).await
}

pub async fn send(visit: &Visit, tenant: &str, id: &str) -> Result<Answer, PageFailure> {
    let payload = visit.request.form(PAYLOAD_FIELD).trim();
    let request = v1::TestSubscriptionRequest {
        name: format!("tenants/{tenant}/subscriptions/{id}"),
        event_type: visit.request.form(TYPE_FIELD).trim().to_owned(),
        payload_form: (!payload.is_empty()).then(|| PayloadForm::PayloadJson(payload.to_owned())),
        retry: !visit.request.form(RETRY_FIELD).is_empty(),
    };
    match visit.calls.subscriptions().test_subscription(request).await {
        Ok(sent) => {
            let result = result(visit, tenant, &sent.into_inner());
            test_page(visit, tenant, id, &FormErrors::default(), Some(result)).await
        }
        Err(status) => {
            let is_told = [Code::InvalidArgument, Code::Unavailable, Code::DeadlineExceeded];
            if !is_told.contains(&status.code()) {
                return Err(status.into());
            }
            test_page(visit, tenant, id, &FormErrors::of(&status, ""), None).await
        }
    }
}

async fn test_page(
    visit: &Visit,
    tenant: &str,
    id: &str,
    errors: &FormErrors,
    result: Option<Markup>,
) -> Result<Answer, PageFailure> {
    let found = actions::find(visit, tenant, id).await?;
    visit.require(Permission::TestSubscriptions, tenant)?;
    let events = EventChoice::read(visit).await?;
    let target = path(&["tenants", tenant, "subscriptions", id, "test"]);
    let body = html! {
        @if let Some(result) = &result { (result) }
        p { "A sample goes to " code.url { (found.url) } " at once, signed as every webhook is." }
        (forms::form(visit, &target, fields(visit, &found, &events, errors)))
    };
    let page = Page::new(format!("Test {}", actions::name_of(&found)), body);
    let page = crumbs::in_subscription(visit, page, tenant, &found);
    Ok(if errors.is_empty() { page } else { page.with_errors() }.into())
}

fn fields(
    visit: &Visit,
    found: &v1::Subscription,
    events: &EventChoice,
    errors: &FormErrors,
) -> Markup {
    let chosen = match visit.request.form(TYPE_FIELD) {
        "" => found.event_types.iter().find(|name| !name.ends_with('*')).map_or("", String::as_str),
        chosen => chosen,
    };
    let mut types: Vec<(String, String)> = events
        .names()
        .map(|(name, description)| (name.to_owned(), described(name, description)))
        .collect();
    // What is subscribed to without being in the catalogue, and what was typed.
    for name in found.event_types.iter().map(String::as_str).chain([chosen]) {
        let is_there = types.iter().any(|(known, _)| known == name);
        if !is_there && !name.ends_with('*') && !name.is_empty() {
            types.push((name.to_owned(), name.to_owned()));
        }
    }
    let payload = TextField {
        name: PAYLOAD_FIELD,
        label: "A payload of your own",
        value: visit.request.form(PAYLOAD_FIELD),
        hint: "JSON. Empty: the sample of the catalogue.",
        rows: 6,
        ..TextField::default()
    };
    let retry = [CheckBox {
        value: "true".to_owned(),
        words: "Try a failure again, as the subscription does".to_owned(),
        hint: String::new(),
        is_checked: !visit.request.form(RETRY_FIELD).is_empty(),
    }];
    let event_type = TextField {
        name: TYPE_FIELD,
        label: "Event",
        value: chosen,
        hint: "The catalogue is empty: type one, as payment.completed.",
        is_required: true,
        ..TextField::default()
    };
    let is_open = !visit.request.form(PAYLOAD_FIELD).is_empty();
    html! {
        (forms::problems(errors, &[TYPE_FIELD, PAYLOAD_FIELD]))
        @if types.is_empty() {
            (forms::text_field(event_type, errors))
        } @else {
            (forms::select_field((TYPE_FIELD, "Event", ""), &types, chosen, errors))
        }
        details open[is_open] {
            summary { "More" }
            (forms::text_field(payload, errors))
            (forms::check_boxes((RETRY_FIELD, "Retries"), &retry, errors))
        }
        button.primary type="submit" { "Send the test" }
    }
}

fn described(name: &str, description: &str) -> String {
    if description.is_empty() { name.to_owned() } else { format!("{name}: {description}") }
}

/// What came of a test.
fn result(visit: &Visit, tenant: &str, sent: &v1::TestSubscriptionResponse) -> Markup {
    // The test itself took a while.
    let now = visit.console.clock.now();
    let attempt = sent.attempt.clone().unwrap_or_default();
    let delivery = sent.delivery.clone().unwrap_or_default();
    let facts = [
        ("Result", attempts::outcome(attempt.outcome)),
        ("HTTP status", attempts::http_status(attempt.http_status)),
        ("Event", html! { code { (attempt.event_type) } }),
        ("Began", times::time(attempt.start_time, now)),
        ("Next attempt", times::time(attempt.next_attempt_time, now)),
    ];
    html! {
        section.result role="status" {
            h2 { "The test's attempt" }
            (tables::facts(&facts))
            (attempts::summary(&attempt))
            h3 { "Answer" }
            (attempts::response(&attempt))
            @if visit.may_in(Permission::ReadDeliveries, tenant) {
                p {
                    a href=(path(&["tenants", tenant, "deliveries", id_of(&delivery.name)])) {
                        "The delivery, with the request as it was sent"
                    }
                }
            }
        }
    }
}
