//! Everything that one measurement needs, each in a process of its own.
//!
//! Fed by an engine and settings; feeds every section with a running Postrider,
//! a receiver, a publisher, the floor, and what their processes use. Guarantees
//! that all of them are there and connected before anything is measured.

use std::time::Duration;

use anyhow::{Context, Result};
use postrider_proto::v1::{CreateTenantRequest, Subscription, Tenant};
use postrider_tests::api::Api;
use postrider_tests::cluster::{Cluster, Description, Engine};
use postrider_tests::name_server::NameServer;
use postrider_tests::publish::subscription;
use sqlx::Executor as _;

use crate::floor::{self, Posted};
use crate::load::{Access, Load, Target};
use crate::processes::{self, Process, Processes};
use crate::receiver::{Answers, Receiver, Scheme};
use crate::worker::Worker;

/// The tenant that [`Rig::subscribed`] makes.
pub const TENANT_ID: &str = "bench";
const EVENT_TYPE: &str = "payment.completed";
/// How often, and for how long at most, it is asked whether work has ended.
const QUIET_STEP: Duration = Duration::from_millis(100);
const MAX_QUIET_STEPS: u32 = 100;
/// Processor seconds in a step that are not work: heartbeats and sweeps.
const QUIET_SECONDS: f64 = 0.015;
/// As much as PostgreSQL keeps by default.
const LOG_MIB: usize = 1024;
const ONE_MIB_OF_LOG: &str = "SELECT pg_logical_emit_message(false, 'bench', repeat('x', 1048576))";

pub const CONTROL_PLANE: &str = "control plane";
pub const AGENT: &str = "agent";
pub const POSTGRES: &str = "PostgreSQL";
pub const RECEIVER: &str = "receiver";
pub const LOAD: &str = "load";
pub const FLOOR: &str = "floor";

/// What Postrider itself consists of.
pub const OWN_PROCESSES: &[&str] = &[CONTROL_PLANE, AGENT, POSTGRES];

/// Fields are dropped in this order: workers before what they call.
pub struct Rig {
    pub load: Load,
    pub floor: Floor,
    pub receiver: Receiver,
    pub api: Api,
    pub processes: Processes,
    pub cluster: Cluster,
    pub engine: Engine,
    /// Whom the agent asks for names.
    pub names: NameServer,
}

impl Rig {
    /// With one tenant, whose subscription goes to this group of the receiver; answers
    /// what to publish as well. `settings` as in [`Self::start`].
    pub async fn subscribed(
        engine: Engine,
        scheme: Scheme,
        receiver_group: &str,
        settings: &str,
    ) -> Result<(Self, Target)> {
        let mut rig = Box::pin(Self::start(engine, settings)).await?;
        let tenant = rig.tenant(TENANT_ID).await?;
        let url = rig.receiver.url(scheme, receiver_group, Answers::AtOnce);
        rig.subscribe(&tenant, &url, EVENT_TYPE, |_| {}).await?;
        Ok((rig, Target::new(&tenant, EVENT_TYPE)))
    }

    /// `settings` override the control plane's, as TOML.
    pub async fn start(engine: Engine, settings: &str) -> Result<Self> {
        let names = NameServer::start().await;
        let mut cluster = Cluster::start(&Description {
            engine,
            agent_arguments: vec!["--name-server".to_owned(), names.address.to_string()],
            settings: settings.to_owned(),
            environment: vec![("RUST_LOG".to_owned(), "warn".to_owned())],
            max_in_flight: 1024,
            ..Description::default()
        })
        .await?;
        let receiver = Receiver::start(cluster.pki(), cluster.folder()).await?;
        let access = access(&cluster)?;
        let load = Load::start(&access, cluster.folder()).await?;
        let setting = floor::Setting { ca_file: cluster.pki().ca_file() };
        let floor = Floor(Worker::start("floor", &setting, cluster.folder())?);

        let mut processes = Processes::default();
        let replica = cluster.replicas.first_mut().context("a replica")?;
        processes.add(CONTROL_PLANE, Process::One(replica.program()?.id()));
        let agent = cluster.agents.first_mut().context("an agent")?;
        processes.add(AGENT, Process::One(agent.program()?.id()));
        if let Some(id) = postmaster(&cluster).await? {
            processes.add(POSTGRES, Process::Tree(id));
        }
        processes.add(RECEIVER, Process::One(receiver.id()));
        processes.add(LOAD, Process::One(load.id()));
        processes.add(FLOOR, Process::One(floor.0.id()));
        let api = cluster.api()?;
        Ok(Self { load, floor, receiver, api, processes, cluster, engine, names })
    }

