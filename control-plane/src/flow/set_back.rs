//! What waits by a clock that was set back since, brought back to the present.
//!
//! Fed by the sweep; feeds the table. Whoever writes rows of a shard notes what its
//! clock says (`ClockStore`): where that is later than now, somebody has set the clocks
//! back, and what was due at once, or soon, is due as much later. Guarantees that nothing
//! waits longer than its policy can make it wait from now on.

use std::sync::Arc;
use std::time::Duration;

use postrider_domain::ids::{Shard, SubscriptionKey};
use postrider_domain::subscription::Subscription;
use postrider_domain::time::Timestamp;
use postrider_store::{BringBack, StoreResult};

use super::{Flow, ordering};

/// What two clocks may differ by that were both set by the database's.
const ROUND_TRIP: Duration = Duration::from_secs(2);
/// Most deliveries brought back in one call.
const BATCH: u32 = 5_000;

impl Flow {
    /// Brings back what waits in the shards owned, if it was written by a clock that is
    /// ahead of ours.
    pub(super) async fn bring_back(&self) -> StoreResult<()> {
        // Ours is the one that is wrong, until this replica starts anew.
        if self.cluster.clock_is_off() {
            return Ok(());
        }
        let now = self.clock.now();
        let mut ahead = self.store.clocks_ahead(now + ROUND_TRIP).await?;
        if ahead.is_empty() {
            return Ok(());
        }
        let owned = self.dispatcher.look(|scheduler, _| scheduler.settled());
        ahead.retain(|(shard, _)| owned.iter().any(|lease| lease.shard == *shard));
        let shards: Vec<Shard> = ahead.iter().map(|(shard, _)| *shard).collect();
        if shards.is_empty() {
            return Ok(());
        }
        let brought_back = self.bring_back_deliveries(&shards, now).await?;
        self.bring_back_keys(now).await?;
        self.shorten_holds().await?;
        self.store.forget_clocks(&ahead, now).await?;
        tracing::warn!(
            shards = shards.len(),
            deliveries = brought_back,
            "clocks were set back; what was due by them is due by the present time"
        );
        Ok(())
    }

    async fn bring_back_deliveries(&self, shards: &[Shard], now: Timestamp) -> StoreResult<u64> {
        let mut all = 0;
        for waiting in self.store.waiting(shards).await? {
            let subscription = self.subscription_of(&waiting.subscription).await?;
            let Some(subscription) = subscription else { continue };
            all += self.bring_back_of(&subscription, waiting.shard, now).await?;
        }
        Ok(all)
    }

    /// What waits of a subscription is due, counted from now, when its policy says.
    pub(super) async fn bring_back_of(
        &self,
        subscription: &Subscription,
        shard: Shard,
        now: Timestamp,
    ) -> StoreResult<u64> {
        let longest = subscription.settings.retry.longest_delays();
        let request = BringBack { subscription: subscription.key(), shard, longest };
        let mut all = 0;
        loop {
            let some = self.store.bring_back(&request, now, BATCH).await?;
            all += some;
            if some < u64::from(BATCH) {
                return Ok(all);
            }
        }
    }

    /// No key is quiet longer than after an attempt that was assigned now.
    async fn bring_back_keys(&self, now: Timestamp) -> StoreResult<()> {
        let begins = self.settings.agents.silence_limit();
        for key in self.store.quiet_subscriptions(now + begins).await? {
            let until = match self.subscription_of(&key).await? {
                Some(subscription) => ordering::over_by(self, &subscription),
                None => now,
            };
            self.store.shorten_quiet(&key, until).await?;
        }
        Ok(())
    }

    /// A subscription as last read, unless it is deleted.
    pub(super) async fn subscription_of(
        &self,
        key: &SubscriptionKey,
    ) -> StoreResult<Option<Arc<Subscription>>> {
        let snapshot = self.tenants.snapshot(&key.tenant).await?;
        Ok(snapshot.and_then(|snapshot| snapshot.subscription(&key.subscription).cloned()))
    }
}
