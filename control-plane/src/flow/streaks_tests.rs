//! What an owner remembers of streaks.

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
    let streaks = Streaks::default();
    assert_eq!(streaks.recall(LEASE.shard, &key(), 1), Recalled::Elsewhere);
    assert_eq!(streaks.keep(&[LEASE]), [LEASE]);
    streaks.load(&[LEASE], Vec::new());
    assert_eq!(streaks.keep(&[LEASE]), []);
    assert_eq!(streaks.recall(LEASE.shard, &key(), 1), Recalled::Nothing);
    streaks.keep(&[]);
    assert_eq!(streaks.recall(LEASE.shard, &key(), 1), Recalled::Elsewhere);
}

#[test]
fn a_row_that_nobody_remembers_is_taken_up_and_read_before_it_counts() {
    let streaks = Streaks::default();
    streaks.load(&[LEASE], Vec::new());
    let streak = Streak::begun(NOW);
    streaks.take_up(vec![(LEASE.shard, key(), streak)]);
    assert_eq!(streaks.recall(LEASE.shard, &key(), 1), Recalled::Stale);
    streaks.learn(LEASE.shard, &key(), Some(streak), 1);
    streaks.take_up(vec![(LEASE.shard, key(), Streak::begun(NOW + LOOK_AGAIN))]);
    assert_eq!(streaks.recall(LEASE.shard, &key(), 1), Recalled::Known(streak));
    assert!(streaks.is_time_to_compare(NOW) && !streaks.is_time_to_compare(NOW));
    assert!(streaks.is_time_to_compare(NOW + COMPARE_EVERY));
}

#[test]
fn rows_are_read_again_after_a_take_over_in_between() {
    let streaks = Streaks::default();
    streaks.load(&[LEASE], Vec::new());
    let later = ShardLease { epoch: Epoch(5), ..LEASE };
    assert_eq!(streaks.keep(&[later]), [later]);
}

#[test]
fn what_was_read_with_its_shard_or_before_a_change_is_stale() {
    let streaks = Streaks::default();
    let streak = Streak::begun(NOW);
    streaks.load(&[LEASE], vec![(LEASE.shard, key(), streak)]);
    assert_eq!(streaks.recall(LEASE.shard, &key(), 1), Recalled::Stale);
    streaks.learn(LEASE.shard, &key(), Some(streak), 1);
    assert_eq!(streaks.recall(LEASE.shard, &key(), 1), Recalled::Known(streak));
    assert_eq!(streaks.recall(LEASE.shard, &key(), 2), Recalled::Stale);
    let end = StreakChange::End { recovered: None };
    streaks.changed(LEASE.shard, &key(), &end, 2);
    assert_eq!(streaks.recall(LEASE.shard, &key(), 2), Recalled::Nothing);
    streaks.changed(LEASE.shard, &key(), &StreakChange::Begin { since: NOW }, 2);
    assert_eq!(streaks.recall(LEASE.shard, &key(), 2), Recalled::Known(streak));
}
