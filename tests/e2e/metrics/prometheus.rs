//! Every expression of the dashboard and of the alerts finds something in a real Prometheus.
//!
//! Fed by two replicas and an agent under load, and by the files of the chart; feeds
//! `tests/run`, which leaves it out where there is no Prometheus. Of an alert its parts are
//! asked for without their thresholds: while all is well it must be silent itself, and so it is
//! looked at that none fires.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use postrider_tests::cluster::{Cluster, Description, Engine};
use postrider_tests::ports::free_port;
use postrider_tests::process::Program;
use postrider_tests::receiver::behaviour::status;
use postrider_tests::wait;
use serde_json::Value;
use tokio::net::TcpStream;

use super::{measured, subscribe_by_name};
use crate::stage::{SOON_LIMIT, Stage};

/// A rate needs two scrapes with an event between them; the longest chain of them is an
/// exhausted delivery.
const EVALUATED_LIMIT: Duration = Duration::from_secs(90);
/// Between two rounds of load.
const ROUND_PAUSE: Duration = Duration::from_millis(250);

struct PrometheusServer {
    address: String,
    _program: Program,
}

impl PrometheusServer {
    /// Scrapes `targets` each second, with the rules of the chart.
    async fn start(folder: &Path, targets: &[String]) -> Self {
        let address = format!("127.0.0.1:{}", free_port().unwrap());
        let rules = chart_file("alerts.yaml");
        let configuration = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
             rule_files: [{rules:?}]\n\
             scrape_configs:\n\
             - job_name: postrider\n  static_configs:\n  - targets: {targets:?}\n"
        );
        let file = folder.join("prometheus.yaml");
        std::fs::write(&file, configuration).unwrap();
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("prometheus").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=warn");
        let log = folder.join("prometheus.log");
        let mut program = Program::start("prometheus", command, &log).expect("it is installed");
        let ready = wait::until("Prometheus", SOON_LIMIT, || get(&address, "/-/ready")).await;
        program.still_runs().unwrap();
        ready.unwrap();
        Self { address, _program: program }
    }

    /// The part of an answer of the API that matters.
    async fn ask(&self, path: &str) -> wait::Answer<Value> {
        let text = get(&self.address, path).await?;
        let answer: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        match answer["status"].as_str() {
            Some("success") => Ok(answer["data"].clone()),
            _ => Err(text),
        }
    }

    /// How many series an expression finds now.
    async fn count_found(&self, expression: &str) -> wait::Answer<usize> {
        let query = utf8_percent_encode(expression, NON_ALPHANUMERIC);
        let data = self.ask(&format!("/api/v1/query?query={query}")).await?;
        Ok(data["result"].as_array().map_or(0, Vec::len))
    }

    /// The alerts, as Prometheus writes their expressions, and those that fire.
    async fn alerts(&self) -> (Vec<(String, String)>, Vec<String>) {
        let data = self.ask("/api/v1/rules").await.unwrap();
        let groups = data["groups"].as_array().unwrap();
        let rules: Vec<&Value> =
            groups.iter().flat_map(|group| group["rules"].as_array().unwrap()).collect();
        let text = |rule: &Value, key: &str| rule[key].as_str().unwrap().to_owned();
        let broken = rules.iter().filter(|rule| rule["health"] == "err");
        assert_eq!(broken.count(), 0, "{rules:?}");
        let firing = rules.iter().filter(|rule| rule["state"] == "firing");
        (
            rules.iter().map(|rule| (text(rule, "name"), text(rule, "query"))).collect(),
            firing.map(|rule| text(rule, "name")).collect(),
        )
    }
}

fn chart_file(name: &str) -> PathBuf {
    let files = "../charts/postrider-control-plane/files";
    Path::new(env!("CARGO_MANIFEST_DIR")).join(files).join(name)
}

