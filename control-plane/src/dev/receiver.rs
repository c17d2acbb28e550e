//! The demo receiver of `dev`: verifies each webhook with the `standardwebhooks` library
//! and prints it.
//!
//! `/break` makes it answer 503; `/mend` makes it answer again. Its certificate is made
//! at each start.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use postrider_telemetry::ListenAddress;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Largest webhook that the demo takes, in bytes. Four times the largest payload by
/// default.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The demo receiver, listening but not yet serving.
pub struct DemoReceiver {
    pub address: SocketAddr,
    /// Its certificate, for the agent to trust. PEM.
    pub certificate_pem: String,
    listener: TcpListener,
    acceptor: TlsAcceptor,
    customer: Arc<DemoEndpoint>,
}

struct DemoEndpoint {
    /// One for each secret in use.
    verifiers: Vec<standardwebhooks::Webhook>,
    broken: AtomicBool,
}

impl DemoReceiver {
    /// Listens on `address`; verifies with any of `secrets` (`whsec_…`).
    pub async fn bind(address: &ListenAddress, secrets: &[&str]) -> anyhow::Result<Self> {
        let listener = address.bind().await.with_context(|| {
            format!(
                "--receiver-listen: cannot listen on {address}; is another `postrider dev` running?"
            )
        })?;
        let ip = listener.local_addr()?.ip();
        let names = vec!["localhost".to_owned(), ip.to_string()];
        let made = rcgen::generate_simple_self_signed(names).context("making a certificate")?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = postrider_tls::crypto_provider();
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)?;
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let verifiers = secrets.iter().map(|secret| standardwebhooks::Webhook::new(secret));
        let verifiers = verifiers.collect::<Result<_, _>>().context("the demo's secret")?;
        Ok(Self {
            address: listener.local_addr()?,
            certificate_pem: made.cert.pem(),
            listener,
            acceptor: TlsAcceptor::from(Arc::new(tls)),
            customer: Arc::new(DemoEndpoint { verifiers, broken: AtomicBool::new(false) }),
        })
    }

    /// Serves until its task is dropped.
    pub async fn serve(self) {
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                continue;
            };
            // Answers are small; the kernel is not to wait for more.
            let _ = stream.set_nodelay(true);
            let (acceptor, customer) = (self.acceptor.clone(), Arc::clone(&self.customer));
            tokio::spawn(async move {
                if let Err(error) = connection(stream, acceptor, customer).await {
                    tracing::debug!(%error, "a connection to the demo receiver ended");
                }
            });
        }
    }
}

async fn connection(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    customer: Arc<DemoEndpoint>,
) -> anyhow::Result<()> {
    let stream = acceptor.accept(stream).await?;
    let service = service_fn(move |request| {
        let customer = Arc::clone(&customer);
        async move { Ok::<_, Infallible>(customer.answer(request).await) }
    });
    let served = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
    served.map_err(|error| anyhow::anyhow!(error))
}

fn reply(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}

impl DemoEndpoint {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        match (request.method(), request.uri().path()) {
            (_, "/break") => {
                self.broken.store(true, Ordering::Relaxed);
                println!("receiver: now answers 503, until /mend");
                reply(StatusCode::OK, "broken\n")
            }
            (_, "/mend") => {
                self.broken.store(false, Ordering::Relaxed);
                println!("receiver: answers normally again");
                reply(StatusCode::OK, "mended\n")
            }
            (&Method::POST, "/webhooks") => self.webhook(request).await,
            _ => reply(StatusCode::NOT_FOUND, "not found\n"),
        }
    }

    async fn webhook(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, MAX_BODY_BYTES).collect().await else {
            return reply(StatusCode::PAYLOAD_TOO_LARGE, "too large\n");
        };
        let body = body.to_bytes();
        let id = head.headers.get("webhook-id").and_then(|v| v.to_str().ok()).unwrap_or("?");
        if self.broken.load(Ordering::Relaxed) {
            println!("receiver: {id} refused with 503");
            return reply(StatusCode::SERVICE_UNAVAILABLE, "broken for the demo\n");
        }
        if self.verifiers.iter().any(|secret| secret.verify(&body, &head.headers).is_ok()) {
            let text = String::from_utf8_lossy(&body);
            println!("receiver: {id} arrived, signature verified: {text}");
            reply(StatusCode::OK, "thank you\n")
        } else {
            println!("receiver: {id} arrived with an invalid signature");
            reply(StatusCode::UNAUTHORIZED, "wrong signature\n")
        }
    }
}
