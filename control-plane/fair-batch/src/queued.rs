//! A queued item, and the capacity that it occupies.
//!
//! Fed by senders; feeds the queue and, in batches, receivers. Guarantees that an item
//! counts against the queue's limits until its permit is dropped.

use tokio::sync::OwnedSemaphorePermit;

/// An item and the capacity that it occupies.
pub struct QueuedItem<T> {
    pub item: T,
    /// As its sender counted it.
    pub bytes: usize,
    pub permit: QueuePermit,
}

/// Capacity of an item's key and of the whole queue, held until it is dropped.
pub struct QueuePermit {
    _of_key: OwnedSemaphorePermit,
    _of_queue: OwnedSemaphorePermit,
}

impl QueuePermit {
    pub(crate) const fn new(of_key: OwnedSemaphorePermit, of_queue: OwnedSemaphorePermit) -> Self {
        Self { _of_key: of_key, _of_queue: of_queue }
    }
}
