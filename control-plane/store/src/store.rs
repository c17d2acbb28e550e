//! What an engine is, and how one is opened.
//!
//! Fed by the traits of this crate; feeds the engines, which are one trait together.

use std::sync::Arc;
use std::time::Duration;

use postrider_secret_encryption::KeyEncryptionKeys;

use crate::audit::AuditStore;
use crate::clocks::ClockStore;
use crate::config::ConfigStore;
use crate::console::ConsoleStore;
use crate::data_keys::DataKeyStore;
use crate::event_types::EventTypeStore;
use crate::history::HistoryStore;
use crate::maintenance::MaintenanceStore;
use crate::operations::OperationStore;
use crate::ordering::OrderingStore;
use crate::outbox::OutboxStore;
use crate::ownership::OwnershipStore;
use crate::publishing::PublishingStore;
use crate::tokens::TokenStore;
use crate::work::WorkStore;

/// Everything an engine does.
pub trait Store:
    AuditStore
    + ConfigStore
    + ConsoleStore
    + DataKeyStore
    + EventTypeStore
    + PublishingStore
    + WorkStore
    + OrderingStore
    + OwnershipStore
    + ClockStore
    + HistoryStore
    + OutboxStore
    + OperationStore
    + TokenStore
    + MaintenanceStore
    + Send
    + Sync
    + 'static
{
    /// How many rows it met in the last hour that are not what this program writes, and left
    /// out of what it read.
    fn unreadable_rows(&self) -> u64 {
        0
    }

    /// The connections that it has open now; none where it has no pools.
    fn connection_pools(&self) -> Vec<ConnectionPoolSize> {
        Vec::new()
    }
}

/// How many connections a pool has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionPoolSize {
    /// What they are for.
    pub name: &'static str,
    pub open: u64,
    /// Of those that are open.
    pub idle: u64,
    pub max: u64,
}

/// Is told how long the calls of an engine take.
pub trait CallObserver: Send + Sync + 'static {
    /// `outcome` is `ok` or the error's name ([`crate::StoreError::name`]).
    fn ended(&self, method: &'static str, outcome: &'static str, took: Duration);
}

/// Nobody.
impl CallObserver for () {
    fn ended(&self, _: &'static str, _: &'static str, _: Duration) {}
}

/// How to open an engine.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Bring the schema up to date.
    pub migrate: bool,
    /// The number of shards; fixed by the first migration, after which another number
    /// is an error.
    pub shards: u16,
    /// Most connections that the engine opens (PostgreSQL, and two more for ownership
    /// alone) or readers (SQLite), but for those that follow.
    pub max_connections: u32,
    /// Most connections for lists and other reads of many rows, which use no others.
    pub max_read_connections: u32,
    /// What wraps the data keys by which secrets are stored.
    pub keys: Arc<dyn KeyEncryptionKeys>,
}
