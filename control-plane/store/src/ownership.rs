//! Shard leases, which replicas and agents are alive, and what the replicas share.
//!
//! Every time here is by the database's clock (database-clock).
//!
//! Keeps the invariant `database-clock`.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use postrider_domain::assignment_key::AssignmentKey;
use postrider_domain::ids::{AgentId, Epoch, Region, ReplicaId, Shard};
use postrider_domain::time::{StoppedClock, Timestamp};

use crate::error::StoreResult;

/// Stores leases and heartbeats.
#[async_trait]
pub trait OwnershipStore {
    /// The database's clock.
    async fn now(&self) -> StoreResult<Timestamp>;

    /// Records that a replica and its agents are alive, and returns the state of the
    /// whole cluster at one moment. Of several sightings of an agent the latest counts.
    ///
    /// A replica's name belongs to the process that took it until that process has been
    /// silent for `lost_after`: the call of another process leaves its row as it is,
    /// and the result shows whose it is.
    async fn heartbeat(
        &self,
        replica: &ReplicaRow,
        agents: &[AgentSighting],
        lost_after: Duration,
    ) -> StoreResult<ClusterView>;

    /// Takes shards that are free or whose lease has ended; returns those taken,
    /// with their new epochs (one more than before). With `force`, takes them
    /// whatever their lease says: for an engine that only one process can open.
    async fn acquire_shards(
        &self,
        replica: &ReplicaId,
        shards: &[Shard],
        lease: Duration,
        force: bool,
    ) -> StoreResult<Vec<(Shard, Epoch)>>;

    /// Extends the leases that are still this replica's at these epochs. Returns those
    /// extended. Notes for each that its rows are written by a clock showing `now`, the
    /// replica's own time.
    async fn renew_shards(
        &self,
        replica: &ReplicaId,
        shards: &[(Shard, Epoch)],
        lease: Duration,
        now: Timestamp,
    ) -> StoreResult<Vec<Shard>>;

    /// Frees shards that are this replica's.
    async fn release_shards(&self, replica: &ReplicaId, shards: &[Shard]) -> StoreResult<()>;

    /// Removes a replica that leaves, if its name still belongs to this process.
    async fn remove_replica(
        &self,
        replica: &ReplicaId,
        instance: ProcessInstance,
    ) -> StoreResult<()>;

    /// Whether any subscription that is not deleted names a region. It may look
    /// through all of them.
    async fn region_is_subscribed(&self, region: &Region) -> StoreResult<bool>;

    /// The regions that subscriptions name, deleted ones aside, in their order; at most
    /// `limit`. It may look through all of them.
    async fn list_subscribed_regions(&self, limit: u32) -> StoreResult<Vec<Region>>;

    /// Stores a region's stopped clock (invariant `deadlines-stand-still`).
    async fn put_region_clock(&self, clock: &RegionClock) -> StoreResult<()>;

    /// Removes the clock of a region that no subscription names, deleted ones aside. Returns
    /// whether it did.
    async fn forget_region(&self, region: &Region) -> StoreResult<bool>;

    /// The key under which replicas prove what was assigned (invariant
    /// `only-what-was-assigned`): the one that stands, or `proposed` if there is none
    /// yet. Whoever asks gets the same. It is stored wrapped, as data keys are.
    async fn assignment_key(&self, proposed: &AssignmentKey) -> StoreResult<AssignmentKey>;
}

/// Tells processes with the same name apart; drawn at each start.
pub type ProcessInstance = [u8; 16];

/// A control-plane process as its peers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaRow {
    pub id: ReplicaId,
    pub instance: ProcessInstance,
    /// Where its peers reach its gRPC port, as a URL.
    pub address: String,
    /// The version that it runs.
    pub version: String,
    /// When it was last heard from, by the database's clock; ignored on writing.
    pub heard: Timestamp,
}

/// An agent as one replica sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSighting {
    pub agent: AgentId,
    pub incarnation: [u8; 16],
    pub region: Region,
    pub version: String,
    pub max_in_flight: u32,
    pub in_flight: u32,
    pub draining: bool,
    /// Its wall clock minus ours, in microseconds.
    pub clock_skew_us: i64,
    /// The replica that saw it.
    pub replica: ReplicaId,
    /// When it was last heard there, by the database's clock; on writing, how
    /// long before the call is in `heard_ago`.
    pub heard: Timestamp,
    pub heard_ago: Duration,
}

/// One sighting for each agent, the latest.
pub fn latest_sightings(agents: &[AgentSighting]) -> Vec<&AgentSighting> {
    let mut latest: BTreeMap<&AgentId, &AgentSighting> = BTreeMap::new();
    for seen in agents {
        let known = latest.entry(&seen.agent).or_insert(seen);
        if seen.heard_ago < known.heard_ago {
            *known = seen;
        }
    }
    latest.into_values().collect()
}

/// One shard's lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardRow {
    pub shard: Shard,
    pub epoch: Epoch,
    pub owner: Option<ReplicaId>,
    pub lease_until: Timestamp,
}

/// A region and the time it was without agents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionClock {
    pub region: Region,
    pub clock: StoppedClock,
}

/// The state of the whole cluster at one moment.
#[derive(Clone, Debug)]
pub struct ClusterView {
    /// The time, by the clock of leases and heartbeats.
    pub now: Timestamp,
    /// The database's own clock, where that differs: an engine inside this process
    /// carries the clock of its start forward.
    pub clock: Timestamp,
    /// Every replica that was not removed. A heartbeat removes those unheard for a
    /// minute and those with a time more than a minute ahead.
    pub replicas: Vec<ReplicaRow>,
    /// All shards, in their order.
    pub shards: Vec<ShardRow>,
    /// Every sighting not older than a minute.
    pub agents: Vec<AgentSighting>,
    pub regions: Vec<RegionClock>,
}
