//! Sending again what has ended.
//!
//! Fed by ended deliveries in the order of their ids; feeds a step. Each is looked
//! at once, as it stands then. What a replay makes lies after its window and is
//! never met by itself. A deleted subscription's are passed over; a paused or a
//! disabled one's wait until it is enabled, as any delivery sent again does.

use postrider_domain::operation::{Operation, Replay};
use postrider_store::{StoreResult, Stretch};

use super::super::Flow;
use super::super::tenants::Snapshot;
use super::{Draft, SCAN_ROWS};

impl Flow {
    pub(super) async fn replay_step(
        &self,
        operation: &Operation,
        replay: &Replay,
        snapshot: &Snapshot,
    ) -> StoreResult<Draft> {
        let mut draft = Draft::of(operation);
        let stretch = Stretch {
            tenant: operation.tenant.clone(),
            subscription: replay.subscription.clone(),
            window: replay.window,
            after: operation.cursor,
            limit: SCAN_ROWS,
        };
        let found = self.store.ended_deliveries(&stretch).await?;
        let rows = found.len();
        let most = operation.task.step_limit();
        let now = self.clock.now();
        for ended in found {
            if draft.deliveries.len() >= most {
                return Ok(draft);
            }
            draft.looked_at(ended.id.0);
            let subscription = snapshot.subscription(&ended.subscription.subscription);
            if let Some(subscription) = subscription.filter(|_| replay.wants(&ended)) {
                draft.deliveries.push(self.replayed(&ended, subscription, replay.window, now));
            }
        }
        draft.read_to_its_end(rows, SCAN_ROWS);
        Ok(draft)
    }
}
