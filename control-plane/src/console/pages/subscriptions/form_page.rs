//! The form of a subscription: created and changed by the same fields.
//!
//! Fed by `edit`; feeds it markup, with what is wrong at each field.

use maud::{Markup, html};

use super::event_choice::EventChoice;
use super::form_values::{FormValues, OTHER_TYPES_FIELD};
use super::{form_advanced, form_retry, form_signing};
use crate::console::components::forms::{self, TextField};
use crate::console::failure::FormErrors;
use crate::console::visit::Visit;

const STATUSES: [(&str, &str); 3] = [
    ("enabled", "Live: events are sent"),
    ("paused", "Paused: events are kept, and sent later"),
    ("disabled", "Disabled: events are not sent, not even later"),
];
/// Fields that are shown, and where what is wrong with them is told.
const SHOWN_FIELDS: [&str; 26] = [
    "display_name",
    "url",
    "event_types",
    OTHER_TYPES_FIELD,
    "status",
    "signature_schemes",
    "signing_secret",
    "retry_policy.fixed_delays.delays",
    "retry_policy.linear",
    "retry_policy.exponential",
    "retry_policy.jitter_percent",
    "retry_policy.max_age",
    "retry_policy.max_retry_after",
    "accounts",
    "content_filter",
    "headers",
    "region",
    "request_timeout",
    "success_rule.status_codes",
    "max_requests_per_second",
    "max_in_flight",
    "envelope",
    "json_form",
    "ordering",
    "exhausted_key_policy",
    "auto_disable.after",
];

/// What the form is for.
pub struct SubscriptionForm<'f> {
    /// Where it is posted to, and where one goes who does not.
    pub action: String,
    pub back: String,
    /// Of a new one its id, so that sending the form twice makes one subscription; of another
    /// its etag.
    pub hidden: (&'static str, String),
    pub is_new: bool,
    pub may_set_status: bool,
    pub values: &'f FormValues,
    pub errors: &'f FormErrors,
}

/// The form.
pub fn show(visit: &Visit, form: &SubscriptionForm<'_>, events: &EventChoice) -> Markup {
    let SubscriptionForm { values, errors, is_new, .. } = *form;
    let (name, hidden) = &form.hidden;
    let body = html! {
        // The first button is the one that Enter in a field presses.
        button.hidden type="submit" name="do" value="save" tabindex="-1" aria-hidden="true" {}
        (forms::problems(errors, &SHOWN_FIELDS))
        input type="hidden" name=(name) value=(hidden);
        (line(values, errors, ("display_name", "Name", "So that people recognise it."), ""))
        (line(values, errors, ("url", "URL", "Where events are sent: https://…"), "url"))
        (events.fields(values, errors))
        @if form.may_set_status { (status(values, errors)) }
        (form_signing::section(values, errors, is_new))
        (form_retry::section(values, errors))
        (form_advanced::section(values, errors))
        div.buttons {
            button.primary type="submit" name="do" value="save" {
                @if is_new { "Create" } @else { "Save" }
            }
            a.button href=(form.back) { "Cancel" }
        }
    };
    forms::form(visit, &form.action, body)
}

fn line(
    values: &FormValues,
    errors: &FormErrors,
    (name, label, hint): (&str, &str, &str),
    kind: &str,
) -> Markup {
    let is_required = kind == "url";
    let value = values.text(name);
    let field = TextField { name, label, value, hint, is_required, kind, ..TextField::default() };
    forms::text_field(field, errors)
}

fn status(values: &FormValues, errors: &FormErrors) -> Markup {
    let owned = |(value, words): &(&str, &str)| ((*value).to_owned(), (*words).to_owned());
    let choices: Vec<(String, String)> = STATUSES.iter().map(owned).collect();
    forms::select_field(("status", "Status", ""), &choices, values.text("status"), errors)
}
