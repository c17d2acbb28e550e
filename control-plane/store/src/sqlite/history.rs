//! Reads events, deliveries and attempts, in pages short enough not to hold a reader up.

use async_trait::async_trait;
use postrider_domain::delivery::{AttemptRecord, Delivery, Outcome};
use postrider_domain::event::Event;
use postrider_domain::ids::{AttemptKey, DeliveryId, EventId, SubscriptionKey, TenantId};
use postrider_domain::time::Timestamp;
use sqlx::{QueryBuilder, Sqlite};
use uuid::Uuid;

use super::bulk::{BoundValues, id_list};
use super::ending_attempts::last_seq;
use super::engine::SqliteStore;
use super::errors::stored;
use super::histogram;
use super::rows::{ATTEMPT_COLUMNS, RowReader, SELECT_DELIVERY};
use crate::attempts::{AttemptPage, AttemptQuery, RecordedAttempt};
use crate::codec;
use crate::error::StoreResult;
use crate::history::{
    DeliveryCounts, DeliveryQuery, EventQuery, HistoryStore, ListedEvent, StatsRow, TailPage,
};
use crate::list_sql::ListValue::{Id, Text};
use crate::list_sql::{ListSql, delivery_conditions, delivery_ids, event_list};
use crate::sql_file::without_comment;

const SELECT_EVENT: &str =
    "SELECT tenant, id, event_type, account, attributes, ordering_key, content_type,
        payload_sha256, traceparent, tracestate, idempotency_key, matched, test, payload,
        payload_removal
    FROM events
    WHERE tenant = ? AND id = ?";

const COUNT_DELIVERIES: &str =
    without_comment(include_str!("../../sql/sqlite/count_deliveries.sql"));

pub(super) const SELECT_DELIVERIES_OF_EVENTS: &str =
    without_comment(include_str!("../../sql/sqlite/select_deliveries_of_events.sql"));

const SELECT_ATTEMPTS: &str =
    "SELECT record_time, tenant, delivery, number, subscription, event, event_type, outcome,
        http_status, start_time, dns, connect, tls, first_byte, total, response_headers,
        response_body, response_body_bytes, response_body_truncated, error, agent, region,
        remote_address, http_version, cause, test, next_attempt_time, settings_revision,
        delivery_state, delivery_end_reason
    FROM attempts
    WHERE tenant = ?1 AND delivery = ?2 AND number > ?3
    UNION ALL
    SELECT end_time AS record_time, tenant, id AS delivery, attempts AS number, subscription, event,
        event_type, outcome, http_status, start_time, dns, connect, tls, first_byte, total,
        response_headers, response_body, response_body_bytes, response_body_truncated, error, agent,
        region, remote_address, http_version, cause, test, NULL AS next_attempt_time,
        settings_revision, state AS delivery_state, end_reason AS delivery_end_reason
    FROM ended_deliveries
    WHERE tenant = ?1 AND id = ?2 AND attempts > ?3 AND outcome IS NOT NULL
    ORDER BY number LIMIT ?4";

const SELECT_RECORDED_RESULTS: &str = "SELECT delivery, number
    FROM json_each(?1) j
    CROSS JOIN attempts a
        ON a.tenant = ?2 AND a.delivery = unhex(j.value ->> 0) AND a.number = j.value ->> 1
    WHERE a.outcome <> ?3
    UNION ALL
    SELECT d.id, d.attempts
    FROM json_each(?1) j
    CROSS JOIN ended_deliveries d
        ON d.tenant = ?2 AND d.id = unhex(j.value ->> 0) AND d.attempts = j.value ->> 1
    WHERE d.outcome <> ?3";

