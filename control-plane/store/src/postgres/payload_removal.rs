//! Removes payloads, with what receivers answered to them.
//!
//! Fed by steps of operations and by maintenance, in a transaction of theirs. The events'
//! rows are locked before their deliveries are looked at: whoever adds a delivery holds the
//! row until that can be seen, and finds the payload gone afterwards.
//!
//! Keeps the invariant `removed-payloads-stay-removed`.

use postrider_domain::delivery::{AttemptRecord, Delivery};
use postrider_domain::event::RemovalReason;
use postrider_domain::ids::{DeliveryId, EventId, TenantId};
use postrider_domain::time::Timestamp;
use uuid::Uuid;

use super::call::DatabaseCall;
use super::ending_attempts::remove_ending_responses;
use super::history::{SELECT_DELIVERIES_OF_EVENTS, asked};
use super::query::PgQuery;
use super::rows::{self, get};
use crate::codec;
use crate::error::StoreResult;
use crate::operations::RemovalCounts;
use crate::retention::{RemovableEvents, removed_bytes};

/// The tenant comes with each event: all that is known of a row is in what it is joined by,
/// so that no plan begins with the tenant's rows.
const LOCK_EVENTS: &str = "SELECT e.id
    FROM (
        SELECT (SELECT n.number FROM tenant_numbers n WHERE n.id = a.tenant) AS tenant, a.id,
            a.create_time
        FROM unnest($1::text[], $2::uuid[], $3::bigint[]) AS a(tenant, id, create_time)
    ) AS asked
    JOIN events e
        ON e.tenant = asked.tenant AND e.id = asked.id AND e.create_time = asked.create_time
    WHERE e.payload_removal IS NULL
    ORDER BY e.id FOR UPDATE OF e";

const LOCK_RETAINED_EVENTS: &str = "SELECT r.id
    FROM (
        SELECT (SELECT n.number FROM tenant_numbers n WHERE n.id = a.tenant) AS tenant, a.id
        FROM unnest($1::text[], $2::uuid[]) AS a(tenant, id)
    ) AS asked
    JOIN retained_events r ON r.tenant = asked.tenant AND r.id = asked.id
    WHERE r.payload_removal IS NULL
    ORDER BY r.id FOR UPDATE OF r";

/// 4 why, 5 when.
const REMOVE_PAYLOADS: &str = "UPDATE events e
    SET payload = '',
        payload_removal = json_build_object(
            'reason', $4::text, 'time', $5::bigint, 'bytes', octet_length(e.payload)
        )::text
    FROM (
        SELECT (SELECT n.number FROM tenant_numbers n WHERE n.id = a.tenant) AS tenant, a.id,
            a.create_time
        FROM unnest($1::text[], $2::uuid[], $3::bigint[]) AS a(tenant, id, create_time)
    ) AS asked
    WHERE e.tenant = asked.tenant AND e.id = asked.id AND e.create_time = asked.create_time
    RETURNING e.id, (e.payload_removal::json ->> 'bytes')::bigint AS bytes";

/// As [`REMOVE_PAYLOADS`]; 3 why, 4 when.
const REMOVE_RETAINED_PAYLOADS: &str = "UPDATE retained_events r
    SET payload = '',
        payload_removal = json_build_object(
            'reason', $3::text, 'time', $4::bigint, 'bytes', octet_length(r.payload)
        )::text
    FROM (
        SELECT (SELECT n.number FROM tenant_numbers n WHERE n.id = a.tenant) AS tenant, a.id
        FROM unnest($1::text[], $2::uuid[]) AS a(tenant, id)
    ) AS asked
    WHERE r.tenant = asked.tenant AND r.id = asked.id
    RETURNING r.id, (r.payload_removal::json ->> 'bytes')::bigint AS bytes";

/// Attempts with something that a receiver answered; 3 when each of the deliveries was made.
/// Ordered as the index is that has to be taken.
const FIND_RESPONSES: &str = "SELECT found.delivery, found.number, found.record_time
    FROM (
        SELECT (SELECT n.number FROM tenant_numbers n WHERE n.id = a.tenant) AS tenant, a.id,
            a.since
        FROM unnest($1::text[], $2::uuid[], $3::bigint[]) AS a(tenant, id, since)
    ) AS asked
    CROSS JOIN LATERAL (
        SELECT delivery, number, record_time FROM attempts
        WHERE tenant = asked.tenant
            AND delivery = asked.id
            AND record_time >= asked.since
            AND (response_headers <> '' OR response_body <> '')
        ORDER BY number LIMIT 100000
    ) found";

const REMOVE_RESPONSES: &str = "UPDATE attempts a SET response_headers = '', response_body = ''
    FROM (
        SELECT (SELECT n.number FROM tenant_numbers n WHERE n.id = a.tenant) AS tenant, a.delivery,
            a.number, a.record_time
        FROM unnest($1::text[], $2::uuid[], $3::integer[], $4::bigint[])
            AS a(tenant, delivery, number, record_time)
    ) AS asked
    WHERE a.tenant = asked.tenant
        AND a.delivery = asked.delivery
        AND a.number = asked.number
        AND a.record_time = asked.record_time";

