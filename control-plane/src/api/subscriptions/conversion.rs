//! Turns a subscription with its keys and health into the message that callers read, and
//! writes the fields of a request into a subscription.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use postrider_domain::endpoint_health::BreakerState;
use postrider_domain::event_type_name::EventTypePattern;
use postrider_domain::ids::Region;
use postrider_domain::limits;
use postrider_domain::scheduler::LaneView;
use postrider_domain::signature::{KeyKind, SigningKey};
use postrider_domain::subscription::{
    DEFAULT_REGION, Subscription, SubscriptionConfig, SubscriptionStatus,
};
use postrider_domain::time::Timestamp;
use postrider_proto::v1;
use postrider_proto::webhook_url::WebhookUrl;

use crate::api::rpc::errors::FieldViolations;
use crate::api::subscriptions::{
    custom_headers, delivery_rules, receiver_credentials, request_form, retry_policy,
};
use crate::api::values::etag::etag;
use crate::api::values::masks::UpdateMask;
use crate::api::values::time::{duration, span, timestamp};
use crate::api::values::{names, validate};

/// A receiver that does its work before it answers needs seconds; one that hangs holds its
/// place for as long.
const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// From a handshake and a POST across an ocean to what proxies before receivers permit by
/// default.
const REQUEST_TIMEOUT_RANGE: RangeInclusive<Duration> =
    Duration::from_millis(500)..=Duration::from_secs(60);
/// About what one replica delivers in all when each event is a call of its own.
const MAX_REQUESTS_PER_SECOND: u32 = 10_000;
/// Half of what a subscription may have in memory by default.
const MAX_IN_FLIGHT_ATTEMPTS: u32 = 10_000;

