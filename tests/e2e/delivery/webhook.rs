//! The request that a receiver gets.
//!
//! Fed by a small cluster; feeds `delivery`. Guarantees that the body is what
//! was published, byte for byte, and that the headers are those of Standard
//! Webhooks, by the word of two independent verifiers.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use postrider_proto::v1::event::PayloadForm;
use postrider_proto::v1::{CreateTenantRequest, Subscription, Tenant};
use postrider_proto::v1::{Event, GetEventRequest, PublishEventRequest};
use postrider_tests::cluster::Cluster;
use postrider_tests::publish::event;
use postrider_tests::receiver;
use postrider_tests::signature::{assert_signed, verify, verify_published};
use sha2::{Digest, Sha256};
use tonic::Request;

use crate::stage::{DEFAULT_PAYLOAD, SOON_LIMIT, Stage};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn traceparent() -> String {
    format!("00-{TRACE}-00f067aa0ba902b7-01")
}

/// What is let in when it is set is sent.
pub async fn a_scheme_in_capitals_is_accepted(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "capitals").await;
    let options = receiver::Options { plain: true, ..Default::default() };
    stage.receiver = cluster.receiver_with(options).await.unwrap();
    let created = stage.api.tenants.create_tenant(CreateTenantRequest {
        tenant_id: "insecure".to_owned(),
        tenant: Some(Tenant { allow_insecure_urls: true, ..Tenant::default() }),
    });
    stage.tenant = created.await.unwrap().into_inner().name;
    let wanted = stage.wanted("/hook");
    let url = wanted.url.replacen("http://", "HTTP://", 1);
    stage.create(Subscription { url, ..wanted }).await;
    stage.publish().await;
    stage.receiver.wait_for_at("/hook", 1, SOON_LIMIT).await.unwrap();
}

pub async fn bytes_are_kept(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "bytes").await;
    let subscription = stage.subscribe("/hook").await;
    let json = [
        " \t{ \"a\" :1.10,\r\n \"a\": 2e+0 ,\"\\u00e5\":\"\u{e5}\" }\n",
        "{\"b\":1,\"a\":{\"z\":[],\"y\":null},\"amount\":12345678901234567890.123}",
        "\"日本語 Åsa 🦀 \\u0000\"",
    ];
    let binary: [&[u8]; 3] = [b"\x00\x01\xff\xfe\r\n\x80", b"", b"<a>&\xe5</a>"];
    let mut events: Vec<_> = json.map(|text| event("payment.completed", text)).into();
    events.extend(binary.map(|bytes| Event {
        event_type: "statement.ready".to_owned(),
        content_type: "application/octet-stream".to_owned(),
        payload_form: Some(PayloadForm::Payload(Bytes::copy_from_slice(bytes))),
        ..Event::default()
    }));
    for (count, wanted) in (1..).zip(events) {
        let name = stage.publish_event(wanted.clone()).await;
        let requests = stage.receiver.wait_for_at("/hook", count, SOON_LIMIT).await;
        let request = requests.unwrap().pop().unwrap();
        let (bytes, content_type) = match wanted.payload_form.clone().unwrap() {
            PayloadForm::PayloadJson(text) => (Bytes::from(text), "application/json"),
            PayloadForm::Payload(bytes) => (bytes, "application/octet-stream"),
        };
        assert_eq!(request.body, bytes);
        assert_eq!(request.header("content-type"), content_type);
        verify(&request, &subscription.signing_secret).unwrap();
        // The published library refuses what is not UTF-8, whatever its signature.
        if std::str::from_utf8(&bytes).is_ok() {
            verify_published(&request, &subscription.signing_secret).unwrap();
        }
        let kept =
            stage.api.events.get_event(GetEventRequest { name, ..GetEventRequest::default() });
        let kept = kept.await.unwrap().into_inner();
        assert_eq!(kept.payload_form, wanted.payload_form);
        assert_eq!(kept.payload_size, i64::try_from(bytes.len()).unwrap());
        assert_eq!(kept.payload_sha256, hex::encode(Sha256::digest(&bytes)));
    }
}

pub async fn headers_say_what_the_contract_says(cluster: &Cluster) {
    let stage = Stage::set(cluster, "headers").await;
    let wanted = stage.wanted("/hook?a=b");
    let subscription = stage.create(Subscription { send_trace_context: true, ..wanted }).await;
    stage.subscribe("/untold").await;
    let name = stage
        .publish_event(Event {
            content_type: "application/vnd.payments+json; charset=utf-8".to_owned(),
            traceparent: traceparent(),
            tracestate: "bank=1,other=2".to_owned(),
            attributes: HashMap::from([("kind".to_owned(), "instant".to_owned())]),
            ..event("payment.completed", DEFAULT_PAYLOAD)
        })
        .await;
    let requests = stage.receiver.wait_for_at("/hook", 1, SOON_LIMIT).await.unwrap();
    let request = &requests[0];
    assert_eq!(request.method, Method::POST);
    assert_eq!(request.uri.query(), Some("a=b"));
    assert!(name.ends_with(request.webhook_id()), "{request:?}");
    let user_agent = concat!("Postrider/", env!("CARGO_PKG_VERSION"));
    assert_eq!(request.header("user-agent"), user_agent);
    assert_eq!(request.header("webhook-event-type"), "payment.completed");
    assert_eq!(request.header("webhook-test"), "");
    let content_type = "application/vnd.payments+json; charset=utf-8";
    assert_eq!(request.header("content-type"), content_type);
    assert_eq!(request.header("traceparent").split('-').nth(1), Some(TRACE));
    assert_eq!(request.header("tracestate"), "bank=1,other=2");
    let untold = stage.receiver.wait_for_at("/untold", 1, SOON_LIMIT).await.unwrap();
    assert_eq!((untold[0].header("traceparent"), untold[0].header("tracestate")), ("", ""));
    let sent: u64 = request.header("webhook-timestamp").parse().unwrap();
    let received = request.wall.duration_since(std::time::UNIX_EPOCH).unwrap();
    let apart = received.abs_diff(Duration::from_secs(sent));
    assert!(apart < SOON_LIMIT, "signed {apart:?} away");
    assert_signed(request, &subscription.signing_secret).unwrap();
    let other = stage.subscribe("/other").await;
    assert!(verify(request, &other.signing_secret).is_err());
    assert!(verify_published(request, &other.signing_secret).is_err());
}

pub async fn the_trace_of_the_call_goes_on(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "trace").await;
    let wanted = stage.wanted("/hook");
    stage.create(Subscription { send_trace_context: true, ..wanted }).await;
    let mut request = Request::new(PublishEventRequest {
        parent: stage.tenant.clone(),
        event: Some(event("payment.completed", DEFAULT_PAYLOAD)),
        idempotency_key: String::new(),
    });
    let value = traceparent().parse().unwrap();
    request.metadata_mut().insert("traceparent", value);
    stage.api.events.publish_event(request).await.unwrap();
    // One that is malformed is ignored.
    stage
        .publish_event(Event {
            traceparent: "00-zz-1-01".to_owned(),
            ..event("payment.failed", DEFAULT_PAYLOAD)
        })
        .await;
    let requests = stage.receiver.wait_for_at("/hook", 2, SOON_LIMIT).await.unwrap();
    let continued = requests.iter().filter(|request| {
        let traceparent = request.header("traceparent");
        traceparent.split('-').nth(1) == Some(TRACE)
    });
    assert_eq!(continued.count(), 1);
    assert!(requests.iter().all(|r| !r.header("traceparent").contains("zz")));
}
