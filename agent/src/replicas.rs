//! Finds the replicas and keeps a work stream to each.
//!
//! Fed by the configured names, resolved again every few seconds; feeds
//! `session` with channels. Guarantees that every address of every name has at
//! most one stream, that a stream which breaks is tried again with full jitter
//! as long as its address is listed, and that a failing lookup takes nothing
//! away. What would be said again with every try is said once.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use futures::StreamExt as _;
use postrider_proto::agent::v1::agent_service_client::AgentServiceClient;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tonic::Status;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Uri};

use crate::config::{ControlPlane, ControlPlaneTls};
use crate::desk::Desk;
use crate::session::{Heard, Said, Session, SessionError, Stopping};

/// As often as [`LONGEST_PAUSE`] says, for a replica that is back at another address.
const LOOK_UP_EVERY: Duration = Duration::from_secs(2);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Well below the time after which a replica takes an agent for lost that it could
/// have heard (its `ownership.lost_after_seconds`, 5 by default): one that waits longer
/// before it dials a replica that is back would find what it holds sent again.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;
/// A stream that lasted this long was a good one: its end is not counted as
/// another failure in a row.
const GOOD_STREAM: Duration = Duration::from_secs(10);

/// Where the replicas are now; an address belongs to the first name that has it.
type Listed = HashMap<SocketAddr, Arc<ControlPlane>>;

/// Knows how to reach replicas.
pub struct Replicas {
    planes: Vec<Arc<ControlPlane>>,
    tls: ControlPlaneTls,
    desk: Arc<Desk>,
    stopping: Stopping,
    said: SaidOnce,
}

/// What is said once, however many replicas say it how often.
#[derive(Default)]
struct SaidOnce {
    id_in_use: AtomicBool,
    region_is_unsubscribed: AtomicBool,
}

impl Replicas {
    /// For the given names.
    pub fn new(
        planes: &[ControlPlane],
        tls: ControlPlaneTls,
        desk: Arc<Desk>,
        stopping: Stopping,
    ) -> Self {
        let planes = planes.iter().cloned().map(Arc::new).collect();
        Self { planes, tls, desk, stopping, said: SaidOnce::default() }
    }

    /// Refuses certificates that cannot be used, before anything is dialled.
    pub fn check(&self) -> anyhow::Result<()> {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        self.planes.iter().try_for_each(|plane| {
            self.endpoint(plane, nowhere)
                .map(drop)
                .with_context(|| format!("the control plane {} cannot be used", plane.host))
        })
    }

    /// Keeps a stream to each replica until the agent closes.
    pub async fn keep(self: Arc<Self>) {
        let (listing, listed) = watch::channel(Listed::new());
        let mut streams: HashMap<SocketAddr, JoinHandle<()>> = HashMap::new();
        let mut again = interval(LOOK_UP_EVERY);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let closing = self.stopping.closing.clone();
        while closing.run_until_cancelled(again.tick()).await.is_some() {
            let before = listing.borrow().clone();
            let found = self.look_up(&before).await;
            streams.retain(|_, stream| !stream.is_finished());
            for (address, plane) in &found {
                streams.entry(*address).or_insert_with(|| {
                    let keeper = Arc::clone(&self);
                    let plane = Arc::clone(plane);
                    tokio::spawn(keeper.keep_one(plane, *address, listed.clone()))
                });
            }
            listing.send_replace(found);
        }
        for (_, stream) in streams {
            // Each ends by itself once the agent closes.
            let _ = stream.await;
        }
    }

    async fn look_up(&self, before: &Listed) -> Listed {
        let mut found = Listed::new();
        for plane in &self.planes {
            match tokio::net::lookup_host((plane.host.as_str(), plane.port)).await {
                Ok(addresses) => {
                    for address in addresses {
                        found.entry(address).or_insert_with(|| Arc::clone(plane));
                    }
                }
                Err(error) => {
                    tracing::warn!(host = plane.host, %error, "the control plane is not found");
                    let of_plane = before.iter().filter(|(_, one)| *one == plane);
                    found.extend(of_plane.map(|(address, one)| (*address, Arc::clone(one))));
                }
            }
        }
        found
    }

