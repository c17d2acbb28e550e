//! Removes what is past the retention of its own tenant, in short steps.
//!
//! Fed by maintenance; feeds the tables. Guarantees that an event with an unfinished
//! delivery stays, with its payload.

use postrider_domain::event::RemovalReason;
use postrider_domain::ids::{EventId, TenantId};
use postrider_domain::tenant::TenantRetention;
use postrider_domain::time::Timestamp;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::bulk::{BoundValues, id_list};
use super::engine::SqliteStore;
use super::maintenance::{PAUSE_BETWEEN_STEPS, STEP_ROWS};
use super::payload_removal::{deliveries_of, of_events, remove_payloads};
use super::rows::RowReader;
use crate::codec;
use crate::error::{FirstFault, StoreResult};
use crate::retention::{PayloadSweep, RemovableEvents, RetainedTenant};

const SELECT_TENANTS: &str = "SELECT id, history_retention, payload_retention FROM tenants
    WHERE history_retention IS NOT NULL OR payload_retention IS NOT NULL
    ORDER BY id";

const NEXT_EVENTS: &str = "SELECT id FROM events
    WHERE tenant = ?1 AND id > ?2 AND id < ?3
    ORDER BY id LIMIT ?4";
const DELETE_EVENTS: &str = "DELETE FROM events
    WHERE tenant = ?1 AND id IN (SELECT unhex(value) FROM json_each(?2))";

const NEXT_ENDED: &str = "SELECT id FROM ended_deliveries INDEXED BY ended_deliveries_id
    WHERE tenant = ?1 AND id > ?2 AND id < ?3
    ORDER BY id LIMIT ?4";
const DELETE_LATER: &str = "DELETE FROM later_deliveries
    WHERE (tenant, event, delivery) IN (
        SELECT tenant, event, id FROM ended_deliveries
        WHERE tenant = ?1
            AND id IN (SELECT unhex(value) FROM json_each(?2))
            AND end_time < ?3
    )";
const DELETE_ENDED: &str = "DELETE FROM ended_deliveries
    WHERE tenant = ?1 AND id IN (SELECT unhex(value) FROM json_each(?2)) AND end_time < ?3";

/// The oldest ones; 3 is how many.
const DELETE_ATTEMPTS: &str = "DELETE FROM attempts
    WHERE seq IN (
        SELECT seq FROM attempts INDEXED BY attempts_tenant
        WHERE tenant = ?1 AND record_time < ?2
        ORDER BY record_time LIMIT ?3
    )";
const DELETE_STATS: &str = "DELETE FROM attempt_stats
    WHERE (tenant, subscription, hour, outcome) IN (
        SELECT tenant, subscription, hour, outcome FROM attempt_stats
        WHERE tenant = ?1 AND hour < ?2
        LIMIT ?3
    )";
const DELETE_OPERATIONS: &str = "DELETE FROM operations
    WHERE (tenant, id) IN (
        SELECT tenant, id FROM operations WHERE tenant = ?1 AND end_time < ?2 LIMIT ?3
    )";

const GET_SWEEP: &str = "SELECT begin_time, position FROM payload_sweeps WHERE tenant = ?1";
const SET_SWEEP: &str = "INSERT INTO payload_sweeps (tenant, begin_time, position)
    VALUES (?1, ?2, ?3)
    ON CONFLICT (tenant) DO UPDATE
        SET begin_time = excluded.begin_time, position = excluded.position";

impl SqliteStore {
    /// Removes it, of every tenant that has a retention of its own; returns how many rows.
    pub(super) async fn sweep_tenants(&self, now: Timestamp) -> StoreResult<u64> {
        let rows = BoundValues::default().run(&mut *self.reader().await?, SELECT_TENANTS).await?;
        let found = rows.iter().map(retained_tenant).collect::<StoreResult<Vec<_>>>()?;
        let mut faults = FirstFault::default();
        let mut removed = 0;
        for RetainedTenant { tenant, retention } in found {
            if let Some(span) = retention.history {
                let swept = faults.keep(self.sweep_history(&tenant, now - span).await)?;
                removed += swept.unwrap_or_default();
            }
            if let Some(span) = retention.payload {
                faults.keep(self.sweep_payloads(&tenant, now - span, now).await)?;
            }
        }
        faults.into_result().map(|()| removed)
    }

    async fn sweep_history(&self, tenant: &TenantId, cutoff: Timestamp) -> StoreResult<u64> {
        let mut removed = self.sweep_ended(tenant, cutoff).await?;
        removed += self.sweep_events(tenant, cutoff).await?;
        for (sql, below) in [
            (DELETE_ATTEMPTS, cutoff.as_micros()),
            (DELETE_STATS, codec::hour(cutoff)),
            (DELETE_OPERATIONS, cutoff.as_micros()),
        ] {
            loop {
                let gone = self.delete_step(sql, tenant, below).await?;
                if gone == 0 {
                    break;
                }
                removed += gone;
                tokio::time::sleep(PAUSE_BETWEEN_STEPS).await;
            }
        }
        Ok(removed)
    }