    /// Another publisher, beside the first.
    pub async fn another_load(&self) -> Result<Load> {
        Load::start(&access(&self.cluster)?, self.cluster.folder()).await
    }

    /// A tenant that may have receivers without TLS; answers its name.
    pub async fn tenant(&mut self, id: &str) -> Result<String> {
        let tenant = self.api.tenants.create_tenant(CreateTenantRequest {
            tenant_id: id.to_owned(),
            tenant: Some(Tenant { allow_insecure_urls: true, ..Tenant::default() }),
        });
        Ok(tenant.await?.into_inner().name)
    }

    /// A subscription to one type.
    pub async fn subscribe(
        &mut self,
        tenant: &str,
        url: &str,
        event_type: &str,
        change: impl FnOnce(&mut Subscription),
    ) -> Result<()> {
        let mut wanted = subscription(url, &[event_type]);
        wanted.region = "regions/eu".to_owned();
        change(&mut wanted);
        self.api.subscribe(tenant, wanted).await?;
        Ok(())
    }

    /// Has PostgreSQL do what it does every few minutes: what it wrote before does not
    /// burden what is measured next, and its log files are used again, as they are
    /// wherever a server has run for a while.
    pub async fn checkpoint(&self) -> Result<()> {
        if let Some(database) = self.cluster.database() {
            database.connect().await?.execute("CHECKPOINT").await?;
        }
        Ok(())
    }

    /// Has PostgreSQL's log files made before anything is measured: a server that has
    /// run for a while uses them again, and whoever commits while one is made waits.
    pub async fn make_log_files(&self) -> Result<()> {
        if let Some(database) = self.cluster.database() {
            let mut connection = database.connect().await?;
            for _ in 0..LOG_MIB {
                connection.execute(ONE_MIB_OF_LOG).await?;
            }
        }
        self.checkpoint().await
    }

    /// Waits until Postrider has recorded what it delivered and works no more.
    pub async fn quiet(&self) -> Result<()> {
        let mut before = self.processes.cpu_seconds()?.sum(OWN_PROCESSES);
        for _ in 0..MAX_QUIET_STEPS {
            tokio::time::sleep(QUIET_STEP).await;
            let now = self.processes.cpu_seconds()?.sum(OWN_PROCESSES);
            if now - before <= QUIET_SECONDS {
                return Ok(());
            }
            before = now;
        }
        Ok(())
    }
}

/// The process of the floor, commanded.
pub struct Floor(Worker);

impl Floor {
    pub async fn connect(&mut self, url: &str, connections: usize) -> Result<()> {
        self.0.ask(&floor::FloorOrder::Connect { url: url.to_owned(), connections }).await
    }

    pub async fn post(&mut self, events: u64) -> Result<Posted> {
        self.0.ask(&floor::FloorOrder::Post { events }).await
    }
}

pub fn access(cluster: &Cluster) -> Result<Access> {
    let replica = cluster.replicas.first().context("a replica")?;
    Ok(Access::new(replica.url(), cluster.pki().ca_file(), cluster.caller()))
}

/// The server's process, which is the parent of whoever serves a connection;
/// nobody when the server is on another machine.
async fn postmaster(cluster: &Cluster) -> Result<Option<u32>> {
    let Some(database) = cluster.database() else {
        return Ok(None);
    };
    let mut connection = database.connect().await?;
    let backend: i32 =
        sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await?;
    Ok(processes::parent_of(u32::try_from(backend)?).ok())
}
