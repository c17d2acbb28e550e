//! The configuration of an agent, checked before anything is opened.
//!
//! After [`AgentConfig::check`] every limit is in its range, and an unencrypted control plane is a
//! loopback address. Every quantity has its unit in its name or its type.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use ipnet::IpNet;
use postrider_settings::{SettingsError, check_range, require_at_most};
use postrider_telemetry::{ListenAddress, OtlpEndpoint, OtlpProtocol};
use postrider_tls::{PemFile, PemFiles};
use postrider_webhook_request::UserAgent;
use url::{Host, Url};

use crate::address_guard::PortRange;
use crate::limits::{ConnectionLimits, LookupBackend, LookupLimits, ResponseLimits};
use crate::setting_ranges::SETTING_RANGES;

/// One name under which replicas are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlPlaneEndpoint {
    /// Whether it is reached over TLS.
    pub tls: bool,
    /// The name, or address, of the URL; also the name in the certificate.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl ControlPlaneEndpoint {
    /// Takes `https://host:port`, or `http://` when the host is loopback. The errors leave
    /// the text out: it stands before them, as an entry of a list.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let url = Url::parse(text).context("must be a URL, https://host:port")?;
        let host = url.host().context("the URL has no host")?;
        let tls = match url.scheme() {
            "https" => true,
            "http" if is_loopback(&host) => false,
            "http" => bail!("http is permitted only for a loopback host; use https"),
            other => bail!("{other} is not a supported scheme; use https"),
        };
        ensure!(
            url.path() == "/" && url.query().is_none() && url.username().is_empty(),
            "the URL must have only a scheme, a host and a port"
        );
        Ok(Self {
            tls,
            host: match host {
                Host::Domain(name) => name.to_owned(),
                Host::Ipv4(address) => address.to_string(),
                Host::Ipv6(address) => address.to_string(),
            },
            port: url.port_or_known_default().unwrap_or(443),
        })
    }
}

impl FromStr for ControlPlaneEndpoint {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        Self::parse(text)
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => IpAddr::V6(*address).to_canonical().is_loopback(),
    }
}

/// The agent's side of mutual TLS: files in PEM, read again when they change.
#[derive(Debug, Clone, Default)]
pub struct ControlPlaneTls {
    /// Roots to check replicas with; without them the platform's are used.
    pub ca: Option<PathBuf>,
    /// What the agent shows of itself.
    pub identity: Option<ClientCertificate>,
}

/// The files of a certificate and its key.
#[derive(Debug, Clone)]
pub struct ClientCertificate {
    /// The certificate and those that lead to its root.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

impl ControlPlaneTls {
    /// The files, with the settings that name them.
    pub fn files(&self) -> PemFiles {
        let file = |setting, path: &PathBuf| PemFile { setting, path: path.clone() };
        let identity = self.identity.as_ref().map(|own| {
            let certificate = file("control_plane.tls_cert", &own.certificate);
            (certificate, file("control_plane.tls_key", &own.key))
        });
        let authorities = self.ca.iter().map(|ca| file("control_plane.tls_ca", ca)).collect();
        PemFiles { identity, authorities }
    }
}

/// As the control plane takes it (AIP-122).
const MAX_RESOURCE_ID_BYTES: usize = 63;
const MAX_AGENT_ID_BYTES: usize = 128;

fn is_resource_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=MAX_RESOURCE_ID_BYTES).contains(&bytes.len())
        && bytes.first().is_some_and(u8::is_ascii_lowercase)
        && bytes.last() != Some(&b'-')
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

/// Whether a character may be in an agent's id.
fn is_agent_id_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-')
}

fn is_agent_id(text: &str) -> bool {
    (1..=MAX_AGENT_ID_BYTES).contains(&text.len()) && text.chars().all(is_agent_id_character)
}

/// An agent's id where none is given. In Kubernetes the pod's name, which is the host's: a
/// pod has one agent, and certificates can bind its name. Elsewhere one that no other
/// process has.
pub fn default_agent_id(host_name: &str, in_kubernetes: bool) -> String {
    if in_kubernetes && is_agent_id(host_name) {
        return host_name.to_owned();
    }
    unique_agent_id(host_name)
}

/// An id that no other process has: where it runs, for people, and what tells it
/// from the others there.
pub fn unique_agent_id(place: &str) -> String {
    /// With a hyphen and 16 digits it fits into an id.
    const MAX_PLACE_BYTES: usize = 100;
    let place: String =
        place.chars().filter(|c| is_agent_id_character(*c)).take(MAX_PLACE_BYTES).collect();
    let place = if place.is_empty() { "agent" } else { &place };
    format!("{place}-{:016x}", rand::random::<u64>())
}

