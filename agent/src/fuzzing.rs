//! Entrances for fuzzing: what the agent makes of a receiver's bytes.
//!
//! Fed by `tests/fuzz` with bytes; feeds it what would be reported. Guarantees that the
//! code is that of every attempt, over a stream in memory instead of a socket.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use postrider_proto::agent::v1::{Assignment, AttemptResult, Fact, Header, SubscriptionUpdate};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use crate::attempt::progress::{AttemptFailure, AttemptProgress, describe_with_causes};
use crate::client::connection::{OpenedConnection, RequestSender, open_http1, open_http2};
use crate::client::interim::{Http1HeadScanner, Http2FrameScanner};
use crate::client::traffic::ConnectionTraffic;
use crate::limits::ResponseLimits;
use crate::response::{announced_keep_alive, irregularities};
use crate::subscriptions::{SubscriptionCache, SubscriptionSettings};

/// Less than an agent's, so that small answers reach them.
pub const FUZZED_LIMITS: ResponseLimits =
    ResponseLimits { body_bytes: 2048, excerpt_bytes: 512, headers_bytes: 256 };
/// A header of the subscription's own has it, and no report may show it. In lower case, as
/// the names of headers are.
pub const FUZZED_SECRET: &str = "a-secret-of-the-request";
/// What a stream in memory holds; the request is smaller.
const STREAM_BYTES: usize = 64 * 1024;

/// What is reported of a POST to which a receiver says this, and then closes.
pub async fn read_answer(version: Version, answer: Vec<u8>) -> AttemptResult {
    let (ours, theirs) = tokio::io::duplex(STREAM_BYTES);
    tokio::spawn(say(theirs, answer));
    let settings = subscription_settings();
    let mut progress = AttemptProgress {
        version: Some(version),
        sent_with: newest(&settings),
        ..AttemptProgress::default()
    };
    let (fact, error) = match exchange(version, ours, &mut progress).await {
        Ok(note) => (Fact::Response, note),
        Err(AttemptFailure(fact, error)) => (fact, error),
    };
    progress.into_result(Assignment::default(), fact, error)
}

fn subscription_settings() -> SubscriptionUpdate {
    let secret = Bytes::from_static(FUZZED_SECRET.as_bytes());
    SubscriptionUpdate {
        url: "https://pay.example/hooks".to_owned(),
        unsigned: true,
        headers: vec![Header { name: "x-key".to_owned(), value: secret }],
        ..SubscriptionUpdate::default()
    }
}

/// The settings as an attempt has them.
fn newest(update: &SubscriptionUpdate) -> Option<Arc<SubscriptionSettings>> {
    let mut subscriptions = SubscriptionCache::new(1, 1);
    subscriptions.update(update);
    Some(subscriptions.get_at_version("", "", 0)?.newest_settings())
}

/// The receiver: says it, and goes on reading until the agent has closed.
async fn say(mut stream: DuplexStream, answer: Vec<u8>) {
    let said = stream.write_all(&answer).await;
    if said.is_ok() && stream.shutdown().await.is_ok() {
        let mut heard = Vec::new();
        // What the agent said is of no interest, nor how it closed.
        let _ = stream.read_to_end(&mut heard).await;
    }
}

async fn exchange(
    version: Version,
    stream: DuplexStream,
    progress: &mut AttemptProgress,
) -> Result<String, AttemptFailure> {
    let opened = match version {
        Version::HTTP_2 => open_http2(stream, ()).await,
        _ => open_http1(stream, ()).await,
    };
    let closed = |error: hyper::Error| {
        AttemptFailure::new(Fact::ConnectionClosed, describe_with_causes(&error))
    };
    let OpenedConnection { mut sender, traffic } = opened.map_err(closed)?;
    let response = send(&mut sender, &traffic, version).await.map_err(closed)?;
    let (head, body) = response.into_parts();
    progress.read_response(&head, body, &FUZZED_LIMITS).await?;
    let _ = announced_keep_alive(&head.headers);
    Ok(irregularities(&head.headers, version, &traffic))
}

async fn send(
    sender: &mut RequestSender,
    traffic: &ConnectionTraffic,
    version: Version,
) -> hyper::Result<Response<Incoming>> {
    let mut request = Request::new(Full::new(Bytes::from_static(b"{}")));
    *request.method_mut() = http::Method::POST;
    *request.version_mut() = version;
    *request.uri_mut() = http::Uri::from_static("https://pay.example/hooks");
    traffic.begin_exchange();
    match sender {
        RequestSender::Http1(sender) => sender.send_request(request).await,
        RequestSender::Http2(sender) => sender.send_request(request).await,
    }
}

/// Whether the bounds of interim responses are found alike when the same bytes come in
/// two pieces.
pub fn scans_alike_in_pieces(bytes: &[u8], at: usize) -> bool {
    let (first, second) = bytes.split_at(at.min(bytes.len()));
    let heads = |pieces: &[&[u8]]| {
        let mut scanner = Http1HeadScanner::default();
        let scanned: Result<Vec<_>, _> =
            pieces.iter().map(|piece| scanner.scan(piece, 1)).collect();
        scanned.map(|shapes| shapes.into_iter().flatten().next_back())
    };
    let frames = |pieces: &[&[u8]]| {
        let mut scanner = Http2FrameScanner::default();
        pieces.iter().try_for_each(|piece| scanner.scan(piece))
    };
    heads(&[bytes]) == heads(&[first, second]) && frames(&[bytes]) == frames(&[first, second])
}
