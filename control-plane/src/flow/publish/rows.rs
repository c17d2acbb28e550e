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
use tokio::sync::oneshot;

use super::matching::Match;
use super::{Batch, Pending, PublishInput, PublishWriter, Verdict};
use crate::flow::group::{Queued, Room};
use crate::flow::ordering::{first_state, key_for};

const DAY: Duration = Duration::from_secs(86_400);

/// An item of the batch that is being committed.
pub(super) struct Item {
    pub verdict: oneshot::Sender<Verdict>,
    /// Whether its payload is JSON.
    pub json: bool,
    _room: Room,
}

/// The deliveries of an event that are in memory before its commit.
pub(super) fn reserved(new: &NewEvent) -> impl Iterator<Item = DeliveryId> {
    let straight = new.deliveries.iter().filter(|one| one.state == DeliveryState::InFlight);
    straight.map(|one| one.id)
}

impl PublishWriter {
    /// Makes rows of a batch, under one look at the scheduler.
    pub(super) fn prepare(&self, batch: Batch) -> (Vec<Item>, Vec<NewEvent>) {
        self.parts.dispatcher.with(|scheduler, now| {
            let mut items = Vec::with_capacity(batch.len());
            let mut rows = Vec::with_capacity(batch.len());
            for Queued { item, room, .. } in batch {
                let Pending { input, sha256, matches, snapshot, verdict } = *item;
                let json = input.json;
                let event = Arc::new(event_of(input, sha256, matches.len(), now));
                let mut deliveries = Vec::with_capacity(matches.len());
                for one in &matches {
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
                let config_version = snapshot.tenant.config_version;
                rows.push(NewEvent { event, idempotency, config_version, deliveries });
                items.push(Item { verdict, json, _room: room });
            }
            (items, rows)
        })
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

/// Two items with one idempotency key never go into one transaction.
pub(super) fn split_repeated_keys(batch: Batch) -> (Batch, Batch) {
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
