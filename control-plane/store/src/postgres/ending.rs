//! Ends deliveries for reasons other than an attempt.

use postrider_domain::delivery::{DeliveryState, DeliveryStatus, EndReason};
use postrider_domain::ids::{DeliveryId, TenantId};
use postrider_domain::time::Timestamp;
use postrider_identity::AuditDraft;
use uuid::Uuid;

use super::call::DatabaseCall;
use super::engine::PostgresStore;
use super::rows::delivery;
use super::tail::RecordingTransaction;
use super::{late, outbox};
use crate::codec;
use crate::error::StoreResult;
use crate::sql_file::without_comment;
use crate::work::{CancelOutcome, EndWaitingRequest};

const END_WAITING: &str = without_comment(include_str!("../../sql/postgres/end_waiting.sql"));

const END_WITHOUT_EVENT: &str =
    without_comment(include_str!("../../sql/postgres/end_without_event.sql"));

const CANCEL_DELIVERY: &str =
    without_comment(include_str!("../../sql/postgres/cancel_delivery.sql"));

const SELECT_ENDED_STATE: &str = "SELECT state FROM ended_deliveries
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND id = $2
        AND end_time >= $3";

impl PostgresStore {
    pub(super) async fn end_found_waiting(
        &self,
        request: &EndWaitingRequest,
        now: Timestamp,
        limit: u32,
    ) -> StoreResult<u64> {
        let mut call = self.call("end_waiting");
        call.begin().await?;
        let ended = call
            .rows(
                sqlx::query(END_WAITING)
                    .bind(request.state.code())
                    .bind(request.reason.code())
                    .bind(now.as_micros())
                    .bind(request.subscription.tenant.as_str())
                    .bind(request.subscription.subscription.as_str())
                    .bind(request.deadline_before.map(Timestamp::as_micros))
                    .bind(i64::from(limit))
                    .bind(request.hold_keys),
            )
            .await?;
        if let Some(endpoint) = &request.endpoint_for_events {
            outbox::of_ends(&mut call, endpoint, &ended, request.reason, self.shards).await?;
        }
        call.commit().await?;
        codec::narrow("count", i64::try_from(ended.len()).unwrap_or(i64::MAX))
    }

    pub(super) async fn cancel_one(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
        reason: EndReason,
        now: Timestamp,
        audit: &AuditDraft,
    ) -> StoreResult<CancelOutcome> {
        let (_turn, mut call) = self.change_call("cancel", audit).await?;
        let mut transaction = RecordingTransaction::begin(&mut call).await?;
        let gone = transaction
            .row(
                sqlx::query(CANCEL_DELIVERY)
                    .bind(DeliveryState::Cancelled.code())
                    .bind(reason.code())
                    .bind(now.as_micros())
                    .bind(tenant.as_str())
                    .bind(id.0),
            )
            .await?;
        if let Some(row) = gone {
            let delivery = delivery(&row)?;
            let under_way = delivery.cancelled_under_way(now);
            if let Some(record) = &under_way {
                let standing =
                    DeliveryStatus { state: DeliveryState::Cancelled, end_reason: Some(reason) };
                late::put_unless_known(&mut transaction, record, standing, now).await?;
            }
            self.append_to(&mut transaction, audit).await?;
            transaction.commit().await?;
            return Ok(CancelOutcome::Done { in_flight: under_way.map(|record| record.key) });
        }
        let ended: Option<i16> = transaction
            .optional_value(
                sqlx::query(SELECT_ENDED_STATE)
                    .bind(tenant.as_str())
                    .bind(id.0)
                    .bind(id.time().as_micros()),
            )
            .await?;
        Ok(match ended {
            Some(state) => CancelOutcome::AlreadyEnded(codec::delivery_state(state.into())?),
            None => CancelOutcome::NotFound,
        })
    }
}

/// Returns the deliveries that it ended.
pub(super) async fn end_without_event(
    call: &mut DatabaseCall<'_>,
    ids: Vec<Uuid>,
    now: Timestamp,
) -> StoreResult<Vec<Uuid>> {
    call.values(
        sqlx::query(END_WITHOUT_EVENT)
            .bind(DeliveryState::Exhausted.code())
            .bind(EndReason::EventGone.code())
            .bind(now.as_micros())
            .bind(ids),
    )
    .await
}
