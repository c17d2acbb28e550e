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

use postrider_domain::ids::{Shard, SubscriptionKey};
use postrider_domain::subscription::Subscription;
use postrider_domain::time::Timestamp;
use postrider_store::{RescheduleRequest, StoreResult};

use super::{Flow, ordering};

/// How much two clocks may differ that were both set by the database's.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(2);
/// Most deliveries rescheduled in one call.
const MAX_RESCHEDULED_PER_CALL: u32 = 5_000;

impl Flow {
    /// Reschedules what waits in the owned shards, if it was written by a clock that is
    /// ahead of ours.
    pub(super) async fn recover_from_clock_set_back(&self) -> StoreResult<()> {
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
        self.shorten_holds().await?;
        self.store.forget_clocks(&ahead, now).await?;
        tracing::warn!(
            shards = shards.len(),
            deliveries = brought_back,
            "clocks were set back; due times were moved to the present"
        );
        Ok(())
    }

    async fn reschedule_shards(&self, shards: &[Shard], now: Timestamp) -> StoreResult<u64> {
        let mut all = 0;
        for waiting in self.store.waiting(shards).await? {
            let subscription = self.find_subscription(&waiting.subscription).await?;
            let Some(subscription) = subscription else { continue };
            all += self.reschedule_waiting(&subscription, waiting.shard, now, now).await?;
        }
        Ok(all)
    }

    /// Makes a subscription's waiting deliveries due when its policy says, for attempts that
    /// were over at `since`.
    pub(super) async fn reschedule_waiting(
        &self,
        subscription: &Subscription,
        shard: Shard,
        since: Timestamp,
        now: Timestamp,
    ) -> StoreResult<u64> {
        let longest = subscription.settings.retry.longest_delays();
        let request = RescheduleRequest { subscription: subscription.key(), shard, since, longest };
        let mut all = 0;
        loop {
            let some =
                self.store.reschedule_waiting(&request, now, MAX_RESCHEDULED_PER_CALL).await?;
            all += some;
            if some < u64::from(MAX_RESCHEDULED_PER_CALL) {
                return Ok(all);
            }
        }
    }

    /// No key stays blocked longer than after an attempt that was assigned now.
    async fn shorten_key_blocks(&self, now: Timestamp) -> StoreResult<()> {
        let begins = self.settings.agents.silence_timeout();
        for key in self.store.list_blocked_subscriptions(now + begins).await? {
            let until = match self.find_subscription(&key).await? {
                Some(subscription) => ordering::latest_attempt_end(self, &subscription),
                None => now,
            };
            self.store.shorten_key_blocks(&key, until).await?;
        }
        Ok(())
    }

    /// A subscription as last read, unless it is deleted.
    pub(super) async fn find_subscription(
        &self,
        key: &SubscriptionKey,
    ) -> StoreResult<Option<Arc<Subscription>>> {
        let snapshot = self.tenants.snapshot(&key.tenant).await?;
        Ok(snapshot.and_then(|snapshot| snapshot.subscription(&key.subscription).cloned()))
    }
}
