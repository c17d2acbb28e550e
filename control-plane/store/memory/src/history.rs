//! Reads events, deliveries and attempts, in memory: `HistoryStore`.

use std::cmp::Reverse;

use async_trait::async_trait;
use bytes::Bytes;
use postrider_domain::delivery::{AttemptRecord, Delivery, Outcome};
use postrider_domain::event::Event;
use postrider_domain::ids::{AttemptKey, DeliveryId, EventId, SubscriptionKey, TenantId};
use postrider_domain::time::Timestamp;
use postrider_store::engine::{hour, id_range};
use postrider_store::{
    AttemptPage, AttemptQuery, DeliveryCounts, DeliveryQuery, EventQuery, HistoryStore,
    ListedEvent, RecordedAttempt, StatsRow, StoreResult, TailPage, TailedAttempt, TimeRange,
};
use uuid::Uuid;

use crate::MemoryStore;
use crate::tables::StoredAttempt;

#[async_trait]
impl HistoryStore for MemoryStore {
    async fn get_event(&self, tenant: &TenantId, id: EventId) -> StoreResult<Option<Event>> {
        Ok(self.tables()?.events.get(&(tenant.clone(), id)).cloned())
    }

    async fn list_events(&self, query: &EventQuery) -> StoreResult<Vec<ListedEvent>> {
        let tables = self.tables()?;
        let wanted = |event: &&Event| {
            event.tenant == query.tenant
                && made_within(query.created, event.id.0)
                && query.before.is_none_or(|before| event.id < before)
                && query
                    .event_type
                    .as_ref()
                    .is_none_or(|wanted| event.content.event_type == *wanted)
                && query
                    .account
                    .as_ref()
                    .is_none_or(|wanted| wanted.matches(event.content.account.as_deref()))
                && query.attributes.iter().all(|(name, wanted)| {
                    wanted.matches(event.content.attributes.get(name).map(String::as_str))
                })
        };
        let listed = |event: &Event| {
            let payload_bytes = event.content.payload.len() as u64;
            let mut event = event.clone();
            if !query.with_payload {
                event.content.payload = Bytes::new();
            }
            ListedEvent { event, payload_bytes }
        };
        let newest_first = tables.events.values().rev().filter(wanted);
        Ok(newest_first.take(limit(query.limit)).map(listed).collect())
    }

    async fn delivery_counts(
        &self,
        tenant: &TenantId,
        events: &[EventId],
    ) -> StoreResult<Vec<DeliveryCounts>> {
        let tables = self.tables()?;
        let counts = |event: &EventId| {
            let mut counts = std::collections::BTreeMap::new();
            for delivery in tables.deliveries_of(tenant, *event) {
                *counts.entry(delivery.state).or_default() += 1;
            }
            DeliveryCounts { by_state: counts.into_iter().collect() }
        };
        Ok(events.iter().map(counts).collect())
    }

    async fn deliveries_of(
        &self,
        tenant: &TenantId,
        events: &[EventId],
    ) -> StoreResult<Vec<Delivery>> {
        let tables = self.tables()?;
        let of_event = |event: &EventId| tables.deliveries_of(tenant, *event);
        Ok(events.iter().flat_map(of_event).cloned().collect())
    }

    async fn get_delivery(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
    ) -> StoreResult<Option<Delivery>> {
        Ok(self.tables()?.delivery(tenant, id).cloned())
    }

    async fn list_deliveries(&self, query: &DeliveryQuery) -> StoreResult<Vec<Delivery>> {
        let tables = self.tables()?;
        let mut found: Vec<&Delivery> = match query.event {
            Some(event) => tables.deliveries_of(&query.tenant, event),
            None => tables.unfinished.values().chain(tables.ended.values()).collect(),
        };
        found.retain(|row| {
            row.subscription.tenant == query.tenant
                && made_within(query.created, row.id.0)
                && query.before.is_none_or(|before| row.id < before)
                && query.subscription.as_ref().is_none_or(|id| row.subscription.subscription == *id)
                && query.event_type.as_ref().is_none_or(|wanted| row.event_type == *wanted)
                && query
                    .account
                    .as_ref()
                    .is_none_or(|wanted| wanted.matches(row.account.as_deref()))
                && (query.states.is_empty() || query.states.contains(&row.state))
                && query.test.is_none_or(|test| row.test == test)
        });
        found.sort_by_key(|row| std::cmp::Reverse(row.id));
        Ok(found.into_iter().take(limit(query.limit)).cloned().collect())
    }

