//! Traces, as a collector sees them.
//!
//! Fed by clusters with a collector of the harness; feeds `tests/run`. Guarantees that one
//! event's way, with an attempt that fails and one that succeeds, is one trace, over both ways
//! in which OTLP is spoken; that nothing is recorded of what its publisher does not record, and
//! of whoever may not call; and that a collector which is away delays nobody and costs a line.

mod span_tree;

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use postrider_proto::v1::{DeliveryState, Event, PublishEventRequest, Subscription};
use postrider_tests::cluster::{Cluster, Description, Engine};
use postrider_tests::json_api::JsonApi;
use postrider_tests::otlp_collector::OtlpCollector;
use postrider_tests::pki::Pki;
use postrider_tests::ports::free_port;
use postrider_tests::publish::event;
use postrider_tests::receiver::behaviour::{ok, status};
use postrider_tests::wait;
use tokio::net::TcpStream;
use tonic::Request;

use self::span_tree::{SpanTree, TRACE_ID, publisher};
use crate::stage::{DEFAULT_PAYLOAD, SETTLE_WAIT, SOON_LIMIT, Stage, delays};

/// Of an event with one attempt that fails and one that succeeds: the call, the publish, its
/// commit, and for each attempt dispatch, attempt, POST and conclusion.
const SPANS_OF_TWO_ATTEMPTS: usize = 11;

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Publishes an event whose first attempt fails, with the publisher's trace in the call.
async fn publish_and_fail_once(stage: &mut Stage) -> HeaderMap {
    stage.receiver.script("/hook", [status(http::StatusCode::BAD_GATEWAY), ok()]);
    let wanted = Subscription {
        retry_policy: Some(delays(&[20])),
        send_trace_context: true,
        ..stage.wanted("/hook?token=secret-of-the-query")
    };
    stage.create(wanted).await;
    let mut request = Request::new(PublishEventRequest {
        parent: stage.tenant.clone(),
        event: Some(event("payment.completed", DEFAULT_PAYLOAD)),
        idempotency_key: String::new(),
    });
    request.metadata_mut().insert("traceparent", publisher(true).parse().unwrap());
    let published = stage.api.events.publish_event(request).await.unwrap().into_inner();
    stage.wait_for(&published.event, DeliveryState::Succeeded).await;
    let requests = stage.receiver.wait_for_at("/hook", 2, SOON_LIMIT).await.unwrap();
    requests[1].headers.clone()
}

async fn an_events_way_is_one_trace_over_grpc(engine: Engine) {
    let collector = OtlpCollector::start(0, None).await.unwrap();
    let description = Description {
        engine,
        environment: variables(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint())]),
        ..Description::default()
    };
    let cluster = Cluster::start(&description).await.unwrap();
    let mut stage = Stage::set(&cluster, "traced").await;
    let received = publish_and_fail_once(&mut stage).await;
    let spans = collector.wait_for_trace(&TRACE_ID, SPANS_OF_TWO_ATTEMPTS, SOON_LIMIT).await;
    let tree = SpanTree::new(spans.unwrap(), &collector);
    tree.assert_way_of_two_attempts(&stage.tenant);
    tree.assert_receiver_continues(&received);
}

on_both_engines!(an_events_way_is_one_trace_over_grpc);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_events_way_is_one_trace_over_https() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::create(folder.path()).unwrap();
    let identity = pki.server("collector").unwrap();
    let collector = OtlpCollector::start(0, Some(&identity)).await.unwrap();
    let authority = pki.ca_file();
    let description = Description {
        environment: variables(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20of-the-collector"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", authority.to_str().unwrap()),
        ]),
        ..Description::default()
    };
    let cluster = Cluster::start(&description).await.unwrap();
    let mut stage = Stage::set(&cluster, "traced").await;
    let received = publish_and_fail_once(&mut stage).await;
    let spans = collector.wait_for_trace(&TRACE_ID, SPANS_OF_TWO_ATTEMPTS, SOON_LIMIT).await;
    let spans = spans.unwrap();
    for collected in &spans {
        assert_eq!(collected.headers["authorization"], "Bearer of-the-collector");
    }
    let tree = SpanTree::new(spans, &collector);
    tree.assert_way_of_two_attempts(&stage.tenant);
    tree.assert_receiver_continues(&received);
}

