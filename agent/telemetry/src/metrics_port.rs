//! The port of metrics and health: answers Prometheus, and probes.
//!
//! Plain HTTP, for whoever reaches it: nothing of a tenant's may be shown here. Given a
//! listener, a registry and what probes are told. Guarantees that nobody keeps probes out: a
//! connection has one request and a time limit that covers its answer too, and where there
//! are too many, the oldest is closed for the newest. Metrics are written out once at a time,
//! for all who have asked by then.
//!
//! Keeps the invariant `bounded-everything`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::metrics::MetricRegistry;

/// The format of Prometheus' text.
const TEXT_CONTENT_TYPE: HeaderValue = HeaderValue::from_static(prometheus::TEXT_FORMAT);

/// What the port gives to those who ask.
#[derive(Clone, Copy)]
struct PortLimits {
    /// Connections at once.
    max_connections: usize,
    /// A connection from its beginning until its answer is taken.
    connection_time: Duration,
}

/// Scrapers and probes are a handful, each for some milliseconds. A probe is only lost if so
/// many others come between its connection and its answer. Ten seconds are Prometheus' own
/// time limit of a scrape.
const PORT_LIMITS: PortLimits =
    PortLimits { max_connections: 64, connection_time: Duration::from_secs(10) };

/// What probes are answered. Neither live nor ready at first. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct HealthProbes(Arc<HealthFlags>);

#[derive(Debug, Default)]
struct HealthFlags {
    is_live: AtomicBool,
    is_ready: AtomicBool,
}

impl HealthProbes {
    pub fn set_live(&self, is_live: bool) {
        self.0.is_live.store(is_live, Ordering::Relaxed);
    }

    pub fn set_ready(&self, is_ready: bool) {
        self.0.is_ready.store(is_ready, Ordering::Relaxed);
    }

    /// The answer to a path; `None` for one that is no probe's.
    fn answer(&self, path: &str) -> Option<bool> {
        match path {
            "/livez" => Some(self.0.is_live.load(Ordering::Relaxed)),
            "/readyz" => Some(self.0.is_ready.load(Ordering::Relaxed)),
            _ => None,
        }
    }
}

/// The registry, and its text as it was last written out.
struct MetricsText {
    registry: MetricRegistry,
    /// The text, and when it was begun.
    last: Mutex<Option<(Instant, Bytes)>>,
}

impl MetricsText {
    fn new(registry: MetricRegistry) -> Self {
        Self { registry, last: Mutex::default() }
    }

    /// The text, not begun before it was asked for: those who wait for one that is being
    /// written share the next, so that many scrapers cost what one does.
    async fn current(&self) -> anyhow::Result<Bytes> {
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        if let Some((begun, text)) = &*last
            && *begun >= asked
        {
            return Ok(text.clone());
        }
        let begun = Instant::now();
        let text = Bytes::from(self.registry.text()?);
        *last = Some((begun, text.clone()));
        drop(last);
        Ok(text)
    }
}

/// Answers `GET /metrics` on `listener` with `registry`, and `/livez` and `/readyz` with
/// 200 or 503, until `shutdown`.
pub async fn serve_metrics(
    listener: TcpListener,
    registry: MetricRegistry,
    probes: HealthProbes,
    shutdown: CancellationToken,
) {
    let metrics = Arc::new(MetricsText::new(registry));
    shutdown.run_until_cancelled(accept(&listener, metrics, probes, PORT_LIMITS)).await;
}

