//! Whose turn it is in each ordering key.
//!
//! Fed with keys of which something may go: by `publish` (new deliveries, HELD),
//! `conclude` (one ended), `manual` (one is sent again, one was cancelled), and by
//! the sweep with what all of them missed; feeds the store, then whoever owns the
//! shard. Guarantees that nothing stays HELD behind nothing for longer than a
//! round of sweeps; that one key has one delivery under way, the store does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use postrider_domain::delivery::{Delivery, DeliveryState, Outcome, Transition};
use postrider_domain::ids::{OrderedKey, SubscriptionKey};
use postrider_domain::subscription::{ExhaustedKeyPolicy, Ordering, Subscription};
use postrider_domain::time::Timestamp;
use postrider_store::{FirstFault, KeyEnd, KeyHold, StoreResult};
use tokio::sync::mpsc;

use super::cluster::Cluster;
use super::faults::{Division, FaultLog};
use super::{Dispatcher, Flow, Owner, Parts};
use crate::replicas::Peers;

/// Keys that may wait to be looked at; what finds no room, the sweep finds.
const QUEUE: usize = 65_536;
/// Most keys looked at in one transaction.
const BATCH: usize = 256;
/// Keys with something HELD that one sweep looks at, and HELD deliveries of one
/// subscription without order that it lets go.
const SWEPT: u32 = 5_000;

/// Where keys are brought. Cheap to clone.
#[derive(Clone)]
pub struct Turns {
    keys: mpsc::Sender<OrderedKey>,
    /// The last key that a sweep looked at.
    swept: Arc<Mutex<Option<OrderedKey>>>,
}

/// Looks at the keys.
pub struct TurnKeeper {
    keys: mpsc::Receiver<OrderedKey>,
    parts: Parts,
}

/// Where keys are brought, and where they are looked at.
pub fn turns() -> (Turns, mpsc::Receiver<OrderedKey>) {
    let (sender, keys) = mpsc::channel(QUEUE);
    (Turns { keys: sender, swept: Arc::default() }, keys)
}

impl Turns {
    /// The next of this key may be able to go.
    pub fn may_go(&self, key: OrderedKey) {
        let _ = self.keys.try_send(key);
    }

    /// The next of a delivery's key may be able to go.
    pub fn may_follow(&self, delivery: &Delivery) {
        if let Some(key) = delivery.ordered_key() {
            self.may_go(key);
        }
    }
}

impl TurnKeeper {
    pub const fn new(keys: mpsc::Receiver<OrderedKey>, parts: Parts) -> Self {
        Self { keys, parts }
    }

    /// Looks at what is brought, until nobody can bring more.
    pub async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut log = FaultLog::new("ordering keys, which the sweep brings again");
        while self.keys.recv_many(&mut batch, BATCH).await > 0 {
            batch.sort_unstable();
            batch.dedup();
            let parts = &self.parts;
            let mut division = Division::of(std::mem::take(&mut batch));
            while let Some(part) = division.next() {
                match parts.store.let_go(&part, parts.clock.now()).await {
                    Ok(gone) => announce(&parts.dispatcher, &parts.cluster, &parts.peers, gone),
                    Err(error) => division.refuse(part, error),
                }
            }
            let (_, fault) = division.left();
            log.note(fault.as_ref(), parts.clock.now());
        }
    }
}

/// Tells the owners of subscriptions that they have something due.
fn announce(
    dispatcher: &Dispatcher,
    cluster: &Cluster,
    peers: &Peers,
    mut gone: Vec<SubscriptionKey>,
) {
    gone.sort_unstable();
    gone.dedup();
    for key in gone {
        match cluster.owner(&key.tenant) {
            Owner::Me => dispatcher.with(|scheduler, now| scheduler.note_due(&key, now, now)),
            Owner::Peer(address) => peers.hint_waiting(&address, key),
            Owner::Nobody => {}
        }
    }
}

/// By what a subscription orders a delivery of an event with this key, if it does.
pub fn key_for(subscription: &Subscription, key: Option<&String>) -> Option<String> {
    match subscription.settings.ordering {
        Ordering::PerKey => key.cloned(),
        Ordering::Unordered => None,
    }
}

/// The state in which a delivery that can go at once is stored.
pub fn first_state(ordering_key: Option<&String>) -> DeliveryState {
    match ordering_key {
        Some(_) => DeliveryState::Held,
        None => DeliveryState::Waiting,
    }
}

/// What a conclusion means for the delivery's ordering key, if it has one.
pub(super) fn key_end(
    parts: &Parts,
    delivery: &Delivery,
    outcome: Outcome,
    transition: Transition,
    subscription: &Subscription,
) -> Option<KeyEnd> {
    let key = delivery.ordered_key()?;
    let event = delivery.event;
    match transition {
        Transition::End { state: DeliveryState::Succeeded, .. } => {
            Some(KeyEnd::Delivered { key, event })
        }
        _ => {
            let ends = matches!(transition, Transition::End { .. });
            let held = ends && subscription.settings.exhausted_key == ExhaustedKeyPolicy::Hold;
            // Somebody may still be sending it: what follows waits until nobody can.
            let unknown = outcome == Outcome::Unknown;
            let quiet_until =
                if unknown { over_by(parts, subscription) } else { Timestamp::default() };
            let hold = KeyHold { key, event, held, quiet_until };
            (held || unknown).then_some(KeyEnd::Held(hold))
        }
    }
}

