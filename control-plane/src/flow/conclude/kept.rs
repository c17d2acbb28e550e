//! Results that the database did not take, each tried again by itself.
//!
//! Fed by the writer with what was refused alone; feeds it the same, when its time has
//! come. Guarantees that nothing is given up but what the database refuses, again and
//! again, for what it is; that what is kept holds up only its own delivery, and that
//! trying it again leaves the writer most of its time; and a bound, beyond which the
//! writer takes nothing new.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use postrider_domain::delivery::Outcome;
use postrider_domain::ids::AttemptKey;
use postrider_domain::time::Timestamp;
use postrider_store::StoreError;

use super::{ConcludeWriter, Left, RESULT_OVERHEAD_BYTES, Report};

/// First and longest pause before a result is tried again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often a result is tried that the database refuses for what it is; with the
/// pauses in between about 13 s.
const REFUSALS_MAX: u32 = 8;
/// Most results that are tried again at once.
const TRIED_AT_ONCE: usize = 512;
/// After trying again, so many times as long as that took belong to new results.
const REST_FACTOR: u32 = 4;
const SHORTEST_REST: Duration = Duration::from_millis(50);
/// So many results are named in the log before all are recorded; then they are counted.
const NAMED_MAX: usize = 20;

/// Whether results can be committed, for readiness. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct ResultCommits(Arc<Mutex<Option<Instant>>>);

impl ResultCommits {
    fn failing_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The database took a result.
    pub(super) fn succeeded(&self) {
        *self.failing_since() = None;
    }

    /// It did not, for no fault of the result.
    pub(super) fn failed(&self) {
        self.failing_since().get_or_insert_with(Instant::now);
    }

    /// For how long results were brought and none was taken.
    pub fn failing_for(&self) -> Option<Duration> {
        self.failing_since().map(|since| since.elapsed())
    }
}

struct KeptResult {
    report: Report,
    bytes: usize,
    tries: u32,
    refusals: u32,
    next: Timestamp,
}

/// The results that are kept.
pub(super) struct KeptResults {
    results: HashMap<AttemptKey, KeptResult>,
    bytes: usize,
    max_results: usize,
    max_bytes: usize,
    /// Nothing is tried again before.
    rest_until: Timestamp,
    named: usize,
}

impl KeptResults {
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

    /// When something is to be tried again, if anything is kept.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let first = self.results.values().map(|one| one.next).min();
        first.map(|first| first.max(self.rest_until))
    }

    /// Takes what says again what is kept: its agent sent it once more, or nobody could
    /// account for the attempt. Gives back any other.
    pub(super) fn absorb(&mut self, report: Report) -> Option<Report> {
        let Some(kept) = self.results.get_mut(&report.record.key) else {
            return Some(report);
        };
        let is_unknown = |report: &Report| report.record.outcome == Outcome::Unknown;
        if is_unknown(&kept.report) && !is_unknown(&report) {
            kept.report = Report { seen: None, ..report };
        } else if report.stream.is_some() {
            kept.report.stream = report.stream;
        }
        None
    }

    /// What is to be tried again now, at most one result of each delivery. It stays
    /// until it is [`Self::settle`]d.
    fn due(&self, now: Timestamp) -> Vec<Report> {
        let mut due: Vec<_> = self.results.values().filter(|one| one.next <= now).collect();
        due.sort_unstable_by_key(|one| (one.next, one.report.record.key));
        let mut seen = HashSet::new();
        due.retain(|one| seen.insert(one.report.record.key.delivery));
        due.into_iter().take(TRIED_AT_ONCE).map(|one| one.report.clone()).collect()
    }

    /// Keeps a result that was refused with this error; gives it back once that was too
    /// often.
    pub(super) fn keep(
        &mut self,
        error: &StoreError,
        mut report: Report,
        now: Timestamp,
    ) -> Option<Report> {
        let key = report.record.key;
        report.seen = None;
        let bytes = report.record.response_body.len() + RESULT_OVERHEAD_BYTES;
        let known = self.remove(key).map(|known| (known.tries, known.refusals));
        let (tries, refusals) = known.unwrap_or_default();
        let (tries, refusals) = (tries + 1, refusals + u32::from(error.is_refusal()));
        if refusals >= REFUSALS_MAX {
            return Some(report);
        }
        if known.is_none() && self.named < NAMED_MAX {
            self.named += 1;
            tracing::warn!(
                %error, subscription = %report.record.subscription, attempt = %key.number,
                delivery = %key.delivery,
                "the database did not take a result; it is kept and tried again"
            );
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << (tries - 1).min(16)).min(LONGEST_PAUSE);
        self.bytes += bytes;
        let kept = KeptResult { report, bytes, tries, refusals, next: now + pause };
        self.results.insert(key, kept);
        None
    }

    fn remove(&mut self, key: AttemptKey) -> Option<KeptResult> {
        let removed = self.results.remove(&key)?;
        self.bytes = self.bytes.saturating_sub(removed.bytes);
        Some(removed)
    }

    /// The database takes results again: nobody waits longer than it takes.
    fn bring_forward(&mut self, now: Timestamp) {
        self.results.values_mut().for_each(|one| one.next = one.next.min(now));
    }
}

