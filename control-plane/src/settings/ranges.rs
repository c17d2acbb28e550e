//! What each number of the settings may be.
//!
//! Fed by nothing; feeds the check of what was given. Guarantees that every number has a
//! row (a test compares the table with `config.default.toml`). A lower bound is the least
//! that works. Where a comment gives no reason for an upper bound, it was chosen: far
//! above what is useful, and below what no memory, no database and no patience has.

use postrider_settings::{SettingRange, whole_numbers};

/// A path, the least and the most, and what is counted.
pub static SETTING_RANGES: &[SettingRange] = &[
    whole_numbers("server.drain_timeout_seconds", 0, 3_600, "seconds"),
    // 0 is a choice of its own. Large machines have some hundred processors.
    whole_numbers("server.worker_threads", 0, 1_024, "threads"),
    // An agent reads 64 MiB in one message, which is also twice the largest payload.
    whole_numbers("server.max_request_bytes", 4_096, 67_108_864, "bytes"),
    whole_numbers("server.max_batch_request_bytes", 4_096, 67_108_864, "bytes"),
    whole_numbers("server.max_concurrent_streams", 1, 1_000_000, "requests"),
    whole_numbers("server.max_pending_reset_streams", 1, 1_000_000, "requests"),
    // More than a process may open files on any usual system.
    whole_numbers("connections.max_connections", 1, 1_000_000, "connections"),
    whole_numbers("connections.max_agents_connections", 1, 1_000_000, "connections"),
    whole_numbers("connections.reserved_for_agents", 0, 1_000_000, "connections"),
    whole_numbers("connections.reserved_for_replicas", 0, 1_000_000, "connections"),
    // 0 is a choice of its own.
    whole_numbers("connections.max_connections_per_address", 0, 1_000_000, "connections"),
    whole_numbers("connections.max_handshakes", 1, 1_000_000, "handshakes"),
    whole_numbers("connections.handshake_timeout_milliseconds", 100, 600_000, "milliseconds"),
    whole_numbers("connections.preface_timeout_milliseconds", 100, 600_000, "milliseconds"),
    whole_numbers("connections.write_timeout_seconds", 1, 3_600, "seconds"),
    // 0 is a choice of its own. A month.
    whole_numbers("connections.max_age_seconds", 0, 2_678_400, "seconds"),
    // A publish may take ten seconds.
    whole_numbers("connections.age_grace_seconds", 11, 86_400, "seconds"),
    whole_numbers("requests.receive_timeout_seconds", 1, 3_600, "seconds"),
    whole_numbers("requests.max_receiving_bytes", 4_096, 1_099_511_627_776, "bytes"),
    whole_numbers("requests.max_receiving_bytes_per_connection", 4_096, 1_099_511_627_776, "bytes"),
    whole_numbers("requests.send_timeout_seconds", 1, 3_600, "seconds"),
    whole_numbers("requests.max_unsent_bytes", 4_096, 1_099_511_627_776, "bytes"),
    whole_numbers("requests.max_unsent_bytes_per_caller", 4_096, 1_099_511_627_776, "bytes"),
    whole_numbers("requests.max_reads_per_caller", 1, 1_000, "reads"),
    whole_numbers("requests.max_reads_per_tenant", 1, 1_000, "reads"),
    whole_numbers("requests.max_read_wait_milliseconds", 1, 60_000, "milliseconds"),
    // Of rates 0 is a choice of its own.
    whole_numbers("rates.published_events_per_second_per_tenant", 0, 1_000_000, "events"),
    whole_numbers("rates.published_events_per_second_per_caller", 0, 1_000_000, "events"),
    whole_numbers("rates.publish_burst_seconds", 1, 3_600, "seconds"),
    whole_numbers("rates.administration_calls_per_second_per_tenant", 0, 1_000_000, "calls"),
    whole_numbers("rates.administration_calls_per_second_per_caller", 0, 1_000_000, "calls"),
    whole_numbers("rates.administration_burst_seconds", 1, 3_600, "seconds"),
    whole_numbers("rates.sign_ins_per_second_per_tenant", 0, 1_000_000, "sign-ins"),
    whole_numbers("rates.sign_ins_per_second_per_caller", 0, 1_000_000, "sign-ins"),
    whole_numbers("rates.sign_in_burst_seconds", 1, 3_600, "seconds"),
    // 2 GB of memory.
    whole_numbers("rates.max_remembered_keys", 1, 10_000_000, "keys"),
    // One more than the fewest readers. The most is more than PostgreSQL serves well for all
    // replicas together.
    whole_numbers("database.max_connections", 3, 1_000, "connections"),
    // One for the tail of attempts and one for all other reads.
    whole_numbers("database.max_read_connections", 2, 1_000, "connections"),
    // 0 is a choice of its own. A day.
    whole_numbers("database.start_timeout_seconds", 0, 86_400, "seconds"),
    // Each is a row that every heartbeat reads.
    whole_numbers("database.shard_count", 1, 4_096, "shards"),
    // At 0 what was just published is deleted.
    whole_numbers("database.retention_days", 1, 3_650, "days"),
    // At 0 what was just published is deleted.
    whole_numbers("database.min_history_retention_days", 1, 3_650, "days"),
    // At 0 a payload goes as soon as it is delivered. A day is the least that history is kept.
    whole_numbers("database.min_payload_retention_hours", 1, 24, "hours"),
    // Tomorrow's must be there before midnight. Each day has partitions of its own.
    whole_numbers("database.partitions_ahead_days", 2, 366, "days"),
    // Half of what an agent reads in one message.
    whole_numbers("publish.max_payload_bytes", 1, 33_554_432, "bytes"),
    whole_numbers("publish.max_commit_events", 1, 10_000, "events"),
    // A quarter of the largest message that PostgreSQL takes.
    whole_numbers("publish.max_commit_payload_bytes", 1, 268_435_456, "bytes"),
    whole_numbers("publish.max_queued_events", 1, 1_000_000, "events"),
    whole_numbers("publish.max_queued_payload_bytes", 1, 68_719_476_736, "bytes"),
    // At 0 a key would be forgotten at once.
    whole_numbers("publish.idempotency_retention_days", 1, 3_650, "days"),
    whole_numbers("publish.max_stream_unanswered_events", 1, 1_000_000, "events"),
    whole_numbers("dispatch.max_deliveries_in_memory", 1, 10_000_000, "deliveries"),
    whole_numbers("dispatch.max_payload_bytes_in_memory", 1, 1_099_511_627_776, "bytes"),
    whole_numbers(
        "dispatch.max_deliveries_in_memory_per_subscription",
        1,
        10_000_000,
        "deliveries",
    ),
    // As much as a subscription may set for itself.
    whole_numbers("dispatch.default_max_in_flight", 1, 10_000, "attempts"),
    whole_numbers("dispatch.initial_window_attempts", 1, 10_000, "attempts"),
    // No attempt lasts longer than a minute.
    whole_numbers("dispatch.max_quick_response_milliseconds", 1, 60_000, "milliseconds"),
    // Sooner, what is claimed goes back before it could be sent.
    whole_numbers("dispatch.return_after_milliseconds", 100, 3_600_000, "milliseconds"),
    whole_numbers("dispatch.breaker_min_deliveries", 1, 10_000, "deliveries"),
    whole_numbers("dispatch.breaker_min_span_seconds", 0, 86_400, "seconds"),
    whole_numbers("dispatch.breaker_first_probe_pause_seconds", 1, 86_400, "seconds"),
    whole_numbers("dispatch.breaker_max_probe_pause_seconds", 1, 86_400, "seconds"),
    // No retry policy grants more than a day.
    whole_numbers("dispatch.max_retry_after_seconds", 0, 86_400, "seconds"),
    // After 3 s without one, a replica does not know what the others heard.
    whole_numbers("ownership.heartbeat_interval_milliseconds", 50, 2_500, "milliseconds"),
    whole_numbers("ownership.lease_duration_seconds", 2, 3_600, "seconds"),
    whole_numbers("ownership.renew_interval_seconds", 1, 3_600, "seconds"),
    whole_numbers("ownership.lease_margin_seconds", 0, 3_600, "seconds"),
    whole_numbers("ownership.take_over_grace_seconds", 0, 3_600, "seconds"),
    // An agent that has gone is remembered for a minute.
    whole_numbers("ownership.lost_after_seconds", 1, 60, "seconds"),
    // A loop that makes no progress for a minute counts as stuck.
    whole_numbers("ownership.sweep_interval_milliseconds", 10, 30_000, "milliseconds"),
    // A century: where clocks are not to be compared at all.
    whole_numbers("ownership.max_clock_skew_seconds", 1, 3_155_760_000, "seconds"),
    whole_numbers("results.max_commit_results", 1, 10_000, "results"),
    whole_numbers("results.max_queued_results", 1, 1_000_000, "results"),
    whole_numbers("agents.heartbeat_interval_milliseconds", 50, 60_000, "milliseconds"),
    whole_numbers("agents.silence_timeout_milliseconds", 100, 600_000, "milliseconds"),
    whole_numbers("agents.max_queued_messages", 1, 1_000_000, "messages"),
    whole_numbers("agents.max_message_bytes", 4_096, 67_108_864, "bytes"),
    whole_numbers("agents.max_concurrent_streams", 1, 1_000_000, "requests"),
    whole_numbers("agents.max_streams", 1, 100_000, "streams"),
    whole_numbers("agents.max_streams_per_certificate", 1, 100_000, "streams"),
    // The keys of so many attempts fit into one message.
    whole_numbers("agents.max_in_flight_per_agent", 1, 65_536, "attempts"),
    whole_numbers("agents.max_unnamed_regions", 1, 100_000, "regions"),
    whole_numbers("replicas.max_message_bytes", 4_096, 67_108_864, "bytes"),
    whole_numbers("replicas.max_concurrent_streams", 1, 1_000_000, "requests"),
    whole_numbers("api.default_page_size", 1, 100_000, "entries"),
    whole_numbers("api.max_page_size", 1, 100_000, "entries"),
    whole_numbers("api.max_subscriptions_per_tenant", 1, 1_000_000, "subscriptions"),
    whole_numbers("api.max_unserved_regions_per_tenant", 0, 10_000, "regions"),
    whole_numbers("api.max_unserved_regions", 0, 10_000, "regions"),
    whole_numbers("api.test_agent_timeout_milliseconds", 0, 60_000, "milliseconds"),
    whole_numbers("api.max_watchers", 1, 100_000, "streams"),
    whole_numbers("api.max_watchers_per_caller", 1, 100_000, "streams"),
    whole_numbers("api.max_watchers_per_tenant", 1, 100_000, "streams"),
    // A read of the database each time.
    whole_numbers("api.watch_poll_interval_milliseconds", 10, 60_000, "milliseconds"),
    whole_numbers("api.max_scaler_streams", 1, 100_000, "streams"),
    whole_numbers("api.max_scaler_streams_per_caller", 1, 100_000, "streams"),
    // A month. A session ends with its token in any case.
    whole_numbers("console.max_session_hours", 1, 744, "hours"),
    whole_numbers("console.max_idle_minutes", 1, 44_640, "minutes"),
    whole_numbers("console.max_concurrent_requests", 1, 10_000, "requests"),
    whole_numbers("console.max_live_pages", 1, 100_000, "pages"),
    // At 0 a record would go at once. The most is a hundred years.
    whole_numbers("audit.retention_days", 1, 36_500, "days"),
    // At 0 the heads would be read without a pause.
    whole_numbers("audit.head_log_interval_seconds", 1, 86_400, "seconds"),
    // At 0 no trace begins here.
    whole_numbers("telemetry.sampled_traces_per_million", 0, 1_000_000, "traces"),
    // Fewer would not be a batch; more would take a gigabyte.
    whole_numbers("telemetry.max_queued_spans", 512, 1_000_000, "spans"),
];
