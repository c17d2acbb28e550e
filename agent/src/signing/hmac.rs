//! An HMAC in a header of its own, as many systems have it in forms that differ
//! by name, prefix, hash, encoding, and whether the time is signed.
//!
//! Fed by `signing`; feeds the request the header lines. Guarantees
//! `{prefix}{encoded HMAC}` over the body, or over `{T}{separator}{body}` with T
//! in a header of its own; one line for each key in force, the oldest first, or
//! one by the newest.

use std::time::Instant;

use http::{HeaderMap, HeaderName, HeaderValue};
use postrider_proto::agent::v1 as wire;

use super::keys::{Keys, Rotation};
use super::mac::{Encoding, MacKey};
use super::{Message, SigningError, header_name, header_value};

/// One such scheme.
pub struct Hmac {
    header: HeaderName,
    prefix: String,
    encoding: Encoding,
    timestamp: Option<Timestamp>,
    rotation: Rotation,
    keys: Keys<MacKey>,
}

/// The time as part of what is signed.
struct Timestamp {
    header: HeaderName,
    separator: String,
}

impl Hmac {
    pub fn from_wire(
        scheme: &wire::HmacSignature,
        keys: &[wire::SignerKey],
        now: Instant,
    ) -> Result<Self, SigningError> {
        let header = header_name(&scheme.header)?;
        // Alone it is refused for what would be refused in front of a signature.
        header_value(&header, scheme.prefix.clone())?;
        let timestamp = match scheme.timestamp_header.as_str() {
            "" => None,
            name => {
                let separator = scheme.separator.clone();
                Some(Timestamp { header: header_name(name)?, separator })
            }
        };
        let prepare = if scheme.sha512 { MacKey::sha512 } else { MacKey::sha256 };
        Ok(Self {
            header,
            prefix: scheme.prefix.clone(),
            encoding: if scheme.base64 { Encoding::Base64 } else { Encoding::Hex },
            timestamp,
            rotation: Rotation::from_wire(scheme.newest_key_only),
            keys: Keys::from_wire(keys, now, prepare)?,
        })
    }

    pub fn sign(
        &self,
        now: Instant,
        message: Message<'_>,
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
            headers.append(self.header.clone(), header_value(&self.header, text)?);
        }
        Ok(())
    }

    pub fn writes(&self, name: &HeaderName) -> bool {
        let timestamp = self.timestamp.as_ref().map(|timestamp| &timestamp.header);
        self.header == *name || timestamp == Some(name)
    }
}
