//! What is kept, and the changes that several traits make of it.

use std::collections::{BTreeMap, BTreeSet};

use postrider_domain::assignment_key::AssignmentKey;
use postrider_domain::delivery::{
    AttemptRecord, Delivery, DeliveryState, DeliveryStatus, EndReason,
};
use postrider_domain::event::Event;
use postrider_domain::event_type::EventType;
use postrider_domain::failure_streak::FailureStreak;
use postrider_domain::ids::{
    AgentId, AttemptKey, DeliveryId, Epoch, EventId, OperationId, OrderedKey, Region, ReplicaId,
    Shard, SubscriptionKey, TenantId,
};
use postrider_domain::operation::Operation;
use postrider_domain::operational_event::OperationalEvent;
use postrider_domain::subscription::Subscription;
use postrider_domain::tenant::Tenant;
use postrider_domain::time::{HoldClock, StoppedClock, Timestamp};
use postrider_identity::{
    AUDIT_KEY_BYTES, AuditChain, AuditDraft, AuditKey, AuditRecord, ChainState, ConsoleHash,
    ConsoleSession, TokenId, TokenRecord,
};
use postrider_store::engine::{hour, ids_of_same_millisecond, next_record, without_nul};
use postrider_store::{
    AgentSighting, ReplicaRow, ShardRow, StoreError, StoreResult, UsedIdempotencyKey,
    latency_bucket,
};

/// An idempotency key's use.
#[derive(Clone)]
pub struct StoredKey {
    pub used: UsedIdempotencyKey,
    pub expire_time: Timestamp,
}

/// An ordering key that is held, quiet, or was.
#[derive(Clone)]
pub struct HeldKey {
    pub event: EventId,
    pub held: bool,
    pub blocked_until: Timestamp,
}

/// An attempt, and what its conclusion left.
pub struct StoredAttempt {
    pub record: AttemptRecord,
    pub record_time: Timestamp,
    pub delivery: Option<DeliveryStatus>,
}

/// The records of one chain.
pub struct StoredChain {
    pub state: ChainState,
    pub records: BTreeMap<i64, AuditRecord>,
}

impl StoredChain {
    pub fn empty(chain: AuditChain) -> Self {
        Self { state: ChainState::empty(chain), records: BTreeMap::new() }
    }
}

/// Attempts counted together: the hour, the outcome's code, the bucket.
pub type CountedAttempts = (SubscriptionKey, i64, i16, u16);

/// All tables.
pub struct MemoryTables {
    pub shards: Vec<ShardRow>,
    pub replicas: BTreeMap<ReplicaId, ReplicaRow>,
    pub agents: BTreeMap<(AgentId, ReplicaId), AgentSighting>,
    pub regions: BTreeMap<Region, StoppedClock>,
    /// What the clocks said by which rows of each shard were written, at the latest.
    pub clocks: BTreeMap<Shard, Timestamp>,
    pub hold_clocks: BTreeMap<SubscriptionKey, HoldClock>,
    pub tenants: BTreeMap<TenantId, Tenant>,
    /// Tenants whose configuration cannot be read.
    pub unreadable: BTreeSet<TenantId>,
    pub subscriptions: BTreeMap<SubscriptionKey, Subscription>,
    pub assignment_key: Option<AssignmentKey>,
    /// The configuration version that each subscription's last change made.
    pub written_at: BTreeMap<SubscriptionKey, i64>,
    pub catalogue_version: i64,
    pub event_types: BTreeMap<String, EventType>,
    pub events: BTreeMap<(TenantId, EventId), Event>,
    pub used_keys: BTreeMap<(TenantId, String), StoredKey>,
    pub sequences: BTreeMap<SubscriptionKey, i64>,
    pub unfinished: BTreeMap<DeliveryId, Delivery>,
    pub ended: BTreeMap<DeliveryId, Delivery>,
    /// Deliveries that were added to their events.
    pub later: BTreeMap<(TenantId, EventId), BTreeSet<DeliveryId>>,
    /// By their place in the tail.
    pub attempts: BTreeMap<i64, StoredAttempt>,
    pub places: BTreeMap<AttemptKey, i64>,
    pub last_place: i64,
    pub counts: BTreeMap<CountedAttempts, i64>,
    pub held_keys: BTreeMap<OrderedKey, HeldKey>,
    pub outbox: BTreeMap<i64, OperationalEvent>,
    pub last_outbox_place: i64,
    pub failing: BTreeMap<SubscriptionKey, FailureStreak>,
    /// When subscriptions are warned next that a certificate ends.
    pub certificate_warnings: BTreeMap<SubscriptionKey, Timestamp>,
    pub operations: BTreeMap<(TenantId, OperationId), Operation>,
    pub tokens: BTreeMap<TokenId, TokenRecord>,
    pub console_sessions: BTreeMap<ConsoleHash, ConsoleSession>,
    /// By their chains as they are stored, whose order is that of the engines.
    pub chains: BTreeMap<String, StoredChain>,
    /// Whether the installation's chain was begun.
    pub has_audit_begun: bool,
}

