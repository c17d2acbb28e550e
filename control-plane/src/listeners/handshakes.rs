//! TLS handshakes that go on at a door.
//!
//! Fed by `accept`; feeds it with handshakes that are to end. Guarantees that so many go
//! on at once and no more, and that those who stall theirs keep nobody else out: a new one
//! takes the place of the oldest. Whoever turns out to be nobody at the door stays among
//! them while it is told so.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use postrider_telemetry::metrics::BoundUpDownCounter;
use tokio_util::sync::CancellationToken;

use super::door::Door;
use crate::metrics::LimitMetrics;

#[derive(Default)]
struct HandshakeList {
    next_number: u64,
    running: BTreeMap<u64, CancellationToken>,
}

/// The handshakes of a door.
pub(super) struct HandshakeQueue {
    list: Mutex<HandshakeList>,
    max: usize,
    open: BoundUpDownCounter<i64>,
    metrics: LimitMetrics,
}

impl HandshakeQueue {
    pub fn new(door: Door, max: usize, metrics: LimitMetrics) -> Arc<Self> {
        let open = metrics.handshakes(door.name());
        Arc::new(Self { list: Mutex::default(), max, open, metrics })
    }

    /// Begins a handshake; beyond the limit the oldest ends.
    pub fn begin(self: &Arc<Self>) -> RunningHandshake {
        let displaced = CancellationToken::new();
        let mut list = self.list.lock();
        let number = list.next_number;
        list.next_number += 1;
        list.running.insert(number, displaced.clone());
        let oldest = (list.running.len() > self.max).then(|| list.running.pop_first()).flatten();
        drop(list);
        if let Some((_, oldest)) = oldest {
            oldest.cancel();
            self.metrics.reached("connections.max_handshakes");
        }
        self.open.add(1);
        RunningHandshake { queue: Arc::clone(self), number, displaced }
    }
}

/// A handshake that goes on, until this is dropped.
pub(super) struct RunningHandshake {
    queue: Arc<HandshakeQueue>,
    number: u64,
    /// Cancelled once another one has its place.
    pub displaced: CancellationToken,
}

impl Drop for RunningHandshake {
    fn drop(&mut self) {
        self.queue.open.add(-1);
        self.queue.list.lock().running.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_handshake_takes_the_place_of_the_oldest() {
        let metrics = LimitMetrics::alone();
        let queue = HandshakeQueue::new(Door::Callers, 2, metrics.clone());
        let (first, second) = (queue.begin(), queue.begin());
        assert!(!first.displaced.is_cancelled());
        let third = queue.begin();
        assert!(first.displaced.is_cancelled() && !second.displaced.is_cancelled());
        assert_eq!(metrics.times_reached("connections.max_handshakes"), 1);
        drop((first, second));
        let fourth = queue.begin();
        assert!(!third.displaced.is_cancelled() && !fourth.displaced.is_cancelled());
        drop((third, fourth));
        assert_eq!(metrics.shown_of_callers("postrider_handshakes"), 0);
        assert!(queue.list.lock().running.is_empty());
    }
}
