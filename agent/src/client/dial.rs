//! Dials a receiver's addresses until one is ready for HTTP.
//!
//! An address counts as reached only when its TLS handshake is complete. The next
//! address is tried at once after a failure, and in parallel after a delay if the
//! current one is slow (Happy Eyeballs, RFC 8305, section 5). An address that refuses
//! or hangs delays the attempt; it does not fail it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use parking_lot::Mutex;
use rustls::CertificateError;
use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How long an address has to itself before the next is tried beside it: the
/// Connection Attempt Delay of RFC 8305, section 8.
const CONNECTION_ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// Once an address has answered, its handshake may take so many times as long as that
/// answer took (TLS takes one or two round trips more, and a key exchange), so that a
/// distant receiver is not dialled twice each time …
const HANDSHAKE_DELAY_FACTOR: u32 = 4;
/// … but no longer than this, the most that RFC 8305, section 8, permits.
const MAX_CONNECTION_ATTEMPT_DELAY: Duration = Duration::from_secs(2);

/// Why no address is ready.
#[derive(Debug, Error)]
pub enum DialError {
    /// There was nothing to dial.
    #[error("the host has no addresses")]
    NoAddress,
    /// TCP, on every address.
    #[error("connecting to {address} failed: {cause}")]
    Tcp { address: SocketAddr, cause: io::Error },
    /// TLS, a refused certificate included; of the addresses with which TCP worked
    /// the first that failed.
    #[error("the TLS handshake with {address} failed: {}", describe_tls_error(cause))]
    Tls { address: SocketAddr, tcp: Duration, cause: io::Error },
}

/// What rustls says of a certificate that nobody known has signed names its own types.
fn describe_tls_error(cause: &io::Error) -> String {
    let error = cause.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    match error {
        Some(rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::Other(_),
        )) => "the receiver's certificate is not signed by an authority that is trusted; the \
               subscription's ca_certificates, or the agent's --extra-ca, can name its \
               authority's, or its own if it is self-signed"
            .to_owned(),
        _ => cause.to_string(),
    }
}

impl DialError {
    /// The address that the error is about, and how long TCP took where it worked.
    pub fn dialled(&self) -> Option<(SocketAddr, Option<Duration>)> {
        match self {
            Self::NoAddress => None,
            Self::Tcp { address, .. } => Some((*address, None)),
            Self::Tls { address, tcp, .. } => Some((*address, Some(*tcp))),
        }
    }

    /// The error from the later stage; of two from the same stage, the first.
    fn or_later_stage(self, other: Self) -> Self {
        let rank = |error: &Self| match error {
            Self::NoAddress => 0,
            Self::Tcp { .. } => 1,
            Self::Tls { .. } => 2,
        };
        if rank(&other) > rank(&self) { other } else { self }
    }
}

/// How long the parts of a new connection took, from when dialling began.
#[derive(Debug, Clone, Copy, Default)]
pub struct ConnectTimings {
    pub tcp: Duration,
    pub tls: Option<Duration>,
}

/// What HTTP is spoken over.
pub enum TransportStream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// An address that is ready.
pub struct EstablishedStream {
    pub stream: TransportStream,
    pub address: SocketAddr,
    pub timings: ConnectTimings,
}

/// How far dialling came, for whoever gives it up: the address that came furthest, and
/// how long TCP took with it.
#[derive(Debug, Default)]
pub struct DialProgress(Mutex<Option<(SocketAddr, Option<Duration>)>>);

impl DialProgress {
    /// The same as of an error.
    pub fn dialled(&self) -> Option<(SocketAddr, Option<Duration>)> {
        *self.0.lock()
    }

    fn record(&self, address: SocketAddr, tcp: Option<Duration>) {
        let mut known = self.0.lock();
        if known.is_none_or(|(_, known)| known.is_none() && tcp.is_some()) {
            *known = Some((address, tcp));
        }
    }
}

/// How to secure a stream: with what, and whom the certificate must name.
pub type TlsTarget<'a> = Option<(&'a TlsConnector, &'a ServerName<'static>)>;

