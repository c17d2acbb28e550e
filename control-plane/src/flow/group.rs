//! Gathering what comes while a transaction is under way into the next one.
//!
//! Fed by callers that each bring one item of a crowd (a tenant's, say); feeds
//! writers with batches. Guarantees bounds in count and bytes, that nothing waits for
//! a timer when a writer is idle, that a crowd's items keep their order, since no two
//! writers have items of it at once, and that no crowd keeps the others waiting: the
//! crowds take turns, and one alone fills but its share of the room.

mod hall;

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc};

use self::hall::Hall;
use crate::health::Progress;

/// Room is counted in units of this many bytes, since a semaphore's permits are few.
const UNIT_BYTES: usize = 256;

/// The entrance of a group.
pub struct Entrance<K, T> {
    hall: Arc<Hall<K, T>>,
    /// Rung for each item; gone with the last entrance.
    bell: mpsc::Sender<()>,
    room: Arc<Semaphore>,
    /// What an item weighs at least, so that the room bounds their count.
    least_units: usize,
    crowd_units: usize,
    patience: Duration,
}

impl<K, T> Clone for Entrance<K, T> {
    fn clone(&self) -> Self {
        Self {
            hall: Arc::clone(&self.hall),
            bell: self.bell.clone(),
            room: Arc::clone(&self.room),
            least_units: self.least_units,
            crowd_units: self.crowd_units,
            patience: self.patience,
        }
    }
}

/// An item and the room that it takes.
pub struct Queued<T> {
    pub item: T,
    pub bytes: usize,
    pub room: Room,
}

/// Its crowd's and the group's, until it is dropped.
pub struct Room {
    _share: OwnedSemaphorePermit,
    _room: OwnedSemaphorePermit,
}

/// Why an item was not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    Full,
    Closed,
}

/// A writer's end.
pub struct Exit<K: Eq + Hash + Clone, T> {
    hall: Arc<Hall<K, T>>,
    /// Of the writers that are idle one listens.
    bell: Arc<Mutex<mpsc::Receiver<()>>>,
    /// For what one writer leaves to another.
    ring: mpsc::WeakSender<()>,
    room: Arc<Semaphore>,
    max_items: usize,
    max_bytes: usize,
    /// Whose items this writer has.
    taken: Vec<K>,
    progress: Option<Progress>,
}

/// The bounds of a group.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub queued_items: usize,
    pub queued_bytes: usize,
    /// Into how many shares the room is divided, of which a crowd fills one.
    pub shares: usize,
    pub batch_items: usize,
    pub batch_bytes: usize,
    /// How long an item waits for room before it is refused.
    pub patience: Duration,
}

pub fn group<K: Eq + Hash + Clone, T>(bounds: Bounds) -> (Entrance<K, T>, Exit<K, T>) {
    let units = (bounds.queued_bytes / UNIT_BYTES).clamp(1, Semaphore::MAX_PERMITS);
    let hall = Arc::new(Hall::default());
    hall.join();
    let room = Arc::new(Semaphore::new(units));
    let (bell, heard) = mpsc::channel(1);
    let entrance = Entrance {
        hall: Arc::clone(&hall),
        bell,
        room: Arc::clone(&room),
        least_units: (units / bounds.queued_items.max(1)).max(1),
        crowd_units: (units / bounds.shares.max(1)).max(1),
        patience: bounds.patience,
    };
    let exit = Exit {
        hall,
        bell: Arc::new(Mutex::new(heard)),
        ring: entrance.bell.downgrade(),
        room,
        max_items: bounds.batch_items.max(1),
        max_bytes: bounds.batch_bytes,
        taken: Vec::new(),
        progress: None,
    };
    (entrance, exit)
}

impl<K: Eq + Hash + Clone, T> Entrance<K, T> {
    /// Queues an item, waiting for room as long as the group's patience lasts.
    pub async fn enter(&self, crowd: &K, item: T, bytes: usize) -> Result<(), Refused> {
        let entered = self.enter_patiently(crowd, item, bytes);
        tokio::time::timeout(self.patience, entered).await.unwrap_or(Err(Refused::Full))
    }

