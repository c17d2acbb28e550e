//! Publishes operational events from the outbox to those who subscribe to them.
//!
//! Fed by the outbox table, to which others write in the transaction of the change that
//! an event reports; feeds `publish`, like any publisher. Guarantees that every event
//! in the outbox is published once, by the owner of its tenant's shard, those of one
//! subscription in order: an event's id is its idempotency key. A notification only
//! makes it faster; the row and the sweep are the guarantee.
//!
//! Keeps the invariant `told-once`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use postrider_domain::event::{DEFAULT_CONTENT_TYPE, EventContent};
use postrider_domain::ids::{Shard, SubscriptionKey};
use postrider_domain::operational_event::OperationalEvent;
use postrider_store::{OutboxEntry, Store, StoreResult};
use tokio_util::sync::CancellationToken;

use super::certificate_watch::{CERTIFICATE_CHECK_INTERVAL, CertificateWatch};
use super::endpoint_watch::EndpointWatch;
use super::faults::LoopRounds;
use super::publish::{PublishError, Publisher};
use crate::clock::Clock;
use crate::progress::{RoundCounts, WatchedLoops};
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;
use crate::state::outbox::Outbox;

/// Most operational events read at once. As many as one publish commits.
const MAX_EVENTS_PER_READ: u32 = 512;
/// The prefix of operational events' idempotency keys, reserved for them.
pub const OPERATIONAL_KEY_PREFIX: &str = "postrider/";
/// Subscriptions whose events are published in parallel; those of one in order. Each waits
/// for one commit, which they share.
const PARALLEL_SUBSCRIPTIONS: usize = 64;

/// Publishes the outbox. Checking failure streaks shares its task, since a notification means
/// either, and so does looking for certificates that end.
pub struct OutboxPublisher {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    loops: WatchedLoops,
    dispatcher: Dispatcher,
    sweep_interval: Duration,
    outbox: Outbox,
    publisher: Publisher,
    endpoint_watch: EndpointWatch,
    certificate_watch: CertificateWatch,
}

impl OutboxPublisher {
    pub fn new(context: &ReplicaContext, publisher: Publisher) -> Self {
        Self {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            loops: context.loops.clone(),
            dispatcher: context.dispatcher.clone(),
            sweep_interval: context.settings.ownership.sweep(),
            outbox: context.outbox.clone(),
            publisher,
            endpoint_watch: EndpointWatch::new(context),
            certificate_watch: CertificateWatch::new(context),
        }
    }

    /// Checks failure streaks and publishes the outbox until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut watching = LoopRounds::new(self.loops.register_slow_loop("failing-endpoints"));
        let mut warning = LoopRounds::new(self.loops.register_slow_loop("ending-certificates"));
        let mut publishing = LoopRounds::new(self.loops.register_loop("operational-events"));
        let mut certificates_due = self.clock.now();
        while !stop.is_cancelled() {
            watching.begin();
            let mut counts = RoundCounts::default();
            let looked = self.endpoint_watch.check_streaks(&mut counts).await;
            let now = self.clock.now();
            watching.end(counts, looked.as_ref().err(), now, Some(now + self.sweep_interval));
            if now >= certificates_due {
                warning.begin();
                let mut counts = RoundCounts::default();
                let warned = self.certificate_watch.write_warnings(&mut counts).await;
                let now = self.clock.now();
                certificates_due = now + CERTIFICATE_CHECK_INTERVAL;
                warning.end(counts, warned.as_ref().err(), now, Some(certificates_due));
            }
            publishing.begin();
            let mut counts = RoundCounts::default();
            let published = self.publish_pending(&mut counts).await;
            let now = self.clock.now();
            publishing.end(counts, published.as_ref().err(), now, Some(now + self.sweep_interval));
            tokio::select! {
                () = self.outbox.notified() => {}
                () = self.clock.sleep(self.sweep_interval) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn publish_pending(&self, counts: &mut RoundCounts) -> StoreResult<()> {
        let shards: Vec<Shard> =
            self.dispatcher.read(|s, _| s.settled()).into_iter().map(|lease| lease.shard).collect();
        if shards.is_empty() {
            return Ok(());
        }
        let waiting = self.store.list_outbox(&shards, MAX_EVENTS_PER_READ).await?;
        let count = waiting.len();
        let finished = self.publish_all(waiting).await;
        if !finished.is_empty() {
            self.store.delete_from_outbox(&finished).await?;
            counts.add_all("events_published", finished.len());
        }
        // What failed is published by the next sweep; if there is more, the loop comes back
        // at once, after checking the streaks.
        if count == MAX_EVENTS_PER_READ as usize && finished.len() == count {
            self.outbox.notify();
        }
        Ok(())
    }

    /// Publishes events; returns the places of those that are finished.
    async fn publish_all(&self, waiting: Vec<OutboxEntry>) -> Vec<i64> {
        let mut by_subscription: BTreeMap<SubscriptionKey, Vec<OutboxEntry>> = BTreeMap::new();
        for entry in waiting {
            by_subscription
                .entry(entry.operational_event.subscription.clone())
                .or_default()
                .push(entry);
        }
        let published = stream::iter(by_subscription.into_values())
            .map(|entries| self.publish_in_order(entries));
        published.buffer_unordered(PARALLEL_SUBSCRIPTIONS).concat().await
    }

    async fn publish_in_order(&self, entries: Vec<OutboxEntry>) -> Vec<i64> {
        let mut finished = Vec::with_capacity(entries.len());
        for OutboxEntry { place, operational_event } in entries {
            if !self.publish_one(&operational_event).await {
                break;
            }
            finished.push(place);
        }
        finished
    }

    /// Publishes one event; false if it is to be retried.
    async fn publish_one(&self, operational_event: &OperationalEvent) -> bool {
        let tenant = &operational_event.subscription.tenant;
        let operators = self.outbox.operators().filter(|operators| *operators != tenant);
        let copy = operators.map(|operators| (operators, Some(tenant.to_string())));
        for (addressee, account) in std::iter::once((tenant, None)).chain(copy) {
            let content = event_content(operational_event, account);
            match self.publisher.publish(addressee, content, None).await {
                Ok(_) => {}
                Err(error) if is_transient(&error) => return false,
                // A retry would fail again and delay those behind it.
                Err(error) => {
                    tracing::warn!(%error, tenant = %addressee, id = operational_event.id, "an operational event was dropped");
                }
            }
        }
        true
    }
}

fn event_content(operational_event: &OperationalEvent, account: Option<String>) -> EventContent {
    let about = &operational_event.subscription;
    let idempotency_key =
        format!("{OPERATIONAL_KEY_PREFIX}{}/{}", about.tenant, operational_event.id);
    EventContent {
        account,
        ordering_key: Some(about.to_string()),
        idempotency_key: Some(idempotency_key),
        ..EventContent::new(
            operational_event.event_type.clone(),
            DEFAULT_CONTENT_TYPE.to_owned(),
            Bytes::from(operational_event.payload.clone()),
        )
    }
}

/// Whether an error passes by itself, or once somebody has repaired the tenant's row.
fn is_transient(error: &PublishError) -> bool {
    matches!(
        error,
        PublishError::Overloaded { .. }
            | PublishError::Unavailable { .. }
            | PublishError::ConfigUnreadable(_)
            | PublishError::Stopping
    )
}
