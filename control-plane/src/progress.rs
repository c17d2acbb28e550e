//! The progress of the loops, and what their rounds came to.
//!
//! Fed by each loop as it goes round; feeds liveness (`health`) with the loops that are
//! stuck, and operators (`api::fleet`) with the last outcome of each. A loop that waits for
//! work says so, and may wait for as long as it likes.
//!
//! How to drive it: `begin_round` before a round, `end_round` with what it did. A writer,
//! which works on one batch after another, only reports its progress.
//!
//! Keeps the invariant `health-tells-the-truth`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use fair_batch::ProgressReporter;
use parking_lot::Mutex;
use postrider_domain::time::Timestamp;

use crate::clock::Clock;

/// The progress time of a loop that waits for work.
const IDLE_MARKER_MICROS: i64 = i64::MAX;

/// What a round did: how many of what. What is zero is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoundCounts(BTreeMap<Cow<'static, str>, u64>);

impl RoundCounts {
    pub fn add(&mut self, what: impl Into<Cow<'static, str>>, count: u64) {
        if count > 0 {
            let sum = self.0.entry(what.into()).or_default();
            *sum = sum.saturating_add(count);
        }
    }

    /// Adds a number of things in memory.
    pub fn add_all(&mut self, what: &'static str, count: usize) {
        self.add(what, u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// Whether nothing was done.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(what, count)| (what.as_ref(), *count))
    }
}

/// One round of a loop that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopRound {
    pub begun: Timestamp,
    pub took: Duration,
    pub counts: RoundCounts,
    /// What failed first, as callers may be told: the log has the database's own words.
    pub failure: Option<Cow<'static, str>>,
}

/// What is known of a loop's rounds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoopOutcome {
    pub name: Cow<'static, str>,
    /// Rounds that are over, since the start.
    pub round_count: u64,
    /// When the round that is under way began.
    pub running_since: Option<Timestamp>,
    pub last: Option<LoopRound>,
    /// The last round that did something.
    pub last_busy: Option<LoopRound>,
    pub last_failed: Option<LoopRound>,
    /// Rounds in a row that failed, up to the last.
    pub failures: u64,
    /// When the next round begins, if nothing asks for it before.
    pub next: Option<Timestamp>,
}

struct LoopProgress {
    name: &'static str,
    /// Whether a loop without progress is stuck.
    is_watched: bool,
    last: AtomicI64,
    /// Of a loop that has rounds.
    outcome: Option<Mutex<LoopOutcome>>,
}

/// Reports one loop's progress.
#[derive(Clone)]
pub struct ProgressHandle {
    state: Arc<LoopProgress>,
    clock: Arc<dyn Clock>,
}

impl ProgressReporter for ProgressHandle {
    fn report_progress(&self) {
        if self.state.is_watched {
            self.state.last.store(self.clock.now().as_micros(), Ordering::Relaxed);
        }
    }

    /// The loop waits for work, however long that takes.
    fn report_idle(&self) {
        self.state.last.store(IDLE_MARKER_MICROS, Ordering::Relaxed);
    }
}

impl ProgressHandle {
    pub fn name(&self) -> &'static str {
        self.state.name
    }

    /// A round begins.
    pub fn begin_round(&self) {
        self.report_progress();
        if let Some(outcome) = &self.state.outcome {
            outcome.lock().running_since = Some(self.clock.now());
        }
    }

    /// The round is over.
    pub fn end_round(
        &self,
        counts: RoundCounts,
        failure: Option<&'static str>,
        next: Option<Timestamp>,
    ) {
        let Some(outcome) = &self.state.outcome else { return };
        let now = self.clock.now();
        let mut outcome = outcome.lock();
        let begun = outcome.running_since.take().unwrap_or(now);
        let failure = failure.map(Cow::Borrowed);
        let round = LoopRound { begun, took: now.since(begun), counts, failure };
        outcome.round_count = outcome.round_count.saturating_add(1);
        outcome.next = next;
        if !round.counts.is_empty() {
            outcome.last_busy = Some(round.clone());
        }
        if round.failure.is_some() {
            outcome.failures = outcome.failures.saturating_add(1);
            outcome.last_failed = Some(round.clone());
        } else {
            outcome.failures = 0;
        }
        outcome.last = Some(round);
    }
}

/// The loops of a replica. Cheap to clone.
#[derive(Clone)]
pub struct WatchedLoops {
    loops: Arc<Mutex<Vec<Arc<LoopProgress>>>>,
    clock: Arc<dyn Clock>,
}

