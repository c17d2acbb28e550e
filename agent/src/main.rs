//! The agent's program.
//!
//! Fed by the command line; feeds [`postrider_agent::run`]. Guarantees exit code
//! 0 after a clean stop, 2 for settings that cannot work, told before anything
//! is opened, and 1 for everything else.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use mimalloc::MiMalloc;
use postrider_agent::{AgentConfig, Settings, telemetry};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Attempts allocate much and briefly; this takes a tenth off their cost.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let settings = Settings::parse();
    let config = match settings.config() {
        Ok(config) => config,
        Err(error) => return fail(&error, 2),
    };
    match start(&settings, config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 1),
    }
}

fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("postrider-agent: {error:#}");
    ExitCode::from(code)
}

fn start(settings: &Settings, config: AgentConfig) -> anyhow::Result<()> {
    runtime(settings.threads())?.block_on(async {
        let telemetry = telemetry::init("postrider-agent", &settings.telemetry())?;
        let shutdown = CancellationToken::new();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let signalled = shutdown.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            signalled.cancel();
        });
        let ended = tokio::spawn(postrider_agent::run(config, shutdown)).await;
        telemetry.shutdown().await;
        ended.context("the agent broke")?
    })
}

/// A thread that works alone needs no means to share work.
fn runtime(threads: usize) -> anyhow::Result<Runtime> {
    let mut builder = match threads {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    let built = builder.worker_threads(threads).enable_all().build();
    built.context("the runtime cannot be started")
}
