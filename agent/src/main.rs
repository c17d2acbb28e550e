//! The `postrider-agent` program: reads its settings and runs an agent.
//!
//! Exit code 0 after a clean stop, 2 for settings that cannot work (reported
//! before anything is opened), 1 for any other failure.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use mimalloc::MiMalloc;
use postrider_agent::{AgentConfig, Settings};
use postrider_telemetry::{
    init_telemetry, raise_open_files_limit, reload_at_hangup, run_to_completion,
};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Attempts make many short-lived allocations; this allocator makes them a tenth cheaper.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Makes the signed HTTPS POSTs that Postrider's control plane assigns.
///
/// These are the settings that most agents need. All of them, with their defaults, are in
/// config.default.toml, and can be given in a file or as variables too.
#[derive(Debug, Parser)]
#[command(name = "postrider-agent", version)]
struct AgentArguments {
    /// TOML file that overrides the defaults.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the control plane is, https://host:port; may be given several times.
    #[arg(long, value_name = "URL")]
    control_plane: Vec<String>,
    /// The region that this agent serves.
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// This agent's name, which no other process may have.
    #[arg(long, value_name = "NAME")]
    id: Option<String>,
    /// The agent's certificate for the control plane, PEM.
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<String>,
    /// Its private key, PEM.
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
    /// Certificates that replicas are signed by, PEM.
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<String>,
    /// Most attempts in flight.
    #[arg(long, value_name = "ATTEMPTS")]
    max_in_flight: Option<String>,
    /// A private or loopback subnet that may be POSTed to; may be given several times.
    #[arg(long, value_name = "SUBNET")]
    allow_subnet: Vec<String>,
    /// A subnet that must not be POSTed to, be it allowed or public; may be given several
    /// times.
    #[arg(long, value_name = "SUBNET")]
    deny_subnet: Vec<String>,
    /// Certificates that receivers may be signed by, or a receiver's own self-signed one,
    /// beside the platform's, PEM; may be given several times.
    #[arg(long, value_name = "FILE")]
    extra_ca: Vec<String>,
    /// A name server to ask instead of those in /etc/resolv.conf, IP address with or
    /// without a port; may be given several times.
    #[arg(long, value_name = "ADDRESS")]
    name_server: Vec<String>,
    /// Where metrics are served; "" for nowhere.
    #[arg(long, value_name = "ADDRESS")]
    metrics_listen: Option<String>,
}

impl AgentArguments {
    /// Pairs of a setting's path and its value.
    fn flags(&self) -> Vec<(&'static str, String)> {
        let list = |values: &[String]| (!values.is_empty()).then(|| values.join(","));
        let all = [
            ("control_plane.urls", list(&self.control_plane)),
            ("agent.region", self.region.clone()),
            ("agent.id", self.id.clone()),
            ("control_plane.tls_cert", self.tls_cert.clone()),
            ("control_plane.tls_key", self.tls_key.clone()),
            ("control_plane.tls_ca", self.tls_ca.clone()),
            ("work.max_in_flight", self.max_in_flight.clone()),
            ("receivers.allow_subnets", list(&self.allow_subnet)),
            ("receivers.deny_subnets", list(&self.deny_subnet)),
            ("receivers.extra_ca", list(&self.extra_ca)),
            ("dns.servers", list(&self.name_server)),
            ("agent.metrics_listen", self.metrics_listen.clone()),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

fn main() -> ExitCode {
    let arguments = AgentArguments::parse();
    match Settings::load(arguments.config.as_deref(), &arguments.flags()) {
        Ok((settings, config)) => match start(&settings, config) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error, 1),
        },
        Err(error) => fail(&error.into(), 2),
    }
}

fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("postrider-agent: {error:#}");
    ExitCode::from(code)
}

fn start(settings: &Settings, config: AgentConfig) -> anyhow::Result<()> {
    run_to_completion(runtime(settings.worker_threads())?, async {
        let options = settings.telemetry();
        let telemetry = init_telemetry("postrider-agent", &options)?;
        let _hangups = reload_at_hangup(options.log_filter_file)?;
        raise_open_files_limit(config.most_open_files(), "receivers.max_connections");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_settings() {
        let arguments = [
            "postrider-agent",
            "--region=eu-1",
            "--control-plane=https://one.example",
            "--control-plane=https://two.example",
            "--allow-subnet=127.0.0.0/8,10.1.0.0/16",
            "--deny-subnet=10.1.2.0/24",
            "--deny-subnet=93.184.216.0/24",
            "--max-in-flight=9",
            "--name-server=::1",
            "--metrics-listen=127.0.0.1:9465",
        ];
        let arguments = AgentArguments::try_parse_from(arguments).unwrap();
        let (_, config) = Settings::load(None, &arguments.flags()).unwrap();
        assert_eq!(config.control_planes.len(), 2);
        assert_eq!(config.allow_subnets.len(), 2);
        assert_eq!(config.deny_subnets.len(), 2);
        assert_eq!(config.max_in_flight, 9);
        assert_eq!(config.metrics_address.unwrap().to_string(), "127.0.0.1:9465");
    }

    #[test]
    fn every_flag_names_a_setting() {
        let names = [
            "--region",
            "--id",
            "--control-plane",
            "--tls-cert",
            "--tls-key",
            "--tls-ca",
            "--max-in-flight",
            "--allow-subnet",
            "--deny-subnet",
            "--extra-ca",
            "--name-server",
            "--metrics-listen",
        ];
        for name in names {
            let given = ["postrider-agent", name, "/no/such/thing"];
            let flags = AgentArguments::try_parse_from(given).unwrap().flags();
            let [(setting, _)] = &flags[..] else { panic!("{name}: {flags:?}") };
            assert_eq!(Settings::flag_of(setting), Some(name));
            // The value is wrong, or another setting is missing; the name is never wrong.
            let error = Settings::load(None, &flags).err().unwrap().to_string();
            assert!(!error.contains("is not a setting"), "{setting}: {error}");
        }
    }
}
