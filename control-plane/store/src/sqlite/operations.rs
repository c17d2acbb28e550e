//! Long-running operations.
//!
//! A step looks at its operation and writes under the one writer's lock.

use std::collections::HashSet;

use async_trait::async_trait;
use postrider_domain::delivery::Delivery;
use postrider_domain::event::{Event, RemovalReason};
use postrider_domain::ids::{EventId, OperationId, Shard, SubscriptionKey, TenantId};
use postrider_domain::operation::{Operation, OperationState};
use postrider_domain::time::Timestamp;
use postrider_identity::AuditDraft;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use uuid::Uuid;

use super::bulk::{BoundValues, BulkStatement, id_list};
use super::engine::SqliteStore;
use super::payload_removal::{remove_payloads, remove_responses};
use super::publishing::put_deliveries;
use super::rows::{RowReader, integer};
use crate::codec;
use crate::error::StoreResult;
use crate::operations::{HistoryRange, OperationStep, OperationStore, RemovalCounts};

const INSERT_OPERATION: &str = "INSERT INTO operations (
        tenant, id, shard, task, state, failure, cursor, examined, made, unfinished, payload_bytes,
        create_time, end_time
    )
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const SELECT_OPERATION: &str =
    "SELECT tenant, id, shard, task, state, failure, cursor, examined, made, unfinished,
        payload_bytes, create_time, end_time
    FROM operations
    WHERE tenant = ? AND id = ?";
const SELECT_OPERATIONS: &str = "SELECT tenant, id, shard, task, state, failure, cursor, examined,
        made, unfinished, payload_bytes, create_time, end_time
    FROM operations
    WHERE tenant = ? AND id < ?
    ORDER BY id DESC LIMIT ?";
const SELECT_RUNNING: &str = "SELECT tenant, id, shard, task, state, failure, cursor, examined,
        made, unfinished, payload_bytes, create_time, end_time
    FROM operations INDEXED BY operations_running
    WHERE state = 1 /* RUNNING */ AND shard IN (SELECT value FROM json_each(?))
    ORDER BY id LIMIT ?";
const CANCEL_OPERATION: &str = "UPDATE operations SET state = 3 /* CANCELLED */, end_time = ?3
    WHERE tenant = ?1 AND id = ?2 AND state = 1 /* RUNNING */";
const DELETE_OPERATION: &str =
    "DELETE FROM operations WHERE tenant = ?1 AND id = ?2 AND state <> 1 /* RUNNING */";
const SELECT_CURSOR: &str = "SELECT 1 FROM operations
    WHERE tenant = ?1 AND id = ?2 AND state = 1 /* RUNNING */ AND cursor IS ?3";
const UPDATE_CURSOR: &str = "UPDATE operations
    SET cursor = ?3, examined = examined + ?4, made = made + ?5, state = ?6, failure = ?7,
        end_time = ?8, unfinished = unfinished + ?9, payload_bytes = payload_bytes + ?10
    WHERE tenant = ?1 AND id = ?2
    RETURNING tenant, id, shard, task, state, failure, cursor, examined, made, unfinished,
        payload_bytes, create_time, end_time";

const SELECT_KEPT_EVENTS: &str = "SELECT e.id FROM json_each(?2) j
    CROSS JOIN events e
        ON e.tenant = ?1 AND e.id = unhex(j.value) AND e.payload_removal IS NULL";
const INSERT_LATER_DELIVERIES: BulkStatement = BulkStatement {
    sql: "INSERT INTO later_deliveries (tenant, event, delivery) VALUES {rows}",
    columns: 3,
};

#[async_trait]
impl OperationStore for SqliteStore {
    async fn create_operation(&self, operation: &Operation, audit: &AuditDraft) -> StoreResult<()> {
        let mut values = BoundValues::default();
        values
            .text(operation.tenant.as_str())
            .id(operation.id.0)
            .add(i64::from(operation.shard.0))
            .text(&codec::to_json(&operation.task)?)
            .add(operation.state.code())
            .add(operation.failure.map(|failure| failure.code()))
            .add(operation.cursor)
            .add(integer(operation.examined))
            .add(integer(operation.made))
            .add(integer(operation.unfinished))
            .add(integer(operation.payload_bytes))
            .add(operation.create_time.as_micros())
            .add(operation.end_time.map(Timestamp::as_micros));
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        values.change(&mut tx, INSERT_OPERATION).await?;
        self.append_to(&mut tx, audit).await?;
        tx.commit().await
    }

    async fn get_operation(
        &self,
        tenant: &TenantId,
        id: OperationId,
    ) -> StoreResult<Option<Operation>> {
        let mut values = BoundValues::default();
        values.text(tenant.as_str()).id(id.0);
        let rows = values.run(&mut *self.reader().await?, SELECT_OPERATION).await?;
        rows.first().map(operation).transpose()
    }

    async fn list_operations(
        &self,
        tenant: &TenantId,
        before: Option<OperationId>,
        limit: u32,
    ) -> StoreResult<Vec<Operation>> {
        let before = before.map_or(Uuid::max(), |id| id.0);
        let mut values = BoundValues::default();
        values.text(tenant.as_str()).id(before).add(i64::from(limit));
        let rows = values.run(&mut *self.list_reader().await?, SELECT_OPERATIONS).await?;
        rows.iter().map(operation).collect()
    }

    async fn running_operations(
        &self,
        shards: &[Shard],
        limit: u32,
    ) -> StoreResult<Vec<Operation>> {
        let shards: Vec<u16> = shards.iter().map(|shard| shard.0).collect();
        let mut values = BoundValues::default();
        values.add(codec::to_json(&shards)?).add(i64::from(limit));
        let rows = values.run(&mut *self.reader().await?, SELECT_RUNNING).await?;
        rows.iter().map(operation).collect()
    }

