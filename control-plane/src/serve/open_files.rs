//! Whether the process may open as many files as it may have connections.
//!
//! Fed by the settings and the process's limit; feeds the log.

use rustix::process::{Resource, getrlimit};

use crate::settings::Settings;

/// Files besides connections of callers, agents and replicas: the database's, logs, calls to
/// other replicas.
const OTHER_OPEN_FILES: u64 = 256;
/// Each has its own handshakes.
const DOOR_COUNT: usize = 3;

/// Warns if connections would be refused before `connections.max_connections` is reached.
pub fn warn_of_few(settings: &Settings) {
    let connections = &settings.connections;
    let handshakes = connections.max_handshakes.saturating_mul(DOOR_COUNT);
    let sockets = connections.max_connections.saturating_add(handshakes);
    let wanted = sockets as u64 + OTHER_OPEN_FILES;
    if let Some(allowed) = getrlimit(Resource::Nofile).current
        && allowed < wanted
    {
        tracing::warn!(
            allowed,
            wanted,
            "this process may open fewer files than connections.max_connections needs"
        );
    }
}