/// Every field that `UpdateSubscription` can change, and whether the message has a value
/// for it.
pub fn fields(given: &v1::Subscription) -> [(&'static str, bool); 21] {
    [
        ("display_name", !given.display_name.is_empty()),
        ("url", !given.url.is_empty()),
        ("event_types", !given.event_types.is_empty()),
        ("accounts", !given.accounts.is_empty()),
        ("region", !given.region.is_empty()),
        ("retry_policy", given.retry_policy.is_some()),
        ("success_rule", given.success_rule.is_some()),
        ("request_timeout", given.request_timeout.is_some()),
        ("max_requests_per_second", given.max_requests_per_second != 0),
        ("max_in_flight", given.max_in_flight != 0),
        ("signature_schemes", !given.signature_schemes.is_empty()),
        ("envelope", given.envelope != 0),
        ("headers", !given.headers.is_empty()),
        ("content_filter", !given.content_filter.is_empty()),
        ("ordering", given.ordering != 0),
        ("exhausted_key_policy", given.exhausted_key_policy != 0),
        ("auto_disable", given.auto_disable.is_some()),
        ("json_form", given.json_form != 0),
        ("http1_only", given.http1_only),
        ("send_trace_context", given.send_trace_context),
        ("credentials", given.credentials.is_some()),
    ]
}

/// Copies the fields in the mask into the settings.
pub fn apply(
    settings: &mut SubscriptionConfig,
    given: &v1::Subscription,
    mask: &UpdateMask,
    allow_insecure_urls: bool,
    violations: &mut FieldViolations,
) {
    if mask.has("display_name") {
        validate::display_name("subscription.display_name", &given.display_name, violations);
        settings.display_name.clone_from(&given.display_name);
    }
    if mask.has("url") {
        let url = WebhookUrl::parse(&given.url, allow_insecure_urls);
        violations.keep("subscription.url", url);
        settings.url.clone_from(&given.url);
    }
    if mask.has("event_types") {
        settings.event_types = event_types(&given.event_types, violations);
    }
    if mask.has("accounts") {
        settings.accounts = accounts(&given.accounts, violations);
    }
    if mask.has("region") {
        settings.region = region(&given.region, violations);
    }
    if mask.has("retry_policy") {
        let policy = given.retry_policy.as_ref();
        settings.retry = retry_policy::policy(policy, "subscription.retry_policy", violations);
    }
    if mask.has("success_rule") {
        let rule = given.success_rule.as_ref();
        settings.success =
            retry_policy::success_rule(rule, "subscription.success_rule", violations);
    }
    if mask.has("request_timeout") {
        settings.request_timeout = request_timeout(given.request_timeout.as_ref(), violations);
    }
    let mut limit = |field: &str, value: u32, most: u32| {
        if value > most {
            violations.add(format!("subscription.{field}"), format!("must be at most {most}"));
        }
        Some(value).filter(|value| *value > 0)
    };
    if mask.has("max_requests_per_second") {
        settings.max_requests_per_second = limit(
            "max_requests_per_second",
            given.max_requests_per_second,
            MAX_REQUESTS_PER_SECOND,
        );
    }
    if mask.has("max_in_flight") {
        settings.max_in_flight =
            limit("max_in_flight", given.max_in_flight, MAX_IN_FLIGHT_ATTEMPTS);
    }
    apply_request(settings, given, mask, allow_insecure_urls, violations);
    apply_delivery(settings, given, mask, violations);
}

/// Copies the fields that say which events are delivered, in which order, and for how long.
fn apply_delivery(
    settings: &mut SubscriptionConfig,
    given: &v1::Subscription,
    mask: &UpdateMask,
    violations: &mut FieldViolations,
) {
    if mask.has("content_filter") {
        settings.content_filter = delivery_rules::content_filter(&given.content_filter, violations);
    }
    if mask.has("ordering") {
        settings.ordering = delivery_rules::ordering(given.ordering, violations);
    }
    if mask.has("exhausted_key_policy") {
        settings.exhausted_key =
            delivery_rules::exhausted_key_policy(given.exhausted_key_policy, violations);
    }
    if mask.has("auto_disable") {
        settings.auto_disable =
            delivery_rules::auto_disable(given.auto_disable.as_ref(), violations);
    }
}

/// Copies the fields that shape the request: schemes, envelope, headers, JSON form, HTTP
/// version, trace context, credentials.
fn apply_request(
    settings: &mut SubscriptionConfig,
    given: &v1::Subscription,
    mask: &UpdateMask,
    allow_insecure_urls: bool,
    violations: &mut FieldViolations,
) {
    if mask.has("signature_schemes") {
        settings.schemes = request_form::schemes(&given.signature_schemes, violations);
    }
    if mask.has("envelope") {
        settings.envelope = request_form::envelope(given.envelope, violations);
    }
    if mask.has("headers") {
        settings.headers = custom_headers::headers(&given.headers, &settings.headers, violations);
    }
    if mask.has("json_form") {
        settings.json_form = request_form::json_form(given.json_form, violations);
    }
    if mask.has("http1_only") {
        settings.http1_only = given.http1_only;
    }
    if mask.has("send_trace_context") {
        settings.send_trace_context = given.send_trace_context;
    }
    if mask.has("credentials") {
        let (given, there) = (given.credentials.as_ref(), &settings.credentials);
        settings.credentials =
            receiver_credentials::credentials(given, there, allow_insecure_urls, violations);
    }
    custom_headers::refuse_overlapping_headers(&settings.schemes, &settings.headers, violations);
    receiver_credentials::refuse_contradictions(settings, violations);
}

fn event_types(given: &[String], violations: &mut FieldViolations) -> Vec<EventTypePattern> {
    let field = "subscription.event_types";
    let most = limits::MAX_EVENT_TYPE_PATTERNS;
    if given.is_empty() || given.len() > most {
        violations.add(field, format!("must hold 1 to {most} event types"));
    }
    let mut patterns = Vec::with_capacity(given.len().min(most));
    for (index, text) in given.iter().take(most).enumerate() {
        let pattern = violations.keep(&format!("{field}[{index}]"), text.parse());
        patterns.extend(pattern.filter(|pattern| !patterns.contains(pattern)));
    }
    patterns
}

fn accounts(given: &[String], violations: &mut FieldViolations) -> BTreeSet<String> {
    let field = "subscription.accounts";
    let most = limits::MAX_SCOPE_ACCOUNTS;
    if given.len() > most {
        violations.add(field, format!("must hold at most {most} accounts"));
    }
    for (index, account) in given.iter().take(most).enumerate() {
        let field = format!("{field}[{index}]");
        if account.is_empty() {
            violations.add(field.as_str(), "must not be empty");
        }
        validate::bytes(&field, account, limits::MAX_ACCOUNT_BYTES, violations);
    }
    given.iter().take(most).cloned().collect()
}

pub fn region(given: &str, violations: &mut FieldViolations) -> Region {
    let default = Region::from_stored(DEFAULT_REGION);
    if given.is_empty() {
        return default;
    }
    violations.keep("subscription.region", names::region(given)).unwrap_or(default)
}

fn request_timeout(
    given: Option<&prost_types::Duration>,
    violations: &mut FieldViolations,
) -> Duration {
    let Some(given) = given else {
        return DEFAULT_REQUEST_TIMEOUT;
    };
    match span(given) {
        Ok(timeout) if REQUEST_TIMEOUT_RANGE.contains(&timeout) => timeout,
        _ => {
            violations.add("subscription.request_timeout", "must be 0.5 s to 60 s");
            DEFAULT_REQUEST_TIMEOUT
        }
    }
}

pub const fn status_from(status: v1::SubscriptionStatus) -> Option<SubscriptionStatus> {
    match status {
        v1::SubscriptionStatus::Unspecified => None,
        v1::SubscriptionStatus::Enabled => Some(SubscriptionStatus::Enabled),
        v1::SubscriptionStatus::Paused => Some(SubscriptionStatus::Paused),
        v1::SubscriptionStatus::Disabled => Some(SubscriptionStatus::Disabled),
    }
}

const fn status(status: SubscriptionStatus) -> v1::SubscriptionStatus {
    match status {
        SubscriptionStatus::Enabled => v1::SubscriptionStatus::Enabled,
        SubscriptionStatus::Paused => v1::SubscriptionStatus::Paused,
        SubscriptionStatus::Disabled => v1::SubscriptionStatus::Disabled,
    }
}

/// Converts a subscription, never with its secrets.
pub fn to_proto(
    subscription: &Subscription,
    lane: Option<LaneView>,
    now: Timestamp,
) -> v1::Subscription {
    let settings = &subscription.settings;
    let keys = subscription.signing_keys.iter().filter(|key| key.in_force(now));
    v1::Subscription {
        name: subscription.key().to_string(),
        display_name: settings.display_name.clone(),
        url: settings.url.clone(),
        event_types: settings.event_types.iter().map(ToString::to_string).collect(),
        accounts: settings.accounts.iter().cloned().collect(),
        status: status(subscription.status).into(),
        status_reason: subscription.status_reason.clone(),
        region: names::of_region(&settings.region),
        retry_policy: Some(retry_policy::policy_to_proto(&settings.retry)),
        success_rule: Some(retry_policy::success_rule_to_proto(&settings.success)),
        request_timeout: Some(duration(settings.request_timeout)),
        max_requests_per_second: settings.max_requests_per_second.unwrap_or_default(),
        max_in_flight: settings.max_in_flight.unwrap_or_default(),
        signing_secret: String::new(),
        signing_keys: keys.map(shown_key).collect(),
        endpoint_health: lane.map(endpoint_health),
        create_time: Some(timestamp(subscription.create_time)),
        update_time: Some(timestamp(subscription.update_time)),
        delete_time: subscription.delete_time.map(timestamp),
        etag: etag(subscription.revision),
        signature_schemes: request_form::schemes_to_proto(&settings.schemes),
        envelope: request_form::envelope_to_proto(settings.envelope).into(),
        headers: custom_headers::headers_to_proto(&settings.headers),
        content_filter: settings.content_filter.clone(),
        ordering: delivery_rules::ordering_to_proto(settings.ordering).into(),
        exhausted_key_policy: delivery_rules::exhausted_key_policy_to_proto(settings.exhausted_key)
            .into(),
        auto_disable: Some(delivery_rules::auto_disable_to_proto(settings.auto_disable)),
        warnings: Vec::new(),
        json_form: request_form::json_form_to_proto(settings.json_form).into(),
        http1_only: settings.http1_only,
        send_trace_context: settings.send_trace_context,
        credentials: receiver_credentials::credentials_to_proto(&settings.credentials),
    }
}

/// Converts a subscription with the secret of its newest key of `kind`, for the only
/// answer that shows it. Of a key pair nothing is shown but what every answer shows.
pub fn with_secret(
    mut shown: v1::Subscription,
    subscription: &Subscription,
    kind: KeyKind,
) -> v1::Subscription {
    let of_kind = |key: &&SigningKey| key.kind == kind;
    let newest = subscription.signing_keys.iter().rev().find(of_kind);
    if let Some(secret) = newest.and_then(SigningKey::shown_secret) {
        shown.signing_secret.clone_from(&secret);
    }
    shown
}

const fn key_kind_to_proto(kind: KeyKind) -> v1::SigningKeyKind {
    match kind {
        KeyKind::Standard => v1::SigningKeyKind::Standard,
        KeyKind::Text => v1::SigningKeyKind::Text,
        KeyKind::Ed25519 => v1::SigningKeyKind::Ed25519,
    }
}

/// Converts a signing key, never with its secret.
pub fn shown_key(key: &SigningKey) -> v1::SigningKey {
    v1::SigningKey {
        id: key.id.clone(),
        create_time: Some(timestamp(key.create_time)),
        expire_time: key.expire_time.map(timestamp),
        kind: key_kind_to_proto(key.kind).into(),
        public_key: key.public_key().unwrap_or_default(),
    }
}

fn endpoint_health(lane: LaneView) -> v1::EndpointHealth {
    let circuit = match lane.breaker {
        BreakerState::Closed => v1::CircuitState::Closed,
        BreakerState::Open => v1::CircuitState::Open,
        BreakerState::HalfOpen => v1::CircuitState::HalfOpen,
    };
    v1::EndpointHealth {
        circuit_state: circuit.into(),
        circuit_open_time: lane.breaker_opened.map(timestamp),
        hold_until_time: lane.held_until.map(timestamp),
        in_flight_window: lane.window,
        in_flight_count: lane.in_flight,
    }
}

#[cfg(test)]
#[path = "conversion_tests.rs"]
mod tests;
