//! Settings, read and checked before anything is opened.
//!
//! Fed by the embedded `config.default.toml`, then a file, the environment and flags
//! (`postrider_settings`), each overriding the one before; feeds everything else.
//! Guarantees that a wrong name or value stops the program with a message that names the
//! setting and where it was given.

mod auth;
mod console;
mod console_checks;
mod database;
mod doors;
mod identities;
mod keys;
mod limit_checks;
mod limits;
mod ranges;
mod relations;
mod secret_files;

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use postrider_domain::ids::{Region, TenantId};
use postrider_settings::{
    EffectiveSetting, SettingPlaces, SettingSources, SettingsError, SettingsFormat,
};
use postrider_telemetry::{ListenAddress, TelemetrySettings};
use serde::Deserialize;

pub use self::auth::{AuthSettings, CallerCertificateSettings, ClaimRuleSettings, IssuerSettings};
pub use self::console::{CONSOLE_PATH, ConsoleSettings, ProviderSettings, rgb};
pub use self::database::DatabaseSettings;
pub use self::identities::{AgentCertificateRule, PREFIX_MARK, ReplicaCertificateRule};
pub use self::keys::{KeySettings, KeySettingsError, SecretSetting, add_key_to_file, holds_key};
pub use self::limits::{ConnectionSettings, RateSettings, RequestSettings};
pub use self::secret_files::{is_open_to_others, warn_if_open_to_others};

/// The defaults are also the documentation.
static FORMAT: SettingsFormat = SettingsFormat {
    defaults: include_str!("../../config.default.toml"),
    ranges: ranges::SETTING_RANGES,
    variable_prefix: "POSTRIDER_",
    foreign_prefix: Some("POSTRIDER_AGENT_"),
    flags: &[
        ("database.url", "--database-url"),
        ("database.url_file", "--database-url-file"),
        ("database.data_dir", "--data-dir"),
        ("keys.file", "--keys-file"),
        ("server.listen", "--listen"),
        ("server.replica_id", "--replica-id"),
        ("server.metrics_listen", "--metrics-listen"),
        ("server.tls_cert", "--tls-cert"),
        ("server.tls_key", "--tls-key"),
        ("server.tls_client_ca", "--tls-client-ca"),
        ("server.insecure_no_auth", "--insecure-no-auth"),
        ("server.insecure_no_tls", "--insecure-no-tls"),
        ("auth.bootstrap_token_file", "--bootstrap-token-file"),
        ("agents.listen", "--agents-listen"),
        ("agents.tls_client_ca", "--agents-tls-client-ca"),
        ("agents.spiffe_trust_domain", "--spiffe-trust-domain"),
        ("replicas.listen", "--replicas-listen"),
        ("replicas.advertise", "--advertise"),
        ("replicas.tls_ca", "--replicas-tls-ca"),
        ("replicas.spiffe_trust_domain", "--spiffe-trust-domain"),
    ],
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub server: ServerSettings,
    pub connections: ConnectionSettings,
    pub requests: RequestSettings,
    pub rates: RateSettings,
    pub auth: AuthSettings,
    pub database: DatabaseSettings,
    pub keys: KeySettings,
    pub publish: PublishSettings,
    pub dispatch: DispatchSettings,
    pub ownership: OwnershipSettings,
    pub results: ResultsSettings,
    pub operational_events: OperationalEventsSettings,
    pub agents: AgentsSettings,
    pub replicas: ReplicasSettings,
    pub api: ApiSettings,
    pub console: ConsoleSettings,
    pub audit: AuditSettings,
    pub telemetry: TelemetrySettings,
    /// Where they were given.
    #[serde(skip)]
    places: SettingPlaces,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    #[serde(deserialize_with = "postrider_settings::parsed")]
    pub listen: ListenAddress,
    pub replica_id: String,
    pub metrics_listen: String,
    pub tls_cert: String,
    pub tls_key: String,
    pub tls_client_ca: String,
    pub insecure_no_auth: bool,
    pub insecure_no_tls: bool,
    #[serde(deserialize_with = "postrider_settings::list")]
    pub http_allowed_origins: Vec<String>,
    #[serde(deserialize_with = "postrider_settings::list")]
    pub http_allowed_hosts: Vec<String>,
    pub drain_timeout_seconds: u64,
    pub worker_threads: usize,
    pub max_request_bytes: usize,
    pub max_batch_request_bytes: usize,
    pub max_concurrent_streams: u32,
    pub max_pending_reset_streams: usize,
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
    #[serde(deserialize_with = "postrider_settings::parsed")]
    pub listen: ListenAddress,
    pub tls_cert: String,
    pub tls_key: String,
    pub tls_client_ca: String,
    pub spiffe_trust_domain: String,
    #[serde(deserialize_with = "identities::rules")]
    pub identities: Vec<AgentCertificateRule>,
    pub heartbeat_interval_milliseconds: u64,
    pub silence_timeout_milliseconds: u64,
    pub max_queued_messages: usize,
    pub max_message_bytes: usize,
    pub max_concurrent_streams: u32,
    pub max_streams: usize,
    pub max_streams_per_certificate: usize,
    pub max_in_flight_per_agent: u32,
    #[serde(deserialize_with = "postrider_settings::list")]
    pub regions: Vec<Region>,
    pub max_unnamed_regions: usize,
}

