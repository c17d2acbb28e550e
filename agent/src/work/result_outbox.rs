//! Results that no replica has acknowledged yet.
//!
//! A result is kept until it is acknowledged. It moves to another stream when its
//! own ends or does not acknowledge it in time. Its age is computed at the moment it
//! is sent. The number of results is bounded by the agent's capacity, because a
//! result uses its attempt's credit until it is acknowledged. Pure.
//!
//! How to drive it: `open` and `close` for each stream, `add_result` for each ended
//! attempt, `next_batch` when the stream can send, `acknowledge` for each `ResultAck`,
//! `reroute_overdue_results` every 250 ms.
//!
//! Keeps the invariant `results-use-credit`.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::time::{Duration, Instant};

use postrider_proto::agent::v1::{AttemptKey, AttemptResult};

use crate::ids::{AttemptId, StreamNumber};

/// A result that is not acknowledged within this time is sent on another stream as well.
/// The time doubles each time, so that a slow database does not get ever more repeats. Less
/// than the 5 s of silence after which a stream ends by itself, and many times a commit.
pub const FIRST_ACK_TIMEOUT: Duration = Duration::from_secs(2);
/// So a result is told again at most this late after a long outage.
const MAX_ACK_TIMEOUT: Duration = Duration::from_secs(30);

/// All unacknowledged results.
#[derive(Debug, Default)]
pub struct ResultOutbox {
    held: HashMap<AttemptId, PendingResult>,
    stream_queues: BTreeMap<StreamNumber, VecDeque<AttemptId>>,
    /// Results that no stream is open for.
    unassigned: VecDeque<AttemptId>,
}

#[derive(Debug)]
struct PendingResult {
    result: AttemptResult,
    began: Instant,
    /// The stream that assigned the attempt: its credit is in use.
    assigned_by: StreamNumber,
    location: ResultLocation,
    /// How long its stream has for the acknowledgement.
    ack_timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ResultLocation {
    Queued,
    Sent { stream: StreamNumber, when: Instant },
}

impl ResultOutbox {
    /// How many results wait.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether the attempt's result waits.
    pub fn contains(&self, id: AttemptId) -> bool {
        self.held.contains_key(&id)
    }

    /// The keys of all results that wait.
    pub fn keys(&self) -> impl Iterator<Item = &AttemptKey> {
        self.held.values().filter_map(|held| held.result.key.as_ref())
    }

    /// Whether a stream has something to send.
    pub fn has_outgoing(&self, stream: StreamNumber) -> bool {
        self.stream_queues.get(&stream).is_some_and(|queue| !queue.is_empty())
    }

    /// A stream is ready for results: it takes those that no other took.
    pub fn open(&mut self, stream: StreamNumber) {
        let unassigned = std::mem::take(&mut self.unassigned);
        self.stream_queues.insert(stream, unassigned);
    }

    /// A stream ended: what it had to send, and what it sent without an
    /// answer, goes elsewhere. Returns the stream that got it.
    pub fn close(&mut self, stream: StreamNumber) -> Option<StreamNumber> {
        let mut requeued = self.stream_queues.remove(&stream).unwrap_or_default();
        for (id, held) in &mut self.held {
            if matches!(held.location, ResultLocation::Sent { stream: by, .. } if by == stream) {
                held.location = ResultLocation::Queued;
                requeued.push_back(*id);
            }
        }
        let successor = self.next_stream_after(stream);
        match successor.and_then(|successor| self.stream_queues.get_mut(&successor)) {
            Some(queue) => queue.append(&mut requeued),
            None => self.unassigned.append(&mut requeued),
        }
        successor
    }

    /// Takes the result of an attempt that began at `began`; returns the stream
    /// that is to send it: the one that assigned it, if it is still open.
    pub fn add_result(
        &mut self,
        id: AttemptId,
        result: AttemptResult,
        began: Instant,
        assigned_by: StreamNumber,
    ) -> Option<StreamNumber> {
        let held = PendingResult {
            result,
            began,
            assigned_by,
            location: ResultLocation::Queued,
            ack_timeout: FIRST_ACK_TIMEOUT,
        };
        self.held.insert(id, held);
        let stream = match self.stream_queues.contains_key(&assigned_by) {
            true => Some(assigned_by),
            false => self.next_stream_after(assigned_by),
        };
        match stream.and_then(|stream| self.stream_queues.get_mut(&stream)) {
            Some(queue) => queue.push_back(id),
            None => self.unassigned.push_back(id),
        }
        stream
    }

    /// The results that `stream` sends next, at most `limit`.
    pub fn next_batch(
        &mut self,
        stream: StreamNumber,
        now: Instant,
        limit: usize,
    ) -> Vec<AttemptResult> {
        let Some(queue) = self.stream_queues.get_mut(&stream) else {
            return Vec::new();
        };
        let count = queue.len().min(limit);
        queue
            .drain(..count)
            .filter_map(|id| {
                // It may have been acknowledged on another stream in the meantime.
                let held = self.held.get_mut(&id)?;
                held.location = ResultLocation::Sent { stream, when: now };
                let mut result = held.result.clone();
                result.age = now.saturating_duration_since(held.began).try_into().ok();
                Some(result)
            })
            .collect()
    }

    /// Removes a committed result; returns the stream whose credit it used.
    pub fn acknowledge(&mut self, id: AttemptId) -> Option<StreamNumber> {
        self.held.remove(&id).map(|held| held.assigned_by)
    }

