//! The three doors, and what is served at each.
//!
//! Fed by the settings; feeds the services with connections. Guarantees that each service
//! is reached through its own door only: the public API by callers, the work stream by
//! agents, the peers' service by replicas; and that what comes in at each is bounded.
//!
//! Keeps the invariant `certificate-says-who`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use postrider_telemetry::metrics::CertificateMetrics;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tonic::service::{InterceptorLayer, Routes};
use tonic::transport::Server;
use tonic::transport::server::Router;
use tonic_health::pb::health_server::{Health, HealthServer};

use crate::api::{
    ByteBudget, CallerShares, EndedByAge, JsonRequestLayer, MalformedRequestLayer, MessageShapes,
    ReceiveLayer, ReceiveRule, ReceiveRules,
};
use crate::callers::Authenticator;
use crate::console::{Console, ConsoleLayer};
use crate::flow::Flow;
use crate::listeners::{
    AgentGrants, AgentIdentities, ConnectionSlots, Door, DoorCertificates, HolderCheck, OpenDoor,
    ReplicaGrants, ReplicaIdentities,
};
use crate::replicas::GrpcCalls;
use crate::settings::Settings;
use crate::state::context::ReplicaContext;
use crate::{agents, api, replicas};

/// Twice the silence that ends an agent's stream by itself: this is for callers that have
/// vanished.
const HTTP2_KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// What a client may send on a stream before it is read: at 50 ms there and back a stream
/// carries 5 MB a second, and a batch of 32 MiB takes 7 s.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
/// The same for a connection, and twice what its small frames may cost: h2 counts 256 bytes
/// for each that is not read, less its own, and ends the connection beyond half of this
/// window. A stream that is held back has its whole window unread: 11 of frames of 40 bytes,
/// or 110 of frames of 162 bytes, may be held back at once, where a connection's window of
/// eight of its streams' cannot bear any frames below 171 bytes
/// (docs/decisions/0112-windows-bear-small-frames.md; docs/limits.md has the numbers).
const CONNECTION_WINDOW_BYTES: u32 = 32 * 1024 * 1024;

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
        let slots = ConnectionSlots::new(&settings.connections, context.metrics.limits().clone());
        let mut servers = DoorServers { context, slots, closing, tasks: JoinSet::new() };
        let public = api::callers_api(context.clone(), flow.clone(), authenticator.clone())?;
        let console = Console::new(context, authenticator, public.answers)?;
        let receive = servers.receive(Door::Callers, api::receive_rules(&settings.server)?);
        let mut server =
            server_builder(settings, settings.server.max_concurrent_streams).accept_http1(true);
        if let Some(age) = settings.connections.max_age() {
            // What a connection still does then has its time by `listeners`.
            server = server.max_connection_age(age);
        }
        let router = server
            .layer(public.heads)
            .layer(ConsoleLayer { console })
            .layer(public.http)
            .layer(MalformedRequestLayer)
            .layer(receive)
            .layer(JsonRequestLayer)
            .add_routes(public.routes)
            .add_service(EndedByAge(health));
        servers.spawn(Door::Callers, self.callers, router, None);

        let streams = settings.agents.max_concurrent_streams;
        let rules = one_rule("agents.max_message_bytes", settings.agents.max_message_bytes, true)?;
        let identities = settings.agents_tls().map(|_| AgentIdentities::new(&settings.agents));
        let identities = identities.map(Arc::new);
        let holders = identities.as_ref().map(AgentIdentities::holders);
        let router = server_builder(settings, streams)
            .layer(MalformedRequestLayer)
            .layer(servers.receive(Door::Agents, rules))
            .layer(InterceptorLayer::new(admit_agents(identities)))
            .add_service(agents::service(context.clone(), flow.clone(), closing.clone()));
        servers.spawn(Door::Agents, self.agents, router, holders);

        let Some(door) = self.replicas else { return Ok(servers.tasks) };
        let forwarded =
            api::forwarded_routes(context.clone(), flow.clone(), authenticator.clone())?;
        let replicas = &settings.replicas;
        let rules = one_rule("replicas.max_message_bytes", replicas.max_message_bytes, false)?;
        let identities = settings.replicas_tls().map(|_| ReplicaIdentities::new(replicas));
        let identities = identities.map(Arc::new);
        let holders = identities.as_ref().map(ReplicaIdentities::holders);
        let router = server_builder(settings, replicas.max_concurrent_streams)
            .layer(MalformedRequestLayer)
            .layer(servers.receive(Door::Replicas, rules))
            .layer(InterceptorLayer::new(admit_replicas(identities)))
            .add_routes(forwarded)
            .add_service(replicas::service(context.clone()));
        servers.spawn(Door::Replicas, door, router, holders);
        Ok(servers.tasks)
    }
}

