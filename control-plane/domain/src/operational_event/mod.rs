//! Operational events: what Postrider reports about itself.
//!
//! Fed by `flow` with what happened to subscriptions and deliveries, and by the store
//! with expired deliveries; feeds the outbox, from which they are published as ordinary
//! events. Guarantees that an occurrence always has the same id and payload, so that it
//! is reported once however often it is written, and that no payload contains a secret
//! or a URL's path.
//!
//! Keeps the invariant `told-once`.

mod catalogue;

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use url::Url;

pub use self::catalogue::{built_in, built_in_type};

use crate::delivery::{Delivery, EndReason, Outcome};
use crate::event_type_name::is_reserved;
use crate::failure_streak::FailureStreak;
use crate::ids::{DeliveryId, EventId, SubscriptionKey};
use crate::receiver_credentials::{CertificateRole, CertificateSummary};
use crate::signature::{KeyKind, SigningKey};
use crate::subscription::{AutoDisable, Subscription, SubscriptionStatus};
use crate::time::Timestamp;

const SECONDS_PER_DAY: u64 = 86_400;

/// Whether Postrider publishes this event type itself.
pub fn is_built_in(event_type: &str) -> bool {
    OperationalEventType::ALL.iter().any(|known| known.name() == event_type)
}

/// The built-in types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OperationalEventType {
    EndpointFailing,
    EndpointRecovered,
    EndpointDisabled,
    SecretRotated,
    DeliveryExhausted,
    CertificateExpiring,
}

impl OperationalEventType {
    pub const ALL: [Self; 6] = [
        Self::EndpointFailing,
        Self::EndpointRecovered,
        Self::EndpointDisabled,
        Self::SecretRotated,
        Self::DeliveryExhausted,
        Self::CertificateExpiring,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::EndpointFailing => "postrider.endpoint.failing",
            Self::EndpointRecovered => "postrider.endpoint.recovered",
            Self::EndpointDisabled => "postrider.endpoint.disabled",
            Self::SecretRotated => "postrider.secret.rotated",
            Self::DeliveryExhausted => "postrider.delivery.exhausted",
            Self::CertificateExpiring => "postrider.certificate.expiring",
        }
    }
}

/// An operational event that waits to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationalEvent {
    /// The same for the same occurrence; unique within the tenant.
    pub id: String,
    /// The subscription that it is about; its tenant gets the event.
    pub subscription: SubscriptionKey,
    pub event_type: String,
    /// JSON.
    pub payload: String,
}

/// What an operational event shows of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSummary {
    pub subscription: SubscriptionKey,
    /// The host only: the whole URL can be a credential.
    pub host: String,
}

/// Who disabled a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DisabledBy {
    /// A caller, through the API.
    Caller,
    /// Postrider, because of the endpoint's responses.
    System,
}

/// The outcome of an endpoint's last attempt, if known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastAttemptSummary {
    pub outcome: Outcome,
    pub http_status: Option<u16>,
}

/// A delivery that ended EXHAUSTED.
#[derive(Clone, Copy, Debug)]
pub struct ExhaustedDelivery<'a> {
    pub delivery: DeliveryId,
    pub event: EventId,
    pub event_type: &'a str,
    pub attempts: u32,
    pub reason: Option<EndReason>,
}

impl<'a> ExhaustedDelivery<'a> {
    /// The exhausted delivery to report, if this end is to be reported.
    pub fn of(delivery: &'a Delivery, reason: Option<EndReason>) -> Option<Self> {
        let ended = Self {
            delivery: delivery.id,
            event: delivery.event,
            event_type: &delivery.event_type,
            attempts: delivery.attempts,
            reason,
        };
        ended.unless_hidden(delivery.test)
    }

    /// `None` for tests, and for operational events that could not be delivered,
    /// because each would lead to another.
    pub fn unless_hidden(self, test: bool) -> Option<Self> {
        (!test && !is_reserved(self.event_type)).then_some(self)
    }
}

impl EndpointSummary {
    pub fn of(subscription: &Subscription) -> Self {
        let url = Url::parse(&subscription.settings.url).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default().to_owned();
        Self { subscription: subscription.key(), host }
    }

    /// The endpoint has only failed for the part of the time that the streak's stage
    /// says.
    pub fn failing(
        &self,
        streak: FailureStreak,
        rule: AutoDisable,
        last: Option<LastAttemptSummary>,
    ) -> OperationalEvent {
        let last = last.map(
            |last| json!({ "outcome": outcome(last.outcome), "http_status": last.http_status }),
        );
        let id = format!("{}-{}", streak.since.as_micros(), streak.stage.code());
        let details = json!({
            "failing_since": time(streak.since),
            "stage": streak.stage.fraction(),
            "disable_time": streak.ends(rule).map(time),
            "last_attempt": last,
        });
        self.build(OperationalEventType::EndpointFailing, &id, details)
    }

    /// A success ended a streak that was warned about.
    pub fn recovered(&self, since: Timestamp, now: Timestamp) -> OperationalEvent {
        let details = json!({ "failing_since": time(since), "recover_time": time(now) });
        self.build(OperationalEventType::EndpointRecovered, &since.as_micros().to_string(), details)
    }

