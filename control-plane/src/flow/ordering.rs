//! Releases the next delivery of each ordering key, and blocks keys in the meantime.
//!
//! Fed with keys of which a delivery may be released, through the ordering queue and by
//! the sweep; feeds the store, then the owner of the shard. Guarantees that a delivery
//! with nothing before it is HELD no longer than one round of sweeps. That a key has
//! only one delivery in flight is the store's guarantee (one-at-a-time-per-key).
//!
//! Keeps the invariant `one-at-a-time-per-key`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use postrider_domain::delivery::{Delivery, DeliveryState, DeliveryTransition, Outcome};
use postrider_domain::ids::{OrderedKey, SubscriptionKey};
use postrider_domain::subscription::{DeliveryOrdering, ExhaustedKeyPolicy, Subscription};
use postrider_domain::time::Timestamp;
use postrider_identity::AuditDraft;
use postrider_store::{FirstFault, KeyEnd, KeyHold, Store, StoreResult};
use tokio::sync::mpsc;

use super::expiry::Expiry;
use super::faults::{BatchBisection, LoopRounds};
use crate::clock::Clock;
use crate::progress::{RoundCounts, WatchedLoops};
use crate::state::cluster::{ClusterState, ShardOwner};
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;
use crate::state::ordering_queue::OrderingQueue;
use crate::state::peers::Peers;
use crate::state::tenants::TenantConfigs;

/// Most keys released in one transaction. Each takes an advisory lock, of which PostgreSQL
/// has some thousands by default.
const MAX_KEYS_PER_RELEASE: usize = 256;
/// Keys with HELD deliveries that one sweep checks, and HELD deliveries of one unordered
/// subscription that it releases. Twenty releases; the next sweep goes on after them.
const MAX_KEYS_PER_SWEEP: u32 = 5_000;

/// Releases the next delivery of each queued key.
pub struct OrderingReleaser {
    keys: mpsc::Receiver<OrderedKey>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    loops: WatchedLoops,
    owners: OwnerHints,
}

impl OrderingReleaser {
    pub fn new(keys: mpsc::Receiver<OrderedKey>, context: &ReplicaContext) -> Self {
        Self {
            keys,
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            loops: context.loops.clone(),
            owners: OwnerHints::new(context),
        }
    }

    /// Releases deliveries until every queue handle is gone.
    pub async fn run(mut self) {
        let mut batch = Vec::with_capacity(MAX_KEYS_PER_RELEASE);
        let mut rounds = LoopRounds::new(self.loops.register_slow_loop("ordering-keys"));
        while self.keys.recv_many(&mut batch, MAX_KEYS_PER_RELEASE).await > 0 {
            rounds.begin();
            let mut counts = RoundCounts::default();
            batch.sort_unstable();
            batch.dedup();
            let mut bisection = BatchBisection::new(std::mem::take(&mut batch));
            while let Some(part) = bisection.next() {
                match self.store.release_next(&part, self.clock.now()).await {
                    Ok(gone) => {
                        counts.add_all("keys_checked", part.len());
                        counts.add_all("keys_released", gone.len());
                        self.owners.hint(gone);
                    }
                    Err(error) => bisection.note_refused(part, error),
                }
            }
            let (_, fault) = bisection.into_untaken();
            rounds.end(counts, fault.as_ref(), self.clock.now(), None);
        }
    }
}

/// Tells the owners of subscriptions that deliveries are due.
#[derive(Clone)]
struct OwnerHints {
    dispatcher: Dispatcher,
    cluster: ClusterState,
    peers: Peers,
}

impl OwnerHints {
    fn new(context: &ReplicaContext) -> Self {
        Self {
            dispatcher: context.dispatcher.clone(),
            cluster: context.cluster.clone(),
            peers: context.peers.clone(),
        }
    }

