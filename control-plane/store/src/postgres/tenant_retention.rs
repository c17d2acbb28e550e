//! Removes what is past the retention of its own tenant.
//!
//! Fed by maintenance, at any replica; feeds the tables, a stretch of ids in each
//! transaction. Partitions are dropped by the installation's retention: what a tenant keeps
//! for less is deleted row by row. Guarantees that an event with an unfinished delivery
//! stays, with its payload.

use postrider_domain::event::RemovalReason;
use postrider_domain::ids::{EventId, TenantId};
use postrider_domain::tenant::TenantRetention;
use postrider_domain::time::Timestamp;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::call::DatabaseCall;
use super::payload_removal::{deliveries_of, events_query, remove_payloads};
use super::query::PgQuery;
use super::rows::{self, get};
use crate::codec;
use crate::error::{FirstFault, StoreResult};
use crate::retention::{PayloadSweep, RemovableEvents, RetainedTenant};

/// Rows looked at in one transaction, so that none runs long.
const STEP_ROWS: i64 = 500;

const SELECT_TENANTS: &str = "SELECT id, history_retention, payload_retention FROM tenants
    WHERE history_retention IS NOT NULL OR payload_retention IS NOT NULL
    ORDER BY id";

const NEXT_EVENTS: &str = "SELECT id FROM events
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND id > $2
        AND id < $3
        AND create_time < $4
    ORDER BY id LIMIT $5";

/// Against whoever adds a delivery.
const LOCK_EVENTS: &str = "SELECT e.id
    FROM (
        SELECT (SELECT n.number FROM tenant_numbers n WHERE n.id = a.tenant) AS tenant, a.id,
            a.create_time
        FROM unnest($1::text[], $2::uuid[], $3::bigint[]) AS a(tenant, id, create_time)
    ) AS asked
    JOIN events e
        ON e.tenant = asked.tenant AND e.id = asked.id AND e.create_time = asked.create_time
    ORDER BY e.id FOR UPDATE OF e";

const DELETE_EVENTS: &str = "DELETE FROM events e
    USING (
        SELECT (SELECT n.number FROM tenant_numbers n WHERE n.id = a.tenant) AS tenant, a.id,
            a.create_time
        FROM unnest($1::text[], $2::uuid[], $3::bigint[]) AS a(tenant, id, create_time)
    ) AS asked
    WHERE e.tenant = asked.tenant AND e.id = asked.id AND e.create_time = asked.create_time";

const NEXT_ENDED: &str = "SELECT id, end_time, subscription FROM ended_deliveries
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND id > $2
        AND id < $3
        AND end_time < $4
    ORDER BY id LIMIT $5";

/// By all columns of two indexes, whichever is taken.
const DELETE_ENDED: &str = "DELETE FROM ended_deliveries d
    USING (
        SELECT (SELECT n.number FROM tenant_numbers n WHERE n.id = a.tenant) AS tenant, a.id,
            a.end_time, a.subscription
        FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::integer[])
            AS a(tenant, id, end_time, subscription)
    ) AS asked
    WHERE d.tenant = asked.tenant
        AND d.id = asked.id
        AND d.end_time = asked.end_time
        AND d.subscription = asked.subscription
    RETURNING d.event, d.id";

const DELETE_LATER: &str = "DELETE FROM later_deliveries l
    USING (
        SELECT (SELECT n.number FROM tenant_numbers n WHERE n.id = a.tenant) AS tenant, a.event,
            a.delivery
        FROM unnest($1::text[], $2::uuid[], $3::uuid[]) AS a(tenant, event, delivery)
    ) AS asked
    WHERE l.tenant = asked.tenant AND l.event = asked.event AND l.delivery = asked.delivery";

/// The oldest, up to a time that so many rows reach.
const DELETE_ATTEMPTS: &str = "DELETE FROM attempts
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND record_time < $2
        AND record_time <= (
            SELECT max(record_time)
            FROM (
                SELECT record_time FROM attempts
                WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
                    AND record_time < $2
                ORDER BY record_time LIMIT $3
            ) oldest
        )";

const DELETE_STATS: &str = "DELETE FROM attempt_stats
    WHERE ctid = ANY(
        ARRAY(
            SELECT ctid FROM attempt_stats
            WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1) AND hour < $2
            LIMIT $3
        )
    )";

const DELETE_OPERATIONS: &str = "DELETE FROM operations
    WHERE ctid = ANY(
        ARRAY(SELECT ctid FROM operations WHERE tenant = $1 AND end_time < $2 LIMIT $3)
    )";

const GET_SWEEP: &str = "SELECT begin_time, position FROM payload_sweeps WHERE tenant = $1";
const SET_SWEEP: &str = "INSERT INTO payload_sweeps (tenant, begin_time, position)
    VALUES ($1, $2, $3)
    ON CONFLICT (tenant) DO UPDATE
        SET begin_time = excluded.begin_time, position = excluded.position";

/// Removes it, of every tenant that has a retention of its own; returns how many rows.
pub(super) async fn sweep(call: &mut DatabaseCall<'_>, now: Timestamp) -> StoreResult<u64> {
    let found = call.rows(sqlx::query(SELECT_TENANTS)).await?;
    let mut faults = FirstFault::default();
    let mut removed = 0;
    for RetainedTenant { tenant, retention } in rows::read(&found, retained_tenant)? {
        if let Some(span) = retention.history {
            let swept = faults.keep(sweep_history(call, &tenant, now - span).await)?;
            removed += swept.unwrap_or_default();
        }
        if let Some(span) = retention.payload {
            faults.keep(sweep_payloads(call, &tenant, now - span, now).await)?;
        }
    }
    faults.into_result().map(|()| removed)
}

