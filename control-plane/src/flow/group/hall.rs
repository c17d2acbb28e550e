//! Where a group's items wait, each crowd in a queue of its own.
//!
//! Fed by entrances; feeds the exits. Guarantees that crowds take turns, that one
//! whose items a writer has waits until they are done, that one which presses on the
//! others takes little at once and rests between, and that a crowd which is gone leaves
//! nothing behind.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::Queued;
use super::pressing::{Part, Recent, rest};

/// What a crowd takes in one turn: enough that a busy one costs little, and little
/// beside a batch.
const TURN: usize = 16;
/// Crowds that may be remembered although nothing of theirs is queued.
const REMEMBERED: usize = 64;

pub(super) struct Hall<K, T>(Mutex<State<K, T>>);

/// What a writer has been given.
pub(super) struct Taken<K> {
    crowds: Vec<K>,
    items: usize,
    since: Instant,
}

/// The next batch.
pub(super) struct Given<T> {
    pub(super) batch: Vec<Queued<T>>,
    /// Another writer could take what is left, now or when it has rested.
    pub(super) more: bool,
    /// When the first crowd that rests has something to give.
    pub(super) rested: Option<Instant>,
}

struct State<K, T> {
    crowds: HashMap<K, Crowd<T>>,
    /// Those with something queued that no writer is busy with and that do not rest, the
    /// next first.
    turns: VecDeque<K>,
    /// Until when each of these has no turn.
    resting: Vec<(Instant, K)>,
    /// What was taken of all crowds.
    recent: Recent,
    /// How many items are queued of all crowds.
    waiting: usize,
    part: Part,
    /// How many may take what is queued.
    writers: usize,
    closed: bool,
}

struct Crowd<T> {
    queue: VecDeque<Queued<T>>,
    /// How many of its items a writer has.
    taken: usize,
    /// How many it may have of them, if it presses on the others.
    most: Option<usize>,
    resting: bool,
    recent: Recent,
    /// Held by whatever is queued, being written or waiting for room.
    share: Arc<Semaphore>,
}

impl<K, T> Default for Hall<K, T> {
    fn default() -> Self {
        Self(Mutex::new(State {
            crowds: HashMap::new(),
            turns: VecDeque::new(),
            resting: Vec::new(),
            recent: Recent::nothing(),
            waiting: 0,
            part: Part::new(),
            writers: 0,
            closed: false,
        }))
    }
}

impl<K> Taken<K> {
    pub(super) fn nothing() -> Self {
        Self { crowds: Vec::new(), items: 0, since: Instant::now() }
    }
}

impl<T> Crowd<T> {
    fn new(units: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            taken: 0,
            most: None,
            resting: false,
            recent: Recent::nothing(),
            share: Arc::new(Semaphore::new(units)),
        }
    }

    /// Neither a writer nor a rest keeps its items from being taken.
    fn is_free(&self) -> bool {
        self.taken == 0 && !self.resting
    }

    /// Nothing is left of it, and it brought too little lately to be missed in the count
    /// of what all brought.
    fn is_gone(&self, now: Instant) -> bool {
        self.queue.is_empty()
            && self.is_free()
            && Arc::strong_count(&self.share) == 1
            && self.recent.count(now) < TURN as f64
    }
}

impl<K: Eq + Hash + Clone, T> Hall<K, T> {
    fn state(&self) -> MutexGuard<'_, State<K, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The room that is a crowd's, of so many units.
    pub(super) fn share(&self, crowd: &K, units: usize) -> Arc<Semaphore> {
        let mut state = self.state();
        if let Some(known) = state.crowds.get(crowd) {
            return Arc::clone(&known.share);
        }
        let new = Crowd::new(units);
        let share = Arc::clone(&new.share);
        if state.closed {
            share.close();
        }
        state.crowds.insert(crowd.clone(), new);
        share
    }

