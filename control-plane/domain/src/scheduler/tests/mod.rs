//! The scheduler's promises, one by one; in files of their own those about what leaves
//! memory, what is parked, and random input.
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::delivery::{Delivery, DeliveryState, DeliveryTransition, EndReason, Outcome, Trigger};
use crate::endpoint_health::{BreakerConfig, ConcurrencyWindowConfig};
use crate::event::{Event, EventContent};
use crate::ids::{AgentId, AttemptKey, DeliveryId, Epoch, EventId, Region, Shard};
use crate::subscription::{Subscription, SubscriptionConfig, SubscriptionStatus};
use crate::time::{StoppedClock, Timestamp};

mod busy_lanes;
mod demand;
mod holding;
mod interleaving;
mod leaving;
mod moved;
mod parked;
mod reported;
mod resting;
mod streams;
mod take_over;

const FIRST_LEASE: ShardLease = ShardLease { shard: Shard(0), epoch: Epoch(7) };
const FIRST_STREAM: StreamId = StreamId(1);

fn at(millis: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + millis * 1000)
}

fn config() -> SchedulerConfig {
    SchedulerConfig {
        max_deliveries: 100,
        max_payload_bytes: 10_000,
        max_deliveries_per_subscription: 50,
        default_max_in_flight: 8,
        shed_after: Duration::from_secs(5),
        settle_grace: Duration::from_secs(5),
        window: ConcurrencyWindowConfig {
            initial: 8,
            min: 1,
            max: 8,
            quick: Duration::from_secs(2),
        },
        breaker: BreakerConfig {
            min_deliveries: 20,
            min_span: Duration::from_secs(30),
            first_probe: Duration::from_secs(30),
            max_probe: Duration::from_secs(300),
            probe_timeout: Duration::from_secs(60),
        },
    }
}

fn region() -> Region {
    "eu".parse().unwrap()
}

fn subscription(name: &str, revision: i64) -> Subscription {
    Subscription {
        tenant: "acme".parse().unwrap(),
        id: name.parse().unwrap(),
        status: SubscriptionStatus::Enabled,
        status_reason: String::new(),
        settings: SubscriptionConfig {
            url: "https://example.com".into(),
            region: region(),
            max_in_flight: Some(3),
            ..SubscriptionConfig::default()
        },
        signing_keys: Vec::new(),
        paused_clock: StoppedClock::default(),
        revision,
        request_revision: revision,
        create_time: at(0),
        update_time: at(0),
        delete_time: None,
    }
}

fn identity(incarnation: u8) -> AgentIdentity {
    AgentIdentity { agent: AgentId("one".into()), incarnation: [incarnation; 16] }
}

fn scheduled(name: &str, n: u8) -> Arc<ScheduledDelivery> {
    let event = Event {
        tenant: "acme".parse().unwrap(),
        id: EventId::new(at(0), [n; 10]),
        content: EventContent::new(
            "payment.completed".into(),
            "application/json".into(),
            Bytes::from_static(&[b'1'; 10]),
        ),
        matched: 1,
        test: false,
        payload_removal: None,
    };
    let delivery = Delivery {
        id: DeliveryId::new(at(0), [n; 10]),
        subscription: subscription(name, 1).key(),
        event: event.id,
        event_type: event.content.event_type.clone(),
        account: None,
        shard: FIRST_LEASE.shard,
        epoch: FIRST_LEASE.epoch,
        state: DeliveryState::InFlight,
        end_reason: None,
        attempts: 1,
        failures: 0,
        trigger: Trigger::Publish,
        due: at(0),
        deadline: at(1_000_000_000),
        end_time: None,
        ordering_key: None,
        sequence: None,
        test: false,
        resend_of: None,
        filter_failed: false,
    };
    Arc::new(ScheduledDelivery { delivery, event: Some(Arc::new(event)) })
}

/// A scheduler that owns the shard, with one agent and one subscription.
fn ready() -> Scheduler {
    let mut scheduler = Scheduler::new(config());
    scheduler.take_shard(FIRST_LEASE, at(1_000_000), [], at(0));
    scheduler.settle(FIRST_LEASE, at(0));
    scheduler.configure(Arc::new(subscription("main", 1)), FIRST_LEASE.shard, at(0));
    scheduler.stream_opened(FIRST_STREAM, identity(1), region(), &[], at(0));
    scheduler.credit(FIRST_STREAM, 1000, 1_000_000, 1000);
    scheduler
}