/// The attempt that ended a delivery is its last one.
const SELECT_LAST_ATTEMPTS: &str =
    "SELECT end_time AS record_time, tenant, d.id AS delivery, attempts AS number, subscription,
        event, event_type, outcome, http_status, start_time, dns, connect, tls, first_byte, total,
        response_headers, response_body, response_body_bytes, response_body_truncated, error, agent,
        region, remote_address, http_version, cause, test, NULL AS next_attempt_time,
        settings_revision, state AS delivery_state, end_reason AS delivery_end_reason
    FROM json_each(?1) j
    CROSS JOIN ended_deliveries d
        ON d.tenant = ?2 AND d.id = unhex(j.value) AND d.outcome IS NOT NULL
    UNION ALL
    SELECT record_time, tenant, delivery, number, subscription, event, event_type, outcome,
        http_status, start_time, dns, connect, tls, first_byte, total, response_headers,
        response_body, response_body_bytes, response_body_truncated, error, agent, region,
        remote_address, http_version, cause, test, next_attempt_time, settings_revision,
        delivery_state, delivery_end_reason
    FROM json_each(?1) j
    CROSS JOIN attempts a
        ON a.seq = (
            SELECT l.seq FROM attempts l
            WHERE l.tenant = ?2 AND l.delivery = unhex(j.value)
            ORDER BY l.number DESC LIMIT 1
        )
    WHERE NOT EXISTS (
        SELECT 1 FROM ended_deliveries d
        WHERE d.tenant = ?2 AND d.id = unhex(j.value) AND d.outcome IS NOT NULL
    )";

const SELECT_STATS: &str = "SELECT hour, outcome, counts FROM attempt_stats
    WHERE tenant = ? AND subscription = ? AND hour >= ?
    ORDER BY hour, outcome";

/// Of each table as many as are asked for, along its rows.
const SELECT_TAIL: &str = "SELECT * FROM (
        SELECT * FROM (
            SELECT record_time, tenant, delivery, number, subscription, event, event_type, outcome,
                http_status, start_time, dns, connect, tls, first_byte, total, response_headers,
                response_body, response_body_bytes, response_body_truncated, error, agent, region,
                remote_address, http_version, cause, test, next_attempt_time, settings_revision,
                delivery_state, delivery_end_reason, seq
            FROM attempts
            WHERE seq > ?1 AND seq <= ?2
            ORDER BY seq LIMIT ?3
        )
        UNION ALL
        SELECT * FROM (
            SELECT end_time AS record_time, tenant, id AS delivery, attempts AS number,
                subscription, event, event_type, outcome, http_status, start_time, dns, connect,
                tls, first_byte, total, response_headers, response_body, response_body_bytes,
                response_body_truncated, error, agent, region, remote_address, http_version, cause,
                test, NULL AS next_attempt_time, settings_revision, state AS delivery_state,
                end_reason AS delivery_end_reason, seq
            FROM ended_deliveries
            WHERE seq > ?1 AND seq <= ?2 AND outcome IS NOT NULL
            ORDER BY seq LIMIT ?3
        )
    )
    ORDER BY seq LIMIT ?3";

/// Goes on with the payload, or with nothing in its place.
const LIST_EVENTS: &str = "SELECT tenant, id, event_type, account, attributes, ordering_key,
        content_type, payload_sha256, traceparent, tracestate, idempotency_key, matched, test, ";
