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
mod writer;

use std::sync::{Arc, Mutex};
use std::time::Instant;

use postrider_domain::time::Timestamp;
use sqlx::SqlitePool;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::Sqlite;

use crate::error::StoreResult;
use crate::{OpenOptions, Store};
use bulk::BoundValues;
use checkpoint::CheckpointTask;
use errors::stored;
use lock::{FileLock, FilePlace};
use writer::WriterConnection;

/// A store in one SQLite file.
pub struct SqliteStore {
    writer: Arc<WriterConnection>,
    readers: SqlitePool,
    checkpoints: CheckpointTask,
    clock: SteadyClock,
    shards: u16,
    place: Arc<FilePlace>,
    /// Held until the store is closed or dropped; the last field.
    lock: Mutex<Option<FileLock>>,
}

impl SqliteStore {
    /// Opens, and with `options.migrate` makes, the database at a path.
    pub async fn open(path: &str, options: &OpenOptions) -> StoreResult<Self> {
        open::open(path, options).await
    }

    /// Runs one statement in a transaction. Returns how many rows it changed.
    async fn changed_by(&self, values: BoundValues, sql: &'static str) -> StoreResult<u64> {
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let changed = values.change(&mut tx, sql).await?;
        tx.commit().await?;
        Ok(changed)
    }

    /// A connection to read with, for one short read.
    async fn reader(&self) -> StoreResult<PoolConnection<Sqlite>> {
        self.place.check()?;
        self.readers.acquire().await.map_err(stored)
    }
}

impl Store for SqliteStore {}

/// The wall clock as it stood at the start, carried forward by a monotonic one
/// (invariant `database-clock`): no lease ends early because somebody set the clock.
#[derive(Clone, Copy, Debug)]
struct SteadyClock {
    wall: Timestamp,
    since: Instant,
}

impl SteadyClock {
    fn now(&self) -> Timestamp {
        self.wall + self.since.elapsed()
    }
}
