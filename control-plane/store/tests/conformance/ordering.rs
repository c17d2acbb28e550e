//! Ordering keys: whose turn it is.

use postrider_domain::delivery::{Delivery, DeliveryState, DeliveryTransition, EndReason, Outcome};
use postrider_domain::ids::{DeliveryId, EventId, OrderedKey};
use postrider_domain::time::Timestamp;
use postrider_store::{Conclusion, EndWaitingRequest, KeyEnd, KeyHold};
use std::sync::Arc;

use crate::engine::conformance;
use crate::fixture::{HOUR, SECOND, SUCCESS, World, audit, record};

const EXHAUSTED: DeliveryTransition = DeliveryTransition::End {
    state: DeliveryState::Exhausted,
    reason: Some(EndReason::AttemptsExhausted),
};

/// A HELD delivery of a key, with its subscription's next number.
async fn held(world: &World, key: &str) -> Delivery {
    let change = |delivery: &mut Delivery| {
        (delivery.ordering_key, delivery.sequence) = (Some(key.to_owned()), None);
    };
    let one = world.publish_with(change, DeliveryState::Held).await;
    world.get(one.id).await.unwrap()
}

fn key_of(world: &World, key: &str) -> OrderedKey {
    OrderedKey { subscription: world.key.clone(), key: key.to_owned() }
}

fn held_for(key: &OrderedKey, event: EventId) -> KeyHold {
    KeyHold { key: key.clone(), event, held: true, blocked_until: Timestamp::default() }
}

async fn release_next(world: &World, keys: &[&str]) -> usize {
    let keys: Vec<OrderedKey> = keys.iter().map(|key| key_of(world, key)).collect();
    let gone = world.store.release_next(&keys, world.now).await.unwrap();
    assert!(gone.iter().all(|key| *key == world.key));
    gone.len()
}

async fn state(world: &World, id: DeliveryId) -> DeliveryState {
    world.get(id).await.unwrap().state
}

/// Claims what waits and concludes it.
async fn conclude_next(
    world: &World,
    transition: DeliveryTransition,
    end: Option<KeyEnd>,
) -> Delivery {
    let work = world.claim_due(9).await;
    assert_eq!(work.len(), 1);
    let delivery = work.into_iter().next().unwrap().delivery;
    let outcome = if transition == SUCCESS { Outcome::Succeeded } else { Outcome::HttpStatus };
    let record = record(&delivery, outcome);
    let new = Conclusion::new(&delivery, record, transition);
    let batch = [Conclusion { key_end: end, ..new }];
    world.store.conclude(&batch, world.now + SECOND).await.unwrap();
    delivery
}

