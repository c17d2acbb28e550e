//! Logs and traces of a process.
//!
//! Logs go to standard error; traces go to an OTLP collector if an endpoint is set.
//! Without a collector, an attempt's span costs one comparison: it is a debug span, and
//! the default log filter excludes it.

use std::collections::HashMap;
use std::io::IsTerminal as _;

use anyhow::Context as _;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use postrider_proto::agent::v1::Assignment;
use tracing::{Level, Span, debug_span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::ids::HexBytes;

/// Spans of these crates are exported; those of libraries are noise.
const EXPORTED_TARGET_PREFIX: &str = "postrider";

/// How a process is watched.
#[derive(Debug, Clone, Default)]
pub struct TelemetryOptions {
    /// One JSON object for each line of the log.
    pub json: bool,
    /// The collector, `http://host:4317`; none means no traces.
    pub otlp_endpoint: Option<String>,
    /// Only warnings and errors, where `RUST_LOG` does not say otherwise.
    pub quiet: bool,
}

/// Keeps the exporter; to be shut down last.
#[derive(Debug)]
#[must_use = "spans are lost unless it is shut down at the end"]
pub struct TelemetryGuard(Option<SdkTracerProvider>);

impl TelemetryGuard {
    /// Exports what is still held.
    pub async fn shutdown(self) {
        let Some(provider) = self.0 else { return };
        // It blocks until the collector answers, which needs the runtime.
        let exported = tokio::task::spawn_blocking(move || provider.shutdown()).await;
        if let Ok(Err(error)) = exported {
            tracing::warn!(%error, "exporting the last spans failed");
        }
    }
}

/// PostgreSQL's remarks on migrations are no news, and h2 has a line for each connection
/// that it ends because its other side floods.
const DEFAULT_LIBRARY_LEVELS: &str = "sqlx=warn,h2=error";

/// Sets logs and traces up for the whole process; to be called once, inside the
/// runtime. `RUST_LOG` filters the log.
pub fn init_telemetry(
    service_name: &'static str,
    options: &TelemetryOptions,
) -> anyhow::Result<TelemetryGuard> {
    let level = if options.quiet { Level::WARN } else { Level::INFO };
    let wanted = std::env::var(EnvFilter::DEFAULT_ENV).ok().filter(|filter| !filter.is_empty());
    let wanted = wanted.unwrap_or_else(|| format!("{level},{DEFAULT_LIBRARY_LEVELS}"));
    let filter = EnvFilter::builder().parse(wanted).context("RUST_LOG is not a valid filter")?;
    // A file, or a collector of logs, has no use for colours.
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let text = tracing_subscriber::fmt::layer().with_ansi(colours).with_writer(std::io::stderr);
    let log = match options.json {
        true => text.json().boxed(),
        false => text.boxed(),
    };
    let provider = options
        .otlp_endpoint
        .as_deref()
        .filter(|endpoint| !endpoint.is_empty())
        .map(|endpoint| build_exporter(service_name, endpoint))
        .transpose()?;
    let traces = provider.as_ref().map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer(service_name))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_filter(Targets::new().with_target(EXPORTED_TARGET_PREFIX, Level::DEBUG))
    });
    tracing_subscriber::registry()
        .with(traces)
        .with(log.with_filter(filter))
        .try_init()
        .context("logging is already set up")?;
    Ok(TelemetryGuard(provider))
}

fn build_exporter(service_name: &'static str, endpoint: &str) -> anyhow::Result<SdkTracerProvider> {
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .with_context(|| format!("cannot export traces to {endpoint}"))?;
    let resource = Resource::builder().with_service_name(service_name).build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

/// W3C trace context that replaces the publisher's in a POST.
#[derive(Debug, Default)]
pub struct OutgoingTraceContext {
    parent: String,
    state: String,
}

impl OutgoingTraceContext {
    /// Its own context, or the publisher's when it has none.
    pub fn or<'a>(&'a self, parent: &'a str, state: &'a str) -> (&'a str, &'a str) {
        match self.parent.is_empty() {
            true => (parent, state),
            false => (&self.parent, &self.state),
        }
    }
}

/// The span of one attempt, a child of the publisher's, and the context under
/// which the receiver continues it.
pub fn start_attempt_span(assignment: &Assignment) -> (Span, OutgoingTraceContext) {
    let key = assignment.key.as_ref();
    let span = debug_span!(
        "attempt",
        otel.kind = "client",
        event = %assignment.webhook_id,
        delivery = %HexBytes(key.map_or(&[], |key| &key.delivery_id)),
        attempt = key.map_or(0, |key| key.number),
        tenant = %assignment.tenant,
        subscription = %assignment.subscription,
        fact = field::Empty,
        http_status = field::Empty,
    );
    if span.is_disabled() {
        return (span, OutgoingTraceContext::default());
    }
    let propagator = TraceContextPropagator::new();
    if !assignment.traceparent.is_empty() {
        let carrier = HashMap::from([
            ("traceparent".to_owned(), assignment.traceparent.clone()),
            ("tracestate".to_owned(), assignment.tracestate.clone()),
        ]);
        // It fails when nothing exports this span, and then nobody misses it.
        let _ = span.set_parent(propagator.extract(&carrier));
    }
    let mut carrier = HashMap::new();
    propagator.inject_context(&span.context(), &mut carrier);
    let mut take = |name: &str| carrier.remove(name).unwrap_or_default();
    let headers = OutgoingTraceContext { parent: take("traceparent"), state: take("tracestate") };
    (span, headers)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    const PUBLISHER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn assignment() -> Assignment {
        Assignment {
            traceparent: PUBLISHER.to_owned(),
            tracestate: "vendor=1".to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn without_an_exporter_the_publisher_s_context_is_passed_on() {
        let (_span, headers) = start_attempt_span(&assignment());
        assert_eq!(headers.or(PUBLISHER, "vendor=1"), (PUBLISHER, "vendor=1"));
    }

    #[test]
    fn with_an_exporter_the_attempt_is_a_child_of_the_publisher_s_span() {
        let provider = SdkTracerProvider::builder().build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            let (_span, headers) = start_attempt_span(&assignment());
            let (parent, state) = headers.or("", "");
            assert!(parent.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"), "{parent}");
            assert_ne!(parent, PUBLISHER);
            assert_eq!(state, "vendor=1");
        });
    }
}
