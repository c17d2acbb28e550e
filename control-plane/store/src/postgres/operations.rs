//! Long-running operations.
//!
//! A step locks its operation's row first: two owners that work out the same step
//! commit it one after the other, and the second finds the cursor moved.

use std::collections::HashSet;

use async_trait::async_trait;
use postrider_domain::delivery::Delivery;
use postrider_domain::event::{Event, RemovalReason};
use postrider_domain::ids::{EventId, OperationId, Shard, SubscriptionKey, TenantId};
use postrider_domain::operation::{Operation, OperationState};
use postrider_domain::time::Timestamp;
use postrider_identity::AuditDraft;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::arrays::DeliveryArrays;
use super::call::DatabaseCall;
use super::engine::PostgresStore;
use super::maintenance::note_expunged;
use super::numbers::BatchNumbers;
use super::payload_removal::{remove_payloads, remove_responses};
use super::rows::{self, get};
use crate::codec;
use crate::error::StoreResult;
use crate::operations::{HistoryRange, OperationStep, OperationStore, RemovalCounts};
use crate::sql_file::without_comment;

const INSERT_OPERATION: &str = "INSERT INTO operations (
        tenant, id, shard, task, state, failure, cursor, examined, made, unfinished, payload_bytes,
        create_time, end_time
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";

const SELECT_OPERATION: &str =
    "SELECT tenant, id, shard, task, state, failure, cursor, examined, made, unfinished,
        payload_bytes, create_time, end_time
    FROM operations
    WHERE tenant = $1 AND id = $2";

const SELECT_OPERATIONS: &str = "SELECT tenant, id, shard, task, state, failure, cursor, examined,
        made, unfinished, payload_bytes, create_time, end_time
    FROM operations
    WHERE tenant = $1 AND id < $2
    ORDER BY id DESC LIMIT $3";

const SELECT_RUNNING: &str = "SELECT tenant, id, shard, task, state, failure, cursor, examined,
        made, unfinished, payload_bytes, create_time, end_time
    FROM operations
    WHERE shard = ANY($1) AND state = 1 /* RUNNING */
    ORDER BY id LIMIT $2";

const CANCEL_OPERATION: &str = "UPDATE operations SET state = 3 /* CANCELLED */, end_time = $3
    WHERE tenant = $1 AND id = $2 AND state = 1 /* RUNNING */";

const DELETE_OPERATION: &str =
    "DELETE FROM operations WHERE tenant = $1 AND id = $2 AND state <> 1 /* RUNNING */";

const LOCK_OPERATION: &str = "SELECT id FROM operations
    WHERE tenant = $1
        AND id = $2
        AND state = 1 /* RUNNING */
        AND cursor IS NOT DISTINCT FROM $3 FOR UPDATE";

const UPDATE_CURSOR: &str = "UPDATE operations
    SET cursor = $3, examined = examined + $4, made = made + $5, state = $6, failure = $7,
        end_time = $8, unfinished = unfinished + $9, payload_bytes = payload_bytes + $10
    WHERE tenant = $1 AND id = $2
    RETURNING tenant, id, shard, task, state, failure, cursor, examined, made, unfinished,
        payload_bytes, create_time, end_time";

const INSERT_DELIVERIES: &str =
    without_comment(include_str!("../../sql/postgres/insert_deliveries.sql"));

#[async_trait]
impl OperationStore for PostgresStore {
    async fn create_operation(&self, operation: &Operation, audit: &AuditDraft) -> StoreResult<()> {
        let (_turn, mut call) = self.change_call("create_operation", audit).await?;
        call.begin().await?;
        call.execute(
            sqlx::query(INSERT_OPERATION)
                .bind(operation.tenant.as_str())
                .bind(operation.id.0)
                .bind(i32::from(operation.shard.0))
                .bind(codec::to_json(&operation.task)?)
                .bind(operation.state.code())
                .bind(operation.failure.map(|failure| failure.code()))
                .bind(operation.cursor)
                .bind(codec::integer(operation.examined))
                .bind(codec::integer(operation.made))
                .bind(codec::integer(operation.unfinished))
                .bind(codec::integer(operation.payload_bytes))
                .bind(operation.create_time.as_micros())
                .bind(operation.end_time.map(Timestamp::as_micros)),
        )
        .await?;
        self.append_to(&mut call, audit).await?;
        call.commit().await
    }

    async fn get_operation(
        &self,
        tenant: &TenantId,
        id: OperationId,
    ) -> StoreResult<Option<Operation>> {
        let mut call = self.call("get_operation");
        let query = sqlx::query(SELECT_OPERATION).bind(tenant.as_str()).bind(id.0);
        let row = call.row(query).await?;
        row.as_ref().map(operation).transpose()
    }

    async fn list_operations(
        &self,
        tenant: &TenantId,
        before: Option<OperationId>,
        limit: u32,
    ) -> StoreResult<Vec<Operation>> {
        let mut call = self.read_call("list_operations");
        let before = before.map_or(Uuid::max(), |id| id.0);
        let query = sqlx::query(SELECT_OPERATIONS)
            .bind(tenant.as_str())
            .bind(before)
            .bind(i64::from(limit));
        rows::read(&call.rows(query).await?, operation)
    }

