//! The metrics port: answers Prometheus.
//!
//! Given a listener and a registry; at most so many scrapers are answered at once, and
//! one that is slow to ask is cut off.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
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

/// Answers `GET /metrics` on `listener` with `registry` until `shutdown`.
pub async fn serve_metrics(
    listener: TcpListener,
    registry: Arc<Registry>,
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
                    let registry = Arc::clone(&registry);
                    tokio::spawn(async move {
                        let service =
                            service_fn(move |request| respond(request, Arc::clone(&registry)));
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
    request: Request<Incoming>,
    registry: Arc<Registry>,
) -> impl Future<Output = Result<Response<Full<Bytes>>, Infallible>> {
    let mut response = Response::new(Full::default());
    let mut text = String::new();
    if request.uri().path() != "/metrics" {
        *response.status_mut() = StatusCode::NOT_FOUND;
    } else if encode(&mut text, &registry).is_err() {
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
        let server = tokio::spawn(serve_metrics(listener, Arc::new(registry), shutdown.clone()));

        for (path, words) in [("/metrics", "posts_total 1"), ("/", "404 Not Found")] {
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
