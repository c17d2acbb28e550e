//! The failure streaks of the shards owned here: endpoints that only fail.
//!
//! Fed by `conclude` with what results change, and by `endpoint_watch` with the rows;
//! feeds both. Guarantees that neither steady success nor steady failure costs a
//! statement: only the owner begins a streak, so a streak that it does not know of does
//! not exist.
//!
//! How to drive it: `load_shards` with the rows of shards that are newly owned,
//! `retain_owned` for each change of leases; `look_up` before a result is committed, and
//! `apply_change` and `note_failure` afterwards; `take_due` for those that need a decision,
//! `merge_rows` when `is_reread_due`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use postrider_domain::failure_streak::{FailureStreak, WarningStage};
use postrider_domain::ids::{Epoch, Shard, SubscriptionKey};
use postrider_domain::operational_event::LastAttemptSummary;
use postrider_domain::scheduler::ShardLease;
use postrider_domain::subscription::Subscription;
use postrider_domain::time::Timestamp;
use postrider_store::StreakChange;

/// How often a streak that needs no decision is checked again: its subscription's settings
/// may change. Half of the shortest time after which a subscription is disabled (60 s).
pub const STREAK_CHECK_INTERVAL: Duration = Duration::from_secs(30);
/// How often the rows are read again: as often as streaks are checked, so that a check has
/// fresh rows.
const ROW_REREAD_INTERVAL: Duration = Duration::from_secs(30);

