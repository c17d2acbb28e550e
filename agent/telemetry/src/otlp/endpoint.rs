//! The address of an OTLP collector, checked before anything is sent to it.
//!
//! Fed by the settings and by OpenTelemetry's own variables; feeds the target of a signal.

use http::Uri;
use thiserror::Error;

/// Where spans and metrics go: a URL with a scheme and a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpEndpoint(Uri);

/// Why a text is not such a URL.
#[derive(Debug, Error)]
#[error("must be a URL with scheme and host: http://host:port or https://host:port")]
pub struct OtlpEndpointError;

impl OtlpEndpoint {
    /// None where the text is empty.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, OtlpEndpointError> {
        if text.is_empty() {
            return Ok(None);
        }
        let url: Uri = text.parse().map_err(|_| OtlpEndpointError)?;
        let is_http = matches!(url.scheme_str(), Some("http" | "https"));
        let has_host = url.host().is_some_and(|host| !host.is_empty());
        // Headers have a variable of their own, which is not shown.
        let has_user = url.authority().is_some_and(|authority| authority.as_str().contains('@'));
        if is_http && has_host && !has_user { Ok(Some(Self(url))) } else { Err(OtlpEndpointError) }
    }

    pub(crate) fn scheme(&self) -> &str {
        self.0.scheme_str().unwrap_or_default()
    }

    pub(crate) fn is_https(&self) -> bool {
        self.scheme() == "https"
    }

    /// The host as certificates have it, without brackets.
    pub(crate) fn host(&self) -> &str {
        self.0.host().unwrap_or_default().trim_matches(['[', ']'])
    }

    /// Host and port.
    pub(crate) fn authority(&self) -> &str {
        self.0.authority().map(http::uri::Authority::as_str).unwrap_or_default()
    }

    /// The path without its last slash, if it is that only.
    pub(crate) fn path(&self) -> &str {
        match self.0.path() {
            "/" => "",
            path => path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_has_a_scheme_and_a_host() {
        assert_eq!(OtlpEndpoint::parse("").unwrap(), None);
        for good in ["http://localhost:4317", "https://collector.example", "http://[::1]:1/v1"] {
            assert!(OtlpEndpoint::parse(good).unwrap().is_some(), "{good}");
        }
        for wrong in ["zzz", "localhost:4317", "ftp://one.example", "http://", "/v1", "http://a b"]
        {
            assert!(OtlpEndpoint::parse(wrong).is_err(), "{wrong}");
        }
        assert!(OtlpEndpoint::parse("http://user:secret@localhost:4317").is_err());
    }

    #[test]
    fn an_endpoint_is_taken_apart() {
        let parsed = OtlpEndpoint::parse("https://[::1]:4318/otlp").unwrap().unwrap();
        assert!(parsed.is_https());
        assert_eq!(
            (parsed.host(), parsed.authority(), parsed.path()),
            ("::1", "[::1]:4318", "/otlp")
        );
        assert_eq!(OtlpEndpoint::parse("http://a:1/").unwrap().unwrap().path(), "");
    }
}
