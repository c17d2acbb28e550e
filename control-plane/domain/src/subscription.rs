//! A subscription: where and how a tenant wants its events.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event_type_name::EventTypePattern;
use crate::ids::{Region, SubscriptionId, SubscriptionKey, TenantId};
use crate::receiver_credentials::ReceiverCredentials;
use crate::retry::RetryPolicy;
use crate::secret::SecretText;
use crate::signature::{SignatureScheme, SigningKey, default_schemes};
use crate::time::{StoppedClock, Timestamp};

/// The region of a subscription that names none.
pub const DEFAULT_REGION: &str = "default";

/// Whether a subscription gets its events (invariant `paused-waits-disabled-suppresses`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionStatus {
    /// Matching events are delivered.
    Enabled,
    /// Matching events wait.
    Paused,
    /// Matching events are recorded as SUPPRESSED; earlier deliveries keep waiting.
    Disabled,
}

/// Which statuses count as success.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuccessRule {
    /// 200 to 299.
    #[default]
    Any2xx,
    /// Only these; at least one.
    Listed(BTreeSet<u16>),
}

/// Most statuses of a rule that an explanation names. An explanation is one line.
const MAX_SHOWN_CODES: usize = 10;

impl SuccessRule {
    pub fn accepts(&self, status: u16) -> bool {
        match self {
            Self::Any2xx => (200..300).contains(&status),
            Self::Listed(codes) => codes.contains(&status),
        }
    }

    /// Why a status does not count as success, for people.
    pub fn why_not(&self, status: u16) -> String {
        let seen = match status {
            300..=399 => format!("the status {status} is a redirection, which is not followed"),
            _ => format!("the status {status} does not count as success"),
        };
        match self {
            Self::Any2xx => format!("{seen}: those from 200 to 299 do"),
            Self::Listed(codes) => {
                let shown: Vec<_> =
                    codes.iter().take(MAX_SHOWN_CODES).map(u16::to_string).collect();
                let more = if codes.len() > MAX_SHOWN_CODES { " and others" } else { "" };
                format!("{seen}: the subscription counts {}{more}", shown.join(", "))
            }
        }
    }
}

/// A subscription as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    pub tenant: TenantId,
    pub id: SubscriptionId,
    pub status: SubscriptionStatus,
    /// Why it has this status, unless a caller gave no reason.
    pub status_reason: String,
    pub settings: SubscriptionConfig,
    /// Oldest first; the last one is the newest.
    pub signing_keys: Vec<SigningKey>,
    /// Time that does not count towards deadlines, because of pauses.
    pub paused_clock: StoppedClock,
    /// Raised by every change; its etag and the version agents know.
    pub revision: i64,
    /// The revision since which its requests have had the same form.
    pub request_revision: i64,
    pub create_time: Timestamp,
    pub update_time: Timestamp,
    pub delete_time: Option<Timestamp>,
}

impl Subscription {
    pub fn key(&self) -> SubscriptionKey {
        SubscriptionKey { tenant: self.tenant.clone(), subscription: self.id.clone() }
    }

    /// Whether a request built from the settings of `revision` would be the same now.
    pub const fn requests_as_at(&self, revision: i64) -> bool {
        self.request_revision <= revision && revision <= self.revision
    }

    /// Leaves out what no longer serves once it is deleted: signing keys, credentials, and
    /// the values of its headers.
    pub fn forget_secrets(&mut self) {
        self.signing_keys.clear();
        self.settings.credentials = ReceiverCredentials::default();
        for header in &mut self.settings.headers {
            header.value = SecretText::default();
        }
    }

    /// Gives it a status at `now`. Deadlines stand still while it is paused and
    /// only then: disabled, what waits goes on to expire (invariant `deadlines-stand-still`).
    pub fn set_status(
        &mut self,
        status: SubscriptionStatus,
        reason: impl Into<String>,
        now: Timestamp,
    ) {
        match status {
            SubscriptionStatus::Paused => self.paused_clock.stop(now),
            SubscriptionStatus::Enabled | SubscriptionStatus::Disabled => {
                self.paused_clock.start(now)
            }
        }
        self.status = status;
        self.status_reason = reason.into();
        self.update_time = now;
    }
}

/// The editable settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionConfig {
    pub display_name: String,
    pub url: String,
    pub event_types: Vec<EventTypePattern>,
    /// Empty: the whole tenant. Otherwise only events about these accounts.
    pub accounts: BTreeSet<String>,
    pub region: Region,
    pub retry: RetryPolicy,
    pub success: SuccessRule,
    /// The whole attempt's deadline, the response's body included.
    pub request_timeout: Duration,
    pub max_requests_per_second: Option<u32>,
    pub max_in_flight: Option<u32>,
    /// Empty: webhooks are not signed. What was stored before there was a choice is
    /// signed as it always was.
    #[serde(default = "default_schemes")]
    pub schemes: Vec<SignatureScheme>,
    #[serde(default)]
    pub envelope: BodyEnvelope,
    /// Sent with every request, in this order.
    #[serde(default)]
    pub headers: Vec<RequestHeader>,
    /// Source of a [`crate::content_filter::ContentFilter`]; empty: no condition.
    #[serde(default)]
    pub content_filter: String,
    #[serde(default)]
    pub ordering: DeliveryOrdering,
    #[serde(default)]
    pub exhausted_key: ExhaustedKeyPolicy,
    #[serde(default)]
    pub auto_disable: AutoDisable,
    #[serde(default)]
    pub json_form: JsonForm,
    /// HTTP/2 is not spoken even where the receiver offers it.
    #[serde(default)]
    pub http1_only: bool,
    /// Requests carry the event's trace.
    #[serde(default)]
    pub send_trace_context: bool,
    /// Whoever writes the settings down writes these down by themselves, encrypted. None
    /// once the subscription is deleted.
    #[serde(skip)]
    pub credentials: ReceiverCredentials,
}

