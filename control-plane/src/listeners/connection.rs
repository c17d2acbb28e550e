//! A connection whose handshake is over.
//!
//! Fed by `accept`; feeds a door's server, which gives each request a copy of the
//! [`ConnectionPeer`] among its extensions. Guarantees that a connection on which HTTP does
//! not begin in time is closed, and a caller's once it is too old; and that a connection
//! ends soon after the certificate that was shown on it, or once its other end has read
//! nothing for too long.
//!
//! Keeps the invariant `certificate-says-who`.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use postrider_tls::CertificateNames;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::door::Door;
use super::expiry::{self, EXPIRED_CONNECTION_GRACE};
use super::handshakes::RunningHandshake;
use super::refused_requests::RequestWatch;
use super::slots::ConnectionSlot;
use crate::metrics::LimitMetrics;
use crate::settings::ConnectionSettings;

/// What every HTTP/2 connection begins with: "PRI * HTTP/2.0", two line ends, "SM", two more.
/// Over HTTP/1.1 so much of the first request, whose rest the server waits for.
const PREFACE_BYTES: usize = 24;
/// Streams end so long after the connection has said that it takes no new ones: whoever opens
/// a stream again then does so on a new connection. As long it takes to tell the end of the
/// last ones.
const STREAM_END_DELAY: Duration = Duration::from_millis(500);

/// Who is at the other end of a connection, and what the connection may and does.
#[derive(Clone, Debug)]
pub struct ConnectionPeer {
    pub address: SocketAddr,
    /// The names in the certificate that was shown, if one was. Its chain is verified.
    pub certificate: Option<Arc<CertificateNames>>,
    /// When its streams end that can be resumed; `None`: not by its age.
    pub streams_end: Option<Instant>,
    /// When all others end that are still open: just before it is closed.
    pub last_streams_end: Option<Instant>,
    /// Bytes of requests that are being received on it, and for agents on all that showed the
    /// same certificate.
    pub receiving: Arc<AtomicUsize>,
}

impl ConnectionPeer {
    /// Somebody at the other end of a connection that does not age.
    pub fn new(address: SocketAddr, certificate: Option<Arc<CertificateNames>>) -> Self {
        Self {
            address,
            certificate,
            streams_end: None,
            last_streams_end: None,
            receiving: Arc::default(),
        }
    }
}

/// How long connections of a door may take, and last.
pub(super) struct ConnectionTimes {
    pub handshake_timeout: Duration,
    preface_timeout: Duration,
    pub write_timeout: Duration,
    /// The age from which it is not used, and how long what it still does may take.
    age: Option<(Duration, Duration)>,
    pub metrics: LimitMetrics,
}

impl ConnectionTimes {
    /// Only callers' connections age: agents keep a stream to every replica.
    pub fn new(door: Door, settings: &ConnectionSettings, metrics: LimitMetrics) -> Self {
        let age = settings.max_age().filter(|_| door == Door::Callers);
        let age = age.map(|age| (age, settings.age_grace()));
        let (handshake_timeout, preface_timeout) =
            (settings.handshake_timeout(), settings.preface_timeout());
        let write_timeout = settings.write_timeout();
        Self { handshake_timeout, preface_timeout, write_timeout, age, metrics }
    }
}

/// Completes when the connection is to be closed.
type ConnectionEnd = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Why a connection is closed by this end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CloseReason {
    TimeOver,
    CertificateExpired,
    /// Its other end is nobody here, and has been told.
    Stranger,
}

impl CloseReason {
    fn error(self) -> io::Error {
        let (kind, problem) = match self {
            Self::TimeOver => (io::ErrorKind::TimedOut, "the connection has had its time"),
            Self::CertificateExpired => {
                (io::ErrorKind::ConnectionAborted, "the client's certificate has expired")
            }
            Self::Stranger => {
                (io::ErrorKind::ConnectionAborted, "the client's certificate is nobody's here")
            }
        };
        io::Error::new(kind, problem)
    }
}

