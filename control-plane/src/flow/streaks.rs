//! Endpoints that do nothing but fail: warned about, then given up.
//!
//! Fed by `conclude` with what results make of streaks, and by the sweep of the
//! shard's owner with the time; feeds the outbox with warnings, and `tenants`
//! with subscriptions to disable. Guarantees that the rows are the truth across
//! restarts and take-overs, and that neither a steady success nor a steady
//! failure costs a statement: only the owner begins a streak, so that what it
//! does not know of does not exist.
//!
//! An endpoint to which nothing is being sent is not given up for the failures of
//! another day: the time counts when an attempt fails, and while a delivery waits
//! for its next one.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use postrider_domain::ids::{Epoch, Shard, SubscriptionKey};
use postrider_domain::notice::{Endpoint, LastAttempt, NoticeType};
use postrider_domain::scheduler::ShardLease;
use postrider_domain::streak::{Stage, Streak};
use postrider_domain::subscription::{Status, Subscription};
use postrider_domain::time::Timestamp;
use postrider_store::{FirstFault, StoreResult, StreakChange};

use super::Flow;
use super::tenants::Snapshot;

/// How long a streak is left alone for which it is not time: its subscription's
/// settings may change meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// How often memory is compared with the rows.
const COMPARE_EVERY: Duration = Duration::from_secs(30);

/// A streak of a shard that is owned here.
#[derive(Clone, Copy, Debug)]
struct Entry {
    streak: Streak,
    /// Of its subscription when it was read; a change may have ended it since.
    /// 0, which no subscription has, when it was read with its whole shard.
    revision: i64,
    last: Option<LastAttempt>,
    look_again: Timestamp,
}

impl Entry {
    fn new(streak: Streak, revision: i64) -> Self {
        Self { streak, revision, last: None, look_again: Timestamp::default() }
    }
}

struct Owned {
    epoch: Epoch,
    entries: HashMap<SubscriptionKey, Entry>,
}

#[derive(Default)]
struct State {
    shards: HashMap<Shard, Owned>,
    /// Those whose time has come by an attempt that failed just now.
    failed: HashSet<SubscriptionKey>,
    compare_next: Timestamp,
}

impl State {
    fn entry(&mut self, shard: Shard, key: &SubscriptionKey) -> Option<&mut Entry> {
        self.shards.get_mut(&shard)?.entries.get_mut(key)
    }
}

/// What is remembered of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recalled {
    /// Its shard is another replica's, or its rows have not been read.
    Elsewhere,
    /// It has no streak.
    Nothing,
    /// Only its row tells.
    Stale,
    Known(Streak),
}

/// The streaks of the shards owned here. Cheap to clone.
#[derive(Clone, Default)]
pub struct Streaks(Arc<Mutex<State>>);

impl Streaks {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn recall(&self, shard: Shard, key: &SubscriptionKey, revision: i64) -> Recalled {
        let state = self.state();
        let Some(owned) = state.shards.get(&shard) else { return Recalled::Elsewhere };
        match owned.entries.get(key) {
            None => Recalled::Nothing,
            Some(entry) if entry.revision != revision => Recalled::Stale,
            Some(entry) => Recalled::Known(entry.streak),
        }
    }

    /// Takes over what a row says.
    pub(super) fn learn(
        &self,
        shard: Shard,
        key: &SubscriptionKey,
        found: Option<Streak>,
        revision: i64,
    ) {
        let mut state = self.state();
        let Some(owned) = state.shards.get_mut(&shard) else { return };
        match found {
            Some(streak) => owned.entries.insert(key.clone(), Entry::new(streak, revision)),
            None => owned.entries.remove(key),
        };
    }

    /// A change was committed with its result.
    pub(super) fn changed(
        &self,
        shard: Shard,
        key: &SubscriptionKey,
        change: &StreakChange,
        revision: i64,
    ) {
        let mut state = self.state();
        let Some(owned) = state.shards.get_mut(&shard) else { return };
        match change {
            StreakChange::Begin { since } => {
                let begun = Entry::new(Streak::begun(*since), revision);
                owned.entries.entry(key.clone()).or_insert(begun);
            }
            StreakChange::End { .. } => {
                owned.entries.remove(key);
            }
        }
    }

