//! The keyed hash over a record and all before it.
//!
//! Fed by the store with records as they are written, and by whoever checks them; feeds
//! both with hashes (HMAC-SHA256). Each chain has a key of its own, derived from the
//! installation's, so that one can be handed to an auditor without the others. Guarantees
//! that who has no key makes no record that fits, and none that fits elsewhere.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use postrider_domain::time::Timestamp;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::fields::FieldChange;
use super::hash::ChainHash;
use super::record::{AuditChain, AuditDraft};

/// Bytes of the key: those of the hash, as RFC 2104 advises.
pub const AUDIT_KEY_BYTES: usize = 32;

/// What each use of a key begins with, so that none passes for another.
const KEY_LABEL: &[u8] = b"postrider audit key 1";
const RECORD_LABEL: &[u8] = b"postrider audit record 1";
const CHECKPOINT_LABEL: &[u8] = b"postrider audit checkpoint 1";

/// The key of the installation, from which every chain's is derived.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct AuditKey([u8; AUDIT_KEY_BYTES]);

impl AuditKey {
    pub const fn new(bytes: [u8; AUDIT_KEY_BYTES]) -> Self {
        Self(bytes)
    }

    pub const fn bytes(&self) -> &[u8; AUDIT_KEY_BYTES] {
        &self.0
    }

    /// The key of one chain.
    pub fn of_chain(&self, chain: &AuditChain) -> ChainKey {
        let derived = keyed(&self.0, KEY_LABEL).with(chain.stored().as_bytes()).finish();
        ChainKey { chain: chain.clone(), key: Self(*derived.bytes()) }
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditKey")
    }
}

/// Up to where retention removed records, signed, so that nobody else can cut a chain's
/// beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChainCheckpoint {
    /// The last record that was removed; 0: none was.
    pub sequence: i64,
    /// Its hash.
    pub hash: ChainHash,
    /// When.
    pub time: Timestamp,
    pub signature: ChainHash,
}

/// A chain's last record, and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainState {
    pub chain: AuditChain,
    /// The last record; 0: there was none.
    pub sequence: i64,
    /// Its hash.
    pub hash: ChainHash,
    pub checkpoint: ChainCheckpoint,
}

impl ChainState {
    /// A chain without records.
    pub fn empty(chain: AuditChain) -> Self {
        let checkpoint = ChainCheckpoint::default();
        Self { chain, sequence: 0, hash: ChainHash::ORIGIN, checkpoint }
    }
}

/// The key of one chain.
#[derive(Clone, Debug)]
pub struct ChainKey {
    chain: AuditChain,
    key: AuditKey,
}

impl ChainKey {
    pub const fn chain(&self) -> &AuditChain {
        &self.chain
    }

    /// The hash of a record in a place after another.
    pub fn hash(&self, sequence: i64, previous: &ChainHash, draft: &AuditDraft) -> ChainHash {
        let AuditDraft {
            chain,
            time,
            actor,
            address,
            request_id,
            method,
            resource,
            changes,
            left_out,
        } = draft;
        let mut hash = keyed(&self.key.0, RECORD_LABEL)
            .with(chain.stored().as_bytes())
            .with(&sequence.to_be_bytes())
            .with(previous.bytes())
            .with(&time.as_micros().to_be_bytes());
        for text in [actor, address, request_id, method, resource] {
            hash = hash.with(text.as_bytes());
        }
        hash = hash.with(&left_out.to_be_bytes()).with(&length(changes.len()));
        for FieldChange { field, before, after } in changes {
            hash = hash.with(field.as_bytes()).with_optional(before).with_optional(after);
        }
        hash.finish()
    }

    /// Signs that a chain begins after a record.
    pub fn checkpoint(&self, sequence: i64, hash: ChainHash, now: Timestamp) -> ChainCheckpoint {
        let unsigned = ChainCheckpoint { sequence, hash, time: now, signature: ChainHash::ORIGIN };
        ChainCheckpoint { signature: self.signature(&unsigned), ..unsigned }
    }

    /// Whether a chain may begin there.
    pub fn has_signed(&self, checkpoint: &ChainCheckpoint) -> bool {
        *checkpoint == ChainCheckpoint::default()
            || checkpoint.signature == self.signature(checkpoint)
    }

    fn signature(&self, checkpoint: &ChainCheckpoint) -> ChainHash {
        keyed(&self.key.0, CHECKPOINT_LABEL)
            .with(self.chain.stored().as_bytes())
            .with(&checkpoint.sequence.to_be_bytes())
            .with(checkpoint.hash.bytes())
            .with(&checkpoint.time.as_micros().to_be_bytes())
            .finish()
    }
}

