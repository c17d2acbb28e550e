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
//! Here: what is decided about a result. `report`: results on their way; `writer`: the
//! loop, with `load_deliveries` before a commit, `apply`, `late`, `endpoint_signals`,
//! `streak_updates` and `side_effects` (log lines) after it; `bisect` and `retry_queue`
//! for what the database refuses.
//!
//! Keeps the invariants `any-success-counts` and `bad-row-isolated`.

mod apply;
mod bisect;
mod endpoint_signals;
mod late;
mod load_deliveries;
mod report;
mod retry_queue;
mod side_effects;
mod streak_updates;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use fair_batch::{BatchReceiver, QueueLimits, channel};
use postrider_domain::delivery::{
    DecisionTime, Delivery, DeliveryState, DeliveryTransition, EndReason, Outcome, conclude,
};
use postrider_domain::scheduler::ScheduledDelivery;
use postrider_domain::subscription::Subscription;
use postrider_store::{Conclusion, ConclusionOutcome, Store, StoreError, StoreResult};

pub use self::report::{AttemptReport, ResultIntake};
use self::report::{BatchStreaks, PlannedConclusion, QUEUED_BYTES_PER_RESULT};
use super::ordering::KeyBlocker;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::state::cluster::ClusterState;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;
use crate::state::failure_streaks::FailureStreaks;
use crate::state::ordering_queue::OrderingQueue;
use crate::state::outbox::Outbox;
use crate::state::peers::Peers;
use crate::state::result_commits::ResultCommitHealth;
use crate::state::tenants::TenantConfigs;
use crate::state::test_waiters::TestWaiters;

/// Commits the queued results.
pub struct ConcludeWriter {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    max_queued_results: usize,
    /// Longest wait that a receiver is granted.
    max_retry_after: Duration,
    metrics: Metrics,
    tenants: TenantConfigs,
    dispatcher: Dispatcher,
    peers: Peers,
    cluster: ClusterState,
    test_waiters: TestWaiters,
    ordering_queue: OrderingQueue,
    outbox: Outbox,
    failure_streaks: FailureStreaks,
    result_commits: ResultCommitHealth,
    key_blocker: KeyBlocker,
    receiver: BatchReceiver<(), AttemptReport>,
}

/// The queue of results, and its writer.
pub fn new(context: &ReplicaContext) -> (ResultIntake, ConcludeWriter) {
    let settings = &context.settings.results;
    let max_retry_after = context.settings.dispatch.max_retry_after_seconds;
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
    let writer = ConcludeWriter {
        store: Arc::clone(&context.store),
        clock: Arc::clone(&context.clock),
        max_queued_results: settings.max_queued_results,
        max_retry_after: Duration::from_secs(max_retry_after),
        metrics: context.metrics.clone(),
        tenants: context.tenants.clone(),
        dispatcher: context.dispatcher.clone(),
        peers: context.peers.clone(),
        cluster: context.cluster.clone(),
        test_waiters: context.test_waiters.clone(),
        ordering_queue: context.ordering_queue.clone(),
        outbox: context.outbox.clone(),
        failure_streaks: context.failure_streaks.clone(),
        result_commits: context.result_commits.clone(),
        key_blocker: KeyBlocker::new(context),
        receiver,
    };
    (ResultIntake { sender }, writer)
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
        let started = self.clock.now();
        let result = self.store.conclude(&batch, started).await;
        let span = self.clock.now().since(started);
        self.metrics.observe_commit("results", span, batch.len());
        self.note(result.as_ref().err());
        result
    }

    /// Readiness follows whether results can be committed.
    fn note(&self, error: Option<&StoreError>) {
        match error {
            None => self.result_commits.succeeded(),
            Some(error) if error.is_rejected_input() => {}
            Some(_) => self.result_commits.failed(),
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
            match self.store.get_delivery(tenant, key.delivery).await {
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
            self.key_blocker.plan_key_end(delivery, record.outcome, transition, subscription)
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
        let now = self.clock.now();
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
            running: self.cluster.running_time(subscription, now),
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
        let snapshot = self.tenants.snapshot(&key.tenant).await?;
        if let Some(found) = snapshot.and_then(|s| s.subscription(&key.subscription).cloned()) {
            return Ok(Some(found));
        }
        let stored = self.store.get_subscription(key).await?;
        Ok(stored.filter(|s| s.delete_time.is_none()).map(Arc::new))
    }
}
