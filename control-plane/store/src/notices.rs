//! What is to be told about Postrider itself, and the streaks it is about.
//!
//! What is told is written in the transaction of what it is about: by the
//! methods of the other traits that take [`Announcement`]s, and by those here.

use std::collections::BTreeMap;

use async_trait::async_trait;
use postrider_domain::ids::{Shard, SubscriptionKey};
use postrider_domain::notice::Announcement;
use postrider_domain::streak::{Stage, Streak};
use postrider_domain::time::Timestamp;

use crate::error::StoreResult;

/// The outbox, and the endpoints that do nothing but fail.
#[async_trait]
pub trait NoticeStore {
    /// What waits to be told about tenants of these shards, in the order in which
    /// it happened; at most `limit`.
    async fn announcements(
        &self,
        shards: &[Shard],
        limit: u32,
    ) -> StoreResult<Vec<WaitingAnnouncement>>;

    /// Forgets what was told.
    async fn remove_announcements(&self, places: &[i64]) -> StoreResult<()>;

    /// The streaks of these shards.
    async fn streaks(&self, shards: &[Shard]) -> StoreResult<Vec<(SubscriptionKey, Streak)>>;

    /// The streak of one subscription.
    async fn streak(&self, key: &SubscriptionKey) -> StoreResult<Option<Streak>>;

    /// Moves a streak that still stands as `from` to another stage, and writes
    /// what is told of it; false when it stands otherwise.
    async fn raise_streak(
        &self,
        key: &SubscriptionKey,
        from: Streak,
        to: Stage,
        announcement: Option<&Announcement>,
    ) -> StoreResult<bool>;

    /// Ends a streak; what is told of it is written if somebody had been warned.
    async fn end_streak(
        &self,
        key: &SubscriptionKey,
        recovered: Option<&Announcement>,
    ) -> StoreResult<()>;
}

/// An announcement and its place in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingAnnouncement {
    pub place: i64,
    pub announcement: Announcement,
}

/// What a result makes of the streak of its subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreakChange {
    /// A failure. A streak that is there already stays as it is.
    Begin { since: Timestamp },
    /// A success. What is told of it is written if somebody had been warned.
    End { recovered: Option<Announcement> },
}

/// What the results of a batch make of streaks, one after another.
#[derive(Default)]
pub struct StreakChanges<'a> {
    /// In the order of their keys: two replicas must not wait for each other in
    /// a circle.
    ended: BTreeMap<&'a SubscriptionKey, Option<&'a Announcement>>,
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

    /// Those to be removed, before those to be inserted.
    pub fn ended(&self) -> Vec<&'a SubscriptionKey> {
        self.ended.keys().copied().collect()
    }

    /// What to tell of an end, if it was that of a streak at such a stage.
    pub fn recovered(&self, key: &SubscriptionKey, stage: Stage) -> Option<&'a Announcement> {
        let warned = Streak { since: Timestamp::default(), stage }.was_warned_about();
        self.ended.get(key).copied().flatten().filter(|_| warned)
    }

    pub fn begun(&self) -> Vec<(&'a SubscriptionKey, Timestamp)> {
        self.begun.iter().map(|(key, since)| (*key, *since)).collect()
    }
}
