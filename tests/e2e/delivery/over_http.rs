//! Publishing over HTTP/1.1 and JSON, with TLS, to receivers.
//!
//! Fed by a small cluster; feeds `delivery`. Guarantees that a payload that is published as a
//! JSON value arrives with the bytes, and is signed over the bytes, that gRPC publishes.

use postrider_proto::v1::DeliveryState;
use postrider_tests::cluster::Cluster;
use postrider_tests::json_api::{JSON_BODY, JsonApi, LINES_BODY};
use postrider_tests::publish::event;
use postrider_tests::signature::{sign, verify, verify_published};
use serde_json::Value;

use crate::stage::{SOON_LIMIT, Stage};

/// What whoever reads and writes JSON would change.
const VALUES: [&str; 6] = [
    r#"{"a":1,"a":{"z":[],"y":null}}"#,
    "[1e400, -0, 1.10, 2e+0, 12345678901234567890.123]",
    r#"{"text":"\u00e5\/\ud83e\udd80 Åsa 🦀"}"#,
    "{ \"a\" :\t1 ,\r\n \"b\": [ ] }",
    "\"\"",
    "null",
];

pub async fn a_value_arrives_as_it_is_signed_as_over_grpc(cluster: &Cluster) {
    let stage = Stage::set(cluster, "http-value").await;
    let subscription = stage.subscribe("/hook").await;
    let secret = &subscription.signing_secret;
    let http = JsonApi::of(cluster).unwrap();
    let publish = format!("POST /v1/{}/events:publish", stage.tenant);
    for (round, value) in VALUES.into_iter().enumerate() {
        let body = format!(r#"{{"event":{{"eventType":"payment.completed","data": {value} }}}}"#);
        let answer = http.call(&publish, JSON_BODY, &body).await.unwrap();
        assert_eq!(answer.status, 200, "{value}: {}", answer.text);
        let wanted = 2 * round + 1;
        let by_http = stage.receiver.wait_for_at("/hook", wanted, SOON_LIMIT).await.unwrap().pop();
        stage.publish_event(event("payment.completed", value)).await;
        let both = stage.receiver.wait_for_at("/hook", wanted + 1, SOON_LIMIT).await;
        let (by_http, by_grpc) = (by_http.unwrap(), both.unwrap().pop().unwrap());
        assert_eq!(by_http.body, value);
        assert_eq!(by_http.body, by_grpc.body);
        for request in [&by_http, &by_grpc] {
            assert_eq!(request.header("content-type"), "application/json");
            verify(request, secret).unwrap();
            verify_published(request, secret).unwrap();
        }
        // One id and one moment make one signature of both.
        let id = by_http.webhook_id();
        let moment = by_http.header("webhook-timestamp");
        let of_grpc = sign(secret, id, moment, &by_grpc.body).unwrap();
        assert_eq!(by_http.header("webhook-signature"), of_grpc);
    }
}

pub async fn lines_are_published_and_answered(cluster: &Cluster) {
    let stage = Stage::set(cluster, "http-lines").await;
    stage.subscribe("/hook").await;
    let http = JsonApi::of(cluster).unwrap();
    let line = |number: usize| {
        let event = format!(r#"{{"eventType":"payment.completed","data":{{"n": {number} }}}}"#);
        format!(r#"{{"requestId":{number},"publish":{{"event":{event}}}}}"#)
    };
    let lines: Vec<String> = (1..=20).map(line).collect();
    let publish = format!("POST /v1/{}/events:publishStream", stage.tenant);
    let answer = http.call(&publish, LINES_BODY, &lines.join("\n")).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    let answers: Vec<Value> =
        answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 20, "{}", answer.text);
    for answer in &answers {
        let event = answer["response"]["event"].as_str().unwrap();
        stage.wait_for(event, DeliveryState::Succeeded).await;
    }
    let requests = stage.receiver.wait_for_at("/hook", 20, SOON_LIMIT).await.unwrap();
    assert!(requests.iter().any(|request| request.body == "{\"n\": 20 }"));
}
