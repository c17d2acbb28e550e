//! Lists of events and deliveries, in pages.
//!
//! They are built from conditions and planned each time, which excludes partitions by
//! time.

use postrider_domain::delivery::Delivery;
use postrider_domain::ids::EventId;
use sqlx::{Postgres, QueryBuilder};

use super::engine::PostgresStore;
use super::rows;
use crate::codec;
use crate::error::StoreResult;
use crate::history::{DeliveryQuery, EventQuery, ListedEvent};
use crate::list_sql::ListValue::{Id, Integer, Text};
use crate::list_sql::{ListSql, delivery_conditions, delivery_ids, event_list};

const LIST_EVENTS: &str =
    "SELECT (SELECT n.id FROM tenant_numbers n WHERE n.number = tenant) AS tenant, id, create_time,
        event_type, account, attributes, ordering_key, content_type, payload_sha256, traceparent,
        tracestate, idempotency_key, matched, test, payload_removal,
        octet_length(payload) AS payload_bytes";
/// Of any part, with the names of tenant and subscription.
const NAMED_DELIVERIES: &str =
    "SELECT id, (SELECT n.id FROM tenant_numbers n WHERE n.number = tenant) AS tenant,
        (SELECT n.id FROM subscription_numbers n WHERE n.number = subscription) AS subscription,
        event, event_type, account, shard, epoch, state, attempts, failures, trigger, due, deadline,
        ordering_key, sequence, test, resend_of, filter_failed, end_reason, end_time
    FROM (";
const LIST_UNFINISHED: &str = "(SELECT id, tenant, subscription, event, event_type, account, shard,
        epoch, state, attempts, failures, trigger, due, deadline, ordering_key, sequence, test,
        resend_of, filter_failed, NULL::smallint AS end_reason, NULL::bigint AS end_time";
const LIST_ENDED: &str = "(SELECT id, tenant, subscription, event, event_type, account, 0 AS shard,
        0::bigint AS epoch, state, attempts, failures, trigger, due, deadline, ordering_key,
        sequence, test, resend_of, filter_failed, end_reason, end_time";

impl PostgresStore {
    pub(super) async fn events_page(&self, query: &EventQuery) -> StoreResult<Vec<ListedEvent>> {
        let mut call = self.read_call("list_events");
        let mut sql = QueryBuilder::new(LIST_EVENTS);
        if query.with_payload {
            sql.push(", payload");
        }
        sql.push(" FROM events");
        event_list(&mut sql, query);
        let rows = call.rows(sql.build().persistent(false)).await?;
        rows::read(&rows, |row| rows::listed_event(row, query.with_payload))
    }

    pub(super) async fn deliveries_page(
        &self,
        query: &DeliveryQuery,
    ) -> StoreResult<Vec<Delivery>> {
        let mut call = self.read_call("list_deliveries");
        let mut sql = QueryBuilder::new(NAMED_DELIVERIES);
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
        let rows = call.rows(sql.build().persistent(false)).await?;
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
        ListSource::Ended => LIST_ENDED,
        ListSource::Unfinished | ListSource::Waiting | ListSource::InFlight(_) => LIST_UNFINISHED,
    });
    match part {
        ListSource::Ended => sql.push(" FROM ended_deliveries WHERE"),
        ListSource::Unfinished => sql.push(" FROM deliveries WHERE"),
        ListSource::Waiting => {
            sql.push(" FROM deliveries WHERE state IN (1 /* HELD */, 2 /* WAITING */) AND")
        }
        ListSource::InFlight(shard) => sql
            .push(" FROM (SELECT * FROM deliveries WHERE state = 3 /* IN_FLIGHT */ AND shard = ")
            .push_bind(shard)
            // Apart, so that no longer index is read for the order of the page.
            .push(" OFFSET 0) d WHERE"),
    };
    delivery_ids(sql, query);
    // A delivery ends after it was made, which leaves out partitions.
    let made = match ids {
        ListedIds::All => query.created.from,
        ListedIds::MadeWith(event) | ListedIds::MadeAfter(event) => Some(event.time()),
    };
    if let (ListSource::Ended, Some(made)) = (part, made) {
        sql.condition("end_time >= ?", &[Integer(made.as_micros())]);
    }
    match ids {
        ListedIds::All => {}
        ListedIds::MadeWith(event) => {
            let (low, high) = codec::ids_of_same_millisecond(event.0);
            sql.condition("id BETWEEN ? AND ?", &[Id(low), Id(high)]);
            sql.condition("event = ?", &[Id(event.0)]);
        }
        ListedIds::MadeAfter(event) => {
            sql.condition(
                "id IN (
                    SELECT delivery FROM later_deliveries
                    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = ?)
                        AND event = ?
                )",
                &[Text(query.tenant.as_str()), Id(event.0)],
            );
        }
    }
    delivery_conditions(sql, query);
    sql.push(")");
}
