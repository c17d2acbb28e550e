//! Plans an expunge's step: events that lose their payloads.
//!
//! Fed by events in the order of their ids and, for an account, by ended deliveries, whose
//! events may have been forgotten before them; feeds the step. Deliveries that have not
//! ended are cancelled before the step where that was asked for; whatever keeps one from
//! it, the store leaves the event as it is. The last step finds nothing and leaves the
//! record of what was removed.
//!
//! Keeps the invariant `removed-payloads-stay-removed`.

use postrider_domain::delivery::{Delivery, EndReason};
use postrider_domain::ids::EventId;
use postrider_domain::operation::{ExpungeSelection, ExpungeTask, Operation, OperationState};
use postrider_identity::{AuditDraft, AuditFields, AuditOrigin};
use postrider_store::{HistoryRange, OperationEnd, RemovalCounts, StoreError, StoreResult};
use uuid::Uuid;

use super::planner::{MAX_ROWS_PER_STEP, StepDraft, StepPlanner};
use crate::audited_fields;
use crate::flow::on_demand::CancelError;

/// What records name when an expunge cancels and when it ends.
const EXPUNGE_RECORD: &str = "postrider.v1.EventService/ExpungeEvents";

impl StepPlanner {
    pub(super) async fn plan_expunge_step(
        &self,
        operation: &Operation,
        expunge: &ExpungeTask,
    ) -> StoreResult<StepDraft> {
        let mut draft = StepDraft::of(operation);
        let events = match &expunge.selection {
            ExpungeSelection::Events(named) => next_named(named, &mut draft),
            ExpungeSelection::Account(_) => {
                self.next_of_account(operation, expunge, &mut draft).await?
            }
        };
        if draft.cursor == operation.cursor {
            draft.end = Some(OperationEnd { state: OperationState::Succeeded, failure: None });
            draft.audit = (!expunge.dry_run).then(|| self.record_of_end(operation));
            return Ok(draft);
        }
        if events.is_empty() {
            return Ok(draft);
        }
        if expunge.dry_run {
            draft.expunged.counted = self.count(operation, &events).await?;
            return Ok(draft);
        }
        if expunge.cancel_unfinished {
            self.cancel_unfinished(operation, &events).await?;
        }
        draft.expunged.events = events;
        Ok(draft)
    }

    /// The account's events of the next stretch of ids, and its ended deliveries.
    async fn next_of_account(
        &self,
        operation: &Operation,
        expunge: &ExpungeTask,
        draft: &mut StepDraft,
    ) -> StoreResult<Vec<EventId>> {
        let stretch = HistoryRange {
            tenant: operation.tenant.clone(),
            subscription: None,
            window: expunge.window,
            after: operation.cursor,
            limit: MAX_ROWS_PER_STEP,
        };
        let events = self.store.list_events_in_range(&stretch, false).await?;
        let ended = self.store.list_ended_in_range(&stretch).await?;
        // A list that is full ends before the other may.
        let end_of = |ids: &mut dyn Iterator<Item = Uuid>| -> Option<Uuid> {
            let ids: Vec<Uuid> = ids.collect();
            ids.last().copied().filter(|_| ids.len() >= MAX_ROWS_PER_STEP as usize)
        };
        let ends = [
            end_of(&mut events.iter().map(|event| event.id.0)),
            end_of(&mut ended.iter().map(|delivery| delivery.id.0)),
        ];
        let bound = ends.into_iter().flatten().min().unwrap_or(Uuid::max());
        let mut wanted = Vec::new();
        for event in events.iter().filter(|event| event.id.0 <= bound) {
            draft.mark_examined(event.id.0);
            let account = event.content.account.as_deref();
            if expunge.wants_account(account) && event.payload_removal.is_none() {
                wanted.push(event.id);
            }
        }
        for delivery in ended.iter().filter(|delivery| delivery.id.0 <= bound) {
            draft.cursor = draft.cursor.max(Some(delivery.id.0));
            if expunge.wants_account(delivery.account.as_deref()) && !expunge.dry_run {
                draft.expunged.deliveries.push(delivery.id);
            }
        }
        Ok(wanted)
    }

    /// What a step would remove.
    async fn count(&self, operation: &Operation, events: &[EventId]) -> StoreResult<RemovalCounts> {
        let tenant = &operation.tenant;
        let deliveries = self.store.deliveries_of(tenant, events).await?;
        let mut counts = RemovalCounts::default();
        for event in events {
            let is_unfinished = |row: &Delivery| row.event == *event && !row.state.is_final();
            counts.unfinished += u64::from(deliveries.iter().any(is_unfinished));
            let found = self.store.get_event(tenant, *event).await?;
            if let Some(found) = found.filter(|found| found.payload_removal.is_none()) {
                counts.events += 1;
                counts.payload_bytes += found.content.payload.len() as u64;
            }
        }
        Ok(counts)
    }

    /// Cancels what has not ended. An attempt that is under way at an agent is not stopped;
    /// what its receiver answers is not kept.
    async fn cancel_unfinished(
        &self,
        operation: &Operation,
        events: &[EventId],
    ) -> StoreResult<()> {
        let tenant = &operation.tenant;
        let origin = AuditOrigin::system(EXPUNGE_RECORD);
        for delivery in self.store.deliveries_of(tenant, events).await? {
            if delivery.state.is_final() {
                continue;
            }
            let reason = EndReason::EventExpunged;
            match self.on_demand.cancel_for(tenant, delivery.id, reason, &origin).await {
                Ok(_) | Err(CancelError::NotFound | CancelError::AlreadyEnded(_)) => {}
                Err(CancelError::NotOwner) => {
                    let problem = "the tenant's shard is changing its owner";
                    return Err(StoreError::Unavailable(problem.to_owned()));
                }
                Err(CancelError::Store(error)) => return Err(error),
            }
        }
        Ok(())
    }

    fn record_of_end(&self, operation: &Operation) -> AuditDraft {
        let name = format!("tenants/{}/operations/{}", operation.tenant, operation.id);
        let draft = AuditOrigin::system(EXPUNGE_RECORD).draft(&name, self.clock.now());
        draft.with_changes(&AuditFields::none(), &audited_fields::of_expunged(operation))
    }
}

/// The named events that were not looked at yet.
fn next_named(named: &[EventId], draft: &mut StepDraft) -> Vec<EventId> {
    let after = draft.cursor;
    let rest: Vec<EventId> =
        named.iter().copied().filter(|id| after.is_none_or(|after| id.0 > after)).collect();
    rest.iter().for_each(|id| draft.mark_examined(id.0));
    rest
}
