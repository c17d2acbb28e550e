//! Signature schemes and signing keys.
//!
//! Fed by `api` with a customer's choice; feeds `agents`, which sends agents the bytes
//! to sign with. Guarantees that a scheme only gets keys of its own kind, and that a
//! secret is parsed in the form in which it was shown.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::secret::{SigningSecret, SigningSecretError};
use crate::time::Timestamp;

/// What a key is made of.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// `whsec_…`: the secret holds the raw bytes.
    #[default]
    Standard,
    /// A text of the customer's own: the secret holds its bytes.
    Text,
    /// `whsk_…`: the secret holds the 32-byte seed.
    Ed25519,
}

/// One signing key and how long it signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKey {
    pub id: String,
    #[serde(default)]
    pub kind: KeyKind,
    pub secret: SigningSecret,
    pub create_time: Timestamp,
    /// When it stops signing; `None` for the newest key of its kind.
    pub expire_time: Option<Timestamp>,
}

impl KeyKind {
    /// Reads a secret in the form that its kind has.
    pub fn parse(self, text: &str) -> Result<SigningSecret, SigningSecretError> {
        match self {
            Self::Standard => SigningSecret::parse_standard_webhooks(text),
            Self::Text => SigningSecret::parse_text(text),
            Self::Ed25519 => SigningSecret::parse_private_key(text),
        }
    }

    /// Makes a secret out of random bytes.
    pub fn secret(self, random: [u8; 32]) -> SigningSecret {
        match self {
            Self::Standard | Self::Ed25519 => SigningSecret::new(random.to_vec()),
            Self::Text => SigningSecret::new(URL_SAFE_NO_PAD.encode(random).into_bytes()),
        }
    }
}

impl SigningKey {
    /// The secret as the customer sees it, once; `None` of a key pair, whose private half
    /// nobody is shown.
    pub fn shown_secret(&self) -> Option<Zeroizing<String>> {
        match self.kind {
            KeyKind::Standard => Some(self.secret.to_standard_webhooks()),
            KeyKind::Text => Some(self.secret.to_text()),
            KeyKind::Ed25519 => None,
        }
    }

    /// What receivers verify with, where that is not the secret itself.
    pub fn public_key(&self) -> Option<String> {
        (self.kind == KeyKind::Ed25519).then(|| self.secret.to_public_key()).flatten()
    }

    pub fn in_force(&self, now: Timestamp) -> bool {
        self.expire_time.is_none_or(|expiry| now < expiry)
    }
}

/// One way to sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureScheme {
    /// Standard Webhooks 1.0.0, HMAC-SHA256.
    StandardV1,
    /// Standard Webhooks 1.0.0, ed25519.
    StandardV1a,
    /// `t=…,v1=…`
    Stripe { header: String },
    /// An HMAC in a header of its own.
    Hmac(HmacScheme),
    /// The secret itself in a header.
    StaticSecret { header: String, prefix: String, rotation: KeyRotation },
}

/// The choices of an HMAC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HmacScheme {
    pub header: String,
    pub prefix: String,
    pub hash: HmacHash,
    pub encoding: DigestEncoding,
    /// Whether the time is signed too.
    pub timestamp: Option<HmacTimestamp>,
    pub rotation: KeyRotation,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HmacTimestamp {
    pub header: String,
    pub separator: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HmacHash {
    Sha256,
    Sha512,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DigestEncoding {
    Hex,
    Base64,
}

/// What is sent while several keys are in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyRotation {
    /// A header line for each key.
    EachKey,
    /// One header line, by the newest key.
    NewestKey,
}

impl SignatureScheme {
    /// The kind of the keys that it signs with.
    pub const fn key_kind(&self) -> KeyKind {
        match self {
            Self::StandardV1 => KeyKind::Standard,
            Self::StandardV1a => KeyKind::Ed25519,
            Self::Stripe { .. } | Self::Hmac(_) | Self::StaticSecret { .. } => KeyKind::Text,
        }
    }

    /// Whether a request carries the key itself, and not only what it signed.
    pub const fn sends_key(&self) -> bool {
        match self {
            Self::StaticSecret { .. } => true,
            Self::StandardV1 | Self::StandardV1a | Self::Stripe { .. } | Self::Hmac(_) => false,
        }
    }
}

/// The schemes of a subscription that chooses none.
pub fn default_schemes() -> Vec<SignatureScheme> {
    vec![SignatureScheme::StandardV1]
}
