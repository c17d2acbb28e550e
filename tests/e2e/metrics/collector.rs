//! What an OTLP collector gets is what Prometheus sees.
//!
//! Fed by a replica that sends over gRPC all the time, and by an agent that sends over HTTP
//! when it stops; feeds `tests/run`. The collector is our own.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Metric, number_data_point};
use parking_lot::Mutex;
use postrider_proto::v1::DeliveryState;
use postrider_tests::cluster::Description;
use postrider_tests::metrics::Metrics;
use postrider_tests::wait;
use prost::Message as _;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::documented::documented;
use super::exported::{SHOWN_LATER, exported};
use super::measured;
use crate::stage::{SOON_LIMIT, Stage};

const HEADER: (&str, &str) = ("x-collector-key", "a secret");
/// So long that only the end of a program sends anything.
const ONE_HOUR_MILLISECONDS: &str = "3600000";

/// What was sent last, by the service's name.
#[derive(Clone, Default)]
struct MetricsCollector(Arc<Mutex<BTreeMap<String, Vec<Metric>>>>);

impl MetricsCollector {
    fn take(&self, request: ExportMetricsServiceRequest) {
        for sent in request.resource_metrics {
            let attributes = sent.resource.unwrap_or_default().attributes;
            let named = attributes.into_iter().find(|pair| pair.key == "service.name").unwrap();
            let Some(Value::StringValue(service)) = named.value.unwrap().value else {
                panic!("a name is a text")
            };
            let metrics = sent.scope_metrics.into_iter().flat_map(|scope| scope.metrics).collect();
            self.0.lock().insert(service, metrics);
        }
    }

    fn of(&self, service: &str) -> Vec<Metric> {
        self.0.lock().get(service).cloned().unwrap_or_default()
    }

    /// Takes metrics over gRPC; gives its URL.
    async fn over_grpc(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = MetricsServiceServer::new(self.clone());
        let server = Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        format!("http://{address}")
    }

    /// Takes metrics over HTTP; gives its URL.
    async fn over_http(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let collector = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let collector = collector.clone();
                let service = service_fn(move |request| collector.clone().answer(request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        format!("http://{address}/v1/metrics")
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let is_wanted = head.uri.path() == "/v1/metrics"
            && head.headers.get("content-type").is_some_and(|of| of == "application/x-protobuf")
            && head.headers.get(HEADER.0).is_some_and(|value| value == HEADER.1);
        let mut answer = Response::new(Full::default());
        match body.collect().await.map(|body| ExportMetricsServiceRequest::decode(body.to_bytes()))
        {
            Ok(Ok(request)) if is_wanted => self.take(request),
            _ => *answer.status_mut() = StatusCode::BAD_REQUEST,
        }
        Ok(answer)
    }
}

#[tonic::async_trait]
impl MetricsService for MetricsCollector {
    async fn export(
        &self,
        request: tonic::Request<ExportMetricsServiceRequest>,
    ) -> Result<tonic::Response<ExportMetricsServiceResponse>, tonic::Status> {
        if request.metadata().get(HEADER.0).is_none_or(|value| value != HEADER.1) {
            return Err(tonic::Status::unauthenticated("the header is missing"));
        }
        self.take(request.into_inner());
        Ok(tonic::Response::new(ExportMetricsServiceResponse::default()))
    }
}

/// The sum over a counter's series.
fn total(metrics: &[Metric], name: &str) -> i64 {
    let metric = metrics.iter().find(|metric| metric.name == name);
    let Some(Data::Sum(sum)) = metric.and_then(|metric| metric.data.as_ref()) else { return 0 };
    let counts = sum.data_points.iter().map(|point| match point.value {
        Some(number_data_point::Value::AsInt(count)) => count,
        _ => 0,
    });
    counts.sum()
}

/// Fails unless names, units and words are those of the page, and there is nothing of which
/// Prometheus sees no series.
fn compare(program: &str, sent: &[Metric], scrape: &Metrics) {
    let (listed, shown) = (documented(program), exported(scrape));
    let there: BTreeSet<&str> = shown.keys().map(|name| listed[name].name.as_str()).collect();
    for metric in sent {
        assert!(there.contains(metric.name.as_str()), "{program}: {} is only sent", metric.name);
        let row = listed.values().find(|row| row.name == metric.name).unwrap();
        assert_eq!((&metric.unit, &metric.description), (&row.unit, &row.meaning));
        let kind = match metric.data.as_ref().unwrap() {
            Data::Sum(sum) if sum.is_monotonic => "counter",
            Data::Sum(_) => "up-down counter",
            Data::Gauge(_) => "gauge",
            Data::Histogram(_) => "histogram",
            other => panic!("{other:?}"),
        };
        assert_eq!(kind, row.kind, "{}", metric.name);
    }
    let names: BTreeSet<&str> = sent.iter().map(|metric| metric.name.as_str()).collect();
    // What begins between the two readings is no difference.
    let late = SHOWN_LATER.iter().filter_map(|name| Some(listed.get(*name)?.name.as_str()));
    let names: BTreeSet<&str> = names.into_iter().chain(late).collect();
    let missing: Vec<_> = there.difference(&names).collect();
    assert!(missing.is_empty(), "{program} does not send {missing:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_are_sent_by_grpc_and_by_http() {
    let collector = MetricsCollector::default();
    let variable = |name: &str, value: &str| (format!("OTEL_{name}"), value.to_owned());
    let headers = variable(
        "EXPORTER_OTLP_HEADERS",
        &format!("{}={}", HEADER.0, HEADER.1.replace(' ', "%20")),
    );
    let (grpc, http) = (collector.over_grpc().await, collector.over_http().await);
    let description = Description {
        environment: vec![headers],
        replica_environment: vec![
            variable("EXPORTER_OTLP_METRICS_ENDPOINT", &grpc),
            variable("METRIC_EXPORT_INTERVAL", "200"),
            variable("RESOURCE_ATTRIBUTES", "deployment.environment.name=tests"),
        ],
        agent_environment: vec![
            variable("EXPORTER_OTLP_METRICS_ENDPOINT", &http),
            variable("EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf"),
            variable("METRIC_EXPORT_INTERVAL", ONE_HOUR_MILLISECONDS),
        ],
        ..Description::default()
    };
    let (mut cluster, agent_address) = measured(description).await;
    let stage = Stage::set(&cluster, "collected").await;
    stage.subscribe("/hook").await;
    for event in stage.publish_many(2).await {
        stage.wait_for(&event, DeliveryState::Succeeded).await;
    }
    let sent = wait::until("a replica's metrics", SOON_LIMIT, || async {
        let sent = collector.of("postrider");
        let succeeded = total(&sent, "postrider.deliveries.ended");
        if succeeded >= 2 { Ok(sent) } else { Err(format!("{succeeded} ended")) }
    })
    .await
    .unwrap();
    compare("control plane", &sent, &cluster.replicas[0].metrics().await.unwrap());
    assert!(collector.of("postrider-agent").is_empty(), "an hour is not over");
    let scrape = Metrics::scrape(&agent_address).await.unwrap();
    cluster.agents[0].stop().await.unwrap();
    let last = collector.of("postrider-agent");
    assert_eq!(total(&last, "postrider.agent.attempts"), 2, "{last:?}");
    compare("agent", &last, &scrape);
}
