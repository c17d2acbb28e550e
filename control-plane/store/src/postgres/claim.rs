//! Due deliveries claimed, and loaded with their events.

use std::collections::HashMap;

use postrider_domain::delivery::Delivery;
use postrider_domain::event::Event;
use postrider_domain::ids::{DeliveryId, EventId, TenantId};
use postrider_domain::time::Timestamp;
use uuid::Uuid;

use super::PostgresStore;
use super::arrays::{epoch, int};
use super::errors::Checked as _;
use super::rows::{self, event_columns, live_columns};
use crate::error::StoreResult;
use crate::work::{ClaimLimits, ClaimRequest, ClaimedDelivery};

/// Due deliveries of each claim along the index of what waits (2 WAITING); those
/// that another replica claims at this moment are left to it. Tests have an index
/// of their own, so that those of a paused subscription are found behind any
/// backlog. 1 to 7 the claims, 8 now, 9 the limit over all.
macro_rules! due {
    ($which:literal, $condition:literal) => {
        concat!(
            "SELECT due.id, due.due
            FROM unnest($1::integer[], $2::text[], $3::text[], $4::bigint[], $5::bigint[],
                $6::boolean[], $7::bigint[])
                AS c(shard, tenant, subscription, epoch, running, tests_only, most)
            CROSS JOIN LATERAL (
                SELECT id, due FROM deliveries d
                WHERE d.shard = c.shard AND d.tenant = c.tenant AND d.subscription = c.subscription
                    AND d.state = 2 AND d.due <= $8 AND d.deadline >= c.running ",
            $condition,
            " ORDER BY d.due LIMIT c.most FOR UPDATE SKIP LOCKED) due WHERE ",
            $which
        )
    };
}

const CLAIM_DUE: &str = concat!(
    "WITH due AS MATERIALIZED (",
    due!("NOT c.tests_only", ""),
    " UNION ALL ",
    due!("c.tests_only", "AND d.test"),
    " ORDER BY due LIMIT $9)
    , claimed AS (UPDATE deliveries d
        SET state = 3, attempts = d.attempts + 1,
            epoch = ($4::bigint[])[array_position($1::integer[], d.shard)]
        WHERE d.id = ANY(ARRAY(SELECT id FROM due)) RETURNING d.*)
    SELECT ",
    live_columns!(),
    " FROM claimed"
);

const SELECT_IN_FLIGHT: &str = concat!(
    "SELECT ",
    live_columns!(),
    " FROM deliveries WHERE id = ANY($1::uuid[]) AND state + 0 = 3"
);

/// The given events, from whichever table keeps them.
const SELECT_EVENTS: &str = concat!(
    "SELECT e.* FROM unnest($1::text[], $2::uuid[], $3::bigint[]) AS asked(t, i, c)
    CROSS JOIN LATERAL (
        SELECT ",
    event_columns!(),
    ", payload FROM events
        WHERE tenant = asked.t AND id = asked.i AND create_time = asked.c
        UNION ALL
        SELECT ",
    event_columns!(),
    ", payload FROM retained_events
        WHERE tenant = asked.t AND id = asked.i
        LIMIT 1) e"
);

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
        let epochs =
            claims.iter().map(|claim| epoch(claim.epoch.0)).collect::<StoreResult<Vec<_>>>()?;
        let key = |claim: &ClaimRequest| claim.subscription.clone();
        let keys: Vec<_> = claims.iter().map(key).collect();
        let rows = sqlx::query(CLAIM_DUE)
            .bind(claims.iter().map(|claim| i32::from(claim.shard.0)).collect::<Vec<_>>())
            .bind(keys.iter().map(|key| key.tenant.as_str()).collect::<Vec<_>>())
            .bind(keys.iter().map(|key| key.subscription.as_str()).collect::<Vec<_>>())
            .bind(epochs)
            .bind(claims.iter().map(|claim| claim.running.as_micros()).collect::<Vec<_>>())
            .bind(claims.iter().map(|claim| claim.tests_only).collect::<Vec<_>>())
            .bind(claims.iter().map(|claim| i64::from(claim.limit)).collect::<Vec<_>>())
            .bind(now.as_micros())
            .bind(int(limits.deliveries))
            .fetch_all(&self.pool)
            .await
            .checked()?;
        self.with_events(rows::read(&rows, rows::delivery)?, now).await
    }

    pub(super) async fn load(
        &self,
        ids: &[DeliveryId],
        now: Timestamp,
    ) -> StoreResult<Vec<ClaimedDelivery>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(SELECT_IN_FLIGHT)
            .bind(ids.iter().map(|id| id.0).collect::<Vec<Uuid>>())
            .fetch_all(&self.pool)
            .await
            .checked()?;
        self.with_events(rows::read(&rows, rows::delivery)?, now).await
    }

    /// Joins events to deliveries, and ends those whose event is gone (invariant `bad-row-isolated`).
    async fn with_events(
        &self,
        deliveries: Vec<Delivery>,
        now: Timestamp,
    ) -> StoreResult<Vec<ClaimedDelivery>> {
        if deliveries.is_empty() {
            return Ok(Vec::new());
        }
        let mut asked: HashMap<(TenantId, EventId), Option<Event>> = HashMap::new();
        for delivery in &deliveries {
            asked.insert((delivery.subscription.tenant.clone(), delivery.event), None);
        }
        let rows = sqlx::query(SELECT_EVENTS)
            .bind(asked.keys().map(|(tenant, _)| tenant.as_str()).collect::<Vec<_>>())
            .bind(asked.keys().map(|(_, id)| id.0).collect::<Vec<Uuid>>())
            .bind(asked.keys().map(|(_, id)| id.time().as_micros()).collect::<Vec<_>>())
            .fetch_all(&self.pool)
            .await
            .checked()?;
        for row in &rows {
            let event = rows::event(row, true)?;
            asked.insert((event.tenant.clone(), event.id), Some(event));
        }
        let mut work = Vec::with_capacity(deliveries.len());
        let mut without = Vec::new();
        for delivery in deliveries {
            let key = (delivery.subscription.tenant.clone(), delivery.event);
            match asked.get(&key).cloned().flatten() {
                Some(event) => work.push(ClaimedDelivery { delivery, event }),
                None => without.push(delivery.id.0),
            }
        }
        if !without.is_empty() {
            for delivery in self.end_without_event(without, now).await? {
                tracing::error!(%delivery, "ended, since its event is gone");
            }
        }
        Ok(work)
    }
}
