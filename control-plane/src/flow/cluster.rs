//! Everybody's state, as the database last told it.
//!
//! Fed by `own`, once for each heartbeat; feeds whoever asks who owns a shard,
//! who is alive, and what a subscription's running clock says. Guarantees only
//! that it is about a second old at most while the database answers.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use postrider_domain::ids::{Epoch, ReplicaId, Shard, TenantId};
use postrider_domain::scheduler::AgentIdentity;
use postrider_domain::subscription::Subscription;
use postrider_domain::time::Timestamp;
use postrider_store::{ClusterView, Instance, ReplicaRow};
use tokio::time::Instant;

use super::Owner;
use super::hearing::Hearing;
use super::holds::Holds;

/// Longer than the database goes on with a statement whose caller is gone.
const STATEMENT: Duration = Duration::from_secs(12);
/// Two replicas' heartbeats may come to the database in another order than they read its
/// clock.
const ROUND_TRIP: Duration = Duration::from_secs(1);
/// A database whose clock has moved this far from ours has jumped (rule 15).
const CLOCK_JUMP: Duration = Duration::from_secs(60);

struct Inner {
    replica: ReplicaId,
    /// Tells this process from others that take its name.
    instance: Instance,
    shards: u16,
    lost_after: Duration,
    view: RwLock<Arc<ClusterView>>,
    started: Instant,
    hearing: RwLock<Hearing>,
    /// When the database last refused a commit, unless it has taken one since.
    refused: RwLock<Option<Instant>>,
    /// When the last look at everybody was asked for.
    seen: AtomicI64,
    sweeps: AtomicU64,
    suspicion: AtomicBool,
    clock_is_off: AtomicBool,
    /// Since when the database's clock is where this machine's is, and ours is not.
    alone_since: RwLock<Option<Instant>>,
    has_left: AtomicBool,
    holds: Holds,
}

/// Everybody's state as last read. Cheap to clone.
#[derive(Clone)]
pub struct Cluster(Arc<Inner>);

impl Cluster {
    pub fn new(replica: ReplicaId, shards: u16, lost_after: Duration, now: Timestamp) -> Self {
        let view = ClusterView {
            now,
            clock: now,
            replicas: Vec::new(),
            shards: Vec::new(),
            agents: Vec::new(),
            regions: Vec::new(),
        };
        Self(Arc::new(Inner {
            replica,
            instance: rand::random(),
            shards,
            lost_after,
            view: RwLock::new(Arc::new(view)),
            started: Instant::now(),
            hearing: RwLock::new(Hearing::new(now)),
            refused: RwLock::new(None),
            seen: AtomicI64::new(i64::MIN),
            sweeps: AtomicU64::new(0),
            suspicion: AtomicBool::new(false),
            clock_is_off: AtomicBool::new(false),
            alone_since: RwLock::new(None),
            has_left: AtomicBool::new(false),
            holds: Holds::default(),
        }))
    }

    /// What tells this process from others that take its name.
    pub fn instance(&self) -> Instance {
        self.0.instance
    }

    /// The other process that has this one's name, as last read.
    pub fn usurper(&self) -> Option<ReplicaRow> {
        let view = self.view();
        let own = view.replicas.iter().find(|row| row.id == self.0.replica);
        own.filter(|own| own.instance != self.0.instance).cloned()
    }

