//! A link to each of the other replicas.
//!
//! Fed by `peers` with hints and, at each heartbeat, with the replicas that are alive;
//! feeds [`PeerCalls`]. Guarantees that a connection exists before it is needed, that a
//! replica which does not answer delays no hint to another, and that lost hints are
//! visible: in a log line when it begins and when it ends, and in metrics.
//!
//! Keeps the invariant `hints-arrive-or-are-reported`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use parking_lot::{Mutex, MutexGuard};
use postrider_domain::ids::ReplicaId;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;

use super::calls::{CALL_TIMEOUT, PeerCalls, PeerHint, identify};

/// Most hints queued for one replica; further ones are dropped, and the sweep finds what
/// they were about. A second of publishes at full load; older hints are no faster than the
/// sweep.
const MAX_QUEUED_HINTS: usize = 10_000;
/// How often a replica is called: this restores a broken connection. As `CALL_TIMEOUT`, so
/// that one greeting ends before the next.
const GREETING_INTERVAL: Duration = Duration::from_secs(2);

/// What is known of one link.
#[derive(Default)]
struct PeerLinkState {
    /// Whether the last call succeeded; `None` before the first has ended.
    reached: Mutex<Option<bool>>,
    sent: AtomicU64,
    lost: AtomicU64,
}

/// One link as an operator sees it.
pub struct PeerLinkFigures {
    pub replica: ReplicaId,
    pub reached: bool,
}

struct PeerLink {
    replica: ReplicaId,
    hints: mpsc::Sender<PeerHint>,
    state: Arc<PeerLinkState>,
    _task: AbortOnDropHandle<()>,
}

/// All links of this replica.
pub struct PeerLinks {
    calls: Arc<dyn PeerCalls>,
    by_address: Mutex<HashMap<String, PeerLink>>,
    /// Counts of links that have ended.
    sent_before: AtomicU64,
    lost_before: AtomicU64,
}

impl PeerLinks {
    pub fn new(calls: Arc<dyn PeerCalls>) -> Self {
        Self {
            calls,
            by_address: Mutex::default(),
            sent_before: AtomicU64::new(0),
            lost_before: AtomicU64::new(0),
        }
    }

    /// Opens links to these replicas, and closes those to others.
    pub fn retain_live(&self, living: &[(ReplicaId, String)]) {
        let mut links = self.links();
        links.retain(|address, link| {
            let lives = living.iter().any(|(id, at)| *id == link.replica && at == address);
            if !lives {
                self.sent_before
                    .fetch_add(link.state.sent.load(Ordering::Relaxed), Ordering::Relaxed);
                self.lost_before
                    .fetch_add(link.state.lost.load(Ordering::Relaxed), Ordering::Relaxed);
                self.calls.forget(address);
            }
            lives
        });
        for (replica, address) in living {
            if !links.contains_key(address) {
                links.insert(address.clone(), self.link(replica.clone(), address.clone()));
            }
        }
    }

    /// Queues a hint; dropped if the replica is not known to be alive.
    pub fn hint(&self, address: &str, hint: PeerHint) {
        if let Some(link) = self.links().get(address)
            && link.hints.try_send(hint).is_err()
        {
            link.state.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Each link, by the replica's name.
    pub fn figures(&self) -> Vec<PeerLinkFigures> {
        let links = self.links();
        let known = links.values().filter_map(|link| {
            let reached = *link.state.reached.lock();
            Some(PeerLinkFigures { replica: link.replica.clone(), reached: reached? })
        });
        let mut figures: Vec<PeerLinkFigures> = known.collect();
        figures.sort_by(|a, b| a.replica.cmp(&b.replica));
        figures
    }

    /// Hints that arrived, and hints that did not, since the start.
    pub fn hints(&self) -> (u64, u64) {
        let links = self.links();
        let sum = |count: fn(&PeerLinkState) -> &AtomicU64| -> u64 {
            links.values().map(|link| count(&link.state).load(Ordering::Relaxed)).sum()
        };
        let (sent, lost) = (sum(|state| &state.sent), sum(|state| &state.lost));
        (
            sent + self.sent_before.load(Ordering::Relaxed),
            lost + self.lost_before.load(Ordering::Relaxed),
        )
    }

    fn link(&self, replica: ReplicaId, address: String) -> PeerLink {
        let (hints, queue) = mpsc::channel(MAX_QUEUED_HINTS);
        let state = Arc::<PeerLinkState>::default();
        let end = PeerLinkTask {
            replica: replica.clone(),
            address,
            calls: Arc::clone(&self.calls),
            state: Arc::clone(&state),
        };
        let task = AbortOnDropHandle::new(tokio::spawn(end.run(queue)));
        PeerLink { replica, hints, state, _task: task }
    }

    fn links(&self) -> MutexGuard<'_, HashMap<String, PeerLink>> {
        self.by_address.lock()
    }
}

/// What one link's task works with.
struct PeerLinkTask {
    replica: ReplicaId,
    address: String,
    calls: Arc<dyn PeerCalls>,
    state: Arc<PeerLinkState>,
}

impl PeerLinkTask {
    /// Calls the replica regularly, and sends hints; those that gather meanwhile go in one
    /// message.
    async fn run(self, mut queue: mpsc::Receiver<PeerHint>) {
        let mut identify_timer = interval(GREETING_INTERVAL);
        identify_timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut gathered = Vec::new();
        loop {
            tokio::select! {
                count = queue.recv_many(&mut gathered, MAX_QUEUED_HINTS) => {
                    if count == 0 {
                        return;
                    }
                    let hints: HashSet<PeerHint> = gathered.drain(..).collect();
                    self.send(hints).await;
                }
                _ = identify_timer.tick() => {
                    let greeted = identify(&*self.calls, &self.address, &self.replica).await;
                    self.note(&greeted);
                }
            }
        }
    }

    async fn send(&self, hints: HashSet<PeerHint>) {
        let count = hints.len() as u64;
        let hints = hints.into_iter().collect();
        let sent = tokio::time::timeout(CALL_TIMEOUT, self.calls.hint(&self.address, hints));
        let sent = sent.await.context("no answer in time").and_then(|sent| sent);
        let counter = if sent.is_ok() { &self.state.sent } else { &self.state.lost };
        counter.fetch_add(count, Ordering::Relaxed);
        self.note(&sent);
    }

    /// Logs when calls begin to fail, and when they succeed again.
    fn note(&self, called: &anyhow::Result<()>) {
        let before = self.state.reached.lock().replace(called.is_ok());
        let (replica, address) = (&self.replica.0, &self.address);
        match called {
            Ok(()) if before == Some(false) => {
                tracing::info!(%replica, %address, "the replica is reachable again");
            }
            Ok(()) => {}
            Err(error) if before != Some(false) => tracing::warn!(
                %replica, %address, error = format!("{error:#}"),
                "a replica is unreachable: events published here for its tenants wait for its \
                 next sweep"
            ),
            Err(error) => {
                tracing::debug!(%replica, error = format!("{error:#}"), "a hint was lost");
            }
        }
    }
}
