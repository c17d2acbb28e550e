//! What the agent holds: attempts in flight, unacknowledged results, fences, credit.
//!
//! An attempt that is in flight, or whose result is unacknowledged, is not started
//! again. An assignment with an epoch older than the newest known one of its shard
//! is returned (invariant `one-owner`). Fencing a shard and listing what is held of
//! it is one step. A result uses its attempt's credit until it is acknowledged.
//!
//! How to drive it: `open_stream` after Welcome; `decide_on` for each assignment,
//! and start what it says; `finish_attempt` when an attempt ends; `acknowledge_results`
//! for each `ResultAck`; `grant_credit` after every one of these, and send what it
//! returns; `close_stream` at the end. Pure: time is a parameter.
//!
//! Keeps the invariant `no-second-post`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use postrider_proto::agent::v1::{
    Assignment, AttemptKey, AttemptResult, Inventory, ReturnReason, SubscriptionUpdate, TakeOver,
};

use crate::ids::{AttemptId, StreamNumber};
use crate::subscriptions::{CachedSubscription, SubscriptionCache};
use crate::work::credit_allocator::{CreditAllocator, CreditGrant};
use crate::work::result_outbox::ResultOutbox;

/// What the agent makes of an assignment.
#[derive(Debug)]
pub enum AssignmentDecision {
    /// Make the attempt.
    Start(AttemptId, Arc<CachedSubscription>),
    /// It is being made, or was made and its result waits.
    Duplicate,
    /// It is given back unstarted.
    Return(ReturnReason),
    /// Its key names nothing, so it cannot even be given back.
    InvalidKey,
}

/// The agent's whole state.
#[derive(Debug)]
pub struct AttemptLedger {
    in_flight: HashMap<AttemptId, InFlightAttempt>,
    outbox: ResultOutbox,
    capacity: CreditAllocator,
    subscriptions: SubscriptionCache,
    /// The highest epoch heard of, by shard.
    fences: HashMap<u32, u64>,
    draining: bool,
}

#[derive(Debug)]
struct InFlightAttempt {
    key: AttemptKey,
    stream: StreamNumber,
    payload_bytes: u64,
}

impl AttemptLedger {
    /// Holds nothing yet.
    pub fn new(capacity: CreditAllocator, subscriptions: SubscriptionCache) -> Self {
        Self {
            in_flight: HashMap::new(),
            outbox: ResultOutbox::default(),
            capacity,
            subscriptions,
            fences: HashMap::new(),
            draining: false,
        }
    }

    /// A replica welcomed the agent on a stream.
    pub fn open_stream(&mut self, stream: StreamNumber) {
        self.capacity.add_stream(stream);
        self.outbox.open(stream);
    }

    /// A stream ended; returns the stream that inherits its results.
    pub fn close_stream(&mut self, stream: StreamNumber) -> Option<StreamNumber> {
        self.capacity.remove_stream(stream);
        self.outbox.close(stream)
    }

    /// Decides on an assignment and, if it is to start, holds it.
    pub fn decide_on(
        &mut self,
        stream: StreamNumber,
        assignment: &Assignment,
    ) -> AssignmentDecision {
        let payload_bytes = assignment.payload.len() as u64;
        let had_credit = self.capacity.consume_credit(stream, payload_bytes);
        let Some((key, id)) =
            assignment.key.as_ref().and_then(|key| Some((key, AttemptId::from_wire(key)?)))
        else {
            return AssignmentDecision::InvalidKey;
        };
        if self.in_flight.contains_key(&id) || self.outbox.contains(id) {
            return AssignmentDecision::Duplicate;
        }
        let fence = self.fences.entry(key.shard).or_default();
        if key.epoch < *fence {
            return AssignmentDecision::Return(ReturnReason::StaleEpoch);
        }
        *fence = key.epoch;
        if self.draining {
            return AssignmentDecision::Return(ReturnReason::Draining);
        }
        if !had_credit {
            return AssignmentDecision::Return(ReturnReason::NoCredit);
        }
        let Some(subscription) = self.subscriptions.get_at_version(
            &assignment.tenant,
            &assignment.subscription,
            assignment.subscription_version,
        ) else {
            return AssignmentDecision::Return(ReturnReason::UnknownSubscription);
        };
        self.capacity.mark_in_use(stream, payload_bytes);
        let held = InFlightAttempt { key: key.clone(), stream, payload_bytes };
        self.in_flight.insert(id, held);
        AssignmentDecision::Start(id, subscription)
    }

