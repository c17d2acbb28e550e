//! Tenants' configurations: the cached versions, and changing them.
//!
//! Fed by the store; feeds matching (`publish`) and the scheduler's lanes. Guarantees
//! (read-your-writes), together with the store: a cached version may be old, but a
//! publish that was matched against an old one is not committed; and
//! (answered-change-in-force): a change is answered once every replica that could
//! dispatch by the old settings has read the new ones. A change of one subscription
//! costs the same however many there are: only what changed since the cached version is
//! read.
//!
//! Keeps the invariants `read-your-writes` and `answered-change-in-force`.

mod snapshot;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use postrider_domain::delivery::{DeliveryState, EndReason};
use postrider_domain::ids::{Shard, SubscriptionId, SubscriptionKey, TenantId};
use postrider_domain::operational_event::{self, DisabledBy};
use postrider_domain::subscription::{Subscription, SubscriptionStatus};
use postrider_domain::tenant::{Tenant, TenantConfig};
use postrider_store::{
    EndWaitingRequest, FirstFault, Store, StoreError, StoreResult, SubscriptionSideEffects,
    WriteError,
};

pub use self::snapshot::{MatchCandidate, TenantSnapshot};
use super::dispatcher::Dispatcher;
use super::lost_races::repeat_lost_races;
use super::outbox::Outbox;
use super::peers::Peers;
use crate::clock::Clock;

/// Most cached tenants; beyond it an arbitrary one is evicted. Tens of megabytes at a few
/// KiB each; an evicted one costs its next publish a read.
const MAX_CACHED_TENANTS: usize = 20_000;
/// Most waiting deliveries that a deletion ends before it answers; the sweep ends the rest.
/// Ten statements: the caller waits for them.
const MAX_ENDED_PER_CALL: u64 = 10_000;
/// Rows stay locked for one short statement.
const MAX_ENDED_PER_STATEMENT: u32 = 1_000;

struct TenantConfigsShared {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    dispatcher: Dispatcher,
    peers: Peers,
    outbox: Outbox,
    shards: u16,
    cached: RwLock<HashMap<TenantId, Arc<TenantSnapshot>>>,
    /// Held while a version is cached and passed to the scheduler, so that versions arrive
    /// in order.
    applying: Mutex<()>,
}

/// A version that was read, and the subscriptions that changed in it; `None`: all may
/// have.
type FreshSnapshot = (Arc<TenantSnapshot>, Option<Vec<SubscriptionId>>);

/// Cheap to clone.
#[derive(Clone)]
pub struct TenantConfigs(Arc<TenantConfigsShared>);

