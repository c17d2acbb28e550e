//! The attempt that ended a delivery, which is in the ended delivery's row.
//!
//! Fed by results, in a transaction of theirs; feeds the tail. Guarantees that an attempt is
//! in one table at a time, at the same place of lists and of the tail, and that a place is
//! given once, whichever table it is in.

use postrider_domain::delivery::AttemptRecord;
use sqlx::sqlite::SqliteConnection;

use super::bulk::BoundValues;
use super::rows::RowReader;
use crate::error::StoreResult;

/// Of the attempt that ended a delivery, which becomes one of the others at its place.
const MOVE_ENDING_ATTEMPT: &str = "INSERT INTO attempts (
        record_time, tenant, delivery, number, subscription, event, event_type, outcome,
        http_status, start_time, dns, connect, tls, first_byte, total, response_headers,
        response_body, response_body_bytes, response_body_truncated, error, agent, region,
        remote_address, http_version, cause, test, next_attempt_time, settings_revision,
        delivery_state, delivery_end_reason, seq
    )
    SELECT end_time, tenant, id, attempts, subscription, event, event_type, outcome, http_status,
        start_time, dns, connect, tls, first_byte, total, response_headers, response_body,
        response_body_bytes, response_body_truncated, error, agent, region, remote_address,
        http_version, cause, test, NULL, settings_revision, state, end_reason, seq
    FROM ended_deliveries
    WHERE tenant = ?1 AND id = ?2 AND outcome IS NOT NULL";
const FORGET_ENDING_ATTEMPT: &str = "UPDATE ended_deliveries
    SET outcome = NULL, http_status = NULL, start_time = NULL, dns = NULL, connect = NULL,
        tls = NULL, first_byte = NULL, total = NULL, settings_revision = NULL,
        response_body_bytes = NULL, response_body_truncated = NULL, agent = NULL, region = NULL,
        remote_address = NULL, http_version = NULL, error = NULL, response_headers = NULL,
        response_body = NULL
    WHERE tenant = ?1 AND id = ?2";
/// The last `seq` that an attempt may have. AUTOINCREMENT keeps the highest ever given there.
const SELECT_LAST_SEQ: &str = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence
    WHERE name IN ('attempts', 'ended_deliveries')";

/// After this come the places of new attempts.
pub(super) async fn last_seq(connection: &mut SqliteConnection) -> StoreResult<i64> {
    let rows = BoundValues::default().run(connection, SELECT_LAST_SEQ).await?;
    rows.first().map_or(Ok(0), |row| RowReader::of(row).int())
}

/// Makes the attempt that ended a delivery, if it is in the delivery's row, one of the others:
/// what is about to be changed there is no longer about it.
pub(super) async fn move_ending_attempt(
    connection: &mut SqliteConnection,
    record: &AttemptRecord,
) -> StoreResult<()> {
    for sql in [MOVE_ENDING_ATTEMPT, FORGET_ENDING_ATTEMPT] {
        let mut values = BoundValues::default();
        values.text(record.subscription.tenant.as_str()).id(record.key.delivery.0);
        values.change(connection, sql).await?;
    }
    Ok(())
}
