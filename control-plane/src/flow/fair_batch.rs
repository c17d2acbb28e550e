//! A fair, bounded queue that hands out items in batches.
//!
//! Fed by [`BatchSender`]s, which bring one item of one key (a tenant, say) at a time;
//! feeds [`BatchReceiver`]s, each of which holds one batch. While a batch is being
//! processed, the next one gathers.
//!
//! Guarantees:
//! - the queue is bounded in items and bytes, and one key fills at most its share;
//! - an idle receiver gets a batch at once, without a timer, unless all that is queued
//!   is cooling down;
//! - a key's items keep their order: no two receivers hold items of one key;
//! - keys take turns, and a key that brings more than all others together (see
//!   `flood_control`) gets about half of the time.
//!
//! How to drive it: call `wait_for_batch` in a loop. Each call ends the batch before it.
//! Drop a [`QueuePermit`] when its item is done; until then the item counts against the
//! queue's limits.

mod fair_queue;
mod flood_control;

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc};

use self::fair_queue::{ActiveBatch, FairQueue, NextBatch};
use crate::health::ProgressHandle;

/// Capacity is counted in units of this many bytes, because a semaphore counts
/// permits in `u32`.
const CAPACITY_UNIT_BYTES: usize = 256;

/// The sending end. Cheap to clone.
pub struct BatchSender<K, T> {
    hall: Arc<FairQueue<K, T>>,
    /// Notified for each item; closed when the last sender is dropped.
    bell: mpsc::Sender<()>,
    room: Arc<Semaphore>,
    /// The least that an item counts, so that the capacity bounds their number too.
    least_units: usize,
    crowd_units: usize,
    enqueue_timeout: Duration,
}

impl<K, T> Clone for BatchSender<K, T> {
    fn clone(&self) -> Self {
        Self {
            hall: Arc::clone(&self.hall),
            bell: self.bell.clone(),
            room: Arc::clone(&self.room),
            least_units: self.least_units,
            crowd_units: self.crowd_units,
            enqueue_timeout: self.enqueue_timeout,
        }
    }
}

/// An item and the capacity that it occupies.
pub struct QueuedItem<T> {
    pub item: T,
    pub bytes: usize,
    pub room: QueuePermit,
}

/// Capacity of an item's key and of the whole queue, held until it is dropped.
pub struct QueuePermit {
    _share: OwnedSemaphorePermit,
    _room: OwnedSemaphorePermit,
}

/// Why an item was not queued.
#[derive(Debug, PartialEq, Eq)]
pub enum EnqueueError {
    Full,
    Closed,
}

/// A receiving end. It holds at most one batch at a time.
pub struct BatchReceiver<K: Eq + Hash + Clone, T> {
    hall: Arc<FairQueue<K, T>>,
    /// Idle receivers take turns to wait on it.
    bell: Arc<Mutex<mpsc::Receiver<()>>>,
    /// Wakes another receiver for what this one left.
    ring: mpsc::WeakSender<()>,
    room: Arc<Semaphore>,
    max_items: usize,
    max_bytes: usize,
    /// The batch that this receiver is processing.
    taken: ActiveBatch<K>,
    progress: Option<ProgressHandle>,
}

/// The limits of a queue.
#[derive(Clone, Copy, Debug)]
pub struct QueueLimits {
    pub max_queued_items: usize,
    pub max_queued_bytes: usize,
    /// A key may occupy one of this many equal shares of the queue.
    pub key_shares: usize,
    pub max_batch_items: usize,
    pub max_batch_bytes: usize,
    /// How long `send_timeout` waits for capacity.
    pub enqueue_timeout: Duration,
}

