//! Stores everything that must not be lost.
//!
//! Fed by `flow` and `api` of the control plane, which decide; feeds them rows. One
//! [`Store`] has two engines, PostgreSQL and SQLite, with the same behaviour, which one
//! conformance suite checks (`tests/conformance`).
//!
//! Guarantees: a method that answered `Ok` is durable. A method that answered
//! [`StoreError::Unavailable`] or [`StoreError::Corrupt`] may or may not have taken
//! effect; after any other [`StoreError`] it has not. Batches are atomic. SQL decides
//! nothing: its conditions only check that rows have not changed since the decision.

mod attempts;
mod audit;
mod clocks;
mod codec;
mod conditions;
mod config;
mod console;
mod data_keys;
mod error;
mod event_types;
mod faults;
mod history;
mod latency;
mod list_sql;
mod maintenance;
mod operations;
mod ordering;
mod outbox;
mod ownership;
pub mod postgres;
mod publishing;
mod retention;
mod schema;
mod sealing;
mod sql_file;
pub mod sqlite;
mod store;
mod tokens;
mod turns;
mod unreadable;
mod work;

use std::sync::Arc;

pub use attempts::{AttemptPage, AttemptPosition, AttemptQuery, RecordedAttempt};
pub use audit::{AuditPosition, AuditQuery, AuditScope, AuditStore, ForgottenRecords};
pub use clocks::{ClockStore, RescheduleRequest};
pub use conditions::{TextFilter, TimeRange};
pub use config::{
    ConfigStore, ListPage, OrderBy, PageRequest, SortKey, SubscriptionQuery,
    SubscriptionSideEffects, TenantQuery, WriteError, sort_key,
};
pub use console::{ConsoleBounds, ConsoleCreation, ConsoleStore};
pub use data_keys::{DataKeyStore, REWRITE_PAUSE, ReplacementStep, WrappedKeyCount};
pub use error::{FirstFault, StoreError, StoreResult};
pub use event_types::{CatalogueError, EventTypeQuery, EventTypeStore};
pub use history::{
    DeliveryCounts, DeliveryQuery, EventQuery, HistoryStore, ListedEvent, StatsRow, TailPage,
    TailedAttempt,
};
pub use latency::{latency_bucket, latency_quantile};
pub use maintenance::{MaintenanceCounts, MaintenanceOptions, MaintenanceStore};
pub use operations::{
    ExpungeBatch, HistoryRange, OperationEnd, OperationStep, OperationStore, RemovalCounts,
};
pub use ordering::{KeyBacklog, KeyEnd, KeyHold, OrderingStore};
pub use outbox::{OutboxEntry, OutboxStore, StreakChange};
pub use ownership::{
    AgentSighting, ClusterView, OwnershipStore, ProcessInstance, RegionClock, ReplicaRow, ShardRow,
    latest_sightings,
};
pub use publishing::{
    IdempotencyRecord, NewEvent, PublishOutcome, PublishingStore, UsedIdempotencyKey,
};
pub use store::{CallObserver, ConnectionPoolSize, OpenOptions, Store};
pub use tokens::{TokenBounds, TokenCounts, TokenCreation, TokenQuery, TokenStore};
pub use turns::{Turn, Turns};
pub use work::{
    CancelOutcome, ClaimLimits, ClaimRequest, ClaimedDelivery, ConcludedDelivery, Conclusion,
    ConclusionOutcome, EndWaitingRequest, SubscriptionBacklog, WaitingSubscription, WorkStore,
};

/// What engines share, for one that is built beside those here.
pub mod engine {
    pub use crate::audit::{forgettable, next_record, tenant_deletion};
    pub use crate::codec::{
        first_id_from, hour, id_range, ids_of_same_millisecond, search_text, wants_event_type,
        without_nul,
    };
    pub use crate::config::sort_key;
    pub use crate::event_types::{MAX_NAMED_USERS, may_put};
    pub use crate::outbox::StreakChanges;
    pub use crate::publishing::numbered;
    pub use crate::sealing::certificate_warning;
}

/// Opens the engine named by the URL: `postgres://…` or `sqlite:PATH`.
///
/// With `migrate` the schema is brought up to date first; otherwise an old schema is an
/// error.
pub async fn open(url: &str, options: &OpenOptions) -> StoreResult<Arc<dyn Store>> {
    open_observed(url, options, Arc::new(())).await
}

/// As [`open`]; `observer` is told of each call of PostgreSQL.
pub async fn open_observed(
    url: &str,
    options: &OpenOptions,
    observer: Arc<dyn CallObserver>,
) -> StoreResult<Arc<dyn Store>> {
    if names_postgres(url) {
        Ok(Arc::new(postgres::PostgresStore::open(url, options, observer).await?))
    } else if let Some(path) = url.strip_prefix("sqlite:") {
        Ok(Arc::new(sqlite::SqliteStore::open(path, options).await?))
    } else {
        Err(StoreError::Rejected("a database URL begins with postgres:// or sqlite:".to_owned()))
    }
}

/// Whether the database that the URL names lets somebody in now; nothing in it is looked at.
/// `Unavailable` may pass by waiting. Of SQLite, which is a file, nothing is asked.
pub async fn check_reachable(url: &str) -> StoreResult<()> {
    match names_postgres(url) {
        true => postgres::PostgresStore::reach(url).await,
        false => Ok(()),
    }
}

fn names_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}
