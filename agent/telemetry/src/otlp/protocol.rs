//! The two ways in which OTLP is spoken.

use serde::Deserialize;
use thiserror::Error;

/// How a collector is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum OtlpProtocol {
    Grpc,
    /// Protobuf in POSTs over HTTP/1.1.
    Http,
}

/// Why a text is not a protocol.
#[derive(Debug, Error)]
#[error("must be \"grpc\" or \"http/protobuf\"")]
pub struct OtlpProtocolError;

impl TryFrom<String> for OtlpProtocol {
    type Error = OtlpProtocolError;

    fn try_from(text: String) -> Result<Self, OtlpProtocolError> {
        match text.as_str() {
            "grpc" => Ok(Self::Grpc),
            "http/protobuf" => Ok(Self::Http),
            _ => Err(OtlpProtocolError),
        }
    }
}
