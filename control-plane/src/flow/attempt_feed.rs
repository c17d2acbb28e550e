//! The attempt feed: attempts as they are recorded, for `WatchAttempts`.
//!
//! Fed by the store, which knows the order of commits over all replicas
//! (tail-skips-nothing); feeds `api`'s streams. Guarantees that one task reads the tail
//! however many watch, and none when nobody does; and that a watcher gets every attempt
//! recorded after it began, or is told that it missed some. While the tail stalls, a
//! metric and a log line say so.
//!
//! Keeps the invariant `tail-skips-nothing`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{Stream, unfold};
use postrider_domain::ids::{SubscriptionId, TenantId};
use postrider_store::{Store, StoreError, StoreResult, TailPage, TailedAttempt};
use tokio::sync::Mutex;
use tokio::sync::broadcast::{self, Receiver, Sender, error::RecvError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::settings::ApiSettings;

/// After this long a stalled tail is logged. Twenty-five reads by default
/// (`api.watch_poll_interval_milliseconds`); a commit takes less unless the database is in
/// trouble.
const STALL_WARNING_AFTER: Duration = Duration::from_secs(5);
/// Most attempts that a watcher may lag behind; each is a few KiB. A second of a busy
/// replica; whoever lags more does not read as fast as is delivered.
const MAX_LAG_ATTEMPTS: usize = 8192;
/// Most attempts read at once from the tail. About one commit of results
/// (`results.max_commit_results`); a full read is followed by the next at once.
const MAX_ATTEMPTS_PER_READ: u32 = 500;

/// What a watcher wants to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchFilter {
    /// `None`: all.
    pub tenant: Option<TenantId>,
    /// One of that tenant's; `None`: all.
    pub subscription: Option<SubscriptionId>,
    /// Only those of these tenants; `None`: all.
    pub among: Option<Arc<BTreeSet<TenantId>>>,
}

impl WatchFilter {
    fn admits(&self, attempt: &TailedAttempt) -> bool {
        let key = &attempt.record.subscription;
        self.tenant.as_ref().is_none_or(|tenant| *tenant == key.tenant)
            && self.among.as_ref().is_none_or(|among| among.contains(&key.tenant))
            && self.subscription.as_ref().is_none_or(|id| *id == key.subscription)
    }
}

/// Why a watch did not begin.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error("too many watchers")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a watch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchEnd {
    #[error("the watcher reads too slowly")]
    TooSlow,
    #[error("the replica is stopping")]
    Stopping,
}

/// The source of the tail: the store, or a test's memory.
#[async_trait]
trait TailSource: Send + Sync {
    async fn position(&self) -> StoreResult<i64>;
    async fn read(&self, position: i64) -> StoreResult<TailPage>;
}

#[async_trait]
impl TailSource for Arc<dyn Store> {
    async fn position(&self) -> StoreResult<i64> {
        self.tail_position().await
    }

    async fn read(&self, position: i64) -> StoreResult<TailPage> {
        self.tail(position, MAX_ATTEMPTS_PER_READ).await
    }
}

struct AttemptFeedShared {
    tail: Box<dyn TailSource>,
    max_watchers: usize,
    poll: Duration,
    metrics: Metrics,
    watchers: AtomicUsize,
    /// The channel to the watchers while the reader runs.
    sender: Mutex<Option<Sender<Arc<TailedAttempt>>>>,
    closing: CancellationToken,
}

/// Attempts as they are recorded. Cheap to clone.
#[derive(Clone)]
pub struct AttemptFeed(Arc<AttemptFeedShared>);

/// One of the `max_watchers` slots, freed when dropped.
struct WatcherSlot(Arc<AttemptFeedShared>);

impl Drop for WatcherSlot {
    fn drop(&mut self) {
        self.0.watchers.fetch_sub(1, Ordering::AcqRel);
    }
}

impl AttemptFeed {
    pub fn new(store: Arc<dyn Store>, settings: &ApiSettings, metrics: Metrics) -> Self {
        let poll = Duration::from_millis(settings.watch_poll_interval_milliseconds);
        Self::over(Box::new(store), settings.max_watchers, poll, metrics)
    }

    fn over(
        tail: Box<dyn TailSource>,
        max_watchers: usize,
        poll: Duration,
        metrics: Metrics,
    ) -> Self {
        Self(Arc::new(AttemptFeedShared {
            tail,
            max_watchers,
            poll,
            metrics,
            watchers: AtomicUsize::new(0),
            sender: Mutex::new(None),
            closing: CancellationToken::new(),
        }))
    }

    /// Ends every stream that would otherwise last as long as its caller likes.
    pub fn close(&self) {
        self.0.closing.cancel();
    }

    /// Cancelled by [`AttemptFeed::close`].
    pub fn stop_token(&self) -> CancellationToken {
        self.0.closing.clone()
    }

