//! The configuration as last read, and changing it.
//!
//! Fed by the store; feeds matching (publish) and the scheduler's lanes.
//! Guarantees rule 1 together with the store: what is cached may be old, but a
//! publish made from an old version is not committed; and rule 12: a change is
//! answered once every replica that could dispatch by the old one has read the
//! new one. A change of one subscription costs the same however many there are: what
//! changed since the version at hand is read, and no more.

mod snapshot;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use postrider_domain::delivery::{DeliveryState, EndReason};
use postrider_domain::ids::{Shard, SubscriptionId, SubscriptionKey, TenantId};
use postrider_domain::notice::{self, By};
use postrider_domain::subscription::{Status, Subscription};
use postrider_domain::tenant::{Tenant, TenantConfig};
use postrider_store::{EndWaiting, FirstFault, News, Store, StoreError, StoreResult, WriteError};

pub use self::snapshot::{Candidate, Snapshot};
use super::{Dispatcher, Notices};
use crate::clock::Clock;
use crate::replicas::Peers;

/// Tenants whose configuration is cached; beyond it, any one makes room.
const MAX_CACHED: usize = 20_000;
/// Waiting deliveries that a deletion ends before it answers; the rest follow.
const END_AT_ONCE: u64 = 10_000;
const END_BATCH: u32 = 1_000;
/// How often a change made by the system itself is tried against others' changes.
const WRITE_TRIES: usize = 5;

struct Inner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    dispatcher: Dispatcher,
    peers: Peers,
    notices: Notices,
    shards: u16,
    cached: RwLock<HashMap<TenantId, Arc<Snapshot>>>,
    /// Held while a version is cached and given to the scheduler, so that it gets
    /// them in their order.
    applying: Mutex<()>,
}

/// What was read of a tenant, and which subscriptions are otherwise than before;
/// `None`: all may be.
type Read = (Arc<Snapshot>, Option<Vec<SubscriptionId>>);

/// Cheap to clone.
#[derive(Clone)]
pub struct Tenants(Arc<Inner>);

