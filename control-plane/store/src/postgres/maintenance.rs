//! Creates partitions ahead of time, and deletes what is past its retention.
//!
//! Every replica may do this at the same time: each step skips what another replica
//! did.

use async_trait::async_trait;
use postrider_domain::time::Timestamp;
use sqlx::{Connection as _, Executor as _, PgConnection};
use uuid::Uuid;

use super::errors::Checked as _;
use super::rows::event_columns;
use super::{PostgresStore, partitions};
use crate::codec;
use crate::error::{FirstFault, StoreError, StoreResult};
use crate::maintenance::{MaintenanceOptions, MaintenanceStore};

/// Rows deleted by one statement, so that none runs long.
const MAX_DELETED_ROWS: i64 = 10_000;

/// Copies events of a range of ids that unfinished deliveries still need.
const RETAIN_EVENTS: &str = concat!(
    "INSERT INTO retained_events (", event_columns!(), ", payload)
    SELECT ", event_columns!(), ", payload FROM events e
    WHERE e.id >= $1 AND e.id < $2 AND (e.tenant, e.id, e.create_time) IN (
        SELECT tenant, event, (('x' || translate(left(event::text, 13), '-', ''))::bit(48))::bigint * 1000
        FROM deliveries WHERE event >= $1 AND event < $2)
    ON CONFLICT DO NOTHING"
);

/// A lock that who adds a delivery conflicts with: an event that is about to be
/// needed is not removed.
const DELETE_RETAINED_EVENTS: &str = "SET LOCAL lock_timeout = '2s';
    SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on;
    LOCK TABLE retained_events IN EXCLUSIVE MODE;
    DELETE FROM retained_events r WHERE NOT EXISTS (
        SELECT FROM deliveries d WHERE d.tenant = r.tenant AND d.event = r.id)";

const DELETE_EXPIRED_KEYS: &str = "DELETE FROM idempotency_keys WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM idempotency_keys WHERE expire_time < $1 LIMIT $2))";

const DELETE_OLD_STATS: &str = "DELETE FROM attempt_stats WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM attempt_stats WHERE hour < $1 LIMIT $2))";

const DELETE_OLD_OPERATIONS: &str = "DELETE FROM operations WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM operations WHERE end_time < $1 LIMIT $2))";

const DELETE_OLD_LATER_DELIVERIES: &str = "DELETE FROM later_deliveries WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM later_deliveries l WHERE l.delivery < $1
        AND NOT EXISTS (SELECT FROM deliveries d WHERE d.id = l.delivery)
        AND NOT EXISTS (SELECT FROM ended_deliveries d
            WHERE d.tenant = l.tenant AND d.id = l.delivery)
    LIMIT $2))";

#[async_trait]
impl MaintenanceStore for PostgresStore {
    async fn maintain(&self, now: Timestamp, settings: MaintenanceOptions) -> StoreResult<()> {
        let mut connection = self.pool.acquire().await.checked()?;
        // One table, or one day of it, that fails does not keep the others from being
        // maintained.
        let mut faults = FirstFault::default();
        faults.keep(partitions::create(&mut connection, now, settings.days_ahead).await)?;
        let cutoff = now - settings.retention;
        let past = faults.keep(partitions::past(&mut *connection, cutoff).await)?;
        for (partition, name) in past.unwrap_or_default() {
            faults.keep(drop_partition(&mut connection, &partition, &name).await)?;
        }
        faults.keep(forget_retained(&mut connection).await)?;
        for (sql, below) in [
            (DELETE_EXPIRED_KEYS, RetentionBound::Time(now)),
            (DELETE_OLD_STATS, RetentionBound::Time(cutoff)),
            (DELETE_OLD_OPERATIONS, RetentionBound::Time(cutoff)),
            (DELETE_OLD_LATER_DELIVERIES, RetentionBound::Id(codec::first_id_from(cutoff))),
        ] {
            faults.keep(delete_chunks(&mut connection, sql, below).await)?;
        }
        faults.into_result()
    }

    async fn ready(&self, now: Timestamp) -> StoreResult<()> {
        let missing = partitions::missing(&self.pool, now).await?;
        if missing.is_empty() {
            Ok(())
        } else {
            Err(StoreError::Faulty(format!("partitions are missing: {}", missing.join(", "))))
        }
    }

    async fn rehearse_conclusion(&self, now: Timestamp) -> StoreResult<()> {
        self.rehearse(now).await
    }

    async fn close(&self) {
        self.pool.close().await;
        self.reserve.close().await;
    }
}

async fn forget_retained(connection: &mut PgConnection) -> StoreResult<()> {
    let mut transaction = connection.begin().await.checked()?;
    transaction.execute(DELETE_RETAINED_EVENTS).await.checked()?;
    transaction.commit().await.checked()
}

/// Events are copied twice: most of them while others work, and under the lock
/// those that a delivery was added to in between.
async fn drop_partition(
    connection: &mut PgConnection,
    partition: &partitions::DayPartition,
    name: &str,
) -> StoreResult<()> {
    if partition.table != "events" {
        return partitions::drop(connection, partition, name, None).await;
    }
    let [from, until] = [partition.from, partition.until]
        .map(|at| codec::first_id_from(Timestamp::from_micros(at)));
    sqlx::query(RETAIN_EVENTS).bind(from).bind(until).execute(&mut *connection).await.checked()?;
    partitions::drop(connection, partition, name, Some((RETAIN_EVENTS, [from, until]))).await
}

#[derive(Clone, Copy)]
enum RetentionBound {
    Time(Timestamp),
    Id(Uuid),
}

async fn delete_chunks(
    connection: &mut PgConnection,
    sql: &'static str,
    below: RetentionBound,
) -> StoreResult<()> {
    loop {
        let query = match below {
            RetentionBound::Time(time) => sqlx::query(sql).bind(time.as_micros()),
            RetentionBound::Id(id) => sqlx::query(sql).bind(id),
        };
        let done = query.bind(MAX_DELETED_ROWS).execute(&mut *connection).await.checked()?;
        if done.rows_affected() == 0 {
            return Ok(());
        }
    }
}
