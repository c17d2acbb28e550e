//! Replays, backfills and expunges, run by the owner of their tenant's shard.
//!
//! Fed by the table of operations, read once a sweep; feeds it steps, and tells the
//! scheduler which subscriptions have due deliveries. Guarantees that after a crash an
//! operation goes on from its last committed step, at whichever replica owns its shard
//! then: its row holds all that it needs. The rate of new deliveries is limited by the
//! clock; they wait in the table until they can be sent.
//!
//! - `replay`, `backfill`, `expunge`: plan one step of each, by `planner`.

mod backfill;
mod expunge;
mod planner;
mod replay;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use postrider_domain::ids::{OperationId, SubscriptionKey, TenantId};
use postrider_domain::operation::{Operation, OperationFailure, OperationState, OperationTask};
use postrider_domain::time::Timestamp;
use postrider_identity::{AuditFields, AuditOrigin};
use postrider_store::{OperationStep, Store, StoreResult};
use tokio_util::sync::CancellationToken;

use self::planner::{StepDraft, StepPlanner};
use super::faults::{LoopRounds, backoff_pause};
use crate::audited_fields;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::progress::{RoundCounts, WatchedLoops};
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;
use crate::state::ordering_queue::OrderingQueue;
use crate::state::tenants::TenantConfigs;

/// Most operations that one replica runs at a time; others begin when these have ended.
/// Each has a step ten times a second at most, and operators start a few.
const MAX_RUNNING_OPERATIONS: u32 = 256;

/// The shortest pause between two steps, so that an operation which examines much and
/// creates nothing leaves the database to others. At most 200 steps a second.
const MIN_STEP_PAUSE: Duration = Duration::from_millis(5);

/// The longest pause after a refused step. Whoever repairs the cause sees it continue within
/// half a minute.
const MAX_REFUSED_STEP_PAUSE: Duration = Duration::from_secs(30);

/// An operation of a shard that is owned here, and when its next step may begin.
struct RunningOperation {
    operation: Operation,
    next: Timestamp,
}

/// What the runner remembers between rounds.
struct RunnerState {
    running: HashMap<OperationId, RunningOperation>,
    /// Refused steps in a row of each operation, and when its next may begin.
    refused: HashMap<OperationId, (u32, Timestamp)>,
    next_sweep: Timestamp,
}

/// Stores new operations. Cheap to clone.
#[derive(Clone)]
pub struct OperationStarter {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tenants: TenantConfigs,
}

impl OperationStarter {
    pub fn new(context: &ReplicaContext) -> Self {
        Self {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            tenants: context.tenants.clone(),
        }
    }

    /// Stores a new operation, which the owner of the tenant's shard will run.
    pub async fn start(
        &self,
        tenant: &TenantId,
        task: OperationTask,
        origin: &AuditOrigin,
    ) -> StoreResult<Operation> {
        let now = self.clock.now();
        let operation = Operation {
            tenant: tenant.clone(),
            id: OperationId::new(now, rand::random()),
            shard: self.tenants.shard(tenant),
            task,
            state: OperationState::Running,
            failure: None,
            cursor: None,
            examined: 0,
            made: 0,
            unfinished: 0,
            payload_bytes: 0,
            create_time: now,
            end_time: None,
        };
        let name = format!("tenants/{tenant}/operations/{}", operation.id);
        let after = audited_fields::of_operation(&operation.task, operation.state);
        let audit = origin.draft(&name, now).with_changes(&AuditFields::none(), &after);
        self.store.create_operation(&operation, &audit).await?;
        Ok(operation)
    }
}

/// Plans steps and commits them.
struct StepRunner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tenants: TenantConfigs,
    dispatcher: Dispatcher,
    ordering_queue: OrderingQueue,
    planner: StepPlanner,
}

/// Runs the operations of the owned shards.
pub struct OperationRunner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    loops: WatchedLoops,
    dispatcher: Dispatcher,
    metrics: Metrics,
    sweep_interval: Duration,
    steps: StepRunner,
    state: RunnerState,
}

impl OperationRunner {
    pub fn new(context: &ReplicaContext) -> Self {
        let next_sweep = context.clock.now();
        Self {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            loops: context.loops.clone(),
            dispatcher: context.dispatcher.clone(),
            metrics: context.metrics.clone(),
            sweep_interval: context.settings.ownership.sweep(),
            steps: StepRunner::new(context),
            state: RunnerState { running: HashMap::new(), refused: HashMap::new(), next_sweep },
        }
    }

