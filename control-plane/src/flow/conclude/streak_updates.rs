//! What a result changes beyond its delivery: the endpoint's failure streak and
//! operational events.
//!
//! Fed by the writer with results as they are decided, and with those that are durable;
//! feeds the conclusion to store, and the failure streaks in memory. Guarantees that
//! memory and rows change by the same results in the same order.

use postrider_domain::delivery::{AttemptRecord, Delivery, DeliveryState, DeliveryTransition};
use postrider_domain::failure_streak::{EndpointSignal, FailureStreak};
use postrider_domain::operational_event::{
    EndpointSummary, ExhaustedDelivery, LastAttemptSummary, OperationalEvent, OperationalEventType,
};
use postrider_domain::subscription::Subscription;
use postrider_store::{StoreResult, StreakChange};

use super::ConcludeWriter;
use super::report::{BatchStreaks, PlannedConclusion};
use crate::state::failure_streaks::StreakLookup;

impl ConcludeWriter {
    /// Plans what a result changes beyond its delivery: streak and operational event.
    pub(super) async fn plan_side_effects(
        &self,
        record: &AttemptRecord,
        delivery: &Delivery,
        subscription: Option<&Subscription>,
        transition: DeliveryTransition,
        batch: &mut BatchStreaks,
    ) -> StoreResult<(Option<StreakChange>, Option<OperationalEvent>)> {
        let Some(subscription) = subscription else { return Ok((None, None)) };
        let streak = self.streak_change(record, subscription, batch).await?;
        Ok((streak, self.exhausted(delivery, subscription, transition).await?))
    }

    /// How a result changes its subscription's failure streak.
    async fn streak_change(
        &self,
        record: &AttemptRecord,
        subscription: &Subscription,
        batch: &mut BatchStreaks,
    ) -> StoreResult<Option<StreakChange>> {
        let Some(sign) = EndpointSignal::of(record.outcome, record.test) else { return Ok(None) };
        let key = &record.subscription;
        let shard = self.tenants.shard(&key.tenant);
        let known = match self.failure_streaks.look_up(shard, key, subscription.revision) {
            StreakLookup::Known(streak) => Some(streak),
            StreakLookup::Absent => None,
            // Only the owner begins a streak; it will with the next failure.
            StreakLookup::NotOwned if sign == EndpointSignal::Fails => return Ok(None),
            StreakLookup::NotOwned => match batch.read.get(key) {
                Some(read) => *read,
                None => {
                    let found = self.store.streak(key).await?;
                    batch.read.insert(key.clone(), found);
                    found
                }
            },
            StreakLookup::Stale => {
                let found = self.store.streak(key).await?;
                self.failure_streaks.remember(shard, key, found, subscription.revision);
                found
            }
        };
        Ok(match (sign, known) {
            (EndpointSignal::Fails, Some(_)) => None,
            (EndpointSignal::Fails, None) => {
                batch.begun.insert(key.clone());
                Some(StreakChange::Begin { since: self.clock.now() })
            }
            (EndpointSignal::Works, Some(streak)) => {
                Some(StreakChange::End { recovered: self.recovered(subscription, streak).await? })
            }
            (EndpointSignal::Works, None) => {
                batch.begun.contains(key).then_some(StreakChange::End { recovered: None })
            }
        })
    }

    async fn recovered(
        &self,
        subscription: &Subscription,
        streak: FailureStreak,
    ) -> StoreResult<Option<OperationalEvent>> {
        let wanted = self.wanted(subscription, OperationalEventType::EndpointRecovered).await?;
        let now = self.clock.now();
        Ok(wanted.then(|| EndpointSummary::of(subscription).recovered(streak.since, now)))
    }

    /// The operational event for a delivery that ends without success.
    async fn exhausted(
        &self,
        delivery: &Delivery,
        subscription: &Subscription,
        transition: DeliveryTransition,
    ) -> StoreResult<Option<OperationalEvent>> {
        let DeliveryTransition::End { state: DeliveryState::Exhausted, reason } = transition else {
            return Ok(None);
        };
        let Some(ended) = ExhaustedDelivery::of(delivery, reason) else { return Ok(None) };
        let wanted = self.wanted(subscription, OperationalEventType::DeliveryExhausted).await?;
        Ok(wanted.then(|| EndpointSummary::of(subscription).exhausted(ended)))
    }

    async fn wanted(
        &self,
        subscription: &Subscription,
        notice: OperationalEventType,
    ) -> StoreResult<bool> {
        let snapshot = self.tenants.snapshot(&subscription.tenant).await?;
        Ok(snapshot.is_some_and(|snapshot| snapshot.wants_event(&self.outbox, notice)))
    }

    /// Applies durable streak changes to memory.
    pub(super) fn apply_streak_changes(&self, applied: &[PlannedConclusion]) {
        let now = self.clock.now();
        let mut news = false;
        for PlannedConclusion { report, subscription, streak, announcement, .. } in applied {
            let record = &report.record;
            let Some(subscription) = subscription else { continue };
            let shard = self.tenants.shard(&subscription.tenant);
            if let Some(change) = streak {
                let key = &record.subscription;
                self.failure_streaks.apply_change(shard, key, change, subscription.revision);
            }
            let fails =
                EndpointSignal::of(record.outcome, record.test) == Some(EndpointSignal::Fails);
            let last =
                LastAttemptSummary { outcome: record.outcome, http_status: record.http_status };
            let is_time =
                fails && self.failure_streaks.note_failure(shard, subscription, last, now);
            news |= is_time || streak.is_some() || announcement.is_some();
        }
        if news {
            self.outbox.notify();
        }
    }

    /// Ends the streak after a late success. If that fails, the recorded success stands and
    /// the next one ends the streak.
    pub(super) async fn end_streak_late(&self, record: &AttemptRecord) -> StoreResult<()> {
        let key = &record.subscription;
        let Some(streak) = self.store.streak(key).await? else { return Ok(()) };
        let Some(subscription) = self.store.get_subscription(key).await? else {
            return Ok(());
        };
        let recovered = self.recovered(&subscription, streak).await?;
        self.store.end_streak(key, recovered.as_ref()).await?;
        let shard = self.tenants.shard(&key.tenant);
        self.failure_streaks.remember(shard, key, None, 0);
        self.outbox.notify();
        Ok(())
    }
}
