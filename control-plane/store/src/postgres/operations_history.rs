//! The history that long-running operations go through, the oldest first.

use std::collections::HashSet;

use postrider_domain::delivery::Delivery;
use postrider_domain::event::Event;
use postrider_domain::ids::{EventId, SubscriptionKey};
use uuid::Uuid;

use super::engine::PostgresStore;
use super::rows::{self, get};
use crate::codec;
use crate::error::StoreResult;
use crate::operations::HistoryRange;
use crate::sql_file::without_comment;

const SELECT_ENDED: &str =
    "SELECT id, (SELECT n.id FROM tenant_numbers n WHERE n.number = tenant) AS tenant,
        (SELECT n.id FROM subscription_numbers n WHERE n.number = subscription) AS subscription,
        event, event_type, account, 0 AS shard, 0::bigint AS epoch, state, attempts, failures,
        trigger, due, deadline, ordering_key, sequence, test, resend_of, filter_failed, end_reason,
        end_time
    FROM ended_deliveries
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND id >= $2
        AND id < $3
        AND end_time >= $4
    ORDER BY id LIMIT $5";
const SELECT_ENDED_OF_SUBSCRIPTION: &str =
    "SELECT id, (SELECT n.id FROM tenant_numbers n WHERE n.number = tenant) AS tenant,
        (SELECT n.id FROM subscription_numbers n WHERE n.number = subscription) AS subscription,
        event, event_type, account, 0 AS shard, 0::bigint AS epoch, state, attempts, failures,
        trigger, due, deadline, ordering_key, sequence, test, resend_of, filter_failed, end_reason,
        end_time
    FROM ended_deliveries
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND id >= $2
        AND id < $3
        AND end_time >= $4
        AND subscription = (
            SELECT n.number FROM subscription_numbers n WHERE n.tenant = $1 AND n.id = $6
        )
    ORDER BY id LIMIT $5";

const SELECT_EVENTS: &str =
    "SELECT (SELECT n.id FROM tenant_numbers n WHERE n.number = tenant) AS tenant, id, create_time,
        event_type, account, attributes, ordering_key, content_type, payload_sha256, traceparent,
        tracestate, idempotency_key, matched, test, payload_removal
    FROM events
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND id >= $2
        AND id < $3
        AND create_time >= $4
        AND create_time < $5
    ORDER BY id LIMIT $6";
/// Of these there are few: they are read beside each stretch.
const SELECT_RETAINED_EVENTS: &str =
    "SELECT (SELECT n.id FROM tenant_numbers n WHERE n.number = tenant) AS tenant, id, create_time,
        event_type, account, attributes, ordering_key, content_type, payload_sha256, traceparent,
        tracestate, idempotency_key, matched, test, payload_removal
    FROM retained_events
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1) AND id >= $2 AND id < $3
    ORDER BY id LIMIT $4";
const SELECT_RETAINED_EVENTS_WITH_PAYLOAD: &str =
    "SELECT (SELECT n.id FROM tenant_numbers n WHERE n.number = tenant) AS tenant, id, create_time,
        event_type, account, attributes, ordering_key, content_type, payload_sha256, traceparent,
        tracestate, idempotency_key, matched, test, payload, payload_removal
    FROM retained_events
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1) AND id >= $2 AND id < $3
    ORDER BY id LIMIT $4";
const SELECT_EVENTS_WITH_PAYLOAD: &str =
    "SELECT (SELECT n.id FROM tenant_numbers n WHERE n.number = tenant) AS tenant, id, create_time,
        event_type, account, attributes, ordering_key, content_type, payload_sha256, traceparent,
        tracestate, idempotency_key, matched, test, payload, payload_removal
    FROM events
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND id >= $2
        AND id < $3
        AND create_time >= $4
        AND create_time < $5
    ORDER BY id LIMIT $6";

const SELECT_DELIVERED_EVENTS: &str =
    without_comment(include_str!("../../sql/postgres/select_delivered_events.sql"));

impl PostgresStore {
    pub(super) async fn ended_of(&self, stretch: &HistoryRange) -> StoreResult<Vec<Delivery>> {
        let mut call = self.call("list_ended_in_range");
        let (low, high) = stretch.bounds();
        let sql = if stretch.subscription.is_some() {
            SELECT_ENDED_OF_SUBSCRIPTION
        } else {
            SELECT_ENDED
        };
        let mut query = sqlx::query(sql)
            .bind(stretch.tenant.as_str())
            .bind(low)
            .bind(high)
            .bind(EventId(low).time().as_micros())
            .bind(i64::from(stretch.limit));
        if let Some(subscription) = &stretch.subscription {
            query = query.bind(subscription.as_str());
        }
        rows::read(&call.rows(query).await?, rows::delivery)
    }

    pub(super) async fn events_of(
        &self,
        stretch: &HistoryRange,
        with_payload: bool,
    ) -> StoreResult<Vec<Event>> {
        let mut call = self.call("list_events_in_range");
        let (low, high) = stretch.bounds();
        let query =
            sqlx::query(if with_payload { SELECT_EVENTS_WITH_PAYLOAD } else { SELECT_EVENTS })
                .bind(stretch.tenant.as_str())
                .bind(low)
                .bind(high)
                .bind(EventId(low).time().as_micros())
                .bind(stretch.window.until.as_micros())
                .bind(i64::from(stretch.limit));
        let mut found = call.rows(query).await?;
        let retained =
            if with_payload { SELECT_RETAINED_EVENTS_WITH_PAYLOAD } else { SELECT_RETAINED_EVENTS };
        let query = sqlx::query(retained).bind(stretch.tenant.as_str()).bind(low).bind(high);
        found.extend(call.rows(query.bind(i64::from(stretch.limit))).await?);
        let mut events = rows::read(&found, |row| rows::event(row, with_payload))?;
        // An event is in both tables while its partition is being dropped.
        events.sort_by_key(|event| event.id);
        events.dedup_by_key(|event| event.id);
        events.truncate(usize::try_from(stretch.limit).unwrap_or(usize::MAX));
        Ok(events)
    }

    pub(super) async fn delivered_of(
        &self,
        key: &SubscriptionKey,
        events: &[EventId],
    ) -> StoreResult<HashSet<EventId>> {
        let mut call = self.call("find_delivered_events");
        let bounds = events.iter().map(|event| codec::ids_of_same_millisecond(event.0));
        let (low, high): (Vec<Uuid>, Vec<Uuid>) = bounds.unzip();
        let found = call
            .rows(
                sqlx::query(SELECT_DELIVERED_EVENTS)
                    .bind(key.tenant.as_str())
                    .bind(events.iter().map(|event| event.0).collect::<Vec<_>>())
                    .bind(low)
                    .bind(high)
                    .bind(events.iter().map(|event| event.time().as_micros()).collect::<Vec<_>>())
                    .bind(key.subscription.as_str()),
            )
            .await?;
        found.iter().map(|row| get(row, "event").map(EventId)).collect()
    }
}
