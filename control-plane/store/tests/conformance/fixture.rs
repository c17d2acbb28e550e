//! Tenants, subscriptions, events and deliveries to test with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use postrider_domain::delivery::{
    AttemptRecord, Delivery, DeliveryState, DeliveryTransition, Outcome, StepTimings, Trigger,
};
use postrider_domain::event::{Event, EventContent};
use postrider_domain::ids::{
    AgentId, DeliveryId, Epoch, EventId, Region, Shard, SubscriptionKey, TenantId,
};
use postrider_domain::receiver_credentials::{
    CertificateSummary, ClientIdentity, ReceiverCredentials,
};
use postrider_domain::secret::SigningSecret;
use postrider_domain::signature::{KeyKind, SigningKey};
use postrider_domain::subscription::{
    Subscription, SubscriptionConfig, SubscriptionStatus, SuccessRule,
};
use postrider_domain::tenant::{Tenant, TenantRetention};
use postrider_domain::time::{StoppedClock, Timestamp};
use postrider_identity::{AuditDraft, AuditOrigin};
use postrider_store::{
    ClaimLimits, ClaimRequest, ClaimedDelivery, Conclusion, ConclusionOutcome, IdempotencyRecord,
    NewEvent, PageRequest, PublishOutcome, Store,
};

use crate::engine::{Engine, SHARDS};

pub const HOUR: Duration = Duration::from_secs(60 * 60);
pub const SECOND: Duration = Duration::from_secs(1);
pub const EPOCH: Epoch = Epoch(1);

/// Ten bytes that are never the same twice, and grow.
pub fn random() -> [u8; 10] {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    bytes
}

/// The record of a change whose record does not matter.
pub fn audit() -> &'static AuditDraft {
    static DRAFT: LazyLock<AuditDraft> =
        LazyLock::new(|| AuditOrigin::command("a test").draft("tests/1", Timestamp::default()));
    &DRAFT
}

pub fn tenant(id: &str, now: Timestamp) -> Tenant {
    Tenant {
        id: id.parse().unwrap(),
        display_name: format!("Tenant {id}"),
        allow_insecure_urls: true,
        labels: BTreeMap::from([("tier".to_owned(), "gold".to_owned())]),
        retention: TenantRetention::default(),
        config_version: 1,
        revision: 1,
        create_time: now,
        update_time: now,
        delete_time: None,
    }
}

/// Credentials with a certificate that ends then, and its key.
pub fn expiring(end: Timestamp) -> ReceiverCredentials {
    let summary = CertificateSummary {
        subject: "CN=acme".to_owned(),
        issuer: "CN=bank".to_owned(),
        start_time: Timestamp::from_micros(0),
        expire_time: end,
        sha256: "ab".repeat(32),
    };
    let chain = "the certificate".to_owned();
    let client_certificate = ClientIdentity { chain, private_key: "the key".into(), summary };
    ReceiverCredentials {
        client_certificate: Some(client_certificate),
        ..ReceiverCredentials::default()
    }
}

pub fn subscription(tenant: &TenantId, id: &str, now: Timestamp) -> Subscription {
    Subscription {
        tenant: tenant.clone(),
        id: id.parse().unwrap(),
        status: SubscriptionStatus::Enabled,
        status_reason: String::new(),
        settings: SubscriptionConfig {
            display_name: format!("Subscription {id}"),
            url: format!("https://{id}.example/hook"),
            event_types: vec!["payment.*".parse().unwrap()],
            accounts: BTreeSet::from(["acc-1".to_owned()]),
            region: "eu".parse().unwrap(),
            success: SuccessRule::Listed(BTreeSet::from([200, 204])),
            max_requests_per_second: Some(7),
            ..SubscriptionConfig::default()
        },
        signing_keys: vec![SigningKey {
            id: "key-1".to_owned(),
            kind: KeyKind::Ed25519,
            secret: SigningSecret::new(vec![7; 32]),
            create_time: now,
            expire_time: Some(now + HOUR),
        }],
        paused_clock: StoppedClock { total: SECOND, since: Some(now) },
        revision: 1,
        request_revision: 1,
        create_time: now,
        update_time: now,
        delete_time: None,
    }
}

