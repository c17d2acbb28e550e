//! Shards and their leases.
//!
//! Fed by the cluster state; feeds the scheduler with the shards that this replica
//! owns. Guarantees (one-owner): only a shard's owner dispatches its deliveries, and
//! stops a margin before its lease can end for others, by a clock that was read before
//! the renewal was requested.
//!
//! Keeps the invariant `one-owner`.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use postrider_domain::ids::{AgentId, Epoch, ReplicaId, Shard};
use postrider_domain::scheduler::{AgentIdentity, ShardLease};
use postrider_domain::time::Timestamp;
use postrider_store::{AgentSighting, ClusterView, ReplicaRow, Store, StoreResult};
use tokio_util::sync::CancellationToken;

use super::agent_admission::AgentAdmission;
use super::agent_presence::AgentPresence;
use super::faults::LoopRounds;
use super::fleet_watch::FleetWatch;
use super::heartbeat::Heartbeat;
use super::region_clocks::RegionClocks;
use super::shard_numbers::shard_numbers;
use super::unsent::UnsentReturner;
use crate::clock::{Clock, wall_clock};
use crate::progress::{RoundCounts, WatchedLoops};
use crate::settings::Settings;
use crate::state::cluster::ClusterState;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;
use crate::state::peers::Peers;
use crate::state::tenants::TenantConfigs;

/// Most shards released at once: a joining replica gets its share soon, and no tenant is
/// without service for long. Of 64 by default an eighth: a second replica has its half in
/// four rounds.
const MAX_DRAINING_SHARDS: usize = 8;
/// How long a released shard waits for its attempts in flight; the next owner takes over
/// the rest. Most attempts have ended by then; longer would keep the rest of the shard
/// waiting.
const SHARD_DRAIN_TIMEOUT: Duration = Duration::from_secs(3);
/// How far a lease may plausibly end beyond one that begins now; a later end was written by
/// a clock that was set back since. As far as clocks may differ before nothing expires
/// (`database-clock`).
const MAX_LEASE_AHEAD: Duration = Duration::from_secs(60);

/// Keeps this replica's leases.
pub struct LeaseKeeper {
    replica: ReplicaId,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    loops: WatchedLoops,
    settings: Arc<Settings>,
    tenants: TenantConfigs,
    dispatcher: Dispatcher,
    cluster: ClusterState,
    peers: Peers,
    heartbeat: Heartbeat,
    unsent: UnsentReturner,
    agent_admission: AgentAdmission,
    region_clocks: RegionClocks,
    /// Shards that are being released, and since when.
    draining: HashMap<Shard, Timestamp>,
    is_first_round: bool,
    /// Agents whose rows the database refuses, already logged.
    refused_agents: HashSet<AgentId>,
    presence: AgentPresence,
    fleet_watch: FleetWatch,
    next_renewal: Timestamp,
}

impl LeaseKeeper {
    pub fn new(context: &ReplicaContext) -> Self {
        Self {
            replica: context.replica.clone(),
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            loops: context.loops.clone(),
            settings: Arc::clone(&context.settings),
            tenants: context.tenants.clone(),
            dispatcher: context.dispatcher.clone(),
            cluster: context.cluster.clone(),
            peers: context.peers.clone(),
            heartbeat: Heartbeat::new(context),
            unsent: UnsentReturner::new(context),
            agent_admission: AgentAdmission::new(context),
            region_clocks: RegionClocks::new(context),
            draining: HashMap::new(),
            is_first_round: true,
            refused_agents: HashSet::new(),
            presence: AgentPresence::default(),
            fleet_watch: FleetWatch::new(context),
            next_renewal: context.clock.now(),
        }
    }

