//! What a request's body keeps to, part by part.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use http_body_util::{BodyExt as _, StreamBody};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic_types::StatusExt as _;

use super::*;
use crate::api::rpc::byte_budget::ByteBudget;
use crate::api::rpc::caller::CountedCaller;
use crate::api::rpc::receiving::caller_share::{CallerShares, RequestCaller};

const TIMEOUT: Duration = Duration::from_millis(100);

fn framed(length: u32, sent: usize) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend(length.to_be_bytes());
    bytes.extend(vec![7; sent]);
    bytes
}

const RULE: ReceiveRule = ReceiveRule {
    max_message_bytes: 50,
    size_setting: "server.max_request_bytes",
    streams: false,
    request: None,
};

fn frame(part: Vec<u8>) -> Result<Frame<Bytes>, Status> {
    Ok(Frame::data(part.into()))
}

fn alone(held: HeldBytes) -> (HeldBytes, CallerShare) {
    (held, CallerShares::new(usize::MAX).hold(RequestCaller::default()))
}

fn sent(parts: Vec<Vec<u8>>, rule: ReceiveRule, held: HeldBytes) -> ReceivedBody {
    let frames = parts.into_iter().map(frame);
    let body = StreamBody::new(futures::stream::iter(frames));
    ReceivedBody::new(Body::new(body), (rule, MessageFraming::Grpc), alone(held), TIMEOUT)
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_by_its_length() {
    let (budget, metrics) = ByteBudget::fixture(1000, 1000);
    let held = budget.hold(Arc::default());
    let refused = sent(vec![framed(51, 0)], RULE, held).collect().await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::ResourceExhausted, "MESSAGE_TOO_LARGE".into())
    );
    let quota = refused.get_details_quota_failure().unwrap().violations;
    assert_eq!(quota[0].subject, "server.max_request_bytes");
    assert_eq!(metrics.times_reached("server.max_request_bytes"), 1);
    let held = budget.hold(Arc::default());
    let whole = sent(vec![framed(50, 50)], RULE, held).collect().await.unwrap().to_bytes();
    assert_eq!(whole.len(), 55);
}

#[tokio::test]
async fn unfinished_requests_are_refused_beyond_the_bytes_of_a_connection() {
    let (budget, _) = ByteBudget::fixture(1000, 60);
    let connection: Arc<AtomicUsize> = Arc::default();
    let mut first = budget.hold(Arc::clone(&connection));
    first.add(11).unwrap();
    let parts = vec![framed(50, 20), vec![7; 30]];
    let held = budget.hold(Arc::clone(&connection));
    let refused = sent(parts.clone(), RULE, held).collect().await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::ResourceExhausted, "TOO_MUCH_RECEIVED".into())
    );
    assert!(refused.get_details_retry_info().unwrap().retry_delay.is_some());
    drop(first);
    let held = budget.hold(connection);
    sent(parts, RULE, held).collect().await.unwrap();
}

#[tokio::test]
async fn as_many_of_the_largest_are_received_as_the_bytes_of_a_connection_hold() {
    let (budget, _) = ByteBudget::fixture(1000, 100);
    let connection: Arc<AtomicUsize> = Arc::default();
    let mut both = Vec::new();
    for _ in 0..2 {
        let held = budget.hold(Arc::clone(&connection));
        let mut body = sent(vec![framed(50, 50)], RULE, held);
        body.frame().await.unwrap().unwrap();
        both.push(body);
    }
    let mut third = sent(vec![framed(1, 1)], RULE, budget.hold(connection));
    let refused = third.frame().await.unwrap().unwrap_err();
    assert_eq!(reason(&refused), "TOO_MUCH_RECEIVED");
}

