//! Builds a replica, runs it and stops it.
//!
//! Fed by the settings; feeds every part of a replica with what it is made of. Guarantees
//! that every setting is checked before a port is opened, and that a stop hands over the
//! leases and loses nothing that was acknowledged.
//!
//! - `assembly`: state, loops and entrances, without ports. `maintenance`: the loop that
//!   keeps partitions. `metrics_port`, `scheduler_metrics`: what is measured.

mod assembly;
mod maintenance;
mod metrics_port;
mod own_address;
mod scheduler_config;
mod scheduler_metrics;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use postrider_store::{CallObserver, OpenOptions, Store};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Server, ServerTlsConfig};

pub use self::assembly::{AssembledReplica, Loops, assemble, spawn_loops};
use self::maintenance::MaintenanceLoop;
use crate::clock::{Clock, SystemClock};
use crate::flow::Flow;
use crate::flow::hold_keeper::HoldKeeper;
use crate::metrics::Metrics;
use crate::replicas::GrpcCalls;
use crate::settings::{ServerSettings, Settings};
use crate::state::context::ReplicaContext;
use crate::tls::{self, CertificateCheck};
use crate::{agents, api, replicas};

/// How long the port stays open after everything else has stopped. Callers need a round
/// trip to see the connection's end.
const CONNECTION_CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// After two other clocks have disagreed with ours for this long, the replica restarts by
/// theirs. Chosen, not measured: somebody who sets a clock wrongly and corrects it at once
/// causes no restart.
const CLOCK_OUTVOTED_LIMIT: Duration = Duration::from_secs(60);
/// As often as a heartbeat tells the database's time.
const CLOCK_POLL_INTERVAL: Duration = Duration::from_secs(1);
/// As often as a heartbeat tells who has the name.
const NAME_POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Twice the silence that ends an agent's stream by itself: this is for callers that have
/// vanished.
const HTTP2_KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// Flow-control windows that keep a publishing stream busy on a fast network. At 50 ms
/// there and back one stream carries 20 MB a second, and eight streams fill the
/// connection's.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;

/// A control plane that runs.
pub struct ControlPlane {
    /// Where it listens.
    pub address: SocketAddr,
    /// For the `dev` command and tests, which share its process. Boxed, since it is large
    /// and a future that holds this would be too.
    pub context: Box<ReplicaContext>,
    pub flow: Box<Flow>,
    ownership: JoinHandle<()>,
    server: JoinHandle<()>,
    tasks: JoinSet<()>,
    /// Stops the loops that accept new work.
    draining: CancellationToken,
    /// Closes streams and the port.
    closing: CancellationToken,
    /// Stops everything else.
    stopped: CancellationToken,
}

/// Starts a control plane; `clock` replaces the real one.
pub async fn start(
    settings: Settings,
    clock: Option<Arc<dyn Clock>>,
) -> anyhow::Result<ControlPlane> {
    // All that is built on the way would make the caller's future large.
    Box::pin(open_and_start(settings, clock)).await
}

async fn open_and_start(
    settings: Settings,
    clock: Option<Arc<dyn Clock>>,
) -> anyhow::Result<ControlPlane> {
    let settings = Arc::new(settings);
    let tls = tls::load(&settings)?;
    let listen = &settings.server.listen;
    let listener = listen.bind().await.with_context(|| {
        format!("{}: cannot listen on {listen}", settings.name_with_place("server.listen"))
    })?;
    let address = listener.local_addr()?;
    own_address::require_certificate_unless_loopback(listen, address, tls.is_some())?;
    let metrics = Metrics::default();
    let store = open_store(&settings, Arc::new(metrics.clone())).await?;
    let clock = match clock {
        Some(clock) => clock,
        None => SystemClock::starting_at(store.now().await?),
    };
    let maintenance = maintenance::options(&settings);
    store.maintain(clock.now(), maintenance).await.context("preparing the database")?;
    let own_address = own_address::advertised(&settings.server, address);
    let check = CertificateCheck { required: tls.is_some() };
    let (server_tls, peer_tls) =
        tls.map_or((None, None), |tls| (Some(tls.server), Some(tls.peers)));

    let calls = Arc::new(GrpcCalls::new(peer_tls));
    let assembled = assemble(Arc::clone(&settings), store, clock, own_address, calls, metrics);
    let AssembledReplica { context, flow, loops, mut tasks, health } = assembled;
    context.event_types.refresh().await.context("reading the event types")?;
    flow.membership.join().await?;
    let holds = HoldKeeper::new(&context);
    holds.refresh_holds().await.context("reading the holds")?;
    let (draining, closing, stopped) =
        (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());

    let (reporter, health_service) = tonic_health::server::health_reporter();
    let ownership = spawn_loops(&mut tasks, loops, &health, &draining, &stopped);
    let health_stop = draining.clone();
    tasks.spawn(async move { health.run(reporter, health_stop).await });
    let maintenance = MaintenanceLoop::new(&context, maintenance);
    tasks.spawn(maintenance.run(stopped.clone()));
    metrics_port::open(&mut tasks, &context, stopped.clone()).await?;

    let router = server_without_services(&settings.server, server_tls)?
        .add_routes(api::routes(context.clone(), flow.clone())?)
        .add_service(agents::service(context.clone(), flow.clone(), check, closing.clone()))
        .add_service(replicas::service(context.clone(), check))
        .add_service(health_service);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let shutdown = closing.clone().cancelled_owned();
    let server = tokio::spawn(async move {
        if let Err(error) = router.serve_with_incoming_shutdown(incoming, shutdown).await {
            tracing::error!(%error, "the gRPC port failed");
        }
    });
    tracing::info!(%address, replica = %context.replica.0, "serving");
    own_address::spawn_check(&mut tasks, &context, &stopped);
    let (context, flow) = (Box::new(context), Box::new(flow));
    Ok(ControlPlane {
        address,
        context,
        flow,
        ownership,
        server,
        tasks,
        draining,
        closing,
        stopped,
    })
}