impl ConcludeWriter {
    /// Tries results again whose time has come.
    pub(super) async fn try_kept(&self, kept: &mut KeptResults) {
        self.exit.made_progress();
        let started = self.parts.clock.now();
        let due = kept.due(started);
        let tried: Vec<AttemptKey> = due.iter().map(|report| report.record.key).collect();
        let was_failing = self.parts.results.failing_for().is_some();
        let left = self.conclude_batch(due).await;
        let now = self.parts.clock.now();
        let still: HashSet<AttemptKey> = left.keys().collect();
        for key in tried.iter().filter(|key| !still.contains(key)) {
            kept.remove(*key);
        }
        self.keep_all(left, kept);
        if was_failing && self.parts.results.failing_for().is_none() {
            kept.bring_forward(now);
        }
        kept.rest_until = now + (now.since(started) * REST_FACTOR).max(SHORTEST_REST);
        if kept.len() == 0 {
            kept.named = 0;
            tracing::info!("all results that were kept are settled");
        }
    }

    /// Keeps what could not be recorded now, and gives up what is refused for good.
    pub(super) fn keep_all(&self, left: Left, kept: &mut KeptResults) {
        let now = self.parts.clock.now();
        let waiting = left.error.into_iter().flat_map(|error| {
            let waiting = left.waiting.iter().cloned();
            waiting.map(move |report| (error.clone(), report)).collect::<Vec<_>>()
        });
        for (error, report) in left.refused.into_iter().chain(waiting) {
            self.parts.metrics.result_refused(error.name());
            if let Some(report) = kept.keep(&error, report, now) {
                self.give_up(&error, &report);
            }
        }
        self.parts.metrics.results_kept(kept.len());
    }

    /// Nothing of a result can be stored. Its agent need not hold it any longer, and
    /// memory forgets the delivery, which is IN_FLIGHT in the table and is found there
    /// by the sweep as one that was never sent.
    fn give_up(&self, error: &StoreError, report: &Report) {
        let record = &report.record;
        tracing::error!(
            %error, subscription = %record.subscription, delivery = %record.key.delivery,
            attempt = record.key.number, outcome = ?record.outcome,
            "a result was given up: the database refuses it for what it is"
        );
        self.parts.metrics.result_given_up();
        self.parts.dispatcher.with(|scheduler, now| scheduler.forget(record.key, now));
        self.acknowledge(&[report]);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use postrider_domain::delivery::{AttemptRecord, Timings, Trigger};
    use postrider_domain::ids::{AgentId, DeliveryId, EventId, Region, SubscriptionKey};

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn report(n: u8, outcome: Outcome) -> Report {
        let record = AttemptRecord {
            key: AttemptKey { delivery: DeliveryId::new(NOW, [n; 10]), number: 1 },
            subscription: SubscriptionKey {
                tenant: "acme".parse().unwrap(),
                subscription: "all".parse().unwrap(),
            },
            event: EventId::new(NOW, [n; 10]),
            event_type: "a.b".to_owned(),
            outcome,
            http_status: None,
            start_time: NOW,
            timings: Timings::default(),
            response_headers: Vec::new(),
            response_body: Bytes::new(),
            response_body_bytes: 0,
            response_body_truncated: false,
            error: String::new(),
            agent: AgentId("a".into()),
            region: Region::from_stored("eu"),
            remote_address: String::new(),
            http_version: String::new(),
            trigger: Trigger::Publish,
            test: false,
            next_attempt_time: None,
            settings_revision: None,
        };
        let record = Arc::new(record);
        Report { record, answered: false, retry_after: None, stream: None, seen: None }
    }

    fn kept() -> KeptResults {
        KeptResults::new(2, 1 << 20)
    }

    fn faulty() -> StoreError {
        StoreError::Faulty("42501".to_owned())
    }

    #[test]
    fn what_is_nobodys_fault_is_kept_for_ever_and_tried_ever_more_seldom() {
        let mut kept = kept();
        let mut now = NOW;
        let mut pauses = Vec::new();
        for _ in 0..100 {
            assert!(kept.keep(&faulty(), report(1, Outcome::Succeeded), now).is_none());
            let next = kept.next().unwrap();
            pauses.push(next.since(now));
            assert!(kept.due(next - Duration::from_millis(1)).is_empty());
            assert_eq!(kept.due(next).len(), 1);
            now = next;
        }
        assert_eq!((pauses[0], pauses[99]), (FIRST_PAUSE, LONGEST_PAUSE));
        assert!(!kept.is_full());
        kept.keep(&faulty(), report(2, Outcome::Succeeded), now);
        assert!(kept.is_full(), "nothing new is taken");
    }

    #[test]
    fn what_is_refused_for_what_it_is_is_given_up_at_last() {
        let mut kept = kept();
        let refused = StoreError::Rejected("22001".to_owned());
        for _ in 1..REFUSALS_MAX {
            kept.keep(&faulty(), report(1, Outcome::Succeeded), NOW);
            assert!(kept.keep(&refused, report(1, Outcome::Succeeded), NOW).is_none());
        }
        let given_up = kept.keep(&refused, report(1, Outcome::Succeeded), NOW).unwrap();
        assert_eq!(given_up.record.key, report(1, Outcome::Succeeded).record.key);
        assert_eq!((kept.len(), kept.bytes, kept.next()), (0, 0, None));
    }

    #[test]
    fn what_is_kept_is_not_kept_twice_and_a_fact_replaces_what_nobody_knew() {
        let mut kept = kept();
        kept.keep(&faulty(), report(1, Outcome::Unknown), NOW);
        assert!(kept.absorb(report(2, Outcome::Succeeded)).is_some());
        assert!(kept.absorb(report(1, Outcome::Succeeded)).is_none());
        assert!(kept.absorb(report(1, Outcome::Unknown)).is_none());
        let due = kept.due(NOW + LONGEST_PAUSE);
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].record.outcome, Outcome::Succeeded);
        assert!(!kept.is_full());
    }
}