    /// Attempts that are committed from now on and that the filter admits, in the order of
    /// commit.
    pub async fn subscribe(
        &self,
        filter: WatchFilter,
    ) -> Result<impl Stream<Item = Result<Arc<TailedAttempt>, WatchEnd>> + Send + use<>, WatchError>
    {
        let slot = self.reserve_slot().ok_or(WatchError::TooMany)?;
        // Locked while the position is read, so that a second watcher cannot join a reader
        // that began later.
        let mut sender = self.0.sender.lock().await;
        let receiver = match sender.as_ref() {
            Some(running) => running.subscribe(),
            None => {
                let position = self.0.tail.position().await?;
                let (fresh, receiver) = broadcast::channel(MAX_LAG_ATTEMPTS);
                tokio::spawn(read_tail(Arc::clone(&self.0), fresh.clone(), position));
                *sender = Some(fresh);
                receiver
            }
        };
        drop(sender);
        let watcher = Watcher { slot, receiver, filter, ended: false };
        Ok(unfold(watcher, |mut watcher| async move {
            watcher.next().await.map(|attempt| (attempt, watcher))
        }))
    }

    fn reserve_slot(&self) -> Option<WatcherSlot> {
        let taken = self.0.watchers.fetch_add(1, Ordering::AcqRel);
        let slot = WatcherSlot(Arc::clone(&self.0));
        (taken < self.0.max_watchers).then_some(slot)
    }
}

struct Watcher {
    slot: WatcherSlot,
    receiver: Receiver<Arc<TailedAttempt>>,
    filter: WatchFilter,
    ended: bool,
}

impl Watcher {
    async fn next(&mut self) -> Option<Result<Arc<TailedAttempt>, WatchEnd>> {
        while !self.ended {
            let received = tokio::select! {
                () = self.slot.0.closing.cancelled() => {
                    self.ended = true;
                    return Some(Err(WatchEnd::Stopping));
                }
                received = self.receiver.recv() => received,
            };
            match received {
                Ok(attempt) if self.filter.admits(&attempt) => return Some(Ok(attempt)),
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => {
                    self.ended = true;
                    return Some(Err(WatchEnd::TooSlow));
                }
                Err(RecvError::Closed) => self.ended = true,
            }
        }
        None
    }
}

/// Reads the tail and sends it to the watchers until there are none.
async fn read_tail(
    inner: Arc<AttemptFeedShared>,
    sender: Sender<Arc<TailedAttempt>>,
    mut position: i64,
) {
    let mut stall =
        StallMonitor { since: None, is_reported: false, metrics: inner.metrics.clone() };
    loop {
        match inner.tail.read(position).await {
            Ok(page) => {
                let stands = page.held && page.position == position;
                stall.note(stands.then_some("a transaction that records attempts is open"));
                position = page.position;
                let full = page.attempts.len() >= MAX_ATTEMPTS_PER_READ as usize;
                for attempt in page.attempts {
                    // Fails only when there is no watcher.
                    let _ = sender.send(Arc::new(attempt));
                }
                if full {
                    // Let the watchers read before the next page.
                    tokio::task::yield_now().await;
                    continue;
                }
            }
            Err(error) => {
                tracing::debug!(%error, "the tail could not be read");
                stall.note(Some(&error.to_string()));
            }
        }
        tokio::select! {
            () = tokio::time::sleep(inner.poll) => {}
            () = inner.closing.cancelled() => {}
        }
        let mut entrance = inner.sender.lock().await;
        if inner.watchers.load(Ordering::Acquire) == 0 || inner.closing.is_cancelled() {
            *entrance = None;
            return;
        }
    }
}

/// How long the tail has been stalled.
struct StallMonitor {
    since: Option<Instant>,
    is_reported: bool,
    metrics: Metrics,
}

impl StallMonitor {
    /// Records a read of the tail: why it made no progress, or `None`.
    fn note(&mut self, why: Option<&str>) {
        let Some(why) = why else {
            if self.is_reported {
                tracing::info!("the attempt feed has resumed");
            }
            (self.since, self.is_reported) = (None, false);
            self.metrics.feed_stall(Duration::ZERO);
            return;
        };
        let lag = self.since.get_or_insert_with(Instant::now).elapsed();
        self.metrics.feed_stall(lag);
        if lag >= STALL_WARNING_AFTER && !self.is_reported {
            self.is_reported = true;
            let seconds = lag.as_secs();
            tracing::warn!(seconds, why, "the attempt feed is stalled");
        }
    }
}

impl Drop for StallMonitor {
    fn drop(&mut self) {
        self.metrics.feed_stall(Duration::ZERO);
    }
}

#[cfg(test)]
#[path = "attempt_feed_tests.rs"]
mod tests;
