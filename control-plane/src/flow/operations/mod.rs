//! Replays and backfills, run by the owner of their tenant's shard.
//!
//! Fed by the table of operations, read once a sweep; feeds it steps, and tells the
//! scheduler which subscriptions have due deliveries. Guarantees that after a crash an
//! operation goes on from its last committed step, at whichever replica owns its shard
//! then: its row holds all that it needs. The rate of new deliveries is limited by the
//! clock; they wait in the table until they can be sent.
//!
//! - `replay`, `backfill`: plan one step of each.

mod backfill;
mod replay;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use fair_batch::ProgressReporter as _;
use postrider_domain::delivery::{Delivery, Trigger};
use postrider_domain::event::Event;
use postrider_domain::ids::{DeliveryId, Epoch, OperationId, SubscriptionKey, TenantId};
use postrider_domain::operation::{
    Operation, OperationFailure, OperationState, OperationTask, TimeWindow,
};
use postrider_domain::subscription::Subscription;
use postrider_domain::time::Timestamp;
use postrider_store::{OperationEnd, OperationStep, StoreResult};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Flow;
use super::faults::{FaultLog, backoff_pause};
use super::on_demand::new_waiting_delivery;
use super::ordering::{initial_state, ordering_key_for};
use super::tenants::TenantSnapshot;
use crate::health::ProgressHandle;

/// Most rows that one step examines: a short read and a short transaction.
const MAX_ROWS_PER_STEP: u32 = 256;
/// Most operations that one replica runs at a time; others begin when these have ended.
const MAX_RUNNING_OPERATIONS: u32 = 256;

/// The shortest pause between two steps, so that an operation which examines much and
/// creates nothing leaves the database to others.
const MIN_STEP_PAUSE: Duration = Duration::from_millis(5);

/// The longest pause after a refused step.
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

/// A step being planned: what was examined so far, and the deliveries to create.
struct StepDraft {
    cursor: Option<Uuid>,
    examined: u64,
    deliveries: Vec<Delivery>,
    end: Option<OperationEnd>,
}

impl StepDraft {
    const fn of(operation: &Operation) -> Self {
        Self { cursor: operation.cursor, examined: 0, deliveries: Vec::new(), end: None }
    }

    fn failed(operation: &Operation, failure: OperationFailure) -> Self {
        let end = OperationEnd { state: OperationState::Failed, failure: Some(failure) };
        Self { end: Some(end), ..Self::of(operation) }
    }

    fn mark_examined(&mut self, id: Uuid) {
        self.cursor = Some(id);
        self.examined += 1;
    }

    /// Every row of a read was examined; if it returned fewer than the limit, the operation
    /// has succeeded.
    fn finish_if_exhausted(&mut self, rows: usize, limit: u32) {
        if rows < usize::try_from(limit).unwrap_or(usize::MAX) {
            self.end = Some(OperationEnd { state: OperationState::Succeeded, failure: None });
        }
    }
}

