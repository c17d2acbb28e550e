//! The states of a delivery, and how an attempt's result changes them.
//!
//! Fed by `flow::conclude` with facts from agents, and by `flow::recovery` with
//! attempts whose outcome is unknown; feeds the store transitions. Guarantees
//! any-success-counts: a success counts whoever reports it and however late, and only a
//! success changes an ended delivery.
//!
//! Keeps the invariants `any-success-counts` and `every-delivery-ends`.

mod judgement;
mod late;

use std::time::Duration;

use bytes::Bytes;

use crate::ids::{
    AgentId, AttemptKey, DeliveryId, Epoch, EventId, OrderedKey, Region, Shard, SubscriptionKey,
};
use crate::retry::RetryPolicy;
use crate::time::Timestamp;

pub use judgement::ReportedResponse;
pub use late::{KnownAttempt, LateRecord, LateResult, late};

/// Attempts with an unknown outcome that a delivery may have before further ones count as
/// failures, because a payload that kills agents must not be sent for ever. Crashes of
/// agent and replica in a row make two or three (decision 0004).
pub const FREE_UNKNOWN_ATTEMPTS: u32 = 5;

/// The part of a delivery's time that is kept when its receiver asks for a wait: enough
/// to find it due and to begin its last attempt.
const LAST_ATTEMPT_MARGIN: Duration = Duration::from_secs(5);

