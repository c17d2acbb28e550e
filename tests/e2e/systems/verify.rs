//! What each system's customer checks before it believes a webhook.
//!
//! Fed by requests as a receiver had them; feeds the systems' tests and those of what is
//! delivered. Guarantees an independent eye: written from the wire contracts, it uses
//! neither Postrider's code nor that of the harness.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use postrider_tests::receiver::Received;
use sha2::Sha256;

fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// The lower-case hex HMAC-SHA256 of these parts, keyed with a text as it is.
pub fn hex_hmac(secret: &str, parts: &[&[u8]]) -> String {
    hex::encode(hmac_sha256(secret.as_bytes(), parts))
}

/// Every line of a header, in order.
pub fn lines(request: &Received, header: &str) -> Vec<String> {
    let lines = request.headers.get_all(header).iter();
    lines.map(|line| line.to_str().unwrap().to_owned()).collect()
}

/// The signatures of one version in `webhook-signature`, without it.
pub fn standard_signatures<'a>(request: &'a Received, version: &str) -> Vec<&'a str> {
    let given = request.header("webhook-signature").split(' ');
    let parts = given.map(|signature| signature.split_once(',').unwrap());
    parts.filter(|(found, _)| *found == version).map(|(_, signature)| signature).collect()
}

fn standard_text(request: &Received) -> Vec<u8> {
    let id = request.header("webhook-id");
    let timestamp = request.header("webhook-timestamp");
    assert!(!id.is_empty() && !timestamp.is_empty(), "{request:?}");
    [id.as_bytes(), b".", timestamp.as_bytes(), b".", &request.body].concat()
}

/// Whether a `v1` was made with this `whsec_` secret.
pub fn signed_v1(request: &Received, secret: &str) -> bool {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let wanted = STANDARD.encode(hmac_sha256(&key, &[&standard_text(request)]));
    standard_signatures(request, "v1").contains(&wanted.as_str())
}

/// Whether a `v1a` was made by the owner of this `whpk_` key.
pub fn signed_v1a(request: &Received, public_key: &str) -> bool {
    let key = STANDARD.decode(public_key.strip_prefix("whpk_").unwrap()).unwrap();
    let key = VerifyingKey::from_bytes(&key.try_into().unwrap()).unwrap();
    let text = standard_text(request);
    standard_signatures(request, "v1a").iter().any(|signature| {
        let signature = Signature::from_slice(&STANDARD.decode(signature).unwrap()).unwrap();
        key.verify_strict(&text, &signature).is_ok()
    })
}
