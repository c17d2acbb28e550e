//! Where a signal goes and how: what the settings say, and OpenTelemetry's own variables.
//!
//! Fed by the settings and the environment; feeds the exporter. Guarantees that an error names
//! the variable and shows no header's value.
//!
//! Each variable is read as `OTEL_EXPORTER_OTLP_TRACES_…` or `OTEL_EXPORTER_OTLP_METRICS_…`, and
//! if that is not set as `OTEL_EXPORTER_OTLP_…`.

use std::str::FromStr as _;
use std::time::Duration;

use anyhow::{Context as _, bail};
use http::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use postrider_tls::{PemFile, PemFiles};

use super::endpoint::OtlpEndpoint;
use super::protocol::OtlpProtocol;

/// What OpenTelemetry names.
const DEFAULT_EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// A collector that takes longer for some hundred spans takes none.
const MAX_EXPORT_TIMEOUT: Duration = Duration::from_secs(600);

/// What is sent: its path over HTTP, and its variables, the most specific first. Logs would
/// have their own.
#[derive(Clone, Copy, Debug)]
pub struct OtlpSignal {
    http_path: &'static str,
    endpoint: [&'static str; 2],
    protocol: [&'static str; 2],
    headers: [&'static str; 2],
    timeout: [&'static str; 2],
    certificate: [&'static str; 2],
    client_certificate: [&'static str; 2],
    client_key: [&'static str; 2],
}

/// Spans.
pub const TRACES_SIGNAL: OtlpSignal = OtlpSignal {
    http_path: "/v1/traces",
    endpoint: ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"],
    protocol: ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"],
    headers: ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"],
    timeout: ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"],
    certificate: ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"],
    client_certificate: [
        "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    ],
    client_key: ["OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY"],
};

/// Metrics.
pub const METRICS_SIGNAL: OtlpSignal = OtlpSignal {
    http_path: "/v1/metrics",
    endpoint: ["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"],
    protocol: ["OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"],
    headers: ["OTEL_EXPORTER_OTLP_METRICS_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"],
    timeout: ["OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"],
    certificate: ["OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"],
    client_certificate: [
        "OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    ],
    client_key: ["OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY"],
};

/// The environment, or what a test has instead.
pub type Environment<'e> = dyn Fn(&str) -> Option<String> + 'e;

/// Where a signal goes, and how.
#[derive(Clone, Debug)]
pub struct OtlpTarget {
    pub endpoint: OtlpEndpoint,
    pub protocol: OtlpProtocol,
    /// Of the POST, with which it is sent over HTTP.
    http_path: String,
    /// Of one request.
    pub timeout: Duration,
    pub files: PemFiles,
}

impl OtlpTarget {
    /// The target of a signal; none where nothing names a collector. What the settings say
    /// comes before the variables.
    pub fn find(
        signal: &OtlpSignal,
        endpoint: Option<&OtlpEndpoint>,
        protocol: Option<OtlpProtocol>,
        environment: &Environment<'_>,
    ) -> anyhow::Result<Option<Self>> {
        let named = |names: [&'static str; 2]| first_set(names, environment);
        let mut is_whole = false;
        let endpoint = match (endpoint, named(signal.endpoint)) {
            (Some(endpoint), _) => endpoint.clone(),
            (None, Some((name, text))) => {
                is_whole = name == signal.endpoint[0];
                match OtlpEndpoint::parse(&text).context(name)? {
                    Some(endpoint) => endpoint,
                    None => return Ok(None),
                }
            }
            (None, None) => return Ok(None),
        };
        let protocol = match (protocol, named(signal.protocol)) {
            (Some(protocol), _) => protocol,
            (None, Some((name, text))) => OtlpProtocol::try_from(text).context(name)?,
            (None, None) => OtlpProtocol::Grpc,
        };
        if let Some((name, text)) = named(signal.headers) {
            check_headers(&text).context(name)?;
        }
        let timeout = match named(signal.timeout) {
            Some((name, text)) => read_timeout(&text).context(name)?,
            None => DEFAULT_EXPORT_TIMEOUT,
        };
        let http_path = http_path(&endpoint, (!is_whole).then_some(signal.http_path));
        let files = pem_files(signal, environment)?;
        Ok(Some(Self { endpoint, protocol, http_path, timeout, files }))
    }

    /// Where it is sent over HTTP.
    pub fn http_url(&self) -> String {
        let (scheme, authority) = (self.endpoint.scheme(), self.endpoint.authority());
        format!("{scheme}://{authority}{}", self.http_path)
    }
}

/// The first of these variables that is set and not empty.
fn first_set(
    names: [&'static str; 2],
    environment: &Environment<'_>,
) -> Option<(&'static str, String)> {
    let mut values = names.into_iter().map(|name| (name, environment(name).unwrap_or_default()));
    values.find(|(_, value)| !value.trim().is_empty())
}

/// The endpoint's own path, and the signal's after it, unless the endpoint is the signal's own.
fn http_path(endpoint: &OtlpEndpoint, signal: Option<&str>) -> String {
    let own = endpoint.path();
    match signal {
        Some(signal) => format!("{}{signal}", own.trim_end_matches('/')),
        None if own.is_empty() => "/".to_owned(),
        None => own.to_owned(),
    }
}

/// Refuses what the exporter, which reads this variable itself, would leave out:
/// `name=value,name=value`, with values that may be percent-encoded.
fn check_headers(text: &str) -> anyhow::Result<()> {
    const PROBLEM: &str = "must be name=value pairs with commas between them";
    for pair in text.split(',').filter(|pair| !pair.trim().is_empty()) {
        let (name, value) = pair.split_once('=').context(PROBLEM)?;
        HeaderName::from_str(name.trim()).ok().context(PROBLEM)?;
        let value = String::from_utf8(percent_decode_str(value.trim()).collect());
        HeaderValue::try_from(value.ok().context(PROBLEM)?).ok().context(PROBLEM)?;
    }
    Ok(())
}

fn read_timeout(text: &str) -> anyhow::Result<Duration> {
    let most = MAX_EXPORT_TIMEOUT.as_millis();
    let given = text.trim().parse().ok().map(Duration::from_millis);
    let fits = |timeout: &Duration| !timeout.is_zero() && *timeout <= MAX_EXPORT_TIMEOUT;
    given.filter(fits).with_context(|| {
        format!("must be a whole number of milliseconds from 1 to {most}, not {text:?}")
    })
}

fn pem_files(signal: &OtlpSignal, environment: &Environment<'_>) -> anyhow::Result<PemFiles> {
    let file = |names: [&'static str; 2]| {
        first_set(names, environment).and_then(|(name, path)| PemFile::named(name, &path))
    };
    let identity = match (file(signal.client_certificate), file(signal.client_key)) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (Some(given), None) => bail!("{}: needs {} beside it", given.setting, signal.client_key[1]),
        (None, Some(given)) => {
            bail!("{}: needs {} beside it", given.setting, signal.client_certificate[1])
        }
    };
    Ok(PemFiles { identity, authorities: file(signal.certificate).into_iter().collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(variables: &[(&str, &str)]) -> anyhow::Result<Option<OtlpTarget>> {
        let environment = |name: &str| {
            let found = variables.iter().find(|(set, _)| *set == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        OtlpTarget::find(&TRACES_SIGNAL, None, None, &environment)
    }

    #[test]
    fn nothing_is_sent_unless_a_collector_is_named() {
        assert!(find(&[]).unwrap().is_none());
        assert!(find(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]).unwrap().is_none());
        let target = find(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317")]);
        let target = target.unwrap().unwrap();
        assert_eq!(target.protocol, OtlpProtocol::Grpc);
        assert_eq!(target.timeout, DEFAULT_EXPORT_TIMEOUT);
        assert!(target.files.is_empty());
    }

    #[test]
    fn a_signal_s_own_variables_come_first() {
        let target = find(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://general:4318"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://traces:4318/otlp"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20secret, x-tenant=acme"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
        ]);
        let target = target.unwrap().unwrap();
        assert_eq!(target.endpoint.authority(), "traces:4318");
        assert_eq!(target.protocol, OtlpProtocol::Http);
        assert_eq!(target.http_url(), "https://traces:4318/otlp");
        assert_eq!(target.timeout, Duration::from_millis(2_500));
        assert!(!format!("{target:?}").contains("secret"));
    }

    #[test]
    fn a_general_endpoint_gets_the_signal_s_path() {
        for (endpoint, path) in [
            ("http://collector:4318", "/v1/traces"),
            ("http://collector:4318/", "/v1/traces"),
            ("http://collector:4318/otlp/", "/otlp/v1/traces"),
        ] {
            let target = find(&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)]).unwrap().unwrap();
            assert_eq!(target.http_path, path);
        }
    }

    #[test]
    fn what_is_wrong_is_named_without_its_value() {
        const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317");
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4317"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "secret"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=%ffsecret"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "600001"),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem"),
            ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "/certificate.pem"),
        ] {
            let error = format!("{:#}", find(&[ENDPOINT, (name, value)]).unwrap_err());
            assert!(error.starts_with(name) && !error.contains("secret"), "{error}");
        }
    }
}
