//! Sessions of the web console, and the codes of portals' links that begin them.
//!
//! Fed by the console with random bytes and with what browsers send; feeds the store with
//! hashes. Guarantees that a session says who called and holds no credential of his, that its
//! id is in one browser only and here just as a hash, and that the token of its forms can be
//! made of the id alone.

use std::fmt;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use postrider_domain::ids::TenantId;
use postrider_domain::time::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::caller::CallerIdentity;

/// Random bytes of an id.
pub const CONSOLE_ID_BYTES: usize = 32;
/// Says what the keyed hash is for.
const FORM_PURPOSE: &[u8] = b"postrider console form 1";
const HASH_BYTES: usize = 32;

/// What a browser shows to go on with a session, or a link to begin one. Wiped when it is
/// dropped.
pub struct ConsoleId(Zeroizing<String>);

impl ConsoleId {
    pub fn new(random: &[u8; CONSOLE_ID_BYTES]) -> Self {
        Self(Zeroizing::new(hex::encode(random)))
    }

    /// Reads what a browser sends.
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
