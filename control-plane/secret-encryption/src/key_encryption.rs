//! Key-encryption keys: what wraps data keys, wherever it is kept.
//!
//! Fed by whoever keeps them, a file today and perhaps a key service tomorrow; feeds the
//! store, which writes down wrapped data keys with the id of what wrapped them.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;

use crate::cipher::joined;
use crate::data_key::{DataKey, DataKeyId};
use crate::error::KeyError;

const MAX_KEY_ID_BYTES: usize = 64;

/// Names a key-encryption key in the database, in settings and in errors.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Box<str>);

impl KeyId {
    /// One that was written down.
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// It is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 64 letters, digits, dots, underscores and hyphens")]
pub struct KeyIdError;

impl FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<Self, KeyIdError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let fits = (1..=MAX_KEY_ID_BYTES).contains(&text.len()) && text.bytes().all(plain);
        if fits { Ok(Self(text.into())) } else { Err(KeyIdError) }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whose data key is wrapped.
#[derive(Clone, Copy, Debug)]
pub struct DataKeyOwner<'o> {
    pub tenant: &'o str,
    pub id: DataKeyId,
}

impl DataKeyOwner<'_> {
    /// What a wrapped key is bound to, so that it unwraps for this owner only. A key
    /// service takes it as its encryption context.
    pub fn bound_to(&self, key: &KeyId) -> Vec<u8> {
        let id = self.id.0;
        let parts: [&[u8]; 4] =
            [b"postrider data key", self.tenant.as_bytes(), id.as_bytes(), key.as_str().as_bytes()];
        joined(&parts)
    }
}

/// A data key as it may be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedDataKey {
    /// What wrapped it.
    pub by: KeyId,
    pub bytes: Vec<u8>,
}

/// Who keeps the key-encryption keys. Data keys are remembered once they are unwrapped,
/// so that a remote one is asked seldom.
#[async_trait]
pub trait KeyEncryptionKeys: fmt::Debug + Send + Sync + 'static {
    /// The key that wraps new data keys; `None` where no key is given.
    fn current(&self) -> Option<&KeyId>;

    /// Whether it can unwrap what this key wrapped.
    fn holds(&self, key: &KeyId) -> bool;

    /// Wraps a data key by the current key.
    async fn wrap_key(&self, tenant: &str, key: &DataKey) -> Result<WrappedDataKey, KeyError>;

    /// Unwraps a data key that [`Self::wrap_key`] wrapped for the same owner.
    async fn unwrap_key(
        &self,
        owner: DataKeyOwner<'_>,
        wrapped: &WrappedDataKey,
    ) -> Result<DataKey, KeyError>;
}
