//! Results that the database refused with their batch.
//!
//! Fed by the writer, one by one; feeds the store and the writer. Guarantees that a
//! result which cannot be stored hurts only itself, and that it is stored reduced
//! when it can (rule 6).

use std::sync::Arc;

use bytes::Bytes;
use postrider_domain::delivery::AttemptRecord;
use postrider_store::{Concluded, StoreError};

use super::{ConcludeWriter, Decided, Report};

impl ConcludeWriter {
    /// Commits one result of a batch that was refused; stored reduced when the
    /// database refuses it again. Returns it when its delivery had moved on.
    pub(super) async fn conclude_alone(
        &self,
        mut one: Decided,
    ) -> Result<Option<Report>, (StoreError, Vec<Report>)> {
        for reduced in [false, true] {
            if reduced {
                reduce(Arc::make_mut(&mut one.report.record));
            }
            match self.commit(std::slice::from_ref(&one)).await {
                Ok(results) if results.first() == Some(&Concluded::Applied) => {
                    self.applied(vec![one]);
                    return Ok(None);
                }
                Ok(_) => return Ok(Some(one.report)),
                Err(error) if error.is_transient() => return Err((error, vec![one.report])),
                Err(error) => {
                    tracing::error!(%error, attempt = ?one.report.record.key, reduced, "a result was refused")
                }
            }
        }
        // Nothing of it can be stored; the delivery stays IN_FLIGHT and is found
        // by the sweep as never concluded.
        self.acknowledge(&[&one.report]);
        Ok(None)
    }
}

/// Leaves of a record only what cannot be refused.
fn reduce(record: &mut AttemptRecord) {
    record.response_headers = Vec::new();
    record.response_body = Bytes::new();
    record.response_body_truncated = true;
    record.error = "the response could not be stored".to_owned();
    record.remote_address = String::new();
    record.http_version = String::new();
}
