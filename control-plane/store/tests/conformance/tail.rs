//! The tail of all attempts, in the order of their commits (rule 17).

use std::time::Duration;

use postrider_domain::delivery::{
    Delivery, DeliveryState, EndReason, Outcome, Standing, Transition,
};
use postrider_domain::ids::AttemptKey;
use sqlx::{Connection, Executor, PgConnection, Row};

use crate::engine::{Engine, conformance};
use crate::fixture::{SECOND, World, record};

conformance! {
    async fn attempts_are_tailed_in_pages_from_a_position(engine) {
        let world = World::new(engine).await;
        let before = world.publish(DeliveryState::InFlight).await;
        world.succeed(&before).await;
        // Until the first is behind it, a position may be before the first.
        let (_, start) = await_all(engine, 0, 1).await;
        assert!(engine.store.tail_position().await.unwrap() >= start);
        assert!(read(engine, start).await.0.is_empty(), "what came before is not shown");
        let mut expected = Vec::new();
        for _ in 0..7 {
            let delivery = world.publish(DeliveryState::InFlight).await;
            world.succeed(&delivery).await;
            expected.push(delivery.current_attempt());
        }
        let (seen, end) = await_all(engine, start, expected.len()).await;
        assert_eq!(seen, expected);
        assert!(end > start);
        assert!(read(engine, end).await.0.is_empty());
        let whole = engine.store.tail(start, 100).await.unwrap().attempts;
        assert_eq!(whole[0].record.response_body, record(&before, Outcome::Succeeded).response_body);
    }

    async fn a_replaced_unknown_is_shown_again(engine) {
        let world = World::new(engine).await;
        let delivery = world.publish(DeliveryState::InFlight).await;
        let retry = Transition::Retry { due: world.now, failures: 0 };
        world.conclude(record(&delivery, Outcome::Unknown), retry).await;
        let (_, position) = await_all(engine, 0, 1).await;
        let result = record(&delivery, Outcome::Succeeded);
        world.store.conclude_late(&result, world.now + SECOND).await.unwrap();
        let (seen, _) = await_all(engine, position, 1).await;
        assert_eq!(seen, [result.key]);
        let page = engine.store.tail(position, 10).await.unwrap();
        assert_eq!(page.attempts.len(), 1);
        assert_eq!(page.attempts[0].record, result);
        let succeeded = Standing { state: DeliveryState::Succeeded, end_reason: None };
        assert_eq!(page.attempts[0].delivery, Some(succeeded));
    }

    /// As it stood when the attempt was concluded, whatever became of it since.
    async fn each_attempt_tells_where_its_delivery_stood(engine) {
        let world = World::new(engine).await;
        let start = engine.store.tail_position().await.unwrap();
        let end = |state, reason| Transition::End { state, reason };
        let exhausted = end(DeliveryState::Exhausted, Some(EndReason::AttemptsExhausted));
        let retry = Transition::Retry { due: world.now, failures: 1 };
        let one = world.publish(DeliveryState::InFlight).await;
        world.conclude(record(&one, Outcome::Timeout), retry).await;
        let claimed = world.claim_due(1).await;
        world.conclude(record(&claimed[0].delivery, Outcome::Timeout), exhausted).await;
        let cancelled = world.publish(DeliveryState::InFlight).await;
        let reason = EndReason::CancelledByCaller;
        world.store.cancel(world.tenant(), cancelled.id, reason, world.now).await.unwrap();
        let gone = world.delivery(&world.event(), DeliveryState::InFlight);
        let waiting = world.publish_with(|d| d.attempts = 2, DeliveryState::Waiting).await;
        let first = Delivery { attempts: 1, ..waiting.clone() };
        for (late, outcome) in [
            (&cancelled, Outcome::Succeeded),
            (&gone, Outcome::Succeeded),
            (&first, Outcome::Timeout),
            (&waiting, Outcome::Succeeded),
        ] {
            let late = record(late, outcome);
            world.store.conclude_late(&late, world.now).await.unwrap();
        }
        await_all(engine, start, 6).await;
        let seen = engine.store.tail(start, 9).await.unwrap().attempts;
        let stood: Vec<_> = seen.iter().map(|attempt| attempt.delivery).collect();
        let standing = |state, end_reason| Some(Standing { state, end_reason });
        assert_eq!(stood, [
            standing(DeliveryState::Waiting, None),
            standing(DeliveryState::Exhausted, Some(EndReason::AttemptsExhausted)),
            standing(DeliveryState::Cancelled, Some(reason)),
            None,
            standing(DeliveryState::Waiting, None),
            standing(DeliveryState::Succeeded, None),
        ]);
    }

    /// What commits behind a transaction that is still open waits for it.
    async fn a_transaction_that_is_open_holds_the_tail_back(engine) {
        let world = World::new(engine).await;
        let start = engine.store.tail_position().await.unwrap();
        if !engine.is_postgres() {
            // There is one writer: an open transaction holds back the next itself.
            return;
        }
        let mut other = PgConnection::connect(&engine.url).await.unwrap();
        let mut open = other.begin().await.unwrap();
        let row = open.fetch_one("SELECT pg_current_xact_id()::text::bigint AS xid").await.unwrap();
        let xid: i64 = row.get("xid");
        let delivery = world.publish(DeliveryState::InFlight).await;
        world.succeed(&delivery).await;
        let (seen, held) = read(engine, start).await;
        assert!(seen.is_empty(), "an older transaction may still commit before it");
        assert!(held < xid, "the position went past a transaction that is open");
        open.commit().await.unwrap();
        let (seen, _) = await_all(engine, held, 1).await;
        assert_eq!(seen, [delivery.current_attempt()]);
        other.close().await.unwrap();
    }

    async fn no_attempt_is_skipped_while_two_conclude(engine) {
        let world = World::new(engine).await;
        let second = engine.second().await;
        let start = engine.store.tail_position().await.unwrap();
        let mut position = start;
        let mut seen = Vec::new();
        let mut expected = Vec::new();
        for _ in 0..20 {
            let one = world.publish(DeliveryState::InFlight).await;
            let two = world.publish(DeliveryState::InFlight).await;
            let conclusion = |delivery| postrider_store::Conclusion {
                record: record(delivery, Outcome::Succeeded),
                transition: crate::fixture::SUCCESS,
                key_end: None,
            };
            let (batch, other) = ([conclusion(&one)], [conclusion(&two)]);
            let (a, b, page) = tokio::join!(
                world.store.conclude(&batch, world.now),
                second.conclude(&other, world.now),
                engine.store.tail(position, 1)
            );
            a.and(b).unwrap();
            let page = page.unwrap();
            position = page.position;
            seen.extend(page.attempts.iter().map(|attempt| attempt.record.key));
            expected.extend([one.current_attempt(), two.current_attempt()]);
        }
        let missing = expected.len() - seen.len();
        seen.extend(await_all(engine, position, missing).await.0);
        assert_eq!(seen.len(), expected.len(), "one was skipped or shown twice");
        seen.sort_unstable();
        expected.sort_unstable();
        assert_eq!(seen, expected);
        if engine.is_postgres() {
            second.close().await;
        }
    }
}

/// What comes after a position, read two by two.
async fn read(engine: &Engine, mut position: i64) -> (Vec<AttemptKey>, i64) {
    let mut seen = Vec::new();
    loop {
        let page = engine.store.tail(position, 2).await.unwrap();
        let empty = page.attempts.is_empty();
        assert!(page.position > position || empty && page.position == position);
        position = page.position;
        if empty {
            return (seen, position);
        }
        seen.extend(page.attempts.iter().map(|attempt| attempt.record.key));
    }
}

/// As many as are expected after a position. They may take a moment: on
/// PostgreSQL a transaction in another test's database holds the tail back, too.
async fn await_all(engine: &Engine, start: i64, expected: usize) -> (Vec<AttemptKey>, i64) {
    let (mut seen, mut position) = read(engine, start).await;
    for _ in 0..500 {
        if seen.len() >= expected {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        let (more, end) = read(engine, position).await;
        seen.extend(more);
        position = end;
    }
    (seen, position)
}
