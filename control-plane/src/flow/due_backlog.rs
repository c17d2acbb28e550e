//! Counts what is due in the table, for operators.
//!
//! Fed by `api`; feeds it figures by region. Guarantees a lower bound, at a cost that
//! does not grow with the backlog: the counts are limited.

use std::collections::BTreeMap;
use std::sync::Arc;

use postrider_domain::ids::{Region, Shard};
use postrider_domain::time::Timestamp;
use postrider_store::{Store, StoreResult};

use crate::clock::Clock;
use crate::state::cluster::ClusterState;
use crate::state::context::ReplicaContext;
use crate::state::tenants::TenantConfigs;

/// Most subscriptions whose due deliveries are counted for the fleet view, and most
/// deliveries counted of each. The view shows that there are many, not how many exactly;
/// counting reads each delivery.
const MAX_COUNTED_SUBSCRIPTIONS: usize = 500;
const MAX_COUNTED_DELIVERIES: u32 = 10_000;

/// Due deliveries in the table for one region's agents.
#[derive(Clone, Debug)]
pub struct DueByRegion {
    pub region: Region,
    pub deliveries: u64,
    pub oldest: Timestamp,
}

/// Counts due deliveries. Cheap to clone.
#[derive(Clone)]
pub struct DueBacklog {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tenants: TenantConfigs,
    cluster: ClusterState,
}

impl DueBacklog {
    pub fn new(context: &ReplicaContext) -> Self {
        Self {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            tenants: context.tenants.clone(),
            cluster: context.cluster.clone(),
        }
    }

    /// Counts the due deliveries of all shards, by region. A lower bound: the count is
    /// limited for each subscription, and in subscriptions.
    pub async fn count_due(&self) -> StoreResult<Vec<DueByRegion>> {
        let shards: Vec<Shard> = self.cluster.view().shards.iter().map(|row| row.shard).collect();
        let now = self.clock.now();
        let waiting = self.store.waiting(&shards).await?;
        let due = waiting
            .into_iter()
            .filter(|waiting| waiting.first_due <= now)
            .take(MAX_COUNTED_SUBSCRIPTIONS);
        let mut regions: BTreeMap<Region, DueByRegion> = BTreeMap::new();
        for backlog in due {
            let key = &backlog.subscription;
            let snapshot = self.tenants.snapshot(&key.tenant).await?;
            let found = snapshot.as_ref().and_then(|s| s.subscription(&key.subscription));
            let Some(subscription) = found else { continue };
            let count =
                self.store.count_due(key, backlog.shard, now, MAX_COUNTED_DELIVERIES).await?;
            let region = subscription.settings.region.clone();
            let fresh =
                DueByRegion { region: region.clone(), deliveries: 0, oldest: backlog.first_due };
            let entry = regions.entry(region).or_insert(fresh);
            entry.deliveries += u64::from(count);
            entry.oldest = entry.oldest.min(backlog.first_due);
        }
        Ok(regions.into_values().collect())
    }
}
