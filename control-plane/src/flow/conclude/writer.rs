//! The conclude writer's loop: commits new results, and retries those that failed.
//!
//! Fed by the result queue and the retry queue; feeds the rest of this module.
//! Guarantees that a batch waits for an unavailable database for as long as it takes,
//! and that one result which cannot be stored delays no other.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::ConcludeWriter;
use super::report::{QUEUED_BYTES_PER_RESULT, QueuedResult, UnrecordedResults};
use super::retry_queue::RetryQueue;
use super::stages::FoundResults;
use crate::progress::ProgressHandle;

/// The first and the longest pause before a commit is retried; it doubles in between. A
/// conflict is over by then, and a database that is back is noticed within the longest.
const FIRST_COMMIT_PAUSE: Duration = Duration::from_millis(50);
const MAX_COMMIT_PAUSE: Duration = Duration::from_secs(2);
/// After this many failures of a single result it is queued for retry, and the next one is
/// tried. With the pauses about 5 s, in which a database may restart.
const MAX_SINGLE_RESULT_FAILURES: u32 = 8;

/// What the writer does next.
enum WriterStep {
    New(Vec<QueuedResult>),
    /// Retry results that are due.
    Retry,
    /// Every sender is gone.
    Nothing,
}

/// The repeated results less those that only repeat an attempt on the same stream: its
/// agent needs one acknowledgement, and copies would each take a commit of their own.
fn without_copies(batch: &[QueuedResult], mut repeated: Vec<QueuedResult>) -> Vec<QueuedResult> {
    if repeated.is_empty() {
        return repeated;
    }
    let identity = |result: &QueuedResult| (result.report.record.key, result.report.stream);
    let mut seen: HashSet<_> = batch.iter().map(identity).collect();
    repeated.retain(|result| seen.insert(identity(result)));
    repeated
}

/// A result that has left the queue.
fn taken(mut result: QueuedResult) -> QueuedResult {
    if let Some(ticket) = result.ticket.take() {
        ticket.taken();
    }
    result
}

impl ConcludeWriter {
    /// Reports progress from now on.
    pub fn with_progress(mut self, progress: ProgressHandle) -> Self {
        self.receiver.set_progress_reporter(progress);
        self
    }

    /// Commits results until every sender is gone. Results that still wait for a retry by
    /// then are reported again by their agents, or recovered by the next owner.
    pub async fn run(mut self) {
        let most = self.max_queued_results;
        let mut retries = RetryQueue::new(most, most.saturating_mul(QUEUED_BYTES_PER_RESULT));
        let mut later: Vec<QueuedResult> = Vec::new();
        loop {
            let next = match later.is_empty() {
                true => self.next(&retries).await,
                false => WriterStep::New(std::mem::take(&mut later)),
            };
            let batch = match next {
                WriterStep::New(batch) => batch,
                WriterStep::Retry => {
                    self.retry_due_results(&mut retries).await;
                    continue;
                }
                WriterStep::Nothing => return,
            };
            let mut seen = HashSet::new();
            let batch = batch.into_iter().filter_map(|result| retries.absorb(result));
            let (batch, repeated): (Vec<_>, Vec<_>) =
                batch.partition(|result| seen.insert(result.report.record.key.delivery));
            later = without_copies(&batch, repeated);
            self.commit_until_recorded(batch.into(), &mut retries).await;
        }
    }

    async fn next(&mut self, retries: &RetryQueue) -> WriterStep {
        let clock = Arc::clone(&self.clock);
        let batch = async {
            match self.receiver.next_batch().await {
                Some(queued) => {
                    WriterStep::New(queued.into_iter().map(|queued| taken(queued.item)).collect())
                }
                None => WriterStep::Nothing,
            }
        };
        match retries.next() {
            None => batch.await,
            Some(at) if retries.is_full() => {
                clock.sleep_until(at).await;
                WriterStep::Retry
            }
            Some(at) => tokio::select! {
                biased;
                () = clock.sleep_until(at) => WriterStep::Retry,
                next = batch => next,
            },
        }
    }

    /// Commits a batch, however long the database is unavailable: whole, or in parts as
    /// small as it takes. A result that fails while others succeed is queued for retry.
    async fn commit_until_recorded(
        &self,
        mut batch: VecDeque<QueuedResult>,
        retries: &mut RetryQueue,
    ) {
        let mut size = batch.len();
        let (mut pause, mut failures, mut recorded) = (FIRST_COMMIT_PAUSE, 0, false);
        while !batch.is_empty() {
            let part = batch.drain(..size.clamp(1, batch.len())).collect();
            let mut unrecorded = self.conclude_batch(part).await;
            let Some(error) = unrecorded.outage.clone() else {
                self.queue_for_retry(unrecorded, retries);
                recorded = true;
                size = size.saturating_mul(2);
                continue;
            };
            failures += 1;
            if failures == 1 {
                let results = batch.len() + unrecorded.waiting.len();
                tracing::warn!(%error, results, "results are waiting: the database is unavailable");
            }
            if !(size == 1 && (recorded || failures >= MAX_SINGLE_RESULT_FAILURES)) {
                let waiting = std::mem::take(&mut unrecorded.waiting);
                batch.extend(waiting.into_iter().map(QueuedResult::from));
            }
            self.queue_for_retry(unrecorded, retries);
            size = (size / 2).max(1);
            // An unavailable database is no reason to restart this process.
            self.receiver.report_progress();
            self.clock.sleep(pause).await;
            pause = (pause * 2).min(MAX_COMMIT_PAUSE);
        }
        if failures > 0 {
            tracing::info!(failures, "waiting results are recorded");
        }
    }

    /// Takes results through all steps; returns those that could not be recorded.
    pub(super) async fn conclude_batch(&self, results: Vec<QueuedResult>) -> UnrecordedResults {
        let mut unrecorded = UnrecordedResults::default();
        let FoundResults { current, mut late } =
            self.find_and_judge(results, &mut unrecorded).await;
        let batch = self.decide_all(current);
        self.commit_batch(batch, &mut late, &mut unrecorded).await;
        self.conclude_late(late, &mut unrecorded).await;
        unrecorded
    }
}
