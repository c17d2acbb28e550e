//! The requests of OTLP over HTTP/1.1.
//!
//! Fed by the exporter of `opentelemetry-otlp`, one request after the other; feeds the
//! collector, over one connection that is kept. Guarantees that each request ends within its
//! time. Redirects are not followed, and no proxy is asked.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use opentelemetry_http::{HttpClient, HttpError};
use parking_lot::Mutex;
use postrider_tls::TlsDialer;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tower::Service as _;

/// An answer says how many spans were refused, and why.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

const HTTP_PORT: u16 = 80;

type CollectorConnection = SendRequest<Full<Bytes>>;

/// POSTs to a collector.
pub(super) struct CollectorHttpClient {
    dialer: Option<TlsDialer>,
    timeout: Duration,
    kept: Mutex<Option<CollectorConnection>>,
    /// The exporter runs in a thread of its own, outside of it.
    runtime: Handle,
}

impl fmt::Debug for CollectorHttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CollectorHttpClient")
    }
}

impl CollectorHttpClient {
    /// With TLS if it has a dialer. To be called in the runtime.
    pub fn new(dialer: Option<TlsDialer>, timeout: Duration) -> Self {
        Self { dialer, timeout, kept: Mutex::new(None), runtime: Handle::current() }
    }
}

#[async_trait]
impl HttpClient for CollectorHttpClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let kept = self.kept.lock().take();
        let exchange = exchange_within(self.timeout, self.dialer.clone(), kept, request);
        let exchanged = self.runtime.spawn(exchange).await?;
        let (connection, response) = exchanged.inspect_err(|error| {
            // The exporter's own error says no more than that the network failed.
            tracing::debug!(%error, "a request to the collector failed");
        })?;
        *self.kept.lock() = Some(connection);
        Ok(response)
    }
}

type ExchangeResult = Result<(CollectorConnection, Response<Bytes>), HttpError>;

async fn exchange_within(
    limit: Duration,
    dialer: Option<TlsDialer>,
    kept: Option<CollectorConnection>,
    request: Request<Bytes>,
) -> ExchangeResult {
    timeout(limit, exchange(dialer, kept, request)).await?
}

/// Sends a request, and reads the whole answer.
async fn exchange(
    dialer: Option<TlsDialer>,
    kept: Option<CollectorConnection>,
    mut request: Request<Bytes>,
) -> ExchangeResult {
    let collector = request.uri().clone();
    let mut connection = connect(dialer, kept, &collector).await?;
    if let Some(authority) = collector.authority() {
        request.headers_mut().insert(HOST, HeaderValue::from_str(authority.as_str())?);
    }
    *request.uri_mut() = collector.path_and_query().map_or("/", |path| path.as_str()).parse()?;
    let (head, body) = connection.send_request(request.map(Full::new)).await?.into_parts();
    let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await?.to_bytes();
    Ok((connection, Response::from_parts(head, body)))
}

/// The connection that is kept, if the collector has not closed it, or a new one.
async fn connect(
    dialer: Option<TlsDialer>,
    kept: Option<CollectorConnection>,
    collector: &Uri,
) -> Result<CollectorConnection, HttpError> {
    if let Some(mut kept) = kept
        && kept.ready().await.is_ok()
    {
        return Ok(kept);
    }
    if let Some(mut dialer) = dialer {
        return speak_http(dialer.call(collector.clone()).await?).await;
    }
    let host = collector.host().unwrap_or_default().trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, collector.port_u16().unwrap_or(HTTP_PORT))).await?;
    speak_http(TokioIo::new(stream)).await
}

async fn speak_http(
    stream: impl Read + Write + Unpin + Send + 'static,
) -> Result<CollectorConnection, HttpError> {
    let (sender, connection) = handshake(stream).await?;
    // It ends with its sender, which is told of any error.
    tokio::spawn(connection);
    Ok(sender)
}
