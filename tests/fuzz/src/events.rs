//! Events, from a publisher's message to the body of a webhook.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::Version;
use postrider::api::fuzzing::{
    create_event_type, read_event, read_scaler_query, read_token_request, read_window,
};
use postrider_domain::event_type::{CompiledSchema, ImportDocument};
use postrider_proto::agent::v1 as wire;
use postrider_proto::externalscaler::{GetMetricsRequest, ScaledObjectRef};
use postrider_proto::v1;
use postrider_proto::v1::event::PayloadForm;
use postrider_webhook_request::{
    OutgoingTraceContext, RequestParts, RequestTemplate, SigningTime, build_parts,
};
use prost::Message as _;
use serde_json::value::RawValue;

use crate::refusal::check_refusal;
use crate::target::texts;

/// A UUID of version 7.
const EVENT_ID: &[u8] = b"\x01\xa2\x11\x13\x30\xfb\x70\x01\x80\0\0\0\0\0\0\0";

/// `PublishEvent`. What it accepts is a webhook in every envelope that its payload fits
/// into.
pub fn publish(data: &[u8]) {
    let Ok(request) = v1::PublishEventRequest::decode(data) else { return };
    let payload = match request.event.as_ref().and_then(|event| event.payload_form.clone()) {
        Some(PayloadForm::Payload(bytes)) => bytes,
        Some(PayloadForm::PayloadJson(text)) => Bytes::from(text),
        None => Bytes::new(),
    };
    let (tenant, content) = match read_event(request) {
        Ok(read) => read,
        Err(refused) => return check_refusal(&refused),
    };
    assert_eq!(content.payload, payload, "a payload is signed and sent as it was published");
    let is_json = content.is_json();
    let assignment = wire::Assignment {
        tenant: tenant.to_string(),
        webhook_id: "evt_1".into(),
        event_id: Bytes::from_static(EVENT_ID),
        event_type: content.event_type,
        payload: content.payload,
        content_type: content.content_type,
        traceparent: content.traceparent,
        tracestate: content.tracestate,
        account: content.account.unwrap_or_default(),
        sequence: 7,
        ..Default::default()
    };
    for envelope in ENVELOPES {
        let fits = is_json || !is_json_envelope(envelope);
        for compact in [false, true] {
            let made = wrap(&assignment, envelope, compact);
            assert_eq!(made.is_ok(), fits, "{envelope:?}: {:?}", made.err());
            if let Ok(parts) = made {
                check_body(&parts, envelope, &payload, is_json);
            }
        }
    }
}

/// Assignments as an agent gets them, of whatever control plane. Whatever it says, an
/// agent makes a request of it or says why not.
pub fn envelopes(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let Ok(assignment) = wire::Assignment::decode(rest) else { return };
    let envelope = ENVELOPES[usize::from(choice >> 1) % ENVELOPES.len()];
    let Ok(parts) = wrap(&assignment, envelope, choice & 1 == 1) else { return };
    let is_json = serde_json::from_slice::<&RawValue>(&assignment.payload).is_ok();
    if is_json && is_json_envelope(envelope) {
        check_body(&parts, envelope, &assignment.payload, true);
    }
}

const ENVELOPES: [wire::Envelope; 5] = [
    wire::Envelope::None,
    wire::Envelope::StandardWebhooks,
    wire::Envelope::IdTypePayloadDate,
    wire::Envelope::CloudeventsStructured,
    wire::Envelope::CloudeventsBinary,
];

const fn is_json_envelope(envelope: wire::Envelope) -> bool {
    !matches!(
        envelope,
        wire::Envelope::Unspecified | wire::Envelope::None | wire::Envelope::CloudeventsBinary
    )
}

fn wrap(
    assignment: &wire::Assignment,
    envelope: wire::Envelope,
    compact_json: bool,
) -> Result<RequestParts, String> {
    let settings = wire::SubscriptionUpdate {
        url: "https://pay.example/hooks".into(),
        unsigned: true,
        envelope: envelope.into(),
        compact_json,
        ..Default::default()
    };
    let template = RequestTemplate::from_wire(&settings, Instant::now()).expect("the example");
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_793_491_200);
    let moment = SigningTime { wall, monotonic: Instant::now() };
    let trace = OutgoingTraceContext::default();
    build_parts(assignment, &template, &trace, Version::HTTP_11, moment)
        .map_err(|error| error.to_string())
}

