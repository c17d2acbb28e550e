//! Results that the database did not take, each retried on its own.
//!
//! Fed by the writer with results that failed alone; feeds them back when their pause
//! is over. Guarantees that a result is dropped only when the database refuses its data
//! again and again; that a result which waits here delays only its own delivery, and
//! that retrying leaves the writer most of its time. The queue is bounded; when it is
//! full, the writer accepts nothing new.
//!
//! How to drive it: `absorb` every new report, since it may belong to a result that waits;
//! `keep` what failed alone; at `next`, commit what is due; take nothing new while
//! `is_full`.
//!
//! Keeps the invariant `database-faults-blame-nobody`.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use postrider_domain::delivery::Outcome;
use postrider_domain::ids::AttemptKey;
use postrider_domain::time::Timestamp;
use postrider_store::StoreError;

use super::ConcludeWriter;
use super::report::{
    AttemptReport, FailedResult, QueuedResult, RESULT_OVERHEAD_BYTES, UnrecordedResults,
};

/// The first and the longest pause before a result is retried; it doubles in between. A
/// lock that was in the way is gone by then, and after the longest a database that was away
/// is found soon.
const FIRST_RETRY_PAUSE: Duration = Duration::from_millis(100);
const MAX_RETRY_PAUSE: Duration = Duration::from_secs(5);
/// How often a result is tried whose data the database refuses. The seven pauses between
/// eight tries sum to 11.3 s: a refusal that outlasts these was not a conflict that passes.
const MAX_REFUSED_TRIES: u32 = 8;
/// Most results that are retried in one commit: as many as new ones have by default
/// (`results.max_commit_results`), so that a retry holds the writer no longer than these.
const MAX_RETRIED_RESULTS: usize = 512;
/// After a retry, new results get this many times as long as the retry took. So retries
/// take a fifth of a writer at most.
const REST_TIME_FACTOR: u32 = 4;
const MIN_REST_TIME: Duration = Duration::from_millis(50);
/// Most results that are logged one by one until the queue is empty again. The first ones
/// tell what is wrong; the metric counts all.
const MAX_LOGGED_RESULTS: usize = 20;

struct RetryEntry {
    report: AttemptReport,
    bytes: usize,
    tries: u32,
    refusals: u32,
    next: Timestamp,
}

/// Results that wait to be retried.
pub(super) struct RetryQueue {
    results: HashMap<AttemptKey, RetryEntry>,
    bytes: usize,
    max_results: usize,
    max_bytes: usize,
    /// No retry before this time.
    rest_until: Timestamp,
    named: usize,
}

impl RetryQueue {
    pub(super) fn new(max_results: usize, max_bytes: usize) -> Self {
        Self {
            results: HashMap::new(),
            bytes: 0,
            max_results,
            max_bytes,
            rest_until: Timestamp::default(),
            named: 0,
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.results.len() >= self.max_results || self.bytes >= self.max_bytes
    }

    pub(super) fn len(&self) -> usize {
        self.results.len()
    }

    /// When the next retry is due, if any result waits.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let first = self.results.values().map(|result| result.next).min();
        first.map(|first| first.max(self.rest_until))
    }

    /// Absorbs a repeated report of an attempt that waits here: its agent sent it again, or
    /// recovery reported it as UNKNOWN. Returns any other.
    pub(super) fn absorb(&mut self, result: QueuedResult) -> Option<QueuedResult> {
        let Some(waiting) = self.results.get_mut(&result.report.record.key) else {
            return Some(result);
        };
        let report = result.report;
        let is_unknown = |report: &AttemptReport| report.record.outcome == Outcome::Unknown;
        if is_unknown(&waiting.report) && !is_unknown(&report) {
            waiting.report = report;
        } else if report.stream.is_some() {
            waiting.report.stream = report.stream;
        }
        None
    }

