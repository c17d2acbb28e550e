//! Where queued items wait: one queue for each key.
//!
//! Fed by senders; feeds receivers. Guarantees that keys take turns, that a key whose
//! items a receiver holds waits until they are done, that a flooding key gets small
//! batches with pauses between them, and that a key with nothing queued is forgotten.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::flood_control::{AdmissionLimit, DecayingCount, cool_down_for};
use crate::queued::QueuedItem;

/// Items that a key gives in one turn: enough that a busy key costs few turns, and few
/// beside a batch (512).
const ITEMS_PER_TURN: usize = 16;
/// Keys without queued items that may be remembered. Only above it are they looked through,
/// so that few keys cost nothing.
const MAX_IDLE_KEYS: usize = 64;

pub struct FairQueue<K, T>(Mutex<QueueState<K, T>>);

/// The batch that a receiver is processing.
pub struct ActiveBatch<K> {
    keys: Vec<K>,
    /// Keys that cool down since the batch before.
    held_back: Vec<K>,
    items: usize,
    since: Instant,
}

/// The next batch.
pub struct NextBatch<T> {
    pub items: Vec<QueuedItem<T>>,
    /// Whether another receiver should be woken for what is left.
    pub has_more: bool,
    /// When the first cool-down of a key with queued items ends.
    pub cool_down_end: Option<Instant>,
}

struct QueueState<K, T> {
    slows_floods: bool,
    by_key: HashMap<K, KeyQueue<T>>,
    /// Keys with queued items that no receiver holds and that are not cooling down; the
    /// next first.
    ready: VecDeque<K>,
    /// Keys that are cooling down, and until when.
    cooling_down: Vec<(Instant, K)>,
    /// Items recently taken, of all keys.
    recent_total: DecayingCount,
    /// Queued items of all keys.
    queued_items: usize,
    admission_limit: AdmissionLimit,
    /// How many receivers there are.
    receivers: usize,
    closed: bool,
}

struct KeyQueue<T> {
    items: VecDeque<QueuedItem<T>>,
    /// How many of its items a receiver holds.
    in_batch: usize,
    /// The most that its batch may hold, while it dominates the others.
    batch_limit: Option<usize>,
    is_cooling_down: bool,
    recent: DecayingCount,
    /// Its share of the capacity; referenced by everything that is queued, being
    /// processed or waiting for capacity.
    capacity: Arc<Semaphore>,
}

impl<K, T> FairQueue<K, T> {
    pub fn new(slows_floods: bool) -> Self {
        Self(Mutex::new(QueueState {
            slows_floods,
            by_key: HashMap::new(),
            ready: VecDeque::new(),
            cooling_down: Vec::new(),
            recent_total: DecayingCount::new(),
            queued_items: 0,
            admission_limit: AdmissionLimit::new(),
            receivers: 0,
            closed: false,
        }))
    }
}

impl<K> ActiveBatch<K> {
    pub fn new() -> Self {
        Self { keys: Vec::new(), held_back: Vec::new(), items: 0, since: Instant::now() }
    }

    /// The keys that began to cool down when the batch before ended.
    pub fn take_held_back(&mut self) -> Vec<K> {
        std::mem::take(&mut self.held_back)
    }
}

impl<T> KeyQueue<T> {
    fn new(units: usize) -> Self {
        Self {
            items: VecDeque::new(),
            in_batch: 0,
            batch_limit: None,
            is_cooling_down: false,
            recent: DecayingCount::new(),
            capacity: Arc::new(Semaphore::new(units)),
        }
    }

    /// No receiver holds items of it, and it is not cooling down.
    fn is_available(&self) -> bool {
        self.in_batch == 0 && !self.is_cooling_down
    }

    /// Nothing refers to it, and it brought so little lately that the total count can do
    /// without it.
    fn is_evictable(&self, now: Instant) -> bool {
        self.items.is_empty()
            && self.is_available()
            && Arc::strong_count(&self.capacity) == 1
            && self.recent.count(now) < ITEMS_PER_TURN as f64
    }
}

