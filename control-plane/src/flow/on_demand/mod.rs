//! On demand: test deliveries, cancellations and, in `resend`, sending again.
//!
//! Fed by `api`, at the replica that owns the tenant's shard; feeds the store and the
//! scheduler. Guarantees that a test goes through a real agent with the subscription's
//! real settings (tests-pass-every-gate).
//!
//! Keeps the invariant `tests-pass-every-gate`.

mod resend;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use postrider_domain::delivery::{AttemptRecord, Delivery, DeliveryState, EndReason, Trigger};
use postrider_domain::event::{Event, EventContent};
use postrider_domain::ids::{AttemptKey, DeliveryId, Epoch, EventId, SubscriptionKey, TenantId};
use postrider_domain::scheduler::ScheduledDelivery;
use postrider_domain::subscription::Subscription;
use postrider_domain::time::Timestamp;
use postrider_identity::AuditOrigin;
use postrider_store::{CancelOutcome, NewEvent, PublishOutcome, Store, StoreError};
use tokio::sync::oneshot;

pub use self::resend::{ResendError, RetryError};
use super::new_delivery::new_waiting_delivery;
use super::ordering::KeyBlocker;
use crate::audited_fields;
use crate::clock::Clock;
use crate::state::cluster::{ClusterState, ShardOwner};
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;
use crate::state::ordering_queue::OrderingQueue;
use crate::state::tenants::{TenantConfigs, TenantSnapshot};
use crate::state::test_waiters::TestWaiters;

/// How long after the request's timeout a test's result is waited for. For look-up,
/// connection (10 s at most) and the way back.
const TEST_RESULT_MARGIN: Duration = Duration::from_secs(10);
/// How often a region without agents is checked again. A person waits for it, for 2 s at
/// most.
const AGENT_POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How often a test is tried while the configuration keeps changing. Chosen, not measured:
/// settings are changed by people, and seldom twice within one call.
const MAX_TEST_TRIES: usize = 5;

/// A test delivery as its caller wants it.
#[derive(Clone, Debug)]
pub struct TestRequest {
    pub key: SubscriptionKey,
    pub event_type: String,
    pub payload: Bytes,
    pub content_type: String,
    /// Retry by the subscription's policy if it fails.
    pub retry: bool,
}

/// Why a test has no result.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    #[error("the subscription does not exist")]
    NotFound,
    #[error("no agent is connected in the subscription's region")]
    RegionHasNoAgent,
    #[error("the test was sent, but its result did not arrive in time")]
    TimedOut,
    #[error("another replica owns the tenant's shard")]
    NotOwner,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a delivery is not cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    #[error("the delivery does not exist")]
    NotFound,
    #[error("the delivery has ended")]
    AlreadyEnded(DeliveryState),
    #[error("another replica owns the tenant's shard")]
    NotOwner,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// As records name a delivery.
fn delivery_name(tenant: &TenantId, id: DeliveryId) -> String {
    format!("tenants/{tenant}/deliveries/{id}")
}

/// What is done for a caller at once. Cheap to clone.
#[derive(Clone)]
pub struct OnDemand {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    agent_timeout: Duration,
    tenants: TenantConfigs,
    dispatcher: Dispatcher,
    cluster: ClusterState,
    ordering_queue: OrderingQueue,
    test_waiters: TestWaiters,
    key_blocker: KeyBlocker,
}

impl OnDemand {
    pub fn new(context: &ReplicaContext) -> Self {
        let agent_timeout = context.settings.api.test_agent_timeout_milliseconds;
        Self {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            agent_timeout: Duration::from_millis(agent_timeout),
            tenants: context.tenants.clone(),
            dispatcher: context.dispatcher.clone(),
            cluster: context.cluster.clone(),
            ordering_queue: context.ordering_queue.clone(),
            test_waiters: context.test_waiters.clone(),
            key_blocker: KeyBlocker::new(context),
        }
    }

    fn require_owned_epoch(&self, tenant: &TenantId) -> Option<Epoch> {
        match self.cluster.owner(tenant) {
            ShardOwner::ThisReplica => {
                let shard = self.tenants.shard(tenant);
                self.dispatcher.read(|scheduler, _| scheduler.epoch(shard))
            }
            ShardOwner::Peer(_) | ShardOwner::Unknown => None,
        }
    }

