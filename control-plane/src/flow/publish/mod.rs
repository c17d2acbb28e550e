//! Publishing: commits events and their deliveries in batches.
//!
//! Fed by `api` with checked events; feeds the store, then the scheduler, then the
//! replicas that own the other shards. Guarantees: an answer means that the event and
//! all its deliveries are durable; the event was matched against the configuration that
//! was in force at the commit (read-your-writes); an event that the database refuses
//! fails alone (bad-row-isolated).
//!
//! `flood_log` tells of tenants that are held back.
//!
//! An event's way, from one type to the next:
//!
//! | step | makes | of |
//! |---|---|---|
//! | `publisher` | `PendingPublish` | the content, by `matching` with the configuration |
//! | `rows` | `NewEvent`, and `PublishWaiter` beside it | `PendingPublish` |
//! | `writer` | `PublishOutcome` | `NewEvent`, by one commit for a batch |
//! | `writer` | `CommitOutcome`: the answer, or the content to match again | both |
//!
//! Keeps the invariants `read-your-writes` and `bad-row-isolated`.

mod answer;
mod batch;
mod flood_log;
mod matching;
mod publisher;
mod rows;
mod spans;
mod writer;

use std::time::Duration;

use fair_batch::{QueueLimits, channel};

pub use self::answer::{PublishAnswer, PublishError};
use self::flood_log::FloodLog;
pub use self::publisher::{Publisher, QueuedPublish};
pub use self::writer::PublishWriter;
use crate::state::context::ReplicaContext;

/// How long a publish waits for queue capacity before it is refused. Chosen, not measured:
/// long enough to outlast a slow commit, and a tenth of the longest that a call may take
/// (`MAX_ANSWER_TIME`), so that a refused caller can still try again.
const ENQUEUE_TIMEOUT: Duration = Duration::from_secs(1);
/// A tenant's events fill at most one of this many equal shares of the queue. Three that
/// flood leave a quarter to all others, and one alone loses nothing by it.
const TENANT_QUEUE_SHARES: usize = 4;

/// A publisher and its two writers: while one commits a large batch of one tenant, the
/// other serves the rest.
pub fn new(context: &ReplicaContext) -> (Publisher, [PublishWriter; 2]) {
    let settings = &context.settings.publish;
    let (sender, receiver) = channel(QueueLimits {
        max_queued_items: settings.max_queued_events,
        max_queued_bytes: settings.max_queued_payload_bytes,
        key_shares: TENANT_QUEUE_SHARES,
        max_batch_items: settings.max_commit_events,
        max_batch_bytes: settings.max_commit_payload_bytes,
        slows_floods: true,
        enqueue_timeout: ENQUEUE_TIMEOUT,
    });
    let floods = FloodLog::default();
    let writers = [receiver.add_receiver(), receiver].map(|mut receiver| {
        receiver.set_flood_reporter(floods.clone());
        PublishWriter::new(context, receiver)
    });
    (Publisher::new(context, sender), writers)
}
