//! Events and their deliveries.
//!
//! Shows the invariants `read-your-writes`, `one-key-one-event`, `bad-row-isolated` and
//! `gapless-sequence`.

use std::sync::Arc;

use postrider_domain::delivery::{Delivery, DeliveryState};
use postrider_domain::time::Timestamp;
use postrider_store::{NewEvent, PublishOutcome, StoreError, UsedIdempotencyKey};

use crate::engine::conformance;
use crate::fixture::{HOUR, SECOND, World, audit};

conformance! {
    async fn an_event_and_all_its_deliveries_are_committed(engine) {
        let world = World::new(engine).await;
        let event = world.event();
        let mut deliveries = Vec::new();
        for state in [
            DeliveryState::Held,
            DeliveryState::Waiting,
            DeliveryState::InFlight,
            DeliveryState::Suppressed,
        ] {
            deliveries.push(world.delivery(&event, state));
        }
        world.commit(world.new_event(event.clone(), deliveries.clone())).await;
        let read = world.store.get_event(world.tenant(), event.id).await.unwrap();
        assert_eq!(read, Some(event));
        for delivery in deliveries {
            assert_eq!(world.get(delivery.id).await, Some(delivery));
        }
    }

    async fn optional_fields_may_be_absent(engine) {
        let world = World::new(engine).await;
        let event = world.event_with(|content| {
            (content.account, content.ordering_key) = (None, None);
            content.attributes.clear();
            content.payload = bytes::Bytes::from_static(b"\0\xff");
        });
        let mut delivery = world.delivery(&event, DeliveryState::Waiting);
        delivery.sequence = None;
        world.commit(world.new_event(event.clone(), vec![delivery.clone()])).await;
        let read = world.store.get_event(world.tenant(), event.id).await.unwrap();
        assert_eq!(read, Some(event));
        assert_eq!(world.get(delivery.id).await, Some(Delivery { sequence: Some(1), ..delivery }));
    }

    async fn a_content_type_comes_back_as_it_was_given(engine) {
        let world = World::new(engine).await;
        for given in ["application/json", "application/json; charset=utf-8", "text/plain", ""] {
            let event = world.event_with(|content| content.content_type = given.to_owned());
            world.commit(world.new_event(event.clone(), Vec::new())).await;
            let read = world.store.get_event(world.tenant(), event.id).await.unwrap();
            assert_eq!(read, Some(event));
        }
    }

    async fn a_used_key_is_found_until_it_expires(engine) {
        let world = World::new(engine).await;
        let other = World::named(engine, "other", "hook").await;
        let item = world.keyed("key", 7, world.now + HOUR);
        let used = UsedIdempotencyKey { event: item.event.id, matched: 1, request_hash: [7; 32] };
        world.commit(item).await;
        let find = async |tenant, key, at| world.store.used_key(tenant, key, at).await.unwrap();
        assert_eq!(find(world.tenant(), "key", world.now).await, Some(used));
        assert_eq!(find(world.tenant(), "key", world.now + HOUR).await, None);
        assert_eq!(find(world.tenant(), "other", world.now).await, None);
        assert_eq!(find(other.tenant(), "key", world.now).await, None);
    }

    /// Rule 1.
    async fn a_stale_configuration_stops_only_its_item(engine) {
        let world = World::new(engine).await;
        let other = World::named(engine, "other", "hook").await;
        let good = world.keyed("a", 1, world.now + HOUR);
        let stale = NewEvent { config_version: 1, ..world.keyed("b", 1, world.now + HOUR) };
        let theirs = other.keyed("a", 1, world.now + HOUR);
        let batch = [good, stale, theirs];
        let answers = world.store.publish(&batch, Timestamp::MAX).await.unwrap();
        assert_eq!(answers, [committed(), PublishOutcome::StaleConfig, committed()]);
        for (item, written) in batch.iter().zip([true, false, true]) {
            assert_eq!(is_written(&world, item).await, written);
        }
        // The stale item's key was not used up either.
        let again = NewEvent { config_version: world.version, ..batch[1].clone() };
        world.commit(again).await;
    }

    async fn a_deleted_or_unknown_tenant_is_stale(engine) {
        let world = World::new(engine).await;
        let mut stranger = world.event();
        stranger.tenant = "stranger".parse().unwrap();
        let unknown = NewEvent { config_version: 0, ..world.new_event(stranger, vec![]) };
        assert_eq!(world.store.publish(&[unknown], Timestamp::MAX).await.unwrap(), [PublishOutcome::StaleConfig]);
        let (version, _) = world.store.delete_tenant(world.tenant(), 1, world.now, audit()).await.unwrap();
        for config_version in [0, version - 1, version] {
            let item = NewEvent { config_version, ..world.new_event(world.event(), vec![]) };
            assert_eq!(world.store.publish(&[item], Timestamp::MAX).await.unwrap(), [PublishOutcome::StaleConfig]);
        }
    }

    /// On the way for longer than it may be: nobody waits for it any more, and windows
    /// of time were closed that it would change.
    async fn what_comes_too_late_is_not_committed(engine) {
        let world = World::new(engine).await;
        // What SQLite was asked for is over with the call.
        if engine.name == "sqlite" {
            return;
        }
        let plain = world.new_event(world.event(), vec![]);
        for late in [world.keyed("late", 1, world.now + HOUR), plain] {
            let until = world.store.now().await.unwrap() - SECOND;
            let refused = world.store.publish(std::slice::from_ref(&late), until).await;
            assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
            assert!(!is_written(&world, &late).await);
            let until = world.store.now().await.unwrap() + HOUR;
            let in_time = world.store.publish(std::slice::from_ref(&late), until).await.unwrap();
            assert!(in_time.iter().all(PublishOutcome::is_committed), "its key is free: {in_time:?}");
        }
    }

    /// Rule 9.
    async fn a_used_key_returns_the_first_event(engine) {
        let world = World::new(engine).await;
        let first = world.keyed("key", 1, world.now + HOUR);
        world.commit(first.clone()).await;
        for (hash, same_request) in [(1, true), (2, false)] {
            let again = world.keyed("key", hash, world.now + HOUR);
            let fresh = world.keyed(&format!("fresh-{hash}"), 1, world.now + HOUR);
            let plain = world.new_event(world.event(), vec![]);
            let batch = [plain, again, fresh];
            let answers = world.store.publish(&batch, Timestamp::MAX).await.unwrap();
            let duplicate = PublishOutcome::Duplicate { event: first.event.id, matched: 1, same_request };
            assert_eq!(answers, [committed_without(), duplicate, committed()]);
            for (item, written) in batch.iter().zip([true, false, true]) {
                assert_eq!(is_written(&world, item).await, written);
            }
        }
        // Another tenant's keys are its own.
        let other = World::named(engine, "other", "hook").await;
        other.commit(other.keyed("key", 1, world.now + HOUR)).await;
    }

    async fn an_expired_key_is_used_again(engine) {
        let world = World::new(engine).await;
        // Expired at the very moment at which the second is made.
        world.commit(world.keyed("key", 1, world.now)).await;
        let second = world.keyed("key", 2, world.now + HOUR);
        world.commit(second.clone()).await;
        let answers = world.store.publish(&[world.keyed("key", 2, world.now + HOUR)], Timestamp::MAX).await;
        let event = second.event.id;
        assert_eq!(
            answers.unwrap(),
            [PublishOutcome::Duplicate { event, matched: 1, same_request: true }]
        );
    }

    /// Rule 18: a publish whose client gave up and tried again yields one event.
    async fn of_two_that_race_for_a_key_one_wins(engine) {
        let world = World::new(engine).await;
        let second = engine.second().await;
        for round in 0..20 {
            let keys = [format!("a{round}"), format!("b{round}")];
            let items = |order: [usize; 2]| {
                order.map(|n| world.keyed(&keys[n], 1, world.now + HOUR)).to_vec()
            };
            let (one, two) = (items([0, 1]), items([1, 0]));
            let (answers, others) =
                tokio::join!(world.store.publish(&one, Timestamp::MAX), second.publish(&two, Timestamp::MAX));
            let (answers, others) = (answers.unwrap(), others.unwrap());
            for (n, other) in [(0, 1), (1, 0)] {
                let pair = [(&one[n], &answers[n]), (&two[other], &others[other])];
                let winners: Vec<_> =
                    pair.iter().filter(|(_, a)| a.is_committed()).collect();
                assert_eq!(winners.len(), 1, "{pair:?}");
                let event = winners[0].0.event.id;
                for (item, answer) in pair {
                    let won = item.event.id == event;
                    assert_eq!(is_written(&world, item).await, won);
                    if !won {
                        let same_request = true;
                        let lost = PublishOutcome::Duplicate { event, matched: 1, same_request };
                        assert_eq!(*answer, lost);
                    }
                }
            }
        }
        if !Arc::ptr_eq(&world.store, &second) {
            second.close().await;
        }
    }

    async fn a_thousand_items_are_one_batch(engine) {
        let world = World::new(engine).await;
        let batch: Vec<NewEvent> = (0..1000)
            .map(|n| match n % 3 {
                0 => world.keyed(&format!("key-{n}"), 1, world.now + HOUR),
                _ => {
                    let event = world.event();
                    let one = world.delivery(&event, DeliveryState::InFlight);
                    let two = world.delivery(&event, DeliveryState::Waiting);
                    world.new_event(event, vec![one, two])
                }
            })
            .collect();
        let answers = world.store.publish(&batch, Timestamp::MAX).await.unwrap();
        assert_eq!(answers.len(), 1000);
        assert!(answers.iter().all(|answer| answer.is_committed()));
        for item in [&batch[0], &batch[1], &batch[511], &batch[999]] {
            assert!(is_written(&world, item).await);
        }
        let counts = world.store.delivery_counts(world.tenant(), &[batch[998].event.id]).await;
        assert_eq!(
            counts.unwrap()[0].by_state,
            [(DeliveryState::Waiting, 1), (DeliveryState::InFlight, 1)]
        );
        assert!(world.store.publish(&[], Timestamp::MAX).await.unwrap().is_empty());
    }

    /// Rule 6.
    async fn a_refused_batch_writes_nothing(engine) {
        let world = World::new(engine).await;
        let first = world.keyed("first", 1, world.now + HOUR);
        let stored = world.publish(DeliveryState::InFlight).await;
        let nul = world.event_with(|content| content.account = Some("a\0b".to_owned()));
        let mut twice = world.keyed("twice", 1, world.now + HOUR);
        twice.deliveries[0].id = stored.id;
        for poison in [world.new_event(nul, vec![]), twice] {
            let refused = world.store.publish(&[first.clone(), poison.clone()], Timestamp::MAX).await;
            assert!(matches!(refused, Err(StoreError::Rejected(_))), "{refused:?}");
            assert!(!is_written(&world, &first).await);
            let alone = world.store.publish(&[poison], Timestamp::MAX).await;
            assert!(matches!(alone, Err(StoreError::Rejected(_))), "{alone:?}");
        }
        world.commit(first).await;
    }

    /// Rule 7.
    async fn numbers_follow_the_order_of_commits_without_a_gap(engine) {
        let world = World::new(engine).await;
        let other = World::named(engine, "other", "hook").await;
        let item = |world: &World, states: &[DeliveryState]| {
            let event = world.event();
            let unnumbered = |state: &DeliveryState| {
                Delivery { sequence: None, ..world.delivery(&event, *state) }
            };
            let deliveries = states.iter().map(unnumbered).collect();
            world.new_event(event, deliveries)
        };
        let used = world.keyed("used", 1, world.now + HOUR);
        world.commit(used.clone()).await;
        let mut test = item(&world, &[DeliveryState::InFlight]);
        test.deliveries[0].test = true;
        let mut stale = item(&world, &[DeliveryState::InFlight]);
        stale.config_version = 1;
        let mut repeated = world.keyed("used", 1, world.now + HOUR);
        repeated.deliveries[0].sequence = None;
        let batch = [
            item(&world, &[DeliveryState::Waiting]),
            stale,
            repeated,
            item(&other, &[DeliveryState::Held]),
            test,
            item(&world, &[DeliveryState::Suppressed, DeliveryState::InFlight]),
        ];
        let given = |answers: Vec<PublishOutcome>| -> Vec<Vec<Option<i64>>> {
            let numbers = |answer| match answer {
                PublishOutcome::Committed { sequences } => Some(sequences),
                _ => None,
            };
            answers.into_iter().filter_map(numbers).collect()
        };
        let answers = given(world.store.publish(&batch, Timestamp::MAX).await.unwrap());
        let expected = [vec![Some(1)], vec![Some(1)], vec![None], vec![None, Some(2)]];
        assert_eq!(answers, expected);
        for (place, number) in [(0, Some(1)), (3, Some(1)), (4, None), (5, None)] {
            let kept = &batch[place].deliveries[0];
            let kept = world.store.get_delivery(&kept.subscription.tenant, kept.id).await;
            assert_eq!(kept.unwrap().unwrap().sequence, number, "{place}");
        }
        let later = item(&world, &[DeliveryState::Waiting]);
        let later = Delivery { event: used.event.id, ..later.deliveries[0].clone() };
        assert_eq!(world.store.add_delivery(&later, audit()).await.unwrap(), Some(3));
        let all = given(world.store.publish(&[item(&world, &[DeliveryState::Waiting])], Timestamp::MAX).await.unwrap());
        assert_eq!(all, [vec![Some(4)]]);
    }

    async fn two_that_commit_at_once_share_no_number(engine) {
        let world = World::new(engine).await;
        let (a, b) = (World::named(engine, "a", "hook").await, World::named(engine, "b", "hook").await);
        let second = engine.second().await;
        let batch = |worlds: [&World; 2]| -> Vec<NewEvent> {
            let one = |n: usize| {
                let world = worlds[n % 2];
                let event = world.event();
                let new = Delivery { sequence: None, ..world.delivery(&event, DeliveryState::Waiting) };
                world.new_event(event, vec![new])
            };
            (0..20).map(one).collect()
        };
        let mut seen: std::collections::BTreeMap<String, Vec<i64>> = Default::default();
        for _ in 0..20 {
            let (one, two) = (batch([&a, &b]), batch([&b, &a]));
            let (first, other) = tokio::join!(world.store.publish(&one, Timestamp::MAX), second.publish(&two, Timestamp::MAX));
            let answers = first.unwrap().into_iter().chain(other.unwrap());
            for (item, answer) in one.iter().chain(&two).zip(answers) {
                let PublishOutcome::Committed { sequences } = answer else { panic!("{answer:?}") };
                let numbers = seen.entry(item.event.tenant.to_string()).or_default();
                numbers.extend(sequences.into_iter().flatten());
            }
        }
        for mut numbers in seen.into_values() {
            numbers.sort_unstable();
            assert_eq!(numbers, (1..=400).collect::<Vec<_>>());
        }
        if !Arc::ptr_eq(&world.store, &second) {
            second.close().await;
        }
    }

    async fn a_later_delivery_is_found_with_its_event(engine) {
        let world = World::new(engine).await;
        let first = world.publish(DeliveryState::InFlight).await;
        world.succeed(&first).await;
        let later = world.event_at(world.now + SECOND);
        let mut resend = world.delivery(&later, DeliveryState::Waiting);
        resend.event = first.event;
        resend.resend_of = Some(first.id);
        world.store.add_delivery(&resend, audit()).await.unwrap();
        assert_eq!(world.get(resend.id).await, Some(resend.clone()));
        let again = world.store.add_delivery(&resend, audit()).await;
        assert!(matches!(again, Err(StoreError::Rejected(_))), "{again:?}");
        let counts = world.store.delivery_counts(world.tenant(), &[first.event]).await.unwrap();
        let mut counts = counts[0].by_state.clone();
        counts.sort_unstable();
        assert_eq!(counts, [(DeliveryState::Waiting, 1), (DeliveryState::Succeeded, 1)]);
    }
}

/// The answer for an item whose only delivery has the fixture's number.
fn committed() -> PublishOutcome {
    PublishOutcome::Committed { sequences: vec![Some(3)] }
}

fn committed_without() -> PublishOutcome {
    PublishOutcome::Committed { sequences: vec![] }
}

/// Whether an item's event is there, and its deliveries just as well.
async fn is_written(world: &World, item: &NewEvent) -> bool {
    let tenant = &item.event.tenant;
    let event = world.store.get_event(tenant, item.event.id).await.unwrap().is_some();
    for delivery in &item.deliveries {
        let there = world.store.get_delivery(tenant, delivery.id).await.unwrap().is_some();
        assert_eq!(there, event, "an event without its delivery, or the reverse");
    }
    event
}
