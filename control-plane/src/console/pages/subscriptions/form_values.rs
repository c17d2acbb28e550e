//! What stands in the form of a subscription, as texts by the names of fields.
//!
//! Fed by requests and by subscriptions; feeds `form_page` with what is shown and
//! `form_reading` with what is read. Names are those of the API's fields, so that what the API
//! says of a field is told there.

use std::collections::{BTreeMap, BTreeSet};

use postrider_proto::v1;
use postrider_proto::v1::retry_policy::Timetable;
use postrider_proto::v1::signature_scheme::Scheme;

use crate::console::request::BrowserRequest;
use crate::console::values::{lines, span_of, span_text};
use crate::console::visit::id_of;

/// What is ticked: types of the catalogue, and "*".
pub const EVENT_TYPES_FIELD: &str = "event_types";
/// Others, one in each line: patterns, and names that the catalogue does not have.
pub const OTHER_TYPES_FIELD: &str = "other_event_types";
/// The choice among the ways to sign; `KEPT_SCHEMES` is none of them.
pub const SIGNING_FIELD: &str = "signing";
pub const KEPT_SCHEMES: &str = "kept";
pub const TIMETABLE_FIELD: &str = "timetable";
/// Of a box that is ticked.
pub const TICKED: &str = "true";

/// All fields of one value.
const TEXT_FIELDS: [&str; 45] = [
    "display_name",
    "url",
    "status",
    OTHER_TYPES_FIELD,
    SIGNING_FIELD,
    "signing_secret",
    "signature_schemes[0].hmac.header",
    "signature_schemes[0].hmac.prefix",
    "signature_schemes[0].hmac.hash",
    "signature_schemes[0].hmac.encoding",
    "signature_schemes[0].hmac.rotation",
    "signature_schemes[0].hmac.timestamp.header",
    "signature_schemes[0].hmac.timestamp.separator",
    "signature_schemes[0].static_secret.header",
    "signature_schemes[0].static_secret.prefix",
    "signature_schemes[0].static_secret.rotation",
    "signature_schemes[0].stripe.header",
    TIMETABLE_FIELD,
    "retry_policy.fixed_delays.delays",
    "retry_policy.linear.initial_delay",
    "retry_policy.linear.increment",
    "retry_policy.linear.max_attempts",
    "retry_policy.exponential.initial_delay",
    "retry_policy.exponential.multiplier_percent",
    "retry_policy.exponential.max_delay",
    "retry_policy.exponential.max_attempts",
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
    "auto_disable.never",
    "http1_only",
    "send_trace_context",
];

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct FormValues {
    texts: BTreeMap<&'static str, String>,
    /// What is ticked, or subscribed to.
    pub event_types: Vec<String>,
}

impl FormValues {
    /// As a form was sent.
    pub fn sent(request: &BrowserRequest) -> Self {
        let value = |name: &'static str| (name, request.form(name).trim().to_owned());
        let texts = TEXT_FIELDS.into_iter().map(value);
        let ticked = request.forms(EVENT_TYPES_FIELD).map(str::to_owned);
        Self { texts: texts.collect(), event_types: ticked.collect() }
    }

    /// Of a subscription that is made.
    pub fn of_new() -> Self {
        let scheme = Some(Scheme::StandardWebhooksV1(v1::StandardWebhooksV1 {}));
        Self::of(&v1::Subscription {
            signature_schemes: vec![v1::SignatureScheme { scheme }],
            ..v1::Subscription::default()
        })
    }

    /// Of a subscription that is changed.
    pub fn of(subscription: &v1::Subscription) -> Self {
        let mut values = Self { event_types: subscription.event_types.clone(), ..Self::default() };
        values.set("display_name", &subscription.display_name);
        values.set("url", &subscription.url);
        let status = match subscription.status() {
            v1::SubscriptionStatus::Paused => "paused",
            v1::SubscriptionStatus::Disabled => "disabled",
            v1::SubscriptionStatus::Enabled | v1::SubscriptionStatus::Unspecified => "enabled",
        };
        values.set("status", status);
        values.set_signing(&subscription.signature_schemes);
        values.set_retries(subscription.retry_policy.as_ref());
        values.set_advanced(subscription);
        values
    }

    /// A value; empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }

    pub fn is_ticked(&self, name: &str) -> bool {
        self.text(name) == TICKED
    }

    /// All types that are asked for: what is ticked, and the others. A form has room for so many
    /// lines that each is looked up, and not compared with all.
    pub fn all_event_types(&self) -> Vec<String> {
        let mut known: BTreeSet<&str> = self.event_types.iter().map(String::as_str).collect();
        let others = lines(self.text(OTHER_TYPES_FIELD)).filter(|&other| known.insert(other));
        let mut all = self.event_types.clone();
        all.extend(others.map(str::to_owned));
        all
    }

    pub fn set(&mut self, name: &'static str, value: &str) {
        self.texts.insert(name, value.to_owned());
    }

    fn set_span(&mut self, name: &'static str, given: Option<prost_types::Duration>) {
        let text = span_of(given).map(span_text).unwrap_or_default();
        self.set(name, &text);
    }

    fn set_count(&mut self, name: &'static str, count: u32) {
        let text = if count == 0 { String::new() } else { count.to_string() };
        self.set(name, &text);
    }

