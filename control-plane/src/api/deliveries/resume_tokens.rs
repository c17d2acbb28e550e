//! Resume tokens of watches: opaque to callers.
//!
//! Fed by `watching`; feeds it where to go on. Guarantees an answer for any text.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tonic::Status;

use crate::api::rpc::errors;

const TOKEN_VERSION: u8 = 1;
/// A version and a position.
const TOKEN_BYTES: usize = 9;
/// Longest text that is read: nine bytes in base64.
const MAX_TOKEN_CHARACTERS: usize = 12;

pub fn encode(position: i64) -> String {
    let mut bytes = vec![TOKEN_VERSION];
    bytes.extend(position.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes a position; `None` without a token.
pub fn decode(token: &str) -> Result<Option<i64>, Status> {
    if token.is_empty() {
        return Ok(None);
    }
    let unknown = || errors::invalid("resume_token", "is not a token of WatchAttempts");
    if token.len() > MAX_TOKEN_CHARACTERS {
        return Err(unknown());
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| unknown())?;
    let bytes: [u8; TOKEN_BYTES] = bytes.try_into().map_err(|_| unknown())?;
    let [TOKEN_VERSION, position @ ..] = bytes else { return Err(unknown()) };
    Ok(Some(i64::from_be_bytes(position)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_nothing_else_is() {
        for position in [0, 7, i64::MAX] {
            assert_eq!(decode(&encode(position)).unwrap(), Some(position));
        }
        assert_eq!(decode("").unwrap(), None);
        let good = encode(7);
        for bad in ["x", "AAAA", "!!", &good[..good.len() - 1], &format!("{good}A"), "AgAAAAAAAAAH"]
        {
            assert!(decode(bad).is_err(), "{bad}");
        }
    }
}
