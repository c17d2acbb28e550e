//! Scans what waits in the table for the owned shards.
//!
//! Fed by the sweep and by take-overs; feeds the scheduler with due times, and `expiry`.
//! Guarantees that a due delivery which the scheduler was not told of is found within
//! one sweep.

use std::collections::HashSet;
use std::sync::Arc;

use postrider_store::{FirstFault, Store, StoreResult};

use super::expiry::Expiry;
use crate::clock::Clock;
use crate::state::cluster::ClusterState;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;
use crate::state::tenants::TenantConfigs;

/// Tells the scheduler what waits. Cheap to clone.
#[derive(Clone)]
pub struct WaitingScan {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tenants: TenantConfigs,
    dispatcher: Dispatcher,
    cluster: ClusterState,
    expiry: Expiry,
}

impl WaitingScan {
    pub fn new(context: &ReplicaContext) -> Self {
        Self {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            tenants: context.tenants.clone(),
            dispatcher: context.dispatcher.clone(),
            cluster: context.cluster.clone(),
            expiry: Expiry::new(context),
        }
    }

    /// Scans what waits in the owned shards: tells the scheduler when it is due, and expires
    /// what is past its deadline; returns how many expired.
    pub async fn scan_waiting(&self) -> StoreResult<u64> {
        let shards: Vec<_> =
            self.dispatcher.read(|s, _| s.settled()).into_iter().map(|lease| lease.shard).collect();
        if shards.is_empty() {
            return Ok(0);
        }
        let mut faults = FirstFault::default();
        let mut expired = 0;
        let mut unreadable = HashSet::new();
        for waiting in self.store.waiting(&shards).await? {
            let key = &waiting.subscription;
            if unreadable.contains(&key.tenant) {
                continue;
            }
            let snapshot = faults.keep_readable(self.tenants.snapshot(&key.tenant).await)?;
            let Some(snapshot) = snapshot else {
                // Read once in a scan, however many subscriptions it has.
                unreadable.insert(key.tenant.clone());
                continue;
            };
            let found = snapshot.as_ref().and_then(|s| s.subscription(&key.subscription));
            let Some((snapshot, subscription)) = snapshot.as_ref().zip(found) else { continue };
            let running = self.cluster.running_time(subscription, self.clock.now());
            if waiting.first_deadline <= running && !self.cluster.has_clock_jumped() {
                let ended = self.expiry.expire_overdue(snapshot, subscription).await;
                expired += faults.keep(ended)?.unwrap_or_default();
            }
            let shard = waiting.shard;
            self.dispatcher.update(|scheduler, now| {
                if !scheduler.has_lane(key) {
                    scheduler.configure(Arc::clone(subscription), shard, now);
                }
                scheduler.note_due(key, waiting.first_due, now);
            });
        }
        faults.into_result().map(|()| expired)
    }
}
