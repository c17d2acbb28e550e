//! Ivy: webhook subscriptions through the API, and an envelope with an id.
//!
//! Fed by a small cluster, and by a control plane on the test's clock.
//! Guarantees what its document and its wire contract promise,
//! section by section.

use std::time::Duration;

use http::StatusCode;
use postrider::clock::Clock;
use postrider_proto::v1::event::PayloadForm as Published;
use postrider_proto::v1::retry_policy::Timetable;
use postrider_proto::v1::signature_scheme::Scheme;
use postrider_proto::v1::test_subscription_request::PayloadForm;
use postrider_proto::v1::{
    DeleteSubscriptionRequest, DeliveryEndReason, DeliveryState, Envelope, GetEventRequest,
    HmacSignature, JsonForm, RetryPolicy, Subscription, TestSubscriptionRequest,
};
use postrider_tests::cluster::{Cluster, Engine};
use postrider_tests::publish::{event, fixed_delays};
use postrider_tests::receiver::behaviour::{ok, status};
use postrider_tests::timed::{Timed, timestamp};
use serde_json::Value;

use super::verify::hex_hmac;
use super::{names, only_200, publish, sample, samples, schemes, send_again, with_catalogue};
use crate::stage::{DEFAULT_REGION, SETTLE_WAIT, SOON_LIMIT, Stage, delays, duration, time};
use crate::told::assert_told;

async fn every_promise_of_its_document_is_kept(engine: Engine) {
    let cluster = with_catalogue("ivy", engine).await;
    play!(
        &cluster;
        events,
        create_update_and_delete,
        data_structure,
        verified_as_its_own_documentation_does,
        signature_over_the_exact_body,
        sent_again_by_its_id,
        only_200_is_success,
    );
}

on_both_engines!(every_promise_of_its_document_is_kept, fifteen_retries_take_54_hours);

/// The six public delays and nine rising ones of Postrider's own choosing, which
/// bring the sum to the 54 hours of the contract.
const RETRY_DELAYS: [u64; 15] = [
    30, 22, 140, 541, 1_426, 3_200, 5_400, 8_100, 11_700, 16_200, 20_700, 25_200, 29_700, 34_200,
    37_841,
];

/// What every subscription of Ivy's customers has in common.
fn wanted(stage: &Stage, path: &str, events: &[&str]) -> Subscription {
    let hmac = HmacSignature { header: "X-Ivy-Signature".to_owned(), ..HmacSignature::default() };
    let mut wanted = Subscription {
        event_types: names(events),
        signature_schemes: schemes([Scheme::Hmac(hmac)]),
        success_rule: only_200(),
        retry_policy: Some(retries()),
        ..stage.wanted(path)
    };
    wanted.set_envelope(Envelope::IdTypePayloadDate);
    wanted.set_json_form(JsonForm::Compact);
    wanted
}

fn retries() -> RetryPolicy {
    fixed_delays(&RETRY_DELAYS.map(Duration::from_secs)).unwrap()
}

/// "Events": the eight of the document, each to who asked for it.
async fn events(cluster: &Cluster) {
    let stage = Stage::set(cluster, "ivy-events").await;
    let all = samples("ivy");
    assert_eq!(all.len(), 8);
    let types: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    let made = stage.create(wanted(&stage, "/all", &types)).await;
    stage.create(wanted(&stage, "/refunds", &["refund_succeeded", "refund_failed"])).await;
    for (event_type, payload) in &all {
        publish(&stage, event_type, payload).await;
    }
    let requests = stage.receiver.wait_for_at("/all", 8, SOON_LIMIT).await.unwrap();
    assert_told(&stage, &made.name, &requests).await;
    let bodies = requests.iter().map(|request| serde_json::from_slice::<Value>(&request.body));
    let bodies: Vec<Value> = bodies.map(Result::unwrap).collect();
    for (event_type, payload) in &all {
        let of_it: Vec<_> = bodies.iter().filter(|body| body["type"] == *event_type).collect();
        assert_eq!(of_it.len(), 1, "{event_type}");
        assert_eq!(of_it[0]["payload"], *payload);
    }
    stage.receiver.wait_for_at("/refunds", 2, SOON_LIMIT).await.unwrap();
    tokio::time::sleep(SETTLE_WAIT).await;
    assert_eq!(stage.receiver.received_at("/refunds"), 2);
}

