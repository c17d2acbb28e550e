//! The settings of the `postrider-agent` program: flags and environment variables.
//!
//! Everything is parsed and every file is read before a connection is made. An error
//! names the setting and where it was given.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Parser, ValueEnum};
use ipnet::IpNet;
use postrider_telemetry::{ListenAddress, TelemetryOptions, host_name};
use zeroize::Zeroizing;

use crate::config::{AgentConfig, ClientCertificate, ControlPlaneEndpoint, unique_agent_id};
use crate::limits::{LookupBackend, LookupLimits};
use crate::receiver_trust::read_certificates;

const DNS_PORT: u16 = 53;

/// Makes the signed HTTPS POSTs that Postrider's control plane assigns.
#[derive(Debug, Parser)]
#[command(name = "postrider-agent", version)]
pub struct Settings {
    /// The control plane, https://host:port; may be repeated. Each address of each name gets
    /// a work stream. http:// is permitted for loopback hosts only.
    #[arg(long, required = true, value_delimiter = ',', env = "POSTRIDER_AGENT_CONTROL_PLANE")]
    control_plane: Vec<String>,

    /// The region that this agent serves.
    #[arg(long, env = "POSTRIDER_AGENT_REGION")]
    region: String,

    /// The agent's name; of two processes with one name the later is refused until
    /// the earlier is gone [default: the host's name and 16 random digits, so that
    /// each process has its own].
    #[arg(long, env = "POSTRIDER_AGENT_ID")]
    id: Option<String>,

    /// The agent's certificate for the control plane, PEM.
    #[arg(long, requires = "tls_key", env = "POSTRIDER_AGENT_TLS_CERT")]
    tls_cert: Option<PathBuf>,

    /// The key of that certificate, PEM.
    #[arg(long, requires = "tls_cert", env = "POSTRIDER_AGENT_TLS_KEY")]
    tls_key: Option<PathBuf>,

    /// Root certificates for the control plane, PEM [default: the platform's].
    #[arg(long, env = "POSTRIDER_AGENT_TLS_CA")]
    tls_ca: Option<PathBuf>,

    /// Maximum number of attempts in flight.
    #[arg(long, default_value_t = 512, env = "POSTRIDER_AGENT_MAX_IN_FLIGHT")]
    max_in_flight: u32,