/// What one agent does.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// Where replicas are found; each name stands for all its addresses.
    pub control_planes: Vec<ControlPlaneEndpoint>,
    /// How the agent and its replicas recognise each other.
    pub tls: ControlPlaneTls,
    /// The region that the agent serves.
    pub region: String,
    /// The agent's name, unique in its region.
    pub agent_id: String,
    /// Attempts in flight over all streams.
    pub max_in_flight: u32,
    /// Payload bytes of all attempts in flight.
    pub max_payload_bytes: u64,
    /// Subscriptions whose settings are remembered.
    pub max_subscriptions: usize,
    /// Connections to receivers.
    pub connections: ConnectionLimits,
    /// The longest that making a connection may take.
    pub connect_timeout: Duration,
    /// How the addresses of receivers are found.
    pub lookup_backend: LookupBackend,
    /// How many are looked up at once, and how long answers are kept.
    pub lookups: LookupLimits,
    /// What is read of a response.
    pub response: ResponseLimits,
    /// Subnets that the address guard accepts whatever they are …
    pub allow_subnets: Vec<IpNet>,
    /// … and those that it refuses whatever they are, the accepted ones among them.
    pub deny_subnets: Vec<IpNet>,
    /// Ports of receivers that it accepts; none: any but those …
    pub allowed_ports: Vec<PortRange>,
    /// … that it refuses, whatever it accepts.
    pub denied_ports: Vec<PortRange>,
    /// What requests say of who sends them.
    pub user_agent: UserAgent,
    /// Roots to check receivers with, beside the platform's; in PEM …
    pub extra_ca_pem: Vec<Vec<u8>>,
    /// … and in files of PEM, which are read again when they change.
    pub extra_ca_files: Vec<PathBuf>,
    /// Where Prometheus asks.
    pub metrics_address: Option<ListenAddress>,
    /// Where metrics are exported to by OTLP; none: where the environment says.
    pub otlp_endpoint: Option<OtlpEndpoint>,
    /// How; none: as the environment says.
    pub otlp_protocol: Option<OtlpProtocol>,
    /// How long stopping may take.
    pub drain_timeout: Duration,
}

impl AgentConfig {
    /// Refuses what cannot work, in words for whoever wrote it.
    pub fn check(&self) -> Result<(), SettingsError> {
        let bad = |name, problem| Err(SettingsError::value(name, problem));
        if self.control_planes.is_empty() {
            return bad("control_plane.urls", "no control plane is configured".to_owned());
        }
        if !is_resource_id(&self.region) {
            let problem = format!(
                "{:?} is not a valid region: 1 to {MAX_RESOURCE_ID_BYTES} lower-case letters, \
                 digits and hyphens, a letter first and no hyphen last",
                self.region
            );
            return bad("agent.region", problem);
        }
        if !is_agent_id(&self.agent_id) {
            let problem = format!(
                "{:?} is not a valid agent id: 1 to {MAX_AGENT_ID_BYTES} letters, digits, dots, \
                 underscores and hyphens",
                self.agent_id
            );
            return bad("agent.id", problem);
        }
        for (name, value) in self.numbers() {
            check_range(SETTING_RANGES, name, value)?;
        }
        require_at_most(
            ("response.max_excerpt_bytes", self.response.excerpt_bytes as u64),
            ("response.max_body_bytes", self.response.body_bytes as u64),
        )
    }

    /// Most files that the agent may have open at once.
    pub fn most_open_files(&self) -> u64 {
        /// A name is asked for by A and by AAAA, of two name servers.
        const SOCKETS_PER_LOOKUP: u64 = 4;
        /// Streams to replicas, scrapers, logs, and second addresses that are dialled
        /// beside slow ones.
        const OTHER_OPEN_FILES: u64 = 256;
        let lookups = (self.lookups.total as u64).saturating_mul(SOCKETS_PER_LOOKUP);
        (self.connections.total as u64).saturating_add(lookups).saturating_add(OTHER_OPEN_FILES)
    }