impl<K: Eq + Hash + Clone, T> FairQueue<K, T> {
    fn lock_state(&self) -> MutexGuard<'_, QueueState<K, T>> {
        self.0.lock()
    }

    /// A key's share of the capacity, created with this many units.
    pub fn key_capacity(&self, key: &K, units: usize) -> Arc<Semaphore> {
        let mut state = self.lock_state();
        if let Some(known) = state.by_key.get(key) {
            return Arc::clone(&known.capacity);
        }
        let new = KeyQueue::new(units);
        let capacity = Arc::clone(&new.capacity);
        if state.closed {
            capacity.close();
        }
        state.by_key.insert(key.clone(), new);
        capacity
    }

    /// Queues an item that has its capacity; false when the queue is closed.
    pub fn push(&self, key: &K, queued: QueuedItem<T>) -> bool {
        let mut state = self.lock_state();
        let QueueState { by_key, ready, closed, queued_items, .. } = &mut *state;
        // A key whose share is referenced is not forgotten.
        let Some(known) = by_key.get_mut(key).filter(|_| !*closed) else {
            return false;
        };
        if known.items.is_empty() && known.is_available() {
            ready.push_back(key.clone());
        }
        known.items.push_back(queued);
        *queued_items += 1;
        true
    }

    /// The next batch, within both limits, or one item that alone exceeds the bytes. Ends
    /// the receiver's previous batch. With `all`, cool-downs are ignored: the queue is
    /// being emptied.
    ///
    /// Keys that no receiver holds stand in line (`ready`). The first gives up to 16 items
    /// and stands behind all others that had no turn yet (`next_round`), until the batch is
    /// full or nobody has items. All keys that gave something are the receiver's until its
    /// next call; then those with items left stand in line again.
    ///
    /// Example: a batch may hold 40 items; `a` has 100, `b` 3 and `c` 10, in this order.
    /// First round: 16 of `a`, 3 of `b`, 10 of `c`: 29. Second round: 11 more of `a`: 40.
    /// A second receiver finds nothing: what is left is of `a`, which the first one holds.
    /// Its items would overtake those of the batch.
    pub fn take_batch(
        &self,
        active: &mut ActiveBatch<K>,
        max_items: usize,
        max_bytes: usize,
        all: bool,
    ) -> NextBatch<T> {
        let mut state = self.lock_state();
        let now = Instant::now();
        state.finish_batch(active, max_items, now);
        state.end_cool_downs(now, all);
        let mut items = Vec::new();
        let mut bytes = 0;
        // Keys that had their turn get another after all others, if the batch has room.
        let mut next_round = VecDeque::new();
        let mut full = false;
        while !full && let Some(key) = state.ready.pop_front().or_else(|| next_round.pop_front()) {
            let QueueState {
                by_key,
                recent_total,
                queued_items,
                admission_limit,
                slows_floods,
                ..
            } = &mut *state;
            let Some(queue) = by_key.get_mut(&key) else {
                continue;
            };
            if queue.in_batch == 0 {
                let dominates = *slows_floods
                    && queue.recent.dominates(queue.items.len(), recent_total, *queued_items, now);
                queue.batch_limit = dominates.then(|| admission_limit.items());
            }
            let batch_limit = queue.batch_limit.unwrap_or(usize::MAX);
            for _ in 0..ITEMS_PER_TURN.min(batch_limit - queue.in_batch) {
                let Some(next) = queue.items.front() else {
                    break;
                };
                full = items.len() >= max_items
                    || (!items.is_empty() && bytes + next.bytes > max_bytes);
                if full {
                    break;
                }
                bytes += next.bytes;
                items.extend(queue.items.pop_front());
                if queue.in_batch == 0 {
                    active.keys.push(key.clone());
                }
                queue.in_batch += 1;
            }
            if queue.in_batch == 0 {
                state.ready.push_front(key);
            } else if !queue.items.is_empty() && queue.in_batch < batch_limit {
                next_round.push_back(key);
            }
        }
        state.record_taken(active, items.len(), now);
        state.evict_idle_keys(now);
        let cool_down_end = state.next_cool_down_end();
        // A receiver with a batch does not wait for cool-downs; another has to.
        let has_more = !state.ready.is_empty() || (cool_down_end.is_some() && !items.is_empty());
        NextBatch { items, has_more, cool_down_end }
    }

    /// Counts one more receiver.
    pub fn add_receiver(&self) {
        self.lock_state().receivers += 1;
    }

    /// Counts one receiver less; true if it was the last, and the queue is closed now.
    pub fn remove_receiver(&self, active: &mut ActiveBatch<K>) -> bool {
        let mut state = self.lock_state();
        state.finish_batch(active, usize::MAX, Instant::now());
        state.receivers = state.receivers.saturating_sub(1);
        if state.receivers > 0 {
            return false;
        }
        state.closed = true;
        state.ready.clear();
        state.cooling_down.clear();
        for queue in state.by_key.values_mut() {
            queue.capacity.close();
            queue.items.clear();
        }
        true
    }
}

