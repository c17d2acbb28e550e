//! The cluster as the database last described it: replicas, shard owners, agents,
//! regions.
//!
//! Fed by `leases` with the answer to each heartbeat; feeds whoever asks who owns a
//! shard, who is alive, and what a subscription's running clock says. Guarantees that
//! what it says is about a second old at most while the database answers.
//!
//! - `failure_detector`: whether a silence means a loss; `holds`: endpoints that asked
//!   not to be called for a while.
//!
//! Keeps the invariants `database-clock`, `deadlines-stand-still`, `lost-means-unheard`
//! and `closed-window-unchanged`.

mod failure_detector;
pub mod holds;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use postrider_domain::ids::{Epoch, ReplicaId, Shard, TenantId};
use postrider_domain::scheduler::AgentIdentity;
use postrider_domain::subscription::Subscription;
use postrider_domain::time::Timestamp;
use postrider_store::{ClusterView, ProcessInstance, ReplicaRow};
use tokio::time::Instant;

use self::failure_detector::FailureDetector;
use self::holds::EndpointHolds;

/// Longer than the database runs a statement whose caller is gone.
const STATEMENT_TIME_LIMIT: Duration = Duration::from_secs(12);
/// Two replicas' heartbeats may be stored in another order than they read the database's
/// clock.
const HEARTBEAT_ORDER_TOLERANCE: Duration = Duration::from_secs(1);
/// The database's clock has jumped if it differs this much from ours
/// (database-clock).
const CLOCK_JUMP_THRESHOLD: Duration = Duration::from_secs(60);

struct ClusterShared {
    replica: ReplicaId,
    /// Distinguishes this process from others with its name.
    instance: ProcessInstance,
    shards: u16,
    lost_after: Duration,
    view: RwLock<Arc<ClusterView>>,
    started: Instant,
    detector: RwLock<FailureDetector>,
    /// When the database last refused a commit of events, if it accepted none since.
    refused: RwLock<Option<Instant>>,
    /// When the current view was requested, by our clock.
    seen: AtomicI64,
    sweeps: AtomicU64,
    uncertain_commit: AtomicBool,
    has_clock_jumped: AtomicBool,
    /// Since when the database's clock and this machine's agree and ours differs.
    outvoted_since: RwLock<Option<Instant>>,
    has_left: AtomicBool,
    holds: EndpointHolds,
}

/// Where a tenant's shard is owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShardOwner {
    /// Here.
    ThisReplica,
    /// At another replica, whose gRPC address this is.
    Peer(String),
    /// Nowhere known, for the moment.
    Unknown,
}

/// Everybody's state as last read. Cheap to clone.
#[derive(Clone)]
pub struct ClusterState(Arc<ClusterShared>);

impl ClusterState {
    pub fn new(replica: ReplicaId, shards: u16, lost_after: Duration, now: Timestamp) -> Self {
        let view = ClusterView {
            now,
            clock: now,
            replicas: Vec::new(),
            shards: Vec::new(),
            agents: Vec::new(),
            regions: Vec::new(),
        };
        Self(Arc::new(ClusterShared {
            replica,
            instance: rand::random(),
            shards,
            lost_after,
            view: RwLock::new(Arc::new(view)),
            started: Instant::now(),
            detector: RwLock::new(FailureDetector::new(now)),
            refused: RwLock::new(None),
            seen: AtomicI64::new(i64::MIN),
            sweeps: AtomicU64::new(0),
            uncertain_commit: AtomicBool::new(false),
            has_clock_jumped: AtomicBool::new(false),
            outvoted_since: RwLock::new(None),
            has_left: AtomicBool::new(false),
            holds: EndpointHolds::default(),
        }))
    }

    /// Distinguishes this process from others with its name.
    pub fn instance(&self) -> ProcessInstance {
        self.0.instance
    }

    /// The other process that has this replica's name, as last read.
    pub fn find_name_conflict(&self) -> Option<ReplicaRow> {
        let view = self.view();
        let own = view.replicas.iter().find(|row| row.id == self.0.replica);
        own.filter(|own| own.instance != self.0.instance).cloned()
    }

    pub fn view(&self) -> Arc<ClusterView> {
        Arc::clone(&self.0.view.read())
    }

    /// Adds shards that were just acquired to the view, without waiting for the next one.
    pub fn note_acquired_shards(&self, taken: &[(Shard, Epoch)]) {
        let mut view = ClusterView::clone(&self.view());
        for (shard, epoch) in taken {
            if let Some(row) = view.shards.iter_mut().find(|row| row.shard == *shard) {
                row.owner = Some(self.0.replica.clone());
                row.epoch = *epoch;
            }
        }
        self.set(view);
    }

    /// Records the view that answered a heartbeat.
    pub fn record_view(&self, view: ClusterView, asked: Timestamp) {
        let mut detector = self.0.detector.write();
        detector.record_heartbeat(view.now, Instant::now());
        drop(detector);
        self.set(view);
        self.0.seen.store(asked.as_micros(), Ordering::Release);
    }

    /// When the current view was requested: replicas that had joined by then are in it.
    pub fn view_time(&self) -> Timestamp {
        Timestamp::from_micros(self.0.seen.load(Ordering::Acquire))
    }

