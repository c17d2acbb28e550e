//! The attempt feed: attempts as they are recorded, for `WatchAttempts`.
//!
//! Fed by the store, which knows the order of commits over all replicas
//! (tail-skips-nothing); feeds `api`'s streams. Guarantees that one task reads the tail
//! however many watch, and none when nobody does; that a watcher gets every attempt
//! recorded after it began, or is told that it missed some; that a watch can be resumed
//! from each position that it was told, on any replica, without missing one; and that what
//! one reads by itself is read in turns of its caller's.
//!
//! - `tail_reader`: the task. `watcher`: one watch. `watch_slots`: how many there may be.
//!
//! Keeps the invariant `tail-skips-nothing`.

mod tail_reader;
#[cfg(test)]
mod tests;
mod watch_slots;
mod watcher;

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{Stream, unfold};
use postrider_store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

pub use self::tail_reader::FeedItem;
use self::tail_reader::{TailReader, TailSource};
use self::watch_slots::{WatchLimits, WatchSlots};
use self::watcher::Watcher;
pub use self::watcher::{WatchEnd, WatchFilter, WatchItem, WatchTerms};
use crate::metrics::Metrics;
use crate::settings::ApiSettings;
use crate::state::read_turns::{ReadOwner, ReadTurns};

/// Why a watch did not begin.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The setting says how many there may be.
    #[error("too many watchers: {0}")]
    TooMany(&'static str),
    /// Nothing has been recorded as late as that.
    #[error("the position is not one of this database's")]
    UnknownPosition,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Attempts as they are recorded. Cheap to clone.
#[derive(Clone)]
pub struct AttemptFeed {
    reader: Arc<TailReader>,
    slots: Arc<WatchSlots>,
}

impl AttemptFeed {
    pub fn new(
        store: Arc<dyn Store>,
        settings: &ApiSettings,
        turns: ReadTurns,
        metrics: Metrics,
    ) -> Self {
        let poll = Duration::from_millis(settings.watch_poll_interval_milliseconds);
        Self::over(Box::new(store), WatchLimits::of(settings), turns, poll, metrics)
    }

    fn over(
        tail: Box<dyn TailSource>,
        limits: WatchLimits,
        turns: ReadTurns,
        poll: Duration,
        metrics: Metrics,
    ) -> Self {
        let slots = WatchSlots::new(limits, metrics.limits().clone());
        Self { reader: Arc::new(TailReader::new(tail, turns, poll, metrics)), slots }
    }

    /// Ends every stream that would otherwise last as long as its caller likes.
    pub fn close(&self) {
        self.reader.closing.cancel();
    }

    /// Cancelled by [`AttemptFeed::close`].
    pub fn stop_token(&self) -> CancellationToken {
        self.reader.closing.clone()
    }

    /// Attempts that are committed from now on, or from a position, and that the filter
    /// admits, in the order of commit; for a caller who has a turn to read where the tail ends.
    pub async fn subscribe(
        &self,
        filter: WatchFilter,
        terms: WatchTerms,
        owner: &ReadOwner,
    ) -> Result<impl Stream<Item = Result<WatchItem, WatchEnd>> + Send + use<>, WatchError> {
        let slot = self.slots.take(owner, filter.tenant.as_ref()).map_err(WatchError::TooMany)?;
        // A position from elsewhere would have the store number attempts after it.
        if let Some(position) = terms.resume
            && !(0..=self.reader.tail.position().await?).contains(&position)
        {
            return Err(WatchError::UnknownPosition);
        }
        let watcher = Watcher::begin(Arc::clone(&self.reader), filter, terms, slot).await?;
        Ok(unfold(watcher, |mut watcher| async move {
            watcher.next().await.map(|item| (item, watcher))
        }))
    }
}
