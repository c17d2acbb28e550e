//! Endpoints that only fail: warned about, then disabled.
//!
//! Fed by `conclude` with what results change, and by the sweep of the shard's owner
//! with the time; feeds the outbox with warnings, and the tenant configurations with
//! subscriptions to disable. Guarantees that the rows are the truth across restarts and
//! take-overs, and that neither steady success nor steady failure costs a statement:
//! only the owner begins a streak, so a streak that it does not know of does not exist.
//!
//! An endpoint to which nothing is sent is not disabled for earlier failures: time
//! counts only when an attempt fails, or while a delivery waits for its next attempt.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use postrider_domain::failure_streak::{FailureStreak, WarningStage};
use postrider_domain::ids::{Epoch, Shard, SubscriptionKey};
use postrider_domain::operational_event::{
    EndpointSummary, LastAttemptSummary, OperationalEventType,
};
use postrider_domain::scheduler::ShardLease;
use postrider_domain::subscription::{Subscription, SubscriptionStatus};
use postrider_domain::time::Timestamp;
use postrider_store::{FirstFault, StoreResult, StreakChange};

use super::Flow;
use super::tenants::TenantSnapshot;

/// How often a streak that needs no decision is checked again: its subscription's
/// settings may change.
const STREAK_CHECK_INTERVAL: Duration = Duration::from_secs(30);
/// How often the rows are read again.
const ROW_REREAD_INTERVAL: Duration = Duration::from_secs(30);

/// A streak of a shard that is owned here.
#[derive(Clone, Copy, Debug)]
struct RememberedStreak {
    streak: FailureStreak,
    /// The subscription's revision when the streak was read; a later change may have ended
    /// it. 0, which no subscription has, if it was read with its whole shard.
    revision: i64,
    last: Option<LastAttemptSummary>,
    look_again: Timestamp,
}

impl RememberedStreak {
    fn new(streak: FailureStreak, revision: i64) -> Self {
        Self { streak, revision, last: None, look_again: Timestamp::default() }
    }
}

struct ShardStreaks {
    epoch: Epoch,
    entries: HashMap<SubscriptionKey, RememberedStreak>,
}

#[derive(Default)]
struct StreaksState {
    shards: HashMap<Shard, ShardStreaks>,
    /// Streaks that a failure has just made due.
    failed: HashSet<SubscriptionKey>,
    compare_next: Timestamp,
}

impl StreaksState {
    fn entry(&mut self, shard: Shard, key: &SubscriptionKey) -> Option<&mut RememberedStreak> {
        self.shards.get_mut(&shard)?.entries.get_mut(key)
    }
}

/// What memory knows of a subscription's streak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreakLookup {
    /// Another replica owns its shard, or the shard's rows have not been read yet.
    NotOwned,
    /// There is no streak.
    Absent,
    /// The row has to be read.
    Stale,
    Known(FailureStreak),
}

/// The streaks of the shards owned here. Cheap to clone.
#[derive(Clone, Default)]
pub struct FailureStreaks(Arc<Mutex<StreaksState>>);

