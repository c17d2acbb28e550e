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
use postrider_domain::assignment_key::AssignmentKey;
use postrider_domain::delivery::{AttemptRecord, Delivery, EndReason, LateResult, Outcome};
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
use postrider_identity::{
    AuditChain, AuditDraft, AuditKey, AuditRecord, ChainState, ConsoleEntryKind, ConsoleHash,
    ConsoleSession, TokenId, TokenKind, TokenRecord,
};
use postrider_store::{
    AgentSighting, AttemptPage, AttemptQuery, AuditQuery, AuditStore, CancelOutcome,
    CatalogueError, ClaimLimits, ClaimRequest, ClaimedDelivery, ClockStore, ClusterView,
    Conclusion, ConclusionOutcome, ConfigStore, ConsoleBounds, ConsoleCreation, ConsoleStore,
    DataKeyStore, DeliveryCounts, DeliveryQuery, EndWaitingRequest, EventQuery, EventTypeQuery,
    EventTypeStore, ForgottenRecords, HistoryRange, HistoryStore, KeyBacklog, KeyHold, ListPage,
    ListedEvent, MaintenanceCounts, MaintenanceOptions, MaintenanceStore, NewEvent, OperationStep,
    OperationStore, OrderingStore, OutboxEntry, OutboxStore, OwnershipStore, ProcessInstance,
    PublishOutcome, PublishingStore, RecordedAttempt, RegionClock, ReplacementStep, ReplicaRow,
    RescheduleRequest, StatsRow, Store, StoreError, StoreResult, SubscriptionBacklog,
    SubscriptionQuery, SubscriptionSideEffects, TailPage, TenantQuery, TokenBounds, TokenCreation,
    TokenQuery, TokenStore, UsedIdempotencyKey, WaitingSubscription, WorkStore, WrappedKeyCount,
    WriteError,
};

use crate::entropy;
use crate::process::Process;
use crate::world::{Node, World};

/// How long a call waits for a database that cannot be reached.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

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
            let weather = self.world.weather.lock();
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
            tokio::time::sleep(CALL_TIMEOUT).await;
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

passed_on!(AuditStore {
    append_audit_record(draft: &AuditDraft) -> StoreResult<()>;
    list_audit_records(query: &AuditQuery) -> StoreResult<Vec<AuditRecord>>;
    read_audit_chain(chain: &AuditChain, from: i64, limit: u32) -> StoreResult<(ChainState, Vec<AuditRecord>)>;
    list_audit_chains(after: Option<&AuditChain>, limit: u32) -> StoreResult<Vec<ChainState>>;
    audit_key() -> StoreResult<AuditKey>;
    begin_audit_log(now: Timestamp) -> StoreResult<()>;
    foreign_triggers(limit: u32) -> StoreResult<Vec<String>>;
    forget_audit_records(after: Option<&AuditChain>, before: Timestamp, now: Timestamp) -> StoreResult<Option<ForgottenRecords>>;
});

passed_on!(ConfigStore {
    create_tenant(tenant: &Tenant, audit: &AuditDraft) -> Result<(), WriteError>;
    get_tenant(id: &TenantId) -> StoreResult<Option<Tenant>>;
    list_tenants(query: &TenantQuery) -> StoreResult<ListPage<Tenant>>;
    update_tenant(tenant: &Tenant, expected: i64, audit: &AuditDraft) -> Result<Tenant, WriteError>;
    delete_tenant(id: &TenantId, expected: i64, now: Timestamp, audit: &AuditDraft) -> Result<(i64, u64), WriteError>;
    tenant_config(id: &TenantId) -> StoreResult<Option<TenantConfig>>;
    tenant_changes(id: &TenantId, since: i64) -> StoreResult<Option<TenantChanges>>;
    config_versions(ids: &[TenantId]) -> StoreResult<Vec<i64>>;
    create_subscription(subscription: &Subscription, max: usize, audit: &AuditDraft) -> Result<i64, WriteError>;
    get_subscription(key: &SubscriptionKey) -> StoreResult<Option<Subscription>>;
    list_subscriptions(query: &SubscriptionQuery) -> StoreResult<ListPage<Subscription>>;
    update_subscription(subscription: &Subscription, expected: i64, side_effects: &SubscriptionSideEffects, audit: &AuditDraft) -> Result<i64, WriteError>;
    deleted_with_unfinished(shards: &[Shard], limit: u32) -> StoreResult<Vec<SubscriptionKey>>;
});

