//! The id of a call, by which logs, records and whoever called speak of it.
//!
//! Fed by `layer` and `http_json` with headers, and by `malformed`; feeds them the id that the
//! caller chose, or one that is drawn. Guarantees that an id is short and printable.

use http::{HeaderMap, HeaderValue, Response};

/// As proxies and gateways name it.
pub(in crate::api) const REQUEST_ID_HEADER: &str = "x-request-id";
/// Longest id that a caller may choose: a UUID takes 36.
const MAX_REQUEST_ID_BYTES: usize = 128;

/// The caller's id for a call, if it has a good one; otherwise a new one.
pub(in crate::api) fn of_call(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID_HEADER).and_then(|value| value.to_str().ok());
    match given.filter(|id| is_good(id)) {
        Some(id) => id.to_owned(),
        None => format!("{:032x}", rand::random::<u128>()),
    }
}

fn is_good(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=MAX_REQUEST_ID_BYTES).contains(&id.len()) && id.bytes().all(allowed)
}

/// An answer that tells the call's id. HTTP/2 does not remember it: it would take the place
/// of headers that come again.
pub(in crate::api) fn told<T>(mut answer: Response<T>, id: &str) -> Response<T> {
    if let Ok(mut value) = HeaderValue::from_str(id) {
        value.set_sensitive(true);
        answer.headers_mut().insert(REQUEST_ID_HEADER, value);
    }
    answer
}

/// An answer in the place of another, with the id that that one told.
pub(super) fn kept<T, U>(replaced: &Response<T>, mut answer: Response<U>) -> Response<U> {
    if let Some(id) = replaced.headers().get(REQUEST_ID_HEADER) {
        answer.headers_mut().insert(REQUEST_ID_HEADER, id.clone());
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_id_is_taken_if_it_is_short_and_printable() {
        let of = |id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID_HEADER, id.parse().unwrap());
            of_call(&headers)
        };
        for good in ["a", "0192f0c1-a2b3-7c4d", "a_b.c", &"x".repeat(MAX_REQUEST_ID_BYTES)] {
            assert_eq!(of(good), good);
        }
        for bad in ["", "a b", "a/b", "a\"b", &"x".repeat(MAX_REQUEST_ID_BYTES + 1)] {
            assert_ne!(of(bad), bad);
        }
        let (drawn, other) = (of_call(&HeaderMap::new()), of_call(&HeaderMap::new()));
        assert!(is_good(&drawn) && drawn != other);
        let answer = told(Response::new(()), &drawn);
        let told_id = answer.headers().get(REQUEST_ID_HEADER).unwrap();
        assert!(told_id == drawn.as_str() && told_id.is_sensitive());
        let replaced = kept(&answer, Response::new(()));
        assert!(replaced.headers().get(REQUEST_ID_HEADER).unwrap().is_sensitive());
    }
}