fn server_without_services(
    settings: &ServerSettings,
    tls: Option<ServerTlsConfig>,
) -> anyhow::Result<Server> {
    let server = Server::builder()
        .tcp_nodelay(true)
        .max_concurrent_streams(settings.max_concurrent_streams)
        .http2_max_pending_accept_reset_streams(Some(settings.max_pending_reset_streams))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keepalive_interval(Some(HTTP2_KEEPALIVE_INTERVAL));
    match tls {
        Some(tls) => server.tls_config(tls).context("server.tls_cert, tls_key, tls_client_ca"),
        None => Ok(server),
    }
}

impl ControlPlane {
    /// Serves until it is asked to stop. Restarts when the database's clock and this
    /// machine's were set for good, since everything in memory was timed by the old one.
    /// Agents keep what they hold, as in any restart.
    pub async fn serve_until(
        mut self,
        stop_requested: impl Future<Output = ()>,
    ) -> anyhow::Result<Self> {
        let mut stop_requested = std::pin::pin!(stop_requested);
        loop {
            tokio::select! {
                () = &mut stop_requested => return Ok(self),
                () = self.wait_for_outvoted_clock() => {}
                () = self.wait_for_name_conflict() => {
                    let replica = self.context.replica.clone();
                    self.stop().await;
                    anyhow::bail!("another process has taken the name of replica {}", replica.0);
                }
            }
            tracing::warn!("the database's clock was changed for good; restarting to follow it");
            let mut settings = Settings::clone(&self.context.settings);
            settings.server.listen = self.address.into();
            self.stop().await;
            self = start(settings, None).await?;
        }
    }

    /// Completes when another process has taken this replica's name.
    async fn wait_for_name_conflict(&self) {
        while self.context.cluster.find_name_conflict().is_none() {
            tokio::time::sleep(NAME_POLL_INTERVAL).await;
        }
    }

    async fn wait_for_outvoted_clock(&self) {
        let cluster = &self.context.cluster;
        // Without recent heartbeats the database's clock is not known.
        let is_clock_known = || cluster.since_heartbeat() < CLOCK_POLL_INTERVAL * 3;
        while !(is_clock_known()
            && cluster.outvoted_for().is_some_and(|alone| alone > CLOCK_OUTVOTED_LIMIT))
        {
            tokio::time::sleep(CLOCK_POLL_INTERVAL).await;
        }
    }

    /// Takes no new work, waits for what is in flight, hands over the leases and
    /// closes. What is still in flight after the patience is left to the agents,
    /// which keep its results for the next owner.
    pub async fn stop(mut self) {
        tracing::info!("draining");
        self.draining.cancel();
        let patience = Duration::from_secs(self.context.settings.server.drain_timeout_seconds);
        let patience = patience.saturating_sub(CONNECTION_CLOSE_TIMEOUT * 2);
        let leaving = async {
            // Shards that it acquires after the hand-over would never be released.
            let _ = (&mut self.ownership).await;
            self.flow.membership.leave(patience).await
        };
        match tokio::time::timeout(patience + CONNECTION_CLOSE_TIMEOUT, leaving).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "leases were not handed over; they will expire");
            }
            Err(_) => tracing::warn!("the database did not answer; the leases will expire"),
        }
        self.closing.cancel();
        self.flow.attempt_feed.close();
        self.context.dispatcher.close_all_streams();
        if tokio::time::timeout(CONNECTION_CLOSE_TIMEOUT, &mut self.server).await.is_err() {
            self.server.abort();
            // Wait until its port is free.
            let _ = (&mut self.server).await;
        }
        self.stopped.cancel();
        self.tasks.shutdown().await;
        self.context.store.close().await;
        tracing::info!("stopped");
    }
}

/// Opens the database that the settings name.
pub async fn open_store(
    settings: &Settings,
    observer: Arc<dyn CallObserver>,
) -> anyhow::Result<Arc<dyn Store>> {
    let url = settings.database_url();
    if settings.database.url.is_empty() {
        let directory = &settings.database.data_dir;
        std::fs::create_dir_all(directory).with_context(|| {
            let name = settings.name_with_place("database.data_dir");
            format!("{name}: cannot create the directory {}", directory.display())
        })?;
    }
    let options = OpenOptions {
        migrate: settings.database.migrate_at_start,
        shards: settings.database.shard_count,
        max_connections: settings.database.max_connections,
    };
    postrider_store::open_observed(&url, &options, observer).await.with_context(|| {
        format!("{}: cannot open the database", settings.name_with_place("database.url"))
    })
}