    fn hint(&self, mut gone: Vec<SubscriptionKey>) {
        gone.sort_unstable();
        gone.dedup();
        for key in gone {
            match self.cluster.owner(&key.tenant) {
                ShardOwner::ThisReplica => {
                    self.dispatcher.update(|scheduler, now| scheduler.note_due(&key, now, now))
                }
                ShardOwner::Peer(address) => self.peers.hint_waiting(&address, key),
                ShardOwner::Unknown => {}
            }
        }
    }
}

/// Blocks ordering keys while an attempt may be in progress. Cheap to clone.
#[derive(Clone)]
pub struct KeyBlocker {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tenants: TenantConfigs,
    silence_timeout: Duration,
}

impl KeyBlocker {
    pub fn new(context: &ReplicaContext) -> Self {
        Self {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            tenants: context.tenants.clone(),
            silence_timeout: context.settings.agents.silence_timeout(),
        }
    }

    /// What a conclusion means for the delivery's ordering key, if it has one.
    pub fn plan_key_end(
        &self,
        delivery: &Delivery,
        outcome: Outcome,
        transition: DeliveryTransition,
        subscription: &Subscription,
    ) -> Option<KeyEnd> {
        let key = delivery.ordered_key()?;
        let event = delivery.event;
        match transition {
            DeliveryTransition::End { state: DeliveryState::Succeeded, .. } => {
                Some(KeyEnd::Delivered { key, event })
            }
            DeliveryTransition::End { .. } | DeliveryTransition::Retry { .. } => {
                let ends = matches!(transition, DeliveryTransition::End { .. });
                let held = ends && subscription.settings.exhausted_key == ExhaustedKeyPolicy::Hold;
                // An agent may still be sending it: the key is blocked until none can.
                let unknown = outcome == Outcome::Unknown;
                let blocked_until = if unknown {
                    self.latest_attempt_end(subscription)
                } else {
                    Timestamp::default()
                };
                let hold = KeyHold { key, event, held, blocked_until };
                (held || unknown).then_some(KeyEnd::Held(hold))
            }
        }
    }

    /// Blocks the key of a delivery that is about to be ended while an attempt may be in
    /// progress, until that attempt must be over.
    pub async fn block_key_while_sending(&self, delivery: &Delivery) -> StoreResult<()> {
        match may_be_sending(delivery) {
            true => self.block_key(delivery).await,
            false => Ok(()),
        }
    }

    /// Blocks a delivery's key until an attempt that may be in progress must be over.
    pub async fn block_key(&self, delivery: &Delivery) -> StoreResult<()> {
        if delivery.ordering_key.is_none() {
            return Ok(());
        }
        let found = self.tenants.find_subscription(&delivery.subscription).await?;
        // HELD deliveries of a deleted subscription end without being sent.
        let Some(subscription) = found else {
            return Ok(());
        };
        self.block_key_of(delivery, &subscription).await
    }

    /// The same for a delivery whose subscription is known.
    pub async fn block_key_of(
        &self,
        delivery: &Delivery,
        subscription: &Subscription,
    ) -> StoreResult<()> {
        let Some(key) = delivery.ordered_key() else {
            return Ok(());
        };
        let blocked_until = self.latest_attempt_end(subscription);
        let hold = KeyHold { key, event: delivery.event, held: false, blocked_until };
        self.store.hold_key(&hold).await
    }

    /// When an attempt that was assigned now must be over: the assignment may reach its
    /// agent until the agent ends a silent stream, and the attempt takes at most
    /// `request_timeout`.
    pub fn latest_attempt_end(&self, subscription: &Subscription) -> Timestamp {
        self.clock.now() + self.silence_timeout + subscription.settings.request_timeout
    }
}

/// Whether an attempt of a delivery may be in progress, by its state.
pub const fn may_be_sending(delivery: &Delivery) -> bool {
    matches!(delivery.state, DeliveryState::Waiting | DeliveryState::InFlight)
}

/// Releases ordering keys on request, and those that the queue missed. Cheap to clone.
#[derive(Clone)]
pub struct OrderingKeys {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tenants: TenantConfigs,
    cluster: ClusterState,
    ordering_queue: OrderingQueue,
    owners: OwnerHints,
    expiry: Expiry,
}

