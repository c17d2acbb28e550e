//! A key made of another key for one purpose, to seal what goes out and comes back.
//!
//! Fed by the control plane with bytes that it derived; feeds it sealed bytes that callers
//! may hold. Guarantees that only the same key opens them, for the same place.

use std::fmt;

use zeroize::Zeroizing;

use crate::cipher::{self, AES_KEY_BYTES, KeyBytes};
use crate::error::KeyError;

/// A key of a purpose's own.
#[derive(Clone)]
pub struct DerivedKey(KeyBytes);

impl DerivedKey {
    pub fn new(bytes: &[u8; AES_KEY_BYTES]) -> Self {
        Self(Box::new(Zeroizing::new(*bytes)))
    }

    pub fn seal(&self, text: &[u8], place: &[u8]) -> Result<Vec<u8>, KeyError> {
        cipher::seal(&self.0, text, place).ok_or(KeyError::NoRandomness)
    }

    /// What was sealed by the same key for the same place.
    pub fn open(&self, sealed: &[u8], place: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        cipher::open(&self.0, sealed, place).ok_or(KeyError::NotSealedHere)
    }
}

impl fmt::Debug for DerivedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DerivedKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_opens_for_the_same_place() {
        let key = DerivedKey::new(&[1; AES_KEY_BYTES]);
        let sealed = key.seal(b"position", b"list").unwrap();
        let again = DerivedKey::new(&[1; AES_KEY_BYTES]);
        assert_eq!(again.open(&sealed, b"list").unwrap().as_slice(), b"position");
        assert!(key.open(&sealed, b"other").is_err());
        assert!(DerivedKey::new(&[2; AES_KEY_BYTES]).open(&sealed, b"list").is_err());
        assert!(!format!("{key:?}").contains('1'));
    }
}
