//! Checks payloads without changing them.
//!
//! Fed by publishes and tests. Guarantees that a payload called JSON is JSON, and that
//! the bytes accepted are the bytes signed and sent.

use bytes::Bytes;
use postrider_domain::event::{DEFAULT_CONTENT_TYPE, is_json};
use serde::de::IgnoredAny;

use crate::api::rpc::errors::FieldViolations;

/// Types of office documents have about 75; a parameter follows.
const MAX_CONTENT_TYPE_BYTES: usize = 128;

/// The content type of a request, or the default one.
pub fn content_type(given: &str, field: &str, violations: &mut FieldViolations) -> String {
    if given.is_empty() {
        return DEFAULT_CONTENT_TYPE.to_owned();
    }
    if given != DEFAULT_CONTENT_TYPE && !is_media_type(given) {
        violations.add(
            field,
            format!("must be a media type like \"application/json\" of at most {MAX_CONTENT_TYPE_BYTES} bytes"),
        );
    }
    given.to_owned()
}

/// `type/subtype` in the characters of RFC 9110, then parameters in printable
/// ASCII, since it becomes a header.
fn is_media_type(text: &str) -> bool {
    let token = |text: &str| {
        let special = |b: u8| b"!#$%&'*+-.^_`|~".contains(&b);
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || special(b))
    };
    let (media, parameters) = text.split_once(';').unwrap_or((text, ""));
    let named = media.trim_end().split_once('/').is_some_and(|(a, b)| token(a) && token(b));
    named
        && text.len() <= MAX_CONTENT_TYPE_BYTES
        && parameters.bytes().all(|b| (b' '..=b'~').contains(&b))
}

/// Checks a payload against its type and the installation's limit.
pub fn check(
    payload: &Bytes,
    content_type: &str,
    field: &str,
    max_bytes: usize,
    violations: &mut FieldViolations,
) {
    if payload.len() > max_bytes {
        violations.add(field, format!("must have at most {max_bytes} bytes"));
    } else if is_json(content_type)
        && let Err(problem) = serde_json::from_slice::<IgnoredAny>(payload)
    {
        violations.add(field, format!("is not JSON, although its content type says so: {problem}"));
    } else if is_json(content_type) && std::str::from_utf8(payload).is_err() {
        // The parser does not check the UTF-8 of strings that are skipped.
        violations.add(field, "is not in UTF-8, as JSON must be");
    }
}

/// The default payload of a test, if the catalogue has no sample.
pub fn sample(event_type: &str) -> Bytes {
    let body = serde_json::json!({
        "type": event_type,
        "test": true,
        "message": "This is a test. Nothing happened.",
    });
    Bytes::from(body.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fine(payload: &'static [u8], content_type: &str) -> bool {
        let mut violations = FieldViolations::default();
        check(&Bytes::from_static(payload), content_type, "payload", 100, &mut violations);
        violations.is_empty()
    }

    #[test]
    fn json_must_be_json_and_the_rest_may_be_anything() {
        for good in [&b"{}"[..], b" [1, 2.50e3, {\"a\":1,\"a\":2}]\n", b"null", b"\"\xc3\xa9\""] {
            assert!(fine(good, "application/json"), "{good:?}");
        }
        for bad in [&b""[..], b"{", b"{}{}", b"{'a':1}", b"NaN", b"\"\xff\"", b"[\"\xed\xa0\x80\"]"]
        {
            assert!(!fine(bad, "application/json"), "{bad:?}");
            assert!(!fine(bad, "application/cloudevents+json; charset=utf-8"), "{bad:?}");
            assert!(fine(bad, "application/octet-stream"), "{bad:?}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_not_a_crash() {
        let deep = Bytes::from("[".repeat(100_000));
        let mut violations = FieldViolations::default();
        check(&deep, "application/json", "payload", usize::MAX, &mut violations);
        assert!(!violations.is_empty());
    }

    #[test]
    fn the_size_of_a_payload_is_bounded() {
        let mut violations = FieldViolations::default();
        check(&Bytes::from_static(b"{}"), "text/plain", "payload", 1, &mut violations);
        assert!(!violations.is_empty());
    }

    #[test]
    fn only_a_type_and_a_subtype_are_a_media_type() {
        for good in ["text/plain", "application/vnd.a+json", "text/xml; charset=\"utf-8\""] {
            assert!(is_media_type(good), "{good}");
        }
        for bad in ["json", "a/b/c", "/x", "x/", "a b/c", "text/plain; x=\r\ny", "text/é"] {
            assert!(!is_media_type(bad), "{bad}");
        }
        let mut violations = FieldViolations::default();
        assert_eq!(content_type("", "f", &mut violations), "application/json");
        assert!(violations.is_empty());
    }

    #[test]
    fn the_sample_says_that_it_is_a_test() {
        let sample = sample("a\"b");
        assert!(fine(b"{}", "application/json"));
        assert!(
            serde_json::from_slice::<serde_json::Value>(&sample).is_ok_and(|v| v["test"] == true)
        );
    }
}
