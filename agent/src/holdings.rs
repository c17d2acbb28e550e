//! Everything the agent holds: attempts in flight, results, fences, credit.
//!
//! Fed by the sessions with what replicas say and by attempts with what they
//! came to; feeds the sessions what to answer. Guarantees that an attempt which
//! is in flight or whose result waits is not started a second time; that an
//! assignment of an epoch older than one heard of is given back (rule 2); that
//! an inventory and the fence it answers are one step; and that a result uses
//! its attempt's credit until it is acknowledged. Pure: time is a parameter.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use postrider_proto::agent::v1::{
    Assignment, AttemptKey, AttemptResult, Inventory, ReturnReason, SubscriptionUpdate, TakeOver,
};

use crate::capacity::{Capacity, Granted};
use crate::key::{AttemptId, StreamId};
use crate::report::Report;
use crate::subscriptions::{Subscription, Subscriptions};

/// What the agent makes of an assignment.
#[derive(Debug)]
pub enum Admission {
    /// Make the attempt.
    Start(AttemptId, Arc<Subscription>),
    /// It is being made, or was made and its result waits.
    Duplicate,
    /// It is given back unstarted.
    Return(ReturnReason),
    /// Its key names nothing, so it cannot even be given back.
    Nameless,
}

/// The agent's whole state.
#[derive(Debug)]
pub struct Holdings {
    in_flight: HashMap<AttemptId, InFlight>,
    report: Report,
    capacity: Capacity,
    subscriptions: Subscriptions,
    /// The highest epoch heard of, by shard.
    fences: HashMap<u32, u64>,
    draining: bool,
}

#[derive(Debug)]
struct InFlight {
    key: AttemptKey,
    stream: StreamId,
    payload_bytes: u64,
}

impl Holdings {
    /// Holds nothing yet.
    pub fn new(capacity: Capacity, subscriptions: Subscriptions) -> Self {
        Self {
            in_flight: HashMap::new(),
            report: Report::default(),
            capacity,
            subscriptions,
            fences: HashMap::new(),
            draining: false,
        }
    }

    /// A replica welcomed the agent on a stream.
    pub fn open(&mut self, stream: StreamId) {
        self.capacity.open(stream);
        self.report.open(stream);
    }

    /// A stream ended; returns the stream that inherits its results.
    pub fn close(&mut self, stream: StreamId) -> Option<StreamId> {
        self.capacity.close(stream);
        self.report.close(stream)
    }

    /// Decides on an assignment and, if it is to start, holds it.
    pub fn admit(&mut self, stream: StreamId, assignment: &Assignment) -> Admission {
        let payload_bytes = assignment.payload.len() as u64;
        let had_credit = self.capacity.arrive(stream, payload_bytes);
        let Some((key, id)) =
            assignment.key.as_ref().and_then(|key| Some((key, AttemptId::from_wire(key)?)))
        else {
            return Admission::Nameless;
        };
        if self.in_flight.contains_key(&id) || self.report.contains(id) {
            return Admission::Duplicate;
        }
        let fence = self.fences.entry(key.shard).or_default();
        if key.epoch < *fence {
            return Admission::Return(ReturnReason::StaleEpoch);
        }
        *fence = key.epoch;
        if self.draining {
            return Admission::Return(ReturnReason::Draining);
        }
        if !had_credit {
            return Admission::Return(ReturnReason::NoCredit);
        }
        let Some(subscription) = self.subscriptions.get(
            &assignment.tenant,
            &assignment.subscription,
            assignment.subscription_version,
        ) else {
            return Admission::Return(ReturnReason::UnknownSubscription);
        };
        self.capacity.occupy(stream, payload_bytes);
        let held = InFlight { key: key.clone(), stream, payload_bytes };
        self.in_flight.insert(id, held);
        Admission::Start(id, subscription)
    }

    /// Takes what an attempt came to; returns the stream that shall send it.
    pub fn conclude(
        &mut self,
        id: AttemptId,
        result: AttemptResult,
        began: Instant,
    ) -> Option<StreamId> {
        let attempt = self.in_flight.remove(&id)?;
        self.capacity.release_bytes(attempt.stream, attempt.payload_bytes);
        self.report.add(id, result, began, attempt.stream)
    }

    /// Forgets results that a replica has committed.
    pub fn acknowledge(&mut self, keys: &[AttemptKey]) {
        for id in keys.iter().filter_map(AttemptId::from_wire) {
            if let Some(stream) = self.report.acknowledge(id) {
                self.capacity.release_assignment(stream);
            }
        }
    }

    /// Fences a shard and tells everything of it that is still held.
    pub fn take_over(&mut self, take_over: &TakeOver) -> Inventory {
        let TakeOver { shard, epoch } = *take_over;
        let fence = self.fences.entry(shard).or_default();
        *fence = epoch.max(*fence);
        let of_shard = |key: &&AttemptKey| key.shard == shard;
        Inventory {
            shard,
            epoch,
            in_flight: self.in_flight_keys().filter(of_shard).cloned().collect(),
            unacknowledged: self.report.keys().filter(of_shard).cloned().collect(),
        }
    }

    /// Keeps a subscription's settings.
    pub fn update(&mut self, update: &SubscriptionUpdate) {
        self.subscriptions.update(update);
    }

    /// What a replica could assign now.
    pub fn report_backlog(&mut self, stream: StreamId, backlog: u64) {
        self.capacity.report_backlog(stream, backlog);
    }

