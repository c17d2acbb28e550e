//! Rows that are not what this program writes.
//!
//! Fed by what the engines read for loops and for lists of everybody; feeds the log, and the
//! metrics with how many there are. Guarantees that one such row keeps nobody else's from being
//! read, that each is told by name, and that there are no more lines than an hour may have.
//!
//! Keeps the invariant `bad-row-isolated`.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::error::{StoreError, StoreResult};

/// Most rows that are remembered, and so told, in an hour; each is a line of the log.
const MAX_NOTED_ROWS: usize = 1000;
/// A row that is met by every round of a loop is told again after this.
const TELL_AGAIN: Duration = Duration::from_secs(3600);

/// The rows that were passed over in the last hour, with when each was told.
#[derive(Default)]
pub(crate) struct UnreadableRows(Mutex<HashMap<String, Instant>>);

impl UnreadableRows {
    /// What could be read.
    pub(crate) fn readable<T>(
        &self,
        read: impl Iterator<Item = StoreResult<T>>,
    ) -> StoreResult<Vec<T>> {
        read.filter_map(|row| self.passed_over(row).transpose()).collect()
    }

    /// `None` in place of a row that cannot be read.
    pub(crate) fn passed_over<T>(&self, read: StoreResult<T>) -> StoreResult<Option<T>> {
        match read {
            Err(StoreError::UnreadableRow { row, problem }) => {
                self.note(row, &problem, Instant::now());
                Ok(None)
            }
            other => other.map(Some),
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        let mut noted = self.0.lock();
        noted.retain(|_, told| told.elapsed() < TELL_AGAIN);
        noted.len() as u64
    }

    /// Whether it is told.
    fn note(&self, row: String, problem: &str, now: Instant) -> bool {
        let mut noted = self.0.lock();
        let is_fresh = |told: &Instant| now.saturating_duration_since(*told) < TELL_AGAIN;
        if noted.get(&row).is_some_and(is_fresh) {
            return false;
        }
        if noted.len() >= MAX_NOTED_ROWS {
            noted.retain(|_, told| is_fresh(told));
        }
        if noted.len() >= MAX_NOTED_ROWS {
            return false;
        }
        noted.insert(row.clone(), now);
        drop(noted);
        tracing::error!(row, problem, "a row of the database cannot be read, and is passed over");
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreadable(row: &str) -> StoreError {
        StoreError::UnreadableRow { row: row.to_owned(), problem: "attempts is -1".to_owned() }
    }

    #[test]
    fn what_cannot_be_read_is_left_out_and_an_outage_is_not() {
        let rows = UnreadableRows::default();
        let read = [Ok(1), Err(unreadable("a")), Ok(2), Err(unreadable("a"))];
        assert_eq!(rows.readable(read.into_iter()).unwrap(), [1, 2]);
        assert_eq!(rows.count(), 1);
        let away = || StoreError::Unavailable("away".to_owned());
        assert!(rows.readable([Ok(1), Err(away())].into_iter()).is_err());
    }

    #[test]
    fn each_is_told_once_an_hour_and_so_many_at_most() {
        let (rows, now) = (UnreadableRows::default(), Instant::now());
        assert!(rows.note("a".to_owned(), "", now));
        assert!(!rows.note("a".to_owned(), "", now + TELL_AGAIN / 2));
        assert!(rows.note("a".to_owned(), "", now + TELL_AGAIN));
        for number in 1..MAX_NOTED_ROWS {
            assert!(rows.note(number.to_string(), "", now));
        }
        assert!(!rows.note("another".to_owned(), "", now));
        assert!(rows.note("another".to_owned(), "", now + TELL_AGAIN), "the others are forgotten");
    }
}
