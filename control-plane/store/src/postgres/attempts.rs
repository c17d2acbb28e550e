//! Lists of a tenant's attempts, by when they were recorded.
//!
//! Fed by the API's queries; feeds it pages. Guarantees that a list reads by one
//! index (`attempts_tenant`), newest first, and no further than its bound.

use postrider_domain::time::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder};

use super::PostgresStore;
use super::errors::Checked as _;
use super::rows::{self, attempt_columns, time};
use crate::attempts::{AttemptPage, AttemptQuery, RecordedAttempt};
use crate::error::StoreResult;

impl PostgresStore {
    pub(super) async fn attempts_page(&self, query: &AttemptQuery) -> StoreResult<AttemptPage> {
        let (mut from, until) = query.span();
        let mut scanned_to = None;
        if !query.takes_all() {
            // Apart from the list itself, so that what is looked at is bounded by the
            // index alone, whatever the conditions are.
            let mut sql = QueryBuilder::new("SELECT record_time FROM attempts");
            push_span(&mut sql, query, from, until);
            sql.push(" ORDER BY record_time DESC OFFSET ").push_bind(i64::from(query.scan));
            sql.push(" LIMIT 1");
            let end: Option<i64> = sql
                .build_query_scalar()
                .persistent(false)
                .fetch_optional(&self.pool)
                .await
                .checked()?;
            from = end.unwrap_or(from);
            scanned_to = end.map(Timestamp::from_micros);
        }
        let mut sql = list(query, from, until);
        let rows = sql.build().persistent(false).fetch_all(&self.pool).await.checked()?;
        Ok(AttemptPage::of(rows::read(&rows, recorded_attempt)?, query.limit, scanned_to))
    }
}

pub(super) fn recorded_attempt(row: &PgRow) -> StoreResult<RecordedAttempt> {
    Ok(RecordedAttempt { record: rows::attempt(row)?, record_time: time(row, "record_time")? })
}

fn push_span(sql: &mut QueryBuilder<Postgres>, query: &AttemptQuery, from: i64, until: i64) {
    sql.push(" WHERE tenant = ").push_bind(query.tenant.as_str());
    sql.push(" AND record_time >= ").push_bind(from);
    sql.push(" AND record_time <= ").push_bind(until);
}

/// All that were recorded together with the last one are among the rows: the index
/// knows the time only, and orders a group that was recorded in one statement no
/// further.
fn list(query: &AttemptQuery, from: i64, until: i64) -> QueryBuilder<Postgres> {
    let columns = concat!("SELECT ", attempt_columns!(), ", record_time FROM attempts");
    let mut sql = QueryBuilder::new(columns);
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
        sql.push(" AND event_type = ").push_bind(event_type);
    }
    if !query.outcomes.is_empty() {
        let outcomes: Vec<i16> = query.outcomes.iter().map(|outcome| outcome.code()).collect();
        sql.push(" AND outcome = ANY(").push_bind(outcomes).push(")");
    }
    if query.http_status != (0..=u16::MAX) {
        sql.push(" AND coalesce(http_status, 0) BETWEEN ");
        sql.push_bind(i32::from(*query.http_status.start())).push(" AND ");
        sql.push_bind(i32::from(*query.http_status.end()));
    }
    if let Some(test) = query.test {
        sql.push(" AND test = ").push_bind(test);
    }
    sql.push(" ORDER BY record_time DESC FETCH FIRST (");
    sql.push_bind(i64::from(query.limit).saturating_add(1)).push(") ROWS WITH TIES");
    sql
}
