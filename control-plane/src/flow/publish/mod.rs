//! Events in, committed in groups.
//!
//! Fed by `api` with checked input; feeds the store, then the scheduler, then
//! the owners elsewhere. Guarantees: an answer means that the event and all its
//! deliveries are durable; what was matched is what the configuration said at
//! the commit (rule 1); an item the database refuses hurts only itself (rule 6).

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
use postrider_store::{Store, StoreError, UsedKey};
use tokio::sync::oneshot;

use self::matching::{Match, matching};
use self::rows::event_of;
use super::group::{Bounds, Entrance, Exit, Queued, Refused, group};
use super::tenants::Snapshot;
use super::{Parts, Tenants};
use crate::clock::Clock;

/// How long a publish waits for room before it is refused.
const PATIENCE: Duration = Duration::from_secs(1);
/// When to try again after that.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// A tenant's events fill at most one of so many parts of the queue.
const TENANT_SHARES: usize = 4;
/// How often an event is matched anew because the configuration keeps changing.
const MATCH_TRIES: u32 = 10;
/// What a queued event weighs besides its payload.
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
    #[error("the payload is not JSON, which the envelope of {subscription} needs")]
    EnvelopeNeedsJson { subscription: SubscriptionKey },
    #[error("the idempotency key was used for another request, {event}")]
    KeyReused { event: EventId },
    #[error("too much waits to be committed")]
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
                Self::Unavailable { retry_after: RETRY_AFTER }
            }
        }
    }
}

type Answer = Result<PublishAnswer, PublishError>;

/// What the writer says about an event.
enum Verdict {
    Decided(Answer),
    /// The configuration that it was matched against is no longer in force.
    MatchAgain(Box<PublishInput>),
}

/// What waits to be committed together.
type Batch = Vec<Queued<Box<Pending>>>;

/// On the heap: it is handed on several times, and a batch of large things is
/// larger than what an allocator keeps.
struct Pending {
    input: PublishInput,
    sha256: [u8; 32],
    snapshot: Arc<Snapshot>,
    matches: Vec<Match>,
    verdict: oneshot::Sender<Verdict>,
}

/// The entrance. Cheap to clone.
#[derive(Clone)]
pub struct Publisher {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tenants: Tenants,
    entrance: Entrance<TenantId, Box<Pending>>,
}

/// A writer behind it.
pub struct PublishWriter {
    parts: Parts,
    exit: Exit<TenantId, Box<Pending>>,
}

/// Several writers, so that while a large batch of one tenant is committed the
/// others do not wait for it.
pub fn new(parts: Parts) -> (Publisher, [PublishWriter; 2]) {
    let settings = &parts.settings.publish;
    let (entrance, exit) = group(Bounds {
        queued_items: settings.max_queued_events,
        queued_bytes: settings.max_queued_payload_bytes,
        shares: TENANT_SHARES,
        batch_items: settings.max_commit_events,
        batch_bytes: settings.max_commit_payload_bytes,
        patience: PATIENCE,
    });
    let publisher = Publisher {
        store: Arc::clone(&parts.store),
        clock: Arc::clone(&parts.clock),
        tenants: parts.tenants.clone(),
        entrance,
    };
    let writer = |exit| PublishWriter { parts: parts.clone(), exit };
    (publisher, [writer(exit.another()), writer(exit)])
}

/// The answer to a request whose key was used before.
fn answer_of(used: UsedKey, request_hash: [u8; 32]) -> Answer {
    let UsedKey { event, matched, request_hash: earlier } = used;
    match earlier == request_hash {
        true => Ok(PublishAnswer { event, matched, duplicate: true }),
        false => Err(PublishError::KeyReused { event }),
    }
}

impl Publisher {
    /// What a request's idempotency key says of it: the answer that was given to
    /// the same request earlier, or that it was another one. `None` when the key
    /// is new. For a request that is about to be refused for what has changed
    /// since; all others learn it from the commit.
    pub async fn answered_earlier(&self, input: &PublishInput) -> Option<Answer> {
        let key = input.idempotency_key.as_deref()?;
        let now = self.clock.now();
        let used = match self.store.used_key(&input.tenant, key, now).await {
            Ok(used) => used?,
            Err(error) => return Some(Err(error.into())),
        };
        let event = event_of(input.clone(), sha256(&input.payload), 0, now);
        Some(answer_of(used, event.request_hash()))
    }

    /// Publishes one event; returns once it is durable.
    pub async fn publish(&self, input: PublishInput) -> Answer {
        let unavailable = PublishError::Unavailable { retry_after: RETRY_AFTER };
        let sha256 = sha256(&input.payload);
        let bytes = input.payload.len() + EVENT_OVERHEAD_BYTES;
        let mut snapshot = self.tenants.snapshot(&input.tenant).await?;
        let mut input = input;
        for _ in 0..MATCH_TRIES {
            let current = snapshot.ok_or(PublishError::TenantNotFound)?;
            let matches = match matching(&current, &input).await {
                Ok(matches) => matches,
                // A subscription may have changed since the event was accepted.
                Err(error) => {
                    return self.answered_earlier(&input).await.unwrap_or(Err(error));
                }
            };
            let (verdict, heard) = oneshot::channel();
            let tenant = input.tenant.clone();
            let pending = Box::new(Pending { input, sha256, snapshot: current, matches, verdict });
            self.entrance.enter(&tenant, pending, bytes).await.map_err(
                |refused| match refused {
                    Refused::Full => PublishError::Overloaded { retry_after: RETRY_AFTER },
                    Refused::Closed => PublishError::Stopping,
                },
            )?;
            match heard.await {
                Ok(Verdict::Decided(answer)) => return answer,
                Ok(Verdict::MatchAgain(same)) => input = *same,
                Err(_) => return Err(unavailable),
            }
            snapshot = self.tenants.refresh(&input.tenant).await?;
        }
        Err(unavailable)
    }
}