    /// Each limit with the name of its setting.
    fn numbers(&self) -> [(&'static str, u64); 16] {
        let Self { connections, lookups, response, .. } = self;
        [
            ("work.max_in_flight", self.max_in_flight.into()),
            ("work.max_payload_bytes_in_flight", self.max_payload_bytes),
            ("work.max_cached_subscriptions", self.max_subscriptions as u64),
            ("receivers.max_connections_per_origin", connections.per_origin as u64),
            ("receivers.max_connections_per_subscription", connections.per_subscription as u64),
            ("receivers.max_connections", connections.total as u64),
            ("receivers.idle_timeout_seconds", connections.idle_timeout.as_secs()),
            ("receivers.connect_timeout_milliseconds", self.connect_timeout.as_millis() as u64),
            ("dns.max_lookups", lookups.total as u64),
            ("dns.max_lookups_per_tenant", lookups.per_tenant as u64),
            ("dns.lookup_timeout_milliseconds", lookups.timeout.as_millis() as u64),
            ("dns.max_time_to_live_seconds", lookups.max_ttl.as_secs()),
            ("dns.max_stale_seconds", lookups.max_stale.as_secs()),
            ("response.max_body_bytes", response.body_bytes as u64),
            ("response.max_excerpt_bytes", response.excerpt_bytes as u64),
            ("response.max_headers_bytes", response.headers_bytes as u64),
        ]
    }
}

#[cfg(test)]
mod tests {
    use postrider_proto::attempt_limits::{MAX_EXCERPT_BYTES, MAX_REPORTED_HEADERS_BYTES};

    use super::*;

    #[test]
    fn a_control_plane_is_reached_over_tls_or_over_loopback() {
        let tls = ControlPlaneEndpoint::parse("https://postrider.example:8443").unwrap();
        assert!(tls.tls);
        assert_eq!((tls.host.as_str(), tls.port), ("postrider.example", 8443));
        assert_eq!(ControlPlaneEndpoint::parse("https://postrider.example").unwrap().port, 443);
        for loopback in ["http://127.0.0.1:50051", "http://localhost:1", "http://[::1]:1"] {
            assert!(!ControlPlaneEndpoint::parse(loopback).unwrap().tls, "{loopback}");
        }
        for refused in [
            "http://postrider.example:50051",
            "http://127.0.0.1.example:1",
            "postrider.example:50051",
            "https://postrider.example/path",
            "ftp://127.0.0.1",
        ] {
            assert!(ControlPlaneEndpoint::parse(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_unique_id_is_an_id_and_says_where() {
        let (one, other) = (unique_agent_id("host.example"), unique_agent_id("host.example"));
        assert!(one.starts_with("host.example-") && one != other);
        for place in ["", "é\n", "a b", &"x".repeat(300)] {
            assert!(is_agent_id(&unique_agent_id(place)), "{place}");
        }
    }

    #[test]
    fn a_pods_agent_has_its_name() {
        assert_eq!(default_agent_id("agent-eu-7f9c-x2k4q", true), "agent-eu-7f9c-x2k4q");
        assert_ne!(default_agent_id("host", false), "host");
        assert!(is_agent_id(&default_agent_id("", true)));
    }

    #[test]
    fn defaults_pass_and_zeroes_do_not() {
        let control_plane = ControlPlaneEndpoint::parse("https://postrider.example").unwrap();
        let config =
            AgentConfig::new(control_plane, "eu-1".to_owned(), "agent-1".to_owned()).unwrap();
        config.check().unwrap();
        let mut broken = config.clone();
        broken.max_in_flight = 0;
        assert!(broken.check().unwrap_err().to_string().contains("work.max_in_flight"));
        for wrong in ["", "a b", "é", &"x".repeat(129)] {
            let broken = AgentConfig { agent_id: wrong.to_owned(), ..config.clone() };
            assert!(broken.check().unwrap_err().to_string().contains("agent.id"), "{wrong}");
        }
        for wrong in ["", "EU", "eu_1", "1eu", "eu-", "é", &"x".repeat(64)] {
            let broken = AgentConfig { region: wrong.to_owned(), ..config.clone() };
            assert!(broken.check().unwrap_err().to_string().contains("agent.region"), "{wrong}");
        }
        let mut broken = config.clone();
        broken.response.excerpt_bytes = broken.response.body_bytes + 1;
        assert!(broken.check().is_err());
        let mut broken = config.clone();
        broken.response.body_bytes = MAX_EXCERPT_BYTES * 2;
        broken.response.excerpt_bytes = MAX_EXCERPT_BYTES + 1;
        assert!(broken.check().unwrap_err().to_string().contains("response.max_excerpt_bytes"));
        let mut broken = config;
        broken.response.headers_bytes = MAX_REPORTED_HEADERS_BYTES + 1;
        assert!(broken.check().unwrap_err().to_string().contains("response.max_headers_bytes"));
    }
}