/// "Create", "Update" and "Delete a Webhook Subscription": with the parameters
/// of the document and no others.
async fn create_update_and_delete(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "ivy-manages").await;
    let made = stage.create(wanted(&stage, "/first", &["order_created"])).await;
    let order = sample("ivy", "order_created");
    publish(&stage, "order_created", &order).await;
    stage.receiver.wait_for_at("/first", 1, SOON_LIMIT).await.unwrap();

    let changed = Subscription {
        name: made.name.clone(),
        url: stage.receiver.url("/second"),
        event_types: names(&["order_updated"]),
        ..Subscription::default()
    };
    let updated = stage.api.update(changed, &["url", "event_types"]).await.unwrap();
    assert_eq!(updated.success_rule, only_200());
    assert_eq!(updated.envelope(), Envelope::IdTypePayloadDate);
    publish(&stage, "order_created", &order).await;
    publish(&stage, "order_updated", &sample("ivy", "order_updated")).await;
    let requests = stage.receiver.wait_for_at("/second", 1, SOON_LIMIT).await.unwrap();
    let signature = requests[0].header("x-ivy-signature");
    assert_eq!(signature, hex_hmac(&made.signing_secret, &[&requests[0].body]));

    let name = made.name.clone();
    let delete = DeleteSubscriptionRequest { name, ..DeleteSubscriptionRequest::default() };
    stage.api.subscriptions.delete_subscription(delete).await.unwrap();
    publish(&stage, "order_updated", &sample("ivy", "order_updated")).await;
    tokio::time::sleep(SETTLE_WAIT).await;
    assert_eq!(
        (stage.receiver.received_at("/first"), stage.receiver.received_at("/second")),
        (1, 1)
    );
    let read = stage.api.subscription(&made.name).await.unwrap();
    assert!(read.delete_time.is_some());
}

/// "Webhook Data Structure": id, type, payload and date, byte for byte.
async fn data_structure(cluster: &Cluster) {
    let stage = Stage::set(cluster, "ivy-structure").await;
    stage.create(wanted(&stage, "/hook", &["order_created"])).await;
    let payload = sample("ivy", "order_created").to_string();
    let event = publish(&stage, "order_created", &sample("ivy", "order_created")).await;
    let requests = stage.receiver.wait_for_at("/hook", 1, SOON_LIMIT).await.unwrap();
    let body = std::str::from_utf8(&requests[0].body).unwrap();
    let id = event.rsplit('/').next().unwrap();
    let before =
        format!("{{\"id\":\"{id}\",\"type\":\"order_created\",\"payload\":{payload},\"date\":\"");
    let date = body.strip_prefix(&before).and_then(|rest| rest.strip_suffix("\"}"));
    let date = date.unwrap_or_else(|| panic!("{body} does not begin with {before}"));
    let shape: String = date.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{date}");
    assert!(requests[0].header("content-type").starts_with("application/json"));
}

/// A payload that was published with spaces and line breaks is signed in the form
/// that `JSON.stringify` gives it, and so is a test. History keeps what was published.
async fn verified_as_its_own_documentation_does(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "ivy-stringify").await;
    let made = stage.create(wanted(&stage, "/hook", &["*"])).await;
    let spaced = serde_json::to_string_pretty(&sample("ivy", "order_created")).unwrap();
    let given = event("order_created", &spaced);
    let published = stage.api.publish(&stage.tenant, given, "").await.unwrap().event;
    let tested = stage.api.subscriptions.test_subscription(TestSubscriptionRequest {
        name: made.name,
        event_type: "order_created".to_owned(),
        payload_form: Some(PayloadForm::PayloadJson(spaced.clone())),
        retry: false,
    });
    tested.await.unwrap();
    let stringified = format!("\"payload\":{},\"date\":", sample("ivy", "order_created"));
    for request in stage.receiver.wait_for_at("/hook", 2, SOON_LIMIT).await.unwrap() {
        let body = std::str::from_utf8(&request.body).unwrap();
        assert!(body.contains(&stringified), "{body}");
        let signature = hex_hmac(&made.signing_secret, &[&request.body]);
        assert_eq!(request.header("x-ivy-signature"), signature);
    }
    let read = GetEventRequest { name: published, ..GetEventRequest::default() };
    let read = stage.api.events.get_event(read).await.unwrap().into_inner();
    assert_eq!(read.payload_form, Some(Published::PayloadJson(spaced)));
}

/// `X-Ivy-Signature`: the hex HMAC-SHA256 of the body as it was sent, under the
/// secret that was shown once.
async fn signature_over_the_exact_body(cluster: &Cluster) {
    let stage = Stage::set(cluster, "ivy-signature").await;
    let made = stage.create(wanted(&stage, "/hook", &["*"])).await;
    assert!(!made.signing_secret.is_empty());
    let read = stage.api.subscription(&made.name).await.unwrap();
    assert!(read.signing_secret.is_empty());
    publish(&stage, "merchant_updated", &sample("ivy", "merchant_updated")).await;
    let requests = stage.receiver.wait_for_at("/hook", 1, SOON_LIMIT).await.unwrap();
    let (body, signature) = (&requests[0].body, requests[0].header("x-ivy-signature"));
    assert_eq!(signature, hex_hmac(&made.signing_secret, &[body]));
    let mut other = body.to_vec();
    other[10] ^= 1;
    assert_ne!(signature, hex_hmac(&made.signing_secret, &[&other]));
    assert_ne!(signature, hex_hmac("another secret", &[body]));
    assert!(requests[0].header("webhook-signature").is_empty());
}

