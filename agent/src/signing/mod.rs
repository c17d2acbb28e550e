//! Signs a POST at the moment it is sent.
//!
//! A POST is unsigned only if the settings say so. Every scheme signs, or the POST is
//! not sent. What is signed is exactly what is sent. Mistakes in a scheme are found
//! when the settings arrive, and keys are prepared then. Keys are wiped when dropped
//! and never printed.

mod hmac;
mod keys;
mod mac;
mod standard;
mod static_secret;
mod stripe;

use std::fmt;
use std::time::Instant;

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use http::header::InvalidHeaderValue;
use http::{HeaderMap, HeaderName, HeaderValue};
use postrider_proto::agent::v1 as wire;
use postrider_proto::agent::v1::signer::Scheme;
use thiserror::Error;

use self::hmac::HmacSigner;
use self::keys::SigningKeys;
use self::mac::MacKey;
use self::static_secret::StaticSecretSigner;
use self::stripe::StripeSigner;
use crate::headers::{self, WEBHOOK_SIGNATURE};

/// The control plane permits far fewer; more would not fit into a request.
const MAX_SCHEMES: usize = 16;
const MAX_KEYS_PER_SCHEME: usize = 64;

/// Why a POST cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SigningError {
    /// A POST is never sent unsigned by mistake.
    #[error("the subscription has no signing key")]
    NoKey,
    /// Each may become a header line.
    #[error(
        "more than {MAX_SCHEMES} signature schemes, or more than {MAX_KEYS_PER_SCHEME} keys for one scheme"
    )]
    TooManyKeys,
    /// A key without bytes proves nothing.
    #[error("a signing key is empty")]
    EmptyKey,
    /// The update that would have brought new ones did not come.
    #[error("every signing key of a signature scheme has expired")]
    AllKeysExpired,
    /// The control plane is newer than the agent.
    #[error(
        "this agent does not support one of the signature schemes; it may be older than the control plane"
    )]
    UnknownScheme,
    /// The key of another scheme.
    #[error("an ed25519 signing key must have 32 bytes")]
    InvalidSeed,
    /// The library's word; it gives no reason.
    #[error("an ed25519 signature could not be made")]
    Ed25519Failed,
    /// Not a token, or a name that means something else.
    #[error("{0:?} is not permitted as a signature header's name")]
    HeaderName(String),
    /// With a line break, for instance. What it is may be secret.
    #[error("the signature for the header {0} is not a valid header value")]
    HeaderValue(HeaderName),
}

/// What one POST's signatures are made over.
#[derive(Debug, Clone, Copy)]
pub struct SignedContent<'a> {
    /// The event's id, as `webhook-id` has it.
    pub webhook_id: &'a str,
    /// The moment of the POST, in decimal seconds since the Unix epoch.
    pub timestamp: &'a str,
    /// The body, as it is sent.
    pub body: &'a [u8],
}

/// The signature schemes of one subscription, with their keys; none only where
/// webhooks go out unsigned on purpose.
pub struct SignerSet(Vec<SigningScheme>);

enum SigningScheme {
    StandardV1(SigningKeys<MacKey>),
    StandardV1a(SigningKeys<SigningKey>),
    Stripe(StripeSigner),
    Hmac(HmacSigner),
    StaticSecret(StaticSecretSigner),
}

impl fmt::Debug for SignerSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signers({})", self.0.len())
    }
}

impl SignerSet {
    /// Takes the schemes of an update that arrived at `now`.
    pub fn from_wire(
        update: &wire::SubscriptionUpdate,
        now: Instant,
    ) -> Result<Self, SigningError> {
        if update.signers.is_empty() && !update.unsigned {
            return Err(SigningError::NoKey);
        }
        if update.signers.len() > MAX_SCHEMES {
            return Err(SigningError::TooManyKeys);
        }
        let mut schemes = update
            .signers
            .iter()
            .map(|signer| SigningScheme::from_wire(signer, now))
            .collect::<Result<Vec<_>, _>>()?;
        // In the header that they share, v1 stands where receivers that know of
        // nothing else look first. The order of the others stays.
        schemes.sort_by_key(|scheme| matches!(scheme, SigningScheme::StandardV1a(_)));
        Ok(Self(schemes))
    }

    /// Adds the signatures by every key in force at `now`.
    pub fn sign(
        &self,
        now: Instant,
        message: SignedContent<'_>,
        headers: &mut HeaderMap,
    ) -> Result<(), SigningError> {
        let mut standard = String::new();
        for scheme in &self.0 {
            match scheme {
                SigningScheme::StandardV1(keys) => {
                    standard::append_v1(keys, now, message, &mut standard)?
                }
                SigningScheme::StandardV1a(keys) => {
                    standard::append_v1a(keys, now, message, &mut standard)?
                }
                SigningScheme::Stripe(stripe) => stripe.sign(now, message, headers)?,
                SigningScheme::Hmac(hmac) => hmac.sign(now, message, headers)?,
                SigningScheme::StaticSecret(secret) => secret.append_headers(now, headers)?,
            }
        }
        if !standard.is_empty() {
            headers.insert(WEBHOOK_SIGNATURE, header_value(&WEBHOOK_SIGNATURE, standard)?);
        }
        Ok(())
    }

    /// Whether a scheme writes this header.
    pub fn writes_header(&self, name: &HeaderName) -> bool {
        self.0.iter().any(|scheme| match scheme {
            SigningScheme::StandardV1(_) | SigningScheme::StandardV1a(_) => {
                *name == WEBHOOK_SIGNATURE
            }
            SigningScheme::Stripe(stripe) => stripe.writes_header(name),
            SigningScheme::Hmac(hmac) => hmac.writes_header(name),
            SigningScheme::StaticSecret(secret) => secret.writes_header(name),
        })
    }
}

impl SigningScheme {
    fn from_wire(signer: &wire::Signer, now: Instant) -> Result<Self, SigningError> {
        let keys = &signer.keys;
        match signer.scheme.as_ref().ok_or(SigningError::UnknownScheme)? {
            Scheme::StandardWebhooksV1(_) => {
                SigningKeys::from_wire(keys, now, MacKey::sha256).map(Self::StandardV1)
            }
            Scheme::StandardWebhooksV1a(_) => {
                SigningKeys::from_wire(keys, now, standard::signing_key).map(Self::StandardV1a)
            }
            Scheme::Stripe(scheme) => StripeSigner::from_wire(scheme, keys, now).map(Self::Stripe),
            Scheme::Hmac(scheme) => HmacSigner::from_wire(scheme, keys, now).map(Self::Hmac),
            Scheme::StaticSecret(scheme) => {
                StaticSecretSigner::from_wire(scheme, keys, now).map(Self::StaticSecret)
            }
        }
    }
}

/// The name of a header that a scheme may write.
fn header_name(name: &str) -> Result<HeaderName, SigningError> {
    HeaderName::from_bytes(name.as_bytes())
        .ok()
        .filter(|name| !headers::is_reserved(name))
        .ok_or_else(|| SigningError::HeaderName(name.to_owned()))
}

/// A header's value, without copying the text.
fn header_value(name: &HeaderName, text: String) -> Result<HeaderValue, SigningError> {
    HeaderValue::from_maybe_shared(Bytes::from(text))
        .map_err(|_: InvalidHeaderValue| SigningError::HeaderValue(name.clone()))
}

#[cfg(test)]
mod tests;