impl TenantConfigs {
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        dispatcher: Dispatcher,
        peers: Peers,
        outbox: Outbox,
        shards: u16,
    ) -> Self {
        let cached = RwLock::new(HashMap::new());
        let applying = Mutex::new(());
        Self(Arc::new(TenantConfigsShared {
            store,
            clock,
            dispatcher,
            peers,
            outbox,
            shards,
            cached,
            applying,
        }))
    }

    pub fn shard(&self, tenant: &TenantId) -> Shard {
        Shard::of(tenant, self.0.shards)
    }

    /// The cached configuration; read first if it is not cached.
    pub async fn snapshot(&self, tenant: &TenantId) -> StoreResult<Option<Arc<TenantSnapshot>>> {
        match self.cached(tenant) {
            Some(snapshot) => Ok(Some(snapshot)),
            None => self.refresh(tenant).await,
        }
    }

    /// A subscription as last read, unless it is deleted.
    pub async fn find_subscription(
        &self,
        key: &SubscriptionKey,
    ) -> StoreResult<Option<Arc<Subscription>>> {
        let snapshot = self.snapshot(&key.tenant).await?;
        Ok(snapshot.and_then(|snapshot| snapshot.subscription(&key.subscription).cloned()))
    }

    fn cached(&self, tenant: &TenantId) -> Option<Arc<TenantSnapshot>> {
        self.0.cached.read().get(tenant).cloned()
    }

    /// Reads what has changed in a tenant's configuration, and updates the scheduler.
    pub async fn refresh(&self, tenant: &TenantId) -> StoreResult<Option<Arc<TenantSnapshot>>> {
        let read = match self.cached(tenant) {
            Some(known) => self.read_changes(tenant, &known).await?,
            None => self.read_all(tenant).await?,
        };
        let _in_order = self.0.applying.lock();
        let Some((fresh, changed)) = read else {
            self.0.cached.write().remove(tenant);
            self.retire_all_but(tenant, None);
            return Ok(None);
        };
        let newest = self.cache_newest(fresh);
        match changed {
            Some(ids) => self.configure_changed_lanes(&newest, &ids),
            None => self.configure_lanes(&newest),
        }
        Ok(Some(newest))
    }

    async fn read_all(&self, tenant: &TenantId) -> StoreResult<Option<FreshSnapshot>> {
        let config = self.0.store.tenant_config(tenant).await?;
        Ok(config.map(|TenantConfig { tenant, subscriptions }| {
            let shard = self.shard(&tenant.id);
            (Arc::new(TenantSnapshot::new(tenant, shard, subscriptions)), None)
        }))
    }

    async fn read_changes(
        &self,
        tenant: &TenantId,
        known: &TenantSnapshot,
    ) -> StoreResult<Option<FreshSnapshot>> {
        let since = known.tenant.config_version;
        let changes = self.0.store.tenant_changes(tenant, since).await?;
        Ok(changes.map(|changes| {
            let changed = changes.changed.iter().map(|changed| changed.id.clone()).collect();
            (Arc::new(known.apply_changes(changes)), Some(changed))
        }))
    }

    /// Caches a snapshot unless a newer one is cached; returns the newer one.
    fn cache_newest(&self, fresh: Arc<TenantSnapshot>) -> Arc<TenantSnapshot> {
        let mut cached = self.0.cached.write();
        let id = &fresh.tenant.id;
        if let Some(held) = cached.get(id)
            && held.tenant.config_version > fresh.tenant.config_version
        {
            return Arc::clone(held);
        }
        if cached.len() >= MAX_CACHED_TENANTS
            && !cached.contains_key(id)
            && let Some(other) = cached.keys().next().cloned()
        {
            cached.remove(&other);
        }
        cached.insert(id.clone(), Arc::clone(&fresh));
        fresh
    }

    /// Passes these subscriptions to the scheduler, as they are in the snapshot.
    fn configure_changed_lanes(&self, snapshot: &TenantSnapshot, ids: &[SubscriptionId]) {
        self.0.dispatcher.update(|scheduler, now| {
            for id in ids {
                match snapshot.subscription(id) {
                    Some(there) => scheduler.configure(Arc::clone(there), snapshot.shard, now),
                    None => scheduler.retire(&SubscriptionKey {
                        tenant: snapshot.tenant.id.clone(),
                        subscription: id.clone(),
                    }),
                }
            }
        });
    }

    fn configure_lanes(&self, snapshot: &TenantSnapshot) {
        self.0.dispatcher.update(|scheduler, now| {
            for subscription in snapshot.subscriptions() {
                scheduler.configure(Arc::clone(subscription), snapshot.shard, now);
            }
        });
        self.retire_all_but(&snapshot.tenant.id, Some(snapshot));
    }

    fn retire_all_but(&self, tenant: &TenantId, current: Option<&TenantSnapshot>) {
        self.0.dispatcher.update(|scheduler, _| {
            for key in scheduler.lanes_of_tenant(tenant) {
                if current.is_none_or(|current| current.subscription(&key.subscription).is_none()) {
                    scheduler.retire(&key);
                }
            }
        });
    }

    /// Passes the cached subscriptions of newly owned shards to the scheduler.
    pub fn configure_shards(&self, shards: &[Shard]) {
        let _in_order = self.0.applying.lock();
        let cached: Vec<Arc<TenantSnapshot>> = {
            let cached = self.0.cached.read();
            cached.values().filter(|s| shards.contains(&s.shard)).cloned().collect()
        };
        for snapshot in cached {
            self.configure_lanes(&snapshot);
        }
    }

    /// Reads again what other replicas changed without this one being told.
    pub async fn refresh_stale(&self) -> StoreResult<()> {
        let known: Vec<(TenantId, i64)> = {
            let cached = self.0.cached.read();
            cached.iter().map(|(id, s)| (id.clone(), s.tenant.config_version)).collect()
        };
        let ids: Vec<TenantId> = known.iter().map(|(id, _)| id.clone()).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let versions = self.0.store.config_versions(&ids).await?;
        let mut faults = FirstFault::default();
        for ((id, known), current) in known.into_iter().zip(versions) {
            if known != current {
                faults.keep(self.refresh(&id).await)?;
            }
        }
        faults.into_result()
    }

    pub async fn create_tenant(&self, tenant: Tenant) -> Result<Tenant, WriteError> {
        self.0.store.create_tenant(&tenant).await?;
        Ok(tenant)
    }

    pub async fn update_tenant(&self, tenant: Tenant, expected: i64) -> Result<Tenant, WriteError> {
        let written = self.0.store.update_tenant(&tenant, expected).await?;
        self.refresh_all_replicas(&written.id, written.config_version).await?;
        Ok(written)
    }

    /// Deletes a tenant with its subscriptions; how many of these there were, and
    /// how many waiting deliveries were cancelled before the answer.
    pub async fn delete_tenant(
        &self,
        id: &TenantId,
        expected: i64,
    ) -> Result<(u64, u64), WriteError> {
        let config = self.0.store.tenant_config(id).await?;
        let now = self.0.clock.now();
        let (version, subscriptions) = self.0.store.delete_tenant(id, expected, now).await?;
        self.refresh_all_replicas(id, version).await?;
        let mut cancelled = 0;
        for subscription in config.map(|c| c.subscriptions).unwrap_or_default() {
            cancelled += self.end_waiting(&subscription.key(), EndReason::TenantDeleted).await?;
        }
        Ok((subscriptions, cancelled))
    }

    /// Creates a subscription of a tenant that has fewer than `max`.
    pub async fn create_subscription(
        &self,
        new: Subscription,
        max: usize,
    ) -> Result<Subscription, WriteError> {
        let version = self.0.store.create_subscription(&new, max).await?;
        self.refresh_all_replicas(&new.tenant, version).await?;
        Ok(new)
    }

    /// Writes a change of a subscription that is still as it was `before`, with the
    /// operational events about it.
    pub async fn update_subscription(
        &self,
        before: &Subscription,
        mut changed: Subscription,
        by: DisabledBy,
    ) -> Result<Subscription, WriteError> {
        changed.revision = before.revision + 1;
        if !changed.settings.requests_like(&before.settings) {
            changed.request_revision = changed.revision;
        }
        let side_effects = self.plan_side_effects(before, &changed, by).await?;
        let store = &self.0.store;
        let version = store.update_subscription(&changed, before.revision, &side_effects).await?;
        self.refresh_all_replicas(&changed.tenant, version).await?;
        if !side_effects.operational_events.is_empty() {
            self.0.outbox.notify();
        }
        Ok(changed)
    }

    async fn plan_side_effects(
        &self,
        before: &Subscription,
        after: &Subscription,
        by: DisabledBy,
    ) -> StoreResult<SubscriptionSideEffects> {
        let mut operational_events = Vec::new();
        let snapshot = self.snapshot(&after.tenant).await?;
        for (event_type, operational_event) in operational_event::of_change(before, after, by) {
            if snapshot.as_ref().is_some_and(|s| s.wants_event(&self.0.outbox, event_type)) {
                operational_events.push(operational_event);
            }
        }
        let enabled = after.status == SubscriptionStatus::Enabled
            && before.status != SubscriptionStatus::Enabled;
        // A new URL is a new endpoint.
        let moved = after.settings.url != before.settings.url;
        Ok(SubscriptionSideEffects {
            operational_events,
            ends_streak: enabled || moved || after.delete_time.is_some(),
        })
    }

    /// Deletes a subscription; how many waiting deliveries were cancelled before
    /// the answer.
    pub async fn delete_subscription(
        &self,
        key: &SubscriptionKey,
        expected: i64,
    ) -> Result<u64, WriteError> {
        let found = self.0.store.get_subscription(key).await?;
        let mut gone = found.filter(|s| s.delete_time.is_none()).ok_or(WriteError::NotFound)?;
        gone.delete_time = Some(self.0.clock.now());
        let side_effects =
            SubscriptionSideEffects { ends_streak: true, ..SubscriptionSideEffects::default() };
        let version = self.0.store.update_subscription(&gone, expected, &side_effects).await?;
        self.refresh_all_replicas(&key.tenant, version).await?;
        Ok(self.end_waiting(key, EndReason::SubscriptionDeleted).await?)
    }

    /// Disables a subscription on the system's own decision.
    pub async fn disable_subscription(
        &self,
        key: &SubscriptionKey,
        reason: &str,
    ) -> Result<(), WriteError> {
        let is_lost_race = |error: &WriteError| matches!(error, WriteError::RevisionMismatch);
        repeat_lost_races(is_lost_race, || self.try_disable(key, reason)).await
    }

    async fn try_disable(&self, key: &SubscriptionKey, reason: &str) -> Result<(), WriteError> {
        let found = self.0.store.get_subscription(key).await?;
        let Some(before) = found.filter(|s| s.delete_time.is_none()) else {
            return Ok(());
        };
        if before.status == SubscriptionStatus::Disabled {
            return Ok(());
        }
        let mut disabled = before.clone();
        disabled.set_status(SubscriptionStatus::Disabled, reason, self.0.clock.now());
        self.update_subscription(&before, disabled, DisabledBy::System).await?;
        tracing::warn!(subscription = %key, reason, "a subscription was disabled");
        Ok(())
    }

    /// Ends the waiting deliveries of a deleted subscription, up to a limit.
    pub async fn end_waiting(&self, key: &SubscriptionKey, reason: EndReason) -> StoreResult<u64> {
        let request = EndWaitingRequest {
            subscription: key.clone(),
            shard: self.shard(&key.tenant),
            deadline_before: None,
            state: DeliveryState::Cancelled,
            reason,
            hold_keys: false,
            endpoint_for_events: None,
        };
        let mut ended = 0;
        while ended < MAX_ENDED_PER_CALL {
            let now = self.0.clock.now();
            let some = self.0.store.end_waiting(&request, now, MAX_ENDED_PER_STATEMENT).await?;
            ended += some;
            if some < u64::from(MAX_ENDED_PER_STATEMENT) {
                break;
            }
        }
        Ok(ended)
    }

    /// Has every replica read a version that was just written.
    async fn refresh_all_replicas(
        &self,
        tenant: &TenantId,
        version: i64,
    ) -> Result<(), StoreError> {
        let (here, ()) =
            tokio::join!(self.refresh(tenant), self.0.peers.refresh_tenant(tenant, version));
        here.map(|_| ())
    }
}
