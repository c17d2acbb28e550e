//! From a batch of publishes to the rows to commit.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use postrider_domain::delivery::{Delivery, DeliveryState, EndReason, Trigger};
use postrider_domain::event::Event;
use postrider_domain::ids::{DeliveryId, Epoch, EventId, Shard, TenantId};
use postrider_domain::scheduler::Job;
use postrider_domain::subscription::Status;
use postrider_domain::time::Timestamp;
use postrider_store::{Idempotency, NewEvent};

use super::matching::Match;
use super::{Pending, PublishWriter};
use crate::flow::group::Queued;
use crate::flow::ordering::{first_state, key_for};

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
        self.parts.dispatcher.with(|scheduler, now| {
            let mut items = Vec::with_capacity(batch.len());
            let mut rows = Vec::with_capacity(batch.len());
            for queued in batch {
                let event = Arc::new(self.event(&queued.item, now));
                let Pending { matches, snapshot, .. } = &queued.item;
                let mut deliveries = Vec::with_capacity(matches.len());
                let mut reserved = Vec::new();
                for one in matches {
                    let key = one.subscription.key();
                    let ordering_key = key_for(&one.subscription, event.ordering_key.as_ref());
                    let admitted = match one.subscription.status {
                        Status::Enabled if ordering_key.is_none() => {
                            scheduler.admits(&key, event.payload.len(), now)
                        }
                        _ => None,
                    };
                    let shard = snapshot.shard;
                    let delivery = self.delivery(&event, one, ordering_key, admitted, shard, now);
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
                    expire_time: now + DAY * self.parts.settings.publish.idempotency_days,
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
            matched: u32::try_from(pending.matches.len()).unwrap_or(u32::MAX),
            test: false,
        }
    }

    fn delivery(
        &self,
        event: &Event,
        matched: &Match,
        ordering_key: Option<String>,
        admitted: Option<Epoch>,
        shard: Shard,
        now: Timestamp,
    ) -> Delivery {
        let Match { subscription, filter_failed } = matched;
        let running = self.parts.cluster.running(subscription, now);
        let suppressed = subscription.status == Status::Disabled;
        let (state, reason) = match (suppressed, admitted) {
            (true, _) => (DeliveryState::Suppressed, Some(EndReason::SubscriptionDisabled)),
            (false, Some(_)) => (DeliveryState::InFlight, None),
            (false, None) => (first_state(ordering_key.as_ref()), None),
        };
        Delivery {
            id: DeliveryId::new(event.id.time(), rand::random()),
            subscription: subscription.key(),
            event: event.id,
            event_type: event.event_type.clone(),
            account: event.account.clone(),
            shard,
            epoch: admitted.unwrap_or_default(),
            state,
            end_reason: reason,
            attempts: u32::from(admitted.is_some()),
            failures: 0,
            trigger: Trigger::Publish,
            due: now,
            deadline: running + subscription.settings.retry.deadline_span(),
            end_time: suppressed.then_some(now),
            ordering_key,
            sequence: None,
            test: false,
            resend_of: None,
            filter_failed: *filter_failed,
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
