//! Long-running operations, and the history that they go through, in memory:
//! `OperationStore`.

use std::collections::HashSet;

use async_trait::async_trait;
use bytes::Bytes;
use postrider_domain::delivery::Delivery;
use postrider_domain::event::{Event, RemovalReason};
use postrider_domain::ids::{EventId, OperationId, Shard, SubscriptionKey, TenantId};
use postrider_domain::operation::{Operation, OperationState};
use postrider_domain::time::Timestamp;
use postrider_identity::AuditDraft;
use postrider_store::{HistoryRange, OperationStep, OperationStore, StoreError, StoreResult};

use crate::MemoryStore;
use crate::publishing::{put_later, refuse_deliveries};

#[async_trait]
impl OperationStore for MemoryStore {
    async fn create_operation(&self, operation: &Operation, audit: &AuditDraft) -> StoreResult<()> {
        let mut tables = self.tables()?;
        let key = (operation.tenant.clone(), operation.id);
        if tables.operations.contains_key(&key) {
            return Err(StoreError::Rejected("the operation is there already".to_owned()));
        }
        tables.operations.insert(key, operation.clone());
        tables.append_record(audit)?;
        Ok(())
    }

    async fn get_operation(
        &self,
        tenant: &TenantId,
        id: OperationId,
    ) -> StoreResult<Option<Operation>> {
        Ok(self.tables()?.operations.get(&(tenant.clone(), id)).cloned())
    }

    async fn list_operations(
        &self,
        tenant: &TenantId,
        before: Option<OperationId>,
        limit: u32,
    ) -> StoreResult<Vec<Operation>> {
        let tables = self.tables()?;
        let earlier = tables.operations.values().rev().filter(|operation| {
            operation.tenant == *tenant && before.is_none_or(|before| operation.id < before)
        });
        Ok(earlier.take(most(limit)).cloned().collect())
    }

    async fn running_operations(
        &self,
        shards: &[Shard],
        limit: u32,
    ) -> StoreResult<Vec<Operation>> {
        let tables = self.tables()?;
        let running = tables.operations.values().filter(|operation| {
            operation.state == OperationState::Running && shards.contains(&operation.shard)
        });
        let mut running: Vec<Operation> = running.cloned().collect();
        running.sort_by_key(|operation| operation.id);
        running.truncate(most(limit));
        Ok(running)
    }

    async fn cancel_operation(
        &self,
        tenant: &TenantId,
        id: OperationId,
        now: Timestamp,
        audit: &AuditDraft,
    ) -> StoreResult<bool> {
        let mut tables = self.tables()?;
        let found = tables.operations.get_mut(&(tenant.clone(), id));
        let running = found.filter(|row| row.state == OperationState::Running);
        let Some(running) = running else { return Ok(false) };
        running.state = OperationState::Cancelled;
        running.end_time = Some(id.no_earlier(now));
        tables.append_record(audit)?;
        Ok(true)
    }

    async fn delete_operation(
        &self,
        tenant: &TenantId,
        id: OperationId,
        audit: &AuditDraft,
    ) -> StoreResult<bool> {
        let mut tables = self.tables()?;
        let key = (tenant.clone(), id);
        let ended = tables.operations.get(&key);
        let ended = ended.is_some_and(|delivery| delivery.state != OperationState::Running);
        let is_removed = ended && tables.operations.remove(&key).is_some();
        if is_removed {
            tables.append_record(audit)?;
        }
        Ok(is_removed)
    }

    async fn step_operation(
        &self,
        step: &OperationStep,
        now: Timestamp,
    ) -> StoreResult<Option<Operation>> {
        let mut tables = self.tables()?;
        let key = (step.tenant.clone(), step.id);
        let stands = tables.operations.get(&key).filter(|operation| {
            operation.state == OperationState::Running && operation.cursor == step.from
        });
        let Some(mut after) = stands.cloned() else { return Ok(None) };
        let kept: Vec<&Delivery> =
            step.deliveries.iter().filter(|delivery| tables.event_of(delivery).is_some()).collect();
        refuse_deliveries(&tables, kept.iter().copied())?;
        for delivery in &kept {
            put_later(&mut tables, delivery);
        }
        after.cursor = step.to;
        after.examined += step.examined;
        let batch = &step.expunged;
        let removed = if batch.removes_nothing() {
            batch.counted
        } else {
            tables.remove_responses(&step.tenant, &batch.deliveries);
            tables.remove_payloads(&step.tenant, &batch.events, RemovalReason::Expunged, now)
        };
        after.made += kept.len() as u64 + removed.events;
        after.unfinished += removed.unfinished;
        after.payload_bytes += removed.payload_bytes;
        if let Some(end) = step.end {
            after.state = end.state;
            after.failure = end.failure;
            after.end_time = Some(step.id.no_earlier(now));
        }
        tables.operations.insert(key, after.clone());
        if let Some(audit) = &step.audit {
            tables.append_record(audit)?;
        }
        Ok(Some(after))
    }

    async fn list_ended_in_range(&self, stretch: &HistoryRange) -> StoreResult<Vec<Delivery>> {
        let tables = self.tables()?;
        let (low, high) = stretch.bounds();
        let ended = tables.ended.values().filter(|delivery| {
            delivery.subscription.tenant == stretch.tenant
                && (low..high).contains(&delivery.id.0)
                && stretch
                    .subscription
                    .as_ref()
                    .is_none_or(|id| delivery.subscription.subscription == *id)
        });
        Ok(ended.take(most(stretch.limit)).cloned().collect())
    }

    async fn list_events_in_range(
        &self,
        stretch: &HistoryRange,
        with_payload: bool,
    ) -> StoreResult<Vec<Event>> {
        let tables = self.tables()?;
        let (low, high) = stretch.bounds();
        let range = (stretch.tenant.clone(), EventId(low))..(stretch.tenant.clone(), EventId(high));
        let read = |event: &Event| match with_payload {
            true => event.clone(),
            false => {
                let mut event = event.clone();
                event.content.payload = Bytes::new();
                event
            }
        };
        let events = tables.events.range(range).map(|(_, event)| event);
        Ok(events.take(most(stretch.limit)).map(read).collect())
    }

    async fn find_delivered_events(
        &self,
        key: &SubscriptionKey,
        events: &[EventId],
    ) -> StoreResult<HashSet<EventId>> {
        let tables = self.tables()?;
        let delivered = |event: &&EventId| {
            let deliveries = tables.deliveries_of(&key.tenant, **event);
            deliveries.iter().any(|delivery| delivery.subscription == *key)
        };
        Ok(events.iter().filter(delivered).copied().collect())
    }
}

fn most(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}