impl MemoryTables {
    pub fn new(shards: u16) -> Self {
        let free = |shard| ShardRow {
            shard: Shard(shard),
            epoch: Epoch(0),
            owner: None,
            lease_until: Timestamp::default(),
        };
        Self {
            shards: (0..shards).map(free).collect(),
            replicas: BTreeMap::new(),
            agents: BTreeMap::new(),
            regions: BTreeMap::new(),
            clocks: BTreeMap::new(),
            hold_clocks: BTreeMap::new(),
            tenants: BTreeMap::new(),
            unreadable: BTreeSet::new(),
            subscriptions: BTreeMap::new(),
            assignment_key: None,
            written_at: BTreeMap::new(),
            catalogue_version: 1,
            event_types: BTreeMap::new(),
            events: BTreeMap::new(),
            used_keys: BTreeMap::new(),
            sequences: BTreeMap::new(),
            unfinished: BTreeMap::new(),
            ended: BTreeMap::new(),
            later: BTreeMap::new(),
            attempts: BTreeMap::new(),
            places: BTreeMap::new(),
            last_place: 0,
            counts: BTreeMap::new(),
            held_keys: BTreeMap::new(),
            outbox: BTreeMap::new(),
            last_outbox_place: 0,
            failing: BTreeMap::new(),
            certificate_warnings: BTreeMap::new(),
            operations: BTreeMap::new(),
            tokens: BTreeMap::new(),
            console_sessions: BTreeMap::new(),
            chains: BTreeMap::new(),
            has_audit_begun: false,
        }
    }

    /// The key of all chains. Nothing is written down here that it could protect.
    pub const fn audit_key() -> AuditKey {
        AuditKey::new([0; AUDIT_KEY_BYTES])
    }

    /// Appends a record to its chain.
    pub fn append_record(&mut self, draft: &AuditDraft) -> StoreResult<()> {
        let chain = self.chains.entry(draft.chain.stored().to_owned());
        let chain = chain.or_insert_with(|| StoredChain::empty(draft.chain.clone()));
        let key = Self::audit_key().of_chain(&draft.chain);
        let record = next_record(&key, &chain.state, draft)?;
        (chain.state.sequence, chain.state.hash) = (record.sequence, record.hash);
        chain.records.insert(record.sequence, record);
        Ok(())
    }

    pub fn shard_of(&self, tenant: &TenantId) -> Shard {
        Shard::of(tenant, u16::try_from(self.shards.len()).unwrap_or(u16::MAX))
    }

    /// A tenant that is not deleted.
    pub fn living_tenant(&self, id: &TenantId) -> Option<&Tenant> {
        self.tenants.get(id).filter(|tenant| tenant.delete_time.is_none())
    }

    /// What is stored of a tenant's configuration, unless it cannot be read.
    pub fn readable<T>(&self, tenant: &TenantId, stored: T) -> StoreResult<T> {
        if !self.unreadable.contains(tenant) {
            return Ok(stored);
        }
        let (resource, problem) = (format!("tenants/{tenant}"), "a test spoiled it".to_owned());
        Err(StoreError::UnreadableConfig { resource, problem })
    }

