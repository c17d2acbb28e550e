//! The calls between replicas, independent of their transport.
//!
//! Fed by the links and by `peers`; feeds whatever carries the calls: gRPC, or a
//! simulated network.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use async_trait::async_trait;
use postrider_domain::ids::{AttemptKey, ReplicaId, SubscriptionKey, TenantId};
use postrider_domain::scheduler::{RegionFigures, ReplicaDemand};
use postrider_domain::time::Timestamp;
use postrider_identity::TokenId;
use tonic::transport::Channel;

use crate::progress::LoopOutcome;
use crate::state::recent_activity::ReplicaActivity;

/// How long a call to another replica may take. A change waits for every replica, and one
/// that is silent for 5 s is lost.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// What another replica should look at without waiting for its sweep.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PeerHint {
    /// A subscription has due deliveries.
    Waiting(SubscriptionKey),
    /// An attempt was concluded.
    Concluded(AttemptKey),
}

/// Calls between replicas, independent of their transport.
#[async_trait]
pub trait PeerCalls: Send + Sync + 'static {
    async fn hint(&self, address: &str, hints: Vec<PeerHint>) -> anyhow::Result<()>;

    /// Has a replica read at least this version of a tenant's configuration.
    async fn refresh_tenant(
        &self,
        address: &str,
        tenant: &TenantId,
        config_version: i64,
    ) -> anyhow::Result<()>;

    /// Has a replica read at least this version of the catalogue of event types.
    async fn refresh_catalogue(&self, address: &str, version: i64) -> anyhow::Result<()>;

    /// Has a replica forget a token that was revoked.
    async fn forget_token(&self, address: &str, id: &TokenId) -> anyhow::Result<()>;

    async fn publish_watermark(&self, address: &str) -> anyhow::Result<Timestamp>;

    /// Who answers at an address.
    async fn identify(&self, address: &str) -> anyhow::Result<ReplicaId>;

    /// Has the replica at an address call another at the address that one advertises;
    /// empty if that one answers there.
    async fn check(
        &self,
        address: &str,
        replica: &ReplicaId,
        advertised: &str,
    ) -> anyhow::Result<String>;

    /// What a replica has in memory, for people.
    async fn region_figures(&self, address: &str) -> anyhow::Result<Vec<RegionFigures>>;

    /// What regions want of a replica, for autoscalers.
    async fn region_demand(&self, address: &str) -> anyhow::Result<ReplicaDemand>;

    /// What went on at a replica in the last minute, for people.
    async fn activity(&self, address: &str) -> anyhow::Result<ReplicaActivity>;

    /// What the last rounds of a replica's loops came to, for people.
    async fn loop_outcomes(&self, address: &str) -> anyhow::Result<Vec<LoopOutcome>>;

    /// Drops the connection to an address that is no longer used.
    fn forget(&self, _address: &str) {}

    /// A channel to another replica, for calls that are sent on to it.
    fn channel(&self, address: &str) -> anyhow::Result<Channel>;
}

/// Calls an address, and checks that the wanted replica answers.
pub async fn identify(
    calls: &dyn PeerCalls,
    address: &str,
    wanted: &ReplicaId,
) -> anyhow::Result<()> {
    let answer = tokio::time::timeout(CALL_TIMEOUT, calls.identify(address)).await;
    let found = answer.context("no answer in time")??;
    ensure!(found == *wanted, "replica {} answers at {address}, not {}", found.0, wanted.0);
    Ok(())
}