/// One race between the addresses of a host.
struct DialRace<'a> {
    security: TlsTarget<'a>,
    /// Of TCP, and of TLS, with one address.
    limit: Duration,
    began: Instant,
    progress: &'a DialProgress,
    /// When the next address may be tried beside those under way.
    next_start: Mutex<Instant>,
}

/// Dials `addresses` in their order; gives up one for which TCP or TLS takes
/// longer than `limit`.
pub async fn dial(
    addresses: &[IpAddr],
    port: u16,
    security: TlsTarget<'_>,
    limit: Duration,
    progress: &DialProgress,
) -> Result<EstablishedStream, DialError> {
    let began = Instant::now();
    let race = DialRace { security, limit, began, progress, next_start: Mutex::new(began) };
    let mut waiting = addresses.iter();
    let mut dialling = FuturesUnordered::new();
    let mut failure = DialError::NoAddress;
    let mut due = true;
    loop {
        if due && let Some(address) = waiting.next() {
            race.delay_next_start(CONNECTION_ATTEMPT_DELAY);
            dialling.push(race.dial_one(SocketAddr::new(*address, port)));
        }
        if dialling.is_empty() {
            return Err(failure);
        }
        let others_wait = !waiting.as_slice().is_empty();
        due = tokio::select! {
            Some(outcome) = dialling.next() => match outcome {
                Ok(dialled) => return Ok(dialled),
                Err(error) => {
                    failure = failure.or_later_stage(error);
                    true
                }
            },
            () = sleep_until(race.next_start()), if others_wait => {
                Instant::now() >= race.next_start()
            }
        };
    }
}

impl DialRace<'_> {
    fn next_start(&self) -> Instant {
        *self.next_start.lock()
    }

    fn delay_next_start(&self, head_start: Duration) {
        let mut next_start = self.next_start.lock();
        *next_start = (*next_start).max(Instant::now() + head_start);
    }

    async fn dial_one(&self, address: SocketAddr) -> Result<EstablishedStream, DialError> {
        let dialled_at = Instant::now();
        self.progress.record(address, None);
        let stream = with_timeout(self.limit, TcpStream::connect(address))
            .await
            .and_then(|stream| stream.set_nodelay(true).map(|()| stream))
            .map_err(|cause| DialError::Tcp { address, cause })?;
        let tcp = self.began.elapsed();
        self.progress.record(address, Some(tcp));
        let Some((connector, name)) = self.security else {
            let timings = ConnectTimings { tcp, tls: None };
            return Ok(EstablishedStream {
                stream: TransportStream::Plain(stream),
                address,
                timings,
            });
        };
        let handshake = dialled_at.elapsed() * HANDSHAKE_DELAY_FACTOR;
        self.delay_next_start(
            handshake.clamp(CONNECTION_ATTEMPT_DELAY, MAX_CONNECTION_ATTEMPT_DELAY),
        );
        let secured_from = Instant::now();
        let stream = with_timeout(self.limit, connector.connect(name.clone(), stream))
            .await
            .map_err(|cause| DialError::Tls { address, tcp, cause })?;
        let timings = ConnectTimings { tcp, tls: Some(secured_from.elapsed()) };
        Ok(EstablishedStream { stream: TransportStream::Tls(Box::new(stream)), address, timings })
    }
}

