//! Page tokens: sealed, and bound to the list that gave them.
//!
//! Fed by `listing`, and by watches with their resume tokens; feeds them where to continue.
//! Guarantees an answer for any text, and that nobody without the installation's key makes a
//! token or reads one: a list that leaves out what its caller may not see goes on after a
//! row that he does not know of. Every replica has the same key, so that a list may go on at
//! another one.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use postrider_domain::assignment_key::AssignmentKey;
use postrider_secret_encryption::DerivedKey;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tonic::Status;
use zeroize::Zeroizing;

use crate::api::rpc::errors::{self, ErrorReason};

/// Says what the key is for, and in which form tokens are.
const PAGE_KEY_PURPOSE: &[u8] = b"postrider page token 2";
/// 128 bits: nobody meets another query by chance.
const HASH_BYTES: usize = 16;
/// Longest page token that is read. Ids and a position in base64 take a few hundred.
const MAX_TOKEN_BYTES: usize = 4096;

/// Identifies a query, so that a token cannot be used with another one.
type QueryHash = [u8; HASH_BYTES];

/// Hashes a method and every field of its request except the page fields.
pub(in crate::api) struct QueryHasher {
    hash: Sha256,
    key: DerivedKey,
}

impl QueryHasher {
    pub fn new(method: &str, installation: &AssignmentKey) -> Self {
        let mut hasher = Self { hash: Sha256::new(), key: page_key(installation) };
        hasher.add(method);
        hasher
    }

    pub fn add(&mut self, field: &str) {
        self.hash.update((field.len() as u64).to_be_bytes());
        self.hash.update(field.as_bytes());
    }

    pub fn finish(self) -> PageTokens {
        let mut query = [0; HASH_BYTES];
        for (to, from) in query.iter_mut().zip(self.hash.finalize()) {
            *to = from;
        }
        PageTokens { query, key: Arc::new(self.key) }
    }
}

/// A key of page tokens' own: what is known of them says nothing of proofs of assignment.
fn page_key(installation: &AssignmentKey) -> DerivedKey {
    let mut derived = Zeroizing::new([0_u8; 32]);
    // HMAC takes a key of any length.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(installation.bytes()) {
        mac.update(PAGE_KEY_PURPOSE);
        *derived = mac.finalize().into_bytes().into();
    }
    DerivedKey::new(&derived)
}

/// Why a text is no token of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum TokenFault {
    /// Nobody with the installation's key made it.
    Unknown,
    OtherQuery,
}

/// Makes and reads the page tokens of one query.
#[derive(Clone)]
pub(in crate::api) struct PageTokens {
    query: QueryHash,
    key: Arc<DerivedKey>,
}

impl PageTokens {
    /// The token of the next page, which begins after a position; empty if there is none.
    pub fn encode<P: Serialize>(&self, after: Option<&P>) -> Result<String, Status> {
        let Some(after) = after else { return Ok(String::new()) };
        let mut text = self.query.to_vec();
        serde_json::to_writer(&mut text, after).map_err(not_made)?;
        let sealed = self.key.seal(&text, PAGE_KEY_PURPOSE).map_err(not_made)?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// A page token's position; `None` for the first page.
    pub fn decode<P: DeserializeOwned>(&self, token: &str) -> Result<Option<P>, Status> {
        self.open(token).map_err(|fault| {
            let problem = match fault {
                TokenFault::Unknown => "is not a token of this list",
                TokenFault::OtherQuery => "belongs to a list with other parameters",
            };
            errors::invalid("page_token", problem)
        })
    }

    /// A token's position; `None` without a token.
    pub fn open<P: DeserializeOwned>(&self, token: &str) -> Result<Option<P>, TokenFault> {
        if token.is_empty() {
            return Ok(None);
        }
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenFault::Unknown);
        }
        let sealed = URL_SAFE_NO_PAD.decode(token).map_err(|_| TokenFault::Unknown)?;
        let text = self.key.open(&sealed, PAGE_KEY_PURPOSE).map_err(|_| TokenFault::Unknown)?;
        let parts = text.split_at_checked(HASH_BYTES);
        let (query, position) = parts.ok_or(TokenFault::Unknown)?;
        if query != self.query {
            return Err(TokenFault::OtherQuery);
        }
        serde_json::from_slice(position).map(Some).map_err(|_| TokenFault::Unknown)
    }
}

fn not_made(error: impl std::fmt::Display) -> Status {
    errors::status(ErrorReason::Internal, format!("a token to go on by was not made: {error}"))
}

#[cfg(test)]
mod tests {
    use postrider_store::SortKey;

    use super::*;

    fn of_installation(key: u8, fields: &[&str]) -> PageTokens {
        let mut hasher = QueryHasher::new("List", &AssignmentKey::new([key; 32]));
        fields.iter().for_each(|field| hasher.add(field));
        hasher.finish()
    }

    fn tokens(fields: &[&str]) -> PageTokens {
        of_installation(1, fields)
    }

    #[test]
    fn a_token_continues_only_its_own_list() {
        let key = SortKey { value: "value".to_owned(), id: "id".to_owned() };
        let token = tokens(&["a"]).encode(Some(&key)).unwrap();
        assert_eq!(tokens(&["a"]).decode::<SortKey>(&token).unwrap(), Some(key));
        assert!(tokens(&["b"]).decode::<SortKey>(&token).is_err());
        assert_ne!(tokens(&["a", "b"]).query, tokens(&["ab", ""]).query);
        assert_eq!(tokens(&["a"]).decode::<SortKey>("").unwrap(), None);
        assert_eq!(tokens(&["a"]).encode::<u32>(None).unwrap(), "");
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let good = tokens(&["a"]).encode(Some(&7_u32)).unwrap();
        let long = "A".repeat(5000);
        for bad in ["x", "AAAA", "!!", &good[..good.len() - 2], &format!("{good}A"), &long] {
            assert!(tokens(&["a"]).decode::<u32>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nobody_else_makes_or_reads_a_token() {
        let position = "tenant-of-somebody-else".to_owned();
        let token = tokens(&["a"]).encode(Some(&position)).unwrap();
        assert!(of_installation(2, &["a"]).decode::<String>(&token).is_err());
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        let shows = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(!shows(b"somebody") && !shows(&tokens(&["a"]).query));
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let changed = URL_SAFE_NO_PAD.encode(changed);
            assert!(tokens(&["a"]).decode::<String>(&changed).is_err(), "byte {place}");
        }
    }
}