/// As its publisher decides, and where it does not, as the setting says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_publisher_does_not_record_is_not_recorded() {
    let collector = OtlpCollector::start(0, None).await.unwrap();
    let description = Description {
        settings: format!(
            "[telemetry]\notlp_endpoint = {:?}\nsampled_traces_per_million = 0\n",
            collector.endpoint()
        ),
        agent_environment: variables(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint())]),
        ..Description::default()
    };
    let cluster = Cluster::start(&description).await.unwrap();
    let stage = Stage::set(&cluster, "unrecorded").await;
    let wanted = Subscription { send_trace_context: true, ..stage.wanted("/hook") };
    stage.create(wanted).await;
    let unrecorded =
        Event { traceparent: publisher(false), ..event("payment.completed", DEFAULT_PAYLOAD) };
    for published in [stage.publish().await, stage.publish_event(unrecorded).await] {
        stage.wait_for(&published, DeliveryState::Succeeded).await;
    }
    let requests = stage.receiver.wait_for_at("/hook", 2, SOON_LIMIT).await.unwrap();
    let told: Vec<_> = requests.iter().map(|request| request.header("traceparent")).collect();
    // What the publisher told is told on.
    assert!(told.contains(&publisher(false).as_str()) && told.contains(&""), "{told:?}");
    let recorded =
        Event { traceparent: publisher(true), ..event("payment.completed", DEFAULT_PAYLOAD) };
    stage.publish_event(recorded).await;
    collector.wait_for_trace(&TRACE_ID, 6, SOON_LIMIT).await.unwrap();
    let others = collector.spans().into_iter().filter(|collected| {
        let is_batch = collected.name().ends_with(" batch");
        !is_batch && collected.span.trace_id != TRACE_ID
    });
    let others: Vec<_> = others.map(|collected| collected.span).collect();
    assert!(others.is_empty(), "{others:?}");
}