    pub fn view(&self) -> Arc<ClusterView> {
        Arc::clone(&self.0.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes what was just taken, without waiting for the next look at everybody.
    pub(super) fn note_taken(&self, taken: &[(Shard, Epoch)]) {
        let mut view = ClusterView::clone(&self.view());
        for (shard, epoch) in taken {
            if let Some(row) = view.shards.iter_mut().find(|row| row.shard == *shard) {
                row.owner = Some(self.0.replica.clone());
                row.epoch = *epoch;
            }
        }
        self.set(view);
    }

    /// The database took a heartbeat, and told everybody's state.
    pub(super) fn hear(&self, view: ClusterView, asked: Timestamp) {
        let mut hearing = self.0.hearing.write().unwrap_or_else(PoisonError::into_inner);
        hearing.hear(view.now, Instant::now());
        drop(hearing);
        self.set(view);
        self.0.seen.store(asked.as_micros(), Ordering::Release);
    }

    /// Whoever had joined by this time, by our own clock, is known.
    pub(super) fn seen(&self) -> Timestamp {
        Timestamp::from_micros(self.0.seen.load(Ordering::Acquire))
    }

    /// The latest time, by the database's clock, at which a commit of events may begin
    /// in it: those who no longer hear of this replica go by the same heartbeat.
    pub(super) fn may_commit_until(&self) -> Timestamp {
        let view = self.view();
        let own = view.replicas.iter().find(|replica| replica.id == self.0.replica);
        let own = own.filter(|own| own.instance == self.0.instance);
        let own = own.filter(|_| !self.0.has_left.load(Ordering::Relaxed));
        own.map_or(Timestamp::from_micros(i64::MIN), |replica| replica.heard + self.licence())
    }

    /// Long enough for a heartbeat and a commit of a slow database.
    fn licence(&self) -> Duration {
        self.0.lost_after * 2
    }

    /// How long after it was asked for, or after its replica was last heard of, a
    /// commit may still appear.
    pub fn doubt(&self) -> Duration {
        self.licence() + STATEMENT
    }

    /// From now on others count on it that nothing is committed here.
    pub(super) fn leave(&self) {
        self.0.has_left.store(true, Ordering::Relaxed);
    }

    fn hearing(&self) -> Hearing {
        *self.0.hearing.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long ago the database last took a heartbeat.
    pub fn silence(&self) -> Duration {
        self.hearing().silence(Instant::now()).unwrap_or_else(|| self.0.started.elapsed())
    }

    /// Whether the database took the last commit of events.
    pub(super) fn committed(&self, taken: bool) {
        let known = self.0.refused.read().unwrap_or_else(PoisonError::into_inner).is_none();
        if !(taken && known) {
            let refused = (!taken).then(Instant::now);
            *self.0.refused.write().unwrap_or_else(PoisonError::into_inner) = refused;
        }
    }

    /// How long ago the database refused a commit, if it has taken none since.
    pub fn refused_ago(&self) -> Option<Duration> {
        let refused = *self.0.refused.read().unwrap_or_else(PoisonError::into_inner);
        refused.map(|at| at.elapsed())
    }

    fn set(&self, view: ClusterView) {
        *self.0.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
    }

    /// Who owns a tenant's shard, as last read.
    pub fn owner(&self, tenant: &TenantId) -> Owner {
        let view = self.view();
        let shard = Shard::of(tenant, self.0.shards);
        let Some(owner) =
            view.shards.iter().find(|row| row.shard == shard).and_then(|r| r.owner.clone())
        else {
            return Owner::Nobody;
        };
        if owner == self.0.replica {
            return Owner::Me;
        }
        let peer = view.replicas.iter().find(|replica| replica.id == owner);
        peer.map_or(Owner::Nobody, |replica| Owner::Peer(replica.address.clone()))
    }

    /// The other replicas that are alive, and their addresses.
    pub fn living_peers(&self) -> Vec<(ReplicaId, String)> {
        let view = self.view();
        let alive = view.replicas.iter().filter(|replica| {
            replica.id != self.0.replica && view.now.since(replica.heard) < self.0.lost_after
        });
        alive.map(|replica| (replica.id.clone(), replica.address.clone())).collect()
    }

    /// The addresses of the other replicas that are alive.
    pub fn peers(&self) -> Vec<String> {
        self.living_peers().into_iter().map(|(_, address)| address).collect()
    }

    /// When the other replicas were last heard of that are lost, and whose last
    /// commits may still appear.
    pub fn lately_lost(&self) -> Vec<Timestamp> {
        let view = self.view();
        let lost = view.replicas.iter().filter(|replica| {
            let silence = view.now.since(replica.heard);
            replica.id != self.0.replica && silence >= self.0.lost_after && silence < self.doubt()
        });
        lost.map(|replica| replica.heard).collect()
    }

    /// A subscription's running clock: it stands still while the subscription is
    /// paused, its region has no agent (rule 11), or its receiver asked to be left alone.
    pub fn running(&self, subscription: &Subscription, now: Timestamp) -> Timestamp {
        let view = self.view();
        let region = view.regions.iter().find(|r| r.region == subscription.settings.region);
        let without_agent = region.map_or(Duration::ZERO, |r| r.clock.elapsed(now));
        let held = self.0.holds.elapsed(subscription, now);
        subscription.paused_clock.running(now) - without_agent - held
    }

    /// What receivers asked for.
    pub(super) fn holds(&self) -> &Holds {
        &self.0.holds
    }

    /// Whether any replica heard this very process of an agent lately, and no
    /// later process of the same name. While the database, or every replica, was
    /// away nobody could say so: that silence counts from its end. While this replica
    /// hears nothing, nobody counts as dead.
    pub fn agent_alive(&self, agent: &AgentIdentity) -> bool {
        let (hearing, view) = (self.hearing(), self.view());
        if !hearing.hears(Instant::now()) {
            return true;
        }
        // What was heard later than now was heard by a clock that was set back since.
        let namesakes = view
            .agents
            .iter()
            .filter(|seen| seen.agent == agent.agent && seen.heard <= view.now + ROUND_TRIP);
        let mut heard = hearing.since();
        if let Some(latest) = namesakes.max_by_key(|seen| seen.heard) {
            if latest.incarnation == agent.incarnation {
                heard = heard.max(latest.heard);
            } else if latest.heard > heard {
                return false;
            }
        }
        view.now.since(heard) < hearing.patience(self.0.lost_after)
    }

    /// Whether this very process of an agent was heard lately by any replica, whoever
    /// else has its name: not, once another was heard so long after it that it counted
    /// as lost.
    pub fn is_heard(&self, agent: &AgentIdentity) -> bool {
        let (hearing, view) = (self.hearing(), self.view());
        let namesakes = || view.agents.iter().filter(|seen| seen.agent == agent.agent);
        let own = namesakes().filter(|seen| seen.incarnation == agent.incarnation);
        let Some(heard) = own.map(|seen| seen.heard).max() else { return false };
        let latest = namesakes().map(|seen| seen.heard).max().unwrap_or(heard);
        if latest.since(heard) >= self.0.lost_after {
            return false;
        }
        let heard = heard.max(hearing.since());
        !hearing.hears(Instant::now())
            || view.now.since(heard) < hearing.patience(self.0.lost_after)
    }

    /// Whether agents have had time to say here what they hold, since this replica
    /// began to hear: the table may never have been told of some of them.
    pub fn has_heard_out(&self) -> bool {
        let hearing = self.hearing();
        hearing.hears(Instant::now())
            && self.view().now.since(hearing.since()) >= hearing.patience(self.0.lost_after)
    }

    /// The database's clock was set lately: by it leases that others still extend may
    /// seem to be over.
    pub(super) fn clock_was_set(&self) -> bool {
        self.hearing().clock_was_set(Instant::now(), self.0.lost_after)
    }

    /// Counts the sweeps.
    pub fn next_sweep(&self) -> u64 {
        self.0.sweeps.fetch_add(1, Ordering::Relaxed)
    }

    /// Something was committed, or not: nobody knows. The next sweep looks.
    pub fn suspect(&self) {
        self.0.suspicion.store(true, Ordering::Relaxed);
    }

    /// The database's clock is far from where it was when this replica started.
    /// Deadlines are not to be trusted: nothing expires until it is back, or until the
    /// replica starts anew.
    pub fn clock_is_off(&self) -> bool {
        self.0.clock_is_off.load(Ordering::Relaxed)
    }

    /// For how long it and this machine's have said that ours is wrong. Where this
    /// machine's disagrees, the database's was set to something that agents, which
    /// sign by their own, would not follow.
    pub fn alone_for(&self) -> Option<Duration> {
        let since = *self.0.alone_since.read().unwrap_or_else(PoisonError::into_inner);
        since.map(|since| since.elapsed())
    }

    pub(super) fn compare_clocks(&self, ours: Timestamp, databases: Timestamp, wall: Timestamp) {
        let apart = |one: Timestamp, other: Timestamp| one.since(other).max(other.since(one));
        let off = apart(ours, databases) > CLOCK_JUMP;
        match (off, self.0.clock_is_off.swap(off, Ordering::Relaxed)) {
            (true, false) => {
                tracing::error!(%ours, %databases, "the database's clock has jumped; nothing expires until it is back");
            }
            (false, true) => tracing::info!("the database's clock is back"),
            _ => {}
        }
        let alone = off && apart(wall, databases) <= CLOCK_JUMP;
        let mut since = self.0.alone_since.write().unwrap_or_else(PoisonError::into_inner);
        *since = since.filter(|_| alone).or_else(|| alone.then(Instant::now));
    }

    pub fn take_suspicion(&self) -> bool {
        self.0.suspicion.swap(false, Ordering::Relaxed)
    }
}

#[cfg(test)]
#[path = "cluster_tests.rs"]
mod tests;
