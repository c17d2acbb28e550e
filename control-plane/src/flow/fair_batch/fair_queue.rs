//! Where queued items wait: one queue for each key.
//!
//! Fed by senders; feeds receivers. Guarantees that keys take turns, that a key whose
//! items a receiver holds waits until they are done, that a flooding key gets small
//! batches with pauses between them, and that a key with nothing queued is forgotten.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::QueuedItem;
use super::flood_control::{AdmissionLimit, DecayingCount, rest};

/// Items that a key gives in one turn: enough that a busy key costs few turns, and few
/// beside a batch (512).
const ITEMS_PER_TURN: usize = 16;
/// Keys without queued items that may be remembered.
const MAX_IDLE_KEYS: usize = 64;

pub(super) struct FairQueue<K, T>(Mutex<QueueState<K, T>>);

/// The batch that a receiver is processing.
pub(super) struct ActiveBatch<K> {
    crowds: Vec<K>,
    items: usize,
    since: Instant,
}

/// The next batch.
pub(super) struct NextBatch<T> {
    pub(super) batch: Vec<QueuedItem<T>>,
    /// Whether another receiver should be woken for what is left.
    pub(super) more: bool,
    /// When the first cool-down of a key with queued items ends.
    pub(super) rested: Option<Instant>,
}

struct QueueState<K, T> {
    crowds: HashMap<K, KeyQueue<T>>,
    /// Keys with queued items that no receiver holds and that are not cooling down; the
    /// next first.
    turns: VecDeque<K>,
    /// Keys that are cooling down, and until when.
    resting: Vec<(Instant, K)>,
    /// Items recently taken, of all keys.
    recent: DecayingCount,
    /// Queued items of all keys.
    waiting: usize,
    part: AdmissionLimit,
    /// How many receivers there are.
    writers: usize,
    closed: bool,
}

struct KeyQueue<T> {
    queue: VecDeque<QueuedItem<T>>,
    /// How many of its items a receiver holds.
    taken: usize,
    /// The most that its batch may hold, while it dominates the others.
    most: Option<usize>,
    resting: bool,
    recent: DecayingCount,
    /// Its share of the capacity; referenced by everything that is queued, being
    /// processed or waiting for capacity.
    share: Arc<Semaphore>,
}

impl<K, T> Default for FairQueue<K, T> {
    fn default() -> Self {
        Self(Mutex::new(QueueState {
            crowds: HashMap::new(),
            turns: VecDeque::new(),
            resting: Vec::new(),
            recent: DecayingCount::nothing(),
            waiting: 0,
            part: AdmissionLimit::new(),
            writers: 0,
            closed: false,
        }))
    }
}

impl<K> ActiveBatch<K> {
    pub(super) fn nothing() -> Self {
        Self { crowds: Vec::new(), items: 0, since: Instant::now() }
    }
}

impl<T> KeyQueue<T> {
    fn new(units: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            taken: 0,
            most: None,
            resting: false,
            recent: DecayingCount::nothing(),
            share: Arc::new(Semaphore::new(units)),
        }
    }

    /// No receiver holds items of it, and it is not cooling down.
    fn is_available(&self) -> bool {
        self.taken == 0 && !self.resting
    }

    /// Nothing refers to it, and it brought so little lately that the total count can do
    /// without it.
    fn is_evictable(&self, now: Instant) -> bool {
        self.queue.is_empty()
            && self.is_available()
            && Arc::strong_count(&self.share) == 1
            && self.recent.count(now) < ITEMS_PER_TURN as f64
    }
}

impl<K: Eq + Hash + Clone, T> FairQueue<K, T> {
    fn state(&self) -> MutexGuard<'_, QueueState<K, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A key's share of the capacity, created with this many units.
    pub(super) fn share(&self, crowd: &K, units: usize) -> Arc<Semaphore> {
        let mut state = self.state();
        if let Some(known) = state.crowds.get(crowd) {
            return Arc::clone(&known.share);
        }
        let new = KeyQueue::new(units);
        let share = Arc::clone(&new.share);
        if state.closed {
            share.close();
        }
        state.crowds.insert(crowd.clone(), new);
        share
    }

    /// Queues an item that has its capacity; false when the queue is closed.
    pub(super) fn admit(&self, crowd: &K, queued: QueuedItem<T>) -> bool {
        let mut state = self.state();
        let QueueState { crowds, turns, closed, waiting, .. } = &mut *state;
        // A key whose share is referenced is not forgotten.
        let Some(known) = crowds.get_mut(crowd).filter(|_| !*closed) else {
            return false;
        };
        if known.queue.is_empty() && known.is_available() {
            turns.push_back(crowd.clone());
        }
        known.queue.push_back(queued);
        *waiting += 1;
        true
    }

