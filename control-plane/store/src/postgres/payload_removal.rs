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
use super::history::{SELECT_DELIVERIES_OF_EVENTS, asked};
use super::query::PgQuery;
use super::rows::{self, get};
use crate::codec;
use crate::error::StoreResult;
use crate::operations::RemovalCounts;
use crate::retention::{RemovableEvents, removed_bytes};

const LOCK_EVENTS: &str = "SELECT id FROM events
    WHERE tenant = $1
        AND id = ANY($2)
        AND create_time BETWEEN $3 AND $4
        AND payload_removal IS NULL
    ORDER BY id FOR UPDATE";

const LOCK_RETAINED_EVENTS: &str = "SELECT id FROM retained_events
    WHERE tenant = $1 AND id = ANY($2) AND payload_removal IS NULL
    ORDER BY id FOR UPDATE";

/// 5 why, 6 when.
const REMOVE_PAYLOADS: &str = "UPDATE events
    SET payload = '',
        payload_removal = json_build_object(
            'reason', $5::text, 'time', $6::bigint, 'bytes', octet_length(payload)
        )::text
    WHERE tenant = $1 AND id = ANY($2) AND create_time BETWEEN $3 AND $4
    RETURNING id, (payload_removal::json ->> 'bytes')::bigint AS bytes";

/// As [`REMOVE_PAYLOADS`]; 3 why, 4 when.
const REMOVE_RETAINED_PAYLOADS: &str = "UPDATE retained_events
    SET payload = '',
        payload_removal = json_build_object(
            'reason', $3::text, 'time', $4::bigint, 'bytes', octet_length(payload)
        )::text
    WHERE tenant = $1 AND id = ANY($2)
    RETURNING id, (payload_removal::json ->> 'bytes')::bigint AS bytes";

/// 3 when the first of the deliveries was made.
const REMOVE_RESPONSES: &str = "UPDATE attempts SET response_headers = '', response_body = ''
    WHERE tenant = $1
        AND delivery = ANY($2)
        AND record_time >= $3
        AND (response_headers <> '' OR response_body <> '')";

/// Waits for whoever removes the payload, and keeps others from it until the end of the
/// transaction.
const HOLD_EVENT: &str = "SELECT payload_removal IS NOT NULL AS removed FROM events
    WHERE tenant = $1 AND id = $2 AND create_time = $3 FOR SHARE";
const HOLD_RETAINED_EVENT: &str = "SELECT payload_removal IS NOT NULL AS removed
    FROM retained_events
    WHERE tenant = $1 AND id = $2 FOR SHARE";

/// Removes the payloads of those of these events of which every delivery has ended.
pub(super) async fn remove_payloads(
    call: &mut DatabaseCall<'_>,
    tenant: &TenantId,
    events: &[EventId],
    reason: RemovalReason,
    now: Timestamp,
) -> StoreResult<RemovalCounts> {
    let mut locked: Vec<Uuid> = call.values(events_query(LOCK_EVENTS, tenant, events)).await?;
    let retained = sqlx::query(LOCK_RETAINED_EVENTS).bind(tenant.as_str()).bind(ids_of(events));
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
    let query = sqlx::query(REMOVE_RETAINED_PAYLOADS)
        .bind(tenant.as_str())
        .bind(ids_of(removable))
        .bind(reason.name())
        .bind(now.as_micros());
    removed.extend(call.rows(query).await?);
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
    let Some(first) = deliveries.iter().map(|delivery| delivery.time()).min() else {
        return Ok(());
    };
    let query = sqlx::query(REMOVE_RESPONSES)
        .bind(tenant.as_str())
        .bind(deliveries.iter().map(|delivery| delivery.0).collect::<Vec<Uuid>>())
        .bind(first.as_micros());
    call.execute(query).await.map(drop)
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

fn ids_of(events: &[EventId]) -> Vec<Uuid> {
    events.iter().map(|event| event.0).collect()
}

/// Binds a tenant, events, and the first and last time, by which their partitions are found.
pub(super) fn events_query<'q>(
    sql: &'static str,
    tenant: &'q TenantId,
    events: &[EventId],
) -> PgQuery<'q> {
    let times = events.iter().map(|event| event.time().as_micros());
    sqlx::query(sql)
        .bind(tenant.as_str())
        .bind(ids_of(events))
        .bind(times.clone().min())
        .bind(times.max())
}
