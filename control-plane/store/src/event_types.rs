//! The catalogue of event types.
//!
//! It has one version for all of it. Every change raises the version in its own
//! transaction, and what it writes has the new version as its revision: changes
//! happen one after the other, and a name that was deleted and made again never
//! has a revision that it had before.

use std::collections::HashMap;

use async_trait::async_trait;
use postrider_domain::event_type::EventType;
use postrider_domain::ids::SubscriptionKey;
use postrider_identity::AuditDraft;

use crate::config::WriteError;
use crate::error::{StoreError, StoreResult};

/// How many subscriptions are named that use an event type. The message is read by a
/// person.
pub const MAX_NAMED_USERS: u32 = 20;

/// Why a change of the catalogue failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CatalogueError {
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("there would be too many event types")]
    TooMany,
    /// Subscriptions name it; these are some of them.
    #[error("it is in use")]
    InUse(Vec<SubscriptionKey>),
}

impl From<StoreError> for CatalogueError {
    fn from(error: StoreError) -> Self {
        Self::Write(error.into())
    }
}

/// Reads and changes the catalogue. A change returns the catalogue's new version,
/// which is also the revision of what was written, whatever the value given says.
#[async_trait]
pub trait EventTypeStore {
    /// Inserts an event type; `TooMany` when there are `most` already.
    async fn create_event_type(
        &self,
        event_type: &EventType,
        most: usize,
        audit: &AuditDraft,
    ) -> Result<i64, CatalogueError>;

    async fn get_event_type(&self, name: &str) -> StoreResult<Option<EventType>>;

    /// Event types in the order of their names.
    async fn list_event_types(&self, query: &EventTypeQuery) -> StoreResult<Vec<EventType>>;

    /// Replaces an event type that still has `expected_revision`.
    async fn update_event_type(
        &self,
        event_type: &EventType,
        expected_revision: i64,
        audit: &AuditDraft,
    ) -> Result<i64, CatalogueError>;

    /// Removes an event type that still has `expected_revision`; `InUse` while a
    /// subscription that is not deleted asks for it by its name, unless forced.
    async fn delete_event_type(
        &self,
        name: &str,
        expected_revision: i64,
        force: bool,
        audit: &AuditDraft,
    ) -> Result<i64, CatalogueError>;

    /// Inserts or replaces all of these, or none: `RevisionMismatch` unless each has
    /// the revision given, where 0 means that it does not exist; `TooMany` if there
    /// would be more than `most`.
    async fn put_event_types(
        &self,
        event_types: &[EventType],
        most: usize,
        audit: &AuditDraft,
    ) -> Result<i64, CatalogueError>;

    /// The whole catalogue with its version, read at one moment.
    async fn catalogue(&self) -> StoreResult<(i64, Vec<EventType>)>;

    async fn catalogue_version(&self) -> StoreResult<i64>;
}

/// Which event types.
#[derive(Clone, Debug, Default)]
pub struct EventTypeQuery {
    /// Exactly this group.
    pub group: Option<String>,
    /// Case-insensitive part of the name or the description.
    pub search: Option<String>,
    /// Archived ones too.
    pub show_archived: bool,
    /// Strictly after this name.
    pub after: Option<String>,
    /// At least 1.
    pub limit: u32,
}

/// Whether the event types may be written: none changed since it was read, and there is
/// room. `present` are the current revisions, `count` is their number.
pub fn may_put(
    event_types: &[EventType],
    revisions: &HashMap<String, i64>,
    count: i64,
    most: usize,
) -> Result<(), CatalogueError> {
    let seen = |event_type: &EventType| {
        revisions.get(&event_type.name).copied().unwrap_or(0) == event_type.revision
    };
    if !event_types.iter().all(seen) {
        return Err(WriteError::RevisionMismatch.into());
    }
    let created = event_types.len().saturating_sub(revisions.len());
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count.saturating_add(created) > most { Err(CatalogueError::TooMany) } else { Ok(()) }
}