    /// The latest time, by the database's clock, at which a commit of events may begin. It
    /// counts from the last heartbeat, by which others judge this replica too
    /// (closed-window-unchanged).
    pub fn commit_deadline(&self) -> Timestamp {
        let view = self.view();
        let own = view.replicas.iter().find(|replica| replica.id == self.0.replica);
        let own = own.filter(|own| own.instance == self.0.instance);
        let own = own.filter(|_| !self.0.has_left.load(Ordering::Relaxed));
        own.map_or(Timestamp::from_micros(i64::MIN), |replica| {
            replica.heard + self.commit_allowance()
        })
    }

    /// How long after a heartbeat a commit may begin: enough for a slow database's next
    /// heartbeat and commit.
    fn commit_allowance(&self) -> Duration {
        self.0.lost_after * 2
    }

    /// How long a commit with an unknown outcome may still appear, after its request or
    /// its replica's last heartbeat.
    pub fn unresolved_commit_span(&self) -> Duration {
        self.commit_allowance() + STATEMENT_TIME_LIMIT
    }

    /// This replica has left: it commits no more events.
    pub fn mark_left(&self) {
        self.0.has_left.store(true, Ordering::Relaxed);
    }

    fn detector(&self) -> FailureDetector {
        *self.0.detector.read()
    }

    /// How long ago the database last took a heartbeat.
    pub fn since_heartbeat(&self) -> Duration {
        self.detector().since_heartbeat(Instant::now()).unwrap_or_else(|| self.0.started.elapsed())
    }

    /// Records whether the database accepted a commit of events.
    pub fn record_publish_commit(&self, taken: bool) {
        let known = self.0.refused.read().is_none();
        if !(taken && known) {
            let refused = (!taken).then(Instant::now);
            *self.0.refused.write() = refused;
        }
    }

    /// How long ago the database refused a commit, if it has taken none since.
    pub fn since_publish_refused(&self) -> Option<Duration> {
        let refused = *self.0.refused.read();
        refused.map(|at| at.elapsed())
    }

    fn set(&self, view: ClusterView) {
        *self.0.view.write() = Arc::new(view);
    }

    /// The shards that this replica owns, as last read.
    pub fn own_shards(&self) -> HashSet<Shard> {
        let view = self.view();
        let own = view.shards.iter().filter(|row| row.owner.as_ref() == Some(&self.0.replica));
        own.map(|row| row.shard).collect()
    }

    /// Who owns a tenant's shard, as last read.
    pub fn owner(&self, tenant: &TenantId) -> ShardOwner {
        let view = self.view();
        let shard = Shard::of(tenant, self.0.shards);
        let Some(owner) =
            view.shards.iter().find(|row| row.shard == shard).and_then(|r| r.owner.clone())
        else {
            return ShardOwner::Unknown;
        };
        if owner == self.0.replica {
            return ShardOwner::ThisReplica;
        }
        let peer = view.replicas.iter().find(|replica| replica.id == owner);
        peer.map_or(ShardOwner::Unknown, |replica| ShardOwner::Peer(replica.address.clone()))
    }

    /// Whether there is a shard without a living owner, as last read: nobody's memory has
    /// what its tenants wait for.
    pub fn has_unowned_shard(&self) -> bool {
        let view = self.view();
        let own = &self.0.replica;
        let is_alive = |id: &ReplicaId| {
            let row = view.replicas.iter().find(|row| row.id == *id);
            row.is_some_and(|row| view.now.since(row.heard) < self.0.lost_after)
        };
        view.shards.iter().any(|row| match &row.owner {
            Some(owner) => owner != own && (row.lease_until <= view.now || !is_alive(owner)),
            None => true,
        })
    }

    /// The other replicas that are alive, and their addresses.
    pub fn live_peers(&self) -> Vec<(ReplicaId, String)> {
        let view = self.view();
        let alive = view.replicas.iter().filter(|replica| {
            replica.id != self.0.replica && view.now.since(replica.heard) < self.0.lost_after
        });
        alive.map(|replica| (replica.id.clone(), replica.address.clone())).collect()
    }

    /// The addresses of the other replicas that are alive.
    pub fn live_peer_addresses(&self) -> Vec<String> {
        self.live_peers().into_iter().map(|(_, address)| address).collect()
    }

    /// The last heartbeats of lost replicas whose last commits may still appear.
    pub fn recently_lost_replicas(&self) -> Vec<Timestamp> {
        let view = self.view();
        let lost = view.replicas.iter().filter(|replica| {
            let silence = view.now.since(replica.heard);
            replica.id != self.0.replica
                && silence >= self.0.lost_after
                && silence < self.unresolved_commit_span()
        });
        lost.map(|replica| replica.heard).collect()
    }

    /// A subscription's running clock. It stands still while the subscription is paused,
    /// its region has no agent (deadlines-stand-still), or its endpoint is held.
    pub fn running_time(&self, subscription: &Subscription, now: Timestamp) -> Timestamp {
        let view = self.view();
        let region = view.regions.iter().find(|r| r.region == subscription.settings.region);
        let without_agent = region.map_or(Duration::ZERO, |r| r.clock.elapsed(now));
        let held = self.0.holds.elapsed(subscription, now);
        subscription.paused_clock.running(now) - without_agent - held
    }

