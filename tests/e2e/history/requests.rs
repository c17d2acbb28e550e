//! `GetAttempt`: an attempt with its request.
//!
//! Fed by a small cluster; feeds `history`. Guarantees that what an attempt sent is
//! told as its receiver saw it, whatever the subscription's form, and that it is said
//! to be unknown once it would be told from other settings.

use bytes::Bytes;
use postrider_proto::v1::event::PayloadForm;
use postrider_proto::v1::signature_scheme::Scheme;
use postrider_proto::v1::test_subscription_request;
use postrider_proto::v1::{
    Attempt, AttemptOutcome, CancelDeliveryRequest, CustomHeader, DeleteSubscriptionRequest,
    DeliveryState, Envelope, Event, HmacSignature, HmacTimestamp, JsonForm, NoSignature,
    RequestHeaderView, RequestUnknownReason, SignatureScheme, SigningKeyKind, StaticSecret,
    StripeSignature, Subscription, TestSubscriptionRequest,
};
use postrider_tests::api::reason;
use postrider_tests::cluster::Cluster;
use postrider_tests::publish::event;
use postrider_tests::receiver::behaviour::{Gate, held, ok, status};
use postrider_tests::wait;
use tonic::Code;

use crate::stage::{SOON_LIMIT, Stage, once};
use crate::told::{assert_like, assert_told};

const SPACED: &str = "{\"a\" : 1.10,\n \"b\": \"x  y\" }";

fn schemes(schemes: impl IntoIterator<Item = Scheme>) -> Vec<SignatureScheme> {
    schemes.into_iter().map(|scheme| SignatureScheme { scheme: Some(scheme) }).collect()
}

/// A subscription with much that can be seen in its requests.
fn dressed(stage: &Stage, path: &str) -> Subscription {
    let hmac = HmacSignature {
        header: "X-Signature".to_owned(),
        prefix: "v1=".to_owned(),
        timestamp: Some(HmacTimestamp { header: "X-Time".to_owned(), separator: None }),
        ..HmacSignature::default()
    };
    let secret = StaticSecret { header: "X-Secret".to_owned(), ..StaticSecret::default() };
    let header = |name: &str, value: &str| {
        let (name, value) = (name.to_owned(), value.to_owned());
        CustomHeader { name, value, value_set: false }
    };
    Subscription {
        signature_schemes: schemes([
            Scheme::Stripe(StripeSignature { header: "X-Stripe".to_owned() }),
            Scheme::Hmac(hmac),
            Scheme::StaticSecret(secret),
        ]),
        headers: vec![header("X-Team", "pay in"), header("Authorization", "Bearer of news")],
        ..stage.wanted(path)
    }
}

/// Each envelope, in both forms of JSON, over both versions of HTTP.
pub async fn requests_are_shown_as_they_came(cluster: &Cluster) {
    let stage = Stage::set(cluster, "told").await;
    let mut made = Vec::new();
    for envelope in [
        Envelope::None,
        Envelope::StandardWebhooks,
        Envelope::IdTypePayloadDate,
        Envelope::CloudeventsStructured,
        Envelope::CloudeventsBinary,
    ] {
        for (form, http1_only) in [(JsonForm::AsPublished, true), (JsonForm::Compact, false)] {
            let path = format!("/{envelope:?}/{form:?}?x=%20y");
            let mut wanted = dressed(&stage, &path);
            (wanted.http1_only, wanted.send_trace_context) = (http1_only, http1_only);
            wanted.set_envelope(envelope);
            wanted.set_json_form(form);
            made.push((stage.create(wanted).await.name, path));
        }
    }
    let traced = Event {
        account: "SE1".to_owned(),
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
        tracestate: "bank=1".to_owned(),
        ..event("order_created", SPACED)
    };
    stage.publish_event(traced).await;
    stage.publish_event(event("order_created", "[ ]")).await;
    for (name, path) in &made {
        let path = path.split('?').next().unwrap();
        let requests = stage.receiver.wait_for_at(path, 2, SOON_LIMIT).await.unwrap();
        assert_told(&stage, name, &requests).await;
    }
}

/// What is not JSON, what is empty, what is unsigned, what is a test, and what is sent
/// again.
pub async fn requests_of_every_kind_are_shown(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "kinds").await;
    let bad = status(http::StatusCode::BAD_GATEWAY);
    stage.receiver.script("/retried", [bad, ok()]);
    let retried = stage.subscribe_with_delays("/retried", &[20]).await.name;
    let none = schemes([Scheme::None(NoSignature {})]);
    let unsigned = Subscription { signature_schemes: none, ..stage.wanted("/unsigned") };
    let unsigned = stage.create(unsigned).await.name;
    for payload in [&b"\x00\x01\xff\xfe\r\n\x80"[..], b"", "na\u{ef}ve\ttext".as_bytes()] {
        stage
            .publish_event(Event {
                event_type: "statement.ready".to_owned(),
                content_type: "application/octet-stream".to_owned(),
                payload_form: Some(PayloadForm::Payload(Bytes::copy_from_slice(payload))),
                ..Event::default()
            })
            .await;
    }
    let payload = test_subscription_request::PayloadForm::PayloadJson(SPACED.to_owned());
    let tested = stage.api.subscriptions.test_subscription(TestSubscriptionRequest {
        name: unsigned.clone(),
        event_type: "sample.of_mine".to_owned(),
        payload_form: Some(payload),
        ..TestSubscriptionRequest::default()
    });
    tested.await.unwrap();
    let requests = stage.receiver.wait_for_at("/retried", 4, SOON_LIMIT).await.unwrap();
    assert_told(&stage, &retried, &requests).await;
    let requests = stage.receiver.wait_for_at("/unsigned", 4, SOON_LIMIT).await.unwrap();
    assert_told(&stage, &unsigned, &requests).await;
}

