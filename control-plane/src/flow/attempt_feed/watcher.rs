//! One watch: what was recorded since it began, or since where an earlier one ended.
//!
//! Fed by the reader of the tail; feeds a stream of `api`. Guarantees that a watcher gets
//! every attempt recorded after its beginning in the order of commit, or is told that it
//! missed some; that from each position that it is told nothing is missed; and that a page
//! of its own is read in a turn of its caller's, whether it shows anything of it or not.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use postrider_domain::ids::{SubscriptionId, TenantId};
use postrider_store::{StoreError, StoreResult, TailedAttempt};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::Instant;

use super::tail_reader::{FeedItem, TailReader, items_of};
use super::watch_slots::WatchSlot;
use crate::state::read_turns::read_apart;

/// A watcher who wants to know its position is told after so long without an attempt: what
/// is read again after a connection broke is no more than that.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);

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

/// How a watch goes on.
#[derive(Clone, Copy, Debug, Default)]
pub struct WatchTerms {
    /// A position that an earlier watch was told; absent: from now on.
    pub resume: Option<i64>,
    /// Whether positions are told also without an attempt.
    pub progress: bool,
    /// When the watch ends, to be resumed on another connection.
    pub aged_at: Option<Instant>,
}

/// What a watcher gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchItem {
    Attempt(Arc<FeedItem>),
    /// Everything up to this position has been given.
    Progress(i64),
}

/// Why a watch ended.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WatchEnd {
    #[error("the watcher reads too slowly")]
    TooSlow,
    #[error("the replica is stopping")]
    Stopping,
    #[error("the connection has reached its age")]
    Aged,
    #[error(transparent)]
    Store(StoreError),
}

/// See the module.
pub(super) struct Watcher {
    reader: Arc<TailReader>,
    filter: WatchFilter,
    terms: WatchTerms,
    /// Absent while it reads pages of its own from far behind.
    receiver: Option<Receiver<Arc<FeedItem>>>,
    /// Where it reads the next page of its own, if it does.
    behind: Option<i64>,
    queue: VecDeque<Arc<FeedItem>>,
    /// Everything up to here was given.
    reached: i64,
    /// Up to here pages of its own had everything.
    caught_up: i64,
    /// The reader was here when it was joined: what is before comes from pages of its own.
    joined_at: i64,
    /// When its position is told next, without an attempt.
    next_progress: Instant,
    /// The error that comes next, and whether it came.
    end: Option<WatchEnd>,
    ended: bool,
    slot: WatchSlot,
}

impl Watcher {
    /// Begins to watch.
    pub async fn begin(
        reader: Arc<TailReader>,
        filter: WatchFilter,
        terms: WatchTerms,
        slot: WatchSlot,
    ) -> StoreResult<Self> {
        let (receiver, reached) = match terms.resume {
            Some(position) => (None, position),
            None => {
                let (receiver, position) = reader.join(None).await?;
                (Some(receiver), position)
            }
        };
        Ok(Self {
            reader,
            filter,
            terms,
            receiver,
            behind: terms.resume,
            queue: VecDeque::new(),
            reached,
            caught_up: i64::MIN,
            joined_at: i64::MIN,
            // At once: a watch that breaks off before its first attempt can be resumed.
            next_progress: Instant::now(),
            end: None,
            ended: false,
            slot,
        })
    }

    /// The next item; an error is the last one.
    pub async fn next(&mut self) -> Option<Result<WatchItem, WatchEnd>> {
        loop {
            if self.ended {
                return None;
            }
            if let Some(end) = self.end.take() {
                self.ended = true;
                return Some(Err(end));
            }
            if let Some(item) = self.queue.pop_front() {
                self.reached = item.start;
                if self.filter.admits(&item.attempt) {
                    self.next_progress = Instant::now() + PROGRESS_INTERVAL;
                    return Some(Ok(WatchItem::Attempt(item)));
                }
                continue;
            }
            if self.is_aged() {
                return Some(self.end_told(WatchEnd::Aged));
            }
            if let Some(progress) = self.due_progress() {
                return Some(Ok(progress));
            }
            let (closing, wake) = (self.reader.closing.clone(), self.next_wake());
            let outcome = tokio::select! {
                biased;
                () = closing.cancelled() => return Some(self.end_told(WatchEnd::Stopping)),
                advanced = self.advance() => advanced,
                () = sleep_until(wake) => Ok(()),
            };
            if let Err(end) = outcome {
                self.end = Some(end);
            }
        }
    }

    fn is_aged(&self) -> bool {
        self.terms.aged_at.is_some_and(|at| Instant::now() >= at)
    }

    /// The end, after the position from which it can be resumed.
    fn end_told(&mut self, end: WatchEnd) -> Result<WatchItem, WatchEnd> {
        if self.terms.progress {
            self.end = Some(end);
            return Ok(WatchItem::Progress(self.position()));
        }
        self.ended = true;
        Err(end)
    }

    fn due_progress(&mut self) -> Option<WatchItem> {
        let now = Instant::now();
        if !self.terms.progress || now < self.next_progress {
            return None;
        }
        self.next_progress = now + PROGRESS_INTERVAL;
        Some(WatchItem::Progress(self.position()))
    }

    /// When to look again although nothing was recorded.
    fn next_wake(&self) -> Option<Instant> {
        let progress = self.terms.progress.then_some(self.next_progress);
        progress.into_iter().chain(self.terms.aged_at).min()
    }

    /// Up to where everything was given.
    fn position(&self) -> i64 {
        if !self.queue.is_empty() {
            return self.reached;
        }
        if let Some(behind) = self.behind {
            return behind;
        }
        // Read first: what was sent up to it has then been received, if nothing is left.
        let sent = self.reader.position();
        match &self.receiver {
            Some(receiver) if receiver.is_empty() => self.reached.max(sent),
            _ => self.reached,
        }
    }

    /// Gets what comes next.
    async fn advance(&mut self) -> Result<(), WatchEnd> {
        if let Some(position) = self.behind {
            return self.read_own_page(position).await.map_err(WatchEnd::Store);
        }
        let Some(receiver) = &mut self.receiver else { return Err(WatchEnd::Stopping) };
        match receiver.recv().await {
            // What pages of its own have shown.
            Ok(item) if item.end <= self.caught_up => {}
            Ok(item) => self.queue.push_back(item),
            Err(RecvError::Lagged(_)) => return Err(WatchEnd::TooSlow),
            Err(RecvError::Closed) => return Err(WatchEnd::Stopping),
        }
        Ok(())
    }

    /// Reads a page by itself. Once one is not full it joins the others, and reads once more
    /// what came in between.
    async fn read_own_page(&mut self, position: i64) -> StoreResult<()> {
        let (reader, owner) = (Arc::clone(&self.reader), self.slot.owner().clone());
        let read = read_apart(async move {
            let _turn = reader.turns.wait(&owner).await;
            reader.tail.read(position).await
        });
        let page = read.await??;
        let end = page.position;
        let (items, is_full) = items_of(page, position);
        if !is_full && self.receiver.is_none() {
            let (receiver, joined_at) = self.reader.join(Some(end)).await?;
            (self.receiver, self.joined_at) = (Some(receiver), joined_at);
        }
        self.behind = (is_full || end < self.joined_at).then_some(end);
        self.caught_up = end;
        self.reached = position;
        self.queue.extend(items);
        if self.behind.is_none() && self.queue.is_empty() {
            self.reached = end;
        }
        Ok(())
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
