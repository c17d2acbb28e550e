//! One agent, as a process.
//!
//! Fed by the cluster's description; feeds tests with its life. Guarantees that
//! a restarted agent has the id and the identity that it had; whether it is
//! connected is asked of the control plane, since only that counts.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::pki::Identity;
use crate::process::{self, Program};
use crate::restartable::RestartableProgram;

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
    program: RestartableProgram,
}

impl Agent {
    /// Starts it, without waiting until it is connected.
    pub fn start(plan: Plan) -> Result<Self> {
        let program = RestartableProgram::new(&plan.id, &plan.folder);
        let mut agent = Self { plan, program };
        agent.start_again()?;
        Ok(agent)
    }

    pub fn id(&self) -> &str {
        &self.plan.id
    }

    pub fn region(&self) -> &str {
        &self.plan.region
    }

    /// Its certificate and key, if it has any.
    pub fn identity(&self) -> Option<&Identity> {
        self.plan.identity.as_ref()
    }

    /// As `FleetService` names it.
    pub fn resource_name(&self) -> String {
        format!("agents/{}", self.plan.id)
    }

    /// The process, while there is one.
    pub fn program(&mut self) -> Result<&mut Program> {
        self.program.program()
    }

    /// The process's id, while there is one.
    pub fn process_id(&self) -> Option<u32> {
        self.program.process_id()
    }

    pub fn is_up(&self) -> bool {
        self.program.is_up()
    }

    /// `kill -9`: no goodbye.
    pub async fn kill(&mut self) -> Result<()> {
        self.program.kill().await
    }

    /// SIGTERM, and the promise that it finishes what it holds and exits with 0.
    pub async fn stop(&mut self) -> Result<()> {
        self.program.stop().await
    }

    /// Starts it again, without waiting until it is connected.
    pub fn start_again(&mut self) -> Result<()> {
        let command = self.command()?;
        self.program.start(command)
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
            command.args(identity.arguments()).arg("--tls-ca").arg(&plan.ca_file);
        }
        command.args(&plan.arguments);
        command.envs(plan.environment.iter().cloned());
        Ok(command)
    }
}
