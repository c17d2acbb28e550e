//! Converts a subscription's signature schemes and keys for the agent.
//!
//! A key is given only to schemes of its kind, and only while it is in force.

use bytes::Bytes;
use postrider_domain::signature::{
    DigestEncoding, HmacHash, HmacScheme, KeyKind, KeyRotation, SignatureScheme,
};
use postrider_domain::subscription::Subscription;
use postrider_domain::time::Timestamp;
use postrider_proto::agent::v1 as wire;
use postrider_proto::agent::v1::signer::Scheme;

use super::duration::duration;

/// The schemes of a subscription with their keys, in its order.
pub(super) fn signers(subscription: &Subscription, now: Timestamp) -> Vec<wire::Signer> {
    let signer = |scheme: &SignatureScheme| wire::Signer {
        scheme: Some(wire_scheme(scheme)),
        keys: keys(subscription, scheme.key_kind(), now),
    };
    subscription.settings.schemes.iter().map(signer).collect()
}

fn keys(subscription: &Subscription, kind: KeyKind, now: Timestamp) -> Vec<wire::SignerKey> {
    let in_force =
        subscription.signing_keys.iter().filter(|key| key.kind == kind && key.in_force(now));
    let key = in_force.map(|key| wire::SignerKey {
        secret: Bytes::copy_from_slice(key.secret.bytes()),
        expires_in: key.expire_time.map(|at| duration(at.since(now))),
    });
    key.collect()
}

fn wire_scheme(scheme: &SignatureScheme) -> Scheme {
    match scheme {
        SignatureScheme::StandardV1 => Scheme::StandardWebhooksV1(wire::StandardWebhooksV1 {}),
        SignatureScheme::StandardV1a => Scheme::StandardWebhooksV1a(wire::StandardWebhooksV1a {}),
        SignatureScheme::Stripe { header } => {
            Scheme::Stripe(wire::StripeSignature { header: header.clone() })
        }
        SignatureScheme::Hmac(hmac) => Scheme::Hmac(wire_hmac(hmac)),
        SignatureScheme::StaticSecret { header, prefix, rotation } => {
            Scheme::StaticSecret(wire::StaticSecret {
                header: header.clone(),
                prefix: prefix.clone(),
                newest_key_only: *rotation == KeyRotation::NewestKey,
            })
        }
    }
}

fn wire_hmac(hmac: &HmacScheme) -> wire::HmacSignature {
    let timestamp = hmac.timestamp.as_ref();
    wire::HmacSignature {
        header: hmac.header.clone(),
        prefix: hmac.prefix.clone(),
        sha512: hmac.hash == HmacHash::Sha512,
        base64: hmac.encoding == DigestEncoding::Base64,
        timestamp_header: timestamp.map(|t| t.header.clone()).unwrap_or_default(),
        separator: timestamp.map(|t| t.separator.clone()).unwrap_or_default(),
        newest_key_only: hmac.rotation == KeyRotation::NewestKey,
    }
}
