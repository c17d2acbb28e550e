//! What every loop does when the database refuses or does not answer.
//!
//! Fed by the loops with what their rounds came to and with refused batches; feeds the log,
//! what operators see of the loops (`progress`), and the loops with the next part to try.
//! Guarantees that a fault is logged once and not once for each try, that the last outcome
//! of each loop is known, and that what the database refuses delays nothing else.
//!
//! Keeps the invariants `bad-row-isolated` and `database-faults-blame-nobody`.

use std::time::Duration;

use postrider_domain::time::Timestamp;
use postrider_store::StoreError;

use crate::progress::{ProgressHandle, RoundCounts};

/// How soon after a fault a different one is reported. A person can follow a few lines a
/// minute.
const MIN_REPORT_INTERVAL: Duration = Duration::from_secs(10);
/// Most refused parts while a batch is divided; then the rest is left. Each costs some
/// calls of the database; so many at once have one cause.
const MAX_REFUSED_PARTS: usize = 64;

/// Logs a loop's database errors: when they begin and when they end.
pub struct FaultLog {
    /// What waits: "operations".
    what: &'static str,
    since: Option<Timestamp>,
    failures: u32,
    reported: String,
    reported_at: Timestamp,
}

impl FaultLog {
    pub const fn new(what: &'static str) -> Self {
        let reported_at = Timestamp::from_micros(0);
        Self { what, since: None, failures: 0, reported: String::new(), reported_at }
    }

    /// Records the outcome of a round, and logs a change.
    pub fn note(&mut self, error: Option<&StoreError>, now: Timestamp) {
        let what = self.what;
        match (error, self.since) {
            (Some(error), _) => {
                if self.should_report(error, now) {
                    tracing::warn!(%error, what, "database error; the work will be retried");
                } else {
                    tracing::debug!(%error, what, "database error persists");
                }
                self.since.get_or_insert(now);
                self.failures = self.failures.saturating_add(1);
            }
            (None, Some(since)) => {
                let seconds = now.since(since).as_secs();
                tracing::info!(what, seconds, "database error is over");
                *self = Self::new(what);
            }
            (None, None) => {}
        }
    }

    fn should_report(&mut self, error: &StoreError, now: Timestamp) -> bool {
        let text = error.to_string();
        let another = text != self.reported && now.since(self.reported_at) >= MIN_REPORT_INTERVAL;
        let should_report = self.since.is_none() || another;
        if should_report {
            (self.reported, self.reported_at) = (text, now);
        }
        should_report
    }
}

/// Tells how a loop's rounds go: operators each of them, the log when faults begin and end.
///
/// How to drive it: `begin` before each round, `end` after it.
pub struct LoopRounds {
    progress: ProgressHandle,
    faults: FaultLog,
}

impl LoopRounds {
    pub fn new(progress: ProgressHandle) -> Self {
        let faults = FaultLog::new(progress.name());
        Self { progress, faults }
    }

    /// A round begins.
    pub fn begin(&self) {
        self.progress.begin_round();
    }

    /// The round did this, and failed or not; the next begins at `next` if nothing asks for
    /// it before.
    pub fn end(
        &mut self,
        counts: RoundCounts,
        error: Option<&StoreError>,
        now: Timestamp,
        next: Option<Timestamp>,
    ) {
        self.faults.note(error, now);
        self.progress.end_round(counts, error.map(failure_words), next);
    }

    /// How long to wait after the failures so far and one more, which is not told yet.
    pub fn pause_after_another(&self, shortest: Duration, longest: Duration) -> Duration {
        backoff_pause(self.faults.failures.saturating_add(1), shortest, longest)
    }
}

/// What callers may be told of a failure.
const fn failure_words(error: &StoreError) -> &'static str {
    match error {
        StoreError::Unavailable(_) => "the database is unavailable",
        StoreError::Rejected(_) => "the database cannot store this data",
        StoreError::UnreadableConfig { .. } => {
            "a tenant's configuration cannot be read; the log names it"
        }
        StoreError::UnreadableRow { .. } => "a row cannot be read; the log names it",
        StoreError::Faulty(_) | StoreError::Corrupt(_) => {
            "the database fails calls of this kind and must be repaired"
        }
    }
}

/// A pause that doubles with each failure, between two limits.
pub fn backoff_pause(failures: u32, shortest: Duration, longest: Duration) -> Duration {
    let doubled = failures.saturating_sub(1).min(16);
    shortest.saturating_mul(1 << doubled).min(longest)
}

/// Divides a refused batch until each refused item stands alone.
///
/// How to drive it: try each part from `next`; report a failed one with `note_refused`; when
/// `next` returns `None`, `into_untaken` has what was not taken.
pub struct BatchBisection<T> {
    parts: Vec<Vec<T>>,
    refused: usize,
    left: Vec<T>,
    fault: Option<StoreError>,
}

