//! Attempts that ended their deliveries beside all others: nobody can tell where an engine
//! keeps them.

use postrider_domain::delivery::{
    AttemptRecord, Delivery, DeliveryState, DeliveryStatus, DeliveryTransition, EndReason,
    LateRecord, LateResult, Outcome, Trigger,
};
use postrider_domain::ids::{AttemptKey, DeliveryId};
use postrider_domain::time::Timestamp;
use postrider_store::{
    AttemptPosition, AttemptQuery, Conclusion, ConclusionOutcome, ExpungeBatch, OperationStep,
};

use crate::engine::conformance;
use crate::fixture::{HOUR, SECOND, SUCCESS, World, audit, record, without_owner};
use crate::operations::{begin, step};
use crate::tail::await_all;

const EXHAUSTED: DeliveryTransition = DeliveryTransition::End {
    state: DeliveryState::Exhausted,
    reason: Some(EndReason::AttemptsExhausted),
};

/// Of history, an attempt that some time recorded.
type Recorded = (AttemptPosition, Outcome);

/// Attempts of every kind, newest first: of deliveries that went on and of such that ended,
/// with several of both recorded at one time.
async fn mixed(world: &World) -> Vec<Recorded> {
    let mut made = Vec::new();
    for round in 0..4_u32 {
        let at = world.now + round * SECOND;
        let mut batch = Vec::new();
        for n in 0..3 {
            let delivery = world.publish(DeliveryState::InFlight).await;
            let (outcome, transition) = match n {
                0 => (Outcome::Succeeded, SUCCESS),
                1 => (Outcome::Timeout, EXHAUSTED),
                _ => {
                    (Outcome::HttpStatus, DeliveryTransition::Retry { due: at + HOUR, failures: 1 })
                }
            };
            batch.push(Conclusion::new(&delivery, record(&delivery, outcome), transition));
        }
        let answers = world.store.conclude(&batch, at).await.unwrap();
        assert_eq!(answers, [ConclusionOutcome::Applied; 3]);
        made.extend(batch.iter().map(|item| position(&item.record, at)));
        let cancelled = world.publish(DeliveryState::InFlight).await;
        let reason = EndReason::CancelledByCaller;
        world.store.cancel(world.tenant(), cancelled.id, reason, at, audit()).await.unwrap();
        made.push(position(&record(&cancelled, Outcome::Unknown), at));
        // Nobody tried it.
        world.publish(DeliveryState::Suppressed).await;
    }
    made.sort_unstable_by_key(|(position, _)| std::cmp::Reverse(*position));
    made
}

fn position(record: &AttemptRecord, record_time: Timestamp) -> Recorded {
    let AttemptKey { delivery, number } = record.key;
    (AttemptPosition { record_time, delivery, number }, record.outcome)
}

/// All pages of a list.
async fn pages(world: &World, mut query: AttemptQuery) -> Vec<Recorded> {
    let mut listed: Vec<Recorded> = Vec::new();
    loop {
        let page = world.store.find_attempts(&query).await.unwrap();
        assert!(page.attempts.len() <= query.limit as usize);
        let found = page.attempts.iter();
        listed.extend(found.map(|attempt| position(&attempt.record, attempt.record_time)));
        let Some(next) = page.next else { return listed };
        assert!(query.before.is_none_or(|before| next < before), "it does not go on");
        query.before = Some(next);
    }
}

/// What history has of a delivery's attempts.
async fn outcomes(world: &World, id: DeliveryId) -> Vec<(u32, Outcome)> {
    let listed = world.store.list_attempts(world.tenant(), id, 0, 99).await.unwrap();
    listed.iter().map(|listed| (listed.record.key.number, listed.record.outcome)).collect()
}

/// Every attempt that is counted.
async fn counted(world: &World) -> u64 {
    let rows = world.store.stats(&world.key, world.now - HOUR).await.unwrap();
    rows.iter().map(|row| row.count).sum()
}

