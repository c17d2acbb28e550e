//! The agent's metrics.
//!
//! Counting an attempt costs a few atomic additions.

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
use postrider_proto::agent::v1::Fact;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

const OPENMETRICS_CONTENT_TYPE: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
const SCRAPE_HEADER_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_CONCURRENT_SCRAPES: usize = 16;
/// In seconds: from a receiver next door to the longest deadline.
const DURATION_BUCKETS_SECONDS: [f64; 13] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0];

type FactLabel = [(&'static str, &'static str); 1];

/// How many facts there are; their numbers have no gap.
const FACT_COUNT: usize = Fact::InvalidRequest as usize + 1;

/// The agent's figures.
#[derive(Debug, Clone)]
pub struct AgentMetrics {
    /// By the fact's number.
    attempts: [Counter; FACT_COUNT],
    seconds: Histogram,
    /// Attempts in flight.
    pub in_flight: Gauge,
    /// Results that wait for an acknowledgement.
    pub unacknowledged: Gauge,
    /// Open connections to receivers.
    pub connections: Gauge,
    /// Work streams that a replica has welcomed.
    pub streams: Gauge,
    /// Assignments given back unstarted.
    pub returned: Counter,
}

impl AgentMetrics {
    /// Registers the figures.
    pub fn register(registry: &mut Registry) -> Self {
        let attempts = Family::<FactLabel, Counter>::default();
        let metrics = Self {
            attempts: std::array::from_fn(|number| {
                let fact = i32::try_from(number).ok().and_then(|number| number.try_into().ok());
                attempts.get_or_create_owned(&[("fact", fact_label(fact.unwrap_or_default()))])
            }),
            seconds: Histogram::new(DURATION_BUCKETS_SECONDS),
            in_flight: Gauge::default(),
            unacknowledged: Gauge::default(),
            connections: Gauge::default(),
            streams: Gauge::default(),
            returned: Counter::default(),
        };
        let agent = registry.sub_registry_with_prefix("postrider_agent");
        agent.register("attempts", "Attempts by how far they came", attempts);
        agent.register("attempt_seconds", "Duration of attempts", metrics.seconds.clone());
        agent.register("in_flight", "Attempts in flight", metrics.in_flight.clone());
        agent.register(
            "unacknowledged",
            "Results that wait for an acknowledgement",
            metrics.unacknowledged.clone(),
        );
        agent.register("connections", "Open connections to receivers", metrics.connections.clone());
        agent.register("streams", "Welcomed work streams", metrics.streams.clone());
        agent.register("returned", "Assignments given back unstarted", metrics.returned.clone());
        metrics
    }

    /// Counts an attempt.
    pub fn count_attempt(&self, fact: Fact, duration: Duration) {
        if let Some(counted) = self.attempts.get(fact as usize) {
            counted.inc();
        }
        self.seconds.observe(duration.as_secs_f64());
    }
}

/// The fact as the wire names it, in lower case and without its prefix.
pub fn fact_label(fact: Fact) -> &'static str {
    match fact {
        Fact::Unspecified => "unspecified",
        Fact::Response => "response",
        Fact::Timeout => "timeout",
        Fact::DnsFailed => "dns_failed",
        Fact::ConnectFailed => "connect_failed",
        Fact::TlsFailed => "tls_failed",
        Fact::ConnectionClosed => "connection_closed",
        Fact::ResponseTooLarge => "response_too_large",
        Fact::BlockedAddress => "blocked_address",
        Fact::InvalidRequest => "invalid_request",
    }
}

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
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn figures_are_served() {
        let mut registry = Registry::default();
        let metrics = AgentMetrics::register(&mut registry);
        metrics.count_attempt(Fact::Timeout, Duration::from_millis(30));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let server = tokio::spawn(serve_metrics(listener, Arc::new(registry), shutdown.clone()));

        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert!(text.contains("postrider_agent_attempts_total{fact=\"timeout\"} 1"), "{text}");
        assert!(text.contains("postrider_agent_attempt_seconds_count 1"), "{text}");

        shutdown.cancel();
        server.await.unwrap();
    }
}