/// The servers of the doors, each until `closing`.
struct DoorServers<'a> {
    context: &'a ReplicaContext,
    slots: ConnectionSlots,
    closing: &'a CancellationToken,
    tasks: JoinSet<()>,
}

impl DoorServers<'_> {
    /// What bounds that which a door receives.
    fn receive(&self, door: Door, rules: ReceiveRules) -> ReceiveLayer {
        let requests = &self.context.settings.requests;
        let metrics = self.context.metrics.limits().clone();
        let budget = ByteBudget::of_requests(requests, door.name(), metrics);
        let shares = CallerShares::new(budget.max_per_tenant());
        ReceiveLayer { rules, budget, shares, timeout: requests.receive_timeout() }
    }

    fn spawn<L, B>(
        &mut self,
        door: Door,
        open: OpenDoor,
        router: Router<L>,
        holders: Option<HolderCheck>,
    ) where
        L: tower::Layer<Routes> + Send + 'static,
        L::Service: tower::Service<http::Request<Body>, Response = http::Response<B>>
            + Clone
            + Send
            + 'static,
        <L::Service as tower::Service<http::Request<Body>>>::Future: Send,
        <L::Service as tower::Service<http::Request<Body>>>::Error:
            Into<Box<dyn std::error::Error + Send + Sync>> + Send,
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let ReplicaContext { settings, metrics, .. } = self.context;
        let (settings, limits) = (&settings.connections, metrics.limits());
        let connections = open.connections(settings, &self.slots, limits, holders);
        let stop = self.closing.clone().cancelled_owned();
        self.tasks.spawn(async move {
            log_end(door, router.serve_with_incoming_shutdown(connections, stop).await);
        });
    }
}

/// A rule for all methods of a door.
fn one_rule(
    size_setting: &'static str,
    max_message_bytes: usize,
    streams: bool,
) -> anyhow::Result<ReceiveRules> {
    let shapes = MessageShapes::compiled_in()?;
    Ok(Arc::new(move |path: &str| {
        let request = shapes.of_request(path);
        ReceiveRule { max_message_bytes, size_setting, streams, request }
    }))
}

fn server_builder(settings: &Settings, max_streams: u32) -> Server {
    Server::builder()
        .max_concurrent_streams(max_streams)
        .http2_max_pending_accept_reset_streams(Some(settings.server.max_pending_reset_streams))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keepalive_interval(Some(HTTP2_KEEPALIVE_INTERVAL))
}

fn log_end(door: Door, ended: Result<(), tonic::transport::Error>) {
    if let Err(error) = ended {
        tracing::error!(%door, %error, "a listener failed");
    }
}

/// Where the door has no TLS, only this machine reaches it, and may be any agent.
fn admit_agents(
    identities: Option<Arc<AgentIdentities>>,
) -> impl Fn(Request) -> Result<Request, Status> + Clone + Send + Sync + 'static {
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
    identities: Option<Arc<ReplicaIdentities>>,
) -> impl Fn(Request) -> Result<Request, Status> + Clone + Send + Sync + 'static {
    move |mut request| match &identities {
        Some(identities) => identities.admit(request),
        None => {
            request.extensions_mut().insert(ReplicaGrants::unrestricted());
            Ok(request)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    /// What h2 counts for a frame that is not read.
    const COUNTED_FRAME_BYTES: u32 = 256;

    #[test]
    fn the_documents_say_how_many_streams_may_be_held_back() {
        let page = fixtures::document("limits.md");
        for frame_bytes in [40, 64, 80, 100, 162] {
            let frames = STREAM_WINDOW_BYTES / frame_bytes;
            let of_stream = frames * (COUNTED_FRAME_BYTES - frame_bytes);
            let streams = CONNECTION_WINDOW_BYTES / 2 / of_stream;
            assert!(page.contains(&format!("| {frame_bytes} | {streams} |")), "{streams}");
        }
    }
}