    /// The results that are due, at most one of each delivery. They stay queued until they
    /// are recorded.
    fn due(&self, now: Timestamp) -> Vec<AttemptReport> {
        let mut due: Vec<_> = self.results.values().filter(|result| result.next <= now).collect();
        due.sort_unstable_by_key(|entry| (entry.next, entry.report.record.key));
        let mut seen = HashSet::new();
        due.retain(|entry| seen.insert(entry.report.record.key.delivery));
        due.into_iter().take(MAX_RETRIED_RESULTS).map(|entry| entry.report.clone()).collect()
    }

    /// Queues a result that failed with this error. Returns it if its data was refused too
    /// often: then it is to be dropped.
    pub(super) fn keep(
        &mut self,
        error: &StoreError,
        report: AttemptReport,
        now: Timestamp,
    ) -> Option<AttemptReport> {
        let key = report.record.key;
        let bytes = report.record.response_body.len() + RESULT_OVERHEAD_BYTES;
        let known = self.remove(key).map(|known| (known.tries, known.refusals));
        let (tries, refusals) = known.unwrap_or_default();
        let (tries, refusals) = (tries + 1, refusals + u32::from(error.is_rejected_input()));
        if refusals >= MAX_REFUSED_TRIES {
            return Some(report);
        }
        if known.is_none() && self.named < MAX_LOGGED_RESULTS {
            self.named += 1;
            tracing::warn!(
                %error, subscription = %report.record.subscription, attempt = %key.number,
                delivery = %key.delivery,
                "a result was not recorded; it will be retried"
            );
        }
        let pause = FIRST_RETRY_PAUSE.saturating_mul(1 << (tries - 1).min(16)).min(MAX_RETRY_PAUSE);
        self.bytes += bytes;
        let entry = RetryEntry { report, bytes, tries, refusals, next: now + pause };
        self.results.insert(key, entry);
        None
    }

    fn remove(&mut self, key: AttemptKey) -> Option<RetryEntry> {
        let removed = self.results.remove(&key)?;
        self.bytes = self.bytes.saturating_sub(removed.bytes);
        Some(removed)
    }

    /// The database accepts results again: makes all of them due now.
    fn bring_forward(&mut self, now: Timestamp) {
        self.results.values_mut().for_each(|result| result.next = result.next.min(now));
    }
}

impl ConcludeWriter {
    /// Retries the results that are due.
    pub(super) async fn retry_due_results(&self, retries: &mut RetryQueue) {
        self.receiver.report_progress();
        let started = self.clock.now();
        let due = retries.due(started);
        let tried: Vec<AttemptKey> = due.iter().map(|report| report.record.key).collect();
        let was_failing = self.result_commits.failing_for().is_some();
        let due = due.into_iter().map(QueuedResult::from).collect();
        let unrecorded = self.conclude_batch(due).await;
        let now = self.clock.now();
        let still: HashSet<AttemptKey> = unrecorded.keys().collect();
        for key in tried.iter().filter(|key| !still.contains(key)) {
            retries.remove(*key);
        }
        self.queue_for_retry(unrecorded, retries);
        if was_failing && self.result_commits.failing_for().is_none() {
            retries.bring_forward(now);
        }
        retries.rest_until = now + (now.since(started) * REST_TIME_FACTOR).max(MIN_REST_TIME);
        if retries.len() == 0 {
            retries.named = 0;
            tracing::info!("all retried results are recorded");
        }
    }

    /// Queues what could not be recorded, and drops what is refused for good.
    pub(super) fn queue_for_retry(&self, unrecorded: UnrecordedResults, retries: &mut RetryQueue) {
        let now = self.clock.now();
        let UnrecordedResults { outage, waiting, refused } = unrecorded;
        let waiting = waiting.into_iter().filter_map(|report| {
            let error = outage.clone()?;
            Some(FailedResult { error, report })
        });
        for FailedResult { error, report } in refused.into_iter().chain(waiting) {
            self.metrics.result_rejected(error.name());
            if let Some(report) = retries.keep(&error, report, now) {
                self.drop_result(&error, &report);
            }
        }
        self.metrics.results_awaiting_retry(retries.len());
    }

