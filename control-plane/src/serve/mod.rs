//! Builds a replica, runs it and stops it.
//!
//! Fed by the settings. Guarantees that every setting is checked before a port is
//! opened, and that a stop hands over the leases and loses nothing that was
//! acknowledged.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use postrider_domain::ids::ReplicaId;
use postrider_domain::scheduler::Scheduler;
use postrider_store::{MaintenanceOptions, OpenOptions, Store};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::clock::{Clock, SystemClock};
use crate::flow::cluster::ClusterState;
use crate::flow::conclude;
use crate::flow::faults::FaultLog;
use crate::flow::on_demand::TestWaiters;
use crate::flow::ordering::{self, OrderingReleaser};
use crate::flow::publish;
use crate::flow::publish::watermark::PublishWatermark;
use crate::flow::{
    AttemptFeed, Dispatcher, EventTypes, FailureStreaks, Flow, Outbox, Peers, ReplicaContext,
    TenantConfigs,
};
use crate::health::{HealthMonitor, ProgressHandle};
use crate::metrics::Metrics;
use crate::replicas::GrpcCalls;
use crate::settings::Settings;
use crate::tls::{self, CertificateCheck};
use crate::{agents, api, replicas};

mod metrics_port;
mod own_address;
mod scheduler_config;

/// How often partitions are made and what is past retention removed.
const MAINTENANCE_PERIOD: Duration = Duration::from_secs(600);
/// The shortest pause after a maintenance run that failed.
const MAINTENANCE_RETRY_PAUSE: Duration = Duration::from_secs(5);
/// How long the port stays open after everything else has stopped.
const CONNECTION_CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// After two other clocks have disagreed with ours for this long, the replica restarts by
/// theirs.
const CLOCK_OUTVOTED_LIMIT: Duration = Duration::from_secs(60);
const CLOCK_POLL_INTERVAL: Duration = Duration::from_secs(1);
const NAME_POLL_INTERVAL: Duration = Duration::from_secs(1);
const HTTP2_KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// Flow-control windows that keep a publishing stream busy on a fast network.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;

