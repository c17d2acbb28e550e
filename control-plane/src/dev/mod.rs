//! `postrider dev`: all of Postrider in one process on loopback.
//!
//! Fed by the command line; feeds the terminal with what happens. Guarantees nothing
//! beyond loopback: it starts a control plane on SQLite, an agent and a demo receiver,
//! publishes a payment over gRPC, prints its delivery, and keeps running.

mod receiver;
mod show;
mod token;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postrider_agent::{AgentConfig, ControlPlaneEndpoint, ReceiverSubnet};
use postrider_proto::v1::delivery_service_client::DeliveryServiceClient;
use postrider_proto::v1::event_service_client::EventServiceClient;
use postrider_proto::v1::fleet_service_client::FleetServiceClient;
use postrider_proto::v1::subscription_service_client::SubscriptionServiceClient;
use postrider_proto::v1::tenant_service_client::TenantServiceClient;
use postrider_proto::v1::{
    Attempt, CreateSubscriptionRequest, CreateTenantRequest, Delivery, Event, ListAgentsRequest,
    ListAttemptsRequest, ListDeliveriesRequest, PublishEventRequest, Subscription,
    SubscriptionStatus, Tenant, UpdateSubscriptionRequest, event,
};
use postrider_secret_encryption::KeyId;
use postrider_telemetry::ListenAddress;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use crate::serve;
use crate::settings::{Settings, add_key_to_file};
use receiver::DemoReceiver;
use token::DemoChannel;

const DEMO_TENANT_ID: &str = "acme";
const DEMO_SUBSCRIPTION_ID: &str = "payments";
const DEMO_REGION_ID: &str = "default";
/// The secret of the README's subscription, so that the demo receiver can verify it. Only
/// for the demo: it is public.
const README_SECRET: &str = "whsec_cG9zdHJpZGVyIGRlbW8gc2VjcmV0IGZvciBSRUFETUU=";
/// In the data directory: what wraps the demo's data keys.
const DEV_KEYS_FILE: &str = "dev-encryption-keys";
const DEV_KEY_ID: &str = "dev";
/// How long the first delivery may take. A slow machine's first start; usually it takes a
/// second.
const FIRST_WEBHOOK_TIMEOUT: Duration = Duration::from_secs(30);
/// Below what a person notices.
const DELIVERY_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Arguments of `postrider dev`.
#[derive(clap::Args)]
pub struct DevArguments {
    /// Where callers come in; a loopback address.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7443")]
    listen: ListenAddress,
    /// Where further agents come in; a loopback address. By default any port, which the
    /// log says.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    agents_listen: ListenAddress,
    /// Where the demo receiver listens; a loopback address.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    receiver_listen: ListenAddress,
    /// Where the database lives.
    #[arg(long, value_name = "DIRECTORY", default_value = ".postrider")]
    data_dir: PathBuf,
    /// A private subnet that may be POSTed to beside loopback; may be given several
    /// times.
    #[arg(long, value_name = "SUBNET", value_delimiter = ',')]
    allow_subnet: Vec<ReceiverSubnet>,
    /// Roots to check receivers with, or a receiver's own self-signed certificate,
    /// beside the platform's roots, PEM; may be given several times.
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    extra_ca: Vec<PathBuf>,
    /// Stop after the first webhook instead of staying up.
    #[arg(long)]
    once: bool,
}

/// Runs the demo until interrupted.
pub async fn run(arguments: DevArguments) -> anyhow::Result<()> {
    require_loopback(&arguments)?;
    let extra_ca = arguments.extra_ca.iter();
    let extra_ca =
        extra_ca.map(|file| postrider_agent::read_certificates(file).context("--extra-ca"));
    let mut extra_ca_pem = extra_ca.collect::<anyhow::Result<Vec<_>>>()?;
    // The terminal is for the demo; RUST_LOG=info shows the rest.
    let quiet = postrider_telemetry::TelemetryOptions { quiet: true, ..Default::default() };
    let telemetry = postrider_telemetry::init_telemetry("postrider-dev", &quiet)?;
    let directory = &arguments.data_dir;
    std::fs::create_dir_all(directory).with_context(|| {
        format!("--data-dir: cannot create or write the directory {}", directory.display())
    })?;
    let secret = load_or_create_secret(&directory.join("dev-signing-secret"))?;
    let receiver =
        DemoReceiver::bind(&arguments.receiver_listen, &[&secret, README_SECRET]).await?;
    let url = format!("https://localhost:{}/webhooks", receiver.address.port());
    extra_ca_pem.push(receiver.certificate_pem.clone().into_bytes());
    let receiver_address = receiver.address;

    let token_file = directory.join("dev-token");
    let token = token::load_or_create(&token_file)?;
    let mut control_plane = serve::start(settings(&arguments, &token_file)?, None).await?;
    tokio::spawn(receiver.serve());
    let stop = CancellationToken::new();
    let callers = control_plane.addresses.callers;
    let channel = token::connect(format!("http://{callers}"), &token).await?;
    // Before the agent starts: it warns if no subscription uses its region.
    create_tenant_and_subscription(&channel, &url, &secret)
        .await
        .context("setting up the demo's tenant and subscription")?;
    let mut agent = tokio::spawn(postrider_agent::run(
        agent_config(control_plane.addresses.agents, extra_ca_pem, &arguments)?,
        stop.clone(),
    ));

    let shown = tokio::select! {
        shown = publish_and_show(&channel) => shown,
        // Nothing would be delivered.
        ended = &mut agent => {
            return ended.context("the agent's task")?.and_then(|()| bail!("the agent has ended"));
        }
    };
    if shown.is_ok() && !arguments.once {
        show::commands(control_plane.addresses.callers, receiver_address, &token);
        // A laptop that wakes from sleep looks like a clock step: restart the replica
        // instead of failing.
        control_plane = control_plane.serve_until(stop_signal()?).await?;
    }
    stop.cancel();
    agent.await.context("the agent's task")??;
    control_plane.stop().await;
    telemetry.shutdown().await;
    shown
}

