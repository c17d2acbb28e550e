//! Clocks that outlive a process: holds that receivers asked for, and how far ahead
//! written rows may be.
//!
//! A replica's clock may be behind the clock that wrote its rows, if clocks were set
//! back and it has restarted. Without this, waiting deliveries would be due that much
//! later.
//!
//! Keeps the invariant `no-time-before-its-id`.

use std::time::Duration;

use async_trait::async_trait;
use postrider_domain::ids::{Shard, SubscriptionKey};
use postrider_domain::time::{HoldClock, Timestamp};

use crate::error::StoreResult;

/// Stores them.
#[async_trait]
pub trait ClockStore {
    /// Stores a subscription's hold clock, unless a later version of it is stored.
    async fn put_hold_clock(&self, key: &SubscriptionKey, clock: &HoldClock) -> StoreResult<()>;

    /// The hold clocks whose latest hold ends after `until`, in any order.
    async fn hold_clocks(&self, until: Timestamp)
    -> StoreResult<Vec<(SubscriptionKey, HoldClock)>>;

    /// Notes that rows of any shard may have been written by a clock that showed `now`.
    /// Renewing a lease notes it for the owner's own shards.
    async fn note_clock(&self, now: Timestamp) -> StoreResult<()>;

    /// The shards that may have rows written by a clock ahead of `now`, and how far
    /// ahead it was.
    async fn clocks_ahead(&self, now: Timestamp) -> StoreResult<Vec<(Shard, Timestamp)>>;

    /// What these clocks made due was rescheduled to `now`. Later notes stay.
    async fn forget_clocks(&self, shards: &[(Shard, Timestamp)], now: Timestamp)
    -> StoreResult<()>;

    /// Makes WAITING deliveries of a subscription that are not due by `now` due no later
    /// than `request` allows. Returns how many, at most `limit`.
    async fn reschedule_waiting(
        &self,
        request: &RescheduleRequest,
        now: Timestamp,
        limit: u32,
    ) -> StoreResult<u64>;

    /// The subscriptions with an ordering key that is blocked beyond `until`.
    async fn list_blocked_subscriptions(
        &self,
        until: Timestamp,
    ) -> StoreResult<Vec<SubscriptionKey>>;

    /// Shortens the blocks of a subscription's ordering keys to `until`.
    async fn shorten_key_blocks(&self, key: &SubscriptionKey, until: Timestamp) -> StoreResult<()>;
}

/// Which deliveries of a subscription are due later than they can be.
#[derive(Clone, Debug)]
pub struct RescheduleRequest {
    pub subscription: SubscriptionKey,
    pub shard: Shard,
    /// When the attempts before were over, at the latest: delays count from then.
    pub since: Timestamp,
    /// The longest delay after each number of counted failures; the last one also
    /// applies to more failures. Never empty.
    pub longest: Vec<Duration>,
}