/// Waits for whoever removes the payload, and keeps others from it until the end of the
/// transaction.
const HOLD_EVENT: &str = "SELECT payload_removal IS NOT NULL AS removed FROM events
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND id = $2
        AND create_time = $3 FOR SHARE";
const HOLD_RETAINED_EVENT: &str = "SELECT payload_removal IS NOT NULL AS removed
    FROM retained_events
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1) AND id = $2 FOR SHARE";

/// Removes the payloads of those of these events of which every delivery has ended.
pub(super) async fn remove_payloads(
    call: &mut DatabaseCall<'_>,
    tenant: &TenantId,
    events: &[EventId],
    reason: RemovalReason,
    now: Timestamp,
) -> StoreResult<RemovalCounts> {
    let mut locked: Vec<Uuid> = call.values(events_query(LOCK_EVENTS, tenant, events)).await?;
    let retained = retained_query(LOCK_RETAINED_EVENTS, tenant, events);
    locked.extend(call.values::<Uuid>(retained).await?);
    locked.sort_unstable();
    locked.dedup();
    let locked: Vec<EventId> = locked.into_iter().map(EventId).collect();
    if locked.is_empty() {
        return Ok(RemovalCounts::default());
    }
    let found = RemovableEvents::of(&locked, &deliveries_of(call, tenant, &locked).await?);
    let removable = &found.removable;
    let query = events_query(REMOVE_PAYLOADS, tenant, removable);
    let mut removed = call.rows(query.bind(reason.name()).bind(now.as_micros())).await?;
    let query = retained_query(REMOVE_RETAINED_PAYLOADS, tenant, removable);
    removed.extend(call.rows(query.bind(reason.name()).bind(now.as_micros())).await?);
    remove_responses(call, tenant, &found.deliveries).await?;
    let sizes = rows::read(&removed, |row| {
        Ok((EventId(get(row, "id")?), codec::narrow("bytes", get(row, "bytes")?)?))
    })?;
    let (events, payload_bytes) = removed_bytes(sizes);
    Ok(RemovalCounts { events, payload_bytes, unfinished: found.unfinished })
}

/// Removes what receivers answered in the attempts of these deliveries.
pub(super) async fn remove_responses(
    call: &mut DatabaseCall<'_>,
    tenant: &TenantId,
    deliveries: &[DeliveryId],
) -> StoreResult<()> {
    if deliveries.is_empty() {
        return Ok(());
    }
    let query = sqlx::query(FIND_RESPONSES)
        .bind(vec![tenant.as_str(); deliveries.len()])
        .bind(deliveries.iter().map(|delivery| delivery.0).collect::<Vec<Uuid>>())
        .bind(deliveries.iter().map(|delivery| delivery.time().as_micros()).collect::<Vec<_>>());
    let found = call.rows(query).await?;
    let query = sqlx::query(REMOVE_RESPONSES)
        .bind(vec![tenant.as_str(); found.len()])
        .bind(rows::read(&found, |row| get::<Uuid>(row, "delivery"))?)
        .bind(rows::read(&found, |row| get::<i32>(row, "number"))?)
        .bind(rows::read(&found, |row| get::<i64>(row, "record_time"))?);
    call.execute(query).await?;
    remove_ending_responses(call, tenant, deliveries).await
}

/// All deliveries of these events, as they are now.
pub(super) async fn deliveries_of(
    call: &mut DatabaseCall<'_>,
    tenant: &TenantId,
    events: &[EventId],
) -> StoreResult<Vec<Delivery>> {
    let found = call.rows(asked(SELECT_DELIVERIES_OF_EVENTS, tenant, events)).await?;
    rows::read(&found, rows::delivery)
}

/// The record as it may be kept: without what the receiver answered if the event's payload
/// was removed. The first thing in its transaction, since who removes payloads locks events
/// before attempts.
pub(super) async fn recordable(
    call: &mut DatabaseCall<'_>,
    record: &AttemptRecord,
) -> StoreResult<AttemptRecord> {
    let (tenant, event) = (record.subscription.tenant.as_str(), record.event);
    let hold = sqlx::query(HOLD_EVENT).bind(tenant).bind(event.0).bind(event.time().as_micros());
    let mut row = call.row(hold).await?;
    if row.is_none() {
        row = call.row(sqlx::query(HOLD_RETAINED_EVENT).bind(tenant).bind(event.0)).await?;
    }
    let is_removed = row.map(|row| get::<bool>(&row, "removed")).transpose()?;
    Ok(if is_removed == Some(true) { record.without_response() } else { record.clone() })
}

/// Binds the tenant of each event, and its id.
fn retained_query<'q>(sql: &'static str, tenant: &'q TenantId, events: &[EventId]) -> PgQuery<'q> {
    sqlx::query(sql)
        .bind(vec![tenant.as_str(); events.len()])
        .bind(events.iter().map(|event| event.0).collect::<Vec<Uuid>>())
}

/// As [`retained_query`], and the event's time, by which its partition is found.
pub(super) fn events_query<'q>(
    sql: &'static str,
    tenant: &'q TenantId,
    events: &[EventId],
) -> PgQuery<'q> {
    retained_query(sql, tenant, events)
        .bind(events.iter().map(|event| event.time().as_micros()).collect::<Vec<_>>())
}
