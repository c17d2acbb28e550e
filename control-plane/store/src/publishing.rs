//! Commits events and their deliveries together.
//!
//! Keeps the invariants `one-key-one-event` and `read-your-writes`.

use std::sync::Arc;

use async_trait::async_trait;
use postrider_domain::delivery::Delivery;
use postrider_domain::event::Event;
use postrider_domain::ids::{EventId, TenantId};
use postrider_domain::time::Timestamp;
use postrider_identity::AuditDraft;

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
    /// ended. Every unfinished one that is not a test and has no number gets the
    /// next one of its subscription: gapless, in the order of commits, and within the batch in its
    /// order (invariant `gapless-sequence`). On `Rejected` nothing of the whole batch was written.
    ///
    /// A commit that a network holds back begins by `until`, on the database's own
    /// clock, or never: `Unavailable`, and nothing is written. An engine whose calls
    /// end with what they do, SQLite, has nothing to compare.
    async fn publish(
        &self,
        batch: &[NewEvent],
        until: Timestamp,
    ) -> StoreResult<Vec<PublishOutcome>>;

    /// What an idempotency key belongs to at a time; `None` if it is new or has
    /// expired.
    async fn used_key(
        &self,
        tenant: &TenantId,
        key: &str,
        at: Timestamp,
    ) -> StoreResult<Option<UsedIdempotencyKey>>;

    /// Adds a delivery to a stored event (resend, replay), and lists it with that
    /// event. Without a sequence number it gets its subscription's next one, unless it
    /// is a test or has ended. Returns its number.
    async fn add_delivery(
        &self,
        delivery: &Delivery,
        audit: &AuditDraft,
    ) -> StoreResult<Option<i64>>;
}

/// An event ready to be committed.
#[derive(Clone, Debug)]
pub struct NewEvent {
    pub event: Arc<Event>,
    pub idempotency: Option<IdempotencyRecord>,
    /// The tenant's configuration version that `deliveries` was made from.
    pub config_version: i64,
    pub deliveries: Vec<Delivery>,
}

/// Identifies a repeated publish. The key itself is the event's (one-key-one-event).
#[derive(Clone, Copy, Debug)]
pub struct IdempotencyRecord {
    pub request_hash: [u8; 32],
    pub expire_time: Timestamp,
}

/// What an idempotency key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsedIdempotencyKey {
    pub event: EventId,
    pub matched: u32,
    pub request_hash: [u8; 32],
}

/// What happened to one item of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublishOutcome {
    Committed {
        /// For each delivery, in order, the number it was given.
        sequences: Vec<Option<i64>>,
    },
    /// The key was used before, for this event.
    Duplicate {
        event: EventId,
        matched: u32,
        /// Whether it was used for the same request.
        same_request: bool,
    },
    /// The tenant's configuration changed: match again.
    StaleConfig,
}

/// Whether a delivery gets a sequence number: its place in its subscription's order of
/// commits.
pub const fn numbered(delivery: &Delivery) -> bool {
    !delivery.test && !delivery.state.is_final() && delivery.sequence.is_none()
}

impl PublishOutcome {
    pub const fn is_committed(&self) -> bool {
        matches!(self, Self::Committed { .. })
    }
}