/// A control plane that runs.
pub struct ControlPlane {
    /// Where it listens.
    pub address: SocketAddr,
    /// For the `dev` command and tests, which share its process.
    pub flow: Flow,
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
    let settings = Arc::new(settings);
    let tls = tls::load(&settings.server)?;
    let listen = &settings.server.listen;
    let listener =
        listen.bind().await.with_context(|| format!("server.listen: cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    own_address::require_certificate_unless_loopback(listen, address, tls.is_some())?;
    let store = open_store(&settings).await?;
    let clock = match clock {
        Some(clock) => clock,
        None => SystemClock::starting_at(store.now().await?),
    };
    let maintenance = maintenance(&settings);
    store.maintain(clock.now(), maintenance).await.context("preparing the database")?;
    let own_address = own_address::advertised(&settings.server, address);
    let check = CertificateCheck { required: tls.is_some() };
    let (server_tls, peer_tls) =
        tls.map_or((None, None), |tls| (Some(tls.server), Some(tls.peers)));

    let calls = Arc::new(GrpcCalls::new(peer_tls));
    let assembled = assemble(Arc::clone(&settings), store, clock, own_address, calls);
    let (flow, mut tasks, health) = (assembled.flow, assembled.tasks, assembled.health);
    flow.event_types.refresh().await.context("reading the event types")?;
    flow.join().await?;
    flow.refresh_holds().await.context("reading the holds")?;
    let (draining, closing, stopped) =
        (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());

    let (reporter, health_service) = tonic_health::server::health_reporter();
    let ownership = spawn_loops(&mut tasks, &flow, &health, &draining, &stopped);
    let health_stop = draining.clone();
    tasks.spawn(async move { health.run(reporter, health_stop).await });
    spawn_maintenance(&mut tasks, &flow, maintenance, stopped.clone());
    metrics_port::open(&mut tasks, &flow, stopped.clone()).await?;

    let mut server = Server::builder()
        .tcp_nodelay(true)
        .max_concurrent_streams(settings.server.max_concurrent_streams)
        .http2_max_pending_accept_reset_streams(Some(settings.server.max_pending_reset_streams))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keepalive_interval(Some(HTTP2_KEEPALIVE_INTERVAL));
    if let Some(tls) = server_tls {
        server = server.tls_config(tls).context("server.tls_cert, tls_key, tls_client_ca")?;
    }
    let router = server
        .add_routes(api::routes(flow.clone())?)
        .add_service(agents::service(flow.clone(), check, closing.clone()))
        .add_service(replicas::service(flow.clone(), check))
        .add_service(health_service);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let shutdown = closing.clone().cancelled_owned();
    let server = tokio::spawn(async move {
        if let Err(error) = router.serve_with_incoming_shutdown(incoming, shutdown).await {
            tracing::error!(%error, "the gRPC port failed");
        }
    });
    tracing::info!(%address, replica = %flow.replica.0, "serving");
    own_address::spawn_check(&mut tasks, &flow, &stopped);
    Ok(ControlPlane { address, flow, ownership, server, tasks, draining, closing, stopped })
}

impl ControlPlane {
    /// Serves until told to stop. Restarts when the database's clock and this machine's were
    /// set for good, since everything in memory was timed by the old one. Agents keep what
    /// they hold, as in any restart.
    pub async fn serve_until(mut self, told: impl Future<Output = ()>) -> anyhow::Result<Self> {
        let mut told = std::pin::pin!(told);
        loop {
            tokio::select! {
                () = &mut told => return Ok(self),
                () = self.wait_for_outvoted_clock() => {}
                () = self.wait_for_name_conflict() => {
                    let replica = self.flow.replica.clone();
                    self.stop().await;
                    anyhow::bail!("another process has taken the name of replica {}", replica.0);
                }
            }
            tracing::warn!("the database's clock was set and stays so; restarting by it");
            let mut settings = Settings::clone(&self.flow.settings);
            settings.server.listen = self.address.into();
            self.stop().await;
            self = start(settings, None).await?;
        }
    }

    /// Completes when another process has taken this replica's name.
    async fn wait_for_name_conflict(&self) {
        while self.flow.cluster.find_name_conflict().is_none() {
            tokio::time::sleep(NAME_POLL_INTERVAL).await;
        }
    }

    async fn wait_for_outvoted_clock(&self) {
        let cluster = &self.flow.cluster;
        // Without recent heartbeats the database's clock is not known.
        let heard = || cluster.since_heartbeat() < CLOCK_POLL_INTERVAL * 3;
        while !(heard() && cluster.outvoted_for().is_some_and(|alone| alone > CLOCK_OUTVOTED_LIMIT))
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
        let patience = Duration::from_secs(self.flow.settings.server.drain_timeout_seconds);
        let patience = patience.saturating_sub(CONNECTION_CLOSE_TIMEOUT * 2);
        let leaving = async {
            // Shards that it acquires after the hand-over would never be released.
            let _ = (&mut self.ownership).await;
            self.flow.leave(patience).await
        };
        match tokio::time::timeout(patience + CONNECTION_CLOSE_TIMEOUT, leaving).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "leases were not handed over; they will expire");
            }
            Err(_) => tracing::warn!("the database did not answer; the leases will expire"),
        }
        self.closing.cancel();
        self.flow.watch.close();
        self.flow.dispatcher.close_all_streams();
        if tokio::time::timeout(CONNECTION_CLOSE_TIMEOUT, &mut self.server).await.is_err() {
            self.server.abort();
            // Wait until its port is free.
            let _ = (&mut self.server).await;
        }
        self.stopped.cancel();
        self.tasks.shutdown().await;
        self.flow.store.close().await;
        tracing::info!("stopped");
    }
}

/// Opens the database that the settings name.
pub async fn open_store(settings: &Settings) -> anyhow::Result<Arc<dyn Store>> {
    let url = settings.database_url();
    if settings.database.url.is_empty() {
        let directory = &settings.database.data_dir;
        std::fs::create_dir_all(directory).with_context(|| {
            format!("database.data_dir: cannot create the directory {}", directory.display())
        })?;
    }
    let options = OpenOptions {
        migrate: settings.database.migrate_at_start,
        shards: settings.database.shard_count,
        max_connections: settings.database.max_connections,
    };
    postrider_store::open(&url, &options).await.context("database.url: cannot open the database")
}

/// A control plane without its ports.
pub struct AssembledReplica {
    pub flow: Flow,
    /// The writers, which end when their queues are closed.
    pub tasks: JoinSet<()>,
    pub health: HealthMonitor,
}

