//! Everything that one replica's scheduler holds.
//!
//! Fed by the operations in the files beside it, each of one concern; feeds them, and
//! operators with figures.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet, VecDeque};

use super::config::SchedulerConfig;
use super::entry::{ScheduledEntry, StreamId};
use super::lane::{Lane, LaneView};
use super::shard_state::ShardState;
use super::stream_state::{RegionState, StreamState};
use crate::ids::{AttemptKey, DeliveryId, OrderedKey, Region, Shard, SubscriptionKey};
use crate::time::Timestamp;

/// The scheduler of one replica: a state machine that gets the time as a parameter and
/// never blocks.
///
/// How to drive it: report leases ([`Scheduler::take_shard`], [`Scheduler::settle`]),
/// subscriptions ([`Scheduler::configure`]) and streams ([`Scheduler::stream_opened`],
/// [`Scheduler::credit`]); add deliveries; then call [`Scheduler::poll`], carry out its
/// [`super::SchedulerActions`], and call it again after every change and at
/// [`super::SchedulerActions::wake`].
#[derive(Debug)]
pub struct Scheduler {
    pub(super) config: SchedulerConfig,
    pub(super) shards: BTreeMap<Shard, ShardState>,
    pub(super) lanes: HashMap<SubscriptionKey, Lane>,
    /// How many lanes each region has that has one.
    pub(super) lanes_by_region: BTreeMap<Region, usize>,
    /// Those that may have something to do; each of the others rests.
    pub(super) busy_lanes: HashSet<SubscriptionKey>,
    pub(super) regions: HashMap<Region, RegionState>,
    pub(super) streams: HashMap<StreamId, StreamState>,
    pub(super) entries: HashMap<DeliveryId, ScheduledEntry>,
    /// For each ordering key in memory, its latest delivery in commit order.
    pub(super) newest_of_key: HashMap<OrderedKey, DeliveryId>,
    pub(super) payload_bytes: usize,
    pub(super) timers: BinaryHeap<Reverse<(Timestamp, SubscriptionKey)>>,
    pub(super) claim_queue: VecDeque<SubscriptionKey>,
    pub(super) release: Vec<AttemptKey>,
    /// Deliveries on their way back to the table.
    pub(super) leaving: HashSet<DeliveryId>,
    /// Deliveries for the next poll to look at: no agent may hold an earlier attempt of
    /// them any more.
    pub(super) unparked: Vec<DeliveryId>,
    /// While a sweep reads the table: what left memory in the meantime.
    pub(super) left_during_sweep: Option<HashSet<DeliveryId>>,
}

impl Scheduler {
    pub fn new(config: SchedulerConfig) -> Self {
        Self {
            config,
            shards: BTreeMap::new(),
            lanes: HashMap::new(),
            lanes_by_region: BTreeMap::new(),
            busy_lanes: HashSet::new(),
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
