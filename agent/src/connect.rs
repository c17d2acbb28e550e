//! Makes one connection to a receiver.
//!
//! Fed by `pool` with an origin and its judged addresses; feeds it a connection
//! that speaks HTTP/1.1 or HTTP/2, as ALPN decided. Guarantees that only the
//! given addresses are dialled (`dial`), never a proxy, and that the certificate
//! is checked against the name in the URL.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use hyper::rt::{Read, Write};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use thiserror::Error;
use tokio_rustls::TlsConnector;

use crate::dial::{ConnectTimings, DialError, Stream, dial};
use crate::pool::Slot;
use crate::receiver_trust::ReceiverCertVerifier;
use crate::target::Origin;

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
    /// TCP or TLS, with every address.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// HTTP, before any request.
    #[error("the connection could not be used: {0}")]
    Http(#[from] hyper::Error),
}

impl ConnectError {
    /// The address that the error is about, and how long TCP took where it worked.
    pub fn dialled(&self) -> Option<(SocketAddr, Option<Duration>)> {
        match self {
            Self::Dial(error) => error.dialled(),
            Self::Http(_) => None,
        }
    }
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
        let security = origin.tls_name.as_ref().map(|name| (&self.tls, name));
        let dialled = dial(addresses, origin.port, security, self.limit).await?;
        let sender = match dialled.stream {
            Stream::Plain(stream) => http1_sender(TokioIo::new(stream), slot).await?,
            Stream::Secure(stream) => {
                let speaks_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let io = TokioIo::new(*stream);
                match speaks_http2 {
                    true => http2_sender(io, slot).await?,
                    false => http1_sender(io, slot).await?,
                }
            }
        };
        Ok(Connected { sender, peer: dialled.address.into(), timings: dialled.timings })
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