    async fn list_attempts(
        &self,
        tenant: &TenantId,
        delivery: DeliveryId,
        after: u32,
        most: u32,
    ) -> StoreResult<Vec<RecordedAttempt>> {
        let tables = self.tables()?;
        let first = AttemptKey { delivery, number: after.saturating_add(1) };
        let last = AttemptKey { delivery, number: u32::MAX };
        let places = tables.places.range(first..=last);
        let records = places.filter_map(|(_, place)| tables.attempts.get(place));
        let of_tenant = records.filter(|stored| stored.record.subscription.tenant == *tenant);
        Ok(of_tenant.take(limit(most)).map(recorded).collect())
    }

    async fn recorded_results(
        &self,
        tenant: &TenantId,
        attempts: &[AttemptKey],
    ) -> StoreResult<Vec<AttemptKey>> {
        let tables = self.tables()?;
        let has_result = |key: &&AttemptKey| {
            let stored = tables.places.get(*key).and_then(|place| tables.attempts.get(place));
            stored.is_some_and(|StoredAttempt { record, .. }| {
                record.subscription.tenant == *tenant && record.outcome != Outcome::Unknown
            })
        };
        Ok(attempts.iter().filter(has_result).copied().collect())
    }

    async fn find_attempts(&self, query: &AttemptQuery) -> StoreResult<AttemptPage> {
        let tables = self.tables()?;
        let (from, until) = query.span();
        let in_time = |stored: &&StoredAttempt| {
            stored.record.subscription.tenant == query.tenant
                && (from..=until).contains(&stored.record_time.as_micros())
        };
        let mut found: Vec<_> = tables.attempts.values().filter(in_time).map(recorded).collect();
        let mut scanned_to = None;
        if !query.takes_all() {
            found.sort_unstable_by_key(|attempt| Reverse(attempt.record_time));
            scanned_to = found.get(limit(query.scan)).map(|attempt| attempt.record_time);
            found.retain(|row| scanned_to.is_none_or(|end| row.record_time >= end));
        }
        found.retain(|row| {
            let (record, status) = (&row.record, row.record.http_status.unwrap_or(0));
            query.before.is_none_or(|before| row.position() < before)
                && query
                    .subscription
                    .as_ref()
                    .is_none_or(|id| record.subscription.subscription == *id)
                && query.event_type.as_ref().is_none_or(|wanted| record.event_type == *wanted)
                && (query.outcomes.is_empty() || query.outcomes.contains(&record.outcome))
                && query.http_status.contains(&status)
                && query.test.is_none_or(|test| record.test == test)
        });
        Ok(AttemptPage::of(found, query.limit, scanned_to))
    }

    async fn last_attempts(
        &self,
        tenant: &TenantId,
        deliveries: &[DeliveryId],
    ) -> StoreResult<Vec<AttemptRecord>> {
        let tables = self.tables()?;
        let last = |delivery: &DeliveryId| {
            let first = AttemptKey { delivery: *delivery, number: 0 };
            let last = AttemptKey { delivery: *delivery, number: u32::MAX };
            let (_, place) = tables.places.range(first..=last).next_back()?;
            let record = &tables.attempts.get(place)?.record;
            (record.subscription.tenant == *tenant).then(|| record.clone())
        };
        Ok(deliveries.iter().filter_map(last).collect())
    }

    async fn stats(&self, key: &SubscriptionKey, since: Timestamp) -> StoreResult<Vec<StatsRow>> {
        let tables = self.tables()?;
        let first = (key.clone(), hour(since), i16::MIN, 0);
        let rows = tables.counts.range(first..).take_while(|((of, ..), _)| of == key);
        let row = |((_, hour, outcome, bucket), count): (&(_, i64, i16, u16), &i64)| {
            Some(StatsRow {
                hour: Timestamp::from_micros(*hour),
                outcome: Outcome::from_code(*outcome)?,
                bucket: *bucket,
                count: u64::try_from(*count).ok().filter(|count| *count > 0)?,
            })
        };
        Ok(rows.filter_map(row).collect())
    }

    async fn tail_position(&self) -> StoreResult<i64> {
        Ok(self.tables()?.last_place)
    }

    async fn tail(&self, position: i64, most: u32) -> StoreResult<TailPage> {
        let tables = self.tables()?;
        let mut page = TailPage { attempts: Vec::new(), position, held: false };
        let next = tables.attempts.range(position.saturating_add(1)..);
        for (place, stored) in next.take(limit(most)) {
            let (record, delivery) = (stored.record.clone(), stored.delivery);
            page.attempts.push(TailedAttempt { record, delivery });
            page.position = *place;
        }
        Ok(page)
    }
}

fn recorded(stored: &StoredAttempt) -> RecordedAttempt {
    RecordedAttempt { record: stored.record.clone(), record_time: stored.record_time }
}

fn limit(most: u32) -> usize {
    usize::try_from(most).unwrap_or(usize::MAX)
}

/// Whether an id was made within a range of time.
fn made_within(range: TimeRange, id: Uuid) -> bool {
    let (from, until) = id_range(range);
    (from..until).contains(&id)
}
