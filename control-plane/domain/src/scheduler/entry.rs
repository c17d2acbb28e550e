//! What the scheduler holds and hands out: deliveries in memory, and what is to be done.
//!
//! Fed by whoever drives the scheduler; feeds its lanes, streams and shards.

use std::sync::Arc;
use std::time::Duration;

use crate::delivery::{Delivery, DeliveryTransition, Outcome};
use crate::event::Event;
use crate::ids::{AgentId, AttemptKey};
use crate::subscription::Subscription;
use crate::time::Timestamp;

/// One stream to one agent; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// One process of an agent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentIdentity {
    pub agent: AgentId,
    pub incarnation: [u8; 16],
}

/// A delivery in memory, with its event.
#[derive(Clone, Debug)]
pub struct ScheduledDelivery {
    pub delivery: Delivery,
    /// `None` if the attempt was found at an agent after a take-over.
    pub event: Option<Arc<Event>>,
}

impl ScheduledDelivery {
    pub fn payload_bytes(&self) -> usize {
        self.event.as_ref().map_or(0, |event| event.content.payload.len())
    }
}

/// What to send on one agent's stream.
#[derive(Debug)]
pub struct Dispatch {
    pub stream: StreamId,
    /// Subscription settings to send first.
    pub updates: Vec<Arc<Subscription>>,
    /// Attempts to assign, each with the subscription version it needs.
    pub deliveries: Vec<(Arc<ScheduledDelivery>, i64)>,
}

/// What [`super::Scheduler::poll`] asks its caller to do.
#[derive(Debug, Default)]
pub struct SchedulerActions {
    pub dispatches: Vec<Dispatch>,
    /// Attempts that were never sent and return to the table.
    pub release: Vec<AttemptKey>,
    /// When to poll again if nothing else happens.
    pub wake: Option<Timestamp>,
    /// Whether [`super::Scheduler::claims`] has claims to make.
    pub claims: bool,
}

/// What the scheduler learns from an attempt's end.
#[derive(Clone, Copy, Debug)]
pub struct AttemptFeedback {
    pub outcome: Outcome,
    pub latency: Duration,
    /// How long the endpoint gets nothing more: the receiver asked for it (429, 503),
    /// or is gone (410) and about to be disabled.
    pub hold: Option<Duration>,
    pub transition: DeliveryTransition,
}

/// Since when a lane's breaker had not been closed, before and after an attempt's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BreakerSpan {
    pub before: Option<Timestamp>,
    pub after: Option<Timestamp>,
}

/// The phase of a delivery in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ScheduledPhase {
    /// Its publish has not committed.
    Reserved,
    /// Queued in its lane.
    Ready,
    /// Not queued, because an agent still holds an earlier attempt.
    Parked,
    /// At an agent.
    Sent { agent: AgentIdentity },
    /// Its result is being committed.
    Concluding { agent: AgentIdentity },
}

impl ScheduledPhase {
    /// Whether it is, or was, at an agent.
    pub const fn is_at_agent(&self) -> bool {
        matches!(self, Self::Sent { .. } | Self::Concluding { .. })
    }

    /// Whether the table has it as IN_FLIGHT although it was not sent.
    pub const fn is_unsent(&self) -> bool {
        matches!(self, Self::Ready | Self::Parked)
    }
}

#[derive(Debug)]
pub(super) struct ScheduledEntry {
    pub(super) scheduled: Arc<ScheduledDelivery>,
    pub(super) phase: ScheduledPhase,
    /// When it was sent; used to find attempts concluded elsewhere.
    pub(super) sent: Timestamp,
    /// Is being recorded as UNKNOWN, because its agent was lost.
    pub(super) given_up: bool,
}
