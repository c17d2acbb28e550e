//! What is left when a clock is set back: ids that are later than now.
//!
//! Whatever happens to something happens after it was made, so that what looks for
//! rows from an id's time on finds them.

use std::time::Duration;

use postrider_domain::delivery::{Delivery, DeliveryState, DeliveryTransition, EndReason, Outcome};
use postrider_domain::ids::{OrderedKey, ReplicaId, Shard};
use postrider_domain::time::{HoldClock, Timestamp};
use postrider_store::{
    CancelOutcome, Conclusion, ConclusionOutcome, DeliveryQuery, EndWaitingRequest, KeyHold,
    RescheduleRequest, TimeRange,
};

use crate::engine::{SHARDS, conformance};
use crate::fixture::{SECOND, SUCCESS, World, audit, record};

const STEP: Duration = Duration::from_secs(120);
const EXHAUSTED: DeliveryTransition = DeliveryTransition::End {
    state: DeliveryState::Exhausted,
    reason: Some(EndReason::AttemptsExhausted),
};

/// A delivery made before the clock was set back.
async fn made_ahead(world: &World, state: DeliveryState) -> Delivery {
    let event = world.event_at(world.now + STEP);
    let delivery = world.delivery(&event, state);
    world.commit(world.new_event(event, vec![delivery.clone()])).await;
    delivery
}

/// Whether everything that shows an ended delivery shows it, and with what end.
async fn assert_found(world: &World, delivery: &Delivery, end_time: Timestamp, attempts: usize) {
    let (store, tenant) = (&world.store, world.tenant());
    let found = world.get(delivery.id).await.expect("GetDelivery finds it");
    assert!(found.state.is_final(), "{found:?}");
    assert_eq!(found.end_time, Some(end_time));
    let recorded = store.list_attempts(tenant, delivery.id, 0, 9).await.unwrap();
    assert_eq!(recorded.len(), attempts, "{recorded:?}");
    assert_eq!(store.last_attempts(tenant, &[delivery.id]).await.unwrap().len(), attempts.min(1));
    let of_event = store.deliveries_of(tenant, &[delivery.event]).await.unwrap();
    assert_eq!(of_event, std::slice::from_ref(&found));
    let counts = store.delivery_counts(tenant, &[delivery.event]).await.unwrap();
    assert_eq!(counts[0].by_state, [(found.state, 1)]);
    let from = Some(delivery.create_time());
    for (event, created) in [
        (Some(delivery.event), TimeRange::default()),
        (None, TimeRange { from, until: from.map(|from| from + SECOND) }),
    ] {
        let query = DeliveryQuery { event, created, ..DeliveryQuery::newest(tenant, 99) };
        let listed = store.list_deliveries(&query).await.unwrap();
        assert!(listed.contains(&found), "{listed:?}");
    }
    let again =
        store.cancel(tenant, delivery.id, EndReason::CancelledByCaller, world.now, audit()).await;
    assert_eq!(again.unwrap(), CancelOutcome::AlreadyEnded(found.state));
}

