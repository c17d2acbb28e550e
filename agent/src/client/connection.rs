//! Speaks HTTP over one established stream.
//!
//! It is lenient where RFC 9112 permits it: folded header lines, spaces before a
//! colon and lines that are not headers are accepted, and a response may have many
//! headers. The response's own length decides where it ends. Everything a receiver
//! sends is buffered within bounds.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::client::interim::{Http1HeadScanner, Http2FrameScanner, MAX_HEADER_LINES};
use crate::client::traffic::{ConnectionTraffic, CountedStream, ResponseScanner};

/// A response's status line and headers; also what HTTP/2 decodes of them. Proxies on the
/// way seldom let more than a quarter of it through.
const MAX_RESPONSE_HEAD_BYTES: usize = 64 * 1024;
/// What a receiver may send before the body is read, per HTTP/2 stream. Twice
/// `response.max_body_bytes`, so that a body that is read at all needs no update of the
/// window.
const STREAM_WINDOW_BYTES: u32 = 128 * 1024;
/// Sixteen streams' windows; answers to webhooks are small, and seldom is one window full.
const CONNECTION_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
/// Finds connections over which nothing comes back any more. Half of the time after which
/// an idle connection is closed (`receivers.idle_timeout_seconds`).
const PING_INTERVAL: Duration = Duration::from_secs(15);
/// Many round trips around the world, and less than what an attempt usually has (15 s).
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// A sender for requests of one HTTP version.
#[derive(Debug)]
pub enum RequestSender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// A connection that is ready for requests.
#[derive(Debug)]
pub struct OpenedConnection {
    pub sender: RequestSender,
    pub traffic: Arc<ConnectionTraffic>,
}

/// Speaks HTTP/1.1; `permit` is dropped when the connection is gone.
pub async fn open_http1<S, H>(stream: S, permit: H) -> hyper::Result<OpenedConnection>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Send + 'static,
{
    let traffic = Arc::new(ConnectionTraffic::default());
    let watch = ResponseScanner::Heads(Http1HeadScanner::default());
    let watched = CountedStream::new(stream, Arc::clone(&traffic), watch);
    let (sender, connection) = http1::Builder::new()
        .max_headers(MAX_HEADER_LINES as usize)
        .max_buf_size(MAX_RESPONSE_HEAD_BYTES)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .handshake(TokioIo::new(watched))
        .await?;
    spawn_connection_task(connection, permit);
    Ok(OpenedConnection { sender: RequestSender::Http1(sender), traffic })
}

/// Speaks HTTP/2; `permit` is dropped when the connection is gone.
pub async fn open_http2<S, H>(stream: S, permit: H) -> hyper::Result<OpenedConnection>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Send + 'static,
{
    let traffic = Arc::new(ConnectionTraffic::default());
    let watch = ResponseScanner::Frames(Http2FrameScanner::default());
    let watched = CountedStream::new(stream, Arc::clone(&traffic), watch);
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(MAX_RESPONSE_HEAD_BYTES as u32)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .handshake(TokioIo::new(watched))
        .await?;
    spawn_connection_task(connection, permit);
    Ok(OpenedConnection { sender: RequestSender::Http2(sender), traffic })
}

fn spawn_connection_task<C, H>(connection: C, permit: H)
where
    C: Future<Output = hyper::Result<()>> + Send + 'static,
    H: Send + 'static,
{
    tokio::spawn(async move {
        // Whoever waits for a response on this connection gets its error; an
        // idle connection's end is expected.
        let _ = connection.await;
        drop(permit);
    });
}
