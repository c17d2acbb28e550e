//! The catalogue of event types: the cached version, and changing it.
//!
//! Fed by the store; feeds publishing with compiled schemas. Guarantees that a change
//! is answered once every reachable replica has read it; that schemas are compiled when
//! they change, never while an event waits; and that concurrent refreshes share one
//! read.
//!
//! Keeps the invariant `answered-change-in-force`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use postrider_domain::event_type::{
    EventType, EventTypeCatalogue, EventTypeInput, ImportPlan, MAX_EVENT_TYPES,
};
use postrider_identity::{AuditDraft, AuditFields};
use postrider_store::{CatalogueError, Store, StoreError, StoreResult, WriteError};
use tokio::sync::Mutex;

use super::lost_races::{ChangeTurns, repeat_lost_races};
use super::peers::Peers;
use crate::audited_fields;
use crate::clock::Clock;

/// Whose turn it is: an import changes many types at once, so all have one.
pub const CATALOGUE_TURN: &str = "eventTypes/-";

struct EventTypesShared {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    peers: Peers,
    current: RwLock<Arc<EventTypeCatalogue>>,
    /// Number of reads started.
    reads_started: AtomicU64,
    /// Held while reading; the number of the last completed read.
    reading: Mutex<u64>,
    turns: ChangeTurns,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct EventTypes(Arc<EventTypesShared>);

impl EventTypes {
    /// Empty until it is refreshed.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, peers: Peers) -> Self {
        Self(Arc::new(EventTypesShared {
            store,
            clock,
            peers,
            current: RwLock::default(),
            reads_started: AtomicU64::new(0),
            reading: Mutex::new(0),
            turns: ChangeTurns::default(),
        }))
    }

    /// Of the changes of all types.
    pub fn turns(&self) -> &ChangeTurns {
        &self.0.turns
    }

    /// The catalogue as last read.
    pub fn current(&self) -> Arc<EventTypeCatalogue> {
        Arc::clone(&self.0.current.read())
    }

    /// The catalogue as it was at some moment after the call began. Concurrent calls share
    /// one read.
    pub async fn refresh(&self) -> StoreResult<Arc<EventTypeCatalogue>> {
        let asked = self.0.reads_started.load(Ordering::Acquire);
        let mut ended = self.0.reading.lock().await;
        if *ended > asked {
            return Ok(self.current());
        }
        let number = self.0.reads_started.fetch_add(1, Ordering::AcqRel) + 1;
        let current = self.current();
        if self.0.store.catalogue_version().await? != current.version() {
            let (version, types) = self.0.store.catalogue().await?;
            let rebuilt = match types.is_empty() {
                // Nothing to compile.
                true => current.rebuilt(version, types),
                false => off_thread(move || current.rebuilt(version, types)).await?,
            };
            *self.0.current.write() = Arc::new(rebuilt);
        }
        *ended = number;
        Ok(self.current())
    }

    pub async fn create(
        &self,
        new: EventType,
        audit: &AuditDraft,
    ) -> Result<EventType, CatalogueError> {
        let version = self.0.store.create_event_type(&new, MAX_EVENT_TYPES, audit).await?;
        self.refresh_all_replicas(version).await?;
        Ok(EventType { revision: version, ..new })
    }

    pub async fn update(
        &self,
        changed: EventType,
        expected: i64,
        audit: &AuditDraft,
    ) -> Result<EventType, CatalogueError> {
        let version = self.0.store.update_event_type(&changed, expected, audit).await?;
        self.refresh_all_replicas(version).await?;
        Ok(EventType { revision: version, ..changed })
    }

    pub async fn delete(
        &self,
        name: &str,
        expected: i64,
        force: bool,
        audit: &AuditDraft,
    ) -> Result<(), CatalogueError> {
        let version = self.0.store.delete_event_type(name, expected, force, audit).await?;
        Ok(self.refresh_all_replicas(version).await?)
    }

    /// Writes those of these checked types that are new or differ; all or none.
    pub async fn import(
        &self,
        inputs: Vec<EventTypeInput>,
        validate_only: bool,
        audit: &AuditDraft,
    ) -> Result<ImportPlan, CatalogueError> {
        let is_lost_race = |error: &CatalogueError| {
            matches!(error, CatalogueError::Write(WriteError::RevisionMismatch))
        };
        let _turn = match validate_only {
            true => None,
            false => self.0.turns.take(CATALOGUE_TURN).await,
        };
        repeat_lost_races(is_lost_race, || self.try_import(inputs.clone(), validate_only, audit))
            .await
    }

    async fn try_import(
        &self,
        inputs: Vec<EventTypeInput>,
        validate_only: bool,
        audit: &AuditDraft,
    ) -> Result<ImportPlan, CatalogueError> {
        let catalogue = self.refresh().await?;
        let plan = catalogue.plan_import(inputs, self.0.clock.now());
        if catalogue.len() + plan.created > MAX_EVENT_TYPES {
            return Err(CatalogueError::TooMany);
        }
        if validate_only || plan.writes.is_empty() {
            return Ok(plan);
        }
        let audit = imported(audit, &catalogue, &plan.writes);
        let version = self.0.store.put_event_types(&plan.writes, MAX_EVENT_TYPES, &audit).await?;
        self.refresh_all_replicas(version).await?;
        Ok(plan)
    }

    /// Has every replica read a version that was just written.
    async fn refresh_all_replicas(&self, version: i64) -> StoreResult<()> {
        let (here, ()) = tokio::join!(self.refresh(), self.0.peers.refresh_catalogue(version));
        here.map(|_| ())
    }
}

/// The record of an import: the fields of each type that it writes.
fn imported(
    audit: &AuditDraft,
    catalogue: &EventTypeCatalogue,
    writes: &[EventType],
) -> AuditDraft {
    let (mut before, mut after) = (AuditFields::none(), AuditFields::none());
    for written in writes {
        let prefix = format!("{}:", written.name);
        if let Some(there) = catalogue.get(&written.name) {
            audited_fields::put_event_type(&mut before, &prefix, there);
        }
        audited_fields::put_event_type(&mut after, &prefix, written);
    }
    audit.clone().with_changes(&before, &after)
}

/// Runs `work` on a blocking thread: compiling schemas takes long enough to delay other
/// tasks.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> StoreResult<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StoreError::Corrupt(format!("the event types cannot be read: {error}")))
}