impl WatchedLoops {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { loops: Arc::default(), clock }
    }

    /// Registers a writer, whose progress is watched and which has no rounds.
    pub fn register_writer(&self, name: &'static str) -> ProgressHandle {
        self.register(name, true, None)
    }

    /// Registers a loop whose progress is watched.
    pub fn register_loop(&self, name: &'static str) -> ProgressHandle {
        self.register(name, true, Some(LoopOutcome::default()))
    }

    /// Registers a loop of which a round may take long, or be long after another: it is
    /// never stuck.
    pub fn register_slow_loop(&self, name: &'static str) -> ProgressHandle {
        self.register(name, false, Some(LoopOutcome::default()))
    }

    fn register(
        &self,
        name: &'static str,
        is_watched: bool,
        outcome: Option<LoopOutcome>,
    ) -> ProgressHandle {
        let now = self.clock.now().as_micros();
        let last = AtomicI64::new(if is_watched { now } else { IDLE_MARKER_MICROS });
        let named = |outcome| LoopOutcome { name: Cow::Borrowed(name), ..outcome };
        let outcome = outcome.map(named).map(Mutex::new);
        let state = Arc::new(LoopProgress { name, is_watched, last, outcome });
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

    /// What is known of the rounds of each loop.
    pub fn outcomes(&self) -> Vec<LoopOutcome> {
        let loops = self.loops.lock();
        let known = loops.iter().filter_map(|entry| entry.outcome.as_ref());
        known.map(|outcome| outcome.lock().clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;

    /// A clock that stands until it is moved.
    #[derive(Default)]
    struct MovedClock(AtomicI64);

    #[async_trait]
    impl Clock for MovedClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(self.0.load(Ordering::Relaxed))
        }

        async fn sleep_until(&self, _: Timestamp) {
            std::future::pending().await
        }
    }

    fn counts(what: &'static str, count: u64) -> RoundCounts {
        let mut counts = RoundCounts::default();
        counts.add(what, count);
        counts
    }

    #[test]
    fn a_loop_shows_its_last_round_and_the_last_that_did_something_and_that_failed() {
        let clock = Arc::<MovedClock>::default();
        let passes = |seconds: i64| clock.0.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
        let loops = WatchedLoops::new(Arc::<MovedClock>::clone(&clock));
        let handle = loops.register_slow_loop("tokens");
        let outcome = || loops.outcomes().remove(0);
        assert_eq!((outcome().name.as_ref(), outcome().last), ("tokens", None));

        handle.begin_round();
        assert_eq!(outcome().running_since, Some(Timestamp::from_micros(0)));
        passes(2);
        let next = Timestamp::from_micros(60_000_000);
        handle.end_round(counts("tokens_removed", 3), None, Some(next));
        let busy = outcome().last.unwrap();
        assert_eq!((busy.begun, busy.took), (Timestamp::default(), Duration::from_secs(2)));
        assert_eq!(busy.counts.iter().collect::<Vec<_>>(), [("tokens_removed", 3)]);
        assert_eq!((outcome().next, outcome().running_since), (Some(next), None));

        for failures in 1..=2 {
            handle.begin_round();
            handle.end_round(RoundCounts::default(), Some("the database is unavailable"), None);
            assert_eq!((outcome().failures, outcome().next), (failures, None));
        }
        handle.begin_round();
        handle.end_round(counts("tokens_removed", 0), None, None);
        let after = outcome();
        assert_eq!((after.round_count, after.failures), (4, 0));
        assert_eq!(after.last_busy, Some(busy), "nothing is counted since");
        assert_eq!(after.last.unwrap().failure, None);
        assert!(after.last_failed.unwrap().failure.is_some());
    }

    #[test]
    fn writers_have_no_rounds_and_slow_loops_are_never_stuck() {
        let clock = Arc::<MovedClock>::default();
        let loops = WatchedLoops::new(Arc::<MovedClock>::clone(&clock));
        let _writer = loops.register_writer("publish");
        let slow = loops.register_slow_loop("maintenance");
        let _quick = loops.register_loop("leases");
        slow.begin_round();
        clock.0.store(3_600_000_000, Ordering::Relaxed);
        assert_eq!(loops.stuck_for(Duration::from_secs(60)), ["publish", "leases"]);
        let names: Vec<_> = loops.outcomes().into_iter().map(|outcome| outcome.name).collect();
        assert_eq!(names, ["maintenance", "leases"]);
    }
}
