//! The tail of all attempts, in the order of their commits (invariant `tail-skips-nothing`).

use std::time::Duration;

use postrider_domain::delivery::{
    Delivery, DeliveryState, DeliveryStatus, DeliveryTransition, EndReason, Outcome,
};
use postrider_domain::ids::AttemptKey;
use postrider_store::Conclusion;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

use crate::engine::{Engine, conformance};
use crate::fixture::{SECOND, SUCCESS, World, audit, record};

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
        let retry = DeliveryTransition::Retry { due: world.now, failures: 0 };
        world.conclude(record(&delivery, Outcome::Unknown), retry).await;
        let (_, position) = await_all(engine, 0, 1).await;
        let result = record(&delivery, Outcome::Succeeded);
        world.store.conclude_late(&result, world.now + SECOND).await.unwrap();
        let (seen, _) = await_all(engine, position, 1).await;
        assert_eq!(seen, [result.key]);
        let page = engine.store.tail(position, 10).await.unwrap();
        assert_eq!(page.attempts.len(), 1);
        assert_eq!(page.attempts[0].record, result);
        let succeeded = DeliveryStatus { state: DeliveryState::Succeeded, end_reason: None };
        assert_eq!(page.attempts[0].delivery, Some(succeeded));
    }

    /// As it stood when the attempt was concluded, whatever became of it since.
    async fn each_attempt_tells_where_its_delivery_stood(engine) {
        let world = World::new(engine).await;
        let start = engine.store.tail_position().await.unwrap();
        let end = |state, reason| DeliveryTransition::End { state, reason };
        let exhausted = end(DeliveryState::Exhausted, Some(EndReason::AttemptsExhausted));
        let retry = DeliveryTransition::Retry { due: world.now, failures: 1 };
        let one = world.publish(DeliveryState::InFlight).await;
        world.conclude(record(&one, Outcome::Timeout), retry).await;
        let claimed = world.claim_due(1).await;
        world.conclude(record(&claimed[0].delivery, Outcome::Timeout), exhausted).await;
        let cancelled = world.publish(DeliveryState::InFlight).await;
        let reason = EndReason::CancelledByCaller;
        world.store.cancel(world.tenant(), cancelled.id, reason, world.now, audit()).await.unwrap();
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
        let standing = |state, end_reason| Some(DeliveryStatus { state, end_reason });
        assert_eq!(stood, [
            standing(DeliveryState::Waiting, None),
            standing(DeliveryState::Exhausted, Some(EndReason::AttemptsExhausted)),
            standing(DeliveryState::Cancelled, Some(reason)),
            None,
            standing(DeliveryState::Waiting, None),
            standing(DeliveryState::Succeeded, None),
        ]);
    }

    /// What commits behind a transaction that may still record an attempt waits for it.
    async fn a_transaction_that_records_attempts_holds_the_tail_back(engine) {
        if !engine.is_postgres() {
            // There is one writer: an open transaction holds back the next itself.
            return;
        }
        let world = World::new(engine).await;
        let start = engine.store.tail_position().await.unwrap();
        let mut other = PgConnection::connect(&engine.url).await.unwrap();
        let mut open = other.begin().await.unwrap();
        open.execute("LOCK TABLE ONLY attempts IN ROW EXCLUSIVE MODE").await.unwrap();
        let row = open.fetch_one("SELECT pg_current_xact_id()::text::bigint AS xid").await.unwrap();
        let xid: i64 = row.get("xid");
        let delivery = world.publish(DeliveryState::InFlight).await;
        world.succeed(&delivery).await;
        let page = engine.store.tail(start, 10).await.unwrap();
        assert!(page.attempts.is_empty(), "an older transaction may still record one before it");
        assert!(page.held);
        assert!(page.position < xid, "the position went past a transaction that is open");
        open.execute(AssertSqlSafe(copy_attempt(xid))).await.unwrap();
        open.commit().await.unwrap();
        let (seen, end) = read(engine, page.position).await;
        let copied = AttemptKey { number: COPY, ..delivery.current_attempt() };
        assert_eq!(seen, [copied, delivery.current_attempt()]);
        // One whose process is lost is over once the database knows.
        let mut lost = other.begin().await.unwrap();
        lost.execute("LOCK TABLE ONLY attempts IN ROW EXCLUSIVE MODE").await.unwrap();
        lost.execute(AssertSqlSafe(copy_attempt(xid))).await.unwrap();
        let next = world.publish(DeliveryState::InFlight).await;
        world.succeed(&next).await;
        assert!(read(engine, end).await.0.is_empty());
        drop(lost);
        drop(other);
        assert_eq!(await_all(engine, end, 1).await.0, [next.current_attempt()]);
    }

    /// Whatever else is open in the database, or in its cluster.
    async fn a_transaction_of_something_else_does_not_hold_the_tail_back(engine) {
        if !engine.is_postgres() {
            return;
        }
        let world = World::new(engine).await;
        let start = engine.store.tail_position().await.unwrap();
        let server = std::env::var("POSTRIDER_TEST_POSTGRES_URL").unwrap();
        let mut here = PgConnection::connect(&engine.url).await.unwrap();
        let mut elsewhere = PgConnection::connect(&server).await.unwrap();
        let mut open = here.begin().await.unwrap();
        let mut far = elsewhere.begin().await.unwrap();
        open.execute("SELECT pg_current_xact_id(), count(*) FROM attempts").await.unwrap();
        open.execute("UPDATE meta SET value = value").await.unwrap();
        far.execute("SELECT pg_current_xact_id()").await.unwrap();
        let mut expected = Vec::new();
        for _ in 0..3 {
            let delivery = world.publish(DeliveryState::InFlight).await;
            world.succeed(&delivery).await;
            expected.push(delivery.current_attempt());
        }
        let (seen, _) = await_all(engine, start, 3).await;
        assert_eq!(seen, expected);
        open.commit().await.unwrap();
        far.commit().await.unwrap();
        here.close().await.unwrap();
        elsewhere.close().await.unwrap();
    }

    /// As after a dump and restore into a cluster whose transactions have lower numbers.
    async fn attempts_from_before_a_restore_are_not_shown_as_new(engine) {
        if !engine.is_postgres() {
            return;
        }
        let world = World::new(engine).await;
        let old = world.publish(DeliveryState::InFlight).await;
        world.succeed(&old).await;
        let mut other = PgConnection::connect(&engine.url).await.unwrap();
        for table in ["attempts", "ended_deliveries"] {
            let restore = format!("UPDATE {table} SET commit_number = commit_number + 5000");
            other.execute(AssertSqlSafe(restore)).await.unwrap();
        }
        let restored = engine.second().await;
        let start = restored.tail_position().await.unwrap();
        let one = world.publish(DeliveryState::InFlight).await;
        world.succeed(&one).await;
        let later = "DO $$ BEGIN FOR i IN 1..6000 LOOP
                PERFORM pg_current_xact_id();
                COMMIT;
            END LOOP; END $$";
        other.execute("SET synchronous_commit = off").await.unwrap();
        other.execute(later).await.unwrap();
        let two = world.publish(DeliveryState::InFlight).await;
        world.succeed(&two).await;
        let (seen, _) = await_all(engine, start, 2).await;
        assert_eq!(seen, [one.current_attempt(), two.current_attempt()]);
        restored.close().await;
        other.close().await.unwrap();
    }

    /// Whatever records it, beside whatever else records.
    async fn every_attempt_is_shown_once_beside_all_that_record(engine) {
        let world = World::new(engine).await;
        let second = engine.second().await;
        let start = engine.store.tail_position().await.unwrap();
        let stores = [&world.store, &second];
        let record_all = futures::future::join_all((0..4_usize).map(|lane| {
            let (world, store) = (&world, stores[lane % 2]);
            async move {
                let mut recorded = Vec::new();
                for turn in lane..lane + 30 {
                    let delivery = world.publish(DeliveryState::InFlight).await;
                    let result = record(&delivery, Outcome::Succeeded);
                    match turn % 3 {
                        0 => {
                            let concluded = Conclusion::new(&delivery, result, SUCCESS);
                            store.conclude(&[concluded], world.now).await.unwrap();
                        }
                        1 => drop(store.conclude_late(&result, world.now).await.unwrap()),
                        _ => {
                            let reason = EndReason::CancelledByCaller;
                            let cancel =
                                store.cancel(world.tenant(), delivery.id, reason, world.now, audit());
                            cancel.await.unwrap();
                        }
                    }
                    recorded.push(delivery.current_attempt());
                }
                recorded
            }
        }));
        let mut recording = std::pin::pin!(record_all);
        let (mut seen, mut position) = (Vec::new(), start);
        let mut expected = loop {
            let look = async {
                let page = engine.store.tail(position, 3).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
                page
            };
            tokio::select! {
                done = &mut recording => break done.concat(),
                page = look => {
                    position = page.position;
                    seen.extend(page.attempts.iter().map(|attempt| attempt.record.key));
                }
            }
        };
        seen.extend(await_all(engine, position, expected.len() - seen.len()).await.0);
        seen.sort_unstable();
        expected.sort_unstable();
        assert_eq!(seen, expected);
        if engine.is_postgres() {
            second.close().await;
        }
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
            let conclusion = |delivery| {
                let record = record(delivery, Outcome::Succeeded);
                Conclusion::new(delivery, record, SUCCESS)
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

/// An attempt's number that no delivery gets to.
const COPY: u32 = 77;

/// Records another attempt like one that ended a delivery.
fn copy_attempt(xid: i64) -> String {
    let ended = "to_jsonb(d) || jsonb_build_object(
            'delivery', d.id, 'record_time', d.end_time, 'delivery_state', d.state";
    format!(
        "INSERT INTO attempts SELECT (jsonb_populate_record(NULL::attempts,
            {ended}, 'number', {COPY}, 'commit_number', {xid}))).*
        FROM ended_deliveries d WHERE d.outcome IS NOT NULL LIMIT 1"
    )
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

/// As many as are expected after a position. They may take a moment: what ends just
/// while the tail is looked at counts as open until the next look.
pub async fn await_all(engine: &Engine, start: i64, expected: usize) -> (Vec<AttemptKey>, i64) {
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