passed_on!(DataKeyStore {
    require_keys() -> StoreResult<()>;
    count_data_keys() -> StoreResult<Vec<WrappedKeyCount>>;
    rewrap_data_keys(limit: u32) -> StoreResult<u64>;
    next_keyed_tenant(after: Option<&TenantId>) -> StoreResult<Option<TenantId>>;
    replace_data_key(tenant: &TenantId, since: Timestamp, limit: u32) -> StoreResult<ReplacementStep>;
    rewrite_secrets() -> StoreResult<()>;
});

passed_on!(EventTypeStore {
    create_event_type(event_type: &EventType, most: usize, audit: &AuditDraft) -> Result<i64, CatalogueError>;
    get_event_type(name: &str) -> StoreResult<Option<EventType>>;
    list_event_types(query: &EventTypeQuery) -> StoreResult<Vec<EventType>>;
    update_event_type(event_type: &EventType, expected: i64, audit: &AuditDraft) -> Result<i64, CatalogueError>;
    delete_event_type(name: &str, expected: i64, force: bool, audit: &AuditDraft) -> Result<i64, CatalogueError>;
    put_event_types(event_types: &[EventType], most: usize, audit: &AuditDraft) -> Result<i64, CatalogueError>;
    catalogue() -> StoreResult<(i64, Vec<EventType>)>;
    catalogue_version() -> StoreResult<i64>;
});

passed_on!(PublishingStore {
    publish(batch: &[NewEvent], until: Timestamp) -> StoreResult<Vec<PublishOutcome>>;
    used_key(tenant: &TenantId, key: &str, at: Timestamp) -> StoreResult<Option<UsedIdempotencyKey>>;
    add_delivery(delivery: &Delivery, audit: &AuditDraft) -> StoreResult<Option<i64>>;
});

