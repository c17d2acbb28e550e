//! Opens the metrics port.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::flow::Flow;
use crate::replicas::PeerMetrics;

/// Opens the port, if there is to be one.
pub async fn open(
    tasks: &mut JoinSet<()>,
    flow: &Flow,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let Some(address) = flow.settings.server.metrics_address() else {
        return Ok(());
    };
    let listener = address
        .bind()
        .await
        .with_context(|| format!("server.metrics_listen: cannot listen on {address}"))?;
    let mut registry = flow.metrics.registry(flow.dispatcher.clone(), Arc::clone(&flow.clock));
    registry.register_collector(Box::new(PeerMetrics(flow.peers.clone())));
    tasks.spawn(async move {
        postrider_agent::metrics::serve_metrics(listener, Arc::new(registry), stop).await
    });
    Ok(())
}
