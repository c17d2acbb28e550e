//! The way from a replica to the database.
//!
//! Fed by one replica's calls; feeds the store in memory. Guarantees that a call is
//! carried out once or not at all, that it may be carried out although its caller is
//! dead or learns nothing, and that it may take long enough to be carried out after
//! others have moved on.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use postrider_domain::delivery::{AttemptRecord, Delivery, EndReason, Late, Outcome};
use postrider_domain::event::Event;
use postrider_domain::event_type::EventType;
use postrider_domain::ids::{
    AttemptKey, DeliveryId, Epoch, EventId, OperationId, OrderedKey, Region, ReplicaId, Shard,
    SubscriptionKey, TenantId,
};
use postrider_domain::notice::Announcement;
use postrider_domain::operation::Operation;
use postrider_domain::streak::{Stage, Streak};
use postrider_domain::subscription::Subscription;
use postrider_domain::tenant::{Tenant, TenantChanges, TenantConfig};
use postrider_domain::time::{HoldClock, Timestamp};
use postrider_store::{
    AgentSighting, AttemptPage, AttemptQuery, Backlog, BringBack, Cancelled, CatalogueError, Claim,
    ClaimLimits, ClockStore, ClusterView, Concluded, Conclusion, ConfigStore, DeliveryCounts,
    DeliveryQuery, EndWaiting, EventQuery, EventTypeQuery, EventTypeStore, HistoryStore, Instance,
    KeyHold, ListedEvent, Maintenance, MaintenanceStore, NewEvent, News, NoticeStore,
    OperationStep, OperationStore, OrderingStore, OwnershipStore, Page, Published, PublishingStore,
    RecordedAttempt, RegionClock, ReplicaRow, StatsRow, Store, StoreError, StoreResult, Stretch,
    SubscriptionQuery, TailPage, TenantQuery, UsedKey, WaitingAnnouncement, WaitingKey,
    WaitingSubscription, Work, WorkStore, WriteError,
};

use crate::entropy;
use crate::process::Process;
use crate::world::{Node, World, lock};

/// How long a call waits for a database that cannot be reached.
const PATIENCE: Duration = Duration::from_secs(2);

/// One replica's connection.
pub struct Connection {
    pub world: Arc<World>,
    pub place: usize,
    pub process: Arc<Process>,
}

impl Connection {
    async fn call<T, E: From<StoreError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.process.gate().await;
        let (longest, unknown) = {
            let weather = lock(&self.world.weather);
            (weather.database_ms, weather.database_unknown)
        };
        tokio::time::sleep(entropy::millis(0, longest)).await;
        let (here, database) = (Node::Replica(self.place), Node::Database);
        let apart = self.world.are_apart(here, database);
        let lost = apart || entropy::percent(unknown);
        // What was on its way when it broke may have come to its end.
        let answer = if lost && entropy::percent(50) { None } else { Some(work.await) };
        tokio::time::sleep(entropy::millis(0, longest)).await;
        if apart {
            tokio::time::sleep(PATIENCE).await;
        }
        self.process.gate().await;
        match answer {
            Some(answer) if !lost => answer,
            _ => Err(StoreError::Unavailable("simulated".to_owned()).into()),
        }
    }

    /// For whoever looks for what went wrong.
    fn tells(&self, key: AttemptKey, what: fmt::Arguments<'_>) {
        let (place, AttemptKey { delivery, number }) = (self.place, key);
        self.world.detail(format_args!("database, replica {place}: {delivery} {number} {what}"));
    }
}

impl Store for Connection {}

/// Calls that are passed on as they are.
macro_rules! passed_on {
    ($trait:ident { $($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)* } $($own:tt)*) => {
        #[async_trait]
        impl $trait for Connection {
            $(async fn $name(&self, $($argument: $type),*) -> $answer {
                self.call(self.world.store.$name($($argument),*)).await
            })*
            $($own)*
        }
    };
}

