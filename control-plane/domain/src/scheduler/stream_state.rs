//! An agent's stream with its credit, and a region with its streams and its ring.
//!
//! Fed by the scheduler's streams; feeds the choice of a stream, and operators.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::demand_average::DemandAverage;
use super::entry::{AgentIdentity, Dispatch, ScheduledDelivery, StreamId};
use crate::fairness::TwoLevelRing;
use crate::ids::{DeliveryId, Region, SubscriptionKey};
use crate::time::Timestamp;

/// A stream as its operator sees it.
#[derive(Clone, Debug)]
pub struct StreamView {
    pub agent: AgentIdentity,
    pub region: Region,
    pub credit: u64,
    pub accepts: bool,
}

#[derive(Debug)]
pub(super) struct StreamState {
    pub agent: AgentIdentity,
    pub region: Region,
    pub(super) granted_assignments: u64,
    pub(super) granted_bytes: u64,
    pub(super) used_assignments: u64,
    pub(super) used_bytes: u64,
    /// Takes no new work: it is draining, or its clock would make signatures invalid.
    pub(super) suspended: bool,
    /// The version of each subscription's settings that was sent.
    pub(super) versions: HashMap<SubscriptionKey, i64>,
    /// Attempts that the agent reported, until their results are recorded.
    pub held: HashMap<DeliveryId, u32>,
    pub pending: Option<Dispatch>,
}

impl StreamState {
    pub fn credit(&self) -> u64 {
        if self.suspended {
            return 0;
        }
        self.granted_assignments.saturating_sub(self.used_assignments)
    }

    pub fn fits(&self, bytes: u64) -> bool {
        self.credit() > 0 && self.used_bytes.saturating_add(bytes) <= self.granted_bytes
    }

    /// The subscription has left the stream's region: what was not sent yet is not sent.
    /// Should it come back, its settings are sent anew.
    pub fn forget_settings(&mut self, key: &SubscriptionKey) {
        if self.versions.remove(key).is_none() {
            return;
        }
        let Some(dispatch) = &mut self.pending else { return };
        // Deliveries are added only while a poll decides, which sends them at its end.
        debug_assert!(dispatch.deliveries.is_empty(), "what is assigned is sent at once");
        dispatch.updates.retain(|subscription| subscription.key() != *key);
        if dispatch.updates.is_empty() && dispatch.deliveries.is_empty() {
            self.pending = None;
        }
    }
}

/// One region: its ring of subscriptions and its streams.
#[derive(Debug)]
pub(super) struct RegionState {
    pub ring: TwoLevelRing,
    pub streams: Vec<StreamId>,
    /// Tests go before everything and past every gate (invariant `tests-pass-every-gate`).
    pub tests: VecDeque<Arc<ScheduledDelivery>>,
    /// Deliveries queued in memory.
    pub queued: usize,
    /// What it wanted at the last sample.
    pub wanted: u64,
    /// The same, averaged.
    pub demand: DemandAverage,
    /// When an attempt was sent last.
    pub last_sent: Option<Timestamp>,
}

impl RegionState {
    pub fn new() -> Self {
        Self {
            ring: TwoLevelRing::new(),
            streams: Vec::new(),
            tests: VecDeque::new(),
            queued: 0,
            wanted: 0,
            demand: DemandAverage::default(),
            last_sent: None,
        }
    }

    /// Takes a subscription's waiting tests out of the queue, in their order.
    pub fn take_tests(&mut self, key: &SubscriptionKey) -> Vec<Arc<ScheduledDelivery>> {
        let tests = std::mem::take(&mut self.tests).into_iter();
        let (taken, kept): (Vec<_>, Vec<_>) =
            tests.partition(|test| test.delivery.subscription == *key);
        self.tests = kept.into();
        self.queued = self.queued.saturating_sub(taken.len());
        taken
    }

    /// Takes waiting tests out of the queue.
    pub fn remove_tests(&mut self, is_gone: impl Fn(&ScheduledDelivery) -> bool) {
        let before = self.tests.len();
        self.tests.retain(|scheduled| !is_gone(scheduled));
        self.queued = self.queued.saturating_sub(before - self.tests.len());
    }
}
