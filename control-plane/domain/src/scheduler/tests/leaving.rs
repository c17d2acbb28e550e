//! What goes back to the table, and what is lost.

use super::*;

#[test]
fn what_is_given_back_is_not_taken_for_lost_before_the_table_has_it() {
    let mut scheduler = ready();
    let deliveries: Vec<_> = (1..=5).map(|n| publish(&mut scheduler, n, at(1))).collect();
    scheduler.poll(at(1));
    let paused = Subscription { status: SubscriptionStatus::Paused, ..subscription("main", 2) };
    scheduler.configure(Arc::new(paused), FIRST_LEASE.shard, at(2));
    let released = scheduler.poll(at(2)).release;
    let open = Subscription { status: SubscriptionStatus::Enabled, ..subscription("main", 3) };
    scheduler.configure(Arc::new(open), FIRST_LEASE.shard, at(3));
    let ids: Vec<DeliveryId> = released.iter().map(|key| key.delivery).collect();

    // The rows still say IN_FLIGHT, or are claimed by one that does not know whether
    // they were released: sent now, they would be at an agent when the release comes.
    scheduler.begin_sweep();
    assert!(scheduler.find_missing_since_sweep(ids.clone()).is_empty());
    scheduler.add([Arc::clone(&deliveries[3]), Arc::clone(&deliveries[4])], at(4));
    assert_eq!(scheduler.deliveries(), 3);

    // Read by a sweep before, and released while it ran.
    scheduler.begin_sweep();
    scheduler.confirm_return(&released);
    assert!(scheduler.find_missing_since_sweep(ids.clone()).is_empty());
    scheduler.begin_sweep();
    assert_eq!(scheduler.find_missing_since_sweep(ids.clone()), ids, "by now they would be lost");
    scheduler.add([Arc::clone(&deliveries[3])], at(5));
    assert_eq!(scheduler.deliveries(), 4);
}

#[test]
fn a_sweep_finds_only_what_was_never_in_memory() {
    let mut scheduler = ready();
    let known = publish(&mut scheduler, 1, at(1));
    let ended = publish(&mut scheduler, 2, at(1));
    scheduler.poll(at(1));
    scheduler.begin_sweep();
    conclude(&mut scheduler, &ended, &success(), at(2));
    let lost = scheduled("main", 3).delivery.id;
    let found = vec![known.delivery.id, ended.delivery.id, lost];
    assert_eq!(scheduler.find_missing_since_sweep(found), [lost]);
}

#[test]
fn a_drained_shard_ends_empty_and_is_forgotten_whole() {
    let mut scheduler = ready();
    let deliveries: Vec<_> = (1..=5).map(|n| publish(&mut scheduler, n, at(1))).collect();
    scheduler.poll(at(1));
    scheduler.drain_shard(FIRST_LEASE.shard);
    assert_eq!(scheduler.poll(at(2)).release.len(), 2);
    assert_eq!(scheduler.shard_deliveries(FIRST_LEASE.shard), 3);
    conclude(&mut scheduler, &deliveries[0], &success(), at(3));
    scheduler.drop_shard(FIRST_LEASE.shard);
    assert_eq!((scheduler.deliveries(), scheduler.payload_bytes()), (0, 0));
    assert_eq!(scheduler.epoch(FIRST_LEASE.shard), None);
}

