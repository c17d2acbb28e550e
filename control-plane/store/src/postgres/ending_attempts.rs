//! The attempt that ended a delivery, which is in the ended delivery's row.
//!
//! Fed by late results and by removals of payloads, in a transaction of theirs. Guarantees
//! that an attempt is in one table at a time, at the same place of lists and of the tail.

use postrider_domain::delivery::Delivery;
use postrider_domain::ids::{DeliveryId, TenantId};
use uuid::Uuid;

use super::call::DatabaseCall;
use super::rows::{self, get};
use crate::error::StoreResult;

/// As an attempt of its own. 1 to 3 the ended delivery.
const MOVE_ATTEMPT: &str = "WITH moved AS (
        INSERT INTO attempts (
            delivery, number, tenant, subscription, event, event_type, outcome, http_status,
            start_time, dns_us, connect_us, tls_us, first_byte_us, total_us, response_headers,
            response_body, response_body_bytes, response_body_truncated, error, agent, region,
            remote_address, http_version, trigger, test, next_attempt_time, settings_revision,
            delivery_state, delivery_end_reason, record_time, commit_number
        )
        SELECT id, attempts, tenant, subscription, event, event_type, outcome, http_status,
            start_time, dns_us, connect_us, tls_us, first_byte_us, total_us, response_headers,
            response_body, response_body_bytes, response_body_truncated, error, agent, region,
            remote_address, http_version, trigger, test, NULL::bigint, settings_revision, state,
            end_reason, end_time, commit_number
        FROM ended_deliveries
        WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
            AND id = $2
            AND end_time = $3
            AND outcome IS NOT NULL
    )
    UPDATE ended_deliveries
    SET commit_number = NULL, start_time = NULL, total_us = NULL, response_body_bytes = NULL,
        settings_revision = NULL, http_status = NULL, dns_us = NULL, connect_us = NULL,
        tls_us = NULL, first_byte_us = NULL, outcome = NULL, response_body_truncated = NULL,
        agent = NULL, region = NULL, remote_address = NULL, http_version = NULL, error = NULL,
        response_headers = NULL, response_body = NULL
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND id = $2
        AND end_time = $3
        AND outcome IS NOT NULL";

/// Those with something that a receiver answered; 3 when each of the deliveries was made.
const FIND_RESPONSES: &str = "SELECT found.id, found.end_time
    FROM (
        SELECT (SELECT n.number FROM tenant_numbers n WHERE n.id = a.tenant) AS tenant, a.id,
            a.since
        FROM unnest($1::text[], $2::uuid[], $3::bigint[]) AS a(tenant, id, since)
    ) AS asked
    CROSS JOIN LATERAL (
        SELECT id, end_time FROM ended_deliveries
        WHERE tenant = asked.tenant
            AND id = asked.id
            AND end_time >= asked.since
            AND (response_headers <> '' OR response_body <> '')
        ORDER BY id LIMIT 1
    ) found";

const REMOVE_RESPONSES: &str = "UPDATE ended_deliveries d
    SET response_headers = '', response_body = ''
    FROM (
        SELECT (SELECT n.number FROM tenant_numbers n WHERE n.id = a.tenant) AS tenant, a.id,
            a.end_time
        FROM unnest($1::text[], $2::uuid[], $3::bigint[]) AS a(tenant, id, end_time)
    ) AS asked
    WHERE d.tenant = asked.tenant AND d.id = asked.id AND d.end_time = asked.end_time";

/// Makes the attempt that ended a delivery, if it is in the delivery's row, one of the others:
/// what is about to be changed there is no longer about it.
pub(super) async fn move_ending_attempt(
    call: &mut DatabaseCall<'_>,
    delivery: &Delivery,
) -> StoreResult<()> {
    let Some(end_time) = delivery.end_time else { return Ok(()) };
    let query = sqlx::query(MOVE_ATTEMPT)
        .bind(delivery.subscription.tenant.as_str())
        .bind(delivery.id.0)
        .bind(end_time.as_micros());
    call.execute(query).await.map(drop)
}

/// Removes what receivers answered in the attempts that ended these deliveries.
pub(super) async fn remove_ending_responses(
    call: &mut DatabaseCall<'_>,
    tenant: &TenantId,
    deliveries: &[DeliveryId],
) -> StoreResult<()> {
    let query = sqlx::query(FIND_RESPONSES)
        .bind(vec![tenant.as_str(); deliveries.len()])
        .bind(deliveries.iter().map(|delivery| delivery.0).collect::<Vec<Uuid>>())
        .bind(deliveries.iter().map(|delivery| delivery.time().as_micros()).collect::<Vec<_>>());
    let found = call.rows(query).await?;
    let query = sqlx::query(REMOVE_RESPONSES)
        .bind(vec![tenant.as_str(); found.len()])
        .bind(rows::read(&found, |row| get::<Uuid>(row, "id"))?)
        .bind(rows::read(&found, |row| get::<i64>(row, "end_time"))?);
    call.execute(query).await.map(drop)
}
