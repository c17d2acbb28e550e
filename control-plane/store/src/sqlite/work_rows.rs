//! How a delivery leaves the table of unfinished ones.
//!
//! Fed by results, cancellations and ends of subscriptions; feeds the table of ended
//! deliveries.

use postrider_domain::delivery::{DeliveryState, EndReason};
use postrider_domain::ids::DeliveryId;
use postrider_domain::time::Timestamp;
use sqlx::sqlite::SqliteConnection;

use super::bulk::{BoundValues, id_list};
use crate::codec;
use crate::error::StoreResult;

const INSERT_ENDED: &str = "INSERT INTO ended_deliveries (
        id, event, tenant, subscription, event_type, account, state, end_reason, attempts,
        failures, cause, due, deadline, end_time, ordering_key, sequence, test, resend_of,
        filter_failed
    )
    SELECT d.id, d.event, d.tenant, d.subscription, d.event_type, d.account, ?2, ?3, d.attempts,
        d.failures, d.cause, d.due, d.deadline, j.value ->> 1, d.ordering_key, d.sequence, d.test,
        d.resend_of, d.filter_failed
    FROM json_each(?1) j
    CROSS JOIN deliveries d ON d.id = unhex(j.value ->> 0)";

const DELETE_UNFINISHED: &str =
    "DELETE FROM deliveries WHERE id IN (SELECT unhex(value) FROM json_each(?))";

/// Moves unfinished deliveries to the ended ones. None ends before it was made, by
/// whatever clock that was.
pub(super) async fn end(
    connection: &mut SqliteConnection,
    ids: &[DeliveryId],
    state: DeliveryState,
    reason: Option<EndReason>,
    now: Timestamp,
) -> StoreResult<u64> {
    let ends = ids.iter().map(|id| (id.0.as_simple().to_string(), id.no_earlier(now).as_micros()));
    let ends: Vec<(String, i64)> = ends.collect();
    let mut values = BoundValues::default();
    values.add(codec::to_json(&ends)?).add(state.code()).add(reason.map(EndReason::code));
    let ended = values.change(connection, INSERT_ENDED).await?;
    remove(connection, id_list(ids.iter().map(|id| id.0))).await?;
    Ok(ended)
}

/// Removes deliveries that were copied to the ended ones.
pub(super) async fn remove(connection: &mut SqliteConnection, list: String) -> StoreResult<()> {
    let mut values = BoundValues::default();
    values.add(list);
    values.change(connection, DELETE_UNFINISHED).await?;
    Ok(())
}
