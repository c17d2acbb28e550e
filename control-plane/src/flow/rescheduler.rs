//! Makes waiting deliveries due when their policy says.
//!
//! Fed by `hold_keeper` when a hold ended early, and by `clock_recovery`; feeds the
//! table. Guarantees that nothing waits longer than its retry policy allows.

use std::sync::Arc;

use postrider_domain::ids::Shard;
use postrider_domain::subscription::Subscription;
use postrider_domain::time::Timestamp;
use postrider_store::{RescheduleRequest, Store, StoreResult};

use crate::state::context::ReplicaContext;

/// Most deliveries rescheduled in one call. Rows stay locked for one short statement, and a
/// million that wait take two hundred.
const MAX_RESCHEDULED_PER_CALL: u32 = 5_000;

/// Reschedules a subscription's waiting deliveries. Cheap to clone.
#[derive(Clone)]
pub struct Rescheduler {
    store: Arc<dyn Store>,
}

impl Rescheduler {
    pub fn new(context: &ReplicaContext) -> Self {
        Self { store: Arc::clone(&context.store) }
    }

    /// Makes a subscription's waiting deliveries due when its policy says, for attempts that
    /// were over at `since`.
    pub async fn reschedule_waiting(
        &self,
        subscription: &Subscription,
        shard: Shard,
        since: Timestamp,
        now: Timestamp,
    ) -> StoreResult<u64> {
        let longest = subscription.settings.retry.longest_delays();
        let request = RescheduleRequest { subscription: subscription.key(), shard, since, longest };
        let mut all = 0;
        loop {
            let some =
                self.store.reschedule_waiting(&request, now, MAX_RESCHEDULED_PER_CALL).await?;
            all += some;
            if some < u64::from(MAX_RESCHEDULED_PER_CALL) {
                return Ok(all);
            }
        }
    }
}
