//! Deliveries whose earlier attempt an agent still holds (no-second-post).
//!
//! An agent that is not heard from for a while is lost: its attempts become UNKNOWN and
//! are sent again. When it returns and reports them, the next attempt would be a second
//! POST beside the first. So that delivery is parked until the first attempt's result
//! is recorded, the agent's stream ends, or the longest time that an attempt may take
//! is over.
//!
//! Keeps the invariant `no-second-post`.

use std::sync::Arc;

use super::entry::{AgentIdentity, ScheduledEntry, ScheduledPhase};
use super::state::Scheduler;
use crate::delivery::Delivery;
use crate::ids::{AttemptKey, DeliveryId, Shard, SubscriptionKey, TenantId};
use crate::time::Timestamp;

/// Most attempts that are remembered as held by one stream's agent. What agents hold is
/// far less; one that reports ever others is not believed beyond it.
const MAX_HELD_ATTEMPTS: usize = 65_536;

impl Scheduler {
    /// An agent reports the attempts that it holds.
    pub(super) fn note_held(&mut self, agent: &AgentIdentity, held: &[AttemptKey]) {
        let streams = self.streams.values_mut().filter(|stream| stream.agent == *agent);
        for stream in streams {
            let room = MAX_HELD_ATTEMPTS.saturating_sub(stream.held.len());
            stream.held.extend(held.iter().take(room).map(|key| (key.delivery, key.number)));
        }
        for key in held {
            self.park(key.delivery);
        }
    }

    /// Whether a connected agent holds an earlier attempt of this delivery.
    pub(super) fn is_held_of(&self, delivery: &Delivery) -> bool {
        let earlier = |number: &u32| *number < delivery.attempts;
        delivery.attempts > 1
            && self.streams.values().any(|s| s.held.get(&delivery.id).is_some_and(earlier))
    }

    /// An attempt's result is recorded.
    pub(super) fn clear_held(&mut self, key: AttemptKey) {
        for stream in self.streams.values_mut().filter(|stream| !stream.held.is_empty()) {
            if stream.held.get(&key.delivery) == Some(&key.number) {
                stream.held.remove(&key.delivery);
                self.unparked.push(key.delivery);
            }
        }
    }

    /// Parked deliveries, with the earlier attempts that agents said they hold.
    pub fn parked(&self, limit: usize) -> Vec<(TenantId, AttemptKey)> {
        let parked = self.entries.iter().filter(|(_, entry)| entry.phase == ScheduledPhase::Parked);
        let held = parked.flat_map(|(id, entry)| {
            let numbers = self.streams.values().filter_map(|stream| stream.held.get(id));
            numbers.map(|number| {
                let key = AttemptKey { delivery: *id, number: *number };
                (entry.scheduled.delivery.subscription.tenant.clone(), key)
            })
        });
        held.take(limit).collect()
    }

    /// Stops waiting for attempts whose results should have come by then.
    pub fn unpark_before(&mut self, before: Timestamp) {
        let waits_since =
            |phase: &ScheduledPhase, since| *phase == ScheduledPhase::Parked && since < before;
        let late = self.entries.iter().filter(|(_, entry)| waits_since(&entry.phase, entry.sent));
        let late: Vec<DeliveryId> = late.map(|(id, _)| *id).collect();
        for id in late {
            for stream in self.streams.values_mut() {
                stream.held.remove(&id);
            }
            self.unparked.push(id);
        }
    }

    /// A late success is about to be recorded. A claim at the same time could take the
    /// next attempt of an ended delivery, so no claim begins from now on; the caller
    /// waits until [`Self::is_claiming`] is false.
    pub fn begin_late_success(&mut self, key: &SubscriptionKey) {
        if let Some(lane) = self.lanes.get_mut(key) {
            lane.late += 1;
        }
    }

    /// Whether a claim is under way.
    pub fn is_claiming(&self, key: &SubscriptionKey) -> bool {
        self.lanes.get(key).is_some_and(|lane| lane.claiming)
    }

    /// The late success was recorded, or failed.
    pub fn end_late_success(&mut self, key: &SubscriptionKey, now: Timestamp) {
        if let Some(lane) = self.lanes.get_mut(key) {
            lane.late = lane.late.saturating_sub(1);
            self.wake(key, now);
        }
    }

    fn park(&mut self, id: DeliveryId) {
        let Some(entry) =
            self.entries.get(&id).filter(|entry| entry.phase == ScheduledPhase::Ready)
        else {
            return;
        };
        let scheduled = Arc::clone(&entry.scheduled);
        if !self.is_held_of(&scheduled.delivery) {
            return;
        }
        self.dequeue(&scheduled);
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.phase = ScheduledPhase::Parked;
        }
    }

    /// Queues parked deliveries that no agent holds any more.
    pub(super) fn queue_unparked(&mut self, now: Timestamp) {
        for id in std::mem::take(&mut self.unparked) {
            let Some(entry) =
                self.entries.get(&id).filter(|entry| entry.phase == ScheduledPhase::Parked)
            else {
                continue;
            };
            let scheduled = Arc::clone(&entry.scheduled);
            if self.is_held_of(&scheduled.delivery) {
                continue;
            }
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.phase = ScheduledPhase::Ready;
            }
            self.enqueue_and_wake(scheduled, now);
        }
    }

    /// Returns a shard's parked deliveries to the table.
    pub(super) fn release_parked(&mut self, shard: Shard) {
        let of_shard = |entry: &&ScheduledEntry| {
            entry.phase == ScheduledPhase::Parked && entry.scheduled.delivery.shard == shard
        };
        let parked = self.entries.values().filter(of_shard);
        let parked: Vec<AttemptKey> =
            parked.map(|e| e.scheduled.delivery.current_attempt()).collect();
        for key in parked {
            self.queue_return(key);
        }
    }
}
