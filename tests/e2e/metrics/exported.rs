//! What running programs show to Prometheus is what the page lists.
//!
//! Fed by a replica and an agent that have made some attempts; feeds `tests/run`. Guarantees
//! that no label and no value is a tenant's or a receiver's. A metric is shown once it has a
//! value: of a few there is nothing to tell while all is well.

use std::collections::{BTreeMap, BTreeSet};

use postrider_proto::v1::DeliveryState;
use postrider_tests::cluster::{Description, Engine};
use postrider_tests::json_api::JsonApi;
use postrider_tests::metrics::Metrics;
use postrider_tests::wait;

use super::documented::documented;
use super::{measured, subscribe_by_name};
use crate::stage::{SOON_LIMIT, Stage};

/// Shown when something happens that does not happen here, or later.
pub const SHOWN_LATER: [&str; 7] = [
    "postrider_agent_refused_receivers_total",
    "postrider_agent_streams_refused_total",
    "postrider_replica_reachable",
    "postrider_results_rejected_total",
    "postrider_spans_total",
    "postrider_sweep_age_seconds",
    "postrider_sweep_duration_seconds",
];
/// Of the engine that has connections.
const OF_POSTGRES: [&str; 3] = [
    "db_client_connection_count",
    "db_client_connection_max",
    "db_client_operation_duration_seconds",
];

/// What is called over HTTP here.
const OVER_HTTP: (&str, &str) = ("rpc_method", "postrider.v1.TenantService/GetTenant");

/// What a program shows of one metric.
#[derive(Debug, Default)]
pub struct ExportedMetric {
    pub kind: String,
    pub help: String,
    /// Of all its series.
    pub labels: BTreeSet<String>,
}

/// What a scrape shows, by the names that queries use.
pub fn exported(scrape: &Metrics) -> BTreeMap<String, ExportedMetric> {
    let mut all: BTreeMap<String, ExportedMetric> = BTreeMap::new();
    let mut helps = BTreeMap::new();
    let mut current = String::new();
    for line in scrape.text().lines() {
        if let Some((family, help)) = described(line, "# HELP ") {
            helps.insert(family, help);
        } else if let Some((family, kind)) = described(line, "# TYPE ") {
            let help = helps.remove(&family).unwrap_or_default();
            all.insert(family.clone(), ExportedMetric { kind, help, ..ExportedMetric::default() });
            current = family;
        } else if !line.starts_with('#') {
            let series = line.rsplit_once(' ').map_or(line, |(series, _)| series);
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            assert!(name.starts_with(&current), "{line} is not of {current:?}");
            let metric = all.get_mut(&current).expect("a type comes first");
            let pairs = labels.trim_end_matches('}').split("\",");
            let names = pairs.filter_map(|pair| pair.split_once("=\"")).map(|(name, _)| name);
            metric.labels.extend(names.filter(|name| *name != "le").map(str::to_owned));
        }
    }
    all
}

fn described(line: &str, mark: &str) -> Option<(String, String)> {
    let (family, words) = line.strip_prefix(mark)?.split_once(' ')?;
    Some((family.to_owned(), words.to_owned()))
}

/// Fails unless a scrape is the page's table, name by name.
fn compare(program: &str, scrape: &Metrics, engine: Engine) {
    let (listed, shown) = (documented(program), exported(scrape));
    let is_late = |name: &str| {
        let lacks_connections = engine == Engine::Sqlite && OF_POSTGRES.contains(&name);
        lacks_connections || SHOWN_LATER.contains(&name)
    };
    let missing = listed.keys().filter(|name| !shown.contains_key(*name) && !is_late(name));
    let missing: Vec<_> = missing.collect();
    let unlisted: Vec<_> = shown.keys().filter(|name| !listed.contains_key(*name)).collect();
    assert!(missing.is_empty(), "{program} does not show {missing:?}");
    assert!(unlisted.is_empty(), "docs/metrics.md does not list {unlisted:?} of {program}");
    for (name, metric) in &shown {
        let listed = &listed[name];
        let kind = match listed.kind.as_str() {
            "up-down counter" => "gauge",
            other => other,
        };
        assert_eq!(metric.kind, kind, "{name}");
        assert_eq!(metric.help, listed.meaning, "{name}");
        let known: BTreeSet<_> = listed.labels.iter().cloned().collect();
        assert!(metric.labels.is_subset(&known), "{name}: {:?}", metric.labels);
    }
}

