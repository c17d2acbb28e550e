//! Assembles an agent, runs it and stops it.
//!
//! Stopping happens in this order: no new work is accepted, attempts in flight
//! finish, their results are acknowledged, streams are closed. All of it must end
//! within the drain timeout; otherwise stopping is an error.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use postrider_telemetry::metrics::{
    CertificateMetrics, MetricRegistry, OtlpMetricsExport, observe_process,
};
use postrider_telemetry::{HealthProbes, observe_spans, serve_metrics};
use postrider_tls::{Reloading, client_config};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::address_guard::{PortRules, SubnetRules};
use crate::attempt::HttpAttemptExecutor;
use crate::client::WebhookClient;
use crate::client::connect::ReceiverConnector;
use crate::client::pool::ConnectionPool;
use crate::config::AgentConfig;
use crate::metrics::AgentMetrics;
use crate::oauth::TokenKeeper;
use crate::refused_receivers::RefusedReceivers;
use crate::resolve::Resolver;
use crate::stream::replica_connector::ReplicaConnector;
use crate::stream::session::ShutdownSignals;
use crate::wall_clock::WallClock;
use crate::work::coordinator::WorkCoordinator;

/// How long a stop waits until a collector has taken the last metrics: one request.
const LAST_EXPORT_TIMEOUT: Duration = Duration::from_secs(2);
/// What metrics are exported as.
const SERVICE_NAME: &str = "postrider-agent";
/// How often the agent checks for results that were not acknowledged in time. An eighth of
/// `FIRST_ACK_TIMEOUT`, so that a result is late by little.
pub const OVERDUE_CHECK_INTERVAL: Duration = Duration::from_millis(250);
/// Assignments that were in transit when the agent announced that it is draining arrive
/// within this time and are returned; otherwise they would be lost with the stream. A round
/// trip around the world; a drain is longer by no more.
const LATE_ASSIGNMENT_WAIT: Duration = Duration::from_millis(250);

/// Runs an agent until `shutdown`, or until a replica asks it to stop.
pub async fn run(config: AgentConfig, shutdown: CancellationToken) -> anyhow::Result<()> {
    config.check()?;
    let registry = new_registry(&config)?;
    let metrics = AgentMetrics::new(&registry);
    metrics.max_in_flight.record(config.max_in_flight.into());
    let (client, mut certificates) = webhook_client(&config, &metrics)?;
    let clock = Arc::<WallClock>::default();
    let user_agent = config.user_agent.clone();
    let tokens = TokenKeeper::new(Arc::clone(&client), user_agent.clone(), Arc::clone(&clock));
    let (limits, signing) = (config.response.clone(), Arc::clone(&clock));
    let attempts = HttpAttemptExecutor { client, tokens, limits, user_agent, clock: signing };
    let coordinator = WorkCoordinator::new(&config, Box::new(attempts), metrics, clock);
    let signals = ShutdownSignals::default();
    let over_tls = config.control_planes.iter().any(|control_plane| control_plane.tls);
    let tls = over_tls.then(|| Reloading::load(config.tls.files(), client_config)).transpose()?;
    if let Some(tls) = &tls {
        certificates.0.push(Arc::new(tls.clone()));
    }
    observe(&registry, certificates);
    let probes = HealthProbes::default();
    probes.set_live(true);
    let connector = Arc::new(ReplicaConnector::new(
        &config.control_planes,
        tls,
        Arc::clone(&coordinator),
        signals.clone(),
        probes.clone(),
    ));
    let _scraped = match &config.metrics_address {
        Some(address) => {
            let listener = address
                .bind()
                .await
                .with_context(|| format!("cannot listen for metrics on {address}"))?;
            let closing = signals.closing.clone();
            let server = serve_metrics(listener, registry.clone(), probes, closing);
            Some(AbortOnDropHandle::new(tokio::spawn(server)))
        }
        None => None,
    };
    let _overdue = AbortOnDropHandle::new(tokio::spawn(reroute_overdue_periodically(Arc::clone(
        &coordinator,
    ))));
    let streams = AbortOnDropHandle::new(tokio::spawn(connector.maintain_streams()));
    tracing::info!(id = config.agent_id, region = config.region, "agent started");

    tokio::select! {
        () = shutdown.cancelled() => tracing::info!("agent is stopping"),
        () = signals.stop_requested.cancelled() => tracing::info!("agent is stopping; a replica asked for it"),
    }
    let stopped =
        timeout(config.drain_timeout, drain_and_close(&coordinator, &signals, streams)).await;
    stopped.with_context(|| {
        format!("stopped after the drain timeout of {:?} with attempts in flight or unacknowledged results", config.drain_timeout)
    })?;
    if timeout(LAST_EXPORT_TIMEOUT, registry.shutdown()).await.is_err() {
        tracing::warn!("the last metrics were not exported: the collector does not answer");
    }
    tracing::info!("agent stopped");
    Ok(())
}

