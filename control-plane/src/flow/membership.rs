//! Joining the cluster and leaving it.
//!
//! Fed by the start and by a stop; feeds the table. Guarantees (one-process-per-name)
//! that a replica does not start while another process with its name is alive, and that
//! one which leaves hands over its shards and leaves no commit unaccounted for.
//!
//! Keeps the invariant `one-process-per-name`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use postrider_domain::ids::{ReplicaId, Shard};
use postrider_store::{Store, StoreResult};

use super::heartbeat::Heartbeat;
use super::shard_numbers::shard_numbers;
use super::unsent::UnsentReturner;
use crate::clock::Clock;
use crate::state::cluster::ClusterState;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;
use crate::state::peers::Peers;
use crate::state::watermark::PublishWatermark;

/// How long a leaving replica waits for its last commit of events. A commit takes
/// milliseconds; without its word others count it as open for 22 s (decision 0034).
const LAST_COMMIT_TIMEOUT: Duration = Duration::from_secs(1);

/// This replica's place in the cluster. Cheap to clone.
#[derive(Clone)]
pub struct Membership {
    replica: ReplicaId,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    dispatcher: Dispatcher,
    cluster: ClusterState,
    peers: Peers,
    watermark: PublishWatermark,
    heartbeat_interval: Duration,
    heartbeat: Heartbeat,
    unsent: UnsentReturner,
}

impl Membership {
    pub fn new(context: &ReplicaContext) -> Self {
        Self {
            replica: context.replica.clone(),
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            dispatcher: context.dispatcher.clone(),
            cluster: context.cluster.clone(),
            peers: context.peers.clone(),
            watermark: context.watermark.clone(),
            heartbeat_interval: context.settings.ownership.heartbeat(),
            heartbeat: Heartbeat::new(context),
            unsent: UnsentReturner::new(context),
        }
    }

    /// Joins the cluster: the others see this replica from now on, as they must before it
    /// commits events. Waits until an earlier process with its name counts as lost; fails
    /// if that one is alive.
    pub async fn join(&self) -> anyhow::Result<()> {
        let mut last_heartbeat = None;
        loop {
            let asked = self.clock.now();
            self.cluster.record_view(
                self.heartbeat.write_heartbeat(&[]).await.context("the first heartbeat")?,
                asked,
            );
            let Some(other) = self.cluster.find_name_conflict() else {
                self.peers.update_links();
                return Ok(());
            };
            anyhow::ensure!(
                *last_heartbeat.get_or_insert(other.heard) == other.heard,
                "server.replica_id: another replica named {} is running at {}",
                other.id.0,
                other.address
            );
            self.clock.sleep(self.heartbeat_interval).await;
        }
    }

    /// Leaves the cluster: stops dispatching, waits for attempts in flight, and releases
    /// every shard.
    pub async fn leave(&self, patience: Duration) -> StoreResult<()> {
        let shards: Vec<Shard> =
            self.dispatcher.read(|s, _| s.leases()).iter().map(|lease| lease.shard).collect();
        self.dispatcher.update(|scheduler, _| {
            for shard in &shards {
                scheduler.drain_shard(*shard);
            }
        });
        let deadline = self.clock.now() + patience;
        loop {
            // The dispatch loop collects what draining returned; then it goes to the table.
            self.clock.sleep(Duration::from_millis(20)).await;
            self.unsent.return_unsent().await?;
            if self.dispatcher.read(|s, _| s.deliveries()) == 0 || self.clock.now() >= deadline {
                break;
            }
        }
        self.store.release_shards(&self.replica, &shards).await?;
        let numbers = shard_numbers(shards.iter().copied());
        tracing::info!(shards = shards.len(), numbers, "released all shards before leaving");
        if self.cluster.has_clock_jumped() {
            // The next owner, by the other clock, has to know by which clock we wrote.
            self.store.note_clock(self.clock.now()).await?;
        }
        self.cluster.mark_left();
        let left = self.clock.now();
        while self.watermark.current_own(self.clock.now()) < left {
            if self.clock.now() >= left + LAST_COMMIT_TIMEOUT {
                // Keep the row: the others then wait for commits that may still appear.
                return Ok(());
            }
            self.clock.sleep(Duration::from_millis(20)).await;
        }
        self.store.remove_replica(&self.replica, self.cluster.instance()).await
    }
}
