//! Decides what follows from a result: its row, and what is done once that is durable.
//!
//! Fed by the writer with results of which everything is known; feeds `commit` with rows
//! and `apply` with what follows. The decision itself is the domain's. Reads nothing but
//! the clock, chance, and who wants operational events.

use std::collections::HashSet;
use std::sync::Arc;

use postrider_domain::delivery::{
    DecisionTime, Delivery, DeliveryTransition, GrantedWait, conclude,
    conclude_without_subscription,
};
use postrider_domain::ids::SubscriptionKey;
use postrider_domain::subscription::Subscription;
use postrider_store::Conclusion;

use super::ConcludeWriter;
use super::report::AttemptReport;
use super::stages::{ConclusionBatch, CurrentResult, FollowUp};

impl ConcludeWriter {
    /// Decides about results, in their order.
    pub(super) fn decide_all(&self, results: Vec<CurrentResult>) -> ConclusionBatch {
        let mut batch = ConclusionBatch::with_capacity(results.len());
        let mut begun_streaks = HashSet::new();
        for result in results {
            let (row, follow_up) = self.decide(result, &mut begun_streaks);
            batch.push(row, follow_up);
        }
        batch
    }

    /// `begun_streaks`: the subscriptions of which this batch begins a failure streak.
    fn decide(
        &self,
        result: CurrentResult,
        begun_streaks: &mut HashSet<SubscriptionKey>,
    ) -> (Conclusion, FollowUp) {
        let CurrentResult { mut report, delivery: current, subscription, streak } = result;
        let delivery = current.as_delivery();
        let (transition, wait) = match &subscription {
            Some(found) => self.transition(&report, delivery, &found.subscription),
            None => (conclude_without_subscription(report.record.outcome), None),
        };
        // A result that is tried again may have been decided otherwise before.
        let next_attempt_time = match transition {
            DeliveryTransition::Retry { due, .. } => Some(due),
            DeliveryTransition::End { .. } => None,
        };
        if report.record.next_attempt_time != next_attempt_time {
            Arc::make_mut(&mut report.record).next_attempt_time = next_attempt_time;
        }
        let record = Arc::clone(&report.record);
        let row = match &subscription {
            None => Conclusion {
                record,
                delivery: delivery.into(),
                transition,
                key_end: None,
                streak: None,
                operational_event: None,
            },
            Some(found) => Conclusion {
                delivery: delivery.into(),
                transition,
                key_end: self.key_blocker.plan_key_end(
                    delivery,
                    record.outcome,
                    transition,
                    &found.subscription,
                ),
                streak: self.streak_change(&record, found, streak, begun_streaks),
                operational_event: self.exhausted_event(delivery, found, transition),
                record,
            },
        };
        let ends = matches!(transition, DeliveryTransition::End { .. });
        let freed = if ends { delivery.ordered_key() } else { None };
        let hold = wait.filter(|wait| wait.holds).map(|wait| wait.span);
        let was_in_memory = current.is_in_memory();
        (row, FollowUp { report, was_in_memory, subscription, hold, freed })
    }

    /// What becomes of the delivery, and the wait that its receiver is granted.
    fn transition(
        &self,
        report: &AttemptReport,
        delivery: &Delivery,
        subscription: &Subscription,
    ) -> (DeliveryTransition, Option<GrantedWait>) {
        let now = self.clock.now();
        let moment = DecisionTime {
            now,
            running: self.cluster.running_time(subscription, now),
            random: rand::random(),
        };
        let wait = self.granted_wait(report, subscription);
        let policy = &subscription.settings.retry;
        (conclude(delivery, report.record.outcome, wait, policy, moment), wait)
    }
}
