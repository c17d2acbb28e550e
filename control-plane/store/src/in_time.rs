//! Time limits for calls to a database.
//!
//! Fed by callers of a store that is reached over a network; feeds that store.
//! Guarantees that every call ends: PostgreSQL's own time-outs only work while its
//! messages arrive, and a network that drops them, or a server that stands still, would
//! otherwise block a loop or a publisher. A call that timed out may have taken effect,
//! as after any `Unavailable`.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use postrider_domain::delivery::{AttemptRecord, Delivery, EndReason, LateResult};
use postrider_domain::event::Event;
use postrider_domain::event_type::EventType;
use postrider_domain::failure_streak::{FailureStreak, WarningStage};
use postrider_domain::ids::{
    AttemptKey, DeliveryId, Epoch, EventId, OperationId, OrderedKey, Region, ReplicaId, Shard,
    SubscriptionKey, TenantId,
};
use postrider_domain::operation::Operation;
use postrider_domain::operational_event::OperationalEvent;
use postrider_domain::subscription::Subscription;
use postrider_domain::tenant::{Tenant, TenantChanges, TenantConfig};
use postrider_domain::time::{HoldClock, Timestamp};

use crate::*;

/// Longer than a statement's time-out, so that the database's own error comes first; a
/// call has only a few statements.
const CALL_LIMIT: Duration = Duration::from_secs(15);
/// Maintenance drops and deletes with one statement after another.
const MAINTENANCE_LIMIT: Duration = Duration::from_secs(600);
/// Readiness is checked again soon.
const READY_LIMIT: Duration = Duration::from_secs(3);
/// How long closing may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// Whether a call timed out and the database has not answered since. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct DatabaseSilence(Arc<AtomicBool>);

