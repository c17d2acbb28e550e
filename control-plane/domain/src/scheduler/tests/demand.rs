//! What a region wants: what agents could do now, and nothing that waits for something else.

use super::*;
use crate::ids::SubscriptionKey;

fn figures(scheduler: &Scheduler, now: Timestamp) -> RegionFigures {
    let mut figures = scheduler.region_figures(now).into_iter();
    figures.find(|figures| figures.region == region()).unwrap()
}

fn wanted(scheduler: &Scheduler, now: Timestamp) -> u64 {
    figures(scheduler, now).wanted
}

/// What an autoscaler is told, after a sample.
fn told(scheduler: &mut Scheduler, now: Timestamp) -> Option<RegionDemand> {
    scheduler.sample_demand(now);
    scheduler.demand_of(&region(), now)
}

fn is_active(scheduler: &mut Scheduler, now: Timestamp) -> bool {
    told(scheduler, now).is_some_and(|told| told.is_active(Duration::ZERO))
}

fn key() -> SubscriptionKey {
    subscription("main", 1).key()
}

/// As [`ready`], without an agent and with a subscription that is otherwise as it likes.
fn asleep(change: impl FnOnce(&mut SubscriptionConfig)) -> Scheduler {
    let mut scheduler = Scheduler::new(config());
    scheduler.take_shard(FIRST_LEASE, at(10_000_000), [], at(0));
    scheduler.settle(FIRST_LEASE, at(0));
    let mut settings = subscription("main", 1);
    change(&mut settings.settings);
    scheduler.configure(Arc::new(settings), FIRST_LEASE.shard, at(0));
    scheduler
}

fn failed(due: Timestamp) -> AttemptFeedback {
    AttemptFeedback {
        outcome: Outcome::ConnectFailed,
        transition: DeliveryTransition::Retry { due, failures: 1 },
        ..success()
    }
}

#[test]
fn what_is_in_flight_and_what_may_begin_beside_it_is_wanted() {
    let mut scheduler = ready();
    assert_eq!(wanted(&scheduler, at(0)), 0);
    let deliveries: Vec<_> = (1..=5).map(|n| publish(&mut scheduler, n, at(1))).collect();
    assert_eq!(wanted(&scheduler, at(1)), 3, "the subscription may have three in flight");
    assert_eq!(sent(&scheduler.poll(at(1))).len(), 3);
    assert_eq!(wanted(&scheduler, at(1)), 3);
    for scheduled in &deliveries[..3] {
        conclude(&mut scheduler, scheduled, &success(), at(2));
    }
    assert_eq!(wanted(&scheduler, at(2)), 2, "the two that are left");
}

#[test]
fn a_slow_receiver_counts_by_what_it_may_have_in_flight_however_much_waits() {
    let mut scheduler = ready();
    let deliveries: Vec<_> = (1..=40).map(|n| publish(&mut scheduler, n, at(1))).collect();
    scheduler.poll(at(1));
    (0..100).for_each(|n| scheduler.note_due(&key(), at(n), at(100)));
    assert_eq!(wanted(&scheduler, at(60_000)), 3);
    let slow = AttemptFeedback { latency: Duration::from_secs(50), ..success() };
    conclude(&mut scheduler, &deliveries[0], &slow, at(60_000));
    assert_eq!(wanted(&scheduler, at(60_000)), 3);
}

#[test]
fn a_retry_counts_once_it_is_due() {
    let mut scheduler = ready();
    let scheduled = publish(&mut scheduler, 1, at(1));
    scheduler.poll(at(1));
    conclude(&mut scheduler, &scheduled, &failed(at(600_000)), at(2));
    assert_eq!(wanted(&scheduler, at(599_999)), 0);
    assert_eq!(wanted(&scheduler, at(600_000)), 1);
}

#[test]
fn a_dead_receiver_counts_only_while_it_is_probed() {
    let mut scheduler = ready();
    let mut now = at(0);
    for n in 0..25 {
        now = at(i64::from(n) * 2000);
        if scheduler.admits(&key(), 10, now).is_none() {
            break;
        }
        let scheduled = publish(&mut scheduler, n, now);
        scheduler.poll(now);
        conclude(&mut scheduler, &scheduled, &failed(at(100_000_000)), now);
    }
    let opened = scheduler.lane(&key(), now).unwrap().breaker_opened.unwrap();
    let (count, open) = scheduler.open_circuits(now);
    assert_eq!((count, open.len()), (1, 1));
    assert_eq!((&open[0].key, open[0].opened, open[0].is_probing), (&key(), opened, false));
    (0..50).for_each(|n| scheduler.note_due(&key(), opened - Duration::from_millis(n), now));
    assert_eq!(wanted(&scheduler, opened + Duration::from_secs(29)), 0);
    assert_eq!(wanted(&scheduler, opened + Duration::from_secs(30)), 1, "the probe");
}

#[test]
fn what_is_paused_or_held_waits_for_no_agent() {
    let mut scheduler = ready();
    let scheduled = publish(&mut scheduler, 1, at(1));
    scheduler.poll(at(1));
    (0..9).for_each(|n| scheduler.note_due(&key(), at(n), at(9)));
    assert_eq!(wanted(&scheduler, at(9)), 3);
    scheduler.hold_until(&key(), at(2000), at(9));
    assert_eq!(wanted(&scheduler, at(9)), 1, "what is in flight");
    assert_eq!(wanted(&scheduler, at(2000)), 2, "and one that goes first after the hold");
    let paused = Subscription { status: SubscriptionStatus::Paused, ..subscription("main", 2) };
    scheduler.configure(Arc::new(paused), FIRST_LEASE.shard, at(2001));
    assert_eq!(wanted(&scheduler, at(2001)), 1);
    conclude(&mut scheduler, &scheduled, &success(), at(2002));
    assert_eq!(wanted(&scheduler, at(2002)), 0);
}