/// A streak of a shard that is owned here.
#[derive(Clone, Copy, Debug)]
pub struct RememberedStreak {
    pub streak: FailureStreak,
    /// The subscription's revision when the streak was read; a later change may have ended
    /// it. 0, which no subscription has, if it was read with its whole shard.
    revision: i64,
    pub last: Option<LastAttemptSummary>,
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
        self.0.lock()
    }

    pub fn look_up(&self, shard: Shard, key: &SubscriptionKey, revision: i64) -> StreakLookup {
        let state = self.state();
        let Some(owned) = state.shards.get(&shard) else { return StreakLookup::NotOwned };
        match owned.entries.get(key) {
            None => StreakLookup::Absent,
            Some(entry) if entry.revision != revision => StreakLookup::Stale,
            Some(entry) => StreakLookup::Known(entry.streak),
        }
    }

    /// Remembers what a row says.
    pub fn remember(
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
    pub fn apply_change(
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
    pub fn note_failure(
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

    pub fn schedule_check(&self, shard: Shard, key: &SubscriptionKey, at: Timestamp) {
        if let Some(entry) = self.state().entry(shard, key) {
            entry.look_again = at;
        }
    }

    pub fn set_stage(&self, shard: Shard, key: &SubscriptionKey, stage: WarningStage) {
        if let Some(entry) = self.state().entry(shard, key) {
            entry.streak.stage = stage;
        }
    }

    /// Forgets shards that are no longer owned; returns the newly owned ones.
    pub fn retain_owned(&self, leases: &[ShardLease]) -> Vec<ShardLease> {
        let mut state = self.state();
        let owned = |shard: Shard, epoch: Epoch| {
            leases.iter().any(|lease| lease.shard == shard && lease.epoch == epoch)
        };
        state.shards.retain(|shard, known| owned(*shard, known.epoch));
        let new = leases.iter().filter(|lease| !state.shards.contains_key(&lease.shard));
        new.copied().collect()
    }

    pub fn load_shards(
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

    /// How many there are.
    pub fn count(&self) -> usize {
        self.state().shards.values().map(|shard| shard.entries.len()).sum()
    }

    /// Whether it is time to read the rows again.
    pub fn is_reread_due(&self, now: Timestamp) -> bool {
        let mut state = self.state();
        let is_time = state.compare_next <= now;
        if is_time {
            state.compare_next = now + ROW_REREAD_INTERVAL;
        }
        is_time
    }

    /// Adds rows that are not in memory; they are read again before they count.
    pub fn merge_rows(&self, found: Vec<(Shard, SubscriptionKey, FailureStreak)>) {
        let mut state = self.state();
        for (shard, key, streak) in found {
            if let Some(owned) = state.shards.get_mut(&shard) {
                owned.entries.entry(key).or_insert_with(|| RememberedStreak::new(streak, 0));
            }
        }
    }

    /// The streaks to check now, and whether each has just had a failure.
    pub fn take_due(
        &self,
        now: Timestamp,
    ) -> Vec<(Shard, SubscriptionKey, RememberedStreak, bool)> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
    const LEASE: ShardLease = ShardLease { shard: Shard(1), epoch: Epoch(3) };

    fn key() -> SubscriptionKey {
        SubscriptionKey {
            tenant: postrider_domain::ids::TenantId::from_stored("acme"),
            subscription: postrider_domain::ids::SubscriptionId::from_stored("erp"),
        }
    }

    #[test]
    fn only_an_owner_that_has_read_its_rows_knows_that_there_is_nothing() {
        let streaks = FailureStreaks::default();
        assert_eq!(streaks.look_up(LEASE.shard, &key(), 1), StreakLookup::NotOwned);
        assert_eq!(streaks.retain_owned(&[LEASE]), [LEASE]);
        streaks.load_shards(&[LEASE], Vec::new());
        assert_eq!(streaks.retain_owned(&[LEASE]), []);
        assert_eq!(streaks.look_up(LEASE.shard, &key(), 1), StreakLookup::Absent);
        streaks.retain_owned(&[]);
        assert_eq!(streaks.look_up(LEASE.shard, &key(), 1), StreakLookup::NotOwned);
    }

    #[test]
    fn a_row_that_nobody_remembers_is_taken_up_and_read_before_it_counts() {
        let streaks = FailureStreaks::default();
        streaks.load_shards(&[LEASE], Vec::new());
        let streak = FailureStreak::begun(NOW);
        streaks.merge_rows(vec![(LEASE.shard, key(), streak)]);
        assert_eq!(streaks.look_up(LEASE.shard, &key(), 1), StreakLookup::Stale);
        streaks.remember(LEASE.shard, &key(), Some(streak), 1);
        streaks.merge_rows(vec![(
            LEASE.shard,
            key(),
            FailureStreak::begun(NOW + STREAK_CHECK_INTERVAL),
        )]);
        assert_eq!(streaks.look_up(LEASE.shard, &key(), 1), StreakLookup::Known(streak));
        assert!(streaks.is_reread_due(NOW) && !streaks.is_reread_due(NOW));
        assert!(streaks.is_reread_due(NOW + ROW_REREAD_INTERVAL));
    }

    #[test]
    fn rows_are_read_again_after_a_take_over_in_between() {
        let streaks = FailureStreaks::default();
        streaks.load_shards(&[LEASE], Vec::new());
        let later = ShardLease { epoch: Epoch(5), ..LEASE };
        assert_eq!(streaks.retain_owned(&[later]), [later]);
    }

    #[test]
    fn what_was_read_with_its_shard_or_before_a_change_is_stale() {
        let streaks = FailureStreaks::default();
        let streak = FailureStreak::begun(NOW);
        streaks.load_shards(&[LEASE], vec![(LEASE.shard, key(), streak)]);
        assert_eq!(streaks.look_up(LEASE.shard, &key(), 1), StreakLookup::Stale);
        streaks.remember(LEASE.shard, &key(), Some(streak), 1);
        assert_eq!(streaks.look_up(LEASE.shard, &key(), 1), StreakLookup::Known(streak));
        assert_eq!(streaks.look_up(LEASE.shard, &key(), 2), StreakLookup::Stale);
        let end = StreakChange::End { recovered: None };
        streaks.apply_change(LEASE.shard, &key(), &end, 2);
        assert_eq!(streaks.look_up(LEASE.shard, &key(), 2), StreakLookup::Absent);
        streaks.apply_change(LEASE.shard, &key(), &StreakChange::Begin { since: NOW }, 2);
        assert_eq!(streaks.look_up(LEASE.shard, &key(), 2), StreakLookup::Known(streak));
    }
}