/// Accepts connections for ever, and closes the oldest where there are too many.
async fn accept(
    listener: &TcpListener,
    metrics: Arc<MetricsText>,
    probes: HealthProbes,
    limits: PortLimits,
) {
    let mut tasks = JoinSet::new();
    let mut by_age: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                while tasks.try_join_next().is_some() {}
                by_age.retain(|connection| !connection.is_finished());
                if by_age.len() >= limits.max_connections
                    && let Some(oldest) = by_age.pop_front()
                {
                    oldest.abort();
                }
                let answer = answer_one(stream, Arc::clone(&metrics), probes.clone());
                by_age.push_back(tasks.spawn(async move {
                    // A scraper that goes away, or takes too long, misses its figures, no more.
                    let _ = tokio::time::timeout(limits.connection_time, answer).await;
                }));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection on the metrics port");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Answers the one request of a connection.
async fn answer_one(stream: TcpStream, metrics: Arc<MetricsText>, probes: HealthProbes) {
    let service = service_fn(move |request: Request<Incoming>| {
        let (metrics, probes) = (Arc::clone(&metrics), probes.clone());
        let path = request.uri().path().to_owned();
        async move { respond(&path, &metrics, &probes).await }
    });
    // The time to send the request is the connection's own.
    let _ = http1::Builder::new()
        .header_read_timeout(None::<Duration>)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn respond(
    path: &str,
    metrics: &MetricsText,
    probes: &HealthProbes,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::default());
    if let Some(is_good) = probes.answer(path) {
        if !is_good {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
    } else if path != "/metrics" {
        *response.status_mut() = StatusCode::NOT_FOUND;
    } else if let Ok(text) = metrics.current().await {
        response.headers_mut().insert(CONTENT_TYPE, TEXT_CONTENT_TYPE);
        *response.body_mut() = Full::from(text);
    } else {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::atomic::AtomicUsize;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::metrics::{KeyValue, MetricDescriptor, ObservedState};

    static POSTS: MetricDescriptor =
        MetricDescriptor::counter("posts", "{post}", "POSTs").by(&["note"]);

    fn new_registry() -> MetricRegistry {
        MetricRegistry::new(None).unwrap()
    }

    /// A port with limits of its own, and its address.
    async fn open(registry: MetricRegistry, limits: PortLimits) -> (JoinSet<()>, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let probes = HealthProbes::default();
        probes.set_live(true);
        let metrics = Arc::new(MetricsText::new(registry));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { accept(&listener, metrics, probes, limits).await });
        (tasks, address)
    }

    /// What is answered on a connection until it is closed, which the client does not ask for.
    async fn answer(stream: &mut TcpStream, path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        let read = stream.read_to_string(&mut text);
        tokio::time::timeout(Duration::from_secs(20), read).await.unwrap().unwrap();
        text
    }

    #[tokio::test]
    async fn connections_that_are_kept_keep_no_probe_out() {
        let limits = PortLimits { max_connections: 4, connection_time: Duration::from_secs(60) };
        let (_tasks, address) = open(new_registry(), limits).await;
        let mut kept = Vec::new();
        for _ in 0..4 {
            kept.push(TcpStream::connect(address).await.unwrap());
        }
        let mut probe = TcpStream::connect(address).await.unwrap();
        assert!(answer(&mut probe, "/livez").await.starts_with("HTTP/1.1 200 OK"));
        let mut byte = [0];
        let read = kept[0].read(&mut byte);
        let end = tokio::time::timeout(Duration::from_secs(20), read).await.unwrap();
        assert!(matches!(end, Ok(0) | Err(_)), "the oldest is closed");
        assert!(answer(&mut kept[1], "/livez").await.contains("200 OK"), "the others are not");
    }

    #[tokio::test]
    async fn who_asks_and_reads_nothing_is_cut_off() {
        let registry = new_registry();
        // More than the buffers of a connection take.
        registry.counter(&POSTS).add(1, &[KeyValue::new("note", "x".repeat(32 << 20))]);
        let connection_time = Duration::from_millis(300);
        let limits = PortLimits { max_connections: 4, connection_time };
        let (_tasks, address) = open(registry, limits).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        // Time is what is tested.
        tokio::time::sleep(connection_time * 5).await;
        let mut taken = Vec::new();
        let read = stream.read_to_end(&mut taken);
        let _ = tokio::time::timeout(Duration::from_secs(20), read).await.expect("it is closed");
        assert!(taken.len() < 32 << 20, "the answer was not waited for: {}", taken.len());
    }

    #[tokio::test]
    async fn scrapers_that_wait_share_a_text() {
        let (registry, written) = (new_registry(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&written);
        registry.observe_counts(&POSTS, &ObservedState::new(|| ()), move |(), tell| {
            counted.fetch_add(1, Ordering::Relaxed);
            tell(1, &[]);
        });
        let metrics = Arc::new(MetricsText::new(registry));
        let being_written = metrics.last.lock().await;
        let mut scrapers = JoinSet::new();
        for _ in 0..10 {
            let metrics = Arc::clone(&metrics);
            scrapers.spawn(async move { metrics.current().await.unwrap() });
        }
        tokio::task::yield_now().await;
        drop(being_written);
        assert_eq!(scrapers.join_all().await.len(), 10);
        assert_eq!(written.load(Ordering::Relaxed), 1);
        metrics.current().await.unwrap();
        assert_eq!(written.load(Ordering::Relaxed), 2, "nobody is given an older one");
    }

    #[tokio::test]
    async fn figures_are_served() {
        let registry = new_registry();
        registry.plain_counter(&POSTS).add(1);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let probes = HealthProbes::default();
        probes.set_live(true);
        let server = tokio::spawn(serve_metrics(listener, registry, probes, shutdown.clone()));

        for (path, words) in [
            ("/metrics", "posts_total 1"),
            ("/", "404 Not Found"),
            ("/livez", "200 OK"),
            ("/readyz", "503 Service Unavailable"),
        ] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            assert!(text.contains(words), "{text}");
        }

        shutdown.cancel();
        server.await.unwrap();
    }
}
