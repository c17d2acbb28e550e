//! A soak: mixed load with changes and faults for as long as one likes, judged all the while.
//!
//! Fed by the command line; feeds standard output with a line for each round, and at the end
//! the slopes of memory, open files, tables and indexes. Guarantees that what it keeps is
//! bounded by a round, that it ends at its time, at a broken promise or at a signal, and that
//! all processes that it started end with it.

mod changes;
mod load;
mod options;
mod persistence;
mod replay;
mod round;
mod samples;
mod site;
mod story;
mod strikes;

use std::env;
use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use options::Options;
use samples::Samples;
use site::Site;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let options = match Options::parse(&arguments) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error:#}\n{}", options::USAGE_TEXT);
            return ExitCode::from(64);
        }
    };
    let mut samples = Samples::default();
    let ended = tokio::select! {
        soaked = Box::pin(soak(&options, &mut samples)) => soaked,
        ended = interrupted() => ended,
    };
    samples.tell();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("FAILED: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// One round after the other, each with a sample at its end, when nothing is under way.
async fn soak(options: &Options, samples: &mut Samples) -> Result<()> {
    println!(
        "{:?}, {} events/s for {} minutes in rounds of {:?}, seed {}",
        options.engine,
        options.events_per_second,
        options.length.as_secs() / 60,
        options.load_time(),
        options.seed,
    );
    let mut site = Box::pin(Site::start(options)).await?;
    let begun = Instant::now();
    for number in 0.. {
        if begun.elapsed() >= options.length {
            break;
        }
        let run = Box::pin(round::run(options, &mut site, number));
        let events = run.await.with_context(|| format!("round {number}"))?;
        samples.take(&mut site, events).await?;
    }
    println!("every promise was kept");
    Ok(())
}

/// Ends at a signal; what the processes do until then is theirs.
async fn interrupted() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    println!("stopped by a signal");
    Ok(())
}
