//! The port of metrics and health: answers Prometheus, and probes.
//!
//! Plain HTTP, for whoever reaches it: nothing of a tenant's may be shown here. Given a
//! listener, a registry and what probes are told; at most so many scrapers are answered at once, and
//! one that is slow to ask is cut off.

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
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

const OPENMETRICS_CONTENT_TYPE: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
/// A scraper sends its few lines at once.
const SCRAPE_HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// A scraper or two are usual, and each scrape renders all metrics.
const MAX_CONCURRENT_SCRAPES: usize = 16;

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

/// Answers `GET /metrics` on `listener` with `registry`, and `/livez` and `/readyz` with
/// 200 or 503, until `shutdown`.
pub async fn serve_metrics(
    listener: TcpListener,
    registry: Arc<Registry>,
    probes: HealthProbes,
    shutdown: CancellationToken,
) {
    let scrapers = Arc::new(Semaphore::new(MAX_CONCURRENT_SCRAPES));
    let accept = async {
        loop {
            let Ok(scraper) = Arc::clone(&scrapers).acquire_owned().await else {
                return;
            };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let (registry, probes) = (Arc::clone(&registry), probes.clone());
                    tokio::spawn(async move {
                        let service =
                            service_fn(move |request| respond(&request, &registry, &probes));
                        // A scraper that goes away misses its figures, no more.
                        let _ = http1::Builder::new()
                            .timer(TokioTimer::new())
                            .header_read_timeout(SCRAPE_HEADER_TIMEOUT)
                            .serve_connection(TokioIo::new(stream), service)
                            .await;
                        drop(scraper);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection on the metrics port");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    };
    shutdown.run_until_cancelled(accept).await;
}

fn respond(
    request: &Request<Incoming>,
    registry: &Registry,
    probes: &HealthProbes,
) -> std::future::Ready<Result<Response<Full<Bytes>>, Infallible>> {
    let mut response = Response::new(Full::default());
    let mut text = String::new();
    let path = request.uri().path();
    if let Some(is_good) = probes.answer(path) {
        if !is_good {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
    } else if path != "/metrics" {
        *response.status_mut() = StatusCode::NOT_FOUND;
    } else if encode(&mut text, registry).is_err() {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    } else {
        response.headers_mut().insert(CONTENT_TYPE, OPENMETRICS_CONTENT_TYPE);
        *response.body_mut() = Full::from(text);
    }
    std::future::ready(Ok(response))
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn figures_are_served() {
        let mut registry = Registry::default();
        let counter: Counter = Counter::default();
        counter.inc();
        registry.register("posts", "POSTs", counter);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let probes = HealthProbes::default();
        probes.set_live(true);
        let registry = Arc::new(registry);
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