/// A hash of parts, each after its length, so that none runs into the next.
struct PartsHash(Option<Hmac<Sha256>>);

fn keyed(key: &[u8; AUDIT_KEY_BYTES], label: &[u8]) -> PartsHash {
    // HMAC takes keys of every length.
    PartsHash(Hmac::new_from_slice(key).ok()).with(label)
}

impl PartsHash {
    fn with(mut self, part: &[u8]) -> Self {
        if let Some(hash) = &mut self.0 {
            hash.update(&length(part.len()));
            hash.update(part);
        }
        self
    }

    fn with_optional(self, part: &Option<String>) -> Self {
        match part {
            Some(text) => self.with(&[1]).with(text.as_bytes()),
            None => self.with(&[0]),
        }
    }

    fn finish(self) -> ChainHash {
        self.0.map_or(ChainHash::ORIGIN, |hash| ChainHash::new(hash.finalize().into_bytes().into()))
    }
}

fn length(count: usize) -> [u8; 8] {
    u64::try_from(count).unwrap_or(u64::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::record::AuditOrigin;

    fn key(chain: &str) -> ChainKey {
        AuditKey::new([7; AUDIT_KEY_BYTES]).of_chain(&AuditChain::from_stored(chain))
    }

    fn draft() -> AuditDraft {
        let origin = AuditOrigin { actor: "token:1".to_owned(), ..AuditOrigin::command("x") };
        let mut draft = origin.draft("tenants/acme", Timestamp::from_micros(5));
        let change = |before: Option<&str>| FieldChange {
            field: "url".to_owned(),
            before: before.map(str::to_owned),
            after: None,
        };
        draft.changes = vec![change(Some("a")), change(None)];
        draft
    }

    #[test]
    fn every_part_of_a_record_and_its_place_count() {
        let (key, origin) = (key("acme"), ChainHash::ORIGIN);
        let hash = key.hash(1, &origin, &draft());
        assert_eq!(hash, key.hash(1, &origin, &draft()));
        assert_eq!(ChainHash::parse(&hash.to_string()), Some(hash));
        let changed: [fn(&mut AuditDraft); 9] = [
            |draft| draft.chain = AuditChain::Installation,
            |draft| draft.time = Timestamp::from_micros(6),
            |draft| draft.actor.push('x'),
            |draft| draft.address.push('x'),
            |draft| draft.request_id.push('x'),
            |draft| draft.method.push('x'),
            |draft| draft.resource.push('x'),
            |draft| draft.left_out = 1,
            |draft| draft.changes[0].before = Some(String::new()),
        ];
        for (number, change) in changed.into_iter().enumerate() {
            let mut other = draft();
            change(&mut other);
            assert_ne!(key.hash(1, &origin, &other), hash, "{number}");
        }
        assert_ne!(key.hash(2, &origin, &draft()), hash);
        assert_ne!(key.hash(1, &hash, &draft()), hash);
        // What moves from one text to its neighbour is another record.
        let (mut left, mut right) = (draft(), draft());
        left.address = "ab".to_owned();
        right.address = "a".to_owned();
        right.request_id = "b".to_owned();
        assert_ne!(key.hash(1, &origin, &left), key.hash(1, &origin, &right));
    }

    #[test]
    fn each_chain_has_its_own_key() {
        let origin = ChainHash::ORIGIN;
        let [acme, other, installation] = ["acme", "other", ""].map(key);
        let hash = acme.hash(1, &origin, &draft());
        assert_ne!(hash, other.hash(1, &origin, &draft()));
        assert_ne!(hash, installation.hash(1, &origin, &draft()));
        assert_eq!(format!("{:?}", acme.key), "AuditKey");
    }

    #[test]
    fn a_checkpoint_counts_as_it_was_signed() {
        let key = key("acme");
        let signed = key.checkpoint(5, ChainHash::new([1; 32]), Timestamp::from_micros(9));
        assert!(key.has_signed(&signed) && key.has_signed(&ChainCheckpoint::default()));
        for forged in [
            ChainCheckpoint { sequence: 6, ..signed },
            ChainCheckpoint { hash: ChainHash::new([2; 32]), ..signed },
            ChainCheckpoint { time: Timestamp::from_micros(8), ..signed },
            ChainCheckpoint { sequence: 1, ..ChainCheckpoint::default() },
        ] {
            assert!(!key.has_signed(&forged), "{forged:?}");
        }
    }
}
