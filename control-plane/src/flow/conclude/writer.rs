//! The writer's round: what comes is committed, what does not pass is kept.
//!
//! Fed by the entrance and by what is kept; feeds the rest of this module. Guarantees
//! that a batch waits for a database that is away for as long as that takes, and that a
//! single result which does not pass keeps nobody else's waiting.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use postrider_domain::ids::AttemptKey;
use postrider_store::{Concluded, StoreError};

use super::kept::KeptResults;
use super::streaks::BatchStreaks;
use super::{ConcludeWriter, Decided, QUEUED_BYTES_EACH, Report};
use crate::health::Progress;

/// First and longest pause before a commit is tried again.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// A single result that failed so often while the database was away is kept, and the
/// next is tried.
const FAILURES_ALONE: u32 = 8;

/// What the writer does next.
enum Next {
    New(Vec<Report>),
    /// Something that is kept is to be tried again.
    Kept,
    /// Nobody can bring anything any more.
    Nothing,
}

/// Results that were tried and are not recorded.
#[derive(Default)]
pub(super) struct Left {
    /// Why the database takes nothing now.
    pub(super) error: Option<StoreError>,
    /// What waits for it therefore.
    pub(super) waiting: Vec<Report>,
    /// What it did not take, each for its own error.
    pub(super) refused: Vec<(StoreError, Report)>,
}

impl Left {
    pub(super) fn put(&mut self, error: StoreError, reports: impl IntoIterator<Item = Report>) {
        if error.is_transient() {
            self.waiting.extend(reports);
            self.error.get_or_insert(error);
        } else {
            self.refused.extend(reports.into_iter().map(|report| (error.clone(), report)));
        }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = AttemptKey> {
        let refused = self.refused.iter().map(|(_, report)| report);
        self.waiting.iter().chain(refused).map(|report| report.record.key)
    }
}

impl ConcludeWriter {
    /// Says from now on whether it makes progress.
    pub fn watched_by(mut self, progress: Progress) -> Self {
        self.exit.watch(progress);
        self
    }

    /// Commits what comes, until every entrance is gone. What is kept by then, its
    /// agents or the next owner find again.
    pub async fn run(mut self) {
        let most = self.parts.settings.conclude.max_queued_results;
        let mut kept = KeptResults::new(most, most.saturating_mul(QUEUED_BYTES_EACH));
        let mut later: Vec<Report> = Vec::new();
        loop {
            let next = match later.is_empty() {
                true => self.next(&kept).await,
                false => Next::New(std::mem::take(&mut later)),
            };
            let batch = match next {
                Next::New(batch) => batch,
                Next::Kept => {
                    self.try_kept(&mut kept).await;
                    continue;
                }
                Next::Nothing => return,
            };
            let mut seen = HashSet::new();
            let batch = batch.into_iter().filter_map(|report| kept.absorb(report));
            let (batch, repeated): (Vec<_>, Vec<_>) =
                batch.partition(|report| seen.insert(report.record.key.delivery));
            later = repeated;
            self.conclude_surely(batch.into(), &mut kept).await;
        }
    }

    async fn next(&mut self, kept: &KeptResults) -> Next {
        let clock = Arc::clone(&self.parts.clock);
        let batch = async {
            match self.exit.batch().await {
                Some(queued) => Next::New(queued.into_iter().map(|queued| queued.item).collect()),
                None => Next::Nothing,
            }
        };
        match kept.next() {
            None => batch.await,
            Some(at) if kept.is_full() => {
                clock.sleep_until(at).await;
                Next::Kept
            }
            Some(at) => tokio::select! {
                biased;
                () = clock.sleep_until(at) => Next::Kept,
                next = batch => next,
            },
        }
    }

    /// Commits a batch, however long the database is away: whole, or in parts as small
    /// as it takes. A result that does not pass although others do is kept.
    async fn conclude_surely(&self, mut batch: VecDeque<Report>, kept: &mut KeptResults) {
        let mut size = batch.len();
        let (mut pause, mut failures, mut recorded) = (FIRST_PAUSE, 0, false);
        while !batch.is_empty() {
            let part = batch.drain(..size.clamp(1, batch.len())).collect();
            let mut left = self.conclude_batch(part).await;
            let Some(error) = left.error.clone() else {
                self.keep_all(left, kept);
                recorded = true;
                size = size.saturating_mul(2);
                continue;
            };
            failures += 1;
            if failures == 1 {
                let results = batch.len() + left.waiting.len();
                tracing::warn!(%error, results, "results wait for the database");
            }
            if !(size == 1 && (recorded || failures >= FAILURES_ALONE)) {
                batch.extend(std::mem::take(&mut left.waiting));
            }
            self.keep_all(left, kept);
            size = (size / 2).max(1);
            // Whose database is away is not to be restarted for it.
            self.exit.made_progress();
            self.parts.clock.sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        if failures > 0 {
            tracing::info!(failures, "results no longer wait for the database");
        }
    }

    pub(super) async fn conclude_batch(&self, batch: Vec<Report>) -> Left {
        let mut left = Left::default();
        let batch = self.look_up(batch, &mut left).await;
        let jobs: Vec<_> = self.parts.dispatcher.with(|scheduler, _| {
            batch.iter().map(|report| scheduler.result_received(report.record.key)).collect()
        });
        let mut decided = Vec::with_capacity(batch.len());
        let mut late = Vec::new();
        let mut streaks = BatchStreaks::default();
        for (report, job) in batch.into_iter().zip(jobs) {
            if let Some(error) = &left.error {
                left.put(error.clone(), [report]);
                continue;
            }
            match self.decide(report, job, &mut streaks).await {
                Ok(Ok(one)) => decided.push(one),
                Ok(Err(report)) => late.push(report),
                Err((error, report)) => left.put(error, [report]),
            }
        }
        if left.error.is_none() {
            match self.commit(&decided).await {
                Ok(results) => self.settle(decided, results, &mut late),
                Err(error) if error.is_transient() => {
                    left.put(error, decided.into_iter().map(|one| one.report));
                }
                Err(_) => self.conclude_apart(decided, &mut late, &mut left).await,
            }
        } else if let Some(error) = left.error.clone() {
            left.put(error, decided.into_iter().map(|one| one.report));
        }
        match left.error.clone() {
            Some(error) => left.put(error, late),
            None => self.conclude_late(late, &mut left).await,
        }
        left
    }

    /// What the database answered of these is durable, or to be recorded as late.
    pub(super) fn settle(
        &self,
        tried: Vec<Decided>,
        results: Vec<Concluded>,
        late: &mut Vec<Report>,
    ) {
        let mut applied = Vec::with_capacity(tried.len());
        for (one, result) in tried.into_iter().zip(results) {
            match result {
                Concluded::Applied => applied.push(one),
                Concluded::NotCurrent => late.push(one.report),
            }
        }
        self.applied(applied);
    }
}