/// A tenant with one subscription, and the means to give it events.
pub struct World {
    pub store: Arc<dyn Store>,
    pub key: SubscriptionKey,
    pub version: i64,
    /// A moment at or after the start of the test, in whole milliseconds.
    pub now: Timestamp,
}

impl World {
    pub async fn new(engine: &Engine) -> Self {
        Self::named(engine, "acme", "hook").await
    }

    pub async fn named(engine: &Engine, tenant_id: &str, subscription_id: &str) -> Self {
        let store = Arc::clone(&engine.store);
        let now = store.now().await.unwrap().truncate_to_millis();
        let tenant = tenant(tenant_id, now);
        store.create_tenant(&tenant, audit()).await.unwrap();
        let subscription = subscription(&tenant.id, subscription_id, now);
        let version = store.create_subscription(&subscription, usize::MAX, audit()).await.unwrap();
        Self { store, key: subscription.key(), version, now }
    }

    pub fn tenant(&self) -> &TenantId {
        &self.key.tenant
    }

    pub fn shard(&self) -> Shard {
        Shard::of(&self.key.tenant, SHARDS)
    }

    pub fn event(&self) -> Event {
        self.event_at(self.now)
    }

    /// An event with something else in it.
    pub fn event_with(&self, change: impl FnOnce(&mut EventContent)) -> Event {
        let mut event = self.event();
        change(&mut event.content);
        event
    }

    pub fn event_at(&self, time: Timestamp) -> Event {
        let payload = Bytes::from_static(b"{\"amount\":\"12.30\"}");
        let json = "application/json".to_owned();
        Event {
            tenant: self.key.tenant.clone(),
            id: EventId::new(time, random()),
            content: EventContent {
                account: Some("acc-1".to_owned()),
                attributes: BTreeMap::from([("cur'\"rency".to_owned(), "EUR".to_owned())]),
                ordering_key: Some("order".to_owned()),
                traceparent: "00-1-2-01".to_owned(),
                tracestate: "a=b".to_owned(),
                ..EventContent::new("payment.completed".to_owned(), json, payload)
            },
            matched: 1,
            test: false,
            payload_removal: None,
        }
    }

    /// A delivery of an event in a state, made with it.
    pub fn delivery(&self, event: &Event, state: DeliveryState) -> Delivery {
        let now = event.create_time();
        let owned = !state.is_final();
        Delivery {
            id: DeliveryId::new(now, random()),
            subscription: self.key.clone(),
            event: event.id,
            event_type: event.content.event_type.clone(),
            account: event.content.account.clone(),
            shard: if owned { self.shard() } else { Shard(0) },
            epoch: if owned { EPOCH } else { Epoch(0) },
            state,
            end_reason: None,
            attempts: u32::from(state == DeliveryState::InFlight),
            failures: 0,
            trigger: Trigger::Publish,
            due: now,
            deadline: now + 24 * HOUR,
            end_time: state.is_final().then_some(now),
            ordering_key: event.content.ordering_key.clone(),
            sequence: Some(3),
            test: false,
            resend_of: None,
            filter_failed: false,
        }
    }

    pub fn new_event(&self, event: Event, deliveries: Vec<Delivery>) -> NewEvent {
        NewEvent {
            event: event.into(),
            idempotency: None,
            config_version: self.version,
            deliveries,
        }
    }

    /// An event under an idempotency key, with one delivery.
    pub fn keyed(&self, key: &str, hash: u8, expire_time: Timestamp) -> NewEvent {
        let event = self.event_with(|content| content.idempotency_key = Some(key.to_owned()));
        let delivery = self.delivery(&event, DeliveryState::InFlight);
        let idempotency = Some(IdempotencyRecord { request_hash: [hash; 32], expire_time });
        NewEvent { idempotency, ..self.new_event(event, vec![delivery]) }
    }

    /// Publishes one event with one delivery in a state.
    pub async fn publish(&self, state: DeliveryState) -> Delivery {
        self.publish_with(|_| {}, state).await
    }

    pub async fn publish_with(
        &self,
        change: impl FnOnce(&mut Delivery),
        state: DeliveryState,
    ) -> Delivery {
        let event = self.event();
        let mut delivery = self.delivery(&event, state);
        change(&mut delivery);
        self.commit(self.new_event(event, vec![delivery.clone()])).await;
        delivery
    }

