//! Repairs due times that were written by a clock which has been set back since.
//!
//! Fed by the sweep; feeds the table. Whoever writes rows of a shard notes the time by
//! its clock (`ClockStore`). If that time is in the future, somebody has set the clocks
//! back, and what was due at once would be due that much later. Guarantees that nothing
//! waits longer than its retry policy allows, counted from now (no-time-before-its-id). The
//! note of a shard stays, and is followed again, while one of its tenants' configurations
//! cannot be read, until clocks show the time that it tells.
//!
//! Keeps the invariant `no-time-before-its-id`.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use postrider_domain::ids::{Shard, SubscriptionKey, TenantId};
use postrider_domain::subscription::Subscription;
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

/// How long after a round that passed over a tenant its shard is looked at again. Chosen, not
/// measured: whoever has repaired a row sees its deliveries due within a few sweeps.
const PASSED_OVER_PAUSE: Duration = Duration::from_secs(10);

/// A shard, and what the clock said by which its rows were written.
type ClockNote = (Shard, Timestamp);

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
    /// When notes are followed again that stayed: of each shard one at most.
    kept: Mutex<HashMap<ClockNote, Timestamp>>,
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
            kept: Mutex::default(),
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
        let notes = self.notes_to_follow(now).await?;
        if notes.is_empty() {
            return Ok(());
        }
        let shards: Vec<Shard> = notes.iter().map(|(shard, _)| *shard).collect();
        let mut passed_over = BTreeSet::new();
        let brought_back = self.reschedule_shards(&shards, now, &mut passed_over).await?;
        self.shorten_key_blocks(now, &mut passed_over).await?;
        passed_over.extend(self.holds.shorten_holds().await?);
        let left: BTreeSet<Shard> = passed_over.iter().map(|id| self.tenants.shard(id)).collect();
        let (kept, done): (Vec<ClockNote>, Vec<ClockNote>) =
            notes.into_iter().partition(|(shard, _)| left.contains(shard));
        self.kept.lock().extend(kept.into_iter().map(|note| (note, now + PASSED_OVER_PAUSE)));
        if done.is_empty() && brought_back == 0 {
            return Ok(());
        }
        self.store.forget_clocks(&done, now).await?;
        tracing::warn!(
            shards = shards.len(),
            deliveries = brought_back,
            "clocks were set back; due times were moved to the present"
        );
        Ok(())
    }

    /// The notes of owned shards, but for those that were kept a moment ago.
    async fn notes_to_follow(&self, now: Timestamp) -> StoreResult<Vec<ClockNote>> {
        let mut ahead = self.store.clocks_ahead(now + CLOCK_TOLERANCE).await?;
        let owned = self.dispatcher.read(|scheduler, _| scheduler.settled());
        let mut kept = self.kept.lock();
        kept.retain(|note, _| ahead.contains(note));
        ahead.retain(|note| {
            owned.iter().any(|lease| lease.shard == note.0)
                && kept.get(note).is_none_or(|again| *again <= now)
        });
        Ok(ahead)
    }

    async fn reschedule_shards(
        &self,
        shards: &[Shard],
        now: Timestamp,
        passed_over: &mut BTreeSet<TenantId>,
    ) -> StoreResult<u64> {
        let mut faults = FirstFault::default();
        let mut all = 0;
        for waiting in self.store.waiting(shards).await? {
            let key = &waiting.subscription;
            let found = self.find_subscription(key, &mut faults, passed_over).await?;
            let Some(subscription) = found.flatten() else { continue };
            all +=
                self.rescheduler.reschedule_waiting(&subscription, waiting.shard, now, now).await?;
        }
        faults.into_result().map(|()| all)
    }

    /// No key stays blocked longer than after an attempt that was assigned now.
    async fn shorten_key_blocks(
        &self,
        now: Timestamp,
        passed_over: &mut BTreeSet<TenantId>,
    ) -> StoreResult<()> {
        let mut faults = FirstFault::default();
        for key in self.store.list_blocked_subscriptions(now + self.silence_timeout).await? {
            let found = self.find_subscription(&key, &mut faults, passed_over).await?;
            let Some(found) = found else { continue };
            let until = match found {
                Some(subscription) => self.key_blocker.latest_attempt_end(&subscription),
                None => now,
            };
            self.store.shorten_key_blocks(&key, until).await?;
        }
        faults.into_result()
    }

    /// A subscription, unless it is deleted; nothing if its tenant's configuration cannot be
    /// read, which is tried once in a round, however many subscriptions it has.
    async fn find_subscription(
        &self,
        key: &SubscriptionKey,
        faults: &mut FirstFault,
        passed_over: &mut BTreeSet<TenantId>,
    ) -> StoreResult<Option<Option<Arc<Subscription>>>> {
        if passed_over.contains(&key.tenant) {
            return Ok(None);
        }
        let found = faults.keep_readable(self.tenants.find_subscription(key).await)?;
        if found.is_none() {
            passed_over.insert(key.tenant.clone());
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use async_trait::async_trait;
    use postrider_domain::assignment_key::AssignmentKey;
    use postrider_domain::delivery::Delivery;
    use postrider_domain::event::Event;
    use postrider_domain::ids::{DeliveryId, Epoch, EventId, OrderedKey};
    use postrider_domain::scheduler::ShardLease;
    use postrider_domain::tenant::Tenant;
    use postrider_store::{KeyHold, NewEvent};
    use postrider_store_memory::MemoryStore;
    use tokio::task::JoinSet;

    use super::*;
    use crate::fixtures::{self, FIXTURE_TIME};
    use crate::metrics::Metrics;
    use crate::replicas::GrpcCalls;
    use crate::serve;
    use crate::settings::Settings;

    /// What a clock said before it was set back to [`FIXTURE_TIME`].
    const WRONG_TIME: Timestamp = Timestamp::from_micros(FIXTURE_TIME.as_micros() + 600_000_000);

    /// A clock that stands where a test sets it.
    struct StandingClock(AtomicI64);

    #[async_trait]
    impl Clock for StandingClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(self.0.load(Ordering::Relaxed))
        }

        async fn sleep_until(&self, _: Timestamp) {
            std::future::pending::<()>().await;
        }
    }

    /// A replica that owns every shard, and starts after clocks were set back.
    struct Stage {
        memory: Arc<MemoryStore>,
        store: Arc<dyn Store>,
        clock: Arc<StandingClock>,
        recovery: ClockRecovery,
        _tasks: JoinSet<()>,
    }

    impl Stage {
        async fn new() -> Self {
            let flags = [
                ("database.url", "postgres://memory".to_owned()),
                ("server.metrics_listen", String::new()),
            ];
            let settings = Settings::load(None, &flags).unwrap();
            let shards = settings.database.shard_count;
            let memory = Arc::new(MemoryStore::new(shards, || FIXTURE_TIME));
            let store: Arc<dyn Store> = Arc::<MemoryStore>::clone(&memory);
            let clock = Arc::new(StandingClock(AtomicI64::new(FIXTURE_TIME.as_micros())));
            let assembled = serve::assemble(
                Arc::new(settings),
                (Arc::clone(&store), AssignmentKey::new([7; 32])),
                Arc::<StandingClock>::clone(&clock),
                String::new(),
                Arc::new(GrpcCalls::new(None)),
                Metrics::default(),
            );
            assembled.context.dispatcher.update(|scheduler, now| {
                for shard in (0..shards).map(Shard) {
                    let lease = ShardLease { shard, epoch: Epoch(1) };
                    scheduler.take_shard(lease, Timestamp::MAX, [], now);
                    scheduler.settle(lease, now);
                }
            });
            store.note_clock(WRONG_TIME).await.unwrap();
            let recovery = ClockRecovery::new(&assembled.context);
            Self { memory, store, clock, recovery, _tasks: assembled.tasks }
        }

        fn shard(&self, tenant: &str) -> Shard {
            self.recovery.tenants.shard(&tenant.parse().unwrap())
        }

        /// A tenant with a delivery that waits, and a blocked key, until the wrong time.
        async fn add_tenant(&self, id: &str, n: u8) {
            let tenant = Tenant { id: id.parse().unwrap(), ..fixtures::tenant() };
            self.store.create_tenant(&tenant, &fixtures::audit()).await.unwrap();
            let erp = Subscription { tenant: tenant.id.clone(), ..fixtures::subscription() };
            let created = self.store.create_subscription(&erp, 1, &fixtures::audit()).await;
            let event = EventId::new(FIXTURE_TIME, [n; 10]);
            let delivery = Delivery {
                id: DeliveryId::new(FIXTURE_TIME, [n; 10]),
                subscription: erp.key(),
                event,
                shard: self.shard(id),
                due: WRONG_TIME,
                ..fixtures::delivery()
            };
            let new = NewEvent {
                event: Arc::new(Event { tenant: tenant.id, id: event, ..fixtures::event() }),
                idempotency: None,
                config_version: created.unwrap(),
                deliveries: vec![delivery],
            };
            let committed = self.store.publish(&[new], FIXTURE_TIME).await.unwrap();
            assert!(committed[0].is_committed());
            let key = OrderedKey { subscription: erp.key(), key: "a".to_owned() };
            let hold = KeyHold { key, event, held: false, blocked_until: WRONG_TIME };
            self.store.hold_key(&hold).await.unwrap();
        }

        /// Until when a tenant's delivery waits, and whether its key is blocked as long as
        /// it was.
        async fn waits(&self, id: &str, n: u8) -> (Timestamp, bool) {
            let tenant = id.parse().unwrap();
            let delivery = DeliveryId::new(FIXTURE_TIME, [n; 10]);
            let found = self.store.get_delivery(&tenant, delivery).await.unwrap().unwrap();
            let nearly = WRONG_TIME - Duration::from_secs(1);
            let blocked = self.store.list_blocked_subscriptions(nearly).await.unwrap();
            (found.due, blocked.iter().any(|key| key.tenant == tenant))
        }

        /// The shards whose notes stay.
        async fn noted(&self) -> Vec<Shard> {
            let ahead = self.store.clocks_ahead(WRONG_TIME - Duration::from_secs(1)).await;
            ahead.unwrap().into_iter().map(|(shard, _)| shard).collect()
        }

        /// One round; how many calls of the store it made.
        async fn recover(&self) -> usize {
            let before = self.memory.calls();
            self.recovery.recover_from_clock_set_back().await.unwrap();
            self.memory.calls() - before
        }

        fn pass(&self, span: Duration) {
            let later = self.clock.now() + span;
            self.clock.0.store(later.as_micros(), Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn what_a_tenant_waits_for_is_moved_once_its_configuration_can_be_read() {
        let stage = Stage::new().await;
        let is_elsewhere = |id: &String| stage.shard(id) != stage.shard("sick");
        let well = (0..100).map(|n| format!("well-{n}")).find(is_elsewhere).unwrap();
        stage.add_tenant("sick", 1).await;
        stage.add_tenant(&well, 2).await;
        let sick = "sick".parse().unwrap();
        stage.memory.spoil_config(&sick);
        stage.recover().await;
        let (due, is_blocked) = stage.waits(&well, 2).await;
        assert!(due < WRONG_TIME && !is_blocked, "{due}");
        assert_eq!(stage.waits("sick", 1).await, (WRONG_TIME, true));
        assert_eq!(stage.noted().await, [stage.shard("sick")]);

        // It is read again from time to time, and not in each sweep.
        assert_eq!(stage.recover().await, 1);
        stage.pass(PASSED_OVER_PAUSE);
        assert!(stage.recover().await > 1);
        assert_eq!(stage.recover().await, 1);
        assert_eq!(stage.noted().await, [stage.shard("sick")]);

        stage.memory.repair_config(&sick);
        stage.pass(PASSED_OVER_PAUSE);
        stage.recover().await;
        let (due, is_blocked) = stage.waits("sick", 1).await;
        assert!(due < WRONG_TIME && !is_blocked, "{due}");
        assert!(stage.noted().await.is_empty());
    }
}