    /// The next batch, within both limits, or one item that alone exceeds the bytes. Ends
    /// the receiver's previous batch. With `all`, cool-downs are ignored: the queue is
    /// being emptied.
    pub(super) fn take(
        &self,
        taken: &mut ActiveBatch<K>,
        max_items: usize,
        max_bytes: usize,
        all: bool,
    ) -> NextBatch<T> {
        let mut state = self.state();
        let now = Instant::now();
        state.release(taken, max_items, now);
        state.end_cool_downs(now, all);
        let mut batch = Vec::new();
        let mut bytes = 0;
        // Keys that had their turn get another after all others, if the batch has room.
        let mut again = VecDeque::new();
        let mut full = false;
        while !full && let Some(key) = state.turns.pop_front().or_else(|| again.pop_front()) {
            let QueueState { crowds, recent, waiting, part, .. } = &mut *state;
            let Some(crowd) = crowds.get_mut(&key) else {
                continue;
            };
            if crowd.taken == 0 {
                let presses = crowd.recent.dominates(crowd.queue.len(), recent, *waiting, now);
                crowd.most = presses.then(|| part.items());
            }
            let most = crowd.most.unwrap_or(usize::MAX);
            for _ in 0..ITEMS_PER_TURN.min(most - crowd.taken) {
                let Some(next) = crowd.queue.front() else {
                    break;
                };
                full = batch.len() >= max_items
                    || (!batch.is_empty() && bytes + next.bytes > max_bytes);
                if full {
                    break;
                }
                bytes += next.bytes;
                batch.extend(crowd.queue.pop_front());
                if crowd.taken == 0 {
                    taken.crowds.push(key.clone());
                }
                crowd.taken += 1;
            }
            if crowd.taken == 0 {
                state.turns.push_front(key);
            } else if !crowd.queue.is_empty() && crowd.taken < most {
                again.push_back(key);
            }
        }
        state.took(taken, batch.len(), now);
        state.evict_idle_keys(now);
        let rested = state.next_cool_down_end();
        // A receiver with a batch does not wait for cool-downs; another has to.
        let more = !state.turns.is_empty() || (rested.is_some() && !batch.is_empty());
        NextBatch { batch, more, rested }
    }

    /// Counts one more receiver.
    pub(super) fn join(&self) {
        self.state().writers += 1;
    }

    /// Counts one receiver less; true if it was the last, and the queue is closed now.
    pub(super) fn leave(&self, taken: &mut ActiveBatch<K>) -> bool {
        let mut state = self.state();
        state.release(taken, usize::MAX, Instant::now());
        state.writers = state.writers.saturating_sub(1);
        if state.writers > 0 {
            return false;
        }
        state.closed = true;
        state.turns.clear();
        state.resting.clear();
        for crowd in state.crowds.values_mut() {
            crowd.share.close();
            crowd.queue.clear();
        }
        true
    }
}

impl<K: Eq + Hash + Clone, T> QueueState<K, T> {
    /// Records what a receiver got.
    fn took(&mut self, taken: &mut ActiveBatch<K>, items: usize, now: Instant) {
        taken.items = items;
        taken.since = now;
        self.recent.add(items, now);
        self.waiting = self.waiting.saturating_sub(items);
        for key in &taken.crowds {
            if let Some(crowd) = self.crowds.get_mut(key) {
                crowd.recent.add(crowd.taken, now);
            }
        }
    }

    /// Ends a receiver's batch: its keys get turns again, or begin to cool down.
    fn release(&mut self, taken: &mut ActiveBatch<K>, max_items: usize, now: Instant) {
        let span = now.saturating_duration_since(taken.since);
        if (1..=ITEMS_PER_TURN).contains(&taken.items) {
            self.part.record_small_commit(span, now);
        }
        for key in taken.crowds.drain(..) {
            let Some(crowd) = self.crowds.get_mut(&key) else {
                continue;
            };
            let had = std::mem::take(&mut crowd.taken);
            if let Some(most) = crowd.most.take()
                && had > ITEMS_PER_TURN
            {
                self.part.adjust(had, had == most, max_items, now);
                crowd.resting = true;
                self.resting.push((now + rest(span), key));
            } else if !crowd.queue.is_empty() {
                self.turns.push_back(key);
            }
        }
    }

    /// Ends the cool-downs that are over, or all of them.
    fn end_cool_downs(&mut self, now: Instant, all: bool) {
        let Self { crowds, turns, resting, .. } = self;
        for (_, key) in resting.extract_if(.., |(until, _)| all || *until <= now) {
            let Some(crowd) = crowds.get_mut(&key) else {
                continue;
            };
            crowd.resting = false;
            if !crowd.queue.is_empty() {
                turns.push_back(key);
            }
        }
    }

    fn next_cool_down_end(&self) -> Option<Instant> {
        let has_items = |key| self.crowds.get(key).is_some_and(|crowd| !crowd.queue.is_empty());
        self.resting.iter().filter(|(_, key)| has_items(key)).map(|(until, _)| *until).min()
    }

    /// Runs only when many keys are idle, so that it costs little for each item.
    fn evict_idle_keys(&mut self, now: Instant) {
        if self.crowds.len() > MAX_IDLE_KEYS + 2 * self.turns.len() {
            self.crowds.retain(|_, crowd| !crowd.is_evictable(now));
        }
    }
}