#[tokio::test]
async fn little_requests_that_stay_are_refused_beyond_their_callers_share() {
    let (budget, _) = ByteBudget::fixture(10_000, 1000);
    let shares = CallerShares::new(60);
    let open = |waits| {
        let (sender, parts) = mpsc::channel(8);
        let body = Body::new(StreamBody::new(ReceiverStream::new(parts)));
        let caller = RequestCaller::default();
        caller.tell(CountedCaller::fixture("token:a", &["acme"]), waits);
        let held = (budget.hold(Arc::default()), shares.hold(caller));
        (sender, ReceivedBody::new(body, (RULE, MessageFraming::Grpc), held, TIMEOUT * 50))
    };
    let (sender, mut first) = open(false);
    sender.send(frame(framed(50, 40))).await.unwrap();
    assert!(tokio::time::timeout(TIMEOUT, first.frame()).await.is_err(), "it stays");
    let (sender_of_second, mut second) = open(false);
    sender_of_second.send(frame(framed(50, 40))).await.unwrap();
    let refused = second.frame().await.unwrap().unwrap_err();
    assert_eq!(reason(&refused), "TOO_MUCH_RECEIVED");
    // What is there at once does not stay, but where the call waits for its turn.
    for waits in [false, true] {
        let (sender, body) = open(waits);
        sender.send(frame(framed(50, 50))).await.unwrap();
        drop(sender);
        assert_eq!(body.collect().await.is_err(), waits);
    }
    drop(sender);
}

#[tokio::test]
async fn the_decoder_sees_a_message_only_when_it_is_whole() {
    let (budget, metrics) = ByteBudget::fixture(1000, 1000);
    for streams in [false, true] {
        let (sender, parts) = mpsc::channel(8);
        let body = Body::new(StreamBody::new(ReceiverStream::new(parts)));
        let rule = (ReceiveRule { streams, ..RULE }, MessageFraming::Grpc);
        let mut body =
            ReceivedBody::new(body, rule, alone(budget.hold(Arc::default())), TIMEOUT * 50);
        // A whole one, and the head of another, cut wherever it may be.
        let mut bytes = framed(3, 3);
        bytes.extend(framed(50, 1));
        let (one, two) = bytes.split_at(2);
        sender.send(frame(one.to_vec())).await.unwrap();
        sender.send(frame(two.to_vec())).await.unwrap();
        let mut seen = Vec::new();
        while seen.len() < 8 {
            seen.extend(body.frame().await.unwrap().unwrap().into_data().unwrap());
        }
        assert_eq!(seen, framed(3, 3));
        let early = tokio::time::timeout(TIMEOUT, body.frame()).await;
        assert!(early.is_err(), "50 bytes are announced and one is there");
        let held = metrics.shown_of_callers("postrider_receiving_bytes");
        assert_eq!(held, if streams { 1 } else { 4 });
        sender.send(frame(vec![7; 49])).await.unwrap();
        drop(sender);
        let rest = body.collect().await.unwrap().to_bytes();
        assert_eq!(rest, framed(50, 50));
    }
}

#[tokio::test]
async fn a_body_and_a_line_of_http_are_whole_with_their_ends() {
    let (budget, metrics) = ByteBudget::fixture(1000, 1000);
    for framing in [MessageFraming::Whole, MessageFraming::Lines] {
        let (sender, parts) = mpsc::channel(8);
        let body = Body::new(StreamBody::new(ReceiverStream::new(parts)));
        let rule = ReceiveRule { streams: framing == MessageFraming::Lines, ..RULE };
        let held = alone(budget.hold(Arc::default()));
        let mut body = ReceivedBody::new(body, (rule, framing), held, TIMEOUT * 50);
        sender.send(frame(b"{}\n{\"a\"".to_vec())).await.unwrap();
        if framing == MessageFraming::Lines {
            let line = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(line, "{}\n");
        }
        let early = tokio::time::timeout(TIMEOUT, body.frame()).await;
        assert!(early.is_err(), "its end is missing");
        let held = metrics.shown_of_callers("postrider_receiving_bytes");
        assert_eq!(held, if framing == MessageFraming::Lines { 4 } else { 7 });
        sender.send(frame(b":1}".to_vec())).await.unwrap();
        drop(sender);
        let rest = body.collect().await.unwrap().to_bytes();
        assert!(rest.ends_with(b"{\"a\":1}"), "{rest:?}");
    }
    let held = alone(budget.hold(Arc::default()));
    let parts = [Ok::<_, Status>(Frame::data(Bytes::from(vec![b' '; 51])))];
    let body = Body::new(StreamBody::new(futures::stream::iter(parts)));
    let body = ReceivedBody::new(body, (RULE, MessageFraming::Whole), held, TIMEOUT);
    assert_eq!(reason(&body.collect().await.unwrap_err()), "MESSAGE_TOO_LARGE");
}

