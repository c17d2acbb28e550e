//! A whole Postrider: replicas, agents, a database and a certificate authority.
//!
//! Fed by a [`Description`]; feeds end-to-end tests. Guarantees that everything
//! is real and ready: separate processes over mutual TLS on the loopback
//! interface, every replica serving and every agent connected to every replica.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postrider_proto::v1::{AgentState, ListAgentsRequest};
use tempfile::TempDir;

use crate::agent::{self, Agent};
use crate::api::Api;
use crate::pki::{Identity, Pki, write_secret_file};
use crate::postgres::Database;
use crate::proxy::Proxy;
use crate::receiver::{self, Receiver};
use crate::replica::{self, Replica};
use crate::wait;

const ALLOW_UNKNOWN: &str = "POSTRIDER_PUBLISH__ALLOW_UNKNOWN_EVENT_TYPES";
const CONNECTED_LIMIT: Duration = Duration::from_secs(30);
const KEYS_FILE: &str = "key-encryption-keys";

/// Settings by which losing a process costs a second or two, so that tests are short.
pub const SHORT_LEASES: &str = "[ownership]
lease_duration_seconds = 4
renew_interval_seconds = 1
lease_margin_seconds = 1
lost_after_seconds = 3
";
/// As [`SHORT_LEASES`] say: sooner, nobody is taken for lost.
pub const LOST_AFTER: Duration = Duration::from_secs(3);

/// Where the control plane keeps its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// What to start. The default is one replica on SQLite and one agent in `eu`,
/// over mutual TLS.
#[derive(Clone, Debug)]
pub struct Description {
    pub engine: Engine,
    pub replicas: usize,
    /// Regions and how many agents each has.
    pub agents: Vec<(String, usize)>,
    pub tls: bool,
    /// TOML that overrides the control plane's default settings.
    pub settings: String,
    pub replica_arguments: Vec<String>,
    pub agent_arguments: Vec<String>,
    /// For both programs, for instance `RUST_LOG`.
    pub environment: Vec<(String, String)>,
    pub replica_environment: Vec<(String, String)>,
    pub agent_environment: Vec<(String, String)>,
    /// A proxy between each replica and PostgreSQL.
    pub database_proxies: bool,
    /// A proxy between each agent and each replica.
    pub agent_proxies: bool,
    /// The PostgreSQL server to make the database on, instead of everybody's.
    pub server_url: Option<String>,
    /// The port of that server's standby, which the replicas know, too.
    pub standby_port: Option<u16>,
    /// Where SQLite's file lies, instead of the test's folder.
    pub sqlite_folder: Option<PathBuf>,
    pub max_in_flight: u32,
    /// Whether events of types that the catalogue does not have can be published;
    /// most tests are about something else and name none.
    pub allow_unknown_event_types: bool,
}

impl Default for Description {
    fn default() -> Self {
        Self {
            engine: Engine::Sqlite,
            replicas: 1,
            agents: vec![("eu".to_owned(), 1)],
            tls: true,
            settings: String::new(),
            replica_arguments: Vec::new(),
            agent_arguments: Vec::new(),
            environment: Vec::new(),
            replica_environment: Vec::new(),
            agent_environment: Vec::new(),
            database_proxies: false,
            agent_proxies: false,
            server_url: None,
            standby_port: None,
            sqlite_folder: None,
            max_in_flight: 256,
            allow_unknown_event_types: true,
        }
    }
}

/// A running Postrider. Fields are dropped in this order: agents, replicas, and
/// only then what they stand on.
pub struct Cluster {
    pub agents: Vec<Agent>,
    pub replicas: Vec<Replica>,
    /// Between each replica and the database, when it was asked for.
    pub database_proxies: Vec<Proxy>,
    /// Between each agent and each replica, when it was asked for.
    pub agent_proxies: Vec<Vec<Proxy>>,
    pki: Arc<Pki>,
    caller: Identity,
    database: Option<Database>,
    folder: TempDir,
}