    /// A delivery, unfinished or ended.
    pub fn delivery(&self, tenant: &TenantId, id: DeliveryId) -> Option<&Delivery> {
        let found = self.unfinished.get(&id).or_else(|| self.ended.get(&id));
        found.filter(|delivery| delivery.subscription.tenant == *tenant)
    }

    /// The event of a delivery, unless it is no longer stored with its payload.
    pub fn event_of(&self, delivery: &Delivery) -> Option<&Event> {
        let event = self.events.get(&(delivery.subscription.tenant.clone(), delivery.event));
        event.filter(|event| event.payload_removal.is_none())
    }

    /// Moves an unfinished delivery to the ended ones.
    pub fn end(
        &mut self,
        id: DeliveryId,
        state: DeliveryState,
        reason: Option<EndReason>,
        now: Timestamp,
    ) {
        if let Some(mut delivery) = self.unfinished.remove(&id) {
            delivery.state = state;
            delivery.end_reason = reason;
            delivery.end_time = Some(id.no_earlier(now));
            // As in the other engines, whose rows have neither.
            (delivery.shard, delivery.epoch) = (Shard(0), Epoch(0));
            self.ended.insert(id, delivery);
        }
    }

    /// Records an attempt at the end of the tail, unless it is recorded.
    pub fn put_attempt(
        &mut self,
        record: &AttemptRecord,
        delivery: Option<DeliveryStatus>,
        now: Timestamp,
    ) {
        if self.places.contains_key(&record.key) {
            return;
        }
        self.last_place += 1;
        self.places.insert(record.key, self.last_place);
        let mut record = record.clone();
        record.error = without_nul(&record.error).into_owned();
        let stored = StoredAttempt { record, record_time: now, delivery };
        self.attempts.insert(self.last_place, stored);
    }

    /// Records and counts an attempt of which history may have something already.
    pub fn put_unless_known(
        &mut self,
        record: &AttemptRecord,
        delivery: DeliveryStatus,
        now: Timestamp,
    ) {
        if self.attempt(record.key).is_none() {
            self.put_attempt(record, Some(delivery), now);
            self.count(record, 1);
        }
    }

    pub fn attempt(&self, key: AttemptKey) -> Option<&StoredAttempt> {
        self.attempts.get(self.places.get(&key)?)
    }

    /// Adds an attempt to the statistics, or with −1 takes it out.
    pub fn count(&mut self, record: &AttemptRecord, by: i64) {
        if !record.test {
            let bucket = latency_bucket(record.timings.total);
            let hour = hour(record.start_time);
            let key = (record.subscription.clone(), hour, record.outcome.code(), bucket);
            *self.counts.entry(key).or_default() += by;
        }
    }

    /// Writes operational events that are not there already.
    pub fn write_to_outbox<'a>(
        &mut self,
        operational_events: impl IntoIterator<Item = &'a OperationalEvent>,
    ) {
        for one in operational_events {
            let tenant = &one.subscription.tenant;
            let same = |there: &OperationalEvent| {
                there.id == one.id && there.subscription.tenant == *tenant
            };
            if !self.outbox.values().any(same) {
                self.last_outbox_place += 1;
                self.outbox.insert(self.last_outbox_place, one.clone());
            }
        }
    }

    /// The deliveries of an event: those made with it, and the later ones.
    pub fn deliveries_of(&self, tenant: &TenantId, event: EventId) -> Vec<&Delivery> {
        let (low, high) = ids_of_same_millisecond(event.0);
        let range = DeliveryId(low)..=DeliveryId(high);
        let of_event = |delivery: &&Delivery| {
            delivery.event == event && delivery.subscription.tenant == *tenant
        };
        let with_it = self.unfinished.range(range.clone()).chain(self.ended.range(range.clone()));
        let mut found: Vec<&Delivery> =
            with_it.map(|(_, delivery)| delivery).filter(of_event).collect();
        let later = self.later.get(&(tenant.clone(), event)).into_iter().flatten();
        let later = later.filter(|id| !range.contains(id));
        found.extend(later.filter_map(|id| self.delivery(tenant, *id)));
        found
    }
}
