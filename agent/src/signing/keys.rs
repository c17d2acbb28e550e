//! The keys of one scheme, in the form in which it signs.
//!
//! Fed by updates; feeds every scheme. Guarantees that a key past its time does
//! not sign, even if the update that drops it is late, and that a scheme whose
//! keys are all past theirs says so instead of signing with none.

use std::time::{Duration, Instant};

use postrider_proto::agent::v1 as wire;

use super::{MAX_KEYS, SigningError};

/// What is sent while several keys are in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// A header line for each.
    EachKey,
    /// One header line, by the newest.
    NewestKey,
}

impl Rotation {
    pub fn from_wire(newest_key_only: bool) -> Self {
        if newest_key_only { Self::NewestKey } else { Self::EachKey }
    }
}

/// At least one key, the oldest first.
pub struct Keys<K>(Vec<Key<K>>);

struct Key<K> {
    key: K,
    /// By the monotonic clock, from when the update arrived.
    until: Option<Instant>,
}

impl<K> Keys<K> {
    /// Prepares the keys of an update that arrived at `now`.
    pub fn from_wire(
        keys: &[wire::SignerKey],
        now: Instant,
        prepare: impl Fn(&[u8]) -> Result<K, SigningError>,
    ) -> Result<Self, SigningError> {
        if keys.is_empty() {
            return Err(SigningError::Missing);
        }
        if keys.len() > MAX_KEYS {
            return Err(SigningError::TooMany);
        }
        let prepared = keys.iter().map(|key| {
            if key.secret.is_empty() {
                return Err(SigningError::Empty);
            }
            // A negative time is over; one too long for the clock is a mistake
            // of the sender's, and signing for ever would be the worse one.
            let end = |expires_in| {
                let expires_in = Duration::try_from(expires_in).unwrap_or_default();
                now.checked_add(expires_in).unwrap_or(now)
            };
            Ok(Key { key: prepare(&key.secret)?, until: key.expires_in.map(end) })
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
        rotation: Rotation,
    ) -> Result<impl Iterator<Item = &K>, SigningError> {
        let signs = move |key: &Key<K>| key.until.is_none_or(|until| now < until);
        let newest = self.0.iter().rposition(signs).ok_or(SigningError::Expired)?;
        let from = match rotation {
            Rotation::EachKey => 0,
            Rotation::NewestKey => newest,
        };
        Ok(self.0.iter().skip(from).filter(move |key| signs(key)).map(|key| &key.key))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

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
        keys: &Keys<String>,
        now: Instant,
        rotation: Rotation,
    ) -> Result<Vec<&str>, SigningError> {
        Ok(keys.in_force(now, rotation)?.map(String::as_str).collect())
    }

    #[test]
    fn a_key_past_its_time_signs_no_longer() {
        let now = Instant::now();
        let later = |seconds| now + Duration::from_secs(seconds);
        let wire = [key("a", Some(60)), key("b", Some(120)), key("c", None)];
        let keys = Keys::from_wire(&wire, now, text).unwrap();
        for (at, each) in [(0, &["a", "b", "c"][..]), (60, &["b", "c"]), (120, &["c"])] {
            assert_eq!(in_force(&keys, later(at), Rotation::EachKey).unwrap(), each);
            assert_eq!(in_force(&keys, later(at), Rotation::NewestKey).unwrap(), ["c"]);
        }
    }

    #[test]
    fn the_newest_key_is_the_newest_of_those_in_force() {
        let now = Instant::now();
        let wire = [key("a", None), key("b", Some(60))];
        let keys = Keys::from_wire(&wire, now, text).unwrap();
        assert_eq!(in_force(&keys, now, Rotation::NewestKey).unwrap(), ["b"]);
        let later = now + Duration::from_secs(60);
        assert_eq!(in_force(&keys, later, Rotation::NewestKey).unwrap(), ["a"]);
    }

    #[test]
    fn keys_that_are_all_past_their_time_are_an_error() {
        let now = Instant::now();
        for expired in [0, -1, -86_400] {
            let keys = Keys::from_wire(&[key("a", Some(expired))], now, text).unwrap();
            for rotation in [Rotation::EachKey, Rotation::NewestKey] {
                assert_eq!(in_force(&keys, now, rotation), Err(SigningError::Expired));
            }
        }
    }
}
