//! How the settings that bound what others may take must stand to others.
//!
//! Fed by the settings as they were read, each number in its range; feeds their check.
//! Guarantees that no limit makes another one, or what it is for, impossible.

use postrider_settings::{SettingsError, require_at_most};

use super::Settings;

/// Bytes of a request besides a payload of the largest size: names, keys and attributes.
const REQUEST_OVERHEAD_BYTES: usize = 64 * 1024;

impl Settings {
    /// Refuses limits that cannot work together.
    pub(super) fn check_limits(&self) -> Result<(), SettingsError> {
        let Self { server, connections, requests, database, publish, agents, replicas, .. } = self;
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
        let in_all = ("requests.max_receiving_bytes", requests.max_receiving_bytes as u64);
        require_at_most(per_connection, in_all)?;
        require_below(
            (
                "connections.reserved_for_agents_and_replicas",
                connections.reserved_for_agents_and_replicas as u64,
            ),
            ("connections.max_connections", connections.max_connections as u64),
        )?;
        require_below(
            ("database.max_read_connections", database.max_read_connections.into()),
            ("database.max_connections", database.max_connections.into()),
        )
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
