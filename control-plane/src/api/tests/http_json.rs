//! The services over HTTP and JSON, on real connections, beside gRPC.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use postrider_identity::{Grant, GrantScope, Role};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

const JSON: (&str, &str) = ("content-type", "application/json");
const LINES: (&str, &str) = ("content-type", "application/x-ndjson");
const NO_HEADERS: &[(&str, &str)] = &[];
const AS_JSON: &[(&str, &str)] = &[JSON];
const AS_LINES: &[(&str, &str)] = &[LINES];
const AS_TEXT: &[(&str, &str)] = &[("content-type", "text/plain")];
const WITH_TIMEOUT: &[(&str, &str)] = &[JSON, ("grpc-timeout", "1S")];
const PUBLISH: &str = "/v1/tenants/acme/events:publish";

/// What came back over HTTP/1.1.
struct JsonAnswer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl JsonAnswer {
    fn value(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The reason of an error.
    fn reason(&self) -> String {
        let details = self.value()["error"]["details"].as_array().unwrap().clone();
        let reason = details.iter().find_map(|detail| detail["reason"].as_str());
        reason.unwrap_or_default().to_owned()
    }
}

async fn begin(
    door: SocketAddr,
    call: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> http::Response<Incoming> {
    let (method, path) = call.split_once(' ').unwrap();
    let stream = TokioIo::new(TcpStream::connect(door).await.unwrap());
    let (mut sender, connection) = http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path).header("host", door.to_string());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
    sender.send_request(request).await.unwrap()
}

async fn called(door: SocketAddr, call: &str, headers: &[(&str, &str)], body: &str) -> JsonAnswer {
    let (head, body) = begin(door, call, headers, body).await.into_parts();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    JsonAnswer { status: head.status.as_u16(), headers: head.headers, text }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payload_is_the_bytes_of_its_value() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    let door = api.plane.addresses.callers;
    for value in [
        r#"{"a":1,"a":2}"#,
        "1e400",
        r#""\u00e9\/\ud800""#,
        "{ \"n\" : 1.00 ,\r\n\t\"m\":[ ] }",
        "null",
        "12345678901234567890123",
    ] {
        let body =
            format!(r#"{{"event": {{"eventType": "payment.completed", "data": {value} }}}}"#);
        let published = called(door, &format!("POST {PUBLISH}"), &[JSON], &body).await;
        assert_eq!(published.status, 200, "{value}: {}", published.text);
        let name = published.value()["event"].as_str().unwrap().to_owned();
        let get = v1::GetEventRequest { name: name.clone(), ..Default::default() };
        let stored = api.events.get_event(get).await.unwrap().into_inner();
        assert_eq!(stored.payload_form, Some(PayloadForm::PayloadJson(value.to_owned())));
        let read = called(door, &format!("GET /v1/{name}"), &[], "").await;
        assert_eq!(read.status, 200);
        assert!(read.text.contains(&format!("\"data\":{value},")), "{}", read.text);
        assert!(!read.text.contains("payloadJson"), "{}", read.text);
        // The same bytes over gRPC are the same event.
        let sha256 = stored.payload_sha256;
        let mut request = event(1);
        request.event.as_mut().unwrap().payload_form =
            Some(PayloadForm::PayloadJson(value.to_owned()));
        let name = api.publish(request).await.unwrap().event;
        let get = v1::GetEventRequest { name, ..Default::default() };
        assert_eq!(api.events.get_event(get).await.unwrap().into_inner().payload_sha256, sha256);
    }
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resources_are_made_read_changed_and_deleted() {
    let api = TestApi::start().await;
    let door = api.plane.addresses.callers;
    let id = ("x-request-id", "call-7");
    let create = "POST /v1/tenants?tenantId=acme";
    let made = called(door, create, &[JSON, id], r#"{"displayName":"Acme"}"#).await;
    assert_eq!((made.status, made.header("x-request-id")), (200, "call-7"), "{}", made.text);
    assert_eq!(made.value()["displayName"], "Acme");
    assert_eq!(made.header("content-type"), "application/json");
    assert_eq!(made.header("content-length"), made.text.len().to_string());
    let subscription = r#"{"url":"https://erp.example/hook","eventTypes":["payment.*"]}"#;
    let create = "POST /v1/tenants/acme/subscriptions?subscription_id=erp";
    let made = called(door, create, &[JSON], subscription).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let update = "PATCH /v1/tenants/acme/subscriptions/erp?updateMask=displayName";
    let changed = called(door, update, &[JSON], r#"{"displayName":"ERP"}"#).await;
    assert_eq!(changed.value()["displayName"], "ERP", "{}", changed.text);
    let pause = "POST /v1/tenants/acme/subscriptions/erp:pause";
    let paused = called(door, pause, &[], "").await;
    assert_eq!(paused.value()["status"], "SUBSCRIPTION_STATUS_PAUSED", "{}", paused.text);
    let listed = called(door, "GET /v1/tenants/acme/subscriptions?pageSize=1", &[], "").await;
    assert_eq!(listed.value()["subscriptions"][0]["name"], "tenants/acme/subscriptions/erp");
    let read = called(door, "GET /v1/tenants/acme/subscriptions/erp", &[], "").await;
    let head = called(door, "HEAD /v1/tenants/acme/subscriptions/erp", &[], "").await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), read.header("content-length"));
    let head = called(door, "HEAD /v1/tenants/acme/subscriptions/none", &[], "").await;
    assert_eq!((head.status, head.text.as_str()), (404, ""));
    let deleted = called(door, "DELETE /v1/tenants/acme/subscriptions/erp", &[], "").await;
    assert_eq!((deleted.status, deleted.text.as_str()), (200, "{}"));
    // A record says who called what, as of a call over gRPC.
    let audited = called(door, "GET /v1/tenants/acme/auditRecords", &[], "").await;
    let records = audited.value()["auditRecords"].as_array().unwrap().clone();
    let of_call = records.iter().find(|record| record["requestId"] == "call-7");
    assert_eq!(of_call.unwrap()["method"], "postrider.v1.TenantService/CreateTenant");
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_is_grpcs_with_its_details() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    let door = api.plane.addresses.callers;
    let publish = format!("POST {PUBLISH}");
    for (call, headers, body, status, reason) in [
        ("GET /v1/tenants/nobody", NO_HEADERS, "", 404, "RESOURCE_NOT_FOUND"),
        ("GET /v1/nothing", NO_HEADERS, "", 404, "METHOD_NOT_FOUND"),
        ("GET /", NO_HEADERS, "", 404, "METHOD_NOT_FOUND"),
        ("PUT /v1/tenants/acme", NO_HEADERS, "", 405, "METHOD_NOT_FOUND"),
        ("OPTIONS /v1/tenants/acme", NO_HEADERS, "", 405, "METHOD_NOT_FOUND"),
        (publish.as_str(), AS_JSON, "{}", 400, "INVALID_REQUEST"),
        (publish.as_str(), AS_JSON, "{", 400, "MALFORMED_REQUEST"),
        (publish.as_str(), AS_JSON, r#"{"events":{}}"#, 400, "MALFORMED_REQUEST"),
        (publish.as_str(), AS_JSON, r#"{"parent":"tenants/other"}"#, 400, "INVALID_REQUEST"),
        (publish.as_str(), AS_TEXT, "{}", 415, "MALFORMED_REQUEST"),
        (publish.as_str(), AS_LINES, "{}", 415, "MALFORMED_REQUEST"),
        (publish.as_str(), WITH_TIMEOUT, "{}", 400, "MALFORMED_REQUEST"),
        ("GET /v1/tenants?access_token=prt_1", NO_HEADERS, "", 400, "INVALID_REQUEST"),
        ("GET /v1/tenants/acme", AS_JSON, "{}", 400, "MALFORMED_REQUEST"),
        ("POST /v1/tenants?tenantId=acme", AS_JSON, "{}", 409, "RESOURCE_EXISTS"),
    ] {
        let refused = called(door, call, headers, body).await;
        assert_eq!(
            (refused.status, refused.reason()),
            (status, reason.to_owned()),
            "{call} {body}"
        );
        assert_eq!(refused.value()["error"]["code"], status, "{call}");
        assert_eq!(refused.header("content-type"), "application/json");
        assert!(!refused.header("x-request-id").is_empty());
    }
    let other = called(door, "PUT /v1/tenants/acme", &[], "").await;
    assert_eq!(other.header("allow"), "DELETE, GET, HEAD, PATCH");
    let other = called(door, &publish, AS_TEXT, "{}").await;
    assert_eq!(other.header("accept"), "application/json");
    let two = r#"{"event":{"eventType":"a.b","data":1,"payload":"MQ=="}}"#;
    let refused = called(door, &publish, &[JSON], two).await;
    assert_eq!(refused.reason(), "MALFORMED_REQUEST", "{}", refused.text);
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_in_a_header_is_the_event_s() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    let door = api.plane.addresses.callers;
    let (publish, key) = (format!("POST {PUBLISH}"), ("idempotency-key", "order-1"));
    let event = r#"{"event":{"eventType":"payment.completed","data":1}}"#;
    let first = called(door, &publish, &[JSON, key], event).await;
    let again = called(door, &publish, &[JSON, ("idempotency-key", "\"order-1\"")], event).await;
    assert_eq!((first.status, again.value()["duplicate"].clone()), (200, true.into()));
    assert_eq!(again.value()["event"], first.value()["event"], "{}", again.text);
    let same = event.replacen('{', r#"{"idempotencyKey":"order-1","#, 1);
    assert_eq!(called(door, &publish, &[JSON, key], &same).await.value()["duplicate"], true);
    let resend = format!("POST /v1/{}:resend", first.value()["event"].as_str().unwrap());
    let other = same.replace("order-1", "order-2");
    for (call, body) in [(publish.as_str(), other.as_str()), (resend.as_str(), "")] {
        let refused = called(door, call, &[JSON, key], body).await;
        assert_eq!((refused.status, refused.reason()), (400, "INVALID_REQUEST".to_owned()));
        assert!(refused.text.contains("idempotency_key"), "{}", refused.text);
    }
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_are_lines_or_events() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    let door = api.plane.addresses.callers;
    let line = |key: &str| {
        let event = r#"{"eventType":"payment.completed","data":{"n":1.0}}"#;
        format!(r#"{{"idempotencyKey":"{key}","event":{event}}}"#)
    };
    let batch = format!("{}\n\n{}\n", line("a"), line("b"));
    let path = "POST /v1/tenants/acme/events:publishBatch";
    let published = called(door, path, &[LINES], &batch).await;
    assert_eq!(published.value()["results"].as_array().unwrap().len(), 2, "{}", published.text);
    let stream = format!(
        "{{\"requestId\":\"1\",\"publish\":{}}}\n{{\"requestId\":2,\"publish\":{}}}",
        line("b"),
        line("c")
    );
    let path = "POST /v1/tenants/acme/events:publishStream";
    let answered = called(door, path, &[LINES], &stream).await;
    assert_eq!(answered.header("content-type"), "application/x-ndjson");
    let mut answers: Vec<Value> =
        answered.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    answers.sort_by_key(|answer| answer["requestId"].to_string());
    assert_eq!(answers[0]["response"]["duplicate"], true, "{}", answered.text);
    assert_eq!(answers[1]["requestId"], "2", "{}", answered.text);
    let cut = called(door, path, &[LINES], &format!("{{}}\n{}", "{\"requestId\":")).await;
    assert!(cut.text.contains("\"error\""), "{}", cut.text);
    let reconcile = "GET /v1/tenants/acme/events:reconcile?startTime=2020-01-01T00:00:00Z";
    let account = called(door, reconcile, &[], "").await;
    let last: Value = serde_json::from_str(account.text.lines().last().unwrap()).unwrap();
    assert_eq!(last["summary"]["eventCount"], "3", "{}", account.text);
    let watch = "GET /v1/tenants/acme/attempts:watch?sendProgress=true";
    let events = begin(door, watch, &[("accept", "text/event-stream")], "").await;
    assert_eq!(events.headers().get("content-type").unwrap(), "text/event-stream");
    let first = events.into_body().frame().await.unwrap().unwrap().into_data().unwrap();
    let first = String::from_utf8(first.to_vec()).unwrap();
    let token = first.strip_prefix("id: ").and_then(|rest| rest.split_once('\n')).unwrap().0;
    let data = format!("data: {{\"resumeToken\":\"{token}\"}}\n\n");
    assert!(first.ends_with(&data), "{first}");
    let resumed = begin(door, watch, &[("last-event-id", token)], "").await;
    assert_eq!(resumed.status(), 200);
    let wrong = called(door, watch, &[("last-event-id", "no token")], "").await;
    assert_eq!(wrong.status, 400, "{}", wrong.text);
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_calls_is_judged_as_over_grpc() {
    let api = TestApi::with(&[("server.insecure_no_auth", "false")]).await;
    let door = api.plane.addresses.callers;
    let refused = called(door, "GET /v1/tenants", &[("cookie", "token=prt_1")], "").await;
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, "Bearer"));
    assert_eq!(refused.reason(), "UNAUTHENTICATED");
    // Who may not call learns nothing of what is wrong with a request.
    let refused = called(door, "POST /v1/tenants?nonsense=1", &[JSON], "{").await;
    assert_eq!(refused.status, 401);
    let refused = called(door, "GET /openapi.json", &[], "").await;
    assert_eq!(refused.status, 401);
    let scope = GrantScope::Installation;
    let token = api.token(vec![Grant { role: Role::Reader, scope }]).await;
    let bearer = format!("Bearer {token}");
    let bearer = ("authorization", bearer.as_str());
    let listed = called(door, "GET /v1/tenants", &[bearer], "").await;
    assert_eq!((listed.status, listed.text.as_str()), (200, "{}"));
    let refused = called(door, "POST /v1/tenants?tenantId=acme", &[bearer, JSON], "{}").await;
    assert_eq!((refused.status, refused.reason()), (403, "PERMISSION_DENIED".to_owned()));
    let described = called(door, "GET /openapi.json", &[bearer], "").await;
    assert_eq!(described.value()["openapi"], "3.1.0");
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_call_only_from_allowed_origins() {
    let ops = ("origin", "https://ops.example");
    let api = TestApi::with(&[("server.http_allowed_origins", ops.1)]).await;
    let door = api.plane.addresses.callers;
    let asks = ("access-control-request-method", "POST");
    let asked = called(door, &format!("OPTIONS {PUBLISH}"), &[ops, asks], "").await;
    assert_eq!((asked.status, asked.header("access-control-allow-origin")), (204, ops.1));
    assert_eq!(asked.header("access-control-allow-credentials"), "");
    assert!(asked.header("access-control-allow-headers").contains("authorization"));
    let listed = called(door, "GET /v1/tenants", &[ops], "").await;
    assert_eq!((listed.status, listed.header("access-control-allow-origin")), (200, ops.1));
    assert_eq!(listed.header("vary"), "origin");
    for other in ["https://evil.example", "null"] {
        let refused = called(door, "GET /v1/tenants", &[("origin", other)], "").await;
        assert_eq!((refused.status, refused.reason()), (403, "ORIGIN_NOT_ALLOWED".to_owned()));
        assert_eq!(refused.header("access-control-allow-origin"), "");
    }
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_keeps_to_the_limits() {
    let limits = [
        ("server.max_request_bytes", "100000"),
        ("publish.max_payload_bytes", "30000"),
        ("requests.receive_timeout_seconds", "1"),
    ];
    let mut api = TestApi::with(&limits).await;
    api.tenant("acme").await;
    let door = api.plane.addresses.callers;
    let publish = format!("POST {PUBLISH}");
    let large = format!("{{\"idempotencyKey\":\"{}\"}}", "x".repeat(100_000));
    let refused = called(door, &publish, &[JSON], &large).await;
    assert_eq!((refused.status, refused.reason()), (413, "MESSAGE_TOO_LARGE".to_owned()));
    // More is announced than comes.
    let mut slow = TcpStream::connect(door).await.unwrap();
    let head =
        format!("POST {PUBLISH} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n");
    let begun = format!("{head}content-length: 50\r\n\r\n{{");
    slow.write_all(begun.as_bytes()).await.unwrap();
    let mut told = String::new();
    slow.read_to_string(&mut told).await.unwrap();
    assert!(told.starts_with("HTTP/1.1 504 ") && told.contains("RECEIVED_TOO_SLOWLY"), "{told}");
    // Nothing but entries, before they are read, and as lines.
    let batch = "POST /v1/tenants/acme/events:publishBatch";
    let entries = format!("{{\"requests\":[{}]}}", vec!["{}"; 2000].join(","));
    for (media_type, body) in [(JSON, entries), (LINES, "{}\n".repeat(2000))] {
        let refused = called(door, batch, &[media_type], &body).await;
        assert_eq!((refused.status, refused.reason()), (400, "INVALID_REQUEST".to_owned()));
        assert!(refused.text.contains("at most 1024 entries"), "{}", refused.text);
    }
    let stream = "POST /v1/tenants/acme/events:publishStream";
    let line = format!("{{\"requestId\":\"1\",\"publish\":{large}}}\n");
    let ended = called(door, stream, &[LINES], &line).await;
    assert!(ended.text.contains("MESSAGE_TOO_LARGE"), "{}", ended.text);
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_begins_no_request_is_closed() {
    let api = TestApi::with(&[("connections.preface_timeout_milliseconds", "1000")]).await;
    let door = api.plane.addresses.callers;
    let mut silent = TcpStream::connect(door).await.unwrap();
    silent.write_all(b"GET /v1/tenant").await.unwrap();
    let mut told = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(10), silent.read_to_end(&mut told)).await;
    // Closed or reset, with nothing said.
    assert!(closed.is_ok() && told.is_empty(), "{closed:?} {told:?}");
    // One that is kept has more requests than one.
    let stream = TokioIo::new(TcpStream::connect(door).await.unwrap());
    let (mut sender, connection) = http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    for _ in 0..3 {
        let request = Request::get("/v1/tenants").header("host", "localhost");
        let request = request.body(Full::new(Bytes::new())).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "{}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    api.plane.stop().await;
}
