//! Lists of a tenant's attempts, by when they were recorded.
//!
//! Fed by the API's queries; feeds it pages. Guarantees that a list reads by one
//! index of each table that has attempts (`attempts_tenant`, `ended_deliveries_tenant`),
//! newest first, and no further than its bound.

use postrider_domain::time::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder};

use super::engine::PostgresStore;
use super::rows::{self, time};
use crate::attempts::{AttemptPage, AttemptQuery, RecordedAttempt};
use crate::error::StoreResult;
use crate::list_sql::{attempt_conditions, attempt_span};

const ATTEMPTS: &str =
    "SELECT delivery, number, tenant, subscription, event, event_type, outcome, http_status,
        start_time, dns_us, connect_us, tls_us, first_byte_us, total_us, response_headers,
        response_body, response_body_bytes, response_body_truncated, error, agent, region,
        remote_address, http_version, trigger, test, next_attempt_time, settings_revision,
        delivery_state, delivery_end_reason, record_time
    FROM attempts";
/// Those that ended their deliveries, as the others.
const ENDING_ATTEMPTS: &str =
    "SELECT id AS delivery, attempts AS number, tenant, subscription, event, event_type, outcome,
        http_status, start_time, dns_us, connect_us, tls_us, first_byte_us, total_us,
        response_headers, response_body, response_body_bytes, response_body_truncated, error, agent,
        region, remote_address, http_version, trigger, test, NULL::bigint AS next_attempt_time,
        settings_revision, state AS delivery_state, end_reason AS delivery_end_reason,
        end_time AS record_time
    FROM ended_deliveries
    WHERE commit_number IS NOT NULL";
/// Of either, with the names of tenant and subscription.
const NAMED_ATTEMPTS: &str =
    "SELECT delivery, number, (SELECT n.id FROM tenant_numbers n WHERE n.number = tenant) AS tenant,
        (SELECT n.id FROM subscription_numbers n WHERE n.number = subscription) AS subscription,
        event, event_type, outcome, http_status, start_time, dns_us, connect_us, tls_us,
        first_byte_us, total_us, response_headers, response_body, response_body_bytes,
        response_body_truncated, error, agent, region, remote_address, http_version, trigger, test,
        next_attempt_time, settings_revision, delivery_state, delivery_end_reason, record_time
    FROM (";
const RECORD_TIMES: &str = "SELECT tenant, record_time FROM attempts";
const ENDING_RECORD_TIMES: &str =
    "SELECT tenant, end_time AS record_time FROM ended_deliveries WHERE commit_number IS NOT NULL";

impl PostgresStore {
    pub(super) async fn attempts_page(&self, query: &AttemptQuery) -> StoreResult<AttemptPage> {
        let mut call = self.read_call("find_attempts");
        let (mut from, until) = query.span();
        let mut scanned_to = None;
        if !query.takes_all() {
            // Apart from the list itself, so that what is looked at is bounded by the
            // index alone, whatever the conditions are.
            let mut sql = scan_end(query, from, until);
            let end: Option<i64> = call.optional_value(sql.build().persistent(false)).await?;
            from = end.unwrap_or(from);
            scanned_to = end.map(Timestamp::from_micros);
        }
        let mut sql = list(query, from, until);
        let rows = call.rows(sql.build().persistent(false)).await?;
        Ok(AttemptPage::of(rows::read(&rows, recorded_attempt)?, query.limit, scanned_to))
    }
}

pub(super) fn recorded_attempt(row: &PgRow) -> StoreResult<RecordedAttempt> {
    Ok(RecordedAttempt { record: rows::attempt(row)?, record_time: time(row, "record_time")? })
}

/// The time of the last attempt that may be looked at, if there are more.
fn scan_end(query: &AttemptQuery, from: i64, until: i64) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new("SELECT record_time FROM (");
    for (at, table) in [RECORD_TIMES, ENDING_RECORD_TIMES].into_iter().enumerate() {
        sql.push(if at > 0 { " UNION ALL (" } else { "(" });
        sql.push("SELECT record_time FROM (").push(table).push(") a");
        attempt_span(&mut sql, query, (from, until));
        sql.push(" ORDER BY record_time DESC LIMIT ");
        sql.push_bind(i64::from(query.scan).saturating_add(1)).push(")");
    }
    sql.push(") a ORDER BY record_time DESC OFFSET ").push_bind(i64::from(query.scan));
    sql.push(" LIMIT 1");
    sql
}

/// All that were recorded together with the last one are among the rows: the indexes
/// know the time only, and order a group that was recorded in one statement no
/// further.
fn list(query: &AttemptQuery, from: i64, until: i64) -> QueryBuilder<Postgres> {
    let newest = |sql: &mut QueryBuilder<Postgres>| {
        sql.push(" ORDER BY record_time DESC FETCH FIRST (");
        sql.push_bind(i64::from(query.limit).saturating_add(1)).push(") ROWS WITH TIES");
    };
    let mut sql = QueryBuilder::new(NAMED_ATTEMPTS);
    for (at, table) in [ATTEMPTS, ENDING_ATTEMPTS].into_iter().enumerate() {
        sql.push(if at > 0 { " UNION ALL (" } else { "(" });
        sql.push("SELECT * FROM (").push(table).push(") a");
        attempt_span(&mut sql, query, (from, until));
        attempt_conditions(&mut sql, query);
        newest(&mut sql);
        sql.push(")");
    }
    sql.push(") a");
    newest(&mut sql);
    sql
}