    /// Maximum payload bytes of all attempts in flight.
    #[arg(
        long,
        default_value_t = 64 * 1024 * 1024,
        env = "POSTRIDER_AGENT_MAX_PAYLOAD_BYTES"
    )]
    max_payload_bytes: u64,

    /// Maximum number of cached subscriptions. The control plane sends evicted ones again.
    #[arg(long, default_value_t = 100_000, env = "POSTRIDER_AGENT_MAX_SUBSCRIPTIONS")]
    max_subscriptions: usize,

    /// Maximum number of HTTP/1.1 connections to one origin.
    #[arg(long, default_value_t = 256, env = "POSTRIDER_AGENT_CONNECTIONS_PER_HOST")]
    connections_per_host: usize,

    /// Maximum number of HTTP/1.1 connections that one subscription uses at a time.
    #[arg(long, default_value_t = 64, env = "POSTRIDER_AGENT_CONNECTIONS_PER_SUBSCRIPTION")]
    connections_per_subscription: usize,

    /// Maximum number of connections to all receivers.
    #[arg(long, default_value_t = 4_096, env = "POSTRIDER_AGENT_MAX_CONNECTIONS")]
    max_connections: usize,

    /// An idle connection is closed after this many seconds.
    #[arg(long, default_value_t = 30, env = "POSTRIDER_AGENT_IDLE_TIMEOUT_SECONDS")]
    idle_timeout_seconds: u64,

    /// Time limit for making a connection, in milliseconds.
    #[arg(long, default_value_t = 10_000, env = "POSTRIDER_AGENT_CONNECT_TIMEOUT_MS")]
    connect_timeout_ms: u64,

    /// How names of receivers are looked up: "name-servers" asks them as
    /// /etc/resolv.conf and /etc/hosts say; "system" leaves it to the C library,
    /// which reads nsswitch.conf as well and takes a thread for each name.
    #[arg(long, default_value = "name-servers", env = "POSTRIDER_AGENT_RESOLVER")]
    resolver: ResolverKind,

    /// A name server to ask instead of those in /etc/resolv.conf, IP address with or
    /// without a port; may be given several times.
    #[arg(
        long,
        value_delimiter = ',',
        value_parser = name_server,
        env = "POSTRIDER_AGENT_NAME_SERVER"
    )]
    name_server: Vec<SocketAddr>,

    /// Time limit for a DNS lookup, in milliseconds.
    #[arg(long, default_value_t = 5_000, env = "POSTRIDER_AGENT_LOOKUP_TIMEOUT_MS")]
    lookup_timeout_ms: u64,

    /// Maximum number of concurrent DNS lookups.
    #[arg(long, default_value_t = 64, env = "POSTRIDER_AGENT_MAX_LOOKUPS")]
    max_lookups: usize,

    /// Maximum number of concurrent DNS lookups for one tenant.
    #[arg(long, default_value_t = 8, env = "POSTRIDER_AGENT_MAX_LOOKUPS_PER_TENANT")]
    max_lookups_per_tenant: usize,

    /// Upper limit for the time to live of a receiver's addresses, in seconds.
    #[arg(long, default_value_t = 300, env = "POSTRIDER_AGENT_KEEP_ADDRESSES_SECONDS")]
    keep_addresses_seconds: u32,

    /// How long expired addresses are still used while name servers fail, in seconds.
    #[arg(long, default_value_t = 3_600, env = "POSTRIDER_AGENT_KEEP_OLD_ADDRESSES_SECONDS")]
    keep_old_addresses_seconds: u32,

    /// A private or loopback subnet that POSTs may go to; may be repeated.
    #[arg(long, value_delimiter = ',', env = "POSTRIDER_AGENT_ALLOW_SUBNET")]
    allow_subnet: Vec<IpNet>,

    /// Additional root certificates for receivers, or a receiver's own self-signed one, PEM;
    /// may be repeated.
    #[arg(long, value_delimiter = ',', env = "POSTRIDER_AGENT_EXTRA_CA")]
    extra_ca: Vec<PathBuf>,

    /// Maximum bytes of a response body that are read.
    #[arg(
        long,
        default_value_t = 64 * 1024,
        env = "POSTRIDER_AGENT_RESPONSE_BODY_LIMIT_BYTES"
    )]
    response_body_limit_bytes: usize,

    /// Bytes of a response's body that are kept for its history.
    #[arg(long, default_value_t = 1024, env = "POSTRIDER_AGENT_RESPONSE_EXCERPT_BYTES")]
    response_excerpt_bytes: usize,

    /// Bytes of a response's headers that are kept for its history.
    #[arg(long, default_value_t = 4096, env = "POSTRIDER_AGENT_RESPONSE_HEADERS_BYTES")]
    response_headers_bytes: usize,

    /// Address of the Prometheus endpoint (/metrics), host:port. Empty: none.
    #[arg(long, env = "POSTRIDER_AGENT_METRICS_ADDRESS")]
    metrics_address: Option<ListenAddress>,

    /// Time limit for stopping, in seconds.
    #[arg(long, default_value_t = 30, env = "POSTRIDER_AGENT_DRAIN_TIMEOUT_SECONDS")]
    drain_timeout_seconds: u64,

    /// Worker threads [default: the number of cores minus one, at least 1].
    #[arg(long, env = "POSTRIDER_AGENT_THREADS")]
    threads: Option<usize>,

    /// Write the log as one JSON object per line.
    #[arg(long, env = "POSTRIDER_AGENT_LOG_JSON")]
    log_json: bool,

    /// The OTLP collector that traces go to, http://host:4317.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    otlp_endpoint: Option<String>,
}

