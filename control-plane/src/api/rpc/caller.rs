//! Who calls: the one place where a caller's identity enters a request.
//!
//! Fed by `layer` with the connection; feeds the spans of calls and the log line of each change.

use std::fmt;

use http::Extensions;
use tonic::Request;

use crate::listeners::ConnectionPeer;

/// The sender of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub who: String,
}

impl Caller {
    /// Identifies the sender of a request on a connection by its address, and by whether it
    /// presented a certificate, which the TLS layer has verified.
    pub(super) fn of_connection(connection: &Extensions) -> Self {
        let peer = connection.get::<ConnectionPeer>();
        let address = peer.map_or_else(|| "unknown".to_owned(), |peer| peer.address.to_string());
        let certified = peer.is_some_and(|peer| peer.certificate.is_some());
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
