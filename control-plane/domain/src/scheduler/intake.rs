//! How deliveries enter memory (reserved by a publish, or claimed from the table) and
//! leave it (concluded, or sent back).

use std::sync::Arc;

use super::entry::{
    AttemptFeedback, BreakerSpan, ScheduledDelivery, ScheduledEntry, ScheduledPhase,
};
use super::lane::{Lane, LaneGate};
use super::state::Scheduler;
use crate::delivery::DeliveryTransition;
use crate::ids::{AttemptKey, DeliveryId, Epoch, Region, Shard, SubscriptionKey};
use crate::subscription::Subscription;
use crate::time::Timestamp;

/// Most claims under way at once. One round trip claims for all of them, and memory is
/// shared among as many at most.
const MAX_PARALLEL_CLAIMS: usize = 64;

impl Scheduler {
    /// A subscription of an owned shard, new or changed.
    pub fn configure(&mut self, subscription: Arc<Subscription>, shard: Shard, now: Timestamp) {
        if !self.shards.contains_key(&shard) {
            return;
        }
        let key = subscription.key();
        let config = self.config;
        match self.lanes.get_mut(&key) {
            Some(lane) if lane.subscription.revision >= subscription.revision => return,
            Some(lane) => {
                let old_region = lane.subscription.settings.region.clone();
                let queued = lane.ready.len();
                lane.configure(Arc::clone(&subscription), &config, now);
                if old_region != subscription.settings.region {
                    let old = self.region(&old_region);
                    old.ring.remove(&key);
                    old.queued = old.queued.saturating_sub(queued);
                    self.note_lane_gone(&old_region);
                    self.note_lane_in(subscription.settings.region.clone());
                    self.region(&subscription.settings.region).queued += queued;
                    self.move_tests(&key, &subscription.settings.region);
                }
            }
            None => {
                // Its id may have been another's, which was deleted.
                self.move_tests(&key, &subscription.settings.region);
                self.insert_lane(key.clone(), Lane::new(subscription, shard, &config, now));
            }
        }
        self.push_settings(&key);
        self.wake(&key, now);
    }

    /// Waiting tests go to agents of the region that the subscription has now.
    fn move_tests(&mut self, key: &SubscriptionKey, to: &Region) {
        let elsewhere = self.regions.iter_mut().filter(|(region, _)| *region != to);
        let tests: Vec<_> = elsewhere.flat_map(|(_, state)| state.take_tests(key)).collect();
        if !tests.is_empty() {
            let state = self.region(to);
            state.queued += tests.len();
            state.tests.extend(tests);
        }
    }

    /// The endpoint asked the previous owner for a hold until `until`.
    pub fn hold_until(&mut self, key: &SubscriptionKey, until: Timestamp, now: Timestamp) {
        if let Some(lane) = self.lanes.get_mut(key) {
            lane.hold_until(until);
            self.wake(key, now);
        }
    }

    /// The subscription was deleted: nothing more of it is dispatched.
    pub fn retire(&mut self, key: &SubscriptionKey) {
        if let Some(lane) = self.lanes.get_mut(key) {
            lane.retired = true;
            self.shed(key);
        }
    }

    /// Subscriptions of a tenant that have a lane.
    pub fn lanes_of_tenant(&self, tenant: &crate::ids::TenantId) -> Vec<SubscriptionKey> {
        self.lanes.keys().filter(|key| key.tenant == *tenant).cloned().collect()
    }

    pub fn has_lane(&self, key: &SubscriptionKey) -> bool {
        self.lanes.contains_key(key)
    }

    /// Whether a new delivery may go straight to memory, and at which epoch; otherwise
    /// it is stored as WAITING.
    ///
    /// It may not if it could not be sent soon, or if earlier deliveries of its
    /// subscription wait in the table.
    pub fn admits(
        &self,
        key: &SubscriptionKey,
        payload_bytes: usize,
        now: Timestamp,
    ) -> Option<Epoch> {
        let lane = self.lanes.get(key)?;
        let shard = self.shards.get(&lane.shard)?;
        let fits = self.entries.len() < self.config.max_deliveries
            && self.payload_bytes.saturating_add(payload_bytes) <= self.config.max_payload_bytes
            && lane.ready.len() < self.config.max_deliveries_per_subscription;
        let backlog = lane.claiming || lane.next_due().is_some_and(|due| due <= now);
        let open = lane.gate(now) == LaneGate::Open
            && shard.may_dispatch(now)
            && self.region_has_agent(&lane.subscription.settings.region);
        (fits && !backlog && open).then(|| self.epoch(lane.shard)).flatten()
    }

