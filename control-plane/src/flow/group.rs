//! Gathering what comes while a transaction is under way into the next one.
//!
//! Fed by callers that each bring one item of a crowd (a tenant's, say); feeds
//! writers with batches. Guarantees bounds in count and bytes, that nothing but what
//! rests waits for a timer when a writer is idle, that a crowd's items keep their order,
//! since no two writers have items of it at once, and that no crowd keeps the others
//! waiting: the crowds take turns, one alone fills but its share of the room, and one
//! that brings more than all others together leaves the writers, and what is behind
//! them, about half of the time.

mod hall;
mod pressing;

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc};

use self::hall::{Given, Hall, Taken};
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
    /// What this writer has.
    taken: Taken<K>,
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
        taken: Taken::nothing(),
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
            taken: Taken::nothing(),
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

    /// The next batch: what is queued of crowds that no other writer is busy with and
    /// that do not rest, at least one, at most the bounds; the batch before it is done.
    /// `None` once every entrance is gone and nothing is queued.
    pub async fn batch(&mut self) -> Option<Vec<Queued<T>>> {
        self.progress.iter().for_each(Progress::idle);
        let batch = self.next_batch().await;
        self.made_progress();
        batch
    }

    async fn next_batch(&mut self) -> Option<Vec<Queued<T>>> {
        let mut open = true;
        loop {
            let Given { batch, more, rested } =
                self.hall.take(&mut self.taken, self.max_items, self.max_bytes, !open);
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
            let heard = async { self.bell.lock().await.recv().await.is_some() };
            open = match rested {
                Some(at) => tokio::time::timeout_at(at, heard).await.unwrap_or(true),
                None => heard.await,
            };
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
mod tests;
