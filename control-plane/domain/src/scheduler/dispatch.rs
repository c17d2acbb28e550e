//! Chooses what is sent next, and on which stream.

use std::cmp::Reverse;
use std::sync::Arc;

use super::entry::{ScheduledDelivery, SchedulerActions};
use super::lane::{LaneGate, is_long};
use super::shard_state::ShardState;
use super::state::Scheduler;
use crate::ids::{Region, SubscriptionKey};
use crate::time::Timestamp;

impl Scheduler {
    /// Decides what is sent now.
    pub fn poll(&mut self, now: Timestamp) -> SchedulerActions {
        self.fire_timers(now);
        self.queue_unparked(now);
        let regions: Vec<Region> = self.regions.keys().cloned().collect();
        for region in &regions {
            self.dispatch_tests(region, now);
            self.dispatch_region(region, now);
        }
        let mut actions = SchedulerActions {
            release: std::mem::take(&mut self.release),
            wake: self.timers.peek().map(|Reverse((at, _))| *at),
            claims: !self.claim_queue.is_empty(),
            ..SchedulerActions::default()
        };
        self.collect_dispatches(&mut actions);
        actions
    }

    fn fire_timers(&mut self, now: Timestamp) {
        while let Some(Reverse((at, _))) = self.timers.peek()
            && *at <= now
        {
            let Some(Reverse((at, key))) = self.timers.pop() else {
                break;
            };
            if let Some(lane) = self.lanes.get_mut(&key) {
                if lane.timer == Some(at) {
                    lane.timer = None;
                }
                self.wake(&key, now);
            }
        }
    }

    fn dispatch_tests(&mut self, region: &Region, now: Timestamp) {
        while let Some(scheduled) = self.regions.get_mut(region).and_then(|r| r.tests.pop_front()) {
            match self.choose_stream(region, scheduled.payload_bytes()) {
                Some(stream) => {
                    self.region(region).queued = self.region(region).queued.saturating_sub(1);
                    self.assign(stream, scheduled, now);
                }
                None => {
                    self.region(region).tests.push_front(scheduled);
                    break;
                }
            }
        }
    }

    fn dispatch_region(&mut self, region: &Region, now: Timestamp) {
        while self.has_credit(region) {
            let Some(key) = self.regions.get_mut(region).and_then(|r| r.ring.next(|_| true)) else {
                break;
            };
            if !self.dispatch_one(region, &key, now) {
                break;
            }
        }
    }

    /// Sends the first delivery of a lane; false if no stream has credit for its
    /// payload.
    fn dispatch_one(&mut self, region: &Region, key: &SubscriptionKey, now: Timestamp) -> bool {
        let Some(lane) = self.lanes.get_mut(key) else {
            self.region(region).ring.remove(key);
            return true;
        };
        let leased = self.shards.get(&lane.shard).is_some_and(|shard| shard.may_dispatch(now));
        let Some(scheduled) = lane.ready.front().filter(|_| leased).map(Arc::clone) else {
            self.region(region).ring.remove(key);
            return true;
        };
        let Some(stream) = self.choose_stream(region, scheduled.payload_bytes()) else {
            return false;
        };
        let Some(lane) = self.lanes.get_mut(key) else {
            return true;
        };
        if let Err(gate) = lane.take_turn(now) {
            self.region(region).ring.remove(key);
            self.shut(key, gate, now);
            return true;
        }
        lane.ready.pop_front();
        let more = !lane.ready.is_empty() && lane.free_slots() > 0;
        let state = self.region(region);
        debug_assert!(state.queued > 0, "what is sent was counted as queued");
        state.queued = state.queued.saturating_sub(1);
        if !more {
            state.ring.remove(key);
        }
        self.assign(stream, scheduled, now);
        self.wake(key, now);
        true
    }

    /// A lane may not send now: sets its timer, and returns to the table what would
    /// wait for long.
    fn shut(&mut self, key: &SubscriptionKey, gate: LaneGate, now: Timestamp) {
        if let LaneGate::Until(at) = gate {
            self.set_timer(key, at);
            if is_long(gate, now, self.config.shed_after) {
                self.shed(key);
            }
        }
    }

