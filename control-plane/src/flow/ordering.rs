//! Releases the next delivery of each ordering key.
//!
//! Fed with keys of which a delivery may be released: by `publish` (a new delivery,
//! HELD), `conclude` (one ended), `on_demand` (one was sent again or cancelled), and by
//! the sweep with what these missed; feeds the store, then the owner of the shard.
//! Guarantees that a delivery with nothing before it is HELD no longer than one round
//! of sweeps. That a key has only one delivery in flight is the store's guarantee
//! (one-at-a-time-per-key).
//!
//! Keeps the invariant `one-at-a-time-per-key`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use postrider_domain::delivery::{Delivery, DeliveryState, DeliveryTransition, Outcome};
use postrider_domain::ids::{OrderedKey, SubscriptionKey};
use postrider_domain::subscription::{DeliveryOrdering, ExhaustedKeyPolicy, Subscription};
use postrider_domain::time::Timestamp;
use postrider_store::{FirstFault, KeyEnd, KeyHold, StoreResult};
use tokio::sync::mpsc;

use super::cluster::ClusterState;
use super::faults::{BatchBisection, FaultLog};
use super::{Dispatcher, Flow, ReplicaContext, ShardOwner};
use crate::replicas::Peers;

/// Most queued keys; the sweep finds what did not fit.
const MAX_QUEUED_KEYS: usize = 65_536;
/// Most keys released in one transaction.
const MAX_KEYS_PER_RELEASE: usize = 256;
/// Keys with HELD deliveries that one sweep checks, and HELD deliveries of one unordered
/// subscription that it releases.
const MAX_KEYS_PER_SWEEP: u32 = 5_000;

/// Ordering keys of which a delivery may be released. Cheap to clone.
#[derive(Clone)]
pub struct OrderingQueue {
    keys: mpsc::Sender<OrderedKey>,
    /// The last key that a sweep looked at.
    swept: Arc<Mutex<Option<OrderedKey>>>,
}

/// Releases the next delivery of each queued key.
pub struct OrderingReleaser {
    keys: mpsc::Receiver<OrderedKey>,
    parts: ReplicaContext,
}

/// A queue of ordering keys and its receiving end.
pub fn ordering_queue() -> (OrderingQueue, mpsc::Receiver<OrderedKey>) {
    let (sender, keys) = mpsc::channel(MAX_QUEUED_KEYS);
    (OrderingQueue { keys: sender, swept: Arc::default() }, keys)
}

impl OrderingQueue {
    /// Queues a key whose next delivery may be released.
    pub fn push(&self, key: OrderedKey) {
        let _ = self.keys.try_send(key);
    }

    /// Queues a delivery's key, if it has one.
    pub fn push_key_of(&self, delivery: &Delivery) {
        if let Some(key) = delivery.ordered_key() {
            self.push(key);
        }
    }
}

impl OrderingReleaser {
    pub const fn new(keys: mpsc::Receiver<OrderedKey>, parts: ReplicaContext) -> Self {
        Self { keys, parts }
    }

    /// Releases deliveries until every queue handle is gone.
    pub async fn run(mut self) {
        let mut batch = Vec::with_capacity(MAX_KEYS_PER_RELEASE);
        let mut log = FaultLog::new("ordering keys");
        while self.keys.recv_many(&mut batch, MAX_KEYS_PER_RELEASE).await > 0 {
            batch.sort_unstable();
            batch.dedup();
            let parts = &self.parts;
            let mut bisection = BatchBisection::new(std::mem::take(&mut batch));
            while let Some(part) = bisection.next() {
                match parts.store.release_next(&part, parts.clock.now()).await {
                    Ok(gone) => hint_owners(&parts.dispatcher, &parts.cluster, &parts.peers, gone),
                    Err(error) => bisection.note_refused(part, error),
                }
            }
            let (_, fault) = bisection.into_untaken();
            log.note(fault.as_ref(), parts.clock.now());
        }
    }
}

/// Tells the owners of these subscriptions that deliveries are due.
fn hint_owners(
    dispatcher: &Dispatcher,
    cluster: &ClusterState,
    peers: &Peers,
    mut gone: Vec<SubscriptionKey>,
) {
    gone.sort_unstable();
    gone.dedup();
    for key in gone {
        match cluster.owner(&key.tenant) {
            ShardOwner::ThisReplica => {
                dispatcher.update(|scheduler, now| scheduler.note_due(&key, now, now))
            }
            ShardOwner::Peer(address) => peers.hint_waiting(&address, key),
            ShardOwner::Unknown => {}
        }
    }
}

/// The key by which a subscription orders a delivery of an event with this key.
pub fn ordering_key_for(subscription: &Subscription, key: Option<&String>) -> Option<String> {
    match subscription.settings.ordering {
        DeliveryOrdering::PerKey => key.cloned(),
        DeliveryOrdering::Unordered => None,
    }
}

