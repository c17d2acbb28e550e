//! Encrypted values, as the store would give them back.

use std::sync::LazyLock;

use postrider_secret_encryption::{
    DataKey, DataKeyId, DataKeyOwner, KeyEncryptionKeys as _, KeyId, LocalKeys, SecretPlace,
    SecretUse, WrappedDataKey,
};

use crate::runtime::block_on;

/// A key-encryption key that nobody has.
const KEY_LIST: &str = "2026:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const USED: SecretUse<'_> =
    SecretUse { url: "https://acme.example/erp", region: "eu", sends_keys: false };
const PLACE: SecretPlace<'_> =
    SecretPlace { tenant: "acme", subscription: "erp", field: "signing_keys", used: USED };

static KEYS: LazyLock<(LocalKeys, DataKey)> = LazyLock::new(|| {
    let keys = LocalKeys::parse(&[KEY_LIST], "").expect("the example");
    (keys, DataKey::generate().expect("randomness"))
});

/// What a database gives back that somebody else has written: it never opens. And what is
/// sealed opens only as it is, and only in its place.
pub fn stored(data: &[u8]) {
    let (keys, key) = &*KEYS;
    assert!(key.open(data, PLACE).is_err(), "what nobody has sealed opens");
    let owner = DataKeyOwner { tenant: "acme", id: key.id() };
    let wrapped = WrappedDataKey { by: KeyId::from_stored("2026"), bytes: data.to_vec() };
    assert!(block_on(keys.unwrap_key(owner, &wrapped)).is_err());
    assert!(DataKey::from_unwrapped(key.id(), data).is_none_or(|_| data.len() == 32));

    let mut sealed = key.seal(data, PLACE).expect("randomness");
    assert_eq!(key.open(&sealed, PLACE).expect("what was sealed").as_slice(), data);
    assert!(key.open(&sealed, SecretPlace { tenant: "globex", ..PLACE }).is_err());
    let elsewhere = SecretUse { url: "https://globex.example/erp", ..USED };
    assert!(key.open(&sealed, SecretPlace { used: elsewhere, ..PLACE }).is_err());
    let at = usize::from(data.first().copied().unwrap_or_default()) % sealed.len();
    sealed[at] ^= 1 << (at % 8);
    assert!(key.open(&sealed, PLACE).is_err(), "byte {at} was changed");

    let wrapped = block_on(keys.wrap_key("acme", key)).expect("a current key");
    let unwrapped = block_on(keys.unwrap_key(owner, &wrapped)).expect("what was wrapped");
    assert_eq!(unwrapped.expose(), key.expose());
    let other = DataKeyOwner { id: DataKeyId(uuid::Uuid::nil()), ..owner };
    assert!(block_on(keys.unwrap_key(other, &wrapped)).is_err());
}

pub fn sealed_values() -> Vec<Vec<u8>> {
    let (keys, key) = &*KEYS;
    let other = DataKey::generate().expect("randomness");
    vec![
        other.seal(b"secret", PLACE).expect("randomness"),
        block_on(keys.wrap_key("globex", key)).expect("a current key").bytes,
        Vec::new(),
        vec![1; 13],
    ]
}
