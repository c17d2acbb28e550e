//! Who calls: the one place where a caller's identity enters a request.
//!
//! Fed by the connection; feeds the spans of calls and the log line of each change.

use std::fmt;

use tonic::Request;

/// The sender of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub who: String,
}

impl Caller {
    /// Identifies the sender by its address, and by whether it presented a certificate,
    /// which the TLS layer has verified.
    pub fn of<T>(request: &Request<T>) -> Self {
        let address = request.remote_addr().map_or_else(|| "unknown".to_owned(), |a| a.to_string());
        let certified = request.peer_certs().is_some_and(|chain| !chain.is_empty());
        let kind = if certified { "certificate" } else { "address" };
        Self { who: format!("{kind}:{address}") }
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
