//! What this replica asks of the others.
//!
//! Fed by `flow`; feeds the links. Guarantees that a call to every replica returns once
//! each living one has answered, or has had time to find out by itself.
//!
//! - `calls`: the calls, independent of their transport; `links`: a link to each replica.
//!
//! Keeps the invariants `answered-change-in-force` and `revoked-means-refused`.

pub mod calls;
pub mod links;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use postrider_domain::ids::{AttemptKey, ReplicaId, SubscriptionKey, TenantId};
use postrider_domain::scheduler::{RegionFigures, ReplicaDemand};
use postrider_domain::time::Timestamp;
use postrider_identity::TokenId;
use tokio::time::error::Elapsed;
use tonic::transport::Channel;

use self::calls::{CALL_TIMEOUT, PeerCalls, PeerHint, identify};
use self::links::PeerLinks;
use super::cluster::ClusterState;
use super::recent_activity::ReplicaActivity;
use crate::clock::Clock;
use crate::progress::LoopOutcome;

/// How often it is looked whether a heartbeat has come.
const VIEW_POLL_INTERVAL: Duration = Duration::from_millis(50);

struct PeersShared {
    own_address: String,
    calls: Arc<dyn PeerCalls>,
    links: PeerLinks,
    cluster: ClusterState,
    clock: Arc<dyn Clock>,
    /// After two of these, a replica that could not be told has found out by itself.
    sweep: Duration,
    /// Whether there is never another replica.
    single_process: bool,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Peers(Arc<PeersShared>);

impl Peers {
    pub fn new(
        own_address: String,
        calls: Arc<dyn PeerCalls>,
        cluster: ClusterState,
        clock: Arc<dyn Clock>,
        sweep: Duration,
        single_process: bool,
    ) -> Self {
        let links = PeerLinks::new(Arc::clone(&calls));
        Self(Arc::new(PeersShared {
            own_address,
            calls,
            links,
            cluster,
            clock,
            sweep,
            single_process,
        }))
    }

    /// Opens links to all living replicas, and closes others.
    pub fn update_links(&self) {
        self.0.links.retain_live(&self.0.cluster.live_peers());
    }

    /// What operators see of the links.
    pub fn links(&self) -> &PeerLinks {
        &self.0.links
    }

    /// The region figures of the other replicas, and the replicas that did not answer.
    pub async fn region_figures(&self) -> (Vec<RegionFigures>, Vec<ReplicaId>) {
        let calls = self.0.cluster.live_peers().into_iter().map(|(id, address)| async move {
            let answer = tokio::time::timeout(CALL_TIMEOUT, self.0.calls.region_figures(&address));
            answer_or_silent(id, answer.await)
        });
        let (figures, silent) = part_answers(futures::future::join_all(calls).await);
        (figures.into_iter().flatten().collect(), silent)
    }

    /// What regions want of the other replicas, and the replicas that did not answer.
    pub async fn region_demand(&self) -> (Vec<ReplicaDemand>, Vec<ReplicaId>) {
        let calls = self.0.cluster.live_peers().into_iter().map(|(id, address)| async move {
            let answer = tokio::time::timeout(CALL_TIMEOUT, self.0.calls.region_demand(&address));
            answer_or_silent(id, answer.await)
        });
        part_answers(futures::future::join_all(calls).await)
    }

    /// What went on at the other replicas in the last minute, and the replicas that did not
    /// answer.
    pub async fn activity(&self) -> (Vec<ReplicaActivity>, Vec<ReplicaId>) {
        let calls = self.0.cluster.live_peers().into_iter().map(|(id, address)| async move {
            let answer = tokio::time::timeout(CALL_TIMEOUT, self.0.calls.activity(&address));
            answer_or_silent(id, answer.await)
        });
        part_answers(futures::future::join_all(calls).await)
    }

    /// What the last rounds of these other replicas' loops came to, and the replicas that did
    /// not answer.
    pub async fn loop_outcomes(
        &self,
        replicas: Vec<(ReplicaId, String)>,
    ) -> (Vec<(ReplicaId, Vec<LoopOutcome>)>, Vec<ReplicaId>) {
        let calls = replicas.into_iter().map(|(id, address)| async move {
            let answer = tokio::time::timeout(CALL_TIMEOUT, self.0.calls.loop_outcomes(&address));
            answer_or_silent(id.clone(), answer.await).map(|outcomes| (id, outcomes))
        });
        part_answers(futures::future::join_all(calls).await)
    }

    /// Has one of the other replicas call this one at its advertised address; calls itself
    /// if there is none. The error says why it failed.
    pub async fn check_own_address(&self, own: &ReplicaId) -> anyhow::Result<()> {
        let address = self.own_address();
        for (peer, at) in self.0.cluster.live_peers() {
            let check = self.0.calls.check(&at, own, &address);
            let asked = tokio::time::timeout(CALL_TIMEOUT * 2, check);
            match asked.await {
                Ok(Ok(problem)) if problem.is_empty() => return Ok(()),
                Ok(Ok(problem)) => anyhow::bail!("{problem} (told by replica {})", peer.0),
                // Its own link logs that.
                Ok(Err(_)) | Err(_) => {}
            }
        }
        identify(&*self.0.calls, &address, own).await
    }

