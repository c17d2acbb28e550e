//! What was published and tried since the start, as plain numbers.
//!
//! Fed by `deliveries`; feeds `state::recent_activity`, which people ask for rates. The registry
//! has the same by labels, and is not read back.

use std::sync::atomic::{AtomicU64, Ordering};

use postrider_domain::delivery::Outcome;

/// Counts that only grow.
#[derive(Debug, Default)]
pub(super) struct WorkTotals {
    events: AtomicU64,
    attempts: AtomicU64,
    failures: AtomicU64,
}

/// The counts at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkCounts {
    pub events: u64,
    pub attempts: u64,
    pub failures: u64,
}

impl WorkTotals {
    pub fn published(&self) {
        self.events.fetch_add(1, Ordering::Relaxed);
    }

    /// An attempt was recorded. One of which nobody knows the outcome did not fail.
    pub fn concluded(&self, outcome: Outcome) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        let has_failed = !matches!(outcome, Outcome::Succeeded | Outcome::Unknown);
        self.failures.fetch_add(u64::from(has_failed), Ordering::Relaxed);
    }

    pub fn counts(&self) -> WorkCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        WorkCounts {
            events: read(&self.events),
            attempts: read(&self.attempts),
            failures: read(&self.failures),
        }
    }
}
