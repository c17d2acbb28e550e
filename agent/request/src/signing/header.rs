//! Writes the header lines of signatures.

use bytes::Bytes;
use http::header::InvalidHeaderValue;
use http::{HeaderName, HeaderValue};

use super::error::SigningError;
use crate::header_names::is_reserved;

/// The name of a header that a scheme may write.
pub fn parse_header_name(name: &str) -> Result<HeaderName, SigningError> {
    HeaderName::from_bytes(name.as_bytes())
        .ok()
        .filter(|name| !is_reserved(name))
        .ok_or_else(|| SigningError::HeaderName(name.to_owned()))
}

/// A header's value, without copying the text.
pub fn make_header_value(name: &HeaderName, text: String) -> Result<HeaderValue, SigningError> {
    HeaderValue::from_maybe_shared(Bytes::from(text))
        .map_err(|_: InvalidHeaderValue| SigningError::HeaderValue(name.clone()))
}