fn scheduled_test(n: u8) -> Arc<ScheduledDelivery> {
    let scheduled = scheduled("main", n);
    let delivery = Delivery { test: true, ..scheduled.delivery.clone() };
    Arc::new(ScheduledDelivery { delivery, event: scheduled.event.clone() })
}

fn sent(actions: &SchedulerActions) -> Vec<DeliveryId> {
    actions
        .dispatches
        .iter()
        .flat_map(|d| d.deliveries.iter().map(|(scheduled, _)| scheduled.delivery.id))
        .collect()
}

fn publish(scheduler: &mut Scheduler, n: u8, now: Timestamp) -> Arc<ScheduledDelivery> {
    let scheduled = scheduled("main", n);
    assert_eq!(
        scheduler.admits(&scheduled.delivery.subscription, 10, now),
        Some(FIRST_LEASE.epoch)
    );
    scheduler.reserve(Arc::clone(&scheduled), now);
    scheduler.committed([(scheduled.delivery.id, None)], now);
    scheduled
}

fn success() -> AttemptFeedback {
    AttemptFeedback {
        outcome: Outcome::Succeeded,
        latency: Duration::from_millis(5),
        hold: None,
        transition: DeliveryTransition::End { state: DeliveryState::Succeeded, reason: None },
    }
}

fn conclude(
    scheduler: &mut Scheduler,
    scheduled: &ScheduledDelivery,
    feedback: &AttemptFeedback,
    now: Timestamp,
) {
    let begun = scheduler.begin_conclusion(scheduled.delivery.current_attempt(), None);
    assert!(matches!(begun, ReportedAttempt::Theirs(_)), "{begun:?}");
    scheduler.concluded(scheduled.delivery.current_attempt(), feedback, now);
}

#[test]
fn what_is_committed_is_sent_once_with_settings_first() {
    let mut scheduler = ready();
    let first = publish(&mut scheduler, 1, at(1));
    let actions = scheduler.poll(at(1));
    assert_eq!(sent(&actions), [first.delivery.id]);
    assert_eq!(actions.dispatches[0].updates.len(), 1);
    let second = publish(&mut scheduler, 2, at(2));
    let actions = scheduler.poll(at(2));
    assert_eq!(sent(&actions), [second.delivery.id]);
    assert!(actions.dispatches[0].updates.is_empty(), "settings are sent once");
}

#[test]
fn what_is_only_reserved_is_not_sent_and_rolls_back_without_trace() {
    let mut scheduler = ready();
    let one = scheduled("main", 1);
    scheduler.reserve(Arc::clone(&one), at(1));
    assert!(sent(&scheduler.poll(at(1))).is_empty());
    scheduler.rolled_back([one.delivery.id]);
    scheduler.committed([(one.delivery.id, None)], at(1));
    assert!(sent(&scheduler.poll(at(1))).is_empty());
    assert_eq!((scheduler.deliveries(), scheduler.payload_bytes()), (0, 0));
}

#[test]
fn max_in_flight_holds_and_opens_as_attempts_end() {
    let mut scheduler = ready();
    let deliveries: Vec<_> = (1..=5).map(|n| publish(&mut scheduler, n, at(1))).collect();
    assert_eq!(sent(&scheduler.poll(at(1))).len(), 3);
    conclude(&mut scheduler, &deliveries[0], &success(), at(2));
    assert_eq!(sent(&scheduler.poll(at(2))), [deliveries[3].delivery.id]);
}

