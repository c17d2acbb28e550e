//! Reads the tail of attempts, once for all who watch.
//!
//! Fed by the store; feeds watchers through a channel, and one that is behind with pages of
//! its own. Guarantees that one task reads the tail however many watch, and none when nobody
//! does. While the tail stalls, a metric and a log line say so.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use postrider_store::{Store, StoreResult, TailPage, TailedAttempt};
use tokio::sync::Mutex;
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::state::read_turns::ReadTurns;

/// After this long a stalled tail is logged. Twenty-five reads by default
/// (`api.watch_poll_interval_milliseconds`); a commit takes less unless the database is in
/// trouble.
const STALL_WARNING_AFTER: Duration = Duration::from_secs(5);
/// Most attempts that a watcher may lag behind; each is a few KiB. A second of a busy
/// replica; whoever lags more does not read as fast as is delivered.
pub(super) const MAX_LAG_ATTEMPTS: usize = 8192;
/// Most attempts read at once from the tail. About one commit of results
/// (`results.max_commit_results`); a full read is followed by the next at once.
pub(super) const MAX_ATTEMPTS_PER_READ: u32 = 500;

/// The source of the tail: the store, or a test's memory.
#[async_trait]
pub(super) trait TailSource: Send + Sync {
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

/// An attempt, and the page of the tail in which it was read.
#[derive(Debug, PartialEq, Eq)]
pub struct FeedItem {
    pub attempt: TailedAttempt,
    /// The position before its page: from here it is read again, with others perhaps.
    pub start: i64,
    /// The position after its page.
    pub(super) end: i64,
}

/// The attempts of a page, and whether it was full.
pub(super) fn items_of(page: TailPage, start: i64) -> (Vec<Arc<FeedItem>>, bool) {
    let TailPage { attempts, position: end, .. } = page;
    let is_full = attempts.len() >= MAX_ATTEMPTS_PER_READ as usize;
    let items = attempts.into_iter().map(|attempt| Arc::new(FeedItem { attempt, start, end }));
    (items.collect(), is_full)
}

/// What all watchers share.
pub(super) struct TailReader {
    pub tail: Box<dyn TailSource>,
    /// For what watchers read by themselves. The reader needs none: a connection is its own.
    pub turns: ReadTurns,
    pub poll: Duration,
    pub metrics: Metrics,
    /// The channel to the watchers while the reader runs.
    pub sender: Mutex<Option<Sender<Arc<FeedItem>>>>,
    /// Up to where the watchers have been sent what there is.
    position: AtomicI64,
    pub closing: CancellationToken,
}

impl TailReader {
    pub fn new(
        tail: Box<dyn TailSource>,
        turns: ReadTurns,
        poll: Duration,
        metrics: Metrics,
    ) -> Self {
        let (sender, position) = (Mutex::new(None), AtomicI64::new(0));
        Self { tail, turns, poll, metrics, sender, position, closing: CancellationToken::new() }
    }

    /// Up to where every item has been sent to those who are joined.
    pub fn position(&self) -> i64 {
        self.position.load(Ordering::Acquire)
    }

    /// Joins those who watch: from where the reader is, or from `start` (absent: the tail's
    /// end) if it does not run. Returns the position up to which nothing more is sent.
    pub async fn join(
        self: &Arc<Self>,
        start: Option<i64>,
    ) -> StoreResult<(Receiver<Arc<FeedItem>>, i64)> {
        // Locked while the position is read, so that a second watcher cannot join a reader
        // that began later.
        let mut sender = self.sender.lock().await;
        if let Some(running) = sender.as_ref() {
            let position = self.position();
            return Ok((running.subscribe(), position));
        }
        let position = match start {
            Some(start) => start,
            None => self.tail.position().await?,
        };
        self.position.store(position, Ordering::Release);
        let (fresh, receiver) = broadcast::channel(MAX_LAG_ATTEMPTS);
        tokio::spawn(read_tail(Arc::clone(self), fresh.clone(), position));
        *sender = Some(fresh);
        Ok((receiver, position))
    }
}

/// Reads the tail and sends it to the watchers until there are none.
async fn read_tail(reader: Arc<TailReader>, sender: Sender<Arc<FeedItem>>, mut position: i64) {
    let metrics = reader.metrics.clone();
    let mut stall = StallMonitor { since: None, is_reported: false, metrics };
    loop {
        match reader.tail.read(position).await {
            Ok(page) => {
                let stands = page.held && page.position == position;
                stall.note(stands.then_some("a transaction that records attempts is open"));
                let end = page.position;
                let (items, is_full) = items_of(page, position);
                position = end;
                for item in items {
                    // Fails only when there is no watcher.
                    let _ = sender.send(item);
                }
                // After the items: whoever has none of them left has had all up to here.
                reader.position.store(position, Ordering::Release);
                if is_full {
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
            () = tokio::time::sleep(reader.poll) => {}
            () = reader.closing.cancelled() => {}
        }
        let mut entrance = reader.sender.lock().await;
        if sender.receiver_count() == 0 || reader.closing.is_cancelled() {
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
