//! Assembles an agent, runs it and stops it.
//!
//! Stopping happens in this order: no new work is accepted, attempts in flight
//! finish, their results are acknowledged, streams are closed. All of it must end
//! within the drain timeout; otherwise stopping is an error.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use postrider_telemetry::{HealthProbes, process_tracer, serve_metrics};
use postrider_tls::{CertificateMetrics, Reloading, client_config};
use prometheus_client::registry::Registry;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::address_guard::{PortRules, SubnetRules};
use crate::attempt::HttpAttemptExecutor;
use crate::client::WebhookClient;
use crate::client::connect::ReceiverConnector;
use crate::client::pool::ConnectionPool;
use crate::config::AgentConfig;
use crate::metrics::{AgentMetrics, METRICS_PREFIX};
use crate::refused_receivers::RefusedReceivers;
use crate::resolve::Resolver;
use crate::stream::replica_connector::ReplicaConnector;
use crate::stream::session::ShutdownSignals;
use crate::wall_clock::WallClock;
use crate::work::coordinator::WorkCoordinator;

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
    let mut registry = Registry::default();
    let metrics = AgentMetrics::register(&mut registry);
    let (client, mut certificates) = webhook_client(&config, &metrics)?;
    let clock = Arc::<WallClock>::default();
    let attempts = HttpAttemptExecutor {
        client,
        limits: config.response.clone(),
        user_agent: config.user_agent.clone(),
        clock: Arc::clone(&clock),
    };
    let coordinator = WorkCoordinator::new(&config, Box::new(attempts), metrics, clock);
    let signals = ShutdownSignals::default();
    let over_tls = config.control_planes.iter().any(|control_plane| control_plane.tls);
    let tls = over_tls.then(|| Reloading::load(config.tls.files(), client_config)).transpose()?;
    if let Some(tls) = &tls {
        certificates.0.push(Arc::new(tls.clone()));
    }
    let measured = registry.sub_registry_with_prefix(METRICS_PREFIX);
    measured.register_collector(Box::new(certificates));
    if let Some(tracer) = process_tracer() {
        tracer.metrics.register(measured);
    }
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
            let server = serve_metrics(listener, Arc::new(registry), probes, closing);
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
    tracing::info!("agent stopped");
    Ok(())
}

/// What sends webhooks, and the certificates that it trusts.
fn webhook_client(
    config: &AgentConfig,
    metrics: &AgentMetrics,
) -> anyhow::Result<(WebhookClient, CertificateMetrics)> {
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
    Ok((WebhookClient::new(resolver, pool, ports, refused), certificates))
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
