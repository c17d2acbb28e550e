//! The `postrider-agent` program: reads its settings and runs an agent.
//!
//! Exit code 0 after a clean stop, 2 for settings that cannot work (reported
//! before anything is opened), 1 for any other failure.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use mimalloc::MiMalloc;
use postrider_agent::{AgentConfig, Settings};
use postrider_telemetry::init_telemetry;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Attempts make many short-lived allocations; this allocator makes them a tenth cheaper.
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
        let telemetry = init_telemetry("postrider-agent", &settings.telemetry())?;
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
        ended.context("the agent panicked")?
    })
}

/// A single thread needs no work stealing.
fn runtime(threads: usize) -> anyhow::Result<Runtime> {
    let mut builder = match threads {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    let built = builder.worker_threads(threads).enable_all().build();
    built.context("cannot start the runtime")
}
