//! Reads events, deliveries and attempts, page by page.

use async_trait::async_trait;
use postrider_domain::delivery::{AttemptRecord, Delivery, Outcome};
use postrider_domain::event::Event;
use postrider_domain::ids::{AttemptKey, DeliveryId, EventId, SubscriptionKey, TenantId};
use postrider_domain::time::Timestamp;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::arrays::int;
use super::attempts::recorded_attempt;
use super::engine::PostgresStore;
use super::octaves::OctaveCounts;
use super::query::PgQuery;
use super::rows::{self, get, time};
use crate::attempts::{AttemptPage, AttemptQuery, RecordedAttempt};
use crate::codec;
use crate::error::StoreResult;
use crate::history::{
    DeliveryCounts, DeliveryQuery, EventQuery, HistoryStore, ListedEvent, StatsRow, TailPage,
};
use crate::sql_file::without_comment;

const SELECT_EVENT: &str =
    "SELECT (SELECT n.id FROM tenant_numbers n WHERE n.number = tenant) AS tenant, id, create_time,
        event_type, account, attributes, ordering_key, content_type, payload_sha256, traceparent,
        tracestate, idempotency_key, matched, test, payload, payload_removal
    FROM events
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND id = $2
        AND create_time = $3
    UNION ALL
    SELECT (SELECT n.id FROM tenant_numbers n WHERE n.number = tenant) AS tenant, id, create_time,
        event_type, account, attributes, ordering_key, content_type, payload_sha256, traceparent,
        tracestate, idempotency_key, matched, test, payload, payload_removal
    FROM retained_events
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1) AND id = $2
    LIMIT 1";

const COUNT_DELIVERIES: &str =
    without_comment(include_str!("../../sql/postgres/count_deliveries.sql"));

pub(super) const SELECT_DELIVERIES_OF_EVENTS: &str =
    without_comment(include_str!("../../sql/postgres/select_deliveries_of_events.sql"));

const SELECT_DELIVERY: &str =
    "SELECT id, (SELECT n.id FROM tenant_numbers n WHERE n.number = tenant) AS tenant,
        (SELECT n.id FROM subscription_numbers n WHERE n.number = subscription) AS subscription,
        event, event_type, account, shard, epoch, state, attempts, failures, trigger, due, deadline,
        ordering_key, sequence, test, resend_of, filter_failed, NULL::smallint AS end_reason,
        NULL::bigint AS end_time
    FROM deliveries
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1) AND id = $2
    UNION ALL
    SELECT id, (SELECT n.id FROM tenant_numbers n WHERE n.number = tenant) AS tenant,
        (SELECT n.id FROM subscription_numbers n WHERE n.number = subscription) AS subscription,
        event, event_type, account, 0 AS shard, 0::bigint AS epoch, state, attempts, failures,
        trigger, due, deadline, ordering_key, sequence, test, resend_of, filter_failed, end_reason,
        end_time
    FROM ended_deliveries
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND id = $2
        AND end_time >= $3
    LIMIT 1";

/// Each part is cut and ordered as the index is that has to be taken, whatever was known of an
/// empty table.
const SELECT_ATTEMPTS: &str =
    "SELECT delivery, number, (SELECT n.id FROM tenant_numbers n WHERE n.number = tenant) AS tenant,
        (SELECT n.id FROM subscription_numbers n WHERE n.number = subscription) AS subscription,
        event, event_type, outcome, http_status, start_time, dns_us, connect_us, tls_us,
        first_byte_us, total_us, response_headers, response_body, response_body_bytes,
        response_body_truncated, error, agent, region, remote_address, http_version, trigger, test,
        next_attempt_time, settings_revision, delivery_state, delivery_end_reason, record_time
    FROM (
        (
            SELECT delivery, number, tenant, subscription, event, event_type, outcome, http_status,
                start_time, dns_us, connect_us, tls_us, first_byte_us, total_us, response_headers,
                response_body, response_body_bytes, response_body_truncated, error, agent, region,
                remote_address, http_version, trigger, test, next_attempt_time, settings_revision,
                delivery_state, delivery_end_reason, record_time
            FROM attempts
            WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
                AND delivery = $2
                AND number > $3
                AND record_time >= $4
            ORDER BY number LIMIT $5
        )
        UNION ALL
        SELECT id AS delivery, attempts AS number, tenant, subscription, event, event_type, outcome,
            http_status, start_time, dns_us, connect_us, tls_us, first_byte_us, total_us,
            response_headers, response_body, response_body_bytes, response_body_truncated, error,
            agent, region, remote_address, http_version, trigger, test,
            NULL::bigint AS next_attempt_time, settings_revision, state AS delivery_state,
            end_reason AS delivery_end_reason, end_time AS record_time
        FROM ended_deliveries
        WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
            AND id = $2
            AND attempts > $3
            AND end_time >= $4
            AND outcome IS NOT NULL
    ) a
    ORDER BY number LIMIT $5";

