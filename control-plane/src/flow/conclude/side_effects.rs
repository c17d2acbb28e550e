//! Log lines about what results did to endpoints.
//!
//! Fed by the writer with durable results; feeds the log. Guarantees one line for each
//! change of a breaker, and one for each subscription of a batch: an endpoint that
//! fails a million deliveries does not fill the log.

use std::collections::BTreeMap;

use postrider_domain::delivery::{DeliveryState, DeliveryTransition};
use postrider_domain::ids::SubscriptionKey;
use postrider_domain::scheduler::Scheduler;
use postrider_domain::time::Timestamp;

use super::stages::CommittedResult;

/// Breakers that opened or closed, collected under the scheduler's lock and logged after
/// it.
#[derive(Default)]
pub(super) struct BreakerChanges(Vec<(SubscriptionKey, BreakerChange)>);

enum BreakerChange {
    Opened,
    Closed { since: Timestamp },
}

impl BreakerChanges {
    /// Runs `done`, and notes whether it opened or closed the endpoint's breaker.
    pub fn watch(
        &mut self,
        scheduler: &mut Scheduler,
        key: &SubscriptionKey,
        now: Timestamp,
        done: impl FnOnce(&mut Scheduler),
    ) {
        let opened = |scheduler: &Scheduler| scheduler.lane(key, now)?.breaker_opened;
        let before = opened(scheduler);
        done(scheduler);
        match (before, opened(scheduler)) {
            (None, Some(_)) => self.0.push((key.clone(), BreakerChange::Opened)),
            (Some(since), None) => self.0.push((key.clone(), BreakerChange::Closed { since })),
            _ => {}
        }
    }

    pub fn log(self) {
        for (key, change) in self.0 {
            match change {
                BreakerChange::Opened => {
                    tracing::warn!(subscription = %key, "circuit breaker opened; the endpoint is only probed until an attempt succeeds");
                }
                BreakerChange::Closed { since } => {
                    tracing::info!(subscription = %key, %since, "circuit breaker closed");
                }
            }
        }
    }
}

/// Logs deliveries that ended without success, one line for each subscription.
pub(super) fn log_exhausted(committed: &[CommittedResult]) {
    let mut exhausted = BTreeMap::new();
    for CommittedResult { row, .. } in committed {
        if let DeliveryTransition::End { state: DeliveryState::Exhausted, reason } = row.transition
        {
            let record = &row.record;
            let entry = exhausted.entry(&record.subscription).or_insert((0_u32, record, reason));
            entry.0 += 1;
        }
    }
    for (subscription, (count, record, reason)) in exhausted {
        tracing::warn!(
            %subscription,
            count,
            first = %record.key.delivery,
            reason = reason.map(tracing::field::debug),
            last_outcome = ?record.outcome,
            last_http_status = record.http_status,
            "deliveries exhausted"
        );
    }
}