    /// Results that were sent too long ago go to another stream, if there is
    /// one; returns the streams that have something to send.
    pub fn reroute_overdue_results(&mut self, now: Instant) -> Vec<StreamNumber> {
        let overdue: Vec<(AttemptId, StreamNumber)> = self
            .held
            .iter()
            .filter_map(|(id, held)| match held.location {
                ResultLocation::Sent { stream, when }
                    if now.saturating_duration_since(when) >= held.ack_timeout =>
                {
                    Some((*id, stream))
                }
                ResultLocation::Sent { .. } | ResultLocation::Queued => None,
            })
            .collect();
        let mut receiving_streams = Vec::new();
        for (id, silent) in overdue {
            let Some(other) = self.next_stream_after(silent).filter(|other| *other != silent)
            else {
                continue;
            };
            if let Some(held) = self.held.get_mut(&id) {
                held.location = ResultLocation::Queued;
                held.ack_timeout = (held.ack_timeout * 2).min(MAX_ACK_TIMEOUT);
            }
            if let Some(queue) = self.stream_queues.get_mut(&other) {
                queue.push_back(id);
            }
            if !receiving_streams.contains(&other) {
                receiving_streams.push(other);
            }
        }
        receiving_streams
    }

    /// The next open stream in turn, which is the same one when it is alone.
    fn next_stream_after(&self, stream: StreamNumber) -> Option<StreamNumber> {
        self.stream_queues
            .range((Bound::Excluded(stream), Bound::Unbounded))
            .chain(self.stream_queues.iter())
            .map(|(id, _)| *id)
            .next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: StreamNumber = StreamNumber(1);
    const B: StreamNumber = StreamNumber(2);

    fn key(number: u32) -> AttemptKey {
        AttemptKey { delivery_id: vec![7; 16].into(), number, shard: 1, ..AttemptKey::default() }
    }

    fn add_result(
        outbox: &mut ResultOutbox,
        number: u32,
        began: Instant,
        stream: StreamNumber,
    ) -> AttemptId {
        let id = AttemptId::from_wire(&key(number)).unwrap();
        let result = AttemptResult { key: Some(key(number)), ..Default::default() };
        outbox.add_result(id, result, began, stream);
        id
    }

    fn numbers(batch: &[AttemptResult]) -> Vec<u32> {
        batch.iter().map(|result| result.key.as_ref().unwrap().number).collect()
    }

    #[test]
    fn a_result_is_kept_until_acknowledged() {
        let now = Instant::now();
        let mut outbox = ResultOutbox::default();
        outbox.open(A);
        let id = add_result(&mut outbox, 1, now, A);
        assert_eq!(numbers(&outbox.next_batch(A, now, 10)), [1]);
        assert!(outbox.next_batch(A, now, 10).is_empty());
        assert!(outbox.contains(id));
        assert_eq!(outbox.acknowledge(id), Some(A));
        assert_eq!(outbox.acknowledge(id), None);
        assert_eq!(outbox.len(), 0);
    }

    #[test]
    fn a_closed_stream_s_results_go_to_the_next_stream() {
        let now = Instant::now();
        let mut outbox = ResultOutbox::default();
        outbox.open(A);
        add_result(&mut outbox, 1, now, A);
        outbox.next_batch(A, now, 10);
        add_result(&mut outbox, 2, now, A);
        assert_eq!(outbox.close(A), None);
        add_result(&mut outbox, 3, now, A);
        outbox.open(B);
        let mut sent = numbers(&outbox.next_batch(B, now, 10));
        sent.sort_unstable();
        assert_eq!(sent, [1, 2, 3]);
    }

    #[test]
    fn a_silent_stream_s_results_also_go_to_another() {
        let now = Instant::now();
        let mut outbox = ResultOutbox::default();
        outbox.open(A);
        add_result(&mut outbox, 1, now, A);
        outbox.next_batch(A, now, 10);
        let later = now + FIRST_ACK_TIMEOUT;
        assert!(outbox.reroute_overdue_results(later).is_empty(), "alone");
        outbox.open(B);
        let early = later - Duration::from_millis(1);
        assert!(outbox.reroute_overdue_results(early).is_empty());
        assert_eq!(outbox.reroute_overdue_results(later), [B]);
        assert_eq!(numbers(&outbox.next_batch(B, later, 10)), [1]);
        assert!(
            outbox.reroute_overdue_results(later + FIRST_ACK_TIMEOUT).is_empty(),
            "twice as long"
        );
        assert_eq!(outbox.reroute_overdue_results(later + FIRST_ACK_TIMEOUT * 2), [A]);
    }

    #[test]
    fn the_age_is_that_of_each_sending() {
        let began = Instant::now();
        let mut outbox = ResultOutbox::default();
        outbox.open(A);
        add_result(&mut outbox, 1, began, A);
        let age = |batch: Vec<AttemptResult>| batch[0].age.as_ref().unwrap().seconds;
        let now = began + Duration::from_secs(3);
        assert_eq!(age(outbox.next_batch(A, now, 10)), 3);
        outbox.close(A);
        outbox.open(B);
        let now = began + Duration::from_secs(60);
        assert_eq!(age(outbox.next_batch(B, now, 10)), 60);
    }

    #[test]
    fn a_batch_has_its_limit() {
        let now = Instant::now();
        let mut outbox = ResultOutbox::default();
        outbox.open(A);
        for number in 0..5 {
            add_result(&mut outbox, number, now, A);
        }
        assert_eq!(numbers(&outbox.next_batch(A, now, 3)), [0, 1, 2]);
        assert!(outbox.has_outgoing(A));
        assert_eq!(numbers(&outbox.next_batch(A, now, 3)), [3, 4]);
        assert!(!outbox.has_outgoing(A));
    }
}
