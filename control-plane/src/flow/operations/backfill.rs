//! Events of the past for a subscription that did not match them then.
//!
//! Fed by events in the order of their ids; feeds a step. The subscription is taken
//! as it is at each step, its content filter included. An event that has a delivery
//! to it, of whatever state, is passed over; it is looked for after the events were
//! read, so that one that is committed meanwhile, with its deliveries, is not
//! delivered twice.

use postrider_domain::content_filter::ContentFilter;
use postrider_domain::delivery::Delivery;
use postrider_domain::ids::EventId;
use postrider_domain::operation::{Backfill, Operation, OperationFailure, Wanted, wants_event};
use postrider_store::{StoreResult, Stretch};

use super::super::Flow;
use super::super::tenants::Snapshot;
use super::{Draft, SCAN_ROWS};

/// Events read at once with their payloads, which a content filter looks into.
const SCAN_PAYLOADS: u32 = 32;

impl Flow {
    pub(super) async fn backfill_step(
        &self,
        operation: &Operation,
        backfill: &Backfill,
        snapshot: &Snapshot,
    ) -> StoreResult<Draft> {
        let Some(subscription) = snapshot.subscription(&backfill.subscription) else {
            return Ok(Draft::failed(operation, OperationFailure::SubscriptionDeleted));
        };
        let source = subscription.settings.content_filter.as_str();
        let filter = (!source.is_empty()).then(|| ContentFilter::from_stored(source));
        let limit = if filter.is_some() { SCAN_PAYLOADS } else { SCAN_ROWS };
        let stretch = Stretch {
            tenant: operation.tenant.clone(),
            subscription: None,
            window: backfill.window,
            after: operation.cursor,
            limit,
        };
        let found = self.store.stretch_of_events(&stretch, filter.is_some()).await?;
        let rows = found.len();
        let settings = &subscription.settings;
        let mut judged = Vec::with_capacity(rows);
        for event in found {
            judged.push((wants_event(settings, filter.as_ref(), &event), event));
            if filter.is_some() {
                // Each may take milliseconds: others get their turn in between.
                tokio::task::yield_now().await;
            }
        }
        let asked: Vec<EventId> = judged
            .iter()
            .filter(|(wanted, _)| wanted.is_some())
            .map(|(_, event)| event.id)
            .collect();
        let delivered = self.store.delivered_events(&subscription.key(), &asked).await?;
        let mut draft = Draft::of(operation);
        let most = operation.task.step_limit();
        let now = self.clock.now();
        for (wanted, event) in judged {
            if draft.deliveries.len() >= most {
                return Ok(draft);
            }
            draft.looked_at(event.id.0);
            if let Some(Wanted { filter_failed }) = wanted
                && !delivered.contains(&event.id)
            {
                let new = self.backfilled(&event, subscription, snapshot, now);
                draft.deliveries.push(Delivery { filter_failed, ..new });
            }
        }
        draft.read_to_its_end(rows, limit);
        Ok(draft)
    }
}
