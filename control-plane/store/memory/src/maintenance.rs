//! Deletes what is older than its retention: `MaintenanceStore`.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use postrider_domain::ids::{EventId, TenantId};
use postrider_domain::time::Timestamp;
use postrider_store::engine::{first_id_from, hour};
use postrider_store::{MaintenanceCounts, MaintenanceOptions, MaintenanceStore, StoreResult};

use crate::MemoryStore;
use crate::tables::MemoryTables;

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
    /// Forgets events that are old, but not those that unfinished deliveries need.
    /// Rows of the tables that retention shortens.
    fn retained_rows(&self) -> usize {
        self.ended.len()
            + self.events.len()
            + self.attempts.len()
            + self.used_keys.len()
            + self.operations.len()
            + self.counts.len()
    }

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
