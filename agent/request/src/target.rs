//! A subscription's URL, parsed once for many requests.
//!
//! An origin is https, or http if that was permitted. The URL is checked by the same
//! function as when it was set (`postrider_proto::webhook_url`), so every URL that was
//! accepted there has a target here.
//!
//! Keeps the invariant `accepted-url-can-be-posted`.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use http::{HeaderValue, Uri};
use postrider_proto::webhook_url::{UrlProblem, WebhookUrl};
use rustls_pki_types::ServerName;
use thiserror::Error;
use url::Host;

/// Why a URL cannot be POSTed to.
#[derive(Debug, Error)]
pub enum TargetError {
    #[error("the URL {0}")]
    Url(#[from] UrlProblem),
    /// What the check of URLs allows has a form that requests and TLS take; this is
    /// for whatever they come to refuse beyond it.
    #[error("the URL cannot be put into a request: {0}")]
    Request(String),
}

/// What a connection is made to, and kept by: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The host as the URL has it.
    pub host: Host<String>,
    /// The port, the scheme's own included.
    pub port: u16,
    /// The name that the certificate must be for; none for plain http.
    pub tls_name: Option<ServerName<'static>>,
}

/// The name for TLS follows from the host.
impl Hash for Origin {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.host.hash(state);
        self.port.hash(state);
    }
}

/// One URL, ready for requests.
#[derive(Debug, Clone)]
pub struct WebhookTarget {
    /// Where to connect.
    pub origin: Arc<Origin>,
    /// Path and query, as HTTP/1.1 sends it.
    pub path: Uri,
    /// The whole URL, as HTTP/2 needs it.
    pub absolute: Uri,
    /// The Host header of HTTP/1.1.
    pub host_header: HeaderValue,
}

impl WebhookTarget {
    /// Takes a URL apart; http only where `allow_insecure`.
    pub fn parse(url: &str, allow_insecure: bool) -> Result<Self, TargetError> {
        let WebhookUrl { url, secure } = WebhookUrl::parse(url, allow_insecure)?;
        let host = url.host().ok_or(UrlProblem::Host)?.to_owned();
        let tls_name = match secure {
            true => Some(tls_name(&host)?),
            false => None,
        };
        let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        Ok(Self {
            host_header: HeaderValue::from_str(authority).map_err(request_error)?,
            path: path.parse().map_err(request_error)?,
            absolute: url.as_str().parse().map_err(request_error)?,
            origin: Arc::new(Origin {
                host,
                port: url.port_or_known_default().unwrap_or(if secure { 443 } else { 80 }),
                tls_name,
            }),
        })
    }
}

fn request_error(error: impl std::fmt::Display) -> TargetError {
    TargetError::Request(error.to_string())
}

fn tls_name(host: &Host<String>) -> Result<ServerName<'static>, TargetError> {
    match host {
        Host::Domain(name) => ServerName::try_from(name.clone()).map_err(request_error),
        Host::Ipv4(address) => Ok(ServerName::IpAddress((*address).into())),
        Host::Ipv6(address) => Ok(ServerName::IpAddress((*address).into())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let target = WebhookTarget::parse("https://pay.example:8443/hooks?a=1", false).unwrap();
        assert_eq!(target.origin.port, 8443);
        assert_eq!(target.path, "/hooks?a=1");
        assert_eq!(target.absolute, "https://pay.example:8443/hooks?a=1");
        assert_eq!(target.host_header, "pay.example:8443");
        assert!(target.origin.tls_name.is_some());
    }

    #[test]
    fn defaults_are_filled_in() {
        let target = WebhookTarget::parse("https://pay.example", false).unwrap();
        assert_eq!(target.origin.port, 443);
        assert_eq!(target.path, "/");
        assert_eq!(target.host_header, "pay.example");
        let plain = WebhookTarget::parse("http://[::1]/x", true).unwrap();
        assert_eq!(plain.origin.port, 80);
        assert_eq!(plain.host_header, "[::1]");
        assert_eq!(plain.origin.tls_name, None);
    }

    #[test]
    fn what_must_not_be_posted_to_is_refused() {
        for url in [
            "http://pay.example/",
            "ftp://pay.example/",
            "file:///etc/passwd",
            "https://user@pay.example/",
            "https://user:password@pay.example/",
            "not a url",
        ] {
            assert!(WebhookTarget::parse(url, false).is_err(), "{url}");
        }
        assert!(WebhookTarget::parse("ftp://pay.example/", true).is_err());
    }

    #[test]
    fn other_ways_to_write_an_address_become_the_address() {
        for url in ["https://2130706433/", "https://0x7f.1/", "https://127.1/"] {
            let target = WebhookTarget::parse(url, false).unwrap();
            assert_eq!(
                target.origin.host,
                Host::<String>::Ipv4("127.0.0.1".parse().unwrap()),
                "{url}"
            );
        }
    }

    /// Characters that hosts, ports, paths and queries are made of, and some more.
    fn written() -> impl Strategy<Value = String> {
        let host = "[a-zA-Z0-9.*{}$_ü%:@\\[\\]-]{0,20}";
        let rest = "[ -~ü]{0,20}";
        (prop_oneof![Just("https"), Just("http"), Just("HTTPS")], host, rest)
            .prop_map(|(scheme, host, rest)| format!("{scheme}://{host}/{rest}"))
    }

    proptest! {
        /// Nothing that can be set always fails.
        #[test]
        fn every_url_that_is_let_in_has_a_target(url in written()) {
            if WebhookUrl::parse(&url, true).is_ok() {
                let target = WebhookTarget::parse(&url, true);
                prop_assert!(target.is_ok(), "{}: {}", url, target.unwrap_err());
            }
        }
    }
}