    /// An attempt failed; whether that makes it time for something.
    pub(super) fn failed(
        &self,
        shard: Shard,
        subscription: &Subscription,
        last: LastAttempt,
        now: Timestamp,
    ) -> bool {
        let mut state = self.state();
        let key = subscription.key();
        let Some(entry) = state.entry(shard, &key) else { return false };
        entry.last = Some(last);
        let is_time = entry.streak.due(subscription.settings.auto_disable, now).is_some();
        if is_time {
            state.failed.insert(key);
        }
        is_time
    }

    fn look_again(&self, shard: Shard, key: &SubscriptionKey, at: Timestamp) {
        if let Some(entry) = self.state().entry(shard, key) {
            entry.look_again = at;
        }
    }

    fn raised(&self, shard: Shard, key: &SubscriptionKey, stage: Stage) {
        if let Some(entry) = self.state().entry(shard, key) {
            entry.streak.stage = stage;
        }
    }

    /// Forgets shards that are no longer owned; returns those that are new.
    fn keep(&self, leases: &[ShardLease]) -> Vec<ShardLease> {
        let mut state = self.state();
        let owned = |shard: Shard, epoch: Epoch| {
            leases.iter().any(|lease| lease.shard == shard && lease.epoch == epoch)
        };
        state.shards.retain(|shard, known| owned(*shard, known.epoch));
        let new = leases.iter().filter(|lease| !state.shards.contains_key(&lease.shard));
        new.copied().collect()
    }

    fn load(&self, leases: &[ShardLease], found: Vec<(Shard, SubscriptionKey, Streak)>) {
        let mut state = self.state();
        for lease in leases {
            let owned = Owned { epoch: lease.epoch, entries: HashMap::new() };
            state.shards.insert(lease.shard, owned);
        }
        for (shard, key, streak) in found {
            if let Some(owned) = state.shards.get_mut(&shard) {
                owned.entries.insert(key, Entry::new(streak, 0));
            }
        }
    }

    /// Whether it is time to compare memory with the rows again.
    fn is_time_to_compare(&self, now: Timestamp) -> bool {
        let mut state = self.state();
        let is_time = state.compare_next <= now;
        if is_time {
            state.compare_next = now + COMPARE_EVERY;
        }
        is_time
    }

    /// Takes up rows that it does not know of; what they say is looked up when it
    /// matters.
    fn take_up(&self, found: Vec<(Shard, SubscriptionKey, Streak)>) {
        let mut state = self.state();
        for (shard, key, streak) in found {
            if let Some(owned) = state.shards.get_mut(&shard) {
                owned.entries.entry(key).or_insert_with(|| Entry::new(streak, 0));
            }
        }
    }

    /// What is to be looked at now, and whether an attempt failed just now.
    fn due(&self, now: Timestamp) -> Vec<(Shard, SubscriptionKey, Entry, bool)> {
        let mut state = self.state();
        let failed = std::mem::take(&mut state.failed);
        let mut due = Vec::new();
        for (shard, owned) in &state.shards {
            for (key, entry) in &owned.entries {
                let just_failed = failed.contains(key);
                if just_failed || entry.look_again <= now {
                    due.push((*shard, key.clone(), *entry, just_failed));
                }
            }
        }
        due
    }
}

impl Flow {
    /// Reads the streaks of shards just taken, and does what it is time for.
    pub(super) async fn look_at_streaks(&self) -> StoreResult<()> {
        let new = self.streaks.keep(&self.dispatcher.look(|s, _| s.leases()));
        if !new.is_empty() {
            let rows = self.read_streaks(&new).await?;
            self.streaks.load(&new, rows);
        }
        // A row can have been begun by a commit that nobody heard the end of, or by
        // an owner that was late in giving up.
        if self.streaks.is_time_to_compare(self.clock.now()) {
            let rows = self.read_streaks(&self.dispatcher.look(|s, _| s.leases())).await?;
            self.streaks.take_up(rows);
        }
        let mut faults = FirstFault::default();
        for (shard, key, entry, just_failed) in self.streaks.due(self.clock.now()) {
            faults.keep(self.look_at_streak(shard, &key, entry, just_failed).await)?;
        }
        faults.into_result()
    }

