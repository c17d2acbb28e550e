//! Replays and backfills, carried out at the owner of their tenant's shard.
//!
//! Fed by the table of operations, looked at once a sweep; feeds it steps, and the
//! scheduler word of what became due. Guarantees that an operation goes on after a
//! crash, at whichever replica owns its shard then, from where its last step was
//! committed: its row is all that it needs. What it makes in a second is bounded
//! by the clock, and is WAITING in the table until there is room to send it.
//!
//! - `replay`, `backfill`: one step of each, worked out.

mod backfill;
mod replay;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use postrider_domain::delivery::{Delivery, Trigger};
use postrider_domain::event::Event;
use postrider_domain::ids::{DeliveryId, Epoch, OperationId, SubscriptionKey, TenantId};
use postrider_domain::operation::{Operation, OperationFailure, OperationState, Task, Window};
use postrider_domain::subscription::Subscription;
use postrider_domain::time::Timestamp;
use postrider_store::{OperationEnd, OperationStep, StoreResult};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Flow;
use super::faults::{FaultLog, back_off};
use super::manual::waiting;
use super::ordering::{first_state, key_for};
use super::tenants::Snapshot;
use crate::health::Progress;

/// Rows that one step looks at, at most: a short read, and a short transaction.
const SCAN_ROWS: u32 = 256;
/// Operations that one replica carries out at a time; further ones begin when these
/// have ended.
const MAX_RUNNING: u32 = 256;

/// Between two steps of one operation at least, so that one that looks at much and
/// makes nothing leaves the database to others.
const MIN_PAUSE: Duration = Duration::from_millis(5);

/// Between two steps of one operation at most, of which the first was refused.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// An operation of a shard that is owned here, and when its next step may begin.
struct Running {
    operation: Operation,
    next: Timestamp,
}

/// What the loop remembers between its rounds.
struct Rounds {
    running: HashMap<OperationId, Running>,
    /// How often the last steps of these were refused one after the other, and when
    /// the next may begin.
    refused: HashMap<OperationId, (u32, Timestamp)>,
    next_sweep: Timestamp,
}

/// A step being worked out: what was looked at so far, and what came of it.
struct Draft {
    cursor: Option<Uuid>,
    examined: u64,
    deliveries: Vec<Delivery>,
    end: Option<OperationEnd>,
}

impl Draft {
    const fn of(operation: &Operation) -> Self {
        Self { cursor: operation.cursor, examined: 0, deliveries: Vec::new(), end: None }
    }

    fn failed(operation: &Operation, failure: OperationFailure) -> Self {
        let end = OperationEnd { state: OperationState::Failed, failure: Some(failure) };
        Self { end: Some(end), ..Self::of(operation) }
    }

    fn looked_at(&mut self, id: Uuid) {
        self.cursor = Some(id);
        self.examined += 1;
    }

    /// All that a read gave was looked at; when it gave less than it might have,
    /// there is no more.
    fn read_to_its_end(&mut self, rows: usize, limit: u32) {
        if rows < usize::try_from(limit).unwrap_or(usize::MAX) {
            self.end = Some(OperationEnd { state: OperationState::Succeeded, failure: None });
        }
    }
}

