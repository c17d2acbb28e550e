//! A complete response head counts, whatever the body does; irregularities are reported.

mod support;

use postrider_proto::agent::v1::{Assignment, AttemptResult, Fact};
use support::raw::{RawReceiver, ReceiverAction, frame};
use support::{assignment, subscribed, subscription};

const HTTP1: &[&[u8]] = &[b"http/1.1"];
const HTTP2: &[&[u8]] = &[b"h2"];

/// What the first of two attempts comes to, against a receiver that does this with
/// the first request.
async fn first_attempt(alpn: &[&[u8]], act: ReceiverAction) -> (AttemptResult, RawReceiver) {
    let receiver = RawReceiver::start(alpn, move |asked| match asked.connection {
        1 if asked.request == 1 => act.clone(),
        _ => ReceiverAction::Answer,
    })
    .await;
    let (_agent, _replica, mut stream) =
        subscribed(subscription(&receiver.url(), 1), &receiver.ca_pem).await;
    let result = stream.attempt(assignment(1)).await;
    assert_eq!(stream.attempt(assignment(2)).await.fact(), Fact::Response);
    (result, receiver)
}

fn value<'a>(result: &'a AttemptResult, name: &str) -> Option<&'a [u8]> {
    result
        .response_headers
        .iter()
        .find(|response_header| response_header.name == name)
        .map(|response_header| &*response_header.value)
}

#[tokio::test]
async fn a_stream_may_end_without_close_notify() {
    let bytes = b"HTTP/1.1 200 OK\r\nserver: old\r\n\r\nthank you".to_vec();
    let (result, _) = first_attempt(HTTP1, ReceiverAction::BytesAndBreak(bytes)).await;
    assert_eq!((result.fact(), result.http_status), (Fact::Response, 200), "{result:?}");
    assert_eq!(result.response_body, "thank you");
    assert!(result.error.contains("close_notify"), "{}", result.error);
}

#[tokio::test]
async fn a_status_that_http_does_not_have_is_no_response() {
    for status in ["600", "999"] {
        let bytes = format!("HTTP/1.1 {status} Well\r\ncontent-length: 2\r\n\r\nok");
        let action = ReceiverAction::BytesAndBreak(bytes.into());
        let (result, _) = first_attempt(HTTP1, action).await;
        assert_eq!((result.fact(), result.http_status), (Fact::ConnectionClosed, 0), "{result:?}");
        assert!(result.error.contains(status), "{}", result.error);
    }
}

#[tokio::test]
async fn a_body_that_ends_early_leaves_the_status() {
    for bytes in [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nthank you",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nthank you\r\n",
    ] {
        let (result, _) = first_attempt(HTTP1, ReceiverAction::BytesAndBreak(bytes.into())).await;
        assert_eq!(result.fact(), Fact::ConnectionClosed);
        assert_eq!(result.http_status, 200, "{result:?}");
        assert_eq!(result.response_body, "thank you");
        assert!(result.error.contains("ended early"), "{}", result.error);
    }
}

#[tokio::test]
async fn a_folded_line_is_joined_by_spaces() {
    let bytes = b"HTTP/1.1 200 OK\r\nx-long: one\r\n  two\r\n\tthree\r\ncontent-length: 0\r\n\r\n";
    let (result, receiver) = first_attempt(HTTP1, ReceiverAction::Bytes(bytes.to_vec())).await;
    assert_eq!((result.fact(), result.http_status), (Fact::Response, 200), "{result:?}");
    assert_eq!(value(&result, "x-long"), Some(b"one two three".as_slice()));
    assert!(result.error.contains("folded"), "{}", result.error);
    assert_eq!(receiver.connections(), 1, "the connection is as good as before");
}

