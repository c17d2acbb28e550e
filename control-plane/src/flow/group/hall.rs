//! Where a group's items wait, each crowd in a queue of its own.
//!
//! Fed by entrances; feeds the exits. Guarantees that crowds take turns, that one
//! whose items a writer has waits until they are done, and that a crowd which is gone
//! leaves nothing behind.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use super::Queued;

/// What a crowd takes in one turn: enough that a busy one costs little, and little
/// beside a batch.
const TURN: usize = 16;
/// Crowds that may be remembered although nothing of theirs is queued.
const REMEMBERED: usize = 64;

pub(super) struct Hall<K, T>(Mutex<State<K, T>>);

struct State<K, T> {
    crowds: HashMap<K, Crowd<T>>,
    /// Those with something queued that no writer is busy with, the next first.
    turns: VecDeque<K>,
    /// How many may take what is queued.
    writers: usize,
    closed: bool,
}

struct Crowd<T> {
    queue: VecDeque<Queued<T>>,
    /// A writer has items of it.
    busy: bool,
    /// Held by whatever is queued, being written or waiting for room.
    share: Arc<Semaphore>,
}

impl<K, T> Default for Hall<K, T> {
    fn default() -> Self {
        let state =
            State { crowds: HashMap::new(), turns: VecDeque::new(), writers: 0, closed: false };
        Self(Mutex::new(state))
    }
}

impl<T> Crowd<T> {
    fn new(units: usize) -> Self {
        Self { queue: VecDeque::new(), busy: false, share: Arc::new(Semaphore::new(units)) }
    }

    fn is_gone(&self) -> bool {
        self.queue.is_empty() && !self.busy && Arc::strong_count(&self.share) == 1
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
        let State { crowds, turns, closed, .. } = &mut *state;
        // Whoever has a share keeps its crowd from being forgotten.
        let Some(known) = crowds.get_mut(crowd).filter(|_| !*closed) else {
            return false;
        };
        if known.queue.is_empty() && !known.busy {
            turns.push_back(crowd.clone());
        }
        known.queue.push_back(queued);
        true
    }

    /// So many items at most, of so many bytes unless the first alone is larger, and
    /// whether others could be taken. `taken` names the crowds of the batch before,
    /// which is done, and then those of this one.
    pub(super) fn take(
        &self,
        taken: &mut Vec<K>,
        max_items: usize,
        max_bytes: usize,
    ) -> (Vec<Queued<T>>, bool) {
        let mut state = self.state();
        state.release(taken);
        let mut batch = Vec::new();
        let mut bytes = 0;
        // Whoever had a turn has another after the others, if there is room.
        let mut again = VecDeque::new();
        let mut full = false;
        while !full && let Some(key) = state.turns.pop_front().or_else(|| again.pop_front()) {
            let Some(crowd) = state.crowds.get_mut(&key) else {
                continue;
            };
            for _ in 0..TURN {
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
                if !crowd.busy {
                    crowd.busy = true;
                    taken.push(key.clone());
                }
            }
            if !crowd.busy {
                state.turns.push_front(key);
            } else if !crowd.queue.is_empty() {
                again.push_back(key);
            }
        }
        state.forget_the_gone();
        (batch, !state.turns.is_empty())
    }

    /// One more takes what is queued.
    pub(super) fn join(&self) {
        self.state().writers += 1;
    }

    /// One less does; true when it was the last, and nothing is taken any more.
    pub(super) fn leave(&self, taken: &mut Vec<K>) -> bool {
        let mut state = self.state();
        state.release(taken);
        state.writers = state.writers.saturating_sub(1);
        if state.writers > 0 {
            return false;
        }
        state.closed = true;
        state.turns.clear();
        for crowd in state.crowds.values_mut() {
            crowd.share.close();
            crowd.queue.clear();
        }
        true
    }
}

impl<K: Eq + Hash + Clone, T> State<K, T> {
    /// A writer is done with these.
    fn release(&mut self, taken: &mut Vec<K>) {
        for key in taken.drain(..) {
            let Some(crowd) = self.crowds.get_mut(&key) else {
                continue;
            };
            crowd.busy = false;
            if !crowd.queue.is_empty() {
                self.turns.push_back(key);
            }
        }
    }

    /// Looks once in a while, so that it costs little for each item.
    fn forget_the_gone(&mut self) {
        if self.crowds.len() > REMEMBERED + 2 * self.turns.len() {
            self.crowds.retain(|_, crowd| !crowd.is_gone());
        }
    }
}
