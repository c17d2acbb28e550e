//! Where Postrider keeps what must not be lost.
//!
//! Fed by `flow` and `api` of the control plane, which decide; this crate
//! remembers. Two engines stand behind one [`Store`]: PostgreSQL and SQLite,
//! held to the same behaviour by one conformance suite (`tests/conformance`).
//!
//! Guarantees: a method that answered `Ok` is durable. A method that answered
//! [`StoreError::Unavailable`] or [`StoreError::Corrupt`] may or may not have happened;
//! one that answered any other [`StoreError`] has not. Batches are atomic.
//! No decision is made in SQL: conditions only check that what was decided is
//! decided about rows that still stand as they were seen.

mod attempts;
mod clocks;
mod codec;
mod conditions;
mod config;
mod error;
mod event_types;
mod faults;
mod history;
mod in_time;
mod latency;
mod maintenance;
mod notices;
mod operations;
mod ordering;
mod ownership;
pub mod postgres;
mod publishing;
mod schema;
pub mod sqlite;
mod work;

use std::sync::Arc;

pub use attempts::{AttemptPage, AttemptPosition, AttemptQuery, RecordedAttempt};
pub use clocks::{BringBack, ClockStore};
pub use conditions::{TextFilter, TimeRange};
pub use config::{
    ConfigStore, News, OrderBy, Page, PageRequest, SortKey, SubscriptionQuery, TenantQuery,
    WriteError,
};
pub use error::{FirstFault, StoreError, StoreResult};
pub use event_types::{CatalogueError, EventTypeQuery, EventTypeStore};
pub use history::{
    DeliveryCounts, DeliveryQuery, EventQuery, HistoryStore, ListedEvent, StatsRow, TailPage,
    TailedAttempt,
};
pub use latency::{latency_bucket, latency_quantile};
pub use maintenance::{Maintenance, MaintenanceStore};
pub use notices::{NoticeStore, StreakChange, WaitingAnnouncement};
pub use operations::{OperationEnd, OperationStep, OperationStore, Stretch};
pub use ordering::{KeyEnd, KeyHold, OrderingStore, WaitingKey};
pub use ownership::{
    AgentSighting, ClusterView, Instance, OwnershipStore, RegionClock, ReplicaRow, ShardRow,
    latest_sightings,
};
pub use publishing::{Idempotency, NewEvent, Published, PublishingStore, UsedKey};
pub use work::{
    Backlog, Cancelled, Claim, ClaimLimits, Concluded, Conclusion, EndWaiting, WaitingSubscription,
    Work, WorkStore,
};

/// What engines share, for one that is built beside those here.
pub mod engine {
    pub use crate::codec::{
        first_id_from, hour, id_range, ids_of_same_millisecond, search_text, wants_event_type,
        without_nul,
    };
    pub use crate::config::sort_key;
    pub use crate::event_types::{IN_USE_NAMED, may_put};
    pub use crate::notices::StreakChanges;
    pub use crate::publishing::numbered;
}

/// All that an engine does.
pub trait Store:
    ConfigStore
    + EventTypeStore
    + PublishingStore
    + WorkStore
    + OrderingStore
    + OwnershipStore
    + ClockStore
    + HistoryStore
    + NoticeStore
    + OperationStore
    + MaintenanceStore
    + Send
    + Sync
    + 'static
{
}

/// Opens the engine that the URL names: `postgres://…` or `sqlite:PATH`.
///
/// With `migrate` the schema is brought up to date first; without it, a schema
/// that is not up to date is an error.
pub async fn open(url: &str, options: &OpenOptions) -> StoreResult<Arc<dyn Store>> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        let store = postgres::PostgresStore::open(url, options).await?;
        let silence = store.silence();
        Ok(Arc::new(in_time::InTime::new(store, silence)))
    } else if let Some(path) = url.strip_prefix("sqlite:") {
        Ok(Arc::new(sqlite::SqliteStore::open(path, options).await?))
    } else {
        Err(StoreError::Rejected("a database URL begins with postgres:// or sqlite:".to_owned()))
    }
}

/// How to open an engine.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Bring the schema up to date.
    pub migrate: bool,
    /// How many shards the tenants hash to; fixed by the first migration, after
    /// which another number is an error.
    pub shards: u16,
    /// Most connections that the engine opens (PostgreSQL, and two more for ownership
    /// alone) or readers (SQLite).
    pub max_connections: u32,
}
