//! The secret itself in a header, for receivers that only compare it.
//!
//! Writes `{prefix}{secret}`: one line for each key in force, the oldest first, or one
//! line with the newest key. The value is marked sensitive: it is never printed and not
//! kept in the header tables of an HTTP/2 connection.

use std::time::Instant;

use http::{HeaderMap, HeaderName, HeaderValue};
use postrider_proto::agent::v1 as wire;
use zeroize::Zeroizing;

use super::error::SigningError;
use super::header::parse_header_name;
use super::keys::{KeySelection, SigningKeys};

/// One such scheme.
pub struct StaticSecretSigner {
    header: HeaderName,
    rotation: KeySelection,
    /// Prefix and secret. A `HeaderValue` cannot be wiped, so each is made for
    /// one request and goes with it.
    values: SigningKeys<Zeroizing<Vec<u8>>>,
}

impl StaticSecretSigner {
    pub fn from_wire(
        scheme: &wire::StaticSecret,
        keys: &[wire::SignerKey],
        now: Instant,
    ) -> Result<Self, SigningError> {
        let header = parse_header_name(&scheme.header)?;
        let value = |secret: &[u8]| {
            let value = Zeroizing::new([scheme.prefix.as_bytes(), secret].concat());
            make_sensitive_value(&header, &value)?;
            Ok(value)
        };
        let values = SigningKeys::from_wire(keys, now, value)?;
        Ok(Self { rotation: KeySelection::from_wire(scheme.newest_key_only), values, header })
    }

    pub fn append_headers(
        &self,
        now: Instant,
        headers: &mut HeaderMap,
    ) -> Result<(), SigningError> {
        for value in self.values.in_force(now, self.rotation)? {
            headers.append(self.header.clone(), make_sensitive_value(&self.header, value)?);
        }
        Ok(())
    }

    pub fn writes_header(&self, name: &HeaderName) -> bool {
        self.header == *name
    }
}

fn make_sensitive_value(name: &HeaderName, value: &[u8]) -> Result<HeaderValue, SigningError> {
    let mut value =
        HeaderValue::from_bytes(value).map_err(|_| SigningError::HeaderValue(name.clone()))?;
    value.set_sensitive(true);
    Ok(value)
}
