//! Signatures against values that Python's hmac, OpenSSL and another ed25519
//! have computed, and against the published library.
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderValue;
use standardwebhooks::Webhook;

use super::error::MAX_KEYS_PER_SCHEME;
use super::*;

const OLD: &[u8] = b"the old key of a customer";
const NEW: &[u8] = b"the new key of a customer";
const MESSAGE: SignedContent<'static> = SignedContent {
    webhook_id: "evt_1",
    timestamp: "1700000000",
    body: "{\"a\" : 1.0, \"to\":\"Zoë\"}".as_bytes(),
};

fn keys(secrets: &[&[u8]]) -> Vec<wire::SignerKey> {
    let key = |secret: &&[u8]| wire::SignerKey {
        secret: Bytes::copy_from_slice(secret),
        expires_in: None,
    };
    secrets.iter().map(key).collect()
}

fn signer(scheme: Scheme, secrets: &[&[u8]]) -> wire::Signer {
    wire::Signer { scheme: Some(scheme), keys: keys(secrets) }
}

fn signers(signers: &[wire::Signer]) -> Result<SignerSet, SigningError> {
    let update = wire::SubscriptionUpdate { signers: signers.to_vec(), ..Default::default() };
    SignerSet::from_wire(&update, Instant::now())
}

/// The header lines of `MESSAGE`, by name.
fn lines(of: &[wire::Signer]) -> Vec<(String, String)> {
    let mut headers = HeaderMap::new();
    signers(of).unwrap().sign(Instant::now(), MESSAGE, &mut headers).unwrap();
    let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

fn line(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn v1() -> Scheme {
    Scheme::StandardWebhooksV1(wire::StandardWebhooksV1 {})
}

fn v1a() -> Scheme {
    Scheme::StandardWebhooksV1a(wire::StandardWebhooksV1a {})
}

fn stripe() -> Scheme {
    Scheme::Stripe(wire::StripeSignature { header: "Stripe-Signature".to_owned() })
}

fn hmac() -> wire::HmacSignature {
    wire::HmacSignature { header: "X-Signature".to_owned(), ..Default::default() }
}

fn static_secret() -> wire::StaticSecret {
    wire::StaticSecret { header: "X-Secret".to_owned(), ..Default::default() }
}

fn seed(first: u8) -> Vec<u8> {
    (first..first + 32).collect()
}

#[test]
fn the_specification_s_example_comes_out() {
    let secret = STANDARD.decode("C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap();
    let message = SignedContent {
        webhook_id: "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
        timestamp: "1649367553",
        body: br#"{"email":"test@example.com","username":"test_user"}"#,
    };
    let mut headers = HeaderMap::new();
    let signers = signers(&[signer(v1(), &[&secret])]).unwrap();
    signers.sign(Instant::now(), message, &mut headers).unwrap();
    assert_eq!(headers["webhook-signature"], "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
}

#[test]
fn each_key_of_a_rotation_verifies_by_the_published_library() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let timestamp = now.as_secs().to_string();
    let message = SignedContent { timestamp: &timestamp, ..MESSAGE };
    let mut headers = HeaderMap::new();
    headers.insert("webhook-id", "evt_1".parse().unwrap());
    headers.insert("webhook-timestamp", timestamp.parse().unwrap());
    let signers = signers(&[signer(v1(), &[OLD, NEW]), signer(v1a(), &[&seed(0)])]).unwrap();
    signers.sign(Instant::now(), message, &mut headers).unwrap();
    for (secret, verifies) in [(OLD, true), (NEW, true), (&b"another key"[..], false)] {
        let webhook = Webhook::from_bytes(secret.to_vec()).unwrap();
        assert_eq!(webhook.verify(MESSAGE.body, &headers).is_ok(), verifies);
    }
    let webhook = Webhook::from_bytes(NEW.to_vec()).unwrap();
    assert!(webhook.verify(b"{\"amount\":\"99.30\"}", &headers).is_err());
}

#[test]
fn both_standard_schemes_share_a_header_with_v1_first() {
    let expected = [
        "v1,LNxCac+N+mMFql8tHDrSVLdJUAJ33UnQXH749HgWYx8=",
        "v1,1Y7ljdMgbsO/K9f63FV7h+JOgK2QduwcetRXd6TM/WI=",
        "v1a,7Ryi/5IcQTfRz6AUUISadSMB1cngDDvld2X3o2BeK/p/foEv8OhHUUNZy3k+BbImmfQf5Zj5cSNGjrL+CEWcCQ==",
        "v1a,GLi/+g4Lz7nEZUIPy2Quc7HL19PKYMb9SR/fgzlmBH/zo7CC/3lrEBC4sMieqY3tpNcP8af9bg44g+A4ne8FDw==",
    ];
    let symmetric = signer(v1(), &[OLD, NEW]);
    let asymmetric = signer(v1a(), &[&seed(0), &seed(32)]);
    let both = [line("webhook-signature", &expected.join(" "))];
    assert_eq!(lines(&[symmetric.clone(), asymmetric.clone()]), both);
    assert_eq!(lines(&[asymmetric.clone(), symmetric]), both);
    assert_eq!(lines(&[asymmetric]), [line("webhook-signature", &expected[2..].join(" "))]);
}

#[test]
fn stripe_s_header_has_a_v1_for_each_key() {
    let value = "t=1700000000,\
                 v1=b345b8a08ba26d5767b62eca6f1b6ca4487332c39ce89d6e76d724a26f7c685e,\
                 v1=e18c13e98ea304543aa73f4938f31521304cc06e66219f988c7574f329d908c7";
    assert_eq!(lines(&[signer(stripe(), &[OLD, NEW])]), [line("stripe-signature", value)]);
}

#[test]
fn a_plain_hmac_has_a_line_for_each_key_or_one_by_the_newest() {
    let old = "sha256=342b0f6d3579bd9fad5062c1c4900c9f6e2c0c36503cfe224f71da146b59ef46";
    let new = "sha256=56a656bedf21844102f8a015a38478fce60576f0d632160ba0b39d877cd29f7e";
    let each = wire::HmacSignature { prefix: "sha256=".to_owned(), ..hmac() };
    let newest = wire::HmacSignature { newest_key_only: true, ..each.clone() };
    assert_eq!(
        lines(&[signer(Scheme::Hmac(each), &[OLD, NEW])]),
        [line("x-signature", old), line("x-signature", new)]
    );
    assert_eq!(lines(&[signer(Scheme::Hmac(newest), &[OLD, NEW])]), [line("x-signature", new)]);
}

#[test]
fn an_hmac_may_be_sha_512_in_base64() {
    let scheme = wire::HmacSignature { sha512: true, base64: true, ..hmac() };
    let value =
        "5KxkzdvT0QHmihcc1h5brPH16rbI4sYJUrsJuSebQB3D8hnDKxv8HZyofR+mxAavk1OD0kKRR5zEf6mrfDVUhQ==";
    assert_eq!(lines(&[signer(Scheme::Hmac(scheme), &[OLD])]), [line("x-signature", value)]);
}

#[test]
fn an_hmac_may_sign_the_time() {
    let timed = wire::HmacSignature { timestamp_header: "X-Time".to_owned(), ..hmac() };
    let colon = wire::HmacSignature {
        prefix: "v1=".to_owned(),
        separator: ":".to_owned(),
        ..timed.clone()
    };
    assert_eq!(
        lines(&[signer(Scheme::Hmac(colon), &[OLD, NEW])]),
        [
            line("x-time", "1700000000"),
            line(
                "x-signature",
                "v1=b78342336a6534fdfa954bd77a92a148fe4e4f2b7a070c685ab757184a6a67f7"
            ),
            line(
                "x-signature",
                "v1=28df8d60bfdd6c554a8b440ce78d54067d4e642931ba38f1587197eb5878e060"
            ),
        ]
    );
    let nothing_between = wire::HmacSignature { sha512: true, ..timed };
    let value = "463e99facca2054071a3a380b3907c01439d9286e2e73fb122d07827375478c3\
                 ac6a7f3bc11cfcf018f500cf291d10214c8cac79de3b970cb41636b36a62cb6e";
    assert_eq!(
        lines(&[signer(Scheme::Hmac(nothing_between), &[OLD])]),
        [line("x-time", "1700000000"), line("x-signature", value)]
    );
}

#[test]
fn a_static_secret_is_sent_and_not_printed() {
    let each = wire::StaticSecret { prefix: "Bearer ".to_owned(), ..static_secret() };
    let newest = wire::StaticSecret { newest_key_only: true, ..static_secret() };
    assert_eq!(
        lines(&[signer(Scheme::StaticSecret(each), &[b"hush", b"quiet"])]),
        [line("x-secret", "Bearer hush"), line("x-secret", "Bearer quiet")]
    );
    let newest = [signer(Scheme::StaticSecret(newest), &[b"hush", b"quiet"])];
    assert_eq!(lines(&newest), [line("x-secret", "quiet")]);
    let signers = signers(&newest).unwrap();
    let mut headers = HeaderMap::new();
    signers.sign(Instant::now(), MESSAGE, &mut headers).unwrap();
    assert!(headers["x-secret"].is_sensitive());
    assert_eq!(format!("{signers:?} {headers:?}"), r#"Signers(1) {"x-secret": Sensitive}"#);
}

#[test]
fn several_schemes_sign_the_same_post() {
    let of = [
        signer(Scheme::Hmac(hmac()), &[OLD]),
        signer(v1(), &[NEW]),
        signer(Scheme::StaticSecret(static_secret()), &[b"hush"]),
        signer(stripe(), &[OLD]),
    ];
    let mut names: Vec<_> = lines(&of).into_iter().map(|(name, _)| name).collect();
    names.sort();
    assert_eq!(names, ["stripe-signature", "webhook-signature", "x-secret", "x-signature"]);
    let signers = signers(&of).unwrap();
    assert!(names.iter().all(|name| signers.writes_header(&name.parse().unwrap())));
    assert!(!signers.writes_header(&"x-time".parse().unwrap()));
}

#[test]
fn a_scheme_whose_keys_have_all_expired_stops_the_post() {
    let now = Instant::now();
    let expires_in = Some(prost_types::Duration { seconds: 60, nanos: 0 });
    let schemes = [
        (v1(), OLD.to_vec()),
        (v1a(), seed(0)),
        (stripe(), OLD.to_vec()),
        (Scheme::Hmac(hmac()), OLD.to_vec()),
        (Scheme::StaticSecret(static_secret()), OLD.to_vec()),
    ];
    for (scheme, secret) in schemes {
        let mut expiring = signer(scheme, &[&secret]);
        expiring.keys.iter_mut().for_each(|key| key.expires_in = expires_in);
        let lasting = signer(v1(), &[NEW]);
        let update =
            wire::SubscriptionUpdate { signers: vec![lasting, expiring], ..Default::default() };
        let signers = SignerSet::from_wire(&update, now).unwrap();
        let sign = |at| signers.sign(at, MESSAGE, &mut HeaderMap::new());
        assert_eq!(sign(now + Duration::from_secs(59)), Ok(()));
        assert_eq!(sign(now + Duration::from_secs(60)), Err(SigningError::AllKeysExpired));
    }
}

#[test]
fn unusable_schemes_are_named_when_they_come() {
    let error = |of: &[wire::Signer]| signers(of).err();
    assert_eq!(error(&[]), Some(SigningError::NoKey));
    assert_eq!(error(&[signer(v1(), &[])]), Some(SigningError::NoKey));
    assert_eq!(error(&[signer(v1(), &[OLD, b""])]), Some(SigningError::EmptyKey));
    assert_eq!(
        error(&[signer(v1(), &[OLD; MAX_KEYS_PER_SCHEME + 1])]),
        Some(SigningError::TooManyKeys)
    );
    let many = vec![signer(v1(), &[OLD]); MAX_SCHEMES + 1];
    assert_eq!(error(&many), Some(SigningError::TooManyKeys));
    let unknown = wire::Signer { scheme: None, keys: keys(&[OLD]) };
    assert_eq!(error(&[signer(v1(), &[OLD]), unknown]), Some(SigningError::UnknownScheme));
    assert_eq!(error(&[signer(v1a(), &[OLD])]), Some(SigningError::InvalidSeed));

    for name in ["", "x y", "x\r\ny", "Host", "content-length", "webhook-id", "webhook-signature"] {
        let header = || name.to_owned();
        for scheme in [
            Scheme::Stripe(wire::StripeSignature { header: header() }),
            Scheme::Hmac(wire::HmacSignature { header: header(), ..hmac() }),
            Scheme::StaticSecret(wire::StaticSecret { header: header(), ..static_secret() }),
        ] {
            assert_eq!(error(&[signer(scheme, &[OLD])]), Some(SigningError::HeaderName(header())));
        }
    }
    let timed = wire::HmacSignature { timestamp_header: "te".to_owned(), ..hmac() };
    let timed = error(&[signer(Scheme::Hmac(timed), &[OLD])]);
    assert_eq!(timed, Some(SigningError::HeaderName("te".to_owned())));

    let prefix = "1\r\nx-evil: ".to_owned();
    let smuggling = wire::HmacSignature { prefix: prefix.clone(), ..hmac() };
    let smuggling = error(&[signer(Scheme::Hmac(smuggling), &[OLD])]);
    assert_eq!(smuggling, Some(SigningError::HeaderValue("x-signature".parse().unwrap())));
    for (prefix, secret) in [(prefix, OLD), (String::new(), b"1\r\nx-evil: 1")] {
        let smuggling = wire::StaticSecret { prefix, ..static_secret() };
        let smuggling = error(&[signer(Scheme::StaticSecret(smuggling), &[secret])]);
        assert_eq!(smuggling, Some(SigningError::HeaderValue("x-secret".parse().unwrap())));
    }
}

#[test]
fn unsigned_is_only_what_is_meant_to_be() {
    let update = wire::SubscriptionUpdate { unsigned: true, ..Default::default() };
    let mut headers = HeaderMap::new();
    let signers = SignerSet::from_wire(&update, Instant::now()).unwrap();
    signers.sign(Instant::now(), MESSAGE, &mut headers).unwrap();
    assert!(headers.is_empty());

    // Where keys came all the same, they sign.
    let update = wire::SubscriptionUpdate { signers: vec![signer(v1(), &[OLD])], ..update };
    let signers = SignerSet::from_wire(&update, Instant::now()).unwrap();
    signers.sign(Instant::now(), MESSAGE, &mut headers).unwrap();
    assert!(headers.contains_key("webhook-signature"));
}
