//! Shards that are taken over, and attempts that agents still hold of them.

use super::*;

#[test]
fn a_shard_taken_again_gives_nothing_of_its_earlier_epoch_away() {
    let mut scheduler = ready();
    let deliveries: Vec<_> = (1..=2).map(|n| publish(&mut scheduler, n, at(1))).collect();
    let again = ShardLease { epoch: Epoch(8), ..FIRST_LEASE };
    scheduler.take_shard(again, at(1_000_000), [], at(2));
    scheduler.configure(Arc::new(subscription("main", 1)), FIRST_LEASE.shard, at(2));
    scheduler.settle(again, at(2));
    assert!(sent(&scheduler.poll(at(2))).is_empty());
    scheduler.add(deliveries, at(3));
    assert!(sent(&scheduler.poll(at(3))).is_empty(), "they are of the earlier epoch");
}

#[test]
fn an_agent_that_never_answers_does_not_stop_a_take_over_for_ever() {
    let mut scheduler = Scheduler::new(config());
    scheduler.take_shard(FIRST_LEASE, at(100_000), [identity(1)], at(0));
    assert!(scheduler.ready_to_settle(at(4999)).is_empty());
    assert_eq!(scheduler.ready_to_settle(at(5000)).len(), 1);
}

#[test]
fn an_adopted_attempt_counts_against_max_in_flight() {
    let mut scheduler = Scheduler::new(config());
    scheduler.take_shard(FIRST_LEASE, at(100_000), [identity(1)], at(0));
    scheduler.configure(Arc::new(subscription("main", 1)), FIRST_LEASE.shard, at(0));
    let held = scheduled("main", 9);
    let key = held.delivery.current_attempt();
    scheduler.stream_opened(FIRST_STREAM, identity(1), region(), &[key], at(0));
    scheduler.credit(FIRST_STREAM, 10, 1_000, 1000);
    assert_eq!(scheduler.claimant(FIRST_LEASE.shard, key), Some(identity(1)));
    let adopted = Arc::new(ScheduledDelivery { delivery: held.delivery.clone(), event: None });
    scheduler.adopt(Arc::clone(&adopted), identity(1), at(0));
    scheduler.settle(FIRST_LEASE, at(0));
    for n in 1..=4 {
        publish(&mut scheduler, n, at(1));
    }
    assert_eq!(sent(&scheduler.poll(at(1))).len(), 2, "three may be in flight, one is");
    conclude(&mut scheduler, &adopted, &success(), at(2));
    assert_eq!(sent(&scheduler.poll(at(2))).len(), 1);
}

#[test]
fn a_waiting_test_is_not_counted_once_its_shard_is_dropped() {
    let mut scheduler = ready();
    scheduler.stream_closed(FIRST_STREAM);
    scheduler.add([scheduled_test(1)], at(1));
    assert_eq!(scheduler.backlog(&region()), 1);
    scheduler.drop_shard(FIRST_LEASE.shard);
    assert_eq!(scheduler.backlog(&region()), 0);
}
