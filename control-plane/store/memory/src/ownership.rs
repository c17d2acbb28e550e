//! Leases and heartbeats by the database's clock, in memory: `OwnershipStore`.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use postrider_domain::assignment_key::AssignmentKey;
use postrider_domain::ids::{Epoch, Region, ReplicaId, Shard};
use postrider_domain::time::Timestamp;
use postrider_store::{
    AgentSighting, ClusterView, OwnershipStore, ProcessInstance, RegionClock, ReplicaRow, ShardRow,
    StoreResult, latest_sightings,
};

use crate::MemoryStore;

/// How long those unheard are remembered, and those heard later than now, by a clock that
/// was set back since; nor is a lease believed that ends so much later than one that begins
/// now. As in the other engines.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

#[async_trait]
impl OwnershipStore for MemoryStore {
    async fn now(&self) -> StoreResult<Timestamp> {
        self.tables().map(|_| (self.clock)())
    }

    async fn heartbeat(
        &self,
        replica: &ReplicaRow,
        agents: &[AgentSighting],
        lost_after: Duration,
    ) -> StoreResult<ClusterView> {
        let mut tables = self.tables()?;
        let now = (self.clock)();
        let me = ReplicaRow { heard: now, ..replica.clone() };
        let known = tables.replicas.entry(replica.id.clone()).or_insert_with(|| me.clone());
        let silence = now.since(known.heard).max(known.heard.since(now));
        if known.instance == me.instance || silence >= lost_after {
            *known = me;
        }
        for agent in latest_sightings(agents) {
            let seen = AgentSighting { heard: now - agent.heard_ago, ..agent.clone() };
            tables.agents.insert((agent.agent.clone(), agent.replica.clone()), seen);
        }
        let remembered = now - FORGOTTEN_AFTER..=now + FORGOTTEN_AFTER;
        tables.replicas.retain(|_, replica| remembered.contains(&replica.heard));
        tables.agents.retain(|_, agent| remembered.contains(&agent.heard));
        let agents = tables.agents.values();
        let regions = tables.regions.iter();
        Ok(ClusterView {
            now,
            clock: now,
            replicas: tables.replicas.values().cloned().collect(),
            shards: tables.shards.clone(),
            agents: agents
                .map(|agent| AgentSighting { heard_ago: now.since(agent.heard), ..agent.clone() })
                .collect(),
            regions: regions
                .map(|(region, clock)| RegionClock { region: region.clone(), clock: *clock })
                .collect(),
        })
    }

    async fn acquire_shards(
        &self,
        replica: &ReplicaId,
        shards: &[Shard],
        lease: Duration,
        force: bool,
    ) -> StoreResult<Vec<(Shard, Epoch)>> {
        let mut tables = self.tables()?;
        let now = (self.clock)();
        let free = tables.shards.iter_mut().filter(|row| {
            let held = row.lease_until > now && row.lease_until <= now + lease + FORGOTTEN_AFTER;
            let free = force || row.owner.is_none() || !held;
            free && shards.contains(&row.shard)
        });
        let take = |row: &mut ShardRow| {
            row.epoch = Epoch(row.epoch.0 + 1);
            row.owner = Some(replica.clone());
            row.lease_until = now + lease;
            (row.shard, row.epoch)
        };
        Ok(free.map(take).collect())
    }

    async fn renew_shards(
        &self,
        replica: &ReplicaId,
        shards: &[(Shard, Epoch)],
        lease: Duration,
        now: Timestamp,
    ) -> StoreResult<Vec<Shard>> {
        let mut tables = self.tables()?;
        let until = (self.clock)() + lease;
        let own = tables.shards.iter_mut().filter(|row| {
            shards.contains(&(row.shard, row.epoch)) && row.owner.as_ref() == Some(replica)
        });
        let renew = |row: &mut ShardRow| {
            row.lease_until = until;
            row.shard
        };
        let renewed: Vec<Shard> = own.map(renew).collect();
        for shard in &renewed {
            let clock = tables.clocks.entry(*shard).or_default();
            *clock = now.max(*clock);
        }
        Ok(renewed)
    }

    async fn release_shards(&self, replica: &ReplicaId, shards: &[Shard]) -> StoreResult<()> {
        for row in &mut self.tables()?.shards {
            if shards.contains(&row.shard) && row.owner.as_ref() == Some(replica) {
                row.owner = None;
                row.lease_until = Timestamp::default();
            }
        }
        Ok(())
    }

    async fn remove_replica(
        &self,
        replica: &ReplicaId,
        instance: ProcessInstance,
    ) -> StoreResult<()> {
        let replicas = &mut self.tables()?.replicas;
        if replicas.get(replica).is_some_and(|known| known.instance == instance) {
            replicas.remove(replica);
        }
        Ok(())
    }

    async fn region_is_subscribed(&self, region: &Region) -> StoreResult<bool> {
        let tables = self.tables()?;
        let mut all = tables.subscriptions.values();
        Ok(all.any(|entry| entry.settings.region == *region && entry.delete_time.is_none()))
    }

    async fn list_subscribed_regions(&self, limit: u32) -> StoreResult<Vec<Region>> {
        let tables = self.tables()?;
        let living = tables.subscriptions.values().filter(|entry| entry.delete_time.is_none());
        let named: BTreeSet<&Region> = living.map(|entry| &entry.settings.region).collect();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(named.into_iter().take(limit).cloned().collect())
    }

    async fn put_region_clock(&self, clock: &RegionClock) -> StoreResult<()> {
        self.tables()?.regions.insert(clock.region.clone(), clock.clock);
        Ok(())
    }

    async fn forget_region(&self, region: &Region) -> StoreResult<bool> {
        let is_named = self.region_is_subscribed(region).await?;
        Ok(!is_named && self.tables()?.regions.remove(region).is_some())
    }

    async fn assignment_key(&self, proposed: &AssignmentKey) -> StoreResult<AssignmentKey> {
        let key = &mut self.tables()?.assignment_key;
        Ok(key.get_or_insert_with(|| proposed.clone()).clone())
    }
}
