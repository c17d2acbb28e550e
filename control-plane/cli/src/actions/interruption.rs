//! Ctrl-C, from the beginning of a command on.

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exits::CliError;

/// Notices Ctrl-C, also while nobody waits for it.
pub(super) struct CommandInterruption {
    signal: Signal,
}

impl CommandInterruption {
    /// From now on Ctrl-C does not end the program by itself.
    pub fn listen() -> Result<Self, CliError> {
        let signal = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
        Ok(Self { signal })
    }

    /// Ends with the next Ctrl-C, or with one that nobody has waited for yet.
    pub async fn wait(&mut self) {
        self.signal.recv().await;
    }
}
