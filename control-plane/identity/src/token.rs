//! Tokens: their text, their hash, and what is stored of them.
//!
//! Fed by the control plane with random bytes and with what callers present; feeds the
//! store with hashes. Guarantees that the text is shown once and never printed, that the
//! secret has 256 random bits, and that hashes are compared in constant time.

use std::fmt;
use std::sync::Arc;

use postrider_domain::ids::TenantId;
use postrider_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::grant::Grant;

/// By this a token is recognised, by people and by scanners of secrets.
const TOKEN_PREFIX: &str = "prt_";
/// Random bytes of an id.
pub const TOKEN_ID_BYTES: usize = 10;
/// Random bytes of a secret.
pub const SECRET_BYTES: usize = 32;
const HASH_BYTES: usize = 32;

/// The public part of a token, by which it is found, listed and revoked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TokenId(Arc<str>);

impl TokenId {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes an id that was checked before it was stored.
    pub fn from_stored(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// Reads an id that a caller names.
    pub fn parse(text: &str) -> Option<Self> {
        is_hex(text, TOKEN_ID_BYTES).then(|| Self(text.into()))
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_hex(text: &str, bytes: usize) -> bool {
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == bytes * 2 && text.bytes().all(digit)
}

/// What a caller presents is no token of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it has not the form of a token")]
pub struct TokenTextError;

/// A token's whole text. Wiped when it is dropped.
pub struct TokenText(Zeroizing<String>);

impl TokenText {
    pub fn new(id: [u8; TOKEN_ID_BYTES], secret: &[u8; SECRET_BYTES]) -> Self {
        let secret = Zeroizing::new(hex::encode(secret));
        Self(Zeroizing::new(format!("{TOKEN_PREFIX}{}_{}", hex::encode(id), *secret)))
    }

    /// To be shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The id and the hash of a text that a caller presents.
    pub fn read(text: &str) -> Result<(TokenId, TokenHash), TokenTextError> {
        let parts = text.strip_prefix(TOKEN_PREFIX).and_then(|rest| rest.split_once('_'));
        match parts {
            Some((id, secret)) if is_hex(id, TOKEN_ID_BYTES) && is_hex(secret, SECRET_BYTES) => {
                Ok((TokenId(id.into()), TokenHash::of(text)))
            }
            _ => Err(TokenTextError),
        }
    }

    /// Whether a credential claims to be a token of ours.
    pub fn is_like(text: &str) -> bool {
        text.starts_with(TOKEN_PREFIX)
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenText(…)")
    }
}

/// The SHA-256 of a token's text: with 256 random bits in it, nothing slower is needed.
#[derive(Clone)]
pub struct TokenHash([u8; HASH_BYTES]);

impl TokenHash {
    fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads what was stored.
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Compares in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A service's or a person's.
    Service,
    /// A customer's browser's, for one tenant and a short time.
    Portal,
}

impl TokenKind {
    pub const ALL: [Self; 2] = [Self::Service, Self::Portal];

    /// As the store writes it.
    pub const fn code(self) -> i16 {
        match self {
            Self::Service => 1,
            Self::Portal => 2,
        }
    }

    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// What is stored of a token.
#[derive(Clone, Debug)]
pub struct TokenRecord {
    pub id: TokenId,
    pub hash: TokenHash,
    pub kind: TokenKind,
    pub display_name: String,
    pub grants: Vec<Grant>,
    /// Who made it, as logs name callers.
    pub created_by: String,
    pub create_time: Timestamp,
    pub expire_time: Option<Timestamp>,
    pub revoke_time: Option<Timestamp>,
    /// About when it was used last.
    pub last_use_time: Option<Timestamp>,
}

impl TokenRecord {
    /// Whether it is accepted at a moment.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoke_time.is_none() && self.expire_time.is_none_or(|end| now < end)
    }

    /// The tenant for which it counts where tokens are bounded: the first of those that it
    /// holds in, all of which its maker holds too. None where it holds in the installation.
    pub fn counted_tenant(&self) -> Option<&TenantId> {
        Grant::counted_tenant(&self.grants)
    }
}

/// A token that was just made: its text, and what is stored of it.
#[derive(Debug)]
pub struct IssuedToken {
    pub text: TokenText,
    pub record: TokenRecord,
}

impl IssuedToken {
    /// Makes a token of random bytes.
    pub fn new(
        id: [u8; TOKEN_ID_BYTES],
        secret: &[u8; SECRET_BYTES],
        kind: TokenKind,
        grants: Vec<Grant>,
        now: Timestamp,
    ) -> Self {
        let text = TokenText::new(id, secret);
        let record = TokenRecord {
            id: TokenId(hex::encode(id).into()),
            hash: TokenHash::of(text.reveal()),
            kind,
            display_name: String::new(),
            grants,
            created_by: String::new(),
            create_time: now,
            expire_time: None,
            revoke_time: None,
            last_use_time: None,
        };
        Self { text, record }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::GrantScope;
    use crate::role::Role;

    fn made(secret: u8) -> IssuedToken {
        let time = Timestamp::from_micros(1);
        IssuedToken::new([7; 10], &[secret; 32], TokenKind::Service, Vec::new(), time)
    }

    #[test]
    fn a_token_is_recognised_by_its_text_alone() {
        let token = made(9);
        let (id, hash) = TokenText::read(token.text.reveal()).unwrap();
        assert_eq!(id, token.record.id);
        assert_eq!(TokenId::parse(id.as_str()), Some(id));
        assert!(hash.matches(&token.record.hash));
        let stored = TokenHash::from_stored(token.record.hash.as_bytes()).unwrap();
        assert!(stored.matches(&hash));
        assert!(!made(8).record.hash.matches(&hash));
        assert!(TokenText::is_like(token.text.reveal()));
    }

    #[test]
    fn other_texts_are_no_tokens() {
        let text = made(9).text.reveal().to_owned();
        for bad in [
            String::new(),
            text.to_uppercase(),
            format!("{text}0"),
            text[..text.len() - 1].to_owned(),
            text.replacen('_', "-", 2),
            text.replace("prt_", "prt__"),
            "prt_é".to_owned(),
        ] {
            assert!(TokenText::read(&bad).is_err(), "{bad}");
        }
        assert!(TokenId::parse("x").is_none());
    }

    #[test]
    fn nothing_secret_is_printed() {
        let token = made(9);
        let printed = format!("{token:?}");
        assert!(!printed.contains(token.text.reveal()), "{printed}");
        assert!(!printed.contains(&hex::encode(token.record.hash.as_bytes())), "{printed}");
    }

    #[test]
    fn a_token_counts_for_its_first_tenant_unless_it_holds_everywhere() {
        let grant = |tenants: &[&str]| Grant {
            role: Role::Reader,
            scope: match tenants {
                [] => GrantScope::Installation,
                some => GrantScope::Tenants(some.iter().map(|id| id.parse().unwrap()).collect()),
            },
        };
        let counted = |grants: Vec<Grant>| {
            let record = TokenRecord { grants, ..made(9).record };
            record.counted_tenant().map(ToString::to_string)
        };
        assert_eq!(counted(vec![grant(&["b", "a"])]).as_deref(), Some("a"));
        assert_eq!(counted(vec![grant(&["c"]), grant(&["b"])]).as_deref(), Some("b"));
        assert_eq!(counted(vec![grant(&["a"]), grant(&[])]), None);
        assert_eq!(counted(Vec::new()), None);
    }

    #[test]
    fn a_token_ends_by_time_or_by_being_revoked() {
        let at = Timestamp::from_micros;
        let mut record = made(9).record;
        assert!(record.is_valid(at(100)));
        record.expire_time = Some(at(50));
        assert!(record.is_valid(at(49)) && !record.is_valid(at(50)));
        record.expire_time = None;
        record.revoke_time = Some(at(10));
        assert!(!record.is_valid(at(5)));
    }
}
