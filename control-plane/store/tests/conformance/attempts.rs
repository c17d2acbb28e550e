//! Lists of a tenant's attempts, and which of them have a result.

use postrider_domain::delivery::{Delivery, DeliveryState, DeliveryTransition, Outcome};
use postrider_domain::ids::AttemptKey;
use postrider_domain::time::Timestamp;
use postrider_store::{AttemptQuery, Conclusion, ConclusionOutcome, TimeRange};

use crate::engine::conformance;
use crate::fixture::{SECOND, SUCCESS, World, record};

conformance! {
    async fn attempts_of_a_tenant_are_listed_last_first_and_paged(engine) {
        let world = World::new(engine).await;
        let mut made = Vec::new();
        // Three groups of results, each recorded at one time.
        for group in 0..3_u32 {
            let mut batch = Vec::new();
            for _ in 0..3 {
                batch.push(world.publish(DeliveryState::InFlight).await);
            }
            conclude(&world, &batch, world.now + group * SECOND).await;
            batch.sort_by_key(|delivery| delivery.id);
            made.extend(batch.iter().map(Delivery::current_attempt));
        }
        made.reverse();
        let other = World::named(engine, "other", "hook").await;
        let stranger = other.publish(DeliveryState::InFlight).await;
        other.succeed(&stranger).await;
        for limit in 1..=10 {
            assert_eq!(all(&world, AttemptQuery { limit, ..newest(&world) }).await, made, "{limit}");
        }
        let whole = world.store.find_attempts(&newest(&world)).await.unwrap();
        assert_eq!(whole.next, None);
        let first = whole.attempts.first().unwrap();
        assert_eq!(first.record_time, world.now + 2 * SECOND);
        let one = world.store.list_attempts(world.tenant(), first.record.key.delivery, 0, 9).await;
        assert_eq!(one.unwrap(), std::slice::from_ref(first));
    }

    async fn an_attempt_keeps_the_revision_that_its_request_was_made_with(engine) {
        let world = World::new(engine).await;
        let known = world.publish(DeliveryState::InFlight).await;
        let late = world.publish(DeliveryState::InFlight).await;
        for revision in [None, Some(i64::MAX)] {
            let mut result = record(&known, Outcome::Succeeded);
            result.key.number = 2;
            result.settings_revision = revision;
            if revision.is_none() {
                result.outcome = Outcome::Unknown;
                result.key.number = 1;
            }
            world.store.conclude_late(&result, world.now).await.unwrap();
        }
        let revisions = async |delivery: &Delivery| {
            let listed = world.store.list_attempts(world.tenant(), delivery.id, 0, 9).await;
            let listed = listed.unwrap();
            listed.iter().map(|attempt| attempt.record.settings_revision).collect::<Vec<_>>()
        };
        assert_eq!(revisions(&known).await, [None, Some(i64::MAX)]);
        let mut result = record(&late, Outcome::HttpStatus);
        result.settings_revision = Some(7);
        let retry = DeliveryTransition::Retry { due: world.now, failures: 1 };
        let batch = [Conclusion::new(&late, result, retry)];
        assert_eq!(world.store.conclude(&batch, world.now).await.unwrap(), [ConclusionOutcome::Applied]);
        assert_eq!(revisions(&late).await, [Some(7)]);
        let tail = world.store.find_attempts(&newest(&world)).await.unwrap().attempts;
        assert!(tail.iter().any(|attempt| attempt.record.settings_revision == Some(7)));
    }

    async fn a_retry_is_listed_after_the_attempts_that_were_recorded_before_it(engine) {
        let world = World::new(engine).await;
        let retried = world.publish(DeliveryState::InFlight).await;
        let later = world.publish(DeliveryState::InFlight).await;
        let retry = DeliveryTransition::Retry { due: world.now, failures: 1 };
        let failed = Conclusion::new(&retried, record(&retried, Outcome::Timeout), retry);
        let at = |seconds: u32| world.now + seconds * SECOND;
        assert_eq!(world.store.conclude(&[failed], at(1)).await.unwrap(), [ConclusionOutcome::Applied]);
        conclude(&world, std::slice::from_ref(&later), at(2)).await;
        let again = world.claim_due(1).await.remove(0).delivery;
        conclude(&world, std::slice::from_ref(&again), at(3)).await;
        let second = AttemptKey { delivery: retried.id, number: 2 };
        let first = AttemptKey { delivery: retried.id, number: 1 };
        let expected = [second, later.current_attempt(), first];
        assert_eq!(all(&world, newest(&world)).await, expected);
    }

    async fn attempts_are_filtered(engine) {
        let world = World::new(engine).await;
        let Mixed { plain, elsewhere, typed, test, silent, refused } = Mixed::new(&world).await;
        let base = newest(&world);
        let times = |from: Option<u32>, until: Option<u32>| {
            let at = |seconds: u32| world.now + seconds * SECOND;
            TimeRange { from: from.map(at), until: until.map(at) }
        };
        let outcomes = |outcomes: &[Outcome]| AttemptQuery {
            outcomes: outcomes.to_vec(),
            ..base.clone()
        };
        for (query, expected) in [
            (
                AttemptQuery {
                    subscription: Some(elsewhere.subscription.subscription.clone()),
                    ..base.clone()
                },
                vec![&elsewhere],
            ),
            (
                AttemptQuery { event_type: Some("order.placed".to_owned()), ..base.clone() },
                vec![&typed],
            ),
            (AttemptQuery { test: Some(true), ..base.clone() }, vec![&test]),
            (
                AttemptQuery { test: Some(false), ..base.clone() },
                vec![&refused, &silent, &typed, &elsewhere, &plain],
            ),
            (outcomes(&[Outcome::Timeout, Outcome::HttpStatus]), vec![&refused, &silent]),
            (AttemptQuery { http_status: 500..=599, ..base.clone() }, vec![&refused]),
            (AttemptQuery { http_status: 0..=0, ..base.clone() }, vec![&silent]),
            (AttemptQuery { http_status: 201..=u16::MAX, ..base.clone() }, vec![&refused, &elsewhere]),
            (
                AttemptQuery { recorded: times(Some(1), Some(3)), ..base.clone() },
                vec![&typed, &elsewhere],
            ),
            (AttemptQuery { recorded: times(Some(5), None), ..base.clone() }, vec![&refused]),
            (AttemptQuery { recorded: times(None, Some(0)), ..base.clone() }, vec![]),
            (
                AttemptQuery {
                    recorded: times(None, Some(4)),
                    http_status: 200..=200,
                    test: Some(false),
                    ..base.clone()
                },
                vec![&typed, &plain],
            ),
        ] {
            let expected: Vec<_> = expected.into_iter().map(Delivery::current_attempt).collect();
            for limit in [1, 2, 100] {
                let query = AttemptQuery { limit, ..query.clone() };
                assert_eq!(all(&world, query.clone()).await, expected, "{query:?}");
            }
        }
    }

    async fn a_list_of_which_little_matches_goes_on_after_a_bounded_scan(engine) {
        let world = World::new(engine).await;
        let mut made = Vec::new();
        for n in 0..10_u32 {
            let delivery = world.publish(DeliveryState::InFlight).await;
            conclude(&world, std::slice::from_ref(&delivery), world.now + n * SECOND).await;
            made.push(delivery.current_attempt());
        }
        let nothing = AttemptQuery {
            outcomes: vec![Outcome::Timeout],
            limit: 5,
            scan: 4,
            ..newest(&world)
        };
        let first = world.store.find_attempts(&nothing).await.unwrap();
        assert!(first.attempts.is_empty());
        let next = first.next.expect("the history goes on");
        // The fifth of ten, which has been looked at.
        assert_eq!(next.record_time, world.now + 5 * SECOND);
        assert_eq!(all(&world, nothing).await, []);
        made.reverse();
        let some = AttemptQuery { test: Some(false), limit: 3, scan: 4, ..newest(&world) };
        assert_eq!(all(&world, some).await, made);
    }

    async fn results_are_known_of_attempts_that_have_one(engine) {
        let world = World::new(engine).await;
        let tried = world.publish(DeliveryState::InFlight).await;
        let ended = world.publish(DeliveryState::InFlight).await;
        let untried = world.publish(DeliveryState::InFlight).await;
        for (number, outcome) in [(1, Outcome::Timeout), (2, Outcome::Unknown)] {
            let mut record = record(&tried, outcome);
            record.key.number = number;
            let retry = DeliveryTransition::Retry { due: world.now, failures: number };
            assert_eq!(world.conclude(record, retry).await, ConclusionOutcome::Applied);
            assert_eq!(world.claim_due(1).await.len(), 1);
        }
        world.succeed(&ended).await;
        let key = |delivery: &Delivery, number| AttemptKey { delivery: delivery.id, number };
        let asked = [
            key(&tried, 1),
            key(&tried, 2),
            key(&tried, 3),
            key(&untried, 1),
            key(&ended, 1),
            key(&ended, 2),
        ];
        let mut found = world.store.recorded_results(world.tenant(), &asked).await.unwrap();
        found.sort_unstable();
        // What is not known is no result, and a later attempt hides no earlier one.
        let mut expected = [key(&tried, 1), key(&ended, 1)];
        expected.sort_unstable();
        assert_eq!(found, expected);
        let other = "nobody".parse().unwrap();
        assert!(world.store.recorded_results(&other, &asked).await.unwrap().is_empty());
        assert!(world.store.recorded_results(world.tenant(), &[]).await.unwrap().is_empty());
    }

    async fn an_unknown_that_is_replaced_is_listed_once(engine) {
        let world = World::new(engine).await;
        let delivery = world.publish(DeliveryState::InFlight).await;
        let retry = DeliveryTransition::Retry { due: world.now, failures: 0 };
        world.conclude(record(&delivery, Outcome::Unknown), retry).await;
        let result = record(&delivery, Outcome::Succeeded);
        let later = world.now + 5 * SECOND;
        world.store.conclude_late(&result, later).await.unwrap();
        let page = world.store.find_attempts(&newest(&world)).await.unwrap();
        let seen: Vec<_> =
            page.attempts.iter().map(|attempt| (attempt.record.outcome, attempt.record_time)).collect();
        assert_eq!(seen, [(Outcome::Succeeded, later)]);
    }
}

