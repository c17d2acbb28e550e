//! How the settings that bound what others may take must stand to others.
//!
//! Fed by the settings as they were read, each number in its range; feeds their check.
//! Guarantees that no limit makes another one, or what it is for, impossible.

use postrider_settings::{SettingsError, require_at_most};

use super::{ConnectionSettings, RequestSettings, Settings};

/// Bytes of a request besides a payload of the largest size: names, keys and attributes.
const REQUEST_OVERHEAD_BYTES: usize = 64 * 1024;

/// Bytes of an answer besides a payload of the largest size.
const ANSWER_OVERHEAD_BYTES: usize = 128 * 1024;

impl Settings {
    /// Refuses limits that cannot work together.
    pub(super) fn check_limits(&self) -> Result<(), SettingsError> {
        let Self { server, connections, requests, database, publish, .. } = self;
        let Self { agents, replicas, api, .. } = self;
        let (payload, request) = (publish.max_payload_bytes, server.max_request_bytes);
        if payload.saturating_add(REQUEST_OVERHEAD_BYTES) > request {
            let problem = format!(
                "publish.max_payload_bytes ({payload}) must be at least 64 KiB below \
                 server.max_request_bytes ({request})"
            );
            let names = ["publish.max_payload_bytes", "server.max_request_bytes"];
            return Err(SettingsError::relation(&names, problem));
        }
        let batch = ("server.max_batch_request_bytes", server.max_batch_request_bytes as u64);
        require_at_most(("server.max_request_bytes", request as u64), batch)?;
        let per_connection = (
            "requests.max_receiving_bytes_per_connection",
            requests.max_receiving_bytes_per_connection as u64,
        );
        require_at_most(batch, per_connection)?;
        let of_agents = ("agents.max_message_bytes", agents.max_message_bytes as u64);
        require_at_most(of_agents, per_connection)?;
        let of_replicas = ("replicas.max_message_bytes", replicas.max_message_bytes as u64);
        require_at_most(of_replicas, per_connection)?;
        requests.check_shares()?;
        requests.check_largest_answer(payload)?;
        connections.check_places()?;
        // An autoscaler has all its streams, and its other calls, on one connection.
        require_below(
            ("api.max_scaler_streams_per_caller", api.max_scaler_streams_per_caller as u64),
            ("server.max_concurrent_streams", server.max_concurrent_streams.into()),
        )?;
        require_below(
            ("database.max_read_connections", database.max_read_connections.into()),
            ("database.max_connections", database.max_connections.into()),
        )
    }
}

impl RequestSettings {
    /// Those that hold much leave a quarter.
    fn check_shares(&self) -> Result<(), SettingsError> {
        for (name, part, of_all, in_all) in [
            (
                "requests.max_receiving_bytes_per_connection",
                self.max_receiving_bytes_per_connection,
                "requests.max_receiving_bytes",
                self.max_receiving_bytes,
            ),
            (
                "requests.max_unsent_bytes_per_caller",
                self.max_unsent_bytes_per_caller,
                "requests.max_unsent_bytes",
                self.max_unsent_bytes,
            ),
        ] {
            if part > in_all / 4 * 3 {
                let problem = format!(
                    "{name} ({part}) must not exceed three quarters of {of_all} \
                     ({in_all})"
                );
                return Err(SettingsError::relation(&[name, of_all], problem));
            }
        }
        Ok(())
    }

    /// The event that is published can be read.
    fn check_largest_answer(&self, payload: usize) -> Result<(), SettingsError> {
        let most = self.max_unsent_bytes_per_caller;
        if payload.saturating_add(ANSWER_OVERHEAD_BYTES) <= most {
            return Ok(());
        }
        let problem = format!(
            "publish.max_payload_bytes ({payload}) must be at least 128 KiB below \
             requests.max_unsent_bytes_per_caller ({most})"
        );
        let names = ["publish.max_payload_bytes", "requests.max_unsent_bytes_per_caller"];
        Err(SettingsError::relation(&names, problem))
    }
}

impl ConnectionSettings {
    fn check_places(&self) -> Result<(), SettingsError> {
        let Self { max_connections, max_agents_connections, reserved_for_replicas, .. } = self;
        require_at_most(
            ("connections.reserved_for_agents", self.reserved_for_agents as u64),
            ("connections.max_agents_connections", *max_agents_connections as u64),
        )?;
        if max_agents_connections.saturating_add(*reserved_for_replicas) < *max_connections {
            return Ok(());
        }
        let problem = format!(
            "connections.max_agents_connections ({max_agents_connections}) and \
             connections.reserved_for_replicas ({reserved_for_replicas}) must together be below \
             connections.max_connections ({max_connections})"
        );
        let names = [
            "connections.max_agents_connections",
            "connections.reserved_for_replicas",
            "connections.max_connections",
        ];
        Err(SettingsError::relation(&names, problem))
    }
}

/// Refuses a setting that leaves nothing of another. Each is a name and its number.
fn require_below(
    (name, number): (&'static str, u64),
    (limit_name, limit): (&'static str, u64),
) -> Result<(), SettingsError> {
    if number < limit {
        return Ok(());
    }
    let problem = format!("{name} ({number}) must be below {limit_name} ({limit})");
    Err(SettingsError::relation(&[name, limit_name], problem))
}
