//! A link to each of the other replicas.
//!
//! Fed by `peers` with hints and, once for each heartbeat, with who lives; feeds
//! [`Calls`]. Guarantees that a connection is there before it is needed, that a replica
//! which does not answer holds up no hint to another, and that hints which do not
//! arrive are told of: in a line when it begins and when it ends, and in figures.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use postrider_domain::ids::{AttemptKey, ReplicaId, SubscriptionKey};
use postrider_proto::replica::v1::{ConcludedHint, HintRequest, WaitingHint};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;

use super::peers::{CALL_TIMEOUT, Calls};

/// Hints that wait to be sent to one replica; beyond it they are dropped, and cost a
/// sweep.
const MAX_QUEUED_HINTS: usize = 10_000;
/// How often a replica is greeted: a connection that broke is made anew by then.
const GREET_EVERY: Duration = Duration::from_secs(2);

#[derive(PartialEq, Eq, Hash)]
pub enum Hint {
    Waiting(SubscriptionKey),
    Concluded(AttemptKey),
}

/// What is known of one link.
#[derive(Default)]
struct LinkState {
    /// Whether the last call arrived; nothing before the first has ended.
    reached: Mutex<Option<bool>>,
    sent: AtomicU64,
    lost: AtomicU64,
}

/// One link as an operator sees it.
pub struct LinkFigures {
    pub replica: ReplicaId,
    pub reached: bool,
}

struct Link {
    replica: ReplicaId,
    hints: mpsc::Sender<Hint>,
    state: Arc<LinkState>,
    _task: AbortOnDropHandle<()>,
}

/// All links of this replica.
pub struct Links {
    calls: Arc<dyn Calls>,
    by_address: Mutex<HashMap<String, Link>>,
    /// Hints of links that are no more.
    sent_before: AtomicU64,
    lost_before: AtomicU64,
}

impl Links {
    pub fn new(calls: Arc<dyn Calls>) -> Self {
        Self {
            calls,
            by_address: Mutex::default(),
            sent_before: AtomicU64::new(0),
            lost_before: AtomicU64::new(0),
        }
    }

    /// Makes links to these replicas, and ends those to others.
    pub fn keep(&self, living: &[(ReplicaId, String)]) {
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

    /// Queues a hint. Nobody who is not known to live gets one.
    pub fn hint(&self, address: &str, hint: Hint) {
        if let Some(link) = self.links().get(address)
            && link.hints.try_send(hint).is_err()
        {
            link.state.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Each link, by the replica's name.
    pub fn figures(&self) -> Vec<LinkFigures> {
        let links = self.links();
        let known = links.values().filter_map(|link| {
            let reached = *lock(&link.state.reached);
            Some(LinkFigures { replica: link.replica.clone(), reached: reached? })
        });
        let mut figures: Vec<LinkFigures> = known.collect();
        figures.sort_by(|a, b| a.replica.cmp(&b.replica));
        figures
    }

    /// Hints that arrived, and hints that did not, since the start.
    pub fn hints(&self) -> (u64, u64) {
        let links = self.links();
        let sum = |count: fn(&LinkState) -> &AtomicU64| -> u64 {
            links.values().map(|link| count(&link.state).load(Ordering::Relaxed)).sum()
        };
        let (sent, lost) = (sum(|state| &state.sent), sum(|state| &state.lost));
        (
            sent + self.sent_before.load(Ordering::Relaxed),
            lost + self.lost_before.load(Ordering::Relaxed),
        )
    }

    fn link(&self, replica: ReplicaId, address: String) -> Link {
        let (hints, queue) = mpsc::channel(MAX_QUEUED_HINTS);
        let state = Arc::<LinkState>::default();
        let end = LinkEnd {
            replica: replica.clone(),
            address,
            calls: Arc::clone(&self.calls),
            state: Arc::clone(&state),
        };
        let task = AbortOnDropHandle::new(tokio::spawn(end.run(queue)));
        Link { replica, hints, state, _task: task }
    }

    fn links(&self) -> MutexGuard<'_, HashMap<String, Link>> {
        lock(&self.by_address)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What one link's task works with.
struct LinkEnd {
    replica: ReplicaId,
    address: String,
    calls: Arc<dyn Calls>,
    state: Arc<LinkState>,
}

impl LinkEnd {
    /// Greets, and sends hints, what gathers meanwhile in one message.
    async fn run(self, mut queue: mpsc::Receiver<Hint>) {
        let mut greeting = interval(GREET_EVERY);
        greeting.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut gathered = Vec::new();
        loop {
            tokio::select! {
                count = queue.recv_many(&mut gathered, MAX_QUEUED_HINTS) => {
                    if count == 0 {
                        return;
                    }
                    let hints: HashSet<Hint> = gathered.drain(..).collect();
                    self.send(hints).await;
                }
                _ = greeting.tick() => {
                    let greeted = greet(&*self.calls, &self.address, &self.replica).await;
                    self.note(&greeted);
                }
            }
        }
    }

    async fn send(&self, hints: HashSet<Hint>) {
        let count = hints.len() as u64;
        let sent =
            tokio::time::timeout(CALL_TIMEOUT, self.calls.hint(&self.address, request(hints)));
        let sent = sent.await.context("it does not answer").and_then(|sent| sent);
        let counter = if sent.is_ok() { &self.state.sent } else { &self.state.lost };
        counter.fetch_add(count, Ordering::Relaxed);
        self.note(&sent);
    }

    /// Tells of what has changed.
    fn note(&self, called: &anyhow::Result<()>) {
        let before = lock(&self.state.reached).replace(called.is_ok());
        let (replica, address) = (&self.replica.0, &self.address);
        match called {
            Ok(()) if before == Some(false) => {
                tracing::info!(%replica, %address, "hints reach the replica again");
            }
            Ok(()) => {}
            Err(error) if before != Some(false) => tracing::warn!(
                %replica, %address, error = format!("{error:#}"),
                "hints do not reach a replica: what is published here for its tenants \
                 waits for its next sweep"
            ),
            Err(error) => {
                tracing::debug!(%replica, error = format!("{error:#}"), "a hint was lost");
            }
        }
    }
}

/// Calls an address, where this replica must answer.
pub async fn greet(calls: &dyn Calls, address: &str, wanted: &ReplicaId) -> anyhow::Result<()> {
    let answer = tokio::time::timeout(CALL_TIMEOUT, calls.greet(address)).await;
    let found = answer.context("it does not answer")??;
    ensure!(found == *wanted, "at {address} replica {} answers, not {}", found.0, wanted.0);
    Ok(())
}

fn request(hints: HashSet<Hint>) -> HintRequest {
    let mut request = HintRequest::default();
    for hint in hints {
        match hint {
            Hint::Waiting(key) => request.waiting.push(WaitingHint {
                tenant: key.tenant.to_string(),
                subscription: key.subscription.to_string(),
            }),
            Hint::Concluded(key) => request.concluded.push(ConcludedHint {
                delivery_id: Bytes::copy_from_slice(key.delivery.0.as_bytes()),
                number: key.number,
            }),
        }
    }
    request
}
