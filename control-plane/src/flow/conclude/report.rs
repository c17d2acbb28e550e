//! Results on their way through the writer.
//!
//! Fed by agents' sessions and by `stale_rows` with reports; feeds every step of the
//! writer with a batch of them: as reported, as decided, or as not recorded.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use fair_batch::{BatchSender, EnqueueError};
use postrider_domain::delivery::{AttemptRecord, Delivery, DeliveryTransition};
use postrider_domain::failure_streak::FailureStreak;
use postrider_domain::ids::{AttemptKey, OrderedKey, SubscriptionKey};
use postrider_domain::operational_event::OperationalEvent;
use postrider_domain::scheduler::StreamId;
use postrider_domain::subscription::Subscription;
use postrider_store::{KeyEnd, StoreError, StreakChange};

/// Bytes counted for a queued result besides the response's excerpt. Ids, times and
/// outcome.
pub(super) const RESULT_OVERHEAD_BYTES: usize = 512;
/// Queue capacity for each result that may wait, in bytes. Most have an excerpt of 1 KiB
/// and some headers (`response.max_excerpt_bytes`); of fuller ones fewer wait.
pub(super) const QUEUED_BYTES_PER_RESULT: usize = 4096;

/// Facts about one attempt.
#[derive(Clone, Debug)]
pub struct AttemptReport {
    /// For a complete response, `conclude` sets the outcome by the success rule.
    pub record: Arc<AttemptRecord>,
    /// Whether a response was received; then its status decides the outcome.
    pub has_response: bool,
    pub retry_after: Option<Duration>,
    /// The stream to acknowledge the result on.
    pub stream: Option<StreamId>,
    /// The delivery's row as last read, for attempts that are not in memory.
    pub seen: Option<Box<Delivery>>,
}

/// Queues results for the writer. Cheap to clone.
#[derive(Clone)]
pub struct ResultIntake {
    pub(super) sender: BatchSender<(), AttemptReport>,
}

impl ResultIntake {
    /// Queues a result, waiting for capacity as long as it takes.
    pub async fn submit(&self, report: AttemptReport) -> Result<(), EnqueueError> {
        let bytes = report.record.response_body.len() + RESULT_OVERHEAD_BYTES;
        self.sender.send(&(), report, bytes).await
    }
}

/// A result with what was decided about it.
pub(super) struct PlannedConclusion {
    pub report: AttemptReport,
    pub transition: DeliveryTransition,
    /// The hold that the receiver asked for.
    pub hold: Option<Duration>,
    pub key_end: Option<KeyEnd>,
    /// The ordering key whose next delivery may be released once this is durable.
    pub freed: Option<OrderedKey>,
    /// Unless it is deleted.
    pub subscription: Option<Arc<Subscription>>,
    pub streak: Option<StreakChange>,
    pub announcement: Option<OperationalEvent>,
}

/// Results that were tried and are not recorded.
#[derive(Default)]
pub(super) struct UnrecordedResults {
    /// Why the database is unavailable, if it is.
    pub error: Option<StoreError>,
    /// Results that wait until it is available.
    pub waiting: Vec<AttemptReport>,
    /// Results that it refused, each with its own error.
    pub refused: Vec<(StoreError, AttemptReport)>,
}

impl UnrecordedResults {
    pub fn put(&mut self, error: StoreError, reports: impl IntoIterator<Item = AttemptReport>) {
        if error.is_transient() {
            self.waiting.extend(reports);
            self.error.get_or_insert(error);
        } else {
            self.refused.extend(reports.into_iter().map(|report| (error.clone(), report)));
        }
    }

    pub fn keys(&self) -> impl Iterator<Item = AttemptKey> {
        let refused = self.refused.iter().map(|(_, report)| report);
        self.waiting.iter().chain(refused).map(|report| report.record.key)
    }
}

/// Streaks that one batch reads or begins.
#[derive(Default)]
pub(super) struct BatchStreaks {
    /// Streaks that the batch begins.
    pub begun: HashSet<SubscriptionKey>,
    /// Streaks of other replicas' shards, each read once for the batch.
    pub read: HashMap<SubscriptionKey, Option<FailureStreak>>,
}
