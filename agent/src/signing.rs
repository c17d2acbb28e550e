//! Signatures of a POST, made at the moment it is sent.
//!
//! Fed by `subscriptions` with the keys in force and by `attempt` with what to
//! sign; feeds `request` the value of the `webhook-signature` header.
//! Guarantees the Standard Webhooks 1.0.0 scheme `v1`, one signature for each
//! key in the order of the keys, over exactly the bytes that are sent. Keys are
//! wiped when they are dropped and are never printed; one that has expired signs
//! no longer, even if the update that drops it is late.

use std::fmt;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use postrider_proto::agent::v1 as wire;
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

/// Why keys cannot sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    /// A POST is never sent unsigned.
    #[error("the subscription has no signing key")]
    Missing,
    /// A key without bytes proves nothing.
    #[error("a signing key is empty")]
    Empty,
    /// The update that would have brought new ones did not come.
    #[error("every signing key has expired")]
    Expired,
    /// The control plane is newer than the agent.
    #[error("a signing key has a scheme that this agent does not know")]
    UnknownScheme,
}

/// The keys of one subscription, at least one.
pub struct SigningKeys(Vec<Key>);

struct Key {
    secret: Zeroizing<Vec<u8>>,
    /// By the monotonic clock, from when the update arrived.
    until: Option<Instant>,
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKeys({})", self.0.len())
    }
}

impl SigningKeys {
    /// Takes the keys of an update that arrived at `now`.
    pub fn from_wire(keys: &[wire::SigningKey], now: Instant) -> Result<Self, KeyError> {
        if keys.is_empty() {
            return Err(KeyError::Missing);
        }
        let keys: Result<_, _> = keys.iter().map(|key| Key::from_wire(key, now)).collect();
        keys.map(Self)
    }

    /// The `webhook-signature` header: `v1,<base64>` for each key in force,
    /// separated by a space.
    pub fn sign(
        &self,
        now: Instant,
        webhook_id: &str,
        timestamp: &str,
        body: &[u8],
    ) -> Result<String, KeyError> {
        const ONE: usize = "v1,".len() + 44 + 1;
        let mut header = String::with_capacity(self.0.len() * ONE);
        let in_force = |key: &&Key| key.until.is_none_or(|until| now < until);
        for key in self.0.iter().filter(in_force) {
            // HMAC takes keys of every length but none, which is refused above.
            let mut mac =
                Hmac::<Sha256>::new_from_slice(&key.secret).map_err(|_| KeyError::Empty)?;
            mac.update(webhook_id.as_bytes());
            mac.update(b".");
            mac.update(timestamp.as_bytes());
            mac.update(b".");
            mac.update(body);
            if !header.is_empty() {
                header.push(' ');
            }
            header.push_str("v1,");
            STANDARD.encode_string(mac.finalize().into_bytes(), &mut header);
        }
        match header.is_empty() {
            true => Err(KeyError::Expired),
            false => Ok(header),
        }
    }
}

impl Key {
    fn from_wire(key: &wire::SigningKey, now: Instant) -> Result<Self, KeyError> {
        match key.scheme() {
            _ if key.secret.is_empty() => Err(KeyError::Empty),
            wire::SigningScheme::Unspecified => Err(KeyError::UnknownScheme),
            wire::SigningScheme::StandardWebhooksV1 => Ok(Self {
                secret: Zeroizing::new(key.secret.to_vec()),
                until: key.expires_in.map(|expires_in| {
                    // A negative one has expired; one too long for the clock is
                    // as good as none of this process's lifetime.
                    let expires_in = Duration::try_from(expires_in).unwrap_or_default();
                    now.checked_add(expires_in).unwrap_or(now)
                }),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::time::{SystemTime, UNIX_EPOCH};

    use bytes::Bytes;
    use http::HeaderMap;
    use standardwebhooks::Webhook;

    use super::*;

    fn key(secret: &'static [u8]) -> wire::SigningKey {
        wire::SigningKey {
            scheme: wire::SigningScheme::StandardWebhooksV1.into(),
            secret: Bytes::from_static(secret),
            expires_in: None,
        }
    }

    fn keys(keys: &[wire::SigningKey]) -> Result<SigningKeys, KeyError> {
        SigningKeys::from_wire(keys, Instant::now())
    }

    #[test]
    fn the_specification_s_example_comes_out() {
        let secret = STANDARD.decode("C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap();
        let keys = SigningKeys(vec![Key { secret: Zeroizing::new(secret), until: None }]);
        let signature = keys.sign(
            Instant::now(),
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            "1649367553",
            br#"{"email":"test@example.com","username":"test_user"}"#,
        );
        assert_eq!(signature.unwrap(), "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
    }

    #[test]
    fn each_key_of_a_rotation_verifies_by_the_published_library() {
        let keys = keys(&[key(b"the new key"), key(b"the old key")]).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let timestamp = now.as_secs().to_string();
        let body = "{\"amount\":\"12.30\",\"to\":\"Zoë\"}";
        let signature = keys.sign(Instant::now(), "evt_1", &timestamp, body.as_bytes());
        let signature = signature.unwrap();
        assert_eq!(signature.split(' ').count(), 2);

        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", "evt_1".parse().unwrap());
        headers.insert("webhook-timestamp", timestamp.parse().unwrap());
        headers.insert("webhook-signature", signature.parse().unwrap());
        for (secret, verifies) in
            [(&b"the new key"[..], true), (b"the old key", true), (b"another key", false)]
        {
            let webhook = Webhook::from_bytes(secret.to_vec()).unwrap();
            assert_eq!(webhook.verify(body.as_bytes(), &headers).is_ok(), verifies);
        }
        let webhook = Webhook::from_bytes(b"the new key".to_vec()).unwrap();
        assert!(webhook.verify(b"{\"amount\":\"99.30\"}", &headers).is_err());
    }

    #[test]
    fn unusable_keys_are_named() {
        let error = |wrong: &[wire::SigningKey]| keys(wrong).err();
        assert_eq!(error(&[]), Some(KeyError::Missing));
        assert_eq!(error(&[key(b"")]), Some(KeyError::Empty));
        let unknown = wire::SigningKey { scheme: 99, ..key(b"key") };
        assert_eq!(error(&[unknown]), Some(KeyError::UnknownScheme));
    }

    #[test]
    fn an_expired_key_signs_no_longer() {
        let expiring = wire::SigningKey {
            expires_in: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
            ..key(b"the old key")
        };
        let now = Instant::now();
        let later = now + Duration::from_secs(60);
        let signatures = |keys: &SigningKeys, at| {
            keys.sign(at, "evt_1", "1", b"{}").map(|header| header.split(' ').count())
        };
        let both = SigningKeys::from_wire(&[key(b"the new key"), expiring.clone()], now).unwrap();
        assert_eq!(signatures(&both, now), Ok(2));
        assert_eq!(signatures(&both, later), Ok(1));
        let alone = SigningKeys::from_wire(&[expiring], now).unwrap();
        assert_eq!(signatures(&alone, later), Err(KeyError::Expired));
    }

    #[test]
    fn keys_are_not_printed() {
        let keys = keys(&[key(b"hush")]).unwrap();
        assert_eq!(format!("{keys:?}"), "SigningKeys(1)");
    }
}
