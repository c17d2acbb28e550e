//! What goes back to the table, and what is lost.

use super::*;

#[test]
fn what_is_given_back_is_not_taken_for_lost_before_the_table_has_it() {
    let mut scheduler = ready();
    let jobs: Vec<_> = (1..=5).map(|n| publish(&mut scheduler, n, at(1))).collect();
    scheduler.poll(at(1));
    let paused = Subscription { status: Status::Paused, ..subscription("main", 2) };
    scheduler.configure(Arc::new(paused), LEASE.shard, at(2));
    let released = scheduler.poll(at(2)).release;
    let open = Subscription { status: Status::Enabled, ..subscription("main", 3) };
    scheduler.configure(Arc::new(open), LEASE.shard, at(3));
    let ids: Vec<DeliveryId> = released.iter().map(|key| key.delivery).collect();

    // The rows still say IN_FLIGHT, or are claimed by one that does not know whether
    // they were released: sent now, they would be at an agent when the release comes.
    scheduler.sweep_begins();
    assert!(scheduler.missing_since_sweep(ids.clone()).is_empty());
    scheduler.add([Arc::clone(&jobs[3]), Arc::clone(&jobs[4])], at(4));
    assert_eq!(scheduler.deliveries(), 3);

    // Read by a sweep before, and released while it ran.
    scheduler.sweep_begins();
    scheduler.given_back(&released);
    assert!(scheduler.missing_since_sweep(ids.clone()).is_empty());
    scheduler.sweep_begins();
    assert_eq!(scheduler.missing_since_sweep(ids.clone()), ids, "by now they would be lost");
    scheduler.add([Arc::clone(&jobs[3])], at(5));
    assert_eq!(scheduler.deliveries(), 4);
}

#[test]
fn a_sweep_finds_only_what_was_never_in_memory() {
    let mut scheduler = ready();
    let known = publish(&mut scheduler, 1, at(1));
    let ended = publish(&mut scheduler, 2, at(1));
    scheduler.poll(at(1));
    scheduler.sweep_begins();
    conclude(&mut scheduler, &ended, &success(), at(2));
    let lost = job("main", 3).delivery.id;
    let found = vec![known.delivery.id, ended.delivery.id, lost];
    assert_eq!(scheduler.missing_since_sweep(found), [lost]);
}

#[test]
fn a_drained_shard_ends_empty_and_is_forgotten_whole() {
    let mut scheduler = ready();
    let jobs: Vec<_> = (1..=5).map(|n| publish(&mut scheduler, n, at(1))).collect();
    scheduler.poll(at(1));
    scheduler.drain_shard(LEASE.shard);
    assert_eq!(scheduler.poll(at(2)).release.len(), 2);
    assert_eq!(scheduler.shard_deliveries(LEASE.shard), 3);
    conclude(&mut scheduler, &jobs[0], &success(), at(3));
    scheduler.drop_shard(LEASE.shard);
    assert_eq!((scheduler.deliveries(), scheduler.payload_bytes()), (0, 0));
    assert_eq!(scheduler.epoch(LEASE.shard), None);
}
