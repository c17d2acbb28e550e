//! From a batch of publishes to the rows to commit.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use postrider_domain::delivery::{Delivery, DeliveryState, EndReason, Trigger};
use postrider_domain::event::Event;
use postrider_domain::ids::{DeliveryId, Epoch, EventId, SubscriptionKey, TenantId};
use postrider_domain::scheduler::Job;
use postrider_domain::subscription::{Status, Subscription};
use postrider_domain::time::Timestamp;
use postrider_store::{Idempotency, NewEvent};

use super::{Pending, PublishWriter};
use crate::flow::group::Queued;
use crate::flow::tenants::Snapshot;

const DAY: Duration = Duration::from_secs(86_400);

/// An item of the batch that is being committed.
pub(super) struct Item {
    pub queued: Queued<Pending>,
    /// Deliveries that are in memory already.
    pub reserved: Vec<DeliveryId>,
}

impl PublishWriter {
    /// Makes rows of a batch, under one look at the scheduler.
    pub(super) fn prepare(&self, batch: Vec<Queued<Pending>>) -> (Vec<Item>, Vec<NewEvent>) {
        self.dispatcher.with(|scheduler, now| {
            let mut items = Vec::with_capacity(batch.len());
            let mut rows = Vec::with_capacity(batch.len());
            for queued in batch {
                let event = Arc::new(self.event(&queued.item, now));
                let matched = matched(&queued.item.snapshot, &event);
                let mut deliveries = Vec::with_capacity(matched.len());
                let mut reserved = Vec::new();
                for subscription in matched {
                    let key = subscription.key();
                    let admitted = match subscription.status {
                        Status::Enabled => scheduler.admits(&key, event.payload.len(), now),
                        Status::Paused | Status::Disabled => None,
                    };
                    let delivery = self.delivery(
                        &event,
                        subscription,
                        key,
                        admitted,
                        &queued.item.snapshot,
                        now,
                    );
                    if admitted.is_some() {
                        reserved.push(delivery.id);
                        let job =
                            Job { delivery: delivery.clone(), event: Some(Arc::clone(&event)) };
                        scheduler.reserve(Arc::new(job), now);
                    }
                    deliveries.push(delivery);
                }
                let idempotency = event.idempotency_key.as_ref().map(|_| Idempotency {
                    request_hash: event.request_hash(),
                    expire_time: now + DAY * self.settings.publish.idempotency_days,
                });
                let config_version = queued.item.snapshot.tenant.config_version;
                rows.push(NewEvent { event, idempotency, config_version, deliveries });
                items.push(Item { queued, reserved });
            }
            (items, rows)
        })
    }

    fn event(&self, pending: &Pending, now: Timestamp) -> Event {
        let input = &pending.input;
        let matched =
            pending.snapshot.matcher.matching(&input.event_type, input.account.as_deref()).count();
        Event {
            tenant: input.tenant.clone(),
            id: EventId::new(now, rand::random()),
            event_type: input.event_type.clone(),
            account: input.account.clone(),
            attributes: input.attributes.clone(),
            ordering_key: input.ordering_key.clone(),
            content_type: input.content_type.clone(),
            payload: input.payload.clone(),
            payload_sha256: pending.sha256,
            traceparent: input.traceparent.clone(),
            tracestate: input.tracestate.clone(),
            idempotency_key: input.idempotency_key.clone(),
            matched: u32::try_from(matched).unwrap_or(u32::MAX),
            test: false,
        }
    }

    fn delivery(
        &self,
        event: &Event,
        subscription: &Subscription,
        key: SubscriptionKey,
        admitted: Option<Epoch>,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Delivery {
        let running = self.cluster.running(subscription, now);
        let suppressed = subscription.status == Status::Disabled;
        let (state, reason) = match (suppressed, admitted) {
            (true, _) => (DeliveryState::Suppressed, Some(EndReason::SubscriptionDisabled)),
            (false, Some(_)) => (DeliveryState::InFlight, None),
            (false, None) => (DeliveryState::Waiting, None),
        };
        Delivery {
            id: DeliveryId::new(event.id.time(), rand::random()),
            subscription: key,
            event: event.id,
            event_type: event.event_type.clone(),
            account: event.account.clone(),
            shard: snapshot.shard,
            epoch: admitted.unwrap_or_default(),
            state,
            end_reason: reason,
            attempts: u32::from(admitted.is_some()),
            failures: 0,
            trigger: Trigger::Publish,
            due: now,
            deadline: running + subscription.settings.retry.deadline_span(),
            end_time: suppressed.then_some(now),
            ordering_key: event.ordering_key.clone(),
            sequence: None,
            test: false,
            resend_of: None,
        }
    }
}

/// Two items with one idempotency key never go into one transaction.
pub(super) fn split_repeated_keys(
    batch: Vec<Queued<Pending>>,
) -> (Vec<Queued<Pending>>, Vec<Queued<Pending>>) {
    if batch.iter().all(|queued| queued.item.input.idempotency_key.is_none()) {
        return (batch, Vec::new());
    }
    let mut seen: HashSet<(TenantId, String)> = HashSet::new();
    batch.into_iter().partition(|queued| {
        let input = &queued.item.input;
        let key = input.idempotency_key.clone();
        key.is_none_or(|key| seen.insert((input.tenant.clone(), key)))
    })
}

fn matched<'a>(snapshot: &'a Snapshot, event: &Event) -> Vec<&'a Arc<Subscription>> {
    let indices = snapshot.matcher.matching(&event.event_type, event.account.as_deref());
    indices.filter_map(|index| snapshot.subscriptions.get(index)).collect()
}
