//! Figures and samples look at lanes that have something to do, and miss none of them.

use super::*;
use crate::ids::SubscriptionKey;

fn key_of(n: u32) -> SubscriptionKey {
    subscription(&format!("s{n}"), 1).key()
}

/// As [`ready`], with so many more subscriptions.
fn ready_with(count: u32) -> Scheduler {
    let mut scheduler = ready();
    for n in 0..count {
        let idle = Arc::new(subscription(&format!("s{n}"), 1));
        scheduler.configure(idle, FIRST_LEASE.shard, at(0));
    }
    scheduler
}

fn wanted(scheduler: &mut Scheduler, now: Timestamp) -> u64 {
    scheduler.poll(now);
    scheduler.sample_demand(now);
    let told = scheduler.demand_of(&region(), now).map(|told| told.wanted);
    let shown = scheduler.region_figures(now).into_iter().find(|f| f.region == region()).unwrap();
    assert_eq!(told.unwrap_or(0), shown.wanted, "people and autoscalers are told the same");
    shown.wanted
}

#[test]
fn a_hundred_thousand_idle_subscriptions_are_not_looked_at() {
    let mut scheduler = ready_with(100_000);
    assert_eq!(scheduler.busy_lanes().count(), 0);
    let scheduled = publish(&mut scheduler, 1, at(1));
    assert_eq!(scheduler.busy_lanes().count(), 1);
    assert_eq!(wanted(&mut scheduler, at(1)), 1);
    assert_eq!(scheduler.busy_lanes().count(), 1, "its attempt is in flight");
    conclude(&mut scheduler, &scheduled, &success(), at(2));
    assert_eq!(wanted(&mut scheduler, at(2)), 0);
    assert_eq!(scheduler.busy_lanes().count(), 0);
    assert_eq!(scheduler.regions_in_use(), [region()]);
}

#[test]
fn who_has_a_retry_for_later_is_looked_at_once_it_is_due() {
    let mut scheduler = ready_with(1_000);
    for n in 0..1_000 {
        scheduler.note_due(&key_of(n), at(600_000 + i64::from(n)), at(1));
    }
    assert_eq!(wanted(&mut scheduler, at(1)), 0);
    assert_eq!(scheduler.busy_lanes().count(), 0);
    assert_eq!(wanted(&mut scheduler, at(599_999)), 0);
    assert_eq!(wanted(&mut scheduler, at(600_009)), 10);
    assert_eq!(scheduler.busy_lanes().count(), 10);
    assert_eq!(wanted(&mut scheduler, at(700_000)), 1_000);
}

#[test]
fn what_is_due_behind_a_gate_is_still_seen_by_people() {
    let mut scheduler = ready();
    let key = subscription("main", 1).key();
    scheduler.hold_until(&key, at(100_000), at(1));
    scheduler.note_due(&key, at(50_000), at(1));
    assert_eq!(wanted(&mut scheduler, at(1)), 0);
    assert_eq!(wanted(&mut scheduler, at(50_000)), 0);
    let figures = scheduler.region_figures(at(50_000)).remove(0);
    assert_eq!((figures.subscriptions_behind, figures.oldest_due), (1, Some(at(50_000))));
    assert!(scheduler.oldest_sendable(at(50_000)).is_empty(), "it waits for its receiver");
    assert_eq!(wanted(&mut scheduler, at(100_000)), 1, "one goes first after the hold");
    let sendable = scheduler.oldest_sendable(at(100_000));
    assert_eq!(sendable.get(&region()), Some(&at(50_000)));
}

#[test]
fn lanes_are_counted_in_their_regions_until_they_are_gone() {
    let far: Region = "us".parse().unwrap();
    let mut scheduler = ready();
    let mut moved = subscription("main", 2);
    moved.settings.region = far.clone();
    scheduler.configure(Arc::new(moved), FIRST_LEASE.shard, at(1));
    assert!(scheduler.has_subscription_in(&far) && !scheduler.has_subscription_in(&region()));
    let key = subscription("main", 1).key();
    scheduler.note_due(&key, at(1), at(1));
    assert_eq!(scheduler.busy_lanes().count(), 1);
    scheduler.drop_shard(FIRST_LEASE.shard);
    assert!(!scheduler.has_subscription_in(&far));
    assert_eq!((scheduler.busy_lanes.len(), scheduler.lanes_by_region.len()), (0, 0));
}

#[test]
fn an_adopted_attempt_is_seen_before_its_shard_has_settled() {
    let mut scheduler = Scheduler::new(config());
    scheduler.take_shard(FIRST_LEASE, at(100_000), [identity(1)], at(0));
    scheduler.configure(Arc::new(subscription("main", 1)), FIRST_LEASE.shard, at(0));
    assert!(scheduler.demand(at(0)).is_settling, "it is not known yet what waits");
    let held = scheduled("main", 9);
    let adopted = Arc::new(ScheduledDelivery { delivery: held.delivery.clone(), event: None });
    scheduler.adopt(adopted, identity(1), at(0));
    assert_eq!(wanted(&mut scheduler, at(0)), 1);
    scheduler.settle(FIRST_LEASE, at(0));
    assert!(!scheduler.demand(at(0)).is_settling);
}
