//! Opens the port of metrics and health, and registers on it what is measured.

use std::sync::Arc;

use anyhow::Context as _;
use postrider_telemetry::{HealthProbes, process_tracer, serve_metrics};
use postrider_tls::CertificateMetrics;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::scheduler_metrics::SchedulerMetrics;
use crate::replicas::PeerMetrics;
use crate::settings::Settings;
use crate::state::context::ReplicaContext;

/// Listens at the port, if there is to be one.
pub async fn listen(settings: &Settings) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = settings.server.metrics_address() else {
        return Ok(None);
    };
    let listener = address.bind().await.with_context(|| {
        let name = settings.name_with_place("server.metrics_listen");
        format!("{name}: cannot listen on {address}")
    })?;
    Ok(Some(listener))
}

/// Opens the port, if there is to be one.
pub async fn open(
    tasks: &mut JoinSet<()>,
    context: &ReplicaContext,
    certificates: CertificateMetrics,
    probes: HealthProbes,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let Some(listener) = listen(&context.settings).await? else {
        return Ok(());
    };
    let mut registry = context.metrics.registry();
    registry.register_collector(Box::new(SchedulerMetrics::new(
        context.dispatcher.clone(),
        Arc::clone(&context.clock),
        &context.settings.agents.regions,
    )));
    registry.register_collector(Box::new(certificates));
    if let Some(tracer) = process_tracer() {
        tracer.metrics.register(&mut registry);
    }
    registry.register_collector(Box::new(PeerMetrics(context.peers.clone())));
    tasks.spawn(serve_metrics(listener, Arc::new(registry), probes, stop));
    Ok(())
}