    /// Calls an address as another replica's; empty where that one answers there.
    pub async fn check(&self, replica: &ReplicaId, address: &str) -> String {
        let greeted = identify(&*self.0.calls, address, replica).await;
        if !self.0.cluster.live_peers().iter().any(|(_, known)| known == address) {
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
        self.0.links.hint(address, PeerHint::Waiting(subscription));
    }

    /// An attempt of a shard of that replica was concluded here.
    pub fn hint_concluded(&self, address: &str, key: AttemptKey) {
        self.0.links.hint(address, PeerHint::Concluded(key));
    }

    /// Returns once every living replica works with at least this version of a
    /// tenant's configuration.
    pub async fn refresh_tenant(&self, tenant: &TenantId, config_version: i64) {
        let calls = self.0.cluster.live_peer_addresses().into_iter().map(|address| async move {
            if let Err(error) = self.refresh_at(&address, tenant, config_version).await {
                tracing::warn!(%address, %tenant, %error, "a replica could not be told of a change");
                self.0.clock.sleep(self.0.sweep * 2).await;
            }
        });
        futures::future::join_all(calls).await;
    }

    /// Until when each living replica has settled what was published through it.
    pub async fn publish_watermarks(&self) -> anyhow::Result<Vec<Timestamp>> {
        let calls = self.0.cluster.live_peer_addresses().into_iter().map(|address| async move {
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
        let call = self.0.calls.refresh_tenant(address, tenant, version);
        tokio::time::timeout(CALL_TIMEOUT, call).await?
    }

    /// Returns once every living replica has forgotten a token that was revoked, or must
    /// have read it again: after `known_for` none goes by what it read before.
    pub async fn forget_token(&self, id: &TokenId, known_for: Duration) {
        let revoked = self.0.clock.now();
        if !self.0.single_process {
            self.wait_for_view_since(revoked, known_for).await;
        }
        let calls = self.0.cluster.live_peer_addresses().into_iter().map(|address| async move {
            let call = self.0.calls.forget_token(&address, id);
            let told = tokio::time::timeout(CALL_TIMEOUT, call).await;
            if let Err(error) = told.context("no answer in time").and_then(|told| told) {
                tracing::warn!(%address, %error, "a replica could not be told of a revocation");
                let left = known_for.saturating_sub(self.0.clock.now().since(revoked));
                self.0.clock.sleep(left).await;
            }
        });
        futures::future::join_all(calls).await;
    }

    /// Waits until the replicas that are known are those of a heartbeat after a moment, so
    /// that none which has just joined is left out.
    async fn wait_for_view_since(&self, moment: Timestamp, at_most: Duration) {
        loop {
            let passed = self.0.clock.now().since(moment);
            if self.0.cluster.since_heartbeat() < passed || passed >= at_most {
                return;
            }
            self.0.clock.sleep(VIEW_POLL_INTERVAL).await;
        }
    }

    /// Returns once every living replica works with at least this version of the
    /// catalogue of event types.
    pub async fn refresh_catalogue(&self, version: i64) {
        let calls = self.0.cluster.live_peer_addresses().into_iter().map(|address| async move {
            if let Err(error) = self.refresh_catalogue_at(&address, version).await {
                tracing::warn!(%address, %error, "a replica could not be told of a change");
                self.0.clock.sleep(self.0.sweep * 2).await;
            }
        });
        futures::future::join_all(calls).await;
    }

    async fn refresh_catalogue_at(&self, address: &str, version: i64) -> anyhow::Result<()> {
        tokio::time::timeout(CALL_TIMEOUT, self.0.calls.refresh_catalogue(address, version)).await?
    }
}

/// What a replica answered, or that it did not.
fn answer_or_silent<T>(
    replica: ReplicaId,
    answer: Result<anyhow::Result<T>, Elapsed>,
) -> Result<T, ReplicaId> {
    let answer = answer.context("it does not answer").and_then(|answer| answer);
    answer.map_err(|error| {
        let error = format!("{error:#}");
        tracing::debug!(replica = %replica.0, error, "a replica did not report its figures");
        replica
    })
}

/// The answers, and who gave none.
fn part_answers<T>(answers: Vec<Result<T, ReplicaId>>) -> (Vec<T>, Vec<ReplicaId>) {
    let (mut given, mut silent) = (Vec::new(), Vec::new());
    for answer in answers {
        match answer {
            Ok(answer) => given.push(answer),
            Err(replica) => silent.push(replica),
        }
    }
    (given, silent)
}
