//! Message authentication codes and how they are written.
//!
//! Fed by the schemes with a key once and with messages many times; feeds them
//! text for headers. Guarantees that a key is worked into the hash once for each
//! update, not once for each POST, and that this state, with which anybody could
//! sign, is wiped when it is dropped.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha512};

use super::SigningError;
use crate::key::hex_digits;

/// How the bytes of a signature are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// In lower case.
    Hex,
    /// With padding.
    Base64,
}

impl Encoding {
    /// Appends the bytes to a text.
    pub fn write(self, bytes: &[u8], out: &mut String) {
        match self {
            Self::Hex => out.extend(hex_digits(bytes)),
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
        Hmac::new_from_slice(secret).map(Self::Sha256).map_err(|_| SigningError::Empty)
    }

    pub fn sha512(secret: &[u8]) -> Result<Self, SigningError> {
        Hmac::new_from_slice(secret).map(Self::Sha512).map_err(|_| SigningError::Empty)
    }

    /// Appends the code of a message, given in parts.
    pub fn write(&self, parts: &[&[u8]], encoding: Encoding, out: &mut String) {
        match self {
            Self::Sha256(keyed) => encoding.write(&code(keyed, parts), out),
            Self::Sha512(keyed) => encoding.write(&code(keyed, parts), out),
        }
    }
}

fn code<M: Mac + Clone>(keyed: &M, parts: &[&[u8]]) -> hmac::digest::Output<M> {
    let mut mac = keyed.clone();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes()
}
