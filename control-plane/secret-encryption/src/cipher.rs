//! AES-256-GCM over short texts, as both kinds of keys use it.
//!
//! Fed by `data_key` and `local_keys`; feeds them sealed bytes: a version, a random
//! nonce, the ciphertext, the tag. Guarantees a new random nonce for each text (NIST SP
//! 800-38D, 8.2.2, allows 2³² of them for a key) and that no copy of a text stays
//! behind.
//!
//! Keeps the invariant `secrets-encrypted`.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, MAX_TAG_LEN, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

/// Bytes of every key.
pub(crate) const AES_KEY_BYTES: usize = 32;
/// The first byte of what is sealed; another way to seal gets another number.
const FORMAT_VERSION: u8 = 1;
const HEAD_BYTES: usize = 1 + NONCE_LEN;

/// The bytes of a key, in one place in memory.
pub(crate) type KeyBytes = Box<Zeroizing<[u8; AES_KEY_BYTES]>>;

/// Fills with random bytes; `None` when the system has none.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Option<()> {
    SystemRandom::new().fill(bytes).ok()
}

/// A new random key.
pub(crate) fn random_key() -> Option<KeyBytes> {
    let mut key = Box::new(Zeroizing::new([0; AES_KEY_BYTES]));
    fill_random(key.as_mut_slice())?;
    Some(key)
}

/// Encrypts a text so that it opens with the same key and the same `place` only; `None`
/// without randomness.
pub(crate) fn seal(key: &KeyBytes, text: &[u8], place: &[u8]) -> Option<Vec<u8>> {
    // With room for all of it, so that the text is not left behind by a move.
    let mut sealed = Vec::with_capacity(HEAD_BYTES + text.len() + MAX_TAG_LEN);
    let mut nonce = [0; NONCE_LEN];
    fill_random(&mut nonce)?;
    sealed.push(FORMAT_VERSION);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(text);
    let nonce = Nonce::assume_unique_for_key(nonce);
    let (_, encrypted) = sealed.split_at_mut_checked(HEAD_BYTES)?;
    let tag = aes(key)?.seal_in_place_separate_tag(nonce, Aad::from(place), encrypted).ok()?;
    sealed.extend_from_slice(tag.as_ref());
    Some(sealed)
}

/// Decrypts what [`seal`] made with the same key and the same `place`.
pub(crate) fn open(key: &KeyBytes, sealed: &[u8], place: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (head, encrypted) = sealed.split_at_checked(HEAD_BYTES)?;
    let nonce = head.strip_prefix(&[FORMAT_VERSION])?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut text = Zeroizing::new(encrypted.to_vec());
    let length = aes(key)?.open_in_place(nonce, Aad::from(place), &mut text).ok()?.len();
    text.truncate(length);
    Some(text)
}

fn aes(key: &KeyBytes) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key.as_slice()).ok().map(LessSafeKey::new)
}

/// Parts of a place, joined so that no other parts join to the same.
pub(crate) fn joined(parts: &[&[u8]]) -> Vec<u8> {
    let mut joined = Vec::new();
    for part in parts {
        joined.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        joined.extend_from_slice(part);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_same_key_place_and_bytes_opens() {
        let (key, other) = (random_key().unwrap(), random_key().unwrap());
        let sealed = seal(&key, b"secret", b"here").unwrap();
        assert_eq!(open(&key, &sealed, b"here").unwrap().as_slice(), b"secret");
        assert!(open(&other, &sealed, b"here").is_none());
        assert!(open(&key, &sealed, b"there").is_none());
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(open(&key, &changed, b"here").is_none(), "byte {place}");
            assert!(open(&key, &sealed[..place], b"here").is_none(), "cut at {place}");
        }
        assert!(open(&key, &[], b"here").is_none());
        let empty = seal(&key, b"", b"here").unwrap();
        assert!(open(&key, &empty, b"here").unwrap().is_empty());
    }

    #[test]
    fn the_same_text_is_sealed_differently_each_time() {
        let key = random_key().unwrap();
        let sealed: std::collections::HashSet<_> =
            (0..100).map(|_| seal(&key, b"secret", b"here").unwrap()).collect();
        assert_eq!(sealed.len(), 100);
        assert!(sealed.iter().all(|sealed| sealed.len() == HEAD_BYTES + 6 + MAX_TAG_LEN));
    }

    /// NIST's GCM test vectors (gcmEncryptExtIV256): key of 256 bits, nonce of 96, text,
    /// associated data and tag of 128 each, count 0.
    #[test]
    fn it_is_the_standard_s_cipher() {
        let bytes = |hex: &str| -> Vec<u8> {
            let digits = hex.as_bytes().chunks(2);
            digits.map(|d| u8::from_str_radix(str::from_utf8(d).unwrap(), 16).unwrap()).collect()
        };
        let key = bytes("92e11dcdaa866f5ce790fd24501f92509aacf4cb8b1339d50c9c1240935dd08b");
        let key: KeyBytes = Box::new(Zeroizing::new(key.try_into().unwrap()));
        let sealed = [
            vec![FORMAT_VERSION],
            bytes("ac93a1a6145299bde902f21a"),
            bytes("8995ae2e6df3dbf96fac7b7137bae67f"),
            bytes("eca5aa77d51d4a0a14d9c51e1da474ab"),
        ]
        .concat();
        let place = bytes("1e0889016f67601c8ebea4943bc23ad6");
        let text = bytes("2d71bcfa914e4ac045b2aa60955fad24");
        assert_eq!(*open(&key, &sealed, &place).unwrap(), text);
    }

    #[test]
    fn parts_of_a_place_do_not_run_into_each_other() {
        assert_ne!(joined(&[b"ab", b"c"]), joined(&[b"a", b"bc"]));
        assert_ne!(joined(&[b"ab"]), joined(&[b"ab", b""]));
    }
}