conformance! {
    async fn what_is_concluded_before_it_was_made_is_found(engine) {
        let world = World::new(engine).await;
        let ahead = made_ahead(&world, DeliveryState::InFlight).await;
        let exhausted = made_ahead(&world, DeliveryState::InFlight).await;
        let usual = world.publish(DeliveryState::InFlight).await;
        let retried = made_ahead(&world, DeliveryState::InFlight).await;
        let retry = DeliveryTransition::Retry { due: world.now + SECOND, failures: 1 };
        let batch = [
            Conclusion::new(&ahead, record(&ahead, Outcome::Succeeded), SUCCESS),
            Conclusion::new(&usual, record(&usual, Outcome::Succeeded), SUCCESS),
            Conclusion::new(&exhausted, record(&exhausted, Outcome::Timeout), EXHAUSTED),
        ];
        let again = Conclusion::new(&retried, record(&retried, Outcome::Timeout), retry);
        for batch in [&batch[..], &[again]] {
            let answers = world.store.conclude(batch, world.now).await.unwrap();
            assert!(answers.iter().all(|answer| *answer == ConclusionOutcome::Applied), "{answers:?}");
        }
        assert_found(&world, &ahead, ahead.create_time(), 1).await;
        assert_found(&world, &exhausted, exhausted.create_time(), 1).await;
        assert_found(&world, &usual, world.now, 1).await;
        let attempts = world.store.list_attempts(world.tenant(), retried.id, 0, 9).await.unwrap();
        assert_eq!(attempts.len(), 1);
    }

    async fn what_ends_otherwise_before_it_was_made_is_found(engine) {
        let world = World::new(engine).await;
        let expired = made_ahead(&world, DeliveryState::Waiting).await;
        let request = EndWaitingRequest {
            subscription: world.key.clone(),
            shard: world.shard(),
            deadline_before: None,
            state: DeliveryState::Exhausted,
            reason: EndReason::Expired,
            hold_keys: false,
            endpoint_for_events: None,
        };
        assert_eq!(world.store.end_waiting(&request, world.now, 9).await.unwrap(), 1);
        assert_found(&world, &expired, expired.create_time(), 0).await;

        let cancelled = made_ahead(&world, DeliveryState::InFlight).await;
        let reason = EndReason::CancelledByCaller;
        let done = world.store.cancel(world.tenant(), cancelled.id, reason, world.now, audit()).await;
        let in_flight = Some(cancelled.current_attempt());
        assert_eq!(done.unwrap(), CancelOutcome::Done { in_flight });
        assert_found(&world, &cancelled, cancelled.create_time(), 1).await;
        let attempts = world.store.list_attempts(world.tenant(), cancelled.id, 0, 9).await.unwrap();
        assert!(attempts[0].record.start_time >= cancelled.create_time());
    }

    async fn a_late_success_before_its_delivery_was_made_is_found(engine) {
        let world = World::new(engine).await;
        let in_flight = made_ahead(&world, DeliveryState::InFlight).await;
        let exhausted = made_ahead(&world, DeliveryState::InFlight).await;
        let unknown = record(&exhausted, Outcome::Unknown);
        let batch = [Conclusion::new(&exhausted, unknown, EXHAUSTED)];
        world.store.conclude(&batch, world.now).await.unwrap();
        for delivery in [&in_flight, &exhausted] {
            let record = record(delivery, Outcome::Succeeded);
            assert!(world.store.conclude_late(&record, world.now).await.unwrap().succeeds);
            assert_found(&world, delivery, delivery.create_time(), 1).await;
        }
    }

    async fn what_waits_is_brought_back_to_what_its_failures_allow(engine) {
        let world = World::new(engine).await;
        let due = |seconds: u32| world.now + SECOND * seconds;
        let mut made = Vec::new();
        for (failures, seconds) in [(0, 120), (0, 0), (1, 125), (1, 4), (2, 400), (7, 200)] {
            let change = |delivery: &mut Delivery| {
                (delivery.failures, delivery.due) = (failures, due(seconds));
            };
            made.push(world.publish_with(change, DeliveryState::Waiting).await);
        }
        let held = world.publish_with(|d| d.due = due(120), DeliveryState::Held).await;
        let request = RescheduleRequest {
            subscription: world.key.clone(),
            shard: world.shard(),
            since: world.now,
            longest: vec![Duration::ZERO, 5 * SECOND, 60 * SECOND],
        };
        assert_eq!(world.store.reschedule_waiting(&request, world.now, 2).await.unwrap(), 2);
        assert_eq!(world.store.reschedule_waiting(&request, world.now, 9).await.unwrap(), 2);
        assert_eq!(world.store.reschedule_waiting(&request, world.now, 9).await.unwrap(), 0);
        let mut seconds = Vec::new();
        for delivery in &made {
            let found = world.get(delivery.id).await.unwrap();
            assert_eq!(Delivery { due: delivery.due, ..found.clone() }, *delivery);
            seconds.push(found.due.since(world.now).as_secs());
        }
        assert_eq!(seconds, [0, 0, 5, 4, 60, 60]);
        assert_eq!(world.get(held.id).await, Some(held));
    }

    async fn delays_count_from_when_the_attempts_were_over(engine) {
        let world = World::new(engine).await;
        let mut made = Vec::new();
        for (failures, seconds) in [(1, 300), (2, 300), (2, 20)] {
            let change = |delivery: &mut Delivery| {
                (delivery.failures, delivery.due) = (failures, world.now + SECOND * seconds);
            };
            made.push(world.publish_with(change, DeliveryState::Waiting).await.id);
        }
        let since = world.now - 40 * SECOND;
        let request = RescheduleRequest {
            subscription: world.key.clone(),
            shard: world.shard(),
            since,
            longest: vec![Duration::ZERO, 5 * SECOND, 60 * SECOND],
        };
        assert_eq!(world.store.reschedule_waiting(&request, world.now, 9).await.unwrap(), 2);
        let mut seconds = Vec::new();
        for id in made {
            seconds.push(world.get(id).await.unwrap().due.since(since).as_secs());
        }
        assert_eq!(seconds, [5, 60, 60], "the last one was due by its timetable already");
    }

    async fn a_clock_that_is_ahead_is_noted_until_it_is_forgotten(engine) {
        let store = &engine.store;
        let replica = ReplicaId("a".into());
        let taken = store.acquire_shards(&replica, &[Shard(1)], 60 * SECOND, false).await.unwrap();
        let at = |seconds: i64| Timestamp::from_micros(1_700_000_000_000_000 + seconds * 1_000_000);
        store.renew_shards(&replica, &taken, 60 * SECOND, at(120)).await.unwrap();
        assert_eq!(store.clocks_ahead(at(0)).await.unwrap(), [(Shard(1), at(120))]);
        store.renew_shards(&replica, &taken, 60 * SECOND, at(10)).await.unwrap();
        assert_eq!(store.clocks_ahead(at(0)).await.unwrap(), [(Shard(1), at(120))]);
        assert!(store.clocks_ahead(at(120)).await.unwrap().is_empty());
        store.note_clock(at(60)).await.unwrap();
        let noted = store.clocks_ahead(at(0)).await.unwrap();
        assert_eq!((noted.len(), noted[0].1), (usize::from(SHARDS), at(60)));
        assert_eq!(noted[1], (Shard(1), at(120)));
        // Another has noted a later one since.
        store.note_clock(at(90)).await.unwrap();
        store.forget_clocks(&noted, at(0)).await.unwrap();
        let mut left = store.clocks_ahead(at(0)).await.unwrap();
        assert_eq!((left.len(), left.remove(0).1), (usize::from(SHARDS) - 1, at(90)));
    }

    async fn quiet_keys_are_shortened(engine) {
        let world = World::new(engine).await;
        let other = World::named(engine, "other", "hook").await;
        let at = |seconds: u32| world.now + SECOND * seconds;
        for (key, name, seconds) in
            [(&world.key, "a", 140), (&world.key, "b", 5), (&other.key, "a", 140)]
        {
            let key = OrderedKey { subscription: key.clone(), key: name.to_owned() };
            let event = world.event().id;
            let hold = KeyHold { key, event, held: false, blocked_until: at(seconds) };
            world.store.hold_key(&hold).await.unwrap();
        }
        let mut quiet = world.store.list_blocked_subscriptions(at(10)).await.unwrap();
        quiet.sort();
        assert_eq!(quiet, [world.key.clone(), other.key.clone()]);
        world.store.shorten_key_blocks(&world.key, at(15)).await.unwrap();
        let quiet = world.store.list_blocked_subscriptions(at(15)).await.unwrap();
        assert_eq!(quiet, std::slice::from_ref(&other.key));
        assert_eq!(world.store.list_blocked_subscriptions(at(14)).await.unwrap().len(), 2);
    }

    async fn hold_clocks_are_kept(engine) {
        let world = World::new(engine).await;
        let at = |seconds: u32| world.now + SECOND * seconds;
        let first = HoldClock { total: SECOND, since: at(1), until: at(30), version: 7 };
        world.store.put_hold_clock(&world.key, &first).await.unwrap();
        let always = Timestamp::from_micros(i64::MIN);
        let holds = world.store.hold_clocks(always).await.unwrap();
        assert_eq!(holds, [(world.key.clone(), first)]);
        let second = HoldClock { total: 30 * SECOND, since: at(40), until: at(50), version: 8 };
        for clock in [second, first] {
            world.store.put_hold_clock(&world.key, &clock).await.unwrap();
        }
        let holds = world.store.hold_clocks(at(49)).await.unwrap();
        assert_eq!(holds, [(world.key.clone(), second)]);
        assert!(world.store.hold_clocks(at(50)).await.unwrap().is_empty());
    }
}
