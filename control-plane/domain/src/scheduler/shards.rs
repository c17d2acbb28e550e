//! Leases, and settling a take-over (one-owner, earlier-epochs-are-swept,
//! no-invented-unknown).
//!
//! A shard that was just taken dispatches nothing until every agent that may still hold
//! attempts of the previous owner has reported them, or the grace period is over.
//!
//! Keeps the invariants `one-owner`, `earlier-epochs-are-swept` and
//! `no-invented-unknown`.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::entry::{AgentIdentity, ScheduledDelivery, ScheduledEntry, ScheduledPhase};
use super::shard_state::{ShardLease, ShardSettling, ShardState, UnsettledShard};
use super::state::Scheduler;
use crate::ids::{AttemptKey, DeliveryId, Epoch, Shard, SubscriptionKey};
use crate::time::Timestamp;

/// Most attempts that agents may report of one shard while it settles; far more than can
/// be in flight.
const MAX_CLAIMED_ATTEMPTS: usize = 1_000_000;

impl Scheduler {
    /// This replica owns a shard now. `agents` are all live agents, connected to any
    /// replica. What it had of the shard at an earlier epoch is forgotten.
    pub fn take_shard(
        &mut self,
        lease: ShardLease,
        stop_at: Timestamp,
        agents: impl IntoIterator<Item = AgentIdentity>,
        now: Timestamp,
    ) {
        debug_assert!(
            self.epoch(lease.shard).is_none_or(|before| before < lease.epoch),
            "a shard's epoch rises with each owner"
        );
        if self.shards.contains_key(&lease.shard) {
            self.drop_shard(lease.shard);
        }
        let settling = ShardSettling {
            awaited: agents.into_iter().collect(),
            give_up_at: now + self.config.settle_grace,
            claimed: HashMap::new(),
        };
        let state =
            ShardState { epoch: lease.epoch, stop_at, settling: Some(settling), draining: false };
        self.shards.insert(lease.shard, state);
    }

    /// The lease was extended.
    pub fn renew_shard(&mut self, shard: Shard, stop_at: Timestamp, now: Timestamp) {
        let Some(state) = self.shards.get_mut(&shard) else {
            return;
        };
        let had_lapsed = now >= state.stop_at;
        state.stop_at = stop_at;
        if had_lapsed {
            self.wake_shard(shard, now);
        }
    }

    /// Stops dispatching a shard: queued deliveries are returned, attempts in flight
    /// may still end.
    pub fn drain_shard(&mut self, shard: Shard) {
        if let Some(state) = self.shards.get_mut(&shard) {
            state.draining = true;
        }
        for key in self.lanes_of(shard) {
            self.shed(&key);
        }
        self.release_parked(shard);
    }

    /// Deliveries of a shard that are in memory.
    pub fn shard_deliveries(&self, shard: Shard) -> usize {
        self.entries.values().filter(|entry| entry.scheduled.delivery.shard == shard).count()
    }

    /// This replica does not own the shard any more: forgets all of it.
    pub fn drop_shard(&mut self, shard: Shard) {
        self.shards.remove(&shard);
        for key in self.lanes_of(shard) {
            let Some(lane) = self.remove_lane(&key) else {
                continue;
            };
            if let Some(region) = self.regions.get_mut(&lane.subscription.settings.region) {
                region.queued = region.queued.saturating_sub(lane.ready.len());
                region.ring.remove(&key);
            }
        }
        let of_shard = |entry: &&ScheduledEntry| entry.scheduled.delivery.shard == shard;
        let gone: Vec<DeliveryId> = self
            .entries
            .values()
            .filter(of_shard)
            .map(|entry| entry.scheduled.delivery.id)
            .collect();
        for id in gone {
            self.remove_entry(id);
        }
        for region in self.regions.values_mut() {
            region.remove_tests(|scheduled| scheduled.delivery.shard == shard);
        }
    }

    /// The shards owned, in their order.
    pub fn leases(&self) -> Vec<ShardLease> {
        self.shards
            .iter()
            .map(|(shard, state)| ShardLease { shard: *shard, epoch: state.epoch })
            .collect()
    }