impl DatabaseSilence {
    pub(crate) fn is_suspected(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// A store whose calls have a time limit.
pub(crate) struct TimeLimited<S> {
    store: S,
    silence: DatabaseSilence,
}

impl<S: Store> Store for TimeLimited<S> {}

impl<S> TimeLimited<S> {
    /// Reports calls that timed out to `silence`.
    pub(crate) fn new(store: S, silence: DatabaseSilence) -> Self {
        Self { store, silence }
    }

    async fn within<T, E: From<StoreError>>(
        &self,
        limit: Duration,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        // Boxed, so that it and its connection are dropped after the time-out is
        // reported.
        let mut call = Box::pin(call);
        match tokio::time::timeout(limit, &mut call).await {
            Ok(answer) => answer,
            Err(_) => {
                self.silence.0.store(true, Ordering::Relaxed);
                Err(StoreError::Unavailable(format!("no answer in {} s", limit.as_secs())).into())
            }
        }
    }
}

macro_rules! in_time {
    ($store:ident { $(fn $call:ident($($input:ident: $type:ty),*) -> $answer:ty;)* }) => {
        #[async_trait]
        impl<S: Store> $store for TimeLimited<S> {
            $(async fn $call(&self, $($input: $type),*) -> $answer {
                self.within(CALL_LIMIT, self.store.$call($($input),*)).await
            })*
        }
    };
}

in_time!(ConfigStore {
    fn create_tenant(tenant: &Tenant) -> Result<(), WriteError>;
    fn get_tenant(id: &TenantId) -> StoreResult<Option<Tenant>>;
    fn list_tenants(query: &TenantQuery) -> StoreResult<ListPage<Tenant>>;
    fn update_tenant(tenant: &Tenant, expected: i64) -> Result<Tenant, WriteError>;
    fn delete_tenant(id: &TenantId, expected: i64, now: Timestamp) -> Result<(i64, u64), WriteError>;
    fn tenant_config(id: &TenantId) -> StoreResult<Option<TenantConfig>>;
    fn tenant_changes(id: &TenantId, since: i64) -> StoreResult<Option<TenantChanges>>;
    fn config_versions(ids: &[TenantId]) -> StoreResult<Vec<i64>>;
    fn create_subscription(subscription: &Subscription) -> Result<i64, WriteError>;
    fn get_subscription(key: &SubscriptionKey) -> StoreResult<Option<Subscription>>;
    fn list_subscriptions(query: &SubscriptionQuery) -> StoreResult<ListPage<Subscription>>;
    fn update_subscription(subscription: &Subscription, expected: i64, news: &SubscriptionSideEffects) -> Result<i64, WriteError>;
    fn deleted_with_unfinished(shards: &[Shard], limit: u32) -> StoreResult<Vec<SubscriptionKey>>;
});

in_time!(EventTypeStore {
    fn create_event_type(event_type: &EventType, most: usize) -> Result<i64, CatalogueError>;
    fn get_event_type(name: &str) -> StoreResult<Option<EventType>>;
    fn list_event_types(query: &EventTypeQuery) -> StoreResult<Vec<EventType>>;
    fn update_event_type(event_type: &EventType, expected: i64) -> Result<i64, CatalogueError>;
    fn delete_event_type(name: &str, expected: i64, force: bool) -> Result<i64, CatalogueError>;
    fn put_event_types(event_types: &[EventType], most: usize) -> Result<i64, CatalogueError>;
    fn catalogue() -> StoreResult<(i64, Vec<EventType>)>;
    fn catalogue_version() -> StoreResult<i64>;
});

in_time!(HistoryStore {
    fn get_event(tenant: &TenantId, id: EventId) -> StoreResult<Option<Event>>;
    fn list_events(query: &EventQuery) -> StoreResult<Vec<ListedEvent>>;
    fn delivery_counts(tenant: &TenantId, events: &[EventId]) -> StoreResult<Vec<DeliveryCounts>>;
    fn deliveries_of(tenant: &TenantId, events: &[EventId]) -> StoreResult<Vec<Delivery>>;
    fn get_delivery(tenant: &TenantId, id: DeliveryId) -> StoreResult<Option<Delivery>>;
    fn list_deliveries(query: &DeliveryQuery) -> StoreResult<Vec<Delivery>>;
    fn list_attempts(tenant: &TenantId, delivery: DeliveryId, after: u32, limit: u32) -> StoreResult<Vec<RecordedAttempt>>;
    fn find_attempts(query: &AttemptQuery) -> StoreResult<AttemptPage>;
    fn last_attempts(tenant: &TenantId, deliveries: &[DeliveryId]) -> StoreResult<Vec<AttemptRecord>>;
    fn stats(key: &SubscriptionKey, since: Timestamp) -> StoreResult<Vec<StatsRow>>;
    fn tail_position() -> StoreResult<i64>;
    fn tail(position: i64, limit: u32) -> StoreResult<TailPage>;
});

in_time!(OutboxStore {
    fn list_outbox(shards: &[Shard], limit: u32) -> StoreResult<Vec<OutboxEntry>>;
    fn delete_from_outbox(places: &[i64]) -> StoreResult<()>;
    fn streaks(shards: &[Shard]) -> StoreResult<Vec<(SubscriptionKey, FailureStreak)>>;
    fn streak(key: &SubscriptionKey) -> StoreResult<Option<FailureStreak>>;
    fn raise_streak(key: &SubscriptionKey, from: FailureStreak, to: WarningStage, told: Option<&OperationalEvent>) -> StoreResult<bool>;
    fn end_streak(key: &SubscriptionKey, recovered: Option<&OperationalEvent>) -> StoreResult<()>;
});

in_time!(OperationStore {
    fn create_operation(operation: &Operation) -> StoreResult<()>;
    fn get_operation(tenant: &TenantId, id: OperationId) -> StoreResult<Option<Operation>>;
    fn list_operations(tenant: &TenantId, before: Option<OperationId>, limit: u32) -> StoreResult<Vec<Operation>>;
    fn running_operations(shards: &[Shard], limit: u32) -> StoreResult<Vec<Operation>>;
    fn cancel_operation(tenant: &TenantId, id: OperationId, now: Timestamp) -> StoreResult<()>;
    fn delete_operation(tenant: &TenantId, id: OperationId) -> StoreResult<bool>;
    fn step_operation(step: &OperationStep, now: Timestamp) -> StoreResult<Option<Operation>>;
    fn list_ended_in_range(stretch: &HistoryRange) -> StoreResult<Vec<Delivery>>;
    fn list_events_in_range(stretch: &HistoryRange, with_payload: bool) -> StoreResult<Vec<Event>>;
    fn find_delivered_events(key: &SubscriptionKey, events: &[EventId]) -> StoreResult<HashSet<EventId>>;
});

in_time!(OrderingStore {
    fn release_next(keys: &[OrderedKey], now: Timestamp) -> StoreResult<Vec<SubscriptionKey>>;
    fn hold_key(hold: &KeyHold) -> StoreResult<()>;
    fn end_key_hold(key: &OrderedKey) -> StoreResult<bool>;
    fn end_key_holds(subscription: &SubscriptionKey) -> StoreResult<()>;
    fn list_key_backlogs(after: Option<&OrderedKey>, limit: u32, now: Timestamp) -> StoreResult<Vec<KeyBacklog>>;
    fn release_all_held(subscription: &SubscriptionKey, now: Timestamp, limit: u32) -> StoreResult<u64>;
});

in_time!(OwnershipStore {
    fn now() -> StoreResult<Timestamp>;
    fn heartbeat(replica: &ReplicaRow, agents: &[AgentSighting], lost_after: Duration) -> StoreResult<ClusterView>;
    fn acquire_shards(replica: &ReplicaId, shards: &[Shard], lease: Duration, force: bool) -> StoreResult<Vec<(Shard, Epoch)>>;
    fn renew_shards(replica: &ReplicaId, shards: &[(Shard, Epoch)], lease: Duration, now: Timestamp) -> StoreResult<Vec<Shard>>;
    fn release_shards(replica: &ReplicaId, shards: &[Shard]) -> StoreResult<()>;
    fn remove_replica(replica: &ReplicaId, instance: ProcessInstance) -> StoreResult<()>;
    fn region_is_subscribed(region: &Region) -> StoreResult<bool>;
    fn put_region_clock(clock: &RegionClock) -> StoreResult<()>;
});

in_time!(ClockStore {
    fn put_hold_clock(key: &SubscriptionKey, clock: &HoldClock) -> StoreResult<()>;
    fn hold_clocks(until: Timestamp) -> StoreResult<Vec<(SubscriptionKey, HoldClock)>>;
    fn note_clock(now: Timestamp) -> StoreResult<()>;
    fn clocks_ahead(now: Timestamp) -> StoreResult<Vec<(Shard, Timestamp)>>;
    fn forget_clocks(shards: &[(Shard, Timestamp)], now: Timestamp) -> StoreResult<()>;
    fn reschedule_waiting(request: &RescheduleRequest, now: Timestamp, limit: u32) -> StoreResult<u64>;
    fn list_blocked_subscriptions(until: Timestamp) -> StoreResult<Vec<SubscriptionKey>>;
    fn shorten_key_blocks(key: &SubscriptionKey, until: Timestamp) -> StoreResult<()>;
});

in_time!(PublishingStore {
    fn publish(batch: &[NewEvent], until: Timestamp) -> StoreResult<Vec<PublishOutcome>>;
    fn used_key(tenant: &TenantId, key: &str, at: Timestamp) -> StoreResult<Option<UsedIdempotencyKey>>;
    fn add_delivery(delivery: &Delivery) -> StoreResult<Option<i64>>;
});

in_time!(WorkStore {
    fn conclude(batch: &[Conclusion], now: Timestamp) -> StoreResult<Vec<ConclusionOutcome>>;
    fn conclude_late(record: &AttemptRecord, now: Timestamp) -> StoreResult<LateResult>;
    fn claim_due(claims: &[ClaimRequest], now: Timestamp, limits: ClaimLimits) -> StoreResult<Vec<ClaimedDelivery>>;
    fn waiting(shards: &[Shard]) -> StoreResult<Vec<WaitingSubscription>>;
    fn stale_in_flight(shards: &[(Shard, Epoch)], limit: u32) -> StoreResult<Vec<Delivery>>;
    fn own_in_flight(shards: &[(Shard, Epoch)], after: Option<DeliveryId>, limit: u32) -> StoreResult<Vec<Delivery>>;
    fn load_work(ids: &[DeliveryId], now: Timestamp) -> StoreResult<Vec<ClaimedDelivery>>;
    fn release(keys: &[AttemptKey], due: Timestamp) -> StoreResult<()>;
    fn adopt(keys: &[AttemptKey], epoch: Epoch) -> StoreResult<()>;
    fn end_waiting(request: &EndWaitingRequest, now: Timestamp, limit: u32) -> StoreResult<u64>;
    fn cancel(tenant: &TenantId, id: DeliveryId, reason: EndReason, now: Timestamp) -> StoreResult<CancelOutcome>;
    fn bring_forward(tenant: &TenantId, id: DeliveryId, now: Timestamp) -> StoreResult<bool>;
    fn count_due(key: &SubscriptionKey, shard: Shard, now: Timestamp, cap: u32) -> StoreResult<u32>;
    fn backlog(key: &SubscriptionKey, cap: u32) -> StoreResult<SubscriptionBacklog>;
});

#[async_trait]
impl<S: Store> MaintenanceStore for TimeLimited<S> {
    async fn maintain(&self, now: Timestamp, settings: MaintenanceOptions) -> StoreResult<()> {
        self.within(MAINTENANCE_LIMIT, self.store.maintain(now, settings)).await
    }

    async fn ready(&self, now: Timestamp) -> StoreResult<()> {
        self.within(READY_LIMIT, self.store.ready(now)).await
    }

    async fn rehearse_conclusion(&self, now: Timestamp) -> StoreResult<()> {
        self.within(READY_LIMIT, self.store.rehearse_conclusion(now)).await
    }

    async fn close(&self) {
        let closed = tokio::time::timeout(CLOSE_LIMIT, self.store.close()).await;
        if closed.is_err() {
            tracing::warn!(
                "the database connections did not close in time; they end with the process"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_without_an_answer_ends_as_unavailable() {
        let bounded = TimeLimited::new((), DatabaseSilence::default());
        let never = std::future::pending::<StoreResult<()>>();
        let ended = bounded.within(Duration::from_millis(5), never).await;
        assert!(matches!(ended, Err(StoreError::Unavailable(_))), "{ended:?}");
        assert!(bounded.silence.is_suspected());
        let answered = bounded.within(CALL_LIMIT, async { Ok::<_, StoreError>(7) }).await;
        assert!(matches!(answered, Ok(7)), "{answered:?}");
    }
}