/// The control plane's settings; its keys are made at the first start.
fn settings(arguments: &DevArguments, token_file: &Path) -> anyhow::Result<Settings> {
    let directory = &arguments.data_dir;
    let keys_file = directory.join(DEV_KEYS_FILE);
    if !keys_file.exists() {
        add_key_to_file(&keys_file, &KeyId::from_stored(DEV_KEY_ID))?;
    }
    let listen = arguments.listen.to_string();
    // Of any port it is not known yet; portals' links are not offered then.
    let public_url = match listen.rsplit(':').next() {
        Some("0") | None => String::new(),
        Some(port) => format!("http://localhost:{port}"),
    };
    let flags = [
        ("server.listen", listen),
        ("agents.listen", arguments.agents_listen.to_string()),
        ("server.metrics_listen", String::new()),
        ("auth.bootstrap_token_file", token_file.display().to_string()),
        ("publish.allow_unknown_event_types", true.to_string()),
        ("database.data_dir", directory.display().to_string()),
        ("keys.file", keys_file.display().to_string()),
        ("console.enabled", true.to_string()),
        ("console.public_url", public_url),
    ];
    Ok(Settings::load(None, &flags)?)
}

fn require_loopback(arguments: &DevArguments) -> anyhow::Result<()> {
    for (flag, address) in [
        ("--listen", &arguments.listen),
        ("--agents-listen", &arguments.agents_listen),
        ("--receiver-listen", &arguments.receiver_listen),
    ] {
        anyhow::ensure!(address.is_loopback(), "{flag}: `dev` listens on loopback addresses only");
    }
    Ok(())
}

