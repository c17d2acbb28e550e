//! Who calls: the one place where a caller's identity enters a request.
//!
//! Fed by `layer` with the connection; feeds the spans of calls and the log line of each change.

use std::fmt;

use http::Extensions;
use tonic::Request;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};

/// The sender of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub who: String,
}

impl Caller {
    /// Identifies the sender of a request on a connection by its address, and by whether it
    /// presented a certificate, which the TLS layer has verified.
    pub(super) fn of_connection(connection: &Extensions) -> Self {
        let tls = connection.get::<TlsConnectInfo<TcpConnectInfo>>();
        let tcp = connection.get().or(tls.map(TlsConnectInfo::get_ref));
        let address = tcp.and_then(TcpConnectInfo::remote_addr);
        let address = address.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
        let certificates = tls.and_then(TlsConnectInfo::peer_certs);
        let certified = certificates.is_some_and(|chain| !chain.is_empty());
        let kind = if certified { "certificate" } else { "address" };
        Self { who: format!("{kind}:{address}") }
    }

    /// The sender of a request that came through `layer`.
    pub fn of<T>(request: &Request<T>) -> Self {
        let known = request.extensions().get().cloned();
        known.unwrap_or_else(|| Self::of_connection(&Extensions::new()))
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.who)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_connection_is_named_so() {
        assert_eq!(Caller::of(&Request::new(())).to_string(), "address:unknown");
    }
}
