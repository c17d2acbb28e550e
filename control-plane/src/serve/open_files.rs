//! How many files a replica may have open.
//!
//! Fed by the settings; feeds the process's limit, and the log where that is too low.

use postrider_telemetry::raise_open_files_limit;

use crate::settings::Settings;

/// Files besides connections of callers, agents, replicas and the database: logs, calls to
/// other replicas, certificates that are read again.
const OTHER_OPEN_FILES: u64 = 256;
/// Each has its own handshakes.
const DOOR_COUNT: usize = 3;

/// Raises the process's limit as far as it may be raised. Warns if connections would still
/// be refused before `connections.max_connections` is reached.
pub fn raise_limit(settings: &Settings) {
    raise_open_files_limit(most_open_files(settings), "connections.max_connections");
}

fn most_open_files(settings: &Settings) -> u64 {
    let connections = &settings.connections;
    let handshakes = connections.max_handshakes.saturating_mul(DOOR_COUNT);
    let sockets = connections.max_connections.saturating_add(handshakes) as u64;
    sockets + u64::from(settings.database.max_connections) + OTHER_OPEN_FILES
}
