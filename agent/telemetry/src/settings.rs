//! The `[telemetry]` section, which both programs have.
//!
//! Read from the settings of a program; gives the options of its logs and traces.

use serde::Deserialize;
use thiserror::Error;

use crate::logging::TelemetryOptions;

/// Read where the setting is empty: the variable that OpenTelemetry names.
const ENDPOINT_VARIABLE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// The section, as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetrySettings {
    /// Where spans go; empty: what OpenTelemetry's own variable says.
    pub otlp_endpoint: String,
    /// "text" or "json".
    pub log_format: LogFormat,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum LogFormat {
    Text,
    Json,
}

/// Why a text is no format.
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
    /// The process's logging and tracing options.
    pub fn options(&self) -> TelemetryOptions {
        let endpoint = match self.otlp_endpoint.as_str() {
            "" => std::env::var(ENDPOINT_VARIABLE).ok(),
            configured => Some(configured.to_owned()),
        };
        TelemetryOptions {
            json: self.log_format == LogFormat::Json,
            otlp_endpoint: endpoint,
            ..TelemetryOptions::default()
        }
    }
}