impl Settings {
    /// Reads the files and checks everything.
    pub fn config(&self) -> anyhow::Result<AgentConfig> {
        let mut control_planes = self
            .control_plane
            .iter()
            .map(|text| ControlPlaneEndpoint::parse(text))
            .collect::<anyhow::Result<Vec<_>>>()
            .context("--control-plane")?
            .into_iter();
        let first = control_planes.next().context("--control-plane is missing")?;
        let id = self.id.clone().unwrap_or_else(|| unique_agent_id(&host_name()));
        let mut config = AgentConfig::new(first, self.region.clone(), id);
        config.control_planes.extend(control_planes);
        let ca = |file| read_certificates("--tls-ca", file);
        config.tls.ca_pem = self.tls_ca.as_deref().map(ca).transpose()?;
        if let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) {
            config.tls.identity = Some(ClientCertificate {
                certificate_pem: read_certificates("--tls-cert", certificate)?,
                key_pem: Zeroizing::new(read(key)?),
            });
        }
        config.max_in_flight = self.max_in_flight;
        config.max_payload_bytes = self.max_payload_bytes;
        config.max_subscriptions = self.max_subscriptions;
        config.connections.per_origin = self.connections_per_host;
        config.connections.per_subscription = self.connections_per_subscription;
        config.connections.total = self.max_connections;
        config.connections.idle_timeout = Duration::from_secs(self.idle_timeout_seconds);
        config.connect_timeout = Duration::from_millis(self.connect_timeout_ms);
        config.lookup_backend = self.lookup_backend()?;
        config.lookups = LookupLimits {
            total: self.max_lookups,
            per_tenant: self.max_lookups_per_tenant,
            timeout: Duration::from_millis(self.lookup_timeout_ms),
            max_ttl: Duration::from_secs(self.keep_addresses_seconds.into()),
            max_stale: Duration::from_secs(self.keep_old_addresses_seconds.into()),
        };
        config.allow_subnets.clone_from(&self.allow_subnet);
        config.extra_ca_pem = self
            .extra_ca
            .iter()
            .map(|file| read_certificates("--extra-ca", file))
            .collect::<anyhow::Result<_>>()?;
        config.response.body_bytes = self.response_body_limit_bytes;
        config.response.excerpt_bytes = self.response_excerpt_bytes;
        config.response.headers_bytes = self.response_headers_bytes;
        config.metrics_address.clone_from(&self.metrics_address);
        config.drain_timeout = Duration::from_secs(self.drain_timeout_seconds);
        config.check()?;
        Ok(config)
    }

    fn lookup_backend(&self) -> anyhow::Result<LookupBackend> {
        match self.resolver {
            ResolverKind::NameServers => Ok(LookupBackend::name_servers(self.name_server.clone())),
            ResolverKind::System => {
                let asked = self.name_server.is_empty();
                ensure!(asked, "--name-server cannot be combined with --resolver system");
                Ok(LookupBackend::System)
            }
        }
    }

    /// How the process is watched.
    pub fn telemetry(&self) -> TelemetryOptions {
        TelemetryOptions {
            json: self.log_json,
            otlp_endpoint: self.otlp_endpoint.clone(),
            quiet: false,
        }
    }

    /// How many threads work. On a small machine more than one only get into
    /// each other's way.
    pub fn threads(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.unwrap_or_else(|| cores().saturating_sub(1)).max(1)
    }
}

/// Who answers for the names of receivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ResolverKind {
    NameServers,
    System,
}

fn name_server(text: &str) -> Result<SocketAddr, String> {
    let without_port = || text.parse::<IpAddr>().map(|address| (address, DNS_PORT).into());
    text.parse().or_else(|_| without_port()).map_err(|_| "is not an IP address".to_owned())
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn parse(arguments: &[&str]) -> anyhow::Result<AgentConfig> {
        let always = ["postrider-agent", "--region", "eu-1"];
        Settings::try_parse_from(always.iter().chain(arguments))?.config()
    }

    #[test]
    fn several_control_planes_and_subnets_may_be_given() {
        let config = parse(&[
            "--control-plane",
            "https://one.example",
            "--control-plane",
            "http://localhost:7000",
            "--allow-subnet",
            "127.0.0.0/8,10.1.0.0/16",
            "--max-in-flight",
            "9",
        ])
        .unwrap();
        assert_eq!(config.control_planes.len(), 2);
        assert_eq!(config.allow_subnets.len(), 2);
        assert_eq!(config.max_in_flight, 9);
        assert!(!config.agent_id.is_empty());
    }

    #[test]
    fn mistakes_are_told_before_anything_opens() {
        let control_plane = ["--control-plane", "https://one.example"];
        for (wrong, words) in [
            (&["--control-plane", "http://one.example"][..], "loopback"),
            (&["--tls-ca", "/no/such/file"], "/no/such/file"),
            (&["--extra-ca", "/no/such/file"], "/no/such/file"),
            (&["--tls-cert", "/no/such/file"], "--tls-key"),
            (&["--max-in-flight", "0"], "max-in-flight"),
            (&["--max-lookups", "0"], "max-lookups"),
            (&["--lookup-timeout-ms", "0"], "lookup-timeout"),
            (&["--name-server", "dns.example"], "IP address"),
            (&["--resolver", "system", "--name-server", "::1"], "--name-server"),
            (&["--allow-subnet", "127.0.0.0/99"], "--allow-subnet"),
        ] {
            let arguments: Vec<_> = control_plane.iter().chain(wrong).copied().collect();
            let error = format!("{:#}", parse(&arguments).unwrap_err());
            assert!(error.contains(words), "{error}");
        }
        assert!(parse(&[]).is_err());
    }
}
