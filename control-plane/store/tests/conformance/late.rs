//! What results make of deliveries, in time and late (invariant `any-success-counts`).
//!
//! Shows the invariant `bad-row-isolated`.

use postrider_domain::delivery::{
    AttemptRecord, Delivery, DeliveryState, DeliveryTransition, EndReason, LateRecord, LateResult,
    Outcome, Trigger,
};
use postrider_domain::ids::AttemptKey;
use postrider_domain::time::Timestamp;
use postrider_store::{Conclusion, ConclusionOutcome, StoreError};

use crate::engine::conformance;
use crate::fixture::{HOUR, SECOND, SUCCESS, World, record, without_owner};

const EXHAUSTED: DeliveryTransition = DeliveryTransition::End {
    state: DeliveryState::Exhausted,
    reason: Some(EndReason::AttemptsExhausted),
};

conformance! {
    async fn a_success_ends_its_delivery(engine) {
        let world = World::new(engine).await;
        let delivery = world.publish(DeliveryState::InFlight).await;
        let record = record(&delivery, Outcome::Succeeded);
        assert_eq!(world.conclude(record.clone(), SUCCESS).await, ConclusionOutcome::Applied);
        let ended = Delivery {
            state: DeliveryState::Succeeded,
            end_time: Some(world.now + SECOND),
            ..without_owner(&delivery)
        };
        assert_eq!(world.get(delivery.id).await, Some(ended));
        // With the bytes that the receiver sent: NUL, invalid UTF-8 and all.
        assert_eq!(attempts(&world, &delivery).await, vec![record.clone()]);
        assert_eq!(world.conclude(record, SUCCESS).await, ConclusionOutcome::NotCurrent);
        assert_eq!(attempts(&world, &delivery).await.len(), 1);
    }

    async fn a_retry_waits_with_its_failures(engine) {
        let world = World::new(engine).await;
        let delivery = world.publish(DeliveryState::InFlight).await;
        let due = world.now + HOUR;
        let mut record = record(&delivery, Outcome::HttpStatus);
        record.next_attempt_time = Some(due);
        let retry = DeliveryTransition::Retry { due, failures: 1 };
        assert_eq!(world.conclude(record.clone(), retry).await, ConclusionOutcome::Applied);
        let waiting = Delivery {
            state: DeliveryState::Waiting,
            due,
            failures: 1,
            trigger: Trigger::Retry,
            ..delivery.clone()
        };
        assert_eq!(world.get(delivery.id).await, Some(waiting));
        assert_eq!(attempts(&world, &delivery).await, [record]);
    }

    async fn each_of_a_batch_is_judged_alone(engine) {
        let world = World::new(engine).await;
        let mut batch = Vec::new();
        for n in 0..300 {
            let delivery = world.publish(DeliveryState::InFlight).await;
            let mut record = record(&delivery, Outcome::HttpStatus);
            let transition = match n % 3 {
                0 => SUCCESS,
                1 => EXHAUSTED,
                _ => DeliveryTransition::Retry { due: world.now, failures: 1 },
            };
            if n % 5 == 0 {
                record.key.number += 1;
            }
            batch.push(Conclusion::new(&delivery, record, transition));
        }
        let answers = world.store.conclude(&batch, world.now).await.unwrap();
        assert_eq!(answers.len(), batch.len());
        for (n, (item, answer)) in batch.iter().zip(answers).enumerate() {
            let delivery = world.get(item.record.key.delivery).await.unwrap();
            let (expected, state) = match (n % 5, n % 3) {
                (0, _) => (ConclusionOutcome::NotCurrent, DeliveryState::InFlight),
                (_, 0) => (ConclusionOutcome::Applied, DeliveryState::Succeeded),
                (_, 1) => (ConclusionOutcome::Applied, DeliveryState::Exhausted),
                _ => (ConclusionOutcome::Applied, DeliveryState::Waiting),
            };
            assert_eq!((answer, delivery.state), (expected, state), "{n}");
            let recorded = attempts(&world, &delivery).await.len();
            assert_eq!(recorded, usize::from(expected == ConclusionOutcome::Applied), "{n}");
            let reason = (state == DeliveryState::Exhausted).then_some(EndReason::AttemptsExhausted);
            assert_eq!(delivery.end_reason, reason);
        }
        assert!(world.store.conclude(&[], world.now).await.unwrap().is_empty());
    }

    async fn only_the_attempt_in_flight_is_concluded(engine) {
        let world = World::new(engine).await;
        for state in [DeliveryState::Held, DeliveryState::Waiting, DeliveryState::Suppressed] {
            let delivery = world.publish_with(|d| d.attempts = 1, state).await;
            let record = record(&delivery, Outcome::Succeeded);
            assert_eq!(world.conclude(record, SUCCESS).await, ConclusionOutcome::NotCurrent, "{state:?}");
            assert_eq!(world.get(delivery.id).await, Some(delivery.clone()));
            assert!(attempts(&world, &delivery).await.is_empty());
        }
        let unknown = world.delivery(&world.event(), DeliveryState::InFlight);
        let record = record(&unknown, Outcome::Succeeded);
        assert_eq!(world.conclude(record, SUCCESS).await, ConclusionOutcome::NotCurrent);
    }

    async fn an_attempt_of_an_agent_whose_clock_is_wrong_is_recorded(engine) {
        let world = World::new(engine).await;
        let months = 60 * 24 * HOUR;
        for start_time in [world.now - months, world.now + months] {
            let delivery = world.publish(DeliveryState::InFlight).await;
            let record = AttemptRecord { start_time, ..record(&delivery, Outcome::Succeeded) };
            assert_eq!(world.conclude(record.clone(), SUCCESS).await, ConclusionOutcome::Applied);
            let listed = attempts(&world, &delivery).await;
            assert_eq!(listed.len(), 1, "{start_time}");
            assert_eq!(AttemptRecord { start_time, ..listed[0].clone() }, record);
        }
    }

    /// Rule 6.
    async fn a_refused_conclusion_writes_nothing(engine) {
        let world = World::new(engine).await;
        let good = world.publish(DeliveryState::InFlight).await;
        let bad = world.publish(DeliveryState::InFlight).await;
        let conclusion = |delivery: &Delivery, address: &str| {
            let mut record = record(delivery, Outcome::Succeeded);
            record.remote_address = address.to_owned();
            record.error = "a\0b".to_owned();
            Conclusion::new(delivery, record, SUCCESS)
        };
        let batch = [conclusion(&good, "192.0.2.1:443"), conclusion(&bad, "\0")];
        let refused = world.store.conclude(&batch, world.now).await;
        assert!(matches!(refused, Err(StoreError::Rejected(_))), "{refused:?}");
        for delivery in [&good, &bad] {
            assert_eq!(world.get(delivery.id).await.as_ref(), Some(delivery));
            assert!(attempts(&world, delivery).await.is_empty());
        }
        // In the error's text a NUL is replaced.
        let answers = world.store.conclude(&batch[..1], world.now).await.unwrap();
        assert_eq!(answers, [ConclusionOutcome::Applied]);
        assert_eq!(attempts(&world, &good).await[0].error, "a\u{fffd}b");
    }

    async fn a_late_success_ends_what_waits_or_flies_again(engine) {
        let world = World::new(engine).await;
        let second = |d: &mut Delivery| d.attempts = 2;
        for state in [DeliveryState::Waiting, DeliveryState::InFlight, DeliveryState::Held] {
            let delivery = world.publish_with(second, state).await;
            let record = first_attempt(&delivery, Outcome::Succeeded);
            let now = world.now + 2 * SECOND;
            let late = world.store.conclude_late(&record, now).await.unwrap();
            assert_eq!(late, LateResult { record: LateRecord::Insert, succeeds: true });
            let ended = Delivery {
                state: DeliveryState::Succeeded,
                end_time: Some(now),
                ..without_owner(&delivery)
            };
            assert_eq!(world.get(delivery.id).await, Some(ended), "{state:?}");
            let late = LateResult { record: LateRecord::Insert, succeeds: true };
            let mut history = vec![record.clone()];
            // Nobody would find it any more, were its agent and its owner lost.
            history.extend(late.overtaken(&delivery, 1, now));
            assert_eq!(history.len(), 1 + usize::from(state == DeliveryState::InFlight));
            assert_eq!(attempts(&world, &delivery).await, history);
            let again = world.store.conclude_late(&record, now).await.unwrap();
            assert_eq!(again, LateResult { record: LateRecord::Ignore, succeeds: false });
            assert_eq!(attempts(&world, &delivery).await, history);
        }
    }

    async fn what_a_success_left_under_way_counts_once_it_is_known(engine) {
        let world = World::new(engine).await;
        for outcome in [Outcome::Timeout, Outcome::Succeeded, Outcome::Unknown] {
            let delivery =
                world.publish_with(|d| d.attempts = 3, DeliveryState::InFlight).await;
            let success = first_attempt(&delivery, Outcome::Succeeded);
            world.store.conclude_late(&success, world.now + SECOND).await.unwrap();
            let known = outcomes(&world, &delivery).await;
            assert_eq!(known, [Outcome::Succeeded, Outcome::Unknown]);
            let last = record(&delivery, outcome);
            let first = match outcome {
                Outcome::Unknown => LateRecord::Ignore,
                _ => LateRecord::ReplaceUnknown,
            };
            for written in [first, LateRecord::Ignore] {
                let late = world.store.conclude_late(&last, world.now + HOUR).await.unwrap();
                assert_eq!(late, LateResult { record: written, succeeds: false });
                let ended = world.get(delivery.id).await.unwrap();
                assert_eq!((ended.attempts, ended.state), (3, DeliveryState::Succeeded));
                assert_eq!(ended.end_time, Some(world.now + SECOND));
                assert_eq!(outcomes(&world, &delivery).await, [Outcome::Succeeded, outcome]);
            }
        }
    }

    async fn a_late_failure_changes_nothing(engine) {
        let world = World::new(engine).await;
        for state in [DeliveryState::Waiting, DeliveryState::InFlight, DeliveryState::Suppressed] {
            let delivery = world.publish_with(|d| d.attempts = 2, state).await;
            let record = first_attempt(&delivery, Outcome::Timeout);
            let late = world.store.conclude_late(&record, world.now).await.unwrap();
            assert_eq!(late, LateResult { record: LateRecord::Insert, succeeds: false });
            assert_eq!(world.get(delivery.id).await, Some(delivery.clone()));
            assert_eq!(attempts(&world, &delivery).await, [record]);
        }
    }

    async fn after_exhausted_a_success_counts_once_and_after_cancelled_never(engine) {
        let world = World::new(engine).await;
        let end = |state, reason| DeliveryTransition::End { state, reason: Some(reason) };
        for (state, reason, succeeds) in [
            (DeliveryState::Exhausted, EndReason::Expired, true),
            (DeliveryState::Cancelled, EndReason::CancelledByCaller, false),
        ] {
            let delivery = world.publish_with(|d| d.attempts = 2, DeliveryState::InFlight).await;
            let failed = record(&delivery, Outcome::Timeout);
            assert_eq!(world.conclude(failed, end(state, reason)).await, ConclusionOutcome::Applied);
            let success = first_attempt(&delivery, Outcome::Succeeded);
            let late = world.store.conclude_late(&success, world.now + HOUR).await.unwrap();
            assert_eq!(late, LateResult { record: LateRecord::Insert, succeeds });
            let ended = world.get(delivery.id).await.unwrap();
            let expected = match succeeds {
                true => (DeliveryState::Succeeded, None),
                false => (state, Some(reason)),
            };
            assert_eq!((ended.state, ended.end_reason), expected);
            assert_eq!(attempts(&world, &delivery).await.len(), 2);
        }
    }

    async fn a_late_result_replaces_unknown_in_its_place(engine) {
        let world = World::new(engine).await;
        let delivery = world.publish(DeliveryState::InFlight).await;
        let retry = DeliveryTransition::Retry { due: world.now, failures: 0 };
        let mut unknown = record(&delivery, Outcome::Unknown);
        unknown.settings_revision = None;
        assert_eq!(world.conclude(unknown, retry).await, ConclusionOutcome::Applied);
        let failed = first_attempt(&delivery, Outcome::HttpStatus);
        let late = world.store.conclude_late(&failed, world.now).await.unwrap();
        assert_eq!(late, LateResult { record: LateRecord::ReplaceUnknown, succeeds: false });
        assert_eq!(attempts(&world, &delivery).await, vec![failed.clone()]);
        assert_eq!(world.get(delivery.id).await.unwrap().state, DeliveryState::Waiting);
        // A result is not replaced by another one, not even by a success.
        let success = first_attempt(&delivery, Outcome::Succeeded);
        let late = world.store.conclude_late(&success, world.now).await.unwrap();
        assert_eq!(late, LateResult { record: LateRecord::Ignore, succeeds: false });
        assert_eq!(attempts(&world, &delivery).await, [failed]);
    }

    async fn an_attempt_above_the_deliverys_raises_it(engine) {
        let world = World::new(engine).await;
        let delivery = world.publish(DeliveryState::Waiting).await;
        let mut record = record(&delivery, Outcome::Timeout);
        record.key.number = 3;
        world.store.conclude_late(&record, world.now).await.unwrap();
        assert_eq!(world.get(delivery.id).await.unwrap().attempts, 3);
        record.key.number = 2;
        world.store.conclude_late(&record, world.now).await.unwrap();
        assert_eq!(world.get(delivery.id).await.unwrap().attempts, 3);
        record.key.number = 5;
        record.outcome = Outcome::Succeeded;
        world.store.conclude_late(&record, world.now).await.unwrap();
        let ended = world.get(delivery.id).await.unwrap();
        assert_eq!((ended.attempts, ended.state), (5, DeliveryState::Succeeded));
    }

    async fn a_result_whose_delivery_is_gone_is_recorded(engine) {
        let world = World::new(engine).await;
        let gone = world.delivery(&world.event(), DeliveryState::InFlight);
        let record = record(&gone, Outcome::Succeeded);
        let late = world.store.conclude_late(&record, world.now).await.unwrap();
        assert_eq!(late, LateResult { record: LateRecord::Insert, succeeds: false });
        assert_eq!(attempts(&world, &gone).await, [record]);
    }

    async fn results_that_race_are_applied_once(engine) {
        let world = World::new(engine).await;
        let second = engine.second().await;
        for _ in 0..20 {
            let delivery = world.publish(DeliveryState::InFlight).await;
            let record = record(&delivery, Outcome::Succeeded);
            let batch = [Conclusion::new(&delivery, record, SUCCESS)];
            let (one, two) = tokio::join!(
                world.store.conclude(&batch, world.now),
                second.conclude(&batch, world.now)
            );
            let applied = [one.unwrap()[0], two.unwrap()[0]];
            assert!(applied.contains(&ConclusionOutcome::Applied), "{applied:?}");
            assert!(applied.contains(&ConclusionOutcome::NotCurrent), "{applied:?}");
            assert_eq!(attempts(&world, &delivery).await.len(), 1);
        }
        if engine.is_postgres() {
            second.close().await;
        }
    }
}

/// A record of the first attempt, whatever the delivery is at.
fn first_attempt(delivery: &Delivery, outcome: Outcome) -> AttemptRecord {
    let key = AttemptKey { delivery: delivery.id, number: 1 };
    let start_time: Timestamp = delivery.create_time();
    AttemptRecord { key, start_time, ..record(delivery, outcome) }
}

async fn attempts(world: &World, delivery: &Delivery) -> Vec<AttemptRecord> {
    let listed = world.store.list_attempts(world.tenant(), delivery.id, 0, 100).await.unwrap();
    listed.into_iter().map(|attempt| attempt.record).collect()
}

async fn outcomes(world: &World, delivery: &Delivery) -> Vec<Outcome> {
    attempts(world, delivery).await.iter().map(|attempt| attempt.outcome).collect()
}
