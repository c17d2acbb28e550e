//! Plans a backfill's step: deliveries of past events for a subscription that did not
//! match them then.
//!
//! Fed by events in the order of their ids; feeds the step. Each step uses the
//! subscription's current settings, content filter included. An event that already has
//! a delivery to the subscription, in any state, is skipped. Deliveries are looked up
//! after the events were read, so that an event committed in between, with its
//! deliveries, is not delivered twice.

use postrider_domain::content_filter::ContentFilter;
use postrider_domain::delivery::Delivery;
use postrider_domain::ids::EventId;
use postrider_domain::operation::{
    Backfill, BackfillMatch, Operation, OperationFailure, wants_event,
};
use postrider_store::{HistoryRange, StoreResult};

use super::planner::{MAX_ROWS_PER_STEP, StepDraft, StepPlanner};
use crate::state::tenants::TenantSnapshot;

/// Most events read in one step when a content filter needs their payloads. With 256 KiB
/// each at most 8 MiB.
const MAX_PAYLOADS_PER_STEP: u32 = 32;

impl StepPlanner {
    pub(super) async fn plan_backfill_step(
        &self,
        operation: &Operation,
        backfill: &Backfill,
        snapshot: &TenantSnapshot,
    ) -> StoreResult<StepDraft> {
        let Some(subscription) = snapshot.subscription(&backfill.subscription) else {
            return Ok(StepDraft::failed(operation, OperationFailure::SubscriptionDeleted));
        };
        let source = subscription.settings.content_filter.as_str();
        let filter = (!source.is_empty()).then(|| ContentFilter::from_stored(source));
        let limit = if filter.is_some() { MAX_PAYLOADS_PER_STEP } else { MAX_ROWS_PER_STEP };
        let stretch = HistoryRange {
            tenant: operation.tenant.clone(),
            subscription: None,
            window: backfill.window,
            after: operation.cursor,
            limit,
        };
        let found = self.store.list_events_in_range(&stretch, filter.is_some()).await?;
        let rows = found.len();
        let settings = &subscription.settings;
        let mut judged = Vec::with_capacity(rows);
        for event in found {
            judged.push((wants_event(settings, filter.as_ref(), &event), event));
            if filter.is_some() {
                // A filter may take milliseconds: let other tasks run in between.
                tokio::task::yield_now().await;
            }
        }
        let asked: Vec<EventId> = judged
            .iter()
            .filter(|(wanted, _)| wanted.is_some())
            .map(|(_, event)| event.id)
            .collect();
        let delivered = self.store.find_delivered_events(&subscription.key(), &asked).await?;
        let mut draft = StepDraft::of(operation);
        let most = operation.task.step_limit();
        let now = self.clock.now();
        for (wanted, event) in judged {
            if draft.deliveries.len() >= most {
                return Ok(draft);
            }
            draft.mark_examined(event.id.0);
            if let Some(BackfillMatch { filter_failed }) = wanted
                && !delivered.contains(&event.id)
            {
                let new = self.new_backfill_delivery(&event, subscription, snapshot, now);
                draft.deliveries.push(Delivery { filter_failed, ..new });
            }
        }
        draft.finish_if_exhausted(rows, limit);
        Ok(draft)
    }
}
