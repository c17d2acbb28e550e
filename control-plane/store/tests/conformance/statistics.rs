//! How long attempts took, as statistics tell it.

use std::collections::BTreeMap;
use std::time::Duration;

use postrider_domain::delivery::{
    AttemptRecord, Delivery, DeliveryState, DeliveryTransition, Outcome,
};
use postrider_domain::time::Timestamp;
use postrider_store::{
    Conclusion, ConclusionOutcome, StatsRow, StoreError, latency_bucket, latency_quantile,
};

use crate::database::Database;
use crate::engine::{DAY, Engine, conformance};
use crate::fixture::{HOUR, SECOND, SUCCESS, World, record};

conformance! {
    async fn quantiles_are_within_a_hundredth_of_the_durations(engine) {
        let world = World::new(engine).await;
        // From 0.2 ms to 90 s, in no order.
        let mut took: Vec<_> = (0..600).map(|n| spread(f64::from(n * 251 % 600) / 600.0)).collect();
        // In several batches and hours, so that most rows are added to.
        for (batch, took) in took.chunks(150).enumerate() {
            let hour = u32::try_from(batch % 2).unwrap();
            conclude_all(&world, took, world.now - HOUR * hour).await;
        }
        took.sort_unstable();
        let counts = by_bucket(&stats(&world).await);
        assert_eq!(counts.values().sum::<u64>(), 600);
        for percent in [1, 10, 50, 90, 95, 99, 100] {
            let exact = took[600 * percent / 100 - 1];
            let told = latency_quantile(&counts, percent as f64 / 100.0).unwrap();
            assert!(told.abs_diff(exact) <= exact / 100, "p{percent}: {told:?}, not {exact:?}");
        }
    }

    async fn of_a_batch_that_is_applied_in_part_that_part_is_counted(engine) {
        let world = World::new(engine).await;
        let took: Vec<_> = (0..60_u32).map(|n| spread(f64::from(n) / 60.0)).collect();
        let deliveries = publish(&world, took.len()).await;
        let batch: Vec<_> = deliveries
            .iter()
            .zip(&took)
            .map(|(delivery, took)| succeeded(delivery, *took, world.now))
            .collect();
        let done = world.store.conclude(&batch[..20], world.now).await.unwrap();
        assert!(done.iter().all(|outcome| *outcome == ConclusionOutcome::Applied));
        let done = world.store.conclude(&batch, world.now).await.unwrap();
        assert_eq!(done.iter().filter(|outcome| **outcome == ConclusionOutcome::Applied).count(), 40);
        let mut wanted = BTreeMap::new();
        took.iter().for_each(|took| *wanted.entry(latency_bucket(*took)).or_insert(0) += 1);
        assert_eq!(by_bucket(&stats(&world).await), wanted);
    }

    async fn an_hour_of_any_durations_is_bounded_rows(engine) {
        if !engine.lasts() {
            return;
        }
        let world = World::new(engine).await;
        // One of each bucket there is, and longer ones.
        let mut took: Vec<_> = (0..128).map(Duration::from_micros).collect();
        for octave in 1..26 {
            took.extend((64..128).map(|part| Duration::from_micros(part << octave)));
        }
        took.extend((32..50).map(|power| Duration::from_micros(1 << power)));
        for _ in 0..3 {
            for took in took.chunks(500) {
                conclude_all(&world, took, world.now).await;
            }
        }
        let rows = stats(&world).await;
        assert_eq!(rows.iter().map(|row| row.count).sum::<u64>(), 3 * (1728 + 18));
        assert_eq!(rows.iter().filter(|row| row.count == 3).count(), 1727);
        // On PostgreSQL a number for each octave, on SQLite three bytes for each bucket
        // at most while none has 16,384 attempts.
        let (count, longest) = match engine.is_postgres() {
            true => (27, 768),
            false => (1, 3 * 1728),
        };
        let found = rows_of_statistics(engine).await;
        assert!(found.0 == count && found.1 <= longest, "{found:?}");
    }

    async fn nothing_is_taken_from_a_duration_that_is_not_counted(engine) {
        let world = World::new(engine).await;
        let retry = DeliveryTransition::Retry { due: world.now, failures: 0 };
        // By the clock of an agent that is wrong.
        let long_ago = world.now - DAY * 40;
        let unknown = async |micros| {
            let delivery = world.publish(DeliveryState::InFlight).await;
            let mut record = record(&delivery, Outcome::Unknown);
            (record.start_time, record.timings.total) = (long_ago, Duration::from_micros(micros));
            assert_eq!(world.conclude(record.clone(), retry).await, ConclusionOutcome::Applied);
            record
        };
        let forgotten = unknown(5).await;
        engine.maintain(Duration::ZERO, 30 * DAY).await;
        unknown(9).await;
        let result = AttemptRecord { outcome: Outcome::Succeeded, ..forgotten };
        world.store.conclude_late(&result, world.now).await.unwrap();
        let mut rows = world.store.stats(&world.key, long_ago - HOUR).await.unwrap();
        rows.retain(|row| row.count > 0);
        rows.sort_by_key(|row| row.outcome);
        let found: Vec<_> = rows.iter().map(|row| (row.outcome, row.bucket, row.count)).collect();
        assert_eq!(found, [(Outcome::Succeeded, 5, 1), (Outcome::Unknown, 9, 1)]);
    }

    async fn what_is_no_counts_is_told_and_not_guessed(engine) {
        if !engine.lasts() {
            return;
        }
        let world = World::new(engine).await;
        conclude_all(&world, &[SECOND], world.now).await;
        let mut database = Database::of(engine).await;
        let wrong: &[&str] = match engine.is_postgres() {
            true => &["counts = -1", "counts = 0.5", "counts = 'NaN'", "counts = 1e800",
                "octave = -1"],
            false => &["counts = x'00'", "counts = x'c00d01'", "counts = x'00ffffffffff7f'",
                "counts = zeroblob(70000)", "outcome = -1"],
        };
        for wrong in wrong {
            database.execute(&format!("UPDATE attempt_stats SET {wrong}")).await;
            let read = world.store.stats(&world.key, world.now - HOUR).await;
            assert!(matches!(read, Err(StoreError::Corrupt(_))), "{wrong}: {read:?}");
        }
    }
}