impl<T> BatchBisection<T> {
    pub fn new(batch: Vec<T>) -> Self {
        Self { parts: vec![batch], refused: 0, left: Vec::new(), fault: None }
    }

    /// The next part to be tried.
    pub fn next(&mut self) -> Option<Vec<T>> {
        self.parts.pop().filter(|item| !item.is_empty())
    }

    /// A part was refused. If the database is unavailable, nothing more is tried.
    pub fn note_refused(&mut self, mut part: Vec<T>, error: StoreError) {
        let is_away = error.is_transient();
        self.refused += 1;
        self.fault.get_or_insert(error);
        if is_away || part.len() == 1 || self.refused > MAX_REFUSED_PARTS {
            self.left.extend(part);
        } else {
            let rest = part.split_off(part.len() / 2);
            self.parts.extend([rest, part]);
        }
        if is_away {
            self.left.extend(self.parts.drain(..).flatten());
        }
    }

    /// What was not taken, and why.
    pub fn into_untaken(self) -> (Vec<T>, Option<StoreError>) {
        (self.left, self.fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::progress::WatchedLoops;

    fn faulty() -> StoreError {
        StoreError::Faulty("refused".to_owned())
    }

    /// Divides 0 to 99, of which these are refused.
    fn divide(sick: &[u32], error: &StoreError) -> (Vec<u32>, usize) {
        let mut bisection = BatchBisection::new((0..100).collect());
        let mut tries = 0;
        let mut taken = Vec::new();
        while let Some(part) = bisection.next() {
            tries += 1;
            match part.iter().any(|item| sick.contains(item)) {
                true => bisection.note_refused(part, error.clone()),
                false => taken.extend(part),
            }
        }
        let (left, fault) = bisection.into_untaken();
        assert_eq!(fault.is_some(), !left.is_empty());
        assert_eq!(taken.len() + left.len(), 100);
        (left, tries)
    }

    #[test]
    fn a_fault_is_told_once_and_another_one_after_a_while() {
        let mut log = FaultLog::new("work");
        let at = |seconds| Timestamp::from_micros(0) + Duration::from_secs(seconds);
        let other = StoreError::Faulty("XX001".to_owned());
        let mut should_report = |error: &StoreError, seconds| {
            let should_report = log.should_report(error, at(seconds));
            log.note(Some(error), at(seconds));
            should_report
        };
        assert!(should_report(&faulty(), 100));
        assert!(
            !should_report(&faulty(), 101)
                && !should_report(&other, 102)
                && !should_report(&faulty(), 200)
        );
        assert!(
            should_report(&other, 201)
                && !should_report(&faulty(), 202)
                && should_report(&faulty(), 211)
        );
        log.note(None, at(212));
        assert!(log.should_report(&faulty(), at(213)));
    }

    #[test]
    fn what_is_refused_is_found_and_the_rest_is_taken() {
        assert_eq!(divide(&[], &faulty()), (vec![], 1));
        let (left, tries) = divide(&[17, 80], &faulty());
        assert_eq!(left, [17, 80]);
        assert!(tries < 40, "{tries}");
    }

    #[test]
    fn dividing_ends_when_all_is_refused_or_the_database_is_away() {
        let all: Vec<u32> = (0..100).collect();
        let (left, tries) = divide(&all, &faulty());
        assert_eq!((left.len(), tries <= 2 * MAX_REFUSED_PARTS), (100, true));
        let away = StoreError::Unavailable("away".to_owned());
        assert_eq!(divide(&[99], &away), (all, 1));
    }

    #[test]
    fn what_a_round_failed_by_is_told_without_the_databases_words() {
        let loops = WatchedLoops::new(SystemClock::starting_at(Timestamp::default()));
        let mut rounds = LoopRounds::new(loops.register_slow_loop("tokens"));
        let mut round = |error: Option<StoreError>| {
            rounds.begin();
            rounds.end(RoundCounts::default(), error.as_ref(), Timestamp::default(), None);
            loops.outcomes().remove(0)
        };
        let away = round(Some(StoreError::Unavailable("connection to 10.0.0.7 lost".to_owned())));
        assert_eq!(away.last.unwrap().failure.unwrap(), "the database is unavailable");
        assert_eq!(round(Some(faulty())).failures, 2);
        let well = round(None);
        assert_eq!((well.failures, well.last.unwrap().failure), (0, None));
    }

    #[test]
    fn pauses_grow_up_to_a_bound() {
        let (shortest, longest) = (Duration::from_secs(1), Duration::from_secs(60));
        let pauses =
            [0, 1, 2, 3, 7, u32::MAX].map(|n| backoff_pause(n, shortest, longest).as_secs());
        assert_eq!(pauses, [1, 1, 2, 4, 60, 60]);
    }
}
