//! Sends one delivery again, or one event to its subscriptions.
//!
//! Fed by `api`, at the replica that owns the tenant's shard; feeds the store and the
//! scheduler. Guarantees that what is sent again is a new delivery with all its retries
//! and the original's sequence number, and that resending an event creates no second
//! unfinished delivery.

use std::collections::BTreeMap;

use postrider_domain::delivery::{Delivery, DeliveryState, Trigger};
use postrider_domain::event::Event;
use postrider_domain::ids::{DeliveryId, EventId, SubscriptionId, SubscriptionKey, TenantId};
use postrider_domain::subscription::Subscription;
use postrider_identity::{AuditFields, AuditOrigin};
use postrider_store::{DeliveryQuery, StoreError, StoreResult};

use super::{OnDemand, delivery_name};
use crate::audited_fields;
use crate::flow::new_delivery::{initial_state, new_waiting_delivery, ordering_key_for};
use crate::state::tenants::TenantSnapshot;

/// Deliveries of one event read at once. Few events have more, so that one read is enough.
const DELIVERIES_PER_PAGE: u32 = 1000;

/// Why a delivery is not tried now.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    #[error("the delivery does not exist")]
    NotFound,
    #[error("an attempt is in progress")]
    InFlight,
    #[error("the delivery is held behind another one with its ordering key")]
    Held,
    #[error("the subscription is deleted")]
    SubscriptionDeleted,
    #[error("the event is no longer stored")]
    EventGone,
    #[error("the event's payload was removed")]
    PayloadRemoved,
    #[error("another replica owns the tenant's shard")]
    NotOwner,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an event is not sent again.