#[test]
fn what_an_agent_never_received_is_sent_again_once_and_nothing_later_for_it() {
    let mut scheduler = ready();
    let answered = publish(&mut scheduler, 1, at(1));
    let lost = publish(&mut scheduler, 2, at(1));
    scheduler.poll(at(1));
    scheduler.stream_closed(FIRST_STREAM);
    let unconfirmed = scheduler.find_unconfirmed_attempts(&identity(1), &[]);
    assert_eq!(unconfirmed.len(), 2);
    assert!(scheduler.find_unconfirmed_attempts(&identity(2), &[]).is_empty());
    let of = |scheduled: &ScheduledDelivery| {
        *unconfirmed.iter().find(|d| d.key == scheduled.delivery.current_attempt()).unwrap()
    };
    let back = StreamId(2);
    scheduler.stream_opened(back, identity(1), region(), &[], at(2));
    scheduler.credit(back, 1000, 1_000_000, 1000);

    // While the table was asked, the result came, and its retry went out.
    let retry = DeliveryTransition::Retry { due: at(3), failures: 1 };
    let failure = AttemptFeedback { outcome: Outcome::HttpStatus, transition: retry, ..success() };
    conclude(&mut scheduler, &answered, &failure, at(2));
    let mut second = ScheduledDelivery::clone(&answered);
    second.delivery.attempts = 2;
    let second = Arc::new(second);
    scheduler.add([Arc::clone(&second)], at(3));
    assert_eq!(sent(&scheduler.poll(at(3))), [second.delivery.id]);
    let asked = [answered.delivery.current_attempt(), lost.delivery.current_attempt()];
    assert_eq!(scheduler.forget_unless(&asked, &asked[1..], at(4)), 0, "that one is an agent's");
    scheduler.send_again(of(&answered), Arc::clone(&second), at(4));
    assert!(sent(&scheduler.poll(at(4))).is_empty());

    scheduler.send_again(of(&lost), Arc::clone(&lost), at(5));
    assert_eq!(sent(&scheduler.poll(at(5))), [lost.delivery.id]);
    scheduler.send_again(of(&lost), Arc::clone(&lost), at(6));
    assert!(sent(&scheduler.poll(at(6))).is_empty(), "it was sent again already");
}

fn ordered(n: u8, sequence: i64) -> Arc<ScheduledDelivery> {
    let mut scheduled = Arc::unwrap_or_clone(scheduled("main", n));
    (scheduled.delivery.ordering_key, scheduled.delivery.sequence) =
        (Some("account".into()), Some(sequence));
    Arc::new(scheduled)
}

#[test]
fn what_is_queued_is_given_back_once_its_follower_was_let_go() {
    let mut scheduler = ready();
    let (first, second, third) = (ordered(1, 1), ordered(2, 2), ordered(3, 3));
    scheduler.add([Arc::clone(&second)], at(1));
    scheduler.add([Arc::clone(&third), first], at(2));
    // What comes back from before it stays: the follower is not withdrawn for it.
    assert_eq!(scheduler.deliveries(), 2);
    assert_eq!(scheduler.poll(at(2)).release, [second.delivery.current_attempt()]);

    // What is at an agent stays there, and who leaves by itself is not looked for.
    scheduler.add([ordered(4, 4)], at(4));
    assert!(scheduler.entries[&third.delivery.id].phase.is_at_agent());
    assert!(scheduler.poll(at(4)).release.is_empty());
    conclude(&mut scheduler, &third, &success(), at(5));
    conclude(&mut scheduler, &ordered(4, 4), &success(), at(5));
    assert!(scheduler.newest_of_key.is_empty());
}

#[test]
fn a_test_that_is_forgotten_after_its_subscription_moved_is_not_sent() {
    let mut scheduler = ready();
    scheduler.stream_closed(FIRST_STREAM);
    let test = scheduled_test(1);
    scheduler.add([Arc::clone(&test)], at(1));
    let mut moved = subscription("main", 2);
    moved.settings.region = "us".parse().unwrap();
    scheduler.configure(Arc::new(moved), FIRST_LEASE.shard, at(2));
    scheduler.forget(test.delivery.current_attempt(), at(3));
    assert_eq!(scheduler.backlog(&region()), 0);
    scheduler.stream_opened(StreamId(2), identity(1), region(), &[], at(4));
    scheduler.credit(StreamId(2), 10, 1000, 10);
    assert!(sent(&scheduler.poll(at(4))).is_empty());
}
