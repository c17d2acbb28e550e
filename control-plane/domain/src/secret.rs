//! Secrets as a type of their own: never printed, wiped when dropped.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The prefix that Standard Webhooks 1.0.0 gives symmetric secrets.
pub const STANDARD_WEBHOOKS_PREFIX: &str = "whsec_";
/// Standard Webhooks 1.0.0: a secret has 24 to 64 bytes.
pub const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Raw key material.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secret(Vec<u8>);

/// Why a secret was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    #[error("must begin with \"whsec_\"")]
    Prefix,
    #[error("must be base64 after \"whsec_\"")]
    Base64,
    #[error("must hold 24 to 64 bytes")]
    Length,
}

impl Secret {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads `whsec_<base64 of 24 to 64 bytes>`.
    pub fn parse_standard_webhooks(text: &str) -> Result<Self, SecretError> {
        let encoded = text.strip_prefix(STANDARD_WEBHOOKS_PREFIX).ok_or(SecretError::Prefix)?;
        let mut bytes = STANDARD.decode(encoded).map_err(|_| SecretError::Base64)?;
        if !SECRET_BYTES.contains(&bytes.len()) {
            bytes.zeroize();
            return Err(SecretError::Length);
        }
        Ok(Self(bytes))
    }

    /// The form in which a customer sees it, once.
    pub fn to_standard_webhooks(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{STANDARD_WEBHOOKS_PREFIX}{}", STANDARD.encode(&self.0)))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(STANDARD.encode(&self.0)))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let encoded = Zeroizing::new(String::deserialize(deserializer)?);
        STANDARD.decode(encoded.as_bytes()).map(Self).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn standard_webhooks_form_round_trips_and_is_bounded() {
        let secret = Secret::new(vec![7; 32]);
        let text = secret.to_standard_webhooks();
        assert_eq!(Secret::parse_standard_webhooks(&text).unwrap(), secret);
        assert_eq!(Secret::parse_standard_webhooks("x"), Err(SecretError::Prefix));
        assert_eq!(Secret::parse_standard_webhooks("whsec_!"), Err(SecretError::Base64));
        let short = Secret::new(vec![7; 23]).to_standard_webhooks();
        assert_eq!(Secret::parse_standard_webhooks(&short), Err(SecretError::Length));
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new(b"hunter2".to_vec())), "Secret(…)");
    }
}
