//! Counts what is due in the table, for operators.
//!
//! Fed by `api`; feeds it figures by region. Guarantees a lower bound, at a cost that
//! does not grow with the backlog, since the counts are limited, or with those who ask: one
//! counts at a time, for all who have asked by then.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use postrider_domain::ids::{Region, Shard};
use postrider_domain::time::Timestamp;
use postrider_store::{FirstFault, Store, StoreResult};
use tokio::sync::Mutex;
use tokio::time::Instant;

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
    counted: Arc<SharedCount<Vec<DueByRegion>>>,
}

impl DueBacklog {
    pub fn new(context: &ReplicaContext) -> Self {
        Self {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            tenants: context.tenants.clone(),
            cluster: context.cluster.clone(),
            counted: Arc::default(),
        }
    }

    /// Counts the due deliveries of all shards, by region. A lower bound: the count is
    /// limited for each subscription, and in subscriptions.
    pub async fn count_due(&self) -> StoreResult<Vec<DueByRegion>> {
        self.counted.get(self.count_now()).await
    }

    async fn count_now(&self) -> StoreResult<Vec<DueByRegion>> {
        let shards: Vec<Shard> = self.cluster.view().shards.iter().map(|row| row.shard).collect();
        let now = self.clock.now();
        let waiting = self.store.waiting(&shards).await?;
        let due = waiting
            .into_iter()
            .filter(|waiting| waiting.first_due <= now)
            .take(MAX_COUNTED_SUBSCRIPTIONS);
        let mut regions: BTreeMap<Region, DueByRegion> = BTreeMap::new();
        let mut faults = FirstFault::default();
        for backlog in due {
            let key = &backlog.subscription;
            let snapshot = self.tenants.snapshot(&key.tenant).await;
            let snapshot = faults.keep_readable(snapshot)?.flatten();
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
        faults.into_result().map(|()| regions.into_values().collect())
    }
}

/// A count that is made once for all who ask while the one before is made.
struct SharedCount<T> {
    /// The last count, and when it was begun.
    last: Mutex<Option<(Instant, T)>>,
}

impl<T> Default for SharedCount<T> {
    fn default() -> Self {
        Self { last: Mutex::new(None) }
    }
}

impl<T: Clone> SharedCount<T> {
    /// What was counted after the call began.
    async fn get(&self, count: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        if let Some((begun, counted)) = &*last
            && *begun > asked
        {
            return Ok(counted.clone());
        }
        let begun = Instant::now();
        let counted = count.await?;
        *last = Some((begun, counted.clone()));
        Ok(counted)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures::future::join_all;
    use postrider_store::StoreError;
    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn who_asks_at_the_same_time_shares_a_count_that_began_later() {
        let (shared, counts, gate) = (SharedCount::default(), AtomicU32::new(0), Semaphore::new(0));
        let count = async || {
            gate.acquire().await.unwrap().forget();
            Ok::<_, StoreError>(counts.fetch_add(1, Ordering::SeqCst) + 1)
        };
        let mut first = Box::pin(shared.get(count()));
        assert!(futures::poll!(&mut first).is_pending());
        let mut later = join_all((0..20).map(|_| shared.get(count())));
        assert!(futures::poll!(&mut later).is_pending());
        gate.add_permits(9);
        assert_eq!(first.await.unwrap(), 1);
        assert!(later.await.into_iter().all(|counted| counted.unwrap() == 2));
        assert_eq!(shared.get(count()).await.unwrap(), 3, "nothing is told that was before");
    }
}