    /// Owned shards that are settled.
    pub fn settled(&self) -> Vec<ShardLease> {
        let settled = self.shards.iter().filter(|(_, state)| state.settling.is_none());
        settled.map(|(shard, state)| ShardLease { shard: *shard, epoch: state.epoch }).collect()
    }

    /// The epoch at which this replica owns the shard.
    pub fn epoch(&self, shard: Shard) -> Option<Epoch> {
        self.shards.get(&shard).map(|state| state.epoch)
    }

    /// An agent reported what it holds: for one shard in answer to `TakeOver` at that
    /// epoch, or for all shards in its Hello.
    pub fn record_inventory(
        &mut self,
        agent: &AgentIdentity,
        answer_to: Option<ShardLease>,
        held: &[AttemptKey],
    ) {
        self.note_held(agent, held);
        for (shard, state) in &mut self.shards {
            let Some(settling) = &mut state.settling else {
                continue;
            };
            if let Some(lease) = answer_to {
                if lease.shard != *shard || lease.epoch != state.epoch {
                    continue;
                }
                settling.awaited.remove(agent);
            }
            let room = MAX_CLAIMED_ATTEMPTS.saturating_sub(settling.claimed.len());
            settling.claimed.extend(held.iter().take(room).map(|key| (*key, agent.clone())));
        }
    }

    /// An agent is lost: its inventory is not awaited any more.
    pub fn stop_awaiting_inventory(&mut self, lost: &AgentIdentity) {
        for state in self.shards.values_mut() {
            if let Some(settling) = &mut state.settling {
                settling.awaited.remove(lost);
            }
        }
    }

    /// Agents whose inventory is still awaited.
    pub fn awaited_agents(&self) -> BTreeSet<AgentIdentity> {
        let settling = self.shards.values().filter_map(|state| state.settling.as_ref());
        settling.flat_map(|s| s.awaited.iter().cloned()).collect()
    }

    /// Shards whose agents have all answered, or whose grace is over.
    pub fn ready_to_settle(&self, now: Timestamp) -> Vec<UnsettledShard> {
        let ready = self.shards.iter().filter(|(_, state)| {
            let done = |s: &ShardSettling| s.awaited.is_empty() || now >= s.give_up_at;
            state.settling.as_ref().is_some_and(done)
        });
        ready
            .map(|(shard, state)| UnsettledShard {
                lease: ShardLease { shard: *shard, epoch: state.epoch },
            })
            .collect()
    }

    /// The agent that reported this attempt.
    pub fn claimant(&self, shard: Shard, key: AttemptKey) -> Option<AgentIdentity> {
        let settling = self.shards.get(&shard)?.settling.as_ref()?;
        settling.claimed.get(&key).cloned()
    }

    /// Adds an attempt that an agent holds from an earlier owner, after its row was
    /// moved to this replica's epoch.
    pub fn adopt(
        &mut self,
        scheduled: Arc<ScheduledDelivery>,
        agent: AgentIdentity,
        now: Timestamp,
    ) {
        if self.entries.contains_key(&scheduled.delivery.id) {
            return;
        }
        if !scheduled.delivery.test
            && let Some(lane) = self.lanes.get_mut(&scheduled.delivery.subscription)
        {
            lane.in_flight += 1;
            self.list_lane(&scheduled.delivery.subscription);
        }
        let entry = ScheduledEntry {
            scheduled: Arc::clone(&scheduled),
            phase: ScheduledPhase::Sent { agent },
            sent: now,
            given_up: false,
        };
        self.entries.insert(scheduled.delivery.id, entry);
    }

    /// Everything of earlier owners is accounted for: the shard may dispatch.
    pub fn settle(&mut self, lease: ShardLease, now: Timestamp) {
        let Some(state) = self.shards.get_mut(&lease.shard) else {
            return;
        };
        if state.epoch == lease.epoch {
            state.settling = None;
            self.wake_shard(lease.shard, now);
        }
    }

    fn wake_shard(&mut self, shard: Shard, now: Timestamp) {
        for key in self.lanes_of(shard) {
            self.wake(&key, now);
        }
    }

    fn lanes_of(&self, shard: Shard) -> Vec<SubscriptionKey> {
        let of_shard = self.lanes.iter().filter(|(_, lane)| lane.shard == shard);
        of_shard.map(|(key, _)| key.clone()).collect()
    }
}
