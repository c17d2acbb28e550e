//! The exporters that `opentelemetry-otlp` brings, with our own connections.
//!
//! Fed by the target of a signal; feeds the exporter with a channel, or with a client. They
//! use `postrider-tls`, so that certificates are read again when their files change.

use std::time::Duration;

use http::Uri;
use opentelemetry_otlp::{
    MetricExporter, Protocol, RetryPolicy, SpanExporter, WithExportConfig as _,
    WithHttpConfig as _, WithTonicConfig as _,
};
use postrider_tls::{Reloading, TlsDialer, client_config};
use tonic::transport::{Channel, Endpoint};

use super::http_client::CollectorHttpClient;
use super::protocol::OtlpProtocol;
use super::target::OtlpTarget;

/// What is spoken over TLS where HTTP/2 is not.
const HTTP1_PROTOCOL: &[u8] = b"http/1.1";
/// After the first try of a batch. With the pauses below they take about 8 s, so that the
/// restart of a collector costs nothing.
const MAX_RETRIES: usize = 4;
/// Between the first two tries of a batch; it doubles.
const FIRST_RETRY_PAUSE: Duration = Duration::from_millis(500);
const MAX_RETRY_PAUSE: Duration = Duration::from_secs(4);
/// No try of a batch begins later than this after the first.
const RETRY_BUDGET: Duration = Duration::from_secs(30);

/// An exporter to this target. To be called in the runtime, which drives its connections. The
/// headers are those of the variables that the target was made of: the exporter reads them
/// itself.
pub fn build_span_exporter(target: &OtlpTarget) -> anyhow::Result<SpanExporter> {
    let dialer = target.endpoint.is_https().then(|| tls_dialer(target)).transpose()?;
    let retries = RetryPolicy::recommended()
        .with_max_retries(MAX_RETRIES)
        .with_initial_delay(FIRST_RETRY_PAUSE)
        .with_max_delay(MAX_RETRY_PAUSE);
    let builder = SpanExporter::builder();
    // The timeout of an exporter is that of all its tries; that of a request is the channel's,
    // and the client's.
    let exporter = match target.protocol {
        OtlpProtocol::Grpc => builder
            .with_tonic()
            .with_channel(grpc_channel(target, dialer)?)
            .with_timeout(RETRY_BUDGET)
            .with_retry_policy(retries)
            .build()?,
        OtlpProtocol::Http => builder
            .with_http()
            .with_http_client(CollectorHttpClient::new(dialer, target.timeout))
            .with_endpoint(target.http_url())
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(RETRY_BUDGET)
            .with_retry_policy(retries)
            .build()?,
    };
    Ok(exporter)
}

/// An exporter of metrics to this target, as [`build_span_exporter`] makes one of spans. It does
/// not try again: what is sent next has all that was counted.
pub fn build_metric_exporter(target: &OtlpTarget) -> anyhow::Result<MetricExporter> {
    let dialer = target.endpoint.is_https().then(|| tls_dialer(target)).transpose()?;
    let (builder, once) = (MetricExporter::builder(), RetryPolicy::disabled());
    let exporter = match target.protocol {
        OtlpProtocol::Grpc => builder
            .with_tonic()
            .with_channel(grpc_channel(target, dialer)?)
            .with_timeout(target.timeout)
            .with_retry_policy(once)
            .build()?,
        OtlpProtocol::Http => builder
            .with_http()
            .with_http_client(CollectorHttpClient::new(dialer, target.timeout))
            .with_endpoint(target.http_url())
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(target.timeout)
            .with_retry_policy(once)
            .build()?,
    };
    Ok(exporter)
}

/// A channel that connects when it is first needed, and again when its connection has broken.
fn grpc_channel(target: &OtlpTarget, dialer: Option<TlsDialer>) -> anyhow::Result<Channel> {
    let authority = target.endpoint.authority();
    // The channel would bring TLS of its own for https.
    let endpoint = Endpoint::from_shared(format!("http://{authority}"))?
        .connect_timeout(target.timeout)
        .timeout(target.timeout)
        .tcp_nodelay(true);
    match dialer {
        Some(dialer) => {
            let origin: Uri = format!("https://{authority}").parse()?;
            Ok(endpoint.origin(origin).connect_with_connector_lazy(dialer))
        }
        None => Ok(endpoint.connect_lazy()),
    }
}

/// Connects with the certificates of the standard variables.
fn tls_dialer(target: &OtlpTarget) -> anyhow::Result<TlsDialer> {
    let protocol = target.protocol;
    let config = Reloading::load(target.files.clone(), move |material| {
        let mut config = client_config(material)?;
        if protocol == OtlpProtocol::Http {
            config.alpn_protocols = vec![HTTP1_PROTOCOL.to_vec()];
        }
        Ok(config)
    })?;
    TlsDialer::new(config, target.endpoint.host())
}
