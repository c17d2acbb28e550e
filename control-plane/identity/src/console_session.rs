//! Sessions of the web console, and the codes of portals' links that begin them.
//!
//! Fed by the console with random bytes and with what browsers send; feeds the store with
//! hashes. Guarantees that a session says who called and holds no credential of his, that its
//! id is in one browser only and here just as a hash, that the token of its forms can be made of
//! the id alone, and that an id which no replica has made is known as such without the store.

use std::fmt;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use postrider_domain::assignment_key::AssignmentKey;
use postrider_domain::ids::TenantId;
use postrider_domain::time::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::caller::CallerIdentity;

/// Random bytes of an id.
pub const CONSOLE_ID_BYTES: usize = 32;
/// Each says what a keyed hash is for.
const FORM_PURPOSE: &[u8] = b"postrider console form 1";
const ID_PURPOSE: &[u8] = b"postrider console id 1";
const HASH_BYTES: usize = 32;
/// Of the keyed hash at the end of an id. Nobody can try out so many.
const ID_TAG_BYTES: usize = 16;

/// The key under which all replicas make ids of sessions and codes, so that each refuses what
/// somebody invents without a look into the store.
#[derive(Clone)]
pub struct ConsoleIdKey(Zeroizing<[u8; HASH_BYTES]>);

impl ConsoleIdKey {
    /// A key of this purpose's own: what is known of it says nothing of proofs of assignment.
    pub fn of(installation: &AssignmentKey) -> Self {
        let mut derived = Zeroizing::new([0_u8; HASH_BYTES]);
        // HMAC takes a key of any length.
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(installation.bytes()) {
            mac.update(ID_PURPOSE);
            *derived = mac.finalize().into_bytes().into();
        }
        Self(derived)
    }

    pub fn make(&self, kind: ConsoleEntryKind, random: &[u8; CONSOLE_ID_BYTES]) -> ConsoleId {
        let random = Zeroizing::new(hex::encode(random));
        let tag = self.tag(kind, &random);
        ConsoleId(Zeroizing::new([random.as_str(), tag.as_str()].concat()))
    }

    /// Reads what a browser sends, if it was made under this key and for this. Compares in
    /// constant time.
    pub fn read(&self, kind: ConsoleEntryKind, text: &str) -> Option<ConsoleId> {
        let (random, tag) = text.split_at_checked(CONSOLE_ID_BYTES * 2)?;
        let own = self.tag(kind, random);
        let is_own = !own.is_empty() && bool::from(own.as_bytes().ct_eq(tag.as_bytes()));
        is_own.then(|| ConsoleId(Zeroizing::new(text.to_owned())))
    }

    fn tag(&self, kind: ConsoleEntryKind, random: &str) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.as_slice()) else {
            return String::new();
        };
        mac.update(&kind.code().to_be_bytes());
        mac.update(random.as_bytes());
        let whole: [u8; HASH_BYTES] = mac.finalize().into_bytes().into();
        whole.first_chunk::<ID_TAG_BYTES>().map(hex::encode).unwrap_or_default()
    }
}

impl fmt::Debug for ConsoleIdKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConsoleIdKey(…)")
    }
}

/// What a browser shows to go on with a session, or a link to begin one. Wiped when it is
/// dropped.
pub struct ConsoleId(Zeroizing<String>);

impl ConsoleId {
    /// One that no store knows: what the forms of a browser without a session are bound to.
    pub fn new(random: &[u8; CONSOLE_ID_BYTES]) -> Self {
        Self(Zeroizing::new(hex::encode(random)))
    }

    /// Reads one of [`Self::new`].
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_id = text.len() == CONSOLE_ID_BYTES * 2 && text.bytes().all(digit);
        is_id.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// For the one browser, or the one link.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// By which it is stored: with 256 random bits in it, nothing slower is needed.
    pub fn hash(&self) -> ConsoleHash {
        ConsoleHash(Sha256::digest(self.0.as_bytes()).into())
    }

    /// What each of its forms sends along. A page of another site does not know it.
    pub fn form_token(&self) -> String {
        // HMAC takes a key of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()) else {
            return String::new();
        };
        mac.update(FORM_PURPOSE);
        hex::encode(mac.finalize().into_bytes())
    }

    /// Whether a form was made for it. Compares in constant time.
    pub fn owns_form(&self, token: &str) -> bool {
        let own = self.form_token();
        !own.is_empty() && own.as_bytes().ct_eq(token.as_bytes()).into()
    }
}

impl fmt::Debug for ConsoleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConsoleId(…)")
    }
}

/// The SHA-256 of an id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConsoleHash([u8; HASH_BYTES]);

impl ConsoleHash {
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads what was stored.
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Debug for ConsoleHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConsoleHash(…)")
    }
}

/// What an id is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsoleEntryKind {
    /// A browser's session.
    Session,
    /// A link's code, which begins a session once.
    PortalCode,
}

impl ConsoleEntryKind {
    pub const ALL: [Self; 2] = [Self::Session, Self::PortalCode];

