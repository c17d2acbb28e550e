//! Results that come after their deliveries have moved on.
//!
//! Fed by the writer with what it did not apply; feeds the store, which keeps
//! them, and the scheduler, which has nothing more to wait for. Guarantees that
//! each is acknowledged, so that no agent holds it for ever.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use postrider_domain::delivery::{AttemptRecord, Delivery, LateRecord, Outcome};
use postrider_store::{StoreError, StoreResult};

use super::alone::reduce;
use super::{ConcludeWriter, Left, Report};
use crate::flow::Parts;
use crate::flow::ordering::hold_while_under_way;

/// Each takes a transaction of several round trips; of different deliveries, so that
/// none waits for another but for the database.
const LATE_AT_ONCE: usize = 4;

/// How often a claim is looked at that is under way, and how long at most.
const CLAIM_POLL: Duration = Duration::from_millis(5);
const CLAIM_LIMIT: Duration = Duration::from_secs(15);

impl ConcludeWriter {
    /// Records results whose deliveries have moved on. An UNKNOWN is news only where
    /// history has nothing of its attempt: one that may have been sent stands there.
    pub(super) async fn conclude_late(&self, late: Vec<Report>, left: &mut Left) {
        let mut recorded = stream::iter(late)
            .map(|report| self.conclude_one_late(report))
            .buffer_unordered(LATE_AT_ONCE);
        while let Some(one) = recorded.next().await {
            self.exit.made_progress();
            if let Err((error, report)) = one {
                left.put(error, [report]);
            }
        }
    }

    async fn conclude_one_late(&self, mut report: Report) -> Result<(), (StoreError, Report)> {
        let mut result = self.record_late(&mut report).await;
        if result.as_ref().is_err_and(StoreError::is_refusal) {
            let whole = Arc::clone(&report.record);
            reduce(Arc::make_mut(&mut report.record));
            result = self.record_late(&mut report).await;
            if result.as_ref().is_err_and(|error| !error.is_refusal()) {
                report.record = whole;
            }
        }
        self.note(result.as_ref().err());
        if let Err(error) = result {
            return Err((error, report));
        }
        self.parts.dispatcher.with(|scheduler, now| scheduler.forget(report.record.key, now));
        self.hint(&report.record);
        self.acknowledge(&[&report]);
        Ok(())
    }

    async fn record_late(&self, report: &mut Report) -> StoreResult<()> {
        if report.answered {
            let found = self.subscription(report).await?;
            let rule = found.map(|s| s.settings.success.clone());
            Arc::make_mut(&mut report.record).judge(&rule.unwrap_or_default());
        }
        let (succeeds, key) =
            (report.record.outcome == Outcome::Succeeded, &report.record.subscription);
        if !succeeds {
            return self.write_late(report).await;
        }
        self.parts.dispatcher.with(|scheduler, _| scheduler.late_begins(key));
        let deadline = self.parts.clock.now() + CLAIM_LIMIT;
        while self
            .parts
            .dispatcher
            .look(|scheduler, now| now < deadline && scheduler.is_claiming(key))
        {
            self.parts.clock.sleep(CLAIM_POLL).await;
        }
        let written = self.write_late(report).await;
        self.parts.dispatcher.with(|scheduler, now| scheduler.late_ends(key, now));
        written
    }

    async fn write_late(&self, report: &Report) -> StoreResult<()> {
        self.withdraw_unsent(&report.record).await?;
        let ended = self.before_success(&report.record).await?;
        let late = self.parts.store.conclude_late(&report.record, self.parts.clock.now()).await?;
        if let Some(delivery) = ended.filter(|_| late.succeeds) {
            self.parts.turns.may_follow(&delivery);
        }
        let record = &report.record;
        let news = late.record != LateRecord::Ignore && !record.test;
        if news && record.outcome == Outcome::Succeeded {
            self.end_streak_late(record).await?;
        }
        Ok(())
    }

    /// A success ends the delivery: a newer attempt that is only queued is not to be
    /// sent any more, and was never made.
    async fn withdraw_unsent(&self, record: &AttemptRecord) -> StoreResult<()> {
        if record.outcome != Outcome::Succeeded {
            return Ok(());
        }
        let Parts { store, dispatcher, clock, .. } = &self.parts;
        let id = record.key.delivery;
        let Some(unsent) = dispatcher.with(|scheduler, now| scheduler.take_back(id, now)) else {
            return Ok(());
        };
        let released = store.release(&[unsent], clock.now()).await;
        match &released {
            Ok(()) => dispatcher.with(|scheduler, _| scheduler.given_back(&[unsent])),
            Err(_) => dispatcher.put_back_releases(vec![unsent]),
        }
        released
    }

    /// A success ends the delivery although a newer attempt of it may be under
    /// way, after which alone others of its ordering key may go. Returns a delivery
    /// that has such a key.
    async fn before_success(&self, record: &AttemptRecord) -> StoreResult<Option<Delivery>> {
        if record.outcome != Outcome::Succeeded {
            return Ok(None);
        }
        let tenant = &record.subscription.tenant;
        let found = self.parts.store.get_delivery(tenant, record.key.delivery).await?;
        let Some(delivery) = found.filter(|one| one.ordering_key.is_some()) else {
            return Ok(None);
        };
        hold_while_under_way(&self.parts, &delivery).await?;
        Ok(Some(delivery))
    }
}
