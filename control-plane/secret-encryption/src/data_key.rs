//! A tenant's data key, which encrypts the secrets of its subscriptions.
//!
//! Fed by the store; feeds it with sealed secrets. Guarantees that a sealed secret names
//! its tenant, its subscription, its field, its key and what it is for, and opens nowhere
//! else.

use std::fmt;

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::cipher::{self, AES_KEY_BYTES, KeyBytes, joined};
use crate::error::KeyError;

/// Tells data keys apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DataKeyId(pub Uuid);

/// What requests do with a secret. Whoever changes a row past Postrider, so that the secret
/// goes elsewhere, has a row that does not open.
#[derive(Clone, Copy, Debug)]
pub struct SecretUse<'p> {
    /// Where requests go.
    pub url: &'p str,
    /// Whose agents make them.
    pub region: &'p str,
    /// Whether they carry the signing keys themselves.
    pub sends_keys: bool,
}

/// Where a secret stands, and what it is for.
#[derive(Clone, Copy, Debug)]
pub struct SecretPlace<'p> {
    pub tenant: &'p str,
    pub subscription: &'p str,
    pub field: &'p str,
    pub used: SecretUse<'p>,
}

/// A key that encrypts secrets.
#[derive(Clone)]
pub struct DataKey {
    id: DataKeyId,
    bytes: KeyBytes,
}

impl DataKey {
    /// A new random one.
    pub fn generate() -> Result<Self, KeyError> {
        let mut id = [0; 16];
        cipher::fill_random(&mut id).ok_or(KeyError::NoRandomness)?;
        let bytes = cipher::random_key().ok_or(KeyError::NoRandomness)?;
        Ok(Self { id: DataKeyId(uuid::Builder::from_random_bytes(id).into_uuid()), bytes })
    }

    /// One that was unwrapped; `None` if it has another length.
    pub fn from_unwrapped(id: DataKeyId, unwrapped: &[u8]) -> Option<Self> {
        let mut bytes = Box::new(Zeroizing::new([0; AES_KEY_BYTES]));
        if unwrapped.len() != bytes.len() {
            return None;
        }
        bytes.copy_from_slice(unwrapped);
        Some(Self { id, bytes })
    }

    pub const fn id(&self) -> DataKeyId {
        self.id
    }

    /// What is wrapped.
    pub fn expose(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    pub fn seal(&self, secret: &[u8], place: SecretPlace<'_>) -> Result<Vec<u8>, KeyError> {
        cipher::seal(&self.bytes, secret, &self.bound_to(place)).ok_or(KeyError::NoRandomness)
    }

    pub fn open(
        &self,
        sealed: &[u8],
        place: SecretPlace<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        cipher::open(&self.bytes, sealed, &self.bound_to(place)).ok_or(KeyError::NotSealedHere)
    }

    fn bound_to(&self, place: SecretPlace<'_>) -> Vec<u8> {
        joined(&[
            b"postrider secret",
            place.tenant.as_bytes(),
            place.subscription.as_bytes(),
            place.field.as_bytes(),
            self.id.0.as_bytes(),
            place.used.url.as_bytes(),
            place.used.region.as_bytes(),
            &[place.used.sends_keys.into()],
        ])
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKey").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USED: SecretUse<'_> =
        SecretUse { url: "https://acme.example/erp", region: "eu", sends_keys: false };
    const HERE: SecretPlace<'_> =
        SecretPlace { tenant: "acme", subscription: "erp", field: "signing_keys", used: USED };

    #[test]
    fn a_secret_opens_in_its_place_only() {
        let key = DataKey::generate().unwrap();
        let sealed = key.seal(b"secret", HERE).unwrap();
        assert_eq!(key.open(&sealed, HERE).unwrap().as_slice(), b"secret");
        for elsewhere in [
            SecretPlace { tenant: "globex", ..HERE },
            SecretPlace { subscription: "crm", ..HERE },
            SecretPlace { field: "header_values", ..HERE },
            SecretPlace { used: SecretUse { url: "https://acme.example/crm", ..USED }, ..HERE },
            SecretPlace { used: SecretUse { region: "us", ..USED }, ..HERE },
            SecretPlace { used: SecretUse { sends_keys: true, ..USED }, ..HERE },
        ] {
            assert_eq!(key.open(&sealed, elsewhere), Err(KeyError::NotSealedHere));
        }
        // The same bytes under another id.
        let other = DataKey::generate().unwrap();
        let same = DataKey::from_unwrapped(other.id(), key.expose()).unwrap();
        assert_eq!(same.open(&sealed, HERE), Err(KeyError::NotSealedHere));
        assert!(DataKey::from_unwrapped(key.id(), b"short").is_none());
    }

    #[test]
    fn debug_shows_no_key() {
        let key = DataKey::generate().unwrap();
        assert!(!format!("{key:?}").contains("bytes"));
    }
}