passed_on!(WorkStore {
    waiting(shards: &[Shard]) -> StoreResult<Vec<WaitingSubscription>>;
    stale_in_flight(shards: &[(Shard, Epoch)], limit: u32) -> StoreResult<Vec<Delivery>>;
    own_in_flight(shards: &[(Shard, Epoch)], after: Option<DeliveryId>, limit: u32) -> StoreResult<Vec<Delivery>>;
    load_work(ids: &[DeliveryId], now: Timestamp) -> StoreResult<Vec<ClaimedDelivery>>;
    end_waiting(request: &EndWaitingRequest, now: Timestamp, limit: u32) -> StoreResult<u64>;
    cancel(tenant: &TenantId, id: DeliveryId, reason: EndReason, now: Timestamp, audit: &AuditDraft) -> StoreResult<CancelOutcome>;
    bring_forward(tenant: &TenantId, id: DeliveryId, now: Timestamp, audit: &AuditDraft) -> StoreResult<bool>;
    count_due(key: &SubscriptionKey, shard: Shard, now: Timestamp, cap: u32) -> StoreResult<u32>;
    backlog(key: &SubscriptionKey, cap: u32) -> StoreResult<SubscriptionBacklog>;
}
    async fn conclude(&self, batch: &[Conclusion], now: Timestamp) -> StoreResult<Vec<ConclusionOutcome>> {
        let work = async {
            let answers = self.world.store.conclude(batch, now).await?;
            for (Conclusion { record, transition, .. }, answer) in batch.iter().zip(&answers) {
                self.tells(record.key, format_args!("{answer:?} {:?} {transition:?}", record.outcome));
                if *answer == ConclusionOutcome::Applied && record.outcome == Outcome::Unknown {
                    self.world.given_up(record.key);
                }
            }
            Ok(answers)
        };
        self.call(work).await
    }

    async fn conclude_late(&self, record: &AttemptRecord, now: Timestamp) -> StoreResult<LateResult> {
        let work = async {
            let late = self.world.store.conclude_late(record, now).await?;
            self.tells(record.key, format_args!("late {:?} {late:?}", record.outcome));
            Ok(late)
        };
        self.call(work).await
    }

    async fn claim_due(
        &self,
        claims: &[ClaimRequest],
        now: Timestamp,
        limits: ClaimLimits,
    ) -> StoreResult<Vec<ClaimedDelivery>> {
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
    end_key_hold(key: &OrderedKey, audit: &AuditDraft) -> StoreResult<bool>;
    end_key_holds(subscription: &SubscriptionKey) -> StoreResult<()>;
    list_key_backlogs(after: Option<&OrderedKey>, limit: u32, now: Timestamp) -> StoreResult<Vec<KeyBacklog>>;
    release_all_held(subscription: &SubscriptionKey, now: Timestamp, limit: u32) -> StoreResult<u64>;
}
    async fn release_next(
        &self,
        keys: &[OrderedKey],
        now: Timestamp,
    ) -> StoreResult<Vec<SubscriptionKey>> {
        let work = async {
            keys.iter().for_each(|key| {
                self.world.detail(format_args!("database: let go {} {}", key.subscription, key.key));
            });
            self.world.store.release_next(keys, now).await
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
    remove_replica(replica: &ReplicaId, instance: ProcessInstance) -> StoreResult<()>;
    region_is_subscribed(region: &Region) -> StoreResult<bool>;
    list_subscribed_regions(limit: u32) -> StoreResult<Vec<Region>>;
    put_region_clock(clock: &RegionClock) -> StoreResult<()>;
    forget_region(region: &Region) -> StoreResult<bool>;
    assignment_key(proposed: &AssignmentKey) -> StoreResult<AssignmentKey>;
});

passed_on!(ClockStore {
    put_hold_clock(key: &SubscriptionKey, clock: &HoldClock) -> StoreResult<()>;
    hold_clocks(until: Timestamp) -> StoreResult<Vec<(SubscriptionKey, HoldClock)>>;
    note_clock(now: Timestamp) -> StoreResult<()>;
    clocks_ahead(now: Timestamp) -> StoreResult<Vec<(Shard, Timestamp)>>;
    forget_clocks(shards: &[(Shard, Timestamp)], now: Timestamp) -> StoreResult<()>;
    reschedule_waiting(request: &RescheduleRequest, now: Timestamp, limit: u32) -> StoreResult<u64>;
    list_blocked_subscriptions(until: Timestamp) -> StoreResult<Vec<SubscriptionKey>>;
    shorten_key_blocks(key: &SubscriptionKey, until: Timestamp) -> StoreResult<()>;
});

passed_on!(HistoryStore {
    get_event(tenant: &TenantId, id: EventId) -> StoreResult<Option<Event>>;
    list_events(query: &EventQuery) -> StoreResult<Vec<ListedEvent>>;
    delivery_counts(tenant: &TenantId, events: &[EventId]) -> StoreResult<Vec<DeliveryCounts>>;
    deliveries_of(tenant: &TenantId, events: &[EventId]) -> StoreResult<Vec<Delivery>>;
    get_delivery(tenant: &TenantId, id: DeliveryId) -> StoreResult<Option<Delivery>>;
    list_deliveries(query: &DeliveryQuery) -> StoreResult<Vec<Delivery>>;
    list_attempts(tenant: &TenantId, delivery: DeliveryId, after: u32, limit: u32) -> StoreResult<Vec<RecordedAttempt>>;
    recorded_results(tenant: &TenantId, attempts: &[AttemptKey]) -> StoreResult<Vec<AttemptKey>>;
    find_attempts(query: &AttemptQuery) -> StoreResult<AttemptPage>;
    last_attempts(tenant: &TenantId, deliveries: &[DeliveryId]) -> StoreResult<Vec<AttemptRecord>>;
    stats(key: &SubscriptionKey, since: Timestamp) -> StoreResult<Vec<StatsRow>>;
    tail_position() -> StoreResult<i64>;
    tail(position: i64, limit: u32) -> StoreResult<TailPage>;
});

passed_on!(OutboxStore {
    list_outbox(shards: &[Shard], limit: u32) -> StoreResult<Vec<OutboxEntry>>;
    delete_from_outbox(places: &[i64]) -> StoreResult<()>;
    streaks(shards: &[Shard]) -> StoreResult<Vec<(SubscriptionKey, FailureStreak)>>;
    streak(key: &SubscriptionKey) -> StoreResult<Option<FailureStreak>>;
    raise_streak(key: &SubscriptionKey, from: FailureStreak, to: WarningStage, operational_event: Option<&OperationalEvent>) -> StoreResult<bool>;
    end_streak(key: &SubscriptionKey, recovered: Option<&OperationalEvent>) -> StoreResult<()>;
    due_certificate_warnings(shards: &[Shard], now: Timestamp, limit: u32) -> StoreResult<Vec<(SubscriptionKey, Timestamp)>>;
    warn_of_certificates(key: &SubscriptionKey, due: Timestamp, next: Option<Timestamp>, operational_events: &[OperationalEvent]) -> StoreResult<bool>;
});

passed_on!(OperationStore {
    create_operation(operation: &Operation, audit: &AuditDraft) -> StoreResult<()>;
    get_operation(tenant: &TenantId, id: OperationId) -> StoreResult<Option<Operation>>;
    list_operations(tenant: &TenantId, before: Option<OperationId>, limit: u32) -> StoreResult<Vec<Operation>>;
    running_operations(shards: &[Shard], limit: u32) -> StoreResult<Vec<Operation>>;
    cancel_operation(tenant: &TenantId, id: OperationId, now: Timestamp, audit: &AuditDraft) -> StoreResult<bool>;
    delete_operation(tenant: &TenantId, id: OperationId, audit: &AuditDraft) -> StoreResult<bool>;
    step_operation(step: &OperationStep, now: Timestamp) -> StoreResult<Option<Operation>>;
    list_ended_in_range(stretch: &HistoryRange) -> StoreResult<Vec<Delivery>>;
    list_events_in_range(stretch: &HistoryRange, with_payload: bool) -> StoreResult<Vec<Event>>;
    find_delivered_events(key: &SubscriptionKey, events: &[EventId]) -> StoreResult<HashSet<EventId>>;
});

passed_on!(TokenStore {
    create_token(token: &TokenRecord, bounds: TokenBounds, audit: &AuditDraft) -> Result<TokenCreation, WriteError>;
    get_token(id: &TokenId) -> StoreResult<Option<TokenRecord>>;
    list_tokens(query: &TokenQuery) -> StoreResult<Vec<TokenRecord>>;
    revoke_token(id: &TokenId, now: Timestamp, audit: &AuditDraft) -> StoreResult<bool>;
    note_token_uses(uses: &[(TokenId, Timestamp)]) -> StoreResult<()>;
    forget_tokens(kind: TokenKind, ended_before: Timestamp) -> StoreResult<()>;
});

passed_on!(ConsoleStore {
    create_console_session(session: &ConsoleSession, bounds: ConsoleBounds) -> StoreResult<ConsoleCreation>;
    get_console_session(kind: ConsoleEntryKind, hash: &ConsoleHash) -> StoreResult<Option<ConsoleSession>>;
    note_console_use(hash: &ConsoleHash, used: Timestamp) -> StoreResult<()>;
    take_console_session(kind: ConsoleEntryKind, hash: &ConsoleHash) -> StoreResult<Option<ConsoleSession>>;
    forget_console_sessions(ended_before: Timestamp, unused_since: Timestamp) -> StoreResult<()>;
});

passed_on!(MaintenanceStore {
    maintain(now: Timestamp, settings: MaintenanceOptions) -> StoreResult<MaintenanceCounts>;
    ready(now: Timestamp) -> StoreResult<()>;
    rehearse_conclusion(now: Timestamp) -> StoreResult<()>;
}
    async fn close(&self) {}
);