    /// Runs operations until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut rounds = LoopRounds::new(self.loops.register_loop("operations"));
        while !stop.is_cancelled() {
            rounds.begin();
            let mut counts = RoundCounts::default();
            let looked = self.load_running().await;
            if looked.is_err() {
                self.state.next_sweep = self.clock.now() + self.sweep_interval;
            }
            self.run_due_steps(&mut counts, &stop).await;
            self.metrics.operations_running(self.state.running.len());
            let steps = self.state.running.values().map(|running| running.next);
            let next = steps.chain([self.state.next_sweep]).min().unwrap_or(self.state.next_sweep);
            rounds.end(counts, looked.as_ref().err(), self.clock.now(), Some(next));
            tokio::select! {
                () = self.clock.sleep_until(next) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Reads, once a sweep, the running operations of the owned shards.
    async fn load_running(&mut self) -> StoreResult<()> {
        let now = self.clock.now();
        if now < self.state.next_sweep {
            return Ok(());
        }
        self.state.next_sweep = now + self.sweep_interval;
        let shards: Vec<_> =
            self.dispatcher.read(|s, _| s.settled()).into_iter().map(|lease| lease.shard).collect();
        let found = if shards.is_empty() {
            Vec::new()
        } else {
            self.store.running_operations(&shards, MAX_RUNNING_OPERATIONS).await?
        };
        let mut known = std::mem::take(&mut self.state.running);
        self.state.refused.retain(|id, _| found.iter().any(|operation| operation.id == *id));
        for operation in found {
            let refused = self.state.refused.get(&operation.id).map_or(now, |(_, next)| *next);
            let next = known.remove(&operation.id).map_or(refused, |running| running.next);
            self.state.running.insert(operation.id, RunningOperation { operation, next });
        }
        Ok(())
    }

    async fn run_due_steps(&mut self, counts: &mut RoundCounts, stop: &CancellationToken) {
        let now = self.clock.now();
        let due = self.state.running.values().filter(|running| running.next <= now);
        let due: Vec<OperationId> = due.map(|running| running.operation.id).collect();
        for id in due {
            let Some(running) = self.state.running.get_mut(&id) else { continue };
            if stop.is_cancelled() {
                return;
            }
            let started = self.clock.now();
            let stepped = self.steps.run_step(&running.operation).await;
            if stepped.is_ok() && self.state.refused.remove(&id).is_some() {
                tracing::info!(operation = %id, "an operation resumes");
            }
            match stepped {
                Ok(Some(after)) if after.state == OperationState::Running => {
                    let made = after.made.saturating_sub(running.operation.made);
                    counts.add_all("steps", 1);
                    counts.add("deliveries_made", made);
                    let pause = running.operation.task.pause_after(made);
                    running.next = started + pause.max(MIN_STEP_PAUSE);
                    running.operation = after;
                }
                Ok(Some(after)) => {
                    counts.add_all("operations_ended", 1);
                    tracing::info!(
                        tenant = %after.tenant, operation = %after.id, state = ?after.state,
                        examined = after.examined, made = after.made, "operation ended"
                    );
                    self.metrics.operation_ended();
                    self.state.running.remove(&id);
                }
                // It was cancelled, or another owner has moved it on: read it again.
                Ok(None) => {
                    self.state.running.remove(&id);
                }
                Err(error) => {
                    let refused = self.state.refused.entry(id).or_insert((0, started));
                    refused.0 = refused.0.saturating_add(1);
                    counts.add_all("steps_failed", 1);
                    let sweep = self.sweep_interval;
                    refused.1 = started + backoff_pause(refused.0, sweep, MAX_REFUSED_STEP_PAUSE);
                    if refused.0 == 1 {
                        let tenant = &running.operation.tenant;
                        tracing::warn!(%error, %tenant, operation = %id, "an operation's step failed; it will be retried");
                    }
                    // The next step begins from the table.
                    self.state.running.remove(&id);
                }
            }
        }
    }
}

impl StepRunner {
    fn new(context: &ReplicaContext) -> Self {
        Self {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            tenants: context.tenants.clone(),
            dispatcher: context.dispatcher.clone(),
            ordering_queue: context.ordering_queue.clone(),
            planner: StepPlanner::new(context),
        }
    }

    /// Plans a step and commits it; `None` if the operation has changed since it was read.
    async fn run_step(&self, operation: &Operation) -> StoreResult<Option<Operation>> {
        let snapshot = match &operation.task {
            // Payloads are removed without the configuration, which may be unreadable.
            OperationTask::Expunge(_) => None,
            OperationTask::Replay(_) | OperationTask::Backfill(_) => {
                self.tenants.snapshot(&operation.tenant).await?
            }
        };
        let draft = match (&snapshot, &operation.task) {
            (None, OperationTask::Replay(_) | OperationTask::Backfill(_)) => {
                StepDraft::failed(operation, OperationFailure::TenantDeleted)
            }
            (Some(snapshot), OperationTask::Replay(replay)) => {
                self.planner.plan_replay_step(operation, replay, snapshot).await?
            }
            (Some(snapshot), OperationTask::Backfill(backfill)) => {
                self.planner.plan_backfill_step(operation, backfill, snapshot).await?
            }
            (_, OperationTask::Expunge(expunge)) => {
                self.planner.plan_expunge_step(operation, expunge).await?
            }
        };
        let due: BTreeSet<SubscriptionKey> =
            draft.deliveries.iter().map(|delivery| delivery.subscription.clone()).collect();
        let step = OperationStep {
            tenant: operation.tenant.clone(),
            id: operation.id,
            from: operation.cursor,
            to: draft.cursor,
            examined: draft.examined,
            deliveries: draft.deliveries,
            expunged: draft.expunged,
            audit: draft.audit,
            end: draft.end,
        };
        let after = self.store.step_operation(&step, self.clock.now()).await?;
        if after.is_some() {
            self.dispatcher.update(|scheduler, now| {
                due.iter().for_each(|key| scheduler.note_due(key, now, now));
            });
            step.deliveries.iter().for_each(|delivery| self.ordering_queue.push_key_of(delivery));
        }
        Ok(after)
    }
}
