//! Callers that wait for a test's result.
//!
//! Fed by `on_demand`, which registers them, and by `conclude` with recorded attempts.
//! Guarantees that a test's attempt is told once, to the caller who asked for it.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use postrider_domain::delivery::AttemptRecord;
use postrider_domain::ids::DeliveryId;
use tokio::sync::oneshot;

type WaiterMap = HashMap<DeliveryId, oneshot::Sender<AttemptRecord>>;

/// Callers that wait for a test's result. Cheap to clone.
#[derive(Clone, Default)]
pub struct TestWaiters(Arc<Mutex<WaiterMap>>);

impl TestWaiters {
    fn waiting(&self) -> MutexGuard<'_, WaiterMap> {
        self.0.lock()
    }

    pub fn register(&self, delivery: DeliveryId) -> oneshot::Receiver<AttemptRecord> {
        let (sender, receiver) = oneshot::channel();
        self.waiting().insert(delivery, sender);
        receiver
    }

    pub fn remove(&self, delivery: DeliveryId) {
        self.waiting().remove(&delivery);
    }

    /// An attempt was recorded.
    pub fn complete(&self, record: &AttemptRecord) {
        if !record.test {
            return;
        }
        let waiting = self.waiting().remove(&record.key.delivery);
        if let Some(sender) = waiting {
            let _ = sender.send(record.clone());
        }
    }
}
