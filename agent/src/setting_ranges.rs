//! What each number of the agent's settings may be.
//!
//! Fed by nothing; feeds the check of what was given, and of a configuration that another
//! program made. Guarantees that every number has a row (a test compares the table with
//! `config.default.toml`). A lower bound is the least that works. Where a comment gives no
//! reason for an upper bound, it was chosen: far above what is useful, and below what no
//! memory, no receiver and no patience has.

use postrider_proto::attempt_limits::{MAX_EXCERPT_BYTES, MAX_REPORTED_HEADERS_BYTES};
use postrider_settings::{SettingRange, whole_numbers};

/// A path, the least and the most, and what is counted.
pub static SETTING_RANGES: &[SettingRange] = &[
    whole_numbers("agent.drain_timeout_seconds", 0, 3_600, "seconds"),
    // 0 is a choice of its own. Large machines have some hundred processors.
    whole_numbers("agent.worker_threads", 0, 1_024, "threads"),
    // The keys of all fit into one message to a replica, which reads 32 MiB.
    whole_numbers("work.max_in_flight", 1, 100_000, "attempts"),
    whole_numbers("work.max_payload_bytes_in_flight", 1, 1_099_511_627_776, "bytes"),
    whole_numbers("work.max_cached_subscriptions", 1, 10_000_000, "subscriptions"),
    // More than an address has ports.
    whole_numbers("receivers.max_connections_per_origin", 1, 100_000, "connections"),
    whole_numbers("receivers.max_connections_per_subscription", 1, 100_000, "connections"),
    // As many files as one process may usually be allowed to open.
    whole_numbers("receivers.max_connections", 1, 1_000_000, "connections"),
    // At 0 no connection is used twice.
    whole_numbers("receivers.idle_timeout_seconds", 0, 3_600, "seconds"),
    // No attempt lasts longer than a minute.
    whole_numbers("receivers.connect_timeout_milliseconds", 1, 60_000, "milliseconds"),
    whole_numbers("dns.lookup_timeout_milliseconds", 1, 60_000, "milliseconds"),
    // Each is a port, or a thread.
    whole_numbers("dns.max_lookups", 1, 10_000, "look-ups"),
    whole_numbers("dns.max_lookups_per_tenant", 1, 10_000, "look-ups"),
    // An address that is older may be somebody else's.
    whole_numbers("dns.max_time_to_live_seconds", 0, 86_400, "seconds"),
    whole_numbers("dns.max_stale_seconds", 0, 604_800, "seconds"),
    whole_numbers("response.max_body_bytes", 1, 1_073_741_824, "bytes"),
    // The control plane keeps no more.
    whole_numbers("response.max_excerpt_bytes", 0, MAX_EXCERPT_BYTES as u64, "bytes"),
    whole_numbers("response.max_headers_bytes", 0, MAX_REPORTED_HEADERS_BYTES as u64, "bytes"),
    // Fewer would not be a batch; more would take a gigabyte.
    whole_numbers("telemetry.max_queued_spans", 512, 1_000_000, "spans"),
];
