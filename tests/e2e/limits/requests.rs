//! Requests that are too large, or never end.

use std::fs;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use postrider_proto::v1::{
    CreateTokenRequest, EventView, Grant, ListEventsRequest, PublishEventRequest,
    PublishEventsRequest, Role, Tenant, Token, UpdateTenantRequest,
};
use postrider_tests::api::{Api, channel, reason};
use postrider_tests::cluster::Cluster;
use postrider_tests::publish::event;
use postrider_tests::token::TEST_TOKEN;
use prost::Message as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::Code;

use super::{of_callers, times_reached, with_settings};
use crate::stage::{DEFAULT_PAYLOAD, SOON_LIMIT};

const SETTINGS: &str = "[requests]
receive_timeout_seconds = 5
max_receiving_bytes_per_connection = 33554432
max_receiving_bytes = 50331648
";
/// A caller has half of the bytes, which is less than three of its connections may have.
pub(super) const SHARE_SETTINGS: &str = "[server]
max_batch_request_bytes = 16777216
[requests]
receive_timeout_seconds = 10
max_receiving_bytes_per_connection = 16777216
max_receiving_bytes = 67108864
";
const UNFINISHED_REQUESTS: usize = 60;
const PIECE_BYTES: usize = 64 * 1024;
/// In a MiB.
const PIECES_PER_MIB: usize = 16;

pub(super) type RawBody = BoxBody<Bytes, std::convert::Infallible>;

/// A batch of which the last MiB is missing.
fn unfinished(sent_mib: u32) -> Request<RawBody> {
    unfinished_of(TEST_TOKEN, sent_mib)
}

/// The same by whoever has a token.
fn unfinished_of(token: &str, sent_mib: u32) -> Request<RawBody> {
    let length = (sent_mib + 1) << 20;
    let mut head = vec![0];
    head.extend(length.to_be_bytes());
    // A field that nobody knows has all of it, but for its key and the four bytes of its length.
    let of_field = length - 5;
    let more = [of_field, of_field >> 7, of_field >> 14].map(|bits| ((bits & 0x7f) | 0x80) as u8);
    head.push(0x7a);
    head.extend(more);
    head.push((of_field >> 21) as u8);
    let piece = Bytes::from(vec![7; PIECE_BYTES]);
    let pieces = stream::iter([Bytes::from(head)])
        .chain(stream::repeat(piece).take(sent_mib as usize * PIECES_PER_MIB));
    let frames = pieces.map(|piece| Ok(Frame::data(piece))).chain(stream::pending());
    let path = "/postrider.v1.EventService/PublishEvents";
    call_of(token, path, BodyExt::boxed(StreamBody::new(frames)))
}

