//! Gathering what comes while a transaction is under way into the next one.
//!
//! Fed by callers that each bring one item; feeds a writer with batches.
//! Guarantees bounds in count and bytes, and that nothing waits for a timer when
//! the writer is idle.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::health::Progress;

/// Bytes are counted in units of this many, since a semaphore's permits are few.
const UNIT_BYTES: usize = 256;

/// The entrance of a group.
pub struct Entrance<T> {
    sender: mpsc::Sender<Queued<T>>,
    bytes: Arc<Semaphore>,
    patience: Duration,
}

impl<T> Clone for Entrance<T> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            bytes: Arc::clone(&self.bytes),
            patience: self.patience,
        }
    }
}

/// An item and its share of the bound in bytes, which it holds while it lives.
pub struct Queued<T> {
    pub item: T,
    pub bytes: usize,
    _share: OwnedSemaphorePermit,
}

/// Why an item was not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    Full,
    Closed,
}

/// The writer's end.
pub struct Exit<T> {
    receiver: mpsc::Receiver<Queued<T>>,
    max_items: usize,
    max_bytes: usize,
    buffer: Vec<Queued<T>>,
    progress: Option<Progress>,
}

/// The bounds of a group.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub queued_items: usize,
    pub queued_bytes: usize,
    pub batch_items: usize,
    pub batch_bytes: usize,
    /// How long an item waits for room before it is refused.
    pub patience: Duration,
}

pub fn group<T>(bounds: Bounds) -> (Entrance<T>, Exit<T>) {
    let (sender, receiver) = mpsc::channel(bounds.queued_items);
    let units = (bounds.queued_bytes / UNIT_BYTES).clamp(1, Semaphore::MAX_PERMITS);
    let entrance =
        Entrance { sender, bytes: Arc::new(Semaphore::new(units)), patience: bounds.patience };
    let exit = Exit {
        receiver,
        max_items: bounds.batch_items,
        max_bytes: bounds.batch_bytes,
        buffer: Vec::new(),
        progress: None,
    };
    (entrance, exit)
}

impl<T> Entrance<T> {
    /// Queues an item, waiting for room as long as the group's patience lasts.
    pub async fn enter(&self, item: T, bytes: usize) -> Result<(), Refused> {
        let entered = tokio::time::timeout(self.patience, self.enter_patiently(item, bytes)).await;
        entered.unwrap_or(Err(Refused::Full))
    }

    /// Queues an item, waiting for room as long as it takes.
    pub async fn enter_patiently(&self, item: T, bytes: usize) -> Result<(), Refused> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        let share = Arc::clone(&self.bytes).acquire_many_owned(units);
        let share = share.await.map_err(|_| Refused::Closed)?;
        let queued = Queued { item, bytes, _share: share };
        self.sender.send(queued).await.map_err(|_| Refused::Closed)
    }
}

impl<T> Exit<T> {
    /// From now on says whether the writer makes progress: it does not while it is
    /// busy with one batch, unless it says so itself.
    pub fn watch(&mut self, progress: Progress) {
        self.progress = Some(progress);
    }

    /// The writer is busy, and not stuck.
    pub fn made_progress(&self) {
        self.progress.iter().for_each(Progress::made);
    }

    /// The next batch: what is queued, at least one, at most the bounds. `None`
    /// once every entrance is gone and nothing is queued.
    pub async fn batch(&mut self) -> Option<Vec<Queued<T>>> {
        self.progress.iter().for_each(Progress::idle);
        let batch = self.next_batch().await;
        self.made_progress();
        batch
    }

    async fn next_batch(&mut self) -> Option<Vec<Queued<T>>> {
        if self.buffer.is_empty()
            && self.receiver.recv_many(&mut self.buffer, self.max_items).await == 0
        {
            return None;
        }
        let mut bytes = 0;
        let fits = self.buffer.iter().take_while(|queued| {
            bytes += queued.bytes;
            bytes <= self.max_bytes
        });
        let count = fits.count().max(1);
        let rest = self.buffer.split_off(count.min(self.buffer.len()));
        Some(std::mem::replace(&mut self.buffer, rest))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        queued_items: 8,
        queued_bytes: 8192,
        batch_items: 4,
        batch_bytes: 1024,
        patience: Duration::from_millis(1),
    };

    #[tokio::test]
    async fn batches_are_bounded_in_count_and_bytes_and_lose_nothing() {
        let (entrance, mut exit) = group(BOUNDS);
        for (item, bytes) in [(1, 600), (2, 600), (3, 10), (4, 10), (5, 10), (6, 2000)] {
            entrance.enter(item, bytes).await.unwrap();
        }
        let mut batches = Vec::new();
        for _ in 0..4 {
            let batch = exit.batch().await.unwrap();
            batches.push(batch.iter().map(|queued| queued.item).collect::<Vec<_>>());
        }
        assert_eq!(batches, [vec![1], vec![2, 3, 4], vec![5], vec![6]]);
    }

    #[tokio::test]
    async fn a_full_group_refuses_and_takes_again_once_its_batch_is_done() {
        let (entrance, mut exit) = group(BOUNDS);
        entrance.enter(1, 8192).await.unwrap();
        assert_eq!(entrance.enter(2, 256).await, Err(Refused::Full));
        drop(exit.batch().await);
        assert_eq!(entrance.enter(3, 256).await, Ok(()));
        drop(exit);
        assert_eq!(entrance.enter(4, 1).await, Err(Refused::Closed));
    }
}
