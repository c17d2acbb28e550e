//! Results until a replica says that they are durable.
//!
//! Fed by `holdings` with what attempts came to; feeds every session the
//! results to send. Guarantees that a result is kept until it is acknowledged,
//! that it goes to another stream when its own ends or stays silent, and that
//! its age is that of the moment at which it is sent. Bounded by the agent's
//! capacity, because a result uses its attempt's credit until acknowledged.
//! Pure.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::time::{Duration, Instant};

use postrider_proto::agent::v1::{AttemptKey, AttemptResult};

use crate::attempt::wire_duration;
use crate::key::{AttemptId, StreamId};

/// A result unacknowledged for this long also goes to another stream; each time
/// it is, twice as long, so that a slow database is not asked ever more.
pub const PATIENCE: Duration = Duration::from_secs(2);
const LONGEST_PATIENCE: Duration = Duration::from_secs(30);

/// All unacknowledged results.
#[derive(Debug, Default)]
pub struct Report {
    held: HashMap<AttemptId, Held>,
    outboxes: BTreeMap<StreamId, VecDeque<AttemptId>>,
    /// Results that no stream is open for.
    waiting: VecDeque<AttemptId>,
}

#[derive(Debug)]
struct Held {
    result: AttemptResult,
    began: Instant,
    /// The stream that assigned the attempt: its credit is in use.
    assigned_by: StreamId,
    at: Place,
    /// How long its stream has for the acknowledgement.
    patience: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Queued,
    Sent { stream: StreamId, when: Instant },
}

impl Report {
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
    pub fn has_outgoing(&self, stream: StreamId) -> bool {
        self.outboxes.get(&stream).is_some_and(|outbox| !outbox.is_empty())
    }

    /// A stream is ready for results: it takes those that no other took.
    pub fn open(&mut self, stream: StreamId) {
        let waiting = std::mem::take(&mut self.waiting);
        self.outboxes.insert(stream, waiting);
    }

    /// A stream ended: what it had to send, and what it sent without an
    /// answer, goes elsewhere. Returns the stream that got it.
    pub fn close(&mut self, stream: StreamId) -> Option<StreamId> {
        let mut orphans = self.outboxes.remove(&stream).unwrap_or_default();
        for (id, held) in &mut self.held {
            if matches!(held.at, Place::Sent { stream: by, .. } if by == stream) {
                held.at = Place::Queued;
                orphans.push_back(*id);
            }
        }
        let heir = self.next_after(stream);
        match heir.and_then(|heir| self.outboxes.get_mut(&heir)) {
            Some(outbox) => outbox.append(&mut orphans),
            None => self.waiting.append(&mut orphans),
        }
        heir
    }

    /// Takes the result of an attempt that began at `began`; returns the stream
    /// that shall send it: the one that assigned it, if it is still open.
    pub fn add(
        &mut self,
        id: AttemptId,
        result: AttemptResult,
        began: Instant,
        assigned_by: StreamId,
    ) -> Option<StreamId> {
        let held = Held { result, began, assigned_by, at: Place::Queued, patience: PATIENCE };
        self.held.insert(id, held);
        let stream = match self.outboxes.contains_key(&assigned_by) {
            true => Some(assigned_by),
            false => self.next_after(assigned_by),
        };
        match stream.and_then(|stream| self.outboxes.get_mut(&stream)) {
            Some(outbox) => outbox.push_back(id),
            None => self.waiting.push_back(id),
        }
        stream
    }

    /// The results that `stream` sends next, at most `limit`.
    pub fn next_batch(
        &mut self,
        stream: StreamId,
        now: Instant,
        limit: usize,
    ) -> Vec<AttemptResult> {
        let Some(outbox) = self.outboxes.get_mut(&stream) else {
            return Vec::new();
        };
        let count = outbox.len().min(limit);
        outbox
            .drain(..count)
            .filter_map(|id| {
                // It may have been acknowledged on another stream meanwhile.
                let held = self.held.get_mut(&id)?;
                held.at = Place::Sent { stream, when: now };
                let mut result = held.result.clone();
                result.age = wire_duration(now.saturating_duration_since(held.began));
                Some(result)
            })
            .collect()
    }

    /// A replica has committed the result; returns whose credit is free.
    pub fn acknowledge(&mut self, id: AttemptId) -> Option<StreamId> {
        self.held.remove(&id).map(|held| held.assigned_by)
    }

