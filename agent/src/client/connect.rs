//! Makes one connection to a receiver.
//!
//! Only the given addresses are dialled, never a proxy. The certificate is checked
//! against the name in the URL, with the roots as they are when it connects. ALPN decides
//! between HTTP/1.1 and HTTP/2.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use postrider_tls::{PemFile, PemFiles, Reloading, WatchedCertificates};
use postrider_webhook_request::Origin;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use thiserror::Error;
use tokio_rustls::TlsConnector;

use crate::client::connection::{OpenedConnection, open_http1, open_http2};
use crate::client::dial::{ConnectTimings, DialError, DialProgress, TransportStream, dial};
use crate::client::receiver_trust::ReceiverCertVerifier;

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// TCP or TLS, with every address.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// HTTP, before any request.
    #[error("the HTTP handshake failed: {0}")]
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
pub struct PeerAddress {
    pub ip: IpAddr,
    pub text: Arc<str>,
}

impl From<SocketAddr> for PeerAddress {
    fn from(address: SocketAddr) -> Self {
        Self { ip: address.ip(), text: address.to_string().into() }
    }
}

/// A new connection and how long its parts took.
#[derive(Debug)]
pub struct NewConnection {
    pub opened: OpenedConnection,
    pub peer: PeerAddress,
    pub timings: ConnectTimings,
}

/// Makes connections.
pub struct ReceiverConnector {
    tls: Reloading<ReceiverTls>,
    limit: Duration,
}

/// TLS with the roots of one time.
struct ReceiverTls {
    any_version: TlsConnector,
    /// Offers HTTP/1.1 alone.
    http1: TlsConnector,
}

impl ReceiverTls {
    fn new(extra_ca_pem: &[Vec<u8>], extra_ca: &[CertificateDer<'static>]) -> anyhow::Result<Self> {
        let mut config = tls_config(extra_ca_pem, extra_ca)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let http1 = TlsConnector::from(Arc::new(config.clone()));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { any_version: TlsConnector::from(Arc::new(config)), http1 })
    }
}

impl ReceiverConnector {
    /// Trusts the platform's roots, those in `extra_ca_pem` and those in the files, which are
    /// read again when they change; gives a connection up after `limit`.
    pub fn new(
        extra_ca_pem: &[Vec<u8>],
        extra_ca_files: &[PathBuf],
        limit: Duration,
    ) -> anyhow::Result<Self> {
        let file = |path: &PathBuf| PemFile { setting: "receivers.extra_ca", path: path.clone() };
        let authorities = extra_ca_files.iter().map(file).collect();
        let files = PemFiles { identity: None, authorities };
        let extra_ca_pem = extra_ca_pem.to_vec();
        let tls = Reloading::load(files, move |material| {
            ReceiverTls::new(&extra_ca_pem, &material.authorities)
        })?;
        Ok(Self { tls, limit })
    }

    /// The files of roots, to be measured.
    pub fn watched_certificates(&self) -> Arc<dyn WatchedCertificates> {
        Arc::new(self.tls.clone())
    }

    /// Connects; the connection is driven by a task that holds `permit` until the
    /// connection is gone.
    pub async fn connect<H: Send + 'static>(
        &self,
        origin: &Origin,
        addresses: &[IpAddr],
        http1_only: bool,
        progress: &DialProgress,
        permit: H,
    ) -> Result<NewConnection, ConnectError> {
        let current = self.tls.current();
        let tls = if http1_only { &current.http1 } else { &current.any_version };
        let security = origin.tls_name.as_ref().map(|name| (tls, name));
        let dialled = dial(addresses, origin.port, security, self.limit, progress).await?;
        let opened = match dialled.stream {
            TransportStream::Plain(stream) => open_http1(stream, permit).await?,
            TransportStream::Tls(stream) => {
                let speaks_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                match speaks_http2 {
                    true => open_http2(*stream, permit).await?,
                    false => open_http1(*stream, permit).await?,
                }
            }
        };
        Ok(NewConnection { opened, peer: dialled.address.into(), timings: dialled.timings })
    }
}

fn tls_config(
    extra_ca_pem: &[Vec<u8>],
    extra_ca: &[CertificateDer<'static>],
) -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = ReceiverCertVerifier::load(extra_ca_pem, extra_ca, Arc::clone(&provider))?;
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}
