//! Builds a replica without its ports.
//!
//! Fed by `serve` and by the simulation with a store, a clock and the calls between
//! replicas; feeds them with the entrances (`Flow`) and the loops.

use std::sync::Arc;

use postrider_domain::assignment_key::AssignmentKey;
use postrider_domain::ids::{OrderedKey, ReplicaId};
use postrider_domain::scheduler::Scheduler;
use postrider_store::Store;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::scheduler_config;
use crate::clock::Clock;
use crate::flow::agent_admission::AgentAdmission;
use crate::flow::attempt_feed::AttemptFeed;
use crate::flow::audit_upkeep::AuditUpkeep;
use crate::flow::dispatch_loop::DispatchLoop;
use crate::flow::due_backlog::DueBacklog;
use crate::flow::leases::LeaseKeeper;
use crate::flow::membership::Membership;
use crate::flow::on_demand::OnDemand;
use crate::flow::operations::{OperationRunner, OperationStarter};
use crate::flow::ordering::{OrderingKeys, OrderingReleaser};
use crate::flow::outbox_publisher::OutboxPublisher;
use crate::flow::token_upkeep::TokenUpkeep;
use crate::flow::window_closer::WindowCloser;
use crate::flow::work_loop::WorkLoop;
use crate::flow::{Flow, conclude, publish};
use crate::health::HealthMonitor;
use crate::metrics::Metrics;
use crate::progress::WatchedLoops;
use crate::settings::Settings;
use crate::state::cluster::ClusterState;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;
use crate::state::event_types::EventTypes;
use crate::state::failure_streaks::FailureStreaks;
use crate::state::ordering_queue::ordering_queue;
use crate::state::outbox::Outbox;
use crate::state::peers::Peers;
use crate::state::peers::calls::PeerCalls;
use crate::state::rate_limits::RateLimits;
use crate::state::read_turns::ReadTurns;
use crate::state::recent_activity::RecentActivity;
use crate::state::region_names::RegionNames;
use crate::state::result_commits::ResultCommitHealth;
use crate::state::tenants::TenantConfigs;
use crate::state::test_waiters::TestWaiters;
use crate::state::tokens::Tokens;
use crate::state::watermark::PublishWatermark;

/// A control plane without its ports.
pub struct AssembledReplica {
    /// What it remembers.
    pub context: ReplicaContext,
    /// What may be asked of its loops.
    pub flow: Flow,
    /// Run once the replica has joined the cluster.
    pub loops: Box<Loops>,
    /// The writers, which end when their queues are closed.
    pub tasks: JoinSet<()>,
    pub health: HealthMonitor,
}

/// The loops that serve what was accepted. Boxed, since they are held while the replica
/// starts.
pub struct Loops {
    dispatch: DispatchLoop,
    work: WorkLoop,
    outbox: OutboxPublisher,
    operations: OperationRunner,
    leases: LeaseKeeper,
    tokens: TokenUpkeep,
    audit: AuditUpkeep,
}

/// Builds a replica's state, loops and entrances, on a store and the assignment key that
/// it keeps.
pub fn assemble(
    settings: Arc<Settings>,
    (store, assignment_key): (Arc<dyn Store>, AssignmentKey),
    clock: Arc<dyn Clock>,
    own_address: String,
    calls: Arc<dyn PeerCalls>,
    metrics: Metrics,
) -> AssembledReplica {
    let store = (store, assignment_key);
    let (context, keys) = build_state(settings, store, clock, own_address, calls, metrics);
    let mut tasks = JoinSet::new();
    tasks.spawn(OrderingReleaser::new(keys, &context).run());
    let health = HealthMonitor::new(&context);
    let (publisher, publish_writers) = publish::new(&context);
    for writer in publish_writers {
        tasks.spawn(writer.with_progress(context.loops.register_writer("publish")).run());
    }
    let (results, conclude_writer) = conclude::new(&context);
    tasks.spawn(conclude_writer.with_progress(context.loops.register_writer("results")).run());
    let (store, turns) = (Arc::clone(&context.store), context.read_turns.clone());
    let (api, feed_metrics) = (&context.settings.api, context.metrics.clone());
    let loops = Box::new(Loops {
        dispatch: DispatchLoop::new(&context),
        work: WorkLoop::new(&context, &results),
        outbox: OutboxPublisher::new(&context, publisher.clone()),
        operations: OperationRunner::new(&context),
        leases: LeaseKeeper::new(&context),
        tokens: TokenUpkeep::new(&context),
        audit: AuditUpkeep::new(&context),
    });
    let flow = Flow {
        publisher,
        results,
        attempt_feed: AttemptFeed::new(store, api, turns, feed_metrics),
        agent_admission: AgentAdmission::new(&context),
        on_demand: OnDemand::new(&context),
        ordering_keys: OrderingKeys::new(&context),
        operations: OperationStarter::new(&context),
        window_closer: WindowCloser::new(&context),
        due_backlog: DueBacklog::new(&context),
        membership: Membership::new(&context),
    };
    AssembledReplica { context, flow, loops, tasks, health }
}

