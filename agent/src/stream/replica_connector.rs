//! Finds the replicas and keeps a work stream to each.
//!
//! The configured names are resolved again every two seconds. Each address gets at
//! most one stream. A stream that breaks is opened again after a random delay (full
//! jitter), as long as its address is listed. A failed lookup removes no address.
//! A message that every retry would repeat is logged once. The first stream that a replica
//! welcomes makes the agent ready, for good.

use std::collections::HashMap;
use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use parking_lot::Mutex;
use postrider_proto::agent::v1::agent_service_client::AgentServiceClient;
use postrider_telemetry::HealthProbes;
use postrider_tls::{Reloading, TlsDialer};
use rustls::ClientConfig;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tonic::Status;
use tonic::transport::{Channel, Endpoint, Uri};

use crate::config::ControlPlaneEndpoint;
use crate::stream::session::{
    AgentMessageStream, ReplicaMessageStream, ReplicaSession, ReplicaSessionError, ShutdownSignals,
};
use crate::work::coordinator::WorkCoordinator;

/// As often as [`MAX_RETRY_DELAY`] says, for a replica that is back at another address.
const CONTROL_PLANE_LOOKUP_INTERVAL: Duration = Duration::from_secs(2);
/// A lost packet or two are repeated within it.
const REPLICA_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A replica that restarts is back within a few of these, which double.
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(100);
/// Well below `ownership.lost_after_seconds` (default 5): an agent that reconnects later
/// would be declared lost, and what it holds would be sent again.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(2);
/// Twice the largest request that a replica reads (`server.max_batch_request_bytes`): what could
/// be published can be assigned.
const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;
/// A stream that lasted this long resets the count of consecutive failures. Twice the
/// silence that ends a stream: one that never worked has ended by then.
const STABLE_STREAM_AGE: Duration = Duration::from_secs(10);

const PLAIN_ADVICE: &str =
    "if the control plane's door has TLS, its URL must begin with https:// (control_plane.urls)";
const NO_CERTIFICATE_ADVICE: &str = "the agent shows no certificate (control_plane.tls_cert, \
    control_plane.tls_key), and a control plane with TLS lets in no agent without one";
const CERTIFICATE_ADVICE: &str = "the control plane may have refused the agent's certificate \
    (control_plane.tls_cert); its log says why";

/// Where the replicas are now; an address belongs to the first name that has it.
type ReplicaAddresses = HashMap<SocketAddr, Arc<ControlPlaneEndpoint>>;

/// Knows how to reach replicas.
pub struct ReplicaConnector {
    control_planes: Vec<Arc<ControlPlaneEndpoint>>,
    tls: Option<Reloading<ClientConfig>>,
    coordinator: Arc<WorkCoordinator>,
    signals: ShutdownSignals,
    probes: HealthProbes,
    logged: LoggedOnce,
}

/// What has been logged already.
#[derive(Default)]
struct LoggedOnce {
    id_in_use: AtomicBool,
    region_is_unsubscribed: AtomicBool,
    /// Names that cannot be resolved, and since when.
    unresolved: Mutex<HashMap<String, Instant>>,
}

impl ReplicaConnector {
    /// For the given names; `tls` is for those that are reached over it. `probes` learn of
    /// the first stream.
    pub fn new(
        control_planes: &[ControlPlaneEndpoint],
        tls: Option<Reloading<ClientConfig>>,
        coordinator: Arc<WorkCoordinator>,
        signals: ShutdownSignals,
        probes: HealthProbes,
    ) -> Self {
        let control_planes = control_planes.iter().cloned().map(Arc::new).collect();
        let logged = LoggedOnce::default();
        Self { control_planes, tls, coordinator, signals, probes, logged }
    }

    /// Keeps a stream to each replica until the agent closes.
    pub async fn maintain_streams(self: Arc<Self>) {
        let (listing, listed) = watch::channel(ReplicaAddresses::new());
        let mut streams: HashMap<SocketAddr, JoinHandle<()>> = HashMap::new();
        let mut again = interval(CONTROL_PLANE_LOOKUP_INTERVAL);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let closing = self.signals.closing.clone();
        while closing.run_until_cancelled(again.tick()).await.is_some() {
            let before = listing.borrow().clone();
            let found = closing.run_until_cancelled(self.resolve_control_planes(&before)).await;
            let Some(found) = found else { break };
            streams.retain(|_, stream| !stream.is_finished());
            for (address, control_plane) in &found {
                streams.entry(*address).or_insert_with(|| {
                    let keeper = Arc::clone(&self);
                    let control_plane = Arc::clone(control_plane);
                    tokio::spawn(keeper.maintain_stream(control_plane, *address, listed.clone()))
                });
            }
            log_changed_addresses(&before, &found);
            listing.send_replace(found);
        }
        for (_, stream) in streams {
            // Each ends by itself once the agent closes.
            let _ = stream.await;
        }
    }

