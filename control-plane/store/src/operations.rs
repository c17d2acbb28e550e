//! Replays, backfills and expunges, and the history that they read.
//!
//! An operation is carried out in steps. A step is planned from what was read, and
//! [`OperationStore::step_operation`] commits its deliveries, or removes its payloads,
//! together with the cursor, if the cursor is still where the step began: repeating a step,
//! after a crash or beside another owner, repeats nothing.

use std::collections::HashSet;

use async_trait::async_trait;
use postrider_domain::delivery::Delivery;
use postrider_domain::event::Event;
use postrider_domain::ids::{
    DeliveryId, EventId, OperationId, Shard, SubscriptionId, SubscriptionKey, TenantId,
};
use postrider_domain::operation::{Operation, OperationFailure, OperationState, TimeWindow};
use postrider_domain::time::Timestamp;
use postrider_identity::AuditDraft;
use uuid::Uuid;

use crate::error::StoreResult;

/// Stores operations and moves them on.
#[async_trait]
pub trait OperationStore {
    async fn create_operation(&self, operation: &Operation, audit: &AuditDraft) -> StoreResult<()>;

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

    /// Ends a running operation as CANCELLED; none of its steps is committed
    /// afterwards. Whether it ran.
    async fn cancel_operation(
        &self,
        tenant: &TenantId,
        id: OperationId,
        now: Timestamp,
        audit: &AuditDraft,
    ) -> StoreResult<bool>;

    /// Removes an operation that has ended; whether there was such a one.
    async fn delete_operation(
        &self,
        tenant: &TenantId,
        id: OperationId,
        audit: &AuditDraft,
    ) -> StoreResult<bool>;

    /// Commits a step in one transaction if the operation runs and its cursor is where
    /// the step began. Returns the operation afterwards, or `None` if nothing was
    /// written. Deliveries whose event is no longer stored with its payload are left out;
    /// the others are listed with their event from then on. Of events that lose their
    /// payloads, those are left as they are of which a delivery is unfinished.
    async fn step_operation(
        &self,
        step: &OperationStep,
        now: Timestamp,
    ) -> StoreResult<Option<Operation>>;

    /// Ended deliveries of a stretch of ids, the lowest first.
    async fn list_ended_in_range(&self, stretch: &HistoryRange) -> StoreResult<Vec<Delivery>>;

    /// Events of a stretch of ids, the lowest first; without payloads, these come
    /// back empty. Those that were kept for unfinished deliveries only are among them. The
    /// stretch's subscription is not looked at.
    async fn list_events_in_range(
        &self,
        stretch: &HistoryRange,
        with_payload: bool,
    ) -> StoreResult<Vec<Event>>;

    /// Those of these events that have a delivery to the subscription.
    async fn find_delivered_events(
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
    /// The cursor that the step was planned from.
    pub from: Option<Uuid>,
    /// The cursor after it.
    pub to: Option<Uuid>,
    /// Rows looked at.
    pub examined: u64,
    /// New deliveries, of events that are stored already.
    pub deliveries: Vec<Delivery>,
    /// What loses its payload.
    pub expunged: ExpungeBatch,
    /// The record of its end, if it has one.
    pub audit: Option<AuditDraft>,
    /// How the operation ended, if this is its last step.
    pub end: Option<OperationEnd>,
}

/// What one step of an expunge removes, or only counts.
#[derive(Clone, Debug, Default)]
pub struct ExpungeBatch {
    /// Events of which the payload goes, with what receivers answered.
    pub events: Vec<EventId>,
    /// Deliveries of which what receivers answered goes, whatever becomes of their events.
    pub deliveries: Vec<DeliveryId>,
    /// What a dry run found.
    pub counted: RemovalCounts,
}

impl ExpungeBatch {
    pub fn removes_nothing(&self) -> bool {
        self.events.is_empty() && self.deliveries.is_empty()
    }
}

/// Payloads that were removed, or would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemovalCounts {
    pub events: u64,
    pub payload_bytes: u64,
    /// Events left as they are, because a delivery of theirs is unfinished.
    pub unfinished: u64,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationEnd {
    pub state: OperationState,
    pub failure: Option<OperationFailure>,
}

/// Ids of one tenant, from the cursor to the end of a time range.
#[derive(Clone, Debug)]
pub struct HistoryRange {
    pub tenant: TenantId,
    pub subscription: Option<SubscriptionId>,
    pub window: TimeWindow,
    /// Only ids above.
    pub after: Option<Uuid>,
    pub limit: u32,
}

impl HistoryRange {
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
