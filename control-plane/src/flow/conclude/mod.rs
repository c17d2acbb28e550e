//! Concluding: decides what follows from an attempt's result, and commits results in
//! batches.
//!
//! Fed by agents' sessions with results, and by `recovery` with attempts that no agent
//! can account for; feeds the store, then the scheduler, then whoever waits for the
//! result. Guarantees: a result is acknowledged only once it is durable; it counts by
//! its attempt, whichever replica owns the shard (any-success-counts); a result that
//! the database refuses is stored without its response (bad-row-isolated), and one that
//! it cannot take now is retried.
//!
//! Keeps the invariants `any-success-counts` and `bad-row-isolated`.

mod bisect;
mod endpoint_signals;
mod late;
mod load_deliveries;
mod retry_queue;
mod side_effects;
mod streak_updates;
mod writer;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use postrider_domain::delivery::{
    AttemptRecord, DecisionTime, Delivery, DeliveryState, DeliveryTransition, EndReason, Outcome,
    conclude,
};
use postrider_domain::ids::{AttemptKey, OrderedKey};
use postrider_domain::operational_event::OperationalEvent;
use postrider_domain::scheduler::{AttemptFeedback, ScheduledDelivery, StreamId};
use postrider_domain::subscription::Subscription;
use postrider_store::{
    Conclusion, ConclusionOutcome, KeyEnd, StoreError, StoreResult, StreakChange,
};

use super::dispatch::StreamCommand;
use super::{ReplicaContext, ShardOwner, ordering};
use endpoint_signals::{GONE_HOLD, is_endpoint_gone};
use fair_batch::{BatchReceiver, BatchSender, EnqueueError, QueueLimits, channel};
pub use retry_queue::ResultCommitHealth;
use streak_updates::BatchStreaks;
use writer::UnrecordedResults;

/// Bytes counted for a queued result besides the response's excerpt.
const RESULT_OVERHEAD_BYTES: usize = 512;
/// Queue capacity for each result that may wait, in bytes.
const QUEUED_BYTES_PER_RESULT: usize = 4096;

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
    sender: BatchSender<(), AttemptReport>,
}

impl ResultIntake {
    /// Queues a result, waiting for capacity as long as it takes.
    pub async fn submit(&self, report: AttemptReport) -> Result<(), EnqueueError> {
        let bytes = report.record.response_body.len() + RESULT_OVERHEAD_BYTES;
        self.sender.send(&(), report, bytes).await
    }
}

/// Commits the queued results.
pub struct ConcludeWriter {
    parts: ReplicaContext,
    receiver: BatchReceiver<(), AttemptReport>,
}

pub fn new(parts: ReplicaContext) -> (ResultIntake, ConcludeWriter) {
    let settings = &parts.settings.results;
    let (sender, receiver) = channel(QueueLimits {
        max_queued_items: settings.max_queued_results,
        max_queued_bytes: settings.max_queued_results.saturating_mul(QUEUED_BYTES_PER_RESULT),
        // What keeps a tenant from filling it is that results follow dispatch, in
        // which tenants take turns.
        key_shares: 1,
        max_batch_items: settings.max_commit_results,
        max_batch_bytes: settings.max_commit_results.saturating_mul(8192),
        enqueue_timeout: Duration::MAX,
    });
    (ResultIntake { sender }, ConcludeWriter { parts, receiver })
}

/// A result with what was decided about it.
struct PlannedConclusion {
    report: AttemptReport,
    transition: DeliveryTransition,
    /// The hold that the receiver asked for.
    hold: Option<Duration>,
    key_end: Option<KeyEnd>,
    /// The ordering key whose next delivery may be released once this is durable.
    freed: Option<OrderedKey>,
    /// Unless it is deleted.
    subscription: Option<Arc<Subscription>>,
    streak: Option<StreakChange>,
    announcement: Option<OperationalEvent>,
}

impl ConcludeWriter {
    async fn commit(&self, decided: &[PlannedConclusion]) -> StoreResult<Vec<ConclusionOutcome>> {
        if decided.is_empty() {
            return Ok(Vec::new());
        }
        let conclusion = |conclusion: &PlannedConclusion| Conclusion {
            record: Arc::clone(&conclusion.report.record),
            transition: conclusion.transition,
            key_end: conclusion.key_end.clone(),
            streak: conclusion.streak.clone(),
            announcement: conclusion.announcement.clone(),
        };
        let batch: Vec<Conclusion> = decided.iter().map(conclusion).collect();
        let started = self.parts.clock.now();
        let result = self.parts.store.conclude(&batch, started).await;
        let span = self.parts.clock.now().since(started);
        self.parts.metrics.observe_commit("results", span, batch.len());
        self.note(result.as_ref().err());
        result
    }

    /// Readiness follows whether results can be committed.
    fn note(&self, error: Option<&StoreError>) {
        match error {
            None => self.parts.result_commits.succeeded(),
            Some(error) if error.is_rejected_input() => {}
            Some(_) => self.parts.result_commits.failed(),
        }
    }