    /// Drops a result that cannot be stored at all. Its agent is told to forget it, and so
    /// is the scheduler; the delivery is still IN_FLIGHT in the table, where the sweep
    /// finds it as one that was never sent.
    fn drop_result(&self, error: &StoreError, report: &AttemptReport) {
        let record = &report.record;
        tracing::error!(
            %error, subscription = %record.subscription, delivery = %record.key.delivery,
            attempt = record.key.number, outcome = ?record.outcome,
            "a result was dropped: the database refuses its data"
        );
        self.metrics.result_dropped();
        self.dispatcher.update(|scheduler, now| scheduler.forget(record.key, now));
        self.acknowledge([report]);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use postrider_domain::delivery::AttemptRecord;
    use postrider_domain::ids::{DeliveryId, EventId};

    use super::*;
    use crate::fixtures::{self, FIXTURE_TIME};

    fn report(n: u8, outcome: Outcome) -> AttemptReport {
        let record = AttemptRecord {
            key: AttemptKey { delivery: DeliveryId::new(FIXTURE_TIME, [n; 10]), number: 1 },
            event: EventId::new(FIXTURE_TIME, [n; 10]),
            outcome,
            ..fixtures::attempt()
        };
        let record = Arc::new(record);
        AttemptReport {
            record,
            response: None,
            retry_after: None,
            stream: None,
            reporter: None,
            trace: None,
        }
    }

    fn retries() -> RetryQueue {
        RetryQueue::new(2, 1 << 20)
    }

    fn faulty() -> StoreError {
        StoreError::Faulty("42501".to_owned())
    }

    #[test]
    fn a_result_that_the_database_cannot_take_is_retried_for_ever_and_ever_more_seldom() {
        let mut retries = retries();
        let mut now = FIXTURE_TIME;
        let mut pauses = Vec::new();
        for _ in 0..100 {
            assert!(retries.keep(&faulty(), report(1, Outcome::Succeeded), now).is_none());
            let next = retries.next().unwrap();
            pauses.push(next.since(now));
            assert!(retries.due(next - Duration::from_millis(1)).is_empty());
            assert_eq!(retries.due(next).len(), 1);
            now = next;
        }
        assert_eq!((pauses[0], pauses[99]), (FIRST_RETRY_PAUSE, MAX_RETRY_PAUSE));
        assert!(!retries.is_full());
        retries.keep(&faulty(), report(2, Outcome::Succeeded), now);
        assert!(retries.is_full(), "nothing new is taken");
    }

    #[test]
    fn a_result_whose_data_is_refused_is_given_up_at_last() {
        let mut retries = retries();
        let refused = StoreError::Rejected("22001".to_owned());
        for _ in 1..MAX_REFUSED_TRIES {
            retries.keep(&faulty(), report(1, Outcome::Succeeded), FIXTURE_TIME);
            assert!(retries.keep(&refused, report(1, Outcome::Succeeded), FIXTURE_TIME).is_none());
        }
        let given_up = retries.keep(&refused, report(1, Outcome::Succeeded), FIXTURE_TIME).unwrap();
        assert_eq!(given_up.record.key, report(1, Outcome::Succeeded).record.key);
        assert_eq!((retries.len(), retries.bytes, retries.next()), (0, 0, None));
    }

    #[test]
    fn a_waiting_result_is_queued_once_and_a_fact_replaces_an_unknown() {
        let mut retries = retries();
        retries.keep(&faulty(), report(1, Outcome::Unknown), FIXTURE_TIME);
        assert!(retries.absorb(report(2, Outcome::Succeeded).into()).is_some());
        assert!(retries.absorb(report(1, Outcome::Succeeded).into()).is_none());
        assert!(retries.absorb(report(1, Outcome::Unknown).into()).is_none());
        let due = retries.due(FIXTURE_TIME + MAX_RETRY_PAUSE);
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].record.outcome, Outcome::Succeeded);
        assert!(!retries.is_full());
    }
}