#[tokio::test]
async fn lines_that_are_no_header_are_left_out() {
    let bytes = b"HTTP/1.1 200 OK\r\nspaced : yes\r\nb\xe4d name: 1\r\nno colon\r\n\
        x-latin: caf\xe9\r\nx-bell: a\x07b\r\ncontent-length: 0\r\n\r\n";
    let (result, receiver) = first_attempt(HTTP1, ReceiverAction::Bytes(bytes.to_vec())).await;
    assert_eq!((result.fact(), result.http_status), (Fact::Response, 200), "{result:?}");
    assert_eq!(value(&result, "spaced"), Some(b"yes".as_slice()));
    assert_eq!(value(&result, "x-latin"), Some(b"caf\xe9".as_slice()));
    assert!(result.error.contains("3 lines"), "{}", result.error);
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn nothing_is_noted_about_a_usual_response() {
    let bytes = b"HTTP/1.1 204 No Content\r\na: 1\r\na: 2\r\nb:\r\n\r\n".to_vec();
    let (result, _) = first_attempt(HTTP1, ReceiverAction::Bytes(bytes)).await;
    assert_eq!((result.fact(), result.error.as_str()), (Fact::Response, ""));
}

/// What the receiver does to the connection after its answer says nothing about the
/// answer, not even where there was more of the request to come.
#[tokio::test]
async fn an_answer_counts_whatever_becomes_of_the_connection() {
    for (alpn, bytes) in [(HTTP1, 20_000), (HTTP1, 6_000_000), (HTTP2, 10), (HTTP2, 6_000_000)] {
        let receiver = RawReceiver::start(alpn, |_| ReceiverAction::AnswerAndBreak).await;
        let (_agent, _replica, mut stream) =
            subscribed(subscription(&receiver.url(), 1), &receiver.ca_pem).await;
        for number in 1..=20 {
            let payload = vec![b'7'; bytes].into();
            let result = stream.attempt(Assignment { payload, ..assignment(number) }).await;
            let seen = (result.fact(), result.http_status);
            assert_eq!(seen, (Fact::Response, 200), "{alpn:?}, {bytes} bytes: {result:?}");
        }
    }
}

#[tokio::test]
async fn many_headers_are_no_failure() {
    let mut bytes = b"HTTP/1.1 200 OK\r\nretry-after: 77\r\n".to_vec();
    for number in 0..900 {
        bytes.extend(format!("x-header-{number}: {number}\r\n").into_bytes());
    }
    bytes.extend(b"content-length: 0\r\n\r\n");
    let receiver = RawReceiver::start(HTTP1, move |_| ReceiverAction::Bytes(bytes.clone())).await;
    let (_agent, _replica, mut stream) =
        subscribed(subscription(&receiver.url(), 1), &receiver.ca_pem).await;
    for number in 1..=3 {
        let result = stream.attempt(assignment(number)).await;
        assert_eq!((result.fact(), result.http_status), (Fact::Response, 200), "{result:?}");
        assert_eq!(result.retry_after, "77");
        assert!(!result.response_headers.is_empty());
    }
    assert_eq!(receiver.connections(), 1);
}

/// What comes after a whole head cannot be read: the status stands.
#[tokio::test]
async fn a_head_that_cannot_be_read_leaves_its_status() {
    let bytes = b"HTTP/1.1 503 Busy\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx".to_vec();
    let (result, _) = first_attempt(HTTP1, ReceiverAction::BytesAndBreak(bytes)).await;
    assert_eq!((result.fact(), result.http_status), (Fact::ConnectionClosed, 503), "{result:?}");
    assert!(!result.error.is_empty());
    let lines = (0..1_100).map(|number| format!("x-{number}: 1\r\n")).collect::<String>();
    let endless = format!("HTTP/1.1 410 Gone\r\n{lines}\r\n").into_bytes();
    let (result, _) = first_attempt(HTTP1, ReceiverAction::BytesAndBreak(endless)).await;
    assert_eq!((result.fact(), result.http_status), (Fact::ConnectionClosed, 410), "{result:?}");
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 1".to_vec();
    let (result, _) = first_attempt(HTTP1, ReceiverAction::BytesAndBreak(cut)).await;
    assert_eq!((result.fact(), result.http_status), (Fact::ConnectionClosed, 0), "{result:?}");
}

#[tokio::test]
async fn interim_responses_are_skipped_up_to_a_bound() {
    let hints = |count| {
        let mut bytes = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(count);
        bytes.extend(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        ReceiverAction::Bytes(bytes)
    };
    let (result, receiver) = first_attempt(HTTP1, hints(32)).await;
    assert_eq!((result.fact(), result.error.as_str()), (Fact::Response, ""));
    assert_eq!(receiver.connections(), 1);
    let (result, _) = first_attempt(HTTP1, hints(33)).await;
    assert_eq!(result.fact(), Fact::ConnectionClosed);
    assert!(result.error.contains("interim"), "{}", result.error);
    let head = |block: &[u8]| frame(1, 4, 1, block);
    for (count, fact) in [(32, Fact::Response), (34, Fact::ConnectionClosed)] {
        let mut bytes = head(b"\x48\x03103");
        bytes.extend(head(&[0xbe]).repeat(count - 1));
        bytes.extend(frame(1, 5, 1, &[0x88]));
        let (result, _) = first_attempt(HTTP2, ReceiverAction::Bytes(bytes)).await;
        assert_eq!(result.fact(), fact, "{result:?}");
        assert_eq!(result.error.contains("interim"), fact != Fact::Response, "{}", result.error);
    }
}

#[tokio::test]
async fn an_empty_payload_says_that_it_is_empty() {
    for alpn in [HTTP1, HTTP2] {
        let receiver = RawReceiver::start(alpn, |_| ReceiverAction::Answer).await;
        let (_agent, _replica, mut stream) =
            subscribed(subscription(&receiver.url(), 1), &receiver.ca_pem).await;
        let empty = Assignment { payload: "".into(), ..assignment(1) };
        assert_eq!(stream.attempt(empty).await.http_status, 200);
        if alpn == HTTP1 {
            let head = receiver.heads().remove(0);
            assert_eq!(head.matches("content-length: 0\r\n").count(), 1, "{head}");
        }
    }
}
