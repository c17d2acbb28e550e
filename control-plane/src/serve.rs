//! Putting a control plane together, and taking it down.
//!
//! Fed by settings; feeds nothing: it owns everything. Guarantees that every
//! setting was checked before a port is bound, and that a stop hands over leases
//! and loses nothing that was acknowledged.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use postrider_domain::health::{BreakerConfig, WindowConfig};
use postrider_domain::ids::ReplicaId;
use postrider_domain::scheduler::{Scheduler, SchedulerConfig};
use postrider_store::{Maintenance, OpenOptions, Store};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::clock::{Clock, SystemClock};
use crate::flow::cluster::Cluster;
use crate::flow::conclude;
use crate::flow::faults::FaultLog;
use crate::flow::manual::Tests;
use crate::flow::ordering::{self, TurnKeeper};
use crate::flow::publish;
use crate::flow::publish::watermark::Watermark;
use crate::flow::{Dispatcher, EventTypes, Flow, Notices, Parts, Peers, Streaks, Tenants, Watch};
use crate::health::{Health, Progress};
use crate::metrics::Metrics;
use crate::replicas::GrpcCalls;
use crate::settings::{Dispatch, Settings};
use crate::tls::{self, PeerCheck};
use crate::{agents, api, replicas};

mod metrics_port;
mod own_address;

/// How often partitions are made and what is past retention removed.
const MAINTENANCE_PERIOD: Duration = Duration::from_secs(600);
/// After one that failed the next comes sooner.
const MAINTENANCE_PAUSE: Duration = Duration::from_secs(5);
/// How long the port stays open after everything else has stopped.
const CLOSE_CONNECTIONS: Duration = Duration::from_secs(2);
/// A clock that was set this long ago, and not set back, is the one to go by.
const CLOCK_SET: Duration = Duration::from_secs(60);
const CLOCK_POLL: Duration = Duration::from_secs(1);
const NAME_POLL: Duration = Duration::from_secs(1);
/// A probe of a dead endpoint without a result after this long was lost; longer
/// than any attempt may take.
const PROBE_PATIENCE: Duration = Duration::from_secs(75);
const HTTP2_KEEPALIVE: Duration = Duration::from_secs(10);
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
    /// Ends loops that take new work.
    draining: CancellationToken,
    /// Ends streams and the port.
    closing: CancellationToken,
    /// Ends everything else.
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
    own_address::check_loopback(listen, address, tls.is_some())?;
    let store = open_store(&settings).await?;
    let clock = match clock {
        Some(clock) => clock,
        None => SystemClock::starting_at(store.now().await?),
    };
    let maintenance = maintenance(&settings);
    store.maintain(clock.now(), maintenance).await.context("preparing the database")?;
    let own_address = own_address::advertised(&settings.server, address);
    let check = PeerCheck { required: tls.is_some() };
    let (server_tls, peer_tls) =
        tls.map_or((None, None), |tls| (Some(tls.server), Some(tls.peers)));

    let calls = Arc::new(GrpcCalls::new(peer_tls));
    let assembled = assemble(Arc::clone(&settings), store, clock, own_address, calls);
    let (flow, mut tasks, health) = (assembled.flow, assembled.tasks, assembled.health);
    flow.event_types.refresh().await.context("reading the event types")?;
    flow.enter().await?;
    flow.read_holds().await.context("reading holds")?;
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
        .http2_keepalive_interval(Some(HTTP2_KEEPALIVE));
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
    /// Serves until told to stop, and starts anew when the database's clock and this
    /// machine's were set for good: what is in memory was timed by one that is no more.
    /// Agents keep what they hold, as through any restart.
    pub async fn until(mut self, told: impl Future<Output = ()>) -> anyhow::Result<Self> {
        let mut told = std::pin::pin!(told);
        loop {
            tokio::select! {
                () = &mut told => return Ok(self),
                () = self.outlived_its_clock() => {}
                () = self.lost_its_name() => {
                    let replica = self.flow.replica.clone();
                    self.stop().await;
                    anyhow::bail!("another process took the name of replica {}", replica.0);
                }
            }
            tracing::warn!("the database's clock was set for good; starting anew by it");
            let mut settings = Settings::clone(&self.flow.settings);
            settings.server.listen = self.address.into();
            self.stop().await;
            self = start(settings, None).await?;
        }
    }

    /// Another process of this replica's name came while this one was silent.
    async fn lost_its_name(&self) {
        while self.flow.cluster.usurper().is_none() {
            tokio::time::sleep(NAME_POLL).await;
        }
    }

    async fn outlived_its_clock(&self) {
        let cluster = &self.flow.cluster;
        // While nothing is heard of the database, its clock is not known either.
        let heard = || cluster.silence() < CLOCK_POLL * 3;
        while !(heard() && cluster.alone_for().is_some_and(|alone| alone > CLOCK_SET)) {
            tokio::time::sleep(CLOCK_POLL).await;
        }
    }

    /// Takes no new work, waits for what is in flight, hands over the leases and
    /// closes. What is still in flight after the patience is left to the agents,
    /// which keep its results for the next owner.
    pub async fn stop(mut self) {
        tracing::info!("draining");
        self.draining.cancel();
        let patience = Duration::from_secs(self.flow.settings.server.drain_timeout_seconds);
        let patience = patience.saturating_sub(CLOSE_CONNECTIONS * 2);
        let leaving = async {
            // What this loop takes after the leases were handed over nobody gives back.
            let _ = (&mut self.ownership).await;
            self.flow.leave(patience).await
        };
        match tokio::time::timeout(patience + CLOSE_CONNECTIONS, leaving).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "leases were not handed over; they end by themselves");
            }
            Err(_) => tracing::warn!("the database did not answer; leases end by themselves"),
        }
        self.closing.cancel();
        self.flow.watch.close();
        self.flow.dispatcher.close_all();
        if tokio::time::timeout(CLOSE_CONNECTIONS, &mut self.server).await.is_err() {
            self.server.abort();
            // Its port is free once it is gone.
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
            format!("database.data_dir: cannot make the directory {}", directory.display())
        })?;
    }
    let options = OpenOptions {
        migrate: settings.database.migrate,
        shards: settings.database.shards,
        max_connections: settings.database.max_connections,
    };
    postrider_store::open(&url, &options).await.context("database.url: cannot open the database")
}

