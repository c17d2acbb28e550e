//! Finds what is known of reported results: delivery, subscription, failure streak.
//!
//! Fed by the writer with a batch of results as they were reported; feeds `decide` with
//! those of current attempts, and `late` with those whose deliveries have moved on.
//! Guarantees that the subscription of a result is looked up once: what follows uses
//! the one found here; that results keep their order; and that nobody concludes an
//! attempt that another agent has.

use std::collections::HashMap;
use std::sync::Arc;

use postrider_domain::delivery::{Delivery, Outcome};
use postrider_domain::failure_streak::FailureStreak;
use postrider_domain::ids::SubscriptionKey;
use postrider_domain::scheduler::ReportedAttempt;
use postrider_domain::subscription::Subscription;
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

/// A result with its delivery, or with nothing if its delivery is no longer stored.
type LocatedResult = (AttemptReport, Option<CurrentDelivery>);

/// What a batch has read, so that it is read once.
#[derive(Default)]
struct BatchReads {
    /// Streaks of other replicas' shards.
    streaks: StreakReads,
    /// Subscriptions that their tenants' configurations do not have; `None` if deleted.
    subscriptions: HashMap<SubscriptionKey, Option<Arc<Subscription>>>,
}

impl ConcludeWriter {
    /// Finds deliveries, subscriptions and streaks, and judges the responses.
    pub(super) async fn find_and_judge(
        &self,
        results: Vec<QueuedResult>,
        unrecorded: &mut UnrecordedResults,
    ) -> FoundResults {
        let located = self.locate_deliveries(results, unrecorded).await;
        let mut found =
            FoundResults { current: Vec::with_capacity(located.len()), late: Vec::new() };
        let mut reads = BatchReads::default();
        for (report, delivery) in located {
            if let Some(error) = unrecorded.outage.clone() {
                unrecorded.add(error, [report]);
                continue;
            }
            let key = report.record.key;
            match delivery.filter(|delivery| delivery.is_in_attempt(key)) {
                Some(delivery) => {
                    self.find_current(report, delivery, &mut reads, &mut found, unrecorded).await;
                }
                None => self.find_late(report, &mut reads, &mut found, unrecorded).await,
            }
        }
        found
    }

    async fn find_current(
        &self,
        mut report: AttemptReport,
        delivery: CurrentDelivery,
        reads: &mut BatchReads,
        found: &mut FoundResults,
        unrecorded: &mut UnrecordedResults,
    ) {
        let subscription = match self.look_up(&report.record.subscription, reads).await {
            Ok(subscription) => subscription,
            Err(error) => return unrecorded.add(error, [report]),
        };
        let known = subscription.as_ref();
        set_missing_region(&mut report, known);
        judge(&mut report, delivery.as_delivery(), known);
        match self.find_streak(&report.record, known, &mut reads.streaks).await {
            Ok(streak) => {
                found.current.push(CurrentResult { report, delivery, subscription, streak });
            }
            Err(error) => unrecorded.add(error, [report]),
        }
    }

    /// A late result without a response needs its subscription for nothing but a missing
    /// region: a configuration that cannot be read keeps none from being recorded.
    async fn find_late(
        &self,
        mut report: AttemptReport,
        reads: &mut BatchReads,
        found: &mut FoundResults,
        unrecorded: &mut UnrecordedResults,
    ) {
        let subscription = match report.response.is_some() || lacks_region(&report) {
            true => self.look_up(&report.record.subscription, reads).await,
            false => Ok(None),
        };
        let subscription = match subscription {
            Ok(subscription) => subscription,
            Err(error) if report.response.is_some() => return unrecorded.add(error, [report]),
            Err(_) => None,
        };
        set_missing_region(&mut report, subscription.as_ref());
        found.late.push(LateReport { report, subscription });
    }

