//! What every part of a replica works with.
//!
//! Fed by `serve`, which builds it; feeds every loop and service, each of which keeps
//! what it needs.

use std::sync::Arc;

use postrider_domain::assignment_key::AssignmentKey;
use postrider_domain::ids::ReplicaId;
use postrider_store::Store;

use super::cluster::ClusterState;
use super::dispatcher::Dispatcher;
use super::event_types::EventTypes;
use super::failure_streaks::FailureStreaks;
use super::ordering_queue::OrderingQueue;
use super::outbox::Outbox;
use super::peers::Peers;
use super::rate_limits::RateLimits;
use super::read_turns::ReadTurns;
use super::recent_activity::RecentActivity;
use super::region_names::RegionNames;
use super::result_commits::ResultCommitHealth;
use super::tenants::TenantConfigs;
use super::test_waiters::TestWaiters;
use super::tokens::Tokens;
use super::watermark::PublishWatermark;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::progress::WatchedLoops;
use crate::settings::Settings;

/// What every part of a replica works with. Cheap to clone.
#[derive(Clone)]
pub struct ReplicaContext {
    pub replica: ReplicaId,
    pub settings: Arc<Settings>,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub assignment_key: AssignmentKey,
    pub metrics: Metrics,
    pub loops: WatchedLoops,
    pub tenants: TenantConfigs,
    pub event_types: EventTypes,
    pub dispatcher: Dispatcher,
    pub peers: Peers,
    pub cluster: ClusterState,
    pub test_waiters: TestWaiters,
    pub ordering_queue: OrderingQueue,
    pub watermark: PublishWatermark,
    pub outbox: Outbox,
    pub failure_streaks: FailureStreaks,
    pub result_commits: ResultCommitHealth,
    pub tokens: Tokens,
    pub rate_limits: RateLimits,
    pub read_turns: ReadTurns,
    pub recent_activity: RecentActivity,
    pub region_names: RegionNames,
}
