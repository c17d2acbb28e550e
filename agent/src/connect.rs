//! Makes one connection to a receiver.
//!
//! Fed by `pool` with an origin and its judged addresses; feeds it a connection
//! that speaks HTTP/1.1 or HTTP/2, as ALPN decided (`connection`). Guarantees that only the
//! given addresses are dialled (`dial`), never a proxy, and that the certificate
//! is checked against the name in the URL.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use thiserror::Error;
use tokio_rustls::TlsConnector;

use crate::connection::{Opened, open_http1, open_http2};
use crate::dial::{ConnectTimings, DialError, DialProgress, Stream, dial};
use crate::receiver_trust::ReceiverCertVerifier;
use crate::target::Origin;

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
    /// Whether TLS failed.
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::Dial(DialError::Tls { .. }))
    }

    /// The address that the error is about, and how long TCP took where it worked.
    pub fn dialled(&self) -> Option<(SocketAddr, Option<Duration>)> {
        match self {
            Self::Dial(error) => error.dialled(),
            Self::Http(_) => None,
        }
    }
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
    pub opened: Opened,
    pub peer: Peer,
    pub timings: ConnectTimings,
}

/// Makes connections.
pub struct Connector {
    tls: TlsConnector,
    /// Offers HTTP/1.1 alone.
    http1_tls: TlsConnector,
    limit: Duration,
}

impl Connector {
    /// Trusts the platform's roots and those in `extra_ca_pem`; gives a
    /// connection up after `limit`.
    pub fn new(extra_ca_pem: &[Vec<u8>], limit: Duration) -> anyhow::Result<Self> {
        let mut config = tls_config(extra_ca_pem)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let http1_tls = TlsConnector::from(Arc::new(config.clone()));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { tls: TlsConnector::from(Arc::new(config)), http1_tls, limit })
    }

    /// Connects; the connection is driven by a task that holds `held` until the
    /// connection is gone.
    pub async fn connect<H: Send + 'static>(
        &self,
        origin: &Origin,
        addresses: &[IpAddr],
        http1_only: bool,
        progress: &DialProgress,
        held: H,
    ) -> Result<Connected, ConnectError> {
        let tls = if http1_only { &self.http1_tls } else { &self.tls };
        let security = origin.tls_name.as_ref().map(|name| (tls, name));
        let dialled = dial(addresses, origin.port, security, self.limit, progress).await?;
        let opened = match dialled.stream {
            Stream::Plain(stream) => open_http1(stream, held).await?,
            Stream::Secure(stream) => {
                let speaks_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                match speaks_http2 {
                    true => open_http2(*stream, held).await?,
                    false => open_http1(*stream, held).await?,
                }
            }
        };
        Ok(Connected { opened, peer: dialled.address.into(), timings: dialled.timings })
    }
}

fn tls_config(extra_ca_pem: &[Vec<u8>]) -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = ReceiverCertVerifier::load(extra_ca_pem, Arc::clone(&provider))?;
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}
