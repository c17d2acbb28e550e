//! Reads of history.

use async_trait::async_trait;
use postrider_domain::delivery::{AttemptRecord, Delivery};
use postrider_domain::event::Event;
use postrider_domain::ids::{DeliveryId, EventId, SubscriptionKey, TenantId};
use postrider_domain::time::Timestamp;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::arrays::int;
use super::attempts::recorded_attempt;
use super::errors::Checked as _;
use super::octaves::OctaveCounts;
use super::rows::{self, attempt_columns, ended_columns, event_columns, get, live_columns, time};
use super::{PgQuery, PostgresStore};
use crate::attempts::{AttemptPage, AttemptQuery, RecordedAttempt};
use crate::codec;
use crate::error::StoreResult;
use crate::history::{
    DeliveryCounts, DeliveryQuery, EventQuery, HistoryStore, ListedEvent, StatsRow, TailPage,
};

const SELECT_EVENT: &str = concat!(
    "SELECT ",
    event_columns!(),
    ", payload FROM events
    WHERE tenant = $1 AND id = $2 AND create_time = $3
    UNION ALL
    SELECT ",
    event_columns!(),
    ", payload FROM retained_events WHERE tenant = $1 AND id = $2
    LIMIT 1"
);

/// For each event the deliveries made with it, whose ids lie between two bounds,
/// and those made later. 1 the tenant, 2 to 5 the events, their bounds and times.
const COUNT_DELIVERIES: &str = "SELECT asked.ord, found.state, count(*) AS count
    FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[])
        WITH ORDINALITY AS asked(event, low, high, since, ord)
    CROSS JOIN LATERAL (
        SELECT d.state FROM deliveries d
        WHERE d.tenant = $1 AND d.id BETWEEN asked.low AND asked.high AND d.event = asked.event
        UNION ALL
        SELECT d.state FROM ended_deliveries d
        WHERE d.tenant = $1 AND d.id BETWEEN asked.low AND asked.high AND d.event = asked.event
            AND d.end_time >= asked.since
        UNION ALL
        SELECT d.state FROM later_deliveries l
        JOIN deliveries d ON d.id = l.delivery AND d.tenant = l.tenant
        WHERE l.tenant = $1 AND l.event = asked.event
        UNION ALL
        SELECT d.state FROM later_deliveries l
        JOIN ended_deliveries d ON d.id = l.delivery AND d.tenant = l.tenant
        WHERE l.tenant = $1 AND l.event = asked.event AND d.end_time >= asked.since) found
    GROUP BY asked.ord, found.state
    ORDER BY asked.ord, found.state";

/// As [`COUNTS`]. A delivery made later may lie within its event's bounds.
const SELECT_DELIVERIES_OF_EVENTS: &str = concat!(
    "SELECT found.* FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[])
        AS asked(asked_event, low, high, since)
    CROSS JOIN LATERAL (
        SELECT ",
    live_columns!(),
    " FROM deliveries
        WHERE tenant = $1 AND id BETWEEN asked.low AND asked.high AND event = asked.asked_event
        UNION
        SELECT ",
    ended_columns!(),
    " FROM ended_deliveries
        WHERE tenant = $1 AND id BETWEEN asked.low AND asked.high AND event = asked.asked_event
            AND end_time >= asked.since
        UNION
        SELECT ",
    live_columns!(),
    " FROM deliveries
        WHERE tenant = $1 AND id = ANY(ARRAY(SELECT delivery FROM later_deliveries
            WHERE tenant = $1 AND event = asked.asked_event))
        UNION
        SELECT ",
    ended_columns!(),
    " FROM ended_deliveries
        WHERE tenant = $1 AND id = ANY(ARRAY(SELECT delivery FROM later_deliveries
            WHERE tenant = $1 AND event = asked.asked_event)) AND end_time >= asked.since) found"
);

const SELECT_DELIVERY: &str = concat!(
    "SELECT ",
    live_columns!(),
    " FROM deliveries WHERE tenant = $1 AND id = $2
    UNION ALL
    SELECT ",
    ended_columns!(),
    " FROM ended_deliveries
    WHERE tenant = $1 AND id = $2 AND end_time >= $3
    LIMIT 1"
);

const SELECT_ATTEMPTS: &str = concat!(
    "SELECT ",
    attempt_columns!(),
    ", record_time FROM attempts
    WHERE tenant = $1 AND delivery = $2 AND number > $3 AND record_time >= $4
    ORDER BY number LIMIT $5"
);

const SELECT_LAST_ATTEMPTS: &str = concat!(
    "SELECT last.* FROM unnest($2::uuid[], $3::bigint[]) AS asked(id, since)
    CROSS JOIN LATERAL (
        SELECT ",
    attempt_columns!(),
    " FROM attempts
        WHERE tenant = $1 AND delivery = asked.id AND record_time >= asked.since
        ORDER BY number DESC LIMIT 1) last"
);

const SELECT_STATS: &str = "SELECT hour, outcome, octave, counts::text AS counts FROM attempt_stats
    WHERE tenant = $1 AND subscription = $2 AND hour >= $3 ORDER BY hour, outcome, octave";

