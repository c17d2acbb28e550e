//! Metrics of a process: instruments of OpenTelemetry's SDK, read by Prometheus and by OTLP.
//!
//! Fed by both programs, which count where things happen and are asked for the state of things;
//! feeds the metrics port and an OTLP collector with the same metrics. Guarantees that a metric
//! has one description, from which both take its name, unit and buckets, and a bounded number
//! of series whatever comes from outside.
//!
//! - `descriptor`: what a metric is. `registry`: the instruments, and the text of all.
//! - `observed`: of what is read when somebody asks; `process`, `certificates`: of every program.
//! - `otlp_export`: what is sent to a collector.

mod certificates;
mod descriptor;
mod observed;
mod otlp_export;
mod process;
mod registry;

/// What is counted with: a bound instrument knows its labels already.
pub use opentelemetry::KeyValue;
pub use opentelemetry::metrics::{
    BoundCounter, BoundGauge, BoundHistogram, BoundUpDownCounter, Counter, Histogram, UpDownCounter,
};

pub use self::certificates::CertificateMetrics;
pub use self::descriptor::{MetricDescriptor, MetricKind};
pub use self::observed::{ObservedState, SeriesObserver};
pub use self::otlp_export::OtlpMetricsExport;
pub use self::process::observe_process;
pub use self::registry::MetricRegistry;