/// What a connection is counted among.
pub(super) enum ConnectionPlace {
    /// The connections of its door.
    #[expect(dead_code, reason = "it is given back when the connection is dropped")]
    Slot(ConnectionSlot),
    /// The handshakes: its other end is nobody here, and stays only to be told so.
    Stranger(RunningHandshake),
}

enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// With TLS or without.
pub struct DoorConnection {
    peer: ConnectionPeer,
    transport: Transport,
    /// For one whose other end has shown a certificate: when that no longer counts.
    certificate_end: Option<(ConnectionEnd, CloseReason)>,
    /// Of the preface, what has not arrived.
    missing_preface_bytes: usize,
    /// When it is closed: for want of a preface, then for its age.
    deadline: Option<Pin<Box<Sleep>>>,
    /// When it is too old.
    age_end: Option<Instant>,
    write_timeout: Duration,
    /// While the other end takes nothing: when it has had its time.
    write_deadline: Option<Pin<Box<Sleep>>>,
    /// Why it is closed. From then on every call fails.
    closed: Option<CloseReason>,
    requests: RequestWatch,
    metrics: LimitMetrics,
    /// Given back when the connection is dropped.
    _place: ConnectionPlace,
}

impl DoorConnection {
    pub(super) fn plain(
        address: SocketAddr,
        stream: TcpStream,
        times: &ConnectionTimes,
        slot: ConnectionSlot,
    ) -> Self {
        let (peer, place) = (ConnectionPeer::new(address, None), ConnectionPlace::Slot(slot));
        Self::new(peer, Transport::Plain(stream), times, place)
    }

    /// With who is at the other end, who has shown [`shown_certificate`].
    pub(super) fn tls(
        peer: ConnectionPeer,
        stream: TlsStream<TcpStream>,
        times: &ConnectionTimes,
        place: ConnectionPlace,
    ) -> Self {
        Self::new(peer, Transport::Tls(Box::new(stream)), times, place)
    }

    fn new(
        mut peer: ConnectionPeer,
        transport: Transport,
        times: &ConnectionTimes,
        place: ConnectionPlace,
    ) -> Self {
        let now = Instant::now();
        let end_after_grace = |(age, grace): (Duration, Duration)| now + age + grace;
        peer.streams_end = times.age.map(|(age, _)| now + age + STREAM_END_DELAY);
        peer.last_streams_end = times.age.map(end_after_grace);
        let certificate_end = match &place {
            ConnectionPlace::Slot(_) => peer
                .certificate
                .as_ref()
                .map(|shown| (close_after(shown.not_after), CloseReason::CertificateExpired)),
            ConnectionPlace::Stranger(handshake) => {
                let displaced = handshake.displaced.clone().cancelled_owned();
                let told = tokio::time::timeout(times.handshake_timeout, displaced);
                let end: ConnectionEnd = Box::pin(async move { drop(told.await) });
                Some((end, CloseReason::Stranger))
            }
        };
        Self {
            peer,
            transport,
            certificate_end,
            missing_preface_bytes: PREFACE_BYTES,
            deadline: Some(Box::pin(tokio::time::sleep_until(now + times.preface_timeout))),
            age_end: times.age.map(|age| end_after_grace(age) + STREAM_END_DELAY),
            write_timeout: times.write_timeout,
            write_deadline: None,
            closed: None,
            requests: RequestWatch::begin(times.metrics.clone()),
            metrics: times.metrics.clone(),
            _place: place,
        }
    }

    fn require_open(&self) -> io::Result<()> {
        self.closed.map_or(Ok(()), |reason| Err(reason.error()))
    }

