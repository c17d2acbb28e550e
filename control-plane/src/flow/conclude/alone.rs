//! Results that the database refused with their batch.
//!
//! Fed by the writer with the batch; feeds the store, smaller and smaller parts of it,
//! and the writer with what is left. Guarantees that a result which cannot be stored
//! hurts only itself, and that it is stored reduced when it can (rule 6).

use std::sync::Arc;

use bytes::Bytes;
use postrider_domain::delivery::AttemptRecord;

use super::{ConcludeWriter, Decided, Left, Report};

/// Commits that may fail while a batch is divided: what has not been found by then is
/// looked for later, so that the next batch need not wait.
const FAILED_COMMITS_MAX: usize = 128;

impl ConcludeWriter {
    /// Divides a batch that was refused until each result that is to blame stands
    /// alone; all others are recorded.
    pub(super) async fn conclude_apart(
        &self,
        batch: Vec<Decided>,
        late: &mut Vec<Report>,
        left: &mut Left,
    ) {
        let mut parts = vec![batch];
        let mut failed = 0;
        let mut first = true;
        while let Some(mut part) = parts.pop() {
            self.exit.made_progress();
            if part.len() <= 1 {
                match part.pop() {
                    Some(one) => self.conclude_alone(one, late, left).await,
                    None => continue,
                }
            } else {
                // The first is the whole batch, which has failed already.
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
                    Some(error) if error.is_transient() || failed > FAILED_COMMITS_MAX => {
                        left.put(error, part.into_iter().map(|one| one.report));
                    }
                    _ => {
                        let rest = part.split_off(part.len() / 2);
                        parts.push(rest);
                        parts.push(part);
                    }
                }
            }
            if let Some(error) = &left.error {
                // The database went away meanwhile.
                let rest = parts.drain(..).flatten().map(|one| one.report);
                left.put(error.clone(), rest);
            }
        }
    }

    /// Commits one result; reduced, when the database refuses it for what it is.
    async fn conclude_alone(&self, mut one: Decided, late: &mut Vec<Report>, left: &mut Left) {
        let mut result = self.commit(std::slice::from_ref(&one)).await;
        if result.as_ref().is_err_and(|error| error.is_refusal()) {
            let whole = Arc::clone(&one.report.record);
            reduce(Arc::make_mut(&mut one.report.record));
            result = self.commit(std::slice::from_ref(&one)).await;
            if result.as_ref().is_err_and(|error| !error.is_refusal()) {
                one.report.record = whole;
            }
        }
        match result {
            Ok(results) => self.settle(vec![one], results, late),
            Err(error) => left.put(error, [one.report]),
        }
    }
}

/// Leaves of a record only what cannot be refused.
pub(super) fn reduce(record: &mut AttemptRecord) {
    record.response_headers = Vec::new();
    record.response_body = Bytes::new();
    record.response_body_truncated = true;
    record.error = "the response could not be stored".to_owned();
    record.remote_address = String::new();
    record.http_version = String::new();
}
