//! Events that are committed together.
//!
//! Fed by the publisher with matched events; feeds the writer, and the publisher with
//! what became of each.

use std::collections::HashSet;
use std::sync::Arc;

use fair_batch::{QueuePermit, QueuedItem};
use postrider_domain::delivery::DeliveryState;
use postrider_domain::event::EventContent;
use postrider_domain::ids::{DeliveryId, TenantId};
use postrider_store::NewEvent;
use tokio::sync::oneshot;

use super::answer::PublishReply;
use super::matching::MatchedSubscription;
use crate::event_spans::PublishTrace;
use crate::metrics::QueueTicket;
use crate::state::tenants::TenantSnapshot;

/// What became of an event's commit.
pub(super) enum CommitOutcome {
    Decided(PublishReply),
    /// The configuration has changed since it was matched.
    MatchAgain(Box<EventContent>),
}

/// Publishes to commit in one transaction.
pub(super) type PublishBatch = Vec<QueuedItem<Box<PendingPublish>>>;

/// An event, matched. Boxed: it is moved several times, and a batch of large values would
/// exceed the size classes that the allocator caches.
pub(super) struct PendingPublish {
    pub content: EventContent,
    pub snapshot: Arc<TenantSnapshot>,
    pub matches: Vec<MatchedSubscription>,
    pub verdict: oneshot::Sender<CommitOutcome>,
    /// None unless its trace is recorded.
    pub trace: Option<PublishTrace>,
    /// Until a writer takes it.
    pub ticket: Option<QueueTicket>,
}

/// Who waits for the commit of an event.
pub(super) struct PublishWaiter {
    pub verdict: oneshot::Sender<CommitOutcome>,
    pub trace: Option<PublishTrace>,
    pub _permit: QueuePermit,
}

/// The event's deliveries that were reserved in memory before the commit.
pub(super) fn reserved_ids(new: &NewEvent) -> impl Iterator<Item = DeliveryId> {
    let in_flight =
        new.deliveries.iter().filter(|delivery| delivery.state == DeliveryState::InFlight);
    in_flight.map(|delivery| delivery.id)
}

/// Splits off events whose idempotency key is already in the batch: two with one key
/// never share a transaction.
pub(super) fn split_repeated_idempotency_keys(batch: PublishBatch) -> (PublishBatch, PublishBatch) {
    if batch.iter().all(|queued| queued.item.content.idempotency_key.is_none()) {
        return (batch, Vec::new());
    }
    let mut seen: HashSet<(TenantId, String)> = HashSet::new();
    batch.into_iter().partition(|queued| {
        let PendingPublish { content, snapshot, .. } = &*queued.item;
        let key = content.idempotency_key.clone();
        key.is_none_or(|key| seen.insert((snapshot.tenant.id.clone(), key)))
    })
}
