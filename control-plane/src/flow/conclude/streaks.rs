//! What a result says of its endpoint, and whom its delivery's end is told.
//!
//! Fed by the writer with results as they are decided, and with what of them is
//! durable; feeds the conclusion that is stored, and the streaks in memory.
//! Guarantees that memory and rows change by the same results in the same order.

use std::collections::{HashMap, HashSet};

use postrider_domain::delivery::{AttemptRecord, Delivery, DeliveryState, Transition};
use postrider_domain::ids::SubscriptionKey;
use postrider_domain::notice::{Announcement, Endpoint, Exhausted, LastAttempt, NoticeType};
use postrider_domain::streak::{Sign, Streak};
use postrider_domain::subscription::Subscription;
use postrider_store::{StoreResult, StreakChange};

use super::{ConcludeWriter, Decided};
use crate::flow::streaks::Recalled;

/// What is known of streaks while one batch is decided.
#[derive(Default)]
pub(super) struct BatchStreaks {
    /// Those that begin with the batch.
    begun: HashSet<SubscriptionKey>,
    /// Other replicas', each read once for the batch.
    read: HashMap<SubscriptionKey, Option<Streak>>,
}

impl ConcludeWriter {
    /// What a result is to others than its delivery.
    pub(super) async fn news(
        &self,
        record: &AttemptRecord,
        delivery: &Delivery,
        subscription: Option<&Subscription>,
        transition: Transition,
        batch: &mut BatchStreaks,
    ) -> StoreResult<(Option<StreakChange>, Option<Announcement>)> {
        let Some(subscription) = subscription else { return Ok((None, None)) };
        let streak = self.streak_change(record, subscription, batch).await?;
        Ok((streak, self.exhausted(delivery, subscription, transition).await?))
    }

    /// What a result makes of its subscription's streak.
    async fn streak_change(
        &self,
        record: &AttemptRecord,
        subscription: &Subscription,
        batch: &mut BatchStreaks,
    ) -> StoreResult<Option<StreakChange>> {
        let Some(sign) = Sign::of(record.outcome, record.test) else { return Ok(None) };
        let key = &record.subscription;
        let shard = self.parts.tenants.shard(&key.tenant);
        let known = match self.parts.streaks.recall(shard, key, subscription.revision) {
            Recalled::Known(streak) => Some(streak),
            Recalled::Nothing => None,
            // The owner begins it with the next failure.
            Recalled::Elsewhere if sign == Sign::Fails => return Ok(None),
            Recalled::Elsewhere => match batch.read.get(key) {
                Some(read) => *read,
                None => {
                    let found = self.parts.store.streak(key).await?;
                    batch.read.insert(key.clone(), found);
                    found
                }
            },
            Recalled::Stale => {
                let found = self.parts.store.streak(key).await?;
                self.parts.streaks.learn(shard, key, found, subscription.revision);
                found
            }
        };
        Ok(match (sign, known) {
            (Sign::Fails, Some(_)) => None,
            (Sign::Fails, None) => {
                batch.begun.insert(key.clone());
                Some(StreakChange::Begin { since: self.parts.clock.now() })
            }
            (Sign::Works, Some(streak)) => {
                Some(StreakChange::End { recovered: self.recovered(subscription, streak).await? })
            }
            (Sign::Works, None) => {
                batch.begun.contains(key).then_some(StreakChange::End { recovered: None })
            }
        })
    }

    async fn recovered(
        &self,
        subscription: &Subscription,
        streak: Streak,
    ) -> StoreResult<Option<Announcement>> {
        let wanted = self.wanted(subscription, NoticeType::EndpointRecovered).await?;
        let now = self.parts.clock.now();
        Ok(wanted.then(|| Endpoint::of(subscription).recovered(streak.since, now)))
    }

    /// What is told of a delivery that ends by its result.
    async fn exhausted(
        &self,
        delivery: &Delivery,
        subscription: &Subscription,
        transition: Transition,
    ) -> StoreResult<Option<Announcement>> {
        let Transition::End { state: DeliveryState::Exhausted, reason } = transition else {
            return Ok(None);
        };
        let Some(ended) = Exhausted::of(delivery, reason) else { return Ok(None) };
        let wanted = self.wanted(subscription, NoticeType::DeliveryExhausted).await?;
        Ok(wanted.then(|| Endpoint::of(subscription).exhausted(ended)))
    }

    async fn wanted(&self, subscription: &Subscription, notice: NoticeType) -> StoreResult<bool> {
        let snapshot = self.parts.tenants.snapshot(&subscription.tenant).await?;
        Ok(snapshot.is_some_and(|snapshot| self.parts.notices.wanted(&snapshot, notice)))
    }

    /// Takes over into memory what is durable.
    pub(super) fn note_streaks(&self, applied: &[Decided]) {
        let now = self.parts.clock.now();
        let mut news = false;
        for Decided { report, subscription, streak, announcement, .. } in applied {
            let record = &report.record;
            let Some(subscription) = subscription else { continue };
            let shard = self.parts.tenants.shard(&subscription.tenant);
            if let Some(change) = streak {
                let key = &record.subscription;
                self.parts.streaks.changed(shard, key, change, subscription.revision);
            }
            let fails = Sign::of(record.outcome, record.test) == Some(Sign::Fails);
            let last = LastAttempt { outcome: record.outcome, http_status: record.http_status };
            let is_time = fails && self.parts.streaks.failed(shard, subscription, last, now);
            news |= is_time || streak.is_some() || announcement.is_some();
        }
        if news {
            self.parts.notices.wake();
        }
    }

    /// A success that came late is a success all the same. One that was recorded
    /// is not undone by trouble here: the next one ends the streak.
    pub(super) async fn end_streak_late(&self, record: &AttemptRecord) -> StoreResult<()> {
        let key = &record.subscription;
        let Some(streak) = self.parts.store.streak(key).await? else { return Ok(()) };
        let Some(subscription) = self.parts.store.get_subscription(key).await? else {
            return Ok(());
        };
        let recovered = self.recovered(&subscription, streak).await?;
        self.parts.store.end_streak(key, recovered.as_ref()).await?;
        let shard = self.parts.tenants.shard(&key.tenant);
        self.parts.streaks.learn(shard, key, None, 0);
        self.parts.notices.wake();
        Ok(())
    }
}
