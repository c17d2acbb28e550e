//! Divides the agent's capacity over its streams.
//!
//! Fed by `holdings` with what is taken and released and with each replica's
//! backlog; feeds every session the credit to announce. Guarantees that what is
//! in use and what has been promised never exceed the capacity together, that
//! credit only grows (it is cumulative, so a promise cannot be withdrawn), and
//! that every stream is promised something as soon as there is anything. Since a
//! promise cannot be withdrawn, an idle stream is promised little and a busy one
//! about as much again as it uses. Pure.

use std::collections::BTreeMap;

use crate::key::StreamId;
use crate::quota::{Line, Quota, mul_div};

/// What a stream may take in all, since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Granted {
    /// Assignments.
    pub assignments: u64,
    /// Bytes of payload.
    pub payload_bytes: u64,
}

/// Attempts and payload bytes, divided over the streams.
#[derive(Debug)]
pub struct Capacity {
    assignments: Quota,
    payload_bytes: Quota,
    backlog: BTreeMap<StreamId, u64>,
}

impl Capacity {
    /// At most so many attempts, with at most so many bytes of payload.
    pub fn new(assignments: u64, payload_bytes: u64) -> Self {
        Self {
            assignments: Quota::new(assignments),
            payload_bytes: Quota::new(payload_bytes),
            backlog: BTreeMap::new(),
        }
    }

    /// A stream began.
    pub fn open(&mut self, stream: StreamId) {
        self.assignments.lines.insert(stream, Line::default());
        self.payload_bytes.lines.insert(stream, Line::default());
        self.backlog.insert(stream, 0);
    }

    /// A stream ended: what it was promised is free, what it took is in use
    /// until released.
    pub fn close(&mut self, stream: StreamId) {
        self.assignments.lines.remove(&stream);
        self.payload_bytes.lines.remove(&stream);
        self.backlog.remove(&stream);
    }

    /// What a replica could assign now.
    pub fn report_backlog(&mut self, stream: StreamId, backlog: u64) {
        if let Some(reported) = self.backlog.get_mut(&stream) {
            *reported = backlog;
        }
    }

    /// Counts an assignment that arrived against the stream's credit; false
    /// when there was none. The last bytes of credit may be exceeded by one
    /// payload, as no replica knows where its neighbours' payloads end.
    pub fn arrive(&mut self, stream: StreamId, bytes: u64) -> bool {
        let bytes_left = self.payload_bytes.outstanding(stream) > 0;
        let one_left = self.assignments.outstanding(stream) > 0;
        self.assignments.arrive(stream, 1);
        self.payload_bytes.arrive(stream, bytes);
        one_left && (bytes_left || bytes == 0)
    }

    /// What arrived is being worked on.
    pub fn occupy(&mut self, stream: StreamId, bytes: u64) {
        self.assignments.occupy(stream, 1);
        self.payload_bytes.occupy(stream, bytes);
    }

    /// An attempt no longer needs its payload.
    pub fn release_bytes(&mut self, stream: StreamId, bytes: u64) {
        self.payload_bytes.release(stream, bytes);
    }

    /// An attempt's result is acknowledged.
    pub fn release_assignment(&mut self, stream: StreamId) {
        self.assignments.release(stream, 1);
    }

    /// Promises what is free; tells which streams have something to announce.
    pub fn top_up(&mut self) -> Vec<(StreamId, Granted)> {
        let targets = self.targets();
        let whole = self.assignments.total.max(1);
        let scale = |target: u64| mul_div(target, self.payload_bytes.total, whole);
        let bytes_targets: Vec<_> = targets.iter().map(|(id, t)| (*id, scale(*t))).collect();
        let counted = self.assignments.top_up(&targets);
        let weighed = self.payload_bytes.top_up(&bytes_targets);
        targets
            .iter()
            .map(|(stream, _)| *stream)
            .filter(|stream| counted.contains(stream) || weighed.contains(stream))
            .map(|stream| {
                let granted = Granted {
                    assignments: self.assignments.granted(stream),
                    payload_bytes: self.payload_bytes.granted(stream),
                };
                (stream, granted)
            })
            .collect()
    }

    /// What each stream should have been promised beyond what it uses.
    fn targets(&self) -> Vec<(StreamId, u64)> {
        let total = self.assignments.total;
        let streams = self.assignments.lines.len() as u64;
        let idle_share = (total / (4 * (streams + 1))).max(1);
        let demand = |stream: &StreamId, line: &Line| {
            let backlog = self.backlog.get(stream).copied().unwrap_or(0);
            backlog.saturating_add(line.used)
        };
        let all_demand = self
            .assignments
            .lines
            .iter()
            .fold(0_u64, |sum, (id, line)| sum.saturating_add(demand(id, line)));
        let divisible = total.saturating_sub(idle_share.saturating_mul(streams));
        self.assignments
            .lines
            .iter()
            .map(|(stream, line)| {
                let wanted = demand(stream, line);
                let share = match streams {
                    1 => total,
                    _ => idle_share + mul_div(divisible, wanted, all_demand.max(1)),
                };
                let target = wanted.max(idle_share).min(share.saturating_sub(line.used));
                (*stream, target)
            })
            .collect()
    }