passed_on!(ConfigStore {
    create_tenant(tenant: &Tenant) -> Result<(), WriteError>;
    get_tenant(id: &TenantId) -> StoreResult<Option<Tenant>>;
    list_tenants(query: &TenantQuery) -> StoreResult<Page<Tenant>>;
    update_tenant(tenant: &Tenant, expected: i64) -> Result<Tenant, WriteError>;
    delete_tenant(id: &TenantId, expected: i64, now: Timestamp) -> Result<(i64, u64), WriteError>;
    tenant_config(id: &TenantId) -> StoreResult<Option<TenantConfig>>;
    tenant_changes(id: &TenantId, since: i64) -> StoreResult<Option<TenantChanges>>;
    config_versions(ids: &[TenantId]) -> StoreResult<Vec<i64>>;
    create_subscription(subscription: &Subscription) -> Result<i64, WriteError>;
    get_subscription(key: &SubscriptionKey) -> StoreResult<Option<Subscription>>;
    list_subscriptions(query: &SubscriptionQuery) -> StoreResult<Page<Subscription>>;
    update_subscription(subscription: &Subscription, expected: i64, news: &News) -> Result<i64, WriteError>;
    deleted_with_unfinished(shards: &[Shard], limit: u32) -> StoreResult<Vec<SubscriptionKey>>;
});

passed_on!(EventTypeStore {
    create_event_type(event_type: &EventType, most: usize) -> Result<i64, CatalogueError>;
    get_event_type(name: &str) -> StoreResult<Option<EventType>>;
    list_event_types(query: &EventTypeQuery) -> StoreResult<Vec<EventType>>;
    update_event_type(event_type: &EventType, expected: i64) -> Result<i64, CatalogueError>;
    delete_event_type(name: &str, expected: i64, force: bool) -> Result<i64, CatalogueError>;
    put_event_types(event_types: &[EventType], most: usize) -> Result<i64, CatalogueError>;
    catalogue() -> StoreResult<(i64, Vec<EventType>)>;
    catalogue_version() -> StoreResult<i64>;
});

passed_on!(PublishingStore {
    publish(batch: &[NewEvent], until: Timestamp) -> StoreResult<Vec<Published>>;
    used_key(tenant: &TenantId, key: &str, at: Timestamp) -> StoreResult<Option<UsedKey>>;
    add_delivery(delivery: &Delivery) -> StoreResult<Option<i64>>;
});

