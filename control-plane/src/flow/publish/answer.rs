//! What a publish answers.
//!
//! Fed by the publisher and the writer; feeds `api` and `outbox_publisher`.

use std::time::Duration;

use postrider_domain::ids::{EventId, SubscriptionKey};
use postrider_store::StoreError;

/// The retry pause that a refused or failed publish is answered with. Chosen, not measured:
/// a flooded queue loses several commits' events in it, and a database that restarts needs
/// a few such pauses.
pub(super) const PUBLISH_RETRY_PAUSE: Duration = Duration::from_secs(1);

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
    /// Nothing was committed.
    #[error("the tenant's configuration cannot be read: {0}")]
    ConfigUnreadable(StoreError),
    #[error("the database refused the event: {0}")]
    Rejected(String),
    #[error("this replica is stopping")]
    Stopping,
}

impl From<StoreError> for PublishError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Rejected(why) => Self::Rejected(why),
            error @ StoreError::UnreadableConfig { .. } => Self::ConfigUnreadable(error),
            StoreError::Unavailable(_)
            | StoreError::Faulty(_)
            | StoreError::Corrupt(_)
            | StoreError::UnreadableRow { .. } => {
                Self::Unavailable { retry_after: PUBLISH_RETRY_PAUSE }
            }
        }
    }
}

pub(super) type PublishReply = Result<PublishAnswer, PublishError>;
