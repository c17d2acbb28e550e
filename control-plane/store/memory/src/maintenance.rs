//! Deletes what is older than its retention: `MaintenanceStore`.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use postrider_domain::event::RemovalReason;
use postrider_domain::ids::{EventId, TenantId};
use postrider_domain::time::Timestamp;
use postrider_store::engine::{first_id_from, hour};
use postrider_store::{MaintenanceCounts, MaintenanceOptions, MaintenanceStore, StoreResult};

use crate::MemoryStore;
use crate::tables::{MemoryTables, StoredAttempt};

#[async_trait]
impl MaintenanceStore for MemoryStore {
    async fn maintain(
        &self,
        now: Timestamp,
        settings: MaintenanceOptions,
    ) -> StoreResult<MaintenanceCounts> {
        let mut tables = self.tables()?;
        let before = tables.retained_rows();
        let cutoff = now - settings.retention;
        tables.ended.retain(|_, delivery| delivery.end_time.is_none_or(|end| end >= cutoff));
        tables.forget_events(cutoff);
        let old = tables.attempts.iter().filter(|(_, attempt)| attempt.record.start_time < cutoff);
        let old: Vec<_> = old.map(|(place, old)| (*place, old.record.key)).collect();
        for (place, key) in old {
            tables.attempts.remove(&place);
            tables.places.remove(&key);
        }
        tables.used_keys.retain(|_, key| key.expire_time >= now);
        tables.operations.retain(|_, operation| operation.end_time.is_none_or(|end| end >= cutoff));
        tables.counts.retain(|(_, at, ..), _| *at >= hour(cutoff));
        let retained = tables.tenants.values();
        let retained: Vec<_> = retained.map(|row| (row.id.clone(), row.retention)).collect();
        for (tenant, retention) in retained {
            if let Some(span) = retention.history {
                tables.forget_history(&tenant, now - span);
            }
            if let Some(span) = retention.payload {
                tables.remove_old_payloads(&tenant, now - span, now);
            }
        }
        let rows_removed = (before - tables.retained_rows()) as u64;
        Ok(MaintenanceCounts { rows_removed, ..MaintenanceCounts::default() })
    }

    async fn ready(&self, _now: Timestamp) -> StoreResult<()> {
        self.tables().map(|_| ())
    }

    async fn rehearse_conclusion(&self, _now: Timestamp) -> StoreResult<()> {
        self.tables().map(|_| ())
    }

    async fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

impl MemoryTables {
    /// Forgets what is past a tenant's own retention.
    fn forget_history(&mut self, tenant: &TenantId, cutoff: Timestamp) {
        self.ended.retain(|_, delivery| {
            delivery.subscription.tenant != *tenant
                || delivery.end_time.is_none_or(|end| end >= cutoff)
        });
        let bound = first_id_from(cutoff);
        let old = self.events.keys().filter(|(of, id)| of == tenant && id.0 < bound);
        let old: Vec<EventId> = old.map(|(_, id)| *id).collect();
        for event in old {
            if !self.has_unfinished(tenant, event) {
                self.events.remove(&(tenant.clone(), event));
            }
        }
        let is_old = |attempt: &StoredAttempt| {
            attempt.record.subscription.tenant == *tenant && attempt.record_time < cutoff
        };
        let old = self.attempts.iter().filter(|(_, attempt)| is_old(attempt));
        let old: Vec<_> = old.map(|(place, old)| (*place, old.record.key)).collect();
        for (place, key) in old {
            self.attempts.remove(&place);
            self.places.remove(&key);
        }
        self.counts.retain(|(key, at, ..), _| key.tenant != *tenant || *at >= hour(cutoff));
        self.operations.retain(|(of, _), operation| {
            of != tenant || operation.end_time.is_none_or(|end| end >= cutoff)
        });
    }

    fn remove_old_payloads(&mut self, tenant: &TenantId, cutoff: Timestamp, now: Timestamp) {
        let bound = first_id_from(cutoff);
        let old = self.events.keys().filter(|(of, id)| of == tenant && id.0 < bound);
        let old: Vec<EventId> = old.map(|(_, id)| *id).collect();
        self.remove_payloads(tenant, &old, RemovalReason::RetentionEnded, now);
    }

    /// Rows of the tables that retention shortens.
    fn retained_rows(&self) -> usize {
        self.ended.len()
            + self.events.len()
            + self.attempts.len()
            + self.used_keys.len()
            + self.operations.len()
            + self.counts.len()
    }

    /// Forgets events that are old, but not those that unfinished deliveries need.
    fn forget_events(&mut self, cutoff: Timestamp) {
        let bound = first_id_from(cutoff);
        let needed: std::collections::BTreeSet<(TenantId, EventId)> = self
            .unfinished
            .values()
            .map(|delivery| (delivery.subscription.tenant.clone(), delivery.event))
            .collect();
        self.events.retain(|key, _| key.1.0 >= bound || needed.contains(key));
        let (unfinished, ended) = (&self.unfinished, &self.ended);
        self.later.retain(|_, ids| {
            ids.retain(|id| unfinished.contains_key(id) || ended.contains_key(id));
            !ids.is_empty()
        });
    }
}
