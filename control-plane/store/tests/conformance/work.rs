//! Unfinished deliveries: claimed, given back, ended.
//!
//! Shows the invariants `every-delivery-ends`, `tests-pass-every-gate`,
//! `earlier-epochs-are-swept`, `no-invented-unknown` and `bad-row-isolated`.

use std::collections::HashSet;

use postrider_domain::delivery::{Delivery, DeliveryState, EndReason};
use postrider_domain::ids::{AttemptKey, DeliveryId, Epoch, Shard};
use postrider_domain::time::Timestamp;
use postrider_store::{
    ClaimLimits, ClaimRequest, ClaimedDelivery, EndWaitingRequest, SubscriptionBacklog,
    WaitingSubscription,
};

use crate::engine::{SHARDS, conformance};
use crate::fixture::{HOUR, SECOND, World, without_owner};

conformance! {
    async fn what_is_due_is_claimed_in_order_with_its_event(engine) {
        let world = World::new(engine).await;
        let mut made = Vec::new();
        for (n, seconds) in [30, 10, 20].into_iter().enumerate() {
            let at = world.now - seconds * SECOND;
            let waiting = world.publish_with(|d| (d.due, d.attempts) = (at, 1), DeliveryState::Waiting);
            made.push((n, waiting.await));
        }
        let exactly = world.publish(DeliveryState::Waiting).await;
        world.publish_with(|d| d.due = world.now + SECOND, DeliveryState::Waiting).await;
        world.publish(DeliveryState::InFlight).await;
        world.publish(DeliveryState::Held).await;
        let claim = ClaimRequest { epoch: Epoch(7), ..world.claim(2) };
        let limits = ClaimLimits { deliveries: 10 };
        let claimed = world.store.claim_due(&[claim], world.now, limits).await.unwrap();
        assert_eq!(ids(&claimed), set([made[0].1.id, made[2].1.id]), "the longest due");
        for work in &claimed {
            let (_, before) = made.iter().find(|(_, d)| d.id == work.delivery.id).unwrap();
            let (epoch, state) = (Epoch(7), DeliveryState::InFlight);
            let after = Delivery { epoch, state, attempts: 2, ..before.clone() };
            assert_eq!(work.delivery, after);
            assert_eq!(world.get(after.id).await, Some(after));
            let event = world.store.get_event(world.tenant(), work.delivery.event).await.unwrap();
            assert_eq!(work.event, event.unwrap());
        }
        assert_eq!(ids(&world.claim_due(10).await), set([made[1].1.id, exactly.id]));
        assert!(world.claim_due(10).await.is_empty());
    }

    async fn claims_have_limits_of_their_own_and_one_together(engine) {
        let worlds = [
            World::named(engine, "a", "hook").await,
            World::named(engine, "b", "hook").await,
            World::named(engine, "c", "hook").await,
        ];
        for world in &worlds {
            for _ in 0..4 {
                world.publish(DeliveryState::Waiting).await;
            }
        }
        let claims: Vec<ClaimRequest> = worlds.iter().map(|world| world.claim(3)).collect();
        let now = worlds[2].now;
        let limits = ClaimLimits { deliveries: 5 };
        let claimed = engine.store.claim_due(&claims, now, limits).await.unwrap();
        assert_eq!(claimed.len(), 5);
        for world in &worlds {
            let of = claimed.iter().filter(|work| work.delivery.subscription == world.key);
            assert!(of.count() <= 3);
        }
        assert!(engine.store.claim_due(&[], now, limits).await.unwrap().is_empty());
        let other = Shard((worlds[0].shard().0 + 1) % SHARDS);
        let misplaced = ClaimRequest { shard: other, ..worlds[0].claim(9) };
        assert!(engine.store.claim_due(&[misplaced], now, limits).await.unwrap().is_empty());
    }

    /// Rule 11.
    async fn what_has_expired_is_not_claimed(engine) {
        let world = World::new(engine).await;
        let on_time = world.publish_with(|d| d.deadline = world.now + SECOND, DeliveryState::Waiting);
        let on_time = on_time.await;
        let expired = world.publish_with(|d| d.deadline = world.now - SECOND, DeliveryState::Waiting);
        let expired = expired.await;
        assert_eq!(ids(&world.claim_due(9).await), set([on_time.id]));
        // The running clock decides, not the wall clock.
        let claim = ClaimRequest { running: world.now - HOUR, ..world.claim(9) };
        let limits = ClaimLimits { deliveries: 9 };
        let claimed = world.store.claim_due(&[claim], world.now, limits).await.unwrap();
        assert_eq!(ids(&claimed), set([expired.id]));
    }

    /// Rule 14.
    async fn only_tests_are_claimed_when_only_they_may_be_sent(engine) {
        let world = World::new(engine).await;
        let plain = world.publish(DeliveryState::Waiting).await;
        let test = world.publish_with(|d| d.test = true, DeliveryState::Waiting).await;
        let claim = ClaimRequest { tests_only: true, ..world.claim(9) };
        let limits = ClaimLimits { deliveries: 9 };
        let claimed = world.store.claim_due(&[claim], world.now, limits).await.unwrap();
        assert_eq!(ids(&claimed), set([test.id]));
        assert!(claimed[0].delivery.test);
        assert_eq!(ids(&world.claim_due(9).await), set([plain.id]));
    }

    async fn no_delivery_is_claimed_twice(engine) {
        let world = World::new(engine).await;
        let event = world.event();
        let waiting: Vec<Delivery> =
            (0..200).map(|_| world.delivery(&event, DeliveryState::Waiting)).collect();
        world.commit(world.new_event(event, waiting)).await;
        let second = engine.second().await;
        let limits = ClaimLimits { deliveries: 7 };
        let mut claimed = Vec::new();
        loop {
            let claims = [world.claim(7)];
            let (one, two) = tokio::join!(
                world.store.claim_due(&claims, world.now, limits),
                second.claim_due(&claims, world.now, limits)
            );
            let round = [one.unwrap(), two.unwrap()].concat();
            if round.is_empty() {
                break;
            }
            claimed.extend(round);
        }
        assert_eq!(claimed.len(), 200);
        assert_eq!(ids(&claimed).len(), 200);
        if engine.is_postgres() {
            second.close().await;
        }
    }

    async fn the_waiting_are_known_by_their_first(engine) {
        let a = World::named(engine, "a", "hook").await;
        let b = World::named(engine, "b", "hook").await;
        let mut b2 = World::named(engine, "b3", "hook").await;
        b2.key.tenant = b.key.tenant.clone();
        b2.key.subscription = "second".parse().unwrap();
        b2.version = b.version;
        let due = |n: u32| a.now + n * SECOND;
        for (n, world) in [(3, &a), (1, &a), (2, &a), (5, &b), (4, &b2)] {
            let change = |d: &mut Delivery| (d.due, d.deadline) = (due(n), due(100 - n));
            world.publish_with(change, DeliveryState::Waiting).await;
        }
        a.publish_with(|d| d.due = due(0), DeliveryState::InFlight).await;
        a.publish_with(|d| d.due = due(0), DeliveryState::Held).await;
        let expected = |world: &World, first: u32, last: u32| WaitingSubscription {
            subscription: world.key.clone(),
            shard: world.shard(),
            first_due: due(first),
            first_deadline: due(100 - last),
        };
        let by_key = |rows: &mut Vec<WaitingSubscription>| {
            rows.sort_by(|x, y| x.subscription.cmp(&y.subscription));
        };
        let all: Vec<Shard> = (0..SHARDS).map(Shard).collect();
        let mut rows = engine.store.waiting(&all).await.unwrap();
        by_key(&mut rows);
        assert_eq!(rows, [expected(&a, 1, 3), expected(&b, 5, 5), expected(&b2, 4, 4)]);
        let rows = engine.store.waiting(&[a.shard()]).await.unwrap();
        assert!(rows.iter().all(|row| row.shard == a.shard()));
        assert!(rows.contains(&expected(&a, 1, 3)));
        assert!(engine.store.waiting(&[]).await.unwrap().is_empty());
    }

    /// Rules 3 and 4.
    async fn what_is_in_flight_is_told_apart_by_its_epoch(engine) {
        let world = World::new(engine).await;
        let mut made = Vec::new();
        for epoch in [1, 2, 3, 3, 3, 4] {
            let delivery = world.publish_with(|d| d.epoch = Epoch(epoch), DeliveryState::InFlight);
            made.push(delivery.await);
        }
        world.publish_with(|d| d.epoch = Epoch(3), DeliveryState::Waiting).await;
        world.publish_with(|d| d.epoch = Epoch(1), DeliveryState::Waiting).await;
        let other = Shard((world.shard().0 + 1) % SHARDS);
        let leases = [(other, Epoch(9)), (world.shard(), Epoch(3))];
        let stale = world.store.stale_in_flight(&leases, 10).await.unwrap();
        let stale: HashSet<DeliveryId> = stale.iter().map(|d| d.id).collect();
        assert_eq!(stale, set([made[0].id, made[1].id]));
        assert_eq!(world.store.stale_in_flight(&leases, 1).await.unwrap().len(), 1);
        assert!(world.store.stale_in_flight(&[], 9).await.unwrap().is_empty());

        let own = world.store.own_in_flight(&leases, None, 10).await.unwrap();
        assert_eq!(own, made[2..5], "in the order of their ids");
        let own = world.store.own_in_flight(&leases, None, 2).await.unwrap();
        assert_eq!(own, made[2..4]);
        let own = world.store.own_in_flight(&leases, Some(made[3].id), 2).await.unwrap();
        assert_eq!(own, made[4..5]);
    }

    async fn work_is_loaded_as_far_as_it_is_in_flight(engine) {
        let world = World::new(engine).await;
        let flying = world.publish(DeliveryState::InFlight).await;
        let waiting = world.publish(DeliveryState::Waiting).await;
        let ended = world.publish(DeliveryState::InFlight).await;
        world.succeed(&ended).await;
        let asked = [waiting.id, ended.id, flying.id, world.delivery(&world.event(), DeliveryState::Held).id];
        let work = world.store.load_work(&asked, world.now).await.unwrap();
        assert_eq!(work.len(), 1);
        assert_eq!(work[0].delivery, flying);
        assert_eq!(work[0].event.id, flying.event);
        assert!(!work[0].event.content.payload.is_empty());
        assert!(world.store.load_work(&[], world.now).await.unwrap().is_empty());
    }

    /// Rule 6.
    async fn what_lost_its_event_ends_and_the_others_are_sent(engine) {
        let world = World::new(engine).await;
        let unknown = world.event().id;
        let lost = |d: &mut Delivery| d.event = unknown;
        let waiting = world.publish_with(lost, DeliveryState::Waiting).await;
        let sent = world.publish(DeliveryState::Waiting).await;
        let flying = world.publish_with(lost, DeliveryState::InFlight).await;
        let loaded = world.publish(DeliveryState::InFlight).await;
        let claim = world.claim(9);
        let now = world.now + SECOND;
        let limits = ClaimLimits { deliveries: 9 };
        let claimed = world.store.claim_due(&[claim], now, limits).await.unwrap();
        assert_eq!(ids(&claimed), set([sent.id]));
        let asked = [flying.id, loaded.id, flying.id];
        let work = world.store.load_work(&asked, now).await.unwrap();
        assert_eq!(ids(&work), set([loaded.id]));
        for delivery in [waiting, flying] {
            let ended = Delivery {
                state: DeliveryState::Exhausted,
                end_reason: Some(EndReason::EventGone),
                end_time: Some(now),
                attempts: 1,
                ..without_owner(&delivery)
            };
            assert_eq!(world.get(ended.id).await, Some(ended));
        }
    }

    async fn attempts_never_sent_are_given_back(engine) {
        let world = World::new(engine).await;
        let due = world.now + HOUR;
        let flying = world.publish_with(|d| d.attempts = 3, DeliveryState::InFlight).await;
        let moved_on = world.publish_with(|d| d.attempts = 3, DeliveryState::InFlight).await;
        let waiting = world.publish_with(|d| d.attempts = 3, DeliveryState::Waiting).await;
        let stale = AttemptKey { number: 2, ..moved_on.current_attempt() };
        let keys = [flying.current_attempt(), stale, waiting.current_attempt()];
        world.store.release(&keys, due).await.unwrap();
        world.store.release(&[], due).await.unwrap();
        let state = DeliveryState::Waiting;
        let released = Delivery { state, due, attempts: 2, ..flying.clone() };
        assert_eq!(world.get(flying.id).await, Some(released));
        assert_eq!(world.get(moved_on.id).await, Some(moved_on));
        assert_eq!(world.get(waiting.id).await, Some(waiting));
    }

    async fn an_attempt_that_an_agent_still_holds_is_adopted(engine) {
        let world = World::new(engine).await;
        let flying = world.publish(DeliveryState::InFlight).await;
        let moved_on = world.publish_with(|d| d.attempts = 2, DeliveryState::InFlight).await;
        let waiting = world.publish_with(|d| d.attempts = 1, DeliveryState::Waiting).await;
        let stale = AttemptKey { number: 1, ..moved_on.current_attempt() };
        let keys = [flying.current_attempt(), stale, waiting.current_attempt()];
        world.store.adopt(&keys, Epoch(9)).await.unwrap();
        let adopted = Delivery { epoch: Epoch(9), ..flying.clone() };
        assert_eq!(world.get(flying.id).await, Some(adopted));
        assert_eq!(world.get(moved_on.id).await, Some(moved_on));
        assert_eq!(world.get(waiting.id).await, Some(waiting));
    }

    async fn what_waits_is_ended_up_to_a_deadline_and_a_limit(engine) {
        let world = World::new(engine).await;
        let other = World::named(engine, "other", "hook").await;
        let spared = other.publish(DeliveryState::Waiting).await;
        let flying = world.publish(DeliveryState::InFlight).await;
        let deadline = |n: u32| world.now + n * SECOND;
        let mut made = Vec::new();
        for n in 1..=4 {
            let state = if n % 2 == 0 { DeliveryState::Held } else { DeliveryState::Waiting };
            made.push(world.publish_with(|d| d.deadline = deadline(n), state).await);
        }
        let request = |deadline_before: Option<Timestamp>| EndWaitingRequest {
            subscription: world.key.clone(),
            shard: world.shard(),
            deadline_before,
            state: DeliveryState::Exhausted,
            reason: EndReason::Expired,
            hold_keys: false,
            endpoint_for_events: None,
        };
        assert_eq!(world.store.backlog(&world.key, 100).await.unwrap().count, 4);
        let now = world.now + HOUR;
        let until = request(Some(deadline(3)));
        assert_eq!(world.store.end_waiting(&until, now, 2).await.unwrap(), 2);
        assert_eq!(world.store.end_waiting(&until, now, 2).await.unwrap(), 1);
        assert_eq!(world.store.end_waiting(&until, now, 2).await.unwrap(), 0);
        for delivery in &made[..3] {
            let ended = Delivery {
                state: DeliveryState::Exhausted,
                end_reason: Some(EndReason::Expired),
                end_time: Some(now),
                ..without_owner(delivery)
            };
            assert_eq!(world.get(delivery.id).await, Some(ended));
        }
        assert_eq!(world.get(made[3].id).await.as_ref(), Some(&made[3]));
        assert_eq!(world.store.end_waiting(&request(None), now, 9).await.unwrap(), 1);
        assert_eq!(world.get(flying.id).await, Some(flying));
        assert_eq!(other.get(spared.id).await, Some(spared));
        assert_eq!(world.store.backlog(&world.key, 100).await.unwrap().count, 0);
    }

    async fn a_backlog_is_counted_and_knows_its_oldest(engine) {
        let world = World::new(engine).await;
        let backlog = async |cap| world.store.backlog(&world.key, cap).await.unwrap();
        assert_eq!(backlog(9).await, SubscriptionBacklog::default());
        // The oldest is not the first to expire, nor the first that is due.
        for (age, state) in [
            (3, DeliveryState::Waiting),
            (5, DeliveryState::Held),
            (4, DeliveryState::Waiting),
            (8, DeliveryState::InFlight),
            (9, DeliveryState::Suppressed),
        ] {
            let event = world.event_at(world.now - age * SECOND);
            let mut delivery = world.delivery(&event, state);
            (delivery.due, delivery.deadline) = (world.now - HOUR, world.now + age * HOUR);
            world.commit(world.new_event(event, vec![delivery])).await;
        }
        let other = World::named(engine, "other", "hook").await;
        other.publish(DeliveryState::Waiting).await;
        let oldest = Some(world.now - 5 * SECOND);
        assert_eq!(backlog(9).await, SubscriptionBacklog { count: 3, oldest });
        assert_eq!(backlog(2).await.count, 2);
    }

    async fn only_what_is_due_and_waits_is_counted_as_due(engine) {
        let world = World::new(engine).await;
        for (state, due) in [
            (DeliveryState::Waiting, world.now - SECOND),
            (DeliveryState::Waiting, world.now),
            (DeliveryState::Waiting, world.now + SECOND),
            (DeliveryState::Held, world.now - SECOND),
            (DeliveryState::InFlight, world.now - SECOND),
        ] {
            let event = world.event_at(world.now - HOUR);
            let delivery = Delivery { due, ..world.delivery(&event, state) };
            world.commit(world.new_event(event, vec![delivery])).await;
        }
        let shard = world.delivery(&world.event_at(world.now), DeliveryState::Waiting).shard;
        let count = async |cap| world.store.count_due(&world.key, shard, world.now, cap).await;
        assert_eq!(count(9).await.unwrap(), 2);
        assert_eq!(count(1).await.unwrap(), 1);
        let other = Shard(shard.0 ^ 1);
        assert_eq!(world.store.count_due(&world.key, other, world.now, 9).await.unwrap(), 0);
    }
}

fn ids(work: &[ClaimedDelivery]) -> HashSet<DeliveryId> {
    work.iter().map(|work| work.delivery.id).collect()
}

fn set<const N: usize>(ids: [DeliveryId; N]) -> HashSet<DeliveryId> {
    ids.into()
}