    /// As the store writes it.
    pub const fn code(self) -> i16 {
        match self {
            Self::Session => 1,
            Self::PortalCode => 2,
        }
    }

    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// A session, or a code that begins one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleSession {
    pub hash: ConsoleHash,
    pub kind: ConsoleEntryKind,
    /// Who began it. What he may do is judged at each call, by his token as it is then.
    pub identity: CallerIdentity,
    pub create_time: Timestamp,
    /// About when it was used last.
    pub last_use_time: Timestamp,
    pub expire_time: Timestamp,
}

impl ConsoleSession {
    /// One that ends after a time, and with its caller's credential at the latest.
    pub fn new(
        id: &ConsoleId,
        kind: ConsoleEntryKind,
        identity: CallerIdentity,
        now: Timestamp,
        ttl: Duration,
    ) -> Self {
        let end = now + ttl;
        let expire_time = identity.expire_time.map_or(end, |credential| credential.min(end));
        let hash = id.hash();
        Self { hash, kind, identity, create_time: now, last_use_time: now, expire_time }
    }

    /// Whom it counts for where sessions are bounded, as logs name callers.
    pub fn caller(&self) -> String {
        self.identity.principal.to_string()
    }

    /// The tenant for which it counts.
    pub fn counted_tenant(&self) -> Option<&TenantId> {
        self.identity.counted_tenant()
    }

    /// Whether it counts at a moment, if it may be unused for so long.
    pub fn is_valid(&self, now: Timestamp, max_idle: Duration) -> bool {
        now < self.expire_time && now.since(self.last_use_time) < max_idle
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> ConsoleId {
        ConsoleId::new(&[byte; CONSOLE_ID_BYTES])
    }

    #[test]
    fn an_id_is_read_back_and_others_are_not() {
        let made = id(9);
        assert_eq!(ConsoleId::parse(made.reveal()).unwrap().hash(), made.hash());
        assert_ne!(id(8).hash(), made.hash());
        let long = format!("{}0", made.reveal());
        for bad in ["", "x", long.as_str(), &made.reveal().replace('0', "A")] {
            assert!(ConsoleId::parse(bad).is_none(), "{bad}");
        }
        let printed = format!("{made:?} {:?}", made.hash());
        assert!(!printed.contains(made.reveal()), "{printed}");
    }

    #[test]
    fn an_id_counts_under_its_key_and_for_its_kind() {
        let (session, code) = (ConsoleEntryKind::Session, ConsoleEntryKind::PortalCode);
        let key = ConsoleIdKey::of(&AssignmentKey::new([1; 32]));
        let made = key.make(session, &[7; CONSOLE_ID_BYTES]);
        let text = made.reveal();
        assert_eq!(key.read(session, text).unwrap().hash(), made.hash());
        let same = ConsoleIdKey::of(&AssignmentKey::new([1; 32]));
        assert!(same.read(session, text).is_some(), "another replica knows it");
        let other = ConsoleIdKey::of(&AssignmentKey::new([2; 32]));
        assert!(other.read(session, text).is_none() && key.read(code, text).is_none());
        let (unmarked, capitals) = (id(7), text.to_uppercase());
        let (changed, long) = (text.replacen('0', "1", 1), format!("{text}0"));
        let (cut, invented) = (&text[..text.len() - 1], "0".repeat(text.len()));
        for bad in ["", "é", &changed, &long, cut, &invented, unmarked.reveal(), &capitals] {
            assert!(key.read(session, bad).is_none(), "{bad}");
        }
        assert_ne!(key.make(code, &[7; CONSOLE_ID_BYTES]).hash(), made.hash());
        assert_eq!(format!("{key:?}"), "ConsoleIdKey(…)");
    }

    #[test]
    fn a_form_is_of_one_session() {
        let token = id(1).form_token();
        assert!(id(1).owns_form(&token) && !id(2).owns_form(&token));
        for bad in ["", "x", &token[1..], &token.to_uppercase()] {
            assert!(!id(1).owns_form(bad), "{bad}");
        }
        assert_ne!(token.as_str(), id(1).reveal());
    }

    #[test]
    fn a_session_ends_with_its_credential_by_age_or_unused() {
        let (now, minute) = (Timestamp::from_micros(1_000_000), Duration::from_secs(60));
        let mut caller = CallerIdentity::unchecked();
        let begin = |caller: &CallerIdentity| {
            let kind = ConsoleEntryKind::Session;
            ConsoleSession::new(&id(1), kind, caller.clone(), now, 60 * minute)
        };
        assert_eq!(begin(&caller).expire_time, now + 60 * minute);
        caller.expire_time = Some(now + minute);
        let session = begin(&caller);
        assert_eq!(session.expire_time, now + minute);
        assert!(session.is_valid(now, minute) && !session.is_valid(now + minute, 2 * minute));
        caller.expire_time = None;
        assert!(!begin(&caller).is_valid(now + minute, minute), "unused");
    }
}
