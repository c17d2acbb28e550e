//! The `postrider` program: parses its arguments and runs the chosen command.

use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use postrider::bootstrap_token::{self, BootstrapTokenArguments};
use postrider::config_command::{self, PrintedFormat};
#[cfg(feature = "dev")]
use postrider::dev;
use postrider::serve::{self, key_commands};
use postrider::settings::Settings;
use postrider_cli::{ClientCommand, ClientOptions};
use postrider_telemetry::run_to_completion;
use tokio::signal::unix::{SignalKind, signal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Tells a payment company's customers what happened to their money.
#[derive(Parser)]
#[command(name = "postrider", version)]
struct Arguments {
    #[command(flatten)]
    client_options: ClientOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a replica of the control plane.
    Serve(Box<ServeArguments>),
    /// Bring the database's schema up to date, and exit.
    Migrate(DatabaseArguments),
    /// Make a token at the database, without a server: the first administrator's.
    BootstrapToken {
        #[command(flatten)]
        database: DatabaseArguments,
        #[command(flatten)]
        wanted: BootstrapTokenArguments,
    },
    /// Make, show and turn over the keys by which secrets are stored, at the database.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Show and check the settings of a replica.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Run everything in one process on loopback, and deliver a first webhook.
    #[cfg(feature = "dev")]
    Dev(dev::DevArguments),
    /// What calls a replica.
    #[command(flatten)]
    Client(ClientCommand),
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Print every setting with its value, and where it was given.
    Print {
        #[command(flatten)]
        settings: Box<ServeArguments>,
        /// How to print it; JSON has the settings by their names.
        #[arg(long, value_name = "FORMAT", value_enum, default_value = "toml")]
        output: PrintedFormat,
    },
    /// Check settings, and the files that they name, as `serve` does at its start.
    Check(Box<ServeArguments>),
}

#[derive(Subcommand)]
enum KeysCommand {
    /// Make a key-encryption key.
    Create {
        /// The key's name in the database and in settings.
        #[arg(long, value_name = "ID")]
        id: String,
        /// Add it to this file instead of printing it.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Show which key-encryption keys are given and in use.
    List(DatabaseArguments),
    /// Wrap every data key by the current key-encryption key, and remove the traces of what
    /// was replaced. PostgreSQL: beside replicas that serve; SQLite: while none does.
    Rewrap {
        #[command(flatten)]
        database: DatabaseArguments,
        /// Make new data keys too, and encrypt all secrets by them.
        #[arg(long)]
        data: bool,
    },
}

#[derive(Args)]
struct DatabaseArguments {
    /// TOML file that overrides the defaults.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// `postgres://…` or `sqlite:PATH`; by default SQLite in the data directory.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// A file that holds the database's URL.
    #[arg(long, value_name = "FILE")]
    database_url_file: Option<String>,
    /// Where the default database lives.
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<String>,
    /// The file with the keys by which secrets are stored.
    #[arg(long, value_name = "FILE")]
    keys_file: Option<String>,
}

#[derive(Args)]
struct ServeArguments {
    #[command(flatten)]
    database: DatabaseArguments,
    /// Where callers come in.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Where agents come in.
    #[arg(long, value_name = "ADDRESS")]
    agents_listen: Option<String>,
    /// Where other replicas come in.
    #[arg(long, value_name = "ADDRESS")]
    replicas_listen: Option<String>,
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
    /// Certificates that those of callers are signed by, PEM.
    #[arg(long, value_name = "FILE")]
    tls_client_ca: Option<String>,
    /// Certificates that those of agents are signed by, PEM.
    #[arg(long, value_name = "FILE")]
    agents_tls_client_ca: Option<String>,
    /// Certificates that those of replicas are signed by, PEM.
    #[arg(long, value_name = "FILE")]
    replicas_tls_ca: Option<String>,
    /// The SPIFFE trust domain of agents and replicas.
    #[arg(long, value_name = "DOMAIN")]
    spiffe_trust_domain: Option<String>,
    /// A file with a token that is an administrator's while it stands there.
    #[arg(long, value_name = "FILE")]
    bootstrap_token_file: Option<String>,
    /// Ask callers for no credential: anybody may call everything.
    #[arg(long)]
    insecure_no_auth: bool,
    /// Let callers from other machines in without TLS.
    #[arg(long)]
    insecure_no_tls: bool,
}

impl DatabaseArguments {
    fn flags(&self) -> Vec<(&'static str, String)> {
        given([
            ("database.url", &self.database_url),
            ("database.url_file", &self.database_url_file),
            ("database.data_dir", &self.data_dir),
            ("keys.file", &self.keys_file),
        ])
    }

    fn settings(&self) -> anyhow::Result<Settings> {
        Ok(Settings::load(self.config.as_deref(), &self.flags())?)
    }
}

impl ServeArguments {
    fn settings(&self) -> anyhow::Result<Settings> {
        Ok(Settings::load(self.database.config.as_deref(), &self.flags())?)
    }

    fn flags(&self) -> Vec<(&'static str, String)> {
        let mut flags = self.database.flags();
        flags.extend(given([
            ("server.listen", &self.listen),
            ("agents.listen", &self.agents_listen),
            ("replicas.listen", &self.replicas_listen),
            ("replicas.advertise", &self.advertise),
            ("server.replica_id", &self.replica_id),
            ("server.metrics_listen", &self.metrics_listen),
            ("server.tls_cert", &self.tls_cert),
            ("server.tls_key", &self.tls_key),
            ("server.tls_client_ca", &self.tls_client_ca),
            ("agents.tls_client_ca", &self.agents_tls_client_ca),
            ("replicas.tls_ca", &self.replicas_tls_ca),
            ("agents.spiffe_trust_domain", &self.spiffe_trust_domain),
            ("replicas.spiffe_trust_domain", &self.spiffe_trust_domain),
            ("auth.bootstrap_token_file", &self.bootstrap_token_file),
        ]));
        let switches = [
            ("server.insecure_no_auth", self.insecure_no_auth),
            ("server.insecure_no_tls", self.insecure_no_tls),
        ];
        let set = switches.into_iter().filter(|(_, is_set)| *is_set);
        flags.extend(set.map(|(name, is_set)| (name, is_set.to_string())));
        flags
    }
}

fn given<const N: usize>(all: [(&'static str, &Option<String>); N]) -> Vec<(&'static str, String)> {
    all.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("postrider: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(Arguments { client_options, command }: Arguments) -> anyhow::Result<ExitCode> {
    let ended = match command {
        Command::Client(command) => {
            let running = command.run(client_options, Arguments::command);
            return Ok(run_to_completion(runtime(1)?, running));
        }
        Command::Serve(arguments) => {
            let settings = arguments.settings()?;
            run_to_completion(runtime(settings.worker_threads())?, serve_until_told(settings))
        }
        Command::Migrate(arguments) => {
            run_to_completion(runtime(1)?, migrate(arguments.settings()?))
        }
        Command::Config(ConfigCommand::Print { settings, output }) => {
            let file = settings.database.config.as_deref();
            config_command::print(file, &settings.flags(), output)
        }
        Command::Config(ConfigCommand::Check(arguments)) => {
            config_command::check(&arguments.settings()?)
        }
        Command::Keys(KeysCommand::Create { id, file }) => {
            key_commands::create(&id, file.as_deref())
        }
        Command::Keys(KeysCommand::List(arguments)) => {
            run_to_completion(runtime(1)?, key_commands::list(&arguments.settings()?))
        }
        Command::Keys(KeysCommand::Rewrap { database, data }) => {
            run_to_completion(runtime(1)?, rewrap(database.settings()?, data))
        }
        Command::BootstrapToken { database, wanted } => {
            run_to_completion(runtime(1)?, bootstrap_token::create(database.settings()?, wanted))
        }
        #[cfg(feature = "dev")]
        Command::Dev(arguments) => run_to_completion(runtime(2)?, dev::run(arguments)),
    };
    ended.map(|()| ExitCode::SUCCESS)
}

fn runtime(threads: usize) -> anyhow::Result<tokio::runtime::Runtime> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    runtime.context("starting the runtime")
}

async fn serve_until_told(settings: Settings) -> anyhow::Result<()> {
    let telemetry =
        postrider_telemetry::init_telemetry("postrider", &settings.telemetry.options())?;
    let _hangups = postrider_telemetry::reload_at_hangup(settings.telemetry.log_filter_file())?;
    let mut stop_requested = pin!(stop_signal()?);
    let is_stopped = tokio::select! {
        waited = serve::wait_to_serve(&settings) => waited.map(|()| false)?,
        () = &mut stop_requested => true,
    };
    if is_stopped {
        tracing::info!("stopped before the database was there");
    } else {
        serve::start(settings, None).await?.serve_until(stop_requested).await?.stop().await;
    }
    telemetry.shutdown().await;
    Ok(())
}

/// Ends when the process is interrupted or told to terminate.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

async fn migrate(mut settings: Settings) -> anyhow::Result<()> {
    // Each migration that is applied leaves a line.
    let telemetry =
        postrider_telemetry::init_telemetry("postrider", &settings.telemetry.options())?;
    settings.database.migrate_at_start = true;
    let keys = Arc::new(settings.keys.load()?);
    let stop_requested = stop_signal()?;
    let migrating = async {
        serve::wait_for_database(&settings).await?;
        let store = serve::open_store(&settings, keys, Arc::new(())).await?;
        store.close().await;
        anyhow::Ok(())
    };
    // The first process of a container is told nothing unless it listens.
    tokio::select! {
        migrated = migrating => migrated?,
        () = stop_requested => bail!("stopped before the schema was up to date"),
    }
    telemetry.shutdown().await;
    println!("the schema is up to date");
    Ok(())
}

async fn rewrap(settings: Settings, data: bool) -> anyhow::Result<()> {
    let telemetry =
        postrider_telemetry::init_telemetry("postrider", &settings.telemetry.options())?;
    key_commands::rewrap(&settings, data).await?;
    telemetry.shutdown().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parser_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_flag_of_serve_names_its_setting() {
        for name in [
            "--database-url",
            "--database-url-file",
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
