//! Ordering keys of which a delivery may be released.
//!
//! Fed by `publish` (a new delivery, HELD), `conclude` (one ended), `on_demand` (one was
//! sent again or cancelled), and by the sweep with what these missed; feeds `ordering`.
//! Bounded: the sweep finds what did not fit.

use std::sync::Arc;

use parking_lot::Mutex;
use postrider_domain::delivery::Delivery;
use postrider_domain::ids::OrderedKey;
use tokio::sync::mpsc;

/// Most queued keys; the sweep finds what did not fit. More than there are deliveries in
/// memory by default (50,000).
const MAX_QUEUED_KEYS: usize = 65_536;

/// Ordering keys of which a delivery may be released. Cheap to clone.
#[derive(Clone)]
pub struct OrderingQueue {
    keys: mpsc::Sender<OrderedKey>,
    /// The last key that a sweep looked at.
    swept: Arc<Mutex<Option<OrderedKey>>>,
}

/// A queue of ordering keys and its receiving end.
pub fn ordering_queue() -> (OrderingQueue, mpsc::Receiver<OrderedKey>) {
    let (sender, keys) = mpsc::channel(MAX_QUEUED_KEYS);
    (OrderingQueue { keys: sender, swept: Arc::default() }, keys)
}

impl OrderingQueue {
    /// Queues a key whose next delivery may be released.
    pub fn push(&self, key: OrderedKey) {
        let _ = self.keys.try_send(key);
    }

    /// Queues a delivery's key, if it has one.
    pub fn push_key_of(&self, delivery: &Delivery) {
        if let Some(key) = delivery.ordered_key() {
            self.push(key);
        }
    }

    /// The last key that a sweep looked at, unless that sweep has seen all keys.
    pub fn last_swept(&self) -> Option<OrderedKey> {
        self.swept.lock().clone()
    }

    /// Notes how far a sweep got.
    pub fn note_swept(&self, last: Option<OrderedKey>) {
        *self.swept.lock() = last;
    }
}
