//! Divides the agent's capacity among its streams, as credit.
//!
//! What is in use plus what is granted never exceeds the capacity. Credit is
//! cumulative, so a grant cannot be taken back. Every stream gets some credit as
//! soon as any is free. Because grants are final, an idle stream gets little, and a
//! busy one about as much again as it uses. Pure.
//!
//! How to drive it: `add_stream` after Welcome; `consume_credit` for each assignment, and
//! `mark_in_use` if it is started; `release_bytes` when its attempt ends and
//! `release_assignment` when its result is acknowledged, each once; `grant_credit` after
//! every one of these.
//!
//! Example: capacity 400, two streams, backlogs 3,000 and 1,000. Idle share:
//! 400 / (4 × 3) = 33 each. The other 334 are divided by demand: 250 and 83. The
//! targets are 283 and 116; what is not yet granted of them is granted in steps of a
//! quarter, so that not every attempt causes a message.
//!
//! Keeps the invariant `results-use-credit`.

use std::collections::BTreeMap;

use crate::ids::StreamNumber;
use crate::work::shared_quota::{SharedQuota, StreamQuota, mul_div};

/// What a stream may take in all, since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CreditGrant {
    /// Assignments.
    pub assignments: u64,
    /// Bytes of payload.
    pub payload_bytes: u64,
}

/// Attempts and payload bytes, divided over the streams.
#[derive(Debug)]
pub struct CreditAllocator {
    assignments: SharedQuota,
    payload_bytes: SharedQuota,
    backlog: BTreeMap<StreamNumber, u64>,
}

impl CreditAllocator {
    /// At most so many attempts, with at most so many bytes of payload.
    pub fn new(assignments: u64, payload_bytes: u64) -> Self {
        Self {
            assignments: SharedQuota::new(assignments),
            payload_bytes: SharedQuota::new(payload_bytes),
            backlog: BTreeMap::new(),
        }
    }

    /// A stream began.
    pub fn add_stream(&mut self, stream: StreamNumber) {
        self.assignments.by_stream.insert(stream, StreamQuota::default());
        self.payload_bytes.by_stream.insert(stream, StreamQuota::default());
        self.backlog.insert(stream, 0);
    }

    /// Removes a stream: credit it did not use is free at once, credit it used when the
    /// results are acknowledged.
    pub fn remove_stream(&mut self, stream: StreamNumber) {
        self.assignments.by_stream.remove(&stream);
        self.payload_bytes.by_stream.remove(&stream);
        self.backlog.remove(&stream);
    }

    /// What a replica could assign now.
    pub fn record_backlog(&mut self, stream: StreamNumber, backlog: u64) {
        if let Some(reported) = self.backlog.get_mut(&stream) {
            *reported = backlog;
        }
    }

    /// Counts an assignment that arrived against the stream's credit; false
    /// when there was none. The last bytes of credit may be exceeded by one
    /// payload, as no replica knows where its neighbours' payloads end.
    pub fn consume_credit(&mut self, stream: StreamNumber, bytes: u64) -> bool {
        let bytes_left = self.payload_bytes.outstanding(stream) > 0;
        let one_left = self.assignments.outstanding(stream) > 0;
        self.assignments.consume_credit(stream, 1);
        self.payload_bytes.consume_credit(stream, bytes);
        one_left && (bytes_left || bytes == 0)
    }

    /// What arrived is being worked on.
    pub fn mark_in_use(&mut self, stream: StreamNumber, bytes: u64) {
        self.assignments.mark_in_use(stream, 1);
        self.payload_bytes.mark_in_use(stream, bytes);
    }

    /// An attempt no longer needs its payload.
    pub fn release_bytes(&mut self, stream: StreamNumber, bytes: u64) {
        self.payload_bytes.release(stream, bytes);
    }

    /// An attempt's result is acknowledged.
    pub fn release_assignment(&mut self, stream: StreamNumber) {
        self.assignments.release(stream, 1);
    }

    /// Grants free capacity; returns the streams whose credit grew, with their new totals.
    pub fn grant_credit(&mut self) -> Vec<(StreamNumber, CreditGrant)> {
        let targets = self.credit_targets();
        let whole = self.assignments.total.max(1);
        let scale = |target: u64| mul_div(target, self.payload_bytes.total, whole);
        let bytes_targets: Vec<_> = targets.iter().map(|(id, t)| (*id, scale(*t))).collect();
        let counted = self.assignments.grant_credit(&targets);
        let weighed = self.payload_bytes.grant_credit(&bytes_targets);
        targets
            .iter()
            .map(|(stream, _)| *stream)
            .filter(|stream| counted.contains(stream) || weighed.contains(stream))
            .map(|stream| {
                let granted = CreditGrant {
                    assignments: self.assignments.granted(stream),
                    payload_bytes: self.payload_bytes.granted(stream),
                };
                (stream, granted)
            })
            .collect()
    }

