//! Settings that few subscriptions need, as a folded part of their form.
//!
//! Fed by `form_page`; feeds it markup. It is open where something in it is wrong.

use maud::{Markup, html};

use super::form_values::{FormValues, TICKED};
use crate::console::components::forms::{self, CheckBox, TextField};
use crate::console::failure::FormErrors;

/// What stands in the section, by which it is known whether something in it is wrong.
const SECTION_FIELDS: [&str; 17] = [
    "accounts",
    "content_filter",
    "headers",
    "region",
    "request_timeout",
    "success_rule",
    "max_requests_per_second",
    "max_in_flight",
    "retry_policy.max_age",
    "retry_policy.max_retry_after",
    "envelope",
    "json_form",
    "ordering",
    "exhausted_key_policy",
    "auto_disable",
    "http1_only",
    "send_trace_context",
];

type AdvancedChoice = (&'static str, &'static str);

const ENVELOPES: [AdvancedChoice; 5] = [
    ("ENVELOPE_NONE", "The payload alone"),
    ("ENVELOPE_STANDARD_WEBHOOKS", "Standard Webhooks: type, timestamp, data"),
    ("ENVELOPE_ID_TYPE_PAYLOAD_DATE", "id, type, payload, date"),
    ("ENVELOPE_CLOUDEVENTS_STRUCTURED", "CloudEvents, all in the body"),
    ("ENVELOPE_CLOUDEVENTS_BINARY", "CloudEvents, attributes in headers"),
];
const JSON_FORMS: [AdvancedChoice; 2] = [
    ("JSON_FORM_AS_PUBLISHED", "As it was published"),
    ("JSON_FORM_COMPACT", "Without whitespace"),
];
const ORDERINGS: [AdvancedChoice; 2] = [
    ("ORDERING_UNORDERED", "As fast as they can be sent"),
    ("ORDERING_PER_KEY", "One after the other for each account or key"),
];
const KEY_POLICIES: [AdvancedChoice; 2] = [
    ("EXHAUSTED_KEY_POLICY_GO_ON", "The next one of its key is sent"),
    ("EXHAUSTED_KEY_POLICY_HOLD", "Its key waits until it succeeds or is released"),
];

/// The section.
pub fn section(values: &FormValues, errors: &FormErrors) -> Markup {
    let form = AdvancedForm { values, errors };
    let is_open = SECTION_FIELDS.iter().any(|name| errors.of_field(name).is_some());
    html! {
        details.part open[is_open] {
            summary { "Advanced settings" }
            (form.which())
            (form.how())
            (form.limits())
            (form.failures())
        }
    }
}

struct AdvancedForm<'f> {
    values: &'f FormValues,
    errors: &'f FormErrors,
}

impl AdvancedForm<'_> {
    fn text(&self, name: &str, label: &str, hint: &str) -> Markup {
        self.rows(name, label, hint, 1)
    }

    fn rows(&self, name: &str, label: &str, hint: &str, rows: u32) -> Markup {
        let value = self.values.text(name);
        let field = TextField { name, label, value, hint, rows, ..TextField::default() };
        forms::text_field(field, self.errors)
    }

    fn select(&self, name: &str, label: &str, hint: &str, among: &[AdvancedChoice]) -> Markup {
        let owned = |(value, words): &AdvancedChoice| ((*value).to_owned(), (*words).to_owned());
        let choices: Vec<(String, String)> = among.iter().map(owned).collect();
        forms::select_field((name, label, hint), &choices, self.values.text(name), self.errors)
    }

    fn tick(&self, name: &str, legend: &str, words: &str) -> Markup {
        let boxes = [CheckBox {
            value: TICKED.to_owned(),
            words: words.to_owned(),
            hint: String::new(),
            is_checked: self.values.is_ticked(name),
        }];
        forms::check_boxes((name, legend), &boxes, self.errors)
    }

    fn which(&self) -> Markup {
        html! {
            (self.rows("accounts", "Only events about these accounts",
                "One in each line. Empty: all.", 3))
            (self.rows("content_filter", "Only events that meet a condition",
                "CEL, as event.payload.amount > 10000. Empty: all.", 2))
        }
    }

    fn how(&self) -> Markup {
        html! {
            (self.rows("headers", "Headers of each request",
                "Name: value, one in each line. Values are never shown again: a name without one \
                 keeps its value.", 3))
            div.fields {
                (self.select("envelope", "Around the payload", "", &ENVELOPES))
                (self.select("json_form", "JSON is written", "", &JSON_FORMS))
                (self.text("region", "Region", "Whose agents send. Empty: default."))
            }
            (self.tick("http1_only", "Protocol", "HTTP/1.1 only"))
            (self.tick("send_trace_context", "Trace", "Send the event's trace context"))
        }
    }

    fn limits(&self) -> Markup {
        html! {
            div.fields {
                (self.text("request_timeout", "Time limit of a request", "500ms to 60s. Empty: 15s."))
                (self.text("max_requests_per_second", "Requests a second at most",
                    "Empty: no limit."))
                (self.text("max_in_flight", "Requests at once at most",
                    "Empty: as the installation has it."))
                (self.select("ordering", "Order", "", &ORDERINGS))
                (self.select("exhausted_key_policy", "If one fails for good", "", &KEY_POLICIES))
            }
        }
    }

    fn failures(&self) -> Markup {
        html! {
            div.fields {
                (self.text("success_rule.status_codes", "What counts as success",
                    "HTTP statuses, as 200 202. Empty: 200 to 299."))
                (self.text("retry_policy.max_age", "Tried for at most",
                    "As 3d. Empty: the timetable and an hour."))
                (self.text("retry_policy.max_retry_after", "Left alone at most",
                    "When the receiver asks for it with Retry-After. Empty: 1h."))
                (self.text("auto_disable.after", "Disabled if it only fails for",
                    "1m to 90d. Empty: 5d."))
            }
            (self.tick("auto_disable.never", "If it only fails", "Never disable it"))
            p.hint {
                "Client certificates, authorities and OAuth are set with the API, and stay as they \
                 are here."
            }
        }
    }
}