impl Flow {
    /// Ends a key's hold; whether there was one.
    pub async fn release_ordering_key(&self, key: OrderedKey) -> StoreResult<bool> {
        let released = self.store.release_key(&key).await?;
        self.turns.may_go(key);
        Ok(released)
    }

    /// Looks at the next so many keys that have something HELD.
    pub(super) async fn look_at_held(&self) -> StoreResult<()> {
        let now = self.clock.now();
        let after = self.turns.swept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let found = self.store.waiting_keys(after.as_ref(), SWEPT, now).await?;
        let last = found.last().filter(|_| found.len() >= SWEPT as usize);
        *self.turns.swept.lock().unwrap_or_else(PoisonError::into_inner) =
            last.map(|one| one.key.clone());
        let idle = found.into_iter().filter(|one| !one.under_way).map(|one| one.key);
        let mut keys: BTreeMap<SubscriptionKey, Vec<OrderedKey>> = BTreeMap::new();
        for key in idle {
            keys.entry(key.subscription.clone()).or_default().push(key);
        }
        let mut faults = FirstFault::default();
        for (subscription, keys) in keys {
            faults.keep(self.look_at_idle(&subscription, keys).await)?;
        }
        faults.into_result()
    }

    /// Looks at keys of a subscription of which something is HELD and nothing under
    /// way.
    async fn look_at_idle(&self, key: &SubscriptionKey, keys: Vec<OrderedKey>) -> StoreResult<()> {
        let snapshot = self.tenants.snapshot(&key.tenant).await?;
        let found = snapshot.as_ref().and_then(|s| s.subscription(&key.subscription));
        // What a deleted one left HELD is ended by another sweep.
        let Some((snapshot, subscription)) = snapshot.as_ref().zip(found) else {
            return Ok(());
        };
        if subscription.settings.ordering == Ordering::Unordered {
            return self.let_all_go(key).await;
        }
        let mut expired = Ok(());
        if self.cluster.owner(&key.tenant) == Owner::Me && !self.cluster.clock_is_off() {
            expired = self.expire_what_is_over(snapshot, subscription).await;
        }
        keys.into_iter().for_each(|key| self.turns.may_go(key));
        expired
    }

    /// After an edit by which no key of a subscription is held any longer.
    pub async fn release_ordering_keys(&self, key: &SubscriptionKey) -> StoreResult<()> {
        self.store.release_keys(key).await?;
        self.let_all_go_unless_ordered(key).await
    }

    async fn let_all_go_unless_ordered(&self, key: &SubscriptionKey) -> StoreResult<()> {
        let snapshot = self.tenants.snapshot(&key.tenant).await?;
        let found = snapshot.as_ref().and_then(|s| s.subscription(&key.subscription));
        match found {
            Some(one) if one.settings.ordering == Ordering::Unordered => self.let_all_go(key).await,
            // What is held back no longer, the sweep finds.
            _ => Ok(()),
        }
    }

    /// Lets go what was HELD for a subscription that no longer orders, up to a
    /// bound; the sweep lets go the rest.
    async fn let_all_go(&self, key: &SubscriptionKey) -> StoreResult<()> {
        let gone = self.store.let_all_go(key, self.clock.now(), SWEPT).await?;
        if gone > 0 {
            announce(&self.dispatcher, &self.cluster, &self.peers, vec![key.clone()]);
        }
        Ok(())
    }
}

/// Before a delivery is ended of which an attempt may be under way: nothing of its
/// key goes until that attempt must be over.
pub(super) async fn hold_while_under_way(parts: &Parts, delivery: &Delivery) -> StoreResult<()> {
    match delivery.state {
        DeliveryState::Waiting | DeliveryState::InFlight => quieten(parts, delivery).await,
        _ => Ok(()),
    }
}

/// Lets nothing of a delivery's key go while an attempt of it may be under way.
pub(super) async fn quieten(parts: &Parts, delivery: &Delivery) -> StoreResult<()> {
    let Some(key) = delivery.ordered_key() else {
        return Ok(());
    };
    let snapshot = parts.tenants.snapshot(&key.subscription.tenant).await?;
    let found = snapshot.as_ref().and_then(|s| s.subscription(&key.subscription.subscription));
    // What a deleted one has HELD ends without being sent.
    let Some(subscription) = found else {
        return Ok(());
    };
    let quiet_until = over_by(parts, subscription);
    let hold = KeyHold { key, event: delivery.event, held: false, quiet_until };
    parts.store.hold_key(&hold).await
}

/// When an attempt that was assigned, and of which nothing more is known, must be over:
/// it may come to its agent, and begin, until the agent ends a stream that was silent.
pub(super) fn over_by(parts: &Parts, subscription: &Subscription) -> Timestamp {
    let begins = parts.settings.agents.silence_limit();
    parts.clock.now() + begins + subscription.settings.request_timeout
}

/// Whether what expires of a subscription holds its ordering key.
pub(super) fn expiry_holds(subscription: &Subscription) -> bool {
    subscription.settings.ordering == Ordering::PerKey
        && subscription.settings.exhausted_key == ExhaustedKeyPolicy::Hold
}