    async fn resolve_control_planes(&self, before: &ReplicaAddresses) -> ReplicaAddresses {
        let mut found = ReplicaAddresses::new();
        for control_plane in &self.control_planes {
            match tokio::net::lookup_host((control_plane.host.as_str(), control_plane.port)).await {
                Ok(addresses) => {
                    self.log_resolved(control_plane);
                    for address in addresses {
                        found.entry(address).or_insert_with(|| Arc::clone(control_plane));
                    }
                }
                Err(error) => {
                    self.log_unresolved(control_plane, &error);
                    let of_plane = before.iter().filter(|(_, before)| *before == control_plane);
                    found.extend(
                        of_plane.map(|(address, of_plane)| (*address, Arc::clone(of_plane))),
                    );
                }
            }
        }
        found
    }

    /// Keeps a stream to one address for as long as it is listed.
    async fn maintain_stream(
        self: Arc<Self>,
        control_plane: Arc<ControlPlaneEndpoint>,
        address: SocketAddr,
        listed: watch::Receiver<ReplicaAddresses>,
    ) {
        let closing = self.signals.closing.clone();
        let mut failures = 0;
        while !closing.is_cancelled() {
            let began = Instant::now();
            match self.run_stream(&control_plane, address).await {
                Ok(()) => return,
                Err(ReplicaSessionError::DuplicateStream) => {
                    tracing::debug!(%address, "this replica already has a stream over another address");
                    failures = u32::MAX;
                }
                Err(error) => {
                    if began.elapsed() >= STABLE_STREAM_AGE {
                        failures = 0;
                    }
                    if matches!(error, ReplicaSessionError::IdInUse(_)) {
                        self.log_id_in_use(&error);
                    } else if failures == 0 {
                        tracing::warn!(%address, %error, "work stream lost; reconnecting");
                    } else {
                        tracing::debug!(%address, %error, "work stream cannot be opened; retrying");
                    }
                    failures = failures.saturating_add(1);
                }
            }
            if listed.has_changed().is_err() || !listed.borrow().contains_key(&address) {
                return;
            }
            let pause = tokio::time::sleep(retry_delay(failures, rand::random()));
            closing.run_until_cancelled(pause).await;
        }
    }

    async fn run_stream(
        &self,
        control_plane: &ControlPlaneEndpoint,
        address: SocketAddr,
    ) -> Result<(), ReplicaSessionError> {
        let opening = self.open_session(control_plane, address);
        let Some(session) = self.signals.closing.run_until_cancelled(opening).await else {
            return Ok(());
        };
        let session = session?;
        // It stays so: were it to follow the streams, one restart of a control plane would
        // make every agent unready, and stop a roll-out of agents.
        self.probes.set_ready(true);
        self.logged.id_in_use.store(false, Ordering::Relaxed);
        if session.region_is_unsubscribed() {
            self.log_region_is_unsubscribed();
        }
        session.run().await
    }

    async fn open_session(
        &self,
        control_plane: &ControlPlaneEndpoint,
        address: SocketAddr,
    ) -> Result<ReplicaSession, ReplicaSessionError> {
        let channel = self.connect(control_plane, address).await?;
        let (coordinator, signals) = (Arc::clone(&self.coordinator), self.signals.clone());
        let open = |outgoing| open_work_stream(channel, outgoing);
        let session = ReplicaSession::open(coordinator, signals, open).await;
        session.map_err(|error| with_advice(error, self.advice(control_plane)))
    }

