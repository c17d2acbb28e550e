//! The embedded engine: one file, one process.
//!
//! Fed by the same calls as PostgreSQL; feeds a database in WAL mode with `synchronous
//! = FULL`, so that what was answered is on the disk. Guarantees sqlite-one-writer: one
//! connection writes at a time; readers have their own connections, which cannot write,
//! for one short read each; locks on the database's file and beside it refuse a second
//! process.
//!
//! Keeps the invariant `sqlite-one-writer`.

mod attempts;
mod bulk;
mod checkpoint;
mod claim;
mod clocks;
mod conclude;
mod config;
mod config_lists;
mod config_rows;
mod engine;
mod errors;
mod event_types;
mod histogram;
mod history;
mod list_sql;
mod lock;
mod maintenance;
mod open;
mod operations;
mod operations_history;
mod ordering;
mod outbox;
mod ownership;
mod publishing;
mod rows;
#[cfg(test)]
mod tests;
mod work;
mod work_rows;
mod writer;

pub use self::engine::SqliteStore;
use crate::error::StoreResult;
use crate::store::OpenOptions;

impl SqliteStore {
    /// Opens, and with `options.migrate` makes, the database at a path.
    pub async fn open(path: &str, options: &OpenOptions) -> StoreResult<Self> {
        open::open(path, options).await
    }
}