#[tokio::test]
async fn a_message_that_comes_whole_is_not_copied() {
    let (budget, _) = ByteBudget::fixture(1000, 1000);
    let whole = Bytes::from(framed(50, 50));
    let frames = [Ok::<_, Status>(Frame::data(whole.clone()))];
    let body = Body::new(StreamBody::new(futures::stream::iter(frames)));
    let rule = (RULE, MessageFraming::Grpc);
    let mut body = ReceivedBody::new(body, rule, alone(budget.hold(Arc::default())), TIMEOUT);
    let passed_on = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(passed_on.as_ptr(), whole.as_ptr());
}

#[tokio::test]
async fn a_request_that_ends_in_the_midst_of_a_message_is_refused() {
    let (budget, metrics) = ByteBudget::fixture(1000, 1000);
    for sent_bytes in [framed(50, 49), vec![0, 0]] {
        let held = budget.hold(Arc::default());
        let refused = sent(vec![sent_bytes], RULE, held).collect().await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused)),
            (Code::InvalidArgument, "MALFORMED_REQUEST".into())
        );
    }
    assert_eq!(metrics.shown_of_callers("postrider_receiving_bytes"), 0);
}

#[tokio::test]
async fn a_stream_holds_only_the_message_that_is_not_complete() {
    let (budget, metrics) = ByteBudget::fixture(1000, 60);
    let rule = ReceiveRule { streams: true, ..RULE };
    let parts = vec![framed(50, 50); 10];
    let held = budget.hold(Arc::default());
    let mut body = sent(parts, rule, held);
    for _ in 0..10 {
        body.frame().await.unwrap().unwrap();
        assert_eq!(metrics.shown_of_callers("postrider_receiving_bytes"), 0);
    }
}

#[tokio::test]
async fn a_request_has_its_time_and_a_stream_may_be_silent_between_messages() {
    let (budget, metrics) = ByteBudget::fixture(1000, 1000);
    let open = |streams| {
        let (sender, parts) = mpsc::channel(4);
        let body = Body::new(StreamBody::new(ReceiverStream::new(parts)));
        let rule = (ReceiveRule { streams, ..RULE }, MessageFraming::Grpc);
        (sender, ReceivedBody::new(body, rule, alone(budget.hold(Arc::default())), TIMEOUT))
    };
    let began = Instant::now();
    let (_sender, silent) = open(false);
    let refused = silent.collect().await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::DeadlineExceeded, "RECEIVED_TOO_SLOWLY".into())
    );
    assert!(began.elapsed() >= TIMEOUT);

    let (sender, mut stream) = open(true);
    sender.send(frame(framed(5, 5))).await.unwrap();
    stream.frame().await.unwrap().unwrap();
    let more = tokio::time::timeout(TIMEOUT * 3, stream.frame()).await;
    assert!(more.is_err(), "a stream may be silent");
    sender.send(frame(framed(5, 4))).await.unwrap();
    let refused = stream.frame().await.unwrap().unwrap_err();
    assert_eq!(reason(&refused), "RECEIVED_TOO_SLOWLY");
    assert_eq!(metrics.shown_of_callers("postrider_receiving_bytes"), 0);
    assert_eq!(metrics.times_reached("requests.receive_timeout_seconds"), 2);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_its_client_s_fault() {
    let (budget, _) = ByteBudget::fixture(1000, 1000);
    for (status, told) in [
        (Status::unknown("error reading a body from connection"), Code::InvalidArgument),
        (Status::cancelled("reset"), Code::Cancelled),
    ] {
        let frames = vec![frame(framed(50, 20)), Err(status)];
        let body = Body::new(StreamBody::new(futures::stream::iter(frames)));
        let held = alone(budget.hold(Arc::default()));
        let body = ReceivedBody::new(body, (RULE, MessageFraming::Grpc), held, TIMEOUT);
        assert_eq!(body.collect().await.unwrap_err().code(), told);
    }
}
