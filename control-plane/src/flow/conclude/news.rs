//! Lines in the log about what results did to endpoints.
//!
//! Fed by the writer with durable results; feeds the log. Guarantees one line for a
//! change, or for each subscription of a batch: an endpoint that fails a million
//! deliveries does not fill the log with them.

use std::collections::BTreeMap;

use postrider_domain::delivery::{DeliveryState, Transition};
use postrider_domain::ids::SubscriptionKey;
use postrider_domain::scheduler::Scheduler;
use postrider_domain::time::Timestamp;

use super::Decided;

/// Breakers that opened or closed under one lock, whose lines are written after it.
#[derive(Default)]
pub(super) struct BreakerTurns(Vec<(SubscriptionKey, Turn)>);

enum Turn {
    Opened,
    Closed { since: Timestamp },
}

impl BreakerTurns {
    /// Compares an endpoint's breaker before and after what is done.
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
            (None, Some(_)) => self.0.push((key.clone(), Turn::Opened)),
            (Some(since), None) => self.0.push((key.clone(), Turn::Closed { since })),
            _ => {}
        }
    }

    pub fn log(self) {
        for (key, turn) in self.0 {
            match turn {
                Turn::Opened => {
                    tracing::warn!(subscription = %key, "its breaker opened: the endpoint is only probed until something succeeds");
                }
                Turn::Closed { since } => {
                    tracing::info!(subscription = %key, %since, "its breaker closed");
                }
            }
        }
    }
}

/// Deliveries that ended without success, a line for each subscription.
pub(super) fn log_exhausted(applied: &[Decided]) {
    let mut exhausted = BTreeMap::new();
    for Decided { report, transition, .. } in applied {
        if let Transition::End { state: DeliveryState::Exhausted, reason } = transition {
            let record = &report.record;
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