    fn set_signing(&mut self, schemes: &[v1::SignatureScheme]) {
        self.set("signature_schemes[0].hmac.timestamp.separator", ".");
        let given: Vec<_> = schemes.iter().filter_map(|scheme| scheme.scheme.as_ref()).collect();
        let signing = match given.as_slice() {
            [Scheme::StandardWebhooksV1(_)] => "v1",
            [Scheme::StandardWebhooksV1a(_)] => "v1a",
            [Scheme::StandardWebhooksV1(_), Scheme::StandardWebhooksV1a(_)] => "both",
            [Scheme::Stripe(stripe)] => {
                self.set("signature_schemes[0].stripe.header", &stripe.header);
                "stripe"
            }
            [Scheme::Hmac(hmac)] => {
                self.set_hmac(hmac);
                "hmac"
            }
            [Scheme::StaticSecret(secret)] => {
                self.set("signature_schemes[0].static_secret.header", &secret.header);
                self.set("signature_schemes[0].static_secret.prefix", &secret.prefix);
                let rotation = secret.rotation().as_str_name();
                self.set("signature_schemes[0].static_secret.rotation", rotation);
                "static"
            }
            [Scheme::None(_)] => "none",
            _ => KEPT_SCHEMES,
        };
        self.set(SIGNING_FIELD, signing);
    }

    fn set_hmac(&mut self, hmac: &v1::HmacSignature) {
        self.set("signature_schemes[0].hmac.header", &hmac.header);
        self.set("signature_schemes[0].hmac.prefix", &hmac.prefix);
        self.set("signature_schemes[0].hmac.hash", hmac.hash().as_str_name());
        self.set("signature_schemes[0].hmac.encoding", hmac.encoding().as_str_name());
        self.set("signature_schemes[0].hmac.rotation", hmac.rotation().as_str_name());
        if let Some(timestamp) = &hmac.timestamp {
            self.set("signature_schemes[0].hmac.timestamp.header", &timestamp.header);
            let separator = timestamp.separator.as_deref().unwrap_or(".");
            self.set("signature_schemes[0].hmac.timestamp.separator", separator);
        }
    }

    fn set_retries(&mut self, policy: Option<&v1::RetryPolicy>) {
        let policy = policy.cloned().unwrap_or_default();
        let timetable = match &policy.timetable {
            None | Some(Timetable::Standard(_)) => "standard",
            Some(Timetable::FixedDelays(fixed)) => {
                let delays = fixed.delays.iter().filter_map(|delay| span_of(Some(*delay)));
                let delays: Vec<String> = delays.map(span_text).collect();
                self.set("retry_policy.fixed_delays.delays", &delays.join("\n"));
                "fixed"
            }
            Some(Timetable::Linear(linear)) => {
                self.set_span("retry_policy.linear.initial_delay", linear.initial_delay);
                self.set_span("retry_policy.linear.increment", linear.increment);
                self.set_count("retry_policy.linear.max_attempts", linear.max_attempts);
                "linear"
            }
            Some(Timetable::Exponential(growth)) => {
                self.set_span("retry_policy.exponential.initial_delay", growth.initial_delay);
                let percent = growth.multiplier_percent;
                self.set_count("retry_policy.exponential.multiplier_percent", percent);
                self.set_span("retry_policy.exponential.max_delay", growth.max_delay);
                self.set_count("retry_policy.exponential.max_attempts", growth.max_attempts);
                "exponential"
            }
        };
        self.set(TIMETABLE_FIELD, timetable);
        let jitter = policy.jitter_percent.map(|percent| percent.to_string()).unwrap_or_default();
        self.set("retry_policy.jitter_percent", &jitter);
        self.set_span("retry_policy.max_age", policy.max_age);
        self.set_span("retry_policy.max_retry_after", policy.max_retry_after);
    }

    fn set_advanced(&mut self, subscription: &v1::Subscription) {
        self.set("accounts", &subscription.accounts.join("\n"));
        self.set("content_filter", &subscription.content_filter);
        // Values are never given back: a name alone keeps what is stored.
        let headers = subscription.headers.iter().map(|header| format!("{}:", header.name));
        self.set("headers", &headers.collect::<Vec<_>>().join("\n"));
        self.set("region", id_of(&subscription.region));
        self.set_span("request_timeout", subscription.request_timeout);
        let statuses = subscription.success_rule.iter().flat_map(|rule| &rule.status_codes);
        let statuses: Vec<String> = statuses.map(u32::to_string).collect();
        self.set("success_rule.status_codes", &statuses.join(" "));
        self.set_count("max_requests_per_second", subscription.max_requests_per_second);
        self.set_count("max_in_flight", subscription.max_in_flight);
        self.set("envelope", subscription.envelope().as_str_name());
        self.set("json_form", subscription.json_form().as_str_name());
        self.set("ordering", subscription.ordering().as_str_name());
        let policy = subscription.exhausted_key_policy().as_str_name();
        self.set("exhausted_key_policy", policy);
        let disable = subscription.auto_disable.unwrap_or_default();
        self.set_span("auto_disable.after", disable.after);
        self.set_ticked("auto_disable.never", disable.never);
        self.set_ticked("http1_only", subscription.http1_only);
        self.set_ticked("send_trace_context", subscription.send_trace_context);
    }

    fn set_ticked(&mut self, name: &'static str, is_ticked: bool) {
        self.set(name, if is_ticked { TICKED } else { "" });
    }
}
