//! An address to listen on: a host name or IP address, and a port.
//!
//! If a name has several addresses, the first that can be bound is used, IPv4 first.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use thiserror::Error;
use tokio::net::{TcpListener, lookup_host};

/// A host, by name or address, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddress {
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
}

/// Why a text is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a host and a port, for example 127.0.0.1:7443, localhost:7443 or [::1]:7443")]
pub struct ListenAddressError;

impl ListenAddress {
    /// Whether only this machine can reach it, by what it is called.
    pub fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(ip) => ip.to_canonical().is_loopback(),
            // RFC 6761, section 6.3.
            Err(_) => {
                let name = self.host.to_ascii_lowercase();
                name == "localhost" || name.ends_with(".localhost")
            }
        }
    }

    /// Listens at the first address of the host that can be listened on.
    pub async fn bind(&self) -> io::Result<TcpListener> {
        let mut addresses: Vec<SocketAddr> =
            lookup_host((self.host.as_str(), self.port)).await?.collect();
        addresses.sort_by_key(|address| address.is_ipv6());
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for address in addresses {
            match TcpListener::bind(address).await {
                Ok(listener) => return Ok(listener),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> Self {
        Self { host: address.ip().to_string(), port: address.port() }
    }
}

impl FromStr for ListenAddress {
    type Err = ListenAddressError;

    fn from_str(text: &str) -> Result<Self, ListenAddressError> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(address.into());
        }
        let (host, port) = text.rsplit_once(':').ok_or(ListenAddressError)?;
        let port = port.parse().map_err(|_| ListenAddressError)?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if host.is_empty() || host.len() > 253 || !host.chars().all(is_name) {
            return Err(ListenAddressError);
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// The host's name, which Kubernetes makes the pod's; empty where there is none.
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_taken_and_shown_alike() {
        for (text, loopback) in [
            ("127.0.0.1:7443", true),
            ("localhost:7443", true),
            ("api.localhost:1", true),
            ("[::1]:0", true),
            ("0.0.0.0:7443", false),
            ("[::]:7443", false),
            ("postrider-0.example:65535", false),
        ] {
            let address: ListenAddress = text.parse().unwrap();
            assert_eq!((address.to_string().as_str(), address.is_loopback()), (text, loopback));
        }
        for wrong in ["", "7443", ":7443", "localhost", "localhost:", "localhost:65536", "a b:1"] {
            assert_eq!(wrong.parse::<ListenAddress>(), Err(ListenAddressError), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_name_is_listened_on() {
        let listener = "localhost:0".parse::<ListenAddress>().unwrap().bind().await.unwrap();
        assert!(listener.local_addr().unwrap().ip().is_loopback());
        let taken = ListenAddress::from(listener.local_addr().unwrap()).bind().await.unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    }
}
