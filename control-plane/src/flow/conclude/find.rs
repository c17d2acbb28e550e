//! Finds what is known of reported results: delivery, subscription, failure streak.
//!
//! Fed by the writer with a batch of results as they were reported; feeds `decide` with
//! those of current attempts, and `late` with those whose deliveries have moved on.
//! Guarantees that the subscription of a result is looked up once: what follows uses
//! the one found here.

use std::collections::HashMap;
use std::sync::Arc;

use futures::{StreamExt as _, stream};
use postrider_domain::delivery::{Delivery, Outcome};
use postrider_domain::failure_streak::FailureStreak;
use postrider_domain::ids::SubscriptionKey;
use postrider_store::StoreResult;

use super::ConcludeWriter;
use super::report::{AttemptReport, QueuedResult, UnrecordedResults};
use super::stages::{CurrentDelivery, CurrentResult, FoundResults, LateReport, ResultSubscription};

/// Most deliveries read in parallel. A replica that takes another's results would fall
/// behind if it read their rows one after the other from a slow database; but of ten
/// connections (`database.max_connections`) most are left to others.
const PARALLEL_DELIVERY_READS: usize = 4;

/// Streaks of other replicas' shards, each read once for a batch.
pub(super) type StreakReads = HashMap<SubscriptionKey, Option<FailureStreak>>;

impl ConcludeWriter {
    /// Finds deliveries, subscriptions and streaks, and judges the responses.
    pub(super) async fn find_results(
        &self,
        results: Vec<QueuedResult>,
        unrecorded: &mut UnrecordedResults,
    ) -> FoundResults {
        let located = self.locate_deliveries(results, unrecorded).await;
        let mut found =
            FoundResults { current: Vec::with_capacity(located.len()), late: Vec::new() };
        let mut reads = StreakReads::default();
        for (mut report, delivery) in located {
            if let Some(error) = unrecorded.outage.clone() {
                unrecorded.add(error, [report]);
                continue;
            }
            let subscription = match self.look_up(&report.record.subscription).await {
                Ok(subscription) => subscription,
                Err(error) => {
                    unrecorded.add(error, [report]);
                    continue;
                }
            };
            set_missing_region(&mut report, subscription.as_ref());
            let key = report.record.key;
            let Some(delivery) = delivery.filter(|delivery| delivery.is_in_attempt(key)) else {
                found.late.push(LateReport { report, subscription });
                continue;
            };
            judge(&mut report, delivery.as_delivery(), subscription.as_ref());
            let known = subscription.as_ref();
            match self.find_streak(&report.record, known, &mut reads).await {
                Ok(streak) => {
                    found.current.push(CurrentResult { report, delivery, subscription, streak });
                }
                Err(error) => unrecorded.add(error, [report]),
            }
        }
        found
    }

    /// Finds the results' deliveries, in memory or in the table; those that neither has
    /// are no longer kept.
    async fn locate_deliveries(
        &self,
        results: Vec<QueuedResult>,
        unrecorded: &mut UnrecordedResults,
    ) -> Vec<(AttemptReport, Option<CurrentDelivery>)> {
        let jobs: Vec<_> = self.dispatcher.update(|scheduler, _| {
            let keys = results.iter().map(|result| result.report.record.key);
            keys.map(|key| scheduler.begin_conclusion(key)).collect()
        });
        let mut located = Vec::with_capacity(results.len());
        let mut elsewhere = Vec::new();
        for (QueuedResult { report, row }, job) in results.into_iter().zip(jobs) {
            match (job, row) {
                (Some(job), _) => located.push((report, Some(CurrentDelivery::InMemory(job)))),
                (None, Some(row)) => located.push((report, Some(CurrentDelivery::InTable(row)))),
                (None, None) => elsewhere.push(report),
            }
        }
        let reads = stream::iter(elsewhere).map(|report| async {
            let tenant = &report.record.subscription.tenant;
            let row = self.store.get_delivery(tenant, report.record.key.delivery).await;
            (report, row)
        });
        let mut reads = std::pin::pin!(reads.buffered(PARALLEL_DELIVERY_READS));
        while let Some((report, row)) = reads.next().await {
            match row {
                Ok(row) => {
                    let row = row.map(|row| CurrentDelivery::InTable(Box::new(row)));
                    located.push((report, row));
                }
                Err(error) => unrecorded.add(error, [report]),
            }
        }
        located
    }

    /// The subscription of a result, unless it is deleted.
    async fn look_up(&self, key: &SubscriptionKey) -> StoreResult<Option<ResultSubscription>> {
        // With a tenant, its subscriptions are deleted.
        let Some(config) = self.tenants.snapshot(&key.tenant).await? else { return Ok(None) };
        if let Some(subscription) = config.subscription(&key.subscription).map(Arc::clone) {
            return Ok(Some(ResultSubscription { config, subscription }));
        }
        // It may have been created after the configuration was read.
        let stored = self.store.get_subscription(key).await?;
        let living = stored.filter(|stored| stored.delete_time.is_none());
        Ok(living.map(Arc::new).map(|subscription| ResultSubscription { config, subscription }))
    }
}

/// An attempt that nobody can account for was made in its subscription's region.
fn set_missing_region(report: &mut AttemptReport, found: Option<&ResultSubscription>) {
    if report.record.outcome == Outcome::Unknown
        && report.record.region.as_str().is_empty()
        && let Some(found) = found
    {
        Arc::make_mut(&mut report.record).region = found.subscription.settings.region.clone();
    }
}

/// Sets what the delivery and the subscription say of an attempt: what it was for, and
/// whether its response is a success.
fn judge(
    report: &mut AttemptReport,
    delivery: &Delivery,
    subscription: Option<&ResultSubscription>,
) {
    let record = Arc::make_mut(&mut report.record);
    (record.trigger, record.test) = (delivery.trigger, delivery.test);
    if !report.has_response {
        return;
    }
    match subscription {
        Some(found) => record.judge(&found.subscription.settings.success),
        None => record.judge_without_rule(),
    }
}
