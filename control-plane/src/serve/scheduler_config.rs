//! The scheduler's configuration, from the settings.

use std::time::Duration;

use postrider_domain::endpoint_health::{BreakerConfig, ConcurrencyWindowConfig};
use postrider_domain::scheduler::SchedulerConfig;

use crate::settings::Settings;

/// A breaker's probe without a result after this long counts as lost; longer than any
/// attempt may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(75);

pub fn scheduler_config(settings: &Settings) -> SchedulerConfig {
    let dispatch = &settings.dispatch;
    SchedulerConfig {
        max_deliveries: dispatch.max_deliveries_in_memory,
        max_payload_bytes: dispatch.max_payload_bytes_in_memory,
        max_deliveries_per_subscription: dispatch.max_deliveries_in_memory_per_subscription,
        default_max_in_flight: dispatch.default_max_in_flight,
        shed_after: Duration::from_millis(dispatch.return_after_milliseconds),
        settle_grace: Duration::from_secs(settings.ownership.take_over_grace_seconds),
        window: ConcurrencyWindowConfig {
            initial: dispatch.initial_window_attempts,
            min: 1,
            max: dispatch.default_max_in_flight,
            quick: Duration::from_millis(dispatch.max_quick_response_milliseconds),
        },
        breaker: BreakerConfig {
            min_deliveries: dispatch.breaker_min_deliveries,
            min_span: Duration::from_secs(dispatch.breaker_min_span_seconds),
            first_probe: Duration::from_secs(dispatch.breaker_first_probe_pause_seconds),
            max_probe: Duration::from_secs(dispatch.breaker_max_probe_pause_seconds),
            probe_timeout: PROBE_TIMEOUT,
        },
    }
}
