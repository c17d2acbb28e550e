//! Endpoints that only fail: warned about, then disabled.
//!
//! Fed by the failure streaks and by the time; feeds the outbox with warnings, and the
//! tenant configurations with subscriptions to disable. Guarantees that the rows are the
//! truth across restarts and take-overs.
//!
//! An endpoint to which nothing is sent is not disabled for earlier failures: time
//! counts only when an attempt fails, or while a delivery waits for its next attempt.

use std::sync::Arc;

use postrider_domain::failure_streak::{FailureStreak, WarningStage};
use postrider_domain::ids::{Shard, SubscriptionKey};
use postrider_domain::operational_event::{EndpointSummary, OperationalEventType};
use postrider_domain::scheduler::ShardLease;
use postrider_domain::subscription::{Subscription, SubscriptionStatus};
use postrider_store::{FirstFault, Store, StoreResult};

use crate::clock::Clock;
use crate::progress::RoundCounts;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;
use crate::state::failure_streaks::{FailureStreaks, RememberedStreak, STREAK_CHECK_INTERVAL};
use crate::state::outbox::Outbox;
use crate::state::tenants::{TenantConfigs, TenantSnapshot};

/// Decides what follows from failure streaks.
pub struct EndpointWatch {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tenants: TenantConfigs,
    dispatcher: Dispatcher,
    outbox: Outbox,
    failure_streaks: FailureStreaks,
}

impl EndpointWatch {
    pub fn new(context: &ReplicaContext) -> Self {
        Self {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            tenants: context.tenants.clone(),
            dispatcher: context.dispatcher.clone(),
            outbox: context.outbox.clone(),
            failure_streaks: context.failure_streaks.clone(),
        }
    }

    /// Reads the streaks of newly owned shards, and decides those that are due; counts them.
    pub async fn check_streaks(&self, counts: &mut RoundCounts) -> StoreResult<()> {
        let new = self.failure_streaks.retain_owned(&self.dispatcher.read(|s, _| s.leases()));
        if !new.is_empty() {
            let rows = self.read_streaks(&new).await?;
            self.failure_streaks.load_shards(&new, rows);
        }
        // A row may come from a commit with an unknown outcome, or from an owner that had
        // already lost its lease.
        if self.failure_streaks.is_reread_due(self.clock.now()) {
            let rows = self.read_streaks(&self.dispatcher.read(|s, _| s.leases())).await?;
            self.failure_streaks.merge_rows(rows);
        }
        let mut faults = FirstFault::default();
        for (shard, key, entry, just_failed) in self.failure_streaks.take_due(self.clock.now()) {
            counts.add_all("streaks_checked", 1);
            faults.keep_readable(self.check_streak(shard, &key, entry, just_failed).await)?;
        }
        faults.into_result()
    }

    async fn read_streaks(
        &self,
        leases: &[ShardLease],
    ) -> StoreResult<Vec<(Shard, SubscriptionKey, FailureStreak)>> {
        let shards: Vec<Shard> = leases.iter().map(|lease| lease.shard).collect();
        if shards.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.store.streaks(&shards).await?;
        let placed = rows.into_iter().map(|(key, streak)| {
            let shard = self.tenants.shard(&key.tenant);
            (shard, key, streak)
        });
        Ok(placed.collect())
    }

    async fn check_streak(
        &self,
        shard: Shard,
        key: &SubscriptionKey,
        entry: RememberedStreak,
        just_failed: bool,
    ) -> StoreResult<()> {
        let snapshot = self.tenants.snapshot(&key.tenant).await?;
        let found = snapshot.as_ref().and_then(|s| Some((s, s.subscription(&key.subscription)?)));
        let Some((snapshot, subscription)) = found else {
            self.failure_streaks.remember(shard, key, None, 0);
            return Ok(());
        };
        let now = self.clock.now();
        self.failure_streaks.schedule_check(shard, key, now + STREAK_CHECK_INTERVAL);
        let streak = entry.streak;
        if streak.stage == WarningStage::Over && subscription.status != SubscriptionStatus::Disabled
        {
            return self.finish_disabling(shard, subscription).await;
        }
        if subscription.status != SubscriptionStatus::Enabled {
            return Ok(());
        }
        let rule = subscription.settings.auto_disable;
        let Some(stage) = streak.due(rule, now) else {
            if let Some(next) = streak.next_step(rule) {
                self.failure_streaks.schedule_check(
                    shard,
                    key,
                    next.min(now + STREAK_CHECK_INTERVAL),
                );
            }
            return Ok(());
        };
        // While nothing could be sent, or nothing was to be sent, time says nothing about
        // the endpoint.
        let region = &subscription.settings.region;
        let served = self.dispatcher.read(|scheduler, _| scheduler.region_has_agent(region));
        if !just_failed && (!served || self.store.backlog(key, 1).await?.count == 0) {
            return Ok(());
        }
        self.raise_stage(shard, snapshot, subscription, entry, stage).await
    }

    /// Moves a streak one stage further.
    async fn raise_stage(
        &self,
        shard: Shard,
        snapshot: &TenantSnapshot,
        subscription: &Subscription,
        entry: RememberedStreak,
        stage: WarningStage,
    ) -> StoreResult<()> {
        let key = subscription.key();
        let raised = FailureStreak { stage, ..entry.streak };
        let is_wanted = stage < WarningStage::Over
            && snapshot.wants_event(&self.outbox, OperationalEventType::EndpointFailing);
        let rule = subscription.settings.auto_disable;
        let warning =
            is_wanted.then(|| EndpointSummary::of(subscription).failing(raised, rule, entry.last));
        if !self.store.raise_streak(&key, entry.streak, stage, warning.as_ref()).await? {
            // Another replica's success, or a change of the subscription, has ended it.
            let found = self.store.streak(&key).await?;
            self.failure_streaks.remember(shard, &key, found, subscription.revision);
            return Ok(());
        }
        tracing::warn!(subscription = %key, since = %raised.since, stage = stage.fraction(), "an endpoint keeps failing");
        self.failure_streaks.set_stage(shard, &key, stage);
        self.failure_streaks.schedule_check(shard, &key, self.clock.now());
        if stage == WarningStage::Over {
            self.disable_endpoint(&key, raised).await;
        }
        Ok(())
    }

    /// Disables an endpoint whose disabling was interrupted, or forgets a streak that has
    /// ended since.
    async fn finish_disabling(&self, shard: Shard, subscription: &Subscription) -> StoreResult<()> {
        let key = subscription.key();
        match self.store.streak(&key).await? {
            Some(streak) if streak.stage == WarningStage::Over => {
                self.disable_endpoint(&key, streak).await;
            }
            found => self.failure_streaks.remember(shard, &key, found, subscription.revision),
        }
        Ok(())
    }

    async fn disable_endpoint(&self, key: &SubscriptionKey, streak: FailureStreak) {
        let reason = format!("AUTO_DISABLED: nothing but failures since {}", streak.since);
        if let Err(error) = self.tenants.disable_subscription(key, &reason).await {
            tracing::warn!(%error, subscription = %key, "could not disable a failing subscription");
        }
    }
}
