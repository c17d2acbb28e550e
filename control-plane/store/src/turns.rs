//! Turns of those who change one thing.
//!
//! Fed by each change before it takes what is scarce: a connection, or a moment in which what
//! it read still stands. Feeds it with its turn. Guarantees that of one thing one change of
//! this process at a time has a turn, first come, first served, and that things which nobody
//! changes are forgotten.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

/// Things that are remembered although nobody changes them: those of a busy minute.
const MAX_IDLE_KEYS: usize = 1024;

/// A turn, until it is dropped.
pub type Turn = OwnedMutexGuard<()>;

type TurnQueue = Arc<tokio::sync::Mutex<()>>;

/// Who has the turn of each thing, and who waits for it.
pub struct Turns<K>(Mutex<HashMap<K, TurnQueue>>);

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash> Turns<K> {
    /// Waits for the turn.
    pub async fn take(&self, key: &K) -> Turn {
        let queue = self.queue(key);
        queue.lock_owned().await
    }

    fn queue(&self, key: &K) -> TurnQueue {
        let mut queues = self.0.lock();
        if queues.len() >= MAX_IDLE_KEYS {
            // Who has a turn or waits for one holds its queue.
            queues.retain(|_, queue| Arc::strong_count(queue) > 1);
        }
        Arc::clone(queues.entry(key.clone()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn each_thing_has_one_turn_at_a_time() {
        let turns = Turns::default();
        let turn = turns.take(&1).await;
        assert!(turns.take(&1).now_or_never().is_none());
        assert!(turns.take(&2).now_or_never().is_some());
        drop(turn);
        assert!(turns.take(&1).now_or_never().is_some());
    }

    #[tokio::test]
    async fn what_is_idle_is_forgotten_and_the_rest_is_not() {
        let turns = Turns::default();
        let turn = turns.take(&0).await;
        for key in 1..3 * MAX_IDLE_KEYS {
            drop(turns.take(&key).await);
        }
        assert!(turns.0.lock().len() <= MAX_IDLE_KEYS);
        assert!(turns.take(&0).now_or_never().is_none());
        drop(turn);
    }
}
