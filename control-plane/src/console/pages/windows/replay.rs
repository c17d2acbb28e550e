//! Sends a window's deliveries again.
//!
//! Fed by `route`; feeds the API with the window, and leads to the operation's page.

use std::time::Duration;

use maud::html;
use postrider_identity::Permission;
use postrider_proto::v1::{self, DeliveryState};
use tonic::Code;

use super::progress::{END_PARAMETER, START_PARAMETER};
use crate::console::answers::{Answer, Flash, Page};
use crate::console::components::forms::{self, CheckBox, TextField};
use crate::console::components::times;
use crate::console::failure::{FormErrors, PageFailure};
use crate::console::pages::choices::SubscriptionChoices;
use crate::console::pages::crumbs;
use crate::console::values::{lines, time_field, typed_time};
use crate::console::visit::{Visit, id_of, path};

const SUBSCRIPTION_FIELD: &str = "subscription";
const START_FIELD: &str = "start_time";
const END_FIELD: &str = "end_time";
const STATES_FIELD: &str = "states";
const TYPES_FIELD: &str = "event_types";
const RATE_FIELD: &str = "max_deliveries_per_second";
const DEFAULT_WINDOW: Duration = Duration::from_secs(3600);
/// Ended states, with words, and whether they are ticked at first.
const STATES: [(DeliveryState, &str, bool); 4] = [
    (DeliveryState::Exhausted, "Failed", true),
    (DeliveryState::Suppressed, "Not sent, while it was disabled", true),
    (DeliveryState::Cancelled, "Cancelled", false),
    (DeliveryState::Succeeded, "Delivered", false),
];

pub async fn show(visit: &Visit, tenant: &str) -> Result<Answer, PageFailure> {
    replay_page(visit, tenant, &FormErrors::default()).await
}

async fn replay_page(
    visit: &Visit,
    tenant: &str,
    errors: &FormErrors,
) -> Result<Answer, PageFailure> {
    let is_sent = !visit.request.form(START_FIELD).is_empty() || !errors.is_empty();
    let chosen = match visit.request.form(SUBSCRIPTION_FIELD) {
        "" => visit.request.query(SUBSCRIPTION_FIELD),
        chosen => chosen,
    };
    let subscriptions = SubscriptionChoices::read(visit, tenant).await?.options(chosen);
    visit.require(Permission::WriteDeliveries, tenant)?;
    let start = match is_sent {
        true => visit.request.form(START_FIELD).to_owned(),
        false => time_field(visit.now - DEFAULT_WINDOW),
    };
    let ticked: Vec<&str> = visit.request.forms(STATES_FIELD).collect();
    let boxes = STATES.map(|(state, words, is_ticked)| CheckBox {
        value: state.as_str_name().to_owned(),
        words: words.to_owned(),
        hint: String::new(),
        is_checked: if is_sent { ticked.contains(&state.as_str_name()) } else { is_ticked },
    });
    let text = |name, label, value, hint, kind| TextField {
        name,
        label,
        value,
        hint,
        kind,
        is_required: name == START_FIELD,
        ..TextField::default()
    };
    let (end, rate) = (visit.request.form(END_FIELD), visit.request.form(RATE_FIELD));
    let types = TextField {
        rows: 2,
        ..text(
            TYPES_FIELD,
            "Only events",
            visit.request.form(TYPES_FIELD),
            "One in each line, as payment.*. Empty: all.",
            "",
        )
    };
    let named = (SUBSCRIPTION_FIELD, "Subscription", "");
    let shown = [SUBSCRIPTION_FIELD, START_FIELD, END_FIELD, STATES_FIELD, TYPES_FIELD, RATE_FIELD];
    let fields = html! {
        (forms::problems(errors, &shown))
        (forms::select_field(named, &subscriptions, chosen, errors))
        div.fields {
            (forms::text_field(
                text(START_FIELD, "Created from (UTC)", &start, "", "datetime-local"), errors))
            (forms::text_field(
                text(END_FIELD, "Created before (UTC)", end, "Empty: now.", "datetime-local"),
                errors))
        }
        (forms::check_boxes((STATES_FIELD, "Deliveries that ended"), &boxes, errors))
        (forms::text_field(types, errors))
        (forms::text_field(
            text(RATE_FIELD, "Made in a second at most", rate, "1 to 10000. Empty: 100.", "number"),
            errors))
        button.primary type="submit" { "Replay" }
    };
    let body = html! {
        p { "Each is sent again as a new delivery of the same event, with the same webhook-id." }
        (forms::form(visit, &path(&["tenants", tenant, "replay"]), fields))
    };
    let page = Page::new("Replay a window", body);
    let page = crumbs::in_list(visit, page, tenant, ("Operations", "operations"));
    Ok(if errors.is_empty() { page } else { page.with_errors() }.into())
}

pub async fn start(visit: &Visit, tenant: &str) -> Result<Answer, PageFailure> {
    let mut errors = FormErrors::default();
    let request = read(visit, tenant, &mut errors);
    if !errors.is_empty() {
        return replay_page(visit, tenant, &errors).await;
    }
    let (start, end) = (request.start_time, request.end_time);
    match visit.calls.deliveries().replay_deliveries(request).await {
        Ok(started) => {
            let started = started.into_inner();
            let end = end.map_or(visit.now, times::timestamp);
            let start = start.map_or(visit.now, times::timestamp);
            let target = path(&["tenants", tenant, "operations", id_of(&started.name)]);
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.append_pair(START_PARAMETER, &start.to_string());
            query.append_pair(END_PARAMETER, &end.to_string());
            Ok(Answer::See(format!("{target}?{}", query.finish()), Some(Flash::Started)))
        }
        Err(status) if [Code::InvalidArgument, Code::NotFound].contains(&status.code()) => {
            replay_page(visit, tenant, &FormErrors::of(&status, "")).await
        }
        Err(status) => Err(status.into()),
    }
}

fn read(visit: &Visit, tenant: &str, errors: &mut FormErrors) -> v1::ReplayDeliveriesRequest {
    let text = |name: &str| visit.request.form(name).trim();
    let mut time = |name: &str| match text(name) {
        "" => None,
        given => typed_time(given).map_err(|problem| errors.add(name, problem)).ok(),
    };
    let (start_time, end_time) = (time(START_FIELD), time(END_FIELD));
    let max_deliveries_per_second = match text(RATE_FIELD) {
        "" => 0,
        rate => rate.parse().unwrap_or_else(|_| {
            errors.add(RATE_FIELD, "must be a whole number");
            0
        }),
    };
    let states = visit.request.forms(STATES_FIELD).filter_map(DeliveryState::from_str_name);
    v1::ReplayDeliveriesRequest {
        parent: format!("tenants/{tenant}"),
        subscription: match text(SUBSCRIPTION_FIELD) {
            "" => String::new(),
            id => format!("tenants/{tenant}/subscriptions/{id}"),
        },
        start_time,
        end_time,
        states: states.map(i32::from).collect(),
        event_types: lines(text(TYPES_FIELD)).map(str::to_owned).collect(),
        max_deliveries_per_second,
    }
}
