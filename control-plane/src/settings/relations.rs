//! How numbers of the settings must stand to each other.
//!
//! Fed by the settings as they were read, each number in its range; feeds their check.

use std::time::Duration;

use postrider_settings::{SettingsError, require_at_most};

use super::{OwnershipSettings, Settings};

impl Settings {
    /// Refuses numbers that cannot work together.
    pub(super) fn check_relations(&self) -> Result<(), SettingsError> {
        let Self { server, database, publish, dispatch, ownership, agents, api, .. } = self;
        ownership.check_relations()?;
        let beat =
            ("agents.heartbeat_interval_milliseconds", agents.heartbeat_interval_milliseconds);
        let silence = ("agents.silence_timeout_milliseconds", agents.silence_timeout_milliseconds);
        if beat.1 >= silence.1 {
            let problem =
                format!("{} ({}) must be below {} ({})", beat.0, beat.1, silence.0, silence.1);
            return Err(SettingsError::relation(&[beat.0, silence.0], problem));
        }
        require_at_most(
            ("publish.max_payload_bytes", publish.max_payload_bytes as u64),
            ("server.max_request_bytes", server.max_request_bytes as u64),
        )?;
        require_at_most(
            ("database.min_history_retention_days", database.min_history_retention_days.into()),
            ("database.retention_days", database.retention_days.into()),
        )?;
        require_at_most(
            (
                "dispatch.max_deliveries_in_memory_per_subscription",
                dispatch.max_deliveries_in_memory_per_subscription as u64,
            ),
            ("dispatch.max_deliveries_in_memory", dispatch.max_deliveries_in_memory as u64),
        )?;
        require_at_most(
            (
                "dispatch.breaker_first_probe_pause_seconds",
                dispatch.breaker_first_probe_pause_seconds,
            ),
            ("dispatch.breaker_max_probe_pause_seconds", dispatch.breaker_max_probe_pause_seconds),
        )?;
        require_at_most(
            ("api.default_page_size", api.default_page_size.into()),
            ("api.max_page_size", api.max_page_size.into()),
        )
    }
}

impl OwnershipSettings {
    fn check_relations(&self) -> Result<(), SettingsError> {
        let Self {
            heartbeat_interval_milliseconds: beat,
            lease_duration_seconds: lease,
            renew_interval_seconds: renewal,
            lease_margin_seconds: margin,
            lost_after_seconds: lost_after,
            ..
        } = self;
        if self.heartbeat() >= self.lost_after() {
            return Err(SettingsError::relation(
                &["ownership.heartbeat_interval_milliseconds", "ownership.lost_after_seconds"],
                format!(
                    "ownership.heartbeat_interval_milliseconds ({beat}) must be below \
                     ownership.lost_after_seconds ({lost_after})"
                ),
            ));
        }
        // A lease is renewed with the first heartbeat after the interval.
        let longest = Duration::from_secs(renewal + margin) + self.heartbeat();
        if longest >= Duration::from_secs(*lease) {
            return Err(SettingsError::relation(
                &[
                    "ownership.lease_duration_seconds",
                    "ownership.renew_interval_seconds",
                    "ownership.lease_margin_seconds",
                    "ownership.heartbeat_interval_milliseconds",
                ],
                format!(
                    "ownership.renew_interval_seconds ({renewal}), ownership.lease_margin_seconds \
                     ({margin}) and ownership.heartbeat_interval_milliseconds ({beat}) must \
                     together be below ownership.lease_duration_seconds ({lease})"
                ),
            ));
        }
        Ok(())
    }
}