    async fn delete_step(
        &self,
        sql: &'static str,
        tenant: &TenantId,
        below: i64,
    ) -> StoreResult<u64> {
        let mut values = BoundValues::default();
        values.text(tenant.as_str()).add(below).add(STEP_ROWS);
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let removed = values.change(&mut tx, sql).await?;
        tx.commit().await?;
        Ok(removed)
    }

    async fn sweep_ended(&self, tenant: &TenantId, cutoff: Timestamp) -> StoreResult<u64> {
        let (mut after, mut removed) = (Uuid::nil(), 0);
        loop {
            let ids = self.next_ids(NEXT_ENDED, tenant, after, cutoff).await?;
            let Some(last) = ids.last().copied() else { return Ok(removed) };
            {
                let mut writing = self.writer.lock().await?;
                let mut tx = writing.begin().await?;
                for sql in [DELETE_LATER, DELETE_ENDED] {
                    let mut values = BoundValues::default();
                    values.text(tenant.as_str()).add(id_list(ids.iter().copied()));
                    values.add(cutoff.as_micros());
                    removed += values.change(&mut tx, sql).await?;
                }
                tx.commit().await?;
            }
            after = last;
            tokio::time::sleep(PAUSE_BETWEEN_STEPS).await;
        }
    }

    async fn sweep_events(&self, tenant: &TenantId, cutoff: Timestamp) -> StoreResult<u64> {
        let (mut after, mut removed) = (Uuid::nil(), 0);
        loop {
            let ids = self.next_ids(NEXT_EVENTS, tenant, after, cutoff).await?;
            let Some(last) = ids.last().copied() else { return Ok(removed) };
            let events: Vec<EventId> = ids.into_iter().map(EventId).collect();
            {
                let mut writing = self.writer.lock().await?;
                let mut tx = writing.begin().await?;
                let deliveries = deliveries_of(&mut tx, tenant, &events).await?;
                let found = RemovableEvents::of(&events, &deliveries);
                let values = of_events(tenant, &found.removable);
                removed += values.change(&mut tx, DELETE_EVENTS).await?;
                tx.commit().await?;
            }
            after = last;
            tokio::time::sleep(PAUSE_BETWEEN_STEPS).await;
        }
    }

    async fn sweep_payloads(
        &self,
        tenant: &TenantId,
        cutoff: Timestamp,
        now: Timestamp,
    ) -> StoreResult<()> {
        let mut values = BoundValues::default();
        values.text(tenant.as_str());
        let rows = values.run(&mut *self.reader().await?, GET_SWEEP).await?;
        let mut sweep = PayloadSweep::resume(rows.first().map(payload_sweep).transpose()?, now);
        loop {
            let ids = self.next_ids(NEXT_EVENTS, tenant, sweep.position, cutoff).await?;
            let Some(last) = ids.last().copied() else { return Ok(()) };
            let events: Vec<EventId> = ids.into_iter().map(EventId).collect();
            sweep.position = last;
            {
                let mut writing = self.writer.lock().await?;
                let mut tx = writing.begin().await?;
                let reason = RemovalReason::RetentionEnded;
                remove_payloads(&mut tx, tenant, &events, reason, now).await?;
                let mut values = BoundValues::default();
                values.text(tenant.as_str()).add(sweep.begin_time.as_micros()).id(sweep.position);
                values.change(&mut tx, SET_SWEEP).await?;
                tx.commit().await?;
            }
            tokio::time::sleep(PAUSE_BETWEEN_STEPS).await;
        }
    }

    /// The next ids of what was made before the cutoff.
    async fn next_ids(
        &self,
        sql: &'static str,
        tenant: &TenantId,
        after: Uuid,
        cutoff: Timestamp,
    ) -> StoreResult<Vec<Uuid>> {
        let mut values = BoundValues::default();
        values.text(tenant.as_str()).id(after).id(codec::first_id_from(cutoff)).add(STEP_ROWS);
        let rows = values.run(&mut *self.reader().await?, sql).await?;
        rows.iter().map(|row| RowReader::of(row).id()).collect()
    }
}

fn retained_tenant(row: &SqliteRow) -> StoreResult<RetainedTenant> {
    let mut columns = RowReader::of(row);
    Ok(RetainedTenant {
        tenant: columns.tenant()?,
        retention: TenantRetention {
            history: columns.optional_span("history_retention")?,
            payload: columns.optional_span("payload_retention")?,
        },
    })
}

fn payload_sweep(row: &SqliteRow) -> StoreResult<PayloadSweep> {
    let mut columns = RowReader::of(row);
    Ok(PayloadSweep { begin_time: columns.time()?, position: columns.id()? })
}
