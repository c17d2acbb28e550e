//! An HMAC in a header of the customer's choice.
//!
//! Writes `{prefix}{encoded HMAC}` over the body, or over `{T}{separator}{body}` with T
//! in a header of its own: one line for each key in force, the oldest first, or one line
//! by the newest key.

use std::time::Instant;

use http::{HeaderMap, HeaderName, HeaderValue};
use postrider_proto::agent::v1 as wire;

use super::content::SignedContent;
use super::error::SigningError;
use super::header::{make_header_value, parse_header_name};
use super::keys::{KeySelection, SigningKeys};
use super::mac::{MacKey, SignatureEncoding};

/// One such scheme.
pub struct HmacSigner {
    header: HeaderName,
    prefix: String,
    encoding: SignatureEncoding,
    timestamp: Option<SignedTimestamp>,
    rotation: KeySelection,
    keys: SigningKeys<MacKey>,
}

/// The time as part of what is signed.
struct SignedTimestamp {
    header: HeaderName,
    separator: String,
}

impl HmacSigner {
    pub fn from_wire(
        scheme: &wire::HmacSignature,
        keys: &[wire::SignerKey],
        now: Instant,
    ) -> Result<Self, SigningError> {
        let header = parse_header_name(&scheme.header)?;
        // Alone it is refused for what would be refused in front of a signature.
        make_header_value(&header, scheme.prefix.clone())?;
        let timestamp = match scheme.timestamp_header.as_str() {
            "" => None,
            name => {
                let separator = scheme.separator.clone();
                Some(SignedTimestamp { header: parse_header_name(name)?, separator })
            }
        };
        let prepare = if scheme.sha512 { MacKey::sha512 } else { MacKey::sha256 };
        Ok(Self {
            header,
            prefix: scheme.prefix.clone(),
            encoding: if scheme.base64 {
                SignatureEncoding::Base64
            } else {
                SignatureEncoding::Hex
            },
            timestamp,
            rotation: KeySelection::from_wire(scheme.newest_key_only),
            keys: SigningKeys::from_wire(keys, now, prepare)?,
        })
    }

    pub fn sign(
        &self,
        now: Instant,
        message: SignedContent<'_>,
        headers: &mut HeaderMap,
    ) -> Result<(), SigningError> {
        let mut time: &[u8] = b"";
        let mut separator: &[u8] = b"";
        if let Some(timestamp) = &self.timestamp {
            let value = HeaderValue::from_str(message.timestamp)
                .map_err(|_| SigningError::HeaderValue(timestamp.header.clone()))?;
            // Two schemes may tell the time in the same header.
            headers.insert(timestamp.header.clone(), value);
            (time, separator) = (message.timestamp.as_bytes(), timestamp.separator.as_bytes());
        }
        for key in self.keys.in_force(now, self.rotation)? {
            let mut text = self.prefix.clone();
            key.write(&[time, separator, message.body], self.encoding, &mut text);
            headers.append(self.header.clone(), make_header_value(&self.header, text)?);
        }
        Ok(())
    }

    pub fn writes_header(&self, name: &HeaderName) -> bool {
        let timestamp = self.timestamp.as_ref().map(|timestamp| &timestamp.header);
        self.header == *name || timestamp == Some(name)
    }
}