/// Defines an enum whose variants have the small numbers under which the store keeps
/// them.
macro_rules! coded {
    ($(#[$doc:meta])* $type:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type { $($(#[$vdoc])* $variant,)* }

        impl $type {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Part of the storage format: never changed or reused.
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
    /// A delivery's state.
    DeliveryState {
        /// Waits for an earlier delivery of its ordering key.
        Held = 1,
        /// Waits until its next attempt is due.
        Waiting = 2,
        /// Leased to its shard's owner; an attempt may have been made.
        InFlight = 3,
        Succeeded = 4,
        /// Its retry policy or its time ran out.
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
        /// Its event is no longer stored.
        EventGone = 7,
        /// Its event's payload was expunged.
        EventExpunged = 8,
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
    /// The outcome of an attempt.
    Outcome {
        Succeeded = 1,
        /// A response whose status the success rule does not accept.
        HttpStatus = 2,
        Timeout = 3,
        DnsFailed = 4,
        ConnectFailed = 5,
        TlsFailed = 6,
        ConnectionClosed = 7,
        ResponseTooLarge = 8,
        BlockedAddress = 9,
        InvalidRequest = 10,
        /// It may have been sent; its outcome cannot be known any more.
        Unknown = 11,
        /// No access token could be had; nothing was sent.
        TokenFailed = 12,
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
    /// Whose work it is; 0 once it has ended, when it is nobody's.
    pub shard: Shard,
    /// The epoch of the owner that leased it last; valid while IN_FLIGHT, 0 once it has ended.
    pub epoch: Epoch,
    pub state: DeliveryState,
    pub end_reason: Option<EndReason>,
    /// The number of the last attempt that was begun, or may have been.
    pub attempts: u32,
    /// Failures that the retry policy has counted.
    pub failures: u32,
    /// The trigger of the last attempt or, before the first, of the next one.
    pub trigger: Trigger,
    /// When the next attempt is due; valid while WAITING.
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

    pub const fn standing(&self) -> DeliveryStatus {
        DeliveryStatus { state: self.state, end_reason: self.end_reason }
    }

    pub fn current_attempt(&self) -> AttemptKey {
        AttemptKey { delivery: self.id, number: self.attempts }
    }

    /// Its ordering key, if it has one.
    pub fn ordered_key(&self) -> Option<OrderedKey> {
        let key = self.ordering_key.clone()?;
        Some(OrderedKey { subscription: self.subscription.clone(), key })
    }

    /// The record of the attempt that is IN_FLIGHT when something else ends the
    /// delivery. It may have been sent, and nobody looks for lost attempts in ended
    /// rows. It began when it was due or later. History keeps any record it has
    /// already.
    pub fn left_under_way(&self, error: &str, now: Timestamp) -> Option<AttemptRecord> {
        let flies = self.state == DeliveryState::InFlight;
        flies.then(|| AttemptRecord::unknown(self, error, self.due.min(now)))
    }

    /// The same for a cancellation.
    pub fn cancelled_under_way(&self, now: Timestamp) -> Option<AttemptRecord> {
        self.left_under_way("cancelled while it may have been under way", now)
    }
}

/// One attempt, as history shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRecord {
    pub key: AttemptKey,
    pub subscription: SubscriptionKey,
    pub event: EventId,
    pub event_type: String,
    pub outcome: Outcome,
    pub http_status: Option<u16>,
    pub start_time: Timestamp,
    pub timings: StepTimings,
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
    /// When the next attempt is due, if this one led to another.
    pub next_attempt_time: Option<Timestamp>,
    /// The revision of the subscription that the request was built from, if the agent
    /// reported it.
    pub settings_revision: Option<i64>,
}

impl AttemptRecord {
    /// The same without what the receiver answered, but for its size.
    pub fn without_response(&self) -> Self {
        Self { response_headers: Vec::new(), response_body: Bytes::new(), ..self.clone() }
    }

    /// A record of the delivery's current attempt, with an unknown outcome.
    pub fn unknown(delivery: &Delivery, error: &str, now: Timestamp) -> Self {
        Self {
            key: delivery.current_attempt(),
            subscription: delivery.subscription.clone(),
            event: delivery.event,
            event_type: delivery.event_type.clone(),
            outcome: Outcome::Unknown,
            http_status: None,
            start_time: delivery.id.no_earlier(now),
            timings: StepTimings::default(),
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

/// The time that each step of an attempt took; `None` if it did not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepTimings {
    pub dns: Option<Duration>,
    pub connect: Option<Duration>,
    pub tls: Option<Duration>,
    pub first_byte: Option<Duration>,
    pub total: Duration,
}

/// What the result of a delivery's current attempt does to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryTransition {
    End { state: DeliveryState, reason: Option<EndReason> },
    Retry { due: Timestamp, failures: u32 },
}

/// A delivery's state, and why it ended without success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryStatus {
    pub state: DeliveryState,
    pub end_reason: Option<EndReason>,
}

impl DeliveryStatus {
    pub const SUCCEEDED: Self = Self { state: DeliveryState::Succeeded, end_reason: None };
}

impl DeliveryTransition {
    /// The delivery's status afterwards.
    pub const fn standing(self) -> DeliveryStatus {
        match self {
            Self::End { state, reason } => DeliveryStatus { state, end_reason: reason },
            Self::Retry { .. } => {
                DeliveryStatus { state: DeliveryState::Waiting, end_reason: None }
            }
        }
    }
}

/// The time of a decision.
#[derive(Clone, Copy, Debug)]
pub struct DecisionTime {
    pub now: Timestamp,
    /// The same time on the delivery's running clock.
    pub running: Timestamp,
    /// Uniform in 0..1, for jitter.
    pub random: f64,
}

/// A wait that the receiver asked for, as far as it is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantedWait {
    pub span: Duration,
    /// Whether it applies to the whole endpoint. Then the subscription is held, and the
    /// wait does not count towards deadlines.
    pub holds: bool,
}

/// Decides what the result of a delivery's current attempt does to it.
///
/// A delivery never ends because its receiver asked for a wait: only the timetable
/// decides whether there is time for another attempt.
pub fn conclude(
    delivery: &Delivery,
    outcome: Outcome,
    wait: Option<GrantedWait>,
    policy: &RetryPolicy,
    moment: DecisionTime,
) -> DeliveryTransition {
    if outcome == Outcome::Succeeded {
        return DeliveryTransition::End { state: DeliveryState::Succeeded, reason: None };
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

/// Decides the same where the subscription is deleted: nothing is tried again.
pub fn conclude_without_subscription(outcome: Outcome) -> DeliveryTransition {
    let (state, reason) = match outcome == Outcome::Succeeded {
        true => (DeliveryState::Succeeded, None),
        false => (DeliveryState::Cancelled, Some(EndReason::SubscriptionDeleted)),
    };
    DeliveryTransition::End { state, reason }
}

fn again_unless_expired(
    delivery: &Delivery,
    failures: u32,
    delay: Duration,
    wait: Option<GrantedWait>,
    at: DecisionTime,
) -> DeliveryTransition {
    if at.running + delay > delivery.deadline {
        // A test without retries has no time for a second attempt.
        return exhausted(match delivery.test {
            true => EndReason::AttemptsExhausted,
            false => EndReason::Expired,
        });
    }
    let wait = match wait {
        None => Duration::ZERO,
        Some(GrantedWait { span, holds: true }) => span,
        // Its time runs on; the last of it is kept for one more attempt.
        Some(GrantedWait { span, holds: false }) => {
            span.min(delivery.deadline.since(at.running).saturating_sub(LAST_ATTEMPT_MARGIN))
        }
    };
    DeliveryTransition::Retry { due: at.now + delay.max(wait), failures }
}

const fn exhausted(reason: EndReason) -> DeliveryTransition {
    DeliveryTransition::End { state: DeliveryState::Exhausted, reason: Some(reason) }
}

#[cfg(test)]
pub(crate) mod tests;
