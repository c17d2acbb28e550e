//! The tail of attempts, for those who watch.
//!
//! Fed by the store, which knows the order of commits over all replicas
//! (rule 17); feeds `api`'s streams. Guarantees that one task reads the tail
//! however many watch, and none when nobody does; and that a watcher gets every
//! attempt that is recorded after it began, or is told that it did not. While the tail
//! cannot go on, a metric and a line say so.

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
use crate::settings::Api;

/// How long the tail stands still before a line says so.
const STANDSTILL: Duration = Duration::from_secs(5);
/// Attempts that a watcher may lag behind; each is a few KiB at most.
const MAX_LAG: usize = 8192;
/// Most attempts read at once.
const PAGE: u32 = 500;

/// What a watcher wants to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchFilter {
    /// `None`: all.
    pub tenant: Option<TenantId>,
    /// One of that tenant's; `None`: all.
    pub subscription: Option<SubscriptionId>,
}

impl WatchFilter {
    fn admits(&self, attempt: &TailedAttempt) -> bool {
        let key = &attempt.record.subscription;
        self.tenant.as_ref().is_none_or(|tenant| *tenant == key.tenant)
            && self.subscription.as_ref().is_none_or(|id| *id == key.subscription)
    }
}

/// Why a watch did not begin.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error("too many watch already")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a watch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchLost {
    #[error("the watcher reads too slowly")]
    TooSlow,
    #[error("the replica is stopping")]
    Stopping,
}

/// Where the tail is read.
#[async_trait]
trait Tail: Send + Sync {
    async fn position(&self) -> StoreResult<i64>;
    async fn read(&self, position: i64) -> StoreResult<TailPage>;
}

#[async_trait]
impl Tail for Arc<dyn Store> {
    async fn position(&self) -> StoreResult<i64> {
        self.tail_position().await
    }

    async fn read(&self, position: i64) -> StoreResult<TailPage> {
        self.tail(position, PAGE).await
    }
}

struct Inner {
    tail: Box<dyn Tail>,
    max_watchers: usize,
    poll: Duration,
    metrics: Metrics,
    watchers: AtomicUsize,
    /// The way to the watchers while the reader runs.
    sender: Mutex<Option<Sender<Arc<TailedAttempt>>>>,
    closing: CancellationToken,
}

/// The entrance for watchers. Cheap to clone.
#[derive(Clone)]
pub struct Watch(Arc<Inner>);

/// A place among the watchers.
struct Seat(Arc<Inner>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.watchers.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Watch {
    pub fn new(store: Arc<dyn Store>, settings: &Api, metrics: Metrics) -> Self {
        let poll = Duration::from_millis(settings.watch_poll_milliseconds);
        Self::over(Box::new(store), settings.max_watchers, poll, metrics)
    }

    fn over(tail: Box<dyn Tail>, max_watchers: usize, poll: Duration, metrics: Metrics) -> Self {
        Self(Arc::new(Inner {
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

    /// Cancelled by [`Watch::close`].
    pub fn closing(&self) -> CancellationToken {
        self.0.closing.clone()
    }

    /// Every attempt that is committed from now on and that the filter admits, in
    /// the order of commit.
    pub async fn subscribe(
        &self,
        filter: WatchFilter,
    ) -> Result<impl Stream<Item = Result<Arc<TailedAttempt>, WatchLost>> + Send + use<>, WatchError>
    {
        let seat = self.sit().ok_or(WatchError::TooMany)?;
        // Held while the position is read, so that a second watcher does not find
        // a reader that began after it.
        let mut sender = self.0.sender.lock().await;
        let receiver = match sender.as_ref() {
            Some(running) => running.subscribe(),
            None => {
                let position = self.0.tail.position().await?;
                let (fresh, receiver) = broadcast::channel(MAX_LAG);
                tokio::spawn(read(Arc::clone(&self.0), fresh.clone(), position));
                *sender = Some(fresh);
                receiver
            }
        };
        drop(sender);
        let watcher = Watcher { seat, receiver, filter, ended: false };
        Ok(unfold(watcher, |mut watcher| async move {
            watcher.next().await.map(|attempt| (attempt, watcher))
        }))
    }

    fn sit(&self) -> Option<Seat> {
        let taken = self.0.watchers.fetch_add(1, Ordering::AcqRel);
        let seat = Seat(Arc::clone(&self.0));
        (taken < self.0.max_watchers).then_some(seat)
    }
}

struct Watcher {
    seat: Seat,
    receiver: Receiver<Arc<TailedAttempt>>,
    filter: WatchFilter,
    ended: bool,
}

impl Watcher {
    async fn next(&mut self) -> Option<Result<Arc<TailedAttempt>, WatchLost>> {
        while !self.ended {
            let received = tokio::select! {
                () = self.seat.0.closing.cancelled() => {
                    self.ended = true;
                    return Some(Err(WatchLost::Stopping));
                }
                received = self.receiver.recv() => received,
            };
            match received {
                Ok(attempt) if self.filter.admits(&attempt) => return Some(Ok(attempt)),
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => {
                    self.ended = true;
                    return Some(Err(WatchLost::TooSlow));
                }
                Err(RecvError::Closed) => self.ended = true,
            }
        }
        None
    }
}

/// Reads the tail and passes it on until nobody watches.
async fn read(inner: Arc<Inner>, sender: Sender<Arc<TailedAttempt>>, mut position: i64) {
    let mut standstill = Standstill { since: None, told: false, metrics: inner.metrics.clone() };
    loop {
        match inner.tail.read(position).await {
            Ok(page) => {
                let stands = page.held && page.position == position;
                standstill.note(stands.then_some("a transaction that records attempts is open"));
                position = page.position;
                let full = page.attempts.len() >= PAGE as usize;
                for attempt in page.attempts {
                    // Without a watcher there is nobody to miss it.
                    let _ = sender.send(Arc::new(attempt));
                }
                if full {
                    // Lets the watchers read before there is more.
                    tokio::task::yield_now().await;
                    continue;
                }
            }
            Err(error) => {
                tracing::debug!(%error, "the tail could not be read");
                standstill.note(Some(&error.to_string()));
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

/// For how long there may have been something that could not be shown.
struct Standstill {
    since: Option<Instant>,
    told: bool,
    metrics: Metrics,
}

impl Standstill {
    /// Notes a look at the tail: why it did not go on, if so.
    fn note(&mut self, why: Option<&str>) {
        let Some(why) = why else {
            if self.told {
                tracing::info!("the live tail of attempts goes on");
            }
            (self.since, self.told) = (None, false);
            self.metrics.watch_lag(Duration::ZERO);
            return;
        };
        let lag = self.since.get_or_insert_with(Instant::now).elapsed();
        self.metrics.watch_lag(lag);
        if lag >= STANDSTILL && !self.told {
            self.told = true;
            let seconds = lag.as_secs();
            tracing::warn!(seconds, why, "the live tail of attempts stands still");
        }
    }
}

impl Drop for Standstill {
    fn drop(&mut self) {
        self.metrics.watch_lag(Duration::ZERO);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "watch_tests.rs"]
mod tests;
