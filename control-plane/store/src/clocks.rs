//! Clocks that outlive a process: holds that receivers asked for, and how far ahead of
//! the present what is written may be.
//!
//! A replica's clock may be behind the one by which rows were written: somebody has set
//! the clocks back, and it has started since. What waits would then be due as much later.

use std::time::Duration;

use async_trait::async_trait;
use postrider_domain::ids::{Shard, SubscriptionKey};
use postrider_domain::time::{HoldClock, Timestamp};

use crate::error::StoreResult;

/// Keeps them.
#[async_trait]
pub trait ClockStore {
    /// Stores a subscription's hold clock, unless a later version of it is stored.
    async fn put_hold_clock(&self, key: &SubscriptionKey, clock: &HoldClock) -> StoreResult<()>;

    /// The hold clocks whose latest hold ends after `until`, in any order.
    async fn hold_clocks(&self, until: Timestamp)
    -> StoreResult<Vec<(SubscriptionKey, HoldClock)>>;

    /// Notes that rows of any shard may have been written by a clock that said `now`.
    /// What an owner writes in its own shards is noted by its leases.
    async fn note_clock(&self, now: Timestamp) -> StoreResult<()>;

    /// The shards of which rows may have been written by a clock that was past `now`, and
    /// what the furthest one said.
    async fn clocks_ahead(&self, now: Timestamp) -> StoreResult<Vec<(Shard, Timestamp)>>;

    /// What was due in these shards by the clocks noted was brought back to `now`. What
    /// was noted since stays noted.
    async fn forget_clocks(&self, shards: &[(Shard, Timestamp)], now: Timestamp)
    -> StoreResult<()>;

    /// WAITING deliveries of a subscription that are due later than they can be, counted
    /// from `now`, become due then; returns how many, at most `limit`.
    async fn bring_back(&self, request: &BringBack, now: Timestamp, limit: u32)
    -> StoreResult<u64>;

    /// The subscriptions of which an ordering key is quiet beyond `until`.
    async fn quiet_subscriptions(&self, until: Timestamp) -> StoreResult<Vec<SubscriptionKey>>;

    /// No ordering key of a subscription is quiet beyond `until` from now on.
    async fn shorten_quiet(&self, key: &SubscriptionKey, until: Timestamp) -> StoreResult<()>;
}

/// What of a subscription cannot be due as late as it is.
#[derive(Clone, Debug)]
pub struct BringBack {
    pub subscription: SubscriptionKey,
    pub shard: Shard,
    /// The longest delay after each number of counted failures; the last one also after
    /// more. Never empty.
    pub longest: Vec<Duration>,
}