fn newest(world: &World) -> AttemptQuery {
    AttemptQuery::newest(world.tenant(), 100)
}

/// Concludes the current attempt of each with a success, recorded at one time.
async fn conclude(world: &World, deliveries: &[Delivery], now: Timestamp) {
    let succeeded = |delivery: &Delivery| {
        Conclusion::new(delivery, record(delivery, Outcome::Succeeded), SUCCESS)
    };
    let batch: Vec<_> = deliveries.iter().map(succeeded).collect();
    let answers = world.store.conclude(&batch, now).await.unwrap();
    assert!(answers.iter().all(|answer| *answer == ConclusionOutcome::Applied));
}

/// All pages of a list.
async fn all(world: &World, mut query: AttemptQuery) -> Vec<AttemptKey> {
    let mut listed: Vec<AttemptKey> = Vec::new();
    loop {
        let page = world.store.find_attempts(&query).await.unwrap();
        assert!(page.attempts.len() <= query.limit as usize);
        listed.extend(page.attempts.iter().map(|attempt| attempt.record.key));
        let Some(next) = page.next else { return listed };
        assert!(query.before.is_none_or(|before| next < before), "it does not go on");
        query.before = Some(next);
    }
}

/// Attempts of every kind, recorded a second apart, in this order.
struct Mixed {
    plain: Delivery,
    elsewhere: Delivery,
    typed: Delivery,
    test: Delivery,
    silent: Delivery,
    refused: Delivery,
}