    /// A delivery ended EXHAUSTED.
    pub fn exhausted(&self, ended: ExhaustedDelivery<'_>) -> OperationalEvent {
        let tenant = &self.subscription.tenant;
        let details = json!({
            "delivery": format!("tenants/{tenant}/deliveries/{}", ended.delivery),
            "event": format!("tenants/{tenant}/events/{}", ended.event),
            "event_type": ended.event_type,
            "attempt_count": ended.attempts,
            "end_reason": ended.reason.map(end_reason),
        });
        self.build(OperationalEventType::DeliveryExhausted, &ended.delivery.to_string(), details)
    }

    /// A certificate of its credentials ends in so long.
    pub fn certificate_expiring(
        &self,
        role: CertificateRole,
        certificate: &CertificateSummary,
        left: Duration,
    ) -> OperationalEvent {
        let days = left.as_secs() / SECONDS_PER_DAY;
        let details = json!({
            "certificate": role,
            "certificate_subject": certificate.subject,
            "sha256_fingerprint": certificate.sha256,
            "expire_time": time(certificate.expire_time),
            "days_left": days,
        });
        let id = format!("{}-{days}", certificate.sha256);
        self.build(OperationalEventType::CertificateExpiring, &id, details)
    }

    fn disabled(&self, after: &Subscription, by: DisabledBy) -> OperationalEvent {
        let details = json!({
            "disable_time": time(after.update_time),
            "by": by,
            "reason": after.status_reason,
        });
        // A subscription is disabled at most once in one revision.
        self.build(OperationalEventType::EndpointDisabled, &after.revision.to_string(), details)
    }

    fn rotated(&self, new: &SigningKey, old: Option<&SigningKey>) -> OperationalEvent {
        let details = json!({
            "rotate_time": time(new.create_time),
            "key_id": new.id,
            "key_kind": kind(new.kind),
            "old_key_id": old.map(|key| &key.id),
            "old_key_expire_time": old.and_then(|key| key.expire_time).map(time),
        });
        self.build(OperationalEventType::SecretRotated, &new.id, details)
    }

    fn build(
        &self,
        event_type: OperationalEventType,
        id: &str,
        details: Value,
    ) -> OperationalEvent {
        let mut payload = json!({
            "subscription": self.subscription.to_string(),
            "host": self.host,
        });
        if let (Value::Object(all), Value::Object(details)) = (&mut payload, details) {
            all.extend(details);
        }
        let name = event_type.name();
        OperationalEvent {
            id: format!("{name}/{}/{id}", self.subscription.subscription),
            subscription: self.subscription.clone(),
            event_type: name.to_owned(),
            payload: payload.to_string(),
        }
    }
}

/// The operational event of a subscription's change, if any.
pub fn of_change(
    before: &Subscription,
    after: &Subscription,
    by: DisabledBy,
) -> Vec<(OperationalEventType, OperationalEvent)> {
    let mut events = Vec::new();
    if after.delete_time.is_some() {
        return events;
    }
    let endpoint = EndpointSummary::of(after);
    if after.status == SubscriptionStatus::Disabled && before.status != SubscriptionStatus::Disabled
    {
        events.push((OperationalEventType::EndpointDisabled, endpoint.disabled(after, by)));
    }
    let known = |id: &str| before.signing_keys.iter().any(|key| key.id == id);
    for new in after.signing_keys.iter().filter(|key| !known(&key.id)) {
        let older = after.signing_keys.iter().rev();
        let old = older.into_iter().find(|key| key.kind == new.kind && key.id != new.id);
        events.push((OperationalEventType::SecretRotated, endpoint.rotated(new, old)));
    }
    events
}

fn time(at: Timestamp) -> String {
    at.to_string()
}

const fn kind(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Standard => "STANDARD",
        KeyKind::Text => "TEXT",
        KeyKind::Ed25519 => "ED25519",
    }
}

const fn end_reason(reason: EndReason) -> &'static str {
    match reason {
        EndReason::AttemptsExhausted => "ATTEMPTS_EXHAUSTED",
        EndReason::Expired => "EXPIRED",
        EndReason::CancelledByCaller => "CANCELLED_BY_CALLER",
        EndReason::SubscriptionDeleted => "SUBSCRIPTION_DELETED",
        EndReason::SubscriptionDisabled => "SUBSCRIPTION_DISABLED",
        EndReason::TenantDeleted => "TENANT_DELETED",
        EndReason::EventGone => "EVENT_GONE",
        EndReason::EventExpunged => "EVENT_EXPUNGED",
    }
}

const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "SUCCEEDED",
        Outcome::HttpStatus => "HTTP_STATUS",
        Outcome::Timeout => "TIMEOUT",
        Outcome::DnsFailed => "DNS_FAILED",
        Outcome::ConnectFailed => "CONNECT_FAILED",
        Outcome::TlsFailed => "TLS_FAILED",
        Outcome::ConnectionClosed => "CONNECTION_CLOSED",
        Outcome::ResponseTooLarge => "RESPONSE_TOO_LARGE",
        Outcome::BlockedAddress => "BLOCKED_ADDRESS",
        Outcome::InvalidRequest => "INVALID_REQUEST",
        Outcome::Unknown => "UNKNOWN",
        Outcome::TokenFailed => "TOKEN_FAILED",
    }
}

#[cfg(test)]
mod tests;
