//! Whether results can be committed.
//!
//! Fed by `conclude` with every commit; feeds readiness.
//!
//! Keeps the invariant `health-tells-the-truth`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

/// Whether results can be committed, for readiness. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct ResultCommitHealth(Arc<Mutex<Option<Instant>>>);

impl ResultCommitHealth {
    fn failing_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock()
    }

    /// A result was committed.
    pub fn succeeded(&self) {
        *self.failing_since() = None;
    }

    /// A commit failed, and the results were not at fault.
    pub fn failed(&self) {
        self.failing_since().get_or_insert_with(Instant::now);
    }

    /// How long commits of results have been failing.
    pub fn failing_for(&self) -> Option<Duration> {
        self.failing_since().map(|since| since.elapsed())
    }
}
