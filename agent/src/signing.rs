//! Signatures of a POST, made at the moment it is sent.
//!
//! Fed by `subscriptions` with the schemes and keys of an update and by
//! `request` with what to sign; feeds `request` the header lines that prove it.
//! Guarantees that a POST is unsigned only where the update says so, that every
//! scheme of the update signs or the POST is not made, and that what is signed is
//! exactly what is sent. Everything that can be wrong with a scheme is found
//! when the update arrives, everything that a key can prepare is prepared then;
//! keys are wiped when they are dropped and are never printed.

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
use postrider_proto::agent::v1::signer::Scheme as WireScheme;
use thiserror::Error;

use self::hmac::Hmac;
use self::keys::Keys;
use self::mac::MacKey;
use self::static_secret::StaticSecret;
use self::stripe::Stripe;
use crate::headers::{self, WEBHOOK_SIGNATURE};

/// The control plane permits far fewer; more would not fit into a request.
const MAX_SCHEMES: usize = 16;
const MAX_KEYS: usize = 64;

/// Why a POST cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SigningError {
    /// A POST is never sent unsigned by mistake.
    #[error("the subscription has no signing key")]
    Missing,
    /// Each may become a header line.
    #[error("there are more than {MAX_SCHEMES} signature schemes or {MAX_KEYS} keys of one")]
    TooMany,
    /// A key without bytes proves nothing.
    #[error("a signing key is empty")]
    Empty,
    /// The update that would have brought new ones did not come.
    #[error("every signing key of a signature scheme has expired")]
    Expired,
    /// The control plane is newer than the agent.
    #[error("a signature scheme is not known to this agent")]
    UnknownScheme,
    /// The key of another scheme.
    #[error("an ed25519 signing key is not 32 bytes")]
    Seed,
    /// The library's word; it gives no reason.
    #[error("an ed25519 signature could not be made")]
    Ed25519,
    /// Not a token, or a name that means something else.
    #[error("the signature header's name {0:?} is not permitted")]
    HeaderName(String),
    /// With a line break, for instance. What it is may be secret.
    #[error("what is to stand in the signature header {0} is not permitted there")]
    HeaderValue(HeaderName),
}

/// What one POST's signatures are made over.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// The event's id, as `webhook-id` has it.
    pub webhook_id: &'a str,
    /// The moment of the POST, in decimal seconds since the Unix epoch.
    pub timestamp: &'a str,
    /// The body, as it is sent.
    pub body: &'a [u8],
}

/// The signature schemes of one subscription, with their keys; none only where
/// webhooks go out unsigned on purpose.
pub struct Signers(Vec<Scheme>);

enum Scheme {
    StandardV1(Keys<MacKey>),
    StandardV1a(Keys<SigningKey>),
    Stripe(Stripe),
    Hmac(Hmac),
    StaticSecret(StaticSecret),
}

impl fmt::Debug for Signers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signers({})", self.0.len())
    }
}

impl Signers {
    /// Takes the schemes of an update that arrived at `now`.
    pub fn from_wire(
        update: &wire::SubscriptionUpdate,
        now: Instant,
    ) -> Result<Self, SigningError> {
        if update.signers.is_empty() && !update.unsigned {
            return Err(SigningError::Missing);
        }
        if update.signers.len() > MAX_SCHEMES {
            return Err(SigningError::TooMany);
        }
        let mut schemes = update
            .signers
            .iter()
            .map(|signer| Scheme::from_wire(signer, now))
            .collect::<Result<Vec<_>, _>>()?;
        // In the header that they share, v1 stands where receivers that know of
        // nothing else look first. The order of the others stays.
        schemes.sort_by_key(|scheme| matches!(scheme, Scheme::StandardV1a(_)));
        Ok(Self(schemes))
    }

    /// Adds the signatures by every key in force at `now`.
    pub fn sign(
        &self,
        now: Instant,
        message: Message<'_>,
        headers: &mut HeaderMap,
    ) -> Result<(), SigningError> {
        let mut standard = String::new();
        for scheme in &self.0 {
            match scheme {
                Scheme::StandardV1(keys) => standard::v1(keys, now, message, &mut standard)?,
                Scheme::StandardV1a(keys) => standard::v1a(keys, now, message, &mut standard)?,
                Scheme::Stripe(stripe) => stripe.sign(now, message, headers)?,
                Scheme::Hmac(hmac) => hmac.sign(now, message, headers)?,
                Scheme::StaticSecret(secret) => secret.send(now, headers)?,
            }
        }
        if !standard.is_empty() {
            headers.insert(WEBHOOK_SIGNATURE, header_value(&WEBHOOK_SIGNATURE, standard)?);
        }
        Ok(())
    }

    /// Whether a scheme writes this header.
    pub fn writes(&self, name: &HeaderName) -> bool {
        self.0.iter().any(|scheme| match scheme {
            Scheme::StandardV1(_) | Scheme::StandardV1a(_) => *name == WEBHOOK_SIGNATURE,
            Scheme::Stripe(stripe) => stripe.writes(name),
            Scheme::Hmac(hmac) => hmac.writes(name),
            Scheme::StaticSecret(secret) => secret.writes(name),
        })
    }
}

impl Scheme {
    fn from_wire(signer: &wire::Signer, now: Instant) -> Result<Self, SigningError> {
        let keys = &signer.keys;
        match signer.scheme.as_ref().ok_or(SigningError::UnknownScheme)? {
            WireScheme::StandardWebhooksV1(_) => {
                Keys::from_wire(keys, now, MacKey::sha256).map(Self::StandardV1)
            }
            WireScheme::StandardWebhooksV1a(_) => {
                Keys::from_wire(keys, now, standard::signing_key).map(Self::StandardV1a)
            }
            WireScheme::Stripe(scheme) => Stripe::from_wire(scheme, keys, now).map(Self::Stripe),
            WireScheme::Hmac(scheme) => Hmac::from_wire(scheme, keys, now).map(Self::Hmac),
            WireScheme::StaticSecret(scheme) => {
                StaticSecret::from_wire(scheme, keys, now).map(Self::StaticSecret)
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
