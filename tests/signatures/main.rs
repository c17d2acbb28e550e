//! Webhooks for the published verifiers of Rust, Python and JavaScript, and for the
//! snippets that receivers copy.
//!
//! Fed by a signer, and by Postrider itself; feeds `verify.py`, `verify.mjs` and
//! `examples/receivers` through the folder that `POSTRIDER_TEST_CAPTURES` names.
//! Guarantees that every verifier has the same webhooks to judge, signed a moment
//! ago, since all of them check the time.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod delivered;
mod receivers;
mod schemes;
mod ways;

use std::env;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Method, Uri, Version};
use postrider_tests::receiver::Received;
use postrider_tests::signature::{
    TIME_TOLERANCE, assert_signed, capture, sign, timestamp, verify, verify_published,
};

const OLD_SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const NEW_SECRET: &str = "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

/// A request as a receiver would have it, signed with these secrets at `at`.
fn signed(body: &'static str, secrets: &[&str], at: SystemTime) -> Received {
    let seconds = timestamp(at).unwrap();
    let id = "evt_0199a7c4d2f07b1c8e5f3a6b9c0d1e2f";
    let signatures: Vec<_> =
        secrets.iter().map(|secret| sign(secret, id, &seconds, body.as_bytes()).unwrap()).collect();
    let mut headers = HeaderMap::new();
    headers.insert("webhook-id", id.parse().unwrap());
    headers.insert("webhook-timestamp", seconds.parse().unwrap());
    headers.insert("webhook-signature", signatures.join(" ").parse().unwrap());
    Received {
        number: 1,
        method: Method::POST,
        uri: Uri::from_static("/"),
        version: Version::HTTP_11,
        headers,
        body: Bytes::from_static(body.as_bytes()),
        at: Instant::now(),
        wall: SystemTime::now(),
        connection: 1,
    }
}

/// Keeps a webhook for the verifiers of other languages, when the run has them.
fn keep(name: &str, request: &Received, secret: &str) {
    if let Some(folder) = env::var_os("POSTRIDER_TEST_CAPTURES") {
        capture(folder.as_ref(), name, request, secret).unwrap();
        let form = receivers::Form::standard("standard_v1");
        receivers::capture(folder.as_ref(), name, request, &form, (&[secret], &[])).unwrap();
    }
}

#[test]
fn one_key_and_two_keys_verify() {
    let bodies = [
        ("plain", "{\"amount\": \"10.00\",  \"currency\":\"SEK\"}"),
        ("unicode", "{\"payer\":\"Åsa Öström 日本 \\u0000\"}"),
        ("empty", ""),
    ];
    for (name, body) in bodies {
        let one = signed(body, &[OLD_SECRET], SystemTime::now());
        assert_signed(&one, OLD_SECRET).unwrap();
        let both = signed(body, &[OLD_SECRET, NEW_SECRET], SystemTime::now());
        assert_signed(&both, OLD_SECRET).unwrap();
        assert_signed(&both, NEW_SECRET).unwrap();
        keep(&format!("{name}-one"), &one, OLD_SECRET);
        keep(&format!("{name}-rotated"), &both, NEW_SECRET);
    }
}

#[test]
fn anything_changed_is_refused_by_both_checks() {
    let now = SystemTime::now();
    let mut changed = vec![signed("{\"a\":1}", &[NEW_SECRET], now)];
    for header in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let mut request = signed("{\"a\":1}", &[OLD_SECRET], now);
        request.headers.remove(header);
        changed.push(request);
    }
    let mut body = signed("{\"a\":1}", &[OLD_SECRET], now);
    body.body = Bytes::from_static(b"{\"a\": 1}");
    changed.push(body);
    let late = now - TIME_TOLERANCE - Duration::from_secs(60);
    changed.push(signed("{\"a\":1}", &[OLD_SECRET], late));
    for request in changed {
        assert!(verify(&request, OLD_SECRET).is_err(), "{request:?}");
        assert!(verify_published(&request, OLD_SECRET).is_err(), "{request:?}");
    }
}