    /// An error once the connection has had its time or the certificate has expired. Whoever
    /// reads is woken for it, and whoever cannot write: HTTP/2 does not read while its own
    /// frames wait for a client that reads nothing.
    fn require_time(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        self.require_open()?;
        if let Some((end, reason)) = &mut self.certificate_end
            && end.as_mut().poll(context).is_ready()
        {
            let reason = *reason;
            return Err(self.close(reason));
        }
        let deadline = self.deadline.as_mut();
        if deadline.is_some_and(|deadline| deadline.as_mut().poll(context).is_ready()) {
            self.metrics.reached(match self.missing_preface_bytes {
                0 => "connections.age_grace_seconds",
                _ => "connections.preface_timeout_milliseconds",
            });
            return Err(self.close(CloseReason::TimeOver));
        }
        Ok(())
    }

    fn close(&mut self, reason: CloseReason) -> io::Error {
        self.closed = Some(reason);
        self.requests.end();
        reason.error()
    }

    /// Writes, and looks at the time only where the other end takes nothing: what is written
    /// costs no more than before.
    fn write_with<T>(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(&mut Transport, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        self.require_open()?;
        let written = write(&mut self.transport, context);
        if matches!(written, Poll::Ready(Err(_))) {
            self.requests.end();
        } else if written.is_pending() {
            self.require_time(context)?;
            self.require_reader(context)?;
        } else if self.write_deadline.is_some() {
            self.write_deadline = None;
        }
        written
    }

    /// An error once the other end has taken nothing for too long.
    fn require_reader(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let timeout = self.write_timeout;
        let deadline =
            self.write_deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        if deadline.as_mut().poll(context).is_pending() {
            return Ok(());
        }
        self.metrics.reached("connections.write_timeout_seconds");
        Err(self.close(CloseReason::TimeOver))
    }

    fn note_read(&mut self, bytes: usize) {
        if self.missing_preface_bytes == 0 {
            return;
        }
        self.missing_preface_bytes = self.missing_preface_bytes.saturating_sub(bytes);
        if self.missing_preface_bytes == 0 {
            self.deadline = self.age_end.map(|end| Box::pin(tokio::time::sleep_until(end)));
        }
    }
}

/// The certificate that the other end has shown, if one; an error if it cannot be read.
pub(super) fn shown_certificate(
    stream: &TlsStream<TcpStream>,
) -> anyhow::Result<Option<Arc<CertificateNames>>> {
    let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    Ok(shown.map(CertificateNames::parse).transpose()?.map(Arc::new))
}

/// The calls that go on have ended with a status by then.
fn close_after(not_after: SystemTime) -> ConnectionEnd {
    Box::pin(expiry::wait_until(not_after + EXPIRED_CONNECTION_GRACE))
}

impl Connected for DoorConnection {
    type ConnectInfo = ConnectionPeer;

    fn connect_info(&self) -> ConnectionPeer {
        self.peer.clone()
    }
}

impl AsyncRead for DoorConnection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let connection = self.get_mut();
        connection.require_time(context)?;
        let before = buffer.filled().len();
        let read = ready!(match &mut connection.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Transport::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        });
        let bytes = buffer.filled().len().saturating_sub(before);
        connection.requests.read(read.is_ok().then_some(bytes));
        connection.note_read(bytes);
        Poll::Ready(read)
    }
}

impl AsyncWrite for DoorConnection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let connection = self.get_mut();
        let written =
            ready!(connection.write_with(context, |transport, context| match transport {
                Transport::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
                Transport::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
            }))?;
        connection.requests.written(bytes);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let connection = self.get_mut();
        let written =
            ready!(connection.write_with(context, |transport, context| match transport {
                Transport::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
                Transport::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            }))?;
        if let Some(first) = slices.iter().find(|slice| !slice.is_empty()) {
            connection.requests.written(first);
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(stream) => stream.is_write_vectored(),
            Transport::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().write_with(context, |transport, context| match transport {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(context),
            Transport::Tls(stream) => Pin::new(stream).poll_flush(context),
        })
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let connection = self.get_mut();
        connection.requests.end();
        connection.write_with(context, |transport, context| match transport {
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        })
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
