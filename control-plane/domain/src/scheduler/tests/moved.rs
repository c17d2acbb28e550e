//! Subscriptions that move to another region.

use super::*;

const FAR_STREAM: StreamId = StreamId(2);

fn far_region() -> Region {
    "us".parse().unwrap()
}

fn in_region(region: Region, revision: i64) -> Arc<Subscription> {
    let mut moved = subscription("main", revision);
    moved.settings.region = region;
    Arc::new(moved)
}

/// As [`ready`], with an agent in another region too.
fn ready_in_two_regions() -> Scheduler {
    let mut scheduler = ready();
    scheduler.stream_opened(FAR_STREAM, identity(2), far_region(), &[], at(0));
    scheduler.credit(FAR_STREAM, 1000, 1_000_000, 1000);
    scheduler
}

/// The revisions of settings that were sent, each with its stream.
fn updates(actions: &SchedulerActions) -> Vec<(StreamId, i64)> {
    let of = |dispatch: &Dispatch| {
        let stream = dispatch.stream;
        let revisions: Vec<i64> = dispatch.updates.iter().map(|s| s.revision).collect();
        revisions.into_iter().map(move |revision| (stream, revision))
    };
    actions.dispatches.iter().flat_map(of).collect()
}

fn configure(scheduler: &mut Scheduler, region: Region, revision: i64) {
    scheduler.configure(in_region(region, revision), FIRST_LEASE.shard, at(2));
}

#[test]
fn agents_of_the_old_region_get_no_settings_any_more() {
    let mut scheduler = ready_in_two_regions();
    publish(&mut scheduler, 1, at(1));
    assert_eq!(updates(&scheduler.poll(at(1))), [(FIRST_STREAM, 1)]);
    configure(&mut scheduler, far_region(), 2);
    assert!(updates(&scheduler.poll(at(2))).is_empty(), "nobody of the new region has them yet");
    publish(&mut scheduler, 2, at(2));
    assert_eq!(updates(&scheduler.poll(at(2))), [(FAR_STREAM, 2)]);
    configure(&mut scheduler, far_region(), 3);
    assert_eq!(updates(&scheduler.poll(at(3))), [(FAR_STREAM, 3)]);
    configure(&mut scheduler, region(), 4);
    assert!(updates(&scheduler.poll(at(4))).is_empty());
    publish(&mut scheduler, 3, at(4));
    assert_eq!(updates(&scheduler.poll(at(4))), [(FIRST_STREAM, 4)], "it came back");
}

#[test]
fn a_change_that_was_not_sent_before_the_move_is_not_sent_after_it() {
    let mut scheduler = ready_in_two_regions();
    publish(&mut scheduler, 1, at(1));
    scheduler.poll(at(1));
    configure(&mut scheduler, region(), 2);
    configure(&mut scheduler, far_region(), 3);
    assert!(updates(&scheduler.poll(at(2))).is_empty());
}

#[test]
fn a_shard_that_comes_back_sends_the_old_region_nothing() {
    let mut scheduler = ready_in_two_regions();
    publish(&mut scheduler, 1, at(1));
    scheduler.poll(at(1));
    let again = ShardLease { epoch: Epoch(8), ..FIRST_LEASE };
    scheduler.take_shard(again, at(1_000_000), [], at(2));
    scheduler.settle(again, at(2));
    configure(&mut scheduler, far_region(), 2);
    assert!(updates(&scheduler.poll(at(2))).is_empty());
}

#[test]
fn a_test_that_waits_moves_with_its_subscription() {
    let mut scheduler = ready_in_two_regions();
    scheduler.suspend(FIRST_STREAM, true);
    let waiting = scheduled_test(1);
    scheduler.add([Arc::clone(&waiting)], at(1));
    assert!(sent(&scheduler.poll(at(1))).is_empty());
    configure(&mut scheduler, far_region(), 2);
    assert_eq!((scheduler.backlog(&region()), scheduler.backlog(&far_region())), (0, 1));
    scheduler.suspend(FIRST_STREAM, false);
    let actions = scheduler.poll(at(2));
    assert_eq!(sent(&actions), [waiting.delivery.id]);
    assert_eq!(updates(&actions), [(FAR_STREAM, 2)]);
    assert_eq!(scheduler.backlog(&far_region()), 0);
}
