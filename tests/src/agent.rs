//! One agent, as a process.
//!
//! Fed by the cluster's description; feeds tests with its life. Guarantees that
//! a restarted agent has the id and the identity that it had; whether it is
//! connected is asked of the control plane, since only that counts.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::pki::Identity;
use crate::process::{self, Program};

/// Longer than the longest request time-out of any test, and a margin.
const DRAIN_LIMIT: Duration = Duration::from_secs(60);

/// What an agent needs to know, the same at every start.
#[derive(Clone, Debug)]
pub struct Plan {
    pub id: String,
    pub region: String,
    pub control_planes: Vec<String>,
    /// The authority of replicas and receivers.
    pub ca_file: PathBuf,
    /// Absent: without TLS to the control plane.
    pub identity: Option<Identity>,
    pub max_in_flight: u32,
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
    pub folder: PathBuf,
}

/// An agent that runs, or is down between a kill and a start.
#[derive(Debug)]
pub struct Agent {
    plan: Plan,
    program: Option<Program>,
}

impl Agent {
    /// Starts it, without waiting until it is connected.
    pub fn start(plan: Plan) -> Result<Self> {
        let mut agent = Self { plan, program: None };
        agent.start_again()?;
        Ok(agent)
    }

    pub fn id(&self) -> &str {
        &self.plan.id
    }

    pub fn region(&self) -> &str {
        &self.plan.region
    }

    /// As `FleetService` names it.
    pub fn resource_name(&self) -> String {
        format!("agents/{}", self.plan.id)
    }

    /// The process, while there is one.
    pub fn program(&mut self) -> Result<&mut Program> {
        let id = &self.plan.id;
        self.program.as_mut().with_context(|| format!("{id} is down"))
    }

    /// The process's id, while there is one.
    pub fn process_id(&self) -> Option<u32> {
        self.program.as_ref().map(Program::id)
    }

    pub fn is_up(&self) -> bool {
        self.program.is_some()
    }

    /// `kill -9`: no goodbye.
    pub async fn kill(&mut self) -> Result<()> {
        self.program()?.kill().await?;
        self.program = None;
        Ok(())
    }

    /// SIGTERM, and the promise that it finishes what it holds and exits with 0.
    pub async fn stop(&mut self) -> Result<()> {
        let program = self.program()?;
        program.terminate()?;
        program.wait_for_exit(0, DRAIN_LIMIT).await?;
        self.program = None;
        Ok(())
    }

    /// Starts it again, without waiting until it is connected.
    pub fn start_again(&mut self) -> Result<()> {
        let log = self.plan.folder.join(format!("{}.log", self.plan.id));
        self.program = Some(Program::start(&self.plan.id, self.command()?, &log)?);
        Ok(())
    }

    fn command(&self) -> Result<Command> {
        let plan = &self.plan;
        let mut command = process::command("postrider-agent")?;
        for url in &plan.control_planes {
            command.args(["--control-plane", url]);
        }
        command
            .args(["--region", &plan.region])
            .args(["--id", &plan.id])
            .args(["--allow-subnet", "127.0.0.0/8"])
            .args(["--max-in-flight", &plan.max_in_flight.to_string()])
            .arg("--extra-ca")
            .arg(&plan.ca_file)
            .current_dir(&plan.folder);
        if let Some(identity) = &plan.identity {
            command
                .arg("--tls-cert")
                .arg(&identity.certificate_file)
                .arg("--tls-key")
                .arg(&identity.key_file)
                .arg("--tls-ca")
                .arg(&plan.ca_file);
        }
        command.args(&plan.arguments);
        command.envs(plan.environment.iter().cloned());
        Ok(command)
    }
}
