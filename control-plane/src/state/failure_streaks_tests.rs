//! Tests of the failure streaks that an owner remembers.

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