    /// Decides what follows from a result.
    async fn decide(
        &self,
        mut report: AttemptReport,
        job: Option<Arc<ScheduledDelivery>>,
        streaks: &mut BatchStreaks,
    ) -> Result<Result<PlannedConclusion, AttemptReport>, (StoreError, AttemptReport)> {
        let key = report.record.key;
        let mut seen = report.seen.take().filter(|_| job.is_none());
        if job.is_none() && seen.is_none() {
            let tenant = &report.record.subscription.tenant;
            match self.parts.store.get_delivery(tenant, key.delivery).await {
                Ok(found) => seen = found.map(Box::new),
                Err(error) => return Err((error, report)),
            }
        }
        let Some(delivery) = job.as_ref().map(|job| &job.delivery).or(seen.as_deref()) else {
            return Ok(Err(report));
        };
        if delivery.state != DeliveryState::InFlight || delivery.current_attempt() != key {
            return Ok(Err(report));
        }
        let subscription = match self.subscription(&report).await {
            Ok(found) => found,
            Err(error) => {
                report.seen = seen;
                return Err((error, report));
            }
        };
        let (transition, hold) = self.transition(&mut report, delivery, subscription.as_deref());
        let (record, known) = (&report.record, subscription.as_deref());
        let news = self.plan_side_effects(record, delivery, known, transition, streaks).await;
        let (streak, announcement) = match news {
            Ok(news) => news,
            Err(error) => {
                report.seen = seen;
                return Err((error, report));
            }
        };
        let key_end = known.and_then(|subscription| {
            ordering::plan_key_end(&self.parts, delivery, record.outcome, transition, subscription)
        });
        let ends = matches!(transition, DeliveryTransition::End { .. });
        let freed = delivery.ordered_key().filter(|_| ends);
        report.seen = seen;
        Ok(Ok(PlannedConclusion {
            report,
            transition,
            hold,
            subscription,
            streak,
            announcement,
            key_end,
            freed,
        }))
    }

    fn transition(
        &self,
        report: &mut AttemptReport,
        delivery: &Delivery,
        subscription: Option<&Subscription>,
    ) -> (DeliveryTransition, Option<Duration>) {
        let now = self.parts.clock.now();
        let record = Arc::make_mut(&mut report.record);
        record.trigger = delivery.trigger;
        record.test = delivery.test;
        let Some(subscription) = subscription else {
            if report.has_response && record.http_status.is_some_and(|s| (200..300).contains(&s)) {
                record.outcome = Outcome::Succeeded;
                return (
                    DeliveryTransition::End { state: DeliveryState::Succeeded, reason: None },
                    None,
                );
            }
            let reason = Some(EndReason::SubscriptionDeleted);
            return (DeliveryTransition::End { state: DeliveryState::Cancelled, reason }, None);
        };
        if report.has_response {
            record.judge(&subscription.settings.success);
        }
        let moment = DecisionTime {
            now,
            running: self.parts.cluster.running_time(subscription, now),
            random: rand::random(),
        };
        let policy = &subscription.settings.retry;
        let outcome = record.outcome;
        let wait = self.granted_wait(report, subscription);
        let transition = conclude(delivery, outcome, wait, policy, moment);
        if let DeliveryTransition::Retry { due, .. } = transition {
            Arc::make_mut(&mut report.record).next_attempt_time = Some(due);
        }
        (transition, wait.filter(|wait| wait.holds).map(|wait| wait.span))
    }

    /// The subscription of a result, unless it is deleted.
    async fn subscription(&self, report: &AttemptReport) -> StoreResult<Option<Arc<Subscription>>> {
        let key = &report.record.subscription;
        let snapshot = self.parts.tenants.snapshot(&key.tenant).await?;
        if let Some(found) = snapshot.and_then(|s| s.subscription(&key.subscription).cloned()) {
            return Ok(Some(found));
        }
        let stored = self.parts.store.get_subscription(key).await?;
        Ok(stored.filter(|s| s.delete_time.is_none()).map(Arc::new))
    }

    /// Applies durable conclusions to memory, and tells whoever waits for them.
    fn apply(&self, applied: Vec<PlannedConclusion>) {
        self.apply_streak_changes(&applied);
        self.begin_holds(&applied);
        let mut turns = side_effects::BreakerChanges::default();
        self.parts.dispatcher.update(|scheduler, now| {
            for one in &applied {
                let record = &one.report.record;
                let feedback = AttemptFeedback {
                    outcome: record.outcome,
                    latency: record.timings.total,
                    hold: one.hold.or(is_endpoint_gone(record).then_some(GONE_HOLD)),
                    transition: one.transition,
                };
                if one.report.seen.is_none() {
                    turns.watch(scheduler, &record.subscription, now, |scheduler| {
                        scheduler.concluded(record.key, &feedback, now);
                    });
                    continue;
                }
                // A take-over may have adopted the attempt during the commit.
                scheduler.forget(record.key, now);
                if let DeliveryTransition::Retry { due, .. } = one.transition {
                    scheduler.note_due(&record.subscription, due, now);
                }
            }
        });
        turns.log();
        side_effects::log_exhausted(&applied);
        for one in &applied {
            let record = &one.report.record;
            self.parts.metrics.attempt(record.outcome, record.timings.total);
            self.parts.test_waiters.complete(record, one.transition);
            if one.report.seen.is_some() {
                self.hint(record);
            }
            if is_endpoint_gone(record) {
                self.disable_gone_endpoint(record);
            }
            if let Some(key) = &one.freed {
                self.parts.ordering_queue.push(key.clone());
            }
        }
        self.acknowledge(&applied.iter().map(|conclusion| &conclusion.report).collect::<Vec<_>>());
    }

    fn hint(&self, record: &AttemptRecord) {
        if let ShardOwner::Peer(address) = self.parts.cluster.owner(&record.subscription.tenant) {
            self.parts.peers.hint_concluded(&address, record.key);
        }
    }

    fn acknowledge(&self, reports: &[&AttemptReport]) {
        let mut by_stream: HashMap<StreamId, Vec<AttemptKey>> = HashMap::new();
        for report in reports {
            if let Some(stream) = report.stream {
                by_stream.entry(stream).or_default().push(report.record.key);
            }
        }
        for (stream, keys) in by_stream {
            self.parts.dispatcher.send(stream, StreamCommand::Acknowledge(keys));
        }
    }
}