/// Builds what a replica remembers, and the receiving end of the ordering queue.
fn build_state(
    settings: Arc<Settings>,
    (store, assignment_key): (Arc<dyn Store>, AssignmentKey),
    clock: Arc<dyn Clock>,
    own_address: String,
    calls: Arc<dyn PeerCalls>,
    metrics: Metrics,
) -> (ReplicaContext, mpsc::Receiver<OrderedKey>) {
    let replica = replica_id(&settings.server.replica_id);
    let shards = settings.database.shard_count;
    let lost_after = settings.ownership.lost_after();
    let cluster = ClusterState::new(replica.clone(), shards, lost_after, clock.now());
    let sweep = settings.ownership.sweep();
    let peers = Peers::new(
        own_address,
        calls,
        cluster.clone(),
        Arc::clone(&clock),
        sweep,
        settings.single_process(),
    );
    let scheduler = Scheduler::new(scheduler_config::scheduler_config(&settings));
    let dispatcher = Dispatcher::new(scheduler, Arc::clone(&clock));
    let outbox = Outbox::new(settings.operational_events.operators());
    let tenants = tenants(&store, &clock, &dispatcher, &peers, &outbox, shards);
    let event_types = EventTypes::new(Arc::clone(&store), Arc::clone(&clock), peers.clone());
    let tokens = Tokens::new(Arc::clone(&store), Arc::clone(&clock), peers.clone());
    let limits = metrics.limits().clone();
    let rate_limits = RateLimits::new(&settings.rates, Arc::clone(&clock), limits.clone());
    let read_turns = ReadTurns::new(&settings.requests, &settings.database, limits.clone());
    let view = (cluster.clone(), dispatcher.clone());
    let region_names = RegionNames::new(&store, &settings, tenants.clone(), view, limits);
    let recent_activity = RecentActivity::new(metrics.deliveries().clone());
    let (ordering_queue, keys) = ordering_queue();
    let loops = WatchedLoops::new(Arc::clone(&clock));
    let watermark = PublishWatermark::default();
    if !(settings.server.replica_id.is_empty() || settings.single_process()) {
        watermark.inherit_unresolved(clock.now(), cluster.unresolved_commit_span());
    }
    let context = ReplicaContext {
        replica,
        settings,
        store,
        clock,
        assignment_key,
        metrics,
        loops,
        tenants,
        event_types,
        dispatcher,
        peers,
        cluster,
        test_waiters: TestWaiters::default(),
        ordering_queue,
        watermark,
        outbox,
        failure_streaks: FailureStreaks::default(),
        result_commits: ResultCommitHealth::default(),
        tokens,
        rate_limits,
        read_turns,
        recent_activity,
        region_names,
    };
    (context, keys)
}

fn tenants(
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
    dispatcher: &Dispatcher,
    peers: &Peers,
    outbox: &Outbox,
    shards: u16,
) -> TenantConfigs {
    let (store, clock) = (Arc::clone(store), Arc::clone(clock));
    TenantConfigs::new(store, clock, dispatcher.clone(), peers.clone(), outbox.clone(), shards)
}

/// Loops whose end a stop waits for.
pub struct AwaitedLoops {
    /// Ends once no more shards are taken.
    pub leases: JoinHandle<()>,
    /// Ends once the heads of audit chains are logged.
    pub audit: JoinHandle<()>,
}

/// Spawns the loops.
pub fn spawn_loops(
    tasks: &mut JoinSet<()>,
    loops: Box<Loops>,
    draining: &CancellationToken,
    stopped: &CancellationToken,
) -> AwaitedLoops {
    let Loops { dispatch, work, outbox, operations, leases, tokens, audit } = *loops;
    tasks.spawn(tokens.run(stopped.clone()));
    tasks.spawn(dispatch.run(stopped.clone()));
    tasks.spawn(work.run(stopped.clone()));
    tasks.spawn(outbox.run(stopped.clone()));
    tasks.spawn(operations.run(stopped.clone()));
    let leases = leases.run(draining.clone());
    AwaitedLoops { leases: tokio::spawn(leases), audit: tokio::spawn(audit.run(stopped.clone())) }
}

fn replica_id(configured: &str) -> ReplicaId {
    if configured.is_empty() {
        ReplicaId(format!("replica-{:016x}", rand::random::<u64>()).into())
    } else {
        ReplicaId(configured.into())
    }
}
