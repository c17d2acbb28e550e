//! Standard Webhooks 1.0.0: `v1` (shared secret) and `v1a` (ed25519).
//!
//! Both sign `{id}.{timestamp}.{body}` and write to one header: one signature for each
//! key in force, separated by spaces.

use std::time::Instant;

use ed25519_dalek::SigningKey;
use ed25519_dalek::ed25519::signature::MultipartSigner;
use zeroize::Zeroizing;

use super::content::SignedContent;
use super::error::SigningError;
use super::keys::{KeySelection, SigningKeys};
use super::mac::{MacKey, SignatureEncoding};

/// A separator, the scheme's name and the base64 of 32 bytes.
const V1_BYTES: usize = " v1,".len() + 44;
/// The same with 64 bytes.
const V1A_BYTES: usize = " v1a,".len() + 88;

/// The key pair that belongs to a 32-byte seed.
pub fn signing_key(seed: &[u8]) -> Result<SigningKey, SigningError> {
    let seed: [u8; 32] = seed.try_into().map_err(|_| SigningError::InvalidSeed)?;
    Ok(SigningKey::from_bytes(&Zeroizing::new(seed)))
}

/// Appends `v1,{base64 of HMAC-SHA256}` for each key in force.
pub fn append_v1(
    keys: &SigningKeys<MacKey>,
    now: Instant,
    message: SignedContent<'_>,
    out: &mut String,
) -> Result<(), SigningError> {
    out.reserve(room_for(keys.len(), V1_BYTES, out));
    for key in keys.in_force(now, KeySelection::EachKey)? {
        append_prefix("v1,", out);
        key.write(&signed_parts(message), SignatureEncoding::Base64, out);
    }
    Ok(())
}

/// Appends `v1a,{base64 of ed25519}` for each key in force.
pub fn append_v1a(
    keys: &SigningKeys<SigningKey>,
    now: Instant,
    message: SignedContent<'_>,
    out: &mut String,
) -> Result<(), SigningError> {
    out.reserve(room_for(keys.len(), V1A_BYTES, out));
    for key in keys.in_force(now, KeySelection::EachKey)? {
        let signature = key.try_multipart_sign(&signed_parts(message));
        let signature = signature.map_err(|_| SigningError::Ed25519Failed)?;
        append_prefix("v1a,", out);
        SignatureEncoding::Base64.write(&signature.to_bytes(), out);
    }
    Ok(())
}

/// The bytes of so many signatures behind a text, the first of which needs no separator. With
/// exactly this room a text becomes a header's value as it is.
fn room_for(signatures: usize, bytes: usize, text: &str) -> usize {
    (signatures * bytes).saturating_sub(usize::from(text.is_empty()))
}

fn append_prefix(scheme: &str, out: &mut String) {
    if !out.is_empty() {
        out.push(' ');
    }
    out.push_str(scheme);
}

fn signed_parts(message: SignedContent<'_>) -> [&[u8]; 5] {
    [message.webhook_id.as_bytes(), b".", message.timestamp.as_bytes(), b".", message.body]
}