const LIST_DELIVERIES: &str = "SELECT id, tenant, subscription, event, event_type, account, shard,
        epoch, state, end_reason, attempts, failures, cause, due, deadline, end_time,
        ordering_key, sequence, test, resend_of, filter_failed
    FROM (";
const LIST_UNFINISHED: &str = "SELECT * FROM (
        SELECT id, tenant, subscription, event, event_type, account, shard, epoch, state,
            end_reason, attempts, failures, cause, due, deadline, end_time, ordering_key,
            sequence, test, resend_of, filter_failed
        FROM deliveries WHERE";
const LIST_ENDED: &str = "SELECT * FROM (
        SELECT id, tenant, subscription, event, event_type, account, 0 AS shard, 0 AS epoch, state,
            end_reason, attempts, failures, cause, due, deadline, end_time, ordering_key,
            sequence, test, resend_of, filter_failed
        FROM ended_deliveries WHERE";

#[async_trait]
impl HistoryStore for SqliteStore {
    async fn get_event(&self, tenant: &TenantId, id: EventId) -> StoreResult<Option<Event>> {
        let rows = named(tenant, id.0).run(&mut *self.reader().await?, SELECT_EVENT).await?;
        rows.first().map(|row| RowReader::of(row).event()).transpose()
    }

    async fn list_events(&self, query: &EventQuery) -> StoreResult<Vec<ListedEvent>> {
        let mut sql = events_sql(query);
        let mut reader = self.list_reader().await?;
        let rows = sql.build().fetch_all(&mut *reader).await.map_err(stored)?;
        rows.iter()
            .map(|row| {
                let mut columns = RowReader::of(row);
                Ok(ListedEvent {
                    event: columns.event()?,
                    payload_bytes: columns.number("payload_bytes")?,
                })
            })
            .collect()
    }

    async fn delivery_counts(
        &self,
        tenant: &TenantId,
        events: &[EventId],
    ) -> StoreResult<Vec<DeliveryCounts>> {
        let values = asked(tenant, events)?;
        let mut counts = vec![DeliveryCounts::default(); events.len()];
        for row in values.run(&mut *self.list_reader().await?, COUNT_DELIVERIES).await? {
            let mut columns = RowReader::of(&row);
            let n: usize = columns.number("n")?;
            let state = codec::delivery_state(columns.int()?)?;
            let count = columns.number("count")?;
            if let Some(counts) = counts.get_mut(n) {
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
        let rows = asked(tenant, events)?
            .run(&mut *self.list_reader().await?, SELECT_DELIVERIES_OF_EVENTS)
            .await?;
        rows.iter().map(|row| RowReader::of(row).delivery()).collect()
    }

    async fn get_delivery(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
    ) -> StoreResult<Option<Delivery>> {
        let rows = named(tenant, id.0).run(&mut *self.reader().await?, SELECT_DELIVERY).await?;
        rows.first().map(|row| RowReader::of(row).delivery()).transpose()
    }

    async fn list_deliveries(&self, query: &DeliveryQuery) -> StoreResult<Vec<Delivery>> {
        let mut sql = deliveries_sql(query);
        let mut reader = self.list_reader().await?;
        let rows = sql.build().fetch_all(&mut *reader).await.map_err(stored)?;
        rows.iter().map(|row| RowReader::of(row).delivery()).collect()
    }

    async fn list_attempts(
        &self,
        tenant: &TenantId,
        delivery: DeliveryId,
        after: u32,
        limit: u32,
    ) -> StoreResult<Vec<RecordedAttempt>> {
        let mut values = named(tenant, delivery.0);
        values.add(i64::from(after)).add(i64::from(limit));
        let rows = values.run(&mut *self.list_reader().await?, SELECT_ATTEMPTS).await?;
        rows.iter().map(|row| RowReader::of(row).recorded_attempt()).collect()
    }

    async fn recorded_results(
        &self,
        tenant: &TenantId,
        attempts: &[AttemptKey],
    ) -> StoreResult<Vec<AttemptKey>> {
        let asked = attempts.iter().map(|key| (key.delivery.0.as_simple().to_string(), key.number));
        let mut values = BoundValues::default();
        values.add(codec::to_json(&asked.collect::<Vec<_>>())?).text(tenant.as_str());
        values.add(i64::from(Outcome::Unknown.code()));
        let rows = values.run(&mut *self.reader().await?, SELECT_RECORDED_RESULTS).await?;
        let keys = rows.iter().map(|row| {
            let mut columns = RowReader::of(row);
            let delivery = DeliveryId(columns.id()?);
            Ok(AttemptKey { delivery, number: columns.number("number")? })
        });
        keys.collect()
    }

    async fn find_attempts(&self, query: &AttemptQuery) -> StoreResult<AttemptPage> {
        self.attempts_page(query).await
    }

    async fn last_attempts(
        &self,
        tenant: &TenantId,
        deliveries: &[DeliveryId],
    ) -> StoreResult<Vec<AttemptRecord>> {
        let mut values = BoundValues::default();
        values.add(id_list(deliveries.iter().map(|id| id.0))).text(tenant.as_str());
        let rows = values.run(&mut *self.list_reader().await?, SELECT_LAST_ATTEMPTS).await?;
        rows.iter().map(|row| RowReader::of(row).attempt()).collect()
    }

    async fn stats(&self, key: &SubscriptionKey, since: Timestamp) -> StoreResult<Vec<StatsRow>> {
        let mut values = BoundValues::default();
        values.text(key.tenant.as_str()).text(key.subscription.as_str()).add(codec::hour(since));
        let rows = values.run(&mut *self.list_reader().await?, SELECT_STATS).await?;
        rows.iter()
            .map(|row| {
                let mut columns = RowReader::of(row);
                let (hour, outcome) = (columns.time()?, codec::outcome(columns.int()?)?);
                let of = |(bucket, count)| StatsRow { hour, outcome, bucket, count };
                let counts = columns.bytes()?;
                histogram::counts(&counts).map(|each| each.map(of)).collect::<StoreResult<Vec<_>>>()
            })
            .collect::<StoreResult<Vec<_>>>()
            .map(|rows| rows.into_iter().flatten().collect())
    }

    async fn tail_position(&self) -> StoreResult<i64> {
        last_seq(&mut *self.list_reader().await?).await
    }

    async fn tail(&self, position: i64, limit: u32) -> StoreResult<TailPage> {
        let mut reader = self.list_reader().await?;
        let end = last_seq(&mut reader).await?;
        let mut values = BoundValues::default();
        values.add(position).add(end).add(i64::from(limit));
        let rows = values.run(&mut reader, SELECT_TAIL).await?;
        let mut page = TailPage { attempts: Vec::with_capacity(rows.len()), position, held: false };
        for row in &rows {
            let mut columns = RowReader::of(row);
            page.attempts.extend(self.unreadable.passed_over(columns.tailed_attempt())?);
            columns.skip_to(ATTEMPT_COLUMNS);
            page.position = columns.int()?;
        }
        if rows.len() < usize::try_from(limit).unwrap_or(usize::MAX) {
            // Past what ended without an attempt, which is not looked through again.
            page.position = page.position.max(end);
        }
        Ok(page)
    }
}

fn named(tenant: &TenantId, id: Uuid) -> BoundValues {
    let mut values = BoundValues::default();
    values.text(tenant.as_str()).id(id);
    values
}

fn events_sql(query: &EventQuery) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(LIST_EVENTS);
    sql.push(if query.with_payload { "payload" } else { "x''" });
    sql.push(", payload_removal, length(payload) FROM events");
    event_list(&mut sql, query);
    sql
}

/// One statement, so that a delivery that ends meanwhile is seen once.
fn deliveries_sql(query: &DeliveryQuery) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(LIST_DELIVERIES);
    for (n, table) in [LIST_UNFINISHED, LIST_ENDED].into_iter().enumerate() {
        if n > 0 {
            sql.push(" UNION ALL ");
        }
        push_part(&mut sql, query, table, false);
        if query.event.is_some() {
            sql.push(" UNION ALL ");
            push_part(&mut sql, query, table, true);
        }
    }
    sql.push(") ORDER BY id DESC LIMIT ").push_bind(i64::from(query.limit));
    sql
}

/// The newest of one table that match; of an event's, either those made with it
/// or the later ones.
fn push_part(
    sql: &mut QueryBuilder<Sqlite>,
    query: &DeliveryQuery,
    table: &'static str,
    later: bool,
) {
    sql.push(table);
    delivery_ids(sql, query);
    if let Some(event) = query.event {
        let (low, high) = codec::ids_of_same_millisecond(event.0);
        sql.condition("event = ?", &[Id(event.0)]);
        if later {
            sql.condition(
                "id IN (SELECT delivery FROM later_deliveries
                    WHERE tenant = ? AND event = ? AND delivery NOT BETWEEN ? AND ?)",
                &[Text(query.tenant.as_str()), Id(event.0), Id(low), Id(high)],
            );
        } else {
            sql.condition("id BETWEEN ? AND ?", &[Id(low), Id(high)]);
        }
    }
    delivery_conditions(sql, query);
    sql.push(")");
}

/// Events, each with the bounds of what was made together with it.
pub(super) fn asked(tenant: &TenantId, events: &[EventId]) -> StoreResult<BoundValues> {
    let asked: Vec<[String; 3]> = events
        .iter()
        .map(|event| {
            let (low, high) = codec::ids_of_same_millisecond(event.0);
            [event.0, low, high].map(|id| id.as_simple().to_string())
        })
        .collect();
    let mut values = BoundValues::default();
    values.add(codec::to_json(&asked)?).text(tenant.as_str());
    Ok(values)
}
