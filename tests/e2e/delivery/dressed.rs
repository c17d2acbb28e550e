//! Signature schemes, envelopes and headers, as the receiver sees them.
//!
//! Fed by a small cluster; feeds `delivery`. Guarantees that what a receiver computes
//! from its contract, with code of its own, is what is sent.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use postrider_proto::v1::signature_scheme::Scheme;
use postrider_proto::v1::{
    CustomHeader, Envelope, HmacSignature, HmacTimestamp, KeyRotation, NoSignature,
    RevokeSigningKeyRequest, RotateSigningSecretRequest, SignatureScheme, SigningKeyKind,
    StandardWebhooksV1, StandardWebhooksV1a, StaticSecret, Subscription,
};
use postrider_tests::api::{reason, violated_fields};
use postrider_tests::cluster::Cluster;
use postrider_tests::publish::event;
use postrider_tests::signature::verify;

use crate::stage::{SOON_LIMIT, Stage, time};
use crate::systems::verify::{hex_hmac, lines};

fn schemes(schemes: impl IntoIterator<Item = Scheme>) -> Vec<SignatureScheme> {
    schemes.into_iter().map(|scheme| SignatureScheme { scheme: Some(scheme) }).collect()
}

fn custom_header(name: &str, value: &str) -> CustomHeader {
    CustomHeader { name: name.to_owned(), value: value.to_owned(), value_set: false }
}

/// The envelope byte for byte, and a bare HMAC over exactly that body.
pub async fn an_envelope_signed_by_a_bare_hmac(cluster: &Cluster) {
    let stage = Stage::set(cluster, "bare").await;
    let hmac = HmacSignature { header: "X-Signature".to_owned(), ..HmacSignature::default() };
    let mut wanted = Subscription {
        signature_schemes: schemes([Scheme::Hmac(hmac)]),
        signing_secret: "chosen-by-the-customer".to_owned(),
        headers: vec![custom_header("X-Team", "pay in")],
        ..stage.wanted("/hook")
    };
    wanted.set_envelope(Envelope::IdTypePayloadDate);
    let made = stage.create(wanted).await;
    assert_eq!(made.signing_secret, "chosen-by-the-customer");
    let name = stage.publish_event(event("order_created", "{\"a\" : 1.10}")).await;
    let requests = stage.receiver.wait_for_at("/hook", 1, SOON_LIMIT).await.unwrap();
    let request = &requests[0];
    let body = std::str::from_utf8(&request.body).unwrap();
    let id = name.rsplit('/').next().unwrap();
    let start = format!(
        "{{\"id\":\"{id}\",\"type\":\"order_created\",\"payload\":{{\"a\" : 1.10}},\"date\":\""
    );
    assert!(body.starts_with(&start) && body.ends_with("Z\"}"), "{body}");
    assert_eq!(request.header("x-signature"), hex_hmac(&made.signing_secret, &[&request.body]));
    assert_eq!(request.header("x-team"), "pay in");
    assert!(!request.headers.contains_key("webhook-signature"));
}

/// v1 and v1a beside one another, through a rotation of the key pair.
pub async fn symmetric_and_asymmetric_signatures_stand_together(cluster: &Cluster) {
    let stage = Stage::set(cluster, "both").await;
    let both = [
        Scheme::StandardWebhooksV1(StandardWebhooksV1 {}),
        Scheme::StandardWebhooksV1a(StandardWebhooksV1a {}),
    ];
    let wanted = Subscription { signature_schemes: schemes(both), ..stage.wanted("/hook") };
    let made = stage.create(wanted).await;
    let rotated = stage.api.rotate(&made.name, SigningKeyKind::Ed25519, None).await.unwrap();
    assert!(rotated.signing_secret.is_empty(), "nobody is shown a private key");
    let public: Vec<&str> = rotated
        .signing_keys
        .iter()
        .filter(|key| key.kind() == SigningKeyKind::Ed25519)
        .map(|key| key.public_key.strip_prefix("whpk_").unwrap())
        .collect();
    assert_eq!(public.len(), 2, "the old one signs on");
    stage.publish().await;
    let requests = stage.receiver.wait_for_at("/hook", 1, SOON_LIMIT).await.unwrap();
    let request = &requests[0];
    verify(request, &made.signing_secret).unwrap();
    let mut signed =
        format!("{}.{}.", request.webhook_id(), request.header("webhook-timestamp")).into_bytes();
    signed.extend_from_slice(&request.body);
    let signatures: Vec<Signature> = request
        .header("webhook-signature")
        .split(' ')
        .filter_map(|split| split.strip_prefix("v1a,"))
        .map(|split| Signature::from_slice(&STANDARD.decode(split).unwrap()).unwrap())
        .collect();
    assert_eq!(signatures.len(), 2);
    for key in public {
        let key: [u8; 32] = STANDARD.decode(key).unwrap().try_into().unwrap();
        let key = VerifyingKey::from_bytes(&key).unwrap();
        assert!(signatures.iter().any(|signature| key.verify_strict(&signed, signature).is_ok()));
    }
}

