//! Puts an agent together, runs it and stops it.
//!
//! Fed by a checked configuration; feeds nothing. Guarantees the order of
//! stopping: no new work is taken, attempts in flight end, their results are
//! acknowledged, streams are closed, all within the drain time-out, past which
//! it is an error.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use prometheus_client::registry::Registry;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::attempt::HttpAttempts;
use crate::client::Client;
use crate::config::AgentConfig;
use crate::connect::Connector;
use crate::desk::Desk;
use crate::guard::AllowList;
use crate::metrics::{self, Metrics};
use crate::pool::Pool;
use crate::replicas::Replicas;
use crate::resolve::Resolver;
use crate::session::Stopping;
use crate::wall_clock::WallClock;

/// How often unacknowledged results are looked at.
pub const OVERDUE_CHECK: Duration = Duration::from_millis(250);
/// Assignments that were on their way when the agent said that it drains arrive
/// within this and are given back, instead of being lost with the stream.
const LINGER: Duration = Duration::from_millis(250);

/// Runs an agent until `shutdown`, or until a replica asks it to stop.
pub async fn run(config: AgentConfig, shutdown: CancellationToken) -> anyhow::Result<()> {
    config.check()?;
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let connector = Connector::new(&config.extra_ca_pem, config.connect_timeout)?;
    let open = metrics.connections.clone();
    let pool = Pool::new(connector, config.connections.clone(), open);
    let allow = AllowList::new(config.allow_subnets.iter().copied());
    let resolver = Resolver::new(allow, config.lookup_way.clone(), config.lookups.clone());
    let client = Client::new(resolver, pool);
    let clock = Arc::<WallClock>::default();
    let attempts =
        HttpAttempts { client, limits: config.response.clone(), clock: Arc::clone(&clock) };
    let desk = Desk::new(&config, Box::new(attempts), metrics, clock);
    let stopping = Stopping::default();
    let replicas = Arc::new(Replicas::new(
        &config.control_planes,
        config.tls.clone(),
        Arc::clone(&desk),
        stopping.clone(),
    ));
    replicas.check()?;
    let _scraped = match &config.metrics_address {
        Some(address) => {
            let listener = address
                .bind()
                .await
                .with_context(|| format!("metrics cannot be served on {address}"))?;
            let closing = stopping.closing.clone();
            let server = metrics::serve(listener, Arc::new(registry), closing);
            Some(AbortOnDropHandle::new(tokio::spawn(server)))
        }
        None => None,
    };
    let _overdue = AbortOnDropHandle::new(tokio::spawn(watch_overdue(Arc::clone(&desk))));
    let streams = AbortOnDropHandle::new(tokio::spawn(replicas.keep()));
    tracing::info!(id = config.agent_id, region = config.region, "agent started");

    tokio::select! {
        () = shutdown.cancelled() => tracing::info!("agent is stopping"),
        () = stopping.asked.cancelled() => tracing::info!("agent is stopping, as asked"),
    }
    let stopped = timeout(config.drain_timeout, stop(&desk, &stopping, streams)).await;
    stopped.with_context(|| {
        format!("attempts or unacknowledged results were left after {:?}", config.drain_timeout)
    })?;
    tracing::info!("agent stopped");
    Ok(())
}

async fn stop(desk: &Desk, stopping: &Stopping, streams: AbortOnDropHandle<()>) {
    desk.drain();
    stopping.draining.cancel();
    sleep(LINGER).await;
    desk.settled().await;
    stopping.closing.cancel();
    // It ends by itself; a panic in it has been printed already.
    let _ = streams.await;
}

async fn watch_overdue(desk: Arc<Desk>) {
    loop {
        sleep(OVERDUE_CHECK).await;
        desk.send_overdue_elsewhere(Instant::now());
    }
}