/// "Use this … to re-send the webhook": the id in the body leads to the event,
/// and what is sent again is the same to the byte, with retries of its own.
async fn sent_again_by_its_id(cluster: &Cluster) {
    let stage = Stage::set(cluster, "ivy-again").await;
    let failed = status(StatusCode::INTERNAL_SERVER_ERROR);
    stage.receiver.script("/hook", [ok(), failed, ok()]);
    let quick = Some(delays(&[100]));
    stage.create(Subscription { retry_policy: quick, ..wanted(&stage, "/hook", &["*"]) }).await;
    let event = publish(&stage, "order_updated", &sample("ivy", "order_updated")).await;
    stage.wait_for(&event, DeliveryState::Succeeded).await;
    let first = stage.receiver.requests_to("/hook").remove(0);
    let body: Value = serde_json::from_slice(&first.body).unwrap();
    let by_id = format!("{}/events/{}", stage.tenant, body["id"].as_str().unwrap());
    assert_eq!(by_id, event);
    let delivery = stage.delivery(&event).await;
    let again = send_again(&stage, &by_id).await;
    assert_eq!((&again.resend_of, &again.event), (&delivery.name, &event));
    stage.api.wait_for_state(&again.name, DeliveryState::Succeeded, SOON_LIMIT).await.unwrap();
    let requests = stage.receiver.requests_to("/hook");
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| request.body == first.body));
}

/// Any other status, 201 and 204 among them, is tried again.
async fn only_200_is_success(cluster: &Cluster) {
    let stage = Stage::set(cluster, "ivy-200").await;
    let codes = [StatusCode::CREATED, StatusCode::NO_CONTENT, StatusCode::FOUND];
    stage.receiver.script("/hook", codes.map(status).into_iter().chain([ok()]));
    let quick = Some(delays(&[50, 50, 50]));
    stage.create(Subscription { retry_policy: quick, ..wanted(&stage, "/hook", &["*"]) }).await;
    let event = publish(&stage, "refund_failed", &sample("ivy", "refund_failed")).await;
    let ended = stage.wait_for(&event, DeliveryState::Succeeded).await;
    let attempts = stage.attempts(&ended).await;
    let seen: Vec<_> = attempts.iter().map(|attempt| attempt.http_status).collect();
    assert_eq!(seen, [201, 204, 302, 200]);
}

/// 15 retries over 54 hours, on a clock that the test moves.
async fn fifteen_retries_take_54_hours(engine: Engine) {
    assert_eq!(RETRY_DELAYS.iter().sum::<u64>(), 54 * 3_600);
    assert!(RETRY_DELAYS[5..].is_sorted());
    let timed = Timed::start(engine).await.unwrap();
    let mut api = timed.api();
    let tenant = api.create_tenant("ivy-retries").await.unwrap();
    let stage = Stage { receiver: timed.receiver().await.unwrap(), api, tenant };
    stage.receiver.script("/hook", [status(StatusCode::BAD_GATEWAY)]);
    let made = stage.create(wanted(&stage, "/hook", &["*"])).await;
    assert_eq!(made.region, DEFAULT_REGION);
    let Some(Timetable::FixedDelays(kept)) = made.retry_policy.unwrap().timetable else {
        panic!("another timetable");
    };
    let kept: Vec<_> = kept.delays.into_iter().map(|delay| duration(Some(delay))).collect();
    assert_eq!(kept, RETRY_DELAYS.map(Duration::from_secs));

    let event = publish(&stage, "order_created", &sample("ivy", "order_created")).await;
    let begun = timed.clock.now();
    for retry in 1..=RETRY_DELAYS.len() {
        stage.receiver.wait_for_at("/hook", retry, SOON_LIMIT).await.unwrap();
        let waiting = stage.wait_for(&event, DeliveryState::Waiting).await;
        timed.clock.advance_to(timestamp(waiting.next_attempt_time).unwrap());
    }
    let ended = stage.wait_for(&event, DeliveryState::Exhausted).await;
    assert_eq!(ended.end_reason(), DeliveryEndReason::AttemptsExhausted);
    assert_eq!(stage.receiver.received_at("/hook"), 16);
    let took = timed.clock.now().since(begun);
    let (least, most) = (Duration::from_hours(54), Duration::from_hours(55));
    assert!(took >= least && took < most, "{took:?}");
    assert!(time(ended.end_time) > time(ended.create_time) + least);
    timed.stop().await.unwrap();
}
