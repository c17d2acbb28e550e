//! What waits for an attempt that an agent still holds.

use super::*;

/// The next attempt of a delivery whose first an agent held when it was lost, as
/// the table gives it; with the first one's key.
fn second_attempt(n: u8) -> (Arc<ScheduledDelivery>, AttemptKey) {
    let first = scheduled("main", n);
    let mut second = ScheduledDelivery::clone(&first);
    second.delivery.attempts = 2;
    (Arc::new(second), first.delivery.current_attempt())
}

#[test]
fn an_agent_that_comes_back_is_not_sent_what_it_still_holds() {
    let mut scheduler = ready();
    scheduler.stream_closed(FIRST_STREAM);
    let (queued, held_first) = second_attempt(1);
    let (claimed, held_second) = second_attempt(2);
    scheduler.add([Arc::clone(&queued)], at(1));
    let back = StreamId(2);
    scheduler.stream_opened(back, identity(1), region(), &[held_first, held_second], at(2));
    scheduler.credit(back, 1000, 1_000_000, 1000);
    scheduler.add([Arc::clone(&claimed)], at(2));
    assert!(sent(&scheduler.poll(at(3))).is_empty(), "both first attempts are still out there");
    let parked: Vec<_> = scheduler.parked(10).into_iter().map(|(_, key)| key).collect();
    assert!(parked.contains(&held_first) && parked.contains(&held_second), "{parked:?}");

    // The first failed: the second may go. The other one's never came.
    scheduler.forget(held_first, at(4));
    assert_eq!(sent(&scheduler.poll(at(4))), [queued.delivery.id]);
    scheduler.unpark_before(at(2));
    assert!(sent(&scheduler.poll(at(5))).is_empty(), "it is not late yet");
    scheduler.unpark_before(at(3));
    assert_eq!(sent(&scheduler.poll(at(5))), [claimed.delivery.id]);
}

#[test]
fn what_is_parked_goes_when_its_holder_does_and_never_after_a_success() {
    let mut scheduler = ready();
    let (scheduled, held) = second_attempt(1);
    scheduler.record_inventory(&identity(1), None, &[held]);
    scheduler.add([Arc::clone(&scheduled)], at(1));
    assert!(sent(&scheduler.poll(at(1))).is_empty());
    scheduler.stream_closed(FIRST_STREAM);
    scheduler.stream_opened(StreamId(2), identity(2), region(), &[], at(2));
    scheduler.credit(StreamId(2), 1000, 1_000_000, 1000);
    assert_eq!(sent(&scheduler.poll(at(2))), [scheduled.delivery.id]);

    let (scheduled, held) = second_attempt(2);
    scheduler.record_inventory(&identity(2), None, &[held]);
    scheduler.add([Arc::clone(&scheduled)], at(3));
    assert_eq!(
        scheduler.take_out_by_id(scheduled.delivery.id, at(4)),
        Some(scheduled.delivery.current_attempt())
    );
    scheduler.forget(held, at(4));
    assert!(sent(&scheduler.poll(at(4))).is_empty());
    assert_eq!(scheduler.deliveries(), 1, "the one that was sent");

    let (scheduled, held) = second_attempt(3);
    scheduler.record_inventory(&identity(2), None, &[held]);
    scheduler.add([Arc::clone(&scheduled)], at(5));
    scheduler.concluded_elsewhere(held, at(6));
    let actions = scheduler.poll(at(6));
    assert!(sent(&actions).is_empty());
    assert_eq!(actions.release, [scheduled.delivery.current_attempt()], "the table knows");

    let (scheduled, held) = second_attempt(4);
    scheduler.record_inventory(&identity(2), None, &[held]);
    scheduler.add([Arc::clone(&scheduled)], at(7));
    scheduler.drain_shard(FIRST_LEASE.shard);
    assert_eq!(scheduler.poll(at(7)).release, [scheduled.delivery.current_attempt()]);
}
