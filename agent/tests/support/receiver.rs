//! Receivers over real TLS on loopback, good and bad.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, Request, Response, Version};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::TEST_TIMEOUT;
use super::tls::self_signed;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// In every receiver's certificate; it is for a name server to say where it is.
pub const RECEIVER_HOST_NAME: &str = "receiver.example";

/// What a receiver does with its n-th request, counted from 1.
#[derive(Debug, Clone, Copy)]
pub enum ReceiverBehaviour {
    Answer(u16),
    Redirect,
    Hang,
    /// A byte every 100 ms, without end.
    Drip,
    Huge,
    /// Takes the request and closes without an answer.
    Close,
    /// 503 with Retry-After and many headers.
    Busy,
}

pub struct ReceivedWebhook {
    pub version: Version,
    pub headers: HeaderMap,
    pub path: String,
    pub body: Bytes,
}

#[derive(Default)]
struct ReceiverRecord {
    connections: AtomicUsize,
    requests: Mutex<Vec<ReceivedWebhook>>,
}

pub struct TestReceiver {
    pub address: SocketAddr,
    pub ca_pem: Vec<u8>,
    counts: Arc<ReceiverRecord>,
}

impl TestReceiver {
    /// One that does always the same, over HTTP/1.1.
    pub async fn start(behaviour: ReceiverBehaviour) -> Self {
        Self::with(move |_| behaviour, &[b"http/1.1"]).await
    }

    /// One that does always the same, over HTTP/2.
    pub async fn http2(behaviour: ReceiverBehaviour) -> Self {
        Self::with(move |_| behaviour, &[b"h2", b"http/1.1"]).await
    }

    pub async fn with(
        behaviour: impl Fn(usize) -> ReceiverBehaviour + Send + Sync + 'static,
        alpn: &[&[u8]],
    ) -> Self {
        let (ca_pem, tls) = self_signed(&["localhost", "127.0.0.1", RECEIVER_HOST_NAME], alpn);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let counts = Arc::new(ReceiverRecord::default());
        tokio::spawn(accept(listener, tls, Arc::clone(&counts), Arc::new(behaviour)));
        Self { address, ca_pem, counts }
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}/hooks?from=test", self.address.port())
    }

    pub fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// Waits until it has had so many requests that were not taken.
    pub async fn wait_for(&self, count: usize) {
        let waiting = async {
            while self.counts.requests.lock().len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(TEST_TIMEOUT, waiting).await.expect("requests");
    }

    pub fn take_requests(&self) -> Vec<ReceivedWebhook> {
        std::mem::take(&mut self.counts.requests.lock())
    }
}

async fn accept(
    listener: TcpListener,
    tls: TlsAcceptor,
    counts: Arc<ReceiverRecord>,
    behaviour: Arc<dyn Fn(usize) -> ReceiverBehaviour + Send + Sync>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        counts.connections.fetch_add(1, Ordering::SeqCst);
        let (tls, counts, behaviour) = (tls.clone(), counts.clone(), behaviour.clone());
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(stream).await else {
                return;
            };
            let service = service_fn(move |request| {
                answer(request, Arc::clone(&counts), Arc::clone(&behaviour))
            });
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    counts: Arc<ReceiverRecord>,
    behaviour: Arc<dyn Fn(usize) -> ReceiverBehaviour + Send + Sync>,
) -> Result<Response<Body>, std::io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let number = {
        let mut requests = counts.requests.lock();
        requests.push(ReceivedWebhook {
            version: head.version,
            headers: head.headers,
            path: head.uri.path_and_query().unwrap().to_string(),
            body,
        });
        requests.len()
    };
    let answer = |status: u16| Response::builder().status(status).header("x-receiver", "test");
    match behaviour(number) {
        ReceiverBehaviour::Answer(status) => Ok(answer(status).body(full("thank you")).unwrap()),
        ReceiverBehaviour::Redirect => {
            Ok(answer(302).header("location", "/elsewhere").body(full("")).unwrap())
        }
        ReceiverBehaviour::Busy => Ok(answer(503)
            .header("retry-after", "120")
            .header("x-big", "b".repeat(5_000))
            .body(full(&"x".repeat(2_000)))
            .unwrap()),
        ReceiverBehaviour::Hang => std::future::pending().await,
        ReceiverBehaviour::Drip => {
            let drops = futures::stream::unfold((), |()| async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Some((Ok(Frame::data(Bytes::from_static(b"."))), ()))
            });
            Ok(answer(200).body(StreamBody::new(drops).boxed_unsync()).unwrap())
        }
        ReceiverBehaviour::Huge => {
            let chunk = Bytes::from(vec![b'h'; 64 * 1024]);
            let chunks =
                futures::stream::iter((0..800).map(move |_| Ok(Frame::data(chunk.clone()))));
            Ok(answer(200).body(StreamBody::new(chunks.boxed()).boxed_unsync()).unwrap())
        }
        ReceiverBehaviour::Close => Err(std::io::Error::other("closed on purpose")),
    }
}

fn full(text: &str) -> Body {
    Full::new(Bytes::copy_from_slice(text.as_bytes())).boxed_unsync()
}
