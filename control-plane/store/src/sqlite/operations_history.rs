//! The history that long-running operations go through, the oldest first.

use std::collections::HashSet;

use postrider_domain::delivery::Delivery;
use postrider_domain::event::Event;
use postrider_domain::ids::{EventId, SubscriptionKey};

use super::SqliteStore;
use super::bulk::BoundValues;
use super::rows::{RowReader, delivery_columns, event_columns};
use crate::codec;
use crate::error::StoreResult;
use crate::operations::HistoryRange;

macro_rules! ended {
    ($index:literal, $subscription:literal) => {
        concat!(
            "SELECT ",
            delivery_columns!(""),
            " FROM ended_deliveries INDEXED BY ",
            $index,
            " WHERE tenant = ?1 AND id >= ?2 AND id < ?3",
            $subscription,
            " ORDER BY id LIMIT ?4"
        )
    };
}
const SELECT_ENDED: &str = ended!("ended_deliveries_id", "");
const SELECT_ENDED_OF_SUBSCRIPTION: &str =
    ended!("ended_deliveries_subscription", " AND subscription = ?5");

const SELECT_EVENTS: &str = concat!(
    "SELECT ",
    event_columns!(""),
    " FROM events WHERE tenant = ?1 AND id >= ?2 AND id < ?3 ORDER BY id LIMIT ?4"
);
const SELECT_EVENT_HEADS: &str = "SELECT tenant, id, event_type, account, attributes, ordering_key, \
     content_type, payload_sha256, traceparent, tracestate, idempotency_key, matched, test, x'' \
     FROM events WHERE tenant = ?1 AND id >= ?2 AND id < ?3 ORDER BY id LIMIT ?4";

/// Each event with the bounds of its millisecond.
const SELECT_DELIVERED_EVENTS: &str = "WITH asked(event, low, high) AS MATERIALIZED \
       (SELECT unhex(j.value ->> 0), unhex(j.value ->> 1), unhex(j.value ->> 2) \
        FROM json_each(?1) j) \
     SELECT asked.event FROM asked CROSS JOIN deliveries d ON d.tenant = ?2 \
       AND d.id BETWEEN low AND high AND d.event = asked.event AND d.subscription = ?3 \
     UNION SELECT asked.event FROM asked CROSS JOIN ended_deliveries d ON d.tenant = ?2 \
       AND d.id BETWEEN low AND high AND d.event = asked.event AND d.subscription = ?3 \
     UNION SELECT asked.event FROM asked CROSS JOIN later_deliveries l ON l.tenant = ?2 \
       AND l.event = asked.event \
       CROSS JOIN deliveries d ON d.id = l.delivery AND d.subscription = ?3 \
     UNION SELECT asked.event FROM asked CROSS JOIN later_deliveries l ON l.tenant = ?2 \
       AND l.event = asked.event \
       CROSS JOIN ended_deliveries d ON d.tenant = ?2 AND d.id = l.delivery \
       AND d.subscription = ?3";

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
