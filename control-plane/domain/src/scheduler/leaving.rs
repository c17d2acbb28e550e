//! How deliveries go back to the table unsent, and how lost ones are found.
//!
//! Fed by gates that close, shards that are given up, results of earlier attempts and
//! agents that come back; feeds the flow with attempts to release and to look up.
//! Guarantees that none of them is taken into memory again before the table is known to
//! have it: until then its row says IN_FLIGHT at our epoch, as that of one which was
//! lost does, and what is being released late would be at an agent.

use std::collections::HashSet;
use std::sync::Arc;

use super::{AgentIdentity, Entry, Job, Phase, Scheduler};
use crate::delivery::Delivery;
use crate::ids::{AttemptKey, DeliveryId};
use crate::time::Timestamp;

/// An attempt that was sent over a stream that broke and that its agent, back again,
/// does not hold: it was concluded, or never came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    pub key: AttemptKey,
    /// Which of its sendings is meant.
    sent: Timestamp,
}

impl Scheduler {
    /// What a lost agent was sent, to be recorded as UNKNOWN. From now on it is in no
    /// doubt: an agent that comes back before the record is made is not a reason to send
    /// it again, beside the attempt that follows the record.
    pub fn give_up_work_of(&mut self, agent: &AgentIdentity) -> Vec<Arc<Job>> {
        let sent_to =
            |entry: &&mut Entry| matches!(&entry.phase, Phase::Sent { agent: to } if to == agent);
        let lost = self.entries.values_mut().filter(sent_to);
        lost.map(|entry| {
            entry.given_up = true;
            Arc::clone(&entry.job)
        })
        .collect()
    }

    /// What an agent was sent that is not among what it says it holds.
    pub fn doubts(&self, agent: &AgentIdentity, held: &[AttemptKey]) -> Vec<Doubt> {
        let sent_to =
            |entry: &&Entry| matches!(&entry.phase, Phase::Sent { agent: to } if to == agent);
        let doubt =
            |entry: &Entry| Doubt { key: entry.job.delivery.current_attempt(), sent: entry.sent };
        let doubts =
            self.entries.values().filter(sent_to).filter(|entry| !entry.given_up).map(doubt);
        doubts.filter(|doubt| !held.contains(&doubt.key)).collect()
    }

    /// It never came, by what the table says: it goes out again, as the same attempt,
    /// unless its result came meanwhile or it was sent again already.
    pub fn send_again(&mut self, doubt: Doubt, job: Arc<Job>, now: Timestamp) {
        let entry = self.entries.get(&doubt.key.delivery);
        let is_meant = entry.is_some_and(|entry| {
            matches!(entry.phase, Phase::Sent { .. })
                && entry.sent == doubt.sent
                && !entry.given_up
                && entry.job.delivery.current_attempt() == doubt.key
        });
        if is_meant && job.delivery.current_attempt() == doubt.key {
            self.forget(doubt.key, now);
            self.add([job], now);
        }
    }

    /// Takes an attempt that was not sent out of memory, for the table.
    pub(super) fn give_back(&mut self, key: AttemptKey) {
        self.remove_entry(key.delivery);
        self.leaving.insert(key.delivery);
        self.release.push(key);
    }

    /// The table has them.
    pub fn given_back(&mut self, keys: &[AttemptKey]) {
        for key in keys {
            self.leaving.remove(&key.delivery);
            // A sweep may have read its row before.
            if let Some(left) = &mut self.left_during_sweep {
                left.insert(key.delivery);
            }
        }
    }

    /// As [`Self::withdraw`], by whichever attempt it would have been sent; the
    /// caller gives that one back to the table, and says so ([`Self::given_back`]).
    pub fn take_back(&mut self, id: DeliveryId, now: Timestamp) -> Option<AttemptKey> {
        let entry = self.entries.get(&id).filter(|entry| entry.phase.is_unsent())?;
        let key = entry.job.delivery.current_attempt();
        self.forget(key, now);
        self.leaving.insert(id);
        Some(key)
    }

    /// Another replica concluded this attempt. If a later one is queued, the table
    /// knows whether it is still wanted.
    pub fn concluded_elsewhere(&mut self, key: AttemptKey, now: Timestamp) {
        self.forget(key, now);
        let Some(entry) = self.entries.get(&key.delivery) else {
            return;
        };
        if entry.phase.is_unsent() && entry.job.delivery.attempts > key.number {
            let subscription = entry.job.delivery.subscription.clone();
            let unsent = self.take_back(key.delivery, now);
            self.release.extend(unsent);
            self.note_due(&subscription, now, now);
        }
    }

    /// A delivery comes into memory with an ordering key: the table let it go, and so
    /// has ended what stood before it. What is still queued of that here, since nobody
    /// could tell us, would be sent after its followers; the table, which has the last
    /// word, is given it back.
    pub(super) fn overtake(&mut self, follower: &Delivery, now: Timestamp) {
        let Some(key) = follower.ordered_key() else {
            return;
        };
        let before = self.newest_of_key.get(&key).and_then(|id| self.entries.get(id));
        let Some(before) = before.map(|entry| &entry.job.delivery) else {
            self.newest_of_key.insert(key, follower.id);
            return;
        };
        if before.sequence < follower.sequence {
            let id = before.id;
            self.newest_of_key.insert(key, follower.id);
            let unsent = self.take_back(id, now);
            self.release.extend(unsent);
        }
    }

    /// [`Self::overtake`] need not look for it any more.
    pub(super) fn has_left_its_key(&mut self, delivery: &Delivery) {
        if let Some(key) = delivery.ordered_key()
            && self.newest_of_key.get(&key) == Some(&delivery.id)
        {
            self.newest_of_key.remove(&key);
        }
    }

    /// From now until [`Self::missing_since_sweep`], remembers what leaves memory.
    pub fn sweep_begins(&mut self) {
        self.left_during_sweep = Some(HashSet::new());
    }

    /// Of deliveries that the table held as IN_FLIGHT at our epoch during the
    /// sweep, those that were never in memory while it ran, and are not being given
    /// back: lost on their way.
    pub fn missing_since_sweep(&mut self, found: Vec<DeliveryId>) -> Vec<DeliveryId> {
        let left = self.left_during_sweep.take().unwrap_or_default();
        let absent = |id: &DeliveryId| {
            !self.entries.contains_key(id) && !left.contains(id) && !self.leaving.contains(id)
        };
        found.into_iter().filter(absent).collect()
    }
}
