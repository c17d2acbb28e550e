//! A program that is killed, stopped and started again.
//!
//! Fed by commands; feeds replicas and agents. Guarantees that all its runs write one
//! log, and that nothing asks a program that is down.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process::Program;

/// Longer than the longest request time-out of any test, and a margin.
const DRAIN_LIMIT: Duration = Duration::from_secs(60);

/// Runs, or is down between its end and a start.
#[derive(Debug)]
pub struct RestartableProgram {
    name: String,
    log_file: PathBuf,
    program: Option<Program>,
}

impl RestartableProgram {
    /// Down at first; its log will be `NAME.log` in the folder.
    pub fn new(name: &str, folder: &Path) -> Self {
        let log_file = folder.join(format!("{name}.log"));
        Self { name: name.to_owned(), log_file, program: None }
    }

    pub fn start(&mut self, command: Command) -> Result<()> {
        self.program = Some(Program::start(&self.name, command, &self.log_file)?);
        Ok(())
    }

    pub fn is_up(&self) -> bool {
        self.program.is_some()
    }

    /// The process, while there is one.
    pub fn program(&mut self) -> Result<&mut Program> {
        self.program.as_mut().with_context(|| format!("{} is down", self.name))
    }

    /// The process's id, while there is one.
    pub fn process_id(&self) -> Option<u32> {
        self.program.as_ref().map(Program::id)
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
}
