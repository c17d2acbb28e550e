//! The `postrider` program: parses its arguments and runs the chosen command.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
#[cfg(feature = "dev")]
use postrider::dev;
use postrider::serve;
use postrider::settings::Settings;
use tokio::signal::unix::{SignalKind, signal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Tells a payment company's customers what happened to their money.
#[derive(Parser)]
#[command(name = "postrider", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a replica of the control plane.
    Serve(ServeArguments),
    /// Bring the database's schema up to date, and exit.
    Migrate(DatabaseArguments),
    /// Run everything in one process on loopback, and deliver a first webhook.
    #[cfg(feature = "dev")]
    Dev(dev::DevArguments),
}

#[derive(Args)]
struct DatabaseArguments {
    /// TOML file that overrides the defaults.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// `postgres://…` or `sqlite:PATH`; by default SQLite in the data directory.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Where the default database lives.
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<String>,
}

#[derive(Args)]
struct ServeArguments {
    #[command(flatten)]
    database: DatabaseArguments,
    /// Where gRPC is served.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Where other replicas reach this one.
    #[arg(long, value_name = "URL")]
    advertise: Option<String>,
    /// This replica's name.
    #[arg(long, value_name = "NAME")]
    replica_id: Option<String>,
    /// Where metrics are served; "" for nowhere.
    #[arg(long, value_name = "ADDRESS")]
    metrics_listen: Option<String>,
    /// The server's certificate chain, PEM.
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<String>,
    /// Its private key, PEM.
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
    /// Certificates that agents and replicas are signed by, PEM.
    #[arg(long, value_name = "FILE")]
    tls_client_ca: Option<String>,
}

impl DatabaseArguments {
    fn flags(&self) -> Vec<(&'static str, String)> {
        let all = [("database.url", &self.database_url), ("database.data_dir", &self.data_dir)];
        given(all)
    }
}

impl ServeArguments {
    fn flags(&self) -> Vec<(&'static str, String)> {
        let mut flags = self.database.flags();
        flags.extend(given([
            ("server.listen", &self.listen),
            ("server.advertise", &self.advertise),
            ("server.replica_id", &self.replica_id),
            ("server.metrics_listen", &self.metrics_listen),
            ("server.tls_cert", &self.tls_cert),
            ("server.tls_key", &self.tls_key),
            ("server.tls_client_ca", &self.tls_client_ca),
        ]));
        flags
    }
}

fn given<const N: usize>(all: [(&'static str, &Option<String>); N]) -> Vec<(&'static str, String)> {
    all.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("postrider: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Serve(arguments) => {
            let config = arguments.database.config.as_deref();
            let settings = Settings::load(config, &arguments.flags())?;
            runtime(settings.worker_threads())?.block_on(serve_until_told(settings))
        }
        Command::Migrate(arguments) => {
            let settings = Settings::load(arguments.config.as_deref(), &arguments.flags())?;
            runtime(1)?.block_on(migrate(settings))
        }
        #[cfg(feature = "dev")]
        Command::Dev(arguments) => runtime(2)?.block_on(dev::run(arguments)),
    }
}

fn runtime(threads: usize) -> anyhow::Result<tokio::runtime::Runtime> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    runtime.context("starting the runtime")
}

async fn serve_until_told(settings: Settings) -> anyhow::Result<()> {
    let telemetry =
        postrider_telemetry::init_telemetry("postrider", &settings.telemetry.options())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop_requested = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    serve::start(settings, None).await?.serve_until(stop_requested).await?.stop().await;
    telemetry.shutdown().await;
    Ok(())
}

async fn migrate(mut settings: Settings) -> anyhow::Result<()> {
    // Each migration that is applied leaves a line.
    let telemetry =
        postrider_telemetry::init_telemetry("postrider", &settings.telemetry.options())?;
    settings.database.migrate_at_start = true;
    let store = serve::open_store(&settings, Arc::new(())).await?;
    store.close().await;
    telemetry.shutdown().await;
    println!("the schema is up to date");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_of_serve_names_its_setting() {
        for name in [
            "--database-url",
            "--data-dir",
            "--listen",
            "--advertise",
            "--replica-id",
            "--metrics-listen",
            "--tls-cert",
            "--tls-key",
            "--tls-client-ca",
        ] {
            let given = Arguments::try_parse_from(["postrider", "serve", name, "x"]).unwrap();
            let Command::Serve(given) = given.command else { panic!("{name} is not of serve") };
            let flags = given.flags();
            let [(setting, _)] = &flags[..] else { panic!("{name}: {flags:?}") };
            assert_eq!(Settings::flag_of(setting), Some(name));
        }
    }
}
