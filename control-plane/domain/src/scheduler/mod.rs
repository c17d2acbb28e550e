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
use crate::event::Event;
use crate::health::{BreakerConfig, WindowConfig};
use crate::ids::{AttemptKey, DeliveryId, OrderedKey, Region, Shard, SubscriptionKey};
use crate::subscription::Subscription;
use crate::time::Timestamp;

pub use intake::Feedback;
pub use lane::LaneView;
pub use leaving::Doubt;
pub use shards::{ShardLease, Unsettled};
pub use streams::{AgentIdentity, RegionFigures, StreamId, StreamView};

use lane::Lane;
use shards::ShardState;
use streams::{RegionState, Stream};

/// Bounds of one replica's scheduler.
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
    /// A gate that stays shut longer than this sends what is queued behind it
    /// back to the table.
    pub shed_after: Duration,
    /// How long a new owner waits for agents' inventories.
    pub settle_grace: Duration,
    pub window: WindowConfig,
    pub breaker: BreakerConfig,
}

/// A delivery in memory and what it delivers.
#[derive(Clone, Debug)]
pub struct Job {
    pub delivery: Delivery,
    /// `None` for an attempt that was found at an agent after a take-over.
    pub event: Option<Arc<Event>>,
}

impl Job {
    fn payload_bytes(&self) -> usize {
        self.event.as_ref().map_or(0, |event| event.payload.len())
    }
}

/// What to tell one agent stream.
#[derive(Debug)]
pub struct Dispatch {
    pub stream: StreamId,
    /// Settings to send first.
    pub updates: Vec<Arc<Subscription>>,
    /// Attempts to assign, with the subscription version each counts on.
    pub jobs: Vec<(Arc<Job>, i64)>,
}

/// What [`Scheduler::poll`] wants done.
#[derive(Debug, Default)]
pub struct Actions {
    pub dispatches: Vec<Dispatch>,
    /// Attempts that were never sent and go back to the table.
    pub release: Vec<AttemptKey>,
    /// When to poll again if nothing else happens.
    pub wake: Option<Timestamp>,
    /// Whether [`Scheduler::claims`] has something.
    pub claims: bool,
}

/// Where a delivery in memory stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// Its publish has not committed yet.
    Reserved,
    /// Queued in its lane.
    Ready,
    /// Not queued, since an agent still holds an earlier attempt.
    Parked,
    /// At an agent.
    Sent { agent: AgentIdentity },
    /// Its result is being committed.
    Concluding { agent: AgentIdentity },
}

#[derive(Debug)]
struct Entry {
    job: Arc<Job>,
    phase: Phase,
    /// When it was sent; for finding what was concluded elsewhere.
    sent: Timestamp,
    /// Being recorded as UNKNOWN, since its agent was lost.
    given_up: bool,
}

/// The state machine. Every method takes the time; none blocks.
#[derive(Debug)]
pub struct Scheduler {
    config: SchedulerConfig,
    shards: BTreeMap<Shard, ShardState>,
    lanes: HashMap<SubscriptionKey, Lane>,
    regions: HashMap<Region, RegionState>,
    streams: HashMap<StreamId, Stream>,
    entries: HashMap<DeliveryId, Entry>,
    /// Of each ordering key with something in memory, the latest in commit order.
    newest_of_key: HashMap<OrderedKey, DeliveryId>,
    payload_bytes: usize,
    timers: BinaryHeap<Reverse<(Timestamp, SubscriptionKey)>>,
    claim_queue: VecDeque<SubscriptionKey>,
    release: Vec<AttemptKey>,
    /// Deliveries on their way back to the table.
    leaving: HashSet<DeliveryId>,
    /// Deliveries that are to be looked at by the next poll: nobody may hold an
    /// earlier attempt of them any more.
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
        self.entries.values().filter(|entry| entry.phase.is_out()).count()
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

impl Phase {
    /// Whether an agent has, or had, it.
    const fn is_out(&self) -> bool {
        matches!(self, Self::Sent { .. } | Self::Concluding { .. })
    }

    /// Whether the table has it as IN_FLIGHT although nobody was sent it.
    const fn is_unsent(&self) -> bool {
        matches!(self, Self::Ready | Self::Parked)
    }
}