impl OrderingKeys {
    pub fn new(context: &ReplicaContext) -> Self {
        Self {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            tenants: context.tenants.clone(),
            cluster: context.cluster.clone(),
            ordering_queue: context.ordering_queue.clone(),
            owners: OwnerHints::new(context),
            expiry: Expiry::new(context),
        }
    }

    /// Releases a key that an exhausted delivery holds; whether it was held.
    pub async fn release_ordering_key(
        &self,
        key: OrderedKey,
        audit: &AuditDraft,
    ) -> StoreResult<bool> {
        let released = self.store.end_key_hold(&key, audit).await?;
        self.ordering_queue.push(key);
        Ok(released)
    }

    /// Checks the next keys that have HELD deliveries.
    pub async fn sweep_held_keys(&self) -> StoreResult<()> {
        let now = self.clock.now();
        let after = self.ordering_queue.last_swept();
        let found = self.store.list_key_backlogs(after.as_ref(), MAX_KEYS_PER_SWEEP, now).await?;
        let last = found.last().filter(|_| found.len() >= MAX_KEYS_PER_SWEEP as usize);
        self.ordering_queue.note_swept(last.map(|item| item.key.clone()));
        let idle = found.into_iter().filter(|found| !found.under_way).map(|found| found.key);
        let mut keys: BTreeMap<SubscriptionKey, Vec<OrderedKey>> = BTreeMap::new();
        for key in idle {
            keys.entry(key.subscription.clone()).or_default().push(key);
        }
        let mut faults = FirstFault::default();
        for (subscription, keys) in keys {
            faults.keep_readable(self.release_idle_keys(&subscription, keys).await)?;
        }
        faults.into_result()
    }

    /// Releases keys of a subscription that have HELD deliveries and none in progress.
    async fn release_idle_keys(
        &self,
        key: &SubscriptionKey,
        keys: Vec<OrderedKey>,
    ) -> StoreResult<()> {
        let snapshot = self.tenants.snapshot(&key.tenant).await?;
        let found = snapshot.as_ref().and_then(|s| s.subscription(&key.subscription));
        // `end_deliveries_of_deleted` ends those of a deleted subscription.
        let Some((snapshot, subscription)) = snapshot.as_ref().zip(found) else {
            return Ok(());
        };
        if subscription.settings.ordering == DeliveryOrdering::Unordered {
            return self.release_all_held(key).await;
        }
        let mut expired = Ok(());
        if self.cluster.owner(&key.tenant) == ShardOwner::ThisReplica
            && !self.cluster.has_clock_jumped()
        {
            expired = self.expiry.expire_overdue(snapshot, subscription).await.map(drop);
        }
        keys.into_iter().for_each(|key| self.ordering_queue.push(key));
        expired
    }

    /// Releases all keys of a subscription whose settings no longer hold keys.
    pub async fn release_ordering_keys(&self, key: &SubscriptionKey) -> StoreResult<()> {
        self.store.end_key_holds(key).await?;
        self.release_all_unless_ordered(key).await
    }

    async fn release_all_unless_ordered(&self, key: &SubscriptionKey) -> StoreResult<()> {
        match self.tenants.find_subscription(key).await? {
            Some(found) if found.settings.ordering == DeliveryOrdering::Unordered => {
                self.release_all_held(key).await
            }
            // The sweep releases the rest.
            _ => Ok(()),
        }
    }

    /// Releases the HELD deliveries of a subscription that is no longer ordered, up to a
    /// limit; the sweep releases the rest.
    async fn release_all_held(&self, key: &SubscriptionKey) -> StoreResult<()> {
        let gone = self.store.release_all_held(key, self.clock.now(), MAX_KEYS_PER_SWEEP).await?;
        if gone > 0 {
            self.owners.hint(vec![key.clone()]);
        }
        Ok(())
    }
}
