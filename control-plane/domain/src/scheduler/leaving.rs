//! Returning unsent deliveries to the table, and finding lost ones.
//!
//! Fed by closing gates, lost shards, results of earlier attempts and returning agents;
//! feeds the flow attempts to return and to look up. Guarantees that none of them
//! enters memory again before the table has it: until then its row says IN_FLIGHT at
//! our epoch, like that of a lost one, and a delayed return could meet an attempt at an
//! agent.
//!
//! Keeps the invariants `no-invented-unknown` and `one-at-a-time-per-key`.

use std::collections::HashSet;
use std::sync::Arc;

use super::entry::{AgentIdentity, ScheduledDelivery, ScheduledEntry, ScheduledPhase};
use super::state::Scheduler;
use crate::delivery::Delivery;
use crate::ids::{AttemptKey, DeliveryId};
use crate::time::Timestamp;

/// An attempt that was sent over a broken stream and that its agent, now reconnected,
/// does not hold: its result was recorded elsewhere, or it never arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnconfirmedAttempt {
    pub key: AttemptKey,
    /// Which sending of the attempt.
    sent: Timestamp,
}

impl Scheduler {
    /// Takes the attempts of a lost agent, to be recorded as UNKNOWN. They count as
    /// confirmed from now on, so that an agent that returns before the record does not
    /// cause a second sending.
    pub fn take_work_of_lost_agent(
        &mut self,
        agent: &AgentIdentity,
    ) -> Vec<Arc<ScheduledDelivery>> {
        let sent_to = |entry: &&mut ScheduledEntry| matches!(&entry.phase, ScheduledPhase::Sent { agent: to } if to == agent);
        let lost = self.entries.values_mut().filter(sent_to);
        lost.map(|entry| {
            entry.given_up = true;
            Arc::clone(&entry.scheduled)
        })
        .collect()
    }

    /// Attempts that an agent was sent and does not hold.
    pub fn find_unconfirmed_attempts(
        &self,
        agent: &AgentIdentity,
        held: &[AttemptKey],
    ) -> Vec<UnconfirmedAttempt> {
        let sent_to = |entry: &&ScheduledEntry| matches!(&entry.phase, ScheduledPhase::Sent { agent: to } if to == agent);
        let to_unconfirmed = |entry: &ScheduledEntry| UnconfirmedAttempt {
            key: entry.scheduled.delivery.current_attempt(),
            sent: entry.sent,
        };
        let unconfirmed = self
            .entries
            .values()
            .filter(sent_to)
            .filter(|entry| !entry.given_up)
            .map(to_unconfirmed);
        unconfirmed.filter(|attempt| !held.contains(&attempt.key)).collect()
    }

    /// According to the table it never arrived: sends it again as the same attempt,
    /// unless its result came meanwhile or it was sent again already.
    pub fn send_again(
        &mut self,
        attempt: UnconfirmedAttempt,
        scheduled: Arc<ScheduledDelivery>,
        now: Timestamp,
    ) {
        let entry = self.entries.get(&attempt.key.delivery);
        let is_meant = entry.is_some_and(|entry| {
            matches!(entry.phase, ScheduledPhase::Sent { .. })
                && entry.sent == attempt.sent
                && !entry.given_up
                && entry.scheduled.delivery.current_attempt() == attempt.key
        });
        if is_meant && scheduled.delivery.current_attempt() == attempt.key {
            self.forget(attempt.key, now);
            self.add([scheduled], now);
        }
    }

    /// Takes an unsent attempt out of memory and queues it for the table.
    pub(super) fn queue_return(&mut self, key: AttemptKey) {
        self.remove_entry(key.delivery);
        let is_new = self.leaving.insert(key.delivery);
        debug_assert!(is_new, "a delivery returns to the table once");
        self.release.push(key);
    }

    /// The table has these attempts again.
    pub fn confirm_return(&mut self, keys: &[AttemptKey]) {
        for key in keys {
            self.leaving.remove(&key.delivery);
            // A sweep may have read its row before.
            if let Some(left) = &mut self.left_during_sweep {
                left.insert(key.delivery);
            }
        }
    }

    /// Like [`Self::withdraw`] for whichever attempt is queued. The caller returns it
    /// to the table and confirms that ([`Self::confirm_return`]).
    pub fn take_out_by_id(&mut self, id: DeliveryId, now: Timestamp) -> Option<AttemptKey> {
        let entry = self.entries.get(&id).filter(|entry| entry.phase.is_unsent())?;
        let key = entry.scheduled.delivery.current_attempt();
        self.forget(key, now);
        let is_new = self.leaving.insert(id);
        debug_assert!(is_new, "a delivery returns to the table once");
        Some(key)
    }

    /// Another replica concluded this attempt. Whether a later, queued one is still
    /// needed, the table decides.
    pub fn concluded_elsewhere(&mut self, key: AttemptKey, now: Timestamp) {
        self.forget(key, now);
        let Some(entry) = self.entries.get(&key.delivery) else {
            return;
        };
        if entry.phase.is_unsent() && entry.scheduled.delivery.attempts > key.number {
            let subscription = entry.scheduled.delivery.subscription.clone();
            let unsent = self.take_out_by_id(key.delivery, now);
            self.release.extend(unsent);
            self.note_due(&subscription, now, now);
        }
    }

    /// A delivery with an ordering key comes into memory. The table released it, so it
    /// has ended everything before it. If an earlier delivery of the key is still
    /// queued here, it would be sent after its followers, so it is returned to the
    /// table.
    pub(super) fn return_predecessor(&mut self, follower: &Delivery, now: Timestamp) {
        let Some(key) = follower.ordered_key() else {
            return;
        };
        let before = self.newest_of_key.get(&key).and_then(|id| self.entries.get(id));
        let Some(before) = before.map(|entry| &entry.scheduled.delivery) else {
            self.newest_of_key.insert(key, follower.id);
            return;
        };
        if before.sequence < follower.sequence {
            let id = before.id;
            self.newest_of_key.insert(key, follower.id);
            let unsent = self.take_out_by_id(id, now);
            self.release.extend(unsent);
        }
    }

    /// [`Self::return_predecessor`] need not look for it any more.
    pub(super) fn forget_key_position(&mut self, delivery: &Delivery) {
        if let Some(key) = delivery.ordered_key()
            && self.newest_of_key.get(&key) == Some(&delivery.id)
        {
            self.newest_of_key.remove(&key);
        }
    }

    /// Until [`Self::find_missing_since_sweep`], remembers what leaves memory.
    pub fn begin_sweep(&mut self) {
        self.left_during_sweep = Some(HashSet::new());
    }

    /// Of deliveries that the table held as IN_FLIGHT at our epoch during the sweep,
    /// those that were not in memory while it ran and are not being returned: they were
    /// lost on the way.
    pub fn find_missing_since_sweep(&mut self, found: Vec<DeliveryId>) -> Vec<DeliveryId> {
        let left = self.left_during_sweep.take().unwrap_or_default();
        let absent = |id: &DeliveryId| {
            !self.entries.contains_key(id) && !left.contains(id) && !self.leaving.contains(id)
        };
        found.into_iter().filter(absent).collect()
    }
}
