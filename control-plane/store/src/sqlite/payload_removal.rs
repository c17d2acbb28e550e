//! Removes payloads, with what receivers answered to them.
//!
//! Fed by steps of operations and by maintenance, in a transaction of theirs: under the
//! writer's lock nobody adds a delivery meanwhile.
//!
//! Keeps the invariant `removed-payloads-stay-removed`.

use postrider_domain::delivery::{AttemptRecord, Delivery};
use postrider_domain::event::RemovalReason;
use postrider_domain::ids::{DeliveryId, EventId, TenantId};
use postrider_domain::time::Timestamp;
use sqlx::sqlite::SqliteConnection;

use super::bulk::{BoundValues, id_list};
use super::history::{SELECT_DELIVERIES_OF_EVENTS, asked};
use super::rows::RowReader;
use crate::error::StoreResult;
use crate::operations::RemovalCounts;
use crate::retention::{RemovableEvents, removed_bytes};

const SELECT_WITH_PAYLOAD: &str = "SELECT id FROM events
    WHERE tenant = ?1
        AND id IN (SELECT unhex(value) FROM json_each(?2))
        AND payload_removal IS NULL
    ORDER BY id";

/// 3 why, 4 when.
const REMOVE_PAYLOADS: &str = "UPDATE events
    SET payload = x'',
        payload_removal = json_object('reason', ?3, 'time', ?4, 'bytes', length(payload))
    WHERE tenant = ?1 AND id IN (SELECT unhex(value) FROM json_each(?2))
    RETURNING id, payload_removal ->> 'bytes'";

const REMOVE_RESPONSES: &str = "UPDATE attempts SET response_headers = x'', response_body = x''
    WHERE tenant = ?1
        AND delivery IN (SELECT unhex(value) FROM json_each(?2))
        AND (length(response_headers) > 0 OR length(response_body) > 0)";

/// Of the attempts that ended them.
const REMOVE_ENDING_RESPONSES: &str = "UPDATE ended_deliveries
    SET response_headers = x'', response_body = x''
    WHERE tenant = ?1
        AND id IN (SELECT unhex(value) FROM json_each(?2))
        AND (length(response_headers) > 0 OR length(response_body) > 0)";

const SELECT_REMOVED: &str = "SELECT 1 FROM events
    WHERE tenant = ?1 AND id = ?2 AND payload_removal IS NOT NULL";

/// Removes the payloads of those of these events of which every delivery has ended.
pub(super) async fn remove_payloads(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    events: &[EventId],
    reason: RemovalReason,
    now: Timestamp,
) -> StoreResult<RemovalCounts> {
    let rows = of_events(tenant, events).run(&mut *connection, SELECT_WITH_PAYLOAD).await?;
    let there: Vec<EventId> =
        rows.iter().map(|row| RowReader::of(row).id().map(EventId)).collect::<StoreResult<_>>()?;
    if there.is_empty() {
        return Ok(RemovalCounts::default());
    }
    let found = RemovableEvents::of(&there, &deliveries_of(connection, tenant, &there).await?);
    let mut values = of_events(tenant, &found.removable);
    values.text(reason.name()).add(now.as_micros());
    let rows = values.run(&mut *connection, REMOVE_PAYLOADS).await?;
    remove_responses(connection, tenant, &found.deliveries).await?;
    let sizes = rows.iter().map(|row| {
        let mut columns = RowReader::of(row);
        Ok((EventId(columns.id()?), columns.number("bytes")?))
    });
    let (events, payload_bytes) = removed_bytes(sizes.collect::<StoreResult<Vec<_>>>()?);
    Ok(RemovalCounts { events, payload_bytes, unfinished: found.unfinished })
}

/// Removes what receivers answered in the attempts of these deliveries.
pub(super) async fn remove_responses(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    deliveries: &[DeliveryId],
) -> StoreResult<()> {
    if deliveries.is_empty() {
        return Ok(());
    }
    for sql in [REMOVE_RESPONSES, REMOVE_ENDING_RESPONSES] {
        let mut values = BoundValues::default();
        values.text(tenant.as_str()).add(id_list(deliveries.iter().map(|delivery| delivery.0)));
        values.change(connection, sql).await?;
    }
    Ok(())
}

/// All deliveries of these events.
pub(super) async fn deliveries_of(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    events: &[EventId],
) -> StoreResult<Vec<Delivery>> {
    let rows = asked(tenant, events)?.run(connection, SELECT_DELIVERIES_OF_EVENTS).await?;
    rows.iter().map(|row| RowReader::of(row).delivery()).collect()
}

/// Whether the event is there without its payload.
pub(super) async fn is_removed(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    event: EventId,
) -> StoreResult<bool> {
    let mut values = BoundValues::default();
    values.text(tenant.as_str()).id(event.0);
    Ok(!values.run(connection, SELECT_REMOVED).await?.is_empty())
}

/// The record as it may be kept: without what the receiver answered if the event's payload
/// was removed.
pub(super) async fn recordable(
    connection: &mut SqliteConnection,
    record: &AttemptRecord,
) -> StoreResult<AttemptRecord> {
    let is_removed = is_removed(connection, &record.subscription.tenant, record.event).await?;
    Ok(if is_removed { record.without_response() } else { record.clone() })
}

/// Binds a tenant and events.
pub(super) fn of_events(tenant: &TenantId, events: &[EventId]) -> BoundValues {
    let mut values = BoundValues::default();
    values.text(tenant.as_str()).add(id_list(events.iter().map(|event| event.0)));
    values
}
