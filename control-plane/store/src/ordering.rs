//! Ordering keys: whose turn it is.
//!
//! A subscription that orders its deliveries has them inserted HELD. Of each key
//! the one with the lowest number is let go once nothing else of the key is
//! WAITING or IN_FLIGHT. Whose turn it is follows from the rows alone, so that
//! any replica may let go, at any time, as often as it likes.

use async_trait::async_trait;
use postrider_domain::ids::{EventId, OrderedKey, SubscriptionKey};
use postrider_domain::time::Timestamp;

use crate::error::StoreResult;

/// Lets deliveries of ordering keys go, and holds them back.
#[async_trait]
pub trait OrderingStore {
    /// Makes the next delivery of each key WAITING, due at `now`, where nothing of
    /// the key is WAITING or IN_FLIGHT already and the key is not held; returns
    /// the subscriptions of those that go. However many call this at once, one
    /// key has one delivery under way.
    ///
    /// Of a key that is held, deliveries of the event that it is held for may go: so
    /// that it can be tried again.
    async fn let_go(
        &self,
        keys: &[OrderedKey],
        now: Timestamp,
    ) -> StoreResult<Vec<SubscriptionKey>>;

    /// Holds a key, keeps it quiet, or both. What it is held for already stays, as
    /// does the longer quiet.
    async fn hold_key(&self, hold: &KeyHold) -> StoreResult<()>;

    /// Ends a key's hold, not its quiet; whether there was one.
    async fn release_key(&self, key: &OrderedKey) -> StoreResult<bool>;

    /// Ends the holds of all keys of a subscription.
    async fn release_keys(&self, subscription: &SubscriptionKey) -> StoreResult<()>;

    /// Keys that have HELD deliveries, after `after` in their order, at most
    /// `limit`; quiet that was over at `now` is forgotten on the way.
    async fn waiting_keys(
        &self,
        after: Option<&OrderedKey>,
        limit: u32,
        now: Timestamp,
    ) -> StoreResult<Vec<WaitingKey>>;

    /// Makes HELD deliveries of a subscription that no longer orders them WAITING,
    /// due at `now`; returns how many, at most `limit`.
    async fn let_all_go(
        &self,
        subscription: &SubscriptionKey,
        now: Timestamp,
        limit: u32,
    ) -> StoreResult<u64>;
}

/// A key of which nothing is to be sent for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyHold {
    pub key: OrderedKey,
    /// Whose delivery is the reason.
    pub event: EventId,
    /// Until it is released, or the event is delivered.
    pub held: bool,
    /// Nothing of the key goes before this, since an attempt may be under way of
    /// which nobody knows.
    pub quiet_until: Timestamp,
}

/// A key with HELD deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingKey {
    pub key: OrderedKey,
    /// Whether something of it is WAITING or IN_FLIGHT.
    pub under_way: bool,
}

/// What the end of an ordered delivery means for its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyEnd {
    /// It succeeded: a hold on its event's account is over.
    Delivered { key: OrderedKey, event: EventId },
    /// The key is held, or quiet, from now on.
    Held(KeyHold),
}
