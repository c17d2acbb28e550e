//! Shards, leases and signs of life.
//!
//! Fed by the store's view of everybody; feeds the scheduler with what this
//! replica owns. Guarantees rule 2: nothing of a shard is dispatched but by its
//! owner, which stops a margin before its lease can end for others, by a clock
//! that was read before the renewal was asked for.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use postrider_domain::ids::{AgentId, Epoch, Region, ReplicaId, Shard};
use postrider_domain::scheduler::{AgentIdentity, ShardLease};
use postrider_domain::time::Timestamp;
use postrider_store::{AgentSighting, ClusterView, RegionClock, ReplicaRow, StoreResult};
use tokio_util::sync::CancellationToken;

use super::Flow;
use super::faults::FaultLog;
use super::vacancy::Vacancy;
use crate::clock::wall_clock;
use crate::health::Progress;

/// Shards given up at once, so that a joining replica has its share soon and
/// nobody is without service for long.
const GIVE_UP_AT_ONCE: usize = 8;
/// How long a shard that is given up waits for what is in flight; what is still
/// out then is taken over by the next owner.
const DRAIN_SHARD: Duration = Duration::from_secs(3);
/// A lease ends at most this much later than one that begins now.
const FAR: Duration = Duration::from_secs(60);
/// How long one that leaves waits for its last commit.
const SETTLE: Duration = Duration::from_secs(1);

/// What the ownership loop remembers.
struct Leases {
    /// Shards that are being given up, and since when.
    draining: HashMap<Shard, Timestamp>,
    first: bool,
    /// Agents whose rows the database refuses, of which the log knows.
    refused: HashSet<AgentId>,
    vacancy: Vacancy,
}