#[test]
fn nothing_goes_out_without_credit_or_before_settling_or_after_the_lease() {
    let mut scheduler = Scheduler::new(config());
    scheduler.take_shard(FIRST_LEASE, at(1000), [identity(1)], at(0));
    scheduler.configure(Arc::new(subscription("main", 1)), FIRST_LEASE.shard, at(0));
    scheduler.stream_opened(FIRST_STREAM, identity(1), region(), &[], at(0));
    let one = scheduled("main", 1);
    assert_eq!(scheduler.admits(&one.delivery.subscription, 10, at(0)), None, "not settled");
    scheduler.add([Arc::clone(&one)], at(0));
    scheduler.credit(FIRST_STREAM, 1, 1_000, 1000);
    assert!(sent(&scheduler.poll(at(0))).is_empty(), "not settled");
    assert!(scheduler.ready_to_settle(at(0)).is_empty(), "the agent has not answered");
    scheduler.record_inventory(&identity(1), Some(FIRST_LEASE), &[]);
    assert_eq!(scheduler.ready_to_settle(at(0)).len(), 1);
    scheduler.settle(FIRST_LEASE, at(0));
    assert!(sent(&scheduler.poll(at(1000))).is_empty(), "the lease is over");
    scheduler.renew_shard(FIRST_LEASE.shard, at(9000), at(1500));
    assert_eq!(sent(&scheduler.poll(at(1500))).len(), 1);
    publish(&mut scheduler, 2, at(1600));
    assert!(sent(&scheduler.poll(at(1600))).is_empty(), "no credit is left");
    scheduler.credit(FIRST_STREAM, 2, 1_000, 1000);
    assert_eq!(sent(&scheduler.poll(at(1600))).len(), 1);
}

#[test]
fn what_has_no_lane_is_left_in_the_table() {
    let mut scheduler = ready();
    scheduler.add([scheduled("unknown", 1)], at(1));
    assert_eq!(scheduler.deliveries(), 0);
}

#[test]
fn what_an_agent_returns_goes_out_again_first() {
    let mut scheduler = ready();
    let deliveries: Vec<_> = (1..=4).map(|n| publish(&mut scheduler, n, at(1))).collect();
    assert_eq!(sent(&scheduler.poll(at(1))).len(), 3);
    scheduler.returned(FIRST_STREAM, &[deliveries[1].delivery.current_attempt()], false, at(2));
    assert_eq!(sent(&scheduler.poll(at(2))), [deliveries[1].delivery.id]);
}

#[test]
fn what_a_lost_agent_held_is_told_and_its_result_still_counts() {
    let mut scheduler = ready();
    let one = publish(&mut scheduler, 1, at(1));
    scheduler.poll(at(1));
    scheduler.stream_closed(FIRST_STREAM);
    assert_eq!(scheduler.find_unconfirmed_attempts(&identity(1), &[]).len(), 1);
    let others = scheduler.take_work_of_lost_agent(&identity(2));
    assert!(others.is_empty(), "another incarnation is another process");
    assert_eq!(scheduler.take_work_of_lost_agent(&identity(1)).len(), 1);
    assert!(
        scheduler.find_unconfirmed_attempts(&identity(1), &[]).is_empty(),
        "it is being recorded as UNKNOWN"
    );
    let begun = scheduler.begin_conclusion(one.delivery.current_attempt(), Some(&identity(1)));
    assert!(matches!(begun, ReportedAttempt::Theirs(_)), "{begun:?}");
}

#[test]
fn pausing_gives_the_queue_back_and_admits_nothing() {
    let mut scheduler = ready();
    let deliveries: Vec<_> = (1..=5).map(|n| publish(&mut scheduler, n, at(1))).collect();
    scheduler.poll(at(1));
    let paused = Subscription { status: SubscriptionStatus::Paused, ..subscription("main", 2) };
    scheduler.configure(Arc::new(paused), FIRST_LEASE.shard, at(2));
    let actions = scheduler.poll(at(2));
    let released: HashSet<_> = actions.release.iter().map(|key| key.delivery).collect();
    assert_eq!(released, HashSet::from([deliveries[3].delivery.id, deliveries[4].delivery.id]));
    assert_eq!(scheduler.admits(&deliveries[0].delivery.subscription, 10, at(2)), None);
    assert_eq!(actions.dispatches[0].updates.len(), 1, "agents learn of the change");
}

