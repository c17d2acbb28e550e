//! Lists of events and deliveries, in pages.
//!
//! They are built from conditions and planned each time, which excludes partitions by
//! time.

use postrider_domain::delivery::Delivery;
use postrider_domain::ids::EventId;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::PostgresStore;
use super::errors::Checked as _;
use super::rows::{self, ended_columns, event_columns, live_columns};
use crate::codec;
use crate::conditions::TextFilter;
use crate::error::StoreResult;
use crate::history::{DeliveryQuery, EventQuery, ListedEvent};

impl PostgresStore {
    pub(super) async fn events_page(&self, query: &EventQuery) -> StoreResult<Vec<ListedEvent>> {
        let mut sql = QueryBuilder::new(concat!(
            "SELECT ",
            event_columns!(),
            ", octet_length(payload) AS payload_bytes"
        ));
        if query.with_payload {
            sql.push(", payload");
        }
        sql.push(" FROM events WHERE tenant = ").push_bind(query.tenant.as_str());
        push_ids(&mut sql, codec::id_range(query.created), query.before.map(|id| id.0));
        if let Some(from) = query.created.from {
            sql.push(" AND create_time >= ").push_bind(from.as_micros());
        }
        if let Some(until) = query.created.until {
            sql.push(" AND create_time < ").push_bind(until.as_micros());
        }
        if let Some(event_type) = &query.event_type {
            sql.push(" AND event_type = ").push_bind(event_type);
        }
        if let Some(account) = &query.account {
            push_text(sql.push(" AND coalesce(account"), account);
        }
        for (name, value) in &query.attributes {
            sql.push(" AND coalesce(attributes::jsonb ->> ").push_bind(name);
            push_text(&mut sql, value);
        }
        sql.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(query.limit));
        let rows = sql.build().persistent(false).fetch_all(&self.pool).await.checked()?;
        rows::read(&rows, |row| rows::listed_event(row, query.with_payload))
    }

    pub(super) async fn deliveries_page(
        &self,
        query: &DeliveryQuery,
    ) -> StoreResult<Vec<Delivery>> {
        let mut sql = QueryBuilder::new("SELECT * FROM (");
        let sets: &[ListedIds] = match query.event {
            None => &[ListedIds::All],
            Some(event) => &[ListedIds::MadeWith(event), ListedIds::MadeAfter(event)],
        };
        for (at, ids) in sets.iter().enumerate() {
            if at > 0 {
                sql.push(" UNION ALL ");
            }
            let unfinished: &[ListSource] = match ids {
                ListedIds::All => {
                    &[ListSource::Waiting, ListSource::InFlight(self.shard(&query.tenant))]
                }
                ListedIds::MadeWith(_) | ListedIds::MadeAfter(_) => &[ListSource::Unfinished],
            };
            for part in unfinished {
                push_deliveries(&mut sql, query, *ids, *part);
                sql.push(" UNION ALL ");
            }
            push_deliveries(&mut sql, query, *ids, ListSource::Ended);
        }
        sql.push(") d ORDER BY id DESC LIMIT ").push_bind(i64::from(query.limit));
        let rows = sql.build().persistent(false).fetch_all(&self.pool).await.checked()?;
        rows::read(&rows, rows::delivery)
    }
}

/// Which ids a list of deliveries looks at.
#[derive(Clone, Copy)]
enum ListedIds {
    All,
    MadeWith(EventId),
    MadeAfter(EventId),
}

/// Ids of a range, and below the last one of the page before.
fn push_ids(sql: &mut QueryBuilder<Postgres>, (from, until): (Uuid, Uuid), before: Option<Uuid>) {
    let until = before.map_or(until, |before| before.min(until));
    sql.push(" AND id >= ").push_bind(from).push(" AND id < ").push_bind(until);
}

/// Ends a condition that begins with `coalesce(` and a text.
fn push_text(sql: &mut QueryBuilder<Postgres>, asked: &TextFilter) {
    match asked {
        TextFilter::Is(text) => sql.push(", '') = ").push_bind(text.clone()),
        TextFilter::Absent => sql.push(", '') = ''"),
        TextFilter::Present => sql.push(", '') <> ''"),
    };
}

/// What a part of a list is read from.
#[derive(Clone, Copy)]
enum ListSource {
    Unfinished,
    /// What is HELD or WAITING, by an index of its own.
    Waiting,
    /// What is in flight in a shard: not more than its owner has in memory.
    InFlight(i32),
    Ended,
}

/// One part of a list, already cut to the page's length.
fn push_deliveries(
    sql: &mut QueryBuilder<Postgres>,
    query: &DeliveryQuery,
    ids: ListedIds,
    part: ListSource,
) {
    sql.push(match part {
        ListSource::Ended => concat!("(SELECT ", ended_columns!()),
        _ => concat!("(SELECT ", live_columns!()),
    });
    match part {
        ListSource::Ended => sql.push(" FROM ended_deliveries WHERE"),
        ListSource::Unfinished => sql.push(" FROM deliveries WHERE"),
        ListSource::Waiting => sql.push(" FROM deliveries WHERE state IN (1, 2) AND"),
        ListSource::InFlight(shard) => sql
            .push(" FROM (SELECT * FROM deliveries WHERE state = 3 AND shard = ")
            .push_bind(shard)
            // Apart, so that no longer index is read for the order of the page.
            .push(" OFFSET 0) d WHERE"),
    };
    sql.push(" tenant = ").push_bind(query.tenant.as_str());
    let range = codec::id_range(query.created);
    push_ids(sql, range, query.before.map(|id| id.0));
    // A delivery ends after it was made, which leaves out partitions.
    let made = match ids {
        ListedIds::All => query.created.from,
        ListedIds::MadeWith(event) | ListedIds::MadeAfter(event) => Some(event.time()),
    };
    if let (ListSource::Ended, Some(made)) = (part, made) {
        sql.push(" AND end_time >= ").push_bind(made.as_micros());
    }
    match ids {
        ListedIds::All => {}
        ListedIds::MadeWith(event) => {
            let (low, high) = codec::ids_of_same_millisecond(event.0);
            sql.push(" AND id BETWEEN ").push_bind(low).push(" AND ").push_bind(high);
            sql.push(" AND event = ").push_bind(event.0);
        }
        ListedIds::MadeAfter(event) => {
            sql.push(" AND id IN (SELECT delivery FROM later_deliveries WHERE tenant = ");
            sql.push_bind(query.tenant.as_str());
            sql.push(" AND event = ").push_bind(event.0).push(")");
        }
    }
    if let Some(subscription) = &query.subscription {
        sql.push(" AND subscription = ").push_bind(subscription.as_str());
    }
    if let Some(event_type) = &query.event_type {
        sql.push(" AND event_type = ").push_bind(event_type);
    }
    if let Some(account) = &query.account {
        push_text(sql.push(" AND coalesce(account"), account);
    }
    if !query.states.is_empty() {
        let states: Vec<i16> = query.states.iter().map(|state| state.code()).collect();
        sql.push(" AND state = ANY(").push_bind(states).push(")");
    }
    if let Some(test) = query.test {
        sql.push(" AND test = ").push_bind(test);
    }
    sql.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(query.limit)).push(")");
}
