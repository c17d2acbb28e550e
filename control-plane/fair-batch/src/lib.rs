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
//!   `flood_control`) gets about half of the time, where that is asked for.
//!
//! How to drive it: call `wait_for_batch` in a loop. Each call ends the batch before it.
//! Drop a [`QueuePermit`] when its item is done; until then the item counts against the
//! queue's limits.
//!
//! Keeps the invariant `bounded-everything`.

mod fair_queue;
mod flood_control;
mod queued;

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore, mpsc};

use fair_queue::{ActiveBatch, FairQueue, NextBatch};
pub use queued::{QueuePermit, QueuedItem};

/// Capacity is counted in units of this many bytes, because a semaphore counts permits in
/// `u32`. 2^32 of these are a TiB, and an item wastes less than one.
const CAPACITY_UNIT_BYTES: usize = 256;

/// The sending end. Cheap to clone.
pub struct BatchSender<K, T> {
    queue: Arc<FairQueue<K, T>>,
    /// Notified for each item; closed when the last sender is dropped.
    notify: mpsc::Sender<()>,
    capacity: Arc<Semaphore>,
    /// The least that an item counts, so that the capacity limits their number too.
    min_item_units: usize,
    key_units: usize,
    enqueue_timeout: Duration,
}

impl<K, T> Clone for BatchSender<K, T> {
    fn clone(&self) -> Self {
        Self {
            queue: Arc::clone(&self.queue),
            notify: self.notify.clone(),
            capacity: Arc::clone(&self.capacity),
            min_item_units: self.min_item_units,
            key_units: self.key_units,
            enqueue_timeout: self.enqueue_timeout,
        }
    }
}

/// Why an item was not queued.
#[derive(Debug, PartialEq, Eq)]
pub enum EnqueueError {
    Full,
    Closed,
}

/// A receiving end. It holds at most one batch at a time.
pub struct BatchReceiver<K: Eq + Hash + Clone, T> {
    queue: Arc<FairQueue<K, T>>,
    /// Idle receivers take turns to wait on it.
    notified: Arc<Mutex<mpsc::Receiver<()>>>,
    /// Wakes another receiver for what this one left.
    notify_others: mpsc::WeakSender<()>,
    capacity: Arc<Semaphore>,
    max_items: usize,
    max_bytes: usize,
    /// The batch that this receiver is processing.
    active: ActiveBatch<K>,
    progress: Option<Box<dyn ProgressReporter>>,
    floods: Option<Box<dyn FloodReporter<K>>>,
}

/// Hears how a receiver gets on.
pub trait ProgressReporter: Send + Sync {
    /// The receiver has a batch, or its user gets on with it.
    fn report_progress(&self);

    /// The receiver waits for items, however long that takes.
    fn report_idle(&self);
}

/// Hears of keys that bring more than all others together.
pub trait FloodReporter<K>: Send + Sync {
    /// A key's batch was limited, and the key cools down. Told for each such batch.
    fn report_held_back(&self, key: &K);
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
    /// Whether a key that brings more than all others together gets small batches and
    /// cools down between them. Otherwise keys only take turns.
    pub slows_floods: bool,
    /// How long `send_timeout` waits for capacity.
    pub enqueue_timeout: Duration,
}

/// A queue with one receiver; [`BatchReceiver::add_receiver`] makes more.
pub fn channel<K: Eq + Hash + Clone, T>(
    limits: QueueLimits,
) -> (BatchSender<K, T>, BatchReceiver<K, T>) {
    let units = (limits.max_queued_bytes / CAPACITY_UNIT_BYTES).clamp(1, Semaphore::MAX_PERMITS);
    let queue = Arc::new(FairQueue::new(limits.slows_floods));
    queue.add_receiver();
    let capacity = Arc::new(Semaphore::new(units));
    let (notify, notified) = mpsc::channel(1);
    let sender = BatchSender {
        queue: Arc::clone(&queue),
        notify,
        capacity: Arc::clone(&capacity),
        min_item_units: (units / limits.max_queued_items.max(1)).max(1),
        key_units: (units / limits.key_shares.max(1)).max(1),
        enqueue_timeout: limits.enqueue_timeout,
    };
    let receiver = BatchReceiver {
        queue,
        notified: Arc::new(Mutex::new(notified)),
        notify_others: sender.notify.downgrade(),
        capacity,
        max_items: limits.max_batch_items.max(1),
        max_bytes: limits.max_batch_bytes,
        active: ActiveBatch::new(),
        progress: None,
        floods: None,
    };
    (sender, receiver)
}