impl AgentsSettings {
    /// Longer than the heartbeat interval.
    pub fn silence_timeout(&self) -> Duration {
        Duration::from_millis(self.silence_timeout_milliseconds)
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplicasSettings {
    #[serde(deserialize_with = "postrider_settings::parsed")]
    pub listen: ListenAddress,
    pub advertise: String,
    pub tls_cert: String,
    pub tls_key: String,
    pub tls_ca: String,
    pub spiffe_trust_domain: String,
    #[serde(deserialize_with = "identities::rules")]
    pub identities: Vec<ReplicaCertificateRule>,
    pub max_message_bytes: usize,
    pub max_concurrent_streams: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiSettings {
    pub default_page_size: u32,
    pub max_page_size: u32,
    pub max_subscriptions_per_tenant: usize,
    pub max_unserved_regions_per_tenant: usize,
    pub max_unserved_regions: usize,
    pub test_agent_timeout_milliseconds: u64,
    pub max_watchers: usize,
    pub max_watchers_per_caller: usize,
    pub max_watchers_per_tenant: usize,
    pub watch_poll_interval_milliseconds: u64,
    pub max_scaler_streams: usize,
    pub max_scaler_streams_per_caller: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditSettings {
    pub retention_days: u32,
    pub payload_reads: bool,
    pub head_log_interval_seconds: u64,
}

impl AuditSettings {
    pub fn retention(&self) -> Duration {
        Duration::from_secs(u64::from(self.retention_days) * 86_400)
    }

    pub fn head_log_interval(&self) -> Duration {
        Duration::from_secs(self.head_log_interval_seconds)
    }
}

impl Settings {
    /// Reads all sources, and the database's URL where a file holds it. `flags` are pairs of
    /// a setting's path and its value.
    pub fn load(file: Option<&Path>, flags: &[(&str, String)]) -> Result<Self, SettingsError> {
        let sources = SettingSources::read(&FORMAT, file, std::env::vars_os(), flags)?;
        let mut settings = Self::from_sources(&sources)?;
        settings.database.read_url_file().map_err(|error| sources.located(error))?;
        Ok(settings)
    }

    /// Every setting with its value and its place. Of those that must be checked nothing is.
    pub fn effective(
        file: Option<&Path>,
        flags: &[(&str, String)],
    ) -> Result<Vec<EffectiveSetting>, SettingsError> {
        SettingSources::read(&FORMAT, file, std::env::vars_os(), flags)?.effective()
    }

    /// The settings of a file's text and of these variables; files that they name are not
    /// read.
    pub fn parse(
        text: &str,
        variables: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, SettingsError> {
        let file = Some((Path::new("postrider.toml"), text));
        Self::from_sources(&SettingSources::parse(&FORMAT, file, variables, &[])?)
    }

    fn from_sources(sources: &SettingSources) -> Result<Self, SettingsError> {
        let mut settings: Self = sources.settings()?;
        settings.check().map_err(|error| sources.located(error))?;
        settings.places = sources.places();
        Ok(settings)
    }

    /// A setting's name, with its place if it was given.
    pub fn name_with_place(&self, setting: &str) -> String {
        self.places.name_with_place(setting)
    }

    /// The name of the flag that gives a setting, if it has one.
    pub fn flag_of(setting: &str) -> Option<&'static str> {
        FORMAT.flag_of(setting)
    }

    fn check(&self) -> Result<(), SettingsError> {
        let bad = |name, problem| Err(SettingsError::value(name, problem));
        self.check_doors()?;
        self.check_limits()?;
        self.auth.check()?;
        self.check_console()?;
        self.check_relations()?;
        self.database.check()?;
        let events = &self.operational_events;
        if !events.operators_tenant.is_empty() && events.operators().is_none() {
            return bad("operational_events.operators_tenant", "must be a tenant's id, or empty");
        }
        Ok(())
    }

    /// The name of the setting that says where the database is, with its place if it was
    /// given.
    pub fn database_setting_with_place(&self) -> String {
        self.name_with_place(self.database.url_setting())
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
mod tests;