/// Ends when the process is interrupted or told to terminate.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// The demo's signing secret, made at the first start and kept beside the
/// database, since the control plane never shows it again.
fn load_or_create_secret(path: &Path) -> anyhow::Result<String> {
    use std::os::unix::fs::OpenOptionsExt as _;
    match std::fs::read_to_string(path) {
        Ok(secret) => Ok(secret.trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let secret = format!("whsec_{}", STANDARD.encode(rand::random::<[u8; 32]>()));
            let mut options = std::fs::OpenOptions::new();
            let file = options.write(true).create_new(true).mode(0o600).open(path);
            let mut file = file.with_context(|| {
                format!("--data-dir: cannot write in {}", path.parent().unwrap_or(path).display())
            })?;
            file.write_all(secret.as_bytes())?;
            Ok(secret)
        }
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

fn agent_config(
    control_plane: SocketAddr,
    extra_ca_pem: Vec<Vec<u8>>,
    arguments: &DevArguments,
) -> anyhow::Result<AgentConfig> {
    let control_plane = ControlPlaneEndpoint::parse(&format!("http://{control_plane}"))?;
    let id = postrider_agent::unique_agent_id("dev");
    let mut config = AgentConfig::new(control_plane, DEMO_REGION_ID.to_owned(), id)?;
    config.allow_subnets = vec!["127.0.0.0/8".parse()?, "::1/128".parse()?];
    config.allow_subnets.extend(arguments.allow_subnet.iter().map(|subnet| subnet.0));
    config.extra_ca_pem = extra_ca_pem;
    Ok(config)
}

async fn publish_and_show(channel: &DemoChannel) -> anyhow::Result<()> {
    let event = publish(channel).await.context("publishing the demo's event")?;
    let (delivery, attempts) = wait_for_delivery(channel, &event).await?;
    show::delivery(&delivery, &attempts);
    wait_until_listed(channel).await
}

/// Returns once the agent is listed, as it is from the replica's next heartbeat on: what is
/// pasted at once finds it.
async fn wait_until_listed(channel: &DemoChannel) -> anyhow::Result<()> {
    let mut fleet = FleetServiceClient::new(channel.clone());
    let search = async {
        while fleet.list_agents(ListAgentsRequest::default()).await?.into_inner().agents.is_empty()
        {
            tokio::time::sleep(DELIVERY_POLL_INTERVAL).await;
        }
        Ok::<_, Status>(())
    };
    tokio::time::timeout(FIRST_WEBHOOK_TIMEOUT, search)
        .await
        .context("the agent is not listed")??;
    Ok(())
}

fn has_code(code: Code) -> impl Fn(&Status) -> bool {
    move |status| status.code() == code
}

async fn create_tenant_and_subscription(
    channel: &DemoChannel,
    url: &str,
    secret: &str,
) -> Result<(), Status> {
    let tenant = CreateTenantRequest {
        tenant_id: DEMO_TENANT_ID.to_owned(),
        tenant: Some(Tenant { display_name: "Acme Payments".to_owned(), ..Tenant::default() }),
    };
    match TenantServiceClient::new(channel.clone()).create_tenant(tenant).await {
        Err(status) if !has_code(Code::AlreadyExists)(&status) => return Err(status),
        _ => {}
    }
    let parent = format!("tenants/{DEMO_TENANT_ID}");
    let subscription = Subscription {
        display_name: "Payments to the demo receiver".to_owned(),
        url: url.to_owned(),
        event_types: vec!["payment.*".to_owned()],
        status: SubscriptionStatus::Enabled.into(),
        region: format!("regions/{DEMO_REGION_ID}"),
        signing_secret: secret.to_owned(),
        ..Subscription::default()
    };
    let mut subscriptions = SubscriptionServiceClient::new(channel.clone());
    let create = CreateSubscriptionRequest {
        parent: parent.clone(),
        subscription_id: DEMO_SUBSCRIPTION_ID.to_owned(),
        subscription: Some(subscription.clone()),
    };
    match subscriptions.create_subscription(create).await {
        Ok(_) => Ok(()),
        Err(status) if has_code(Code::AlreadyExists)(&status) => {
            // From an earlier start; the receiver may listen elsewhere now.
            let name = format!("{parent}/subscriptions/{DEMO_SUBSCRIPTION_ID}");
            let update = UpdateSubscriptionRequest {
                subscription: Some(Subscription { name, ..subscription }),
                update_mask: Some(prost_types::FieldMask { paths: vec!["url".to_owned()] }),
            };
            subscriptions.update_subscription(update).await.map(|_| ())
        }
        Err(status) => Err(status),
    }
}

async fn publish(channel: &DemoChannel) -> Result<String, Status> {
    let event = Event {
        event_type: "payment.completed".to_owned(),
        account: "invoices".to_owned(),
        payload_form: Some(event::PayloadForm::PayloadJson(show::DEMO_PAYMENT_JSON.to_owned())),
        ..Event::default()
    };
    let request = PublishEventRequest {
        parent: format!("tenants/{DEMO_TENANT_ID}"),
        event: Some(event),
        ..PublishEventRequest::default()
    };
    let answer = EventServiceClient::new(channel.clone()).publish_event(request).await?;
    Ok(answer.into_inner().event)
}

async fn wait_for_delivery(
    channel: &DemoChannel,
    event: &str,
) -> anyhow::Result<(Delivery, Vec<Attempt>)> {
    let mut deliveries = DeliveryServiceClient::new(channel.clone());
    let search = async {
        loop {
            let request = ListDeliveriesRequest {
                parent: format!("tenants/{DEMO_TENANT_ID}"),
                filter: format!("event = \"{event}\" AND state = SUCCEEDED"),
                ..ListDeliveriesRequest::default()
            };
            let page = deliveries.list_deliveries(request).await?.into_inner();
            if let Some(delivery) = page.deliveries.into_iter().next() {
                return Ok::<_, Status>(delivery);
            }
            tokio::time::sleep(DELIVERY_POLL_INTERVAL).await;
        }
    };
    let delivery =
        tokio::time::timeout(FIRST_WEBHOOK_TIMEOUT, search).await.with_context(|| {
            format!("{event} was not delivered within {} s", FIRST_WEBHOOK_TIMEOUT.as_secs())
        })??;
    let request =
        ListAttemptsRequest { parent: delivery.name.clone(), ..ListAttemptsRequest::default() };
    let attempts = deliveries.list_attempts(request).await?.into_inner().attempts;
    Ok((delivery, attempts))
}