    pub async fn commit(&self, item: NewEvent) {
        let answers = self.store.publish(&[item], Timestamp::MAX).await.unwrap();
        assert!(answers.iter().all(PublishOutcome::is_committed), "{answers:?}");
    }

    pub async fn conclude(
        &self,
        record: AttemptRecord,
        transition: DeliveryTransition,
    ) -> ConclusionOutcome {
        let batch = [self.conclusion(record, transition).await];
        self.store.conclude(&batch, self.now + SECOND).await.unwrap()[0]
    }

    /// With the delivery as it is stored, or any if it is not.
    pub async fn conclusion(
        &self,
        record: AttemptRecord,
        transition: DeliveryTransition,
    ) -> Conclusion {
        let (tenant, id) = (&record.subscription.tenant, record.key.delivery);
        let stored = self.store.get_delivery(tenant, id).await.unwrap();
        let any = || self.delivery(&self.event(), DeliveryState::InFlight);
        Conclusion::new(&stored.unwrap_or_else(any), record, transition)
    }

    /// Concludes a delivery's current attempt with a success.
    pub async fn succeed(&self, delivery: &Delivery) {
        let record = record(delivery, Outcome::Succeeded);
        assert_eq!(self.conclude(record, SUCCESS).await, ConclusionOutcome::Applied);
    }

    /// Concludes the current attempt of each with a success, in one call.
    pub async fn succeed_all(&self, deliveries: &[Delivery]) {
        let succeeded = |delivery: &Delivery| {
            Conclusion::new(delivery, record(delivery, Outcome::Succeeded), SUCCESS)
        };
        let batch: Vec<_> = deliveries.iter().map(succeeded).collect();
        let answers = self.store.conclude(&batch, self.now + SECOND).await.unwrap();
        assert!(answers.iter().all(|answer| *answer == ConclusionOutcome::Applied));
    }

    pub async fn get(&self, id: DeliveryId) -> Option<Delivery> {
        self.store.get_delivery(self.tenant(), id).await.unwrap()
    }

    pub fn claim(&self, limit: u32) -> ClaimRequest {
        ClaimRequest {
            subscription: self.key.clone(),
            shard: self.shard(),
            epoch: EPOCH,
            running: self.now,
            tests_only: false,
            limit,
        }
    }

    pub async fn claim_due(&self, limit: u32) -> Vec<ClaimedDelivery> {
        let limits = ClaimLimits { deliveries: limit };
        self.store.claim_due(&[self.claim(limit)], self.now, limits).await.unwrap()
    }
}

pub const SUCCESS: DeliveryTransition =
    DeliveryTransition::End { state: DeliveryState::Succeeded, reason: None };

/// A record of a delivery's current attempt.
pub fn record(delivery: &Delivery, outcome: Outcome) -> AttemptRecord {
    AttemptRecord {
        key: delivery.current_attempt(),
        subscription: delivery.subscription.clone(),
        event: delivery.event,
        event_type: delivery.event_type.clone(),
        outcome,
        http_status: Some(if outcome == Outcome::Succeeded { 200 } else { 503 }),
        start_time: delivery.create_time(),
        timings: StepTimings {
            dns: Some(Duration::from_micros(1)),
            connect: None,
            tls: Some(Duration::from_micros(3)),
            first_byte: Some(Duration::from_micros(4)),
            total: Duration::from_millis(5),
        },
        response_headers: vec![("x-a".to_owned(), Bytes::from_static(b"\0\xff\xfe"))],
        response_body: Bytes::from_static(b"\0not \xc3( UTF-8\0"),
        response_body_bytes: 14,
        response_body_truncated: true,
        error: "it said: no".to_owned(),
        agent: AgentId("agent-1".into()),
        region: "eu".parse::<Region>().unwrap(),
        remote_address: "192.0.2.1:443".to_owned(),
        http_version: "HTTP/2".to_owned(),
        trigger: delivery.trigger,
        test: delivery.test,
        next_attempt_time: None,
        settings_revision: Some(1),
    }
}

/// As a delivery is, in these respects, once it has ended.
pub fn without_owner(delivery: &Delivery) -> Delivery {
    Delivery { shard: Shard(0), epoch: Epoch(0), ..delivery.clone() }
}

pub fn page(limit: u32) -> PageRequest {
    PageRequest { order_by: Default::default(), descending: false, after: None, limit }
}
