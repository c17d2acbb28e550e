//! The progress of the loops.
//!
//! Fed by each loop as it goes round; feeds liveness (`health`). A loop that waits for
//! work says so, and may wait for as long as it likes.
//!
//! Keeps the invariant `health-tells-the-truth`.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use fair_batch::ProgressReporter;
use parking_lot::Mutex;
use postrider_domain::time::Timestamp;

use crate::clock::Clock;

/// The progress time of a loop that waits for work.
const IDLE_MARKER_MICROS: i64 = i64::MAX;

struct LoopProgress {
    name: &'static str,
    last: AtomicI64,
}

/// Reports one loop's progress.
#[derive(Clone)]
pub struct ProgressHandle {
    state: Arc<LoopProgress>,
    clock: Arc<dyn Clock>,
}

impl ProgressReporter for ProgressHandle {
    fn report_progress(&self) {
        self.state.last.store(self.clock.now().as_micros(), Ordering::Relaxed);
    }

    /// The loop waits for work, however long that takes.
    fn report_idle(&self) {
        self.state.last.store(IDLE_MARKER_MICROS, Ordering::Relaxed);
    }
}

/// The loops whose progress is watched. Cheap to clone.
#[derive(Clone)]
pub struct WatchedLoops {
    loops: Arc<Mutex<Vec<Arc<LoopProgress>>>>,
    clock: Arc<dyn Clock>,
}

impl WatchedLoops {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { loops: Arc::default(), clock }
    }

    /// Registers a loop whose progress is watched.
    pub fn register(&self, name: &'static str) -> ProgressHandle {
        let now = self.clock.now().as_micros();
        let state = Arc::new(LoopProgress { name, last: AtomicI64::new(now) });
        self.loops.lock().push(Arc::clone(&state));
        ProgressHandle { state, clock: Arc::clone(&self.clock) }
    }

    /// The loops that made no progress for this long.
    pub fn stuck_for(&self, limit: Duration) -> Vec<&'static str> {
        let now = self.clock.now();
        let loops = self.loops.lock();
        let stuck = loops.iter().filter(|entry| {
            now.since(Timestamp::from_micros(entry.last.load(Ordering::Relaxed))) > limit
        });
        stuck.map(|stuck| stuck.name).collect()
    }
}