    /// Takes what an attempt came to; returns the stream that is to send it.
    pub fn finish_attempt(
        &mut self,
        id: AttemptId,
        result: AttemptResult,
        began: Instant,
    ) -> Option<StreamNumber> {
        let attempt = self.in_flight.remove(&id)?;
        debug_assert!(!self.outbox.contains(id), "an attempt in flight has no result");
        self.capacity.release_bytes(attempt.stream, attempt.payload_bytes);
        self.outbox.add_result(id, result, began, attempt.stream)
    }

    /// Forgets results that a replica has committed.
    pub fn acknowledge_results(&mut self, keys: &[AttemptKey]) {
        for id in keys.iter().filter_map(AttemptId::from_wire) {
            if let Some(stream) = self.outbox.acknowledge(id) {
                self.capacity.release_assignment(stream);
            }
        }
    }

    /// Fences a shard and tells everything of it that is still held.
    pub fn fence_shard(&mut self, take_over: &TakeOver) -> Inventory {
        let TakeOver { shard, epoch } = *take_over;
        let fence = self.fences.entry(shard).or_default();
        *fence = epoch.max(*fence);
        let of_shard = |key: &&AttemptKey| key.shard == shard;
        Inventory {
            shard,
            epoch,
            in_flight: self.in_flight_keys().filter(of_shard).cloned().collect(),
            unacknowledged: self.outbox.keys().filter(of_shard).cloned().collect(),
        }
    }

    /// Keeps a subscription's settings.
    pub fn update_subscription(&mut self, update: &SubscriptionUpdate) {
        self.subscriptions.update(update);
    }

    /// What a replica could assign now.
    pub fn record_backlog(&mut self, stream: StreamNumber, backlog: u64) {
        self.capacity.record_backlog(stream, backlog);
    }

    /// New credit, unless the agent wants no more work.
    pub fn grant_credit(&mut self) -> Vec<(StreamNumber, CreditGrant)> {
        match self.draining {
            true => Vec::new(),
            false => self.capacity.grant_credit(),
        }
    }

    /// Wants no more work from now on.
    pub fn stop_taking_work(&mut self) {
        self.draining = true;
    }

    /// Whether nothing is in flight and nothing waits for an acknowledgement.
    pub fn is_drained(&self) -> bool {
        self.in_flight.is_empty() && self.outbox.len() == 0
    }

    /// The keys of the attempts in flight.
    pub fn in_flight_keys(&self) -> impl Iterator<Item = &AttemptKey> {
        self.in_flight.values().map(|attempt| &attempt.key)
    }

    /// How many attempts are in flight.
    pub fn in_flight_count(&self) -> usize {
        self.in_flight.len()
    }

    /// The results that wait.
    pub fn outbox(&self) -> &ResultOutbox {
        &self.outbox
    }

