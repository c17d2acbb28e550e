//! The publisher: matches an event, queues it, and waits for its commit.
//!
//! Fed by `api` and `outbox_publisher`; feeds the writers' queue. Guarantees that an
//! event whose configuration changed before its commit is matched again
//! (read-your-writes).
//!
//! Keeps the invariant `read-your-writes`.

use std::sync::Arc;

use fair_batch::{BatchSender, EnqueueError};
use postrider_domain::event::EventContent;
use postrider_domain::ids::TenantId;
use postrider_store::{Store, UsedIdempotencyKey};
use tokio::sync::oneshot;

use super::answer::{PUBLISH_RETRY_PAUSE, PublishAnswer, PublishError, PublishReply};
use super::batch::{CommitOutcome, PendingPublish};
use super::matching::match_subscriptions;
use crate::clock::Clock;
use crate::event_spans::PublishTrace;
use crate::metrics::QueueMetrics;
use crate::state::context::ReplicaContext;
use crate::state::tenants::{TenantConfigs, TenantSnapshot};

/// How often an event is matched again because the configuration keeps changing. Chosen,
/// not measured: a change takes longer than a match, so a second change in a row is rare.
const MAX_MATCH_TRIES: u32 = 10;
/// Bytes counted for a queued event besides its payload. Names, keys and a few attributes.
const EVENT_OVERHEAD_BYTES: usize = 512;

/// Queues events for the writers. Cheap to clone.
#[derive(Clone)]
pub struct Publisher {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tenants: TenantConfigs,
    sender: BatchSender<TenantId, Box<PendingPublish>>,
    queue: QueueMetrics,
}

/// An event that waits for its commit.
pub struct QueuedPublish {
    outcome: oneshot::Receiver<CommitOutcome>,
}

/// The answer to a request whose key was used before.
fn answer_for_used_key(used: UsedIdempotencyKey, request_hash: [u8; 32]) -> PublishReply {
    let UsedIdempotencyKey { event, matched, request_hash: earlier } = used;
    match earlier == request_hash {
        true => Ok(PublishAnswer { event, matched, duplicate: true }),
        false => Err(PublishError::KeyReused { event }),
    }
}

impl Publisher {
    pub(super) fn new(
        context: &ReplicaContext,
        sender: BatchSender<TenantId, Box<PendingPublish>>,
    ) -> Self {
        Self {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            tenants: context.tenants.clone(),
            sender,
            queue: context.metrics.queue("publish"),
        }
    }

    /// Looks up a request's idempotency key: the earlier answer to the same request, or
    /// the error that the key was used for another. `None` for a new key. Only for a
    /// request that is about to be refused because something has changed since; others
    /// get this from the commit.
    pub async fn find_earlier_answer(
        &self,
        tenant: &TenantId,
        content: &EventContent,
    ) -> Option<PublishReply> {
        let key = content.idempotency_key.as_deref()?;
        let used = match self.store.used_key(tenant, key, self.clock.now()).await {
            Ok(used) => used?,
            Err(error) => return Some(Err(error.into())),
        };
        Some(answer_for_used_key(used, content.request_hash()))
    }

    /// Publishes one event; returns once it is durable. `trace` is given if it is recorded.
    pub async fn publish(
        &self,
        tenant: &TenantId,
        content: EventContent,
        trace: Option<PublishTrace>,
    ) -> PublishReply {
        match self.begin(tenant, content, trace.as_ref()).await {
            Ok(queued) => self.finish(tenant, queued, trace).await,
            Err(reply) => reply,
        }
    }

    /// Queues one event. An error is the answer, if there is one already.
    pub async fn begin(
        &self,
        tenant: &TenantId,
        content: EventContent,
        trace: Option<&PublishTrace>,
    ) -> Result<QueuedPublish, PublishReply> {
        match self.tenants.snapshot(tenant).await {
            Ok(snapshot) => self.enqueue(tenant, snapshot, content, trace).await,
            Err(error) => Err(Err(error.into())),
        }
    }

    /// Returns once an event is durable that was queued with the same arguments.
    pub async fn finish(
        &self,
        tenant: &TenantId,
        queued: QueuedPublish,
        trace: Option<PublishTrace>,
    ) -> PublishReply {
        match queued.outcome.await {
            Ok(CommitOutcome::Decided(reply)) => reply,
            // Rare, and as large as a whole publish: those that only wait have no room for it.
            Ok(CommitOutcome::MatchAgain(content)) => {
                Box::pin(self.match_again(tenant, *content, trace)).await
            }
            Err(_) => Err(unavailable()),
        }
    }

    /// Publishes an event whose configuration has changed since it was matched first.
    async fn match_again(
        &self,
        tenant: &TenantId,
        mut content: EventContent,
        trace: Option<PublishTrace>,
    ) -> PublishReply {
        for _ in 1..MAX_MATCH_TRIES {
            let snapshot = self.tenants.refresh(tenant).await?;
            let queued = match self.enqueue(tenant, snapshot, content, trace.as_ref()).await {
                Ok(queued) => queued,
                Err(reply) => return reply,
            };
            match queued.outcome.await {
                Ok(CommitOutcome::Decided(reply)) => return reply,
                Ok(CommitOutcome::MatchAgain(same)) => content = *same,
                Err(_) => break,
            }
        }
        Err(unavailable())
    }

    /// Matches an event, and queues it.
    async fn enqueue(
        &self,
        tenant: &TenantId,
        snapshot: Option<Arc<TenantSnapshot>>,
        content: EventContent,
        trace: Option<&PublishTrace>,
    ) -> Result<QueuedPublish, PublishReply> {
        let Some(current) = snapshot else { return Err(Err(PublishError::TenantNotFound)) };
        let matches = match match_subscriptions(&current, &content).await {
            Ok(matches) => matches,
            // The event may have been accepted earlier, before the subscription changed.
            Err(error) => {
                let earlier = self.find_earlier_answer(tenant, &content).await;
                return Err(earlier.unwrap_or(Err(error)));
            }
        };
        let bytes = content.payload.len() + EVENT_OVERHEAD_BYTES;
        let (verdict, outcome) = oneshot::channel();
        let pending = Box::new(PendingPublish {
            content,
            snapshot: current,
            matches,
            verdict,
            trace: trace.cloned(),
            ticket: Some(self.queue.enter()),
        });
        match self.sender.send_timeout(tenant, pending, bytes).await {
            Ok(()) => Ok(QueuedPublish { outcome }),
            Err(EnqueueError::Full) => {
                Err(Err(PublishError::Overloaded { retry_after: PUBLISH_RETRY_PAUSE }))
            }
            Err(EnqueueError::Closed) => Err(Err(PublishError::Stopping)),
        }
    }
}

const fn unavailable() -> PublishError {
    PublishError::Unavailable { retry_after: PUBLISH_RETRY_PAUSE }
}
