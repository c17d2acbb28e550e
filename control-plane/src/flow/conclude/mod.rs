//! Concluding: decides what follows from an attempt's result, and commits results in
//! batches.
//!
//! Fed by agents' sessions with results, and by `recovery` with attempts that no agent
//! can account for; feeds the store, then the scheduler, then whoever waits for the
//! result. Guarantees: a result is acknowledged only once it is durable; it counts by
//! its attempt, whichever replica owns the shard (any-success-counts); a result that
//! the database refuses is stored without its response (bad-row-isolated), and one that
//! it cannot take now is retried.
//!
//! A result's way, from one type to the next (`writer` takes a batch along it; the types
//! are in `report` and `stages`):
//!
//! | step | makes | of |
//! |---|---|---|
//! | `report` | `QueuedResult` | `AttemptReport`, as it was reported |
//! | `find` | `CurrentResult`, or `LateReport` | `QueuedResult`, with delivery, subscription and streak |
//! | `decide` | `Conclusion` (the row) and `FollowUp` | `CurrentResult` |
//! | `commit` | `CommittedResult`, or `LateReport` | both, by one commit for a batch |
//! | `apply` | what changes in memory | `CommittedResult` |
//! | `late` | a record in history | `LateReport` |
//!
//! What fails on the way is `UnrecordedResults`, and comes back by the `retry_queue`.
//! Beside the steps: `endpoint_signals`, `streak_updates`, `side_effects` (log lines) and
//! `spans`.
//!
//! Keeps the invariants `any-success-counts`, `bad-row-isolated` and
//! `durable-before-acknowledged`.

mod apply;
mod commit;
mod decide;
mod endpoint_signals;
mod find;
mod late;
mod report;
mod retry_queue;
mod side_effects;
mod spans;
mod stages;
mod streak_updates;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use fair_batch::{BatchReceiver, QueueLimits, channel};
use postrider_domain::scheduler::StreamId;
use postrider_store::Store;

pub use self::report::{AttemptReport, ResultIntake, ResultTrace};
use self::report::{QUEUED_BYTES_PER_RESULT, QueuedResult};
use super::ordering::KeyBlocker;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::state::cluster::ClusterState;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;
use crate::state::failure_streaks::FailureStreaks;
use crate::state::ordering_queue::OrderingQueue;
use crate::state::outbox::Outbox;
use crate::state::peers::Peers;
use crate::state::result_commits::ResultCommitHealth;
use crate::state::tenants::TenantConfigs;
use crate::state::test_waiters::TestWaiters;

/// One stream fills at most this part of the queue.
const STREAM_SHARES: usize = 4;

/// Commits the queued results.
pub struct ConcludeWriter {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    max_queued_results: usize,
    /// Longest wait that a receiver is granted.
    max_retry_after: Duration,
    metrics: Metrics,
    tenants: TenantConfigs,
    dispatcher: Dispatcher,
    peers: Peers,
    cluster: ClusterState,
    test_waiters: TestWaiters,
    ordering_queue: OrderingQueue,
    outbox: Outbox,
    failure_streaks: FailureStreaks,
    result_commits: ResultCommitHealth,
    key_blocker: KeyBlocker,
    receiver: BatchReceiver<Option<StreamId>, QueuedResult>,
}

/// The queue of results, and its writer.
pub fn new(context: &ReplicaContext) -> (ResultIntake, ConcludeWriter) {
    let settings = &context.settings.results;
    let max_retry_after = context.settings.dispatch.max_retry_after_seconds;
    let (sender, receiver) = channel(QueueLimits {
        max_queued_items: settings.max_queued_results,
        max_queued_bytes: settings.max_queued_results.saturating_mul(QUEUED_BYTES_PER_RESULT),
        // Streams take turns, and none fills it. What keeps a tenant from filling it is
        // that results follow dispatch, in which tenants take turns.
        key_shares: STREAM_SHARES,
        max_batch_items: settings.max_commit_results,
        max_batch_bytes: settings.max_commit_results.saturating_mul(8192),
        // Most results may well come from one agent.
        slows_floods: false,
        enqueue_timeout: Duration::MAX,
    });
    let writer = ConcludeWriter {
        store: Arc::clone(&context.store),
        clock: Arc::clone(&context.clock),
        max_queued_results: settings.max_queued_results,
        max_retry_after: Duration::from_secs(max_retry_after),
        metrics: context.metrics.clone(),
        tenants: context.tenants.clone(),
        dispatcher: context.dispatcher.clone(),
        peers: context.peers.clone(),
        cluster: context.cluster.clone(),
        test_waiters: context.test_waiters.clone(),
        ordering_queue: context.ordering_queue.clone(),
        outbox: context.outbox.clone(),
        failure_streaks: context.failure_streaks.clone(),
        result_commits: context.result_commits.clone(),
        key_blocker: KeyBlocker::new(context),
        receiver,
    };
    (ResultIntake { sender, queue: context.metrics.queue("results") }, writer)
}
