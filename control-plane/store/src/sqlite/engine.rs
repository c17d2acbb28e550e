//! The engine, and its clock.
//!
//! Fed by the methods in the files beside it; feeds the connections.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use parking_lot::Mutex;
use postrider_domain::time::Timestamp;
use sqlx::SqlitePool;

use super::bulk::BoundValues;
use super::checkpoint::CheckpointTask;
use super::lock::{FileLock, FilePlace};
use super::reading::{ReaderConnection, ReadingGate};
use super::writer::WriterConnection;
use crate::error::StoreResult;
use crate::sealing::SecretSealer;
use crate::store::Store;
use crate::unreadable::UnreadableRows;

/// A store in one SQLite file.
pub struct SqliteStore {
    pub(super) writer: Arc<WriterConnection>,
    pub(super) readers: SqlitePool,
    /// For lists and other reads of many rows only.
    pub(super) list_readers: SqlitePool,
    pub(super) reading: ReadingGate,
    pub(super) checkpoints: CheckpointTask,
    pub(super) clock: SteadyClock,
    pub(super) shards: u16,
    pub(super) sealer: SecretSealer,
    /// Since the log was last begun anew.
    pub(super) secrets_removed: AtomicBool,
    pub(super) place: Arc<FilePlace>,
    pub(super) unreadable: UnreadableRows,
    /// Held until the store is closed or dropped; the last field.
    pub(super) lock: Mutex<Option<FileLock>>,
}

impl Store for SqliteStore {
    fn unreadable_rows(&self) -> u64 {
        self.unreadable.count()
    }
}

impl SqliteStore {
    /// Runs one statement in a transaction. Returns how many rows it changed.
    pub(super) async fn changed_by(
        &self,
        values: BoundValues,
        sql: &'static str,
    ) -> StoreResult<u64> {
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let changed = values.change(&mut tx, sql).await?;
        tx.commit().await?;
        Ok(changed)
    }

    /// A connection to read with, for one short read.
    pub(super) async fn reader(&self) -> StoreResult<ReaderConnection> {
        self.place.check()?;
        self.reading.acquire(&self.readers).await
    }

    /// A connection to read many rows with.
    pub(super) async fn list_reader(&self) -> StoreResult<ReaderConnection> {
        self.place.check()?;
        self.reading.acquire_for_list(&self.list_readers).await
    }
}

/// The wall clock as it stood at the start, carried forward by a monotonic one
/// (invariant `database-clock`): no lease ends early because somebody set the clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct SteadyClock {
    pub wall: Timestamp,
    pub since: Instant,
}

impl SteadyClock {
    pub fn now(&self) -> Timestamp {
        self.wall + self.since.elapsed()
    }
}
