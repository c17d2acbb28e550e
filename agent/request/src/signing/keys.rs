//! The keys of one scheme, ready to sign.
//!
//! An expired key does not sign, even if the update that removes it is late. If all
//! keys of a scheme have expired, signing fails; nothing is sent unsigned.

use std::time::{Duration, Instant};

use postrider_proto::agent::v1 as wire;

use super::error::{MAX_KEYS_PER_SCHEME, SigningError};

/// What is sent while several keys are in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySelection {
    /// A header line for each.
    EachKey,
    /// One header line, by the newest.
    NewestKey,
}

impl KeySelection {
    pub fn from_wire(newest_key_only: bool) -> Self {
        if newest_key_only { Self::NewestKey } else { Self::EachKey }
    }
}

/// At least one key, the oldest first.
pub struct SigningKeys<K>(Vec<ExpiringKey<K>>);

struct ExpiringKey<K> {
    key: K,
    /// By the monotonic clock, from when the update arrived.
    until: Option<Instant>,
}

impl<K> SigningKeys<K> {
    /// Prepares the keys of an update that arrived at `now`.
    pub fn from_wire(
        keys: &[wire::SignerKey],
        now: Instant,
        prepare: impl Fn(&[u8]) -> Result<K, SigningError>,
    ) -> Result<Self, SigningError> {
        if keys.is_empty() {
            return Err(SigningError::NoKey);
        }
        if keys.len() > MAX_KEYS_PER_SCHEME {
            return Err(SigningError::TooManyKeys);
        }
        let prepared = keys.iter().map(|key| {
            if key.secret.is_empty() {
                return Err(SigningError::EmptyKey);
            }
            // A negative time is over; one too long for the clock is a mistake
            // of the sender's, and signing for ever would be the worse one.
            let end = |expires_in| {
                let expires_in = Duration::try_from(expires_in).unwrap_or_default();
                now.checked_add(expires_in).unwrap_or(now)
            };
            Ok(ExpiringKey { key: prepare(&key.secret)?, until: key.expires_in.map(end) })
        });
        prepared.collect::<Result<_, _>>().map(Self)
    }

    /// How many there are, in force or not.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The keys that sign at `now`, at least one, the oldest first.
    pub fn in_force(
        &self,
        now: Instant,
        rotation: KeySelection,
    ) -> Result<impl Iterator<Item = &K>, SigningError> {
        let signs = move |key: &ExpiringKey<K>| key.until.is_none_or(|until| now < until);
        let newest = self.0.iter().rposition(signs).ok_or(SigningError::AllKeysExpired)?;
        let from = match rotation {
            KeySelection::EachKey => 0,
            KeySelection::NewestKey => newest,
        };
        Ok(self.0.iter().skip(from).filter(move |key| signs(key)).map(|key| &key.key))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn key(secret: &'static str, seconds: Option<i64>) -> wire::SignerKey {
        let expires_in = seconds.map(|seconds| prost_types::Duration { seconds, nanos: 0 });
        wire::SignerKey { secret: Bytes::from_static(secret.as_bytes()), expires_in }
    }

    fn text(secret: &[u8]) -> Result<String, SigningError> {
        Ok(String::from_utf8_lossy(secret).into_owned())
    }

    fn in_force(
        keys: &SigningKeys<String>,
        now: Instant,
        rotation: KeySelection,
    ) -> Result<Vec<&str>, SigningError> {
        Ok(keys.in_force(now, rotation)?.map(String::as_str).collect())
    }

    #[test]
    fn a_key_past_its_time_signs_no_longer() {
        let now = Instant::now();
        let later = |seconds| now + Duration::from_secs(seconds);
        let wire = [key("a", Some(60)), key("b", Some(120)), key("c", None)];
        let keys = SigningKeys::from_wire(&wire, now, text).unwrap();
        for (at, each) in [(0, &["a", "b", "c"][..]), (60, &["b", "c"]), (120, &["c"])] {
            assert_eq!(in_force(&keys, later(at), KeySelection::EachKey).unwrap(), each);
            assert_eq!(in_force(&keys, later(at), KeySelection::NewestKey).unwrap(), ["c"]);
        }
    }

    #[test]
    fn the_newest_key_is_the_newest_of_those_in_force() {
        let now = Instant::now();
        let wire = [key("a", None), key("b", Some(60))];
        let keys = SigningKeys::from_wire(&wire, now, text).unwrap();
        assert_eq!(in_force(&keys, now, KeySelection::NewestKey).unwrap(), ["b"]);
        let later = now + Duration::from_secs(60);
        assert_eq!(in_force(&keys, later, KeySelection::NewestKey).unwrap(), ["a"]);
    }

    #[test]
    fn keys_that_are_all_past_their_time_are_an_error() {
        let now = Instant::now();
        for expired in [0, -1, -86_400] {
            let keys = SigningKeys::from_wire(&[key("a", Some(expired))], now, text).unwrap();
            for rotation in [KeySelection::EachKey, KeySelection::NewestKey] {
                assert_eq!(in_force(&keys, now, rotation), Err(SigningError::AllKeysExpired));
            }
        }
    }
}
