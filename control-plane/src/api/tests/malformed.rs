//! What whoever sends bytes that cannot be read is told, at every door.

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tonic::{Code, Status};

use super::*;

const PUBLISH: &str = "/postrider.v1.EventService/PublishEvent";
/// Field 15 of wire type 7, which protobuf does not have.
const GARBAGE: &[u8] = b"\x7f\xff\xff";

/// A message in its frame.
fn frame(flag: u8, length: usize, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(length).unwrap().to_be_bytes();
    [&[flag][..], &length, message].concat()
}

fn whole(message: &[u8]) -> Vec<u8> {
    frame(0, message.len(), message)
}

/// How a call ends whose body is these bytes, and the answer's headers.
async fn end_of(
    door: std::net::SocketAddr,
    path: &str,
    headers: &[(&'static str, &'static str)],
    body: Vec<u8>,
) -> (Status, HeaderMap) {
    let stream = TokioIo::new(TcpStream::connect(door).await.unwrap());
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::post(format!("http://{door}{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body))).unwrap();
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    let trailers = body.collect().await.unwrap().trailers().cloned().unwrap_or_default();
    let status = Status::from_header_map(&trailers);
    let status = status.or_else(|| Status::from_header_map(&head.headers));
    (status.unwrap(), head.headers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_the_callers_fault() {
    let api = TestApi::start().await;
    let door = api.plane.addresses.callers;
    let health = "/grpc.health.v1.Health/Check";
    let stream = "/postrider.v1.EventService/PublishStream";
    for (what, path, body) in [
        ("no protobuf", PUBLISH, whole(GARBAGE)),
        ("no message", PUBLISH, Vec::new()),
        ("cut off in its frame", PUBLISH, frame(0, 3, b"")[..3].to_vec()),
        ("cut off", PUBLISH, frame(0, 100, b"\x0a\x01a")),
        ("a flag that there is not", PUBLISH, frame(9, 0, b"")),
        ("compressed, and not said how", PUBLISH, frame(1, 3, GARBAGE)),
        ("no protobuf on a stream", stream, whole(GARBAGE)),
        ("cut off on a stream", stream, frame(0, 100, b"\x0a\x01a")),
        (
            "no protobuf for a stream of answers",
            "/postrider.v1.EventService/ReconcileEvents",
            whole(GARBAGE),
        ),
        ("no protobuf for health", health, whole(GARBAGE)),
    ] {
        let (status, _) = end_of(door, path, &[], body).await;
        assert_eq!(status.code(), Code::InvalidArgument, "{what}: {status:?}");
        assert_eq!(reason(&status), "MALFORMED_REQUEST", "{what}: {status:?}");
    }
    let work = "/postrider.agent.v1.AgentService/Work";
    let (status, _) = end_of(api.plane.addresses.agents, work, &[], whole(GARBAGE)).await;
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_or_compressed_is_told_before_it_is_read() {
    let limits = [("server.max_request_bytes", "100000"), ("publish.max_payload_bytes", "30000")];
    let api = TestApi::with(&limits).await;
    let door = api.plane.addresses.callers;
    for (path, length) in [(PUBLISH, 100_001), (PUBLISH, u32::MAX as usize)] {
        let (status, _) = end_of(door, path, &[], frame(0, length, b"")).await;
        assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
        assert_eq!(reason(&status), "MESSAGE_TOO_LARGE");
    }
    let gzip = [("grpc-encoding", "gzip")];
    let (status, headers) = end_of(door, PUBLISH, &gzip, frame(1, 3, GARBAGE)).await;
    // As gRPC has it: the client may send it again without.
    assert_eq!(status.code(), Code::Unimplemented, "{status:?}");
    assert_eq!(headers.get("grpc-accept-encoding").unwrap(), "identity");
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_with_too_many_entries_is_told_before_it_is_decoded() {
    let api = TestApi::start().await;
    let publish = "/postrider.v1.EventService/PublishEvents";
    // Requests of nothing, and of a few bytes: 0x12 is their field.
    for request in [&[0x12, 0][..], &[0x12, 3, 0x1a, 1, b'k']] {
        let batch = whole(&request.repeat(3000));
        let (status, _) = end_of(api.plane.addresses.callers, publish, &[], batch).await;
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert_eq!(reason(&status), "INVALID_REQUEST");
        assert_eq!(status.message(), "requests: must hold at most 1024 entries in a message");
    }
    let (work, results) = ("/postrider.agent.v1.AgentService/Work", [0x0a, 0].repeat(3000));
    // The field of results is 3, and 6,000 takes two bytes.
    let message = [&[0x1a, 0xf0, 0x2e][..], &results].concat();
    let (status, _) = end_of(api.plane.addresses.agents, work, &[], whole(&message)).await;
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert!(status.message().starts_with("results.results: "), "{status:?}");
    api.plane.stop().await;
}
