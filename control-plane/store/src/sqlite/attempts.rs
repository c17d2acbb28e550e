//! Lists of a tenant's attempts, by when they were recorded.
//!
//! Fed by the API's queries; feeds it pages. Guarantees that a list reads by one
//! index (`attempts_tenant`), newest first, and no further than its bound.

use postrider_domain::time::Timestamp;
use sqlx::{QueryBuilder, Sqlite};

use super::engine::SqliteStore;
use super::errors::stored;
use super::rows::RowReader;
use crate::attempts::{AttemptPage, AttemptQuery};
use crate::error::StoreResult;
use crate::list_sql::{attempt_conditions, attempt_span};

const LIST_ATTEMPTS: &str = "SELECT record_time, tenant, delivery, number, subscription, event,
        event_type, outcome, http_status, start_time, dns, connect, tls, first_byte, total,
        response_headers, response_body, response_body_bytes, response_body_truncated, error,
        agent, region, remote_address, http_version, cause, test, next_attempt_time,
        settings_revision, delivery_state, delivery_end_reason
    FROM attempts INDEXED BY attempts_tenant";
const LIST_RECORD_TIMES: &str = "SELECT record_time FROM attempts INDEXED BY attempts_tenant";

impl SqliteStore {
    pub(super) async fn attempts_page(&self, query: &AttemptQuery) -> StoreResult<AttemptPage> {
        let (mut from, until) = query.span();
        let mut scanned_to = None;
        let mut reader = self.list_reader().await?;
        if !query.takes_all() {
            // Apart from the list itself, so that what is looked at is bounded by the
            // index alone, whatever the conditions are.
            let mut sql = QueryBuilder::new(LIST_RECORD_TIMES);
            attempt_span(&mut sql, query, (from, until));
            sql.push(" ORDER BY record_time DESC LIMIT 1 OFFSET ");
            sql.push_bind(i64::from(query.scan));
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

fn list(query: &AttemptQuery, from: i64, until: i64) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(LIST_ATTEMPTS);
    attempt_span(&mut sql, query, (from, until));
    attempt_conditions(&mut sql, query);
    sql.push(" ORDER BY record_time DESC, delivery DESC, number DESC LIMIT ");
    sql.push_bind(i64::from(query.limit).saturating_add(1));
    sql
}