/// The number is compared as a range, whose order only the index has that has to be taken.
const SELECT_RECORDED_RESULTS: &str = "SELECT asked.id, asked.number
    FROM unnest($2::uuid[], $3::integer[], $4::bigint[]) AS asked(id, number, since)
    CROSS JOIN LATERAL (
        (
            SELECT number FROM attempts
            WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
                AND delivery = asked.id
                AND number >= asked.number AND number <= asked.number
                AND record_time >= asked.since AND outcome <> $5
            ORDER BY number LIMIT 1
        )
        UNION ALL
        SELECT attempts FROM ended_deliveries
        WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
            AND id = asked.id
            AND attempts = asked.number
            AND end_time >= asked.since AND outcome <> $5
        LIMIT 1
    ) recorded";

/// The attempt that ended a delivery is its last one.
const SELECT_LAST_ATTEMPTS: &str =
    "SELECT delivery, number, (SELECT n.id FROM tenant_numbers n WHERE n.number = tenant) AS tenant,
        (SELECT n.id FROM subscription_numbers n WHERE n.number = subscription) AS subscription,
        event, event_type, outcome, http_status, start_time, dns_us, connect_us, tls_us,
        first_byte_us, total_us, response_headers, response_body, response_body_bytes,
        response_body_truncated, error, agent, region, remote_address, http_version, trigger, test,
        next_attempt_time, settings_revision, delivery_state, delivery_end_reason
    FROM unnest($2::uuid[], $3::bigint[]) AS asked(id, since)
    CROSS JOIN LATERAL (
        SELECT id AS delivery, attempts AS number, tenant, subscription, event, event_type, outcome,
            http_status, start_time, dns_us, connect_us, tls_us, first_byte_us, total_us,
            response_headers, response_body, response_body_bytes, response_body_truncated, error,
            agent, region, remote_address, http_version, trigger, test,
            NULL::bigint AS next_attempt_time, settings_revision, state AS delivery_state,
            end_reason AS delivery_end_reason
        FROM ended_deliveries
        WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
            AND id = asked.id
            AND end_time >= asked.since
            AND outcome IS NOT NULL
        UNION ALL
        (
            SELECT delivery, number, tenant, subscription, event, event_type, outcome, http_status,
                start_time, dns_us, connect_us, tls_us, first_byte_us, total_us, response_headers,
                response_body, response_body_bytes, response_body_truncated, error, agent, region,
                remote_address, http_version, trigger, test, next_attempt_time, settings_revision,
                delivery_state, delivery_end_reason
            FROM attempts
            WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
                AND delivery = asked.id
                AND record_time >= asked.since
            ORDER BY number DESC LIMIT 1
        )
        LIMIT 1
    ) last";

const SELECT_STATS: &str = "SELECT hour, outcome, octave, counts::text AS counts
    FROM attempt_stats
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND subscription = (
            SELECT n.number FROM subscription_numbers n WHERE n.tenant = $1 AND n.id = $2
        )
        AND hour >= $3
    ORDER BY hour, outcome, octave";

