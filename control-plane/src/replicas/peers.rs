//! Calling the other replicas.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use postrider_domain::ids::{AttemptKey, SubscriptionKey, TenantId};
use postrider_domain::time::Timestamp;
use postrider_proto::replica::v1::replica_service_client::ReplicaServiceClient;
use postrider_proto::replica::v1::{
    ConcludedHint, GetPublishWatermarkRequest, HintRequest, RefreshCatalogueRequest,
    RefreshTenantRequest, WaitingHint,
};
use tokio::sync::mpsc;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::clock::Clock;
use crate::flow::cluster::Cluster;

/// Hints that wait to be sent; beyond it they are dropped, and cost a sweep.
const MAX_QUEUED_HINTS: usize = 10_000;
/// How long a call to a peer may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How this replica shows who it is, and knows the others. PEM.
#[derive(Clone)]
pub struct PeerTls {
    pub ca: Vec<u8>,
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
}

#[derive(PartialEq, Eq, Hash)]
enum Hint {
    Waiting(SubscriptionKey),
    Concluded(AttemptKey),
}

struct Inner {
    own_address: String,
    tls: Option<PeerTls>,
    channels: Mutex<HashMap<String, Channel>>,
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
        tls: Option<PeerTls>,
        cluster: Cluster,
        clock: Arc<dyn Clock>,
        sweep: Duration,
    ) -> (Self, HintSender) {
        let (sender, hints) = mpsc::channel(MAX_QUEUED_HINTS);
        let channels = Mutex::new(HashMap::new());
        let peers = Self(Arc::new(Inner {
            own_address,
            tls,
            channels,
            hints: sender,
            cluster,
            clock,
            sweep,
        }));
        (peers.clone(), HintSender { peers, hints })
    }

    /// Where the others reach this replica.
    pub fn own_address(&self) -> String {
        self.0.own_address.clone()
    }

    /// A channel to another replica, connected when it is first used.
    pub fn channel(&self, address: &str) -> Result<Channel, tonic::transport::Error> {
        let mut channels = self.0.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = channels.get(address) {
            return Ok(channel.clone());
        }
        let mut endpoint =
            Endpoint::from_shared(address.to_owned())?.connect_timeout(CONNECT_TIMEOUT);
        if let Some(tls) = &self.0.tls {
            endpoint = endpoint.tls_config(
                ClientTlsConfig::new()
                    .ca_certificate(Certificate::from_pem(&tls.ca))
                    .identity(Identity::from_pem(&tls.certificate, &tls.key)),
            )?;
        }
        let channel = endpoint.connect_lazy();
        channels.insert(address.to_owned(), channel.clone());
        Ok(channel)
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
            let mut client = ReplicaServiceClient::new(self.channel(&address)?);
            let call = client.get_publish_watermark(GetPublishWatermarkRequest {});
            let answer = tokio::time::timeout(CALL_TIMEOUT, call).await;
            let answer = answer.context("a replica does not answer")?;
            let answer = answer.context("a replica cannot say what it commits")?;
            Ok(Timestamp::from_micros(answer.into_inner().watermark_us))
        });
        futures::future::try_join_all(calls).await
    }

    async fn refresh_at(
        &self,
        address: &str,
        tenant: &TenantId,
        version: i64,
    ) -> anyhow::Result<()> {
        let mut client = ReplicaServiceClient::new(self.channel(address)?);
        let mut request = tonic::Request::new(RefreshTenantRequest {
            tenant: tenant.to_string(),
            config_version: version,
        });
        request.set_timeout(CALL_TIMEOUT);
        tokio::time::timeout(CALL_TIMEOUT, client.refresh_tenant(request)).await??;
        Ok(())
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
        let mut client = ReplicaServiceClient::new(self.channel(address)?);
        let mut request = tonic::Request::new(RefreshCatalogueRequest { version });
        request.set_timeout(CALL_TIMEOUT);
        tokio::time::timeout(CALL_TIMEOUT, client.refresh_catalogue(request)).await??;
        Ok(())
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
        let Ok(channel) = self.channel(&address) else {
            return;
        };
        let mut client = ReplicaServiceClient::new(channel);
        let sent = tokio::time::timeout(CALL_TIMEOUT, client.hint(request)).await;
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
