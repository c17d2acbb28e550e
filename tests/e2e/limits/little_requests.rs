//! Requests that are little each, and much together.

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use futures::{StreamExt as _, stream};
use http::Request;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use postrider_proto::v1::Role;
use tokio::time::timeout;

use super::requests::{
    RawBody, SHARE_SETTINGS, call_of, caller, connect, publish_batch, status, token,
};
use super::{of_callers, times_reached, with_settings};
use crate::stage::SOON_LIMIT;

const CONNECTIONS: usize = 70;
/// A connection holds less than a MiB by them.
const REQUESTS_PER_CONNECTION: usize = 15;
const SENT_BYTES: usize = 64_000;
const ANNOUNCED_BYTES: u32 = 900_000;

/// A read of which the rest is missing.
fn unfinished(token: &str) -> Request<RawBody> {
    let mut head = vec![0];
    head.extend(ANNOUNCED_BYTES.to_be_bytes());
    // A text of 890,000 bytes.
    head.extend([0x0a, 0x90, 0xa9, 0x36]);
    head.resize(SENT_BYTES, b'x');
    let frames = stream::iter([Ok(Frame::data(Bytes::from(head)))]).chain(stream::pending());
    let path = "/postrider.v1.EventService/ListEvents";
    call_of(token, path, BodyExt::boxed(StreamBody::new(frames)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn little_requests_of_a_tenant_leave_room_for_others_batches() {
    let cluster = with_settings(SHARE_SETTINGS, false).await;
    let mut api = cluster.api().unwrap();
    let tenant = api.create_tenant("acme").await.unwrap();
    let others = api.create_tenant("zeta").await.unwrap();
    let mut other = caller(&cluster, &mut api, &others, Role::Publisher).await;
    let tokens = [
        token(&mut api, std::slice::from_ref(&tenant), Role::Reader).await,
        token(&mut api, std::slice::from_ref(&tenant), Role::Reader).await,
    ];
    let mut calls = Vec::new();
    for number in 0..CONNECTIONS {
        let sender = connect(&cluster).await;
        for _ in 0..REQUESTS_PER_CONNECTION {
            let (mut sender, request) = (sender.clone(), unfinished(&tokens[number % 2]));
            calls.push(tokio::spawn(async move { sender.send_request(request).await }));
        }
    }
    // 64 MiB were sent, and half may be held: somebody is refused, and then nothing is moved.
    let half = timeout(SOON_LIMIT, async {
        while times_reached(&cluster, "requests.max_receiving_bytes").await < 1.0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    half.await.expect("64 MiB are more than half of 64");
    let held = of_callers(&cluster, "postrider_receiving_bytes").await;
    assert!(held <= f64::from(34 << 20), "{held} bytes");
    publish_batch(&mut other, others).await;
    let answers = timeout(SOON_LIMIT, join_all(calls)).await.unwrap();
    let answers: Vec<_> = answers.into_iter().filter_map(|answer| answer.unwrap().ok()).collect();
    let of = |code: &str| answers.iter().filter(|answer| status(answer) == code).count();
    assert!(of("8") > CONNECTIONS * REQUESTS_PER_CONNECTION / 3, "{} were refused", of("8"));
}