/// The state of a new delivery that is due at once.
pub fn initial_state(ordering_key: Option<&String>) -> DeliveryState {
    match ordering_key {
        Some(_) => DeliveryState::Held,
        None => DeliveryState::Waiting,
    }
}

/// What a conclusion means for the delivery's ordering key, if it has one.
pub(super) fn plan_key_end(
    parts: &ReplicaContext,
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
        _ => {
            let ends = matches!(transition, DeliveryTransition::End { .. });
            let held = ends && subscription.settings.exhausted_key == ExhaustedKeyPolicy::Hold;
            // An agent may still be sending it: the key is blocked until none can.
            let unknown = outcome == Outcome::Unknown;
            let blocked_until = if unknown {
                latest_attempt_end(parts, subscription)
            } else {
                Timestamp::default()
            };
            let hold = KeyHold { key, event, held, blocked_until };
            (held || unknown).then_some(KeyEnd::Held(hold))
        }
    }
}

impl Flow {
    /// Releases a key that an exhausted delivery holds; whether it was held.
    pub async fn release_ordering_key(&self, key: OrderedKey) -> StoreResult<bool> {
        let released = self.store.end_key_hold(&key).await?;
        self.ordering_queue.push(key);
        Ok(released)
    }

    /// Checks the next keys that have HELD deliveries.
    pub(super) async fn sweep_held_keys(&self) -> StoreResult<()> {
        let now = self.clock.now();
        let after =
            self.ordering_queue.swept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let found = self.store.list_key_backlogs(after.as_ref(), MAX_KEYS_PER_SWEEP, now).await?;
        let last = found.last().filter(|_| found.len() >= MAX_KEYS_PER_SWEEP as usize);
        *self.ordering_queue.swept.lock().unwrap_or_else(PoisonError::into_inner) =
            last.map(|item| item.key.clone());
        let idle = found.into_iter().filter(|found| !found.under_way).map(|found| found.key);
        let mut keys: BTreeMap<SubscriptionKey, Vec<OrderedKey>> = BTreeMap::new();
        for key in idle {
            keys.entry(key.subscription.clone()).or_default().push(key);
        }
        let mut faults = FirstFault::default();
        for (subscription, keys) in keys {
            faults.keep(self.release_idle_keys(&subscription, keys).await)?;
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
            expired = self.expire_overdue(snapshot, subscription).await;
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
        let snapshot = self.tenants.snapshot(&key.tenant).await?;
        let found = snapshot.as_ref().and_then(|s| s.subscription(&key.subscription));
        match found {
            Some(one) if one.settings.ordering == DeliveryOrdering::Unordered => {
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
            hint_owners(&self.dispatcher, &self.cluster, &self.peers, vec![key.clone()]);
        }
        Ok(())
    }
}

/// Blocks the key of a delivery that is about to be ended while an attempt may be in
/// progress, until that attempt must be over.
pub(super) async fn block_key_while_sending(
    parts: &ReplicaContext,
    delivery: &Delivery,
) -> StoreResult<()> {
    match delivery.state {
        DeliveryState::Waiting | DeliveryState::InFlight => block_key(parts, delivery).await,
        _ => Ok(()),
    }
}

/// Blocks a delivery's key until an attempt that may be in progress must be over.
pub(super) async fn block_key(parts: &ReplicaContext, delivery: &Delivery) -> StoreResult<()> {
    let Some(key) = delivery.ordered_key() else {
        return Ok(());
    };
    let snapshot = parts.tenants.snapshot(&key.subscription.tenant).await?;
    let found = snapshot.as_ref().and_then(|s| s.subscription(&key.subscription.subscription));
    // HELD deliveries of a deleted subscription end without being sent.
    let Some(subscription) = found else {
        return Ok(());
    };
    let blocked_until = latest_attempt_end(parts, subscription);
    let hold = KeyHold { key, event: delivery.event, held: false, blocked_until };
    parts.store.hold_key(&hold).await
}

/// When an attempt that was assigned now must be over: the assignment may reach its
/// agent until the agent ends a silent stream, and the attempt takes at most
/// `request_timeout`.
pub(super) fn latest_attempt_end(parts: &ReplicaContext, subscription: &Subscription) -> Timestamp {
    let begins = parts.settings.agents.silence_timeout();
    parts.clock.now() + begins + subscription.settings.request_timeout
}

/// Whether a subscription's expired deliveries hold their ordering keys.
pub(super) fn holds_key_on_expiry(subscription: &Subscription) -> bool {
    subscription.settings.ordering == DeliveryOrdering::PerKey
        && subscription.settings.exhausted_key == ExhaustedKeyPolicy::Hold
}
