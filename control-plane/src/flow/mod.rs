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
//! - `own`: shards, leases, signs of life; `cluster`: what the others told.
//! - `tenants`: the configuration as last read, and changing it.
//! - `manual`: tests, resends, cancellations.
//! - `operations`: replays and backfills, step by step.
//! - `watch`: the tail of attempts.

pub mod cluster;
pub mod conclude;
pub mod dispatch;
mod group;
pub mod manual;
pub mod operations;
pub mod own;
pub mod publish;
pub mod reap;
pub mod retry;
pub mod tenants;
pub mod watch;

use std::sync::Arc;

use postrider_domain::ids::ReplicaId;
use postrider_store::Store;

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::settings::Settings;

pub use crate::replicas::Peers;
pub use dispatch::Dispatcher;
pub use manual::{CancelError, ResendError, RetryError, TestError, TestRequest};
pub use publish::{PublishAnswer, PublishError, PublishInput, Publisher};
pub use tenants::Tenants;
pub use watch::Watch;

/// Everything the arrows share. Cheap to clone.
#[derive(Clone)]
pub struct Flow {
    pub settings: Arc<Settings>,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Metrics,
    pub replica: ReplicaId,
    pub tenants: Tenants,
    pub dispatcher: Dispatcher,
    pub publisher: Publisher,
    pub concluder: conclude::Concluder,
    pub peers: Peers,
    pub cluster: cluster::Cluster,
    pub watch: Watch,
    pub tests: manual::Tests,
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
