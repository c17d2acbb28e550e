//! The outbox of operational events, failure streaks, and certificates that end.
//!
//! An operational event is written in the transaction of what it reports: by the
//! methods of other traits that take [`OperationalEvent`]s, and by those here (told-once).

use std::collections::BTreeMap;

use async_trait::async_trait;
use postrider_domain::failure_streak::{FailureStreak, WarningStage};
use postrider_domain::ids::{Shard, SubscriptionKey};
use postrider_domain::operational_event::OperationalEvent;
use postrider_domain::time::Timestamp;

use crate::error::StoreResult;

/// The outbox of operational events, failure streaks, and certificates that end.
#[async_trait]
pub trait OutboxStore {
    /// Operational events of tenants in these shards, in the order in which they
    /// happened; at most `limit`.
    async fn list_outbox(&self, shards: &[Shard], limit: u32) -> StoreResult<Vec<OutboxEntry>>;

    /// Deletes published operational events.
    async fn delete_from_outbox(&self, places: &[i64]) -> StoreResult<()>;

    /// The failure streaks in these shards.
    async fn streaks(&self, shards: &[Shard])
    -> StoreResult<Vec<(SubscriptionKey, FailureStreak)>>;

    /// The failure streak of one subscription.
    async fn streak(&self, key: &SubscriptionKey) -> StoreResult<Option<FailureStreak>>;

    /// Moves a streak that still equals `from` to another stage and writes its
    /// operational event. False if the streak has changed.
    async fn raise_streak(
        &self,
        key: &SubscriptionKey,
        from: FailureStreak,
        to: WarningStage,
        operational_event: Option<&OperationalEvent>,
    ) -> StoreResult<bool>;

    /// Ends a streak. The operational event is written if the streak was warned about.
    async fn end_streak(
        &self,
        key: &SubscriptionKey,
        recovered: Option<&OperationalEvent>,
    ) -> StoreResult<()>;

    /// The subscriptions in these shards that are to be warned by now that a certificate of
    /// theirs ends, and since when; those that are due first, at most `limit`.
    async fn due_certificate_warnings(
        &self,
        shards: &[Shard],
        now: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<(SubscriptionKey, Timestamp)>>;

    /// Writes the warnings that were due, and when the next one is. False if they are not due
    /// any more: somebody else wrote them, or the subscription has changed.
    async fn warn_of_certificates(
        &self,
        key: &SubscriptionKey,
        due: Timestamp,
        next: Option<Timestamp>,
        operational_events: &[OperationalEvent],
    ) -> StoreResult<bool>;
}

/// An operational event and its position in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEntry {
    pub place: i64,
    pub operational_event: OperationalEvent,
}

/// How a result changes its subscription's streak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreakChange {
    /// A failure. An existing streak stays as it is.
    Begin { since: Timestamp },
    /// A success. The operational event is written if the streak was warned about.
    End { recovered: Option<OperationalEvent> },
}

/// How the results of a batch change streaks.
#[derive(Default)]
pub struct StreakChanges<'a> {
    /// Ordered by key, so that two replicas cannot deadlock.
    ended: BTreeMap<&'a SubscriptionKey, Option<&'a OperationalEvent>>,
    begun: BTreeMap<&'a SubscriptionKey, Timestamp>,
}

impl<'a> StreakChanges<'a> {
    pub fn push(&mut self, key: &'a SubscriptionKey, change: &'a StreakChange) {
        match change {
            StreakChange::Begin { since } => {
                self.begun.entry(key).or_insert(*since);
            }
            StreakChange::End { recovered } => {
                self.begun.remove(key);
                self.ended.insert(key, recovered.as_ref());
            }
        }
    }

    /// Streaks to delete; deleted before the others are inserted.
    pub fn ended(&self) -> Vec<&'a SubscriptionKey> {
        self.ended.keys().copied().collect()
    }

    /// The operational event for the end of a streak at this stage.
    pub fn recovered(
        &self,
        key: &SubscriptionKey,
        stage: WarningStage,
    ) -> Option<&'a OperationalEvent> {
        let warned = FailureStreak { since: Timestamp::default(), stage }.was_warned_about();
        self.ended.get(key).copied().flatten().filter(|_| warned)
    }

    pub fn begun(&self) -> Vec<(&'a SubscriptionKey, Timestamp)> {
        self.begun.iter().map(|(key, since)| (*key, *since)).collect()
    }
}