    /// Keeps a stream to one address for as long as it is listed.
    async fn keep_one(
        self: Arc<Self>,
        plane: Arc<ControlPlane>,
        address: SocketAddr,
        listed: watch::Receiver<Listed>,
    ) {
        let closing = self.stopping.closing.clone();
        let mut failures = 0;
        while !closing.is_cancelled() {
            let began = Instant::now();
            match self.stream(&plane, address).await {
                Ok(()) => return,
                Err(SessionError::Superfluous) => {
                    tracing::debug!(%address, "the replica is reached over another address");
                    failures = u32::MAX;
                }
                Err(error) => {
                    if began.elapsed() >= GOOD_STREAM {
                        failures = 0;
                    }
                    if matches!(error, SessionError::IdInUse(_)) {
                        self.say_id_in_use(&error);
                    } else if failures == 0 {
                        tracing::warn!(%address, %error, "work stream lost, trying again");
                    } else {
                        tracing::debug!(%address, %error, "no work stream yet");
                    }
                    failures = failures.saturating_add(1);
                }
            }
            if listed.has_changed().is_err() || !listed.borrow().contains_key(&address) {
                return;
            }
            let pause = tokio::time::sleep(pause(failures, rand::random()));
            closing.run_until_cancelled(pause).await;
        }
    }

    async fn stream(&self, plane: &ControlPlane, address: SocketAddr) -> Result<(), SessionError> {
        let endpoint = self.endpoint(plane, address)?;
        let channel = endpoint.connect();
        let Some(channel) = self.stopping.closing.run_until_cancelled(channel).await else {
            return Ok(());
        };
        let (desk, stopping) = (Arc::clone(&self.desk), self.stopping.clone());
        let channel = channel?;
        let session = Session::begin(desk, stopping, |said| dial(channel, said)).await?;
        self.said.id_in_use.store(false, Ordering::Relaxed);
        if session.region_is_unsubscribed() {
            self.say_region_is_unsubscribed();
        }
        session.run().await
    }

    fn say_id_in_use(&self, error: &SessionError) {
        if !self.said.id_in_use.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                %error,
                "refused; give each agent an --id of its own. Trying again until it is gone"
            );
        }
    }

    fn say_region_is_unsubscribed(&self) {
        if !self.said.region_is_unsubscribed.swap(true, Ordering::Relaxed) {
            let region = self.desk.region();
            tracing::warn!(region, "no subscription names this region; nothing is sent from here");
        }
    }

    /// Dials `address`, but asks for, and checks, the name of the URL.
    fn endpoint(
        &self,
        plane: &ControlPlane,
        address: SocketAddr,
    ) -> Result<Endpoint, tonic::transport::Error> {
        let scheme = if plane.secure { "https" } else { "http" };
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))?
            .connect_timeout(CONNECT_LIMIT)
            .tcp_nodelay(true)
            .user_agent(concat!("postrider-agent/", env!("CARGO_PKG_VERSION")))?;
        let named = if plane.host.contains(':') {
            format!("{scheme}://[{}]:{}", plane.host, plane.port)
        } else {
            format!("{scheme}://{}:{}", plane.host, plane.port)
        };
        if let Ok(origin) = named.parse::<Uri>() {
            endpoint = endpoint.origin(origin);
        }
        if !plane.secure {
            return Ok(endpoint);
        }
        let mut tls = ClientTlsConfig::new().domain_name(plane.host.clone());
        tls = match &self.tls.ca_pem {
            Some(pem) => tls.ca_certificate(Certificate::from_pem(pem)),
            None => tls.with_native_roots(),
        };
        if let Some(identity) = &self.tls.identity {
            let key = identity.key_pem.as_slice();
            tls = tls.identity(Identity::from_pem(&identity.certificate_pem, key));
        }
        endpoint.tls_config(tls)
    }
}

async fn dial(channel: Channel, said: Said) -> Result<Heard, Status> {
    let mut client = AgentServiceClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES);
    Ok(client.work(said).await?.into_inner().boxed())
}

/// Anything between nothing and the limit, which doubles with every failure:
/// agents that lost a replica together must not come back together.
fn pause(failures: u32, random: u64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let limit = (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE);
    let limit_us = limit.as_micros() as u64;
    Duration::from_micros(random % (limit_us + 1))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn pauses_are_jittered_in_full_and_bounded() {
        assert_eq!(pause(1, 0), Duration::ZERO);
        assert!(pause(1, 99_999) < FIRST_PAUSE);
        for failures in [1, 2, 5, 10, u32::MAX] {
            for random in [0, 1, 123_456_789, u64::MAX] {
                assert!(pause(failures, random) <= LONGEST_PAUSE);
            }
        }
        assert!(pause(10, 1_999_999) > Duration::from_secs(1));
    }
}
