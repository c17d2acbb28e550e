//! Opens the port of metrics and health, and shows there what is known when somebody asks.
//!
//! Fed by the settings, and by the state at each reading; feeds Prometheus, probes, and an
//! OTLP collector where one is named.

use std::sync::Arc;

use anyhow::Context as _;
use postrider_telemetry::metrics::{
    CertificateMetrics, MetricRegistry, OtlpMetricsExport, observe_process,
};
use postrider_telemetry::{HealthProbes, observe_spans, serve_metrics};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::cluster_metrics::observe_cluster;
use super::scheduler_metrics::observe_scheduler;
use crate::metrics::Metrics;
use crate::replicas::observe_peers;
use crate::settings::Settings;
use crate::state::context::ReplicaContext;

/// What metrics are exported as.
const SERVICE_NAME: &str = "postrider";

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

/// The registry of a process, whose metrics are exported where that is wanted, and what is
/// counted.
pub fn new_metrics(settings: &Settings) -> anyhow::Result<(MetricRegistry, Metrics)> {
    let telemetry = &settings.telemetry;
    let (endpoint, protocol) = (telemetry.otlp_endpoint.as_ref(), telemetry.otlp_protocol);
    let export = OtlpMetricsExport::from_environment(SERVICE_NAME, endpoint, protocol)?;
    let registry = MetricRegistry::new(export)?;
    let metrics = Metrics::new(&registry, &settings.agents.regions);
    Ok((registry, metrics))
}

/// Opens the port.
pub async fn open(
    tasks: &mut JoinSet<()>,
    registry: &MetricRegistry,
    settings: &Settings,
    probes: HealthProbes,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    if let Some(listener) = listen(settings).await? {
        tasks.spawn(serve_metrics(listener, registry.clone(), probes, stop.clone()));
    }
    Ok(())
}

/// Shows what is known when somebody asks, beside what is counted.
pub fn observe(
    registry: &MetricRegistry,
    context: &ReplicaContext,
    certificates: CertificateMetrics,
) {
    let named = &context.settings.agents.regions;
    observe_scheduler(registry, context.dispatcher.clone(), Arc::clone(&context.clock), named);
    observe_cluster(registry, context.clone());
    observe_peers(registry, context.peers.clone());
    certificates.register(registry);
    observe_spans(registry);
    observe_process(registry, SERVICE_NAME, env!("CARGO_PKG_VERSION"));
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use postrider_domain::assignment_key::AssignmentKey;
    use postrider_store_memory::MemoryStore;

    use super::*;
    use crate::clock::SystemClock;
    use crate::fixtures::FIXTURE_TIME;
    use crate::replicas::GrpcCalls;
    use crate::serve::assemble;

    #[tokio::test]
    async fn every_metric_is_documented() {
        let flags = [
            ("database.url", "postgres://memory".to_owned()),
            ("server.metrics_listen", String::new()),
        ];
        let registry = MetricRegistry::new(None).unwrap();
        let assembled = assemble(
            Arc::new(Settings::load(None, &flags).unwrap()),
            (Arc::new(MemoryStore::new(4, || FIXTURE_TIME)), AssignmentKey::new([7; 32])),
            SystemClock::starting_at(FIXTURE_TIME),
            String::new(),
            Arc::new(GrpcCalls::new(None)),
            Metrics::new(&registry, &[]),
        );
        observe(&registry, &assembled.context, CertificateMetrics::default());
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
        let text = std::fs::read_to_string(&page).unwrap();
        let documented = registry.documented_in(&text, "control plane").unwrap();
        if std::env::var("POSTRIDER_WRITE_GOLDEN").is_ok() {
            std::fs::write(&page, documented).unwrap();
        } else {
            assert_eq!(text, documented, "POSTRIDER_WRITE_GOLDEN=1 writes it");
        }
    }

    #[test]
    fn no_two_metrics_have_a_name_in_common() {
        let registry = MetricRegistry::new(None).unwrap();
        let _metrics = Metrics::new(&registry, &[]);
        let mut names: Vec<_> =
            registry.descriptors().iter().map(|metric| metric.prometheus_name()).collect();
        names.sort();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