impl<K: Eq + Hash + Clone, T> BatchSender<K, T> {
    /// Queues an item, waiting for capacity up to `enqueue_timeout`.
    pub async fn send_timeout(&self, key: &K, item: T, bytes: usize) -> Result<(), EnqueueError> {
        let sent = self.send(key, item, bytes);
        tokio::time::timeout(self.enqueue_timeout, sent).await.unwrap_or(Err(EnqueueError::Full))
    }

    /// Queues an item, waiting for capacity as long as it takes.
    pub async fn send(&self, key: &K, item: T, bytes: usize) -> Result<(), EnqueueError> {
        // An item larger than its key's share takes the whole share.
        let units = bytes.div_ceil(CAPACITY_UNIT_BYTES).clamp(self.min_item_units, self.key_units);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let of_key = self.queue.key_capacity(key, self.key_units).acquire_many_owned(units);
        let of_key = of_key.await.map_err(|_| EnqueueError::Closed)?;
        let of_queue = Arc::clone(&self.capacity).acquire_many_owned(units);
        let of_queue = of_queue.await.map_err(|_| EnqueueError::Closed)?;
        let permit = QueuePermit::new(of_key, of_queue);
        let queued = QueuedItem { item, bytes, permit };
        if !self.queue.push(key, queued) {
            return Err(EnqueueError::Closed);
        }
        // If the channel is full, a notification is pending already.
        let _ = self.notify.try_send(());
        Ok(())
    }
}

impl<K: Eq + Hash + Clone, T> BatchReceiver<K, T> {
    /// Another receiving end of the same queue.
    pub fn add_receiver(&self) -> Self {
        self.queue.add_receiver();
        Self {
            queue: Arc::clone(&self.queue),
            notified: Arc::clone(&self.notified),
            notify_others: self.notify_others.clone(),
            capacity: Arc::clone(&self.capacity),
            max_items: self.max_items,
            max_bytes: self.max_bytes,
            active: ActiveBatch::new(),
            progress: None,
            floods: None,
        }
    }

    /// Reports progress from now on: idle between batches, and progress at the start of
    /// each. During a batch the receiver's user reports it.
    pub fn set_progress_reporter(&mut self, progress: impl ProgressReporter + 'static) {
        self.progress = Some(Box::new(progress));
    }

    /// Reports which keys are held back after this receiver's batches.
    pub fn set_flood_reporter(&mut self, floods: impl FloodReporter<K> + 'static) {
        self.floods = Some(Box::new(floods));
    }

    /// The current batch makes progress.
    pub fn report_progress(&self) {
        self.progress.iter().for_each(|progress| progress.report_progress());
    }

    /// The next batch: items of keys that no other receiver holds and that are not
    /// cooling down, at least one, at most the limits. Ends the batch before it. `None`
    /// once every sender is gone and nothing is queued.
    pub async fn next_batch(&mut self) -> Option<Vec<QueuedItem<T>>> {
        self.progress.iter().for_each(|progress| progress.report_idle());
        let batch = self.wait_for_batch().await;
        self.report_progress();
        batch
    }

    async fn wait_for_batch(&mut self) -> Option<Vec<QueuedItem<T>>> {
        let mut open = true;
        loop {
            let NextBatch { items, has_more, cool_down_end } =
                self.queue.take_batch(&mut self.active, self.max_items, self.max_bytes, !open);
            // Not under the queue's lock, which whoever reports should not hold.
            for key in self.active.take_held_back() {
                self.floods.iter().for_each(|floods| floods.report_held_back(&key));
            }
            if has_more && let Some(notify) = self.notify_others.upgrade() {
                // If the channel is full, a notification is pending already.
                let _ = notify.try_send(());
            }
            if !items.is_empty() {
                return Some(items);
            }
            if !open {
                return None;
            }
            let notified = async { self.notified.lock().await.recv().await.is_some() };
            open = match cool_down_end {
                Some(at) => tokio::time::timeout_at(at, notified).await.unwrap_or(true),
                None => notified.await,
            };
        }
    }
}

/// When the last receiver is dropped, waiting senders get `Closed`.
impl<K: Eq + Hash + Clone, T> Drop for BatchReceiver<K, T> {
    fn drop(&mut self) {
        if self.queue.remove_receiver(&mut self.active) {
            self.capacity.close();
        }
    }
}

#[cfg(test)]
mod tests;
