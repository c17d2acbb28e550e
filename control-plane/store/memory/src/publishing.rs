//! Commits events with their deliveries, in memory: `PublishingStore`.

use std::collections::BTreeSet;

use async_trait::async_trait;
use postrider_domain::delivery::Delivery;
use postrider_domain::event::Event;
use postrider_domain::ids::{DeliveryId, Epoch, Shard, TenantId};
use postrider_domain::time::Timestamp;
use postrider_identity::AuditDraft;
use postrider_store::engine::numbered;
use postrider_store::{
    NewEvent, PublishOutcome, PublishingStore, StoreError, StoreResult, UsedIdempotencyKey,
};

use crate::tables::{MemoryTables, StoredKey};
use crate::{MemoryStore, refuse_nul};

#[async_trait]
impl PublishingStore for MemoryStore {
    async fn publish(
        &self,
        batch: &[NewEvent],
        until: Timestamp,
    ) -> StoreResult<Vec<PublishOutcome>> {
        let mut tables = self.tables()?;
        if (self.clock)() > until {
            return Err(StoreError::Unavailable("it came too late".to_owned()));
        }
        let answers: Vec<PublishOutcome> = batch.iter().map(|item| judge(&tables, item)).collect();
        let accepted = || {
            batch.iter().zip(&answers).filter(|(_, answer)| answer.is_committed()).map(|(i, _)| i)
        };
        for item in accepted() {
            refuse_event(&tables, &item.event)?;
        }
        refuse_deliveries(&tables, accepted().flat_map(|item| &item.deliveries))?;
        let mut committed = Vec::with_capacity(batch.len());
        for (item, answer) in batch.iter().zip(answers) {
            committed.push(match answer {
                PublishOutcome::Committed { .. } => put(&mut tables, item),
                other => other,
            });
        }
        Ok(committed)
    }

    async fn used_key(
        &self,
        tenant: &TenantId,
        key: &str,
        at: Timestamp,
    ) -> StoreResult<Option<UsedIdempotencyKey>> {
        let tables = self.tables()?;
        Ok(used_key(&tables, tenant, key, at))
    }

    async fn add_delivery(
        &self,
        delivery: &Delivery,
        audit: &AuditDraft,
    ) -> StoreResult<Option<i64>> {
        let mut tables = self.tables()?;
        refuse_deliveries(&tables, [delivery])?;
        if tables.is_removed(&delivery.subscription.tenant, delivery.event) {
            return Err(StoreError::Rejected("the event's payload was removed".to_owned()));
        }
        tables.append_record(audit)?;
        Ok(put_later(&mut tables, delivery))
    }
}

/// Decides about an item before anything is written.
fn judge(tables: &MemoryTables, item: &NewEvent) -> PublishOutcome {
    let event = &item.event;
    if let (Some(key), Some(asked)) = (&event.content.idempotency_key, item.idempotency)
        && let Some(used) = used_key(tables, &event.tenant, key, event.create_time())
    {
        return PublishOutcome::Duplicate {
            event: used.event,
            matched: used.matched,
            same_request: used.request_hash == asked.request_hash,
        };
    }
    let tenant = tables.living_tenant(&event.tenant);
    match tenant.is_some_and(|tenant| tenant.config_version == item.config_version) {
        true => PublishOutcome::Committed { sequences: Vec::new() },
        false => PublishOutcome::StaleConfig,
    }
}

fn used_key(
    tables: &MemoryTables,
    tenant: &TenantId,
    key: &str,
    at: Timestamp,
) -> Option<UsedIdempotencyKey> {
    let stored = tables.used_keys.get(&(tenant.clone(), key.to_owned()))?;
    (stored.expire_time > at).then_some(stored.used)
}

fn refuse_event(tables: &MemoryTables, event: &Event) -> StoreResult<()> {
    let content = &event.content;
    let texts =
        [&content.event_type, &content.content_type, &content.traceparent, &content.tracestate];
    let optional = [&content.account, &content.ordering_key, &content.idempotency_key];
    let attributes = content.attributes.iter().flat_map(|(name, value)| [name, value]);
    let all = texts.into_iter().chain(optional.into_iter().flatten()).chain(attributes);
    refuse_nul(all.map(String::as_str))?;
    match tables.events.contains_key(&(event.tenant.clone(), event.id)) {
        true => Err(StoreError::Rejected("the event is there already".to_owned())),
        false => Ok(()),
    }
}

/// Refuses ids that are taken, and text that cannot be kept.
pub fn refuse_deliveries<'d>(
    tables: &MemoryTables,
    deliveries: impl IntoIterator<Item = &'d Delivery>,
) -> StoreResult<()> {
    let mut seen: BTreeSet<DeliveryId> = BTreeSet::new();
    for delivery in deliveries {
        let id = delivery.id;
        let taken = tables.unfinished.contains_key(&id) || tables.ended.contains_key(&id);
        if taken || !seen.insert(id) {
            return Err(StoreError::Rejected("the delivery is there already".to_owned()));
        }
        let texts = delivery.account.iter().chain(&delivery.ordering_key);
        refuse_nul(texts.chain([&delivery.event_type]).map(String::as_str))?;
    }
    Ok(())
}

fn put(tables: &mut MemoryTables, item: &NewEvent) -> PublishOutcome {
    let event = &item.event;
    tables.events.insert((event.tenant.clone(), event.id), Event::clone(event));
    if let (Some(key), Some(asked)) = (&event.content.idempotency_key, item.idempotency) {
        let used = UsedIdempotencyKey {
            event: event.id,
            matched: event.matched,
            request_hash: asked.request_hash,
        };
        let stored = StoredKey { used, expire_time: asked.expire_time };
        tables.used_keys.insert((event.tenant.clone(), key.clone()), stored);
    }
    let sequences = item.deliveries.iter().map(|delivery| put_delivery(tables, delivery)).collect();
    PublishOutcome::Committed { sequences }
}

/// Stores a delivery; returns the number that it is stored with.
fn put_delivery(tables: &mut MemoryTables, delivery: &Delivery) -> Option<i64> {
    let mut stored = delivery.clone();
    if numbered(delivery) {
        let last = tables.sequences.entry(delivery.subscription.clone()).or_default();
        *last += 1;
        stored.sequence = Some(*last);
    }
    let number = stored.sequence;
    if stored.state.is_final() {
        stored.end_time = stored.end_time.or(Some(stored.create_time()));
        (stored.shard, stored.epoch) = (Shard(0), Epoch(0));
        tables.ended.insert(stored.id, stored);
    } else {
        tables.unfinished.insert(stored.id, stored);
    }
    number
}

/// Stores a delivery of an event that is stored already.
pub fn put_later(tables: &mut MemoryTables, delivery: &Delivery) -> Option<i64> {
    let event = (delivery.subscription.tenant.clone(), delivery.event);
    tables.later.entry(event).or_default().insert(delivery.id);
    put_delivery(tables, delivery)
}
