//! A server that asks who comes: it may demand a client certificate, tells which one came
//! with each request, and answers by what a request says. It is receiver and token server.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use parking_lot::Mutex;
use postrider_proto::agent::v1 as wire;
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Whom a server lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAdmission {
    WithCertificate,
    Anybody,
}

/// A client with a certificate that it signed itself.
pub struct CertifiedClient {
    pub certificate: CertificateDer<'static>,
    certificate_pem: String,
    key_pem: String,
}

impl CertifiedClient {
    pub fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["acme.example".to_owned()]).unwrap();
        Self {
            certificate: made.cert.der().clone(),
            certificate_pem: made.cert.pem(),
            key_pem: made.signing_key.serialize_pem(),
        }
    }

    /// As settings have it.
    pub fn tls(&self) -> wire::ReceiverTls {
        wire::ReceiverTls {
            certificate_chain: self.certificate_pem.clone(),
            private_key: self.key_pem.clone().into_bytes().into(),
            ca_certificates: String::new(),
        }
    }
}

pub struct BankRequest {
    /// Of the server's connections, from 1.
    pub connection: usize,
    pub certificate: Option<CertificateDer<'static>>,
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl BankRequest {
    pub fn authorization(&self) -> &str {
        self.headers.get("authorization").map_or("", |value| value.to_str().unwrap())
    }
}

type Answer = dyn Fn(&BankRequest) -> (u16, String) + Send + Sync;

pub struct BankServer {
    pub address: SocketAddr,
    pub ca_pem: String,
    requests: Arc<Mutex<Vec<BankRequest>>>,
}

impl BankServer {
    pub async fn start(
        admission: ClientAdmission,
        clients: &[&CertifiedClient],
        alpn: &[&[u8]],
        answer: impl Fn(&BankRequest) -> (u16, String) + Send + Sync + 'static,
    ) -> Self {
        let names = vec!["localhost".to_owned()];
        let certified = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
        let provider = postrider_tls::crypto_provider();
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if clients.is_empty() {
            builder.with_no_client_auth()
        } else {
            let mut roots = RootCertStore::empty();
            for client in clients {
                roots.add(client.certificate.clone()).unwrap();
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = match admission {
                ClientAdmission::WithCertificate => verifier,
                ClientAdmission::Anybody => verifier.allow_unauthenticated(),
            };
            builder.with_client_cert_verifier(verifier.build().unwrap())
        };
        let mut tls = builder.with_single_cert(vec![certified.cert.der().clone()], key).unwrap();
        tls.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<BankRequest>>>::default();
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        tokio::spawn(accept(listener, acceptor, Arc::clone(&requests), Arc::new(answer)));
        Self { address, ca_pem: certified.cert.pem(), requests }
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    pub fn take_requests(&self) -> Vec<BankRequest> {
        std::mem::take(&mut self.requests.lock())
    }

    /// Of those to a path.
    pub fn count_at(&self, path: &str) -> usize {
        self.requests.lock().iter().filter(|request| request.path == path).count()
    }
}

async fn accept(
    listener: TcpListener,
    tls: TlsAcceptor,
    requests: Arc<Mutex<Vec<BankRequest>>>,
    answer: Arc<Answer>,
) {
    let connections = AtomicUsize::new(0);
    while let Ok((stream, _)) = listener.accept().await {
        let connection = connections.fetch_add(1, Ordering::SeqCst) + 1;
        let (tls, requests, answer) = (tls.clone(), Arc::clone(&requests), Arc::clone(&answer));
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(stream).await else {
                return;
            };
            let shown = stream.get_ref().1.peer_certificates().and_then(|all| all.first());
            let certificate = shown.map(|certificate| certificate.clone().into_owned());
            let service = service_fn(move |request| {
                let (requests, answer) = (Arc::clone(&requests), Arc::clone(&answer));
                respond(request, connection, certificate.clone(), requests, answer)
            });
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn respond(
    request: Request<Incoming>,
    connection: usize,
    certificate: Option<CertificateDer<'static>>,
    requests: Arc<Mutex<Vec<BankRequest>>>,
    answer: Arc<Answer>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let seen = BankRequest {
        connection,
        certificate,
        path: head.uri.path().to_owned(),
        headers: head.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let (status, text) = answer(&seen);
    requests.lock().push(seen);
    Ok(Response::builder().status(status).body(Full::new(Bytes::from(text))).unwrap())
}
