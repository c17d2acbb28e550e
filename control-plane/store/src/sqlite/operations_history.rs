//! The history that long-running operations go through, the oldest first.

use std::collections::HashSet;

use postrider_domain::delivery::Delivery;
use postrider_domain::event::Event;
use postrider_domain::ids::{EventId, SubscriptionKey};

use super::bulk::BoundValues;
use super::engine::SqliteStore;
use super::rows::RowReader;
use crate::codec;
use crate::error::StoreResult;
use crate::operations::HistoryRange;
use crate::sql_file::without_comment;

const SELECT_ENDED: &str = "SELECT id, tenant, subscription, event, event_type, account, 0, 0,
        state, end_reason, attempts, failures, cause, due, deadline, end_time, ordering_key,
        sequence, test, resend_of, filter_failed
    FROM ended_deliveries INDEXED BY ended_deliveries_id
    WHERE tenant = ?1 AND id >= ?2 AND id < ?3
    ORDER BY id LIMIT ?4";
const SELECT_ENDED_OF_SUBSCRIPTION: &str =
    "SELECT id, tenant, subscription, event, event_type, account, 0, 0, state, end_reason, attempts,
        failures, cause, due, deadline, end_time, ordering_key, sequence, test, resend_of,
        filter_failed
    FROM ended_deliveries INDEXED BY ended_deliveries_subscription
    WHERE tenant = ?1 AND id >= ?2 AND id < ?3 AND subscription = ?5
    ORDER BY id LIMIT ?4";

const SELECT_EVENTS: &str = "SELECT tenant, id, event_type, account, attributes, ordering_key,
        content_type, payload_sha256, traceparent, tracestate, idempotency_key, matched, test,
        payload, payload_removal
    FROM events
    WHERE tenant = ?1 AND id >= ?2 AND id < ?3
    ORDER BY id LIMIT ?4";
const SELECT_EVENT_HEADS: &str = "SELECT tenant, id, event_type, account, attributes,
        ordering_key, content_type, payload_sha256, traceparent, tracestate, idempotency_key,
        matched, test, x'', payload_removal
    FROM events
    WHERE tenant = ?1 AND id >= ?2 AND id < ?3
    ORDER BY id LIMIT ?4";

const SELECT_DELIVERED_EVENTS: &str =
    without_comment(include_str!("../../sql/sqlite/select_delivered_events.sql"));

impl SqliteStore {
    pub(super) async fn ended_of(&self, stretch: &HistoryRange) -> StoreResult<Vec<Delivery>> {
        let mut values = stretch_values(stretch);
        let sql = match &stretch.subscription {
            None => SELECT_ENDED,
            Some(subscription) => {
                values.text(subscription.as_str());
                SELECT_ENDED_OF_SUBSCRIPTION
            }
        };
        let rows = values.run(&mut *self.reader().await?, sql).await?;
        rows.iter().map(|row| RowReader::of(row).delivery()).collect()
    }

    pub(super) async fn events_of(
        &self,
        stretch: &HistoryRange,
        with_payload: bool,
    ) -> StoreResult<Vec<Event>> {
        let sql = if with_payload { SELECT_EVENTS } else { SELECT_EVENT_HEADS };
        let rows = stretch_values(stretch).run(&mut *self.reader().await?, sql).await?;
        rows.iter().map(|row| RowReader::of(row).event()).collect()
    }

    pub(super) async fn delivered_of(
        &self,
        key: &SubscriptionKey,
        events: &[EventId],
    ) -> StoreResult<HashSet<EventId>> {
        let asked: Vec<[String; 3]> = events
            .iter()
            .map(|event| {
                let (low, high) = codec::ids_of_same_millisecond(event.0);
                [event.0, low, high].map(|id| id.as_simple().to_string())
            })
            .collect();
        let mut values = BoundValues::default();
        values.add(codec::to_json(&asked)?);
        values.text(key.tenant.as_str()).text(key.subscription.as_str());
        let rows = values.run(&mut *self.reader().await?, SELECT_DELIVERED_EVENTS).await?;
        rows.iter().map(|row| RowReader::of(row).id().map(EventId)).collect()
    }
}

fn stretch_values(stretch: &HistoryRange) -> BoundValues {
    let (low, high) = stretch.bounds();
    let mut values = BoundValues::default();
    values.text(stretch.tenant.as_str()).id(low).id(high).add(i64::from(stretch.limit));
    values
}
