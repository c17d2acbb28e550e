//! A hash of a chain: of a record, or the signature of a checkpoint.
//!
//! Fed by `chain`, and by the store with what it kept; feeds both, compared in constant
//! time.

use std::fmt;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

/// Bytes of a hash: those of SHA-256.
pub const CHAIN_HASH_BYTES: usize = 32;

/// The hash of a record, or of a checkpoint.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct ChainHash([u8; CHAIN_HASH_BYTES]);

impl ChainHash {
    /// What the first record of a chain follows.
    pub const ORIGIN: Self = Self([0; CHAIN_HASH_BYTES]);

    pub const fn new(bytes: [u8; CHAIN_HASH_BYTES]) -> Self {
        Self(bytes)
    }

    pub const fn bytes(&self) -> &[u8; CHAIN_HASH_BYTES] {
        &self.0
    }

    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        hex::decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl PartialEq for ChainHash {
    /// In constant time.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for ChainHash {}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
