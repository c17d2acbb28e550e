//! Settings, read and checked before anything is opened.
//!
//! Fed by the embedded `config.default.toml`, then a file, the environment and flags
//! (`postrider_settings`), each overriding the one before; feeds everything else.
//! Guarantees that a wrong name or value stops the program with a message that names the
//! setting and where it was given.

mod server;

use std::path::{Path, PathBuf};
use std::time::Duration;

use postrider_domain::ids::TenantId;
use postrider_settings::{SettingSources, SettingsError, SettingsFormat};
use postrider_telemetry::{ListenAddress, TelemetrySettings};
use serde::Deserialize;

/// The defaults are also the documentation.
static FORMAT: SettingsFormat = SettingsFormat {
    defaults: include_str!("../../config.default.toml"),
    variable_prefix: "POSTRIDER_",
    foreign_prefix: Some("POSTRIDER_AGENT_"),
    flags: &[
        ("database.url", "--database-url"),
        ("database.data_dir", "--data-dir"),
        ("server.listen", "--listen"),
        ("server.advertise", "--advertise"),
        ("server.replica_id", "--replica-id"),
        ("server.metrics_listen", "--metrics-listen"),
        ("server.tls_cert", "--tls-cert"),
        ("server.tls_key", "--tls-key"),
        ("server.tls_client_ca", "--tls-client-ca"),
    ],
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub server: ServerSettings,
    pub database: DatabaseSettings,
    pub publish: PublishSettings,
    pub dispatch: DispatchSettings,
    pub ownership: OwnershipSettings,
    pub results: ResultsSettings,
    pub operational_events: OperationalEventsSettings,
    pub agents: AgentsSettings,
    pub api: ApiSettings,
    pub telemetry: TelemetrySettings,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    #[serde(deserialize_with = "postrider_settings::parsed")]
    pub listen: ListenAddress,
    pub advertise: String,
    pub replica_id: String,
    pub metrics_listen: String,
    pub tls_cert: String,
    pub tls_key: String,
    pub tls_client_ca: String,
    pub drain_timeout_seconds: u64,
    pub worker_threads: usize,
    pub max_request_bytes: usize,
    pub max_concurrent_streams: u32,
    pub max_pending_reset_streams: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    pub url: String,
    pub data_dir: PathBuf,
    pub max_connections: u32,
    pub migrate_at_start: bool,
    pub shard_count: u16,
    pub retention_days: u32,
    pub partitions_ahead_days: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishSettings {
    pub allow_unknown_event_types: bool,
    pub max_payload_bytes: usize,
    pub max_commit_events: usize,
    pub max_commit_payload_bytes: usize,
    pub max_queued_events: usize,
    pub max_queued_payload_bytes: usize,
    pub idempotency_retention_days: u32,
    pub max_stream_unanswered_events: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DispatchSettings {
    pub max_deliveries_in_memory: usize,
    pub max_payload_bytes_in_memory: usize,
    pub max_deliveries_in_memory_per_subscription: usize,
    pub default_max_in_flight: u32,
    pub initial_window_attempts: u32,
    pub max_quick_response_milliseconds: u64,
    pub return_after_milliseconds: u64,
    pub breaker_min_deliveries: usize,
    pub breaker_min_span_seconds: u64,
    pub breaker_first_probe_pause_seconds: u64,
    pub breaker_max_probe_pause_seconds: u64,
    pub max_retry_after_seconds: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnershipSettings {
    pub heartbeat_interval_milliseconds: u64,
    pub lease_duration_seconds: u64,
    pub renew_interval_seconds: u64,
    pub lease_margin_seconds: u64,
    pub take_over_grace_seconds: u64,
    pub lost_after_seconds: u64,
    pub sweep_interval_milliseconds: u64,
    pub max_clock_skew_seconds: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultsSettings {
    pub max_commit_results: usize,
    pub max_queued_results: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationalEventsSettings {
    pub operators_tenant: String,
}

impl OperationalEventsSettings {
    /// The operators' tenant; `None` when there is none.
    pub fn operators(&self) -> Option<TenantId> {
        self.operators_tenant.parse().ok()
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentsSettings {
    pub heartbeat_interval_milliseconds: u64,
    pub silence_timeout_milliseconds: u64,
    pub max_queued_messages: usize,
    pub max_streams: usize,
}

impl AgentsSettings {
    /// Never shorter than the heartbeat interval.
    pub fn silence_timeout(&self) -> Duration {
        let limit = self.silence_timeout_milliseconds.max(self.heartbeat_interval_milliseconds);
        Duration::from_millis(limit)
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiSettings {
    pub default_page_size: u32,
    pub max_page_size: u32,
    pub max_subscriptions_per_tenant: usize,
    pub test_agent_timeout_milliseconds: u64,
    pub max_watchers: usize,
    pub watch_poll_interval_milliseconds: u64,
}

impl Settings {
    /// Reads all sources. `flags` are pairs of a setting's path and its value.
    pub fn load(file: Option<&Path>, flags: &[(&str, String)]) -> Result<Self, SettingsError> {
        let sources = SettingSources::read(&FORMAT, file, std::env::vars_os(), flags)?;
        let settings: Self = sources.settings()?;
        settings.check().map_err(|error| sources.located(error))?;
        Ok(settings)
    }

    /// The name of the flag that gives a setting, if it has one.
    pub fn flag_of(setting: &str) -> Option<&'static str> {
        FORMAT.flag_of(setting)
    }

    fn check(&self) -> Result<(), SettingsError> {
        let bad = |name, problem| Err(SettingsError::value(name, problem));
        self.server.check()?;
        let ownership = &self.ownership;
        if ownership.renew_interval_seconds + ownership.lease_margin_seconds
            >= ownership.lease_duration_seconds
        {
            return bad(
                "ownership.lease_duration_seconds",
                "must exceed renew_interval_seconds + lease_margin_seconds",
            );
        }
        if self.database.shard_count == 0 {
            return bad("database.shard_count", "must be at least 1");
        }
        if self.database.partitions_ahead_days < 2 {
            return bad("database.partitions_ahead_days", "must be at least 2");
        }
        if self.api.default_page_size == 0 || self.api.default_page_size > self.api.max_page_size {
            return bad("api.default_page_size", "must be between 1 and api.max_page_size");
        }
        if self.publish.max_payload_bytes > self.server.max_request_bytes {
            return bad("publish.max_payload_bytes", "must not exceed server.max_request_bytes");
        }
        for (name, value) in [
            ("publish.max_commit_events", self.publish.max_commit_events),
            ("publish.max_queued_events", self.publish.max_queued_events),
            ("results.max_commit_results", self.results.max_commit_results),
            ("results.max_queued_results", self.results.max_queued_results),
            ("agents.max_queued_messages", self.agents.max_queued_messages),
            ("agents.max_streams", self.agents.max_streams),
        ] {
            if value == 0 {
                return bad(name, "must be at least 1");
            }
        }
        let events = &self.operational_events;
        if !events.operators_tenant.is_empty() && events.operators().is_none() {
            return bad("operational_events.operators_tenant", "must be a tenant's id, or empty");
        }
        Ok(())
    }

    /// The database's URL, with the default filled in.
    pub fn database_url(&self) -> String {
        if self.database.url.is_empty() {
            format!("sqlite:{}", self.database.data_dir.join("postrider.db").display())
        } else {
            self.database.url.clone()
        }
    }

    /// Whether only one process can ever have the database open.
    pub fn single_process(&self) -> bool {
        self.database_url().starts_with("sqlite:")
    }

    /// Worker threads of the runtime.
    pub fn worker_threads(&self) -> usize {
        match self.server.worker_threads {
            0 => std::thread::available_parallelism().map_or(1, |n| n.get().div_ceil(2)),
            n => n,
        }
    }
}

impl OwnershipSettings {
    pub fn heartbeat(&self) -> Duration {
        Duration::from_millis(self.heartbeat_interval_milliseconds)
    }

    pub fn sweep(&self) -> Duration {
        Duration::from_millis(self.sweep_interval_milliseconds)
    }

    pub fn lost_after(&self) -> Duration {
        Duration::from_secs(self.lost_after_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(flags: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let flags: Vec<_> =
            flags.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Settings::load(None, &flags)
    }

    #[test]
    fn defaults_are_complete_and_valid() {
        let settings = load(&[]).unwrap();
        assert_eq!(settings.database_url(), "sqlite:.postrider/postrider.db");
        assert!(settings.single_process());
    }

    #[test]
    fn wrong_settings_are_named() {
        let message = |flags: &[(&str, &str)]| load(flags).unwrap_err().to_string();
        assert!(message(&[("server.listen", "0.0.0.0:1")]).starts_with("server.listen:"));
        assert!(message(&[("server.listen", "localhost")]).contains("a host and a port"));
        assert!(load(&[("server.listen", "localhost:1")]).is_ok());
        assert!(message(&[("server.metrics_listen", "1")]).starts_with("server.metrics_listen:"));
        for wrong in ["replica-1:7443", "ftp://one", "https://one:1", "http://one/path"] {
            assert!(message(&[("server.advertise", wrong)]).starts_with("server.advertise:"));
        }
        assert!(message(&[("server.replica_id", "a b")]).starts_with("server.replica_id:"));
        assert!(message(&[("server.tls_cert", "a")]).starts_with("server.tls_cert:"));
        assert!(
            message(&[("ownership.lease_duration_seconds", "4")])
                .contains("lease_duration_seconds")
        );
        assert!(message(&[("dispatch.max_deliverys", "4")]).contains("max_deliverys"));
        assert!(
            message(&[("operational_events.operators_tenant", "No")]).contains("operators_tenant")
        );
        assert!(message(&[("api.max_page_size", "many")]).contains("max_page_size"));
        let format = message(&[("telemetry.log_format", "xml")]);
        assert_eq!(format, "telemetry.log_format: must be \"text\" or \"json\" (the program)");
        let listen = message(&[("server.listen", "localhost")]);
        assert!(listen.ends_with(" (the flag --listen)"), "{listen}");
    }

    fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        SettingSources::read(&FORMAT, None, variables, &[])?.settings()
    }

    fn read_file(text: &str) -> Result<Settings, SettingsError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("postrider.toml");
        std::fs::write(&path, text).unwrap();
        SettingSources::read(&FORMAT, Some(&path), std::iter::empty(), &[])?.settings()
    }

    #[test]
    fn what_kubernetes_says_of_a_service_is_not_a_setting() {
        let settings = read(&[
            ("POSTRIDER_SERVICE_HOST", "10.0.0.7"),
            ("POSTRIDER_SERVICE_PORT", "7443"),
            ("POSTRIDER_SERVICE_PORT_GRPC", "7443"),
            ("POSTRIDER_PORT", "tcp://10.0.0.7:7443"),
            ("POSTRIDER_PORT_7443_TCP", "tcp://10.0.0.7:7443"),
            ("POSTRIDER_PORT_7443_TCP_PROTO", "tcp"),
            ("POSTRIDER_AGENT_REGION", "eu"),
            ("POSTRIDER_TEST_SEED", "1"),
            ("POSTRIDER__", "x"),
            ("POSTRIDER_API__MAX_PAGE_SIZE", "77"),
        ]);
        assert_eq!(settings.unwrap().api.max_page_size, 77);
    }

    #[test]
    fn a_variable_that_is_wrong_is_named() {
        for (name, value, words) in [
            ("POSTRIDER_SERVER__LISTENS", "x", "is not a setting; [server] has "),
            ("POSTRIDER_SERVICE__LISTEN", "x", "there is no such section"),
            ("POSTRIDER_AGENT__HEARTBEAT_INTERVAL_MILLISECONDS", "1", "there is no such section"),
            ("POSTRIDER_API__MAX_PAGE_SIZE", "many", "api.max_page_size: "),
            ("POSTRIDER_DATABASE__MIGRATE_AT_START", "perhaps", "database.migrate_at_start: "),
        ] {
            let message = read(&[(name, value)]).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
            assert!(message.ends_with(&format!("(the variable {name})")), "{message}");
        }
    }

    #[test]
    fn a_file_that_is_wrong_is_named_with_the_line() {
        for (text, words, line) in [
            ("[server]\n\nlisten = 7", "server.listen: ", ":3)"),
            ("[api]\n# few\nmax_page_size = \"many\"", "api.max_page_size: ", ":3)"),
            ("[api]\nmax_page = 1", "api.max_page: is not a setting; [api] has ", ":2)"),
            ("api.max_page = 1", "api.max_page: is not a setting", ":1)"),
            ("[api]\nmax_page_size = ", "line 2, column", ""),
        ] {
            let message = read_file(text).unwrap_err().to_string();
            assert!(message.contains(words) && message.contains("postrider.toml"), "{message}");
            assert!(message.ends_with(line), "{message}");
        }
        let missing = SettingSources::read(
            &FORMAT,
            Some(Path::new("/nowhere/a.toml")),
            std::iter::empty(),
            &[],
        );
        let message = missing.err().unwrap().to_string();
        assert!(message.starts_with("/nowhere/a.toml: "), "{message}");
        assert_eq!(read_file("[api]\nmax_page_size = 78").unwrap().api.max_page_size, 78);
    }
}
