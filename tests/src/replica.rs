//! One replica of the control plane, as a process.
//!
//! Fed by the cluster's description; feeds tests with its API and its life.
//! Guarantees that a restarted replica has the ports, the data and the identity
//! that it had, and that it serves by the time a start returns.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tonic::Status;

use crate::api::{self, Api};
use crate::metrics::Metrics;
use crate::pki::{Identity, Pki, TRUST_DOMAIN};
use crate::ports::free_port;
use crate::process::{self, Program};
use crate::restartable::RestartableProgram;
use crate::{token, wait};

const START_LIMIT: Duration = Duration::from_secs(30);

/// What a replica needs to know, the same at every start.
#[derive(Clone, Debug)]
pub struct Plan {
    pub id: String,
    pub database_url: String,
    pub settings_file: Option<PathBuf>,
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
    /// Key-encryption keys.
    pub keys_file: PathBuf,
    /// What callers and agents are shown. Absent: without TLS.
    pub identity: Option<Identity>,
    /// What other replicas are shown, where there is TLS.
    pub peer_identity: Option<Identity>,
    pub folder: PathBuf,
}

/// A replica that runs, or is down between a kill and a start.
pub struct Replica {
    plan: Plan,
    port: u16,
    agents_port: u16,
    replicas_port: u16,
    metrics_port: u16,
    pki: Arc<Pki>,
    api: Api,
    program: RestartableProgram,
}

impl Replica {
    /// Starts it for the first time and waits until it serves. `caller` is who
    /// [`Self::api`] calls as.
    pub async fn start(plan: Plan, pki: Arc<Pki>, caller: &Identity) -> Result<Self> {
        let port = free_port()?;
        let tls = plan.identity.is_some();
        let channel = api::channel(&url(tls, port), tls.then_some((&*pki, caller)))?;
        let program = RestartableProgram::new(&plan.id, &plan.folder);
        let mut replica = Self {
            plan,
            port,
            agents_port: free_port()?,
            replicas_port: free_port()?,
            metrics_port: free_port()?,
            pki,
            api: Api::new(channel),
            program,
        };
        replica.launch()?;
        replica.wait_until_serving().await?;
        Ok(replica)
    }

    pub fn id(&self) -> &str {
        &self.plan.id
    }

    /// Where callers reach it.
    pub fn url(&self) -> String {
        url(self.plan.identity.is_some(), self.port)
    }

    /// The port of [`Self::url`].
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where agents reach it.
    pub fn agents_url(&self) -> String {
        self.agents_url_through(self.agents_port)
    }

    /// The port of [`Self::agents_url`].
    pub fn agents_port(&self) -> u16 {
        self.agents_port
    }

    /// As [`Self::agents_url`], through a proxy on this port.
    pub fn agents_url_through(&self, port: u16) -> String {
        url(self.plan.identity.is_some(), port)
    }

    /// Where other replicas reach it.
    pub fn replicas_url(&self) -> String {
        url(self.plan.identity.is_some(), self.replicas_port)
    }

    /// What it shows to callers and agents, if it has TLS.
    pub fn identity(&self) -> Option<&Identity> {
        self.plan.identity.as_ref()
    }

    /// What it tells Prometheus now.
    pub async fn metrics(&self) -> Result<Metrics> {
        Metrics::scrape(&self.metrics_address()).await
    }

    /// Where Prometheus asks it.
    pub fn metrics_address(&self) -> String {
        format!("127.0.0.1:{}", self.metrics_port)
    }

    /// Clients of this replica; the same before and after a restart.
    pub fn api(&self) -> Api {
        self.api.clone()
    }

    pub fn is_up(&self) -> bool {
        self.program.is_up()
    }

    /// The process, while there is one.
    pub fn program(&mut self) -> Result<&mut Program> {
        self.program.program()
    }

    /// `kill -9`: no goodbye.
    pub async fn kill(&mut self) -> Result<()> {
        self.program.kill().await
    }

    /// SIGTERM, and the promise that it drains and exits with 0.
    pub async fn stop(&mut self) -> Result<()> {
        self.program.stop().await
    }

    /// Starts it again and waits until it serves.
    pub async fn start_again(&mut self) -> Result<()> {
        self.launch()?;
        self.wait_until_serving().await
    }

    /// Starts the process without waiting for anything.
    pub fn launch(&mut self) -> Result<()> {
        let command = self.command()?;
        self.program.start(command)
    }

    /// Waits until the replica says that it serves.
    pub async fn wait_until_serving(&mut self) -> Result<()> {
        let what = format!("{} to serve", self.plan.id);
        let api = self.api.clone();
        let program = self.program()?;
        let ready = wait::until(&what, START_LIMIT, || {
            let ended = program.still_runs();
            let mut api = api.clone();
            async move {
                if let Err(ended) = ended {
                    return Ok(Err(ended));
                }
                match api.is_serving().await {
                    Ok(true) => Ok(Ok(())),
                    Ok(false) => Err("not serving".to_owned()),
                    Err(status) => Err(told(&status)),
                }
            }
        })
        .await;
        let program = self.program()?;
        ready
            .and_then(|ended| ended)
            .with_context(|| format!("{} said:\n{}", program.name(), program.log_tail()))
    }

    fn command(&self) -> Result<Command> {
        let plan = &self.plan;
        let mut command = process::command("postrider")?;
        command
            .arg("serve")
            .args(["--listen", &format!("127.0.0.1:{}", self.port)])
            .args(["--agents-listen", &format!("127.0.0.1:{}", self.agents_port)])
            .args(["--replicas-listen", &format!("127.0.0.1:{}", self.replicas_port)])
            .args(["--database-url", &plan.database_url])
            .args(["--metrics-listen", &self.metrics_address()])
            .args(["--advertise", &self.replicas_url()])
            .args(["--replica-id", &plan.id])
            .arg("--bootstrap-token-file")
            .arg(token::write_file(&plan.folder)?)
            .arg("--keys-file")
            .arg(&plan.keys_file)
            .arg("--data-dir")
            .arg(data_folder(plan))
            .current_dir(&plan.folder);
        if let Some(identity) = &plan.identity {
            command
                .args(identity.arguments())
                .arg("--tls-client-ca")
                .arg(self.pki.ca_file())
                .arg("--agents-tls-client-ca")
                .arg(self.pki.ca_file())
                .arg("--replicas-tls-ca")
                .arg(self.pki.ca_file())
                .args(["--spiffe-trust-domain", TRUST_DOMAIN]);
        }
        if let Some(identity) = &plan.peer_identity {
            command
                .env("POSTRIDER_REPLICAS__TLS_CERT", &identity.certificate_file)
                .env("POSTRIDER_REPLICAS__TLS_KEY", &identity.key_file);
        }
        if let Some(file) = &plan.settings_file {
            command.arg("--config").arg(file);
        }
        command.args(&plan.arguments);
        command.envs(plan.environment.iter().cloned());
        Ok(command)
    }
}

fn data_folder(plan: &Plan) -> PathBuf {
    Path::new(&plan.folder).join(format!("{}-data", plan.id))
}

fn url(tls: bool, port: u16) -> String {
    let scheme = if tls { "https" } else { "http" };
    // By address: `localhost` can also mean `::1`, where nothing listens.
    format!("{scheme}://127.0.0.1:{port}")
}

fn told(status: &Status) -> String {
    format!("{}: {}", status.code(), status.message())
}