    /// Adds a delivery to memory before its publish commits.
    pub fn reserve(&mut self, scheduled: Arc<ScheduledDelivery>, now: Timestamp) {
        let id = scheduled.delivery.id;
        self.payload_bytes += scheduled.payload_bytes();
        let before = self.entries.insert(
            id,
            ScheduledEntry {
                scheduled,
                phase: ScheduledPhase::Reserved,
                sent: now,
                given_up: false,
            },
        );
        debug_assert!(before.is_none(), "a delivery is in memory once");
        debug_assert!(!self.leaving.contains(&id), "what leaves memory does not enter it");
    }

    /// The publish committed: these deliveries may be sent, with the sequence numbers
    /// given.
    pub fn committed(
        &mut self,
        ids: impl IntoIterator<Item = (DeliveryId, Option<i64>)>,
        now: Timestamp,
    ) {
        for (id, sequence) in ids {
            let Some(entry) = self.entries.get_mut(&id) else {
                continue;
            };
            if entry.phase == ScheduledPhase::Reserved {
                entry.phase = ScheduledPhase::Ready;
                // This is the only reference, so nothing is copied.
                Arc::make_mut(&mut entry.scheduled).delivery.sequence = sequence;
                let scheduled = Arc::clone(&entry.scheduled);
                self.enqueue_and_wake(scheduled, now);
            }
        }
    }

    /// The publish did not commit: removes its deliveries.
    pub fn rolled_back(&mut self, ids: impl IntoIterator<Item = DeliveryId>) {
        for id in ids {
            if self.entries.get(&id).is_some_and(|entry| entry.phase == ScheduledPhase::Reserved) {
                self.remove_entry(id);
            }
        }
    }

    /// Adds deliveries that the table holds as IN_FLIGHT at this replica's epoch and
    /// that were not sent: claimed ones, tests, lost ones. It skips deliveries of
    /// unknown subscriptions and those on their way back to the table; the next sweep
    /// finds them.
    pub fn add(
        &mut self,
        deliveries: impl IntoIterator<Item = Arc<ScheduledDelivery>>,
        now: Timestamp,
    ) {
        for scheduled in deliveries {
            let id = scheduled.delivery.id;
            if self.entries.contains_key(&id)
                || self.leaving.contains(&id)
                || self.epoch(scheduled.delivery.shard) != Some(scheduled.delivery.epoch)
                || !self.has_lane(&scheduled.delivery.subscription)
            {
                continue;
            }
            self.return_predecessor(&scheduled.delivery, now);
            self.payload_bytes += scheduled.payload_bytes();
            let parked = self.is_held_of(&scheduled.delivery);
            let phase = if parked { ScheduledPhase::Parked } else { ScheduledPhase::Ready };
            self.entries.insert(
                id,
                ScheduledEntry {
                    scheduled: Arc::clone(&scheduled),
                    phase,
                    sent: now,
                    given_up: false,
                },
            );
            if !parked {
                self.enqueue_and_wake(scheduled, now);
            }
        }
    }

    /// A delivery of the subscription in the table is due at `due`.
    pub fn note_due(&mut self, key: &SubscriptionKey, due: Timestamp, now: Timestamp) {
        if let Some(lane) = self.lanes.get_mut(key) {
            lane.note_due(due);
            self.wake(key, now);
        }
    }

    /// The claims to make now: subscription, lease, limit, and whether only tests are
    /// wanted.
    pub fn claims(&mut self, now: Timestamp) -> Vec<(SubscriptionKey, Shard, Epoch, u32, bool)> {
        let mut claims = Vec::new();
        while claims.len() < MAX_PARALLEL_CLAIMS {
            let Some(key) = self.claim_queue.pop_front() else {
                break;
            };
            let room = self.memory_room();
            let Some(lane) = self.lanes.get_mut(&key) else {
                continue;
            };
            lane.queued_for_claim = false;
            if lane.late > 0 {
                continue;
            }
            let Some(epoch) = self.shards.get(&lane.shard).and_then(|s| s.epoch_if_open(now))
            else {
                continue;
            };
            let tests_only = !lane.enabled();
            let size = match tests_only {
                true => usize::from(!lane.claiming),
                false => lane.claim_size(now, &self.config).min(room),
            };
            if size > 0 {
                debug_assert!(!lane.claiming, "a subscription has one claim at a time");
                lane.claiming = true;
                let limit = u32::try_from(size).unwrap_or(u32::MAX);
                claims.push((key, lane.shard, epoch, limit, tests_only));
            }
        }
        claims
    }

    fn memory_room(&self) -> usize {
        if self.payload_bytes >= self.config.max_payload_bytes {
            return 0;
        }
        self.config.max_deliveries.saturating_sub(self.entries.len())
    }