impl FailureStreaks {
    fn state(&self) -> MutexGuard<'_, StreaksState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn look_up(
        &self,
        shard: Shard,
        key: &SubscriptionKey,
        revision: i64,
    ) -> StreakLookup {
        let state = self.state();
        let Some(owned) = state.shards.get(&shard) else { return StreakLookup::NotOwned };
        match owned.entries.get(key) {
            None => StreakLookup::Absent,
            Some(entry) if entry.revision != revision => StreakLookup::Stale,
            Some(entry) => StreakLookup::Known(entry.streak),
        }
    }

    /// Remembers what a row says.
    pub(super) fn remember(
        &self,
        shard: Shard,
        key: &SubscriptionKey,
        found: Option<FailureStreak>,
        revision: i64,
    ) {
        let mut state = self.state();
        let Some(owned) = state.shards.get_mut(&shard) else { return };
        match found {
            Some(streak) => {
                owned.entries.insert(key.clone(), RememberedStreak::new(streak, revision))
            }
            None => owned.entries.remove(key),
        };
    }

    /// Applies a change that was committed with its result.
    pub(super) fn apply_change(
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
                let begun = RememberedStreak::new(FailureStreak::begun(*since), revision);
                owned.entries.entry(key.clone()).or_insert(begun);
            }
            StreakChange::End { .. } => {
                owned.entries.remove(key);
            }
        }
    }

    /// Notes a failed attempt; whether the streak is due for a decision.
    pub(super) fn note_failure(
        &self,
        shard: Shard,
        subscription: &Subscription,
        last: LastAttemptSummary,
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

    fn schedule_check(&self, shard: Shard, key: &SubscriptionKey, at: Timestamp) {
        if let Some(entry) = self.state().entry(shard, key) {
            entry.look_again = at;
        }
    }

    fn set_stage(&self, shard: Shard, key: &SubscriptionKey, stage: WarningStage) {
        if let Some(entry) = self.state().entry(shard, key) {
            entry.streak.stage = stage;
        }
    }

    /// Forgets shards that are no longer owned; returns the newly owned ones.
    fn retain_owned(&self, leases: &[ShardLease]) -> Vec<ShardLease> {
        let mut state = self.state();
        let owned = |shard: Shard, epoch: Epoch| {
            leases.iter().any(|lease| lease.shard == shard && lease.epoch == epoch)
        };
        state.shards.retain(|shard, known| owned(*shard, known.epoch));
        let new = leases.iter().filter(|lease| !state.shards.contains_key(&lease.shard));
        new.copied().collect()
    }

    fn load_shards(
        &self,
        leases: &[ShardLease],
        found: Vec<(Shard, SubscriptionKey, FailureStreak)>,
    ) {
        let mut state = self.state();
        for lease in leases {
            let owned = ShardStreaks { epoch: lease.epoch, entries: HashMap::new() };
            state.shards.insert(lease.shard, owned);
        }
        for (shard, key, streak) in found {
            if let Some(owned) = state.shards.get_mut(&shard) {
                owned.entries.insert(key, RememberedStreak::new(streak, 0));
            }
        }
    }

    /// Whether it is time to read the rows again.
    fn is_reread_due(&self, now: Timestamp) -> bool {
        let mut state = self.state();
        let is_time = state.compare_next <= now;
        if is_time {
            state.compare_next = now + ROW_REREAD_INTERVAL;
        }
        is_time
    }

    /// Adds rows that are not in memory; they are read again before they count.
    fn merge_rows(&self, found: Vec<(Shard, SubscriptionKey, FailureStreak)>) {
        let mut state = self.state();
        for (shard, key, streak) in found {
            if let Some(owned) = state.shards.get_mut(&shard) {
                owned.entries.entry(key).or_insert_with(|| RememberedStreak::new(streak, 0));
            }
        }
    }

    /// The streaks to check now, and whether each has just had a failure.
    fn take_due(&self, now: Timestamp) -> Vec<(Shard, SubscriptionKey, RememberedStreak, bool)> {
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
    /// Reads the streaks of newly owned shards, and decides those that are due.
    pub(super) async fn check_streaks(&self) -> StoreResult<()> {
        let new = self.failure_streaks.retain_owned(&self.dispatcher.read(|s, _| s.leases()));
        if !new.is_empty() {
            let rows = self.read_streaks(&new).await?;
            self.failure_streaks.load_shards(&new, rows);
        }
        // A row may come from a commit with an unknown outcome, or from an owner that had
        // already lost its lease.
        if self.failure_streaks.is_reread_due(self.clock.now()) {
            let rows = self.read_streaks(&self.dispatcher.read(|s, _| s.leases())).await?;
            self.failure_streaks.merge_rows(rows);
        }
        let mut faults = FirstFault::default();
        for (shard, key, entry, just_failed) in self.failure_streaks.take_due(self.clock.now()) {
            faults.keep(self.check_streak(shard, &key, entry, just_failed).await)?;
        }
        faults.into_result()
    }

    async fn read_streaks(
        &self,
        leases: &[ShardLease],
    ) -> StoreResult<Vec<(Shard, SubscriptionKey, FailureStreak)>> {
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

    async fn check_streak(
        &self,
        shard: Shard,
        key: &SubscriptionKey,
        entry: RememberedStreak,
        just_failed: bool,
    ) -> StoreResult<()> {
        let snapshot = self.tenants.snapshot(&key.tenant).await?;
        let found = snapshot.as_ref().and_then(|s| Some((s, s.subscription(&key.subscription)?)));
        let Some((snapshot, subscription)) = found else {
            self.failure_streaks.remember(shard, key, None, 0);
            return Ok(());
        };
        let now = self.clock.now();
        self.failure_streaks.schedule_check(shard, key, now + STREAK_CHECK_INTERVAL);
        let streak = entry.streak;
        if streak.stage == WarningStage::Over && subscription.status != SubscriptionStatus::Disabled
        {
            return self.finish_disabling(shard, subscription).await;
        }
        if subscription.status != SubscriptionStatus::Enabled {
            return Ok(());
        }
        let rule = subscription.settings.auto_disable;
        let Some(stage) = streak.due(rule, now) else {
            if let Some(next) = streak.next_step(rule) {
                self.failure_streaks.schedule_check(
                    shard,
                    key,
                    next.min(now + STREAK_CHECK_INTERVAL),
                );
            }
            return Ok(());
        };
        // While nothing could be sent, or nothing was to be sent, time says nothing about
        // the endpoint.
        let region = &subscription.settings.region;
        let served = self.dispatcher.read(|scheduler, _| scheduler.region_has_agent(region));
        if !just_failed && (!served || self.store.backlog(key, 1).await?.count == 0) {
            return Ok(());
        }
        self.raise_stage(shard, snapshot, subscription, entry, stage).await
    }

    /// Moves a streak one stage further.
    async fn raise_stage(
        &self,
        shard: Shard,
        snapshot: &TenantSnapshot,
        subscription: &Subscription,
        entry: RememberedStreak,
        stage: WarningStage,
    ) -> StoreResult<()> {
        let key = subscription.key();
        let raised = FailureStreak { stage, ..entry.streak };
        let told = stage < WarningStage::Over
            && self.outbox.is_wanted(snapshot, OperationalEventType::EndpointFailing);
        let rule = subscription.settings.auto_disable;
        let told =
            told.then(|| EndpointSummary::of(subscription).failing(raised, rule, entry.last));
        if !self.store.raise_streak(&key, entry.streak, stage, told.as_ref()).await? {
            // Another replica's success, or a change of the subscription, has ended it.
            let found = self.store.streak(&key).await?;
            self.failure_streaks.remember(shard, &key, found, subscription.revision);
            return Ok(());
        }
        tracing::warn!(subscription = %key, since = %raised.since, stage = stage.fraction(), "an endpoint keeps failing");
        self.failure_streaks.set_stage(shard, &key, stage);
        self.failure_streaks.schedule_check(shard, &key, self.clock.now());
        if stage == WarningStage::Over {
            self.disable_endpoint(&key, raised).await;
        }
        Ok(())
    }

    /// Disables an endpoint whose disabling was interrupted, or forgets a streak that has
    /// ended since.
    async fn finish_disabling(&self, shard: Shard, subscription: &Subscription) -> StoreResult<()> {
        let key = subscription.key();
        match self.store.streak(&key).await? {
            Some(streak) if streak.stage == WarningStage::Over => {
                self.disable_endpoint(&key, streak).await;
            }
            found => self.failure_streaks.remember(shard, &key, found, subscription.revision),
        }
        Ok(())
    }

    async fn disable_endpoint(&self, key: &SubscriptionKey, streak: FailureStreak) {
        let reason = format!("AUTO_DISABLED: nothing but failures since {}", streak.since);
        if let Err(error) = self.tenants.disable_subscription(key, &reason).await {
            tracing::warn!(%error, subscription = %key, "could not disable a failing subscription");
        }
    }
}

#[cfg(test)]
#[path = "failure_streaks_tests.rs"]
mod tests;
