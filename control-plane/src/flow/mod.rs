//! The arrows of the system, one file for each.
//!
//! Fed by `api` (what callers want) and `agents` (what came of attempts); feeds
//! the store first and the agents after. Everything here may be stopped at any
//! line: the rows are the truth, memory is for speed, and each loop finds what
//! another left undone.
//!
//! - `publish`: events in, committed in groups.
//! - `dispatch`: from memory to agents' streams.
//! - `conclude`: results in, committed in groups.
//! - `retry`: due work, claimed.
//! - `reap`: lost work, found.
//! - `own`: shards and leases; `heartbeat`: signs of life; `cluster`: what the others
//!   told; `namesakes`: processes that call themselves alike.
//! - `holds`: receivers that asked to be left alone; `set_back`: clocks set back.
//! - `tenants`: the configuration as last read, and changing it.
//! - `catalogue`: the event types as last read, and changing them.
//! - `ordering`: whose turn it is in each ordering key.
//! - `reconcile`: windows of time, closed.
//! - `manual`: tests, resends, cancellations.
//! - `notices`: operational events, told; `streaks`: endpoints that only fail.
//! - `operations`: replays and backfills, step by step.
//! - `faults`: what all loops do when the database does not do as told.
//! - `watch`: the tail of attempts.

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
pub use notices::Notices;
pub use publish::{PublishAnswer, PublishError, PublishInput, Publisher};
pub use streaks::Streaks;
pub use tenants::Tenants;
pub use watch::Watch;

/// What every arrow works with. Cheap to clone.
#[derive(Clone)]
pub struct Parts {
    pub settings: Arc<Settings>,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Metrics,
    pub tenants: Tenants,
    pub dispatcher: Dispatcher,
    pub peers: Peers,
    pub cluster: cluster::Cluster,
    pub tests: manual::Tests,
    pub turns: ordering::Turns,
    pub watermark: publish::watermark::Watermark,
    pub notices: Notices,
    pub streaks: Streaks,
    pub results: conclude::ResultCommits,
}

/// The parts, and the entrances to the arrows. Cheap to clone.
#[derive(Clone)]
pub struct Flow {
    parts: Parts,
    pub replica: ReplicaId,
    pub event_types: EventTypes,
    pub publisher: Publisher,
    pub concluder: conclude::Concluder,
    pub watch: Watch,
}

impl Flow {
    pub const fn new(
        parts: Parts,
        replica: ReplicaId,
        event_types: EventTypes,
        publisher: Publisher,
        concluder: conclude::Concluder,
        watch: Watch,
    ) -> Self {
        Self { parts, replica, event_types, publisher, concluder, watch }
    }
}

impl Deref for Flow {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

/// Where a tenant's shard is owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Here.
    Me,
    /// At another replica, whose gRPC address this is.
    Peer(String),
    /// Nowhere known, for the moment.
    Nobody,
}
