//! Requests over HTTP: a method, a path with its query, and JSON.

use postrider::api::fuzzing::read_http_request;
use postrider_proto::v1;
use prost::Message as _;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::target::texts;

/// Longest that an error about JSON says.
const MAX_MESSAGE_BYTES: usize = 4 * 1024;

/// A line with the method and the target, then the body.
pub fn read(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (line, body) = data.split_at(end);
    let body = body.strip_prefix(b"\n").unwrap_or(body);
    let line = String::from_utf8_lossy(line);
    let (method, target) = line.split_once(' ').unwrap_or((&*line, ""));
    match read_http_request(method, target, body) {
        None => {}
        Some(Ok((path, message))) => check_message(&path, &message, body),
        Some(Err(refused)) => {
            let info = refused.get_details_error_info().expect("every error has a reason");
            let reasons = ["INVALID_REQUEST", "MALFORMED_REQUEST"];
            assert!(reasons.contains(&info.reason.as_str()), "{refused:?}");
            assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
            assert!(refused.message().len() < MAX_MESSAGE_BYTES, "{refused:?}");
        }
    }
}

/// A payload that is a JSON value stands in the body as it is.
fn check_message(path: &str, message: &[u8], body: &[u8]) {
    if !path.ends_with("/PublishEvent") {
        return;
    }
    let request = v1::PublishEventRequest::decode(message).expect("what was made is a message");
    let payload = request.event.and_then(|event| event.payload_form);
    let Some(v1::event::PayloadForm::PayloadJson(payload)) = payload else { return };
    let names = ["payloadJson", "payload_json", "\\"];
    let body = String::from_utf8_lossy(body);
    let is_data = !names.iter().any(|name| body.contains(name));
    assert!(!is_data || body.contains(&payload), "{payload} is not in {body}");
}

pub fn request_texts() -> Vec<Vec<u8>> {
    texts(&[
        "POST /v1/tenants/acme/events:publish\n{\"event\":{\"eventType\":\"a.b\",\"data\":[1e400, {}]}}",
        "POST /v1/tenants/acme/events:publish\n{\"event\":{\"payload\":\"MQ==\"},\"idempotencyKey\":\"k\"}",
        "POST /v1/tenants/acme/events:publishBatch\n{\"event\":{\"data\":null}}\n{\"parent\":\"tenants/b\"}\n",
        "PATCH /v1/tenants/a/subscriptions/b?updateMask=url,displayName\n{\"url\":\"https://a.example\"}",
        "GET /v1/tenants/acme/events?pageSize=2&view=EVENT_VIEW_FULL&filter=test+%3D+true",
        "GET /v1/tenants/acme/events:reconcile?startTime=2026-11-01T00:00:00Z",
        "POST /v1/tenants/acme/deliveries:replay\n{\"states\":[\"DELIVERY_STATE_EXHAUSTED\",5]}",
        "GET /v1/installation/auditRecords:verify?knownNumber=9223372036854775807",
        "POST /v1/tenants/acme/portalTokens\n{\"roles\":[1],\"ttl\":\"900.5s\"}",
        "DELETE /v1/eventTypes/payment.completed?force=true",
    ])
}
