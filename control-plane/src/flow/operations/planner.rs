//! A step being planned, and the deliveries that it creates.
//!
//! Fed by `replay`, `backfill` and `expunge` with what they examine; feeds the runner.

use std::sync::Arc;

use postrider_domain::delivery::{Delivery, Trigger};
use postrider_domain::event::Event;
use postrider_domain::ids::{DeliveryId, Epoch};
use postrider_domain::operation::{Operation, OperationFailure, OperationState, TimeWindow};
use postrider_domain::subscription::Subscription;
use postrider_domain::time::Timestamp;
use postrider_identity::AuditDraft;
use postrider_store::{ExpungeBatch, OperationEnd, Store};
use uuid::Uuid;

use crate::clock::Clock;
use crate::flow::new_delivery::{initial_state, new_waiting_delivery, ordering_key_for};
use crate::flow::on_demand::OnDemand;
use crate::state::cluster::ClusterState;
use crate::state::context::ReplicaContext;
use crate::state::tenants::TenantSnapshot;

/// Most rows that one step examines: a short read and a short transaction. Chosen, not
/// measured: half of what a publish commits by default (`publish.max_commit_events`).
pub(super) const MAX_ROWS_PER_STEP: u32 = 256;

/// A step being planned: what was examined so far, and the deliveries to create.
pub(super) struct StepDraft {
    pub cursor: Option<Uuid>,
    pub examined: u64,
    pub deliveries: Vec<Delivery>,
    pub expunged: ExpungeBatch,
    pub audit: Option<AuditDraft>,
    pub end: Option<OperationEnd>,
}

impl StepDraft {
    pub fn of(operation: &Operation) -> Self {
        Self {
            cursor: operation.cursor,
            examined: 0,
            deliveries: Vec::new(),
            expunged: ExpungeBatch::default(),
            audit: None,
            end: None,
        }
    }

    pub fn failed(operation: &Operation, failure: OperationFailure) -> Self {
        let end = OperationEnd { state: OperationState::Failed, failure: Some(failure) };
        Self { end: Some(end), ..Self::of(operation) }
    }

    pub fn mark_examined(&mut self, id: Uuid) {
        self.cursor = Some(id);
        self.examined += 1;
    }

    /// Every row of a read was examined; if it returned fewer than the limit, the operation
    /// has succeeded.
    pub fn finish_if_exhausted(&mut self, rows: usize, limit: u32) {
        if rows < usize::try_from(limit).unwrap_or(usize::MAX) {
            self.end = Some(OperationEnd { state: OperationState::Succeeded, failure: None });
        }
    }
}

/// Plans the steps of operations.
pub(super) struct StepPlanner {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub on_demand: OnDemand,
    cluster: ClusterState,
}

impl StepPlanner {
    pub fn new(context: &ReplicaContext) -> Self {
        Self {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            on_demand: OnDemand::new(context),
            cluster: context.cluster.clone(),
        }
    }

    /// A replay's new delivery, due now, with all automatic retries. Its id lies after the
    /// replayed window, even if clocks were set back since, so that the replay never meets
    /// it.
    pub fn new_replay_delivery(
        &self,
        ended: &Delivery,
        subscription: &Subscription,
        snapshot: &TenantSnapshot,
        window: TimeWindow,
        now: Timestamp,
    ) -> Delivery {
        let ordering_key = ordering_key_for(subscription, ended.ordering_key.as_ref());
        Delivery {
            id: DeliveryId::new(ended.id.no_earlier(now).max(window.until), rand::random()),
            shard: snapshot.shard,
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
    pub fn new_backfill_delivery(
        &self,
        event: &Event,
        subscription: &Subscription,
        snapshot: &TenantSnapshot,
        now: Timestamp,
    ) -> Delivery {
        let ordering_key = ordering_key_for(subscription, event.content.ordering_key.as_ref());
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
