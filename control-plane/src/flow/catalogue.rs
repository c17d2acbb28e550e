//! The catalogue of event types as last read, and changing it.
//!
//! Fed by the store; feeds publishing with verdicts on payloads. Guarantees that
//! a change is answered once every replica that can be reached has read it, that
//! schemas are compiled when they change and never while an event waits, and
//! that however many callers ask for what is new at once, the store is asked
//! once for all who wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use postrider_domain::event_type::{
    Catalogue, EventType, EventTypeInput, ImportPlan, MAX_EVENT_TYPES,
};
use postrider_store::{CatalogueError, Store, StoreError, StoreResult, WriteError};
use tokio::sync::Mutex;

use crate::clock::Clock;
use crate::replicas::Peers;

/// How often an import is tried against others' changes of the same types.
const WRITE_TRIES: usize = 5;

struct Inner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    peers: Peers,
    current: RwLock<Arc<Catalogue>>,
    /// How many reads were begun.
    begun: AtomicU64,
    /// Held while reading; the number of the last read that came to its end.
    reading: Mutex<u64>,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct EventTypes(Arc<Inner>);

impl EventTypes {
    /// Empty until it is refreshed.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, peers: Peers) -> Self {
        Self(Arc::new(Inner {
            store,
            clock,
            peers,
            current: RwLock::default(),
            begun: AtomicU64::new(0),
            reading: Mutex::new(0),
        }))
    }

    /// The catalogue as last read.
    pub fn current(&self) -> Arc<Catalogue> {
        Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The catalogue as it is now, or was at some moment since the call began.
    pub async fn refresh(&self) -> StoreResult<Arc<Catalogue>> {
        let asked = self.0.begun.load(Ordering::Acquire);
        let mut ended = self.0.reading.lock().await;
        if *ended > asked {
            return Ok(self.current());
        }
        let number = self.0.begun.fetch_add(1, Ordering::AcqRel) + 1;
        let current = self.current();
        if self.0.store.catalogue_version().await? != current.version() {
            let (version, types) = self.0.store.catalogue().await?;
            let rebuilt = match types.is_empty() {
                // Nothing is to be compiled.
                true => current.rebuilt(version, types),
                false => off_thread(move || current.rebuilt(version, types)).await?,
            };
            *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rebuilt);
        }
        *ended = number;
        Ok(self.current())
    }

    pub async fn create(&self, new: EventType) -> Result<EventType, CatalogueError> {
        let version = self.0.store.create_event_type(&new, MAX_EVENT_TYPES).await?;
        self.spread(version).await?;
        Ok(EventType { revision: version, ..new })
    }

    pub async fn update(
        &self,
        changed: EventType,
        expected: i64,
    ) -> Result<EventType, CatalogueError> {
        let version = self.0.store.update_event_type(&changed, expected).await?;
        self.spread(version).await?;
        Ok(EventType { revision: version, ..changed })
    }

    pub async fn delete(
        &self,
        name: &str,
        expected: i64,
        force: bool,
    ) -> Result<(), CatalogueError> {
        let version = self.0.store.delete_event_type(name, expected, force).await?;
        Ok(self.spread(version).await?)
    }

    /// Writes what of these checked types is new or differs; all of it or nothing.
    pub async fn import(
        &self,
        inputs: Vec<EventTypeInput>,
        validate_only: bool,
    ) -> Result<ImportPlan, CatalogueError> {
        for _ in 0..WRITE_TRIES {
            let catalogue = self.refresh().await?;
            let plan = catalogue.plan_import(inputs.clone(), self.0.clock.now());
            if catalogue.len() + plan.created > MAX_EVENT_TYPES {
                return Err(CatalogueError::TooMany);
            }
            if validate_only || plan.writes.is_empty() {
                return Ok(plan);
            }
            match self.0.store.put_event_types(&plan.writes, MAX_EVENT_TYPES).await {
                Err(CatalogueError::Write(WriteError::RevisionMismatch)) => {}
                Err(error) => return Err(error),
                Ok(version) => {
                    self.spread(version).await?;
                    return Ok(plan);
                }
            }
        }
        Err(WriteError::RevisionMismatch.into())
    }

    /// Brings every replica to a version that was just written.
    async fn spread(&self, version: i64) -> StoreResult<()> {
        let (here, ()) = tokio::join!(self.refresh(), self.0.peers.refresh_catalogue(version));
        here.map(|_| ())
    }
}

/// Compiling schemas takes long enough for others to be kept waiting by it.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> StoreResult<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StoreError::Corrupt(format!("the event types cannot be read: {error}")))
}