fn retained_tenant(row: &PgRow) -> StoreResult<RetainedTenant> {
    Ok(RetainedTenant {
        tenant: rows::tenant_id(row, "id")?,
        retention: TenantRetention {
            history: rows::optional_span(row, "history_retention")?,
            payload: rows::optional_span(row, "payload_retention")?,
        },
    })
}

async fn sweep_history(
    call: &mut DatabaseCall<'_>,
    tenant: &TenantId,
    cutoff: Timestamp,
) -> StoreResult<u64> {
    let mut removed = sweep_ended(call, tenant, cutoff).await?;
    removed += sweep_events(call, tenant, cutoff).await?;
    for (sql, below) in [
        (DELETE_ATTEMPTS, cutoff.as_micros()),
        (DELETE_STATS, codec::hour(cutoff)),
        (DELETE_OPERATIONS, cutoff.as_micros()),
    ] {
        let delete = || sqlx::query(sql).bind(tenant.as_str()).bind(below).bind(STEP_ROWS);
        loop {
            let gone = call.execute(delete()).await?;
            if gone == 0 {
                break;
            }
            removed += gone;
        }
    }
    Ok(removed)
}

async fn sweep_ended(
    call: &mut DatabaseCall<'_>,
    tenant: &TenantId,
    cutoff: Timestamp,
) -> StoreResult<u64> {
    let (mut after, mut removed) = (Uuid::nil(), 0);
    loop {
        let old = call.rows(next_query(NEXT_ENDED, tenant, after, cutoff)).await?;
        let ids = rows::read(&old, |row| get::<Uuid>(row, "id"))?;
        let Some(last) = ids.last().copied() else { return Ok(removed) };
        let end_times = rows::read(&old, |row| get::<i64>(row, "end_time"))?;
        let subscriptions = rows::read(&old, |row| get::<i32>(row, "subscription"))?;
        call.begin().await?;
        let query = sqlx::query(DELETE_ENDED).bind(vec![tenant.as_str(); ids.len()]);
        let gone = call.rows(query.bind(ids).bind(end_times).bind(subscriptions)).await?;
        let column = |name| rows::read(&gone, |row| get::<Uuid>(row, name));
        let query = sqlx::query(DELETE_LATER).bind(vec![tenant.as_str(); gone.len()]);
        let later = call.execute(query.bind(column("event")?).bind(column("id")?)).await?;
        call.commit().await?;
        removed += gone.len() as u64 + later;
        after = last;
    }
}

async fn sweep_events(
    call: &mut DatabaseCall<'_>,
    tenant: &TenantId,
    cutoff: Timestamp,
) -> StoreResult<u64> {
    let (mut after, mut removed) = (Uuid::nil(), 0);
    loop {
        let events = next_events(call, tenant, after, cutoff).await?;
        let Some(last) = events.last().copied() else { return Ok(removed) };
        call.begin().await?;
        call.rows(events_query(LOCK_EVENTS, tenant, &events)).await?;
        let found = RemovableEvents::of(&events, &deliveries_of(call, tenant, &events).await?);
        if !found.removable.is_empty() {
            removed += call.execute(events_query(DELETE_EVENTS, tenant, &found.removable)).await?;
        }
        call.commit().await?;
        after = last.0;
    }
}

async fn sweep_payloads(
    call: &mut DatabaseCall<'_>,
    tenant: &TenantId,
    cutoff: Timestamp,
    now: Timestamp,
) -> StoreResult<()> {
    let stored = call.row(sqlx::query(GET_SWEEP).bind(tenant.as_str())).await?;
    let stored = stored.as_ref().map(payload_sweep).transpose()?;
    let mut sweep = PayloadSweep::resume(stored, now);
    loop {
        let events = next_events(call, tenant, sweep.position, cutoff).await?;
        let Some(last) = events.last().copied() else { return Ok(()) };
        sweep.position = last.0;
        call.begin().await?;
        remove_payloads(call, tenant, &events, RemovalReason::RetentionEnded, now).await?;
        call.execute(
            sqlx::query(SET_SWEEP)
                .bind(tenant.as_str())
                .bind(sweep.begin_time.as_micros())
                .bind(sweep.position),
        )
        .await?;
        call.commit().await?;
    }
}

fn payload_sweep(row: &PgRow) -> StoreResult<PayloadSweep> {
    Ok(PayloadSweep { begin_time: rows::time(row, "begin_time")?, position: get(row, "position")? })
}

/// The next events made before the cutoff.
async fn next_events(
    call: &mut DatabaseCall<'_>,
    tenant: &TenantId,
    after: Uuid,
    cutoff: Timestamp,
) -> StoreResult<Vec<EventId>> {
    let ids = call.values::<Uuid>(next_query(NEXT_EVENTS, tenant, after, cutoff)).await?;
    Ok(ids.into_iter().map(EventId).collect())
}

fn next_query<'q>(
    sql: &'static str,
    tenant: &'q TenantId,
    after: Uuid,
    cutoff: Timestamp,
) -> PgQuery<'q> {
    sqlx::query(sql)
        .bind(tenant.as_str())
        .bind(after)
        .bind(codec::first_id_from(cutoff))
        .bind(cutoff.as_micros())
        .bind(STEP_ROWS)
}