/// A JSON body is JSON, and has the payload in it, of the same value.
fn check_body(parts: &RequestParts, envelope: wire::Envelope, payload: &[u8], is_json: bool) {
    if !is_json {
        return;
    }
    let body: &RawValue = serde_json::from_slice(&parts.body)
        .unwrap_or_else(|error| panic!("{envelope:?}: the body is no JSON: {error}"));
    let inside = match envelope {
        wire::Envelope::IdTypePayloadDate => member(body, "payload"),
        wire::Envelope::StandardWebhooks | wire::Envelope::CloudeventsStructured => {
            member(body, "data")
        }
        wire::Envelope::Unspecified | wire::Envelope::None | wire::Envelope::CloudeventsBinary => {
            body.get().to_owned()
        }
    };
    let published: &RawValue = serde_json::from_slice(payload).expect("a payload that is JSON");
    assert_eq!(without_spaces(&inside), without_spaces(published.get()), "{envelope:?}");
}

fn member(body: &RawValue, name: &str) -> String {
    let members: std::collections::BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(body.get()).expect("an object");
    members.get(name).expect("the payload").get().to_owned()
}

/// Enough to compare what differs in its spaces at most.
fn without_spaces(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_ascii_whitespace()).collect()
}

/// `CreateEventType`. A schema that is accepted judges any payload.
pub fn event_types(data: &[u8]) {
    let Ok(request) = v1::CreateEventTypeRequest::decode(data) else { return };
    let input = match create_event_type(&request) {
        Ok(input) => input,
        Err(refused) => return check_refusal(&refused),
    };
    if let Some(schema) = &input.schema {
        let schema = CompiledSchema::compile(schema).expect("a schema that was accepted");
        for payload in [input.sample.as_deref().unwrap_or("{}"), "[1, \"a\"]", "\u{1}"] {
            schema.violations(payload.as_bytes());
        }
    }
}

/// The document of `ImportEventTypes`. What it accepts is accepted one by one.
pub fn catalogues(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(inputs) = ImportDocument::parse(&text) {
        for input in inputs {
            assert!(input.check().is_empty(), "{}", input.name);
        }
    }
}

/// `CreateToken`.
pub fn token_requests(data: &[u8]) {
    let Ok(request) = v1::CreateTokenRequest::decode(data) else { return };
    if let Err(refused) = read_token_request(&request) {
        check_refusal(&refused);
    }
}

/// `ReconcileEvents`.
pub fn account_windows(data: &[u8]) {
    let Ok(request) = v1::ReconcileEventsRequest::decode(data) else { return };
    if let Err(refused) = read_window(&request) {
        check_refusal(&refused);
    }
}

/// `GetMetrics` of the external scaler.
pub fn scaler_queries(data: &[u8]) {
    let Ok(request) = GetMetricsRequest::decode(data) else { return };
    if let Err(refused) = read_scaler_query(&request) {
        check_refusal(&refused);
    }
}

pub fn publishes() -> Vec<Vec<u8>> {
    let of = |payload: PayloadForm, content_type: &str| {
        let event = v1::Event {
            event_type: "payment.completed".into(),
            account: "acc-1".into(),
            ordering_key: "order-7".into(),
            attributes: [("currency".to_owned(), "EUR".to_owned())].into(),
            content_type: content_type.into(),
            payload_form: Some(payload),
            traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into(),
            tracestate: "vendor=1".into(),
            ..Default::default()
        };
        let request = v1::PublishEventRequest {
            parent: "tenants/acme".into(),
            event: Some(event),
            idempotency_key: "key-1".into(),
        };
        request.encode_to_vec()
    };
    let json = |text: &str| PayloadForm::PayloadJson(text.to_owned());
    vec![
        of(json("{\"a\" : [1.0, 1e7, \"\\u0041 \"], \"a\": null}"), ""),
        of(json(" [12345678901234567890, -0.0]\n"), "application/cloudevents+json; charset=utf-8"),
        of(PayloadForm::Payload(Bytes::from_static(b"\xff\0<a/>")), "application/xml"),
    ]
}

