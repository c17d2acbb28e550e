//! Claims due deliveries for an owner, and loads them with their events.

use postrider_domain::delivery::{DeliveryState, EndReason};
use postrider_domain::ids::DeliveryId;
use postrider_domain::time::Timestamp;
use sqlx::sqlite::SqliteConnection;

use super::bulk::{BoundValues, id_list};
use super::engine::SqliteStore;
use super::rows::{RowReader, integer};
use super::work_rows;
use crate::error::StoreResult;
use crate::work::{ClaimLimits, ClaimRequest, ClaimedDelivery};

const CLAIM_DUE: &str = "UPDATE deliveries
    SET state = 3 /* IN_FLIGHT */, attempts = attempts + 1, epoch = ?5
    WHERE id IN (
        SELECT id FROM deliveries INDEXED BY deliveries_waiting
        WHERE state = 2 /* WAITING */
            AND tenant = ?2
            AND subscription = ?3
            AND due <= ?4
            AND true
            AND deadline >= ?6
            AND shard = ?1
        ORDER BY due, id LIMIT ?7
    )
    RETURNING id";
const CLAIM_TESTS: &str = "UPDATE deliveries
    SET state = 3 /* IN_FLIGHT */, attempts = attempts + 1, epoch = ?5
    WHERE id IN (
        SELECT id FROM deliveries INDEXED BY deliveries_waiting_tests
        WHERE state = 2 /* WAITING */
            AND tenant = ?2
            AND subscription = ?3
            AND due <= ?4
            AND test = 1
            AND deadline >= ?6
            AND shard = ?1
        ORDER BY due, id LIMIT ?7
    )
    RETURNING id";

const SELECT_IN_FLIGHT: &str = "SELECT d.id, d.tenant, d.subscription, d.event, d.event_type,
        d.account, d.shard, d.epoch, d.state, d.end_reason, d.attempts, d.failures, d.cause,
        d.due, d.deadline, d.end_time, d.ordering_key, d.sequence, d.test, d.resend_of,
        d.filter_failed, e.tenant, e.id, e.event_type, e.account, e.attributes, e.ordering_key,
        e.content_type, e.payload_sha256, e.traceparent, e.tracestate, e.idempotency_key,
        e.matched, e.test, e.payload, e.payload_removal
    FROM json_each(?) j
    CROSS JOIN deliveries d ON d.id = unhex(j.value)
    CROSS JOIN events e
        ON e.tenant = d.tenant AND e.id = d.event AND e.payload_removal IS NULL
    WHERE d.state = 3 /* IN_FLIGHT */";

const WITHOUT_EVENT: &str = "SELECT d.id FROM deliveries d
    WHERE d.id IN (SELECT unhex(value) FROM json_each(?))
        AND d.state = 3 /* IN_FLIGHT */
        AND NOT EXISTS (
            SELECT 1 FROM events e
            WHERE e.tenant = d.tenant AND e.id = d.event AND e.payload_removal IS NULL
        )";

impl SqliteStore {
    pub(super) async fn claim(
        &self,
        claims: &[ClaimRequest],
        now: Timestamp,
        limits: ClaimLimits,
    ) -> StoreResult<Vec<ClaimedDelivery>> {
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let mut claimed = Vec::new();
        let mut room = limits.deliveries;
        for claim in claims {
            let limit = claim.limit.min(room);
            if limit == 0 {
                continue;
            }
            let mut values = BoundValues::default();
            values
                .add(i64::from(claim.shard.0))
                .text(claim.subscription.tenant.as_str())
                .text(claim.subscription.subscription.as_str())
                .add(now.as_micros())
                .add(integer(claim.epoch.0))
                .add(claim.running.as_micros())
                .add(i64::from(limit));
            let sql = if claim.tests_only { CLAIM_TESTS } else { CLAIM_DUE };
            let rows = values.run(&mut tx, sql).await?;
            room = room.saturating_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX));
            for row in &rows {
                claimed.push(DeliveryId(RowReader::of(row).id()?));
            }
        }
        let work = self.read_work(&mut tx, &claimed).await?;
        if work.len() < claimed.len() {
            end_without_event(&mut tx, &claimed, now).await?;
        }
        tx.commit().await?;
        Ok(work)
    }

    pub(super) async fn load(
        &self,
        ids: &[DeliveryId],
        now: Timestamp,
    ) -> StoreResult<Vec<ClaimedDelivery>> {
        let mut reader = self.reader().await?;
        let work = self.read_work(&mut reader, ids).await?;
        // Most of what is missing has moved on, which needs no writer.
        if work.len() < ids.len() && !without_event(&mut reader, ids).await?.is_empty() {
            drop(reader);
            let mut writing = self.writer.lock().await?;
            let mut tx = writing.begin().await?;
            end_without_event(&mut tx, ids, now).await?;
            tx.commit().await?;
        }
        Ok(work)
    }

    /// IN_FLIGHT deliveries with their events; without those that cannot be read, which stay
    /// as they are (invariant `bad-row-isolated`).
    async fn read_work(
        &self,
        connection: &mut SqliteConnection,
        ids: &[DeliveryId],
    ) -> StoreResult<Vec<ClaimedDelivery>> {
        let mut values = BoundValues::default();
        values.add(id_list(ids.iter().map(|id| id.0)));
        let rows = values.run(connection, SELECT_IN_FLIGHT).await?;
        self.unreadable.readable(rows.iter().map(|row| {
            let mut columns = RowReader::of(row);
            Ok(ClaimedDelivery { delivery: columns.delivery()?, event: columns.event()? })
        }))
    }
}

/// Those of these deliveries that are IN_FLIGHT and have no event any more.
async fn without_event(
    connection: &mut SqliteConnection,
    ids: &[DeliveryId],
) -> StoreResult<Vec<DeliveryId>> {
    let mut values = BoundValues::default();
    values.add(id_list(ids.iter().map(|id| id.0)));
    let rows = values.run(connection, WITHOUT_EVENT).await?;
    rows.iter().map(|row| RowReader::of(row).id().map(DeliveryId)).collect()
}

/// Ends those of these deliveries that could never be sent (invariant `bad-row-isolated`).
async fn end_without_event(
    connection: &mut SqliteConnection,
    ids: &[DeliveryId],
    now: Timestamp,
) -> StoreResult<()> {
    let gone = without_event(connection, ids).await?;
    for delivery in &gone {
        tracing::error!(%delivery, "a delivery was ended, because its event no longer exists");
    }
    let (state, reason) = (DeliveryState::Exhausted, Some(EndReason::EventGone));
    work_rows::end(connection, &gone, state, reason, now).await?;
    Ok(())
}
