//! Publishing: commits events and their deliveries in batches.
//!
//! Fed by `api` with checked events; feeds the store, then the scheduler, then the
//! replicas that own the other shards. Guarantees: an answer means that the event and
//! all its deliveries are durable; the event was matched against the configuration that
//! was in force at the commit (read-your-writes); an event that the database refuses
//! fails alone (bad-row-isolated).
//!
//! Keeps the invariants `read-your-writes` and `bad-row-isolated`.

mod matching;
mod rows;
pub mod watermark;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use postrider_domain::event::sha256;
use postrider_domain::ids::{EventId, SubscriptionKey, TenantId};
use postrider_store::{Store, StoreError, UsedIdempotencyKey};
use tokio::sync::oneshot;

use self::matching::{MatchedSubscription, match_subscriptions};
use self::rows::event_of;
use super::tenants::TenantSnapshot;
use super::{ReplicaContext, TenantConfigs};
use crate::clock::Clock;
use fair_batch::{BatchReceiver, BatchSender, EnqueueError, QueueLimits, QueuedItem, channel};

/// How long a publish waits for queue capacity before it is refused.
const ENQUEUE_TIMEOUT: Duration = Duration::from_secs(1);
/// The retry pause that a refused or failed publish is answered with.
const PUBLISH_RETRY_PAUSE: Duration = Duration::from_secs(1);
/// A tenant's events fill at most one of this many equal shares of the queue.
const TENANT_QUEUE_SHARES: usize = 4;
/// How often an event is matched again because the configuration keeps changing.
const MAX_MATCH_TRIES: u32 = 10;
/// Bytes counted for a queued event besides its payload.
const EVENT_OVERHEAD_BYTES: usize = 512;

/// An event as its publisher gave it, checked.
#[derive(Clone, Debug)]
pub struct PublishInput {
    pub tenant: TenantId,
    pub event_type: String,
    pub account: Option<String>,
    pub attributes: BTreeMap<String, String>,
    pub ordering_key: Option<String>,
    pub content_type: String,
    /// Whether the payload is JSON, by its content type and in truth.
    pub json: bool,
    pub payload: Bytes,
    pub traceparent: String,
    pub tracestate: String,
    pub idempotency_key: Option<String>,
}

/// What a publish answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishAnswer {
    pub event: EventId,
    pub matched: u32,
    pub duplicate: bool,
}

/// Why an event was not published.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PublishError {
    #[error("the tenant does not exist")]
    TenantNotFound,
    #[error("the payload is not JSON, but the envelope of {subscription} requires JSON")]
    EnvelopeNeedsJson { subscription: SubscriptionKey },
    #[error("the idempotency key was already used for another request, event {event}")]
    KeyReused { event: EventId },
    #[error("too many events are waiting to be committed")]
    Overloaded { retry_after: Duration },
    #[error("the database is unavailable")]
    Unavailable { retry_after: Duration },
    #[error("the database refused the event: {0}")]
    Rejected(String),
    #[error("this replica is stopping")]
    Stopping,
}

impl From<StoreError> for PublishError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Rejected(why) => Self::Rejected(why),
            StoreError::Unavailable(_) | StoreError::Faulty(_) | StoreError::Corrupt(_) => {
                Self::Unavailable { retry_after: PUBLISH_RETRY_PAUSE }
            }
        }
    }
}

type PublishReply = Result<PublishAnswer, PublishError>;

/// What became of an event's commit.
enum CommitOutcome {
    Decided(PublishReply),
    /// The configuration has changed since it was matched.
    MatchAgain(Box<PublishInput>),
}

/// Publishes to commit in one transaction.
type PublishBatch = Vec<QueuedItem<Box<PendingPublish>>>;

/// Boxed: it is moved several times, and a batch of large values would exceed the size
/// classes that the allocator caches.
struct PendingPublish {
    input: PublishInput,
    sha256: [u8; 32],
    snapshot: Arc<TenantSnapshot>,
    matches: Vec<MatchedSubscription>,
    verdict: oneshot::Sender<CommitOutcome>,
}

