//! Calling the other replicas.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use bytes::Bytes;
use postrider_domain::ids::{AttemptKey, SubscriptionKey, TenantId};
use postrider_domain::time::Timestamp;
use postrider_proto::replica::v1::{
    ConcludedHint, HintRequest, RefreshCatalogueRequest, RefreshTenantRequest, WaitingHint,
};
use tokio::sync::mpsc;
use tonic::transport::Channel;

use crate::clock::Clock;
use crate::flow::cluster::Cluster;

/// Hints that wait to be sent; beyond it they are dropped, and cost a sweep.
const MAX_QUEUED_HINTS: usize = 10_000;
/// How long a call to a peer may take.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(PartialEq, Eq, Hash)]
enum Hint {
    Waiting(SubscriptionKey),
    Concluded(AttemptKey),
}

/// What replicas ask of one another, whatever carries it.
#[async_trait]
pub trait Calls: Send + Sync + 'static {
    async fn hint(&self, address: &str, request: HintRequest) -> anyhow::Result<()>;

    async fn refresh_tenant(
        &self,
        address: &str,
        request: RefreshTenantRequest,
    ) -> anyhow::Result<()>;

    async fn refresh_catalogue(
        &self,
        address: &str,
        request: RefreshCatalogueRequest,
    ) -> anyhow::Result<()>;

    async fn publish_watermark(&self, address: &str) -> anyhow::Result<Timestamp>;

    /// A channel to another replica, for calls that are sent on to it.
    fn channel(&self, address: &str) -> anyhow::Result<Channel>;
}

struct Inner {
    own_address: String,
    calls: Arc<dyn Calls>,
    hints: mpsc::Sender<(String, Hint)>,
    cluster: Cluster,
    clock: Arc<dyn Clock>,
    /// After this long, a replica that could not be told has found out by itself.
    sweep: Duration,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Peers(Arc<Inner>);

/// The sender of hints behind [`Peers`].
pub struct HintSender {
    peers: Peers,
    hints: mpsc::Receiver<(String, Hint)>,
}

impl Peers {
    pub fn new(
        own_address: String,
        calls: Arc<dyn Calls>,
        cluster: Cluster,
        clock: Arc<dyn Clock>,
        sweep: Duration,
    ) -> (Self, HintSender) {
        let (sender, hints) = mpsc::channel(MAX_QUEUED_HINTS);
        let peers =
            Self(Arc::new(Inner { own_address, calls, hints: sender, cluster, clock, sweep }));
        (peers.clone(), HintSender { peers, hints })
    }

    /// Where the others reach this replica.
    pub fn own_address(&self) -> String {
        self.0.own_address.clone()
    }

    /// A channel to another replica, for calls that are sent on to it.
    pub fn channel(&self, address: &str) -> anyhow::Result<Channel> {
        self.0.calls.channel(address)
    }

    /// A subscription got deliveries that are due, in a shard of that replica.
    pub fn hint_waiting(&self, address: &str, subscription: SubscriptionKey) {
        let _ = self.0.hints.try_send((address.to_owned(), Hint::Waiting(subscription)));
    }

    /// An attempt of a shard of that replica was concluded here.
    pub fn hint_concluded(&self, address: &str, key: AttemptKey) {
        let _ = self.0.hints.try_send((address.to_owned(), Hint::Concluded(key)));
    }

    /// Returns once every living replica works with at least this version of a
    /// tenant's configuration.
    pub async fn refresh_tenant(&self, tenant: &TenantId, config_version: i64) {
        let calls = self.0.cluster.peers().into_iter().map(|address| async move {
            if let Err(error) = self.refresh_at(&address, tenant, config_version).await {
                tracing::warn!(%address, %tenant, %error, "a replica could not be told of a change");
                self.0.clock.sleep(self.0.sweep * 2).await;
            }
        });
        futures::future::join_all(calls).await;
    }

    /// Until when each living replica has settled what was published through it.
    pub async fn publish_watermarks(&self) -> anyhow::Result<Vec<Timestamp>> {
        let calls = self.0.cluster.peers().into_iter().map(|address| async move {
            let answer =
                tokio::time::timeout(CALL_TIMEOUT, self.0.calls.publish_watermark(&address));
            answer.await.context("a replica does not answer")?
        });
        futures::future::try_join_all(calls).await
    }

    async fn refresh_at(
        &self,
        address: &str,
        tenant: &TenantId,
        version: i64,
    ) -> anyhow::Result<()> {
        let request = RefreshTenantRequest { tenant: tenant.to_string(), config_version: version };
        tokio::time::timeout(CALL_TIMEOUT, self.0.calls.refresh_tenant(address, request)).await?
    }

    /// Returns once every living replica works with at least this version of the
    /// catalogue of event types.
    pub async fn refresh_catalogue(&self, version: i64) {
        let calls = self.0.cluster.peers().into_iter().map(|address| async move {
            if let Err(error) = self.refresh_catalogue_at(&address, version).await {
                tracing::warn!(%address, %error, "a replica could not be told of a change");
                self.0.clock.sleep(self.0.sweep * 2).await;
            }
        });
        futures::future::join_all(calls).await;
    }

    async fn refresh_catalogue_at(&self, address: &str, version: i64) -> anyhow::Result<()> {
        let request = RefreshCatalogueRequest { version };
        tokio::time::timeout(CALL_TIMEOUT, self.0.calls.refresh_catalogue(address, request)).await?
    }

    async fn send_hints(&self, address: String, hints: HashSet<Hint>) {
        let mut request = HintRequest::default();
        for hint in hints {
            match hint {
                Hint::Waiting(key) => request.waiting.push(WaitingHint {
                    tenant: key.tenant.to_string(),
                    subscription: key.subscription.to_string(),
                }),
                Hint::Concluded(key) => request.concluded.push(ConcludedHint {
                    delivery_id: Bytes::copy_from_slice(key.delivery.0.as_bytes()),
                    number: key.number,
                }),
            }
        }
        let sent = tokio::time::timeout(CALL_TIMEOUT, self.0.calls.hint(&address, request)).await;
        if !matches!(sent, Ok(Ok(_))) {
            tracing::debug!(%address, "a hint was lost; the next sweep makes up for it");
        }
    }
}

impl HintSender {
    /// Sends hints, what gathers meanwhile in one message, until nobody gives any.
    pub async fn run(mut self) {
        let mut gathered = Vec::new();
        while self.hints.recv_many(&mut gathered, MAX_QUEUED_HINTS).await > 0 {
            let mut by_address: HashMap<String, HashSet<Hint>> = HashMap::new();
            for (address, hint) in gathered.drain(..) {
                by_address.entry(address).or_default().insert(hint);
            }
            let calls = by_address.into_iter().map(|(to, hints)| self.peers.send_hints(to, hints));
            futures::future::join_all(calls).await;
        }
    }
}
