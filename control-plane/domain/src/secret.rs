//! Secrets as a type of their own: never printed, wiped when dropped.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The prefix that Standard Webhooks 1.0.0 gives symmetric secrets.
pub const STANDARD_WEBHOOKS_PREFIX: &str = "whsec_";
/// The prefix that Standard Webhooks 1.0.0 gives private ed25519 keys.
pub const PRIVATE_KEY_PREFIX: &str = "whsk_";
/// The prefix that Standard Webhooks 1.0.0 gives public ed25519 keys.
pub const PUBLIC_KEY_PREFIX: &str = "whpk_";
/// Longest secret text of a customer's own, in bytes. Twice the longest block of the
/// hashes: what is longer adds nothing to an HMAC.
const MAX_TEXT_BYTES: usize = 256;
/// Bytes of an ed25519 seed, and of a public key.
const KEY_BYTES: usize = 32;
/// Standard Webhooks 1.0.0: a secret has 24 to 64 bytes.
pub const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Raw key material.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SigningSecret(Vec<u8>);

/// A secret that is text as it stands: the value of a header.
#[derive(Clone, Default, PartialEq, Eq, Zeroize, ZeroizeOnDrop, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretText(String);

impl SecretText {
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for SecretText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

/// Why a secret was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningSecretError {
    #[error("must begin with \"whsec_\"")]
    Prefix,
    #[error("must be base64 after \"whsec_\"")]
    Base64,
    #[error("must hold 24 to 64 bytes")]
    Length,
    #[error("must have 1 to {MAX_TEXT_BYTES} bytes")]
    Text,
    #[error("must be \"whsk_\" and the base64 of a 32-byte seed, alone or with its public key")]
    PrivateKey,
}

impl SigningSecret {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads `whsec_<base64 of 24 to 64 bytes>`.
    pub fn parse_standard_webhooks(text: &str) -> Result<Self, SigningSecretError> {
        let encoded =
            text.strip_prefix(STANDARD_WEBHOOKS_PREFIX).ok_or(SigningSecretError::Prefix)?;
        let mut bytes = STANDARD.decode(encoded).map_err(|_| SigningSecretError::Base64)?;
        if !SECRET_BYTES.contains(&bytes.len()) {
            bytes.zeroize();
            return Err(SigningSecretError::Length);
        }
        Ok(Self(bytes))
    }

    /// Reads a text of the customer's own, which is used as it is written.
    pub fn parse_text(text: &str) -> Result<Self, SigningSecretError> {
        match text.len() {
            1..=MAX_TEXT_BYTES => Ok(Self(text.as_bytes().to_vec())),
            _ => Err(SigningSecretError::Text),
        }
    }

    /// Reads `whsk_<base64>` of an ed25519 seed, or of the seed followed by the
    /// public key that belongs to it; keeps the seed.
    pub fn parse_private_key(text: &str) -> Result<Self, SigningSecretError> {
        let encoded =
            text.strip_prefix(PRIVATE_KEY_PREFIX).ok_or(SigningSecretError::PrivateKey)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| SigningSecretError::PrivateKey)?;
        let bytes = Zeroizing::new(bytes);
        let (seed, public) =
            bytes.split_at_checked(KEY_BYTES).ok_or(SigningSecretError::PrivateKey)?;
        let secret = Self(seed.to_vec());
        let belongs = public.is_empty() || secret.public_key().is_some_and(|key| key == public);
        if belongs { Ok(secret) } else { Err(SigningSecretError::PrivateKey) }
    }

    /// The public key of an ed25519 seed; `None` if it is not one.
    fn public_key(&self) -> Option<[u8; KEY_BYTES]> {
        let seed = <&[u8; KEY_BYTES]>::try_from(self.0.as_slice()).ok()?;
        Some(ed25519_dalek::SigningKey::from_bytes(seed).verifying_key().to_bytes())
    }

    /// The public key of an ed25519 seed as receivers take it.
    pub fn to_public_key(&self) -> Option<String> {
        self.public_key().map(|key| format!("{PUBLIC_KEY_PREFIX}{}", STANDARD.encode(key)))
    }

    /// Whether a header can carry it after a prefix: visible ASCII, and spaces that are
    /// not at an end, since those are taken off on the way.
    pub fn fits_header(&self, prefix: &str) -> bool {
        let visible = |byte: &u8| matches!(byte, b' '..=b'~');
        let begins_with_space = prefix.is_empty() && self.0.first() == Some(&b' ');
        self.0.iter().all(visible) && !begins_with_space && self.0.last() != Some(&b' ')
    }

    /// A text of the customer's own as he wrote it.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(String::from_utf8_lossy(&self.0).into_owned())
    }

    /// The form in which a customer sees it, once.
    pub fn to_standard_webhooks(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{STANDARD_WEBHOOKS_PREFIX}{}", STANDARD.encode(&self.0)))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

impl Serialize for SigningSecret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(STANDARD.encode(&self.0)))
    }
}

