//! Claims due deliveries for an owner, and loads them with their events.
//!
//! Keeps the invariant `cost-follows-what-is-found`.

use std::collections::HashMap;

use postrider_domain::event::Event;
use postrider_domain::ids::{DeliveryId, EventId, TenantId};
use postrider_domain::time::Timestamp;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::arrays::{epoch, int};
use super::call::DatabaseCall;
use super::ending::end_without_event;
use super::engine::PostgresStore;
use super::rows;
use crate::error::StoreResult;
use crate::sql_file::without_comment;
use crate::work::{ClaimLimits, ClaimRequest, ClaimedDelivery};

const CLAIM_DUE: &str = without_comment(include_str!("../../sql/postgres/claim_due.sql"));

const SELECT_IN_FLIGHT: &str =
    "SELECT id, (SELECT n.id FROM tenant_numbers n WHERE n.number = tenant) AS tenant,
        (SELECT n.id FROM subscription_numbers n WHERE n.number = subscription) AS subscription,
        event, event_type, account, shard, epoch, state, attempts, failures, trigger, due, deadline,
        ordering_key, sequence, test, resend_of, filter_failed, NULL::smallint AS end_reason,
        NULL::bigint AS end_time
    FROM deliveries
    WHERE id = ANY($1::uuid[]) AND state + 0 = 3 /* IN_FLIGHT */";

/// The given events, from whichever table keeps them with their payloads.
const SELECT_EVENTS: &str = "SELECT e.*
    FROM unnest($1::text[], $2::uuid[], $3::bigint[]) AS asked(t, i, c)
    CROSS JOIN LATERAL (
        SELECT asked.t AS tenant, id, create_time, event_type, account, attributes, ordering_key,
            content_type, payload_sha256, traceparent, tracestate, idempotency_key, matched, test,
            payload, payload_removal
        FROM events
        WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = asked.t)
            AND id = asked.i AND create_time = asked.c
            AND payload_removal IS NULL
        UNION ALL
        SELECT asked.t AS tenant, id, create_time, event_type, account, attributes, ordering_key,
            content_type, payload_sha256, traceparent, tracestate, idempotency_key, matched, test,
            payload, payload_removal
        FROM retained_events
        WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = asked.t)
            AND id = asked.i AND payload_removal IS NULL
        LIMIT 1
    ) e";

/// What there is of a delivery's event.
#[expect(clippy::large_enum_variant, reason = "nearly all are whole")]
enum FoundEvent {
    Whole(Event),
    /// Nothing can be sent of it, and nothing is over.
    Unreadable,
    Nothing,
}

impl PostgresStore {
    pub(super) async fn claim(
        &self,
        claims: &[ClaimRequest],
        now: Timestamp,
        limits: ClaimLimits,
    ) -> StoreResult<Vec<ClaimedDelivery>> {
        if claims.is_empty() {
            return Ok(Vec::new());
        }
        let mut call = self.call("claim_due");
        let epochs =
            claims.iter().map(|claim| epoch(claim.epoch.0)).collect::<StoreResult<Vec<_>>>()?;
        let key = |claim: &ClaimRequest| claim.subscription.clone();
        let keys: Vec<_> = claims.iter().map(key).collect();
        let rows = call
            .rows(
                sqlx::query(CLAIM_DUE)
                    .bind(claims.iter().map(|claim| i32::from(claim.shard.0)).collect::<Vec<_>>())
                    .bind(keys.iter().map(|key| key.tenant.as_str()).collect::<Vec<_>>())
                    .bind(keys.iter().map(|key| key.subscription.as_str()).collect::<Vec<_>>())
                    .bind(epochs)
                    .bind(claims.iter().map(|claim| claim.running.as_micros()).collect::<Vec<_>>())
                    .bind(claims.iter().map(|claim| claim.tests_only).collect::<Vec<_>>())
                    .bind(claims.iter().map(|claim| i64::from(claim.limit)).collect::<Vec<_>>())
                    .bind(now.as_micros())
                    .bind(int(limits.deliveries)),
            )
            .await?;
        self.with_events(&mut call, &rows, now).await
    }

    pub(super) async fn load(
        &self,
        ids: &[DeliveryId],
        now: Timestamp,
    ) -> StoreResult<Vec<ClaimedDelivery>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut call = self.call("load_work");
        let rows = call
            .rows(
                sqlx::query(SELECT_IN_FLIGHT)
                    .bind(ids.iter().map(|id| id.0).collect::<Vec<Uuid>>()),
            )
            .await?;
        self.with_events(&mut call, &rows, now).await
    }

    /// Joins events to deliveries, and ends those whose event is gone. What cannot be read
    /// stays as it is (invariant `bad-row-isolated`).
    async fn with_events(
        &self,
        call: &mut DatabaseCall<'_>,
        rows: &[PgRow],
        now: Timestamp,
    ) -> StoreResult<Vec<ClaimedDelivery>> {
        let deliveries = self.unreadable.readable(rows.iter().map(rows::delivery))?;
        if deliveries.is_empty() {
            return Ok(Vec::new());
        }
        let mut asked: HashMap<(TenantId, EventId), FoundEvent> = HashMap::new();
        for delivery in &deliveries {
            let key = (delivery.subscription.tenant.clone(), delivery.event);
            asked.insert(key, FoundEvent::Nothing);
        }
        let found = call
            .rows(
                sqlx::query(SELECT_EVENTS)
                    .bind(asked.keys().map(|(tenant, _)| tenant.as_str()).collect::<Vec<_>>())
                    .bind(asked.keys().map(|(_, id)| id.0).collect::<Vec<Uuid>>())
                    .bind(asked.keys().map(|(_, id)| id.time().as_micros()).collect::<Vec<_>>()),
            )
            .await?;
        for row in &found {
            let key = (rows::tenant_id(row, "tenant")?, EventId(rows::get(row, "id")?));
            let event = self.unreadable.passed_over(rows::event(row, true))?;
            asked.insert(key, event.map_or(FoundEvent::Unreadable, FoundEvent::Whole));
        }
        let mut work = Vec::with_capacity(deliveries.len());
        let mut without = Vec::new();
        for delivery in deliveries {
            let key = (delivery.subscription.tenant.clone(), delivery.event);
            match asked.get(&key) {
                Some(FoundEvent::Whole(event)) => {
                    work.push(ClaimedDelivery { delivery, event: event.clone() });
                }
                Some(FoundEvent::Unreadable) => {}
                Some(FoundEvent::Nothing) | None => without.push(delivery.id.0),
            }
        }
        if !without.is_empty() {
            for delivery in end_without_event(call, without, now).await? {
                tracing::error!(
                    %delivery,
                    "a delivery was ended, because its event no longer exists"
                );
            }
        }
        Ok(work)
    }
}
