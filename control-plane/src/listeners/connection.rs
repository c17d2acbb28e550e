//! A connection whose handshake is over.
//!
//! Fed by `accept`; feeds a gRPC server, which gives each request a copy of the
//! [`ConnectionPeer`] among its extensions. Guarantees that a connection on which HTTP/2 does
//! not begin in time is closed, and a caller's once it is too old; and that a connection
//! ends soon after the certificate that was shown on it.
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
use super::slots::ConnectionSlot;
use crate::metrics::LimitMetrics;
use crate::settings::ConnectionSettings;

/// What every HTTP/2 connection begins with: "PRI * HTTP/2.0", two line ends, "SM", two more.
const PREFACE_BYTES: usize = 24;
/// Streams end so long after the connection has said that it takes no new ones: whoever opens
/// a stream again then does so on a new connection.
const STREAM_END_DELAY: Duration = Duration::from_millis(500);

/// Who is at the other end of a connection, and what the connection may and does.
#[derive(Clone, Debug)]
pub struct ConnectionPeer {
    pub address: SocketAddr,
    /// The names in the certificate that was shown, if one was. Its chain is verified.
    pub certificate: Option<Arc<CertificateNames>>,
    /// When its streams end; `None`: not by its age.
    pub streams_end: Option<Instant>,
    /// Bytes of requests that are being received on it.
    pub receiving: Arc<AtomicUsize>,
}

impl ConnectionPeer {
    /// Somebody at the other end of a connection that does not age.
    pub fn new(address: SocketAddr, certificate: Option<Arc<CertificateNames>>) -> Self {
        Self { address, certificate, streams_end: None, receiving: Arc::default() }
    }
}

/// How long connections of a door may take, and last.
pub(super) struct ConnectionTimes {
    preface_timeout: Duration,
    /// The age from which it is not used, and how long what it still does may take.
    age: Option<(Duration, Duration)>,
    pub metrics: LimitMetrics,
}

impl ConnectionTimes {
    /// Only callers' connections age: agents keep a stream to every replica.
    pub fn new(door: Door, settings: &ConnectionSettings, metrics: LimitMetrics) -> Self {
        let age = settings.max_age().filter(|_| door == Door::Callers);
        let age = age.map(|age| (age, settings.age_grace()));
        Self { preface_timeout: settings.preface_timeout(), age, metrics }
    }
}

/// Completes when the connection is to be closed.
type ConnectionEnd = Pin<Box<dyn Future<Output = ()> + Send>>;

enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// With TLS or without.
pub struct DoorConnection {
    peer: ConnectionPeer,
    transport: Transport,
    /// For one whose other end has shown a certificate: when that no longer counts.
    certificate_end: Option<ConnectionEnd>,
    /// Of the preface, what has not arrived.
    missing_preface_bytes: usize,
    /// When it is closed: for want of a preface, then for its age.
    deadline: Option<Pin<Box<Sleep>>>,
    /// When it is too old.
    age_end: Option<Instant>,
    metrics: LimitMetrics,
    /// Given back when the connection is dropped.
    _slot: ConnectionSlot,
}

impl DoorConnection {
    pub(super) fn plain(
        address: SocketAddr,
        stream: TcpStream,
        times: &ConnectionTimes,
        slot: ConnectionSlot,
    ) -> Self {
        Self::new(ConnectionPeer::new(address, None), Transport::Plain(stream), times, slot)
    }

    /// An error if the certificate that was shown cannot be read.
    pub(super) fn tls(
        address: SocketAddr,
        stream: TlsStream<TcpStream>,
        times: &ConnectionTimes,
        slot: ConnectionSlot,
    ) -> anyhow::Result<Self> {
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let certificate = shown.map(CertificateNames::parse).transpose()?.map(Arc::new);
        let peer = ConnectionPeer::new(address, certificate);
        Ok(Self::new(peer, Transport::Tls(Box::new(stream)), times, slot))
    }

    fn new(
        mut peer: ConnectionPeer,
        transport: Transport,
        times: &ConnectionTimes,
        slot: ConnectionSlot,
    ) -> Self {
        let now = Instant::now();
        peer.streams_end = times.age.map(|(age, _)| now + age + STREAM_END_DELAY);
        let certificate_end = peer.certificate.as_ref().map(|shown| close_after(shown.not_after));
        Self {
            peer,
            transport,
            certificate_end,
            missing_preface_bytes: PREFACE_BYTES,
            deadline: Some(Box::pin(tokio::time::sleep_until(now + times.preface_timeout))),
            age_end: times.age.map(|(age, grace)| now + age + grace.max(STREAM_END_DELAY * 2)),
            metrics: times.metrics.clone(),
            _slot: slot,
        }
    }

    /// Whether the connection has had its time.
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        let Some(deadline) = &mut self.deadline else { return false };
        if deadline.as_mut().poll(context).is_pending() {
            return false;
        }
        self.metrics.reached(match self.missing_preface_bytes {
            0 => "connections.age_grace_seconds",
            _ => "connections.preface_timeout_milliseconds",
        });
        self.deadline = None;
        true
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

    /// An error once the certificate has expired. Whoever reads is woken for it, and an
    /// HTTP/2 server always reads.
    fn require_valid(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let has_ended =
            self.certificate_end.as_mut().is_some_and(|end| end.as_mut().poll(context).is_ready());
        if has_ended {
            // It is not polled again.
            self.certificate_end = Some(Box::pin(std::future::ready(())));
            let problem = "the client's certificate has expired";
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, problem));
        }
        Ok(())
    }
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
        connection.require_valid(context)?;
        if connection.is_over(context) {
            let told = "the connection has had its time";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, told)));
        }
        let before = buffer.filled().len();
        ready!(match &mut connection.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Transport::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        })?;
        connection.note_read(buffer.filled().len().saturating_sub(before));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for DoorConnection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Transport::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Transport::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(stream) => stream.is_write_vectored(),
            Transport::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().transport {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(context),
            Transport::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().transport {
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::listeners::slots::ConnectionSlots;

    #[tokio::test]
    async fn a_connection_ends_by_itself_while_its_other_end_is_silent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, address) = listener.accept().await.unwrap();
        let settings = ConnectionSettings {
            max_connections: 1,
            reserved_for_agents_and_replicas: 0,
            max_connections_per_address: 0,
            max_handshakes: 1,
            handshake_timeout_milliseconds: 10_000,
            preface_timeout_milliseconds: 10_000,
            max_age_seconds: 0,
            age_grace_seconds: 0,
        };
        let metrics = LimitMetrics::default();
        let slots = ConnectionSlots::new(&settings, metrics.clone());
        let slot = slots.take(Door::Agents, address.ip()).unwrap();
        let times = ConnectionTimes::new(Door::Agents, &settings, metrics);
        let mut connection = DoorConnection::plain(address, stream, &times, slot);
        connection.certificate_end = Some(Box::pin(tokio::time::sleep(Duration::from_millis(200))));
        client.write_all(b"a").await.unwrap();
        assert_eq!(connection.read_u8().await.unwrap(), b'a');
        for _ in 0..2 {
            let ended = connection.read_u8().await.unwrap_err();
            assert_eq!(ended.kind(), io::ErrorKind::ConnectionAborted, "{ended}");
        }
    }
}