    /// Puts a lane where it belongs; to be called after everything that may change it.
    ///
    /// - A lane that is deleted and empty is removed; one whose shard is being given up
    ///   returns its queue to the table.
    /// - Its gate is closed until a time: the timer is set, and a queue that would wait for
    ///   more than `shed_after` is returned.
    /// - Its gate is closed until an event (paused, no free slot): that event wakes it.
    /// - Its gate is open: it joins its region's ring if something is ready and a slot is
    ///   free, and the claims if the table has deliveries of it that are due.
    ///
    /// Example: an endpoint asks for 30 s of quiet while 40 deliveries are ready. The gate is
    /// closed for 30 s, longer than `shed_after` (5 s): the 40 are returned, which makes room
    /// for other tenants, and the timer is set. At 30 s the timer wakes the lane: nothing is
    /// ready, but 40 are due in the table, so it joins the claims. The claim puts them into
    /// the queue and wakes the lane again, which joins the ring.
    pub(super) fn wake(&mut self, key: &SubscriptionKey, now: Timestamp) {
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        if lane.retired && lane.in_flight == 0 && lane.ready.is_empty() {
            self.remove_lane(key);
            return;
        }
        if !lane.listed && !lane.is_idle() {
            lane.listed = true;
            self.busy_lanes.insert(key.clone());
        }
        if self.shards.get(&lane.shard).is_none_or(ShardState::is_draining) {
            self.shed(key);
            return;
        }
        let gate = lane.gate(now);
        if matches!(gate, LaneGate::Until(_) | LaneGate::Shut) {
            if is_long(gate, now, self.config.shed_after) {
                self.shed(key);
            }
            if let LaneGate::Until(at) = gate {
                self.set_timer(key, at);
            } else {
                self.queue_claim(key, now);
            }
            return;
        }
        let region = lane.subscription.settings.region.clone();
        if !lane.ready.is_empty() && (lane.free_slots() > 0 || gate == LaneGate::Probe) {
            self.region(&region).ring.push(key);
        }
        self.queue_claim(key, now);
    }

    fn queue_claim(&mut self, key: &SubscriptionKey, now: Timestamp) {
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        let Some(due) = lane.next_due().filter(|_| lane.late == 0) else { return };
        if due > now {
            self.set_timer(key, due);
            return;
        }
        let wanted = lane.claim_size(now, &self.config) > 0 || (!lane.enabled() && !lane.claiming);
        if wanted && !lane.queued_for_claim && self.region_accepts(key) {
            if let Some(lane) = self.lanes.get_mut(key) {
                lane.queued_for_claim = true;
            }
            self.claim_queue.push_back(key.clone());
        }
    }

    fn region_accepts(&self, key: &SubscriptionKey) -> bool {
        let region = self.lanes.get(key).map(|lane| &lane.subscription.settings.region);
        region.is_some_and(|region| self.region_has_agent(region))
    }

    fn set_timer(&mut self, key: &SubscriptionKey, at: Timestamp) {
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        if lane.timer.is_none_or(|set| at < set) {
            lane.timer = Some(at);
            self.timers.push(Reverse((at, key.clone())));
        }
    }

    pub(super) fn wake_region(&mut self, region: &Region, now: Timestamp) {
        let there =
            self.lanes.iter().filter(|(_, lane)| lane.subscription.settings.region == *region);
        let keys: Vec<SubscriptionKey> = there.map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.wake(&key, now);
        }
    }

    pub(super) fn enqueue(&mut self, scheduled: Arc<ScheduledDelivery>, first: bool) {
        let key = scheduled.delivery.subscription.clone();
        let Some(lane) = self.lanes.get_mut(&key) else {
            return;
        };
        let region = lane.subscription.settings.region.clone();
        let test = scheduled.delivery.test;
        match (test, first) {
            (true, _) => {}
            (false, true) => lane.ready.push_front(Arc::clone(&scheduled)),
            (false, false) => lane.ready.push_back(Arc::clone(&scheduled)),
        }
        let state = self.region(&region);
        state.queued += 1;
        if test {
            state.tests.push_back(scheduled);
        }
    }

    pub(super) fn dequeue(&mut self, scheduled: &Arc<ScheduledDelivery>) {
        let id = scheduled.delivery.id;
        if scheduled.delivery.test {
            // Its subscription may have moved to another region since it was queued.
            for region in self.regions.values_mut() {
                region.remove_tests(|other| other.delivery.id == id);
            }
            return;
        }
        let Some(lane) = self.lanes.get_mut(&scheduled.delivery.subscription) else {
            return;
        };
        lane.ready.retain(|other| other.delivery.id != id);
        let region = lane.subscription.settings.region.clone();
        let state = self.region(&region);
        state.queued = state.queued.saturating_sub(1);
    }

    /// Returns all queued deliveries of a lane to the table.
    pub(super) fn shed(&mut self, key: &SubscriptionKey) {
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        let deliveries: Vec<Arc<ScheduledDelivery>> = lane.ready.drain(..).collect();
        if deliveries.is_empty() {
            return;
        }
        let region = lane.subscription.settings.region.clone();
        for scheduled in &deliveries {
            lane.note_due(scheduled.delivery.due);
        }
        let state = self.region(&region);
        debug_assert!(state.queued >= deliveries.len(), "what returns was counted as queued");
        state.queued = state.queued.saturating_sub(deliveries.len());
        state.ring.remove(key);
        for scheduled in deliveries {
            self.queue_return(scheduled.delivery.current_attempt());
        }
    }
}
