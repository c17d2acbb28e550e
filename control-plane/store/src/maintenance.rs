//! Keeping the store fit: partitions, retention, readiness (rule 10).

use std::time::Duration;

use async_trait::async_trait;
use postrider_domain::time::Timestamp;

use crate::error::StoreResult;

/// Makes room ahead and removes what is past retention.
#[async_trait]
pub trait MaintenanceStore {
    /// Makes partitions ahead of `now` and removes what is older than retention,
    /// after copying events that unfinished deliveries still need. Safe to run on
    /// several replicas at once.
    async fn maintain(&self, now: Timestamp, settings: Maintenance) -> StoreResult<()>;

    /// Whether the store can take what is published now and tomorrow; the error
    /// says what is missing.
    async fn ready(&self, now: Timestamp) -> StoreResult<()>;

    /// Closes connections and files.
    async fn close(&self);
}

/// How much to keep.
#[derive(Clone, Copy, Debug)]
pub struct Maintenance {
    /// Events, ended deliveries, attempts and statistics older than this go.
    pub retention: Duration,
    /// Partitions are made this many days ahead.
    pub days_ahead: u32,
}