    /// Sends heartbeats and keeps leases until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut rounds = LoopRounds::new(self.loops.register_loop("leases"));
        let beat = self.settings.ownership.heartbeat();
        while !stop.is_cancelled() {
            rounds.begin();
            let mut counts = RoundCounts::default();
            let done = self.run_round(&mut counts).await;
            let now = self.clock.now();
            rounds.end(counts, done.as_ref().err(), now, Some(now + beat));
            tokio::select! {
                () = self.clock.sleep(beat) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// One round. A part that fails does not stop the others.
    async fn run_round(&mut self, counts: &mut RoundCounts) -> StoreResult<()> {
        let mut refused = std::mem::take(&mut self.refused_agents);
        let heartbeat = self.heartbeat.clone();
        let asked = self.clock.now();
        // In parallel, so that a slow heartbeat does not cost a lease.
        let (renewed, view) =
            tokio::join!(self.renew_if_due(counts), heartbeat.send_heartbeat(&mut refused));
        self.refused_agents = refused;
        let view = view?;
        if self.clock.follows_database() {
            self.cluster.compare_clocks(self.clock.now(), view.clock, wall_clock());
        }
        self.cluster.record_view(view, asked);
        if let Some(usurper) = self.cluster.find_name_conflict() {
            self.drop_all_shards(&usurper);
            return Ok(());
        }
        self.peers.update_links();
        self.agent_admission.end_duplicate_streams();
        self.fleet_watch.observe(&self.cluster.view());
        self.presence.observe(self.cluster.has_live_agent(), self.clock.now());
        self.forget_lost_inventories();
        let clocks = self.region_clocks.update().await;
        let balanced = self.balance_shards(counts).await;
        self.is_first_round &= balanced.is_err();
        renewed.and(clocks).and(balanced)
    }

    /// Stops dispatching: another process has this replica's name.
    fn drop_all_shards(&mut self, usurper: &ReplicaRow) {
        let owned = self.dispatcher.read(|s, _| s.leases());
        for lease in owned {
            self.drop_shard_of(lease.shard);
        }
        let (replica, address) = (&usurper.id.0, &usurper.address);
        tracing::error!(%replica, %address, "another process has taken this replica's name; dispatching stops");
    }

    async fn renew_if_due(&mut self, counts: &mut RoundCounts) -> StoreResult<()> {
        if self.clock.now() >= self.next_renewal {
            self.renew_leases(counts).await?;
            self.next_renewal = self.clock.now()
                + Duration::from_secs(self.settings.ownership.renew_interval_seconds);
        }
        Ok(())
    }

    async fn renew_leases(&mut self, counts: &mut RoundCounts) -> StoreResult<()> {
        let owned: Vec<(Shard, Epoch)> =
            self.dispatcher.read(|s, _| s.leases()).iter().map(|l| (l.shard, l.epoch)).collect();
        if owned.is_empty() {
            return Ok(());
        }
        let asked = self.clock.now();
        let lease = Duration::from_secs(self.settings.ownership.lease_duration_seconds);
        let renewed = self.store.renew_shards(&self.replica, &owned, lease, asked).await?;
        counts.add_all("leases_renewed", renewed.len());
        for (shard, _) in owned {
            if renewed.contains(&shard) {
                let stop_at = self.dispatch_deadline(asked);
                self.dispatcher.update(|s, now| s.renew_shard(shard, stop_at, now));
            } else {
                counts.add_all("leases_lost", 1);
                tracing::warn!(shard = shard.0, "a lease was lost");
                self.drop_shard_of(shard);
            }
        }
        Ok(())
    }

    fn dispatch_deadline(&self, asked: Timestamp) -> Timestamp {
        let ownership = &self.settings.ownership;
        asked + Duration::from_secs(ownership.lease_duration_seconds)
            - Duration::from_secs(ownership.lease_margin_seconds)
    }

    fn drop_shard_of(&mut self, shard: Shard) {
        self.draining.remove(&shard);
        self.dispatcher.update(|scheduler, _| scheduler.drop_shard(shard));
    }

    /// Acquires free shards up to this replica's share; releases those above it.
    async fn balance_shards(&mut self, counts: &mut RoundCounts) -> StoreResult<()> {
        let view = self.cluster.view();
        let share = self.fair_share(&view);
        counts.add_all("shards_released", self.release_drained_shards().await?);
        let owned = self.dispatcher.read(|s, _| s.leases());
        let staying =
            owned.iter().filter(|lease| !self.draining.contains_key(&lease.shard)).count();
        if staying > share {
            let room = MAX_DRAINING_SHARDS.saturating_sub(self.draining.len());
            let surplus = owned.iter().rev().filter(|l| !self.draining.contains_key(&l.shard));
            let surplus: Vec<Shard> =
                surplus.take((staying - share).min(room)).map(|l| l.shard).collect();
            for shard in surplus {
                self.draining.insert(shard, self.clock.now());
                self.dispatcher.update(|scheduler, _| scheduler.drain_shard(shard));
            }
        } else if staying < share {
            let acquired = self.acquire_free_shards(&view, share - staying).await?;
            counts.add_all("shards_acquired", acquired);
        }
        Ok(())
    }

    /// This replica's share: an even one, rounded up for the first few replicas.
    fn fair_share(&self, view: &ClusterView) -> usize {
        let lost_after = self.settings.ownership.lost_after();
        let mut alive: Vec<&ReplicaId> = view
            .replicas
            .iter()
            .filter(|replica| view.now.since(replica.heard) < lost_after)
            .map(|replica| &replica.id)
            .collect();
        alive.sort();
        let replicas = alive.len().max(1);
        let shards = view.shards.len();
        let rank = alive.iter().position(|id| **id == self.replica).unwrap_or(replicas);
        shards / replicas + usize::from(rank < shards % replicas)
    }

    /// Acquires free shards; returns how many.
    async fn acquire_free_shards(
        &mut self,
        view: &ClusterView,
        wanted: usize,
    ) -> StoreResult<usize> {
        let force = self.is_first_round && self.settings.single_process();
        // Our own lapsed lease that no one has taken is renewed instead.
        let owned = self.dispatcher.read(|s, _| s.leases());
        let lease = Duration::from_secs(self.settings.ownership.lease_duration_seconds);
        // Such a lease is from a clock that was set back; a living owner renews it by then.
        let forever = |until: Timestamp| {
            until > view.now + lease + MAX_LEASE_AHEAD && !self.cluster.has_clock_jumped()
        };
        let over = |until: Timestamp| until <= view.now || forever(until);
        // After the database's clock was set, wait until living owners have renewed.
        let over = |until: Timestamp| over(until) && !self.cluster.clock_was_set();
        let free = view
            .shards
            .iter()
            .filter(|row| !owned.iter().any(|lease| lease.shard == row.shard))
            .filter(|row| force || row.owner.is_none() || over(row.lease_until));
        let free: Vec<Shard> = free.take(wanted).map(|row| row.shard).collect();
        if free.is_empty() {
            return Ok(0);
        }
        let asked = self.clock.now();
        let taken = self.store.acquire_shards(&self.replica, &free, lease, force).await?;
        self.cluster.note_acquired_shards(&taken);
        // Notes by which clock their rows are written, even if this replica does no more.
        if let Err(error) = self.store.renew_shards(&self.replica, &taken, lease, asked).await {
            tracing::warn!(%error, "the clock of acquired shards was not recorded; the next renewal will record it");
        }
        let agents: Vec<AgentIdentity> = self.live_agents(view);
        let stop_at = self.dispatch_deadline(asked);
        let mut announced = Vec::with_capacity(taken.len());
        self.dispatcher.update(|scheduler, now| {
            for (shard, epoch) in &taken {
                let lease = ShardLease { shard: *shard, epoch: *epoch };
                scheduler.take_shard(lease, stop_at, agents.iter().cloned(), now);
                announced.push(lease);
            }
        });
        let numbers = shard_numbers(taken.iter().map(|(shard, _)| *shard));
        let from = previous_owners(view, &taken);
        tracing::info!(shards = taken.len(), numbers, from, "acquired shards");
        self.dispatcher.announce_take_overs(&announced);
        let shards: Vec<Shard> = announced.iter().map(|lease| lease.shard).collect();
        self.tenants.configure_shards(&shards);
        Ok(shards.len())
    }

    fn is_agent_lost(&self, agent: &AgentIdentity) -> bool {
        let lost_after = self.settings.ownership.lost_after();
        self.dispatcher.is_agent_lost(&self.cluster, lost_after, agent)
    }

    fn live_agents(&self, view: &ClusterView) -> Vec<AgentIdentity> {
        let identity = |seen: &AgentSighting| AgentIdentity {
            agent: seen.agent.clone(),
            incarnation: seen.incarnation,
        };
        let mut agents: Vec<AgentIdentity> = view.agents.iter().map(identity).collect();
        agents.sort();
        agents.dedup();
        agents.retain(|agent| !self.is_agent_lost(agent));
        agents
    }

    /// Releases shards of which nothing is in flight any more; returns how many.
    async fn release_drained_shards(&mut self) -> StoreResult<usize> {
        let now = self.clock.now();
        let done: Vec<Shard> = self
            .draining
            .iter()
            .filter(|(shard, since)| {
                let left = self.dispatcher.read(|s, _| s.shard_deliveries(**shard));
                left == 0 || now.since(**since) > SHARD_DRAIN_TIMEOUT
            })
            .map(|(shard, _)| *shard)
            .collect();
        self.hand_back_shards(&done).await?;
        Ok(done.len())
    }

    async fn hand_back_shards(&mut self, shards: &[Shard]) -> StoreResult<()> {
        if shards.is_empty() {
            return Ok(());
        }
        self.unsent.return_unsent().await?;
        for shard in shards {
            self.drop_shard_of(*shard);
        }
        self.store.release_shards(&self.replica, shards).await?;
        let numbers = shard_numbers(shards.iter().copied());
        tracing::info!(shards = shards.len(), numbers, "released shards");
        Ok(())
    }

    /// Stops waiting for the inventories of lost agents.
    fn forget_lost_inventories(&self) {
        let awaited = self.dispatcher.read(|s, _| s.awaited_agents());
        for agent in awaited {
            if self.is_agent_lost(&agent) {
                self.dispatcher.update(|s, _| s.stop_awaiting_inventory(&agent));
            }
        }
    }
}

/// Whose these shards were, by their names.
fn previous_owners(view: &ClusterView, taken: &[(Shard, Epoch)]) -> String {
    let rows = view.shards.iter().filter(|row| taken.iter().any(|(shard, _)| *shard == row.shard));
    let owners: BTreeSet<&str> = rows.filter_map(|row| Some(&*row.owner.as_ref()?.0)).collect();
    owners.into_iter().collect::<Vec<_>>().join(",")
}