impl Flow {
    /// Stores a new operation, which the owner of the tenant's shard will run.
    pub async fn start_operation(
        &self,
        tenant: &TenantId,
        task: OperationTask,
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
            create_time: now,
            end_time: None,
        };
        self.store.create_operation(&operation).await?;
        Ok(operation)
    }

    /// Runs operations until told to stop.
    pub async fn run_operations(&self, progress: ProgressHandle, stop: CancellationToken) {
        let mut rounds = RunnerState {
            running: HashMap::new(),
            refused: HashMap::new(),
            next_sweep: self.clock.now(),
        };
        let mut log = FaultLog::new("operations");
        while !stop.is_cancelled() {
            progress.report_progress();
            let looked = self.load_running(&mut rounds).await;
            log.note(looked.as_ref().err(), self.clock.now());
            if looked.is_err() {
                rounds.next_sweep = self.clock.now() + self.settings.ownership.sweep();
            }
            self.run_due_steps(&mut rounds, &stop).await;
            let steps = rounds.running.values().map(|running| running.next);
            let next = steps.chain([rounds.next_sweep]).min().unwrap_or(rounds.next_sweep);
            tokio::select! {
                () = self.clock.sleep_until(next) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Reads, once a sweep, the running operations of the owned shards.
    async fn load_running(&self, rounds: &mut RunnerState) -> StoreResult<()> {
        let now = self.clock.now();
        if now < rounds.next_sweep {
            return Ok(());
        }
        rounds.next_sweep = now + self.settings.ownership.sweep();
        let shards: Vec<_> =
            self.dispatcher.read(|s, _| s.settled()).into_iter().map(|lease| lease.shard).collect();
        let found = if shards.is_empty() {
            Vec::new()
        } else {
            self.store.running_operations(&shards, MAX_RUNNING_OPERATIONS).await?
        };
        let mut known = std::mem::take(&mut rounds.running);
        rounds.refused.retain(|id, _| found.iter().any(|operation| operation.id == *id));
        for operation in found {
            let refused = rounds.refused.get(&operation.id).map_or(now, |(_, next)| *next);
            let next = known.remove(&operation.id).map_or(refused, |running| running.next);
            rounds.running.insert(operation.id, RunningOperation { operation, next });
        }
        Ok(())
    }

    async fn run_due_steps(&self, rounds: &mut RunnerState, stop: &CancellationToken) {
        let now = self.clock.now();
        let due = rounds.running.values().filter(|running| running.next <= now);
        let due: Vec<OperationId> = due.map(|running| running.operation.id).collect();
        for id in due {
            let Some(running) = rounds.running.get_mut(&id) else { continue };
            if stop.is_cancelled() {
                return;
            }
            let begun = self.clock.now();
            let stepped = self.step(&running.operation).await;
            if stepped.is_ok() && rounds.refused.remove(&id).is_some() {
                tracing::info!(operation = %id, "an operation goes on");
            }
            match stepped {
                Ok(Some(after)) if after.state == OperationState::Running => {
                    let made = after.made.saturating_sub(running.operation.made);
                    let pause = running.operation.task.pause_after(made);
                    running.next = begun + pause.max(MIN_STEP_PAUSE);
                    running.operation = after;
                }
                Ok(Some(after)) => {
                    tracing::info!(
                        tenant = %after.tenant, operation = %after.id, state = ?after.state,
                        examined = after.examined, made = after.made, "operation ended"
                    );
                    rounds.running.remove(&id);
                }
                // It was cancelled, or another owner has moved it on: read it again.
                Ok(None) => {
                    rounds.running.remove(&id);
                }
                Err(error) => {
                    let refused = rounds.refused.entry(id).or_insert((0, begun));
                    refused.0 = refused.0.saturating_add(1);
                    let sweep = self.settings.ownership.sweep();
                    refused.1 = begun + backoff_pause(refused.0, sweep, MAX_REFUSED_STEP_PAUSE);
                    if refused.0 == 1 {
                        let tenant = &running.operation.tenant;
                        tracing::warn!(%error, %tenant, operation = %id, "an operation's step failed; it will be retried");
                    }
                    // The next step begins from the table.
                    rounds.running.remove(&id);
                }
            }
        }
    }

    /// Plans a step and commits it; `None` if the operation has changed since it was read.
    async fn step(&self, operation: &Operation) -> StoreResult<Option<Operation>> {
        let snapshot = self.tenants.snapshot(&operation.tenant).await?;
        let draft = match (&snapshot, &operation.task) {
            (None, _) => StepDraft::failed(operation, OperationFailure::TenantDeleted),
            (Some(snapshot), OperationTask::Replay(replay)) => {
                self.replay_step(operation, replay, snapshot).await?
            }
            (Some(snapshot), OperationTask::Backfill(backfill)) => {
                self.backfill_step(operation, backfill, snapshot).await?
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

    /// A replay's new delivery, due now, with all automatic retries. Its id lies after the
    /// replayed window, even if clocks were set back since, so that the replay never meets
    /// it.
    fn new_replay_delivery(
        &self,
        ended: &Delivery,
        subscription: &Subscription,
        window: TimeWindow,
        now: Timestamp,
    ) -> Delivery {
        let ordering_key = ordering_key_for(subscription, ended.ordering_key.as_ref());
        Delivery {
            id: DeliveryId::new(ended.id.no_earlier(now).max(window.until), rand::random()),
            epoch: Epoch::default(),
            state: initial_state(ordering_key.as_ref()),
            ordering_key,
            end_reason: None,
            attempts: 0,
            failures: 0,
            trigger: Trigger::Replay,
            due: now,
            deadline: self.cluster.running_time(subscription, now)
                + subscription.settings.retry.deadline_span(),
            end_time: None,
            resend_of: Some(ended.id),
            ..ended.clone()
        }
    }

    /// The first delivery of a past event. The store gives it a sequence number, as it does
    /// all new deliveries.
    fn new_backfill_delivery(
        &self,
        event: &Event,
        subscription: &Subscription,
        snapshot: &TenantSnapshot,
        now: Timestamp,
    ) -> Delivery {
        let ordering_key = ordering_key_for(subscription, event.ordering_key.as_ref());
        Delivery {
            id: DeliveryId::new(event.id.no_earlier(now), rand::random()),
            state: initial_state(ordering_key.as_ref()),
            ordering_key,
            trigger: Trigger::Replay,
            deadline: self.cluster.running_time(subscription, now)
                + subscription.settings.retry.deadline_span(),
            ..new_waiting_delivery(event, subscription.key(), snapshot, now)
        }
    }
}