impl Flow {
    /// Keeps leases and gives signs of life until told to stop.
    pub async fn run_ownership(&self, progress: Progress, stop: CancellationToken) {
        let mut leases = Leases {
            draining: HashMap::new(),
            first: true,
            refused: HashSet::new(),
            vacancy: Vacancy::default(),
        };
        let mut next_renewal = self.clock.now();
        let mut log = FaultLog::new("leases");
        while !stop.is_cancelled() {
            progress.made();
            let done = self.own_once(&mut leases, &mut next_renewal).await;
            log.note(done.as_ref().err(), self.clock.now());
            let beat = self.settings.ownership.heartbeat();
            tokio::select! {
                () = self.clock.sleep(beat) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// One round of everything, each part for itself: what fails of one is no reason to
    /// leave out another.
    async fn own_once(&self, leases: &mut Leases, next_renewal: &mut Timestamp) -> StoreResult<()> {
        let mut refused = std::mem::take(&mut leases.refused);
        let asked = self.clock.now();
        // Beside one another: a slow database must not cost a lease what it need not.
        let renewed = self.renew_in_time(leases, next_renewal);
        let (renewed, view) = tokio::join!(renewed, self.heartbeat(&mut refused));
        leases.refused = refused;
        let view = view?;
        if self.clock.follows_database() {
            self.cluster.compare_clocks(self.clock.now(), view.clock, wall_clock());
        }
        self.cluster.hear(view, asked);
        if let Some(usurper) = self.cluster.usurper() {
            self.step_down(leases, &usurper);
            return Ok(());
        }
        self.peers.keep_links();
        self.part_namesakes();
        leases.vacancy.look(self.has_agent(), self.clock.now());
        self.forget_lost_agents();
        let clocks = self.keep_region_clocks().await;
        let balanced = self.balance(leases).await;
        leases.first &= balanced.is_err();
        renewed.and(clocks).and(balanced)
    }

    /// Dispatches nothing any more: another process has this one's name.
    fn step_down(&self, leases: &mut Leases, usurper: &ReplicaRow) {
        let owned = self.dispatcher.look(|s, _| s.leases());
        for lease in owned {
            self.forget_shard(leases, lease.shard);
        }
        let (replica, address) = (&usurper.id.0, &usurper.address);
        tracing::error!(%replica, %address, "another process took this replica's name");
    }

    async fn renew_in_time(
        &self,
        leases: &mut Leases,
        next_renewal: &mut Timestamp,
    ) -> StoreResult<()> {
        if self.clock.now() >= *next_renewal {
            self.renew(leases).await?;
            *next_renewal =
                self.clock.now() + Duration::from_secs(self.settings.ownership.renew_seconds);
        }
        Ok(())
    }

    async fn renew(&self, leases: &mut Leases) -> StoreResult<()> {
        let owned: Vec<(Shard, Epoch)> =
            self.dispatcher.look(|s, _| s.leases()).iter().map(|l| (l.shard, l.epoch)).collect();
        if owned.is_empty() {
            return Ok(());
        }
        let asked = self.clock.now();
        let lease = Duration::from_secs(self.settings.ownership.lease_seconds);
        let kept = self.store.renew_shards(&self.replica, &owned, lease, asked).await?;
        for (shard, _) in owned {
            if kept.contains(&shard) {
                let stop_at = self.stop_at(asked);
                self.dispatcher.with(|s, now| s.renew_shard(shard, stop_at, now));
            } else {
                tracing::warn!(shard = shard.0, "a lease was lost");
                self.forget_shard(leases, shard);
            }
        }
        Ok(())
    }

    fn stop_at(&self, asked: Timestamp) -> Timestamp {
        let ownership = &self.settings.ownership;
        asked + Duration::from_secs(ownership.lease_seconds)
            - Duration::from_secs(ownership.lease_margin_seconds)
    }

    fn forget_shard(&self, leases: &mut Leases, shard: Shard) {
        leases.draining.remove(&shard);
        self.dispatcher.with(|scheduler, _| scheduler.drop_shard(shard));
    }

    /// Takes what is free up to this replica's share; gives up what is above it.
    async fn balance(&self, leases: &mut Leases) -> StoreResult<()> {
        let view = self.cluster.view();
        let share = self.share(&view);
        self.finish_draining(leases).await?;
        let owned = self.dispatcher.look(|s, _| s.leases());
        let kept = owned.iter().filter(|lease| !leases.draining.contains_key(&lease.shard)).count();
        if kept > share {
            let room = GIVE_UP_AT_ONCE.saturating_sub(leases.draining.len());
            let surplus = owned.iter().rev().filter(|l| !leases.draining.contains_key(&l.shard));
            let surplus: Vec<Shard> =
                surplus.take((kept - share).min(room)).map(|l| l.shard).collect();
            for shard in surplus {
                leases.draining.insert(shard, self.clock.now());
                self.dispatcher.with(|scheduler, _| scheduler.drain_shard(shard));
            }
        } else if kept < share {
            self.acquire(leases, &view, share - kept).await?;
        }
        Ok(())
    }

    /// How many shards are this replica's: an even share, the first few one more.
    fn share(&self, view: &ClusterView) -> usize {
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
        let place = alive.iter().position(|id| **id == self.replica).unwrap_or(replicas);
        shards / replicas + usize::from(place < shards % replicas)
    }

    async fn acquire(
        &self,
        leases: &mut Leases,
        view: &ClusterView,
        wanted: usize,
    ) -> StoreResult<()> {
        let force = leases.first && self.settings.single_process();
        // A lease of our own that has lapsed, and that nobody took, is renewed instead.
        let owned = self.dispatcher.look(|s, _| s.leases());
        let lease = Duration::from_secs(self.settings.ownership.lease_seconds);
        // By a clock that was set back since: whoever lives has renewed it by then.
        let forever =
            |until: Timestamp| until > view.now + lease + FAR && !self.cluster.clock_is_off();
        let over = |until: Timestamp| until <= view.now || forever(until);
        // Whoever lives extends them by the clock as it is now.
        let over = |until: Timestamp| over(until) && !self.cluster.clock_was_set();
        let free = view
            .shards
            .iter()
            .filter(|row| !owned.iter().any(|lease| lease.shard == row.shard))
            .filter(|row| force || row.owner.is_none() || over(row.lease_until));
        let free: Vec<Shard> = free.take(wanted).map(|row| row.shard).collect();
        if free.is_empty() {
            return Ok(());
        }
        let asked = self.clock.now();
        let taken = self.store.acquire_shards(&self.replica, &free, lease, force).await?;
        self.cluster.note_taken(&taken);
        // By which clock they are written from now on, also if this is all that is done.
        if let Err(error) = self.store.renew_shards(&self.replica, &taken, lease, asked).await {
            tracing::warn!(%error, "what this replica's clock says is noted with the next renewal");
        }
        let agents: Vec<AgentIdentity> = self.living_agents(view);
        let stop_at = self.stop_at(asked);
        let mut announced = Vec::with_capacity(taken.len());
        self.dispatcher.with(|scheduler, now| {
            for (shard, epoch) in &taken {
                let lease = ShardLease { shard: *shard, epoch: *epoch };
                scheduler.take_shard(lease, stop_at, agents.iter().cloned(), now);
                announced.push(lease);
            }
        });
        tracing::info!(shards = taken.len(), "took shards");
        self.dispatcher.announce(&announced);
        let shards: Vec<Shard> = announced.iter().map(|lease| lease.shard).collect();
        self.tenants.configure_shards(&shards);
        Ok(())
    }

    fn living_agents(&self, view: &ClusterView) -> Vec<AgentIdentity> {
        let identity = |seen: &AgentSighting| AgentIdentity {
            agent: seen.agent.clone(),
            incarnation: seen.incarnation,
        };
        let mut agents: Vec<AgentIdentity> = view.agents.iter().map(identity).collect();
        agents.sort();
        agents.dedup();
        agents.retain(|agent| !self.is_lost(agent));
        agents
    }

    async fn finish_draining(&self, leases: &mut Leases) -> StoreResult<()> {
        let now = self.clock.now();
        let done: Vec<Shard> = leases
            .draining
            .iter()
            .filter(|(shard, since)| {
                let left = self.dispatcher.look(|s, _| s.shard_deliveries(**shard));
                left == 0 || now.since(**since) > DRAIN_SHARD
            })
            .map(|(shard, _)| *shard)
            .collect();
        self.give_up_shards(leases, &done).await
    }

    async fn give_up_shards(&self, leases: &mut Leases, shards: &[Shard]) -> StoreResult<()> {
        if shards.is_empty() {
            return Ok(());
        }
        self.release_unsent().await?;
        for shard in shards {
            self.forget_shard(leases, *shard);
        }
        self.store.release_shards(&self.replica, shards).await?;
        tracing::info!(shards = shards.len(), "gave up shards");
        Ok(())
    }

    /// Nobody waits for the inventory of an agent that is lost.
    fn forget_lost_agents(&self) {
        let awaited = self.dispatcher.look(|s, _| s.awaited_agents());
        for agent in awaited {
            if self.is_lost(&agent) {
                self.dispatcher.with(|s, _| s.inventory_lost(&agent));
            }
        }
    }

    /// Stops the clock of regions without agents, and starts it again.
    async fn keep_region_clocks(&self) -> StoreResult<()> {
        let view = self.cluster.view();
        let lost_after = self.settings.ownership.lost_after();
        let served: Vec<&Region> = view
            .agents
            .iter()
            .filter(|agent| view.now.since(agent.heard) < lost_after)
            .map(|agent| &agent.region)
            .collect();
        let mut regions: Vec<Region> = self.dispatcher.look(|s, _| s.regions_in_use());
        regions.extend(view.regions.iter().map(|r| r.region.clone()));
        regions.sort();
        regions.dedup();
        let mut kept = Ok(());
        for region in regions {
            let known = view.regions.iter().find(|r| r.region == region);
            let mut clock = known.map(|r| r.clock).unwrap_or_default();
            let before = clock;
            let now = self.clock.now();
            if served.contains(&&region) {
                clock.start(now)
            } else {
                clock.stop(now)
            }
            if clock != before {
                let put = self.store.put_region_clock(&RegionClock { region, clock }).await;
                kept = kept.and(put);
            }
        }
        kept
    }

    /// Stops dispatching, waits for what is in flight, and gives up every shard.
    pub async fn leave(&self, patience: Duration) -> StoreResult<()> {
        let shards: Vec<Shard> =
            self.dispatcher.look(|s, _| s.leases()).iter().map(|lease| lease.shard).collect();
        self.dispatcher.with(|scheduler, _| {
            for shard in &shards {
                scheduler.drain_shard(*shard);
            }
        });
        let deadline = self.clock.now() + patience;
        loop {
            // The pump hands over what draining put aside; then it goes to the table.
            self.clock.sleep(Duration::from_millis(20)).await;
            self.release_unsent().await?;
            if self.dispatcher.look(|s, _| s.deliveries()) == 0 || self.clock.now() >= deadline {
                break;
            }
        }
        self.store.release_shards(&self.replica, &shards).await?;
        if self.cluster.clock_is_off() {
            // Whoever comes after us by the other clock is to know what we wrote by.
            self.store.note_clock(self.clock.now()).await?;
        }
        self.cluster.leave();
        let left = self.clock.now();
        while self.watermark.own(self.clock.now()) < left {
            if self.clock.now() >= left + SETTLE {
                // The row stays, so that the others wait for what may still appear.
                return Ok(());
            }
            self.clock.sleep(Duration::from_millis(20)).await;
        }
        self.store.remove_replica(&self.replica, self.cluster.instance()).await
    }
}