impl Mixed {
    async fn new(world: &World) -> Self {
        let flying = DeliveryState::InFlight;
        let second = "second".parse().unwrap();
        let plain = world.publish(flying).await;
        let elsewhere = |d: &mut Delivery| d.subscription.subscription = second;
        let elsewhere = world.publish_with(elsewhere, flying).await;
        let typed = |d: &mut Delivery| d.event_type = "order.placed".to_owned();
        let typed = world.publish_with(typed, flying).await;
        let test = world.publish_with(|d| d.test = true, flying).await;
        let silent = world.publish(flying).await;
        let refused = world.publish(flying).await;
        for (n, (delivery, outcome, status)) in (0_u32..).zip([
            (&plain, Outcome::Succeeded, Some(200)),
            (&elsewhere, Outcome::Succeeded, Some(204)),
            (&typed, Outcome::Succeeded, Some(200)),
            (&test, Outcome::Succeeded, Some(200)),
            (&silent, Outcome::Timeout, None),
            (&refused, Outcome::HttpStatus, Some(503)),
        ]) {
            let mut record = record(delivery, outcome);
            record.http_status = status;
            record.test = delivery.test;
            let at = world.now + n * SECOND;
            let batch = [Conclusion::new(delivery, record, SUCCESS)];
            let told = world.store.conclude(&batch, at).await.unwrap();
            assert_eq!(told, [ConclusionOutcome::Applied]);
        }
        Self { plain, elsewhere, typed, test, silent, refused }
    }
}
