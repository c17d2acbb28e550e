//! Signs a POST at the moment it is sent.
//!
//! Fed by `template` with a subscription's schemes and keys, and by `request` with what
//! is to be signed; feeds `request` the headers that signatures are in. Guarantees that a
//! POST is unsigned only if the settings say so: every scheme signs, or the POST is not
//! sent. What is signed is exactly what is sent. Mistakes in a scheme are found when the
//! settings arrive, and keys are prepared then. Keys are wiped when dropped and never
//! printed.

mod content;
mod error;
mod header;
mod hmac;
mod keys;
mod mac;
mod standard;
mod static_secret;
mod stripe;

use std::fmt;
use std::time::Instant;

use ed25519_dalek::SigningKey;
use http::{HeaderMap, HeaderName};
use postrider_proto::agent::v1 as wire;
use postrider_proto::agent::v1::signer::Scheme;

pub use self::content::SignedContent;
use self::error::MAX_SCHEMES;
pub use self::error::SigningError;
use self::header::make_header_value;
use self::hmac::HmacSigner;
use self::keys::SigningKeys;
use self::mac::MacKey;
use self::static_secret::StaticSecretSigner;
use self::stripe::StripeSigner;
use crate::header_names::WEBHOOK_SIGNATURE;

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
            headers.insert(WEBHOOK_SIGNATURE, make_header_value(&WEBHOOK_SIGNATURE, standard)?);
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

#[cfg(test)]
mod tests;