pub fn channel<K: Eq + Hash + Clone, T>(
    bounds: QueueLimits,
) -> (BatchSender<K, T>, BatchReceiver<K, T>) {
    let units = (bounds.max_queued_bytes / CAPACITY_UNIT_BYTES).clamp(1, Semaphore::MAX_PERMITS);
    let hall = Arc::new(FairQueue::default());
    hall.join();
    let room = Arc::new(Semaphore::new(units));
    let (bell, heard) = mpsc::channel(1);
    let sender = BatchSender {
        hall: Arc::clone(&hall),
        bell,
        room: Arc::clone(&room),
        least_units: (units / bounds.max_queued_items.max(1)).max(1),
        crowd_units: (units / bounds.key_shares.max(1)).max(1),
        enqueue_timeout: bounds.enqueue_timeout,
    };
    let receiver = BatchReceiver {
        hall,
        bell: Arc::new(Mutex::new(heard)),
        ring: sender.bell.downgrade(),
        room,
        max_items: bounds.max_batch_items.max(1),
        max_bytes: bounds.max_batch_bytes,
        taken: ActiveBatch::nothing(),
        progress: None,
    };
    (sender, receiver)
}

impl<K: Eq + Hash + Clone, T> BatchSender<K, T> {
    /// Queues an item, waiting for capacity up to `enqueue_timeout`.
    pub async fn send_timeout(&self, crowd: &K, item: T, bytes: usize) -> Result<(), EnqueueError> {
        let entered = self.send(crowd, item, bytes);
        tokio::time::timeout(self.enqueue_timeout, entered).await.unwrap_or(Err(EnqueueError::Full))
    }

    /// Queues an item, waiting for capacity as long as it takes.
    pub async fn send(&self, crowd: &K, item: T, bytes: usize) -> Result<(), EnqueueError> {
        // An item larger than its key's share takes the whole share.
        let units = bytes.div_ceil(CAPACITY_UNIT_BYTES).clamp(self.least_units, self.crowd_units);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let share = self.hall.share(crowd, self.crowd_units).acquire_many_owned(units);
        let share = share.await.map_err(|_| EnqueueError::Closed)?;
        let room = Arc::clone(&self.room).acquire_many_owned(units);
        let room = room.await.map_err(|_| EnqueueError::Closed)?;
        let room = QueuePermit { _share: share, _room: room };
        let queued = QueuedItem { item, bytes, room };
        if !self.hall.admit(crowd, queued) {
            return Err(EnqueueError::Closed);
        }
        // If the channel is full, a notification is pending already.
        let _ = self.bell.try_send(());
        Ok(())
    }
}

impl<K: Eq + Hash + Clone, T> BatchReceiver<K, T> {
    /// Another receiving end of the same queue.
    pub fn add_receiver(&self) -> Self {
        self.hall.join();
        Self {
            hall: Arc::clone(&self.hall),
            bell: Arc::clone(&self.bell),
            ring: self.ring.clone(),
            room: Arc::clone(&self.room),
            max_items: self.max_items,
            max_bytes: self.max_bytes,
            taken: ActiveBatch::nothing(),
            progress: None,
        }
    }

    /// Reports progress from now on: idle between batches, and progress at the start of
    /// each. During a batch the receiver's user reports it.
    pub fn watch(&mut self, progress: ProgressHandle) {
        self.progress = Some(progress);
    }

    /// The current batch makes progress.
    pub fn report_progress(&self) {
        self.progress.iter().for_each(ProgressHandle::made);
    }

    /// The next batch: items of keys that no other receiver holds and that are not
    /// cooling down, at least one, at most the limits. Ends the batch before it. `None`
    /// once every sender is gone and nothing is queued.
    pub async fn next_batch(&mut self) -> Option<Vec<QueuedItem<T>>> {
        self.progress.iter().for_each(ProgressHandle::idle);
        let batch = self.wait_for_batch().await;
        self.report_progress();
        batch
    }

    async fn wait_for_batch(&mut self) -> Option<Vec<QueuedItem<T>>> {
        let mut open = true;
        loop {
            let NextBatch { batch, more, rested } =
                self.hall.take(&mut self.taken, self.max_items, self.max_bytes, !open);
            if more && let Some(ring) = self.ring.upgrade() {
                // If the channel is full, a notification is pending already.
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

/// When the last receiver is dropped, waiting senders get `Closed`.
impl<K: Eq + Hash + Clone, T> Drop for BatchReceiver<K, T> {
    fn drop(&mut self) {
        if self.hall.leave(&mut self.taken) {
            self.room.close();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
