//! What a result changes beyond its delivery: the endpoint's failure streak and
//! operational events.
//!
//! Fed by `find` with results, by `decide` with what was found, and by `apply` with what
//! is durable; feeds the rows, and the failure streaks in memory. Guarantees that
//! memory and rows change by the same results in the same order.

use std::collections::HashSet;

use postrider_domain::delivery::{AttemptRecord, Delivery, DeliveryState, DeliveryTransition};
use postrider_domain::failure_streak::{EndpointSignal, FailureStreak};
use postrider_domain::ids::SubscriptionKey;
use postrider_domain::operational_event::{
    EndpointSummary, ExhaustedDelivery, LastAttemptSummary, OperationalEvent, OperationalEventType,
};
use postrider_store::{StoreResult, StreakChange};

use super::ConcludeWriter;
use super::find::StreakReads;
use super::stages::{CommittedResult, ResultSubscription, StreakBefore};
use crate::state::failure_streaks::StreakLookup;

impl ConcludeWriter {
    /// The streak of a result's endpoint, if the result may change it.
    pub(super) async fn find_streak(
        &self,
        record: &AttemptRecord,
        found: Option<&ResultSubscription>,
        reads: &mut StreakReads,
    ) -> StoreResult<StreakBefore> {
        let signal = EndpointSignal::of(record.outcome, record.test);
        let Some((signal, found)) = signal.zip(found) else { return Ok(StreakBefore::Unaffected) };
        let key = &record.subscription;
        let (shard, revision) = (found.config.shard, found.subscription.revision);
        let known = match self.failure_streaks.look_up(shard, key, revision) {
            StreakLookup::Known(streak) => Some(streak),
            StreakLookup::Absent => None,
            // Only the owner begins a streak; it will with the next failure.
            StreakLookup::NotOwned if signal == EndpointSignal::Fails => {
                return Ok(StreakBefore::Unaffected);
            }
            StreakLookup::NotOwned => match reads.get(key) {
                Some(read) => *read,
                None => {
                    let read = self.store.streak(key).await?;
                    reads.insert(key.clone(), read);
                    read
                }
            },
            StreakLookup::Stale => {
                let read = self.store.streak(key).await?;
                self.failure_streaks.remember(shard, key, read, revision);
                read
            }
        };
        Ok(known.map_or(StreakBefore::Absent, StreakBefore::Running))
    }

    /// How a result changes its endpoint's streak. `begun_streaks`: the subscriptions of
    /// which the batch begins one.
    pub(super) fn streak_change(
        &self,
        record: &AttemptRecord,
        found: &ResultSubscription,
        before: StreakBefore,
        begun_streaks: &mut HashSet<SubscriptionKey>,
    ) -> Option<StreakChange> {
        let key = &record.subscription;
        match (EndpointSignal::of(record.outcome, record.test)?, before) {
            (_, StreakBefore::Unaffected) | (EndpointSignal::Fails, StreakBefore::Running(_)) => {
                None
            }
            (EndpointSignal::Fails, StreakBefore::Absent) => {
                begun_streaks.insert(key.clone());
                Some(StreakChange::Begin { since: self.clock.now() })
            }
            (EndpointSignal::Works, StreakBefore::Running(streak)) => {
                Some(StreakChange::End { recovered: self.recovered_event(found, streak) })
            }
            (EndpointSignal::Works, StreakBefore::Absent) => {
                begun_streaks.contains(key).then_some(StreakChange::End { recovered: None })
            }
        }
    }

    fn recovered_event(
        &self,
        found: &ResultSubscription,
        streak: FailureStreak,
    ) -> Option<OperationalEvent> {
        let wanted =
            found.config.wants_event(&self.outbox, OperationalEventType::EndpointRecovered);
        let now = self.clock.now();
        wanted.then(|| EndpointSummary::of(&found.subscription).recovered(streak.since, now))
    }

    /// The operational event for a delivery that ends without success.
    pub(super) fn exhausted_event(
        &self,
        delivery: &Delivery,
        found: &ResultSubscription,
        transition: DeliveryTransition,
    ) -> Option<OperationalEvent> {
        let DeliveryTransition::End { state: DeliveryState::Exhausted, reason } = transition else {
            return None;
        };
        let ended = ExhaustedDelivery::of(delivery, reason)?;
        let wanted =
            found.config.wants_event(&self.outbox, OperationalEventType::DeliveryExhausted);
        wanted.then(|| EndpointSummary::of(&found.subscription).exhausted(ended))
    }

    /// Applies durable streak changes to memory.
    pub(super) fn apply_streak_changes(&self, committed: &[CommittedResult]) {
        let now = self.clock.now();
        let mut outbox_may_have_work = false;
        for CommittedResult { row, follow_up } in committed {
            let record = &row.record;
            let Some(found) = &follow_up.subscription else { continue };
            let (shard, subscription) = (found.config.shard, &found.subscription);
            if let Some(change) = &row.streak {
                let key = &record.subscription;
                self.failure_streaks.apply_change(shard, key, change, subscription.revision);
            }
            let fails =
                EndpointSignal::of(record.outcome, record.test) == Some(EndpointSignal::Fails);
            let last =
                LastAttemptSummary { outcome: record.outcome, http_status: record.http_status };
            let is_time =
                fails && self.failure_streaks.note_failure(shard, subscription, last, now);
            outbox_may_have_work |=
                is_time || row.streak.is_some() || row.operational_event.is_some();
        }
        if outbox_may_have_work {
            self.outbox.notify();
        }
    }

    /// Ends the streak after a late success. If that fails, the recorded success stands and
    /// the next one ends the streak.
    pub(super) async fn end_streak_late(
        &self,
        key: &SubscriptionKey,
        found: Option<&ResultSubscription>,
    ) -> StoreResult<()> {
        let Some(found) = found else { return Ok(()) };
        let Some(streak) = self.store.streak(key).await? else { return Ok(()) };
        let recovered = self.recovered_event(found, streak);
        self.store.end_streak(key, recovered.as_ref()).await?;
        self.failure_streaks.remember(found.config.shard, key, None, 0);
        self.outbox.notify();
        Ok(())
    }
}
