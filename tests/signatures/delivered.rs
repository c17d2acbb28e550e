//! Webhooks as Postrider's agent signed and sent them.

use std::time::Duration;

use postrider_proto::v1::event::PayloadForm;
use postrider_proto::v1::{Event, SigningKeyKind, Subscription};
use postrider_tests::api::Api;
use postrider_tests::cluster::{Cluster, Engine};
use postrider_tests::publish::{event, subscription};
use postrider_tests::receiver::Receiver;
use postrider_tests::signature::{assert_signed, verify};

use super::keep;

const SOON_LIMIT: Duration = Duration::from_secs(20);

/// Publishes each payload, and checks and captures what arrives with a secret.
async fn deliver(api: &mut Api, receiver: &Receiver, tenant: &str, step: &str, secrets: &[&str]) {
    let json = |text: &str| event("payment.completed", text);
    let events = [
        ("json", json("{\"amount\": \"10.00\",  \"currency\":\"SEK\"}")),
        ("unicode", json("{\"payer\":\"Åsa Öström 日本 \\u0001\"}")),
        (
            "text",
            Event {
                payload_form: Some(PayloadForm::Payload(b"as it is".to_vec().into())),
                content_type: "text/plain".to_owned(),
                ..json("{}")
            },
        ),
    ];
    for (name, event) in events {
        receiver.forget();
        api.publish(tenant, event, "").await.unwrap();
        let requests = receiver.wait_for_at("/signed", 1, SOON_LIMIT).await.unwrap();
        for (place, secret) in secrets.iter().enumerate() {
            assert_signed(&requests[0], secret).unwrap();
            keep(&format!("delivered-{step}-{name}-{place}"), &requests[0], secret);
        }
    }
}

/// From publishing to receipt, before, during and after a rotation of keys.
#[tokio::test]
async fn delivered_webhooks_verify() {
    let cluster = Cluster::small(Engine::Sqlite).await.unwrap();
    let receiver = cluster.receiver().await.unwrap();
    let mut api = cluster.api().unwrap();
    let tenant = api.create_tenant("signed").await.unwrap();
    let wanted = Subscription {
        region: "regions/eu".to_owned(),
        ..subscription(&receiver.url("/signed"), &["*"])
    };
    let made = api.subscribe(&tenant, wanted).await.unwrap();
    let old = made.signing_secret.as_str();
    deliver(&mut api, &receiver, &tenant, "one", &[old]).await;

    let rotated = rotate(&api, &made.name, Duration::from_hours(1)).await;
    deliver(&mut api, &receiver, &tenant, "both", &[old, &rotated]).await;

    let last = rotate(&api, &made.name, Duration::ZERO).await;
    deliver(&mut api, &receiver, &tenant, "last", &[&last]).await;
    let requests = receiver.requests_to("/signed");
    for ended in [old, &rotated] {
        assert!(verify(&requests[0], ended).is_err(), "a key that has ended");
    }
}

/// A new secret; older keys sign this much longer.
async fn rotate(api: &Api, subscription: &str, overlap: Duration) -> String {
    let rotated = api.rotate(subscription, SigningKeyKind::Unspecified, Some(overlap)).await;
    rotated.unwrap().signing_secret
}