async fn get(address: &str, path: &str) -> wait::Answer<String> {
    let answered = async {
        let stream = TcpStream::connect(address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = Request::get(path).header("host", address).body(Empty::<Bytes>::new())?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let text = String::from_utf8(answer.into_body().collect().await?.to_bytes().into())?;
        anyhow::ensure!(status.is_success(), "{status}: {text}");
        anyhow::Ok(text)
    };
    answered.await.map_err(|error| error.to_string())
}

/// An alert's parts without their thresholds.
fn parts(query: &str) -> Vec<String> {
    let bare = |part: &str| {
        let comparison = [" > ", " < ", " == ", " >= "].iter().find_map(|operator| {
            let (left, right) = part.rsplit_once(operator)?;
            right.trim().parse::<f64>().ok().map(|_| left)
        });
        let left = comparison.unwrap_or(part).trim();
        let absent = left.strip_prefix("absent(").and_then(|inner| inner.strip_suffix(')'));
        absent.unwrap_or(left).to_owned()
    };
    query.split(" and on (region) ").map(bare).collect()
}

/// The expressions of the dashboard, as Grafana would ask them.
fn panels() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(chart_file("dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let mut expressions = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().unwrap();
            let asked = expression.replace("$__rate_interval", "30s");
            let asked = asked.replace("$region", ".*").replace("$job", ".*");
            assert!(!asked.contains('$'), "{title}: {asked}");
            expressions.push((title.to_owned(), asked));
        }
    }
    expressions
}

/// An event, which is delivered to one subscription and fails at the other.
async fn publish_and_pause(stage: &Stage) {
    stage.publish().await;
    tokio::time::sleep(ROUND_PAUSE).await;
}

async fn wait_until_all_find_something(
    server: &PrometheusServer,
    stage: &Stage,
    expressions: &[(String, String)],
) {
    let mut left: Vec<_> = expressions.to_vec();
    let begun = std::time::Instant::now();
    while !left.is_empty() {
        publish_and_pause(stage).await;
        let mut silent = Vec::new();
        for (place, expression) in left {
            let found = server.count_found(&expression).await;
            if found.unwrap_or_else(|error| panic!("{place}: {expression}: {error}")) == 0 {
                silent.push((place, expression));
            }
        }
        left = silent;
        assert!(begun.elapsed() < EVALUATED_LIMIT, "these find nothing: {left:#?}");
    }
}

fn targets(cluster: &Cluster, agent: String) -> Vec<String> {
    cluster.replicas.iter().map(|replica| replica.metrics_address()).chain([agent]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_expression_finds_something_on_postgres() {
    let description =
        Description { engine: Engine::Postgres, replicas: 2, ..Description::default() };
    let (cluster, agent) = measured(description).await;
    let stage = Stage::set(&cluster, "watched").await;
    subscribe_by_name(&stage, "/hook").await;
    stage.receiver.script("/fails", [status(StatusCode::BAD_GATEWAY)]);
    stage.subscribe_with_delays("/fails", &[0]).await;
    let server = PrometheusServer::start(cluster.folder(), &targets(&cluster, agent)).await;
    let (alerts, _) = server.alerts().await;
    assert!(alerts.len() > 20, "{alerts:?}");
    let mut expressions = panels();
    for (name, query) in alerts {
        expressions.extend(parts(&query).into_iter().map(|part| (name.clone(), part)));
    }
    wait_until_all_find_something(&server, &stage, &expressions).await;
    let (_, firing) = server.alerts().await;
    assert!(firing.is_empty(), "nothing is wrong, and yet: {firing:?}");
}

#[test]
fn an_alert_is_asked_without_its_thresholds() {
    assert_eq!(
        parts("sum by (region) (a) == 0 and on (region) sum by (region) (b{c>\"1\"}) > 0.5"),
        ["sum by (region) (a)", "sum by (region) (b{c>\"1\"})"]
    );
    assert_eq!(parts("absent(a{b=\"c\"})"), ["a{b=\"c\"}"]);
}