async fn with_timeout<T>(
    limit: Duration,
    step: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    timeout(limit, step).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rustls::pki_types::PrivateKeyDer;
    use rustls::{ClientConfig, RootCertStore, ServerConfig};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);
    const FIRST: &str = "127.0.0.1";
    const SECOND: &str = "127.0.0.2";

    /// What listens at an address.
    enum Listener {
        /// With the certificate that is trusted.
        Well,
        /// With another's certificate.
        Impostor,
        /// Takes the connection and says nothing.
        Silent,
        /// Takes the connection and closes it.
        Closing,
    }

    struct Host {
        port: u16,
        connector: TlsConnector,
        name: ServerName<'static>,
        taken: Arc<AtomicUsize>,
        progress: DialProgress,
    }

    fn certificate(name: &str) -> (rcgen::CertifiedKey<rcgen::KeyPair>, Arc<ServerConfig>) {
        let certified = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
        let provider = postrider_tls::crypto_provider();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
        (certified, Arc::new(config))
    }

    /// A host whose addresses are those two, at one port; none listens: nobody.
    async fn host(first: Option<Listener>, second: Option<Listener>) -> Host {
        let (trusted, well) = certificate("pay.example");
        let (_, impostor) = certificate("pay.example");
        let mut roots = RootCertStore::empty();
        roots.add(trusted.cert.der().clone()).unwrap();
        let provider = postrider_tls::crypto_provider();
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let bound = TcpListener::bind((SECOND, 0)).await.unwrap();
        let port = bound.local_addr().unwrap().port();
        let taken = Arc::new(AtomicUsize::new(0));
        for (kind, listener) in
            [(second, Some(bound)), (first, TcpListener::bind((FIRST, port)).await.ok())]
        {
            let Some(kind) = kind else { continue };
            let listener = listener.expect("the same port at both addresses");
            let (well, impostor) = (Arc::clone(&well), Arc::clone(&impostor));
            let taken = Arc::clone(&taken);
            tokio::spawn(async move {
                let mut kept = Vec::new();
                while let Ok((stream, _)) = listener.accept().await {
                    taken.fetch_add(1, Ordering::SeqCst);
                    match kind {
                        Listener::Well => {
                            drop(TlsAcceptor::from(Arc::clone(&well)).accept(stream).await)
                        }
                        Listener::Impostor => {
                            drop(TlsAcceptor::from(Arc::clone(&impostor)).accept(stream).await);
                        }
                        Listener::Silent => kept.push(stream),
                        Listener::Closing => drop(stream),
                    }
                }
            });
        }
        let name = ServerName::try_from("pay.example").unwrap();
        let connector = TlsConnector::from(Arc::new(client));
        Host { port, connector, name, taken, progress: DialProgress::default() }
    }

    impl Host {
        async fn dial(&self) -> Result<EstablishedStream, DialError> {
            let addresses = [FIRST, SECOND].map(|address| address.parse().unwrap());
            dial(&addresses, self.port, Some((&self.connector, &self.name)), LIMIT, &self.progress)
                .await
        }
    }

    #[tokio::test]
    async fn tls_that_hangs_or_fails_at_the_first_address_leads_to_the_next() {
        for first in [Listener::Silent, Listener::Closing, Listener::Impostor] {
            let host = host(Some(first), Some(Listener::Well)).await;
            let dialled = timeout(LIMIT / 2, host.dial()).await.unwrap().unwrap();
            assert_eq!(dialled.address.ip().to_string(), SECOND);
            assert!(dialled.timings.tls.is_some());
            assert!(matches!(dialled.stream, TransportStream::Tls(_)));
        }
    }

    #[tokio::test]
    async fn an_address_that_is_ready_keeps_the_others_from_being_dialled() {
        let host = host(Some(Listener::Well), Some(Listener::Well)).await;
        let dialled = host.dial().await.unwrap();
        assert_eq!(dialled.address.ip().to_string(), FIRST);
        assert_eq!(host.taken.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_failed_handshake_says_with_whom_and_how_long_tcp_took() {
        for second in [Some(Listener::Closing), None] {
            let host = host(Some(Listener::Impostor), second).await;
            let error = host.dial().await.err().unwrap();
            let (address, tcp) = error.dialled().unwrap();
            assert!(matches!(error, DialError::Tls { .. }), "{error}");
            assert_eq!(address.to_string(), format!("{FIRST}:{}", host.port));
            assert!(tcp.is_some());
            assert!(error.to_string().contains("certificate"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_port_that_nobody_listens_on_and_no_address_are_errors() {
        let host = host(None, None).await;
        let error = host.dial().await.err().unwrap();
        assert!(matches!(error, DialError::Tcp { .. }), "{error}");
        let none = dial(&[], host.port, None, LIMIT, &DialProgress::default()).await.err().unwrap();
        assert!(matches!(none, DialError::NoAddress), "{none}");
    }
}
