//! Logs and traces of a process.
//!
//! Logs go to standard error; traces go to an OTLP collector if an endpoint is set.
//! Without a collector a debug span costs one comparison, since the default log filter
//! excludes it.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use anyhow::Context as _;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, reload};

use crate::hangup::read_filter;
use crate::log_levels::{LogFilter, process_log_levels};
use crate::otlp_endpoint::OtlpEndpoint;

/// Spans of these crates are exported; those of libraries are noise.
const EXPORTED_TARGET_PREFIX: &str = "postrider";

/// How a process is watched.
#[derive(Debug, Clone, Default)]
pub struct TelemetryOptions {
    /// One JSON object for each line of the log.
    pub json: bool,
    /// The collector, `http://host:4317`; none means no traces.
    pub otlp_endpoint: Option<String>,
    /// Where the filter of the log stands; none: in `RUST_LOG`.
    pub log_filter_file: Option<PathBuf>,
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

/// PostgreSQL's remarks on migrations are of no interest, the pools of connections have a line
/// for each try at a server that can only be read, and h2 one for each connection that it ends
/// because its other side floods.
const DEFAULT_LIBRARY_LEVELS: &str = "sqlx=warn,sqlx_core::pool::inner=off,h2=error";

/// Sets logs and traces up for the whole process; to be called once, inside the
/// runtime. The file of the settings filters the log, or `RUST_LOG`, until
/// `process_log_levels` changes it.
pub fn init_telemetry(
    service_name: &'static str,
    options: &TelemetryOptions,
) -> anyhow::Result<TelemetryGuard> {
    let configured = configured_filter(options)?;
    let (filter, handle) = reload::Layer::new(configured.build()?);
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
        .map(|endpoint| OtlpEndpoint::parse(endpoint).context("OTEL_EXPORTER_OTLP_ENDPOINT"))
        .transpose()?
        .flatten()
        .map(|endpoint| build_exporter(service_name, endpoint.as_str()))
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
    process_log_levels().begin(configured, handle);
    Ok(TelemetryGuard(provider))
}

/// The filter that the process begins with.
fn configured_filter(options: &TelemetryOptions) -> anyhow::Result<LogFilter> {
    if let Some(file) = &options.log_filter_file {
        return read_filter(file);
    }
    let level = if options.quiet { Level::WARN } else { Level::INFO };
    let wanted = std::env::var(EnvFilter::DEFAULT_ENV).ok().filter(|filter| !filter.is_empty());
    let wanted = wanted.unwrap_or_else(|| format!("{level},{DEFAULT_LIBRARY_LEVELS}"));
    LogFilter::parse(&wanted).context("RUST_LOG is not a valid filter")
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