/// The first attempt of an event's only delivery.
async fn first_attempt(stage: &Stage, event: &str) -> Attempt {
    let name = format!("{}/attempts/1", stage.delivery(event).await.name);
    stage.api.clone().attempt(&name).await.unwrap()
}

/// What says nothing about requests leaves them known; what does, does not.
pub async fn while_the_settings_are_the_same(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "settings").await;
    let made = stage.create(dressed(&stage, "/first")).await;
    let made = Subscription { etag: String::new(), ..made };
    let name = made.name.clone();
    let event = stage.publish().await;
    stage.wait_for(&event, DeliveryState::Succeeded).await;
    let requests = stage.receiver.wait_for_at("/first", 1, SOON_LIMIT).await.unwrap();
    let display_name = "Another".to_owned();
    stage
        .api
        .update(Subscription { display_name, ..made.clone() }, &["display_name"])
        .await
        .unwrap();
    stage.api.rotate(&name, SigningKeyKind::Unspecified, None).await.unwrap();
    stage.api.disable(&name).await.unwrap();
    assert_like(&first_attempt(&stage, &event).await.request.unwrap(), &requests[0]);

    let url = stage.receiver.url("/second");
    stage.api.update(Subscription { url, ..made.clone() }, &["url"]).await.unwrap();
    let told = first_attempt(&stage, &event).await;
    assert_eq!(told.request_unknown_reason(), RequestUnknownReason::SubscriptionChanged);
    assert_eq!((told.request, told.http_status), (None, 200));
    // What was set back may have been anything in between.
    stage.api.update(made.clone(), &["url"]).await.unwrap();
    let told = first_attempt(&stage, &event).await;
    assert_eq!(told.request_unknown_reason(), RequestUnknownReason::SubscriptionChanged);

    let mut enabled = stage.wanted("/third");
    enabled.headers = dressed(&stage, "/third").headers;
    let other = stage.create(enabled).await;
    let event = stage.publish().await;
    let requests = stage.receiver.wait_for_at("/third", 1, SOON_LIMIT).await.unwrap();
    let delete = DeleteSubscriptionRequest { name: other.name.clone(), ..Default::default() };
    wait::until("the attempt is recorded", SOON_LIMIT, || async {
        let filter = format!("subscription = \"{}\" AND state = SUCCEEDED", other.name);
        wait::when(stage.count(&filter).await, |count| *count == 1)
    })
    .await
    .unwrap();
    stage.api.subscriptions.delete_subscription(delete).await.unwrap();
    let filter = format!("event = \"{event}\" AND subscription = \"{}\"", other.name);
    let delivery = stage.api.all_deliveries(&stage.tenant, &filter).await.unwrap().remove(0);
    let told = stage.api.attempt(&format!("{}/attempts/1", delivery.name)).await.unwrap();
    assert_like(&told.request.unwrap(), &requests[0]);
}

/// What nobody has reported is not known until it is; what found no receiver is told
/// as it would have been.
pub async fn as_far_as_they_are_known(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "unreported").await;
    let gate = Gate::closed();
    stage.receiver.script("/held", [held(&gate)]);
    stage.create(stage.wanted("/held")).await;
    let event = stage.publish().await;
    let requests = stage.receiver.wait_for_at("/held", 1, SOON_LIMIT).await.unwrap();
    let name = stage.delivery(&event).await.name;
    stage.api.deliveries.cancel_delivery(CancelDeliveryRequest { name }).await.unwrap();
    let told = first_attempt(&stage, &event).await;
    assert_eq!(told.outcome(), AttemptOutcome::Unknown);
    assert_eq!(told.request_unknown_reason(), RequestUnknownReason::NotReported);
    gate.open();
    let told = wait::until("the result is recorded", SOON_LIMIT, || async {
        let told = first_attempt(&stage, &event).await;
        wait::when(told, |told| told.outcome() == AttemptOutcome::Succeeded)
    });
    assert_like(&told.await.unwrap().request.unwrap(), &requests[0]);

    let mut stage = Stage::set(cluster, "nowhere").await;
    let url = "https://127.0.0.1:4/hook".to_owned();
    let retry_policy = Some(once());
    stage.create(Subscription { url: url.clone(), retry_policy, ..stage.wanted("/") }).await;
    let event = stage.publish().await;
    let delivery = stage.wait_for(&event, DeliveryState::Exhausted).await;
    let told = first_attempt(&stage, &event).await;
    assert_eq!((told.outcome(), told.http_version.as_str()), (AttemptOutcome::ConnectFailed, ""));
    let request = told.request.unwrap();
    assert_eq!(request.url, url);
    let masked = request.headers.iter().filter(|h| h.view() == RequestHeaderView::Masked);
    assert_eq!(masked.map(|h| h.name.as_str()).collect::<Vec<_>>(), ["webhook-signature"]);
    let missing = format!("{}/attempts/2", delivery.name);
    let refused = stage.api.attempt(&missing).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::NotFound, "RESOURCE_NOT_FOUND".into()));
}
