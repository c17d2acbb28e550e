//! Plans a replay's step: new deliveries for ones that have ended.
//!
//! Fed by ended deliveries in the order of their ids; feeds the step. Each is looked at
//! once, in its current state. The deliveries that a replay creates lie after its
//! window, so that it never meets them. Those of a deleted subscription are skipped;
//! those of a paused or disabled one wait until it is enabled, like any delivery that
//! is sent again.

use postrider_domain::operation::{Operation, Replay};
use postrider_store::{HistoryRange, StoreResult};

use super::planner::{MAX_ROWS_PER_STEP, StepDraft, StepPlanner};
use crate::state::tenants::TenantSnapshot;

impl StepPlanner {
    pub(super) async fn plan_replay_step(
        &self,
        operation: &Operation,
        replay: &Replay,
        snapshot: &TenantSnapshot,
    ) -> StoreResult<StepDraft> {
        let mut draft = StepDraft::of(operation);
        let stretch = HistoryRange {
            tenant: operation.tenant.clone(),
            subscription: replay.subscription.clone(),
            window: replay.window,
            after: operation.cursor,
            limit: MAX_ROWS_PER_STEP,
        };
        let found = self.store.list_ended_in_range(&stretch).await?;
        let rows = found.len();
        let most = operation.task.step_limit();
        let now = self.clock.now();
        for ended in found {
            if draft.deliveries.len() >= most {
                return Ok(draft);
            }
            draft.mark_examined(ended.id.0);
            let subscription = snapshot.subscription(&ended.subscription.subscription);
            if let Some(subscription) = subscription.filter(|_| replay.wants(&ended)) {
                draft.deliveries.push(self.new_replay_delivery(
                    &ended,
                    subscription,
                    snapshot,
                    replay.window,
                    now,
                ));
            }
        }
        draft.finish_if_exhausted(rows, MAX_ROWS_PER_STEP);
        Ok(draft)
    }
}