impl SubscriptionConfig {
    /// Whether both lead to the same requests. (History does not say which keys signed,
    /// and an attempt records its HTTP version itself.)
    pub fn requests_like(&self, other: &Self) -> bool {
        self.url == other.url
            && self.headers == other.headers
            && self.schemes == other.schemes
            && self.envelope == other.envelope
            && self.json_form == other.json_form
            && self.send_trace_context == other.send_trace_context
            && self.credentials.requests_like(&other.credentials)
    }
}

impl Default for SubscriptionConfig {
    /// The settings before the caller sets any.
    fn default() -> Self {
        Self {
            display_name: String::new(),
            url: String::new(),
            event_types: Vec::new(),
            accounts: BTreeSet::new(),
            region: Region::from_stored("default"),
            retry: RetryPolicy::default(),
            success: SuccessRule::default(),
            request_timeout: Duration::from_secs(15),
            max_requests_per_second: None,
            max_in_flight: None,
            schemes: default_schemes(),
            envelope: BodyEnvelope::default(),
            headers: Vec::new(),
            content_filter: String::new(),
            ordering: DeliveryOrdering::default(),
            exhausted_key: ExhaustedKeyPolicy::default(),
            auto_disable: AutoDisable::default(),
            json_form: JsonForm::default(),
            http1_only: false,
            send_trace_context: false,
            credentials: ReceiverCredentials::default(),
        }
    }
}

/// In which order deliveries are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryOrdering {
    #[default]
    Unordered,
    /// One key's one after the other, in the order of commits.
    PerKey,
}

/// What happens to an ordering key when one of its deliveries ends EXHAUSTED.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExhaustedKeyPolicy {
    #[default]
    GoOn,
    /// What follows stays HELD until it is released.
    Hold,
}

/// When an endpoint that only fails is disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoDisable {
    /// Time since the first failure of a streak.
    pub after: Duration,
    pub never: bool,
}

impl Default for AutoDisable {
    fn default() -> Self {
        Self { after: Duration::from_secs(5 * 86_400), never: false }
    }
}

/// What surrounds the payload in a request's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyEnvelope {
    #[default]
    None,
    StandardWebhooks,
    IdTypePayloadDate,
    CloudEventsStructured,
    CloudEventsBinary,
}

impl BodyEnvelope {
    /// Whether the payload is embedded in JSON, and so must be JSON itself.
    pub const fn is_json(self) -> bool {
        matches!(
            self,
            Self::StandardWebhooks | Self::IdTypePayloadDate | Self::CloudEventsStructured
        )
    }
}

/// How a payload that is JSON is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JsonForm {
    #[default]
    AsPublished,
    /// Without whitespace outside strings.
    Compact,
}

/// A custom header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestHeader {
    pub name: String,
    /// It can be a credential: whoever writes the settings down writes it down by itself,
    /// encrypted. Empty once the subscription is deleted.
    #[serde(skip)]
    pub value: SecretText,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receiver_credentials::ReceiverAuthorization;

    #[test]
    fn what_is_seen_in_a_request_makes_other_requests() {
        type Change = fn(&mut SubscriptionConfig);
        let seen: [Change; 7] = [
            |s| {
                let (username, password) = ("acme".into(), "hush".into());
                let basic = ReceiverAuthorization::Basic { username, password };
                s.credentials.authorization = Some(basic);
            },
            |s| s.url = "https://elsewhere.example/".into(),
            |s| s.headers.push(RequestHeader { name: "x-team".into(), value: "pay in".into() }),
            |s| s.schemes.clear(),
            |s| s.envelope = BodyEnvelope::StandardWebhooks,
            |s| s.json_form = JsonForm::Compact,
            |s| s.send_trace_context = true,
        ];
        let unseen: [Change; 3] = [
            |s| s.display_name = "Another".into(),
            |s| s.request_timeout = Duration::from_secs(1),
            |s| s.http1_only = true,
        ];
        let alike = |change: &Change| {
            let mut settings = SubscriptionConfig::default();
            change(&mut settings);
            settings.requests_like(&SubscriptionConfig::default())
        };
        assert!(!seen.iter().any(alike) && unseen.iter().all(alike));
    }

    #[test]
    fn deadlines_stand_still_only_while_paused() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let mut subscription = Subscription {
            tenant: "acme".parse().unwrap(),
            id: "erp".parse().unwrap(),
            status: SubscriptionStatus::Enabled,
            status_reason: String::new(),
            settings: SubscriptionConfig::default(),
            signing_keys: Vec::new(),
            paused_clock: StoppedClock::default(),
            revision: 1,
            request_revision: 1,
            create_time: at(0),
            update_time: at(0),
            delete_time: None,
        };
        assert!(subscription.requests_as_at(1));
        assert!(!subscription.requests_as_at(0) && !subscription.requests_as_at(2));
        subscription.set_status(SubscriptionStatus::Disabled, "why", at(10));
        assert_eq!(subscription.paused_clock.running(at(20)), at(20));
        subscription.set_status(SubscriptionStatus::Paused, "", at(20));
        subscription.set_status(SubscriptionStatus::Paused, "again", at(25));
        assert_eq!(subscription.paused_clock.running(at(30)), at(20));
        subscription.set_status(SubscriptionStatus::Enabled, "", at(30));
        assert_eq!(subscription.paused_clock.running(at(40)), at(30));
        assert_eq!((subscription.update_time, subscription.status_reason.as_str()), (at(30), ""));
    }
}
