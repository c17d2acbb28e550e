//! Keeps the holds of this replica's shards: reads those that others began, continues
//! those of a shard's previous owner, and ends or shortens those that no longer stand.
//!
//! Fed by the sweep and by take-overs; feeds the holds in memory, the scheduler and the
//! table. Guarantees that a hold is known to a shard's next owner, and to all replicas
//! within a sweep.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use postrider_domain::ids::{SubscriptionKey, TenantId};
use postrider_domain::scheduler::ShardLease;
use postrider_domain::time::{HoldClock, Timestamp};
use postrider_store::{FirstFault, Store, StoreResult};

use super::rescheduler::Rescheduler;
use crate::clock::Clock;
use crate::state::cluster::ClusterState;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;
use crate::state::tenants::TenantConfigs;

/// Keeps what the table and this replica know of holds alike. Cheap to clone.
#[derive(Clone)]
pub struct HoldKeeper {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tenants: TenantConfigs,
    dispatcher: Dispatcher,
    cluster: ClusterState,
    max_retry_after: Duration,
    rescheduler: Rescheduler,
}

impl HoldKeeper {
    pub fn new(context: &ReplicaContext) -> Self {
        let max_retry_after = context.settings.dispatch.max_retry_after_seconds;
        Self {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            tenants: context.tenants.clone(),
            dispatcher: context.dispatcher.clone(),
            cluster: context.cluster.clone(),
            max_retry_after: Duration::from_secs(max_retry_after),
            rescheduler: Rescheduler::new(context),
        }
    }

    /// Reads the holds that began elsewhere; all of them the first time.
    pub async fn refresh_holds(&self) -> StoreResult<()> {
        let holds = self.cluster.holds();
        let rows = self.store.hold_clocks(holds.read_from()).await?;
        holds.merge_rows(rows, self.clock.now());
        Ok(())
    }

    /// Continues the holds of the shards' previous owner.
    pub async fn resume_holds(&self, leases: &[ShardLease]) -> StoreResult<()> {
        let now = self.clock.now();
        let mut faults = FirstFault::default();
        for (key, clock) in self.cluster.holds().active(now) {
            let shard = self.tenants.shard(&key.tenant);
            if !leases.iter().any(|lease| lease.shard == shard) {
                continue;
            }
            let found = faults.keep_readable(self.tenants.find_subscription(&key).await)?;
            let Some(subscription) = found.flatten() else { continue };
            if let Some(until) = clock.held(now, subscription.update_time) {
                self.dispatcher.update(|scheduler, now| {
                    scheduler.configure(subscription, shard, now);
                    scheduler.hold_until(&key, until, now);
                });
            }
        }
        faults.into_result()
    }

    /// Ends the holds of edited subscriptions: their deliveries are due as if there had been
    /// no hold.
    pub async fn end_holds_of_edited(&self) -> StoreResult<()> {
        let now = self.clock.now();
        let owned = self.dispatcher.read(|scheduler, _| scheduler.settled());
        let mut faults = FirstFault::default();
        for (key, clock) in self.cluster.holds().active(now) {
            let shard = self.tenants.shard(&key.tenant);
            if !owned.iter().any(|lease| lease.shard == shard) {
                continue;
            }
            let found = faults.keep_readable(self.tenants.find_subscription(&key).await)?;
            let Some(subscription) = found.flatten() else { continue };
            if clock.held(now, subscription.update_time).is_none() {
                self.rescheduler.reschedule_waiting(&subscription, shard, clock.since, now).await?;
                tracing::info!(subscription = %key, "a hold is over: the subscription was changed");
                self.shorten_hold(key, clock, now, now).await?;
            }
        }
        faults.into_result()
    }

    /// Shortens holds that end later than one that begins now could. Returns the tenants whose
    /// holds are as they were, since their configuration could not be read.
    pub async fn shorten_holds(&self) -> StoreResult<BTreeSet<TenantId>> {
        let now = self.clock.now();
        let mut faults = FirstFault::default();
        let mut passed_over = BTreeSet::new();
        for (key, clock) in self.cluster.holds().active(now) {
            let found = faults.keep_readable(self.tenants.find_subscription(&key).await)?;
            let Some(found) = found else {
                passed_over.insert(key.tenant);
                continue;
            };
            let Some(subscription) = found else { continue };
            let until = now + subscription.settings.retry.granted(self.max_retry_after);
            if clock.until > until {
                self.shorten_hold(key, clock, now, until).await?;
            }
        }
        faults.into_result().map(|()| passed_over)
    }

    async fn shorten_hold(
        &self,
        key: SubscriptionKey,
        mut clock: HoldClock,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<()> {
        clock.shorten(now, until);
        self.store.put_hold_clock(&key, &clock).await?;
        self.cluster.holds().replace(key, clock);
        Ok(())
    }
}
