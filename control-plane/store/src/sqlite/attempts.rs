//! Lists of a tenant's attempts, by when they were recorded.
//!
//! Fed by the API's queries; feeds it pages. Guarantees that a list reads by one
//! index (`attempts_tenant`), newest first, and no further than its bound.

use postrider_domain::time::Timestamp;
use sqlx::{QueryBuilder, Sqlite};

use super::SqliteStore;
use super::errors::stored;
use super::rows::{RowReader, attempt_columns};
use crate::attempts::{AttemptPage, AttemptQuery};
use crate::error::StoreResult;

impl SqliteStore {
    pub(super) async fn attempts_page(&self, query: &AttemptQuery) -> StoreResult<AttemptPage> {
        let (mut from, until) = query.span();
        let mut scanned_to = None;
        let mut reader = self.reader().await?;
        if !query.takes_all() {
            // Apart from the list itself, so that what is looked at is bounded by the
            // index alone, whatever the conditions are.
            let mut sql = QueryBuilder::new("SELECT record_time FROM attempts");
            push_span(&mut sql, query, from, until);
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

fn push_span(sql: &mut QueryBuilder<Sqlite>, query: &AttemptQuery, from: i64, until: i64) {
    sql.push(" INDEXED BY attempts_tenant WHERE tenant = ").push_bind(query.tenant.as_str());
    sql.push(" AND record_time >= ").push_bind(from);
    sql.push(" AND record_time <= ").push_bind(until);
}

fn list(query: &AttemptQuery, from: i64, until: i64) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(concat!("SELECT ", attempt_columns!(), " FROM attempts"));
    push_span(&mut sql, query, from, until);
    if let Some(before) = query.before {
        sql.push(" AND (record_time < ").push_bind(before.record_time.as_micros());
        sql.push(" OR (delivery, number) < (").push_bind(before.delivery.0);
        sql.push(", ").push_bind(i64::from(before.number)).push("))");
    }
    if let Some(subscription) = &query.subscription {
        sql.push(" AND subscription = ").push_bind(subscription.as_str());
    }
    if let Some(event_type) = &query.event_type {
        sql.push(" AND event_type = ").push_bind(event_type.as_str());
    }
    if !query.outcomes.is_empty() {
        sql.push(" AND outcome IN (");
        let mut outcomes = sql.separated(", ");
        for outcome in &query.outcomes {
            outcomes.push_bind(outcome.code());
        }
        sql.push(")");
    }
    if query.http_status != (0..=u16::MAX) {
        sql.push(" AND coalesce(http_status, 0) BETWEEN ");
        sql.push_bind(i64::from(*query.http_status.start())).push(" AND ");
        sql.push_bind(i64::from(*query.http_status.end()));
    }
    if let Some(test) = query.test {
        sql.push(" AND test = ").push_bind(test);
    }
    sql.push(" ORDER BY record_time DESC, delivery DESC, number DESC LIMIT ");
    sql.push_bind(i64::from(query.limit).saturating_add(1));
    sql
}