impl Tenants {
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        dispatcher: Dispatcher,
        peers: Peers,
        notices: Notices,
        shards: u16,
    ) -> Self {
        let cached = RwLock::new(HashMap::new());
        let applying = Mutex::new(());
        Self(Arc::new(Inner { store, clock, dispatcher, peers, notices, shards, cached, applying }))
    }

    pub fn shard(&self, tenant: &TenantId) -> Shard {
        Shard::of(tenant, self.0.shards)
    }

    /// The configuration as last read; read now if it never was.
    pub async fn snapshot(&self, tenant: &TenantId) -> StoreResult<Option<Arc<Snapshot>>> {
        match self.cached(tenant) {
            Some(snapshot) => Ok(Some(snapshot)),
            None => self.refresh(tenant).await,
        }
    }

    fn cached(&self, tenant: &TenantId) -> Option<Arc<Snapshot>> {
        self.0.cached.read().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned()
    }

    /// Reads what is new in a tenant's configuration and brings the scheduler up to
    /// it.
    pub async fn refresh(&self, tenant: &TenantId) -> StoreResult<Option<Arc<Snapshot>>> {
        let read = match self.cached(tenant) {
            Some(known) => self.read_changes(tenant, &known).await?,
            None => self.read_all(tenant).await?,
        };
        let _in_order = self.0.applying.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((fresh, changed)) = read else {
            self.0.cached.write().unwrap_or_else(PoisonError::into_inner).remove(tenant);
            self.retire_all_but(tenant, None);
            return Ok(None);
        };
        let kept = self.keep(fresh);
        match changed {
            Some(ids) => self.configure_some(&kept, &ids),
            None => self.configure(&kept),
        }
        Ok(Some(kept))
    }

    async fn read_all(&self, tenant: &TenantId) -> StoreResult<Option<Read>> {
        let config = self.0.store.tenant_config(tenant).await?;
        Ok(config.map(|TenantConfig { tenant, subscriptions }| {
            let shard = self.shard(&tenant.id);
            (Arc::new(Snapshot::new(tenant, shard, subscriptions)), None)
        }))
    }

    async fn read_changes(&self, tenant: &TenantId, known: &Snapshot) -> StoreResult<Option<Read>> {
        let since = known.tenant.config_version;
        let changes = self.0.store.tenant_changes(tenant, since).await?;
        Ok(changes.map(|changes| {
            let changed = changes.changed.iter().map(|one| one.id.clone()).collect();
            (Arc::new(known.after(changes)), Some(changed))
        }))
    }

    /// Caches a snapshot unless a newer one came first; returns the newer one.
    fn keep(&self, fresh: Arc<Snapshot>) -> Arc<Snapshot> {
        let mut cached = self.0.cached.write().unwrap_or_else(PoisonError::into_inner);
        let id = &fresh.tenant.id;
        if let Some(held) = cached.get(id)
            && held.tenant.config_version > fresh.tenant.config_version
        {
            return Arc::clone(held);
        }
        if cached.len() >= MAX_CACHED
            && !cached.contains_key(id)
            && let Some(other) = cached.keys().next().cloned()
        {
            cached.remove(&other);
        }
        cached.insert(id.clone(), Arc::clone(&fresh));
        fresh
    }

    /// Gives the scheduler these subscriptions as they are in the snapshot.
    fn configure_some(&self, snapshot: &Snapshot, ids: &[SubscriptionId]) {
        self.0.dispatcher.with(|scheduler, now| {
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

    fn configure(&self, snapshot: &Snapshot) {
        self.0.dispatcher.with(|scheduler, now| {
            for subscription in snapshot.subscriptions() {
                scheduler.configure(Arc::clone(subscription), snapshot.shard, now);
            }
        });
        self.retire_all_but(&snapshot.tenant.id, Some(snapshot));
    }

    fn retire_all_but(&self, tenant: &TenantId, kept: Option<&Snapshot>) {
        self.0.dispatcher.with(|scheduler, _| {
            for key in scheduler.lanes_of_tenant(tenant) {
                if kept.is_none_or(|kept| kept.subscription(&key.subscription).is_none()) {
                    scheduler.retire(&key);
                }
            }
        });
    }

    /// Gives the lanes of newly owned shards what is cached of them.
    pub fn configure_shards(&self, shards: &[Shard]) {
        let _in_order = self.0.applying.lock().unwrap_or_else(PoisonError::into_inner);
        let cached: Vec<Arc<Snapshot>> = {
            let cached = self.0.cached.read().unwrap_or_else(PoisonError::into_inner);
            cached.values().filter(|s| shards.contains(&s.shard)).cloned().collect()
        };
        for snapshot in cached {
            self.configure(&snapshot);
        }
    }

    /// Re-reads what other replicas changed without our having heard of it.
    pub async fn refresh_stale(&self) -> StoreResult<()> {
        let known: Vec<(TenantId, i64)> = {
            let cached = self.0.cached.read().unwrap_or_else(PoisonError::into_inner);
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
        self.spread(&written.id, written.config_version).await?;
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
        self.spread(id, version).await?;
        let mut cancelled = 0;
        for subscription in config.map(|c| c.subscriptions).unwrap_or_default() {
            cancelled += self.end_waiting(&subscription.key(), EndReason::TenantDeleted).await?;
        }
        Ok((subscriptions, cancelled))
    }

    pub async fn create_subscription(&self, new: Subscription) -> Result<Subscription, WriteError> {
        let version = self.0.store.create_subscription(&new).await?;
        self.spread(&new.tenant, version).await?;
        Ok(new)
    }

    /// Writes a change of a subscription that still stands as it was `before`, and
    /// what is told of it.
    pub async fn update_subscription(
        &self,
        before: &Subscription,
        mut changed: Subscription,
        by: By,
    ) -> Result<Subscription, WriteError> {
        changed.revision = before.revision + 1;
        if !changed.settings.requests_like(&before.settings) {
            changed.request_revision = changed.revision;
        }
        let news = self.news(before, &changed, by).await?;
        let store = &self.0.store;
        let version = store.update_subscription(&changed, before.revision, &news).await?;
        self.spread(&changed.tenant, version).await?;
        if !news.announcements.is_empty() {
            self.0.notices.wake();
        }
        Ok(changed)
    }

    async fn news(&self, before: &Subscription, after: &Subscription, by: By) -> StoreResult<News> {
        let mut announcements = Vec::new();
        let snapshot = self.snapshot(&after.tenant).await?;
        for (notice, announcement) in notice::of_change(before, after, by) {
            if snapshot.as_ref().is_some_and(|s| self.0.notices.wanted(s, notice)) {
                announcements.push(announcement);
            }
        }
        let enabled = after.status == Status::Enabled && before.status != Status::Enabled;
        // At another address it is another endpoint.
        let moved = after.settings.url != before.settings.url;
        Ok(News { announcements, ends_streak: enabled || moved || after.delete_time.is_some() })
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
        let news = News { ends_streak: true, ..News::default() };
        let version = self.0.store.update_subscription(&gone, expected, &news).await?;
        self.spread(&key.tenant, version).await?;
        Ok(self.end_waiting(key, EndReason::SubscriptionDeleted).await?)
    }

    /// Disables a subscription by the system's own decision.
    pub async fn disable(&self, key: &SubscriptionKey, reason: &str) -> Result<(), WriteError> {
        for _ in 0..WRITE_TRIES {
            let found = self.0.store.get_subscription(key).await?;
            let Some(before) = found.filter(|s| s.delete_time.is_none()) else {
                return Ok(());
            };
            if before.status == Status::Disabled {
                return Ok(());
            }
            let mut disabled = before.clone();
            disabled.set_status(Status::Disabled, reason, self.0.clock.now());
            match self.update_subscription(&before, disabled, By::System).await {
                Err(WriteError::RevisionMismatch) => {}
                Ok(_) => {
                    tracing::warn!(subscription = %key, reason, "a subscription was disabled");
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        Err(WriteError::RevisionMismatch)
    }

    /// Ends what waits of a deleted subscription, up to a bound.
    pub async fn end_waiting(&self, key: &SubscriptionKey, reason: EndReason) -> StoreResult<u64> {
        let request = EndWaiting {
            subscription: key.clone(),
            shard: self.shard(&key.tenant),
            deadline_before: None,
            state: DeliveryState::Cancelled,
            reason,
            hold_keys: false,
            announce: None,
        };
        let mut ended = 0;
        while ended < END_AT_ONCE {
            let now = self.0.clock.now();
            let some = self.0.store.end_waiting(&request, now, END_BATCH).await?;
            ended += some;
            if some < u64::from(END_BATCH) {
                break;
            }
        }
        Ok(ended)
    }

    /// Brings every replica to a version that was just written.
    async fn spread(&self, tenant: &TenantId, version: i64) -> Result<(), StoreError> {
        let (here, ()) =
            tokio::join!(self.refresh(tenant), self.0.peers.refresh_tenant(tenant, version));
        here.map(|_| ())
    }
}