    /// What to look at if a connection to a control plane breaks before it has said anything.
    fn advice(&self, control_plane: &ControlPlaneEndpoint) -> &'static str {
        let shows_certificate = self
            .tls
            .as_ref()
            .is_some_and(|tls| tls.current().client_auth_cert_resolver.has_certs());
        match (control_plane.tls, shows_certificate) {
            (false, _) => PLAIN_ADVICE,
            (true, false) => NO_CERTIFICATE_ADVICE,
            (true, true) => CERTIFICATE_ADVICE,
        }
    }

    fn log_unresolved(&self, control_plane: &ControlPlaneEndpoint, error: &std::io::Error) {
        let host = &control_plane.host;
        let mut unresolved = self.logged.unresolved.lock();
        if unresolved.contains_key(host) {
            tracing::debug!(host, %error, "the control plane's name still cannot be resolved");
        } else {
            unresolved.insert(host.clone(), Instant::now());
            tracing::warn!(host, %error, "the control plane's name cannot be resolved; keeping the known addresses");
        }
    }

    fn log_resolved(&self, control_plane: &ControlPlaneEndpoint) {
        let since = self.logged.unresolved.lock().remove(&control_plane.host);
        if let Some(since) = since {
            let seconds = since.elapsed().as_secs();
            let host = &control_plane.host;
            tracing::info!(host, seconds, "the control plane's name is resolved again");
        }
    }

    fn log_id_in_use(&self, error: &ReplicaSessionError) {
        if !self.logged.id_in_use.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                %error,
                "the replica refused this agent's id; give each agent its own id. Retrying until the other agent is gone"
            );
        }
    }

    fn log_region_is_unsubscribed(&self) {
        if !self.logged.region_is_unsubscribed.swap(true, Ordering::Relaxed) {
            let region = self.coordinator.region();
            tracing::warn!(region, "no subscription uses this region; this agent will get no work");
        }
    }

    /// Dials `address`, but asks for, and checks, the name of the URL. Over TLS with the
    /// certificates as they are now.
    async fn connect(
        &self,
        control_plane: &ControlPlaneEndpoint,
        address: SocketAddr,
    ) -> Result<Channel, ReplicaSessionError> {
        let scheme = if control_plane.tls { "https" } else { "http" };
        // The endpoint would bring TLS of its own for https.
        let mut endpoint = Endpoint::from_shared(format!("http://{address}"))?
            .connect_timeout(REPLICA_CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .user_agent(concat!("postrider-agent/", env!("CARGO_PKG_VERSION")))?;
        let named = if control_plane.host.contains(':') {
            format!("{scheme}://[{}]:{}", control_plane.host, control_plane.port)
        } else {
            format!("{scheme}://{}:{}", control_plane.host, control_plane.port)
        };
        if let Ok(origin) = named.parse::<Uri>() {
            endpoint = endpoint.origin(origin);
        }
        if !control_plane.tls {
            return Ok(endpoint.connect().await?);
        }
        let host = &control_plane.host;
        let dialer = self.tls.clone().map(|tls| TlsDialer::new(tls, host)).transpose();
        let dialer = dialer.ok().flatten();
        let dialer = dialer.ok_or_else(|| ReplicaSessionError::NoTls(host.clone()))?;
        Ok(endpoint.connect_with_connector(dialer).await?)
    }
}

/// A status that the replica did not send is of a connection that broke.
fn with_advice(error: ReplicaSessionError, advice: &'static str) -> ReplicaSessionError {
    match error {
        ReplicaSessionError::StreamFailed(status) if status.source().is_some() => {
            ReplicaSessionError::NotBegun { status, advice }
        }
        other => other,
    }
}

async fn open_work_stream(
    channel: Channel,
    outgoing: AgentMessageStream,
) -> Result<ReplicaMessageStream, Status> {
    let mut client = AgentServiceClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES);
    Ok(client.work(outgoing).await?.into_inner().boxed())
}

/// Full jitter: a random delay up to a limit that doubles with every failure, so that agents
/// which lost a replica together do not reconnect together.
fn retry_delay(failures: u32, random: u64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let limit = (FIRST_RETRY_DELAY * 2_u32.pow(doublings)).min(MAX_RETRY_DELAY);
    let limit_us = limit.as_micros() as u64;
    Duration::from_micros(random % (limit_us + 1))
}

/// Logs which addresses of replicas have come and gone.
fn log_changed_addresses(before: &ReplicaAddresses, found: &ReplicaAddresses) {
    let left_of = |of: &ReplicaAddresses, other: &ReplicaAddresses| {
        let mut left: Vec<String> = of
            .keys()
            .filter(|address| !other.contains_key(*address))
            .map(ToString::to_string)
            .collect();
        left.sort();
        left.join(",")
    };
    let (new, gone) = (left_of(found, before), left_of(before, found));
    let has_changed = !(new.is_empty() && gone.is_empty());
    // At the start each stream that is opened has a line.
    if has_changed && !before.is_empty() {
        tracing::info!(count = found.len(), new, gone, "the addresses of replicas have changed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_breaks_at_once_says_what_to_look_at() {
        let broken = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        let mut status = Status::unknown("stream closed because of a broken pipe");
        status.set_source(Arc::new(broken));
        let error = with_advice(status.into(), NO_CERTIFICATE_ADVICE).to_string();
        assert!(error.contains("broken pipe; the agent shows no certificate"), "{error}");
        // What a replica says is the reason.
        let refused = Status::permission_denied("the certificate is no agent's");
        let error = with_advice(refused.into(), CERTIFICATE_ADVICE).to_string();
        assert!(error.contains("is no agent's") && !error.contains("its log"), "{error}");
    }

    #[test]
    fn pauses_are_jittered_in_full_and_bounded() {
        assert_eq!(retry_delay(1, 0), Duration::ZERO);
        assert!(retry_delay(1, 99_999) < FIRST_RETRY_DELAY);
        for failures in [1, 2, 5, 10, u32::MAX] {
            for random in [0, 1, 123_456_789, u64::MAX] {
                assert!(retry_delay(failures, random) <= MAX_RETRY_DELAY);
            }
        }
        assert!(retry_delay(10, 1_999_999) > Duration::from_secs(1));
    }
}
