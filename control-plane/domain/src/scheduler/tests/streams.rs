//! What agents say of their streams: returns, credit and regions.

use super::*;

#[test]
fn what_one_agent_has_another_cannot_return() {
    let mut scheduler = ready();
    let scheduled = publish(&mut scheduler, 1, at(1));
    assert_eq!(sent(&scheduler.poll(at(1))).len(), 1);
    let other = StreamId(2);
    scheduler.stream_opened(other, identity(2), region(), &[], at(2));
    for stream in [other, StreamId(3)] {
        scheduler.returned(stream, &[scheduled.delivery.current_attempt()], false, at(2));
        assert!(sent(&scheduler.poll(at(2))).is_empty());
    }
    scheduler.returned(FIRST_STREAM, &[scheduled.delivery.current_attempt()], false, at(3));
    assert_eq!(sent(&scheduler.poll(at(3))), [scheduled.delivery.id]);
}

#[test]
fn no_more_credit_counts_than_the_agent_can_have_in_flight() {
    let mut scheduler = ready();
    scheduler.stream_closed(FIRST_STREAM);
    let stream = StreamId(2);
    scheduler.stream_opened(stream, identity(1), region(), &[], at(0));
    scheduler.credit(stream, u64::MAX, u64::MAX, 2);
    let scheduled: Vec<_> = (1..=4).map(|n| publish(&mut scheduler, n, at(1))).collect();
    assert_eq!(sent(&scheduler.poll(at(1))).len(), 2);
    conclude(&mut scheduler, &scheduled[0], &success(), at(2));
    assert!(sent(&scheduler.poll(at(2))).is_empty(), "until it says more");
    scheduler.credit(stream, u64::MAX, u64::MAX, 1);
    assert_eq!(sent(&scheduler.poll(at(2))).len(), 1);
}

#[test]
fn regions_that_nobody_uses_are_forgotten() {
    let mut scheduler = ready();
    let (invented, stream): (Region, _) = ("invented".parse().unwrap(), StreamId(2));
    scheduler.stream_opened(stream, identity(2), invented.clone(), &[], at(0));
    scheduler.forget_empty_regions();
    assert!(scheduler.regions_in_use().contains(&invented), "it has an agent");
    scheduler.stream_closed(stream);
    scheduler.stream_closed(FIRST_STREAM);
    scheduler.forget_empty_regions();
    assert_eq!(scheduler.regions_in_use(), [region()], "this one has a subscription");
}
