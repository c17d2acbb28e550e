//! Repairs due times that were written by a clock which has been set back since.
//!
//! Fed by the sweep; feeds the table. Whoever writes rows of a shard notes the time by
//! its clock (`ClockStore`). If that time is in the future, somebody has set the clocks
//! back, and what was due at once would be due that much later. Guarantees that nothing
//! waits longer than its retry policy allows, counted from now (no-time-before-its-id).
//!
//! Keeps the invariant `no-time-before-its-id`.

use std::sync::Arc;
use std::time::Duration;

use postrider_domain::ids::Shard;
use postrider_domain::time::Timestamp;
use postrider_store::{FirstFault, Store, StoreResult};

use super::hold_keeper::HoldKeeper;
use super::ordering::KeyBlocker;
use super::rescheduler::Rescheduler;
use crate::clock::Clock;
use crate::state::cluster::ClusterState;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;
use crate::state::tenants::TenantConfigs;

/// How much two clocks may differ that were both set by the database's. A heartbeat's
/// interval and a slow answer; clocks that are set back differ by more.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(2);

/// Repairs what a clock that was set back has written.
pub struct ClockRecovery {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tenants: TenantConfigs,
    dispatcher: Dispatcher,
    cluster: ClusterState,
    silence_timeout: Duration,
    rescheduler: Rescheduler,
    holds: HoldKeeper,
    key_blocker: KeyBlocker,
}

impl ClockRecovery {
    pub fn new(context: &ReplicaContext) -> Self {
        Self {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            tenants: context.tenants.clone(),
            dispatcher: context.dispatcher.clone(),
            cluster: context.cluster.clone(),
            silence_timeout: context.settings.agents.silence_timeout(),
            rescheduler: Rescheduler::new(context),
            holds: HoldKeeper::new(context),
            key_blocker: KeyBlocker::new(context),
        }
    }

    /// Reschedules what waits in the owned shards, if it was written by a clock that is
    /// ahead of ours.
    pub async fn recover_from_clock_set_back(&self) -> StoreResult<()> {
        // Our own clock is the wrong one until this replica restarts.
        if self.cluster.has_clock_jumped() {
            return Ok(());
        }
        let now = self.clock.now();
        let mut ahead = self.store.clocks_ahead(now + CLOCK_TOLERANCE).await?;
        if ahead.is_empty() {
            return Ok(());
        }
        let owned = self.dispatcher.read(|scheduler, _| scheduler.settled());
        ahead.retain(|(shard, _)| owned.iter().any(|lease| lease.shard == *shard));
        let shards: Vec<Shard> = ahead.iter().map(|(shard, _)| *shard).collect();
        if shards.is_empty() {
            return Ok(());
        }
        let brought_back = self.reschedule_shards(&shards, now).await?;
        self.shorten_key_blocks(now).await?;
        self.holds.shorten_holds().await?;
        self.store.forget_clocks(&ahead, now).await?;
        tracing::warn!(
            shards = shards.len(),
            deliveries = brought_back,
            "clocks were set back; due times were moved to the present"
        );
        Ok(())
    }

    async fn reschedule_shards(&self, shards: &[Shard], now: Timestamp) -> StoreResult<u64> {
        let mut faults = FirstFault::default();
        let mut all = 0;
        for waiting in self.store.waiting(shards).await? {
            let found = self.tenants.find_subscription(&waiting.subscription).await;
            let found = faults.keep_readable(found)?;
            let Some(subscription) = found.flatten() else { continue };
            all +=
                self.rescheduler.reschedule_waiting(&subscription, waiting.shard, now, now).await?;
        }
        faults.into_result().map(|()| all)
    }

    /// No key stays blocked longer than after an attempt that was assigned now.
    async fn shorten_key_blocks(&self, now: Timestamp) -> StoreResult<()> {
        let mut faults = FirstFault::default();
        for key in self.store.list_blocked_subscriptions(now + self.silence_timeout).await? {
            let found = faults.keep_readable(self.tenants.find_subscription(&key).await)?;
            let Some(found) = found else { continue };
            let until = match found {
                Some(subscription) => self.key_blocker.latest_attempt_end(&subscription),
                None => now,
            };
            self.store.shorten_key_blocks(&key, until).await?;
        }
        faults.into_result()
    }
}
