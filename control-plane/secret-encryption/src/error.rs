//! Why a key or a secret cannot be used. No error quotes a key or a secret.

use crate::key_encryption::KeyId;

/// Why something was not encrypted or decrypted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("the key-encryption key \"{0}\" is missing")]
    Missing(KeyId),
    #[error("no key-encryption key is given")]
    NoCurrentKey,
    /// The bytes were changed or are those of another place, or the key is another one.
    #[error("the key-encryption key \"{0}\" is not the one that wrapped this data key")]
    NotWrappedBy(KeyId),
    #[error("what is stored was not sealed by this data key for this place")]
    NotSealedHere,
    /// Whoever keeps the keys cannot be reached; it may pass.
    #[error("the key service is unavailable: {0}")]
    Unavailable(String),
    #[error("the system gives no random bytes")]
    NoRandomness,
}

/// Why a list of key-encryption keys cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyListError {
    #[error("entry {0} is not ID:KEY")]
    Entry(usize),
    #[error("the id of entry {0} must be 1 to 64 letters, digits, dots, underscores and hyphens")]
    Id(usize),
    #[error("the key \"{0}\" must be the base64 of 32 bytes")]
    Key(KeyId),
    #[error("the key \"{0}\" is given twice, with different bytes")]
    Twice(KeyId),
    #[error("the current key, \"{0}\", is not among the keys given")]
    CurrentMissing(String),
    #[error("several keys are given, and none is named as the current one")]
    NoCurrent,
}
