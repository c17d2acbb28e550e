//! The `[telemetry]` section, which both programs have.
//!
//! Read from the settings of a program; gives the options of its logs and traces.

use std::path::PathBuf;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use thiserror::Error;

use crate::logging::TelemetryOptions;
use crate::otlp::endpoint::OtlpEndpoint;
use crate::otlp::protocol::OtlpProtocol;
use crate::spans::span_export::TraceOptions;

/// The section, as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetrySettings {
    /// Where spans and metrics go; none: what OpenTelemetry's own variables say.
    #[serde(deserialize_with = "endpoint")]
    pub otlp_endpoint: Option<OtlpEndpoint>,
    /// "grpc" or "http/protobuf"; none: what OpenTelemetry's own variables say.
    #[serde(deserialize_with = "protocol")]
    pub otlp_protocol: Option<OtlpProtocol>,
    /// How many of the traces that begin here are recorded. Only a program with which traces
    /// begin has this setting.
    #[serde(default)]
    pub sampled_traces_per_million: u32,
    /// Most spans that wait for the collector.
    pub max_queued_spans: usize,
    /// A file with the filter of the log; empty: what `RUST_LOG` says.
    pub log_filter_file: String,
    /// "text" or "json".
    pub log_format: LogFormat,
}

fn endpoint<'de, D: Deserializer<'de>>(from: D) -> Result<Option<OtlpEndpoint>, D::Error> {
    OtlpEndpoint::parse(&String::deserialize(from)?).map_err(D::Error::custom)
}

fn protocol<'de, D: Deserializer<'de>>(from: D) -> Result<Option<OtlpProtocol>, D::Error> {
    let text = String::deserialize(from)?;
    let given = (!text.is_empty()).then(|| OtlpProtocol::try_from(text)).transpose();
    given.map_err(D::Error::custom)
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum LogFormat {
    Text,
    Json,
}

/// Why a text is not a format.
#[derive(Debug, Error)]
#[error("must be \"text\" or \"json\"")]
pub struct LogFormatError;

impl TryFrom<String> for LogFormat {
    type Error = LogFormatError;

    fn try_from(text: String) -> Result<Self, LogFormatError> {
        match text.as_str() {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(LogFormatError),
        }
    }
}

impl TelemetrySettings {
    /// The file with the filter of the log, if there is one.
    pub fn log_filter_file(&self) -> Option<PathBuf> {
        Some(&self.log_filter_file).filter(|file| !file.is_empty()).map(PathBuf::from)
    }

    /// The process's logging and tracing options.
    pub fn options(&self) -> TelemetryOptions {
        let traces = TraceOptions {
            endpoint: self.otlp_endpoint.clone(),
            protocol: self.otlp_protocol,
            traces_per_million: self.sampled_traces_per_million,
            max_queued_spans: self.max_queued_spans,
        };
        TelemetryOptions {
            json: self.log_format == LogFormat::Json,
            log_filter_file: self.log_filter_file(),
            traces: Some(traces),
            ..TelemetryOptions::default()
        }
    }
}
