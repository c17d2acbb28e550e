//! Encrypts secrets: envelope encryption, AES-256 in Galois/Counter Mode.
//!
//! Fed by the store with a tenant's secrets and by the settings with key-encryption keys;
//! feeds the store with bytes that may be written down. A tenant's secrets are encrypted
//! by its data key, and that is stored wrapped by a key-encryption key, which never is
//! ([`KeyEncryptionKeys`]).
//!
//! Guarantees that what is opened is what was sealed, by the same key, for the same
//! tenant, subscription and field: bytes that were changed, or moved to another place, do
//! not open. Keys and what was opened are wiped when they are dropped, with one
//! exception: `ring` keeps the schedule of a key on the stack while it works.
//!
//! Keeps the invariant `secrets-encrypted`.

mod cipher;
mod data_key;
mod derived_key;
mod error;
mod key_encryption;
mod local_keys;

pub use data_key::{DataKey, DataKeyId, SecretPlace, SecretUse};
pub use derived_key::DerivedKey;
pub use error::{KeyError, KeyListError};
pub use key_encryption::{DataKeyOwner, KeyEncryptionKeys, KeyId, WrappedDataKey};
pub use local_keys::{LocalKeys, generate_key_entry};