#[test]
fn a_rate_lets_one_begin_at_a_time() {
    let mut scheduler = asleep(|settings| settings.max_requests_per_second = Some(10));
    (0..9).for_each(|n| scheduler.note_due(&key(), at(n), at(9)));
    assert_eq!(wanted(&scheduler, at(50)), 0, "the owner before may have begun one");
    assert_eq!(wanted(&scheduler, at(200)), 1);
}

#[test]
fn starts_that_a_rate_allowed_and_nobody_made_are_wanted() {
    let mut scheduler = asleep(|settings| settings.max_requests_per_second = Some(10));
    (0..9).for_each(|n| scheduler.note_due(&key(), at(n), at(9)));
    assert_eq!(wanted(&scheduler, at(250)), 2, "one of each tenth of a second");
    assert_eq!(wanted(&scheduler, at(1_000)), 3, "the subscription may have three in flight");
    let mut scheduler = asleep(|settings| settings.max_requests_per_second = Some(10));
    (0..9).for_each(|n| scheduler.note_due(&key(), at(60_000 + n), at(60_009)));
    assert_eq!(wanted(&scheduler, at(60_009)), 1, "nothing waited before");
    let mut scheduler = asleep(|settings| settings.max_requests_per_second = Some(1));
    (0..9).for_each(|n| scheduler.note_due(&key(), at(n), at(9)));
    assert_eq!(wanted(&scheduler, at(60_000)), 2, "what began a round trip ago has ended");
}

#[test]
fn who_has_not_answered_since_a_take_over_counts_little() {
    let mut scheduler = Scheduler::new(SchedulerConfig {
        window: ConcurrencyWindowConfig { initial: 64, max: 64, ..config().window },
        default_max_in_flight: 64,
        ..config()
    });
    scheduler.take_shard(FIRST_LEASE, at(10_000_000), [], at(0));
    scheduler.settle(FIRST_LEASE, at(0));
    let mut settings = subscription("main", 1);
    settings.settings.max_in_flight = None;
    scheduler.configure(Arc::new(settings.clone()), FIRST_LEASE.shard, at(0));
    scheduler.stream_opened(FIRST_STREAM, identity(1), region(), &[], at(0));
    scheduler.credit(FIRST_STREAM, 1000, 1_000_000, 1000);
    let deliveries: Vec<_> = (1..=40).map(|n| publish(&mut scheduler, n, at(1))).collect();
    assert_eq!(wanted(&scheduler, at(1)), 8);
    assert_eq!(sent(&scheduler.poll(at(1))).len(), 40);
    assert_eq!(wanted(&scheduler, at(1)), 8, "in flight or not");
    conclude(&mut scheduler, &deliveries[0], &success(), at(2));
    assert_eq!(wanted(&scheduler, at(2)), 39);
    settings.revision = 2;
    scheduler.configure(Arc::new(settings.clone()), FIRST_LEASE.shard, at(3));
    assert_eq!(wanted(&scheduler, at(3)), 39);
    settings.revision = 3;
    settings.settings.url = "https://other.example".into();
    scheduler.configure(Arc::new(settings), FIRST_LEASE.shard, at(4));
    assert_eq!(wanted(&scheduler, at(4)), 8, "it is another receiver");
}

#[test]
fn a_region_without_an_agent_wants_what_is_known_to_be_due() {
    let mut scheduler = asleep(|_| {});
    assert!(!is_active(&mut scheduler, at(9)));
    scheduler.note_due(&key(), at(9), at(9));
    assert_eq!(wanted(&scheduler, at(9)), 1);
    assert!(is_active(&mut scheduler, at(9)));
    (0..9).for_each(|n| scheduler.note_due(&key(), at(n), at(9)));
    assert_eq!(wanted(&scheduler, at(9)), 3, "the subscription may have three in flight");
    let mut scheduler = asleep(|_| {});
    scheduler.add([scheduled_test(1)], at(9));
    assert_eq!(wanted(&scheduler, at(9)), 1, "a test waits for an agent");
}

#[test]
fn a_region_stays_active_for_a_minute_after_an_attempt() {
    let mut scheduler = ready();
    let scheduled = publish(&mut scheduler, 1, at(1));
    scheduler.poll(at(1));
    conclude(&mut scheduler, &scheduled, &success(), at(5));
    assert_eq!(wanted(&scheduler, at(5)), 0);
    assert!(is_active(&mut scheduler, at(60_000)));
    let told_then = told(&mut scheduler, at(60_000)).unwrap();
    assert!(!told_then.is_active(Duration::from_millis(1)), "told a moment ago");
    assert!(!is_active(&mut scheduler, at(60_001)));
}

#[test]
fn demand_is_what_was_wanted_averaged_over_some_seconds() {
    let mut scheduler = ready();
    let deliveries: Vec<_> = (1..=3).map(|n| publish(&mut scheduler, n, at(0))).collect();
    assert_eq!(told(&mut scheduler, at(0)).unwrap().demand, 3.0);
    scheduler.poll(at(0));
    for scheduled in &deliveries {
        conclude(&mut scheduler, scheduled, &success(), at(1));
    }
    assert_eq!(told(&mut scheduler, at(5000)).unwrap().demand, 1.5);
    let mut scheduler = asleep(|_| {});
    scheduler.note_due(&key(), at(9), at(9));
    assert_eq!(told(&mut scheduler, at(9)).unwrap().demand, 1.0, "without an agent too");
}