#[async_trait]
impl HistoryStore for PostgresStore {
    async fn get_event(&self, tenant: &TenantId, id: EventId) -> StoreResult<Option<Event>> {
        let mut call = self.call("get_event");
        let row = call
            .row(
                sqlx::query(SELECT_EVENT)
                    .bind(tenant.as_str())
                    .bind(id.0)
                    .bind(id.time().as_micros()),
            )
            .await?;
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
        let mut call = self.read_call("delivery_counts");
        let rows = call.rows(asked(COUNT_DELIVERIES, tenant, events)).await?;
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
        let mut call = self.read_call("deliveries_of");
        let rows = call.rows(asked(SELECT_DELIVERIES_OF_EVENTS, tenant, events)).await?;
        rows::read(&rows, rows::delivery)
    }

    async fn get_delivery(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
    ) -> StoreResult<Option<Delivery>> {
        let mut call = self.call("get_delivery");
        let row = call
            .row(
                sqlx::query(SELECT_DELIVERY)
                    .bind(tenant.as_str())
                    .bind(id.0)
                    .bind(id.time().as_micros()),
            )
            .await?;
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
        let mut call = self.read_call("list_attempts");
        let rows = call
            .rows(
                sqlx::query(SELECT_ATTEMPTS)
                    .bind(tenant.as_str())
                    .bind(delivery.0)
                    .bind(int(after))
                    .bind(delivery.time().as_micros())
                    .bind(i64::from(limit)),
            )
            .await?;
        rows::read(&rows, recorded_attempt)
    }

    async fn recorded_results(
        &self,
        tenant: &TenantId,
        attempts: &[AttemptKey],
    ) -> StoreResult<Vec<AttemptKey>> {
        let mut call = self.call("recorded_results");
        let since = attempts.iter().map(|key| key.delivery.time().as_micros());
        let rows = call
            .rows(
                sqlx::query(SELECT_RECORDED_RESULTS)
                    .bind(tenant.as_str())
                    .bind(attempts.iter().map(|key| key.delivery.0).collect::<Vec<_>>())
                    .bind(attempts.iter().map(|key| int(key.number)).collect::<Vec<_>>())
                    .bind(since.collect::<Vec<_>>())
                    .bind(Outcome::Unknown.code()),
            )
            .await?;
        rows::read(&rows, |row| {
            let number = codec::narrow("number", get::<i32>(row, "number")?.into())?;
            Ok(AttemptKey { delivery: DeliveryId(get(row, "id")?), number })
        })
    }

    async fn find_attempts(&self, query: &AttemptQuery) -> StoreResult<AttemptPage> {
        self.attempts_page(query).await
    }

    async fn last_attempts(
        &self,
        tenant: &TenantId,
        deliveries: &[DeliveryId],
    ) -> StoreResult<Vec<AttemptRecord>> {
        let mut call = self.read_call("last_attempts");
        let rows = call
            .rows(
                sqlx::query(SELECT_LAST_ATTEMPTS)
                    .bind(tenant.as_str())
                    .bind(deliveries.iter().map(|id| id.0).collect::<Vec<_>>())
                    .bind(deliveries.iter().map(|id| id.time().as_micros()).collect::<Vec<_>>()),
            )
            .await?;
        rows::read(&rows, rows::attempt)
    }

    async fn stats(&self, key: &SubscriptionKey, since: Timestamp) -> StoreResult<Vec<StatsRow>> {
        let mut call = self.read_call("stats");
        let rows = call
            .rows(
                sqlx::query(SELECT_STATS)
                    .bind(key.tenant.as_str())
                    .bind(key.subscription.as_str())
                    .bind(codec::hour(since)),
            )
            .await?;
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
pub(super) fn asked<'q>(
    sql: &'static str,
    tenant: &'q TenantId,
    events: &[EventId],
) -> PgQuery<'q> {
    let bounds = events.iter().map(|event| codec::ids_of_same_millisecond(event.0));
    let (low, high): (Vec<Uuid>, Vec<Uuid>) = bounds.unzip();
    sqlx::query(sql)
        .bind(tenant.as_str())
        .bind(events.iter().map(|event| event.0).collect::<Vec<_>>())
        .bind(low)
        .bind(high)
        .bind(events.iter().map(|event| event.time().as_micros()).collect::<Vec<_>>())
}
