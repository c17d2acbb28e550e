//! Until when everything published through this replica is settled.
//!
//! Fed by the writer; feeds `flow::reconcile`, here and at other replicas.
//! Guarantees that no event with a time before the watermark appears later, be it
//! by a commit of which nobody knows whether it happened.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use postrider_domain::time::Timestamp;

/// Longer than the database goes on with a statement whose caller is gone.
pub const DOUBT: Duration = Duration::from_secs(15);

#[derive(Debug, Default)]
struct State {
    /// Since when batches are being committed, one for each writer that is busy.
    committing: Vec<Timestamp>,
    /// Batches of which nobody knows: since when, and until when they may appear.
    doubtful: Vec<(Timestamp, Timestamp)>,
}

/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Watermark(Arc<Mutex<State>>);

impl Watermark {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A batch's events get their times from now on, and are committed later.
    pub(super) fn begin(&self, now: Timestamp) -> Batch {
        self.state().committing.push(now);
        Batch { watermark: self.clone(), since: now }
    }

    /// No event before this time appears any more.
    pub fn at(&self, now: Timestamp) -> Timestamp {
        let state = self.state();
        let doubtful = state.doubtful.iter().filter(|(_, until)| *until > now);
        let open = doubtful.map(|(since, _)| *since).chain(state.committing.iter().copied());
        open.fold(now, Timestamp::min)
    }
}

/// A batch that is being committed; once it is dropped it is committed, or not.
pub(super) struct Batch {
    watermark: Watermark,
    since: Timestamp,
}

impl Batch {
    /// Whether it is committed is not known.
    pub(super) fn unknown(&self, now: Timestamp) {
        let mut state = self.watermark.state();
        state.doubtful.retain(|(_, until)| *until > now);
        state.doubtful.push((self.since, now + DOUBT));
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        let mut state = self.watermark.state();
        let own = state.committing.iter().position(|since| *since == self.since);
        own.map(|index| state.committing.swap_remove(index));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_or_in_doubt_holds_it_back() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let watermark = Watermark::default();
        assert_eq!(watermark.at(at(5)), at(5));
        let first = watermark.begin(at(6));
        let beside = watermark.begin(at(7));
        assert_eq!(watermark.at(at(8)), at(6));
        first.unknown(at(9));
        drop(first);
        let second = watermark.begin(at(10));
        assert_eq!(watermark.at(at(11)), at(6));
        assert_eq!(watermark.at(at(24)), at(7), "by then it has happened or never will");
        drop(beside);
        assert_eq!(watermark.at(at(24)), at(10));
        drop(second);
        assert_eq!(watermark.at(at(25)), at(25));
    }
}
