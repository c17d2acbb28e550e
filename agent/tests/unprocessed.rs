//! A request that no receiver processed is sent again at once, within the same attempt.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use postrider_proto::agent::v1::work_response::Message as ReplicaMessage;
use postrider_proto::agent::v1::{AttemptResult, Fact, SubscriptionUpdate};
use support::control_plane::{ReplicaStream, ScriptedReplica};
use support::raw::{
    HTTP_1_1_REQUIRED, INTERNAL_ERROR, REFUSED_STREAM, RawReceiver, ReceivedRequest, ReceiverAction,
};
use support::{RunningTestAgent, assignment, subscribed, subscription};

const HTTP2_AND_HTTP1: &[&[u8]] = &[b"h2", b"http/1.1"];

struct TestBed {
    receiver: RawReceiver,
    stream: ReplicaStream,
    _agent: RunningTestAgent,
    _replica: ScriptedReplica,
}

impl TestBed {
    async fn new(
        alpn: &[&[u8]],
        script: impl Fn(ReceivedRequest) -> ReceiverAction + Send + Sync + 'static,
    ) -> Self {
        let receiver = RawReceiver::start(alpn, script).await;
        let subscription = subscription(&receiver.url(), 1);
        let (agent, replica, stream) = subscribed(subscription, &receiver.ca_pem).await;
        Self { receiver, stream, _agent: agent, _replica: replica }
    }

    async fn attempt(&mut self, number: u32) -> AttemptResult {
        self.stream.attempt(assignment(number)).await
    }

    async fn attempts(&mut self, numbers: std::ops::RangeInclusive<u32>) -> Vec<AttemptResult> {
        let count = numbers.clone().count();
        self.stream.assign(numbers.map(assignment).collect()).await;
        let results = self.stream.collect(count).await;
        let keys = results.iter().filter_map(|result| result.key.clone());
        self.stream.acknowledge(keys.collect()).await;
        results
    }
}

#[track_caller]
fn assert_answered(result: &AttemptResult, version: &str) {
    let seen = (result.fact(), result.http_status, result.http_version.as_str());
    assert_eq!(seen, (Fact::Response, 200, version), "{result:?}");
    assert_eq!(result.error, "");
}

#[tokio::test]
async fn a_refused_stream_is_sent_again() {
    let mut bed = TestBed::new(HTTP2_AND_HTTP1, |asked| match asked.connection {
        1 => ReceiverAction::Reset(REFUSED_STREAM),
        _ => ReceiverAction::Answer,
    })
    .await;
    assert_answered(&bed.attempt(1).await, "HTTP/2");
    assert_eq!(bed.receiver.asked().len(), 2);
}

/// As nginx closes a connection after its `keepalive_requests`.
#[tokio::test]
async fn streams_that_goaway_leaves_out_are_sent_again() {
    let mut bed = TestBed::new(HTTP2_AND_HTTP1, |asked| match asked.request {
        1..=7 => ReceiverAction::Answer,
        _ => ReceiverAction::GoAway,
    })
    .await;
    for result in bed.attempts(1..=40).await {
        assert_answered(&result, "HTTP/2");
    }
    for number in 41..=80 {
        assert_answered(&bed.attempt(number).await, "HTTP/2");
    }
    let answered = bed.receiver.asked().iter().filter(|asked| asked.request <= 7).count();
    assert_eq!(answered, 80);
}

#[tokio::test]
async fn what_is_never_processed_ends_all_the_same() {
    let mut bed = TestBed::new(HTTP2_AND_HTTP1, |_| ReceiverAction::Reset(REFUSED_STREAM)).await;
    let result = bed.attempt(1).await;
    assert_eq!(result.fact(), Fact::ConnectionClosed);
    assert!(result.error.contains("refused"), "{}", result.error);
    assert_eq!(bed.receiver.asked().len(), 6);
}

#[tokio::test]
async fn a_receiver_that_requires_http1_gets_it_at_once_and_from_then_on() {
    let mut bed = TestBed::new(HTTP2_AND_HTTP1, |asked| match asked.http2 {
        true => ReceiverAction::Reset(HTTP_1_1_REQUIRED),
        false => ReceiverAction::Answer,
    })
    .await;
    for number in 1..=5 {
        assert_answered(&bed.attempt(number).await, "HTTP/1.1");
    }
    let over_http2 = bed.receiver.asked().iter().filter(|asked| asked.http2).count();
    assert_eq!(over_http2, 1);
    assert_eq!(bed.receiver.connections(), 2);
}

#[tokio::test]
async fn an_origin_that_keeps_breaking_over_http2_gets_http1() {
    for break_it in [ReceiverAction::Break, ReceiverAction::Reset(INTERNAL_ERROR)] {
        let mut bed = TestBed::new(HTTP2_AND_HTTP1, move |asked| match asked.http2 {
            true => break_it.clone(),
            false => ReceiverAction::Answer,
        })
        .await;
        for number in 1..=3 {
            let result = bed.attempt(number).await;
            assert_eq!(result.fact(), Fact::ConnectionClosed, "{result:?}");
        }
        assert_eq!(bed.receiver.asked().len(), 3, "what may have been processed is not repeated");
        assert_answered(&bed.attempt(4).await, "HTTP/1.1");
    }
}

#[tokio::test]
async fn a_subscription_can_keep_to_http1() {
    let mut bed = TestBed::new(HTTP2_AND_HTTP1, |_| ReceiverAction::Answer).await;
    assert_answered(&bed.attempt(1).await, "HTTP/2");
    let keeps = SubscriptionUpdate { http1_only: true, ..subscription(&bed.receiver.url(), 2) };
    bed.stream.send(ReplicaMessage::SubscriptionUpdate(keeps)).await;
    assert_answered(&bed.attempt(2).await, "HTTP/1.1");
    assert_answered(&bed.attempt(3).await, "HTTP/1.1");
    bed.stream.send(ReplicaMessage::SubscriptionUpdate(subscription(&bed.receiver.url(), 3))).await;
    assert_answered(&bed.attempt(4).await, "HTTP/2");
    assert_eq!(bed.receiver.connections(), 2);
}

/// Twenty connections are kept; then nothing comes back on any of them, as when a
/// firewall has forgotten them.
#[tokio::test]
async fn connections_that_fell_silent_cost_one_attempt() {
    for alpn in [HTTP2_AND_HTTP1, &[b"http/1.1".as_slice()]] {
        let silent = Arc::new(AtomicBool::new(false));
        let first = Arc::clone(&silent);
        let most = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let known = Arc::clone(&most);
        let mut bed = TestBed::new(alpn, move |asked| {
            if !first.load(Ordering::SeqCst) {
                known.fetch_max(asked.connection, Ordering::SeqCst);
                return ReceiverAction::Answer;
            }
            match asked.connection <= known.load(Ordering::SeqCst) {
                true => ReceiverAction::Hang,
                false => ReceiverAction::Answer,
            }
        })
        .await;
        bed.attempts(1..=20).await;
        silent.store(true, Ordering::SeqCst);
        let result = bed.attempt(21).await;
        assert_eq!(result.fact(), Fact::Timeout, "{result:?}");
        for number in 22..=30 {
            assert_eq!(bed.attempt(number).await.fact(), Fact::Response);
        }
        assert_eq!(bed.receiver.connections(), most.load(Ordering::SeqCst) + 1);
    }
}