impl<K: Eq + Hash + Clone, T> QueueState<K, T> {
    /// Records what a receiver got.
    fn record_taken(&mut self, active: &mut ActiveBatch<K>, items: usize, now: Instant) {
        active.items = items;
        active.since = now;
        self.recent_total.add(items, now);
        debug_assert!(self.queued_items >= items, "what is taken was queued");
        self.queued_items = self.queued_items.saturating_sub(items);
        for key in &active.keys {
            if let Some(queue) = self.by_key.get_mut(key) {
                queue.recent.add(queue.in_batch, now);
            }
        }
    }

    /// Ends a receiver's batch: its keys get turns again, or begin to cool down.
    fn finish_batch(&mut self, active: &mut ActiveBatch<K>, max_items: usize, now: Instant) {
        let span = now.saturating_duration_since(active.since);
        if (1..=ITEMS_PER_TURN).contains(&active.items) {
            self.admission_limit.record_small_commit(span, now);
        }
        let ActiveBatch { keys, held_back, .. } = active;
        for key in keys.drain(..) {
            let Some(queue) = self.by_key.get_mut(&key) else {
                continue;
            };
            let had = std::mem::take(&mut queue.in_batch);
            if let Some(limit) = queue.batch_limit.take()
                && had > ITEMS_PER_TURN
            {
                self.admission_limit.adjust(had, had == limit, max_items, now);
                queue.is_cooling_down = true;
                held_back.push(key.clone());
                self.cooling_down.push((now + cool_down_for(span), key));
            } else if !queue.items.is_empty() {
                self.ready.push_back(key);
            }
        }
    }

    /// Ends the cool-downs that are over, or all of them.
    fn end_cool_downs(&mut self, now: Instant, all: bool) {
        let Self { by_key, ready, cooling_down, .. } = self;
        for (_, key) in cooling_down.extract_if(.., |(until, _)| all || *until <= now) {
            let Some(queue) = by_key.get_mut(&key) else {
                continue;
            };
            queue.is_cooling_down = false;
            if !queue.items.is_empty() {
                ready.push_back(key);
            }
        }
    }

    fn next_cool_down_end(&self) -> Option<Instant> {
        let has_items = |key| self.by_key.get(key).is_some_and(|queue| !queue.items.is_empty());
        self.cooling_down.iter().filter(|(_, key)| has_items(key)).map(|(until, _)| *until).min()
    }

    /// Runs only when many keys are idle, so that it costs little for each item.
    fn evict_idle_keys(&mut self, now: Instant) {
        if self.by_key.len() > MAX_IDLE_KEYS + 2 * self.ready.len() {
            self.by_key.retain(|_, queue| !queue.is_evictable(now));
        }
    }
}
