//! Late results: their deliveries have moved on.
//!
//! Fed by the writer with results that no longer apply; feeds the store, which records
//! them, and the scheduler, which forgets the attempt. Guarantees that each is
//! acknowledged, so that no agent keeps a result for ever.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use postrider_domain::delivery::{AttemptRecord, Delivery, LateRecord, Outcome, ReportedResponse};
use postrider_domain::subscription::SuccessRule;
use postrider_store::{StoreError, StoreResult};

use super::commit::strip_response;
use super::report::{AttemptReport, FailedResult, UnrecordedResults};
use super::stages::{LateReport, ResultSubscription};
use super::{ConcludeWriter, spans};
use crate::flow::ordering::may_be_sending;

/// Each takes a transaction of several round trips. They concern different deliveries, so
/// they wait only for the database. Of ten connections (`database.max_connections`) most
/// are left to others.
const PARALLEL_LATE_RESULTS: usize = 4;

/// How often, and how long at most, a claim in progress is waited for. A claim takes a few
/// milliseconds, and at most as long as a call of the database may (15 s).
const CLAIM_POLL_INTERVAL: Duration = Duration::from_millis(5);
const CLAIM_WAIT_LIMIT: Duration = Duration::from_secs(15);

impl ConcludeWriter {
    /// Records results whose deliveries have moved on. An UNKNOWN changes something only
    /// if history has no record of its attempt yet.
    pub(super) async fn conclude_late(
        &self,
        late: Vec<LateReport>,
        unrecorded: &mut UnrecordedResults,
    ) {
        if let Some(error) = unrecorded.outage.clone() {
            return unrecorded.add(error, late.into_iter().map(|late| late.report));
        }
        let mut recorded = stream::iter(late)
            .map(|late| self.conclude_one_late(late))
            .buffer_unordered(PARALLEL_LATE_RESULTS);
        while let Some(done) = recorded.next().await {
            self.receiver.report_progress();
            if let Err(FailedResult { error, report }) = done {
                unrecorded.add(error, [report]);
            }
        }
    }

    async fn conclude_one_late(&self, late: LateReport) -> Result<(), FailedResult> {
        let LateReport { mut report, subscription } = late;
        let found = subscription.as_ref();
        judge(&mut report.record, report.response.as_ref(), found);
        let mut result = self.record_late(&report, found).await;
        if result.as_ref().is_err_and(StoreError::is_rejected_input) {
            let whole = Arc::clone(&report.record);
            strip_response(Arc::make_mut(&mut report.record));
            let stripped = report.response.as_ref().map(|reported| ReportedResponse {
                outcome: reported.outcome,
                error: report.record.error.clone(),
            });
            judge(&mut report.record, stripped.as_ref(), found);
            result = self.record_late(&report, found).await;
            if result.as_ref().is_err_and(|error| !error.is_rejected_input()) {
                report.record = whole;
            }
        }
        self.note_commit(result.as_ref().err());
        if let Err(error) = result {
            return Err(FailedResult { error, report });
        }
        self.dispatcher.update(|scheduler, now| scheduler.forget(report.record.key, now));
        self.hint(&report.record);
        self.acknowledge([&report]);
        spans::record_late(&report, self.clock.now());
        Ok(())
    }

    async fn record_late(
        &self,
        report: &AttemptReport,
        found: Option<&ResultSubscription>,
    ) -> StoreResult<()> {
        let record = &report.record;
        if record.outcome != Outcome::Succeeded {
            return self.write_late(record, found).await;
        }
        let key = &record.subscription;
        self.dispatcher.update(|scheduler, _| scheduler.begin_late_success(key));
        let deadline = self.clock.now() + CLAIM_WAIT_LIMIT;
        while self.dispatcher.read(|scheduler, now| now < deadline && scheduler.is_claiming(key)) {
            self.clock.sleep(CLAIM_POLL_INTERVAL).await;
        }
        let written = self.write_late(record, found).await;
        self.dispatcher.update(|scheduler, now| scheduler.end_late_success(key, now));
        written
    }

    async fn write_late(
        &self,
        record: &AttemptRecord,
        found: Option<&ResultSubscription>,
    ) -> StoreResult<()> {
        self.withdraw_unsent(record).await?;
        let ended = self.before_success(record, found).await?;
        let late = self.store.conclude_late(record, self.clock.now()).await?;
        if let Some(delivery) = ended.filter(|_| late.succeeds) {
            self.ordering_queue.push_key_of(&delivery);
        }
        let is_recorded = late.record != LateRecord::Ignore && !record.test;
        if is_recorded && record.outcome == Outcome::Succeeded {
            self.end_streak_late(&record.subscription, found).await?;
        }
        Ok(())
    }

    /// A success ends the delivery: a newer attempt that is queued, but not sent, is
    /// withdrawn.
    async fn withdraw_unsent(&self, record: &AttemptRecord) -> StoreResult<()> {
        if record.outcome != Outcome::Succeeded {
            return Ok(());
        }
        let Self { store, dispatcher, clock, .. } = self;
        let id = record.key.delivery;
        let Some(unsent) = dispatcher.update(|scheduler, now| scheduler.take_out_by_id(id, now))
        else {
            return Ok(());
        };
        let released = store.release(&[unsent], clock.now()).await;
        match &released {
            Ok(()) => dispatcher.update(|scheduler, _| scheduler.confirm_return(&[unsent])),
            Err(_) => dispatcher.put_back_unsent(vec![unsent]),
        }
        released
    }

    /// A success ends the delivery although a newer attempt may be in progress. Blocks the
    /// ordering key until that one must be over. Returns the delivery if it has a key.
    async fn before_success(
        &self,
        record: &AttemptRecord,
        found: Option<&ResultSubscription>,
    ) -> StoreResult<Option<Delivery>> {
        if record.outcome != Outcome::Succeeded {
            return Ok(None);
        }
        let tenant = &record.subscription.tenant;
        let row = self.store.get_delivery(tenant, record.key.delivery).await?;
        let Some(delivery) = row.filter(|row| row.ordering_key.is_some()) else {
            return Ok(None);
        };
        // HELD deliveries of a deleted subscription end without being sent.
        if let Some(found) = found.filter(|_| may_be_sending(&delivery)) {
            self.key_blocker.block_key_of(&delivery, &found.subscription).await?;
        }
        Ok(Some(delivery))
    }
}

/// Sets the outcome of a response, by the rule of its subscription or the usual one.
fn judge(
    record: &mut Arc<AttemptRecord>,
    response: Option<&ReportedResponse>,
    found: Option<&ResultSubscription>,
) {
    let Some(reported) = response else { return };
    let usual = SuccessRule::default();
    let rule = found.map_or(&usual, |found| &found.subscription.settings.success);
    Arc::make_mut(record).judge(rule, reported);
}
