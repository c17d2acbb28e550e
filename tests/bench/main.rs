//! How fast the whole path is, beside a bare client doing the same POSTs.
//!
//! Fed by flags; feeds a table on standard output. Control plane, agent,
//! receiver and load are processes of their own over mutual TLS; the floor is a
//! bare hyper and rustls loop against the same receiver in the same run. Every
//! figure is a ratio or is printed beside the floor that belongs to it, since
//! machines differ and are noisy.

mod floor;
mod load;
mod receiver;

use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{env, process};

use anyhow::{Context, Result, bail};
use postrider_tests::cluster::{Cluster, Description, Engine};
use postrider_tests::pki::Pki;
use postrider_tests::ports::free_port;
use postrider_tests::process::Program;
use postrider_tests::wait;

/// One run's size.
#[derive(Clone, Copy, Debug)]
struct Size {
    events: u64,
    runs: usize,
}

const PAYLOAD_BYTES: usize = 1024;
const FLOOR_CONNECTIONS: usize = 64;
const DRAIN_LIMIT: Duration = Duration::from_secs(120);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["receiver", port, certificate, key] => {
            receiver::serve(port.parse()?, certificate.as_ref(), key.as_ref()).await
        }
        [] => everything(Size { events: 20_000, runs: 3 }).await,
        ["--small"] => everything(Size { events: 2_000, runs: 1 }).await,
        ["--events", events, "--runs", runs] => {
            everything(Size { events: events.parse()?, runs: runs.parse()? }).await
        }
        _ => {
            eprintln!("usage: postrider-bench [--small | --events N --runs N]");
            process::exit(64)
        }
    }
}

async fn everything(size: Size) -> Result<()> {
    println!(
        "{} events of {PAYLOAD_BYTES} bytes, {} run(s), {} cores, programs in {}",
        size.events,
        size.runs,
        std::thread::available_parallelism().map_or(1, usize::from),
        programs().display(),
    );
    println!(
        "{:<10} {:<12} {:>12} {:>12} {:>10}",
        "engine", "publish", "acked/s", "delivered/s", "of floor"
    );
    for engine in [Engine::Sqlite, Engine::Postgres] {
        one_engine(engine, size).await.with_context(|| format!("{engine:?}"))?;
    }
    Ok(())
}

/// Where this program was built, and the programs it measures.
fn programs() -> PathBuf {
    let own = env::current_exe().unwrap_or_default();
    own.parent().map(PathBuf::from).unwrap_or_default()
}

async fn one_engine(engine: Engine, size: Size) -> Result<()> {
    let cluster = Cluster::start(&Description {
        engine,
        environment: vec![("RUST_LOG".to_owned(), "warn".to_owned())],
        max_in_flight: 1024,
        ..Description::default()
    })
    .await?;
    let (receiver, url) = start_receiver(cluster.pki(), &cluster)?;
    let counter = receiver::Counter::new(&url, cluster.pki())?;
    wait::until("the receiver to listen", Duration::from_secs(10), || {
        let counter = counter.clone();
        async move { counter.read().await }
    })
    .await?;
    let api = cluster.api()?;
    load::set_up(&api, &url).await?;

    let mut rows: Vec<(&str, Vec<(f64, f64)>)> = vec![("floor", Vec::new())];
    rows.extend(load::Mode::ALL.iter().map(|mode| (mode.name(), Vec::new())));
    for _ in 0..size.runs {
        for (index, (_, figures)) in rows.iter_mut().enumerate() {
            let before = counter.read().await.map_err(anyhow::Error::msg)?;
            let started = Instant::now();
            let acknowledged = match index.checked_sub(1).and_then(|mode| load::Mode::ALL.get(mode))
            {
                None => {
                    floor::run(&url, cluster.pki(), FLOOR_CONNECTIONS, size.events).await?;
                    started.elapsed()
                }
                Some(mode) => {
                    load::publish(&api, *mode, size.events).await?;
                    started.elapsed()
                }
            };
            wait_for(&counter, before + size.events).await?;
            let per_second = |span: Duration| size.events as f64 / span.as_secs_f64();
            figures.push((per_second(acknowledged), per_second(started.elapsed())));
        }
    }
    print_rows(engine, &rows);
    drop(receiver);
    Ok(())
}

fn start_receiver(pki: &Pki, cluster: &Cluster) -> Result<(Program, String)> {
    let port = free_port()?;
    let identity = pki.program("receiver")?;
    let mut command = process::Command::new(env::current_exe()?);
    command.arg("receiver").arg(port.to_string());
    command.arg(&identity.certificate_file).arg(&identity.key_file);
    let log = cluster.folder().join("receiver.log");
    let program = Program::start("receiver", command, &log)?;
    Ok((program, format!("https://127.0.0.1:{port}/webhooks")))
}

async fn wait_for(counter: &receiver::Counter, wanted: u64) -> Result<()> {
    let deadline = Instant::now() + DRAIN_LIMIT;
    loop {
        let seen = counter.read().await.map_err(anyhow::Error::msg)?;
        if seen >= wanted {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("{} of the webhooks did not arrive in time", wanted - seen);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn print_rows(engine: Engine, rows: &[(&str, Vec<(f64, f64)>)]) {
    let floor = median(rows.iter().take(1).flat_map(|(_, runs)| runs.iter().map(|run| run.1)));
    for (name, runs) in rows {
        let acknowledged = median(runs.iter().map(|run| run.0));
        let delivered = median(runs.iter().map(|run| run.1));
        println!(
            "{:<10} {name:<12} {acknowledged:>12.0} {delivered:>12.0} {:>10.2}",
            format!("{engine:?}").to_lowercase(),
            delivered / floor,
        );
    }
}
