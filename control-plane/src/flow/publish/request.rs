//! What is published, and what is answered.
//!
//! Fed by `api` and `outbox_publisher` with checked events; feeds the writer with the
//! event to commit.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use postrider_domain::event::Event;
use postrider_domain::ids::{EventId, SubscriptionKey, TenantId};
use postrider_domain::time::Timestamp;
use postrider_store::StoreError;

/// The retry pause that a refused or failed publish is answered with. A full queue has room
/// again by then; a database needs some of them.
pub(super) const PUBLISH_RETRY_PAUSE: Duration = Duration::from_secs(1);

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

pub(super) type PublishReply = Result<PublishAnswer, PublishError>;

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
