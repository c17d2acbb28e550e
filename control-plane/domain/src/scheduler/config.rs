//! The limits of one replica's scheduler.
//!
//! Fed by the settings; feeds the scheduler and its lanes.

use std::time::Duration;

use crate::endpoint_health::{BreakerConfig, ConcurrencyWindowConfig};

/// Limits of one replica's scheduler.
#[derive(Clone, Copy, Debug)]
pub struct SchedulerConfig {
    /// Most deliveries in memory.
    pub max_deliveries: usize,
    /// Most payload bytes in memory.
    pub max_payload_bytes: usize,
    /// Most deliveries in memory of one subscription.
    pub max_deliveries_per_subscription: usize,
    /// Most in flight of a subscription that sets no limit of its own.
    pub default_max_in_flight: u32,
    /// What is queued behind a gate that stays closed for longer goes back to the
    /// table.
    pub shed_after: Duration,
    /// How long a new owner waits for agents' inventories.
    pub settle_grace: Duration,
    pub window: ConcurrencyWindowConfig,
    pub breaker: BreakerConfig,
}
