//! The life of a delivery: what an attempt's result makes of it.
//!
//! Fed by `flow::conclude` with facts from agents, by `flow::reap` with attempts
//! nobody can account for; feeds the store transitions to apply. Guarantees
//! rule 5: a success is a success whoever reports it and however late, and
//! nothing but a success changes what has ended.

mod late;

use std::time::Duration;

use bytes::Bytes;

use crate::ids::{
    AgentId, AttemptKey, DeliveryId, Epoch, EventId, OrderedKey, Region, Shard, SubscriptionKey,
};
use crate::retry::RetryPolicy;
use crate::subscription::SuccessRule;
use crate::time::Timestamp;

pub use late::{Known, Late, LateRecord, late};

/// Attempts nobody could account for that one delivery is allowed before they
/// count as failures: a payload that kills agents must not be sent for ever.
pub const FREE_UNKNOWN_ATTEMPTS: u32 = 5;

/// What is left of a delivery's time when its receiver asks for more of it: enough for
/// the look that finds it due, and for its last attempt to begin.
const LAST_ATTEMPT: Duration = Duration::from_secs(5);

/// Gives an enum the small number under which the store keeps it.
macro_rules! coded {
    ($(#[$doc:meta])* $type:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type { $($(#[$vdoc])* $variant,)* }

        impl $type {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Part of the storage format: never changed, never used again.
            pub const fn code(self) -> i16 {
                match self { $(Self::$variant => $code,)* }
            }

            pub const fn from_code(code: i16) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

pub(crate) use coded;

coded!(
    /// Where a delivery stands.
    DeliveryState {
        /// Behind an unfinished delivery of its ordering key.
        Held = 1,
        /// Until its next attempt is due.
        Waiting = 2,
        /// Leased to its shard's owner; an attempt may have been made.
        InFlight = 3,
        Succeeded = 4,
        /// Its policy, or its time, ran out.
        Exhausted = 5,
        Cancelled = 6,
        /// Matched while the subscription was disabled.
        Suppressed = 7,
    }
);

impl DeliveryState {
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Exhausted | Self::Cancelled | Self::Suppressed)
    }
}

coded!(
    /// Why a delivery ended without success.
    EndReason {
        AttemptsExhausted = 1,
        /// Its deadline passed.
        Expired = 2,
        CancelledByCaller = 3,
        SubscriptionDeleted = 4,
        SubscriptionDisabled = 5,
        TenantDeleted = 6,
        /// What it delivers is no longer kept.
        EventGone = 7,
    }
);

coded!(
    /// What caused an attempt.
    Trigger {
        Publish = 1,
        Retry = 2,
        Manual = 3,
        Test = 4,
        Replay = 5,
    }
);

coded!(
    /// What came of an attempt.
    Outcome {
        Succeeded = 1,
        /// Answered, with a status that the success rule does not accept.
        HttpStatus = 2,
        Timeout = 3,
        DnsFailed = 4,
        ConnectFailed = 5,
        TlsFailed = 6,
        ConnectionClosed = 7,
        ResponseTooLarge = 8,
        BlockedAddress = 9,
        InvalidRequest = 10,
        /// It may have been sent; nobody is left who knows.
        Unknown = 11,
    }
);

/// A delivery as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub id: DeliveryId,
    pub subscription: SubscriptionKey,
    pub event: EventId,
    pub event_type: String,
    /// The event's.
    pub account: Option<String>,
    pub shard: Shard,
    /// Of the owner that leased it last; meaningful while IN_FLIGHT.
    pub epoch: Epoch,
    pub state: DeliveryState,
    pub end_reason: Option<EndReason>,
    /// The number of the last attempt that was begun, or may have been.
    pub attempts: u32,
    /// Failures that the retry policy has counted.
    pub failures: u32,
    /// What the last attempt was, or the next one will be, caused by.
    pub trigger: Trigger,
    /// When the next attempt is due; meaningful while WAITING.
    pub due: Timestamp,
    /// On the subscription's running clock (see [`crate::time::StoppedClock`]).
    pub deadline: Timestamp,
    pub end_time: Option<Timestamp>,
    pub ordering_key: Option<String>,
    pub sequence: Option<i64>,
    pub test: bool,
    pub resend_of: Option<DeliveryId>,
    /// Whether the subscription's content filter failed on the event.
    pub filter_failed: bool,
}

impl Delivery {
    pub fn create_time(&self) -> Timestamp {
        self.id.time()
    }

    pub const fn standing(&self) -> Standing {
        Standing { state: self.state, end_reason: self.end_reason }
    }

    pub fn current_attempt(&self) -> AttemptKey {
        AttemptKey { delivery: self.id, number: self.attempts }
    }

    /// The key that it is ordered by.
    pub fn ordered_key(&self) -> Option<OrderedKey> {
        let key = self.ordering_key.clone()?;
        Some(OrderedKey { subscription: self.subscription.clone(), key })
    }

    /// What history is to hold, unless it has something, of the attempt that is
    /// IN_FLIGHT when the delivery is ended by something else: it may have been sent,
    /// and in an ended row nobody would find it once its owner and its agent are lost.
    /// It began when it was due, or later.
    pub fn left_under_way(&self, error: &str, now: Timestamp) -> Option<AttemptRecord> {
        let flies = self.state == DeliveryState::InFlight;
        flies.then(|| AttemptRecord::unknown(self, error, self.due.min(now)))
    }

    /// As it is left under way by a cancellation.
    pub fn cancelled_under_way(&self, now: Timestamp) -> Option<AttemptRecord> {
        self.left_under_way("cancelled while it may have been under way", now)
    }
}

/// One attempt as history shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRecord {
    pub key: AttemptKey,
    pub subscription: SubscriptionKey,
    pub event: EventId,
    pub event_type: String,
    pub outcome: Outcome,
    pub http_status: Option<u16>,
    pub start_time: Timestamp,
    pub timings: Timings,
    pub response_headers: Vec<(String, Bytes)>,
    pub response_body: Bytes,
    pub response_body_bytes: u64,
    pub response_body_truncated: bool,
    pub error: String,
    pub agent: AgentId,
    pub region: Region,
    pub remote_address: String,
    pub http_version: String,
    pub trigger: Trigger,
    pub test: bool,
    /// When the next attempt is due, if this one made one due.
    pub next_attempt_time: Option<Timestamp>,
    /// The subscription's revision whose settings the request was made with, as far as
    /// the agent has said.
    pub settings_revision: Option<i64>,
}