    /// Sends a sample event to one subscription and waits for the attempt. The record is
    /// written before it is sent: tests are published as any event is, with many at once.
    pub async fn test_subscription(
        &self,
        request: TestRequest,
        origin: &AuditOrigin,
    ) -> Result<(Delivery, AttemptRecord), TestError> {
        let tenant = &request.key.tenant;
        let epoch = self.require_owned_epoch(tenant).ok_or(TestError::NotOwner)?;
        let mut is_recorded = false;
        for _ in 0..MAX_TEST_TRIES {
            let snapshot = self.tenants.refresh(tenant).await?.ok_or(TestError::NotFound)?;
            let found = snapshot.subscription(&request.key.subscription);
            let subscription = found.ok_or(TestError::NotFound)?.clone();
            self.await_agent(&subscription).await?;
            if !is_recorded {
                let audit = origin.draft(&request.key.to_string(), self.clock.now());
                self.store.append_audit_record(&audit).await?;
                is_recorded = true;
            }
            let new = self.test_event(&request, &snapshot, &subscription, epoch);
            let Some(delivery) = new.deliveries.first().cloned() else {
                return Err(TestError::NotFound);
            };
            let result = self.test_waiters.register(delivery.id);
            let event = Arc::clone(&new.event);
            match self.store.publish(&[new], self.cluster.commit_deadline()).await {
                Ok(results) if results.first().is_some_and(PublishOutcome::is_committed) => {}
                Ok(_) => {
                    self.test_waiters.remove(delivery.id);
                    continue;
                }
                Err(error) => {
                    self.test_waiters.remove(delivery.id);
                    self.cluster.note_uncertain_commit();
                    return Err(error.into());
                }
            }
            let scheduled =
                Arc::new(ScheduledDelivery { delivery: delivery.clone(), event: Some(event) });
            self.dispatcher.update(|scheduler, now| scheduler.add([scheduled], now));
            return self.test_result(&subscription, delivery, result).await;
        }
        Err(StoreError::Unavailable("the configuration keeps changing".to_owned()).into())
    }

    async fn await_agent(&self, subscription: &Subscription) -> Result<(), TestError> {
        let region = &subscription.settings.region;
        let deadline = self.clock.now() + self.agent_timeout;
        while !self.dispatcher.read(|scheduler, _| scheduler.region_has_agent(region)) {
            if self.clock.now() >= deadline {
                return Err(TestError::RegionHasNoAgent);
            }
            self.clock.sleep(AGENT_POLL_INTERVAL).await;
        }
        Ok(())
    }

    fn test_event(
        &self,
        request: &TestRequest,
        snapshot: &TenantSnapshot,
        subscription: &Subscription,
        epoch: Epoch,
    ) -> NewEvent {
        let now = self.clock.now();
        let event = Event {
            tenant: request.key.tenant.clone(),
            id: EventId::new(now, rand::random()),
            content: EventContent::new(
                request.event_type.clone(),
                request.content_type.clone(),
                request.payload.clone(),
            ),
            matched: 1,
            test: true,
            payload_removal: None,
        };
        let running = self.cluster.running_time(subscription, now);
        let delivery = Delivery {
            state: DeliveryState::InFlight,
            epoch,
            attempts: 1,
            trigger: Trigger::Test,
            test: true,
            // Without retries its deadline has passed before a second attempt.
            deadline: if request.retry {
                running + subscription.settings.retry.deadline_span()
            } else {
                Timestamp::default()
            },
            ..new_waiting_delivery(&event, request.key.clone(), snapshot, now)
        };
        NewEvent {
            event: Arc::new(event),
            idempotency: None,
            config_version: snapshot.tenant.config_version,
            deliveries: vec![delivery],
        }
    }

    async fn test_result(
        &self,
        subscription: &Subscription,
        delivery: Delivery,
        result: oneshot::Receiver<AttemptRecord>,
    ) -> Result<(Delivery, AttemptRecord), TestError> {
        let patience = subscription.settings.request_timeout + TEST_RESULT_MARGIN;
        let Ok(Ok(record)) = tokio::time::timeout(patience, result).await else {
            self.test_waiters.remove(delivery.id);
            return Err(TestError::TimedOut);
        };
        let tenant = &delivery.subscription.tenant;
        let after = self.store.get_delivery(tenant, delivery.id).await?;
        Ok((after.unwrap_or(delivery), record))
    }

    /// Cancels a delivery that has not ended. An attempt in progress is not stopped; its
    /// result is recorded.
    pub async fn cancel_delivery(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
        origin: &AuditOrigin,
    ) -> Result<Delivery, CancelError> {
        self.cancel_for(tenant, id, EndReason::CancelledByCaller, origin).await
    }

    /// As [`Self::cancel_delivery`], for another reason.
    pub async fn cancel_for(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
        reason: EndReason,
        origin: &AuditOrigin,
    ) -> Result<Delivery, CancelError> {
        self.require_owned_epoch(tenant).ok_or(CancelError::NotOwner)?;
        let found = self.store.get_delivery(tenant, id).await?.ok_or(CancelError::NotFound)?;
        self.key_blocker.block_key_while_sending(&found).await?;
        let key: AttemptKey = found.current_attempt();
        self.dispatcher.update(|scheduler, now| scheduler.withdraw(key, now));
        let now = self.clock.now();
        let audit = origin.draft(&delivery_name(tenant, id), now).with_changes(
            &audited_fields::of_state(found.state, None),
            &audited_fields::of_state(DeliveryState::Cancelled, None),
        );
        match self.store.cancel(tenant, id, reason, now, &audit).await {
            Ok(CancelOutcome::Done { in_flight }) => {
                if in_flight.is_some() {
                    // It may have been released and sent since it was read.
                    self.key_blocker.block_key(&found).await?;
                }
                self.ordering_queue.push_key_of(&found);
                Ok(self.store.get_delivery(tenant, id).await?.ok_or(CancelError::NotFound)?)
            }
            Ok(CancelOutcome::AlreadyEnded(state)) => Err(CancelError::AlreadyEnded(state)),
            Ok(CancelOutcome::NotFound) => Err(CancelError::NotFound),
            Err(error) => {
                self.cluster.note_uncertain_commit();
                Err(error.into())
            }
        }
    }
}