    /// Queues an item, waiting for room as long as it takes.
    pub async fn enter_patiently(&self, crowd: &K, item: T, bytes: usize) -> Result<(), Refused> {
        // What is larger than the share has it alone.
        let units = bytes.div_ceil(UNIT_BYTES).clamp(self.least_units, self.crowd_units);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let share = self.hall.share(crowd, self.crowd_units).acquire_many_owned(units);
        let share = share.await.map_err(|_| Refused::Closed)?;
        let room = Arc::clone(&self.room).acquire_many_owned(units);
        let room = room.await.map_err(|_| Refused::Closed)?;
        let room = Room { _share: share, _room: room };
        let queued = Queued { item, bytes, room };
        if !self.hall.admit(crowd, queued) {
            return Err(Refused::Closed);
        }
        // Rung already, if it is full.
        let _ = self.bell.try_send(());
        Ok(())
    }
}

impl<K: Eq + Hash + Clone, T> Exit<K, T> {
    /// An end for another writer.
    pub fn another(&self) -> Self {
        self.hall.join();
        Self {
            hall: Arc::clone(&self.hall),
            bell: Arc::clone(&self.bell),
            ring: self.ring.clone(),
            room: Arc::clone(&self.room),
            max_items: self.max_items,
            max_bytes: self.max_bytes,
            taken: Vec::new(),
            progress: None,
        }
    }

    /// From now on says whether the writer makes progress: it does not while it is
    /// busy with one batch, unless it says so itself.
    pub fn watch(&mut self, progress: Progress) {
        self.progress = Some(progress);
    }

    /// The writer is busy, and not stuck.
    pub fn made_progress(&self) {
        self.progress.iter().for_each(Progress::made);
    }

    /// The next batch: what is queued of crowds that no other writer is busy with, at
    /// least one, at most the bounds; the batch before it is done. `None` once every
    /// entrance is gone and nothing is queued.
    pub async fn batch(&mut self) -> Option<Vec<Queued<T>>> {
        self.progress.iter().for_each(Progress::idle);
        let batch = self.next_batch().await;
        self.made_progress();
        batch
    }

    async fn next_batch(&mut self) -> Option<Vec<Queued<T>>> {
        let mut open = true;
        loop {
            let (batch, more) = self.hall.take(&mut self.taken, self.max_items, self.max_bytes);
            if more && let Some(ring) = self.ring.upgrade() {
                // Rung already, if it is full.
                let _ = ring.try_send(());
            }
            if !batch.is_empty() {
                return Some(batch);
            }
            if !open {
                return None;
            }
            open = self.bell.lock().await.recv().await.is_some();
        }
    }
}