pub fn assignments() -> Vec<Vec<u8>> {
    let assignment = wire::Assignment {
        tenant: "acme".into(),
        webhook_id: "evt_1".into(),
        event_id: Bytes::from_static(EVENT_ID),
        event_type: "payment.completed".into(),
        payload: Bytes::from_static(b"{\"a\" : [1.0, \"b \\\" \\\\\"]}"),
        account: "acc-1".into(),
        sequence: 7,
        test: true,
        ..Default::default()
    };
    (0..10_u8).map(|choice| [&[choice][..], &assignment.encode_to_vec()].concat()).collect()
}

pub fn event_type_requests() -> Vec<Vec<u8>> {
    let of = |schema: &str, sample: &str| {
        let event_type = v1::EventType {
            description: "A payment".into(),
            group: "payments".into(),
            json_schema: schema.into(),
            sample_payload_json: sample.into(),
            ..Default::default()
        };
        let request = v1::CreateEventTypeRequest {
            event_type_id: "payment.completed".into(),
            event_type: Some(event_type),
        };
        request.encode_to_vec()
    };
    vec![
        of(
            "{\"type\":\"object\",\"required\":[\"amount\"],\"properties\":{\"amount\":\
             {\"$ref\":\"#/$defs/amount\"}},\"$defs\":{\"amount\":{\"type\":\"string\",\
             \"pattern\":\"^[0-9]+([.][0-9]{2})?$\"}}}",
            "{\"amount\":\"1.00\"}",
        ),
        of("{\"oneOf\":[{\"const\":1},{\"not\":{\"minItems\":2}}],\"format\":\"date\"}", "1"),
        of("", "{}"),
    ]
}

pub fn catalogue_documents() -> Vec<Vec<u8>> {
    texts(&[
        "{\"event_types\": [{\"name\": \"payment.completed\", \"description\": \"A payment\", \
         \"group\": \"payments\", \"validation\": \"ENFORCE\", \"schema\": {\"type\": \"object\"}, \
         \"sample\": {\"a\": 1.0}}, {\"name\": \"refund.created\"}]}",
        "{\"event_types\": []}",
    ])
}

pub fn token_creations() -> Vec<Vec<u8>> {
    let grant = |role: v1::Role, tenants: &[&str], installation| v1::Grant {
        role: role.into(),
        tenants: tenants.iter().map(|name| (*name).to_owned()).collect(),
        installation,
    };
    let token = v1::Token {
        display_name: "billing".into(),
        grants: vec![
            grant(v1::Role::Publisher, &["tenants/acme", "tenants/globex"], false),
            grant(v1::Role::Reader, &[], true),
        ],
        ..Default::default()
    };
    let ttl = Some(prost_types::Duration { seconds: 3600, nanos: 0 });
    vec![v1::CreateTokenRequest { token: Some(token), ttl }.encode_to_vec()]
}

pub fn metric_requests() -> Vec<Vec<u8>> {
    let given = [("region", "eu"), ("target", "320"), ("scalerAddress", "postrider:7443")];
    let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let reference = ScaledObjectRef {
        name: "agents".into(),
        namespace: "postrider".into(),
        scaler_metadata: given.into(),
    };
    let metric_name = "postrider-demand".into();
    vec![GetMetricsRequest { scaled_object_ref: Some(reference), metric_name }.encode_to_vec()]
}

pub fn windows() -> Vec<Vec<u8>> {
    let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 999_999_999 });
    let request = v1::ReconcileEventsRequest {
        parent: "tenants/acme".into(),
        start_time: at(1_793_480_000),
        end_time: at(1_793_490_000),
        subscription: "tenants/acme/subscriptions/erp".into(),
    };
    vec![request.encode_to_vec()]
}
