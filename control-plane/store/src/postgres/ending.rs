//! Ends deliveries for reasons other than an attempt.

use postrider_domain::delivery::{DeliveryState, DeliveryStatus, EndReason};
use postrider_domain::ids::{DeliveryId, TenantId};
use postrider_domain::time::Timestamp;
use uuid::Uuid;

use super::PostgresStore;
use super::errors::Checked as _;
use super::rows::{delivery, delivery_columns, id_time, live_columns};
use super::tail::RecordingTransaction;
use super::{late, outbox};
use crate::codec;
use crate::error::StoreResult;
use crate::work::{CancelOutcome, EndWaitingRequest};

/// Moves what `gone` holds to the ended deliveries; 1 the state, 2 the reason, 3 now.
/// None ends before it was made, by whatever clock that was.
macro_rules! move_gone {
    () => {
        concat!(
            "ended AS (INSERT INTO ended_deliveries (",
            delivery_columns!(),
            ", end_reason, end_time) SELECT id, tenant, subscription, event, event_type, account,
                shard, epoch, $1::smallint, attempts, failures, trigger, due, deadline, ordering_key,
                sequence, test, resend_of, filter_failed, $2::smallint,
                greatest($3::bigint, ",
            id_time!("id"),
            ") FROM gone)"
        )
    };
}

/// 1 HELD, 2 WAITING; an upper bound of the deadline that is null is no bound.
const END_WAITING: &str = concat!(
    "WITH found AS MATERIALIZED (
        SELECT id FROM deliveries
        WHERE tenant = $4 AND subscription = $5 AND state IN (1, 2)
            AND deadline <= coalesce($6::bigint, 9223372036854775807)
        ORDER BY deadline LIMIT $7 FOR UPDATE)
    , gone AS (DELETE FROM deliveries d
        WHERE d.id = ANY(ARRAY(SELECT id FROM found)) RETURNING d.*)
    , ",
    move_gone!(),
    "
    , held AS (INSERT INTO held_keys AS h
            (tenant, subscription, ordering_key, event, held, quiet_until)
        SELECT DISTINCT ON (tenant, subscription, ordering_key)
            tenant, subscription, ordering_key, event, true, 0
        FROM gone WHERE $8 AND ordering_key IS NOT NULL
        ORDER BY tenant, subscription, ordering_key, sequence
        ON CONFLICT (tenant, subscription, ordering_key) DO UPDATE
            SET event = excluded.event, held = true WHERE NOT h.held)
    SELECT id, event, event_type, attempts, test FROM gone"
);

/// What was claimed or looked up without its event being found, if a second look
/// does not find it either. 3 IN_FLIGHT.
const END_WITHOUT_EVENT: &str = concat!(
    "WITH gone AS (DELETE FROM deliveries d
        WHERE d.id = ANY($4::uuid[]) AND d.state + 0 = 3
            AND NOT EXISTS (SELECT FROM events e WHERE e.tenant = d.tenant AND e.id = d.event)
            AND NOT EXISTS (
                SELECT FROM retained_events r WHERE r.tenant = d.tenant AND r.id = d.event)
        RETURNING d.*)
    , ",
    move_gone!(),
    "
    SELECT id FROM gone"
);

const CANCEL_DELIVERY: &str = concat!(
    "WITH gone AS (DELETE FROM deliveries WHERE tenant = $4 AND id = $5 RETURNING *)
    , ",
    move_gone!(),
    "
    SELECT ",
    live_columns!(),
    " FROM gone"
);

const SELECT_ENDED_STATE: &str = "SELECT state FROM ended_deliveries
    WHERE tenant = $1 AND id = $2 AND end_time >= $3";

impl PostgresStore {
    pub(super) async fn end_found_waiting(
        &self,
        request: &EndWaitingRequest,
        now: Timestamp,
        limit: u32,
    ) -> StoreResult<u64> {
        let mut transaction = self.pool.begin().await.checked()?;
        let ended = sqlx::query(END_WAITING)
            .bind(request.state.code())
            .bind(request.reason.code())
            .bind(now.as_micros())
            .bind(request.subscription.tenant.as_str())
            .bind(request.subscription.subscription.as_str())
            .bind(request.deadline_before.map(Timestamp::as_micros))
            .bind(i64::from(limit))
            .bind(request.hold_keys)
            .fetch_all(&mut *transaction)
            .await
            .checked()?;
        if let Some(endpoint) = &request.announce {
            outbox::of_ends(&mut transaction, endpoint, &ended, request.reason, self.shards)
                .await?;
        }
        transaction.commit().await.checked()?;
        codec::narrow("count", i64::try_from(ended.len()).unwrap_or(i64::MAX))
    }

    /// Returns the deliveries that it ended.
    pub(super) async fn end_without_event(
        &self,
        ids: Vec<Uuid>,
        now: Timestamp,
    ) -> StoreResult<Vec<Uuid>> {
        sqlx::query_scalar(END_WITHOUT_EVENT)
            .bind(DeliveryState::Exhausted.code())
            .bind(EndReason::EventGone.code())
            .bind(now.as_micros())
            .bind(ids)
            .fetch_all(&self.pool)
            .await
            .checked()
    }

    pub(super) async fn cancel_one(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
        reason: EndReason,
        now: Timestamp,
    ) -> StoreResult<CancelOutcome> {
        let mut transaction = RecordingTransaction::begin(&self.pool).await?;
        let gone = sqlx::query(CANCEL_DELIVERY)
            .bind(DeliveryState::Cancelled.code())
            .bind(reason.code())
            .bind(now.as_micros())
            .bind(tenant.as_str())
            .bind(id.0)
            .fetch_optional(&mut *transaction)
            .await
            .checked()?;
        if let Some(row) = gone {
            let delivery = delivery(&row)?;
            let under_way = delivery.cancelled_under_way(now);
            if let Some(record) = &under_way {
                let standing =
                    DeliveryStatus { state: DeliveryState::Cancelled, end_reason: Some(reason) };
                late::put_unless_known(&mut transaction, record, standing, now).await?;
            }
            transaction.commit().await?;
            return Ok(CancelOutcome::Done { in_flight: under_way.map(|record| record.key) });
        }
        let ended: Option<i16> = sqlx::query_scalar(SELECT_ENDED_STATE)
            .bind(tenant.as_str())
            .bind(id.0)
            .bind(id.time().as_micros())
            .fetch_optional(&mut *transaction)
            .await
            .checked()?;
        Ok(match ended {
            Some(state) => CancelOutcome::AlreadyEnded(codec::delivery_state(state.into())?),
            None => CancelOutcome::NotFound,
        })
    }
}
