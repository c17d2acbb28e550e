//! Settings that bound what others may take: connections, requests, reads and rates.
//!
//! Fed by the settings as they were read; feeds `listeners`, and the layers around the
//! services. What they have to do with other settings is checked by `limit_checks`.

use std::time::Duration;

use serde::Deserialize;

/// Of the connections of all doors.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionSettings {
    pub max_connections: usize,
    pub max_agents_connections: usize,
    pub reserved_for_agents: usize,
    pub reserved_for_replicas: usize,
    pub max_connections_per_address: usize,
    pub max_handshakes: usize,
    pub handshake_timeout_milliseconds: u64,
    pub preface_timeout_milliseconds: u64,
    pub write_timeout_seconds: u64,
    pub max_age_seconds: u64,
    pub age_grace_seconds: u64,
}

impl ConnectionSettings {
    pub fn handshake_timeout(&self) -> Duration {
        Duration::from_millis(self.handshake_timeout_milliseconds)
    }

    pub fn preface_timeout(&self) -> Duration {
        Duration::from_millis(self.preface_timeout_milliseconds)
    }

    pub fn write_timeout(&self) -> Duration {
        Duration::from_secs(self.write_timeout_seconds)
    }

    /// How old a caller's connection becomes; `None`: as old as it likes.
    pub fn max_age(&self) -> Option<Duration> {
        (self.max_age_seconds > 0).then(|| Duration::from_secs(self.max_age_seconds))
    }

    pub fn age_grace(&self) -> Duration {
        Duration::from_secs(self.age_grace_seconds)
    }
}

/// Of requests while they are received, of answers until they are sent, and of callers' reads.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestSettings {
    pub receive_timeout_seconds: u64,
    pub max_receiving_bytes: usize,
    pub max_receiving_bytes_per_connection: usize,
    pub send_timeout_seconds: u64,
    pub max_unsent_bytes: usize,
    pub max_unsent_bytes_per_caller: usize,
    pub max_reads_per_caller: usize,
    pub max_reads_per_tenant: usize,
    pub max_read_wait_milliseconds: u64,
}

impl RequestSettings {
    pub fn receive_timeout(&self) -> Duration {
        Duration::from_secs(self.receive_timeout_seconds)
    }

    pub fn send_timeout(&self) -> Duration {
        Duration::from_secs(self.send_timeout_seconds)
    }

    pub fn max_read_wait(&self) -> Duration {
        Duration::from_millis(self.max_read_wait_milliseconds)
    }
}

/// How often callers may call. 0: as often as they like.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateSettings {
    pub published_events_per_second_per_tenant: u32,
    pub published_events_per_second_per_caller: u32,
    pub publish_burst_seconds: u32,
    pub administration_calls_per_second_per_tenant: u32,
    pub administration_calls_per_second_per_caller: u32,
    pub administration_burst_seconds: u32,
    pub sign_ins_per_second_per_tenant: u32,
    pub sign_ins_per_second_per_caller: u32,
    pub sign_in_burst_seconds: u32,
    pub max_remembered_keys: usize,
}
