//! Log lines about what results did to endpoints.
//!
//! Fed by the writer with durable results; feeds the log. Guarantees one line for each
//! change of a breaker, and one for each subscription of a batch, within a bound: endpoints
//! that fail a million deliveries do not fill the log.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use postrider_domain::delivery::{DeliveryState, DeliveryTransition};
use postrider_domain::ids::SubscriptionKey;
use postrider_domain::scheduler::BreakerSpan;
use postrider_domain::time::Timestamp;
use postrider_telemetry::LineLimit;

use super::stages::CommittedResult;
use crate::metrics::Metrics;

/// Lines of one kind that are written in a row: a receiver's outage opens the breakers of
/// some subscriptions at once, and each is of interest.
const MAX_LINES_IN_A_ROW: u32 = 50;
/// Then one in this time: nobody reads faster.
const LINE_INTERVAL: Duration = Duration::from_secs(1);

static OPENED_BREAKERS: LineLimit = LineLimit::new(MAX_LINES_IN_A_ROW, LINE_INTERVAL);
static CLOSED_BREAKERS: LineLimit = LineLimit::new(MAX_LINES_IN_A_ROW, LINE_INTERVAL);
static EXHAUSTED_DELIVERIES: LineLimit = LineLimit::new(MAX_LINES_IN_A_ROW, LINE_INTERVAL);

/// Breakers that opened or closed, collected under the scheduler's lock and logged after
/// it.
#[derive(Default)]
pub(super) struct BreakerChanges(Vec<(SubscriptionKey, BreakerChange)>);

enum BreakerChange {
    Opened,
    Closed { since: Timestamp },
}

impl BreakerChanges {
    /// Notes whether an attempt's end opened or closed the endpoint's breaker.
    pub fn note(&mut self, key: &SubscriptionKey, breaker: BreakerSpan) {
        match (breaker.before, breaker.after) {
            (None, Some(_)) => self.0.push((key.clone(), BreakerChange::Opened)),
            (Some(since), None) => self.0.push((key.clone(), BreakerChange::Closed { since })),
            _ => {}
        }
    }

    pub fn count(&self, metrics: &Metrics) {
        for (_, change) in &self.0 {
            match change {
                BreakerChange::Opened => metrics.breaker_opened(),
                BreakerChange::Closed { .. } => metrics.breaker_closed(),
            }
        }
    }

    pub fn log(self) {
        let now = Instant::now();
        for (key, change) in self.0 {
            let limit = match change {
                BreakerChange::Opened => &OPENED_BREAKERS,
                BreakerChange::Closed { .. } => &CLOSED_BREAKERS,
            };
            let Some(left_out) = limit.next_line(now) else { continue };
            match change {
                BreakerChange::Opened => {
                    tracing::warn!(subscription = %key, left_out, "circuit breaker opened; the endpoint is only probed until an attempt succeeds");
                }
                BreakerChange::Closed { since } => {
                    tracing::info!(subscription = %key, %since, left_out, "circuit breaker closed");
                }
            }
        }
    }
}

/// Logs deliveries that ended without success, one line for each subscription.
pub(super) fn log_exhausted(committed: &[CommittedResult]) {
    let now = Instant::now();
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
        let Some(left_out) = EXHAUSTED_DELIVERIES.next_line(now) else { continue };
        tracing::warn!(
            %subscription,
            count,
            left_out,
            first = %record.key.delivery,
            reason = reason.map(tracing::field::debug),
            last_outcome = ?record.outcome,
            last_http_status = record.http_status,
            "deliveries exhausted"
        );
    }
}