    /// New credit, unless the agent wants no more work.
    pub fn top_up(&mut self) -> Vec<(StreamId, Granted)> {
        match self.draining {
            true => Vec::new(),
            false => self.capacity.top_up(),
        }
    }

    /// Wants no more work from now on.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Whether nothing is in flight and nothing waits for an acknowledgement.
    pub fn is_settled(&self) -> bool {
        self.in_flight.is_empty() && self.report.len() == 0
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
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The results that wait, to send them.
    pub fn report_mut(&mut self) -> &mut Report {
        &mut self.report
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use bytes::Bytes;
    use postrider_proto::agent::v1 as wire;

    use super::*;

    const A: StreamId = StreamId(1);
    const B: StreamId = StreamId(2);

    fn holdings() -> Holdings {
        let mut holdings = Holdings::new(Capacity::new(64, 1 << 20), Subscriptions::new(10, 64));
        holdings.update(&SubscriptionUpdate {
            tenant: "acme".to_owned(),
            subscription: "s".to_owned(),
            version: 1,
            url: "https://pay.example/".to_owned(),
            ..Default::default()
        });
        holdings.open(A);
        holdings.open(B);
        holdings.top_up();
        holdings
    }

    fn assignment(number: u32, epoch: u64, version: u64) -> Assignment {
        Assignment {
            key: Some(AttemptKey {
                delivery_id: Bytes::from_static(&[9; 16]),
                number,
                shard: 4,
                epoch,
            }),
            tenant: "acme".to_owned(),
            subscription: "s".to_owned(),
            subscription_version: version,
            payload: Bytes::from_static(b"{}"),
            ..Default::default()
        }
    }

    fn start(holdings: &mut Holdings, number: u32, epoch: u64) -> AttemptId {
        match holdings.admit(A, &assignment(number, epoch, 1)) {
            Admission::Start(id, _) => id,
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

    fn returned(admission: Admission) -> ReturnReason {
        match admission {
            Admission::Return(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_attempt_held_is_not_started_again() {
        let mut holdings = holdings();
        let id = start(&mut holdings, 1, 1);
        let again = |holdings: &mut Holdings| holdings.admit(B, &assignment(1, 2, 1));
        assert!(matches!(again(&mut holdings), Admission::Duplicate));
        holdings.conclude(id, result(1, 1), Instant::now());
        assert!(matches!(again(&mut holdings), Admission::Duplicate));
        assert!(!holdings.is_settled());
        holdings.acknowledge(&[result(1, 1).key.unwrap()]);
        assert!(holdings.is_settled());
    }

    #[test]
    fn a_take_over_fences_and_tells_what_is_held() {
        let mut holdings = holdings();
        let concluded = start(&mut holdings, 1, 3);
        start(&mut holdings, 2, 3);
        holdings.conclude(concluded, result(1, 3), Instant::now());
        let inventory = holdings.take_over(&TakeOver { shard: 4, epoch: 5 });
        assert_eq!((inventory.shard, inventory.epoch), (4, 5));
        assert_eq!(inventory.in_flight[0].number, 2);
        assert_eq!(inventory.unacknowledged[0].number, 1);
        let stale = holdings.admit(A, &assignment(3, 4, 1));
        assert_eq!(returned(stale), ReturnReason::StaleEpoch);
        start(&mut holdings, 3, 5);
        let other = holdings.take_over(&TakeOver { shard: 9, epoch: 1 });
        assert!(other.in_flight.is_empty() && other.unacknowledged.is_empty());
    }

    #[test]
    fn an_assignment_of_a_newer_epoch_fences_as_well() {
        let mut holdings = holdings();
        start(&mut holdings, 1, 7);
        let stale = holdings.admit(B, &assignment(2, 6, 1));
        assert_eq!(returned(stale), ReturnReason::StaleEpoch);
        let late = holdings.take_over(&TakeOver { shard: 4, epoch: 6 });
        assert_eq!(late.in_flight.len(), 1);
        let stale = holdings.admit(B, &assignment(2, 6, 1));
        assert_eq!(returned(stale), ReturnReason::StaleEpoch);
    }

    #[test]
    fn what_cannot_start_is_given_back_with_the_reason() {
        let mut holdings = holdings();
        let unknown = holdings.admit(A, &assignment(1, 1, 2));
        assert_eq!(returned(unknown), ReturnReason::UnknownSubscription);
        holdings.drain();
        let draining = holdings.admit(A, &assignment(1, 1, 1));
        assert_eq!(returned(draining), ReturnReason::Draining);
        assert!(holdings.top_up().is_empty());
    }

    #[test]
    fn more_than_the_credit_is_given_back() {
        let mut holdings = holdings();
        let reasons: Vec<_> = (1..=64)
            .map(|number| holdings.admit(A, &assignment(number, 1, 1)))
            .skip_while(|admission| matches!(admission, Admission::Start(..)))
            .map(returned)
            .collect();
        assert!(!reasons.is_empty());
        assert!(reasons.iter().all(|one| *one == ReturnReason::NoCredit));
    }

    #[test]
    fn a_key_that_names_nothing_is_ignored() {
        let mut holdings = holdings();
        let mut nameless = assignment(1, 1, 1);
        nameless.key.as_mut().unwrap().delivery_id = Bytes::from_static(b"short");
        assert!(matches!(holdings.admit(A, &nameless), Admission::Nameless));
    }
}