/// Calls without a credential, with a publisher's trace that is to be recorded; the status.
async fn call_as_nobody(cluster: &Cluster, path: &str) -> String {
    let stream = TcpStream::connect(("127.0.0.1", cluster.replicas[0].port())).await.unwrap();
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::post(format!("http://postrider{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("traceparent", publisher(true))
        .body(Full::new(Bytes::from_static(&[0; 5])))
        .unwrap();
    let answer = sender.send_request(request).await.unwrap();
    answer.headers()["grpc-status"].to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_call_records_nothing() {
    let collector = OtlpCollector::start(0, None).await.unwrap();
    let description = Description {
        tls: false,
        settings: format!(
            "[telemetry]\notlp_endpoint = {:?}\nsampled_traces_per_million = 1000000\n",
            collector.endpoint()
        ),
        ..Description::default()
    };
    let cluster = Cluster::start(&description).await.unwrap();
    let refused = call_as_nobody(&cluster, "/postrider.v1.EventService/PublishEvents").await;
    assert_eq!(refused, (tonic::Code::Unauthenticated as i32).to_string());
    let unknown = call_as_nobody(&cluster, "/postrider.v1.NameOfHisChoice/Call").await;
    assert_eq!(unknown, (tonic::Code::Unimplemented as i32).to_string());

    let mut api = cluster.api().unwrap();
    let tenant = api.create_tenant("traced").await.unwrap();
    let mut request = Request::new(PublishEventRequest {
        parent: tenant,
        event: Some(event("payment.completed", DEFAULT_PAYLOAD)),
        idempotency_key: String::new(),
    });
    request.metadata_mut().insert("traceparent", publisher(true).parse().unwrap());
    api.events.publish_event(request).await.unwrap();
    // Spans are sent in the order in which they end: these are the last.
    let of_event = collector.wait_for_trace(&TRACE_ID, 3, SOON_LIMIT).await.unwrap();
    let of_event: Vec<_> = of_event.iter().map(|collected| collected.name().to_owned()).collect();
    assert_eq!(of_event.len(), 3, "the call, the publish and its commit: {of_event:?}");
    for refused in ["PublishEvents", "NameOfHisChoice"] {
        let is_there = collector.spans().iter().any(|span| span.name().contains(refused));
        assert!(!is_there, "{refused}");
    }
    assert_call_over_http(&cluster, &collector).await;
}

/// A call over HTTP has the span of a call, which says by what it came and where, and what it
/// was answered with: that there is no such tenant is no fault of the server.
async fn assert_call_over_http(cluster: &Cluster, collector: &OtlpCollector) {
    let over_http = JsonApi::of(cluster).unwrap();
    for (tenant, code, http_status) in [("traced", "OK", "200"), ("nobody", "NOT_FOUND", "404")] {
        over_http.call(&format!("GET /v1/tenants/{tenant}"), "", "").await.unwrap();
        let span = wait::until("the span of a call over HTTP", SOON_LIMIT, || async {
            let mut spans = collector.spans().into_iter();
            let found = spans.find(|span| {
                let is_call = span.name().ends_with("/GetTenant");
                is_call && span.attribute("rpc.response.status_code") == code
            });
            found.ok_or("it is not there".to_owned())
        });
        let span = span.await.unwrap();
        for (name, value) in [
            ("rpc.system.name", "http_json"),
            ("http.request.method", "GET"),
            ("http.route", "/v1/tenants/{tenant}"),
            ("http.response.status_code", http_status),
            ("error.type", ""),
        ] {
            assert_eq!(span.attribute(name), value, "{name}");
        }
    }
}

/// Nobody waits for it, the log has a line, and what was queued is sent once it is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_costs_a_line() {
    const LOST: &str = "the collector takes no spans";
    const BACK: &str = "the collector takes spans again";
    let port = free_port().unwrap();
    let endpoint = format!("http://127.0.0.1:{port}");
    let description = Description {
        environment: variables(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]),
        ..Description::default()
    };
    let mut cluster = Cluster::start(&description).await.unwrap();
    let stage = Stage::set(&cluster, "away").await;
    stage.subscribe("/hook").await;
    for _ in 0..3 {
        let published = stage.publish().await;
        stage.wait_for(&published, DeliveryState::Succeeded).await;
        tokio::time::sleep(SETTLE_WAIT).await;
    }
    let replica = cluster.replicas[0].program().unwrap();
    let seen = wait::until("a line about the collector", SOON_LIMIT, || {
        let lines = replica.log().matches(LOST).count();
        async move { if lines > 0 { Ok(lines) } else { Err("no line".to_owned()) } }
    });
    assert_eq!(seen.await.unwrap(), 1);
    let collector = OtlpCollector::start(port, None).await.unwrap();
    wait::until("spans", SOON_LIMIT, || async {
        if collector.spans().is_empty() { Err("none".to_owned()) } else { Ok(()) }
    })
    .await
    .unwrap();
    let replica = cluster.replicas[0].program().unwrap();
    wait::until("the end of the outage", Duration::from_secs(30), || {
        let is_back = replica.log().contains(BACK);
        async move { if is_back { Ok(()) } else { Err("no line".to_owned()) } }
    })
    .await
    .unwrap();
    assert_eq!(replica.log().matches(LOST).count(), 1);
    let exported = async || {
        let metrics = cluster.replicas[0].metrics().await.unwrap();
        metrics.sum("postrider_spans_total", &[("outcome", "exported")]).unwrap()
    };
    assert!(exported().await > 0.0);
}