    /// What each stream should have been promised beyond what it uses.
    fn credit_targets(&self) -> Vec<(StreamNumber, u64)> {
        let total = self.assignments.total;
        let streams = self.assignments.by_stream.len() as u64;
        let idle_share = (total / (4 * (streams + 1))).max(1);
        let demand = |stream: &StreamNumber, quota: &StreamQuota| {
            let backlog = self.backlog.get(stream).copied().unwrap_or(0);
            backlog.saturating_add(quota.used)
        };
        let all_demand = self
            .assignments
            .by_stream
            .iter()
            .fold(0_u64, |sum, (id, quota)| sum.saturating_add(demand(id, quota)));
        let divisible = total.saturating_sub(idle_share.saturating_mul(streams));
        self.assignments
            .by_stream
            .iter()
            .map(|(stream, quota)| {
                let wanted = demand(stream, quota);
                let share = match streams {
                    1 => total,
                    _ => idle_share + mul_div(divisible, wanted, all_demand.max(1)),
                };
                let target = wanted.max(idle_share).min(share.saturating_sub(quota.used));
                (*stream, target)
            })
            .collect()
    }

    #[cfg(test)]
    fn promised_and_used(&self) -> u64 {
        self.assignments.used + self.assignments.total_outstanding()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: StreamNumber = StreamNumber(1);
    const B: StreamNumber = StreamNumber(2);
    const MIB: u64 = 1024 * 1024;

    fn take(capacity: &mut CreditAllocator, stream: StreamNumber, count: u64) -> u64 {
        (0..count)
            .filter(|_| {
                let credit = capacity.consume_credit(stream, 1024);
                if credit {
                    capacity.mark_in_use(stream, 1024);
                }
                credit
            })
            .count() as u64
    }

    fn granted(capacity: &mut CreditAllocator, stream: StreamNumber) -> u64 {
        capacity.grant_credit();
        capacity.assignments.granted(stream)
    }

    #[test]
    fn an_idle_stream_is_promised_a_little() {
        let mut capacity = CreditAllocator::new(512, 64 * MIB);
        capacity.add_stream(A);
        let promised = granted(&mut capacity, A);
        assert!((1..=64).contains(&promised), "{promised}");
    }

    #[test]
    fn a_busy_stream_grows_to_everything() {
        let mut capacity = CreditAllocator::new(512, 64 * MIB);
        capacity.add_stream(A);
        capacity.add_stream(B);
        let mut in_use = 0;
        for _ in 0..40 {
            capacity.grant_credit();
            let credit = capacity.assignments.outstanding(A);
            in_use += take(&mut capacity, A, credit);
        }
        assert!(in_use >= 512 - 64, "{in_use}");
        assert!(capacity.assignments.outstanding(B) >= 1);
    }

    #[test]
    fn one_stream_can_use_all_there_is() {
        let mut capacity = CreditAllocator::new(512, 64 * MIB);
        capacity.add_stream(A);
        let mut in_use = 0;
        for _ in 0..40 {
            capacity.grant_credit();
            let credit = capacity.assignments.outstanding(A);
            in_use += take(&mut capacity, A, credit);
        }
        assert_eq!(in_use, 512);
        assert!(!capacity.consume_credit(A, 1));
    }

    #[test]
    fn a_newcomer_is_served_while_another_holds_idle_credit() {
        let mut capacity = CreditAllocator::new(512, 64 * MIB);
        capacity.add_stream(A);
        capacity.record_backlog(A, 1_000_000);
        capacity.grant_credit();
        for number in 2..20 {
            capacity.add_stream(StreamNumber(number));
            assert!(granted(&mut capacity, StreamNumber(number)) >= 1, "{number}");
        }
    }

    #[test]
    fn a_small_agent_serves_newcomers_too() {
        for total in [2, 6, 7] {
            let mut capacity = CreditAllocator::new(total, MIB);
            capacity.add_stream(A);
            capacity.record_backlog(A, 100);
            capacity.grant_credit();
            capacity.add_stream(B);
            assert!(granted(&mut capacity, B) >= 1, "{total}");
        }
    }

    #[test]
    fn the_backlog_decides_between_busy_streams() {
        let mut capacity = CreditAllocator::new(400, 64 * MIB);
        capacity.add_stream(A);
        capacity.add_stream(B);
        capacity.record_backlog(A, 3_000);
        capacity.record_backlog(B, 1_000);
        let (a, b) = (granted(&mut capacity, A), granted(&mut capacity, B));
        assert!(a > 2 * b - 10 && b > 50, "{a} {b}");
    }

    #[test]
    fn credit_is_announced_by_the_quarter_or_when_starved() {
        let mut capacity = CreditAllocator::new(64, 64 * MIB);
        capacity.add_stream(A);
        capacity.record_backlog(A, 1_000);
        capacity.grant_credit();
        let everything = capacity.assignments.outstanding(A);
        take(&mut capacity, A, everything);
        capacity.release_assignment(A);
        capacity.release_bytes(A, 1024);
        assert_eq!(capacity.grant_credit().len(), 1, "starved");
        assert!(capacity.grant_credit().is_empty(), "nothing more is free");
    }

    #[test]
    fn unacknowledged_results_stop_the_credit() {
        let mut capacity = CreditAllocator::new(8, MIB);
        capacity.add_stream(A);
        let mut in_use = 0;
        for _ in 0..20 {
            capacity.grant_credit();
            let credit = capacity.assignments.outstanding(A);
            in_use += take(&mut capacity, A, credit);
            // Every attempt ends at once, no result is acknowledged.
            capacity.release_bytes(A, 1024 * credit);
        }
        assert_eq!(in_use, 8);
        assert!(capacity.grant_credit().is_empty());
    }

    #[derive(Debug, Clone)]
    enum Step {
        Open(u64),
        Close(u64),
        Take(u64, u64),
        Release,
        Backlog(u64, u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0..5_u64).prop_map(Step::Open),
            (0..5_u64).prop_map(Step::Close),
            (0..5_u64, 1..40_u64).prop_map(|(stream, count)| Step::Take(stream, count)),
            Just(Step::Release),
            Just(Step::Release),
            (0..5_u64, 0..10_000_u64).prop_map(|(stream, size)| Step::Backlog(stream, size)),
        ];
        proptest::collection::vec(step, 1..200)
    }

