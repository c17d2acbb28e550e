//! Partitions, retention and readiness (partitions-made-ahead).
//!
//! Keeps the invariant `partitions-made-ahead`.

use std::time::Duration;

use async_trait::async_trait;
use postrider_domain::delivery::{
    AttemptRecord, Delivery, DeliveryState, DeliveryTransition, Outcome, Trigger,
};
use postrider_domain::ids::{
    DeliveryId, Epoch, EventId, Shard, SubscriptionId, SubscriptionKey, TenantId,
};
use postrider_domain::time::Timestamp;

use crate::error::StoreResult;
use crate::work::Conclusion;

/// Creates partitions ahead of time and deletes what is past its retention.
#[async_trait]
pub trait MaintenanceStore {
    /// Makes partitions ahead of `now` and removes what is older than retention,
    /// after copying events that unfinished deliveries still need. Safe to run on
    /// several replicas at once. Returns what it did itself.
    async fn maintain(
        &self,
        now: Timestamp,
        settings: MaintenanceOptions,
    ) -> StoreResult<MaintenanceCounts>;

    /// Whether the store can accept what is published today and tomorrow; the error
    /// says what is missing.
    async fn ready(&self, now: Timestamp) -> StoreResult<()>;

    /// Whether any result can be committed: concludes a made-up delivery and rolls it
    /// back. Costs a transaction.
    async fn rehearse_conclusion(&self, now: Timestamp) -> StoreResult<()>;

    /// Closes connections and files.
    async fn close(&self);
}

/// How much to keep.
#[derive(Clone, Copy, Debug)]
pub struct MaintenanceOptions {
    /// Events, ended deliveries, attempts and statistics older than this go.
    pub retention: Duration,
    /// Partitions are made this many days ahead.
    pub days_ahead: u32,
}

/// What a run of the maintenance did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MaintenanceCounts {
    pub partitions_made: u64,
    pub partitions_dropped: u64,
    /// Rows that were removed one by one, of every table, by the installation's retention and
    /// by tenants' own; but not the copies of events that PostgreSQL keeps for a while.
    pub rows_removed: u64,
}

/// What [`MaintenanceStore::rehearse_conclusion`] concludes: an IN_FLIGHT delivery that
/// is never committed, and its success.
pub(crate) fn rehearsal(now: Timestamp) -> (Delivery, Conclusion) {
    let subscription = SubscriptionKey {
        tenant: TenantId::from_stored("rehearsal"),
        subscription: SubscriptionId::from_stored("rehearsal"),
    };
    let delivery = Delivery {
        id: DeliveryId::new(now, [0; 10]),
        subscription,
        event: EventId::new(now, [0; 10]),
        event_type: "rehearsal".to_owned(),
        account: None,
        shard: Shard(0),
        epoch: Epoch::default(),
        state: DeliveryState::InFlight,
        end_reason: None,
        attempts: 1,
        failures: 0,
        trigger: Trigger::Publish,
        due: now,
        deadline: now,
        end_time: None,
        ordering_key: None,
        sequence: None,
        test: false,
        resend_of: None,
        filter_failed: false,
    };
    let unknown = AttemptRecord::unknown(&delivery, "", now);
    let record = AttemptRecord { outcome: Outcome::Succeeded, ..unknown };
    let success = DeliveryTransition::End { state: DeliveryState::Succeeded, reason: None };
    let conclusion = Conclusion::new(&delivery, record, success);
    (delivery, conclusion)
}
