//! Publishes operational events from the outbox to those who subscribe to them.
//!
//! Fed by the outbox table, to which others write in the transaction of the change that
//! an event reports; feeds `publish`, like any publisher. Guarantees that every event
//! in the outbox is published once, by the owner of its tenant's shard, those of one
//! subscription in order: an event's id is its idempotency key. A notification only
//! makes it faster; the row and the sweep are the guarantee.
//!
//! An event that nobody in the tenant subscribes to is not written, so unused events
//! cost nothing. Two exceptions: a disabled endpoint is always reported, and everything
//! is while there is an operators' tenant.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use fair_batch::ProgressReporter as _;
use futures::stream::{self, StreamExt};
use postrider_domain::event::DEFAULT_CONTENT_TYPE;
use postrider_domain::ids::{Shard, SubscriptionKey, TenantId};
use postrider_domain::operational_event::{OperationalEvent, OperationalEventType};
use postrider_store::{OutboxEntry, StoreResult};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::faults::FaultLog;
use super::tenants::TenantSnapshot;
use super::{Flow, PublishError, PublishInput};
use crate::health::ProgressHandle;

/// Most operational events read at once.
const MAX_EVENTS_PER_READ: u32 = 512;
/// The prefix of operational events' idempotency keys, reserved for them.
pub const OPERATIONAL_KEY_PREFIX: &str = "postrider/";
/// Subscriptions whose events are published in parallel; those of one in order.
const PARALLEL_SUBSCRIPTIONS: usize = 64;

struct OutboxShared {
    /// The tenant in which every event is published a second time.
    operators: Option<TenantId>,
    written: Notify,
}

/// Decides which operational events are written, and wakes their publisher. Cheap to
/// clone.
#[derive(Clone)]
pub struct Outbox(Arc<OutboxShared>);

impl Outbox {
    pub fn new(operators: Option<TenantId>) -> Self {
        Self(Arc::new(OutboxShared { operators, written: Notify::new() }))
    }

    /// Whether anybody gets an event of this type.
    pub fn is_wanted(&self, snapshot: &TenantSnapshot, notice: OperationalEventType) -> bool {
        notice == OperationalEventType::EndpointDisabled
            || self.0.operators.is_some()
            || snapshot.wants(notice.name())
    }

    /// Wakes the publisher: an event was written, or a streak needs a decision.
    pub fn notify(&self) {
        self.0.written.notify_one();
    }
}

impl Flow {
    /// Checks failure streaks and publishes the outbox until told to stop.
    pub async fn run_notices(&self, progress: ProgressHandle, stop: CancellationToken) {
        let sweep = self.settings.ownership.sweep();
        let (mut streaks, mut told) =
            (FaultLog::new("failing endpoints"), FaultLog::new("operational events"));
        while !stop.is_cancelled() {
            progress.report_progress();
            let looked = self.check_streaks().await;
            streaks.note(looked.as_ref().err(), self.clock.now());
            let published = self.publish_pending().await;
            told.note(published.as_ref().err(), self.clock.now());
            tokio::select! {
                () = self.outbox.0.written.notified() => {}
                () = self.clock.sleep(sweep) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn publish_pending(&self) -> StoreResult<()> {
        let shards: Vec<Shard> =
            self.dispatcher.read(|s, _| s.settled()).into_iter().map(|lease| lease.shard).collect();
        if shards.is_empty() {
            return Ok(());
        }
        let waiting = self.store.list_outbox(&shards, MAX_EVENTS_PER_READ).await?;
        let count = waiting.len();
        let told = self.publish_all(waiting).await;
        if !told.is_empty() {
            self.store.delete_from_outbox(&told).await?;
        }
        // What failed is published by the next sweep; if there is more, the loop comes back
        // at once, after checking the streaks.
        if count == MAX_EVENTS_PER_READ as usize && told.len() == count {
            self.outbox.notify();
        }
        Ok(())
    }

    /// Publishes events; returns the places of those that are finished.
    async fn publish_all(&self, waiting: Vec<OutboxEntry>) -> Vec<i64> {
        let mut turns: BTreeMap<SubscriptionKey, Vec<OutboxEntry>> = BTreeMap::new();
        for one in waiting {
            turns.entry(one.announcement.subscription.clone()).or_default().push(one);
        }
        let turns = stream::iter(turns.into_values()).map(|turn| self.publish_in_order(turn));
        turns.buffer_unordered(PARALLEL_SUBSCRIPTIONS).concat().await
    }

    async fn publish_in_order(&self, turn: Vec<OutboxEntry>) -> Vec<i64> {
        let mut told = Vec::with_capacity(turn.len());
        for OutboxEntry { place, announcement } in turn {
            if !self.publish_one(&announcement).await {
                break;
            }
            told.push(place);
        }
        told
    }

    /// Publishes one event; false if it is to be retried.
    async fn publish_one(&self, announcement: &OperationalEvent) -> bool {
        let tenant = &announcement.subscription.tenant;
        let own = publish_request(announcement, tenant, None);
        let copy = self.outbox.0.operators.as_ref().filter(|operators| *operators != tenant);
        let copy = copy
            .map(|operators| publish_request(announcement, operators, Some(tenant.to_string())));
        for input in std::iter::once(own).chain(copy) {
            let told_in = input.tenant.clone();
            match self.publisher.publish(input).await {
                Ok(_) => {}
                Err(error) if is_transient(&error) => return false,
                // A retry would fail again and delay those behind it.
                Err(error) => {
                    tracing::warn!(%error, tenant = %told_in, id = announcement.id, "an operational event was dropped");
                }
            }
        }
        true
    }
}

fn publish_request(
    announcement: &OperationalEvent,
    tenant: &TenantId,
    account: Option<String>,
) -> PublishInput {
    let about = &announcement.subscription;
    PublishInput {
        tenant: tenant.clone(),
        event_type: announcement.event_type.clone(),
        account,
        attributes: BTreeMap::new(),
        ordering_key: Some(about.to_string()),
        content_type: DEFAULT_CONTENT_TYPE.to_owned(),
        json: true,
        payload: Bytes::from(announcement.payload.clone()),
        traceparent: String::new(),
        tracestate: String::new(),
        idempotency_key: Some(format!(
            "{OPERATIONAL_KEY_PREFIX}{}/{}",
            about.tenant, announcement.id
        )),
    }
}

/// Whether an error passes by itself.
fn is_transient(error: &PublishError) -> bool {
    matches!(
        error,
        PublishError::Overloaded { .. } | PublishError::Unavailable { .. } | PublishError::Stopping
    )
}