/// A control plane without its ports.
pub struct Assembled {
    pub flow: Flow,
    /// The writers, which end once nobody can bring them anything.
    pub tasks: JoinSet<()>,
    pub health: Health,
}

/// Makes the parts and ties them together.
pub fn assemble(
    settings: Arc<Settings>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    own_address: String,
    calls: Arc<dyn replicas::Calls>,
) -> Assembled {
    let mut tasks = JoinSet::new();
    let replica = replica_id(&settings.server.replica_id);
    let shards = settings.database.shards;
    let lost_after = settings.ownership.lost_after();
    let cluster = Cluster::new(replica.clone(), shards, lost_after, clock.now());
    let sweep = settings.ownership.sweep();
    let peers = Peers::new(own_address, calls, cluster.clone(), Arc::clone(&clock), sweep);
    let scheduler = Scheduler::new(scheduler_config(&settings.dispatch, &settings));
    let dispatcher = Dispatcher::new(scheduler, Arc::clone(&clock));
    let notices = Notices::new(settings.notices.operators());
    let tenants = tenants(&store, &clock, &dispatcher, &peers, &notices, shards);
    let event_types = EventTypes::new(Arc::clone(&store), Arc::clone(&clock), peers.clone());
    let (turns, keys) = ordering::turns();
    let watermark = Watermark::default();
    if !(settings.server.replica_id.is_empty() || settings.single_process()) {
        watermark.succeed(clock.now(), cluster.doubt());
    }
    let parts = Parts {
        settings,
        store,
        clock,
        metrics: Metrics::default(),
        tenants,
        dispatcher,
        peers,
        cluster,
        tests: Tests::default(),
        turns,
        watermark,
        notices,
        streaks: Streaks::default(),
        results: conclude::ResultCommits::default(),
    };
    tasks.spawn(TurnKeeper::new(keys, parts.clone()).run());
    let health = Health::new(&parts);
    let (publisher, publish_writers) = publish::new(parts.clone());
    for writer in publish_writers {
        tasks.spawn(writer.watched_by(health.watch("publish")).run());
    }
    let (concluder, conclude_writer) = conclude::new(parts.clone());
    tasks.spawn(conclude_writer.watched_by(health.watch("conclude")).run());
    let watch = Watch::new(Arc::clone(&parts.store), &parts.settings.api, parts.metrics.clone());
    let flow = Flow::new(parts, replica, event_types, publisher, concluder, watch);
    Assembled { flow, tasks, health }
}

