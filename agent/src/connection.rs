//! Speaks HTTP over one stream to a receiver.
//!
//! Fed by `connect` with a stream that is ready; feeds `pool` what requests are
//! sent with. Guarantees that a lenient client's part is kept: what RFC 9112 lets
//! a recipient repair is repaired (folded lines, spaces before a colon, lines that
//! are no header), a response may have many headers (`client` has the status of one whose head is
//! beyond reading), and how it ends is judged by
//! its own length; and that nothing a receiver sends is held without a bound.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::interim::{FrameWatch, HeadWatch, MAX_HEADER_LINES};
use crate::traffic::{Traffic, Watch, Watched};

/// A response's status line and headers; also what HTTP/2 decodes of them.
const MAX_RESPONSE_HEAD_BYTES: usize = 64 * 1024;
/// What a receiver may send before the body is read, per HTTP/2 stream.
const STREAM_WINDOW_BYTES: u32 = 128 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
/// Finds connections over which nothing comes back any more.
const PING_INTERVAL: Duration = Duration::from_secs(15);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// A sender for requests of one HTTP version.
#[derive(Debug)]
pub enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// A connection that is ready for requests.
#[derive(Debug)]
pub struct Opened {
    pub sender: Sender,
    pub traffic: Arc<Traffic>,
}

/// Speaks HTTP/1.1; `held` is dropped when the connection is gone.
pub async fn open_http1<S, H>(stream: S, held: H) -> hyper::Result<Opened>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Send + 'static,
{
    let traffic = Arc::new(Traffic::default());
    let watch = Watch::Heads(HeadWatch::default());
    let watched = Watched::new(stream, Arc::clone(&traffic), watch);
    let (sender, connection) = http1::Builder::new()
        .max_headers(MAX_HEADER_LINES as usize)
        .max_buf_size(MAX_RESPONSE_HEAD_BYTES)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .handshake(TokioIo::new(watched))
        .await?;
    drive(connection, held);
    Ok(Opened { sender: Sender::Http1(sender), traffic })
}

/// Speaks HTTP/2; `held` is dropped when the connection is gone.
pub async fn open_http2<S, H>(stream: S, held: H) -> hyper::Result<Opened>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Send + 'static,
{
    let traffic = Arc::new(Traffic::default());
    let watch = Watch::Frames(FrameWatch::default());
    let watched = Watched::new(stream, Arc::clone(&traffic), watch);
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(MAX_RESPONSE_HEAD_BYTES as u32)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .handshake(TokioIo::new(watched))
        .await?;
    drive(connection, held);
    Ok(Opened { sender: Sender::Http2(sender), traffic })
}

fn drive<C, H>(connection: C, held: H)
where
    C: Future<Output = hyper::Result<()>> + Send + 'static,
    H: Send + 'static,
{
    tokio::spawn(async move {
        // Whoever waits for a response on this connection gets its error; an
        // idle connection's end is no news.
        let _ = connection.await;
        drop(held);
    });
}
