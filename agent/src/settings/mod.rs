//! The settings of the `postrider-agent` program.
//!
//! Fed by the embedded `config.default.toml`, then a file, the environment and flags
//! (`postrider_settings`), each overriding the one before; feeds the agent, its telemetry
//! and its metrics port. Guarantees that everything is checked and every file is read
//! before a connection is made, and that an error names the setting and where it was given.

mod values;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use postrider_settings::{SettingSources, SettingsError, SettingsFormat};
use postrider_telemetry::{ListenAddress, TelemetryOptions, TelemetrySettings, host_name};
use postrider_webhook_request::UserAgent;
use serde::Deserialize;

use crate::address_guard::PortRange;
use crate::client::receiver_trust::read_certificates;
use crate::config::{
    AgentConfig, ClientCertificate, ControlPlaneEndpoint, ControlPlaneTls, default_agent_id,
};
use crate::limits::{ConnectionLimits, LookupBackend, LookupLimits, ResponseLimits};
use crate::setting_ranges::SETTING_RANGES;
use values::{LookupBackendName, NameServerAddress};
pub use values::{ReceiverSubnet, ReceiverSubnetError};

/// The defaults are also the documentation.
static FORMAT: SettingsFormat = SettingsFormat {
    defaults: include_str!("../../config.default.toml"),
    ranges: SETTING_RANGES,
    variable_prefix: "POSTRIDER_AGENT_",
    foreign_prefix: None,
    flags: &[
        ("control_plane.urls", "--control-plane"),
        ("agent.region", "--region"),
        ("agent.id", "--id"),
        ("control_plane.tls_cert", "--tls-cert"),
        ("control_plane.tls_key", "--tls-key"),
        ("control_plane.tls_ca", "--tls-ca"),
        ("work.max_in_flight", "--max-in-flight"),
        ("receivers.allow_subnets", "--allow-subnet"),
        ("receivers.deny_subnets", "--deny-subnet"),
        ("receivers.extra_ca", "--extra-ca"),
        ("dns.servers", "--name-server"),
        ("agent.metrics_listen", "--metrics-listen"),
    ],
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    agent: ProcessSettings,
    control_plane: ControlPlaneSettings,
    work: WorkSettings,
    receivers: ReceiverSettings,
    dns: LookupSettings,
    response: ResponseSettings,
    telemetry: TelemetrySettings,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProcessSettings {
    region: String,
    id: String,
    #[serde(deserialize_with = "postrider_settings::parsed_unless_empty")]
    metrics_listen: Option<ListenAddress>,
    drain_timeout_seconds: u64,
    worker_threads: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ControlPlaneSettings {
    #[serde(deserialize_with = "postrider_settings::list")]
    urls: Vec<ControlPlaneEndpoint>,
    tls_cert: String,
    tls_key: String,
    tls_ca: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkSettings {
    max_in_flight: u32,
    max_payload_bytes_in_flight: u64,
    max_cached_subscriptions: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReceiverSettings {
    max_connections_per_origin: usize,
    max_connections_per_subscription: usize,
    max_connections: usize,
    idle_timeout_seconds: u64,
    connect_timeout_milliseconds: u64,
    #[serde(deserialize_with = "postrider_settings::list")]
    allow_subnets: Vec<ReceiverSubnet>,
    #[serde(deserialize_with = "postrider_settings::list")]
    deny_subnets: Vec<ReceiverSubnet>,
    #[serde(deserialize_with = "postrider_settings::list")]
    allowed_ports: Vec<PortRange>,
    #[serde(deserialize_with = "postrider_settings::list")]
    denied_ports: Vec<PortRange>,
    #[serde(deserialize_with = "postrider_settings::parsed_unless_empty")]
    user_agent: Option<UserAgent>,
    #[serde(deserialize_with = "postrider_settings::list")]
    extra_ca: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LookupSettings {
    #[serde(deserialize_with = "postrider_settings::parsed")]
    backend: LookupBackendName,
    #[serde(deserialize_with = "postrider_settings::list")]
    servers: Vec<NameServerAddress>,
    lookup_timeout_milliseconds: u64,
    max_lookups: usize,
    max_lookups_per_tenant: usize,
    max_time_to_live_seconds: u64,
    max_stale_seconds: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResponseSettings {
    max_body_bytes: usize,
    max_excerpt_bytes: usize,
    max_headers_bytes: usize,
}

impl ControlPlaneSettings {
    fn tls(&self) -> Result<ControlPlaneTls, SettingsError> {
        if self.tls_cert.is_empty() != self.tls_key.is_empty() {
            return Err(SettingsError::relation(
                &["control_plane.tls_cert", "control_plane.tls_key"],
                "control_plane.tls_cert and control_plane.tls_key must be set together",
            ));
        }
        for (name, file) in
            [("control_plane.tls_ca", &self.tls_ca), ("control_plane.tls_cert", &self.tls_cert)]
        {
            if !file.is_empty() {
                certificates(name, file)?;
            }
        }
        let identity = || ClientCertificate {
            certificate: self.tls_cert.clone().into(),
            key: self.tls_key.clone().into(),
        };
        Ok(ControlPlaneTls {
            ca: (!self.tls_ca.is_empty()).then(|| self.tls_ca.clone().into()),
            identity: (!self.tls_cert.is_empty()).then(identity),
        })
    }
}

impl ReceiverSettings {
    /// The files of further roots, each of which can be used now.
    fn extra_ca_files(&self) -> Result<Vec<PathBuf>, SettingsError> {
        let files = self.extra_ca.iter();
        let checked = files.map(|file| {
            certificates("receivers.extra_ca", file)?;
            Ok(PathBuf::from(file))
        });
        checked.collect()
    }
}

impl LookupSettings {
    fn backend(&self) -> Result<LookupBackend, SettingsError> {
        let servers: Vec<SocketAddr> = self.servers.iter().map(|server| server.0).collect();
        match self.backend {
            LookupBackendName::NameServers => Ok(LookupBackend::name_servers(servers)),
            LookupBackendName::System if servers.is_empty() => Ok(LookupBackend::System),
            LookupBackendName::System => Err(SettingsError::relation(
                &["dns.servers", "dns.backend"],
                "dns.servers cannot be combined with the \"system\" of dns.backend",
            )),
        }
    }
}

impl Settings {
    /// Reads all sources, checks them and reads the files that they name. `flags` are
    /// pairs of a setting's path and its value.
    pub fn load(
        file: Option<&Path>,
        flags: &[(&str, String)],
    ) -> Result<(Self, AgentConfig), SettingsError> {
        let sources = SettingSources::read(&FORMAT, file, std::env::vars_os(), flags)?;
        let settings: Self = sources.settings()?;
        let config = settings.config().and_then(|config| config.check().map(|()| config));
        Ok((settings, config.map_err(|error| sources.located(error))?))
    }

    /// The settings of a file's text and of these variables; files that they name are not
    /// read.
    pub fn parse(
        text: &str,
        variables: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, SettingsError> {
        let file = Some((Path::new("postrider-agent.toml"), text));
        SettingSources::parse(&FORMAT, file, variables, &[])?.settings()
    }

    /// What the settings say, with the files that they name; not checked as a whole.
    fn config(&self) -> Result<AgentConfig, SettingsError> {
        let Self { agent, control_plane, work, receivers, dns, response, .. } = self;
        Ok(AgentConfig {
            control_planes: control_plane.urls.clone(),
            tls: control_plane.tls()?,
            region: agent.region.clone(),
            agent_id: match agent.id.as_str() {
                "" => default_agent_id(&host_name(), is_in_kubernetes()),
                id => id.to_owned(),
            },
            max_in_flight: work.max_in_flight,
            max_payload_bytes: work.max_payload_bytes_in_flight,
            max_subscriptions: work.max_cached_subscriptions,
            connections: ConnectionLimits {
                per_origin: receivers.max_connections_per_origin,
                per_subscription: receivers.max_connections_per_subscription,
                total: receivers.max_connections,
                idle_timeout: Duration::from_secs(receivers.idle_timeout_seconds),
            },
            connect_timeout: Duration::from_millis(receivers.connect_timeout_milliseconds),
            lookup_backend: dns.backend()?,
            lookups: LookupLimits {
                total: dns.max_lookups,
                per_tenant: dns.max_lookups_per_tenant,
                timeout: Duration::from_millis(dns.lookup_timeout_milliseconds),
                max_ttl: Duration::from_secs(dns.max_time_to_live_seconds),
                max_stale: Duration::from_secs(dns.max_stale_seconds),
            },
            response: ResponseLimits {
                body_bytes: response.max_body_bytes,
                excerpt_bytes: response.max_excerpt_bytes,
                headers_bytes: response.max_headers_bytes,
            },
            allow_subnets: receivers.allow_subnets.iter().map(|subnet| subnet.0).collect(),
            deny_subnets: receivers.deny_subnets.iter().map(|subnet| subnet.0).collect(),
            allowed_ports: receivers.allowed_ports.clone(),
            denied_ports: receivers.denied_ports.clone(),
            user_agent: receivers.user_agent.clone().unwrap_or_default(),
            extra_ca_pem: Vec::new(),
            extra_ca_files: receivers.extra_ca_files()?,
            metrics_address: agent.metrics_listen.clone(),
            otlp_endpoint: self.telemetry.otlp_endpoint.clone(),
            otlp_protocol: self.telemetry.otlp_protocol,
            drain_timeout: Duration::from_secs(agent.drain_timeout_seconds),
        })
    }

    /// The name of the flag that gives a setting, if it has one.
    pub fn flag_of(setting: &str) -> Option<&'static str> {
        FORMAT.flag_of(setting)
    }

    /// The process's logging and tracing options.
    pub fn telemetry(&self) -> TelemetryOptions {
        self.telemetry.options()
    }

    /// Worker threads of the runtime. On a small machine more than one only get into
    /// each other's way.
    pub fn worker_threads(&self) -> usize {
        let but_one =
            || std::thread::available_parallelism().map_or(1, usize::from).saturating_sub(1);
        match self.agent.worker_threads {
            0 => but_one().max(1),
            threads => threads,
        }
    }
}

impl AgentConfig {
    /// The defaults, for an agent of `region` named `agent_id`.
    pub fn new(
        control_plane: ControlPlaneEndpoint,
        region: String,
        agent_id: String,
    ) -> Result<Self, SettingsError> {
        let mut settings: Settings = FORMAT.default_settings()?;
        settings.control_plane.urls = vec![control_plane];
        settings.agent.region = region;
        settings.agent.id = agent_id;
        settings.config()
    }
}

/// Kubernetes gives every container this variable.
fn is_in_kubernetes() -> bool {
    std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

fn certificates(name: &'static str, file: &str) -> Result<Vec<u8>, SettingsError> {
    read_certificates(Path::new(file))
        .map_err(|error| SettingsError::value(name, format!("{error:#}")))
}

#[cfg(test)]
mod tests;