fn tenants(
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
    dispatcher: &Dispatcher,
    peers: &Peers,
    notices: &Notices,
    shards: u16,
) -> Tenants {
    let (store, clock) = (Arc::clone(store), Arc::clone(clock));
    Tenants::new(store, clock, dispatcher.clone(), peers.clone(), notices.clone(), shards)
}

/// Starts everything that goes on by itself; returns the loop that keeps leases.
pub fn spawn_loops(
    tasks: &mut JoinSet<()>,
    flow: &Flow,
    health: &Health,
    draining: &CancellationToken,
    stopped: &CancellationToken,
) -> JoinHandle<()> {
    let pump = (flow.dispatcher.clone(), stopped.clone());
    tasks.spawn(async move { pump.0.run(pump.1).await });
    let work: (Flow, Progress, _) = (flow.clone(), health.watch("work"), stopped.clone());
    tasks.spawn(async move { work.0.run_work(work.1, work.2).await });
    let notices: (Flow, Progress, _) = (flow.clone(), health.watch("notices"), stopped.clone());
    tasks.spawn(async move { notices.0.run_notices(notices.1, notices.2).await });
    let long: (Flow, Progress, _) = (flow.clone(), health.watch("operations"), stopped.clone());
    tasks.spawn(async move { long.0.run_operations(long.1, long.2).await });
    let own: (Flow, Progress, _) = (flow.clone(), health.watch("ownership"), draining.clone());
    tokio::spawn(async move { own.0.run_ownership(own.1, own.2).await })
}

fn spawn_maintenance(
    tasks: &mut JoinSet<()>,
    flow: &Flow,
    maintenance: Maintenance,
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
                Err(_) => log.pause(MAINTENANCE_PAUSE, MAINTENANCE_PERIOD),
            };
        }
    });
}

fn maintenance(settings: &Settings) -> Maintenance {
    Maintenance {
        retention: Duration::from_secs(u64::from(settings.database.retention_days) * 86_400),
        days_ahead: settings.database.partition_days_ahead,
    }
}

fn replica_id(configured: &str) -> ReplicaId {
    if configured.is_empty() {
        ReplicaId(format!("replica-{:016x}", rand::random::<u64>()).into())
    } else {
        ReplicaId(configured.into())
    }
}

fn scheduler_config(dispatch: &Dispatch, settings: &Settings) -> SchedulerConfig {
    SchedulerConfig {
        max_deliveries: dispatch.max_deliveries_in_memory,
        max_payload_bytes: dispatch.max_payload_bytes_in_memory,
        max_deliveries_per_subscription: dispatch.max_deliveries_in_memory_per_subscription,
        default_max_in_flight: dispatch.default_max_in_flight,
        shed_after: Duration::from_millis(dispatch.shed_after_milliseconds),
        settle_grace: Duration::from_secs(settings.ownership.settle_grace_seconds),
        window: WindowConfig {
            initial: dispatch.initial_window,
            min: 1,
            max: dispatch.default_max_in_flight,
            quick: Duration::from_millis(dispatch.quick_response_milliseconds),
        },
        breaker: BreakerConfig {
            min_deliveries: dispatch.breaker_deliveries,
            min_span: Duration::from_secs(dispatch.breaker_span_seconds),
            first_probe: Duration::from_secs(dispatch.breaker_first_probe_seconds),
            max_probe: Duration::from_secs(dispatch.breaker_longest_probe_seconds),
            probe_patience: PROBE_PATIENCE,
        },
    }
}
