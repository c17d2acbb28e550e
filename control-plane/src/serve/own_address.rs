//! The address at which other replicas reach this one.
//!
//! Fed by the settings and the bound port; feeds the table with the address, and the
//! log with whether it works.
//!
//! Keeps the invariant `hints-arrive-or-are-reported`.

use std::net::SocketAddr;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::settings::ReplicasSettings;
use crate::state::context::ReplicaContext;

/// The address at which others reach this replica: the one it listens on or, if it
/// listens on all, this host's name.
pub fn advertised(replicas: &ReplicasSettings, bound: SocketAddr) -> String {
    if !replicas.advertise.is_empty() {
        return replicas.advertise.clone();
    }
    let scheme = if replicas.tls_ca.is_empty() { "http" } else { "https" };
    let host = postrider_telemetry::host_name();
    if bound.ip().is_unspecified() && !host.is_empty() {
        return format!("{scheme}://{host}:{}", bound.port());
    }
    format!("{scheme}://{bound}")
}

/// Logs whether other replicas can reach this one.
async fn check(context: &ReplicaContext) {
    let address = context.peers.own_address();
    match context.peers.check_own_address(&context.replica).await {
        Ok(()) => tracing::info!(%address, "other replicas can reach this one"),
        Err(error) => tracing::warn!(
            %address, error = format!("{error:#}"),
            "other replicas cannot reach this one, so events published at them for its tenants \
             wait for a sweep: replicas.advertise must be an address that they can reach, and \
             the certificate must be a replica's and be valid for both server and client \
             authentication"
        ),
    }
}

/// Checks the address once, in the background. A single-process database has no other
/// replica.
pub fn spawn_check(tasks: &mut JoinSet<()>, context: &ReplicaContext, stop: &CancellationToken) {
    if !context.settings.single_process() {
        let (context, stop) = (context.clone(), stop.clone());
        tasks.spawn(async move {
            stop.run_until_cancelled(check(&context)).await;
        });
    }
}
