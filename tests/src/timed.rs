//! A Postrider whose time is the test's.
//!
//! Fed by an engine; feeds tests about hours and days with a control plane that
//! runs as a library in their own process, on a [`ManualClock`], beside a real
//! agent process. Guarantees that everything else is as in a
//! [`crate::cluster::Cluster`]: mutual TLS, a real database, and an agent that
//! signs by the wall clock. The control plane gives work to an agent whose clock
//! seems far off, since here it always is.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use postrider::clock::Clock;
use postrider::serve::{self, ControlPlane};
use postrider::settings::Settings;
use postrider_domain::time::Timestamp;
use postrider_proto::v1::{AgentState, ListAgentsRequest};
use tempfile::TempDir;

use crate::agent::{self, Agent};
use crate::api::{self, Api};
use crate::clock::ManualClock;
use crate::cluster::{Engine, write_keys};
use crate::pki::{Identity, Pki, TRUST_DOMAIN};
use crate::postgres::Database;
use crate::receiver::Receiver;
use crate::{token, wait};

const CONNECTED_LIMIT: Duration = Duration::from_secs(30);
const ONE_CENTURY: Duration = Duration::from_hours(100 * 365 * 24);

/// A control plane on a clock of the test's, and one agent in `eu`.
pub struct Timed {
    pub agent: Agent,
    pub clock: Arc<ManualClock>,
    api: Api,
    control_plane: Option<ControlPlane>,
    pki: Pki,
    _database: Option<Database>,
    _folder: TempDir,
}

impl Timed {
    /// Starts both and waits until they are connected.
    pub async fn start(engine: Engine) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("postrider-").tempdir()?;
        let pki = Pki::create(&folder.path().join("pki"))?;
        let database = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(Database::create().await?),
        };
        let url = match &database {
            Some(database) => database.url().to_owned(),
            None => format!("sqlite:{}", folder.path().join("postrider.db").display()),
        };
        let token = token::write_file(folder.path())?;
        let keys = folder.path().join("keys");
        write_keys(&keys)?;
        let settings = settings(&url, &pki, &pki.server("replica-1")?, (&token, &keys))?;
        let clock = ManualClock::create();
        let as_clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let control_plane = serve::start(settings, Some(as_clock)).await?;
        let url = format!("https://{}", control_plane.addresses.callers);
        let caller = pki.caller("caller")?;
        let api = Api::new(api::channel(&url, Some((&pki, &caller)))?);
        let agent = Agent::start(agent::Plan {
            id: "agent-eu-1".to_owned(),
            region: "eu".to_owned(),
            control_planes: vec![format!("https://{}", control_plane.addresses.agents)],
            ca_file: pki.ca_file(),
            identity: Some(pki.agent("eu", "agent-eu-1")?),
            max_in_flight: 256,
            arguments: Vec::new(),
            environment: Vec::new(),
            folder: folder.path().to_owned(),
        })?;
        let timed = Self {
            agent,
            clock,
            api,
            control_plane: Some(control_plane),
            pki,
            _database: database,
            _folder: folder,
        };
        timed.wait_for_agents(1).await?;
        Ok(timed)
    }

    pub fn api(&self) -> Api {
        self.api.clone()
    }

    /// A receiver that the agent trusts.
    pub async fn receiver(&self) -> Result<Receiver> {
        Receiver::start(&self.pki).await
    }

    /// Waits until so many agents are connected.
    pub async fn wait_for_agents(&self, count: usize) -> Result<usize> {
        wait::until(&format!("{count} agents"), CONNECTED_LIMIT, || {
            let mut api = self.api();
            async move {
                let answer = api.fleet.list_agents(ListAgentsRequest::default()).await;
                let agents = answer.map_err(|status| status.to_string())?.into_inner();
                let connected = agents.agents.iter();
                let connected = connected.filter(|a| a.state() == AgentState::Connected);
                wait::when(connected.count(), |seen| *seen == count)
            }
        })
        .await
    }

    /// The polite end, agent first.
    pub async fn stop(mut self) -> Result<()> {
        self.agent.stop().await?;
        let control_plane = self.control_plane.take().context("it runs until now")?;
        control_plane.stop().await;
        Ok(())
    }
}

/// One replica: its door for others needs no certificate on loopback.
fn settings(
    database_url: &str,
    pki: &Pki,
    identity: &Identity,
    (token, keys): (&Path, &Path),
) -> Result<Settings> {
    let file = |path: &Path| path.display().to_string();
    let flags = [
        ("server.listen", "127.0.0.1:0".to_owned()),
        ("agents.listen", "127.0.0.1:0".to_owned()),
        ("server.replica_id", "replica-1".to_owned()),
        ("auth.bootstrap_token_file", file(token)),
        ("server.metrics_listen", String::new()),
        ("server.tls_cert", file(&identity.certificate_file)),
        ("server.tls_key", file(&identity.key_file)),
        ("server.tls_client_ca", file(&pki.ca_file())),
        ("agents.tls_client_ca", file(&pki.ca_file())),
        ("agents.spiffe_trust_domain", TRUST_DOMAIN.to_owned()),
        ("replicas.listen", "127.0.0.1:0".to_owned()),
        ("publish.allow_unknown_event_types", "true".to_owned()),
        ("server.drain_timeout_seconds", "5".to_owned()),
        ("database.url", database_url.to_owned()),
        ("keys.file", file(keys)),
        ("ownership.max_clock_skew_seconds", ONE_CENTURY.as_secs().to_string()),
    ];
    Ok(Settings::load(None, &flags)?)
}

/// A protocol's timestamp on the control plane's clock.
pub fn timestamp(wire: Option<prost_types::Timestamp>) -> Result<Timestamp> {
    let wire = wire.context("a time is given")?;
    let micros = wire.seconds * 1_000_000 + i64::from(wire.nanos / 1_000);
    Ok(Timestamp::from_micros(micros))
}
