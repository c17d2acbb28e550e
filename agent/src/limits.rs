//! What the parts of an agent are given of its configuration: limits of connections,
//! look-ups and responses, and how names are looked up.
//!
//! They stand here, below the parts that keep them, so that the configuration does not
//! depend on those.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How much of a response is read, and how much of that is reported.
#[derive(Debug, Clone)]
pub struct ResponseLimits {
    /// Bytes of the body that are read; what is larger ends the attempt.
    pub body_bytes: usize,
    /// Bytes of the body that are reported.
    pub excerpt_bytes: usize,
    /// Bytes of the headers' names and values that are reported.
    pub headers_bytes: usize,
}

/// How many connections there may be, and for how long.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// HTTP/1.1 connections to one origin.
    pub per_origin: usize,
    /// HTTP/1.1 connections that one subscription uses at once.
    pub per_subscription: usize,
    /// Connections in all.
    pub total: usize,
    /// A connection unused for this long is closed.
    pub idle_timeout: Duration,
}

/// How many look-ups there may be, and how long their answers are kept.
#[derive(Debug, Clone)]
pub struct LookupLimits {
    /// Look-ups under way. An eighth of them is left to tenants that have none.
    pub total: usize,
    /// Look-ups under way for one tenant.
    pub per_tenant: usize,
    /// A look-up is given up after this long, and so is waiting for one.
    pub timeout: Duration,
    /// The longest that an answer is kept, whatever its time to live.
    pub max_ttl: Duration,
    /// How long after that it is used while name servers fail.
    pub max_stale: Duration,
}

/// How names are looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookupBackend {
    /// The agent asks name servers by itself, as resolv.conf(5) and hosts(5) say.
    NameServers {
        /// Instead of those that resolv.conf names.
        servers: Vec<SocketAddr>,
        /// The system's resolv.conf.
        resolv_conf: PathBuf,
        /// The system's hosts file.
        hosts: PathBuf,
    },
    /// The C library's getaddrinfo, which knows all of nsswitch.conf(5), and takes a
    /// thread for each name for as long as its name servers take.
    System,
}

impl LookupBackend {
    /// The agent's own, with the system's files.
    pub fn name_servers(servers: Vec<SocketAddr>) -> Self {
        let (resolv_conf, hosts) = ("/etc/resolv.conf".into(), "/etc/hosts".into());
        Self::NameServers { servers, resolv_conf, hosts }
    }
}

/// For tests; those of the program are in `config.default.toml`.
#[cfg(test)]
impl Default for LookupLimits {
    fn default() -> Self {
        Self {
            total: 64,
            per_tenant: 8,
            timeout: Duration::from_secs(5),
            max_ttl: Duration::from_secs(300),
            max_stale: Duration::from_secs(3_600),
        }
    }
}