    async fn running_operations(
        &self,
        shards: &[Shard],
        limit: u32,
    ) -> StoreResult<Vec<Operation>> {
        let mut call = self.call("running_operations");
        let shards: Vec<i32> = shards.iter().map(|shard| i32::from(shard.0)).collect();
        let query = sqlx::query(SELECT_RUNNING).bind(shards).bind(i64::from(limit));
        rows::read(&call.rows(query).await?, operation)
    }

    async fn cancel_operation(
        &self,
        tenant: &TenantId,
        id: OperationId,
        now: Timestamp,
        audit: &AuditDraft,
    ) -> StoreResult<bool> {
        let (_turn, mut call) = self.change_call("cancel_operation", audit).await?;
        call.begin().await?;
        let query = sqlx::query(CANCEL_OPERATION).bind(tenant.as_str()).bind(id.0);
        let query = query.bind(id.no_earlier(now).as_micros());
        let is_cancelled = call.execute(query).await? > 0;
        self.commit_change(&mut call, is_cancelled, audit).await
    }

    async fn delete_operation(
        &self,
        tenant: &TenantId,
        id: OperationId,
        audit: &AuditDraft,
    ) -> StoreResult<bool> {
        let (_turn, mut call) = self.change_call("delete_operation", audit).await?;
        call.begin().await?;
        let query = sqlx::query(DELETE_OPERATION).bind(tenant.as_str()).bind(id.0);
        let is_deleted = call.execute(query).await? > 0;
        self.commit_change(&mut call, is_deleted, audit).await
    }

    async fn step_operation(
        &self,
        step: &OperationStep,
        now: Timestamp,
    ) -> StoreResult<Option<Operation>> {
        let (_turn, mut call) = match &step.audit {
            Some(audit) => {
                let (turn, call) = self.change_call("step_operation", audit).await?;
                (Some(turn), call)
            }
            None => (None, self.call("step_operation")),
        };
        let keys = step.deliveries.iter().map(|delivery| &delivery.subscription);
        let mut numbers = self.numbers.look_up(std::iter::empty(), keys);
        self.numbers.complete(&mut call, &mut numbers).await?;
        call.begin().await?;
        let lock =
            sqlx::query(LOCK_OPERATION).bind(step.tenant.as_str()).bind(step.id.0).bind(step.from);
        if call.row(lock).await?.is_none() {
            return Ok(None);
        }
        let made = add(&mut call, &step.deliveries, &numbers).await?;
        let removed = expunge(&mut call, step, now).await?;
        let end = step.end;
        let row = call
            .one_row(
                sqlx::query(UPDATE_CURSOR)
                    .bind(step.tenant.as_str())
                    .bind(step.id.0)
                    .bind(step.to)
                    .bind(codec::integer(step.examined))
                    .bind(made.saturating_add(codec::integer(removed.events)))
                    .bind(end.map_or(OperationState::Running, |end| end.state).code())
                    .bind(end.and_then(|end| end.failure).map(|failure| failure.code()))
                    .bind(end.map(|_| step.id.no_earlier(now).as_micros()))
                    .bind(codec::integer(removed.unfinished))
                    .bind(codec::integer(removed.payload_bytes)),
            )
            .await?;
        let after = operation(&row)?;
        if let Some(audit) = &step.audit {
            self.append_to(&mut call, audit).await?;
        }
        call.commit().await?;
        Ok(Some(after))
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
    call: &mut DatabaseCall<'_>,
    step: &OperationStep,
    now: Timestamp,
) -> StoreResult<RemovalCounts> {
    let batch = &step.expunged;
    if batch.removes_nothing() {
        return Ok(batch.counted);
    }
    let (tenant, events) = (&step.tenant, &batch.events);
    let removed = remove_payloads(call, tenant, events, RemovalReason::Expunged, now).await?;
    remove_responses(call, tenant, &batch.deliveries).await?;
    note_expunged(call, now).await?;
    Ok(removed)
}

/// Inserts unfinished deliveries whose events are kept; returns how many.
async fn add(
    call: &mut DatabaseCall<'_>,
    deliveries: &[Delivery],
    numbers: &BatchNumbers<'_>,
) -> StoreResult<i64> {
    if deliveries.is_empty() {
        return Ok(0);
    }
    let mut arrays = DeliveryArrays::of(deliveries.iter(), numbers)?;
    for delivery in deliveries {
        arrays.push(1, delivery, numbers)?;
    }
    let row = call.one_row(arrays.bind(sqlx::query(INSERT_DELIVERIES))).await?;
    get(&row, "count")
}

fn operation(row: &PgRow) -> StoreResult<Operation> {
    let failure = get::<Option<i16>>(row, "failure")?;
    Ok(Operation {
        tenant: rows::tenant_id(row, "tenant")?,
        id: OperationId(get(row, "id")?),
        shard: rows::shard(row)?,
        task: codec::from_json("task", get(row, "task")?)?,
        state: codec::operation_state(get::<i16>(row, "state")?.into())?,
        failure: failure.map(|code| codec::operation_failure(code.into())).transpose()?,
        cursor: get(row, "cursor")?,
        examined: codec::narrow("examined", get(row, "examined")?)?,
        made: codec::narrow("made", get(row, "made")?)?,
        unfinished: codec::narrow("unfinished", get(row, "unfinished")?)?,
        payload_bytes: codec::narrow("payload_bytes", get(row, "payload_bytes")?)?,
        create_time: rows::time(row, "create_time")?,
        end_time: rows::optional_time(row, "end_time")?,
    })
}
