//! The publish watermark: no event with an earlier time will appear through this
//! replica.
//!
//! Fed by the publish writers; feeds `window_closer`, here and at other replicas.
//! Guarantees that an event before the watermark never appears later, not even by a
//! commit whose outcome is unknown (closed-window-unchanged).
//!
//! How long such a commit can still appear is bounded: its statement tells the database
//! the latest time at which it may begin, counted from the last heartbeat that the
//! database took from this replica (`ClusterState::commit_deadline`). The bound holds
//! for a replica that has become unreachable as well, by the same clock.
//!
//! How to drive it: `open_batch` before a batch's events get their times; drop what it
//! returns when the commit's outcome is known, or `mark_unresolved` first if it is not.
//!
//! Example: a batch begins at 6 s and its commit times out at 9 s. The watermark stays
//! at 6 s until the commit can no longer appear (9 s + `unresolved_commit_span`),
//! although later batches have long been committed.
//!
//! Keeps the invariant `closed-window-unchanged`.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use postrider_domain::time::Timestamp;

#[derive(Debug, Default)]
struct WatermarkState {
    /// When each open batch began; one for each busy writer.
    committing: Vec<Timestamp>,
    /// Batches whose commit has an unknown outcome: when each began, and until when it may
    /// still appear.
    unresolved: Vec<(Timestamp, Timestamp)>,
    /// The same for an earlier process with this replica's name.
    inherited: Option<(Timestamp, Timestamp)>,
}

/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct PublishWatermark(Arc<Mutex<WatermarkState>>);

impl PublishWatermark {
    fn state(&self) -> MutexGuard<'_, WatermarkState> {
        self.0.lock()
    }

    /// Opens a batch: its events get times from now on, and are committed later.
    pub fn open_batch(&self, now: Timestamp) -> OpenBatch {
        self.state().committing.push(now);
        OpenBatch { watermark: self.clone(), since: now }
    }

    /// An earlier process may have published under this replica's name until now; its
    /// last heartbeat can no longer be told apart from ours.
    pub fn inherit_unresolved(&self, now: Timestamp, unresolved_for: Duration) {
        self.state().inherited = Some((now - unresolved_for, now + unresolved_for));
    }

    /// The watermark: no event with an earlier time will appear.
    pub fn current(&self, now: Timestamp) -> Timestamp {
        let inherited = self.state().inherited.filter(|(_, until)| *until > now);
        inherited.map_or(now, |(since, _)| since).min(self.current_own(now))
    }

    /// The same for this process alone.
    pub fn current_own(&self, now: Timestamp) -> Timestamp {
        let state = self.state();
        let unresolved = state.unresolved.iter().filter(|(_, until)| *until > now);
        let open = unresolved.map(|(since, _)| *since).chain(state.committing.iter().copied());
        open.fold(now, Timestamp::min)
    }
}

/// A batch that is being committed. It holds the watermark back until it is dropped.
pub struct OpenBatch {
    watermark: PublishWatermark,
    since: Timestamp,
}

impl OpenBatch {
    /// The outcome of the commit that was requested at `asked` is unknown. The batch may
    /// still appear for as long as `unresolved_for`.
    pub fn mark_unresolved(&self, asked: Timestamp, unresolved_for: Duration) {
        let mut state = self.watermark.state();
        state.unresolved.retain(|(_, until)| *until > asked);
        state.unresolved.push((self.since, asked + unresolved_for));
    }
}

impl Drop for OpenBatch {
    fn drop(&mut self) {
        let mut state = self.watermark.state();
        let own = state.committing.iter().position(|since| *since == self.since);
        debug_assert!(own.is_some(), "a batch is open until it is dropped");
        own.map(|index| state.committing.swap_remove(index));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNRESOLVED_FOR: Duration = Duration::from_secs(30);

    #[test]
    fn what_is_open_or_unresolved_holds_it_back() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let watermark = PublishWatermark::default();
        assert_eq!(watermark.current(at(5)), at(5));
        let first = watermark.open_batch(at(6));
        let beside = watermark.open_batch(at(7));
        assert_eq!(watermark.current(at(8)), at(6));
        first.mark_unresolved(at(9), UNRESOLVED_FOR);
        drop(first);
        let second = watermark.open_batch(at(10));
        assert_eq!(watermark.current(at(38)), at(6));
        assert_eq!(watermark.current(at(39)), at(7), "by then it has happened or never will");
        drop(beside);
        assert_eq!(watermark.current(at(39)), at(10));
        drop(second);
        assert_eq!(watermark.current(at(40)), at(40));
    }

    #[test]
    fn what_an_earlier_process_of_the_same_name_left_is_unresolved_for_a_while() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let watermark = PublishWatermark::default();
        watermark.inherit_unresolved(at(100), UNRESOLVED_FOR);
        assert_eq!(watermark.current(at(129)), at(70), "nothing of it was asked for before");
        assert_eq!(watermark.current_own(at(129)), at(129));
        assert_eq!(watermark.current(at(130)), at(130));
    }
}
