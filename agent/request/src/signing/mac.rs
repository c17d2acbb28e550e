//! HMACs and how they are written.
//!
//! A key is hashed in once per settings update, not once per POST. That state can sign,
//! so it is wiped when it is dropped.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha512};

use super::error::SigningError;

/// How the bytes of a signature are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureEncoding {
    /// In lower case.
    Hex,
    /// With padding.
    Base64,
}

impl SignatureEncoding {
    /// Appends the bytes to a text.
    pub fn write(self, bytes: &[u8], out: &mut String) {
        match self {
            Self::Hex => out.push_str(&hex::encode(bytes)),
            Self::Base64 => STANDARD.encode_string(bytes, out),
        }
    }
}

/// An HMAC that has taken its key.
pub enum MacKey {
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
}

impl MacKey {
    pub fn sha256(secret: &[u8]) -> Result<Self, SigningError> {
        Hmac::new_from_slice(secret).map(Self::Sha256).map_err(|_| SigningError::EmptyKey)
    }

    pub fn sha512(secret: &[u8]) -> Result<Self, SigningError> {
        Hmac::new_from_slice(secret).map(Self::Sha512).map_err(|_| SigningError::EmptyKey)
    }

    /// Appends the code of a message, given in parts.
    pub fn write(&self, parts: &[&[u8]], encoding: SignatureEncoding, out: &mut String) {
        match self {
            Self::Sha256(keyed) => encoding.write(&compute_mac(keyed, parts), out),
            Self::Sha512(keyed) => encoding.write(&compute_mac(keyed, parts), out),
        }
    }
}

fn compute_mac<M: Mac + Clone>(keyed: &M, parts: &[&[u8]]) -> hmac::digest::Output<M> {
    let mut mac = keyed.clone();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes()
}
