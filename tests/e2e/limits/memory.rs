//! What little of a message takes of a replica's memory.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use postrider_tests::publish::event;
use tokio::time::timeout;

use super::requests::{RawBody, call, connect, framed, most_resident_mib, resident_mib, status};
use super::{of_callers, times_reached, with_settings};
use crate::stage::{DEFAULT_PAYLOAD, SOON_LIMIT};

const PUBLISH: &str = "/postrider.v1.EventService/PublishEvent";
const HEALTH: &str = "/grpc.health.v1.Health/Check";
const CONNECTIONS: usize = 4;
const REQUESTS_PER_CONNECTION: usize = 200;
/// Just what a request may have.
const ANNOUNCED_BYTES: u32 = 1 << 20;

/// A message of which one byte is there.
fn announced(length: u32) -> RawBody {
    let mut head = vec![0];
    head.extend(length.to_be_bytes());
    // The key of a field.
    head.push(0x0a);
    let frames = stream::iter([Ok(Frame::data(Bytes::from(head)))]).chain(stream::pending());
    BodyExt::boxed(StreamBody::new(frames))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_only_announced_takes_no_memory() {
    let mut cluster = with_settings("", false).await;
    let mut api = cluster.api().unwrap();
    let tenant = api.create_tenant("acme").await.unwrap();
    api.publish(&tenant, event("payment.completed", DEFAULT_PAYLOAD), "").await.unwrap();
    let process = cluster.replicas[0].program().unwrap().id();
    let before = resident_mib(process);
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(connect(&cluster).await);
    }
    let calls = connections.iter().flat_map(|sender| {
        (0..REQUESTS_PER_CONNECTION).map(|_| {
            let mut sender = sender.clone();
            tokio::spawn(async move {
                sender.send_request(call(PUBLISH, announced(ANNOUNCED_BYTES))).await
            })
        })
    });
    let calls: Vec<_> = calls.collect();
    let bytes = (CONNECTIONS * REQUESTS_PER_CONNECTION) as f64;
    let arrived = timeout(SOON_LIMIT, async {
        while of_callers(&cluster, "postrider_receiving_bytes").await < bytes {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    arrived.await.expect("one byte of each");
    let during = resident_mib(process);
    // 800 MiB were announced. Requests themselves take some.
    assert!(during < before + 100, "from {before} to {during} MiB");
    api.publish(&tenant, event("payment.completed", DEFAULT_PAYLOAD), "").await.unwrap();
    calls.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_shows_nothing_sends_little() {
    let cluster = with_settings("", false).await;
    let sender = connect(&cluster).await;
    let calls = [4096, 4097, ANNOUNCED_BYTES].map(|length| {
        let mut sender = sender.clone();
        let limit = if length > 4096 { SOON_LIMIT } else { Duration::from_secs(1) };
        let mut request = call(HEALTH, announced(length));
        request.headers_mut().remove("authorization");
        async move { timeout(limit, sender.send_request(request)).await }
    });
    let mut answers = join_all(calls).await.into_iter();
    assert!(answers.next().unwrap().is_err(), "the name of a service is awaited");
    for answer in answers {
        assert_eq!(status(&answer.unwrap().unwrap()), "8");
    }
    assert_eq!(times_reached(&cluster, "server.max_request_bytes").await, 2.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_nothing_takes_no_memory() {
    let mut cluster = with_settings("", false).await;
    let mut api = cluster.api().unwrap();
    let tenant = api.create_tenant("acme").await.unwrap();
    let process = cluster.replicas[0].program().unwrap().id();
    let mut sender = connect(&cluster).await;
    let before = most_resident_mib(process);
    // Four million requests of two bytes each, each of hundreds once it is decoded.
    let batch = framed(&[0x12, 0].repeat(4 << 20));
    let path = "/postrider.v1.EventService/PublishEvents";
    let answer = sender.send_request(call(path, BodyExt::boxed(Full::new(batch))));
    let answer = timeout(SOON_LIMIT, answer).await.unwrap().unwrap();
    assert_eq!(status(&answer), "3", "INVALID_ARGUMENT");
    let most = most_resident_mib(process);
    assert!(most < before + 100, "from {before} to {most} MiB");
    api.publish(&tenant, event("payment.completed", DEFAULT_PAYLOAD), "").await.unwrap();
}