#[derive(Debug, thiserror::Error)]
pub enum ResendError {
    #[error("the event does not exist, or is no longer stored")]
    EventNotFound,
    #[error("the event's payload was removed")]
    PayloadRemoved,
    #[error("the subscription does not exist")]
    SubscriptionNotFound,
    #[error("the subscription is deleted")]
    SubscriptionDeleted,
    #[error("none of the event's deliveries has a subscription that still exists")]
    NothingToResend,
    #[error("another replica owns the tenant's shard")]
    NotOwner,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OnDemand {
    /// Brings a waiting delivery forward, or sends an ended one again.
    pub async fn retry_delivery(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
        origin: &AuditOrigin,
    ) -> Result<Delivery, RetryError> {
        self.require_owned_epoch(tenant).ok_or(RetryError::NotOwner)?;
        let found = self.store.get_delivery(tenant, id).await?.ok_or(RetryError::NotFound)?;
        match found.state {
            DeliveryState::InFlight => Err(RetryError::InFlight),
            DeliveryState::Held => Err(RetryError::Held),
            DeliveryState::Waiting => {
                self.bring_forward(found, origin).await?.ok_or(RetryError::InFlight)
            }
            DeliveryState::Succeeded
            | DeliveryState::Exhausted
            | DeliveryState::Cancelled
            | DeliveryState::Suppressed => {
                let key = &found.subscription;
                let snapshot = self.tenants.snapshot(tenant).await?;
                let snapshot = snapshot.ok_or(RetryError::SubscriptionDeleted)?;
                let subscription = snapshot.subscription(&key.subscription);
                let subscription = subscription.ok_or(RetryError::SubscriptionDeleted)?;
                let event = self.store.get_event(tenant, found.event).await?;
                let event = event.ok_or(RetryError::EventGone)?;
                if event.payload_removal.is_some() {
                    return Err(RetryError::PayloadRemoved);
                }
                let sent = self.send_again(&event, &snapshot, subscription, Some(&found), origin);
                Ok(sent.await?)
            }
        }
    }

    /// Sends an event again, to one subscription or to every one that has a delivery of it.
    /// An unfinished delivery is brought forward, or left as it is. Returns one delivery
    /// for each subscription, in the order of their ids.
    pub async fn resend_event(
        &self,
        tenant: &TenantId,
        id: EventId,
        only: Option<&SubscriptionId>,
        origin: &AuditOrigin,
    ) -> Result<Vec<Delivery>, ResendError> {
        self.require_owned_epoch(tenant).ok_or(ResendError::NotOwner)?;
        let event = self.store.get_event(tenant, id).await?.ok_or(ResendError::EventNotFound)?;
        if event.payload_removal.is_some() {
            return Err(ResendError::PayloadRemoved);
        }
        let snapshot = self.tenants.refresh(tenant).await?;
        let mut latest = self.latest_deliveries(&event, only).await?;
        let wanted: Vec<SubscriptionId> = match only {
            Some(subscription) => vec![subscription.clone()],
            None => latest.keys().cloned().collect(),
        };
        let mut sent = Vec::with_capacity(wanted.len());
        for subscription in wanted {
            let live = snapshot
                .as_ref()
                .and_then(|snapshot| Some((snapshot, snapshot.subscription(&subscription)?)));
            let Some((snapshot, live)) = live else { continue };
            sent.push(match latest.remove(&subscription) {
                Some(unfinished) if !unfinished.state.is_final() => {
                    self.bring_forward_if_waiting(unfinished, origin).await?
                }
                ended => self.send_again(&event, snapshot, live, ended.as_ref(), origin).await?,
            });
        }
        match (sent.is_empty(), only) {
            (false, _) => Ok(sent),
            (true, None) => Err(ResendError::NothingToResend),
            (true, Some(subscription)) => {
                Err(self.explain_missing_subscription(tenant, subscription).await?)
            }
        }
    }

    /// Each subscription's current delivery of an event: the unfinished one or, if all have
    /// ended, the newest.
    async fn latest_deliveries(
        &self,
        event: &Event,
        only: Option<&SubscriptionId>,
    ) -> StoreResult<BTreeMap<SubscriptionId, Delivery>> {
        let mut query = DeliveryQuery {
            subscription: only.cloned(),
            event: Some(event.id),
            ..DeliveryQuery::newest(&event.tenant, DELIVERIES_PER_PAGE)
        };
        let mut latest: BTreeMap<SubscriptionId, Delivery> = BTreeMap::new();
        loop {
            let page = self.store.list_deliveries(&query).await?;
            query.before = page.last().map(|last| last.id);
            let is_last = page.len() < DELIVERIES_PER_PAGE as usize;
            for delivery in page {
                let known = latest.get(&delivery.subscription.subscription);
                // The newest come first.
                if known.is_none_or(|k| k.state.is_final() && !delivery.state.is_final()) {
                    latest.insert(delivery.subscription.subscription.clone(), delivery);
                }
            }
            if is_last {
                return Ok(latest);
            }
        }
    }

    /// Brings an unfinished delivery forward if it is waiting.
    async fn bring_forward_if_waiting(
        &self,
        unfinished: Delivery,
        origin: &AuditOrigin,
    ) -> StoreResult<Delivery> {
        let (tenant, id) = (unfinished.subscription.tenant.clone(), unfinished.id);
        if unfinished.state != DeliveryState::Waiting {
            return Ok(unfinished);
        }
        match self.bring_forward(unfinished.clone(), origin).await? {
            Some(forward) => Ok(forward),
            None => Ok(self.store.get_delivery(&tenant, id).await?.unwrap_or(unfinished)),
        }
    }

    /// Makes a waiting delivery due now; `None` if it is no longer waiting.
    async fn bring_forward(
        &self,
        found: Delivery,
        origin: &AuditOrigin,
    ) -> StoreResult<Option<Delivery>> {
        let tenant = &found.subscription.tenant;
        let now = self.clock.now();
        let audit = origin.draft(&delivery_name(tenant, found.id), now).with_changes(
            &audited_fields::of_state(found.state, Some(found.due)),
            &audited_fields::of_state(found.state, Some(now)),
        );
        if !self.store.bring_forward(tenant, found.id, now, &audit).await? {
            return Ok(None);
        }
        self.dispatcher.update(|s, now| s.note_due(&found.subscription, now, now));
        let after = self.store.get_delivery(tenant, found.id).await?;
        Ok(Some(after.unwrap_or(Delivery { due: now, trigger: Trigger::Manual, ..found })))
    }

    /// Creates a new delivery of an event, as the successor of an ended one if there is one.
    async fn send_again(
        &self,
        event: &Event,
        snapshot: &TenantSnapshot,
        subscription: &Subscription,
        ended: Option<&Delivery>,
        origin: &AuditOrigin,
    ) -> StoreResult<Delivery> {
        let key = subscription.key();
        let now = self.clock.now();
        let running = self.cluster.running_time(subscription, now);
        let known =
            ended.map_or(event.content.ordering_key.as_ref(), |ended| ended.ordering_key.as_ref());
        let ordering_key = ordering_key_for(subscription, known.filter(|_| !event.test));
        let made = ended.map_or(now, |ended| ended.id.no_earlier(now));
        let delivery = Delivery {
            id: DeliveryId::new(event.id.no_earlier(made), rand::random()),
            state: initial_state(ordering_key.as_ref()),
            ordering_key,
            trigger: Trigger::Manual,
            deadline: running + subscription.settings.retry.deadline_span(),
            sequence: ended.and_then(|ended| ended.sequence),
            test: event.test,
            resend_of: ended.map(|ended| ended.id),
            ..new_waiting_delivery(event, key.clone(), snapshot, now)
        };
        let audit = origin.draft(&delivery_name(&key.tenant, delivery.id), now);
        let after = audited_fields::of_delivery(&delivery);
        let audit = audit.with_changes(&AuditFields::none(), &after);
        let sequence = self.store.add_delivery(&delivery, &audit).await?;
        self.dispatcher.update(|scheduler, now| scheduler.note_due(&key, now, now));
        self.ordering_queue.push_key_of(&delivery);
        Ok(Delivery { sequence, ..delivery })
    }

    /// Why nothing can be sent to a subscription.
    async fn explain_missing_subscription(
        &self,
        tenant: &TenantId,
        subscription: &SubscriptionId,
    ) -> StoreResult<ResendError> {
        let key = SubscriptionKey { tenant: tenant.clone(), subscription: subscription.clone() };
        Ok(match self.store.get_subscription(&key).await? {
            Some(_) => ResendError::SubscriptionDeleted,
            None => ResendError::SubscriptionNotFound,
        })
    }
}