    async fn read_streaks(
        &self,
        leases: &[ShardLease],
    ) -> StoreResult<Vec<(Shard, SubscriptionKey, Streak)>> {
        let shards: Vec<Shard> = leases.iter().map(|lease| lease.shard).collect();
        if shards.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.store.streaks(&shards).await?;
        let placed = rows.into_iter().map(|(key, streak)| {
            let shard = self.tenants.shard(&key.tenant);
            (shard, key, streak)
        });
        Ok(placed.collect())
    }

    async fn look_at_streak(
        &self,
        shard: Shard,
        key: &SubscriptionKey,
        entry: Entry,
        just_failed: bool,
    ) -> StoreResult<()> {
        let snapshot = self.tenants.snapshot(&key.tenant).await?;
        let found = snapshot.as_ref().and_then(|s| Some((s, s.subscription(&key.subscription)?)));
        let Some((snapshot, subscription)) = found else {
            self.streaks.learn(shard, key, None, 0);
            return Ok(());
        };
        let now = self.clock.now();
        self.streaks.look_again(shard, key, now + LOOK_AGAIN);
        let streak = entry.streak;
        if streak.stage == Stage::Over && subscription.status != Status::Disabled {
            return self.finish_giving_up(shard, subscription).await;
        }
        if subscription.status != Status::Enabled {
            return Ok(());
        }
        let rule = subscription.settings.auto_disable;
        let Some(stage) = streak.due(rule, now) else {
            if let Some(next) = streak.next_step(rule) {
                self.streaks.look_again(shard, key, next.min(now + LOOK_AGAIN));
            }
            return Ok(());
        };
        // While nobody could have sent anything, or had anything to send, the time
        // that passes says nothing about the endpoint.
        let region = &subscription.settings.region;
        let served = self.dispatcher.look(|scheduler, _| scheduler.region_has_agent(region));
        if !just_failed && (!served || self.store.backlog(key, 1).await?.count == 0) {
            return Ok(());
        }
        self.raise(shard, snapshot, subscription, entry, stage).await
    }

    /// Moves a streak one stage further.
    async fn raise(
        &self,
        shard: Shard,
        snapshot: &Snapshot,
        subscription: &Subscription,
        entry: Entry,
        stage: Stage,
    ) -> StoreResult<()> {
        let key = subscription.key();
        let raised = Streak { stage, ..entry.streak };
        let told =
            stage < Stage::Over && self.notices.wanted(snapshot, NoticeType::EndpointFailing);
        let rule = subscription.settings.auto_disable;
        let told = told.then(|| Endpoint::of(subscription).failing(raised, rule, entry.last));
        if !self.store.raise_streak(&key, entry.streak, stage, told.as_ref()).await? {
            // A success at another replica ended it, or a change of the subscription.
            let found = self.store.streak(&key).await?;
            self.streaks.learn(shard, &key, found, subscription.revision);
            return Ok(());
        }
        tracing::warn!(subscription = %key, since = %raised.since, stage = stage.fraction(), "an endpoint does nothing but fail");
        self.streaks.raised(shard, &key, stage);
        self.streaks.look_again(shard, &key, self.clock.now());
        if stage == Stage::Over {
            self.give_up_endpoint(&key, raised).await;
        }
        Ok(())
    }

    /// Disables what was to be disabled when something came between; forgets what
    /// has got another chance.
    async fn finish_giving_up(&self, shard: Shard, subscription: &Subscription) -> StoreResult<()> {
        let key = subscription.key();
        match self.store.streak(&key).await? {
            Some(streak) if streak.stage == Stage::Over => {
                self.give_up_endpoint(&key, streak).await;
            }
            found => self.streaks.learn(shard, &key, found, subscription.revision),
        }
        Ok(())
    }

    async fn give_up_endpoint(&self, key: &SubscriptionKey, streak: Streak) {
        let reason = format!("AUTO_DISABLED: nothing but failures since {}", streak.since);
        if let Err(error) = self.tenants.disable(key, &reason).await {
            tracing::warn!(%error, subscription = %key, "could not disable a failing subscription");
        }
    }
}

#[cfg(test)]
#[path = "streaks_tests.rs"]
mod tests;
