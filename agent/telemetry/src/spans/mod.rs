//! Spans: what is recorded of sampled traces, by OpenTelemetry's SDK, and how it reaches a
//! collector.
//!
//! Fed by both programs; feeds an OTLP collector. Guarantees that without a collector there is
//! neither a tracer nor a layer, so that nothing is built, kept or allocated for spans; and
//! that a collector which is slow or away delays nobody.
//!
//! - `context`: contexts, and W3C's form of them. `span_ids`: ids that are given.
//! - `ended_span`: a span whose times are known. `tracer`: recording. `sampler`: what is.
//! - `processor`, `counting_exporter`: around the SDK's, to bound and to count.
//! - `metrics`: what became of spans. `span_export`: all of it put together.

pub mod context;
mod counting_exporter;
pub mod ended_span;
mod metrics;
mod processor;
mod sampler;
pub mod span_export;
pub mod span_ids;
pub mod tracer;
