//! The three doors, and what is served at each.
//!
//! Fed by the settings; feeds the services with connections. Guarantees that each service
//! is reached through its own door only: the public API by callers, the work stream by
//! agents, the peers' service by replicas.
//!
//! Keeps the invariant `certificate-says-who`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use postrider_tls::CertificateMetrics;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::service::InterceptorLayer;
use tonic::transport::Server;
use tonic_health::pb::health_server::{Health, HealthServer};
use tower::layer::util::{Identity, Stack};

use crate::api::MalformedRequestLayer;
use crate::callers::Authenticator;
use crate::flow::Flow;
use crate::listeners::{
    AgentGrants, AgentIdentities, Door, DoorCertificates, OpenDoor, ReplicaGrants,
    ReplicaIdentities,
};
use crate::replicas::GrpcCalls;
use crate::settings::{ServerSettings, Settings};
use crate::state::context::ReplicaContext;
use crate::{agents, api, replicas};

/// Twice the silence that ends an agent's stream by itself: this is for callers that have
/// vanished.
const HTTP2_KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// Flow-control windows that keep a publishing stream busy on a fast network. At 50 ms
/// there and back one stream carries 20 MB a second, and eight streams fill the
/// connection's.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;

type Request = tonic::Request<()>;

/// Where a replica listens.
#[derive(Clone, Copy, Debug)]
pub struct DoorAddresses {
    pub callers: SocketAddr,
    pub agents: SocketAddr,
    /// A single-process database has no other replica, and so no door for one.
    pub replicas: Option<SocketAddr>,
}

/// The doors, listened at and not served yet.
pub struct OpenDoors {
    callers: OpenDoor,
    agents: OpenDoor,
    replicas: Option<OpenDoor>,
    pub metrics: CertificateMetrics,
}

/// Reads the certificates and listens; returns also what calls other replicas.
pub async fn open(settings: &Settings) -> anyhow::Result<(OpenDoors, GrpcCalls)> {
    let certificates = DoorCertificates::load(settings)?;
    let server = &settings.server;
    let (anybody, agents_tls) = (server.insecure_no_tls, certificates.agents);
    let callers = OpenDoor::listen(Door::Callers, settings, certificates.callers, anybody).await?;
    let agents = OpenDoor::listen(Door::Agents, settings, agents_tls, false).await?;
    let replicas = if settings.single_process() {
        None
    } else {
        Some(OpenDoor::listen(Door::Replicas, settings, certificates.replicas, false).await?)
    };
    let metrics = certificates.metrics;
    Ok((OpenDoors { callers, agents, replicas, metrics }, GrpcCalls::new(certificates.peers)))
}

impl OpenDoors {
    pub fn addresses(&self) -> DoorAddresses {
        DoorAddresses {
            callers: self.callers.address,
            agents: self.agents.address,
            replicas: self.replicas.as_ref().map(|door| door.address),
        }
    }

    /// Serves each until `closing`. `health` is open to whoever reaches the callers' door.
    pub fn serve(
        self,
        context: &ReplicaContext,
        flow: &Flow,
        authenticator: &Authenticator,
        health: HealthServer<impl Health>,
        closing: &CancellationToken,
    ) -> anyhow::Result<JoinSet<()>> {
        let settings = &context.settings;
        let mut servers = JoinSet::new();
        let public = api::routes(context.clone(), flow.clone(), authenticator.clone())?;
        let router = server(&settings.server).add_routes(public).add_service(health);
        let (connections, stop) = (self.callers.connections(), closing.clone().cancelled_owned());
        servers.spawn(async move {
            log_end(Door::Callers, router.serve_with_incoming_shutdown(connections, stop).await);
        });

        let admit = admit_agents(settings);
        let router = server(&settings.server)
            .layer(InterceptorLayer::new(admit))
            .add_service(agents::service(context.clone(), flow.clone(), closing.clone()));
        let (connections, stop) = (self.agents.connections(), closing.clone().cancelled_owned());
        servers.spawn(async move {
            log_end(Door::Agents, router.serve_with_incoming_shutdown(connections, stop).await);
        });

        let Some(door) = self.replicas else { return Ok(servers) };
        let forwarded =
            api::forwarded_routes(context.clone(), flow.clone(), authenticator.clone())?;
        let admit = admit_replicas(settings);
        let router = server(&settings.server)
            .layer(InterceptorLayer::new(admit))
            .add_routes(forwarded)
            .add_service(replicas::service(context.clone()));
        let (connections, stop) = (door.connections(), closing.clone().cancelled_owned());
        servers.spawn(async move {
            log_end(Door::Replicas, router.serve_with_incoming_shutdown(connections, stop).await);
        });
        Ok(servers)
    }
}

/// A server that says whose fault it is when a message cannot be read.
fn server(settings: &ServerSettings) -> Server<Stack<MalformedRequestLayer, Identity>> {
    Server::builder()
        .max_concurrent_streams(settings.max_concurrent_streams)
        .http2_max_pending_accept_reset_streams(Some(settings.max_pending_reset_streams))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keepalive_interval(Some(HTTP2_KEEPALIVE_INTERVAL))
        .layer(MalformedRequestLayer)
}

fn log_end(door: Door, ended: Result<(), tonic::transport::Error>) {
    if let Err(error) = ended {
        tracing::error!(%door, %error, "a listener failed");
    }
}

/// Where the door has no TLS, only this machine reaches it, and may be any agent.
fn admit_agents(
    settings: &Settings,
) -> impl Fn(Request) -> Result<Request, Status> + Clone + Send + Sync + 'static {
    let identities = settings.agents_tls().map(|_| AgentIdentities::new(&settings.agents));
    let identities = identities.map(Arc::new);
    move |mut request| match &identities {
        Some(identities) => identities.admit(request),
        None => {
            request.extensions_mut().insert(AgentGrants::unrestricted());
            Ok(request)
        }
    }
}

/// As [`admit_agents`], for replicas.
fn admit_replicas(
    settings: &Settings,
) -> impl Fn(Request) -> Result<Request, Status> + Clone + Send + Sync + 'static {
    let identities = settings.replicas_tls().map(|_| ReplicaIdentities::new(&settings.replicas));
    let identities = identities.map(Arc::new);
    move |mut request| match &identities {
        Some(identities) => identities.admit(request),
        None => {
            request.extensions_mut().insert(ReplicaGrants::unrestricted());
            Ok(request)
        }
    }
}