impl Cluster {
    /// One replica, one agent in `eu`.
    pub async fn small(engine: Engine) -> Result<Self> {
        Self::start(&Description { engine, ..Description::default() }).await
    }

    /// Starts everything and waits until all of it is connected.
    pub async fn start(description: &Description) -> Result<Self> {
        ensure!(
            description.engine == Engine::Postgres || description.replicas == 1,
            "SQLite serves one replica"
        );
        let folder = tempfile::Builder::new().prefix("postrider-").tempdir()?;
        let pki = Arc::new(Pki::create(&folder.path().join("pki"))?);
        let caller = pki.caller("caller")?;
        write_keys(&folder.path().join(KEYS_FILE))?;
        let database = match description.engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(match &description.server_url {
                Some(server) if description.standby_port.is_some() => {
                    Database::create_lasting_on(server).await?
                }
                Some(server) => Database::create_on(server).await?,
                None => Database::create().await?,
            }),
        };
        let mut cluster = Self {
            agents: Vec::new(),
            replicas: Vec::new(),
            database_proxies: Vec::new(),
            agent_proxies: Vec::new(),
            pki,
            caller,
            database,
            folder,
        };
        cluster.start_replicas(description).await?;
        cluster.start_agents(description).await?;
        cluster.wait_for_agents().await?;
        Ok(cluster)
    }

    /// Clients of the first replica.
    pub fn api(&self) -> Result<Api> {
        self.api_of(0)
    }

    /// Clients of a replica, counted from 0.
    pub fn api_of(&self, replica: usize) -> Result<Api> {
        let replica = self.replicas.get(replica).context("no such replica")?;
        Ok(replica.api())
    }

    /// A receiver that the agents trust.
    pub async fn receiver(&self) -> Result<Receiver> {
        Receiver::start(&self.pki).await
    }

    /// As [`Self::receiver`], otherwise equipped.
    pub async fn receiver_with(&self, options: receiver::Options) -> Result<Receiver> {
        Receiver::with(&self.pki, options).await
    }

    pub fn pki(&self) -> &Pki {
        &self.pki
    }

    /// Who the clients call as; its files serve grpcurl.
    pub fn caller(&self) -> &Identity {
        &self.caller
    }

    /// The database, when it is PostgreSQL.
    pub fn database(&self) -> Option<&Database> {
        self.database.as_ref()
    }

    /// The test's folder: logs, certificates, SQLite's file.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The key-encryption keys that its replicas have.
    pub fn keys_file(&self) -> PathBuf {
        self.folder().join(KEYS_FILE)
    }

    /// Waits until every agent that runs is connected to every replica that
    /// runs, by the word of each of those replicas.
    pub async fn wait_for_agents(&mut self) -> Result<()> {
        let mut wanted = Vec::new();
        for agent in &mut self.agents {
            if agent.is_up() {
                agent.program()?.still_runs()?;
                wanted.push(agent.resource_name());
            }
        }
        let running = self.replicas.iter().filter(|replica| replica.is_up());
        let asked: Vec<_> =
            running.map(|replica| (replica.api(), format!("replicas/{}", replica.id()))).collect();
        for (api, name) in asked {
            let what = format!("agents at {name}");
            let waited =
                wait::until(&what, CONNECTED_LIMIT, || connected(api.clone(), &name, &wanted))
                    .await;
            waited.with_context(|| self.logs())?;
        }
        Ok(())
    }

    /// What every program that runs said last.
    fn logs(&mut self) -> String {
        let agents = self.agents.iter_mut().map(Agent::program);
        let replicas = self.replicas.iter_mut().map(Replica::program);
        let said = agents
            .chain(replicas)
            .flatten()
            .map(|program| format!("--- {} said:\n{}", program.name(), program.log_tail()));
        said.collect::<Vec<_>>().join("\n")
    }

    async fn start_replicas(&mut self, description: &Description) -> Result<()> {
        let folder = self.folder.path().to_owned();
        let settings_file = if description.settings.is_empty() {
            None
        } else {
            let file = folder.join("settings.toml");
            fs::write(&file, &description.settings)?;
            Some(file)
        };
        let unknown = ALLOW_UNKNOWN.to_owned();
        let unknown = (unknown, description.allow_unknown_event_types.to_string());
        let both = description.environment.iter().chain(&description.replica_environment);
        let environment: Vec<_> = both.cloned().chain([unknown]).collect();
        for number in 1..=description.replicas {
            let id = format!("replica-{number}");
            let identity = description.tls.then(|| self.pki.server(&id)).transpose()?;
            let peer_identity = description.tls.then(|| self.pki.replica(&id)).transpose()?;
            let database_url = self.database_url(description).await?;
            let plan = replica::Plan {
                id,
                database_url,
                settings_file: settings_file.clone(),
                arguments: description.replica_arguments.clone(),
                environment: environment.clone(),
                keys_file: self.keys_file(),
                identity,
                peer_identity,
                folder: folder.clone(),
            };
            let replica = Replica::start(plan, Arc::clone(&self.pki), &self.caller).await?;
            self.replicas.push(replica);
        }
        Ok(())
    }

    /// Where the next replica finds the database.
    async fn database_url(&mut self, description: &Description) -> Result<String> {
        let Some(database) = &self.database else {
            let folder = description.sqlite_folder.as_deref().unwrap_or(self.folder.path());
            return Ok(format!("sqlite:{}", folder.join("postrider.db").display()));
        };
        if let Some(port) = description.standby_port {
            return database.url_with_standby(port);
        }
        if !description.database_proxies {
            return Ok(database.url().to_owned());
        }
        let proxy = Proxy::start(database.port()?).await?;
        let url = database.url_through(proxy.port())?;
        self.database_proxies.push(proxy);
        Ok(url)
    }

    /// Where the next agent finds the replicas.
    async fn control_planes(&mut self, description: &Description) -> Result<Vec<String>> {
        if !description.agent_proxies {
            return Ok(self.replicas.iter().map(Replica::agents_url).collect());
        }
        let (mut urls, mut proxies) = (Vec::new(), Vec::new());
        for replica in &self.replicas {
            let proxy = Proxy::start(replica.agents_port()).await?;
            urls.push(replica.agents_url_through(proxy.port()));
            proxies.push(proxy);
        }
        self.agent_proxies.push(proxies);
        Ok(urls)
    }

    async fn start_agents(&mut self, description: &Description) -> Result<()> {
        let both = description.environment.iter().chain(&description.agent_environment);
        let environment: Vec<_> = both.cloned().collect();
        for (region, count) in &description.agents {
            for number in 1..=*count {
                let id = format!("agent-{region}-{number}");
                let identity = description.tls.then(|| self.pki.agent(region, &id)).transpose()?;
                let plan = agent::Plan {
                    id,
                    region: region.clone(),
                    control_planes: self.control_planes(description).await?,
                    ca_file: self.pki.ca_file(),
                    identity,
                    max_in_flight: description.max_in_flight,
                    arguments: description.agent_arguments.clone(),
                    environment: environment.clone(),
                    folder: self.folder.path().to_owned(),
                };
                self.agents.push(Agent::start(plan)?);
            }
        }
        Ok(())
    }
}

/// Writes a file with one key-encryption key.
pub fn write_keys(file: &Path) -> Result<()> {
    let key = STANDARD.encode(rand::random::<[u8; 32]>());
    Ok(write_secret_file(file, &format!("test:{key}\n"))?)
}

async fn connected(mut api: Api, replica: &str, wanted: &[String]) -> wait::Answer<()> {
    let answer = api.fleet.list_agents(ListAgentsRequest::default()).await;
    let agents = answer.map_err(|status| status.to_string())?.into_inner();
    let there: Vec<_> = agents
        .agents
        .into_iter()
        .filter(|agent| agent.state() == AgentState::Connected)
        .filter(|agent| agent.connected_replicas.iter().any(|r| r == replica))
        .map(|agent| agent.name)
        .collect();
    if wanted.iter().all(|name| there.contains(name)) {
        Ok(())
    } else {
        Err(format!("connected: {there:?}"))
    }
}
