//! Publishers who send their events one by one, faster than they are committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http2::SendRequest;
use postrider_proto::v1::{PublishEventRequest, PublishStreamRequest};
use postrider_tests::publish::event;
use prost::Message as _;
use tokio::time::timeout;

use super::requests::{RawBody, call, connect, framed};
use super::with_settings;
use crate::stage::{DEFAULT_PAYLOAD, SOON_LIMIT};

/// So that events are read slowly.
const SETTINGS: &str = "[publish]\nmax_stream_unanswered_events = 16\n";
const STREAMS: usize = 8;
/// Within a second as many frames wait as flow control lets a client send.
const SENDING_TIME: Duration = Duration::from_secs(4);
/// Of frames that are smaller, a whole connection's window costs h2 more than it bears.
const COSTLY_FRAME_BYTES: usize = 171;

/// Sends the same event without an end, each time in a frame of its own, as flow control
/// lets it, and counts the answers; ends with the error that ends it.
async fn publish_without_end(
    mut sender: SendRequest<RawBody>,
    frame: Bytes,
    answered: Arc<AtomicUsize>,
) -> String {
    let frames = stream::repeat_with(move || Ok(Frame::data(frame.clone())));
    let body = BodyExt::boxed(StreamBody::new(frames));
    let path = "/postrider.v1.EventService/PublishStream";
    let mut answers = match sender.send_request(call(path, body)).await {
        Ok(answer) => answer.into_body(),
        Err(error) => return format!("{error:?}"),
    };
    loop {
        match answers.frame().await {
            Some(Ok(frame)) if frame.is_data() => answered.fetch_add(1, Ordering::Relaxed),
            end => return format!("{end:?}"),
        };
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_publishes_small_events_fast_is_held_back_and_not_ended() {
    let cluster = with_settings(SETTINGS, false).await;
    let tenant = cluster.api().unwrap().create_tenant("acme").await.unwrap();
    let publish = PublishEventRequest {
        parent: tenant,
        event: Some(event("payment.completed", DEFAULT_PAYLOAD)),
        idempotency_key: String::new(),
    };
    let single = framed(&publish.encode_to_vec());
    let streamed = PublishStreamRequest { request_id: 7, publish: Some(publish) };
    let frame = framed(&streamed.encode_to_vec());
    assert!(frame.len() < COSTLY_FRAME_BYTES, "{} bytes", frame.len());

    let sender = connect(&cluster).await;
    let answered: Arc<AtomicUsize> = Arc::default();
    let publishers: Vec<_> = (0..STREAMS)
        .map(|_| {
            let (sender, frame, answered) = (sender.clone(), frame.clone(), Arc::clone(&answered));
            tokio::spawn(publish_without_end(sender, frame, answered))
        })
        .collect();
    tokio::time::sleep(SENDING_TIME).await;
    for publisher in publishers {
        if publisher.is_finished() {
            panic!("a stream ended: {}", publisher.await.unwrap());
        }
        publisher.abort();
    }
    assert!(answered.load(Ordering::Relaxed) > STREAMS, "each has answers");
    // Others on the same connection are not held back.
    let mut sender = sender;
    let body = BodyExt::boxed(Full::new(single));
    let request = call("/postrider.v1.EventService/PublishEvent", body);
    let answer = timeout(SOON_LIMIT, async {
        sender.send_request(request).await.unwrap().into_body().collect().await.unwrap()
    });
    let answer = answer.await.unwrap();
    assert_eq!(answer.trailers().unwrap().get("grpc-status").unwrap(), "0");
}
