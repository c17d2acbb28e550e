//! Makes one connection to a receiver.
//!
//! Only the given addresses are dialled, never a proxy. The certificate is checked
//! against the name in the URL, with the roots as they are when it connects, or with the
//! authorities of the subscription's credentials. ALPN decides between HTTP/1.1 and HTTP/2.
//! TLS sessions are kept for each destination by itself, and for a bounded number of them.
//!
//! Keeps the invariant `nothing-shared-across-credentials`.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lru::LruCache;
use parking_lot::Mutex;
use postrider_tls::{
    PemFile, PemFiles, Reloading, TrustVerifier, WatchedCertificates, crypto_provider,
};
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::sign::SingleCertAndKey;
use thiserror::Error;
use tokio_rustls::TlsConnector;

use crate::client::connection::{OpenedConnection, open_http1, open_http2};
use crate::client::destination::{Destination, DestinationRole};
use crate::client::dial::{ConnectTimings, DialError, DialProgress, TransportStream, dial};
use crate::client::receiver_trust::{EitherTrust, ReceiverTrust};

/// Destinations whose TLS sessions are kept. As many as there may be connections
/// (`receivers.max_connections`).
const MAX_TLS_DESTINATIONS: usize = 4_096;
/// Sessions of one destination: what rustls keeps of one name, so that its cache has room
/// for one name.
const SESSIONS_PER_DESTINATION: usize = 8;

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
    /// Shows nothing and keeps no session.
    config: ClientConfig,
    authorities: Arc<ReceiverTrust>,
    /// By destination, and by whether it offers HTTP/1.1 alone.
    connectors: Mutex<LruCache<(Arc<Destination>, bool), TlsConnector>>,
}

impl ReceiverTls {
    fn new(extra_ca_pem: &[Vec<u8>], extra_ca: &[CertificateDer<'static>]) -> anyhow::Result<Self> {
        let authorities = ReceiverTrust::load(extra_ca_pem, extra_ca)?;
        let mut config = ClientConfig::builder_with_provider(crypto_provider())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(TrustVerifier::new(authorities.clone()))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        // One made with its limit would take the memory for all at once.
        let mut connectors = LruCache::unbounded();
        connectors.resize(NonZeroUsize::new(MAX_TLS_DESTINATIONS).unwrap_or(NonZeroUsize::MIN));
        Ok(Self { config, authorities, connectors: Mutex::new(connectors) })
    }

    /// What connects to a destination, with the sessions that were made there.
    fn connector(&self, destination: &Arc<Destination>, http1_only: bool) -> TlsConnector {
        let key = (Arc::clone(destination), http1_only);
        let mut connectors = self.connectors.lock();
        connectors.get_or_insert(key, || self.make_connector(destination, http1_only)).clone()
    }

    fn make_connector(&self, destination: &Destination, http1_only: bool) -> TlsConnector {
        let mut config = self.config.clone();
        config.alpn_protocols = match http1_only {
            true => vec![b"http/1.1".to_vec()],
            false => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        };
        config.resumption = Resumption::in_memory_sessions(SESSIONS_PER_DESTINATION);
        let credentials = &destination.credentials;
        if let Some(key) = &credentials.certified_key {
            let resolver = SingleCertAndKey::from(Arc::clone(key));
            config.client_auth_cert_resolver = Arc::new(resolver);
        }
        if let Some(own) = &credentials.authorities {
            let own = Arc::clone(own);
            let verifier = match destination.role {
                DestinationRole::Receiver => TrustVerifier::new(own),
                DestinationRole::TokenServer => {
                    let either = EitherTrust(own, Arc::clone(&self.authorities));
                    TrustVerifier::new(Arc::new(either))
                }
            };
            config.dangerous().set_certificate_verifier(verifier);
        }
        TlsConnector::from(Arc::new(config))
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
        destination: &Arc<Destination>,
        addresses: &[IpAddr],
        http1_only: bool,
        progress: &DialProgress,
        permit: H,
    ) -> Result<NewConnection, ConnectError> {
        let origin = &destination.origin;
        let security = origin.tls_name.as_ref().map(|name| {
            let connector = self.tls.current().connector(destination, http1_only);
            (connector, name)
        });
        let security = security.as_ref().map(|(connector, name)| (connector, *name));
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
