//! Standard Webhooks 1.0.0: `v1`, which shares a secret, and `v1a`, which does
//! not.
//!
//! Fed by `signing`; feeds it the text of the header that both write to.
//! Guarantees the specification's forms over `{id}.{timestamp}.{body}`, one
//! signature for each key in force, separated by spaces.

use std::time::Instant;

use ed25519_dalek::SigningKey;
use ed25519_dalek::ed25519::signature::MultipartSigner;
use zeroize::Zeroizing;

use super::keys::{Keys, Rotation};
use super::mac::{Encoding, MacKey};
use super::{Message, SigningError};

/// A separator, the scheme's name and the base64 of 32 bytes.
const V1_BYTES: usize = " v1,".len() + 44;
/// The same with 64 bytes.
const V1A_BYTES: usize = " v1a,".len() + 88;

/// The key pair that belongs to a 32-byte seed.
pub fn signing_key(seed: &[u8]) -> Result<SigningKey, SigningError> {
    let seed: [u8; 32] = seed.try_into().map_err(|_| SigningError::Seed)?;
    Ok(SigningKey::from_bytes(&Zeroizing::new(seed)))
}

/// Appends `v1,{base64 of HMAC-SHA256}` for each key in force.
pub fn v1(
    keys: &Keys<MacKey>,
    now: Instant,
    message: Message<'_>,
    out: &mut String,
) -> Result<(), SigningError> {
    out.reserve(keys.len() * V1_BYTES);
    for key in keys.in_force(now, Rotation::EachKey)? {
        begin("v1,", out);
        key.write(&signed(message), Encoding::Base64, out);
    }
    Ok(())
}

/// Appends `v1a,{base64 of ed25519}` for each key in force.
pub fn v1a(
    keys: &Keys<SigningKey>,
    now: Instant,
    message: Message<'_>,
    out: &mut String,
) -> Result<(), SigningError> {
    out.reserve(keys.len() * V1A_BYTES);
    for key in keys.in_force(now, Rotation::EachKey)? {
        let signature = key.try_multipart_sign(&signed(message));
        let signature = signature.map_err(|_| SigningError::Ed25519)?;
        begin("v1a,", out);
        Encoding::Base64.write(&signature.to_bytes(), out);
    }
    Ok(())
}

fn begin(scheme: &str, out: &mut String) {
    if !out.is_empty() {
        out.push(' ');
    }
    out.push_str(scheme);
}

fn signed(message: Message<'_>) -> [&[u8]; 5] {
    [message.webhook_id.as_bytes(), b".", message.timestamp.as_bytes(), b".", message.body]
}
