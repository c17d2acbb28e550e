//! Where a group's items wait, each crowd in a queue of its own.
//!
//! Fed by entrances; feeds the exit. Guarantees that crowds take turns, and that a
//! crowd which is gone leaves nothing behind.

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
    /// Those with something queued, the next first.
    turns: VecDeque<K>,
    closed: bool,
}

struct Crowd<T> {
    queue: VecDeque<Queued<T>>,
    /// Held by whatever is queued, being written or waiting for room.
    share: Arc<Semaphore>,
}

impl<K, T> Default for Hall<K, T> {
    fn default() -> Self {
        let state = State { crowds: HashMap::new(), turns: VecDeque::new(), closed: false };
        Self(Mutex::new(state))
    }
}

impl<T> Crowd<T> {
    fn new(units: usize) -> Self {
        Self { queue: VecDeque::new(), share: Arc::new(Semaphore::new(units)) }
    }

    fn is_gone(&self) -> bool {
        self.queue.is_empty() && Arc::strong_count(&self.share) == 1
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
        let State { crowds, turns, closed } = &mut *state;
        // Whoever has a share keeps its crowd from being forgotten.
        let Some(known) = crowds.get_mut(crowd).filter(|_| !*closed) else {
            return false;
        };
        if known.queue.is_empty() {
            turns.push_back(crowd.clone());
        }
        known.queue.push_back(queued);
        true
    }

    /// So many items at most, of so many bytes unless the first alone is larger.
    pub(super) fn take(&self, max_items: usize, max_bytes: usize) -> Vec<Queued<T>> {
        let mut state = self.state();
        let mut batch = Vec::new();
        let mut bytes = 0;
        while let Some(key) = state.turns.pop_front() {
            let Some(crowd) = state.crowds.get_mut(&key) else {
                continue;
            };
            let mut full = false;
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
            }
            let more = !crowd.queue.is_empty();
            match (more, full) {
                (true, true) => state.turns.push_front(key),
                (true, false) => state.turns.push_back(key),
                (false, _) => {}
            }
            if full {
                break;
            }
        }
        state.forget_the_gone();
        batch
    }

    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.turns.clear();
        for crowd in state.crowds.values_mut() {
            crowd.share.close();
            crowd.queue.clear();
        }
    }
}

impl<K: Eq + Hash + Clone, T> State<K, T> {
    /// Looks once in a while, so that it costs little for each item.
    fn forget_the_gone(&mut self) {
        if self.crowds.len() > REMEMBERED + 2 * self.turns.len() {
            self.crowds.retain(|_, crowd| !crowd.is_gone());
        }
    }
}
