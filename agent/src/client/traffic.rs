//! Counts the bytes of one connection and scans what is read.
//!
//! From the counts the client knows whether a failed request was written at all, and
//! whether a silent connection is dead. A receiver that floods with interim responses
//! is cut off (`interim`). A stream that ends without TLS `close_notify` is treated as
//! ended: only the response's own length decides whether the response is complete.
//!
//! Keeps the invariant `dead-connection-not-lent`.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::client::interim::{HeadShape, Http1HeadScanner, Http2FrameScanner};

/// What went over one connection so far.
#[derive(Debug, Default)]
pub struct ConnectionTraffic {
    read_bytes: AtomicU64,
    written_bytes: AtomicU64,
    exchanges: AtomicU64,
    /// The head of the response to the newest request, see [`pack_head_shape`].
    head: AtomicU64,
    ended_abruptly: AtomicBool,
}

impl ConnectionTraffic {
    /// Bytes that came.
    pub fn read_bytes(&self) -> u64 {
        self.read_bytes.load(Ordering::Relaxed)
    }

    /// Bytes that the operating system, or TLS before it, took.
    pub fn written_bytes(&self) -> u64 {
        self.written_bytes.load(Ordering::Relaxed)
    }

    /// A request is about to be sent.
    pub fn begin_exchange(&self) {
        self.head.store(0, Ordering::Relaxed);
        self.exchanges.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the stream ended without TLS's `close_notify`.
    pub fn ended_abruptly(&self) -> bool {
        self.ended_abruptly.load(Ordering::Relaxed)
    }

    /// The head of the response to the newest request, once it is complete; only over
    /// HTTP/1.1.
    pub fn head_shape(&self) -> HeadShape {
        let [s0, s1, l0, l1, l2, l3, folded, _] = self.head.load(Ordering::Relaxed).to_be_bytes();
        HeadShape {
            status: u16::from_be_bytes([s0, s1]),
            lines: u32::from_be_bytes([l0, l1, l2, l3]),
            folded: folded != 0,
        }
    }
}

/// Status, lines and whether one is folded, from the highest byte down.
fn pack_head_shape(shape: HeadShape) -> u64 {
    let [s0, s1] = shape.status.to_be_bytes();
    let [l0, l1, l2, l3] = shape.lines.to_be_bytes();
    u64::from_be_bytes([s0, s1, l0, l1, l2, l3, shape.folded.into(), 0])
}

/// What is looked for in the bytes that come.
#[derive(Debug)]
pub enum ResponseScanner {
    Heads(Http1HeadScanner),
    Frames(Http2FrameScanner),
}

/// A stream whose bytes are counted.
#[derive(Debug)]
pub struct CountedStream<S> {
    stream: S,
    traffic: Arc<ConnectionTraffic>,
    watch: ResponseScanner,
}

impl<S> CountedStream<S> {
    /// Counts what goes over `stream` in `traffic`.
    pub fn new(stream: S, traffic: Arc<ConnectionTraffic>, watch: ResponseScanner) -> Self {
        Self { stream, traffic, watch }
    }

    fn scan(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.traffic.read_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let flood = |error| io::Error::new(ErrorKind::InvalidData, error);
        match &mut self.watch {
            ResponseScanner::Frames(frames) => frames.scan(bytes).map_err(flood),
            ResponseScanner::Heads(heads) => {
                let exchange = self.traffic.exchanges.load(Ordering::Relaxed);
                if let Some(shape) = heads.scan(bytes, exchange).map_err(flood)? {
                    self.traffic.head.store(pack_head_shape(shape), Ordering::Relaxed);
                }
                Ok(())
            }
        }
    }

    fn count_written(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &written {
            self.traffic.written_bytes.fetch_add(*bytes as u64, Ordering::Relaxed);
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for CountedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match ready!(Pin::new(&mut self.stream).poll_read(cx, buffer)) {
            Ok(()) => {
                let new = buffer.filled().get(before..).unwrap_or_default();
                Poll::Ready(if new.is_empty() { Ok(()) } else { self.scan(new) })
            }
            // What rustls says of a stream that ends without close_notify.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                self.traffic.ended_abruptly.store(true, Ordering::Relaxed);
                Poll::Ready(Ok(()))
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for CountedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.count_written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.count_written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
