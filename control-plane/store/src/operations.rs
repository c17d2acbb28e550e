//! Long-running operations, and the history that they go through.
//!
//! An operation is carried out in steps. A step is worked out from what was read,
//! and [`OperationStore::step_operation`] commits its deliveries together with the
//! cursor, if the operation still stands where the step began: whoever repeats a
//! step, after a crash or beside another owner, repeats nothing.

use std::collections::HashSet;

use async_trait::async_trait;
use postrider_domain::delivery::Delivery;
use postrider_domain::event::Event;
use postrider_domain::ids::{
    EventId, OperationId, Shard, SubscriptionId, SubscriptionKey, TenantId,
};
use postrider_domain::operation::{Operation, OperationFailure, OperationState, Window};
use postrider_domain::time::Timestamp;
use uuid::Uuid;

use crate::error::StoreResult;

/// Keeps operations and moves them on.
#[async_trait]
pub trait OperationStore {
    async fn create_operation(&self, operation: &Operation) -> StoreResult<()>;

    async fn get_operation(
        &self,
        tenant: &TenantId,
        id: OperationId,
    ) -> StoreResult<Option<Operation>>;

    /// A tenant's operations with ids below `before`, the newest first.
    async fn list_operations(
        &self,
        tenant: &TenantId,
        before: Option<OperationId>,
        limit: u32,
    ) -> StoreResult<Vec<Operation>>;

    /// Operations of these shards that run, the oldest first.
    async fn running_operations(&self, shards: &[Shard], limit: u32)
    -> StoreResult<Vec<Operation>>;

    /// Ends an operation as CANCELLED if it runs; no step of it is committed
    /// afterwards.
    async fn cancel_operation(
        &self,
        tenant: &TenantId,
        id: OperationId,
        now: Timestamp,
    ) -> StoreResult<()>;

    /// Removes an operation that has ended; whether there was such a one.
    async fn delete_operation(&self, tenant: &TenantId, id: OperationId) -> StoreResult<bool>;

    /// Commits a step in one transaction, if its operation runs and its cursor is
    /// where the step began; returns the operation after it, and `None` when
    /// nothing was written. Deliveries whose event is no longer kept are left
    /// out; the others are found among their event's from then on.
    async fn step_operation(
        &self,
        step: &OperationStep,
        now: Timestamp,
    ) -> StoreResult<Option<Operation>>;

    /// Ended deliveries of a stretch of ids, the lowest first.
    async fn ended_deliveries(&self, stretch: &Stretch) -> StoreResult<Vec<Delivery>>;

    /// Events of a stretch of ids, the lowest first; without payloads, these come
    /// back empty. The stretch's subscription is not looked at.
    async fn stretch_of_events(
        &self,
        stretch: &Stretch,
        with_payload: bool,
    ) -> StoreResult<Vec<Event>>;

    /// Those of these events that have a delivery to the subscription.
    async fn delivered_events(
        &self,
        key: &SubscriptionKey,
        events: &[EventId],
    ) -> StoreResult<HashSet<EventId>>;
}

/// What one step of an operation did.
#[derive(Clone, Debug)]
pub struct OperationStep {
    pub tenant: TenantId,
    pub id: OperationId,
    /// The cursor that the step was worked out from.
    pub from: Option<Uuid>,
    /// The cursor after it.
    pub to: Option<Uuid>,
    /// Rows looked at.
    pub examined: u64,
    /// New deliveries, of events that are stored already.
    pub deliveries: Vec<Delivery>,
    /// How the operation ended, if this was its last step.
    pub end: Option<OperationEnd>,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationEnd {
    pub state: OperationState,
    pub failure: Option<OperationFailure>,
}

/// Ids of one tenant, from the last one looked at to the end of a window.
#[derive(Clone, Debug)]
pub struct Stretch {
    pub tenant: TenantId,
    pub subscription: Option<SubscriptionId>,
    pub window: Window,
    /// Only ids above.
    pub after: Option<Uuid>,
    pub limit: u32,
}

impl Stretch {
    /// The ids `low <= id < high`.
    pub fn bounds(&self) -> (Uuid, Uuid) {
        let range = crate::conditions::TimeRange {
            from: Some(self.window.from),
            until: Some(self.window.until),
        };
        let (low, high) = crate::codec::id_range(range);
        let next = self.after.map(|after| Uuid::from_u128(after.as_u128().saturating_add(1)));
        (next.map_or(low, |next| next.max(low)), high)
    }
}
