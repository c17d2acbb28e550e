//! The signature format of Stripe's webhooks.
//!
//! Writes `t={T},v1={hex of HMAC-SHA256}` over `{T}.{body}`, one `v1` for each key in
//! force, the oldest first.

use std::time::Instant;

use http::{HeaderMap, HeaderName};
use postrider_proto::agent::v1 as wire;

use super::content::SignedContent;
use super::error::SigningError;
use super::header::{make_header_value, parse_header_name};
use super::keys::{KeySelection, SigningKeys};
use super::mac::{MacKey, SignatureEncoding};

/// A separator, the scheme's name and the hex of 32 bytes.
const V1_BYTES: usize = ",v1=".len() + 64;

/// One such scheme.
pub struct StripeSigner {
    header: HeaderName,
    keys: SigningKeys<MacKey>,
}

impl StripeSigner {
    pub fn from_wire(
        scheme: &wire::StripeSignature,
        keys: &[wire::SignerKey],
        now: Instant,
    ) -> Result<Self, SigningError> {
        let header = parse_header_name(&scheme.header)?;
        Ok(Self { header, keys: SigningKeys::from_wire(keys, now, MacKey::sha256)? })
    }

    pub fn sign(
        &self,
        now: Instant,
        message: SignedContent<'_>,
        headers: &mut HeaderMap,
    ) -> Result<(), SigningError> {
        let timestamp = message.timestamp;
        let length = "t=".len() + timestamp.len() + self.keys.len() * V1_BYTES;
        let mut text = String::with_capacity(length);
        text.push_str("t=");
        text.push_str(timestamp);
        for key in self.keys.in_force(now, KeySelection::EachKey)? {
            text.push_str(",v1=");
            key.write(
                &[timestamp.as_bytes(), b".", message.body],
                SignatureEncoding::Hex,
                &mut text,
            );
        }
        headers.append(self.header.clone(), make_header_value(&self.header, text)?);
        Ok(())
    }

    pub fn writes_header(&self, name: &HeaderName) -> bool {
        self.header == *name
    }
}