pub(super) async fn connect(cluster: &Cluster) -> SendRequest<RawBody> {
    let stream = TcpStream::connect(("127.0.0.1", cluster.replicas[0].port())).await.unwrap();
    let (sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// The status of an answer that has no message.
pub(super) fn status(answer: &Response<Incoming>) -> &str {
    answer.headers().get("grpc-status").and_then(|status| status.to_str().ok()).unwrap_or("none")
}

/// What a process has in memory, in MiB.
pub(super) fn resident_mib(process: u32) -> u64 {
    memory_mib(process, "VmRSS:")
}

/// What a process had in memory at most, in MiB.
pub(super) fn most_resident_mib(process: u32) -> u64 {
    memory_mib(process, "VmHWM:")
}

fn memory_mib(process: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// A call by the tests' caller.
pub(super) fn call(path: &str, body: RawBody) -> Request<RawBody> {
    call_of(TEST_TOKEN, path, body)
}

/// A call by whoever has a token.
pub(super) fn call_of(token: &str, path: &str, body: RawBody) -> Request<RawBody> {
    Request::post(format!("http://postrider{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", format!("Bearer {token}"))
        .body(body)
        .unwrap()
}

/// A message in its frame.
pub(super) fn framed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    Bytes::from([&[0], &length[..], message].concat())
}

/// Sends all of them at once, while somebody else publishes; answers what the replica had in
/// memory at most.
async fn wave(cluster: &Cluster, process: u32, tenant: &str) -> u64 {
    let sender = connect(cluster).await;
    let calls = (0..UNFINISHED_REQUESTS).map(|_| {
        let mut sender = sender.clone();
        async move { timeout(SOON_LIMIT, sender.send_request(unfinished(30))).await.unwrap() }
    });
    let mut api = cluster.api().unwrap();
    let watching = async {
        let mut most = 0;
        for _ in 0..20 {
            api.publish(tenant, event("payment.completed", DEFAULT_PAYLOAD), "").await.unwrap();
            most = most.max(resident_mib(process));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        most
    };
    let (answers, most) = tokio::join!(join_all(calls), watching);
    let of = |code: &str| answers.iter().flatten().filter(|answer| status(answer) == code).count();
    // Beyond the bytes of a connection at once, the others when their time is over.
    assert!(of("8") >= UNFINISHED_REQUESTS - 32, "{} were refused", of("8"));
    assert_eq!(of("8") + of("4"), UNFINISHED_REQUESTS, "{} too slow", of("4"));
    most
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unfinished_requests_are_bounded_and_end() {
    let mut cluster = with_settings(SETTINGS, false).await;
    let tenant = cluster.api().unwrap().create_tenant("acme").await.unwrap();
    let process = cluster.replicas[0].program().unwrap().id();
    let before = resident_mib(process);
    let first = wave(&cluster, process, &tenant).await;
    let second = wave(&cluster, process, &tenant).await;
    // Without a bound one wave took 1.9 GB. What is refused is freed at once, and stays with
    // the allocator: a second wave takes the same memory again.
    assert!(first < before + 300, "from {before} to {first} MiB");
    assert!(second < first + 64, "from {first} to {second} MiB");
    let setting = "requests.max_receiving_bytes_per_connection";
    assert!(times_reached(&cluster, setting).await > 0.0);
    assert_eq!(of_callers(&cluster, "postrider_receiving_bytes").await, 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_has_a_part_on_whatever_connections() {
    let cluster = with_settings(SHARE_SETTINGS, false).await;
    let mut api = cluster.api().unwrap();
    let tenant = api.create_tenant("acme").await.unwrap();
    let mut other = caller(&cluster, &mut api, &tenant, Role::Publisher).await;
    let mut calls = Vec::new();
    for _ in 0..4 {
        let mut sender = connect(&cluster).await;
        calls.push(tokio::spawn(async move { sender.send_request(unfinished(10)).await }));
    }
    let half = timeout(SOON_LIMIT, async {
        while times_reached(&cluster, "requests.max_receiving_bytes").await < 1.0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    half.await.expect("40 MiB are more than half of 64");
    // Another caller's batch has room: 30 and 8 MiB are less than three quarters.
    publish_batch(&mut other, tenant).await;
    let answers = timeout(SOON_LIMIT, join_all(calls)).await.unwrap();
    let answers = answers.into_iter().filter_map(|answer| answer.unwrap().ok());
    let refused = answers.filter(|answer| status(answer) == "8").count();
    assert!((1..=2).contains(&refused), "{refused} were refused, and others had their time");
}

/// Publishes 8 MiB at once.
pub(super) async fn publish_batch(api: &mut Api, parent: String) {
    let payload = format!("\"{}\"", "x".repeat(200 << 10));
    let request = PublishEventRequest {
        event: Some(event("payment.completed", &payload)),
        ..PublishEventRequest::default()
    };
    let batch = PublishEventsRequest { parent, requests: vec![request; 40] };
    let published = api.events.publish_events(batch).await.unwrap().into_inner();
    assert_eq!(published.results.len(), 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_a_tenant_leave_room_for_others_batches() {
    let cluster = with_settings(SHARE_SETTINGS, false).await;
    let mut api = cluster.api().unwrap();
    let tenant = api.create_tenant("acme").await.unwrap();
    let others = api.create_tenant("zeta").await.unwrap();
    let mut other = caller(&cluster, &mut api, &others, Role::Publisher).await;
    let mut calls = Vec::new();
    for number in 0..4 {
        let mut sender = connect(&cluster).await;
        // Tokens for another tenant besides have no part of their own.
        let tenants = [tenant.clone(), others.clone()];
        let token = token(&mut api, &tenants[..1 + number % 2], Role::Publisher).await;
        let request = unfinished_of(&token, 12);
        calls.push(tokio::spawn(async move { sender.send_request(request).await }));
    }
    let half = timeout(SOON_LIMIT, async {
        while times_reached(&cluster, "requests.max_receiving_bytes").await < 2.0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    half.await.expect("48 MiB are more than half of 64");
    publish_batch(&mut other, others).await;
    let answers = timeout(SOON_LIMIT, join_all(calls)).await.unwrap();
    let answers = answers.into_iter().filter_map(|answer| answer.unwrap().ok());
    let refused = answers.filter(|answer| status(answer) == "8").count();
    assert!((2..=3).contains(&refused), "{refused} were refused, and others had their time");
}

/// A page of events with their payloads.
fn page(tenant: &str) -> Request<RawBody> {
    page_of(TEST_TOKEN, tenant)
}

/// The same for whoever has a token.
fn page_of(token: &str, tenant: &str) -> Request<RawBody> {
    let list = ListEventsRequest {
        parent: tenant.to_owned(),
        view: EventView::Full.into(),
        ..ListEventsRequest::default()
    };
    let message = framed(&list.encode_to_vec());
    call_of(token, "/postrider.v1.EventService/ListEvents", BodyExt::boxed(Full::new(message)))
}

/// A client that opens its window for no answer, and its socket: the connection does not end by
/// itself while a request's body goes on.
pub(super) async fn connect_without_a_window(
    cluster: &Cluster,
) -> (SendRequest<RawBody>, std::net::TcpStream) {
    let stream = TcpStream::connect(("127.0.0.1", cluster.replicas[0].port())).await.unwrap();
    let stream = stream.into_std().unwrap();
    let socket = stream.try_clone().unwrap();
    let stream = TcpStream::from_std(stream).unwrap();
    let mut client = http2::Builder::new(TokioExecutor::new());
    let begun = client.initial_stream_window_size(0_u32).handshake(TokioIo::new(stream));
    let (sender, connection) = begun.await.unwrap();
    tokio::spawn(connection);
    (sender, socket)
}

/// A new token for some tenants.
pub(super) async fn token(api: &mut Api, tenants: &[String], role: Role) -> String {
    let grant = Grant { role: role.into(), tenants: tenants.to_vec(), installation: false };
    let token = Some(Token { grants: vec![grant], ..Token::default() });
    let made = api.tokens.create_token(CreateTokenRequest { token, ttl: None }).await;
    made.unwrap().into_inner().secret
}

/// Another caller.
pub(super) async fn caller(cluster: &Cluster, api: &mut Api, tenant: &str, role: Role) -> Api {
    let token = token(api, &[tenant.to_owned()], role).await;
    Api::with_token(channel(&cluster.replicas[0].url(), None).unwrap(), &token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_nobody_reads_are_bounded_and_dropped() {
    let settings = "[requests]\nsend_timeout_seconds = 3\nmax_unsent_bytes = 8388608\n\
                    max_unsent_bytes_per_caller = 4194304\n";
    let cluster = with_settings(settings, false).await;
    let mut api = cluster.api().unwrap();
    let tenant = api.create_tenant("acme").await.unwrap();
    let payload = format!("\"{}\"", "x".repeat(200 << 10));
    for _ in 0..12 {
        api.publish(&tenant, event("payment.completed", &payload), "").await.unwrap();
    }
    // More connections do not help.
    let mut connections = Vec::new();
    for _ in 0..3 {
        connections.push(connect_without_a_window(&cluster).await.0);
    }
    let calls = connections.iter().cycle().take(5).map(|sender| {
        let mut sender = sender.clone();
        let page = page(&tenant);
        async move { timeout(SOON_LIMIT, sender.send_request(page)).await.unwrap().unwrap() }
    });
    let answers = join_all(calls).await;
    let refused = answers.iter().filter(|answer| status(answer) == "8").count();
    assert_eq!(refused, 4, "a page has 2.4 MiB");
    assert!(times_reached(&cluster, "requests.max_unsent_bytes_per_caller").await >= 4.0);
    // Others read.
    let mut other = caller(&cluster, &mut api, &tenant, Role::Reader).await;
    let list = ListEventsRequest {
        parent: tenant.clone(),
        view: EventView::Full.into(),
        ..ListEventsRequest::default()
    };
    let read = other.events.list_events(list).await.unwrap().into_inner();
    assert_eq!(read.events.len(), 12);
    // But for what the connection has taken.
    let dropped = timeout(SOON_LIMIT, async {
        while of_callers(&cluster, "postrider_unsent_bytes").await > 32768.0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    dropped.await.expect("it has its time");
    assert_eq!(times_reached(&cluster, "requests.send_timeout_seconds").await, 1.0);
    drop(answers);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_a_tenant_leave_room_for_others_pages() {
    let settings = "[requests]\nmax_unsent_bytes = 8388608\n\
                    max_unsent_bytes_per_caller = 4194304\n";
    let cluster = with_settings(settings, false).await;
    let mut api = cluster.api().unwrap();
    let tenant = api.create_tenant("acme").await.unwrap();
    let others = api.create_tenant("zeta").await.unwrap();
    let payload = format!("\"{}\"", "x".repeat(200 << 10));
    for parent in [&tenant, &others].into_iter().cycle().take(24) {
        api.publish(parent, event("payment.completed", &payload), "").await.unwrap();
    }
    let mut unread = Vec::new();
    for _ in 0..4 {
        let token = token(&mut api, std::slice::from_ref(&tenant), Role::Reader).await;
        let (mut sender, _) = connect_without_a_window(&cluster).await;
        let answer = sender.send_request(page_of(&token, &tenant));
        unread.push((timeout(SOON_LIMIT, answer).await.unwrap().unwrap(), sender));
    }
    let refused = unread.iter().filter(|(answer, _)| status(answer) == "8").count();
    assert_eq!(refused, 3, "a page has 2.4 MiB, and half are 4");
    let mut other = caller(&cluster, &mut api, &others, Role::Reader).await;
    let list = ListEventsRequest {
        parent: others,
        view: EventView::Full.into(),
        ..ListEventsRequest::default()
    };
    let read = other.events.list_events(list).await.unwrap().into_inner();
    assert_eq!(read.events.len(), 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_have_the_size_of_their_method() {
    let cluster = with_settings("", true).await;
    let mut api = cluster.api().unwrap();
    let tenant = api.create_tenant("acme").await.unwrap();
    let large = event("payment.completed", &format!("\"{}\"", "x".repeat(1 << 20)));
    let refused = api.publish(&tenant, large, "").await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::ResourceExhausted, "MESSAGE_TOO_LARGE")
    );
    let update = UpdateTenantRequest {
        tenant: Some(Tenant {
            name: tenant.clone(),
            display_name: "x".repeat(1 << 20),
            ..Tenant::default()
        }),
        ..UpdateTenantRequest::default()
    };
    let refused = api.tenants.update_tenant(update).await.unwrap_err();
    assert_eq!(reason(&refused), "MESSAGE_TOO_LARGE");
    assert_eq!(times_reached(&cluster, "server.max_request_bytes").await, 2.0);

    let payload = format!("\"{}\"", "x".repeat(200 << 10));
    let request = |_| PublishEventRequest {
        event: Some(event("payment.completed", &payload)),
        ..PublishEventRequest::default()
    };
    let batch = |count: usize| PublishEventsRequest {
        parent: tenant.clone(),
        requests: (0..count).map(request).collect(),
    };
    let published = api.events.publish_events(batch(40)).await.unwrap().into_inner();
    assert_eq!(published.results.len(), 40, "8 MiB");
    let refused = api.events.publish_events(batch(170)).await.unwrap_err();
    assert_eq!(reason(&refused), "MESSAGE_TOO_LARGE");
    assert_eq!(times_reached(&cluster, "server.max_batch_request_bytes").await, 1.0);
}
