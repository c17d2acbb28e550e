//! What happened, for people to read.
//!
//! Lists are in the order of ids, newest first, and are paged by the last id of
//! the page before, so that no page costs more the further back it lies.
//!
//! Keeps the invariant `tail-skips-nothing`.

use async_trait::async_trait;
use postrider_domain::delivery::{AttemptRecord, Delivery, DeliveryState, DeliveryStatus, Outcome};
use postrider_domain::event::Event;
use postrider_domain::ids::{
    AttemptKey, DeliveryId, EventId, SubscriptionId, SubscriptionKey, TenantId,
};
use postrider_domain::time::Timestamp;

use crate::attempts::{AttemptPage, AttemptQuery, RecordedAttempt};
use crate::conditions::{TextFilter, TimeRange};
use crate::error::StoreResult;

/// Reads history.
#[async_trait]
pub trait HistoryStore {
    async fn get_event(&self, tenant: &TenantId, id: EventId) -> StoreResult<Option<Event>>;

    /// Newest first.
    async fn list_events(&self, query: &EventQuery) -> StoreResult<Vec<ListedEvent>>;

    /// Deliveries by state for each of these events, in the order asked.
    async fn delivery_counts(
        &self,
        tenant: &TenantId,
        events: &[EventId],
    ) -> StoreResult<Vec<DeliveryCounts>>;

    /// The deliveries of these events, resends and replays included, in any order.
    async fn deliveries_of(
        &self,
        tenant: &TenantId,
        events: &[EventId],
    ) -> StoreResult<Vec<Delivery>>;

    async fn get_delivery(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
    ) -> StoreResult<Option<Delivery>>;

    /// Newest first, unfinished and ended ones merged.
    async fn list_deliveries(&self, query: &DeliveryQuery) -> StoreResult<Vec<Delivery>>;

    /// The attempts of one delivery with numbers above `after`, in their order.
    async fn list_attempts(
        &self,
        tenant: &TenantId,
        delivery: DeliveryId,
        after: u32,
        limit: u32,
    ) -> StoreResult<Vec<RecordedAttempt>>;

    /// Those of these attempts of a tenant of which a result is recorded. For whoever delivers:
    /// it does not wait for the connections of those who read lists.
    async fn recorded_results(
        &self,
        tenant: &TenantId,
        attempts: &[AttemptKey],
    ) -> StoreResult<Vec<AttemptKey>>;

    /// A tenant's attempts, the last recorded first, from a bounded part of its
    /// history: see [`AttemptQuery::scan`].
    async fn find_attempts(&self, query: &AttemptQuery) -> StoreResult<AttemptPage>;

    /// The newest attempt of each of these deliveries, as far as there is one.
    async fn last_attempts(
        &self,
        tenant: &TenantId,
        deliveries: &[DeliveryId],
    ) -> StoreResult<Vec<AttemptRecord>>;

    /// Counted attempts of a subscription in the hours from `since`.
    async fn stats(&self, key: &SubscriptionKey, since: Timestamp) -> StoreResult<Vec<StatsRow>>;

    /// The current end of the tail of all attempts; nothing recorded later is before
    /// it.
    async fn tail_position(&self) -> StoreResult<i64>;

    /// Attempts recorded after `position` by any replica, up to the first transaction
    /// that may still record some. Nothing appears later before a returned position.
    /// Other open transactions do not hold it back (tail-skips-nothing).
    async fn tail(&self, position: i64, limit: u32) -> StoreResult<TailPage>;
}

/// Which events of a tenant.
#[derive(Clone, Debug)]
pub struct EventQuery {
    pub tenant: TenantId,
    pub event_type: Option<String>,
    pub account: Option<TextFilter>,
    /// All of these must hold.
    pub attributes: Vec<(String, TextFilter)>,
    pub created: TimeRange,
    /// Only ids below.
    pub before: Option<EventId>,
    pub limit: u32,
    /// Otherwise payloads are not read and are empty.
    pub with_payload: bool,
}

impl EventQuery {
    /// The newest of a tenant, without their payloads.
    pub fn newest(tenant: &TenantId, limit: u32) -> Self {
        Self {
            tenant: tenant.clone(),
            event_type: None,
            account: None,
            attributes: Vec::new(),
            created: TimeRange::default(),
            before: None,
            limit,
            with_payload: false,
        }
    }
}

/// An event of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedEvent {
    pub event: Event,
    /// The payload's size, also where the payload itself was not asked for.
    pub payload_bytes: u64,
}

/// Which deliveries of a tenant.
#[derive(Clone, Debug)]
pub struct DeliveryQuery {
    pub tenant: TenantId,
    pub subscription: Option<SubscriptionId>,
    pub event: Option<EventId>,
    pub event_type: Option<String>,
    pub account: Option<TextFilter>,
    /// Empty: any.
    pub states: Vec<DeliveryState>,
    pub test: Option<bool>,
    pub created: TimeRange,
    /// Only ids below.
    pub before: Option<DeliveryId>,
    pub limit: u32,
}

impl DeliveryQuery {
    /// The newest of a tenant.
    pub fn newest(tenant: &TenantId, limit: u32) -> Self {
        Self {
            tenant: tenant.clone(),
            subscription: None,
            event: None,
            event_type: None,
            account: None,
            states: Vec::new(),
            test: None,
            created: TimeRange::default(),
            before: None,
            limit,
        }
    }
}

/// How many deliveries of one event are in each state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// Pairs of state and count; states without deliveries are left out.
    pub by_state: Vec<(DeliveryState, u32)>,
}

/// Attempts with the same outcome and about the same duration within an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatsRow {
    /// The hour's beginning.
    pub hour: Timestamp,
    pub outcome: Outcome,
    /// See [`latency_bucket`](crate::latency_bucket).
    pub bucket: u16,
    pub count: u64,
}

/// Attempts since a position.
#[derive(Clone, Debug)]
pub struct TailPage {
    pub attempts: Vec<TailedAttempt>,
    /// The position to go on from.
    pub position: i64,
    /// Whether an open transaction may record attempts behind this position, so that
    /// later ones have to wait.
    pub held: bool,
}

/// An attempt and its delivery's status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TailedAttempt {
    pub record: AttemptRecord,
    /// Where its delivery stood after it; `None` when it was no longer stored.
    pub delivery: Option<DeliveryStatus>,
}