/// Queues events for the writers. Cheap to clone.
#[derive(Clone)]
pub struct Publisher {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tenants: TenantConfigs,
    sender: BatchSender<TenantId, Box<PendingPublish>>,
}

/// Commits what a [`Publisher`] queued.
pub struct PublishWriter {
    parts: ReplicaContext,
    receiver: BatchReceiver<TenantId, Box<PendingPublish>>,
}

/// A publisher and its two writers: while one commits a large batch of one tenant, the
/// other serves the rest.
pub fn new(parts: ReplicaContext) -> (Publisher, [PublishWriter; 2]) {
    let settings = &parts.settings.publish;
    let (sender, receiver) = channel(QueueLimits {
        max_queued_items: settings.max_queued_events,
        max_queued_bytes: settings.max_queued_payload_bytes,
        key_shares: TENANT_QUEUE_SHARES,
        max_batch_items: settings.max_commit_events,
        max_batch_bytes: settings.max_commit_payload_bytes,
        enqueue_timeout: ENQUEUE_TIMEOUT,
    });
    let publisher = Publisher {
        store: Arc::clone(&parts.store),
        clock: Arc::clone(&parts.clock),
        tenants: parts.tenants.clone(),
        sender,
    };
    let writer = |receiver| PublishWriter { parts: parts.clone(), receiver };
    (publisher, [writer(receiver.add_receiver()), writer(receiver)])
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
    /// Looks up a request's idempotency key: the earlier answer to the same request, or
    /// the error that the key was used for another. `None` for a new key. Only for a
    /// request that is about to be refused because something has changed since; others
    /// get this from the commit.
    pub async fn find_earlier_answer(&self, input: &PublishInput) -> Option<PublishReply> {
        let key = input.idempotency_key.as_deref()?;
        let now = self.clock.now();
        let used = match self.store.used_key(&input.tenant, key, now).await {
            Ok(used) => used?,
            Err(error) => return Some(Err(error.into())),
        };
        let event = event_of(input.clone(), sha256(&input.payload), 0, now);
        Some(answer_for_used_key(used, event.request_hash()))
    }

    /// Publishes one event; returns once it is durable.
    pub async fn publish(&self, input: PublishInput) -> PublishReply {
        let unavailable = PublishError::Unavailable { retry_after: PUBLISH_RETRY_PAUSE };
        let sha256 = sha256(&input.payload);
        let bytes = input.payload.len() + EVENT_OVERHEAD_BYTES;
        let mut snapshot = self.tenants.snapshot(&input.tenant).await?;
        let mut input = input;
        for _ in 0..MAX_MATCH_TRIES {
            let current = snapshot.ok_or(PublishError::TenantNotFound)?;
            let matches = match match_subscriptions(&current, &input).await {
                Ok(matches) => matches,
                // The event may have been accepted earlier, before the subscription changed.
                Err(error) => {
                    return self.find_earlier_answer(&input).await.unwrap_or(Err(error));
                }
            };
            let (verdict, heard) = oneshot::channel();
            let tenant = input.tenant.clone();
            let pending =
                Box::new(PendingPublish { input, sha256, snapshot: current, matches, verdict });
            self.sender.send_timeout(&tenant, pending, bytes).await.map_err(
                |refused| match refused {
                    EnqueueError::Full => {
                        PublishError::Overloaded { retry_after: PUBLISH_RETRY_PAUSE }
                    }
                    EnqueueError::Closed => PublishError::Stopping,
                },
            )?;
            match heard.await {
                Ok(CommitOutcome::Decided(answer)) => return answer,
                Ok(CommitOutcome::MatchAgain(same)) => input = *same,
                Err(_) => return Err(unavailable),
            }
            snapshot = self.tenants.refresh(&input.tenant).await?;
        }
        Err(unavailable)
    }
}
