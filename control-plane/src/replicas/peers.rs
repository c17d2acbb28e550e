//! Calling the other replicas.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use postrider_domain::ids::{AttemptKey, ReplicaId, SubscriptionKey, TenantId};
use postrider_domain::scheduler::RegionFigures;
use postrider_domain::time::Timestamp;
use postrider_proto::replica::v1::{
    CheckReplicaRequest, HintRequest, RefreshCatalogueRequest, RefreshTenantRequest,
};
use tonic::transport::Channel;

use super::links::{Hint, Links, greet};
use crate::clock::Clock;
use crate::flow::cluster::Cluster;

/// How long a call to a peer may take.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(2);

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

    /// Who answers at an address.
    async fn greet(&self, address: &str) -> anyhow::Result<ReplicaId>;

    /// Has a replica call another's address; empty where that one answers there.
    async fn check(&self, address: &str, request: CheckReplicaRequest) -> anyhow::Result<String>;

    /// What a replica has in memory.
    async fn region_figures(&self, address: &str) -> anyhow::Result<Vec<RegionFigures>>;

    /// Nobody is called at this address any more.
    fn forget(&self, _address: &str) {}

    /// A channel to another replica, for calls that are sent on to it.
    fn channel(&self, address: &str) -> anyhow::Result<Channel>;
}

struct Inner {
    own_address: String,
    calls: Arc<dyn Calls>,
    links: Links,
    cluster: Cluster,
    clock: Arc<dyn Clock>,
    /// After this long, a replica that could not be told has found out by itself.
    sweep: Duration,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Peers(Arc<Inner>);

impl Peers {
    pub fn new(
        own_address: String,
        calls: Arc<dyn Calls>,
        cluster: Cluster,
        clock: Arc<dyn Clock>,
        sweep: Duration,
    ) -> Self {
        let links = Links::new(Arc::clone(&calls));
        Self(Arc::new(Inner { own_address, calls, links, cluster, clock, sweep }))
    }

    /// Has a link to each replica that lives, and to no other.
    pub fn keep_links(&self) {
        self.0.links.keep(&self.0.cluster.living_peers());
    }

    /// What operators see of the links.
    pub fn links(&self) -> &Links {
        &self.0.links
    }

    /// What each of the other replicas has in memory, and who could not be asked.
    pub async fn region_figures(&self) -> (Vec<RegionFigures>, Vec<ReplicaId>) {
        let calls = self.0.cluster.living_peers().into_iter().map(|(id, address)| async move {
            let answer = tokio::time::timeout(CALL_TIMEOUT, self.0.calls.region_figures(&address));
            let answer = answer.await.context("it does not answer").and_then(|answer| answer);
            answer.map_err(|error| {
                tracing::debug!(replica = %id.0, error = format!("{error:#}"), "no figures");
                id
            })
        });
        let (mut figures, mut silent) = (Vec::new(), Vec::new());
        for answer in futures::future::join_all(calls).await {
            match answer {
                Ok(more) => figures.extend(more),
                Err(id) => silent.push(id),
            }
        }
        (figures, silent)
    }

    /// Has the other replicas call this one as they will, one after the other until one
    /// answers; where there is none, calls itself. The error is why it failed.
    pub async fn check_own_address(&self, own: &ReplicaId) -> anyhow::Result<()> {
        let address = self.own_address();
        for (peer, at) in self.0.cluster.living_peers() {
            let request =
                CheckReplicaRequest { replica_id: own.0.to_string(), address: address.clone() };
            let asked = tokio::time::timeout(CALL_TIMEOUT * 2, self.0.calls.check(&at, request));
            match asked.await {
                Ok(Ok(problem)) if problem.is_empty() => return Ok(()),
                Ok(Ok(problem)) => anyhow::bail!("{problem} (told by replica {})", peer.0),
                // Of this one its link tells.
                Ok(Err(_)) | Err(_) => {}
            }
        }
        greet(&*self.0.calls, &address, own).await
    }

    /// Calls an address as another replica's; empty where that one answers there.
    pub async fn check(&self, replica: &ReplicaId, address: &str) -> String {
        let greeted = greet(&*self.0.calls, address, replica).await;
        if !self.0.cluster.living_peers().iter().any(|(_, known)| known == address) {
            self.0.calls.forget(address);
        }
        greeted.err().map(|error| format!("{error:#}")).unwrap_or_default()
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
        self.0.links.hint(address, Hint::Waiting(subscription));
    }

    /// An attempt of a shard of that replica was concluded here.
    pub fn hint_concluded(&self, address: &str, key: AttemptKey) {
        self.0.links.hint(address, Hint::Concluded(key));
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
}