    /// The results that wait, to send them.
    pub fn outbox_mut(&mut self) -> &mut ResultOutbox {
        &mut self.outbox
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use postrider_proto::agent::v1 as wire;

    use super::*;

    const A: StreamNumber = StreamNumber(1);
    const B: StreamNumber = StreamNumber(2);

    fn ledger() -> AttemptLedger {
        let mut ledger =
            AttemptLedger::new(CreditAllocator::new(64, 1 << 20), SubscriptionCache::new(10, 64));
        ledger.update_subscription(&SubscriptionUpdate {
            tenant: "acme".to_owned(),
            subscription: "s".to_owned(),
            version: 1,
            url: "https://pay.example/".to_owned(),
            ..Default::default()
        });
        ledger.open_stream(A);
        ledger.open_stream(B);
        ledger.grant_credit();
        ledger
    }

    fn assignment(number: u32, epoch: u64, version: u64) -> Assignment {
        Assignment {
            key: Some(AttemptKey {
                delivery_id: Bytes::from_static(&[9; 16]),
                number,
                shard: 4,
                epoch,
                mac: Bytes::from_static(b"proof of replica"),
            }),
            tenant: "acme".to_owned(),
            subscription: "s".to_owned(),
            subscription_version: version,
            payload: Bytes::from_static(b"{}"),
            ..Default::default()
        }
    }

    fn start(ledger: &mut AttemptLedger, number: u32, epoch: u64) -> AttemptId {
        match ledger.decide_on(A, &assignment(number, epoch, 1)) {
            AssignmentDecision::Start(id, _) => id,
            other => panic!("{other:?}"),
        }
    }

    fn result(number: u32, epoch: u64) -> AttemptResult {
        AttemptResult {
            key: assignment(number, epoch, 1).key,
            fact: wire::Fact::Response.into(),
            ..Default::default()
        }
    }

    fn returned(admission: AssignmentDecision) -> ReturnReason {
        match admission {
            AssignmentDecision::Return(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_attempt_held_is_not_started_again() {
        let mut ledger = ledger();
        let id = start(&mut ledger, 1, 1);
        let again = |ledger: &mut AttemptLedger| ledger.decide_on(B, &assignment(1, 2, 1));
        assert!(matches!(again(&mut ledger), AssignmentDecision::Duplicate));
        ledger.finish_attempt(id, result(1, 1), Instant::now());
        assert!(matches!(again(&mut ledger), AssignmentDecision::Duplicate));
        assert!(!ledger.is_drained());
        ledger.acknowledge_results(&[result(1, 1).key.unwrap()]);
        assert!(ledger.is_drained());
    }

    #[test]
    fn a_take_over_fences_and_tells_what_is_held() {
        let mut ledger = ledger();
        let concluded = start(&mut ledger, 1, 3);
        start(&mut ledger, 2, 3);
        ledger.finish_attempt(concluded, result(1, 3), Instant::now());
        let inventory = ledger.fence_shard(&TakeOver { shard: 4, epoch: 5 });
        assert_eq!((inventory.shard, inventory.epoch), (4, 5));
        assert_eq!(inventory.in_flight[0].number, 2);
        assert_eq!(inventory.unacknowledged[0].number, 1);
        for held in inventory.in_flight.iter().chain(&inventory.unacknowledged) {
            assert_eq!(&*held.mac, b"proof of replica", "it goes back as it came");
        }
        let stale = ledger.decide_on(A, &assignment(3, 4, 1));
        assert_eq!(returned(stale), ReturnReason::StaleEpoch);
        start(&mut ledger, 3, 5);
        let other = ledger.fence_shard(&TakeOver { shard: 9, epoch: 1 });
        assert!(other.in_flight.is_empty() && other.unacknowledged.is_empty());
    }

    #[test]
    fn an_assignment_of_a_newer_epoch_fences_as_well() {
        let mut ledger = ledger();
        start(&mut ledger, 1, 7);
        let stale = ledger.decide_on(B, &assignment(2, 6, 1));
        assert_eq!(returned(stale), ReturnReason::StaleEpoch);
        let late = ledger.fence_shard(&TakeOver { shard: 4, epoch: 6 });
        assert_eq!(late.in_flight.len(), 1);
        let stale = ledger.decide_on(B, &assignment(2, 6, 1));
        assert_eq!(returned(stale), ReturnReason::StaleEpoch);
    }

    #[test]
    fn what_cannot_start_is_given_back_with_the_reason() {
        let mut ledger = ledger();
        let unknown = ledger.decide_on(A, &assignment(1, 1, 2));
        assert_eq!(returned(unknown), ReturnReason::UnknownSubscription);
        ledger.stop_taking_work();
        let draining = ledger.decide_on(A, &assignment(1, 1, 1));
        assert_eq!(returned(draining), ReturnReason::Draining);
        assert!(ledger.grant_credit().is_empty());
    }

    #[test]
    fn more_than_the_credit_is_given_back() {
        let mut ledger = ledger();
        let reasons: Vec<_> = (1..=64)
            .map(|number| ledger.decide_on(A, &assignment(number, 1, 1)))
            .skip_while(|admission| matches!(admission, AssignmentDecision::Start(..)))
            .map(returned)
            .collect();
        assert!(!reasons.is_empty());
        assert!(reasons.iter().all(|reason| *reason == ReturnReason::NoCredit));
    }

    #[test]
    fn a_key_that_names_nothing_is_ignored() {
        let mut ledger = ledger();
        let mut invalid = assignment(1, 1, 1);
        invalid.key.as_mut().unwrap().delivery_id = Bytes::from_static(b"short");
        assert!(matches!(ledger.decide_on(A, &invalid), AssignmentDecision::InvalidKey));
    }
}
