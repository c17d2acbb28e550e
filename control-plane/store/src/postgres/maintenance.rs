//! Creates partitions ahead of time, and deletes what is past its retention.
//!
//! Every replica may do this at the same time: each step skips what another replica
//! did.

use std::time::Duration;

use async_trait::async_trait;
use postrider_domain::time::Timestamp;
use uuid::Uuid;

use super::call::DatabaseCall;
use super::removal_notes::RemovalNote;
use super::{PostgresStore, data_keys, partitions, tenant_retention};
use crate::codec;
use crate::error::{FirstFault, StoreError, StoreResult};
use crate::maintenance::{MaintenanceCounts, MaintenanceOptions, MaintenanceStore};
use crate::sql_file::without_comment;

/// It drops and deletes with one statement after another. As long as the pause until the
/// next run.
const MAINTENANCE_LIMIT: Duration = Duration::from_secs(600);
/// Readiness is checked again soon.
pub(super) const READY_LIMIT: Duration = Duration::from_secs(3);

/// Takes what was expunged out of the pages of its tables, but not out of their free space.
/// Rows that nothing has changed since the last time are not read.
const VACUUM: &[&str] = &[
    "SET statement_timeout = 0",
    "VACUUM events",
    "VACUUM retained_events",
    "VACUUM attempts",
    "VACUUM ended_deliveries",
];
const PAYLOADS_EXPUNGED: RemovalNote =
    RemovalNote { removed: "payloads_expunged", followed_up: "payloads_vacuumed" };

/// Rows deleted by one statement, so that none runs long.
const MAX_DELETED_ROWS: i64 = 10_000;

const RETAIN_EVENTS: &str = without_comment(include_str!("../../sql/postgres/retain_events.sql"));

/// A lock that who adds a delivery conflicts with: an event that is about to be
/// needed is not removed.
const DELETE_RETAINED_EVENTS: &str = "SET LOCAL lock_timeout = '2s';
    SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on;
    LOCK TABLE retained_events IN EXCLUSIVE MODE;
    DELETE FROM retained_events r WHERE NOT EXISTS (
        SELECT FROM deliveries d WHERE d.tenant = r.tenant AND d.event = r.id)";

const DELETE_EXPIRED_KEYS: &str = "DELETE FROM idempotency_keys
    WHERE ctid = ANY(ARRAY(SELECT ctid FROM idempotency_keys WHERE expire_time < $1 LIMIT $2))";

const DELETE_OLD_STATS: &str = "DELETE FROM attempt_stats
    WHERE ctid = ANY(ARRAY(SELECT ctid FROM attempt_stats WHERE hour < $1 LIMIT $2))";

const DELETE_OLD_OPERATIONS: &str = "DELETE FROM operations
    WHERE ctid = ANY(ARRAY(SELECT ctid FROM operations WHERE end_time < $1 LIMIT $2))";

const DELETE_OLD_LATER_DELIVERIES: &str = "DELETE FROM later_deliveries
    WHERE ctid = ANY(
        ARRAY(
            SELECT ctid FROM later_deliveries l
            WHERE l.delivery < $1
                AND NOT EXISTS (SELECT FROM deliveries d WHERE d.id = l.delivery)
                AND NOT EXISTS (
                    SELECT FROM ended_deliveries d
                    WHERE d.tenant = l.tenant AND d.id = l.delivery
                )
            LIMIT $2
        )
    )";

#[async_trait]
impl MaintenanceStore for PostgresStore {
    async fn maintain(
        &self,
        now: Timestamp,
        settings: MaintenanceOptions,
    ) -> StoreResult<MaintenanceCounts> {
        let mut call = self.call_for("maintain", MAINTENANCE_LIMIT);
        // One table, or one day of it, that fails does not keep the others from being
        // maintained.
        let mut faults = FirstFault::default();
        let mut counts = MaintenanceCounts::default();
        let made = partitions::create(&mut call, now, settings.days_ahead).await;
        counts.partitions_made = faults.keep(made)?.unwrap_or_default();
        let cutoff = now - settings.retention;
        let past = faults.keep(partitions::past(&mut call, cutoff).await)?;
        for (partition, name) in past.unwrap_or_default() {
            if faults.keep(drop_partition(&mut call, &partition, &name).await)?.is_some() {
                counts.partitions_dropped += 1;
                tracing::info!(partition = name, "a partition past retention was dropped");
            }
        }
        let swept = faults.keep(tenant_retention::sweep(&mut call, now).await)?;
        counts.rows_removed += swept.unwrap_or_default();
        faults.keep(forget_retained(&mut call).await)?;
        for (sql, below) in [
            (DELETE_EXPIRED_KEYS, RetentionBound::Time(now)),
            (DELETE_OLD_STATS, RetentionBound::Time(cutoff)),
            (DELETE_OLD_OPERATIONS, RetentionBound::Time(cutoff)),
            (DELETE_OLD_LATER_DELIVERIES, RetentionBound::Id(codec::first_id_from(cutoff))),
        ] {
            let removed = faults.keep(delete_chunks(&mut call, sql, below).await)?;
            counts.rows_removed += removed.unwrap_or_default();
        }
        faults.keep(data_keys::rewrite_after_removals(&mut call, now).await)?;
        faults.keep(vacuum_after_expunges(&mut call, now).await)?;
        faults.into_result().map(|()| counts)
    }

    async fn ready(&self, now: Timestamp) -> StoreResult<()> {
        let missing = partitions::missing(&mut self.call_for("ready", READY_LIMIT), now).await?;
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
        self.door.close().await;
    }
}

/// Has the tables with payloads vacuumed by the next maintenance.
pub(super) async fn note_expunged(call: &mut DatabaseCall<'_>, now: Timestamp) -> StoreResult<()> {
    PAYLOADS_EXPUNGED.note(call, now).await
}

/// Autovacuum would come once a fifth of a partition has changed, which it never has.
async fn vacuum_after_expunges(call: &mut DatabaseCall<'_>, now: Timestamp) -> StoreResult<()> {
    PAYLOADS_EXPUNGED.follow_up(call, now, VACUUM).await
}

async fn forget_retained(call: &mut DatabaseCall<'_>) -> StoreResult<()> {
    call.begin().await?;
    call.run(DELETE_RETAINED_EVENTS).await?;
    call.commit().await
}

/// Events are copied twice: most of them while others work, and under the lock
/// those that a delivery was added to in between.
async fn drop_partition(
    call: &mut DatabaseCall<'_>,
    partition: &partitions::DayPartition,
    name: &str,
) -> StoreResult<()> {
    if partition.table != "events" {
        return partitions::drop(call, partition, name, None).await;
    }
    let [from, until] = [partition.from, partition.until]
        .map(|at| codec::first_id_from(Timestamp::from_micros(at)));
    call.execute(sqlx::query(RETAIN_EVENTS).bind(from).bind(until)).await?;
    partitions::drop(call, partition, name, Some((RETAIN_EVENTS, [from, until]))).await
}

#[derive(Clone, Copy)]
enum RetentionBound {
    Time(Timestamp),
    Id(Uuid),
}

async fn delete_chunks(
    call: &mut DatabaseCall<'_>,
    sql: &'static str,
    below: RetentionBound,
) -> StoreResult<u64> {
    let mut removed = 0;
    loop {
        let query = match below {
            RetentionBound::Time(time) => sqlx::query(sql).bind(time.as_micros()),
            RetentionBound::Id(id) => sqlx::query(sql).bind(id),
        };
        let done = call.execute(query.bind(MAX_DELETED_ROWS)).await?;
        if done == 0 {
            return Ok(removed);
        }
        removed += done;
    }
}
