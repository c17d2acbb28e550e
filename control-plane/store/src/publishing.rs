//! Events and their deliveries, committed together.

use std::sync::Arc;

use async_trait::async_trait;
use postrider_domain::delivery::Delivery;
use postrider_domain::event::Event;
use postrider_domain::ids::EventId;
use postrider_domain::time::Timestamp;

use crate::error::StoreResult;

/// Commits events.
#[async_trait]
pub trait PublishingStore {
    /// Commits a batch in one transaction, in one round trip where the engine
    /// allows it; answers for each item, in order.
    ///
    /// An item is committed, with all its deliveries, when its tenant still has
    /// the configuration version it was matched against and its idempotency key
    /// is new (or has expired at the event's creation time); otherwise nothing of
    /// it is written, and the others are not affected. Two items of one batch
    /// never share a tenant and an idempotency key.
    ///
    /// Deliveries go to the unfinished ones as given, SUPPRESSED ones to the
    /// ended. On `Rejected` nothing of the whole batch was written.
    async fn publish(&self, batch: &[NewEvent]) -> StoreResult<Vec<Published>>;

    /// Adds a delivery to an event that is already stored (resend, replay). It is
    /// found among its event's deliveries from then on.
    async fn add_delivery(&self, delivery: &Delivery) -> StoreResult<()>;
}

/// An event ready to be committed.
#[derive(Clone, Debug)]
pub struct NewEvent {
    pub event: Arc<Event>,
    pub idempotency: Option<Idempotency>,
    /// The tenant's configuration version that `deliveries` was made from.
    pub config_version: i64,
    pub deliveries: Vec<Delivery>,
}

/// What makes a repeated publish recognisable (rule 9). The key itself is the
/// event's.
#[derive(Clone, Copy, Debug)]
pub struct Idempotency {
    pub request_hash: [u8; 32],
    pub expire_time: Timestamp,
}

/// What became of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    Committed,
    /// The key was used before; by this event.
    Duplicate {
        event: EventId,
        matched: u32,
        /// Whether it was used with the same request.
        same_request: bool,
    },
    /// The tenant's configuration has another version: match again.
    StaleConfig,
}
