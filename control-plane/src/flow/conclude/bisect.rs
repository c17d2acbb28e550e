//! Commits a refused batch of results in ever smaller parts.
//!
//! Fed by the writer with a batch that the database refused; feeds the store with parts
//! of it, and the writer with what could not be recorded. Guarantees that a result
//! which cannot be stored delays no other, and that it is stored without its response
//! if that is possible (bad-row-isolated).
//!
//! Keeps the invariant `bad-row-isolated`.

use std::sync::Arc;

use bytes::Bytes;
use postrider_domain::delivery::AttemptRecord;

use super::ConcludeWriter;
use super::report::{AttemptReport, PlannedConclusion, UnrecordedResults};

/// Most failed commits while a batch is divided. After that the rest is retried later, so
/// that the next batch need not wait. To find one of 512 takes ten, so this finds about a
/// dozen.
const MAX_FAILED_COMMITS: usize = 128;

impl ConcludeWriter {
    /// Commits a refused batch in halves, until each result at fault stands alone and all
    /// others are recorded.
    pub(super) async fn commit_bisecting(
        &self,
        batch: Vec<PlannedConclusion>,
        late: &mut Vec<AttemptReport>,
        unrecorded: &mut UnrecordedResults,
    ) {
        let mut parts = vec![batch];
        let mut failed = 0;
        let mut first = true;
        while let Some(mut part) = parts.pop() {
            self.receiver.report_progress();
            if part.len() <= 1 {
                match part.pop() {
                    Some(last) => self.commit_single(last, late, unrecorded).await,
                    None => continue,
                }
            } else {
                // The first part is the whole batch, which has just failed.
                let error = match std::mem::take(&mut first) {
                    true => None,
                    false => match self.commit(&part).await {
                        Ok(results) => {
                            self.settle(part, results, late);
                            continue;
                        }
                        Err(error) => Some(error),
                    },
                };
                failed += 1;
                match error {
                    Some(error) if error.is_transient() || failed > MAX_FAILED_COMMITS => {
                        unrecorded.put(error, part.into_iter().map(|conclusion| conclusion.report));
                    }
                    _ => {
                        let rest = part.split_off(part.len() / 2);
                        parts.push(rest);
                        parts.push(part);
                    }
                }
            }
            if let Some(error) = &unrecorded.error {
                // The database has become unavailable.
                let rest = parts.drain(..).flatten().map(|conclusion| conclusion.report);
                unrecorded.put(error.clone(), rest);
            }
        }
    }

    /// Commits one result; without its response, if the database refuses its data.
    async fn commit_single(
        &self,
        mut planned: PlannedConclusion,
        late: &mut Vec<AttemptReport>,
        unrecorded: &mut UnrecordedResults,
    ) {
        let mut result = self.commit(std::slice::from_ref(&planned)).await;
        if result.as_ref().is_err_and(|error| error.is_rejected_input()) {
            let whole = Arc::clone(&planned.report.record);
            strip_response(Arc::make_mut(&mut planned.report.record));
            result = self.commit(std::slice::from_ref(&planned)).await;
            if result.as_ref().is_err_and(|error| !error.is_rejected_input()) {
                planned.report.record = whole;
            }
        }
        match result {
            Ok(results) => self.settle(vec![planned], results, late),
            Err(error) => unrecorded.put(error, [planned.report]),
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