    /// A claim made at `at` for `limit` deliveries returned `claimed`.
    pub fn claim_done(
        &mut self,
        key: &SubscriptionKey,
        limit: u32,
        claimed: u32,
        at: Timestamp,
        now: Timestamp,
    ) {
        if let Some(lane) = self.lanes.get_mut(key) {
            lane.claiming = false;
            if claimed < limit {
                lane.claimed_until(at);
            }
            self.wake(key, now);
        }
    }

    /// A conclusion committed; tells what the endpoint's breaker made of it.
    pub fn concluded(
        &mut self,
        key: AttemptKey,
        feedback: &AttemptFeedback,
        now: Timestamp,
    ) -> BreakerSpan {
        self.clear_held(key);
        let Some(scheduled) = self.remove_current(key) else {
            return BreakerSpan::default();
        };
        let mut breaker = BreakerSpan::default();
        let subscription = scheduled.delivery.subscription.clone();
        if let DeliveryTransition::Retry { due, .. } = feedback.transition
            && let Some(lane) = self.lanes.get_mut(&subscription)
        {
            lane.note_due(due);
        }
        if !scheduled.delivery.test
            && let Some(lane) = self.lanes.get_mut(&subscription)
        {
            debug_assert!(lane.in_flight > 0, "what ends was in flight");
            lane.in_flight = lane.in_flight.saturating_sub(1);
            breaker = lane.learn(feedback, &scheduled, now);
            let region = lane.subscription.settings.region.clone();
            self.region(&region).ring.charge(&subscription, feedback.latency);
        }
        self.wake(&subscription, now);
        breaker
    }

    /// Another replica or call moved the delivery on: forgets it without feedback.
    pub fn forget(&mut self, key: AttemptKey, now: Timestamp) {
        self.clear_held(key);
        let Some(entry) = self.entries.get(&key.delivery) else {
            return;
        };
        let (was_out, queued) = (entry.phase.is_at_agent(), entry.phase == ScheduledPhase::Ready);
        let Some(scheduled) = self.remove_current(key) else {
            return;
        };
        let subscription = scheduled.delivery.subscription.clone();
        if queued {
            self.dequeue(&scheduled);
        }
        if was_out
            && !scheduled.delivery.test
            && let Some(lane) = self.lanes.get_mut(&subscription)
        {
            lane.return_turn(now);
        }
        self.wake(&subscription, now);
    }

    /// Takes a delivery out of its queue before it is sent. One that is at an agent
    /// stays, because its result will come.
    pub fn withdraw(&mut self, key: AttemptKey, now: Timestamp) {
        if self.entries.get(&key.delivery).is_some_and(|entry| entry.phase.is_unsent()) {
            self.forget(key, now);
        }
    }

    /// Forgets those of these attempts that are at agents and not in `current`. Returns
    /// how many.
    pub fn forget_unless(
        &mut self,
        asked: &[AttemptKey],
        current: &[AttemptKey],
        now: Timestamp,
    ) -> usize {
        let current: std::collections::HashSet<&AttemptKey> = current.iter().collect();
        let mut forgotten = 0;
        for key in asked.iter().filter(|key| !current.contains(key)) {
            let entry = self.entries.get(&key.delivery);
            // A later attempt, which was not asked about, may be at an agent by now.
            let is_sent = entry.is_some_and(|entry| {
                matches!(entry.phase, ScheduledPhase::Sent { .. })
                    && entry.scheduled.delivery.current_attempt() == *key
            });
            if is_sent {
                self.forget(*key, now);
                forgotten += 1;
            }
        }
        forgotten
    }

    fn remove_current(&mut self, key: AttemptKey) -> Option<Arc<ScheduledDelivery>> {
        let current = self.entries.get(&key.delivery)?.scheduled.delivery.attempts == key.number;
        current.then(|| self.remove_entry(key.delivery)).flatten()
    }

    pub(super) fn remove_entry(&mut self, id: DeliveryId) -> Option<Arc<ScheduledDelivery>> {
        let entry = self.entries.remove(&id)?;
        debug_assert!(self.payload_bytes >= entry.scheduled.payload_bytes(), "memory was counted");
        self.payload_bytes = self.payload_bytes.saturating_sub(entry.scheduled.payload_bytes());
        self.forget_key_position(&entry.scheduled.delivery);
        if let Some(left) = &mut self.left_during_sweep {
            left.insert(id);
        }
        Some(entry.scheduled)
    }

    pub(super) fn enqueue_and_wake(&mut self, scheduled: Arc<ScheduledDelivery>, now: Timestamp) {
        let key = scheduled.delivery.subscription.clone();
        self.enqueue(scheduled, false);
        self.wake(&key, now);
    }
}