passed_on!(WorkStore {
    waiting(shards: &[Shard]) -> StoreResult<Vec<WaitingSubscription>>;
    stale_in_flight(shards: &[(Shard, Epoch)], limit: u32) -> StoreResult<Vec<Delivery>>;
    own_in_flight(shards: &[(Shard, Epoch)], after: Option<DeliveryId>, limit: u32) -> StoreResult<Vec<Delivery>>;
    load_work(ids: &[DeliveryId], now: Timestamp) -> StoreResult<Vec<Work>>;
    end_waiting(request: &EndWaiting, now: Timestamp, limit: u32) -> StoreResult<u64>;
    cancel(tenant: &TenantId, id: DeliveryId, reason: EndReason, now: Timestamp) -> StoreResult<Cancelled>;
    bring_forward(tenant: &TenantId, id: DeliveryId, now: Timestamp) -> StoreResult<bool>;
    count_due(key: &SubscriptionKey, shard: Shard, now: Timestamp, cap: u32) -> StoreResult<u32>;
    backlog(key: &SubscriptionKey, cap: u32) -> StoreResult<Backlog>;
}
    async fn conclude(&self, batch: &[Conclusion], now: Timestamp) -> StoreResult<Vec<Concluded>> {
        let work = async {
            let answers = self.world.store.conclude(batch, now).await?;
            for (Conclusion { record, transition, .. }, answer) in batch.iter().zip(&answers) {
                self.tells(record.key, format_args!("{answer:?} {:?} {transition:?}", record.outcome));
                if *answer == Concluded::Applied && record.outcome == Outcome::Unknown {
                    self.world.given_up(record.key);
                }
            }
            Ok(answers)
        };
        self.call(work).await
    }

    async fn conclude_late(&self, record: &AttemptRecord, now: Timestamp) -> StoreResult<Late> {
        let work = async {
            let late = self.world.store.conclude_late(record, now).await?;
            self.tells(record.key, format_args!("late {:?} {late:?}", record.outcome));
            Ok(late)
        };
        self.call(work).await
    }

    async fn claim_due(
        &self,
        claims: &[Claim],
        now: Timestamp,
        limits: ClaimLimits,
    ) -> StoreResult<Vec<Work>> {
        let work = async {
            let claimed = self.world.store.claim_due(claims, now, limits).await?;
            for one in &claimed {
                let epoch = one.delivery.epoch;
                self.tells(one.delivery.current_attempt(), format_args!("claimed at {epoch:?}"));
            }
            Ok(claimed)
        };
        self.call(work).await
    }

    async fn release(&self, keys: &[AttemptKey], due: Timestamp) -> StoreResult<()> {
        let work = async {
            keys.iter().for_each(|key| self.tells(*key, format_args!("released")));
            self.world.store.release(keys, due).await
        };
        self.call(work).await
    }

    async fn adopt(&self, keys: &[AttemptKey], epoch: Epoch) -> StoreResult<()> {
        let work = async {
            keys.iter().for_each(|key| self.tells(*key, format_args!("adopted at {epoch:?}")));
            self.world.store.adopt(keys, epoch).await
        };
        self.call(work).await
    }
);

passed_on!(OrderingStore {
    hold_key(hold: &KeyHold) -> StoreResult<()>;
    release_key(key: &OrderedKey) -> StoreResult<bool>;
    release_keys(subscription: &SubscriptionKey) -> StoreResult<()>;
    waiting_keys(after: Option<&OrderedKey>, limit: u32, now: Timestamp) -> StoreResult<Vec<WaitingKey>>;
    let_all_go(subscription: &SubscriptionKey, now: Timestamp, limit: u32) -> StoreResult<u64>;
}
    async fn let_go(
        &self,
        keys: &[OrderedKey],
        now: Timestamp,
    ) -> StoreResult<Vec<SubscriptionKey>> {
        let work = async {
            keys.iter().for_each(|key| {
                self.world.detail(format_args!("database: let go {} {}", key.subscription, key.key));
            });
            self.world.store.let_go(keys, now).await
        };
        self.call(work).await
    }
);

passed_on!(OwnershipStore {
    now() -> StoreResult<Timestamp>;
    heartbeat(replica: &ReplicaRow, agents: &[AgentSighting], lost_after: Duration) -> StoreResult<ClusterView>;
    acquire_shards(replica: &ReplicaId, shards: &[Shard], lease: Duration, force: bool) -> StoreResult<Vec<(Shard, Epoch)>>;
    renew_shards(replica: &ReplicaId, shards: &[(Shard, Epoch)], lease: Duration, now: Timestamp) -> StoreResult<Vec<Shard>>;
    release_shards(replica: &ReplicaId, shards: &[Shard]) -> StoreResult<()>;
    remove_replica(replica: &ReplicaId, instance: Instance) -> StoreResult<()>;
    region_is_subscribed(region: &Region) -> StoreResult<bool>;
    put_region_clock(clock: &RegionClock) -> StoreResult<()>;
});

