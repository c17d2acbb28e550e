//! The loops of a replica, and what the services may ask of them.
//!
//! Fed by `api` (requests), `agents` (results) and timers; feeds the store first and
//! `state` after. Any task may be stopped at any line: the rows in the database are the
//! truth, memory is a cache, and each loop finds what another left unfinished.
//!
//! - `publish`: commits events in batches. `conclude`: commits results in batches.
//! - `dispatch_loop`: sends assignments to agents' streams.
//! - `work_loop`: everything that moves deliveries between the table and memory, in
//!   turn: `unsent`, `take_over`, `recovery`, `claim`, `expiry`, `waiting_scan`,
//!   `holds`, `clock_recovery`.
//! - `leases`: shards and leases; `heartbeat`, `membership`: joining and leaving;
//!   `agent_admission`: two processes with one agent id.
//! - `ordering`: releases the next delivery of an ordering key.
//! - `outbox_publisher`: publishes operational events; `endpoint_watch`: warns about
//!   endpoints that only fail, and disables them.
//! - `operations`: replays and backfills.
//! - `on_demand`: tests, resends and cancellations. `window_closer`: closes a time
//!   window.
//! - `attempt_feed`: attempts as they are recorded.
//! - `faults`: what every loop does when the database refuses or does not answer.

pub mod catalogue;
pub mod cluster;
pub mod conclude;
pub mod dispatch;
pub(crate) mod faults;
pub(crate) mod group;
mod hearing;
mod heartbeat;
mod holds;
pub mod manual;
mod namesakes;
pub mod notices;
pub mod operations;
pub mod ordering;
pub mod own;
pub mod publish;
pub mod reap;
pub mod reconcile;
pub mod retry;
mod set_back;
pub mod streaks;
pub mod tenants;
mod vacancy;
pub mod watch;

use std::ops::Deref;
use std::sync::Arc;

use postrider_domain::ids::ReplicaId;
use postrider_store::Store;

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::settings::Settings;

pub use crate::replicas::Peers;
pub use catalogue::EventTypes;
pub use dispatch::Dispatcher;
pub use manual::{CancelError, ResendError, RetryError, TestError, TestRequest};
pub use notices::Outbox;
pub use publish::{PublishAnswer, PublishError, PublishInput, Publisher};
pub use streaks::FailureStreaks;
pub use tenants::TenantConfigs;
pub use watch::AttemptFeed;

/// What every arrow works with. Cheap to clone.
#[derive(Clone)]
pub struct ReplicaContext {
    pub settings: Arc<Settings>,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Metrics,
    pub tenants: TenantConfigs,
    pub dispatcher: Dispatcher,
    pub peers: Peers,
    pub cluster: cluster::ClusterState,
    pub test_waiters: manual::TestWaiters,
    pub ordering_queue: ordering::OrderingQueue,
    pub watermark: publish::watermark::PublishWatermark,
    pub outbox: Outbox,
    pub failure_streaks: FailureStreaks,
    pub result_commits: conclude::ResultCommitHealth,
}

/// The parts, and the entrances to the arrows. Cheap to clone.
#[derive(Clone)]
pub struct Flow {
    parts: ReplicaContext,
    pub replica: ReplicaId,
    pub event_types: EventTypes,
    pub publisher: Publisher,
    pub results: conclude::ResultIntake,
    pub watch: AttemptFeed,
}

impl Flow {
    pub const fn new(
        parts: ReplicaContext,
        replica: ReplicaId,
        event_types: EventTypes,
        publisher: Publisher,
        results: conclude::ResultIntake,
        watch: AttemptFeed,
    ) -> Self {
        Self { parts, replica, event_types, publisher, results, watch }
    }
}

impl Deref for Flow {
    type Target = ReplicaContext;

    fn deref(&self) -> &ReplicaContext {
        &self.parts
    }
}

/// Where a tenant's shard is owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShardOwner {
    /// Here.
    ThisReplica,
    /// At another replica, whose gRPC address this is.
    Peer(String),
    /// Nowhere known, for the moment.
    Unknown,
}
