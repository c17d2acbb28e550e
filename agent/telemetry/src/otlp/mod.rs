//! OTLP: where a signal goes, and the exporter of `opentelemetry-otlp` that takes it there.
//!
//! Fed by the settings and OpenTelemetry's own variables; feeds the exporter with channels and
//! clients that connect by `postrider-tls`. Guarantees that what cannot work is told at the
//! start, by the variable's name.
//!
//! - `endpoint`, `protocol`: settings. `target`: where a signal goes, and how. `resource`: who
//!   sends it.
//! - `exporter`: the exporter of a target. `http_client`: its requests, over HTTP.

pub mod endpoint;
pub mod exporter;
mod http_client;
pub mod protocol;
pub mod resource;
pub mod target;
