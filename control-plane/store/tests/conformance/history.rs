//! What happened, for people to read.

use std::collections::BTreeMap;
use std::time::Duration;

use postrider_domain::delivery::{Delivery, DeliveryState, DeliveryTransition, Outcome, Trigger};
use postrider_domain::ids::{DeliveryId, EventId};
use postrider_domain::time::Timestamp;
use postrider_store::{
    ConclusionOutcome, DeliveryQuery, EventQuery, ListedEvent, StatsRow, TextFilter, TimeRange,
    latency_bucket,
};

use crate::engine::conformance;
use crate::fixture::{HOUR, SECOND, SUCCESS, World, audit, record};

conformance! {
    async fn events_are_listed_newest_first_and_paged(engine) {
        let world = World::new(engine).await;
        let mut made = Vec::new();
        for n in 0..7_u32 {
            // Two of each second, so that a page ends between equals.
            let event = world.event_at(world.now - (n / 2) * SECOND);
            world.commit(world.new_event(event.clone(), vec![])).await;
            made.push(event);
        }
        let other = World::named(engine, "other", "hook").await;
        other.publish(DeliveryState::InFlight).await;
        made.sort_by_key(|event| std::cmp::Reverse(event.id));
        let mut query = events(&world);
        query.limit = 2;
        let mut listed = Vec::new();
        loop {
            let page = world.store.list_events(&query).await.unwrap();
            assert!(page.len() <= 2);
            let Some(last) = page.last() else { break };
            query.before = Some(last.event.id);
            listed.extend(page.into_iter().map(|listed| listed.event));
            assert!(listed.len() <= made.len(), "a page was given twice");
        }
        assert_eq!(listed, made);
        let stranger = "stranger".parse().unwrap();
        assert!(world.store.get_event(&stranger, made[0].id).await.unwrap().is_none());
    }

    async fn a_list_without_payloads_still_has_their_sizes(engine) {
        let world = World::new(engine).await;
        // Large enough to be kept apart from its row, and of the kind that compresses.
        let payloads = [vec![], vec![7; 17], vec![7; 200_000]];
        let mut made = Vec::new();
        for payload in payloads {
            let payload_bytes = payload.len() as u64;
            let event = world.event_with(|content| content.payload = payload.into());
            world.commit(world.new_event(event.clone(), vec![])).await;
            made.insert(0, ListedEvent { event, payload_bytes });
        }
        assert_eq!(world.store.list_events(&events(&world)).await.unwrap(), made);
        for listed in &mut made {
            listed.event.content.payload = Default::default();
        }
        let query = EventQuery { with_payload: false, ..events(&world) };
        assert_eq!(world.store.list_events(&query).await.unwrap(), made);
    }

    async fn events_are_filtered(engine) {
        let world = World::new(engine).await;
        let plain = world.event_at(world.now - 2 * SECOND);
        let typed = world.event_with(|content| content.event_type = "order.placed".to_owned());
        let account = world.event_with(|content| content.account = Some("acc-2".to_owned()));
        let mut attributed = world.event();
        attributed.content.attributes.extend([
            ("a.b $\"'".to_owned(), "x".to_owned()),
            ("n".to_owned(), "12".to_owned()),
        ]);
        let none = world.event_with(|content| {
            (content.account, content.attributes) = (None, BTreeMap::new());
        });
        for event in [&plain, &typed, &account, &attributed, &none] {
            world.commit(world.new_event(event.clone(), vec![])).await;
        }
        let all = events(&world);
        let is = |value: &str| TextFilter::Is(value.to_owned());
        let pair = |name: &str, value: &str| (name.to_owned(), is(value));
        let asked = |name: &str, asked: TextFilter| vec![(name.to_owned(), asked)];
        let with = |attributes| EventQuery { attributes, ..all.clone() };
        for (query, expected) in [
            (EventQuery { event_type: Some("order.placed".to_owned()), ..all.clone() }, vec![&typed]),
            (EventQuery { account: Some(is("acc-2")), ..all.clone() }, vec![&account]),
            (EventQuery { account: Some(TextFilter::Absent), ..all.clone() }, vec![&none]),
            (
                EventQuery { account: Some(TextFilter::Present), ..all.clone() },
                vec![&plain, &typed, &account, &attributed],
            ),
            (with(asked("n", TextFilter::Present)), vec![&attributed]),
            (with(asked("n", TextFilter::Absent)), vec![&plain, &typed, &account, &none]),
            (with(asked("cur'\"rency", TextFilter::Absent)), vec![&none]),
            (with(vec![pair("a.b $\"'", "x"), pair("n", "12")]), vec![&attributed]),
            (with(vec![pair("a.b $\"'", "x"), pair("n", "1")]), vec![]),
            (with(vec![pair("x", "n")]), vec![]),
            (with(vec![pair("cur'\"rency", "EUR")]), vec![&plain, &typed, &account, &attributed]),
        ] {
            let mut listed = list_events(&world, &query).await;
            listed.sort_unstable();
            let mut expected: Vec<EventId> = expected.iter().map(|event| event.id).collect();
            expected.sort_unstable();
            assert_eq!(listed, expected, "{query:?}");
        }
    }

    async fn events_are_found_by_their_time(engine) {
        let world = World::new(engine).await;
        let (one, two) = (world.now - 2 * SECOND, world.now - SECOND);
        let early = world.event_at(one);
        let late = world.event_at(two);
        for event in [&early, &late] {
            world.commit(world.new_event(event.clone(), vec![])).await;
        }
        let (one, two) = (Some(one), Some(two));
        let after = |time: Option<Timestamp>| time.map(|time| time + Duration::from_micros(1));
        for (from, until, expected) in [
            (None, None, vec![late.id, early.id]),
            (one, two, vec![early.id]),
            (one, after(two), vec![late.id, early.id]),
            (after(one), None, vec![late.id]),
            (two, None, vec![late.id]),
            (None, one, vec![]),
            (None, after(one), vec![early.id]),
        ] {
            let created = TimeRange { from, until };
            let listed = list_events(&world, &EventQuery { created, ..events(&world) }).await;
            assert_eq!(listed, expected, "{created:?}");
        }
    }

    async fn deliveries_are_listed_over_unfinished_and_ended(engine) {
        let world = World::new(engine).await;
        let mut made = Vec::new();
        for n in 0..9 {
            let delivery = world.publish(DeliveryState::InFlight).await;
            if n % 2 == 0 {
                world.succeed(&delivery).await;
            }
            made.push(delivery.id);
        }
        made.reverse();
        for limit in 1..=10 {
            let mut query = DeliveryQuery { limit, ..DeliveryQuery::newest(world.tenant(), 100) };
            let mut listed = Vec::new();
            loop {
                let page = world.store.list_deliveries(&query).await.unwrap();
                assert!(page.len() <= limit as usize);
                let Some(last) = page.last() else { break };
                query.before = Some(last.id);
                listed.extend(page.iter().map(|delivery| delivery.id));
                assert!(listed.len() <= made.len(), "a page was given twice");
            }
            assert_eq!(listed, made, "by {limit}");
        }
    }

    async fn deliveries_without_an_account_are_found_and_those_with_one(engine) {
        let world = World::new(engine).await;
        let with = world.publish(DeliveryState::InFlight).await;
        let without = world.publish_with(|d| d.account = None, DeliveryState::InFlight).await;
        let ended = world.publish_with(|d| d.account = None, DeliveryState::InFlight).await;
        world.succeed(&ended).await;
        let all = DeliveryQuery::newest(world.tenant(), 100);
        for (account, expected) in [
            (TextFilter::Absent, vec![ended.id, without.id]),
            (TextFilter::Present, vec![with.id]),
            (TextFilter::Is("acc-1".to_owned()), vec![with.id]),
        ] {
            let query = DeliveryQuery { account: Some(account), ..all.clone() };
            assert_eq!(list_deliveries(&world, &query).await, expected, "{query:?}");
        }
    }

    async fn deliveries_are_filtered(engine) {
        let world = World::new(engine).await;
        let second = "second".parse().unwrap();
        let flying = world.publish(DeliveryState::InFlight).await;
        let held = world.publish(DeliveryState::Held).await;
        let elsewhere = |d: &mut Delivery| d.subscription.subscription = second;
        let other = world.publish_with(elsewhere, DeliveryState::Waiting).await;
        let test = world.publish_with(|d| d.test = true, DeliveryState::Waiting).await;
        let typed = |d: &mut Delivery| d.event_type = "order.placed".to_owned();
        let typed = world.publish_with(typed, DeliveryState::Suppressed).await;
        let about = |account: &str| {
            let account = Some(account.to_owned());
            move |d: &mut Delivery| d.account = account
        };
        let about_two = world.publish_with(about("acc-2"), DeliveryState::Waiting).await;
        let ended = world.publish_with(about("acc-2"), DeliveryState::InFlight).await;
        world.succeed(&ended).await;
        let nothing = world.publish_with(|d| d.account = None, DeliveryState::InFlight).await;
        assert_eq!(world.get(nothing.id).await, Some(nothing.clone()));
        let all = DeliveryQuery::newest(world.tenant(), 100);
        let account = |id: &str| Some(TextFilter::Is(id.to_owned()));
        let in_states = |states: &[DeliveryState]| DeliveryQuery {
            states: states.to_vec(),
            ..all.clone()
        };
        let key = |delivery: &Delivery| Some(delivery.subscription.subscription.clone());
        for (query, expected) in [
            (
                all.clone(),
                vec![&nothing, &ended, &about_two, &typed, &test, &other, &held, &flying],
            ),
            (
                DeliveryQuery { account: account("acc-2"), ..all.clone() },
                vec![&ended, &about_two],
            ),
            (DeliveryQuery { account: account("acc-9"), ..all.clone() }, vec![]),
            (in_states(&[DeliveryState::Succeeded]), vec![&ended]),
            (in_states(&[DeliveryState::Waiting]), vec![&about_two, &test, &other]),
            (
                in_states(&[DeliveryState::Held, DeliveryState::Suppressed, DeliveryState::InFlight]),
                vec![&nothing, &typed, &held, &flying],
            ),
            (DeliveryQuery { test: Some(true), ..all.clone() }, vec![&test]),
            (
                DeliveryQuery { test: Some(false), ..all.clone() },
                vec![&nothing, &ended, &about_two, &typed, &other, &held, &flying],
            ),
            (DeliveryQuery { subscription: key(&other), ..all.clone() }, vec![&other]),
            (
                DeliveryQuery { subscription: key(&ended), ..in_states(&[DeliveryState::Succeeded]) },
                vec![&ended],
            ),
            (
                DeliveryQuery { event_type: Some("order.placed".to_owned()), ..all.clone() },
                vec![&typed],
            ),
            (DeliveryQuery { event: Some(test.event), ..all.clone() }, vec![&test]),
            (
                DeliveryQuery {
                    created: TimeRange { from: None, until: Some(world.now) },
                    ..all.clone()
                },
                vec![],
            ),
        ] {
            let expected: Vec<DeliveryId> = expected.iter().map(|delivery| delivery.id).collect();
            assert_eq!(list_deliveries(&world, &query).await, expected, "{query:?}");
        }
    }

    async fn an_events_deliveries_include_the_later_ones(engine) {
        let world = World::new(engine).await;
        let event = world.event();
        let first = world.delivery(&event, DeliveryState::InFlight);
        let suppressed = world.delivery(&event, DeliveryState::Suppressed);
        // Of the same millisecond, but another event's.
        world.publish(DeliveryState::InFlight).await;
        world.commit(world.new_event(event.clone(), vec![first.clone(), suppressed.clone()])).await;
        let mut expected = vec![first.id, suppressed.id];
        for later in [0, 5, 7] {
            let made_at = world.event_at(world.now + later * SECOND);
            let mut resend = world.delivery(&made_at, DeliveryState::InFlight);
            (resend.event, resend.resend_of) = (event.id, Some(first.id));
            resend.trigger = Trigger::Manual;
            world.store.add_delivery(&resend, audit()).await.unwrap();
            if later == 5 {
                world.succeed(&resend).await;
            }
            expected.push(resend.id);
        }
        expected.sort_unstable();
        expected.reverse();
        let mut query = DeliveryQuery { event: Some(event.id), ..DeliveryQuery::newest(world.tenant(), 100) };
        assert_eq!(list_deliveries(&world, &query).await, expected);
        query.limit = 2;
        assert_eq!(list_deliveries(&world, &query).await, expected[..2]);
        query.before = Some(expected[1]);
        query.limit = 9;
        assert_eq!(list_deliveries(&world, &query).await, expected[2..]);
        let mut all: Vec<_> = world
            .store
            .deliveries_of(world.tenant(), &[event.id])
            .await
            .unwrap()
            .into_iter()
            .map(|delivery| delivery.id)
            .collect();
        all.sort_unstable();
        all.reverse();
        assert_eq!(all, expected);
        let unknown = world.event().id;
        let asked = [unknown, event.id, unknown];
        let counts = world.store.delivery_counts(world.tenant(), &asked).await.unwrap();
        assert_eq!(counts.len(), 3);
        assert!(counts[0].by_state.is_empty() && counts[2].by_state.is_empty());
        let mut counts = counts[1].by_state.clone();
        counts.sort_unstable();
        assert_eq!(counts, [
            (DeliveryState::InFlight, 3),
            (DeliveryState::Succeeded, 1),
            (DeliveryState::Suppressed, 1),
        ]);
    }

    async fn attempts_are_listed_in_their_order_and_the_last_is_known(engine) {
        let world = World::new(engine).await;
        let delivery = world.publish(DeliveryState::InFlight).await;
        let single = world.publish(DeliveryState::InFlight).await;
        let later = world.now + HOUR;
        let untried = world.publish_with(|d| d.due = later, DeliveryState::Waiting).await;
        for number in 1..=4 {
            let mut record = record(&delivery, Outcome::Timeout);
            record.key.number = number;
            let retry = DeliveryTransition::Retry { due: world.now, failures: number };
            assert_eq!(world.conclude(record, retry).await, ConclusionOutcome::Applied);
            if number < 4 {
                assert_eq!(world.claim_due(1).await.len(), 1);
            }
        }
        world.succeed(&single).await;
        let numbers = async |after, limit| -> Vec<u32> {
            let listed = world.store.list_attempts(world.tenant(), delivery.id, after, limit);
            listed.await.unwrap().iter().map(|listed| listed.record.key.number).collect()
        };
        assert_eq!(numbers(0, 3).await, [1, 2, 3]);
        assert_eq!(numbers(3, 3).await, [4]);
        let asked = [untried.id, delivery.id, single.id];
        let mut last = world.store.last_attempts(world.tenant(), &asked).await.unwrap();
        last.sort_by_key(|record| record.key);
        let keys: Vec<_> = last.iter().map(|r| (r.key.delivery, r.key.number)).collect();
        assert_eq!(keys, [(delivery.id, 4), (single.id, 1)]);
        assert_eq!(last[1].response_body, record(&single, Outcome::Succeeded).response_body);
        assert!(world.store.last_attempts(world.tenant(), &[]).await.unwrap().is_empty());
    }

    async fn attempts_are_counted_by_hour_outcome_and_duration(engine) {
        let world = World::new(engine).await;
        let (fast, slow) = (Duration::from_millis(5), Duration::from_secs(9));
        for (outcome, total) in [
            (Outcome::Succeeded, fast),
            (Outcome::Succeeded, fast),
            (Outcome::Succeeded, slow),
            (Outcome::Timeout, slow),
        ] {
            let delivery = world.publish(DeliveryState::InFlight).await;
            let mut record = record(&delivery, outcome);
            record.timings.total = total;
            assert_eq!(world.conclude(record.clone(), SUCCESS).await, ConclusionOutcome::Applied);
            // What is not applied is not counted.
            assert_eq!(world.conclude(record, SUCCESS).await, ConclusionOutcome::NotCurrent);
        }
        let late = world.publish_with(|d| d.attempts = 2, DeliveryState::InFlight).await;
        let mut late = record(&late, Outcome::Succeeded);
        (late.key.number, late.timings.total) = (1, fast);
        world.store.conclude_late(&late, world.now).await.unwrap();
        let micros = world.now.as_micros();
        let hour = Timestamp::from_micros(micros - micros.rem_euclid(3_600_000_000));
        let row = |outcome, total, count| {
            StatsRow { hour, outcome, bucket: latency_bucket(total), count }
        };
        let mut rows = world.store.stats(&world.key, world.now - HOUR).await.unwrap();
        rows.sort_by_key(|row| (row.outcome, row.bucket));
        assert_eq!(rows, [
            row(Outcome::Succeeded, fast, 3),
            row(Outcome::Succeeded, slow, 1),
            row(Outcome::Timeout, slow, 1),
            // What the late success left under way.
            row(Outcome::Unknown, Duration::ZERO, 1),
        ]);
        assert!(world.store.stats(&world.key, world.now + HOUR).await.unwrap().is_empty());
        let other = World::named(engine, "other", "hook").await;
        assert!(world.store.stats(&other.key, world.now - HOUR).await.unwrap().is_empty());
    }

    async fn an_unknown_that_is_replaced_is_no_longer_counted(engine) {
        let world = World::new(engine).await;
        let delivery = world.publish(DeliveryState::InFlight).await;
        let retry = DeliveryTransition::Retry { due: world.now, failures: 0 };
        world.conclude(record(&delivery, Outcome::Unknown), retry).await;
        let result = record(&delivery, Outcome::Succeeded);
        world.store.conclude_late(&result, world.now).await.unwrap();
        let rows = world.store.stats(&world.key, world.now - HOUR).await.unwrap();
        let counted: Vec<_> = rows.iter().filter(|row| row.count > 0).collect();
        assert_eq!(counted.len(), 1, "{rows:?}");
        assert_eq!((counted[0].outcome, counted[0].count), (Outcome::Succeeded, 1));
    }
}

fn events(world: &World) -> EventQuery {
    EventQuery { with_payload: true, ..EventQuery::newest(world.tenant(), 100) }
}

async fn list_events(world: &World, query: &EventQuery) -> Vec<EventId> {
    world.store.list_events(query).await.unwrap().iter().map(|listed| listed.event.id).collect()
}

async fn list_deliveries(world: &World, query: &DeliveryQuery) -> Vec<DeliveryId> {
    world.store.list_deliveries(query).await.unwrap().iter().map(|delivery| delivery.id).collect()
}