impl AttemptRecord {
    /// Judges a response that was received by its status; of a failure it says why.
    pub fn judge(&mut self, rule: &SuccessRule) {
        let status = self.http_status.unwrap_or(0);
        if rule.accepts(status) {
            self.outcome = Outcome::Succeeded;
            return;
        }
        self.outcome = Outcome::HttpStatus;
        let why = rule.why_not(status);
        self.error = if self.error.is_empty() { why } else { format!("{why}; {}", self.error) };
    }

    /// The current attempt of a delivery as one of which nobody can say how it ended.
    pub fn unknown(delivery: &Delivery, error: &str, now: Timestamp) -> Self {
        Self {
            key: delivery.current_attempt(),
            subscription: delivery.subscription.clone(),
            event: delivery.event,
            event_type: delivery.event_type.clone(),
            outcome: Outcome::Unknown,
            http_status: None,
            start_time: delivery.id.no_earlier(now),
            timings: Timings::default(),
            response_headers: Vec::new(),
            response_body: Bytes::new(),
            response_body_bytes: 0,
            response_body_truncated: false,
            error: error.to_owned(),
            agent: AgentId("".into()),
            region: Region::from_stored(""),
            remote_address: String::new(),
            http_version: String::new(),
            trigger: delivery.trigger,
            test: delivery.test,
            next_attempt_time: None,
            settings_revision: None,
        }
    }
}

/// Where an attempt's time went; `None` for a step that did not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    pub dns: Option<Duration>,
    pub connect: Option<Duration>,
    pub tls: Option<Duration>,
    pub first_byte: Option<Duration>,
    pub total: Duration,
}

/// What a result makes of the delivery whose current attempt it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    End { state: DeliveryState, reason: Option<EndReason> },
    Retry { due: Timestamp, failures: u32 },
}

/// Where a delivery stands, and why when it ended without success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub state: DeliveryState,
    pub end_reason: Option<EndReason>,
}

impl Standing {
    pub const SUCCEEDED: Self = Self { state: DeliveryState::Succeeded, end_reason: None };
}

impl Transition {
    /// Where the delivery stands after it.
    pub const fn standing(self) -> Standing {
        match self {
            Self::End { state, reason } => Standing { state, end_reason: reason },
            Self::Retry { .. } => Standing { state: DeliveryState::Waiting, end_reason: None },
        }
    }
}

/// The moment of a decision.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub now: Timestamp,
    /// The same moment on the delivery's running clock.
    pub running: Timestamp,
    /// Uniform in 0..1, for jitter.
    pub random: f64,
}

/// How long a receiver asked to be left alone, as far as it is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantedWait {
    pub span: Duration,
    /// Whether he spoke for his whole endpoint: then the subscription is held, and the
    /// wait is no time that counts towards a deadline.
    pub holds: bool,
}

/// What the result of a delivery's current attempt makes of it.
///
/// No delivery ends because of a wait that its receiver asked for: whether there is
/// time for another attempt is asked of the timetable alone.
pub fn conclude(
    delivery: &Delivery,
    outcome: Outcome,
    wait: Option<GrantedWait>,
    policy: &RetryPolicy,
    moment: Moment,
) -> Transition {
    if outcome == Outcome::Succeeded {
        return Transition::End { state: DeliveryState::Succeeded, reason: None };
    }
    let unknown_before = delivery.attempts.saturating_sub(delivery.failures + 1);
    if outcome == Outcome::Unknown && unknown_before < FREE_UNKNOWN_ATTEMPTS {
        return again_unless_expired(delivery, delivery.failures, Duration::ZERO, None, moment);
    }
    let failures = delivery.failures + 1;
    match policy.next_delay(failures, moment.random) {
        None => exhausted(EndReason::AttemptsExhausted),
        Some(delay) => again_unless_expired(delivery, failures, delay, wait, moment),
    }
}

fn again_unless_expired(
    delivery: &Delivery,
    failures: u32,
    delay: Duration,
    wait: Option<GrantedWait>,
    at: Moment,
) -> Transition {
    if at.running + delay > delivery.deadline {
        // A test without retries is given no time for a second attempt.
        return exhausted(match delivery.test {
            true => EndReason::AttemptsExhausted,
            false => EndReason::Expired,
        });
    }
    let wait = match wait {
        None => Duration::ZERO,
        Some(GrantedWait { span, holds: true }) => span,
        // Its time runs on, and the last of it is for one more attempt.
        Some(GrantedWait { span, holds: false }) => {
            span.min(delivery.deadline.since(at.running).saturating_sub(LAST_ATTEMPT))
        }
    };
    Transition::Retry { due: at.now + delay.max(wait), failures }
}

const fn exhausted(reason: EndReason) -> Transition {
    Transition::End { state: DeliveryState::Exhausted, reason: Some(reason) }
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
pub(crate) mod tests;
