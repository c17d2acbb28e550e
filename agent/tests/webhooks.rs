//! What receivers see: schemes, envelopes and headers, over HTTP/1.1 and HTTP/2.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use postrider_proto::agent::v1::signer::Scheme;
use postrider_proto::agent::v1::work_response::Message as ReplicaMessage;
use postrider_proto::agent::v1::{self as wire, Fact};
use support::receiver::{ReceivedWebhook, ReceiverBehaviour, TestReceiver};
use support::{assignment, connected, subscription};

/// One webhook to a receiver of each version.
async fn webhooks(
    update: impl Fn(wire::SubscriptionUpdate) -> wire::SubscriptionUpdate,
    assignment: wire::Assignment,
) -> Vec<ReceivedWebhook> {
    let mut seen = Vec::new();
    for receiver in [
        TestReceiver::start(ReceiverBehaviour::Answer(200)).await,
        TestReceiver::http2(ReceiverBehaviour::Answer(200)).await,
    ] {
        let (_agent, _replica, mut stream) = connected(&receiver).await;
        let update = update(subscription(&receiver.url(), 1));
        stream.send(ReplicaMessage::SubscriptionUpdate(update)).await;
        let result = stream.attempt(assignment.clone()).await;
        assert_eq!(result.fact(), Fact::Response, "{}", result.error);
        let request = receiver.take_requests().remove(0);
        let length = request.headers["content-length"].to_str().unwrap();
        assert_eq!(length, request.body.len().to_string());
        seen.push(request);
    }
    seen
}

fn lines<'a>(seen: &'a ReceivedWebhook, name: &str) -> Vec<&'a str> {
    seen.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

fn text_signer(scheme: Scheme) -> wire::Signer {
    let key = |secret: &'static str| wire::SignerKey { secret: secret.into(), expires_in: None };
    wire::Signer { scheme: Some(scheme), keys: vec![key("the old key"), key("the new key")] }
}

#[tokio::test]
async fn each_key_has_a_line_of_its_own() {
    let hmac = wire::HmacSignature {
        header: "X-Signature".to_owned(),
        prefix: "v1=".to_owned(),
        timestamp_header: "X-Timestamp".to_owned(),
        separator: ":".to_owned(),
        ..Default::default()
    };
    let secret = wire::StaticSecret { header: "X-Secret".to_owned(), ..Default::default() };
    let signers = vec![text_signer(Scheme::Hmac(hmac)), text_signer(Scheme::StaticSecret(secret))];
    let update = |update| wire::SubscriptionUpdate { signers: signers.clone(), ..update };
    for seen in webhooks(update, assignment(1)).await {
        assert_eq!(lines(&seen, "x-secret"), ["the old key", "the new key"]);
        let signatures = lines(&seen, "x-signature");
        assert_eq!(signatures.len(), 2);
        assert!(signatures.iter().all(|line| line.starts_with("v1=") && line.len() == 67));
        assert_ne!(signatures[0], signatures[1]);
        assert_eq!(lines(&seen, "x-timestamp"), lines(&seen, "webhook-timestamp"));
        assert_eq!(lines(&seen, "webhook-id"), ["evt_1"]);
        assert!(lines(&seen, "webhook-signature").is_empty());
    }
}

#[tokio::test]
async fn an_envelope_is_sent_whole_with_the_payload_as_it_was() {
    let envelope = wire::Envelope::IdTypePayloadDate.into();
    let update = |update| wire::SubscriptionUpdate { envelope, ..update };
    let assignment = wire::Assignment { payload: "{\"a\" : 1.0}".into(), ..assignment(1) };
    for seen in webhooks(update, assignment).await {
        assert_eq!(
            seen.body,
            r#"{"id":"evt_1","type":"payment.completed","payload":{"a" : 1.0},"date":"2026-11-25T05:00:00.123Z"}"#
        );
        let webhook =
            standardwebhooks::Webhook::from_bytes(support::SIGNING_SECRET.to_vec()).unwrap();
        webhook.verify(&seen.body, &seen.headers).unwrap();
    }
}

#[tokio::test]
async fn a_webhook_carries_its_number_its_attributes_and_the_customer_s_headers() {
    let headers =
        vec![wire::Header { name: "X-Api-Key".to_owned(), value: "a b".to_owned().into() }];
    let envelope = wire::Envelope::CloudeventsBinary.into();
    let update = |update| wire::SubscriptionUpdate { envelope, headers: headers.clone(), ..update };
    let assignment = wire::Assignment { sequence: 17, account: "Zoë".to_owned(), ..assignment(1) };
    for seen in webhooks(update, assignment.clone()).await {
        assert_eq!(seen.body, assignment.payload);
        for (name, value) in [
            ("x-api-key", "a b"),
            ("webhook-sequence", "17"),
            ("ce-sequence", "17"),
            ("ce-source", "/tenants/acme"),
            ("ce-subject", "Zo%C3%AB"),
            ("content-type", "application/json"),
        ] {
            assert_eq!(lines(&seen, name), [value], "{name}");
        }
    }
}

#[tokio::test]
async fn what_may_not_be_sent_is_not() {
    let receiver = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let (_agent, _replica, mut stream) = connected(&receiver).await;
    let fine = subscription(&receiver.url(), 1);
    let envelope = wire::Envelope::StandardWebhooks.into();
    let header = wire::Header { name: "content-length".to_owned(), value: "1".into() };
    let updates = [
        (wire::SubscriptionUpdate { signers: Vec::new(), ..fine.clone() }, "no signing key"),
        (wire::SubscriptionUpdate { headers: vec![header], ..fine.clone() }, "content-length"),
        (wire::SubscriptionUpdate { envelope, ..fine }, "text/plain"),
    ];
    for (version, (update, words)) in (1..).zip(updates) {
        stream
            .send(ReplicaMessage::SubscriptionUpdate(wire::SubscriptionUpdate {
                version,
                ..update
            }))
            .await;
        let assignment = wire::Assignment {
            subscription_version: version,
            content_type: "text/plain".to_owned(),
            ..assignment(version as u32)
        };
        let result = stream.attempt(assignment).await;
        assert_eq!(result.fact(), Fact::InvalidRequest);
        assert!(result.error.contains(words), "{}", result.error);
        assert_eq!(result.subscription_version, version);
    }
    assert!(receiver.take_requests().is_empty());
}

#[tokio::test]
async fn the_settings_that_were_used_are_told() {
    let receiver = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let (_agent, _replica, mut stream) = connected(&receiver).await;
    for version in [4, 9] {
        stream
            .send(ReplicaMessage::SubscriptionUpdate(subscription(&receiver.url(), version)))
            .await;
        let older = wire::Assignment { subscription_version: 3, ..assignment(version as u32) };
        assert_eq!(stream.attempt(older).await.subscription_version, version);
    }
}
