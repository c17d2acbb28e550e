//! Decides what goes out next, to which agent: a state machine of one replica.
//!
//! Fed by `flow` (what was committed, claimed and concluded; which shards are
//! owned) and by `agents` (streams, credit); feeds them [`Dispatch`]es to send,
//! claims to make and leases to give back. It holds every delivery that is
//! IN_FLIGHT at this replica's epochs, and nothing else.
//!
//! Guarantees, for the shards it owns: no more in flight, and no faster, than a
//! subscription allows; nothing dispatched without a valid lease, or before a
//! take-over has settled; one subscription's trouble costs its neighbours
//! nothing; memory bounded in count and bytes.
//!
//! - `lane`: one subscription's queue and gates.
//! - `streams`: agents' streams, their credit, and choosing among them.
//! - `shards`: leases, and settling a take-over.
//! - `intake`: how deliveries come in and go out of memory.
//! - `leaving`: how what was not sent goes back to the table, and what is lost is found.
//! - `parked`: deliveries whose earlier attempt an agent still holds.
//! - `dispatch`: who is next.

mod dispatch;
mod intake;
mod lane;
mod leaving;
mod parked;
mod shards;
mod streams;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::delivery::Delivery;
use crate::endpoint_health::{BreakerConfig, ConcurrencyWindowConfig};
use crate::event::Event;
use crate::ids::{AttemptKey, DeliveryId, OrderedKey, Region, Shard, SubscriptionKey};
use crate::subscription::Subscription;
use crate::time::Timestamp;

pub use intake::AttemptFeedback;
pub use lane::LaneView;
pub use leaving::UnconfirmedAttempt;
pub use shards::{ShardLease, UnsettledShard};
pub use streams::{AgentIdentity, RegionFigures, StreamId, StreamView};

use lane::Lane;
use shards::ShardState;
use streams::{RegionState, StreamState};

/// Limits of one replica's scheduler.
#[derive(Clone, Copy, Debug)]
pub struct SchedulerConfig {
    /// Most deliveries in memory.
    pub max_deliveries: usize,
    /// Most payload bytes in memory.
    pub max_payload_bytes: usize,
    /// Most deliveries in memory of one subscription.
    pub max_deliveries_per_subscription: usize,
    /// Most in flight of a subscription that sets no limit of its own.
    pub default_max_in_flight: u32,
    /// What is queued behind a gate that stays closed for longer goes back to the
    /// table.
    pub shed_after: Duration,
    /// How long a new owner waits for agents' inventories.
    pub settle_grace: Duration,
    pub window: ConcurrencyWindowConfig,
    pub breaker: BreakerConfig,
}

/// A delivery in memory, with its event.
#[derive(Clone, Debug)]
pub struct ScheduledDelivery {
    pub delivery: Delivery,
    /// `None` if the attempt was found at an agent after a take-over.
    pub event: Option<Arc<Event>>,
}

impl ScheduledDelivery {
    fn payload_bytes(&self) -> usize {
        self.event.as_ref().map_or(0, |event| event.payload.len())
    }
}

/// What to send on one agent's stream.
#[derive(Debug)]
pub struct Dispatch {
    pub stream: StreamId,
    /// Subscription settings to send first.
    pub updates: Vec<Arc<Subscription>>,
    /// Attempts to assign, each with the subscription version it needs.
    pub jobs: Vec<(Arc<ScheduledDelivery>, i64)>,
}

/// What [`Scheduler::poll`] asks its caller to do.
#[derive(Debug, Default)]
pub struct SchedulerActions {
    pub dispatches: Vec<Dispatch>,
    /// Attempts that were never sent and return to the table.
    pub release: Vec<AttemptKey>,
    /// When to poll again if nothing else happens.
    pub wake: Option<Timestamp>,
    /// Whether [`Scheduler::claims`] has claims to make.
    pub claims: bool,
}

/// The phase of a delivery in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ScheduledPhase {
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

#[derive(Debug)]
struct ScheduledEntry {
    job: Arc<ScheduledDelivery>,
    phase: ScheduledPhase,
    /// When it was sent; used to find attempts concluded elsewhere.
    sent: Timestamp,
    /// Is being recorded as UNKNOWN, because its agent was lost.
    given_up: bool,
}

/// The scheduler of one replica: a state machine that gets the time as a parameter and
/// never blocks.
///
/// How to drive it: report leases ([`Scheduler::take_shard`], [`Scheduler::settle`]),
/// subscriptions ([`Scheduler::configure`]) and streams ([`Scheduler::stream_opened`],
/// [`Scheduler::credit`]); add deliveries; then call [`Scheduler::poll`], carry out its
/// [`SchedulerActions`], and call it again after every change and at [`SchedulerActions::wake`].
#[derive(Debug)]
pub struct Scheduler {
    config: SchedulerConfig,
    shards: BTreeMap<Shard, ShardState>,
    lanes: HashMap<SubscriptionKey, Lane>,
    regions: HashMap<Region, RegionState>,
    streams: HashMap<StreamId, StreamState>,
    entries: HashMap<DeliveryId, ScheduledEntry>,
    /// For each ordering key in memory, its latest delivery in commit order.
    newest_of_key: HashMap<OrderedKey, DeliveryId>,
    payload_bytes: usize,
    timers: BinaryHeap<Reverse<(Timestamp, SubscriptionKey)>>,
    claim_queue: VecDeque<SubscriptionKey>,
    release: Vec<AttemptKey>,
    /// Deliveries on their way back to the table.
    leaving: HashSet<DeliveryId>,
    /// Deliveries for the next poll to look at: no agent may hold an earlier attempt of
    /// them any more.
    unparked: Vec<DeliveryId>,
    /// While a sweep reads the table: what left memory meanwhile.
    left_during_sweep: Option<HashSet<DeliveryId>>,
}

impl Scheduler {
    pub fn new(config: SchedulerConfig) -> Self {
        Self {
            config,
            shards: BTreeMap::new(),
            lanes: HashMap::new(),
            regions: HashMap::new(),
            streams: HashMap::new(),
            entries: HashMap::new(),
            newest_of_key: HashMap::new(),
            payload_bytes: 0,
            timers: BinaryHeap::new(),
            claim_queue: VecDeque::new(),
            release: Vec::new(),
            leaving: HashSet::new(),
            unparked: Vec::new(),
            left_during_sweep: None,
        }
    }

    /// Deliveries in memory.
    pub fn deliveries(&self) -> usize {
        self.entries.len()
    }

    /// Payload bytes in memory.
    pub fn payload_bytes(&self) -> usize {
        self.payload_bytes
    }

    /// Deliveries at agents.
    pub fn in_flight(&self) -> usize {
        self.entries.values().filter(|entry| entry.phase.is_at_agent()).count()
    }

    /// Deliveries of a region that are queued in memory.
    pub fn backlog(&self, region: &Region) -> usize {
        self.regions.get(region).map_or(0, |state| state.queued)
    }

    /// One subscription's gates and queue, for people.
    pub fn lane(&self, key: &SubscriptionKey, now: Timestamp) -> Option<LaneView> {
        self.lanes.get(key).map(|lane| lane.view(now))
    }
}

impl ScheduledPhase {
    /// Whether it is, or was, at an agent.
    const fn is_at_agent(&self) -> bool {
        matches!(self, Self::Sent { .. } | Self::Concluding { .. })
    }

    /// Whether the table has it as IN_FLIGHT although it was not sent.
    const fn is_unsent(&self) -> bool {
        matches!(self, Self::Ready | Self::Parked)
    }
}