impl Flow {
    /// Commits an operation to be carried out by whoever owns the tenant's shard.
    pub async fn start_operation(&self, tenant: &TenantId, task: Task) -> StoreResult<Operation> {
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

    /// Carries out operations until told to stop.
    pub async fn run_operations(&self, progress: Progress, stop: CancellationToken) {
        let mut rounds = Rounds {
            running: HashMap::new(),
            refused: HashMap::new(),
            next_sweep: self.clock.now(),
        };
        let mut log = FaultLog::new("operations");
        while !stop.is_cancelled() {
            progress.made();
            let looked = self.look_for_operations(&mut rounds).await;
            log.note(looked.as_ref().err(), self.clock.now());
            if looked.is_err() {
                rounds.next_sweep = self.clock.now() + self.settings.ownership.sweep();
            }
            self.step_what_is_due(&mut rounds, &stop).await;
            let steps = rounds.running.values().map(|running| running.next);
            let next = steps.chain([rounds.next_sweep]).min().unwrap_or(rounds.next_sweep);
            tokio::select! {
                () = self.clock.sleep_until(next) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Once a sweep: what runs in the shards owned, as it stands in the table.
    async fn look_for_operations(&self, rounds: &mut Rounds) -> StoreResult<()> {
        let now = self.clock.now();
        if now < rounds.next_sweep {
            return Ok(());
        }
        rounds.next_sweep = now + self.settings.ownership.sweep();
        let shards: Vec<_> =
            self.dispatcher.look(|s, _| s.settled()).into_iter().map(|lease| lease.shard).collect();
        let found = if shards.is_empty() {
            Vec::new()
        } else {
            self.store.running_operations(&shards, MAX_RUNNING).await?
        };
        let mut known = std::mem::take(&mut rounds.running);
        rounds.refused.retain(|id, _| found.iter().any(|operation| operation.id == *id));
        for operation in found {
            let refused = rounds.refused.get(&operation.id).map_or(now, |(_, next)| *next);
            let next = known.remove(&operation.id).map_or(refused, |running| running.next);
            rounds.running.insert(operation.id, Running { operation, next });
        }
        Ok(())
    }

    async fn step_what_is_due(&self, rounds: &mut Rounds, stop: &CancellationToken) {
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
                tracing::info!(operation = %id, "an operation's steps are taken again");
            }
            match stepped {
                Ok(Some(after)) if after.state == OperationState::Running => {
                    let made = after.made.saturating_sub(running.operation.made);
                    let pause = running.operation.task.pause_after(made);
                    running.next = begun + pause.max(MIN_PAUSE);
                    running.operation = after;
                }
                Ok(Some(after)) => {
                    tracing::info!(
                        tenant = %after.tenant, operation = %after.id, state = ?after.state,
                        examined = after.examined, made = after.made, "operation ended"
                    );
                    rounds.running.remove(&id);
                }
                // Cancelled, or moved on by another owner: the next look tells.
                Ok(None) => {
                    rounds.running.remove(&id);
                }
                Err(error) => {
                    let refused = rounds.refused.entry(id).or_insert((0, begun));
                    refused.0 = refused.0.saturating_add(1);
                    let sweep = self.settings.ownership.sweep();
                    refused.1 = begun + back_off(refused.0, sweep, LONGEST_PAUSE);
                    if refused.0 == 1 {
                        let tenant = &running.operation.tenant;
                        tracing::warn!(%error, %tenant, operation = %id, "a step waits for the database");
                    }
                    // What the table says by then is where to go on.
                    rounds.running.remove(&id);
                }
            }
        }
    }

    /// Works a step out and commits it; `None` when the operation no longer stands
    /// where it was thought to.
    async fn step(&self, operation: &Operation) -> StoreResult<Option<Operation>> {
        let snapshot = self.tenants.snapshot(&operation.tenant).await?;
        let draft = match (&snapshot, &operation.task) {
            (None, _) => Draft::failed(operation, OperationFailure::TenantDeleted),
            (Some(snapshot), Task::Replay(replay)) => {
                self.replay_step(operation, replay, snapshot).await?
            }
            (Some(snapshot), Task::Backfill(backfill)) => {
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
            self.dispatcher.with(|scheduler, now| {
                due.iter().for_each(|key| scheduler.note_due(key, now, now));
            });
            step.deliveries.iter().for_each(|delivery| self.turns.may_follow(delivery));
        }
        Ok(after)
    }

    /// A delivery that an operation makes, due now; with all automatic retries.
    /// It is made after the window that is gone through, which would meet it otherwise:
    /// also if clocks were set back since that window was given.
    fn replayed(
        &self,
        ended: &Delivery,
        subscription: &Subscription,
        window: Window,
        now: Timestamp,
    ) -> Delivery {
        let ordering_key = key_for(subscription, ended.ordering_key.as_ref());
        Delivery {
            id: DeliveryId::new(ended.id.no_earlier(now).max(window.until), rand::random()),
            epoch: Epoch::default(),
            state: first_state(ordering_key.as_ref()),
            ordering_key,
            end_reason: None,
            attempts: 0,
            failures: 0,
            trigger: Trigger::Replay,
            due: now,
            deadline: self.cluster.running(subscription, now)
                + subscription.settings.retry.deadline_span(),
            end_time: None,
            resend_of: Some(ended.id),
            ..ended.clone()
        }
    }

    /// The first delivery of an event of the past. Its sequence number is given
    /// where those of all new deliveries are.
    fn backfilled(
        &self,
        event: &Event,
        subscription: &Subscription,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Delivery {
        let ordering_key = key_for(subscription, event.ordering_key.as_ref());
        Delivery {
            id: DeliveryId::new(event.id.no_earlier(now), rand::random()),
            state: first_state(ordering_key.as_ref()),
            ordering_key,
            trigger: Trigger::Replay,
            deadline: self.cluster.running(subscription, now)
                + subscription.settings.retry.deadline_span(),
            ..waiting(event, subscription.key(), snapshot, now)
        }
    }
}
