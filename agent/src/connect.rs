//! Makes one connection to a receiver.
//!
//! Fed by `pool` with an origin and its judged addresses; feeds it a connection
//! that speaks HTTP/1.1 or HTTP/2, as ALPN decided. Guarantees that only the
//! given addresses are dialled, never a proxy, and that the certificate is
//! checked against the name in the URL. With several addresses the next is
//! tried beside a slow one, so that a dead address costs a moment and not the
//! attempt.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use hyper::rt::{Read, Write};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::pool::Slot;
use crate::receiver_trust::ReceiverCertVerifier;
use crate::target::Origin;

/// How long an address has to itself before the next is tried beside it.
const HEAD_START: Duration = Duration::from_millis(250);
/// More response headers than this, or than the hundred that hyper takes, are a fault
/// of the receiver's. Another number than hyper's own costs two allocations a response.
const MAX_RESPONSE_HEAD_BYTES: usize = 64 * 1024;
/// What a receiver may send before the body is read, per HTTP/2 stream.
const STREAM_WINDOW_BYTES: u32 = 128 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
/// Finds connections over which nothing comes back any more.
const PING_INTERVAL: Duration = Duration::from_secs(15);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// There was nothing to dial.
    #[error("the host has no address")]
    NoAddress,
    /// TCP, on every address.
    #[error("connecting to {address} failed: {cause}")]
    Tcp { address: SocketAddr, cause: io::Error },
    /// TLS, a refused certificate included.
    #[error("the TLS handshake failed: {0}")]
    Tls(io::Error),
    /// HTTP, before any request.
    #[error("the connection could not be used: {0}")]
    Http(#[from] hyper::Error),
}

/// A sender for requests of one HTTP version.
#[derive(Debug)]
pub enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// Whom a connection goes to; written once, because each of its POSTs reports it.
#[derive(Debug, Clone)]
pub struct Peer {
    pub ip: IpAddr,
    pub written: Arc<str>,
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self { ip: address.ip(), written: address.to_string().into() }
    }
}

/// A new connection and how long its parts took.
#[derive(Debug)]
pub struct Connected {
    pub sender: Sender,
    pub peer: Peer,
    pub timings: ConnectTimings,
}

/// What a new connection cost.
#[derive(Debug, Clone, Copy, Default)]
pub struct ConnectTimings {
    pub tcp: Duration,
    pub tls: Option<Duration>,
}

/// Makes connections.
pub struct Connector {
    tls: TlsConnector,
    limit: Duration,
}

impl Connector {
    /// Trusts the platform's roots and those in `extra_ca_pem`; gives a
    /// connection up after `limit`.
    pub fn new(extra_ca_pem: &[Vec<u8>], limit: Duration) -> anyhow::Result<Self> {
        Ok(Self { tls: TlsConnector::from(Arc::new(tls_config(extra_ca_pem)?)), limit })
    }

    /// Connects; the connection is driven by a task that holds `slot` until the
    /// connection is gone.
    pub async fn connect(
        &self,
        origin: &Origin,
        addresses: &[IpAddr],
        slot: Slot,
    ) -> Result<Connected, ConnectError> {
        let began = Instant::now();
        let (stream, address) = self.dial(addresses, origin.port).await?;
        let mut timings = ConnectTimings { tcp: began.elapsed(), tls: None };
        let Some(name) = origin.tls_name.clone() else {
            let sender = http1_sender(TokioIo::new(stream), slot).await?;
            return Ok(Connected { sender, peer: address.into(), timings });
        };
        let began = Instant::now();
        let secured = timeout(self.limit, self.tls.connect(name, stream)).await;
        let stream = secured
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(ConnectError::Tls)?;
        timings.tls = Some(began.elapsed());
        let speaks_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let io = TokioIo::new(stream);
        let sender = match speaks_http2 {
            true => http2_sender(io, slot).await?,
            false => http1_sender(io, slot).await?,
        };
        Ok(Connected { sender, peer: address.into(), timings })
    }

    async fn dial(
        &self,
        addresses: &[IpAddr],
        port: u16,
    ) -> Result<(TcpStream, SocketAddr), ConnectError> {
        let mut waiting = addresses.iter();
        let mut dialling = FuturesUnordered::new();
        let mut failure = ConnectError::NoAddress;
        loop {
            match waiting.next() {
                Some(address) => dialling.push(self.dial_one(SocketAddr::new(*address, port))),
                None if dialling.is_empty() => return Err(failure),
                None => {}
            }
            let next = dialling.next();
            let outcome = if waiting.as_slice().is_empty() {
                next.await
            } else {
                timeout(HEAD_START, next).await.unwrap_or(None)
            };
            match outcome {
                Some(Ok(connected)) => return Ok(connected),
                Some(Err(error)) => failure = error,
                None => {}
            }
        }
    }

    async fn dial_one(&self, address: SocketAddr) -> Result<(TcpStream, SocketAddr), ConnectError> {
        let dialled = timeout(self.limit, TcpStream::connect(address)).await;
        let stream = dialled
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .and_then(|stream| stream.set_nodelay(true).map(|()| stream))
            .map_err(|cause| ConnectError::Tcp { address, cause })?;
        Ok((stream, address))
    }
}

async fn http1_sender<T>(io: T, slot: Slot) -> Result<Sender, ConnectError>
where
    T: Read + Write + Unpin + Send + 'static,
{
    let (sender, connection) =
        http1::Builder::new().max_buf_size(MAX_RESPONSE_HEAD_BYTES).handshake(io).await?;
    drive(connection, slot);
    Ok(Sender::Http1(sender))
}

async fn http2_sender<T>(io: T, slot: Slot) -> Result<Sender, ConnectError>
where
    T: Read + Write + Unpin + Send + 'static,
{
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(MAX_RESPONSE_HEAD_BYTES as u32)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .handshake(io)
        .await?;
    drive(connection, slot);
    Ok(Sender::Http2(sender))
}

fn drive<C>(connection: C, slot: Slot)
where
    C: Future<Output = hyper::Result<()>> + Send + 'static,
{
    tokio::spawn(async move {
        // Whoever waits for a response on this connection gets its error; an
        // idle connection's end is no news.
        let _ = connection.await;
        drop(slot);
    });
}

fn tls_config(extra_ca_pem: &[Vec<u8>]) -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = ReceiverCertVerifier::load(extra_ca_pem, Arc::clone(&provider))?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
