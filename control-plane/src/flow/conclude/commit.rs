//! Commits the rows of decided results: all at once, or in ever smaller parts.
//!
//! Fed by the writer with a batch; feeds the store with its rows, `apply` with what was
//! committed, `late` with what no longer applies, and the writer with what could not be
//! recorded. Guarantees that a result which cannot be stored delays no other, and that
//! it is stored without its response if that is possible (bad-row-isolated).
//!
//! Keeps the invariant `bad-row-isolated`.

use std::sync::Arc;

use bytes::Bytes;
use postrider_domain::delivery::AttemptRecord;
use postrider_store::{ConclusionOutcome, StoreError, StoreResult};

use super::report::UnrecordedResults;
use super::stages::{CommittedResult, ConclusionBatch, FollowUp, LateReport};
use super::{ConcludeWriter, spans};
use crate::metrics::CommitKind;

/// Most failed commits while a batch is divided. After that the rest is retried later, so
/// that the next batch need not wait. To find one of 512 takes ten, so this finds about a
/// dozen.
const MAX_FAILED_COMMITS: usize = 128;

impl ConcludeWriter {
    /// Commits a batch, and applies what was committed.
    pub(super) async fn commit_batch(
        &self,
        batch: ConclusionBatch,
        late: &mut Vec<LateReport>,
        unrecorded: &mut UnrecordedResults,
    ) {
        if let Some(error) = unrecorded.outage.clone() {
            return unrecorded.add(error, batch.into_reports());
        }
        match self.commit(&batch).await {
            Ok(outcomes) => self.settle(batch, outcomes, late),
            Err(error) if error.is_transient() => unrecorded.add(error, batch.into_reports()),
            Err(_) => self.commit_bisecting(batch, late, unrecorded).await,
        }
    }

    async fn commit(&self, batch: &ConclusionBatch) -> StoreResult<Vec<ConclusionOutcome>> {
        let rows = &batch.rows;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let started = self.clock.now();
        let result = self.store.conclude(rows, started).await;
        let span = self.clock.now().since(started);
        self.metrics.observe_commit(CommitKind::Results, span, rows.len());
        self.note_commit(result.as_ref().err());
        if let Ok(outcomes) = &result {
            spans::record_concluded(batch, outcomes, (started, span));
        }
        result
    }

    /// Readiness follows whether results can be committed.
    pub(super) fn note_commit(&self, error: Option<&StoreError>) {
        match error {
            None => self.result_commits.succeeded(),
            Some(error) if error.is_rejected_input() => {}
            Some(_) => self.result_commits.failed(),
        }
    }

    /// Applies what was committed; passes on the rest as late results.
    fn settle(
        &self,
        tried: ConclusionBatch,
        outcomes: Vec<ConclusionOutcome>,
        late: &mut Vec<LateReport>,
    ) {
        debug_assert_eq!(outcomes.len(), tried.rows.len(), "each row has its outcome");
        let mut committed = Vec::with_capacity(tried.rows.len());
        let tried = tried.rows.into_iter().zip(tried.follow_ups);
        for ((row, follow_up), outcome) in tried.zip(outcomes) {
            match outcome {
                ConclusionOutcome::Applied => committed.push(CommittedResult { row, follow_up }),
                ConclusionOutcome::NotCurrent => {
                    let FollowUp { report, subscription, .. } = follow_up;
                    late.push(LateReport { report, subscription });
                }
            }
        }
        self.apply(&committed);
    }

    /// Commits a refused batch in halves, until each result at fault stands alone and all
    /// others are recorded.
    async fn commit_bisecting(
        &self,
        batch: ConclusionBatch,
        late: &mut Vec<LateReport>,
        unrecorded: &mut UnrecordedResults,
    ) {
        let mut parts = vec![batch];
        let mut failed = 0;
        let mut first = true;
        while let Some(part) = parts.pop() {
            self.receiver.report_progress();
            if part.rows.len() <= 1 {
                self.commit_single(part, late, unrecorded).await;
            } else {
                // The first part is the whole batch, which has just failed.
                let error = match std::mem::take(&mut first) {
                    true => None,
                    false => match self.commit(&part).await {
                        Ok(outcomes) => {
                            self.settle(part, outcomes, late);
                            continue;
                        }
                        Err(error) => Some(error),
                    },
                };
                failed += 1;
                match error {
                    Some(error) if error.is_transient() || failed > MAX_FAILED_COMMITS => {
                        unrecorded.add(error, part.into_reports());
                    }
                    _ => {
                        let (part, rest) = part.split_in_half();
                        parts.push(rest);
                        parts.push(part);
                    }
                }
            }
            if let Some(error) = &unrecorded.outage {
                // The database has become unavailable.
                let rest = parts.drain(..).flat_map(ConclusionBatch::into_reports);
                unrecorded.add(error.clone(), rest);
            }
        }
    }

    /// Commits one result; without its response, if the database refuses its data. What is
    /// tried again later is the whole result.
    async fn commit_single(
        &self,
        mut single: ConclusionBatch,
        late: &mut Vec<LateReport>,
        unrecorded: &mut UnrecordedResults,
    ) {
        let mut result = self.commit(&single).await;
        if result.as_ref().is_err_and(StoreError::is_rejected_input) {
            for row in &mut single.rows {
                strip_response(Arc::make_mut(&mut row.record));
            }
            result = self.commit(&single).await;
        }
        match result {
            Ok(outcomes) => self.settle(single, outcomes, late),
            Err(error) => unrecorded.add(error, single.into_reports()),
        }
    }
}

/// Removes the parts of a record that the database may refuse.
pub(super) fn strip_response(record: &mut AttemptRecord) {
    record.response_headers = Vec::new();
    record.response_body = Bytes::new();
    record.response_body_truncated = true;
    record.error = "the response could not be stored".to_owned();
    record.remote_address = String::new();
    record.http_version = String::new();
}
