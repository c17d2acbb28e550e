//! Builds a replica, runs it and stops it.
//!
//! Fed by the settings; feeds every part of a replica with what it is made of. Guarantees
//! that every setting is checked before a port is opened, and that a stop hands over the
//! leases and loses nothing that was acknowledged.
//!
//! - `assembly`: state, loops and entrances, without ports. `doors`: the ports, and what
//!   is served at each. `key_commands`: what else is done to keys. `maintenance`: the loop
//!   that keeps partitions.
//! - `metrics_port`, `scheduler_metrics`, `cluster_metrics`: what is measured.
//! - `database_wait`: a start before its database. `open_files`: what the process may open.
//!   `own_address`: where others reach it. `scheduler_config`: settings for the scheduler.

mod assembly;
mod cluster_metrics;
mod database_wait;
mod doors;
pub mod key_commands;
mod maintenance;
mod metrics_port;
mod open_files;
mod own_address;
mod scheduler_config;
mod scheduler_metrics;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use postrider_domain::assignment_key::AssignmentKey;
use postrider_secret_encryption::{KeyEncryptionKeys as _, LocalKeys};
use postrider_store::{CallObserver, OpenOptions, Store, StoreError};
use postrider_telemetry::HealthProbes;
use postrider_telemetry::metrics::MetricRegistry;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use self::assembly::{AssembledReplica, AwaitedLoops, Loops, assemble, spawn_loops};
pub use self::database_wait::{wait_for_database, wait_to_serve};
pub use self::doors::DoorAddresses;
use self::maintenance::MaintenanceLoop;
use crate::callers::Authenticator;
use crate::clock::{Clock, SystemClock};
use crate::flow::Flow;
use crate::flow::hold_keeper::HoldKeeper;
use crate::settings::{Settings, warn_if_open_to_others};
use crate::state::context::ReplicaContext;

/// How long the ports stay open after everything else has stopped. Callers need a round
/// trip to see the connection's end.
const CONNECTION_CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a stop waits until the heads of audit chains are logged: a few reads.
const LAST_HEADS_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a stop waits until a collector has taken the last metrics: one request.
const LAST_EXPORT_TIMEOUT: Duration = Duration::from_secs(2);
/// After two other clocks have disagreed with ours for this long, the replica restarts by
/// theirs. Chosen, not measured: somebody who sets a clock wrongly and corrects it at once
/// causes no restart.
const CLOCK_OUTVOTED_LIMIT: Duration = Duration::from_secs(60);
/// As often as a heartbeat tells the database's time.
const CLOCK_POLL_INTERVAL: Duration = Duration::from_secs(1);
/// As often as a heartbeat tells who has the name.
const NAME_POLL_INTERVAL: Duration = Duration::from_secs(1);

/// A control plane that runs.
pub struct ControlPlane {
    /// Where it listens.
    pub addresses: DoorAddresses,
    /// For the `dev` command and tests, which share its process. Boxed, since it is large
    /// and a future that holds this would be too.
    pub context: Box<ReplicaContext>,
    pub flow: Box<Flow>,
    awaited: AwaitedLoops,
    metrics: MetricRegistry,
    servers: JoinSet<()>,
    tasks: JoinSet<()>,
    /// Stops the loops that accept new work.
    draining: CancellationToken,
    /// Closes streams and the ports.
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
    for name in settings.insecure_settings() {
        tracing::warn!(setting = name, "callers are let in with less than they should show");
    }
    for file in settings.secret_files() {
        warn_if_open_to_others(file);
    }
    open_files::raise_limit(&settings);
    let (registry, metrics) = metrics_port::new_metrics(&settings)?;
    let keys = Arc::new(settings.keys.load()?);
    let (open_doors, calls) = doors::open(&settings).await?;
    let addresses = open_doors.addresses();
    let store = open_readable_store(&settings, keys, Arc::new(metrics.clone())).await?;
    let clock = match clock {
        Some(clock) => clock,
        None => SystemClock::starting_at(store.now().await?),
    };
    let maintenance = maintenance::options(&settings);
    store.maintain(clock.now(), maintenance).await.context("preparing the database")?;
    // Nobody calls the address of a single-process database's replica.
    let reached = addresses.replicas.unwrap_or(addresses.callers);
    let own_address = own_address::advertised(&settings.replicas, reached);