    /// Queues an item that has room; false when nobody will take it.
    pub(super) fn admit(&self, crowd: &K, queued: Queued<T>) -> bool {
        let mut state = self.state();
        let State { crowds, turns, closed, waiting, .. } = &mut *state;
        // Whoever has a share keeps its crowd from being forgotten.
        let Some(known) = crowds.get_mut(crowd).filter(|_| !*closed) else {
            return false;
        };
        if known.queue.is_empty() && known.is_free() {
            turns.push_back(crowd.clone());
        }
        known.queue.push_back(queued);
        *waiting += 1;
        true
    }

    /// So many items at most, of so many bytes unless the first alone is larger. What
    /// was `taken` before is done. Nobody rests while the last of `all` are taken.
    pub(super) fn take(
        &self,
        taken: &mut Taken<K>,
        max_items: usize,
        max_bytes: usize,
        all: bool,
    ) -> Given<T> {
        let mut state = self.state();
        let now = Instant::now();
        state.release(taken, max_items, now);
        state.end_rests(now, all);
        let mut batch = Vec::new();
        let mut bytes = 0;
        // Whoever had a turn has another after the others, if there is room.
        let mut again = VecDeque::new();
        let mut full = false;
        while !full && let Some(key) = state.turns.pop_front().or_else(|| again.pop_front()) {
            let State { crowds, recent, waiting, part, .. } = &mut *state;
            let Some(crowd) = crowds.get_mut(&key) else {
                continue;
            };
            if crowd.taken == 0 {
                let presses = crowd.recent.presses(crowd.queue.len(), recent, *waiting, now);
                crowd.most = presses.then(|| part.items());
            }
            let most = crowd.most.unwrap_or(usize::MAX);
            for _ in 0..TURN.min(most - crowd.taken) {
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
        state.forget_the_gone(now);
        let rested = state.next_rested();
        // Whoever is given something will not see to what rests meanwhile.
        let more = !state.turns.is_empty() || (rested.is_some() && !batch.is_empty());
        Given { batch, more, rested }
    }

    /// One more takes what is queued.
    pub(super) fn join(&self) {
        self.state().writers += 1;
    }

    /// One less does; true when it was the last, and nothing is taken any more.
    pub(super) fn leave(&self, taken: &mut Taken<K>) -> bool {
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

impl<K: Eq + Hash + Clone, T> State<K, T> {
    /// A writer has been given these.
    fn took(&mut self, taken: &mut Taken<K>, items: usize, now: Instant) {
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

    /// A writer is done with these.
    fn release(&mut self, taken: &mut Taken<K>, max_items: usize, now: Instant) {
        let span = now.saturating_duration_since(taken.since);
        if (1..=TURN).contains(&taken.items) {
            self.part.few_took(span, now);
        }
        for key in taken.crowds.drain(..) {
            let Some(crowd) = self.crowds.get_mut(&key) else {
                continue;
            };
            let had = std::mem::take(&mut crowd.taken);
            if let Some(most) = crowd.most.take()
                && had > TURN
            {
                self.part.was_taken(had, had == most, max_items, now);
                crowd.resting = true;
                self.resting.push((now + rest(span), key));
            } else if !crowd.queue.is_empty() {
                self.turns.push_back(key);
            }
        }
    }

    /// Those have turns again that have rested, or all.
    fn end_rests(&mut self, now: Instant, all: bool) {
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

    fn next_rested(&self) -> Option<Instant> {
        let has_items = |key| self.crowds.get(key).is_some_and(|crowd| !crowd.queue.is_empty());
        self.resting.iter().filter(|(_, key)| has_items(key)).map(|(until, _)| *until).min()
    }

    /// Looks once in a while, so that it costs little for each item.
    fn forget_the_gone(&mut self, now: Instant) {
        if self.crowds.len() > REMEMBERED + 2 * self.turns.len() {
            self.crowds.retain(|_, crowd| !crowd.is_gone(now));
        }
    }
}
