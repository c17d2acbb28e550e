//! Where the other replicas reach this one.
//!
//! Fed by the settings and by the port; feeds the table with an address, and the log
//! with whether it works.

use std::net::SocketAddr;

use anyhow::ensure;
use postrider_agent::ListenAddress;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::flow::Flow;
use crate::settings::Server;

/// Where the others reach this replica: at an address that is listened on, or, where
/// all are, by this host's name.
pub fn advertised(server: &Server, bound: SocketAddr) -> String {
    if !server.advertise.is_empty() {
        return server.advertise.clone();
    }
    let scheme = if server.tls_cert.is_empty() { "http" } else { "https" };
    let host = postrider_agent::host_name();
    if bound.ip().is_unspecified() && !host.is_empty() {
        return format!("{scheme}://{host}:{}", bound.port());
    }
    format!("{scheme}://{bound}")
}

/// Says whether the other replicas can reach this one.
async fn check(flow: &Flow) {
    let address = flow.peers.own_address();
    match flow.peers.check_own_address(&flow.replica).await {
        Ok(()) => tracing::info!(%address, "other replicas reach this one"),
        Err(error) => tracing::warn!(
            %address, error = format!("{error:#}"),
            "other replicas do not reach this one, so that what is published at them for its \
             tenants waits for a sweep: server.advertise must be an address at which they do, \
             and its name must stand in server.tls_cert, which must be good for serving and \
             calling"
        ),
    }
}

/// Checks the address once, beside everything else; where nobody else can be there is
/// nothing to check.
pub fn spawn_check(tasks: &mut JoinSet<()>, flow: &Flow, stop: &CancellationToken) {
    if !flow.settings.single_process() {
        let (flow, stop) = (flow.clone(), stop.clone());
        tasks.spawn(async move {
            stop.run_until_cancelled(check(&flow)).await;
        });
    }
}

/// Refuses a name that turned out to be no loopback address, where callers are not told
/// apart.
pub fn check_loopback(
    listen: &ListenAddress,
    bound: SocketAddr,
    has_certificate: bool,
) -> anyhow::Result<()> {
    ensure!(
        has_certificate || bound.ip().is_loopback(),
        "server.listen: {listen} is {}, and without a certificate only a loopback address is \
         allowed",
        bound.ip()
    );
    Ok(())
}
