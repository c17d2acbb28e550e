//! Page tokens: opaque to callers, and bound to the list that gave them.
//!
//! Fed by `listing`; feeds it where to continue. Guarantees an answer for any text.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tonic::Status;

use crate::api::rpc::errors;

const TOKEN_VERSION: u8 = 1;
/// 128 bits: nobody meets another query by chance.
const HASH_BYTES: usize = 16;
/// Longest page token that is read. Ids and a position in base64 take a few hundred.
const MAX_TOKEN_BYTES: usize = 4096;

/// Identifies a query, so that a token cannot be used with another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QueryHash([u8; HASH_BYTES]);

/// Hashes a method and every field of its request except the page fields.
pub(super) struct QueryHasher(Sha256);

impl QueryHasher {
    pub fn new(method: &str) -> Self {
        let mut hasher = Self(Sha256::new());
        hasher.add(method);
        hasher
    }

    pub fn add(&mut self, field: &str) {
        self.0.update((field.len() as u64).to_be_bytes());
        self.0.update(field.as_bytes());
    }

    pub fn finish(self) -> QueryHash {
        let mut short = [0; HASH_BYTES];
        for (to, from) in short.iter_mut().zip(self.0.finalize()) {
            *to = from;
        }
        QueryHash(short)
    }
}

/// Encodes the position of the next page.
pub(super) fn encode_token<P: Serialize>(query: QueryHash, after: Option<&P>) -> String {
    let Some(position) = after.and_then(|after| serde_json::to_vec(after).ok()) else {
        return String::new();
    };
    let mut bytes = vec![TOKEN_VERSION];
    bytes.extend_from_slice(&query.0);
    bytes.extend_from_slice(&position);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes a token's position; `None` for the first page.
pub(super) fn decode_token<P: DeserializeOwned>(
    token: &str,
    query: QueryHash,
) -> Result<Option<P>, Status> {
    if token.is_empty() {
        return Ok(None);
    }
    let unknown = || errors::invalid("page_token", "is not a token of this list");
    if token.len() > MAX_TOKEN_BYTES {
        return Err(unknown());
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| unknown())?;
    let (version, rest) = bytes.split_first().ok_or_else(unknown)?;
    let (hash, position) = rest.split_at_checked(HASH_BYTES).ok_or_else(unknown)?;
    if *version != TOKEN_VERSION {
        return Err(unknown());
    }
    if hash != query.0 {
        return Err(errors::invalid("page_token", "belongs to a list with other parameters"));
    }
    serde_json::from_slice(position).map(Some).map_err(|_| unknown())
}

#[cfg(test)]
mod tests {
    use postrider_store::SortKey;

    use super::*;

    fn hash(fields: &[&str]) -> QueryHash {
        let mut hasher = QueryHasher::new("List");
        fields.iter().for_each(|field| hasher.add(field));
        hasher.finish()
    }

    #[test]
    fn a_token_continues_only_its_own_list() {
        let key = SortKey { value: "value".to_owned(), id: "id".to_owned() };
        let token = encode_token(hash(&["a"]), Some(&key));
        assert_eq!(decode_token::<SortKey>(&token, hash(&["a"])).unwrap(), Some(key));
        assert!(decode_token::<SortKey>(&token, hash(&["b"])).is_err());
        assert_ne!(hash(&["a", "b"]), hash(&["ab", ""]));
        assert_eq!(decode_token::<SortKey>("", hash(&["a"])).unwrap(), None);
        assert_eq!(encode_token::<u32>(hash(&["a"]), None), "");
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let good = encode_token(hash(&["a"]), Some(&7_u32));
        let long = "A".repeat(5000);
        for bad in ["x", "AAAA", "!!", &good[..good.len() - 2], &format!("{good}A"), &long] {
            assert!(decode_token::<u32>(bad, hash(&["a"])).is_err(), "{bad}");
        }
    }
}