/// Builds a replica's state, loops and entrances.
pub fn assemble(
    settings: Arc<Settings>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    own_address: String,
    calls: Arc<dyn replicas::PeerCalls>,
) -> AssembledReplica {
    let mut tasks = JoinSet::new();
    let replica = replica_id(&settings.server.replica_id);
    let shards = settings.database.shard_count;
    let lost_after = settings.ownership.lost_after();
    let cluster = ClusterState::new(replica.clone(), shards, lost_after, clock.now());
    let sweep = settings.ownership.sweep();
    let peers = Peers::new(own_address, calls, cluster.clone(), Arc::clone(&clock), sweep);
    let scheduler = Scheduler::new(scheduler_config::scheduler_config(&settings));
    let dispatcher = Dispatcher::new(scheduler, Arc::clone(&clock));
    let outbox = Outbox::new(settings.operational_events.operators());
    let tenants = tenants(&store, &clock, &dispatcher, &peers, &outbox, shards);
    let event_types = EventTypes::new(Arc::clone(&store), Arc::clone(&clock), peers.clone());
    let (ordering_queue, keys) = ordering::ordering_queue();
    let watermark = PublishWatermark::default();
    if !(settings.server.replica_id.is_empty() || settings.single_process()) {
        watermark.inherit_unresolved(clock.now(), cluster.unresolved_commit_span());
    }
    let parts = ReplicaContext {
        settings,
        store,
        clock,
        metrics: Metrics::default(),
        tenants,
        dispatcher,
        peers,
        cluster,
        test_waiters: TestWaiters::default(),
        ordering_queue,
        watermark,
        outbox,
        failure_streaks: FailureStreaks::default(),
        result_commits: conclude::ResultCommitHealth::default(),
    };
    tasks.spawn(OrderingReleaser::new(keys, parts.clone()).run());
    let health = HealthMonitor::new(&parts);
    let (publisher, publish_writers) = publish::new(parts.clone());
    for writer in publish_writers {
        tasks.spawn(writer.with_progress(health.register_loop("publish")).run());
    }
    let (results, conclude_writer) = conclude::new(parts.clone());
    tasks.spawn(conclude_writer.with_progress(health.register_loop("results")).run());
    let watch =
        AttemptFeed::new(Arc::clone(&parts.store), &parts.settings.api, parts.metrics.clone());
    let flow = Flow::new(parts, replica, event_types, publisher, results, watch);
    AssembledReplica { flow, tasks, health }
}

fn tenants(
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
    dispatcher: &Dispatcher,
    peers: &Peers,
    outbox: &Outbox,
    shards: u16,
) -> TenantConfigs {
    let (store, clock) = (Arc::clone(store), Arc::clone(clock));
    TenantConfigs::new(store, clock, dispatcher.clone(), peers.clone(), outbox.clone(), shards)
}

/// Spawns the loops; returns the lease keeper's task.
pub fn spawn_loops(
    tasks: &mut JoinSet<()>,
    flow: &Flow,
    health: &HealthMonitor,
    draining: &CancellationToken,
    stopped: &CancellationToken,
) -> JoinHandle<()> {
    let pump = (flow.dispatcher.clone(), stopped.clone());
    tasks.spawn(async move { pump.0.run(pump.1).await });
    let work: (Flow, ProgressHandle, _) =
        (flow.clone(), health.register_loop("work"), stopped.clone());
    tasks.spawn(async move { work.0.run_work(work.1, work.2).await });
    let outbox: (Flow, ProgressHandle, _) =
        (flow.clone(), health.register_loop("operational events"), stopped.clone());
    tasks.spawn(async move { outbox.0.run_notices(outbox.1, outbox.2).await });
    let long: (Flow, ProgressHandle, _) =
        (flow.clone(), health.register_loop("operations"), stopped.clone());
    tasks.spawn(async move { long.0.run_operations(long.1, long.2).await });
    let own: (Flow, ProgressHandle, _) =
        (flow.clone(), health.register_loop("leases"), draining.clone());
    tokio::spawn(async move { own.0.run_ownership(own.1, own.2).await })
}

fn spawn_maintenance(
    tasks: &mut JoinSet<()>,
    flow: &Flow,
    maintenance: MaintenanceOptions,
    stop: CancellationToken,
) {
    let flow = flow.clone();
    tasks.spawn(async move {
        let mut log = FaultLog::new("maintenance");
        let mut pause = MAINTENANCE_PERIOD;
        while !stop.is_cancelled() {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => break,
            }
            let maintained = flow.store.maintain(flow.clock.now(), maintenance).await;
            log.note(maintained.as_ref().err(), flow.clock.now());
            pause = match maintained {
                Ok(()) => MAINTENANCE_PERIOD,
                Err(_) => log.pause(MAINTENANCE_RETRY_PAUSE, MAINTENANCE_PERIOD),
            };
        }
    });
}

fn maintenance(settings: &Settings) -> MaintenanceOptions {
    MaintenanceOptions {
        retention: Duration::from_secs(u64::from(settings.database.retention_days) * 86_400),
        days_ahead: settings.database.partitions_ahead_days,
    }
}

fn replica_id(configured: &str) -> ReplicaId {
    if configured.is_empty() {
        ReplicaId(format!("replica-{:016x}", rand::random::<u64>()).into())
    } else {
        ReplicaId(configured.into())
    }
}
