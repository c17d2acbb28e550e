//! The address of an OTLP collector, checked before anything is sent to it.
//!
//! Fed by the settings and by OpenTelemetry's own variable; feeds the exporter of spans.

use http::Uri;
use thiserror::Error;

/// Where spans go: a URL with a scheme and a host. The exporter would take any text, and
/// then send nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpEndpoint(String);

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
        if is_http && has_host { Ok(Some(Self(text.to_owned()))) } else { Err(OtlpEndpointError) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_has_a_scheme_and_a_host() {
        assert_eq!(OtlpEndpoint::parse("").unwrap(), None);
        for good in ["http://localhost:4317", "https://collector.example", "http://[::1]:1/v1"] {
            assert_eq!(OtlpEndpoint::parse(good).unwrap().unwrap().as_str(), good);
        }
        for wrong in ["zzz", "localhost:4317", "ftp://one.example", "http://", "/v1", "http://a b"]
        {
            assert!(OtlpEndpoint::parse(wrong).is_err(), "{wrong}");
        }
    }
}
