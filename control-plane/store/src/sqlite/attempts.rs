//! Lists of a tenant's attempts, by when they were recorded.
//!
//! Fed by the API's queries; feeds it pages. Guarantees that a list reads by one
//! index of each table that has attempts (`attempts_tenant`, `ended_deliveries_tenant`),
//! newest first, and no further than its bound.

use postrider_domain::time::Timestamp;
use sqlx::{QueryBuilder, Sqlite};

use super::engine::SqliteStore;
use super::errors::stored;
use super::rows::RowReader;
use crate::attempts::{AttemptPage, AttemptQuery};
use crate::error::StoreResult;
use crate::list_sql::{attempt_conditions, attempt_span};

const ATTEMPTS: &str =
    "SELECT record_time, tenant, delivery, number, subscription, event, event_type, outcome,
        http_status, start_time, dns, connect, tls, first_byte, total, response_headers,
        response_body, response_body_bytes, response_body_truncated, error, agent, region,
        remote_address, http_version, cause, test, next_attempt_time, settings_revision,
        delivery_state, delivery_end_reason
    FROM attempts INDEXED BY attempts_tenant";
/// Those that ended their deliveries, as the others.
const ENDING_ATTEMPTS: &str =
    "SELECT end_time AS record_time, tenant, id AS delivery, attempts AS number, subscription,
        event, event_type, outcome, http_status, start_time, dns, connect, tls, first_byte, total,
        response_headers, response_body, response_body_bytes, response_body_truncated, error, agent,
        region, remote_address, http_version, cause, test, NULL AS next_attempt_time,
        settings_revision, state AS delivery_state, end_reason AS delivery_end_reason
    FROM ended_deliveries INDEXED BY ended_deliveries_tenant
    WHERE outcome IS NOT NULL";
const RECORD_TIMES: &str = "SELECT tenant, record_time FROM attempts INDEXED BY attempts_tenant";
const ENDING_RECORD_TIMES: &str = "SELECT tenant, end_time AS record_time
    FROM ended_deliveries INDEXED BY ended_deliveries_tenant
    WHERE outcome IS NOT NULL";

impl SqliteStore {
    pub(super) async fn attempts_page(&self, query: &AttemptQuery) -> StoreResult<AttemptPage> {
        let (mut from, until) = query.span();
        let mut scanned_to = None;
        let mut reader = self.list_reader().await?;
        if !query.takes_all() {
            // Apart from the list itself, so that what is looked at is bounded by the
            // index alone, whatever the conditions are.
            let mut sql = scan_end(query, from, until);
            let end: Option<i64> =
                sql.build_query_scalar().fetch_optional(&mut *reader).await.map_err(stored)?;
            from = end.unwrap_or(from);
            scanned_to = end.map(Timestamp::from_micros);
        }
        let mut sql = list(query, from, until);
        let rows = sql.build().fetch_all(&mut *reader).await.map_err(stored)?;
        let found = rows.iter().map(|row| RowReader::of(row).recorded_attempt());
        Ok(AttemptPage::of(found.collect::<StoreResult<_>>()?, query.limit, scanned_to))
    }
}

/// The time of the last attempt that may be looked at, if there are more.
fn scan_end(query: &AttemptQuery, from: i64, until: i64) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("SELECT record_time FROM (");
    for (at, table) in [RECORD_TIMES, ENDING_RECORD_TIMES].into_iter().enumerate() {
        sql.push(if at > 0 { " UNION ALL SELECT * FROM (" } else { "SELECT * FROM (" });
        sql.push("SELECT record_time FROM (").push(table).push(")");
        attempt_span(&mut sql, query, (from, until));
        sql.push(" ORDER BY record_time DESC LIMIT ");
        sql.push_bind(i64::from(query.scan).saturating_add(1)).push(")");
    }
    sql.push(") ORDER BY record_time DESC LIMIT 1 OFFSET ").push_bind(i64::from(query.scan));
    sql
}

fn list(query: &AttemptQuery, from: i64, until: i64) -> QueryBuilder<Sqlite> {
    let newest = |sql: &mut QueryBuilder<Sqlite>| {
        sql.push(" ORDER BY record_time DESC, delivery DESC, number DESC LIMIT ");
        sql.push_bind(i64::from(query.limit).saturating_add(1));
    };
    let mut sql = QueryBuilder::new("SELECT * FROM (");
    for (at, table) in [ATTEMPTS, ENDING_ATTEMPTS].into_iter().enumerate() {
        sql.push(if at > 0 { " UNION ALL SELECT * FROM (" } else { "SELECT * FROM (" });
        sql.push("SELECT * FROM (").push(table).push(")");
        attempt_span(&mut sql, query, (from, until));
        attempt_conditions(&mut sql, query);
        newest(&mut sql);
        sql.push(")");
    }
    sql.push(")");
    newest(&mut sql);
    sql
}