impl<'de> Deserialize<'de> for SigningSecret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let encoded = Zeroizing::new(String::deserialize(deserializer)?);
        STANDARD.decode(encoded.as_bytes()).map(Self).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_webhooks_form_round_trips_and_is_bounded() {
        let secret = SigningSecret::new(vec![7; 32]);
        let text = secret.to_standard_webhooks();
        assert_eq!(SigningSecret::parse_standard_webhooks(&text).unwrap(), secret);
        assert_eq!(SigningSecret::parse_standard_webhooks("x"), Err(SigningSecretError::Prefix));
        assert_eq!(
            SigningSecret::parse_standard_webhooks("whsec_!"),
            Err(SigningSecretError::Base64)
        );
        let short = SigningSecret::new(vec![7; 23]).to_standard_webhooks();
        assert_eq!(SigningSecret::parse_standard_webhooks(&short), Err(SigningSecretError::Length));
    }

    /// RFC 8032, section 7.1, test 1.
    #[test]
    fn private_keys_are_read_alone_and_with_their_public_key() {
        let hex = |text: &str| hex::decode(text).unwrap();
        let seed = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let public = hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        let alone = format!("whsk_{}", STANDARD.encode(&seed));
        let secret = SigningSecret::parse_private_key(&alone).unwrap();
        assert_eq!(secret.bytes(), seed);
        assert_eq!(secret.to_public_key().unwrap(), format!("whpk_{}", STANDARD.encode(&public)));
        let both = format!("whsk_{}", STANDARD.encode([seed.clone(), public].concat()));
        assert_eq!(SigningSecret::parse_private_key(&both).unwrap(), secret);
        let other = format!("whsk_{}", STANDARD.encode([seed.clone(), seed].concat()));
        for bad in [other.as_str(), "whsk_", "whsk_AAAA", "whsec_AAAA", ""] {
            assert_eq!(
                SigningSecret::parse_private_key(bad),
                Err(SigningSecretError::PrivateKey),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_text_is_kept_as_it_is() {
        assert_eq!(*SigningSecret::parse_text("it's-mine").unwrap().to_text(), "it's-mine");
        for bytes in ["a b", " é\t\n\0", &"x".repeat(256)] {
            assert_eq!(SigningSecret::parse_text(bytes).unwrap().bytes(), bytes.as_bytes());
        }
        for bad in ["", &"x".repeat(257)] {
            assert_eq!(SigningSecret::parse_text(bad), Err(SigningSecretError::Text));
        }
    }

    #[test]
    fn a_header_carries_visible_ascii_and_spaces_within() {
        let fits =
            |text: &str, prefix| SigningSecret::parse_text(text).unwrap().fits_header(prefix);
        assert!(fits("a b~!", "") && fits(" a", "Bearer"));
        for bad in [" a", "a ", "é", "a\tb", "a\nb", "\u{7f}"] {
            assert!(!fits(bad, ""), "{bad:?}");
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", SigningSecret::new(b"hunter2".to_vec())), "SigningSecret(…)");
        assert_eq!(format!("{:?}", SecretText::from("hunter2")), "SecretText(…)");
    }
}
