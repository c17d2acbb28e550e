//! Logs and traces of a process.
//!
//! Logs go to standard error, traces to an OTLP collector if one is named.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use anyhow::Context as _;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, reload};

use crate::hangup::read_filter;
use crate::log_levels::{LogFilter, process_log_levels};
use crate::spans::span_export::{SpanExport, TraceOptions};
use crate::spans::tracer::EXPORTED_TARGET;

/// How a process is watched.
#[derive(Debug, Clone, Default)]
pub struct TelemetryOptions {
    /// One JSON object for each line of the log.
    pub json: bool,
    /// None means no traces.
    pub traces: Option<TraceOptions>,
    /// Where the filter of the log stands; none: in `RUST_LOG`.
    pub log_filter_file: Option<PathBuf>,
    /// Only warnings and errors, where `RUST_LOG` does not say otherwise.
    pub quiet: bool,
}

/// Keeps the exporter; to be shut down last.
#[derive(Debug)]
#[must_use = "spans are lost unless it is shut down at the end"]
pub struct TelemetryGuard(Option<SpanExport>);

impl TelemetryGuard {
    /// Exports what is still held.
    pub async fn shutdown(self) {
        if let Some(export) = self.0 {
            export.shutdown().await;
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
    let export = match &options.traces {
        Some(traces) => SpanExport::start(service_name, traces)?,
        None => None,
    };
    let spans = export.as_ref().map(|export| {
        tracing_opentelemetry::layer()
            .with_tracer(export.tracer.clone())
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(Targets::new().with_target(EXPORTED_TARGET, Level::INFO))
    });
    tracing_subscriber::registry()
        .with(spans)
        .with(log.with_filter(filter))
        .try_init()
        .context("logging is already set up")?;
    process_log_levels().begin(configured, handle);
    Ok(TelemetryGuard(export))
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
