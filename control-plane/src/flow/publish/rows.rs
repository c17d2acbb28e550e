//! Turns a batch of publishes into the rows to commit.
//!
//! Fed by the writer; feeds the store. Reserves in the scheduler, before the commit,
//! the deliveries that can be sent at once.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use postrider_domain::delivery::{Delivery, DeliveryState, EndReason, Trigger};
use postrider_domain::event::Event;
use postrider_domain::ids::{DeliveryId, Epoch, EventId, Shard, TenantId};
use postrider_domain::scheduler::ScheduledDelivery;
use postrider_domain::subscription::SubscriptionStatus;
use postrider_domain::time::Timestamp;
use postrider_store::{IdempotencyRecord, NewEvent};
use tokio::sync::oneshot;

use super::matching::MatchedSubscription;
use super::{CommitOutcome, PendingPublish, PublishBatch, PublishInput, PublishWriter};
use crate::flow::ordering::{initial_state, ordering_key_for};
use fair_batch::{QueuePermit, QueuedItem};

const ONE_DAY: Duration = Duration::from_secs(86_400);

/// An item of the batch that is being committed.
pub(super) struct PublishWaiter {
    pub verdict: oneshot::Sender<CommitOutcome>,
    /// Whether its payload is JSON.
    pub json: bool,
    _permit: QueuePermit,
}

/// The event's deliveries that were reserved in memory before the commit.
pub(super) fn reserved_ids(new: &NewEvent) -> impl Iterator<Item = DeliveryId> {
    let straight =
        new.deliveries.iter().filter(|delivery| delivery.state == DeliveryState::InFlight);
    straight.map(|straight| straight.id)
}

impl PublishWriter {
    /// Builds the rows of a batch, under one lock of the scheduler.
    pub(super) fn build_rows(&self, batch: PublishBatch) -> (Vec<PublishWaiter>, Vec<NewEvent>) {
        self.parts.dispatcher.update(|scheduler, now| {
            let mut items = Vec::with_capacity(batch.len());
            let mut rows = Vec::with_capacity(batch.len());
            for QueuedItem { item, permit, .. } in batch {
                let PendingPublish { input, sha256, matches, snapshot, verdict } = *item;
                let json = input.json;
                let event = Arc::new(event_of(input, sha256, matches.len(), now));
                let mut deliveries = Vec::with_capacity(matches.len());
                for one in &matches {
                    let key = one.subscription.key();
                    let ordering_key =
                        ordering_key_for(&one.subscription, event.ordering_key.as_ref());
                    let admitted = match one.subscription.status {
                        SubscriptionStatus::Enabled if ordering_key.is_none() => {
                            scheduler.admits(&key, event.payload.len(), now)
                        }
                        _ => None,
                    };
                    let shard = snapshot.shard;
                    let delivery = self.delivery(&event, one, ordering_key, admitted, shard, now);
                    if admitted.is_some() {
                        let job = ScheduledDelivery {
                            delivery: delivery.clone(),
                            event: Some(Arc::clone(&event)),
                        };
                        scheduler.reserve(Arc::new(job), now);
                    }
                    deliveries.push(delivery);
                }
                let idempotency = event.idempotency_key.as_ref().map(|_| IdempotencyRecord {
                    request_hash: event.request_hash(),
                    expire_time: now
                        + ONE_DAY * self.parts.settings.publish.idempotency_retention_days,
                });
                let config_version = snapshot.tenant.config_version;
                rows.push(NewEvent { event, idempotency, config_version, deliveries });
                items.push(PublishWaiter { verdict, json, _permit: permit });
            }
            (items, rows)
        })
    }

    fn delivery(
        &self,
        event: &Event,
        matched: &MatchedSubscription,
        ordering_key: Option<String>,
        admitted: Option<Epoch>,
        shard: Shard,
        now: Timestamp,
    ) -> Delivery {
        let MatchedSubscription { subscription, filter_failed } = matched;
        let running = self.parts.cluster.running_time(subscription, now);
        let suppressed = subscription.status == SubscriptionStatus::Disabled;
        let (state, reason) = match (suppressed, admitted) {
            (true, _) => (DeliveryState::Suppressed, Some(EndReason::SubscriptionDisabled)),
            (false, Some(_)) => (DeliveryState::InFlight, None),
            (false, None) => (initial_state(ordering_key.as_ref()), None),
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

pub(super) fn event_of(
    input: PublishInput,
    sha256: [u8; 32],
    matched: usize,
    now: Timestamp,
) -> Event {
    Event {
        tenant: input.tenant,
        id: EventId::new(now, rand::random()),
        event_type: input.event_type,
        account: input.account,
        attributes: input.attributes,
        ordering_key: input.ordering_key,
        content_type: input.content_type,
        payload: input.payload,
        payload_sha256: sha256,
        traceparent: input.traceparent,
        tracestate: input.tracestate,
        idempotency_key: input.idempotency_key,
        matched: u32::try_from(matched).unwrap_or(u32::MAX),
        test: false,
    }
}

/// What an event was made of, for the few that are matched again: all others are
/// spared the copy.
pub(super) fn input_of(event: &Event, json: bool) -> PublishInput {
    PublishInput {
        tenant: event.tenant.clone(),
        event_type: event.event_type.clone(),
        account: event.account.clone(),
        attributes: event.attributes.clone(),
        ordering_key: event.ordering_key.clone(),
        content_type: event.content_type.clone(),
        json,
        payload: event.payload.clone(),
        traceparent: event.traceparent.clone(),
        tracestate: event.tracestate.clone(),
        idempotency_key: event.idempotency_key.clone(),
    }
}

/// Splits off events whose idempotency key is already in the batch: two with one key
/// never share a transaction.
pub(super) fn split_repeated_idempotency_keys(batch: PublishBatch) -> (PublishBatch, PublishBatch) {
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