    /// Results that were sent too long ago go to another stream, if there is
    /// one; returns the streams that have something to send.
    pub fn send_overdue_elsewhere(&mut self, now: Instant) -> Vec<StreamId> {
        let overdue: Vec<(AttemptId, StreamId)> = self
            .held
            .iter()
            .filter_map(|(id, held)| match held.at {
                Place::Sent { stream, when }
                    if now.saturating_duration_since(when) >= held.patience =>
                {
                    Some((*id, stream))
                }
                _ => None,
            })
            .collect();
        let mut woken = Vec::new();
        for (id, silent) in overdue {
            let Some(other) = self.next_after(silent).filter(|other| *other != silent) else {
                continue;
            };
            if let Some(held) = self.held.get_mut(&id) {
                held.at = Place::Queued;
                held.patience = (held.patience * 2).min(LONGEST_PATIENCE);
            }
            if let Some(outbox) = self.outboxes.get_mut(&other) {
                outbox.push_back(id);
            }
            if !woken.contains(&other) {
                woken.push(other);
            }
        }
        woken
    }

    /// The next open stream in turn, which is the same one when it is alone.
    fn next_after(&self, stream: StreamId) -> Option<StreamId> {
        self.outboxes
            .range((Bound::Excluded(stream), Bound::Unbounded))
            .chain(self.outboxes.iter())
            .map(|(id, _)| *id)
            .next()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    const A: StreamId = StreamId(1);
    const B: StreamId = StreamId(2);

    fn key(number: u32) -> AttemptKey {
        AttemptKey { delivery_id: vec![7; 16].into(), number, shard: 1, epoch: 1 }
    }

    fn add(report: &mut Report, number: u32, began: Instant, stream: StreamId) -> AttemptId {
        let id = AttemptId::from_wire(&key(number)).unwrap();
        let result = AttemptResult { key: Some(key(number)), ..Default::default() };
        report.add(id, result, began, stream);
        id
    }

    fn numbers(batch: &[AttemptResult]) -> Vec<u32> {
        batch.iter().map(|result| result.key.as_ref().unwrap().number).collect()
    }

    #[test]
    fn a_result_is_kept_until_acknowledged() {
        let now = Instant::now();
        let mut report = Report::default();
        report.open(A);
        let id = add(&mut report, 1, now, A);
        assert_eq!(numbers(&report.next_batch(A, now, 10)), [1]);
        assert!(report.next_batch(A, now, 10).is_empty());
        assert!(report.contains(id));
        assert_eq!(report.acknowledge(id), Some(A));
        assert_eq!(report.acknowledge(id), None);
        assert_eq!(report.len(), 0);
    }

    #[test]
    fn a_closed_stream_s_results_go_to_the_next_stream() {
        let now = Instant::now();
        let mut report = Report::default();
        report.open(A);
        add(&mut report, 1, now, A);
        report.next_batch(A, now, 10);
        add(&mut report, 2, now, A);
        assert_eq!(report.close(A), None);
        add(&mut report, 3, now, A);
        report.open(B);
        let mut sent = numbers(&report.next_batch(B, now, 10));
        sent.sort_unstable();
        assert_eq!(sent, [1, 2, 3]);
    }

    #[test]
    fn a_silent_stream_s_results_also_go_to_another() {
        let now = Instant::now();
        let mut report = Report::default();
        report.open(A);
        add(&mut report, 1, now, A);
        report.next_batch(A, now, 10);
        let later = now + PATIENCE;
        assert!(report.send_overdue_elsewhere(later).is_empty(), "alone");
        report.open(B);
        let early = later - Duration::from_millis(1);
        assert!(report.send_overdue_elsewhere(early).is_empty());
        assert_eq!(report.send_overdue_elsewhere(later), [B]);
        assert_eq!(numbers(&report.next_batch(B, later, 10)), [1]);
        assert!(report.send_overdue_elsewhere(later + PATIENCE).is_empty(), "twice as long");
        assert_eq!(report.send_overdue_elsewhere(later + PATIENCE * 2), [A]);
    }

    #[test]
    fn the_age_is_that_of_each_sending() {
        let began = Instant::now();
        let mut report = Report::default();
        report.open(A);
        add(&mut report, 1, began, A);
        let age = |batch: Vec<AttemptResult>| batch[0].age.as_ref().unwrap().seconds;
        let now = began + Duration::from_secs(3);
        assert_eq!(age(report.next_batch(A, now, 10)), 3);
        report.close(A);
        report.open(B);
        let now = began + Duration::from_secs(60);
        assert_eq!(age(report.next_batch(B, now, 10)), 60);
    }

    #[test]
    fn a_batch_has_its_limit() {
        let now = Instant::now();
        let mut report = Report::default();
        report.open(A);
        for number in 0..5 {
            add(&mut report, number, now, A);
        }
        assert_eq!(numbers(&report.next_batch(A, now, 3)), [0, 1, 2]);
        assert!(report.has_outgoing(A));
        assert_eq!(numbers(&report.next_batch(A, now, 3)), [3, 4]);
        assert!(!report.has_outgoing(A));
    }
}
