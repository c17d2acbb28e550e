//! Ordering keys.
//!
//! Deliveries of an ordering subscription are inserted HELD. The one with a key's
//! lowest number is released once nothing of the key is WAITING or IN_FLIGHT. The rows
//! alone say which one is next, so any replica may release it, at any time and as often
//! as it likes (one-at-a-time-per-key).

use async_trait::async_trait;
use postrider_domain::ids::{EventId, OrderedKey, SubscriptionKey};
use postrider_domain::time::Timestamp;
use postrider_identity::AuditDraft;

use crate::error::StoreResult;

/// Releases deliveries of ordering keys, and holds them back.
#[async_trait]
pub trait OrderingStore {
    /// Makes the next delivery of each key WAITING, due at `now`, if nothing of the key
    /// is WAITING or IN_FLIGHT and the key is not held. Returns the subscriptions of
    /// the released deliveries. However many callers do this at once, a key has one
    /// delivery under way.
    ///
    /// Of a held key, deliveries of the event that holds it may go, so that it can be
    /// tried again.
    async fn release_next(
        &self,
        keys: &[OrderedKey],
        now: Timestamp,
    ) -> StoreResult<Vec<SubscriptionKey>>;

    /// Holds a key, blocks it, or both. An earlier hold stays, and so does a longer
    /// block.
    async fn hold_key(&self, hold: &KeyHold) -> StoreResult<()>;

    /// Ends a key's hold but not its block. Returns whether there was a hold.
    async fn end_key_hold(&self, key: &OrderedKey, audit: &AuditDraft) -> StoreResult<bool>;

    /// Ends the holds of all keys of a subscription.
    async fn end_key_holds(&self, subscription: &SubscriptionKey) -> StoreResult<()>;

    /// Keys with HELD deliveries, after `after` in their order, at most `limit`. Blocks
    /// that ended before `now` are deleted on the way.
    async fn list_key_backlogs(
        &self,
        after: Option<&OrderedKey>,
        limit: u32,
        now: Timestamp,
    ) -> StoreResult<Vec<KeyBacklog>>;

    /// Makes HELD deliveries of a subscription that no longer orders them WAITING, due
    /// at `now`. Returns how many, at most `limit`.
    async fn release_all_held(
        &self,
        subscription: &SubscriptionKey,
        now: Timestamp,
        limit: u32,
    ) -> StoreResult<u64>;
}

/// A key of which nothing is sent for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyHold {
    pub key: OrderedKey,
    /// The event whose delivery is the reason.
    pub event: EventId,
    /// Held until the hold is ended or the event is delivered.
    pub held: bool,
    /// Nothing of the key is sent before this, because an attempt with an unknown
    /// outcome may be under way.
    pub blocked_until: Timestamp,
}

/// A key with HELD deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyBacklog {
    pub key: OrderedKey,
    /// Whether something of it is WAITING or IN_FLIGHT.
    pub under_way: bool,
}

/// How the end of an ordered delivery affects its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyEnd {
    /// It succeeded: a hold for its event ends.
    Delivered { key: OrderedKey, event: EventId },
    /// The key is held, blocked, or both.
    Held(KeyHold),
}
