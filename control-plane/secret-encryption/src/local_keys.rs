//! Key-encryption keys in this process's memory, from a file or the environment.
//!
//! Fed by texts with entries `ID:KEY`, the key as base64 of 32 bytes, between white space
//! or commas; from `#` to the end of its line is a comment. Guarantees that no error
//! quotes a key, and that keys are wiped when they are dropped.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::{Zeroize as _, Zeroizing};

use crate::cipher::{self, AES_KEY_BYTES, KeyBytes};
use crate::data_key::DataKey;
use crate::error::{KeyError, KeyListError};
use crate::key_encryption::{DataKeyOwner, KeyEncryptionKeys, KeyId, WrappedDataKey};

/// More than the base64 of a key, so that what is decoded never moves.
const DECODED_CAPACITY_BYTES: usize = 64;

/// Several keys, one of them current.
#[derive(Default)]
pub struct LocalKeys {
    keys: BTreeMap<KeyId, KeyBytes>,
    current: Option<KeyId>,
}

impl LocalKeys {
    /// Reads lists of keys. `current` is the id of the key that wraps new data keys; it
    /// may be empty where there is one key.
    pub fn parse(lists: &[&str], current: &str) -> Result<Self, KeyListError> {
        let mut keys = BTreeMap::new();
        let lines = lists.iter().flat_map(|list| list.lines());
        let entries = lines
            .map(|line| line.split('#').next().unwrap_or_default())
            .flat_map(|line| line.split([',', ' ', '\t', '\r']))
            .filter(|entry| !entry.is_empty());
        for (index, entry) in entries.enumerate() {
            let (id, key) = read_entry(index + 1, entry)?;
            match keys.get(&id) {
                Some(there) if *there != key => return Err(KeyListError::Twice(id)),
                _ => keys.insert(id, key),
            };
        }
        let current = match current {
            "" if keys.len() > 1 => return Err(KeyListError::NoCurrent),
            "" => keys.keys().next().cloned(),
            named => {
                let id = KeyId::from_stored(named);
                if !keys.contains_key(&id) {
                    return Err(KeyListError::CurrentMissing(named.to_owned()));
                }
                Some(id)
            }
        };
        Ok(Self { keys, current })
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub fn ids(&self) -> impl Iterator<Item = &KeyId> {
        self.keys.keys()
    }
}

fn read_entry(number: usize, entry: &str) -> Result<(KeyId, KeyBytes), KeyListError> {
    let (id, encoded) = entry.split_once(':').ok_or(KeyListError::Entry(number))?;
    let id: KeyId = id.parse().map_err(|_| KeyListError::Id(number))?;
    let mut decoded = Zeroizing::new(Vec::with_capacity(DECODED_CAPACITY_BYTES));
    let fits = encoded.len() <= DECODED_CAPACITY_BYTES
        && STANDARD.decode_vec(encoded, &mut decoded).is_ok()
        && decoded.len() == AES_KEY_BYTES;
    if !fits {
        return Err(KeyListError::Key(id));
    }
    let mut key = Box::new(Zeroizing::new([0; AES_KEY_BYTES]));
    key.copy_from_slice(&decoded);
    Ok((id, key))
}

/// A new random key as an entry of a list; `None` without randomness.
pub fn generate_key_entry(id: &KeyId) -> Option<Zeroizing<String>> {
    let key = cipher::random_key()?;
    let mut encoded = STANDARD.encode(key.as_slice());
    let entry = Zeroizing::new(format!("{id}:{encoded}"));
    encoded.zeroize();
    Some(entry)
}

#[async_trait]
impl KeyEncryptionKeys for LocalKeys {
    fn current(&self) -> Option<&KeyId> {
        self.current.as_ref()
    }

    fn holds(&self, key: &KeyId) -> bool {
        self.keys.contains_key(key)
    }

    async fn wrap_key(&self, tenant: &str, key: &DataKey) -> Result<WrappedDataKey, KeyError> {
        let by = self.current.clone().ok_or(KeyError::NoCurrentKey)?;
        let wrapping = self.keys.get(&by).ok_or(KeyError::NoCurrentKey)?;
        let place = DataKeyOwner { tenant, id: key.id() }.bound_to(&by);
        let bytes = cipher::seal(wrapping, key.expose(), &place).ok_or(KeyError::NoRandomness)?;
        Ok(WrappedDataKey { by, bytes })
    }