/// What POSTs and fetches tokens, with the guard before it, and the certificates that it
/// watches.
fn webhook_client(
    config: &AgentConfig,
    metrics: &AgentMetrics,
) -> anyhow::Result<(Arc<WebhookClient>, CertificateMetrics)> {
    let (extra_pem, extra_files) = (&config.extra_ca_pem, &config.extra_ca_files);
    let connector = ReceiverConnector::new(extra_pem, extra_files, config.connect_timeout)?;
    let certificates = CertificateMetrics(vec![connector.watched_certificates()]);
    let open = metrics.connections.clone();
    let pool = ConnectionPool::new(connector, config.connections.clone(), open);
    let rules = SubnetRules::allowing(config.allow_subnets.iter().copied())
        .denying(config.deny_subnets.iter().copied());
    let resolver = Resolver::new(rules, config.lookup_backend.clone(), config.lookups.clone());
    let ports = PortRules::new(&config.allowed_ports, &config.denied_ports);
    let refused = RefusedReceivers::new(metrics.refused_receivers.clone());
    let client = WebhookClient::new(resolver, pool, ports, refused);
    Ok((Arc::new(client), certificates))
}

/// The registry of a process, whose metrics are exported where that is wanted.
fn new_registry(config: &AgentConfig) -> anyhow::Result<MetricRegistry> {
    let (endpoint, protocol) = (config.otlp_endpoint.as_ref(), config.otlp_protocol);
    MetricRegistry::new(OtlpMetricsExport::from_environment(SERVICE_NAME, endpoint, protocol)?)
}

/// Shows what is known when somebody asks, beside what is counted.
fn observe(registry: &MetricRegistry, certificates: CertificateMetrics) {
    certificates.register(registry);
    observe_spans(registry);
    observe_process(registry, SERVICE_NAME, env!("CARGO_PKG_VERSION"));
}

async fn drain_and_close(
    coordinator: &WorkCoordinator,
    signals: &ShutdownSignals,
    streams: AbortOnDropHandle<()>,
) {
    coordinator.stop_taking_work();
    signals.draining.cancel();
    sleep(LATE_ASSIGNMENT_WAIT).await;
    coordinator.wait_until_drained().await;
    signals.closing.cancel();
    // It ends by itself; a panic in it has been printed already.
    let _ = streams.await;
}

async fn reroute_overdue_periodically(coordinator: Arc<WorkCoordinator>) {
    loop {
        sleep(OVERDUE_CHECK_INTERVAL).await;
        coordinator.reroute_overdue_results(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[tokio::test]
    async fn every_metric_is_documented() {
        let registry = MetricRegistry::new(None).unwrap();
        let _metrics = AgentMetrics::new(&registry);
        observe(&registry, CertificateMetrics::default());
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
        let text = std::fs::read_to_string(&page).unwrap();
        let documented = registry.documented_in(&text, "agent").unwrap();
        if std::env::var("POSTRIDER_WRITE_GOLDEN").is_ok() {
            std::fs::write(&page, documented).unwrap();
        } else {
            assert_eq!(text, documented, "POSTRIDER_WRITE_GOLDEN=1 writes it");
        }
    }
}
