//! The history that long-running operations go through, the oldest first.

use std::collections::HashSet;

use postrider_domain::delivery::Delivery;
use postrider_domain::event::Event;
use postrider_domain::ids::{EventId, SubscriptionKey};
use uuid::Uuid;

use super::PostgresStore;
use super::errors::Checked as _;
use super::rows::{self, ended_columns, event_columns, get};
use crate::codec;
use crate::error::StoreResult;
use crate::operations::HistoryRange;

/// A delivery ends after it was made, which leaves out partitions.
macro_rules! ended {
    ($subscription:literal) => {
        concat!(
            "SELECT ",
            ended_columns!(),
            " FROM ended_deliveries WHERE tenant = $1 AND id >= $2 AND id < $3
                AND end_time >= $4",
            $subscription,
            " ORDER BY id LIMIT $5"
        )
    };
}
const SELECT_ENDED: &str = ended!("");
const SELECT_ENDED_OF_SUBSCRIPTION: &str = ended!(" AND subscription = $6");

macro_rules! events {
    ($payload:literal) => {
        concat!(
            "SELECT ",
            event_columns!(),
            $payload,
            " FROM events WHERE tenant = $1 AND id >= $2 AND id < $3
                AND create_time >= $4 AND create_time < $5
            ORDER BY id LIMIT $6"
        )
    };
}
const SELECT_EVENTS: &str = events!("");
const SELECT_EVENTS_WITH_PAYLOAD: &str = events!(", payload");

/// Parameters as in `history::COUNTS`, and 6 the subscription.
const SELECT_DELIVERED_EVENTS: &str = "SELECT asked.event
    FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[])
        AS asked(event, low, high, since)
    WHERE EXISTS (SELECT FROM deliveries d
            WHERE d.tenant = $1 AND d.id BETWEEN asked.low AND asked.high
                AND d.event = asked.event AND d.subscription = $6)
        OR EXISTS (SELECT FROM ended_deliveries d
            WHERE d.tenant = $1 AND d.id BETWEEN asked.low AND asked.high
                AND d.event = asked.event AND d.subscription = $6 AND d.end_time >= asked.since)
        OR EXISTS (SELECT FROM later_deliveries l
            JOIN deliveries d ON d.id = l.delivery AND d.tenant = l.tenant
            WHERE l.tenant = $1 AND l.event = asked.event AND d.subscription = $6)
        OR EXISTS (SELECT FROM later_deliveries l
            JOIN ended_deliveries d ON d.id = l.delivery AND d.tenant = l.tenant
            WHERE l.tenant = $1 AND l.event = asked.event AND d.subscription = $6
                AND d.end_time >= asked.since)";

impl PostgresStore {
    pub(super) async fn ended_of(&self, stretch: &HistoryRange) -> StoreResult<Vec<Delivery>> {
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
        rows::read(&query.fetch_all(&self.pool).await.checked()?, rows::delivery)
    }

    pub(super) async fn events_of(
        &self,
        stretch: &HistoryRange,
        with_payload: bool,
    ) -> StoreResult<Vec<Event>> {
        let (low, high) = stretch.bounds();
        let query =
            sqlx::query(if with_payload { SELECT_EVENTS_WITH_PAYLOAD } else { SELECT_EVENTS })
                .bind(stretch.tenant.as_str())
                .bind(low)
                .bind(high)
                .bind(EventId(low).time().as_micros())
                .bind(stretch.window.until.as_micros())
                .bind(i64::from(stretch.limit));
        let found = query.fetch_all(&self.pool).await.checked()?;
        rows::read(&found, |row| rows::event(row, with_payload))
    }

    pub(super) async fn delivered_of(
        &self,
        key: &SubscriptionKey,
        events: &[EventId],
    ) -> StoreResult<HashSet<EventId>> {
        let bounds = events.iter().map(|event| codec::ids_of_same_millisecond(event.0));
        let (low, high): (Vec<Uuid>, Vec<Uuid>) = bounds.unzip();
        let found = sqlx::query(SELECT_DELIVERED_EVENTS)
            .bind(key.tenant.as_str())
            .bind(events.iter().map(|event| event.0).collect::<Vec<_>>())
            .bind(low)
            .bind(high)
            .bind(events.iter().map(|event| event.time().as_micros()).collect::<Vec<_>>())
            .bind(key.subscription.as_str())
            .fetch_all(&self.pool)
            .await
            .checked()?;
        found.iter().map(|row| get(row, "event").map(EventId)).collect()
    }
}