conformance! {
    async fn of_a_key_one_goes_at_a_time_in_the_order_of_numbers(engine) {
        let world = World::new(engine).await;
        let (a1, a2) = (held(&world, "a").await, held(&world, "a").await);
        let b1 = held(&world, "b").await;
        assert_eq!(release_next(&world, &["a", "b", "a", "none"]).await, 2);
        assert_eq!(release_next(&world, &["a", "b"]).await, 0, "both have one under way");
        assert_eq!(state(&world, a1.id).await, DeliveryState::Waiting);
        assert_eq!(state(&world, a2.id).await, DeliveryState::Held);
        assert_eq!(state(&world, b1.id).await, DeliveryState::Waiting);
        let work = world.claim_due(9).await;
        assert_eq!(work.len(), 2);
        assert_eq!(release_next(&world, &["a"]).await, 0, "in flight is under way");
        for one in work {
            world.succeed(&one.delivery).await;
        }
        assert_eq!(release_next(&world, &["a", "b"]).await, 1);
        assert_eq!(state(&world, a2.id).await, DeliveryState::Waiting);
    }

    async fn a_resend_goes_before_what_has_a_higher_number(engine) {
        let world = World::new(engine).await;
        let first = held(&world, "a").await;
        let second = held(&world, "a").await;
        assert_eq!(release_next(&world, &["a"]).await, 1);
        conclude_next(&world, SUCCESS, None).await;
        let again = Delivery {
            id: DeliveryId::new(world.now + SECOND, [9; 10]),
            resend_of: Some(first.id),
            ..first.clone()
        };
        assert_eq!(world.store.add_delivery(&again, audit()).await.unwrap(), first.sequence);
        assert_eq!(release_next(&world, &["a"]).await, 1);
        assert_eq!(state(&world, again.id).await, DeliveryState::Waiting);
        assert_eq!(state(&world, second.id).await, DeliveryState::Held);
    }

    async fn a_key_held_for_ever_lets_only_its_event_be_tried_again(engine) {
        let world = World::new(engine).await;
        let (first, second) = (held(&world, "a").await, held(&world, "a").await);
        let (key, event) = (key_of(&world, "a"), first.event);
        let hold = held_for(&key, event);
        assert_eq!(release_next(&world, &["a"]).await, 1);
        conclude_next(&world, EXHAUSTED, Some(KeyEnd::Held(hold))).await;
        assert_eq!(release_next(&world, &["a"]).await, 0);
        let id = DeliveryId::new(world.now + SECOND, [9; 10]);
        let again = Delivery { id, resend_of: Some(first.id), ..first };
        world.store.add_delivery(&again, audit()).await.unwrap();
        assert_eq!(release_next(&world, &["a"]).await, 1);
        assert_eq!(state(&world, id).await, DeliveryState::Waiting);
        conclude_next(&world, SUCCESS, Some(KeyEnd::Delivered { key, event })).await;
        assert_eq!(release_next(&world, &["a"]).await, 1);
        assert_eq!(state(&world, second.id).await, DeliveryState::Waiting);
    }

    async fn a_late_success_and_a_release_end_a_hold(engine) {
        let world = World::new(engine).await;
        for by_hand in [false, true] {
            let name = format!("key-{by_hand}");
            let (first, second) = (held(&world, &name).await, held(&world, &name).await);
            let key = key_of(&world, &name);
            let hold = held_for(&key, first.event);
            assert_eq!(release_next(&world, &[&name]).await, 1);
            let ended = conclude_next(&world, EXHAUSTED, Some(KeyEnd::Held(hold))).await;
            if by_hand {
                assert!(world.store.end_key_hold(&key, audit()).await.unwrap());
                assert!(!world.store.end_key_hold(&key, audit()).await.unwrap());
            } else {
                let mut late = record(&ended, Outcome::Succeeded);
                late.key.number += 1;
                assert!(world.store.conclude_late(&late, world.now).await.unwrap().succeeds);
            }
            assert_eq!(release_next(&world, &[&name]).await, 1);
            assert_eq!(conclude_next(&world, SUCCESS, None).await.id, second.id);
        }
    }

    async fn quiet_ends_by_itself_and_not_before(engine) {
        let world = World::new(engine).await;
        let one = held(&world, "a").await;
        let key = key_of(&world, "a");
        let hold = |blocked_until| {
            KeyHold { key: key.clone(), event: one.event, held: false, blocked_until }
        };
        world.store.hold_key(&hold(world.now + SECOND)).await.unwrap();
        world.store.hold_key(&hold(world.now)).await.unwrap();
        assert_eq!(release_next(&world, &["a"]).await, 0, "the longer one counts, whoever it is for");
        let later = world.now + SECOND;
        assert_eq!(world.store.release_next(std::slice::from_ref(&key), later).await.unwrap().len(), 1);
        // Neither a release nor a delivery ends it, whatever else the key was held for.
        let next = held(&world, "b").await;
        let key = key_of(&world, "b");
        let quiet = KeyHold { blocked_until: later, ..held_for(&key, next.event) };
        world.store.hold_key(&quiet).await.unwrap();
        assert!(world.store.end_key_hold(&key, audit()).await.unwrap());
        world.store.list_key_backlogs(None, 9, world.now).await.unwrap();
        assert_eq!(release_next(&world, &["b"]).await, 0);
        world.store.list_key_backlogs(None, 9, later).await.unwrap();
        assert_eq!(release_next(&world, &["b"]).await, 1, "it is forgotten");
    }

    async fn a_subscriptions_holds_end_together(engine) {
        let world = World::new(engine).await;
        for key in ["a", "b"] {
            let one = held(&world, key).await;
            world.store.hold_key(&held_for(&key_of(&world, key), EventId(one.id.0))).await.unwrap();
        }
        assert_eq!(release_next(&world, &["a", "b"]).await, 0);
        world.store.end_key_holds(&world.key).await.unwrap();
        assert_eq!(release_next(&world, &["a", "b"]).await, 2);
    }

    async fn what_expires_can_hold_its_key(engine) {
        let world = World::new(engine).await;
        let (first, second) = (held(&world, "a").await, held(&world, "a").await);
        let expire = EndWaitingRequest {
            subscription: world.key.clone(),
            shard: world.shard(),
            deadline_before: Some(first.deadline),
            state: DeliveryState::Exhausted,
            reason: EndReason::Expired,
            hold_keys: true,
            endpoint_for_events: None,
        };
        let ended = world.store.end_waiting(&expire, world.now + 48 * HOUR, 9).await.unwrap();
        assert_eq!((ended, state(&world, second.id).await), (2, DeliveryState::Exhausted));
        let third = held(&world, "a").await;
        assert_eq!(release_next(&world, &["a"]).await, 0);
        assert!(world.store.end_key_hold(&key_of(&world, "a"), audit()).await.unwrap());
        assert_eq!(release_next(&world, &["a"]).await, 1);
        assert_eq!(state(&world, third.id).await, DeliveryState::Waiting);
    }

    async fn waiting_keys_are_listed_once_each_and_paged(engine) {
        let world = World::new(engine).await;
        for key in ["a", "b", "b", "c", "c"] {
            held(&world, key).await;
        }
        assert_eq!(release_next(&world, &["a", "b"]).await, 2);
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = world.store.list_key_backlogs(after.as_ref(), 1, world.now).await.unwrap();
            let Some(one) = page.into_iter().next() else { break };
            after = Some(one.key.clone());
            seen.push((one.key.key, one.under_way));
        }
        assert_eq!(seen, [("b".to_owned(), true), ("c".to_owned(), false)]);
        assert_eq!(world.store.release_all_held(&world.key, world.now, 2).await.unwrap(), 2);
        assert_eq!(world.store.release_all_held(&world.key, world.now, 2).await.unwrap(), 1);
        assert!(world.store.list_key_backlogs(None, 9, world.now).await.unwrap().is_empty());
    }

    async fn however_many_let_go_at_once_one_is_under_way(engine) {
        let world = World::new(engine).await;
        let second = engine.second().await;
        for _ in 0..40 {
            held(&world, "a").await;
        }
        let keys = [key_of(&world, "a")];
        for round in 0..40 {
            let (a, b, c) = tokio::join!(
                world.store.release_next(&keys, world.now),
                second.release_next(&keys, world.now),
                second.release_next(&keys, world.now),
            );
            let gone = [a, b, c].into_iter().map(|gone| gone.unwrap().len()).sum::<usize>();
            assert_eq!(gone, 1, "round {round}");
            let done = conclude_next(&world, SUCCESS, None).await;
            assert_eq!(done.sequence, Some(round + 1));
        }
        if !Arc::ptr_eq(&world.store, &second) {
            second.close().await;
        }
    }
}