/// A timestamped HMAC with a header line for each secret, and a static secret
/// that changes at once; then the leaked key is revoked.
pub async fn one_line_for_each_secret(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "lines").await;
    let timestamp = HmacTimestamp { header: "X-Time".to_owned(), separator: Some(":".to_owned()) };
    let hmac = HmacSignature {
        header: "X-Signature".to_owned(),
        prefix: "v1=".to_owned(),
        timestamp: Some(timestamp),
        ..HmacSignature::default()
    };
    let secret = StaticSecret {
        header: "X-Secret".to_owned(),
        rotation: KeyRotation::NewestKey.into(),
        ..StaticSecret::default()
    };
    let wanted = Subscription {
        signature_schemes: schemes([Scheme::Hmac(hmac), Scheme::StaticSecret(secret)]),
        ..stage.wanted("/hook")
    };
    let made = stage.create(wanted).await;
    let rotated = stage.api.subscriptions.rotate_signing_secret(RotateSigningSecretRequest {
        name: made.name.clone(),
        signing_secret: "the-new-one".to_owned(),
        ..RotateSigningSecretRequest::default()
    });
    rotated.await.unwrap();
    let expected = |request: &postrider_tests::receiver::Received, secret: &str| {
        let time = request.header("x-time").as_bytes();
        format!("v1={}", hex_hmac(secret, &[time, b":", &request.body]))
    };
    stage.publish().await;
    let requests = stage.receiver.wait_for_at("/hook", 1, SOON_LIMIT).await.unwrap();
    let request = &requests[0];
    let old_and_new = [expected(request, &made.signing_secret), expected(request, "the-new-one")];
    assert_eq!(lines(request, "x-signature"), old_and_new);
    assert_eq!(request.header("x-secret"), "the-new-one");

    let revoke = |key_id: String| RevokeSigningKeyRequest {
        name: made.name.clone(),
        key_id,
        etag: String::new(),
    };
    let old = made.signing_keys[0].id.clone();
    let left = stage.api.subscriptions.revoke_signing_key(revoke(old)).await.unwrap().into_inner();
    assert_eq!(left.signing_keys.len(), 1);
    stage.publish().await;
    let requests = stage.receiver.wait_for_at("/hook", 2, SOON_LIMIT).await.unwrap();
    let request = &requests[1];
    assert_eq!(lines(request, "x-signature"), [expected(request, "the-new-one")]);
    let last = left.signing_keys[0].id.clone();
    let refused = stage.api.subscriptions.revoke_signing_key(revoke(last)).await.unwrap_err();
    assert_eq!(reason(&refused), "LAST_SIGNING_KEY");
}

/// No signature at all, and CloudEvents around the payload's bytes.
pub async fn cloud_events_can_go_unsigned(cluster: &Cluster) {
    let stage = Stage::set(cluster, "unsigned").await;
    let mut wanted = Subscription {
        signature_schemes: schemes([Scheme::None(NoSignature {})]),
        ..stage.wanted("/hook")
    };
    wanted.set_envelope(Envelope::CloudeventsStructured);
    let made = stage.create(wanted).await;
    assert_eq!((made.signing_secret.as_str(), made.signing_keys.len()), ("", 0));
    let name = stage.publish_event(event("order_created", "{\"a\" : 1.10}")).await;
    let requests = stage.receiver.wait_for_at("/hook", 1, SOON_LIMIT).await.unwrap();
    let request = &requests[0];
    assert!(!request.headers.contains_key("webhook-signature"));
    assert_eq!(request.header("content-type"), "application/cloudevents+json; charset=utf-8");
    let body = std::str::from_utf8(&request.body).unwrap();
    let id = name.rsplit('/').next().unwrap();
    let start =
        format!("{{\"specversion\":\"1.0\",\"id\":\"{id}\",\"source\":\"/{}\"", stage.tenant);
    assert!(body.starts_with(&start) && body.ends_with(",\"data\":{\"a\" : 1.10}}"), "{body}");
}

/// The old key signs on for a day unless told otherwise, and for a week at most.
pub async fn grace_has_a_default_and_an_end(cluster: &Cluster) {
    let stage = Stage::set(cluster, "grace").await;
    let made = stage.subscribe("/hook").await;
    let rotate = async |seconds: Option<u64>| {
        let grace = seconds.map(Duration::from_secs);
        stage.api.rotate(&made.name, SigningKeyKind::Unspecified, grace).await
    };
    let refused = rotate(Some(604_801)).await;
    assert_eq!(violated_fields(&refused.unwrap_err()), ["grace_period"]);
    for (asked, seconds) in [(None, 86_400), (Some(604_800), 604_800)] {
        let before = SystemTime::now();
        let keys = rotate(asked).await.unwrap().signing_keys;
        let old = keys.iter().rev().nth(1).unwrap();
        let left = time(old.expire_time).duration_since(before).unwrap();
        let grace = Duration::from_secs(seconds);
        assert!(left >= grace - Duration::from_secs(5) && left < grace + SOON_LIMIT, "{left:?}");
    }
}

/// What could not be sent is refused when it is set, by the name of its field.
pub async fn what_cannot_be_sent_is_refused(cluster: &Cluster) {
    let stage = Stage::set(cluster, "dressed").await;
    let hmac = HmacSignature { header: "Content-Length".to_owned(), ..HmacSignature::default() };
    let wanted = Subscription {
        signature_schemes: schemes([Scheme::Hmac(hmac)]),
        headers: vec![custom_header("Host", "x")],
        ..stage.wanted("/hook")
    };
    let mut api = stage.api.clone();
    let refused =
        api.subscriptions.create_subscription(postrider_proto::v1::CreateSubscriptionRequest {
            parent: stage.tenant.clone(),
            subscription_id: String::new(),
            subscription: Some(wanted),
        });
    let fields = violated_fields(&refused.await.unwrap_err());
    assert_eq!(
        fields,
        ["subscription.signature_schemes[0].hmac.header", "subscription.headers[0].name"]
    );
}