    /// The holds that receivers asked for.
    pub fn holds(&self) -> &EndpointHolds {
        &self.0.holds
    }

    /// Whether any replica heard this process of an agent lately, and no later process with
    /// its id. Silence counts from the end of an outage of the database or of all
    /// replicas. While this replica gets no views, every agent counts as alive.
    pub fn is_agent_alive(&self, agent: &AgentIdentity) -> bool {
        let (detector, view) = (self.detector(), self.view());
        if !detector.is_listening(Instant::now()) {
            return true;
        }
        // A sighting in the future is from a clock that was set back since.
        let namesakes = view.agents.iter().filter(|seen| {
            seen.agent == agent.agent && seen.heard <= view.now + HEARTBEAT_ORDER_TOLERANCE
        });
        let mut heard = detector.listening_since();
        if let Some(latest) = namesakes.max_by_key(|seen| seen.heard) {
            if latest.incarnation == agent.incarnation {
                heard = heard.max(latest.heard);
            } else if latest.heard > heard {
                return false;
            }
        }
        view.now.since(heard) < detector.loss_timeout(self.0.lost_after)
    }

    /// Whether this very process of an agent was heard lately by any replica, whoever
    /// else has its name: not, once another was heard so long after it that it counted
    /// as lost.
    pub fn is_heard(&self, agent: &AgentIdentity) -> bool {
        let (detector, view) = (self.detector(), self.view());
        let namesakes = || view.agents.iter().filter(|seen| seen.agent == agent.agent);
        let own = namesakes().filter(|seen| seen.incarnation == agent.incarnation);
        let Some(heard) = own.map(|seen| seen.heard).max() else { return false };
        let latest = namesakes().map(|seen| seen.heard).max().unwrap_or(heard);
        if latest.since(heard) >= self.0.lost_after {
            return false;
        }
        let heard = heard.max(detector.listening_since());
        !detector.is_listening(Instant::now())
            || view.now.since(heard) < detector.loss_timeout(self.0.lost_after)
    }

    /// Whether every agent has had time to report what it holds, since this replica began
    /// to listen. The table may not know all of them.
    pub fn has_heard_all_agents(&self) -> bool {
        let detector = self.detector();
        detector.is_listening(Instant::now())
            && self.view().now.since(detector.listening_since())
                >= detector.loss_timeout(self.0.lost_after)
    }

    /// Whether the database's clock was set lately: leases that others still renew may seem
    /// to have ended.
    pub fn clock_was_set(&self) -> bool {
        self.detector().clock_was_set(Instant::now(), self.0.lost_after)
    }

    /// The number of this sweep.
    pub fn count_sweep(&self) -> u64 {
        self.0.sweeps.fetch_add(1, Ordering::Relaxed)
    }

    /// A commit's outcome is unknown: the next sweep compares memory with the table.
    pub fn note_uncertain_commit(&self) {
        self.0.uncertain_commit.store(true, Ordering::Relaxed);
    }

    /// Whether the database's clock has jumped since this replica started. Deadlines cannot
    /// be trusted then: nothing expires until it is back, or the replica has restarted.
    pub fn has_clock_jumped(&self) -> bool {
        self.0.has_clock_jumped.load(Ordering::Relaxed)
    }

    /// For how long the database's clock and this machine's have agreed that ours is wrong.
    /// If this machine's does not agree, the database's was set to a time that agents,
    /// which sign by their own clocks, would not share.
    pub fn outvoted_for(&self) -> Option<Duration> {
        let since = *self.0.outvoted_since.read();
        since.map(|since| since.elapsed())
    }

    pub fn compare_clocks(&self, ours: Timestamp, databases: Timestamp, wall: Timestamp) {
        let apart = |timestamp: Timestamp, other: Timestamp| {
            timestamp.since(other).max(other.since(timestamp))
        };
        let off = apart(ours, databases) > CLOCK_JUMP_THRESHOLD;
        match (off, self.0.has_clock_jumped.swap(off, Ordering::Relaxed)) {
            (true, false) => {
                tracing::error!(%ours, %databases, "the database's clock has jumped; no delivery expires until it is back");
            }
            (false, true) => tracing::info!("the database's clock is back"),
            _ => {}
        }
        let alone = off && apart(wall, databases) <= CLOCK_JUMP_THRESHOLD;
        let mut since = self.0.outvoted_since.write();
        *since = since.filter(|_| alone).or_else(|| alone.then(Instant::now));
    }

    pub fn take_uncertain_commit(&self) -> bool {
        self.0.uncertain_commit.swap(false, Ordering::Relaxed)
    }

    /// Whether any agent is connected to any replica.
    pub fn has_live_agent(&self) -> bool {
        let view = self.view();
        let mut agents = view.agents.iter();
        agents.any(|agent| view.now.since(agent.heard) < self.0.lost_after)
    }
}

#[cfg(test)]
mod tests;