#[test]
fn due_work_is_claimed_while_there_is_room_and_new_events_queue_behind_it() {
    let mut scheduler = ready();
    let key = subscription("main", 1).key();
    scheduler.note_due(&key, at(10), at(1));
    assert!(scheduler.poll(at(9)).wake.is_some_and(|wake| wake <= at(10)));
    assert!(scheduler.claims(at(9)).is_empty());
    assert_eq!(scheduler.admits(&key, 10, at(9)), Some(FIRST_LEASE.epoch), "nothing is due yet");
    assert!(scheduler.poll(at(10)).claims);
    assert_eq!(scheduler.admits(&key, 10, at(10)), None, "others wait in the table");
    let claims = scheduler.claims(at(10));
    let (claimed, _, epoch, limit, tests_only) = &claims[0];
    assert_eq!((claimed, *epoch, *tests_only), (&key, FIRST_LEASE.epoch, false));
    scheduler.add([scheduled("main", 1)], at(10));
    scheduler.claim_done(&key, *limit, 1, at(10), at(10));
    assert_eq!(sent(&scheduler.poll(at(10))).len(), 1);
    assert_eq!(scheduler.admits(&key, 10, at(11)), Some(FIRST_LEASE.epoch));
}

#[test]
fn a_dead_endpoint_is_left_alone_and_its_queue_goes_back_unburnt() {
    let mut scheduler = ready();
    let failure = AttemptFeedback {
        outcome: Outcome::ConnectFailed,
        transition: DeliveryTransition::End {
            state: DeliveryState::Exhausted,
            reason: Some(EndReason::AttemptsExhausted),
        },
        ..success()
    };
    let mut now = at(0);
    for n in 0..25 {
        now = at(i64::from(n) * 2000);
        let one = publish(&mut scheduler, n, now);
        let out = scheduler.poll(now);
        assert_eq!(sent(&out), [one.delivery.id], "closed until it has failed for 30 s");
        if n == 24 {
            let late = scheduled("main", 200);
            scheduler.add([late], now);
        }
        conclude(&mut scheduler, &one, &failure, now);
        if scheduler.admits(&one.delivery.subscription, 10, now).is_none() {
            break;
        }
    }
    let key = subscription("main", 1).key();
    assert_eq!(scheduler.admits(&key, 10, now), None, "the breaker is open");
    scheduler.add([scheduled("main", 201)], now);
    let actions = scheduler.poll(now);
    assert!(sent(&actions).is_empty());
    assert!(!actions.release.is_empty());
}

#[test]
fn retry_after_holds_the_whole_subscription() {
    let mut scheduler = ready();
    let deliveries: Vec<_> = (1..=4).map(|n| publish(&mut scheduler, n, at(1))).collect();
    scheduler.poll(at(1));
    let busy = AttemptFeedback {
        outcome: Outcome::HttpStatus,
        hold: Some(Duration::from_secs(2)),
        transition: DeliveryTransition::Retry { due: at(2001), failures: 1 },
        ..success()
    };
    conclude(&mut scheduler, &deliveries[0], &busy, at(1));
    assert!(sent(&scheduler.poll(at(1500))).is_empty());
    assert_eq!(sent(&scheduler.poll(at(2001))), [deliveries[3].delivery.id]);
}

#[test]
fn a_test_passes_every_gate() {
    let mut scheduler = ready();
    let paused = Subscription { status: SubscriptionStatus::Disabled, ..subscription("main", 2) };
    scheduler.configure(Arc::new(paused), FIRST_LEASE.shard, at(1));
    scheduler.add([scheduled_test(1)], at(1));
    assert_eq!(sent(&scheduler.poll(at(1))).len(), 1);
}

#[test]
fn nothing_is_claimed_while_a_late_success_is_recorded() {
    let mut scheduler = ready();
    let key = subscription("main", 1).key();
    scheduler.note_due(&key, at(1), at(1));
    assert_eq!(scheduler.claims(at(1)).len(), 1);
    scheduler.begin_late_success(&key);
    assert!(scheduler.is_claiming(&key), "the one that began before");
    scheduler.claim_done(&key, 0, 1, at(1), at(2));
    assert!(!scheduler.is_claiming(&key));
    assert!(scheduler.claims(at(2)).is_empty());
    scheduler.end_late_success(&key, at(3));
    assert_eq!(scheduler.claims(at(3)).len(), 1);
}