    #[cfg(test)]
    fn promised_and_used(&self) -> u64 {
        self.assignments.used + self.assignments.all_outstanding()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    const A: StreamId = StreamId(1);
    const B: StreamId = StreamId(2);
    const MIB: u64 = 1024 * 1024;

    fn take(capacity: &mut Capacity, stream: StreamId, count: u64) -> u64 {
        (0..count)
            .filter(|_| {
                let credit = capacity.arrive(stream, 1024);
                if credit {
                    capacity.occupy(stream, 1024);
                }
                credit
            })
            .count() as u64
    }

    fn granted(capacity: &mut Capacity, stream: StreamId) -> u64 {
        capacity.top_up();
        capacity.assignments.granted(stream)
    }

    #[test]
    fn an_idle_stream_is_promised_a_little() {
        let mut capacity = Capacity::new(512, 64 * MIB);
        capacity.open(A);
        let promised = granted(&mut capacity, A);
        assert!((1..=64).contains(&promised), "{promised}");
    }

    #[test]
    fn a_busy_stream_grows_to_everything() {
        let mut capacity = Capacity::new(512, 64 * MIB);
        capacity.open(A);
        capacity.open(B);
        let mut in_use = 0;
        for _ in 0..40 {
            capacity.top_up();
            let credit = capacity.assignments.outstanding(A);
            in_use += take(&mut capacity, A, credit);
        }
        assert!(in_use >= 512 - 64, "{in_use}");
        assert!(capacity.assignments.outstanding(B) >= 1);
    }

    #[test]
    fn one_stream_can_use_all_there_is() {
        let mut capacity = Capacity::new(512, 64 * MIB);
        capacity.open(A);
        let mut in_use = 0;
        for _ in 0..40 {
            capacity.top_up();
            let credit = capacity.assignments.outstanding(A);
            in_use += take(&mut capacity, A, credit);
        }
        assert_eq!(in_use, 512);
        assert!(!capacity.arrive(A, 1));
    }

    #[test]
    fn a_newcomer_is_served_while_another_holds_idle_credit() {
        let mut capacity = Capacity::new(512, 64 * MIB);
        capacity.open(A);
        capacity.report_backlog(A, 1_000_000);
        capacity.top_up();
        for number in 2..20 {
            capacity.open(StreamId(number));
            assert!(granted(&mut capacity, StreamId(number)) >= 1, "{number}");
        }
    }

    #[test]
    fn a_small_agent_serves_newcomers_too() {
        for total in [2, 6, 7] {
            let mut capacity = Capacity::new(total, MIB);
            capacity.open(A);
            capacity.report_backlog(A, 100);
            capacity.top_up();
            capacity.open(B);
            assert!(granted(&mut capacity, B) >= 1, "{total}");
        }
    }

    #[test]
    fn the_backlog_decides_between_busy_streams() {
        let mut capacity = Capacity::new(400, 64 * MIB);
        capacity.open(A);
        capacity.open(B);
        capacity.report_backlog(A, 3_000);
        capacity.report_backlog(B, 1_000);
        let (a, b) = (granted(&mut capacity, A), granted(&mut capacity, B));
        assert!(a > 2 * b - 10 && b > 50, "{a} {b}");
    }

    #[test]
    fn credit_is_announced_by_the_quarter_or_when_starved() {
        let mut capacity = Capacity::new(64, 64 * MIB);
        capacity.open(A);
        capacity.report_backlog(A, 1_000);
        capacity.top_up();
        let everything = capacity.assignments.outstanding(A);
        take(&mut capacity, A, everything);
        capacity.release_assignment(A);
        capacity.release_bytes(A, 1024);
        assert_eq!(capacity.top_up().len(), 1, "starved");
        assert!(capacity.top_up().is_empty(), "nothing more is free");
    }

    #[test]
    fn unacknowledged_results_stop_the_credit() {
        let mut capacity = Capacity::new(8, MIB);
        capacity.open(A);
        let mut in_use = 0;
        for _ in 0..20 {
            capacity.top_up();
            let credit = capacity.assignments.outstanding(A);
            in_use += take(&mut capacity, A, credit);
            // Every attempt ends at once, no result is acknowledged.
            capacity.release_bytes(A, 1024 * credit);
        }
        assert_eq!(in_use, 8);
        assert!(capacity.top_up().is_empty());
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
            let mut capacity = Capacity::new(total, 64 * MIB);
            let mut live = BTreeMap::<u64, StreamId>::new();
            let mut seen = BTreeMap::<StreamId, u64>::new();
            let mut held = Vec::new();
            let mut next = 0;
            for step in steps {
                match step {
                    Step::Open(slot) if !live.contains_key(&slot) => {
                        next += 1;
                        live.insert(slot, StreamId(next));
                        capacity.open(StreamId(next));
                    }
                    Step::Close(slot) => {
                        if let Some(stream) = live.remove(&slot) {
                            capacity.close(stream);
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
                            capacity.report_backlog(*stream, size);
                        }
                    }
                    Step::Open(_) => {}
                }
                for (stream, granted) in capacity.top_up() {
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
            capacity.top_up();
            let promised: u64 = live.values().filter(|stream| capacity.assignments.outstanding(**stream) > 0).count() as u64;
            prop_assert!(promised >= (live.len() as u64).min(total / 8));
        }
    }
}
