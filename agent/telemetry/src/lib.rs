//! What both programs need to be watched: logs, whose levels change while they run, traces,
//! metrics and their port; the addresses that they listen on, how many files they may open,
//! and how they end.
//!
//! Fed by the `[telemetry]` section that both programs' settings have; feeds the log, the
//! trace collector and the metrics port. Guarantees that both programs log, trace and
//! measure in the same form. Nothing in here knows events, attempts or any other setting
//! of a program.
//!
//! - `logging`: what is logged, and how. `log_levels`, `hangup`: levels that change.
//!   `line_limit`: so many lines of a kind.
//! - `spans`: what is recorded of traces. `metrics`: what is measured, and how it is shown and
//!   exported. `otlp`: how a collector is reached. `metrics_port`: what Prometheus and probes ask.
//! - `settings`: the section of both programs. `listen_address`, `open_files`,
//!   `runtime`: what both need.

mod hangup;
mod line_limit;
mod listen_address;
mod log_levels;
mod logging;
pub mod metrics;
mod metrics_port;
mod open_files;
mod otlp;
mod runtime;
mod settings;
mod spans;

pub use hangup::reload_at_hangup;
pub use line_limit::LineLimit;
pub use listen_address::{ListenAddress, ListenAddressError, host_name};
pub use log_levels::{LogFilter, LogFilterError, LogLevels, process_log_levels};
pub use logging::{TelemetryGuard, TelemetryOptions, init_telemetry};
pub use metrics_port::{HealthProbes, serve_metrics};
pub use open_files::raise_open_files_limit;
pub use opentelemetry::trace::{SpanContext, SpanId, SpanKind};
pub use otlp::endpoint::{OtlpEndpoint, OtlpEndpointError};
pub use otlp::protocol::{OtlpProtocol, OtlpProtocolError};
pub use runtime::run_to_completion;
pub use settings::{LogFormat, LogFormatError, TelemetrySettings};
pub use spans::context::{
    MAX_TRACESTATE_BYTES, derived_span_id, remote_context, sampled_context, span_beside,
    to_traceparent,
};
pub use spans::ended_span::{EndedSpan, SpanTimes};
pub use spans::span_export::TraceOptions;
pub use spans::span_ids::random_span_id;
pub use spans::tracer::{
    EXPORTED_TARGET, ProcessTracer, observe_spans, process_tracer, start_span,
};