passed_on!(ClockStore {
    put_hold_clock(key: &SubscriptionKey, clock: &HoldClock) -> StoreResult<()>;
    hold_clocks(until: Timestamp) -> StoreResult<Vec<(SubscriptionKey, HoldClock)>>;
    note_clock(now: Timestamp) -> StoreResult<()>;
    clocks_ahead(now: Timestamp) -> StoreResult<Vec<(Shard, Timestamp)>>;
    forget_clocks(shards: &[(Shard, Timestamp)], now: Timestamp) -> StoreResult<()>;
    bring_back(request: &BringBack, now: Timestamp, limit: u32) -> StoreResult<u64>;
    quiet_subscriptions(until: Timestamp) -> StoreResult<Vec<SubscriptionKey>>;
    shorten_quiet(key: &SubscriptionKey, until: Timestamp) -> StoreResult<()>;
});

passed_on!(HistoryStore {
    get_event(tenant: &TenantId, id: EventId) -> StoreResult<Option<Event>>;
    list_events(query: &EventQuery) -> StoreResult<Vec<ListedEvent>>;
    delivery_counts(tenant: &TenantId, events: &[EventId]) -> StoreResult<Vec<DeliveryCounts>>;
    deliveries_of(tenant: &TenantId, events: &[EventId]) -> StoreResult<Vec<Delivery>>;
    get_delivery(tenant: &TenantId, id: DeliveryId) -> StoreResult<Option<Delivery>>;
    list_deliveries(query: &DeliveryQuery) -> StoreResult<Vec<Delivery>>;
    list_attempts(tenant: &TenantId, delivery: DeliveryId, after: u32, limit: u32) -> StoreResult<Vec<RecordedAttempt>>;
    find_attempts(query: &AttemptQuery) -> StoreResult<AttemptPage>;
    last_attempts(tenant: &TenantId, deliveries: &[DeliveryId]) -> StoreResult<Vec<AttemptRecord>>;
    stats(key: &SubscriptionKey, since: Timestamp) -> StoreResult<Vec<StatsRow>>;
    tail_position() -> StoreResult<i64>;
    tail(position: i64, limit: u32) -> StoreResult<TailPage>;
});

passed_on!(NoticeStore {
    announcements(shards: &[Shard], limit: u32) -> StoreResult<Vec<WaitingAnnouncement>>;
    remove_announcements(places: &[i64]) -> StoreResult<()>;
    streaks(shards: &[Shard]) -> StoreResult<Vec<(SubscriptionKey, Streak)>>;
    streak(key: &SubscriptionKey) -> StoreResult<Option<Streak>>;
    raise_streak(key: &SubscriptionKey, from: Streak, to: Stage, told: Option<&Announcement>) -> StoreResult<bool>;
    end_streak(key: &SubscriptionKey, recovered: Option<&Announcement>) -> StoreResult<()>;
});

passed_on!(OperationStore {
    create_operation(operation: &Operation) -> StoreResult<()>;
    get_operation(tenant: &TenantId, id: OperationId) -> StoreResult<Option<Operation>>;
    list_operations(tenant: &TenantId, before: Option<OperationId>, limit: u32) -> StoreResult<Vec<Operation>>;
    running_operations(shards: &[Shard], limit: u32) -> StoreResult<Vec<Operation>>;
    cancel_operation(tenant: &TenantId, id: OperationId, now: Timestamp) -> StoreResult<()>;
    delete_operation(tenant: &TenantId, id: OperationId) -> StoreResult<bool>;
    step_operation(step: &OperationStep, now: Timestamp) -> StoreResult<Option<Operation>>;
    ended_deliveries(stretch: &Stretch) -> StoreResult<Vec<Delivery>>;
    stretch_of_events(stretch: &Stretch, with_payload: bool) -> StoreResult<Vec<Event>>;
    delivered_events(key: &SubscriptionKey, events: &[EventId]) -> StoreResult<HashSet<EventId>>;
});

passed_on!(MaintenanceStore {
    maintain(now: Timestamp, settings: Maintenance) -> StoreResult<()>;
    ready(now: Timestamp) -> StoreResult<()>;
    rehearse_conclusion(now: Timestamp) -> StoreResult<()>;
}
    async fn close(&self) {}
);
