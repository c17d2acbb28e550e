//! Until when everything published through this replica is settled.
//!
//! Fed by the writer; feeds `flow::reconcile`, here and at other replicas.
//! Guarantees that no event with a time before the watermark appears later, be it
//! by a commit of which nobody knows whether it happened.
//!
//! What bounds such a commit, wherever a network holds it back: its statement tells
//! the database the latest time at which it may begin, counted from the heartbeat
//! that the database last took from its replica (`Cluster::may_commit_until`). So it
//! is over for a replica that nobody hears any more as well, and by the same clock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use postrider_domain::time::Timestamp;

#[derive(Debug, Default)]
struct State {
    /// Since when batches are being committed, one for each writer that is busy.
    committing: Vec<Timestamp>,
    /// Batches of which nobody knows: since when, and until when they may appear.
    doubtful: Vec<(Timestamp, Timestamp)>,
    /// The same of an earlier process of this name.
    inherited: Option<(Timestamp, Timestamp)>,
}

/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Watermark(Arc<Mutex<State>>);

impl Watermark {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A batch's events get their times from now on, and are committed later.
    pub(super) fn begin(&self, now: Timestamp) -> OpenBatch {
        self.state().committing.push(now);
        OpenBatch { watermark: self.clone(), since: now }
    }

    /// An earlier process may have published under this replica's name until now, and
    /// its last heartbeat is no longer told from ours.
    pub fn succeed(&self, now: Timestamp, doubt: Duration) {
        self.state().inherited = Some((now - doubt, now + doubt));
    }

    /// No event before this time appears any more.
    pub fn at(&self, now: Timestamp) -> Timestamp {
        let inherited = self.state().inherited.filter(|(_, until)| *until > now);
        inherited.map_or(now, |(since, _)| since).min(self.own(now))
    }

    /// The same for what this very process commits.
    pub fn own(&self, now: Timestamp) -> Timestamp {
        let state = self.state();
        let doubtful = state.doubtful.iter().filter(|(_, until)| *until > now);
        let open = doubtful.map(|(since, _)| *since).chain(state.committing.iter().copied());
        open.fold(now, Timestamp::min)
    }
}

/// A batch that is being committed; once it is dropped it is committed, or not.
pub(super) struct OpenBatch {
    watermark: Watermark,
    since: Timestamp,
}

impl OpenBatch {
    /// Whether it is committed is not known, of what was asked for then. It may still
    /// appear for as long as `doubt`.
    pub(super) fn unknown(&self, asked: Timestamp, doubt: Duration) {
        let mut state = self.watermark.state();
        state.doubtful.retain(|(_, until)| *until > asked);
        state.doubtful.push((self.since, asked + doubt));
    }
}

impl Drop for OpenBatch {
    fn drop(&mut self) {
        let mut state = self.watermark.state();
        let own = state.committing.iter().position(|since| *since == self.since);
        own.map(|index| state.committing.swap_remove(index));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOUBT: Duration = Duration::from_secs(30);

    #[test]
    fn what_is_open_or_in_doubt_holds_it_back() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let watermark = Watermark::default();
        assert_eq!(watermark.at(at(5)), at(5));
        let first = watermark.begin(at(6));
        let beside = watermark.begin(at(7));
        assert_eq!(watermark.at(at(8)), at(6));
        first.unknown(at(9), DOUBT);
        drop(first);
        let second = watermark.begin(at(10));
        assert_eq!(watermark.at(at(38)), at(6));
        assert_eq!(watermark.at(at(39)), at(7), "by then it has happened or never will");
        drop(beside);
        assert_eq!(watermark.at(at(39)), at(10));
        drop(second);
        assert_eq!(watermark.at(at(40)), at(40));
    }

    #[test]
    fn what_an_earlier_process_of_the_same_name_left_is_in_doubt_for_a_while() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let watermark = Watermark::default();
        watermark.succeed(at(100), DOUBT);
        assert_eq!(watermark.at(at(129)), at(70), "nothing of it was asked for before");
        assert_eq!(watermark.own(at(129)), at(129));
        assert_eq!(watermark.at(at(130)), at(130));
    }
}
