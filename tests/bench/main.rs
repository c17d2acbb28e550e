//! How fast the whole path is, beside bare programs that do the least of it.
//!
//! Fed by flags; feeds tables in Markdown on standard output, and progress on
//! standard error. Every figure is a ratio or stands beside the floor that
//! belongs to it, since machines differ and are noisy. Targets are shown and
//! never asserted.

mod authentication;
mod chain;
mod client;
mod floor;
mod isolation;
mod latency;
mod least;
mod load;
mod memory;
mod options;
mod owners;
mod payload;
mod processes;
mod receiver;
mod rig;
mod table;
mod throughput;
mod worker;

use std::path::PathBuf;
use std::{env, process};

use anyhow::{Context, Result, bail};
use postrider_tests::process::BIN_DIR_VARIABLE;

use options::{Options, Section};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [first, role, setting] = arguments.as_slice()
        && first == "role"
    {
        return play(role, setting).await;
    }
    match Options::parse(&arguments) {
        Ok(options) => everything(&options).await,
        Err(error) => {
            eprintln!("{error:#}\n{}", options::USAGE_TEXT);
            process::exit(64)
        }
    }
}

/// This process is one of those that are measured, or that measure.
async fn play(role: &str, setting: &str) -> Result<()> {
    match role {
        "receiver" => receiver::serve(worker::setting(setting)?).await,
        "load" => load::serve(worker::setting(setting)?).await,
        "floor" => floor::serve(worker::setting(setting)?).await,
        "chain-driver" => chain::drive(worker::setting(setting)?).await,
        "least-driver" => least::serve(worker::setting(setting)?).await,
        "chain-peer" => chain::answer(worker::setting(setting)?).await,
        _ => bail!("no role {role}"),
    }
}

async fn everything(options: &Options) -> Result<()> {
    println!(
        "{} cores, payload {} bytes, {} run(s), {:?}, programs in {}",
        std::thread::available_parallelism().map_or(1, usize::from),
        payload::PAYLOAD_BYTES,
        options.runs,
        options.scale,
        programs().display(),
    );
    for section in &options.sections {
        match section {
            Section::Throughput => throughput::section(options).await.context("throughput")?,
            Section::Least => least::section(options).await.context("least")?,
            Section::Latency => Box::pin(latency::section(options)).await.context("latency")?,
            Section::Owners => owners::section(options).await.context("owners")?,
            Section::Authentication => {
                Box::pin(authentication::section(options)).await.context("authentication")?;
            }
            Section::Memory => memory::section(options).await.context("memory")?,
            Section::Isolation => isolation::section(options).await.context("isolation")?,
        }
    }
    Ok(())
}

/// Where the programs lie that are measured.
fn programs() -> PathBuf {
    let given = env::var_os(BIN_DIR_VARIABLE).map(PathBuf::from);
    let own = || env::current_exe().ok()?.parent().map(PathBuf::from);
    given.or_else(own).unwrap_or_default()
}