    /// Finds the results' deliveries, in memory or in the table, in the results' order.
    async fn locate_deliveries(
        &self,
        results: Vec<QueuedResult>,
        unrecorded: &mut UnrecordedResults,
    ) -> Vec<LocatedResult> {
        let reported: Vec<_> = self.dispatcher.update(|scheduler, _| {
            let reports = results.iter().map(|result| &result.report);
            let begin = |report: &AttemptReport| {
                scheduler.begin_conclusion(report.record.key, report.reporter.as_ref())
            };
            reports.map(begin).collect()
        });
        let mut located: Vec<(usize, LocatedResult)> = Vec::with_capacity(results.len());
        let mut elsewhere = Vec::new();
        let results = results.into_iter().zip(reported).enumerate();
        for (position, (QueuedResult { report, row, .. }, reported)) in results {
            let delivery = match (reported, row) {
                (ReportedAttempt::Theirs(scheduled), _) => CurrentDelivery::InMemory(scheduled),
                (ReportedAttempt::NotTheirs, _) => {
                    self.ignore_foreign(&report);
                    continue;
                }
                (ReportedAttempt::NotInMemory, Some(row)) => CurrentDelivery::InTable(row),
                (ReportedAttempt::NotInMemory, None) => {
                    elsewhere.push((position, report));
                    continue;
                }
            };
            located.push((position, (report, Some(delivery))));
        }
        if !elsewhere.is_empty() {
            self.read_deliveries(elsewhere, &mut located, unrecorded).await;
            located.sort_unstable_by_key(|(position, _)| *position);
        }
        located.into_iter().map(|(_, result)| result).collect()
    }

    /// Whoever reports it gave the attempt back while the result waited here.
    fn ignore_foreign(&self, report: &AttemptReport) {
        self.metrics.results_ignored("returned", 1);
        self.acknowledge([report]);
    }

    /// Reads rows, a few in parallel, until the database is unavailable.
    async fn read_deliveries(
        &self,
        elsewhere: Vec<(usize, AttemptReport)>,
        located: &mut Vec<(usize, LocatedResult)>,
        unrecorded: &mut UnrecordedResults,
    ) {
        let mut elsewhere = elsewhere.into_iter();
        loop {
            let part: Vec<_> = elsewhere.by_ref().take(PARALLEL_DELIVERY_READS).collect();
            if part.is_empty() {
                return;
            }
            if let Some(error) = unrecorded.outage.clone() {
                unrecorded.add(error, part.into_iter().chain(elsewhere).map(|(_, report)| report));
                return;
            }
            let reads = part.into_iter().map(|(position, report)| async move {
                let tenant = &report.record.subscription.tenant;
                let row = self.store.get_delivery(tenant, report.record.key.delivery).await;
                (position, report, row)
            });
            for (position, report, row) in futures::future::join_all(reads).await {
                match row {
                    Ok(row) => {
                        let row = row.map(|row| CurrentDelivery::InTable(Box::new(row)));
                        located.push((position, (report, row)));
                    }
                    Err(error) => unrecorded.add(error, [report]),
                }
            }
            // A slow database is no reason to restart this process.
            self.receiver.report_progress();
        }
    }

    /// The subscription of a result, unless it is deleted.
    async fn look_up(
        &self,
        key: &SubscriptionKey,
        reads: &mut BatchReads,
    ) -> StoreResult<Option<ResultSubscription>> {
        // With a tenant, its subscriptions are deleted.
        let Some(config) = self.tenants.snapshot(&key.tenant).await? else { return Ok(None) };
        if let Some(subscription) = config.subscription(&key.subscription).map(Arc::clone) {
            return Ok(Some(ResultSubscription { config, subscription }));
        }
        // It may have been created after the configuration was read.
        let living = match reads.subscriptions.get(key) {
            Some(living) => living.clone(),
            None => {
                let stored = self.store.get_subscription(key).await?;
                let living = stored.filter(|stored| stored.delete_time.is_none()).map(Arc::new);
                reads.subscriptions.insert(key.clone(), living.clone());
                living
            }
        };
        Ok(living.map(|subscription| ResultSubscription { config, subscription }))
    }
}

/// Whether nobody said where the attempt was made, as of one that nobody can account for.
fn lacks_region(report: &AttemptReport) -> bool {
    report.record.outcome == Outcome::Unknown && report.record.region.as_str().is_empty()
}

/// An attempt that nobody can account for was made in its subscription's region.
fn set_missing_region(report: &mut AttemptReport, found: Option<&ResultSubscription>) {
    if let Some(found) = found.filter(|_| lacks_region(report)) {
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
    let Some(reported) = &report.response else { return };
    match subscription {
        Some(found) => record.judge(&found.subscription.settings.success, reported),
        None => record.judge_without_rule(reported),
    }
}