    async fn cancel_operation(
        &self,
        tenant: &TenantId,
        id: OperationId,
        now: Timestamp,
        audit: &AuditDraft,
    ) -> StoreResult<bool> {
        let mut values = BoundValues::default();
        values.text(tenant.as_str()).id(id.0).add(id.no_earlier(now).as_micros());
        self.change_audited(values, CANCEL_OPERATION, audit).await
    }

    async fn delete_operation(
        &self,
        tenant: &TenantId,
        id: OperationId,
        audit: &AuditDraft,
    ) -> StoreResult<bool> {
        let mut values = BoundValues::default();
        values.text(tenant.as_str()).id(id.0);
        self.change_audited(values, DELETE_OPERATION, audit).await
    }

    async fn step_operation(
        &self,
        step: &OperationStep,
        now: Timestamp,
    ) -> StoreResult<Option<Operation>> {
        let mut values = BoundValues::default();
        values.text(step.tenant.as_str()).id(step.id.0).add(step.from);
        let mut writing = self.writer.lock().await?;
        let removes = !step.expunged.removes_nothing();
        let mut tx = if removes { writing.begin_wiping().await? } else { writing.begin().await? };
        if values.run(&mut tx, SELECT_CURSOR).await?.is_empty() {
            return Ok(None);
        }
        let made = add(&mut tx, &step.tenant, &step.deliveries).await?;
        let removed = expunge(&mut tx, step, now).await?;
        let end = step.end;
        let mut values = BoundValues::default();
        values
            .text(step.tenant.as_str())
            .id(step.id.0)
            .add(step.to)
            .add(integer(step.examined))
            .add(made.saturating_add(integer(removed.events)))
            .add(end.map_or(OperationState::Running, |end| end.state).code())
            .add(end.and_then(|end| end.failure).map(|failure| failure.code()))
            .add(end.map(|_| step.id.no_earlier(now).as_micros()))
            .add(integer(removed.unfinished))
            .add(integer(removed.payload_bytes));
        let moved = values.run(&mut tx, UPDATE_CURSOR).await?;
        let after = moved.first().map(operation).transpose()?;
        if let Some(audit) = &step.audit {
            self.append_to(&mut tx, audit).await?;
        }
        tx.commit().await?;
        if removes {
            self.note_removed_secrets();
        }
        Ok(after)
    }

    async fn list_ended_in_range(&self, stretch: &HistoryRange) -> StoreResult<Vec<Delivery>> {
        self.ended_of(stretch).await
    }

    async fn list_events_in_range(
        &self,
        stretch: &HistoryRange,
        with_payload: bool,
    ) -> StoreResult<Vec<Event>> {
        self.events_of(stretch, with_payload).await
    }

    async fn find_delivered_events(
        &self,
        key: &SubscriptionKey,
        events: &[EventId],
    ) -> StoreResult<HashSet<EventId>> {
        self.delivered_of(key, events).await
    }
}

/// Removes what the step says; returns how much, with what a dry run only counted.
async fn expunge(
    connection: &mut SqliteConnection,
    step: &OperationStep,
    now: Timestamp,
) -> StoreResult<RemovalCounts> {
    let batch = &step.expunged;
    if batch.removes_nothing() {
        return Ok(batch.counted);
    }
    let (tenant, events) = (&step.tenant, &batch.events);
    let removed = remove_payloads(connection, tenant, events, RemovalReason::Expunged, now).await?;
    remove_responses(connection, tenant, &batch.deliveries).await?;
    Ok(removed)
}

/// Inserts deliveries whose events are kept; returns how many.
async fn add(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    deliveries: &[Delivery],
) -> StoreResult<i64> {
    if deliveries.is_empty() {
        return Ok(0);
    }
    let mut values = BoundValues::default();
    values.text(tenant.as_str()).add(id_list(deliveries.iter().map(|d| d.event.0)));
    let rows = values.run(&mut *connection, SELECT_KEPT_EVENTS).await?;
    let kept: HashSet<Uuid> =
        rows.iter().map(|row| RowReader::of(row).id()).collect::<StoreResult<_>>()?;
    let added: Vec<&Delivery> =
        deliveries.iter().filter(|delivery| kept.contains(&delivery.event.0)).collect();
    put_deliveries(&mut *connection, &added).await?;
    let put = |row: &mut BoundValues, delivery: &&Delivery| {
        row.text(tenant.as_str()).id(delivery.event.0).id(delivery.id.0);
        Ok(())
    };
    INSERT_LATER_DELIVERIES.run(connection, &added, put).await?;
    Ok(i64::try_from(added.len()).unwrap_or(i64::MAX))
}

fn operation(row: &SqliteRow) -> StoreResult<Operation> {
    let mut columns = RowReader::of(row);
    Ok(Operation {
        tenant: columns.tenant()?,
        id: OperationId(columns.id()?),
        shard: columns.shard()?,
        task: codec::from_json("task", columns.text()?)?,
        state: codec::operation_state(columns.int()?)?,
        failure: columns.get::<Option<i64>>()?.map(codec::operation_failure).transpose()?,
        cursor: columns.get()?,
        examined: columns.number("examined")?,
        made: columns.number("made")?,
        unfinished: columns.number("unfinished")?,
        payload_bytes: columns.number("payload_bytes")?,
        create_time: columns.time()?,
        end_time: columns.optional_time()?,
    })
}
