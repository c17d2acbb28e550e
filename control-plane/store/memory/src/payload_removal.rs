//! Removes payloads, with what receivers answered to them.
//!
//! Keeps the invariant `removed-payloads-stay-removed`.

use bytes::Bytes;
use postrider_domain::delivery::AttemptRecord;
use postrider_domain::event::{PayloadRemoval, RemovalReason};
use postrider_domain::ids::{DeliveryId, EventId, TenantId};
use postrider_domain::time::Timestamp;
use postrider_store::RemovalCounts;

use crate::tables::MemoryTables;

impl MemoryTables {
    /// Removes the payloads of those of these events of which every delivery has ended.
    pub fn remove_payloads(
        &mut self,
        tenant: &TenantId,
        events: &[EventId],
        reason: RemovalReason,
        time: Timestamp,
    ) -> RemovalCounts {
        let mut counts = RemovalCounts::default();
        for id in events {
            let unfinished = self.has_unfinished(tenant, *id);
            let found = self.events.get_mut(&(tenant.clone(), *id));
            let Some(event) = found.filter(|event| event.payload_removal.is_none()) else {
                continue;
            };
            if unfinished {
                counts.unfinished += 1;
                continue;
            }
            let bytes = event.content.payload.len() as u64;
            event.content.payload = Bytes::new();
            event.payload_removal = Some(PayloadRemoval { reason, time, bytes });
            counts.events += 1;
            counts.payload_bytes += bytes;
            let deliveries = self.deliveries_of(tenant, *id);
            let deliveries: Vec<DeliveryId> = deliveries.iter().map(|row| row.id).collect();
            self.remove_responses(tenant, &deliveries);
        }
        counts
    }

    /// Removes what receivers answered in the attempts of these deliveries.
    pub fn remove_responses(&mut self, tenant: &TenantId, deliveries: &[DeliveryId]) {
        for attempt in self.attempts.values_mut() {
            let record = &mut attempt.record;
            let of_these = deliveries.contains(&record.key.delivery);
            if of_these && record.subscription.tenant == *tenant {
                *record = record.without_response();
            }
        }
    }

    /// Whether a delivery of the event has not ended.
    pub fn has_unfinished(&self, tenant: &TenantId, event: EventId) -> bool {
        self.deliveries_of(tenant, event).iter().any(|delivery| !delivery.state.is_final())
    }

    /// Whether the event is there without its payload.
    pub fn is_removed(&self, tenant: &TenantId, event: EventId) -> bool {
        let event = self.events.get(&(tenant.clone(), event));
        event.is_some_and(|event| event.payload_removal.is_some())
    }

    /// The record as it may be kept: without what the receiver answered if the event's
    /// payload was removed.
    pub fn recordable(&self, record: &AttemptRecord) -> AttemptRecord {
        match self.is_removed(&record.subscription.tenant, record.event) {
            true => record.without_response(),
            false => record.clone(),
        }
    }
}