conformance! {
    async fn a_list_has_them_in_their_places(engine) {
        let world = World::new(engine).await;
        let made = mixed(&world).await;
        let newest = AttemptQuery::newest(world.tenant(), 100);
        for limit in 1..=17 {
            let query = AttemptQuery { limit, ..newest.clone() };
            assert_eq!(pages(&world, query).await, made, "{limit}");
        }
        for outcome in [Outcome::Succeeded, Outcome::Timeout, Outcome::HttpStatus, Outcome::Unknown] {
            let wanted: Vec<_> = made.iter().filter(|(_, of)| *of == outcome).copied().collect();
            assert_eq!(wanted.len(), 4);
            // A scan that ends among those of one time would look at them again.
            for (limit, scan) in [(1, 5), (2, 100), (100, 6)] {
                let outcomes = vec![outcome];
                let query = AttemptQuery { outcomes, limit, scan, ..newest.clone() };
                assert_eq!(pages(&world, query).await, wanted, "{outcome:?} {limit} {scan}");
            }
        }
        let of = |query: AttemptQuery| pages(&world, query);
        let answered: Vec<_> =
            made.iter().filter(|(_, of)| *of == Outcome::Succeeded).copied().collect();
        assert_eq!(of(AttemptQuery { http_status: 200..=200, ..newest.clone() }).await, answered);
        let silent: Vec<_> =
            made.iter().filter(|(_, of)| *of == Outcome::Unknown).copied().collect();
        assert_eq!(of(AttemptQuery { http_status: 0..=0, ..newest.clone() }).await, silent);
        assert!(of(AttemptQuery { test: Some(true), ..newest.clone() }).await.is_empty());
        let subscription = Some("other".parse().unwrap());
        assert!(of(AttemptQuery { subscription, ..newest }).await.is_empty());
    }

    async fn the_tail_has_them_in_the_order_of_their_commits(engine) {
        let world = World::new(engine).await;
        let start = engine.store.tail_position().await.unwrap();
        let made = mixed(&world).await;
        let (seen, position) = await_all(engine, start, made.len()).await;
        assert_eq!(seen.len(), made.len());
        // A round after the other.
        let round = |key: &AttemptKey| {
            let of_key = |(position, _): &&Recorded| position.delivery == key.delivery;
            made.iter().find(of_key).map(|(position, _)| position.record_time)
        };
        assert!(seen.is_sorted_by_key(round), "{seen:?}");
        assert!(engine.store.tail(position, 9).await.unwrap().attempts.is_empty());
    }

    async fn the_last_of_several_is_among_them(engine) {
        let world = World::new(engine).await;
        let delivery = world.publish(DeliveryState::InFlight).await;
        let retry = DeliveryTransition::Retry { due: world.now, failures: 1 };
        world.conclude(record(&delivery, Outcome::Timeout), retry).await;
        let again = world.claim_due(1).await.remove(0).delivery;
        let last = record(&again, Outcome::Succeeded);
        assert_eq!(world.conclude(last.clone(), SUCCESS).await, ConclusionOutcome::Applied);
        let (store, tenant, id) = (&world.store, world.tenant(), delivery.id);
        let numbers = async |after, limit| -> Vec<u32> {
            let listed = store.list_attempts(tenant, id, after, limit).await.unwrap();
            listed.iter().map(|listed| listed.record.key.number).collect()
        };
        assert_eq!(numbers(0, 9).await, [1, 2]);
        assert_eq!(numbers(0, 1).await, [1]);
        assert_eq!(numbers(1, 9).await, [2]);
        assert!(numbers(2, 9).await.is_empty());
        assert_eq!(store.last_attempts(tenant, &[id]).await.unwrap(), [last]);
        let key = |number| AttemptKey { delivery: id, number };
        let asked = [key(1), key(2), key(3)];
        let mut found = store.recorded_results(tenant, &asked).await.unwrap();
        found.sort_unstable();
        assert_eq!(found, asked[..2]);
        assert_eq!(counted(&world).await, 2);
    }

    /// All of it is as it was before the attempt, whoever wrote it down.
    async fn a_delivery_that_ends_keeps_all_else(engine) {
        let world = World::new(engine).await;
        let resend_of = Some(world.publish(DeliveryState::Suppressed).await.id);
        for (n, ordering_key) in [(1, None), (2, Some("an order".to_owned()))] {
            let change = |delivery: &mut Delivery| {
                delivery.account = ordering_key.as_ref().map(|_| "someone".to_owned());
                (delivery.attempts, delivery.failures) = (n, n + 3);
                (delivery.due, delivery.deadline) = (world.now + SECOND, world.now + HOUR);
                (delivery.sequence, delivery.trigger) = (Some(77), Trigger::Manual);
                (delivery.resend_of, delivery.filter_failed) = (resend_of, n == 2);
                delivery.ordering_key.clone_from(&ordering_key);
            };
            let delivery = world.publish_with(change, DeliveryState::InFlight).await;
            let result = record(&delivery, Outcome::Timeout);
            assert_eq!(world.conclude(result.clone(), EXHAUSTED).await, ConclusionOutcome::Applied);
            let ended = Delivery {
                state: DeliveryState::Exhausted,
                end_reason: Some(EndReason::AttemptsExhausted),
                end_time: Some(world.now + SECOND),
                ..without_owner(&delivery)
            };
            assert_eq!(world.get(delivery.id).await, Some(ended));
            let listed = world.store.list_attempts(world.tenant(), delivery.id, 0, 9).await.unwrap();
            assert_eq!(listed.len(), 1);
            assert_eq!((&listed[0].record, listed[0].record_time), (&result, world.now + SECOND));
        }
    }

    async fn a_late_result_replaces_one_that_was_unknown(engine) {
        let world = World::new(engine).await;
        let delivery = world.publish(DeliveryState::InFlight).await;
        let start = engine.store.tail_position().await.unwrap();
        let unknown = record(&delivery, Outcome::Unknown);
        assert_eq!(world.conclude(unknown, EXHAUSTED).await, ConclusionOutcome::Applied);
        let (_, position) = await_all(engine, start, 1).await;
        let result = record(&delivery, Outcome::HttpStatus);
        let late = world.store.conclude_late(&result, world.now + HOUR).await.unwrap();
        assert_eq!(late, LateResult { record: LateRecord::ReplaceUnknown, succeeds: false });
        assert_eq!(outcomes(&world, delivery.id).await, [(1, Outcome::HttpStatus)]);
        assert_eq!(world.get(delivery.id).await.unwrap().state, DeliveryState::Exhausted);
        let page = world.store.find_attempts(&AttemptQuery::newest(world.tenant(), 9)).await.unwrap();
        assert_eq!(page.attempts.len(), 1);
        assert_eq!(page.attempts[0].record_time, world.now + HOUR);
        assert_eq!(counted(&world).await, 1);
        // The tail shows it again, once.
        let (seen, position) = await_all(engine, position, 1).await;
        assert_eq!(seen, [result.key]);
        assert!(engine.store.tail(position, 9).await.unwrap().attempts.is_empty());
        let again = world.store.conclude_late(&result, world.now + HOUR).await.unwrap();
        assert_eq!(again, LateResult { record: LateRecord::Ignore, succeeds: false });
    }

    /// What an attempt says of its delivery is of its own time, whatever becomes of that.
    async fn a_late_success_leaves_what_ended_the_delivery_before(engine) {
        let world = World::new(engine).await;
        let start = engine.store.tail_position().await.unwrap();
        let delivery = world.publish_with(|d| d.attempts = 2, DeliveryState::InFlight).await;
        let failed = record(&delivery, Outcome::Timeout);
        assert_eq!(world.conclude(failed.clone(), EXHAUSTED).await, ConclusionOutcome::Applied);
        let before = world.store.list_attempts(world.tenant(), delivery.id, 0, 9).await.unwrap();
        let (seen, position) = await_all(engine, start, 1).await;
        assert_eq!(seen, [failed.key]);
        let mut success = record(&delivery, Outcome::Succeeded);
        success.key.number = 1;
        let late = world.store.conclude_late(&success, world.now + HOUR).await.unwrap();
        assert_eq!(late, LateResult { record: LateRecord::Insert, succeeds: true });
        let ended = world.get(delivery.id).await.unwrap();
        assert_eq!((ended.state, ended.attempts), (DeliveryState::Succeeded, 2));
        assert_eq!(ended.end_time, Some(world.now + HOUR));
        let expected = [(1, Outcome::Succeeded), (2, Outcome::Timeout)];
        assert_eq!(outcomes(&world, delivery.id).await, expected);
        let after = world.store.list_attempts(world.tenant(), delivery.id, 1, 9).await.unwrap();
        assert_eq!(after, before);
        // It is not shown again, and from the beginning it stands as it stood.
        assert_eq!(await_all(engine, position, 1).await.0, [success.key]);
        let whole = engine.store.tail(start, 9).await.unwrap().attempts;
        let stood: Vec<_> = whole.iter().map(|attempt| attempt.delivery).collect();
        let (state, end_reason) = (DeliveryState::Exhausted, Some(EndReason::AttemptsExhausted));
        let exhausted = DeliveryStatus { state, end_reason };
        assert_eq!(stood, [Some(exhausted), Some(DeliveryStatus::SUCCEEDED)]);
        assert_eq!(counted(&world).await, 2);
    }

    async fn a_late_result_above_it_leaves_its_number(engine) {
        let world = World::new(engine).await;
        let delivery = world.publish(DeliveryState::InFlight).await;
        world.succeed(&delivery).await;
        let mut later = record(&delivery, Outcome::Timeout);
        later.key.number = 3;
        world.store.conclude_late(&later, world.now + HOUR).await.unwrap();
        assert_eq!(world.get(delivery.id).await.unwrap().attempts, 3);
        let expected = [(1, Outcome::Succeeded), (3, Outcome::Timeout)];
        assert_eq!(outcomes(&world, delivery.id).await, expected);
        let last = world.store.last_attempts(world.tenant(), &[delivery.id]).await.unwrap();
        assert_eq!(last, [later]);
    }

    async fn what_a_receiver_answered_goes_wherever_the_attempt_is(engine) {
        let world = World::new(engine).await;
        let delivery = world.publish(DeliveryState::InFlight).await;
        let retry = DeliveryTransition::Retry { due: world.now, failures: 1 };
        world.conclude(record(&delivery, Outcome::HttpStatus), retry).await;
        let again = world.claim_due(1).await.remove(0).delivery;
        world.conclude(record(&again, Outcome::Timeout), EXHAUSTED).await;
        let begun = begin(&world).await;
        let expunged = ExpungeBatch { events: vec![delivery.event], ..ExpungeBatch::default() };
        let expunge = OperationStep { expunged, ..step(&begun, 0) };
        world.store.step_operation(&expunge, world.now + HOUR).await.unwrap().unwrap();
        let kept = world.store.list_attempts(world.tenant(), delivery.id, 0, 9).await.unwrap();
        assert_eq!(kept.len(), 2);
        for attempt in kept {
            assert!(attempt.record.response_body.is_empty(), "{attempt:?}");
            assert!(attempt.record.response_headers.is_empty(), "{attempt:?}");
            assert_eq!(attempt.record.response_body_bytes, 14);
        }
    }
}