/// After the last, nobody will take what is queued: whoever waits is told.
impl<K: Eq + Hash + Clone, T> Drop for Exit<K, T> {
    fn drop(&mut self) {
        if self.hall.leave(&mut self.taken) {
            self.room.close();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        queued_items: 8,
        queued_bytes: 8192,
        shares: 1,
        batch_items: 4,
        batch_bytes: 1024,
        patience: Duration::from_millis(1),
    };

    async fn items(exit: &mut Exit<char, u32>) -> Vec<u32> {
        exit.batch().await.unwrap().iter().map(|queued| queued.item).collect()
    }

    #[tokio::test]
    async fn batches_are_bounded_in_count_and_bytes_and_lose_nothing() {
        let (entrance, mut exit) = group(BOUNDS);
        for (item, bytes) in [(1, 600), (2, 600), (3, 10), (4, 10), (5, 10), (6, 2000)] {
            entrance.enter(&'a', item, bytes).await.unwrap();
        }
        drop(entrance);
        for expected in [vec![1], vec![2, 3, 4, 5], vec![6]] {
            assert_eq!(items(&mut exit).await, expected);
        }
        assert!(exit.batch().await.is_none());
    }

    #[tokio::test]
    async fn a_full_group_refuses_and_takes_again_once_its_batch_is_done() {
        let (entrance, mut exit) = group(BOUNDS);
        entrance.enter(&'a', 1, 8192).await.unwrap();
        assert_eq!(entrance.enter(&'a', 2, 256).await, Err(Refused::Full));
        assert_eq!(entrance.enter(&'b', 2, 256).await, Err(Refused::Full));
        drop(exit.batch().await);
        assert_eq!(entrance.enter(&'a', 3, 256).await, Ok(()));
        drop(exit);
        assert_eq!(entrance.enter(&'a', 4, 1).await, Err(Refused::Closed));
    }

    #[tokio::test]
    async fn what_is_queued_and_what_waits_ends_with_the_writer() {
        let (entrance, exit) = group(BOUNDS);
        let (item, dropped) = tokio::sync::oneshot::channel::<()>();
        entrance.enter(&'a', item, 8192).await.unwrap();
        let (other, _) = tokio::sync::oneshot::channel();
        let waiting = entrance.enter_patiently(&'a', other, 1);
        let ends = async { drop(exit) };
        let (waited, ()) = tokio::join!(biased; waiting, ends);
        assert_eq!(waited, Err(Refused::Closed));
        assert!(dropped.await.is_err());
    }

    #[tokio::test]
    async fn a_crowd_that_one_writer_has_keeps_nobody_from_another_and_its_order() {
        let (entrance, mut first) = group(BOUNDS);
        let mut second = first.another();
        for item in 0..6 {
            entrance.enter(&'a', item, 1).await.unwrap();
        }
        assert_eq!(items(&mut first).await, [0, 1, 2, 3]);
        let (idle, entered) = tokio::join!(biased; items(&mut second), entrance.enter(&'b', 10, 1));
        assert_eq!((idle, entered), (vec![10], Ok(())), "nothing of the first's crowd");
        assert_eq!(items(&mut first).await, [4, 5]);
        entrance.enter(&'a', 6, 1).await.unwrap();
        entrance.enter(&'b', 11, 1).await.unwrap();
        drop(entrance);
        assert_eq!(items(&mut second).await, [11]);
        assert!(second.batch().await.is_none(), "the rest is the first's");
        drop(second);
        assert_eq!(items(&mut first).await, [6]);
        assert!(first.batch().await.is_none());
    }

    #[tokio::test]
    async fn what_one_writer_leaves_another_is_rung_for() {
        let bounds = Bounds { queued_items: 400, queued_bytes: 1 << 20, batch_items: 16, ..BOUNDS };
        let (entrance, mut first) = group(bounds);
        let mut second = first.another();
        for (crowd, item) in [('a', 1), ('b', 2)].repeat(8) {
            entrance.enter(&crowd, item, 1).await.unwrap();
        }
        assert_eq!(items(&mut first).await.len(), 16, "of both crowds");
        for item in 3..19 {
            entrance.enter(&'a', item, 1).await.unwrap();
        }
        entrance.enter(&'b', 19, 1).await.unwrap();
        // The second hears the bell while both crowds are the first's, and waits; then
        // the first is done with them, and has no room for the other one.
        let both = async { tokio::join!(biased; items(&mut second), items(&mut first)) };
        let (left, taken) = tokio::time::timeout(Duration::from_secs(5), both).await.unwrap();
        assert_eq!((left, taken), (vec![19], Vec::from_iter(3..19)));
    }

    #[tokio::test]
    async fn crowds_take_turns_and_leave_room_for_others() {
        let (entrance, mut exit) =
            group(Bounds { shares: 2, batch_items: 40, batch_bytes: 1 << 20, ..BOUNDS });
        for item in 0..4 {
            entrance.enter(&'a', item, 1).await.unwrap();
        }
        assert_eq!(entrance.enter(&'a', 9, 1).await, Err(Refused::Full), "its share is full");
        entrance.enter(&'b', 10, 1).await.unwrap();
        assert_eq!(items(&mut exit).await, [0, 1, 2, 3, 10]);

        let (entrance, mut exit) =
            group(Bounds { queued_items: 400, queued_bytes: 1 << 20, batch_items: 40, ..BOUNDS });
        for item in 0..100 {
            entrance.enter(&'a', item, 1).await.unwrap();
        }
        entrance.enter(&'b', 1000, 1).await.unwrap();
        let first = items(&mut exit).await;
        assert!(first.contains(&1000), "behind a hundred of another crowd: {first:?}");
        let rest = [items(&mut exit).await, items(&mut exit).await].concat();
        let of_a: Vec<u32> = first.into_iter().chain(rest).filter(|item| *item < 1000).collect();
        assert_eq!(of_a, Vec::from_iter(0..100), "each crowd in its order");
    }
}
