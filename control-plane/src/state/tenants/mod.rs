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
//! - `snapshot`: one version of one. `changes`: changing them.
//! - `unreadable`: those that cannot be read, by name.
//!
//! Keeps the invariants `read-your-writes` and `answered-change-in-force`.

mod changes;
mod snapshot;
mod unreadable;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use postrider_domain::ids::{Shard, SubscriptionId, SubscriptionKey, TenantId};
use postrider_domain::subscription::Subscription;
use postrider_domain::tenant::TenantConfig;
use postrider_store::{FirstFault, Store, StoreError, StoreResult};

pub use self::snapshot::{MatchCandidate, TenantSnapshot};
use self::unreadable::UnreadableTenants;
use super::dispatcher::Dispatcher;
use super::lost_races::ChangeTurns;
use super::outbox::Outbox;
use super::peers::Peers;
use crate::clock::Clock;

/// Most cached tenants; beyond it an arbitrary one is evicted. Tens of megabytes at a few
/// KiB each; an evicted one costs its next publish a read.
const MAX_CACHED_TENANTS: usize = 20_000;

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
    unreadable: UnreadableTenants,
    turns: ChangeTurns,
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
            unreadable: UnreadableTenants::default(),
            turns: ChangeTurns::default(),
        }))
    }

    /// Of the changes of each tenant, and of each subscription.
    pub fn turns(&self) -> &ChangeTurns {
        &self.0.turns
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
            Some(known) => self.read_changes(tenant, &known).await,
            None => self.read_all(tenant).await,
        };
        self.0.unreadable.note(tenant, &read);
        let read = read?;
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
                faults.keep_readable(self.refresh(&id).await)?;
            }
        }
        faults.into_result()
    }

    /// How many tenants' configurations could not be read when that was last tried.
    pub fn unreadable_count(&self) -> usize {
        self.0.unreadable.count()
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
