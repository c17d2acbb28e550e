//! The signature format of Stripe's webhooks.
//!
//! Fed by `signing`; feeds the request one header. Guarantees the form
//! `t={T},v1={hex of HMAC-SHA256}` over `{T}.{body}`, one `v1` for each key in
//! force, the oldest first.

use std::time::Instant;

use http::{HeaderMap, HeaderName};
use postrider_proto::agent::v1 as wire;

use super::keys::{Keys, Rotation};
use super::mac::{Encoding, MacKey};
use super::{Message, SigningError, header_name, header_value};

/// A separator, the scheme's name and the hex of 32 bytes.
const V1_BYTES: usize = ",v1=".len() + 64;

/// One such scheme.
pub struct Stripe {
    header: HeaderName,
    keys: Keys<MacKey>,
}

impl Stripe {
    pub fn from_wire(
        scheme: &wire::StripeSignature,
        keys: &[wire::SignerKey],
        now: Instant,
    ) -> Result<Self, SigningError> {
        let header = header_name(&scheme.header)?;
        Ok(Self { header, keys: Keys::from_wire(keys, now, MacKey::sha256)? })
    }

    pub fn sign(
        &self,
        now: Instant,
        message: Message<'_>,
        headers: &mut HeaderMap,
    ) -> Result<(), SigningError> {
        let timestamp = message.timestamp;
        let length = "t=".len() + timestamp.len() + self.keys.len() * V1_BYTES;
        let mut text = String::with_capacity(length);
        text.push_str("t=");
        text.push_str(timestamp);
        for key in self.keys.in_force(now, Rotation::EachKey)? {
            text.push_str(",v1=");
            key.write(&[timestamp.as_bytes(), b".", message.body], Encoding::Hex, &mut text);
        }
        headers.append(self.header.clone(), header_value(&self.header, text)?);
        Ok(())
    }

    pub fn writes(&self, name: &HeaderName) -> bool {
        self.header == *name
    }
}