#[async_trait]
impl HistoryStore for PostgresStore {
    async fn get_event(&self, tenant: &TenantId, id: EventId) -> StoreResult<Option<Event>> {
        let row = sqlx::query(SELECT_EVENT)
            .bind(tenant.as_str())
            .bind(id.0)
            .bind(id.time().as_micros())
            .fetch_optional(&self.pool)
            .await
            .checked()?;
        row.map(|row| rows::event(&row, true)).transpose()
    }

    async fn list_events(&self, query: &EventQuery) -> StoreResult<Vec<ListedEvent>> {
        self.events_page(query).await
    }

    async fn delivery_counts(
        &self,
        tenant: &TenantId,
        events: &[EventId],
    ) -> StoreResult<Vec<DeliveryCounts>> {
        let rows = asked(COUNT_DELIVERIES, tenant, events).fetch_all(&self.pool).await.checked()?;
        let mut counts = vec![DeliveryCounts::default(); events.len()];
        for row in &rows {
            let at: usize = codec::narrow("ord", get::<i64>(row, "ord")? - 1)?;
            let state = codec::delivery_state(get::<i16>(row, "state")?.into())?;
            let count = codec::narrow("count", get(row, "count")?)?;
            if let Some(counts) = counts.get_mut(at) {
                counts.by_state.push((state, count));
            }
        }
        Ok(counts)
    }

    async fn deliveries_of(
        &self,
        tenant: &TenantId,
        events: &[EventId],
    ) -> StoreResult<Vec<Delivery>> {
        let rows = asked(SELECT_DELIVERIES_OF_EVENTS, tenant, events)
            .fetch_all(&self.pool)
            .await
            .checked()?;
        rows::read(&rows, rows::delivery)
    }

    async fn get_delivery(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
    ) -> StoreResult<Option<Delivery>> {
        let row = sqlx::query(SELECT_DELIVERY)
            .bind(tenant.as_str())
            .bind(id.0)
            .bind(id.time().as_micros())
            .fetch_optional(&self.pool)
            .await
            .checked()?;
        row.as_ref().map(rows::delivery).transpose()
    }

    async fn list_deliveries(&self, query: &DeliveryQuery) -> StoreResult<Vec<Delivery>> {
        self.deliveries_page(query).await
    }

    async fn list_attempts(
        &self,
        tenant: &TenantId,
        delivery: DeliveryId,
        after: u32,
        limit: u32,
    ) -> StoreResult<Vec<RecordedAttempt>> {
        let rows = sqlx::query(SELECT_ATTEMPTS)
            .bind(tenant.as_str())
            .bind(delivery.0)
            .bind(int(after))
            .bind(delivery.time().as_micros())
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await
            .checked()?;
        rows::read(&rows, recorded_attempt)
    }

    async fn find_attempts(&self, query: &AttemptQuery) -> StoreResult<AttemptPage> {
        self.attempts_page(query).await
    }

    async fn last_attempts(
        &self,
        tenant: &TenantId,
        deliveries: &[DeliveryId],
    ) -> StoreResult<Vec<AttemptRecord>> {
        let rows = sqlx::query(SELECT_LAST_ATTEMPTS)
            .bind(tenant.as_str())
            .bind(deliveries.iter().map(|id| id.0).collect::<Vec<_>>())
            .bind(deliveries.iter().map(|id| id.time().as_micros()).collect::<Vec<_>>())
            .fetch_all(&self.pool)
            .await
            .checked()?;
        rows::read(&rows, rows::attempt)
    }

    async fn stats(&self, key: &SubscriptionKey, since: Timestamp) -> StoreResult<Vec<StatsRow>> {
        let rows = sqlx::query(SELECT_STATS)
            .bind(key.tenant.as_str())
            .bind(key.subscription.as_str())
            .bind(codec::hour(since))
            .fetch_all(&self.pool)
            .await
            .checked()?;
        Ok(rows::read(&rows, stats_rows)?.into_iter().flatten().collect())
    }

    async fn tail_position(&self) -> StoreResult<i64> {
        self.end_of_tail().await
    }

    async fn tail(&self, position: i64, limit: u32) -> StoreResult<TailPage> {
        self.page_of_tail(position, limit).await
    }
}

fn stats_rows(row: &PgRow) -> StoreResult<Vec<StatsRow>> {
    let hour = time(row, "hour")?;
    let outcome = codec::outcome(get::<i16>(row, "outcome")?.into())?;
    let octave = codec::narrow("octave", get::<i16>(row, "octave")?.into())?;
    let counts = OctaveCounts::from_number(&get::<String>(row, "counts")?)?;
    let of = |(bucket, count)| StatsRow { hour, outcome, bucket, count };
    Ok(counts.buckets(octave).map(of).collect())
}

/// Binds events, each with the bounds of what was made together with it.
fn asked<'q>(sql: &'static str, tenant: &'q TenantId, events: &[EventId]) -> PgQuery<'q> {
    let bounds = events.iter().map(|event| codec::ids_of_same_millisecond(event.0));
    let (low, high): (Vec<Uuid>, Vec<Uuid>) = bounds.unzip();
    sqlx::query(sql)
        .bind(tenant.as_str())
        .bind(events.iter().map(|event| event.0).collect::<Vec<_>>())
        .bind(low)
        .bind(high)
        .bind(events.iter().map(|event| event.time().as_micros()).collect::<Vec<_>>())
}
