//! Results as they are reported, and those that could not be recorded.
//!
//! Fed by agents' sessions and by `stale_rows`; feeds the writer with results one by
//! one, and the retry queue with what the writer could not record.

use std::sync::Arc;
use std::time::Duration;

use fair_batch::{BatchSender, EnqueueError};
use postrider_domain::delivery::{AttemptRecord, Delivery, ReportedResponse};
use postrider_domain::ids::AttemptKey;
use postrider_domain::scheduler::{AgentIdentity, StreamId};
use postrider_domain::time::Timestamp;
use postrider_store::StoreError;
use postrider_telemetry::SpanContext;

use crate::metrics::{QueueMetrics, QueueTicket};

/// Bytes counted for a queued result besides the response's excerpt. Ids, times and
/// outcome.
pub(super) const RESULT_OVERHEAD_BYTES: usize = 512;
/// Queue capacity for each result that may wait, in bytes. Most have an excerpt of 1 KiB
/// and some headers (`response.max_excerpt_bytes`); of fuller ones fewer wait.
pub(super) const QUEUED_BYTES_PER_RESULT: usize = 4096;

/// Facts about one attempt.
#[derive(Clone, Debug)]
pub struct AttemptReport {
    /// Of a response, the success rule sets the outcome and explains it.
    pub record: Arc<AttemptRecord>,
    /// What was reported of the response, if one was received: every judgement of the
    /// record begins from it.
    pub response: Option<ReportedResponse>,
    pub retry_after: Option<Duration>,
    /// The stream to acknowledge the result on.
    pub stream: Option<StreamId>,
    /// The process that reports it; `None` of an attempt that no agent can account for.
    pub reporter: Option<AgentIdentity>,
    /// Boxed, since most attempts are not recorded.
    pub trace: Option<Box<ResultTrace>>,
}

/// Of a result whose trace is recorded.
#[derive(Clone, Debug)]
pub struct ResultTrace {
    /// The attempt's span, as its agent told.
    pub attempt: SpanContext,
    pub received: Timestamp,
}

/// A result that waits for its commit.
#[derive(Debug)]
pub(super) struct QueuedResult {
    pub report: AttemptReport,
    /// The delivery's row, if whoever reports the attempt has just read it.
    pub row: Option<Box<Delivery>>,
    /// Until the writer takes it.
    pub ticket: Option<QueueTicket>,
}

impl From<AttemptReport> for QueuedResult {
    fn from(report: AttemptReport) -> Self {
        Self { report, row: None, ticket: None }
    }
}

/// Queues results for the writer. Cheap to clone.
#[derive(Clone)]
pub struct ResultIntake {
    pub(super) sender: BatchSender<Option<StreamId>, QueuedResult>,
    pub(super) queue: QueueMetrics,
}

impl ResultIntake {
    /// Queues a result in its stream's turn, waiting for capacity as long as it takes.
    pub async fn submit(&self, report: AttemptReport) -> Result<(), EnqueueError> {
        self.enqueue(report.into()).await
    }

    /// Queues a result together with its delivery's row, which need not be read again.
    pub async fn submit_with_row(
        &self,
        report: AttemptReport,
        row: Delivery,
    ) -> Result<(), EnqueueError> {
        self.enqueue(QueuedResult { report, row: Some(Box::new(row)), ticket: None }).await
    }

    async fn enqueue(&self, mut result: QueuedResult) -> Result<(), EnqueueError> {
        result.ticket = Some(self.queue.enter());
        let bytes = result.report.record.response_body.len() + RESULT_OVERHEAD_BYTES;
        let stream = result.report.stream;
        self.sender.send(&stream, result, bytes).await
    }
}

/// A result with the error that kept it from being recorded.
pub(super) struct FailedResult {
    pub error: StoreError,
    pub report: AttemptReport,
}

/// Results that were tried and are not recorded.
#[derive(Default)]
pub(super) struct UnrecordedResults {
    /// Why the database is unavailable, if it is.
    pub outage: Option<StoreError>,
    /// Results that wait until it is available.
    pub waiting: Vec<AttemptReport>,
    /// Results that it refused.
    pub refused: Vec<FailedResult>,
}

impl UnrecordedResults {
    pub fn add(&mut self, error: StoreError, reports: impl IntoIterator<Item = AttemptReport>) {
        if error.is_transient() {
            self.waiting.extend(reports);
            self.outage.get_or_insert(error);
        } else {
            let refused =
                reports.into_iter().map(|report| FailedResult { error: error.clone(), report });
            self.refused.extend(refused);
        }
    }

    pub fn keys(&self) -> impl Iterator<Item = AttemptKey> {
        let refused = self.refused.iter().map(|refused| &refused.report);
        self.waiting.iter().chain(refused).map(|report| report.record.key)
    }
}
