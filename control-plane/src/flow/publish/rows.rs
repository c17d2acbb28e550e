//! Turns a batch of publishes into the rows to commit.
//!
//! Fed by the writer; feeds the store. Reserves in the scheduler, before the commit,
//! the deliveries that can be sent at once.
//!
//! Keeps the invariant `paused-waits-disabled-suppresses`.

use std::sync::Arc;
use std::time::Duration;

use fair_batch::QueuedItem;
use postrider_domain::delivery::{Delivery, DeliveryState, EndReason};
use postrider_domain::event::Event;
use postrider_domain::ids::{Epoch, EventId};
use postrider_domain::scheduler::ScheduledDelivery;
use postrider_domain::subscription::SubscriptionStatus;
use postrider_domain::time::Timestamp;
use postrider_store::{IdempotencyRecord, NewEvent};
use postrider_telemetry::to_traceparent;

use super::batch::{PendingPublish, PublishBatch, PublishWaiter};
use super::matching::MatchedSubscription;
use crate::flow::new_delivery::{initial_state, new_waiting_delivery, ordering_key_for};
use crate::state::cluster::ClusterState;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;

const ONE_DAY: Duration = Duration::from_secs(86_400);

/// Builds the rows of batches.
pub(super) struct RowBuilder {
    dispatcher: Dispatcher,
    cluster: ClusterState,
    idempotency_retention_days: u32,
}

impl RowBuilder {
    pub fn new(context: &ReplicaContext) -> Self {
        Self {
            dispatcher: context.dispatcher.clone(),
            cluster: context.cluster.clone(),
            idempotency_retention_days: context.settings.publish.idempotency_retention_days,
        }
    }

    /// Builds the rows of a batch and reserves what can be sent at once, under one lock of
    /// the scheduler.
    pub fn reserve_and_build(&self, batch: PublishBatch) -> (Vec<PublishWaiter>, Vec<NewEvent>) {
        self.dispatcher.update(|scheduler, now| {
            let mut waiters = Vec::with_capacity(batch.len());
            let mut rows = Vec::with_capacity(batch.len());
            for QueuedItem { item, permit, .. } in batch {
                let PendingPublish { mut content, snapshot, matches, verdict, trace, .. } = *item;
                let id = EventId::new(now, rand::random());
                // What is sent and concluded later finds its trace by the event.
                if let Some(trace) = trace.as_ref().filter(|trace| trace.begins_here) {
                    content.traceparent = to_traceparent(&trace.context(id));
                }
                let event = Arc::new(Event {
                    tenant: snapshot.tenant.id.clone(),
                    id,
                    content,
                    matched: u32::try_from(matches.len()).unwrap_or(u32::MAX),
                    test: false,
                    payload_removal: None,
                });
                let mut deliveries = Vec::with_capacity(matches.len());
                for matched in &matches {
                    let key = matched.subscription.key();
                    let ordering_key = ordering_key_for(
                        &matched.subscription,
                        event.content.ordering_key.as_ref(),
                    );
                    let enabled = matched.subscription.status == SubscriptionStatus::Enabled;
                    let admitted = if enabled && ordering_key.is_none() {
                        scheduler.admits(&key, event.content.payload.len(), now)
                    } else {
                        None
                    };
                    let base = new_waiting_delivery(&event, key, &snapshot, now);
                    let delivery = self.delivery(base, matched, ordering_key, admitted, now);
                    if admitted.is_some() {
                        let scheduled = ScheduledDelivery {
                            delivery: delivery.clone(),
                            event: Some(Arc::clone(&event)),
                        };
                        scheduler.reserve(Arc::new(scheduled), now);
                    }
                    deliveries.push(delivery);
                }
                let idempotency =
                    event.content.idempotency_key.as_ref().map(|_| IdempotencyRecord {
                        request_hash: event.content.request_hash(),
                        expire_time: now + ONE_DAY * self.idempotency_retention_days,
                    });
                let config_version = snapshot.tenant.config_version;
                rows.push(NewEvent { event, idempotency, config_version, deliveries });
                waiters.push(PublishWaiter { verdict, trace, _permit: permit });
            }
            (waiters, rows)
        })
    }

    /// The delivery to a matched subscription; `admitted` is the epoch at which it may be
    /// sent at once.
    fn delivery(
        &self,
        base: Delivery,
        matched: &MatchedSubscription,
        ordering_key: Option<String>,
        admitted: Option<Epoch>,
        now: Timestamp,
    ) -> Delivery {
        let MatchedSubscription { subscription, filter_failed } = matched;
        let running = self.cluster.running_time(subscription, now);
        let suppressed = subscription.status == SubscriptionStatus::Disabled;
        let (state, end_reason) = match (suppressed, admitted) {
            (true, _) => (DeliveryState::Suppressed, Some(EndReason::SubscriptionDisabled)),
            (false, Some(_)) => (DeliveryState::InFlight, None),
            (false, None) => (initial_state(ordering_key.as_ref()), None),
        };
        Delivery {
            epoch: admitted.unwrap_or_default(),
            state,
            end_reason,
            attempts: u32::from(admitted.is_some()),
            deadline: running + subscription.settings.retry.deadline_span(),
            end_time: suppressed.then_some(now),
            ordering_key,
            filter_failed: *filter_failed,
            ..base
        }
    }
}
