//! Records the results of attempts, in time or late, and moves their deliveries.

use postrider_domain::delivery::{
    self, AttemptRecord, DeliveryState, DeliveryStatus, DeliveryTransition, KnownAttempt,
    LateRecord, LateResult, Outcome, Trigger,
};
use postrider_domain::time::Timestamp;
use postrider_store::engine::StreakChanges;
use postrider_store::{Conclusion, ConclusionOutcome, StoreResult};

use crate::refuse_nul;
use crate::tables::MemoryTables;

impl MemoryTables {
    /// Applies results whose deliveries are still in the attempts concluded.
    pub fn conclude(
        &mut self,
        batch: &[Conclusion],
        now: Timestamp,
    ) -> StoreResult<Vec<ConclusionOutcome>> {
        batch.iter().try_for_each(|item| refuse(&item.record))?;
        let mut changes = StreakChanges::default();
        let mut operational_events = Vec::new();
        let mut answers = Vec::with_capacity(batch.len());
        for item in batch {
            if !self.conclude_one(item, now) {
                answers.push(ConclusionOutcome::NotCurrent);
                continue;
            }
            answers.push(ConclusionOutcome::Applied);
            if let Some(change) = &item.streak {
                changes.push(&item.record.subscription, change);
            }
            operational_events.extend(&item.operational_event);
        }
        self.write_to_outbox(operational_events);
        self.change_streaks(&changes);
        Ok(answers)
    }

    /// Applies a result; whether it was current.
    fn conclude_one(&mut self, item: &Conclusion, now: Timestamp) -> bool {
        let key = item.record.key;
        let found = self.unfinished.get_mut(&key.delivery).filter(|delivery| {
            delivery.state == DeliveryState::InFlight && delivery.current_attempt() == key
        });
        let Some(delivery) = found else { return false };
        match item.transition {
            DeliveryTransition::End { state, reason } => self.end(key.delivery, state, reason, now),
            DeliveryTransition::Retry { due, failures } => {
                delivery.state = DeliveryState::Waiting;
                delivery.due = due;
                delivery.failures = failures;
                delivery.trigger = Trigger::Retry;
            }
        }
        self.put_attempt(&item.record, Some(item.transition.standing()), now);
        self.count(&item.record, 1);
        if let Some(end) = &item.key_end {
            self.put_key_end(end);
        }
        true
    }

    /// Records a result that came after its delivery had moved on (invariant `any-success-counts`).
    pub fn conclude_late(
        &mut self,
        record: &AttemptRecord,
        now: Timestamp,
    ) -> StoreResult<LateResult> {
        refuse(record)?;
        let record = &self.recordable(record);
        let key = record.key;
        let before = self.attempt(key).map(|stored| stored.record.clone());
        let known = match &before {
            None => KnownAttempt::Nothing,
            Some(before) if before.outcome == Outcome::Unknown => KnownAttempt::Unknown,
            Some(_) => KnownAttempt::Result,
        };
        let standing = self
            .delivery(&record.subscription.tenant, key.delivery)
            .map(postrider_domain::delivery::Delivery::standing);
        let late = delivery::late(standing.map(|before| before.state), known, record.outcome);
        if late.record == LateRecord::ReplaceUnknown {
            // At a new place, so that a tail that has shown the UNKNOWN shows this.
            if let Some(place) = self.places.remove(&key) {
                self.attempts.remove(&place);
            }
            before.iter().for_each(|before| self.count(before, -1));
        }
        if late.record != LateRecord::Ignore {
            self.put_attempt(record, late.standing(standing), now);
            self.count(record, 1);
        }
        if standing.is_some() {
            self.settle(record, late, now);
        }
        Ok(late)
    }

    /// Brings the delivery itself up to what a late result says of it.
    fn settle(&mut self, record: &AttemptRecord, late: LateResult, now: Timestamp) {
        let (id, number) = (record.key.delivery, record.key.number);
        let mut overtaken = None;
        if let Some(delivery) = self.unfinished.get_mut(&id).or(self.ended.get_mut(&id)) {
            overtaken = late.overtaken(delivery, number, now);
            delivery.attempts = delivery.attempts.max(number);
        }
        if !late.succeeds {
            return;
        }
        if let Some(overtaken) = &overtaken {
            self.put_unless_known(overtaken, DeliveryStatus::SUCCEEDED, now);
        }
        self.end(id, DeliveryState::Succeeded, None, now);
        if let Some(delivery) = self.ended.get_mut(&id) {
            delivery.state = DeliveryState::Succeeded;
            delivery.end_reason = None;
            delivery.end_time = Some(id.no_earlier(now));
            let delivery = delivery.clone();
            self.free_key_of(&delivery);
        }
    }
}

fn refuse(record: &AttemptRecord) -> StoreResult<()> {
    let texts = [&record.event_type, &record.remote_address, &record.http_version];
    refuse_nul(texts.into_iter().map(String::as_str).chain([&*record.agent.0]))
}