/// From 0.2 ms at 0 to 90 s at 1, as many of each length.
fn spread(part: f64) -> Duration {
    let seconds = 0.000_2 * (90.0_f64 / 0.000_2).powf(part);
    Duration::from_micros(Duration::from_secs_f64(seconds).as_micros().try_into().unwrap())
}

async fn publish(world: &World, count: usize) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    let mut items = Vec::new();
    for _ in 0..count {
        let event = world.event();
        let delivery = world.delivery(&event, DeliveryState::InFlight);
        deliveries.push(delivery.clone());
        items.push(world.new_event(event, vec![delivery]));
    }
    let answers = world.store.publish(&items, Timestamp::MAX).await.unwrap();
    assert!(answers.iter().all(|answer| answer.is_committed()));
    deliveries
}

fn succeeded(delivery: &Delivery, took: Duration, start_time: Timestamp) -> Conclusion {
    let mut record = record(delivery, Outcome::Succeeded);
    (record.start_time, record.timings.total) = (start_time, took);
    Conclusion::new(delivery, record, SUCCESS)
}

/// Attempts that take so long succeed, in one batch.
async fn conclude_all(world: &World, took: &[Duration], start_time: Timestamp) {
    let deliveries = publish(world, took.len()).await;
    let batch: Vec<_> = deliveries
        .iter()
        .zip(took)
        .map(|(delivery, took)| succeeded(delivery, *took, start_time))
        .collect();
    let answers = world.store.conclude(&batch, world.now + SECOND).await.unwrap();
    assert!(answers.iter().all(|answer| *answer == ConclusionOutcome::Applied));
}

async fn stats(world: &World) -> Vec<StatsRow> {
    world.store.stats(&world.key, world.now - 2 * HOUR).await.unwrap()
}

/// As the figures of a period are added up.
fn by_bucket(rows: &[StatsRow]) -> BTreeMap<u16, u64> {
    let mut counts = BTreeMap::new();
    rows.iter().for_each(|row| *counts.entry(row.bucket).or_default() += row.count);
    counts
}

/// How many there are, and the bytes of the longest one's counts.
async fn rows_of_statistics(engine: &Engine) -> (i64, i64) {
    let rows = "SELECT count(*), CAST(max(length(counts)) AS bigint) FROM attempt_stats";
    let rows_as_text = rows.replace("length(counts)", "length(counts::text)");
    let row = match Database::of(engine).await {
        Database::Postgres(mut one) => {
            sqlx::query_as(sqlx::AssertSqlSafe(rows_as_text)).fetch_one(&mut one).await
        }
        Database::Sqlite(mut one) => sqlx::query_as(rows).fetch_one(&mut one).await,
    };
    row.unwrap()
}