    async fn unwrap_key(
        &self,
        owner: DataKeyOwner<'_>,
        wrapped: &WrappedDataKey,
    ) -> Result<DataKey, KeyError> {
        let by = &wrapped.by;
        let wrapping = self.keys.get(by).ok_or_else(|| KeyError::Missing(by.clone()))?;
        let opened = cipher::open(wrapping, &wrapped.bytes, &owner.bound_to(by));
        opened
            .and_then(|bytes| DataKey::from_unwrapped(owner.id, &bytes))
            .ok_or_else(|| KeyError::NotWrappedBy(by.clone()))
    }
}

impl fmt::Debug for LocalKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.keys.keys().map(KeyId::as_str).collect();
        f.debug_struct("LocalKeys")
            .field("ids", &ids)
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, byte: u8) -> String {
        format!("{id}:{}", STANDARD.encode([byte; 32]))
    }

    fn keys(list: &str, current: &str) -> LocalKeys {
        LocalKeys::parse(&[list], current).unwrap()
    }

    #[test]
    fn a_list_may_be_lines_or_commas_with_comments() {
        let list = format!("# ours\n{}  # old\r\n\n{},", entry("2025", 1), entry("2026-a", 2));
        let read = keys(&list, "2026-a");
        assert_eq!(read.ids().map(KeyId::as_str).collect::<Vec<_>>(), ["2025", "2026-a"]);
        assert_eq!(read.current().unwrap().as_str(), "2026-a");
        // The only one need not be named; the same one may be given twice.
        let twice = LocalKeys::parse(&[&entry("a", 1), &entry("a", 1)], "").unwrap();
        assert_eq!(twice.current().unwrap().as_str(), "a");
        assert!(LocalKeys::parse(&[], "").unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_is_told_without_the_key() {
        let refused = |list: &str, current| LocalKeys::parse(&[list], current).unwrap_err();
        let two = format!("{},{}", entry("a", 1), entry("b", 2));
        assert_eq!(refused(&two, ""), KeyListError::NoCurrent);
        assert_eq!(refused(&two, "c"), KeyListError::CurrentMissing("c".to_owned()));
        assert_eq!(refused("", "c"), KeyListError::CurrentMissing("c".to_owned()));
        let differs = format!("{},{}", entry("a", 1), entry("a", 2));
        assert!(matches!(refused(&differs, "a"), KeyListError::Twice(_)));
        assert_eq!(refused("hunter2hunter2", ""), KeyListError::Entry(1));
        assert_eq!(refused(&format!("{} é:x", entry("a", 1)), ""), KeyListError::Id(2));
        for bad in ["a:hunter2", &format!("a:{}", STANDARD.encode([1; 33])), "a:"] {
            let error = refused(bad, "");
            assert!(matches!(error, KeyListError::Key(_)) && !error.to_string().contains("hunter"));
        }
    }

    #[tokio::test]
    async fn a_data_key_unwraps_for_its_owner_by_the_key_that_wrapped_it() {
        let data = DataKey::generate().unwrap();
        let old = keys(&entry("old", 1), "");
        let wrapped = old.wrap_key("acme", &data).await.unwrap();
        assert_eq!(wrapped.by.as_str(), "old");
        let owner = DataKeyOwner { tenant: "acme", id: data.id() };
        let both = keys(&format!("{},{}", entry("old", 1), entry("new", 2)), "new");
        assert_eq!(both.unwrap_key(owner, &wrapped).await.unwrap().expose(), data.expose());
        assert_eq!(both.wrap_key("acme", &data).await.unwrap().by.as_str(), "new");

        let refused = async |keys: &LocalKeys, owner, wrapped: &WrappedDataKey| {
            keys.unwrap_key(owner, wrapped).await.unwrap_err()
        };
        let new = keys(&entry("new", 2), "");
        assert_eq!(refused(&new, owner, &wrapped).await, KeyError::Missing(wrapped.by.clone()));
        let false_old = keys(&entry("old", 3), "");
        let error = KeyError::NotWrappedBy(wrapped.by.clone());
        assert_eq!(refused(&false_old, owner, &wrapped).await, error);
        let stranger = DataKeyOwner { tenant: "globex", ..owner };
        assert_eq!(refused(&old, stranger, &wrapped).await, error);
        let renamed = WrappedDataKey { by: KeyId::from_stored("new"), ..wrapped };
        assert!(both.unwrap_key(owner, &renamed).await.is_err());
        let none = LocalKeys::default();
        assert_eq!(none.wrap_key("acme", &data).await, Err(KeyError::NoCurrentKey));
    }

    #[test]
    fn a_generated_entry_is_read_and_debug_shows_no_key() {
        let line = generate_key_entry(&"prod-1".parse().unwrap()).unwrap();
        let read = keys(&line, "");
        assert!(read.holds(&"prod-1".parse().unwrap()));
        let (_, secret) = line.split_once(':').unwrap();
        assert!(!format!("{read:?}").contains(secret));
    }
}