async fn every_metric_is_listed_and_shown(engine: Engine) {
    let (cluster, agent) = measured(Description { engine, ..Description::default() }).await;
    let stage = Stage::set(&cluster, "secret-tenant").await;
    subscribe_by_name(&stage, "/hook").await;
    for event in stage.publish_many(3).await {
        stage.wait_for(&event, DeliveryState::Succeeded).await;
    }
    let over_http = JsonApi::of(&cluster).unwrap();
    for (path, status) in [("GET /v1/tenants/secret-tenant", 200), ("GET /v1/secret-tenant", 404)] {
        assert_eq!(over_http.call(path, "", "").await.unwrap().status, status);
    }
    // It is counted a moment after the commit that can be seen.
    let replica = wait::until("ends to be counted", SOON_LIMIT, || async {
        let scrape = cluster.replicas[0].metrics().await.map_err(|error| error.to_string())?;
        let ended = scrape.sum("postrider_deliveries_ended_total", &[]).unwrap_or_default();
        if ended >= 3.0 { Ok(scrape) } else { Err(format!("{ended} ended")) }
    })
    .await
    .unwrap();
    compare("control plane", &replica, engine);
    let agent = Metrics::scrape(&agent).await.unwrap();
    compare("agent", &agent, engine);
    let tables = [documented("control plane"), documented("agent")];
    for name in SHOWN_LATER.iter().chain(&OF_POSTGRES) {
        assert!(tables.iter().any(|table| table.contains_key(*name)), "there is no {name}");
    }
    let port = format!(":{}", stage.receiver.port());
    for text in [replica.text(), agent.text()] {
        for told in ["secret-tenant", port.as_str(), "/hook"] {
            assert!(!text.contains(told), "{told} stands in\n{text}");
        }
    }
    for (name, least) in [
        ("postrider_delivery_first_attempt_delay_seconds_count", 3.0),
        ("postrider_delivery_success_delay_seconds_count", 3.0),
        ("postrider_dispatch_wait_seconds_count", 3.0),
        ("postrider_attempt_step_duration_seconds_count", 3.0),
        ("postrider_shards_owned", 1.0),
        ("postrider_agents_connected", 1.0),
        ("process_memory_usage_bytes", 1e6),
    ] {
        assert!(replica.sum(name, &[]).unwrap() >= least, "{name}");
    }
    let calls = [
        ("rpc_method", "postrider.v1.EventService/PublishEvent"),
        ("rpc_response_status_code", "OK"),
    ];
    assert!(replica.sum("rpc_server_call_duration_seconds_count", &calls).unwrap() >= 3.0);
    for (name, labels) in [
        ("rpc_server_call_duration_seconds_count", [("rpc_system_name", "http_json"), OVER_HTTP]),
        (
            "http_server_request_duration_seconds_count",
            [("http_route", "/v1/tenants/{tenant}"), ("http_response_status_code", "200")],
        ),
        (
            "http_server_request_duration_seconds_count",
            [("http_request_method", "GET"), ("http_response_status_code", "404")],
        ),
    ] {
        assert_eq!(replica.sum(name, &labels).unwrap(), 1.0, "{name} {labels:?}");
    }
    assert!(replica.sum("postrider_queue_depth", &[("queue", "publish")]).unwrap() == 0.0);
    assert!(agent.sum("postrider_agent_attempts_total", &[("fact", "response")]).unwrap() >= 3.0);
}

on_both_engines!(every_metric_is_listed_and_shown);
