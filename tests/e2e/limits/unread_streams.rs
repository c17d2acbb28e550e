//! Streams whose answers nobody reads.

use std::net::Shutdown;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use futures::{StreamExt as _, stream};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use postrider_proto::v1::{
    PublishEventRequest, PublishEventsRequest, PublishStreamRequest, ReconcileEventsRequest, Role,
};
use postrider_tests::cluster::Cluster;
use postrider_tests::publish::event;
use prost::Message as _;
use tokio::time::timeout;

use super::requests::{
    RawBody, call_of, caller, connect_without_a_window, framed, resident_mib, token,
};
use super::{of_callers, times_reached, with_settings};
use crate::stage::{DEFAULT_PAYLOAD, SOON_LIMIT};

const MIB: f64 = (1 << 20) as f64;
const STREAMS: usize = 64;
const EVENTS_PER_STREAM: u64 = 1500;
const STREAM_BYTES: usize = 32 * 1024;
const TIMEOUT_SETTING: &str = "requests.send_timeout_seconds";

async fn unsent_bytes(cluster: &Cluster) -> f64 {
    of_callers(cluster, "postrider_unsent_bytes").await
}

/// A stream that publishes events, and goes on.
fn published(tenant: &str) -> RawBody {
    let publish = PublishEventRequest {
        parent: tenant.to_owned(),
        event: Some(event("payment.completed", DEFAULT_PAYLOAD)),
        idempotency_key: String::new(),
    };
    let messages = (0..EVENTS_PER_STREAM).map(|request_id| {
        let request = PublishStreamRequest { request_id, publish: Some(publish.clone()) };
        framed(&request.encode_to_vec())
    });
    let messages: Vec<_> = messages.collect();
    let frames: Vec<_> =
        messages.chunks(100).map(|chunk| Ok(Frame::data(Bytes::from(chunk.concat())))).collect();
    BodyExt::boxed(StreamBody::new(stream::iter(frames).chain(stream::pending())))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_of_events_take_little_memory_and_end() {
    let settings = "[requests]\nsend_timeout_seconds = 5\nmax_unsent_bytes = 67108864\n\
                    max_unsent_bytes_per_caller = 16777216\n";
    let mut cluster = with_settings(settings, false).await;
    let mut api = cluster.api().unwrap();
    let tenant = api.create_tenant("acme").await.unwrap();
    let mut other = caller(&cluster, &mut api, &tenant, Role::Publisher).await;
    let publisher = token(&mut api, std::slice::from_ref(&tenant), Role::Publisher).await;
    other.publish(&tenant, event("payment.completed", DEFAULT_PAYLOAD), "").await.unwrap();
    let process = cluster.replicas[0].program().unwrap().id();
    let before = resident_mib(process);
    let (sender, connection) = connect_without_a_window(&cluster).await;
    let calls = (0..STREAMS).map(|_| {
        let mut sender = sender.clone();
        let path = "/postrider.v1.EventService/PublishStream";
        let call = call_of(&publisher, path, published(&tenant));
        async move { timeout(SOON_LIMIT, sender.send_request(call)).await.unwrap().unwrap() }
    });
    let answers = join_all(calls).await;
    let mut most = 0.0_f64;
    let ended = timeout(2 * SOON_LIMIT, async {
        while times_reached(&cluster, TIMEOUT_SETTING).await < STREAMS as f64 {
            most = most.max(unsent_bytes(&cluster).await);
            let during = resident_mib(process);
            // Without a bound they took 6 MiB each.
            assert!(during < before + 150, "from {before} to {during} MiB");
            other.publish(&tenant, event("payment.completed", DEFAULT_PAYLOAD), "").await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    ended.await.expect("nothing was read of any");
    assert!((4.0 * MIB..=9.0 * MIB).contains(&most), "{most} bytes");
    // What each stream has of its own.
    assert!(unsent_bytes(&cluster).await <= (STREAMS * STREAM_BYTES) as f64);
    connection.shutdown(Shutdown::Both).unwrap();
    drop((answers, sender));
    let gone = timeout(SOON_LIMIT, async {
        while unsent_bytes(&cluster).await > 0.0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    gone.await.expect("nobody has a stream");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_that_nobody_reads_are_bounded_and_end() {
    const ACCOUNTS: usize = 20;
    let settings = "[requests]\nsend_timeout_seconds = 5\nmax_unsent_bytes = 8388608\n\
                    max_unsent_bytes_per_caller = 1048576\n";
    let cluster = with_settings(settings, false).await;
    let mut api = cluster.api().unwrap();
    let tenant = api.create_tenant("acme").await.unwrap();
    let request = PublishEventRequest {
        event: Some(event("payment.completed", DEFAULT_PAYLOAD)),
        ..PublishEventRequest::default()
    };
    let batch = PublishEventsRequest { parent: tenant.clone(), requests: vec![request; 500] };
    api.events.publish_events(batch).await.unwrap();
    let reader = token(&mut api, std::slice::from_ref(&tenant), Role::Reader).await;
    let account = ReconcileEventsRequest {
        parent: tenant,
        start_time: Some(prost_types::Timestamp { seconds: 1_600_000_000, nanos: 0 }),
        ..ReconcileEventsRequest::default()
    };
    let message = framed(&account.encode_to_vec());
    let (sender, _) = connect_without_a_window(&cluster).await;
    let calls = (0..ACCOUNTS).map(|_| {
        let mut sender = sender.clone();
        let path = "/postrider.v1.EventService/ReconcileEvents";
        let call = call_of(&reader, path, BodyExt::boxed(Full::new(message.clone())));
        async move { timeout(SOON_LIMIT, sender.send_request(call)).await.unwrap().unwrap() }
    });
    let answers = join_all(calls).await;
    let refused = timeout(SOON_LIMIT, async {
        while times_reached(&cluster, "requests.max_unsent_bytes_per_caller").await < 1.0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    refused.await.expect("twenty batches of 500 rows are more than a MiB");
    let unsent = unsent_bytes(&cluster).await;
    assert!(unsent > 0.0 && unsent <= MIB, "{unsent} bytes");
    let ended = timeout(SOON_LIMIT, async {
        while times_reached(&cluster, TIMEOUT_SETTING).await < 1.0
            || unsent_bytes(&cluster).await > (ACCOUNTS * STREAM_BYTES) as f64
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    ended.await.expect("a batch has its time");
    drop(answers);
}