    proptest! {
        #[test]
        fn never_more_than_there_is_and_never_less_than_before(
            total in 1..600_u64,
            steps in steps(),
        ) {
            let mut capacity = CreditAllocator::new(total, 64 * MIB);
            let mut live = BTreeMap::<u64, StreamNumber>::new();
            let mut seen = BTreeMap::<StreamNumber, u64>::new();
            let mut held = Vec::new();
            let mut next = 0;
            for step in steps {
                match step {
                    Step::Open(slot) if !live.contains_key(&slot) => {
                        next += 1;
                        live.insert(slot, StreamNumber(next));
                        capacity.add_stream(StreamNumber(next));
                    }
                    Step::Close(slot) => {
                        if let Some(stream) = live.remove(&slot) {
                            capacity.remove_stream(stream);
                        }
                    }
                    Step::Take(slot, count) => {
                        if let Some(stream) = live.get(&slot) {
                            let count = count.min(capacity.assignments.outstanding(*stream));
                            let taken = take(&mut capacity, *stream, count);
                            held.extend((0..taken).map(|_| *stream));
                        }
                    }
                    Step::Release => {
                        for stream in held.drain(..held.len().min(7)) {
                            capacity.release_bytes(stream, 1024);
                            capacity.release_assignment(stream);
                        }
                    }
                    Step::Backlog(slot, size) => {
                        if let Some(stream) = live.get(&slot) {
                            capacity.record_backlog(*stream, size);
                        }
                    }
                    Step::Open(_) => {}
                }
                for (stream, granted) in capacity.grant_credit() {
                    let before = seen.insert(stream, granted.assignments);
                    prop_assert!(before.unwrap_or(0) <= granted.assignments);
                }
                prop_assert!(capacity.promised_and_used() <= total);
                prop_assert_eq!(capacity.assignments.used, held.len() as u64);
            }
            for stream in held.drain(..) {
                capacity.release_bytes(stream, 1024);
                capacity.release_assignment(stream);
            }
            capacity.grant_credit();
            let has_credit = |stream: &&_| capacity.assignments.outstanding(**stream) > 0;
            let promised = live.values().filter(has_credit).count() as u64;
            prop_assert!(promised >= (live.len() as u64).min(total / 8));
        }
    }
}