    let calls = Arc::new(calls);
    let drawn = AssignmentKey::new(rand::random());
    let key = store.assignment_key(&drawn).await.context("reading the assignment key")?;
    // No change has to draw its key, and none waits for another replica that does.
    store.begin_audit_log(clock.now()).await.context("beginning the audit log")?;
    let assembled =
        assemble(Arc::clone(&settings), (store, key), clock, own_address, calls, metrics);
    let AssembledReplica { context, flow, loops, mut tasks, health } = assembled;
    join(&context, &flow).await?;
    let authenticator =
        Authenticator::new(&settings, context.tokens.clone(), Arc::clone(&context.clock))?;
    let (draining, closing, stopped) =
        (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());

    let (reporter, health_service) = tonic_health::server::health_reporter();
    let awaited = spawn_loops(&mut tasks, loops, &draining, &stopped);
    let health_stop = draining.clone();
    let probes = HealthProbes::default();
    let told = probes.clone();
    tasks.spawn(async move { health.run(reporter, told, health_stop).await });
    let maintenance = MaintenanceLoop::new(&context, maintenance);
    tasks.spawn(maintenance.run(stopped.clone()));
    metrics_port::observe(&registry, &context, open_doors.metrics.clone());
    metrics_port::open(&mut tasks, &registry, &context.settings, probes, &stopped).await?;
    let servers = open_doors.serve(&context, &flow, &authenticator, health_service, &closing)?;
    let DoorAddresses { callers, agents, replicas } = addresses;
    let replicas = replicas.map(tracing::field::display);
    tracing::info!(address = %callers, %agents, replicas, replica = %context.replica.0, "serving");
    own_address::spawn_check(&mut tasks, &context, &stopped);
    let (context, flow) = (Box::new(context), Box::new(flow));
    Ok(ControlPlane {
        addresses,
        context,
        flow,
        awaited,
        metrics: registry,
        servers,
        tasks,
        draining,
        closing,
        stopped,
    })
}

/// Reads what must be known before the first call, and becomes one of the replicas.
async fn join(context: &ReplicaContext, flow: &Flow) -> anyhow::Result<()> {
    context.event_types.refresh().await.context("reading the event types")?;
    flow.membership.join().await?;
    let holds = HoldKeeper::new(context);
    holds.refresh_holds().await.context("reading the holds")
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
            settings.server.listen = self.addresses.callers.into();
            settings.agents.listen = self.addresses.agents.into();
            if let Some(replicas) = self.addresses.replicas {
                settings.replicas.listen = replicas.into();
            }
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
            let _ = (&mut self.awaited.leases).await;
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
        let served = async { while self.servers.join_next().await.is_some() {} };
        if tokio::time::timeout(CONNECTION_CLOSE_TIMEOUT, served).await.is_err() {
            // Wait until the ports are free.
            self.servers.shutdown().await;
        }
        self.stopped.cancel();
        if tokio::time::timeout(LAST_HEADS_TIMEOUT, &mut self.awaited.audit).await.is_err() {
            self.awaited.audit.abort();
            tracing::warn!("the heads of audit chains were not logged at the end");
        }
        if tokio::time::timeout(LAST_EXPORT_TIMEOUT, self.metrics.shutdown()).await.is_err() {
            tracing::warn!("the last metrics were not exported: the collector does not answer");
        }
        self.tasks.shutdown().await;
        self.context.store.close().await;
        tracing::info!("stopped");
    }
}

/// Opens the database, all of which can be read.
pub async fn open_readable_store(
    settings: &Settings,
    keys: Arc<LocalKeys>,
    observer: Arc<dyn CallObserver>,
) -> anyhow::Result<Arc<dyn Store>> {
    let store = open_store(settings, Arc::clone(&keys), observer).await?;
    require_keys(&*store, &keys).await?;
    Ok(store)
}

/// Fails unless what is stored can be read and more can be stored: unless all
/// key-encryption keys in use are there, and one is current.
async fn require_keys(store: &dyn Store, keys: &LocalKeys) -> anyhow::Result<()> {
    match store.require_keys().await {
        Err(StoreError::Faulty(problem)) => bail!("keys.file, keys.encryption_keys: {problem}"),
        outcome => outcome.context("looking at the data keys")?,
    }
    ensure!(
        keys.current().is_some(),
        "keys.file, keys.encryption_keys: no key-encryption key is given, and secrets are stored \
         encrypted; `postrider keys create --id ID --file FILE` makes one"
    );
    Ok(())
}

/// Opens the database that the settings name.
pub async fn open_store(
    settings: &Settings,
    keys: Arc<LocalKeys>,
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
        max_connections: settings.database.max_connections - settings.database.max_read_connections,
        max_read_connections: settings.database.max_read_connections,
        keys,
    };
    postrider_store::open_observed(&url, &options, observer).await.with_context(|| {
        format!("{}: cannot open the database", settings.database_setting_with_place())
    })
}
