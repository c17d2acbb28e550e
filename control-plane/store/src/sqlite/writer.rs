//! The connection that writes.
//!
//! Fed by every method that changes something, one at a time in the order of their
//! calls; feeds transactions that begin IMMEDIATE, so that none fails at its end
//! because it may not write. A dropped call rolls its transaction back. When the disk
//! is full, SQLite rolls back by itself, after which the driver believes in a
//! transaction that does not exist: such a connection is replaced. A commit is not
//! acknowledged if the file's name led elsewhere in the meantime.
//!
//! Keeps the invariant `sqlite-one-writer`.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{Connection, Transaction};
use tokio::sync::{Mutex, MutexGuard};

use super::errors::stored;
use super::lock::FilePlace;
use crate::error::{StoreError, StoreResult};

/// Pages that become free are written once more, as zeros.
const WIPE_ALL: &str = "PRAGMA secure_delete = ON";
/// Only what is deleted in pages that are written anyway is overwritten.
const WIPE_CHEAPLY: &str = "PRAGMA secure_delete = FAST";

/// Owns the writing connection until closed.
pub(super) struct WriterConnection {
    connection: Mutex<Option<SqliteConnection>>,
    options: SqliteConnectOptions,
    place: Arc<FilePlace>,
    /// A transaction could not begin: the connection may be unusable.
    doubtful: AtomicBool,
}

impl WriterConnection {
    pub(super) async fn open(
        options: SqliteConnectOptions,
        place: Arc<FilePlace>,
    ) -> StoreResult<Self> {
        let connection = SqliteConnection::connect_with(&options).await.map_err(stored)?;
        let doubtful = AtomicBool::new(false);
        Ok(Self { connection: Mutex::new(Some(connection)), options, place, doubtful })
    }

    /// Waits for the connection.
    pub(super) async fn lock(&self) -> StoreResult<WriterGuard<'_>> {
        let guard = self.connection.lock().await;
        if guard.is_some() { Ok(WriterGuard { guard, writer: self }) } else { Err(closed()) }
    }

    /// Closes the connection after whoever writes now.
    pub(super) async fn close(&self) -> StoreResult<()> {
        match self.connection.lock().await.take() {
            Some(connection) => connection.close().await.map_err(stored),
            None => Ok(()),
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

/// Exclusive access to the writing connection, for one transaction.
pub(super) struct WriterGuard<'a> {
    guard: MutexGuard<'a, Option<SqliteConnection>>,
    writer: &'a WriterConnection,
}

impl WriterGuard<'_> {
    pub(super) async fn begin(&mut self) -> StoreResult<WriteTransaction<'_>> {
        self.writer.place.check()?;
        if self.writer.doubtful.load(Ordering::Relaxed) {
            self.repair().await?;
        }
        let doubtful = &self.writer.doubtful;
        let connection = self.guard.as_mut().ok_or_else(closed)?;
        let started = connection.begin_with("BEGIN IMMEDIATE").await;
        started
            .map(|transaction| WriteTransaction {
                transaction,
                place: &self.writer.place,
                wipes: false,
            })
            .map_err(|error| {
                doubtful.store(true, Ordering::Relaxed);
                stored(error)
            })
    }

    /// As [`Self::begin`], and what the transaction overwrites or deletes is overwritten
    /// with zeros, also where that costs another write.
    pub(super) async fn begin_wiping(&mut self) -> StoreResult<WriteTransaction<'_>> {
        self.run_alone(WIPE_ALL).await?;
        let mut transaction = self.begin().await?;
        transaction.wipes = true;
        Ok(transaction)
    }

    /// Runs a statement outside of any transaction; returns its first row.
    pub(super) async fn run_alone(&mut self, sql: &'static str) -> StoreResult<Option<SqliteRow>> {
        self.writer.place.check()?;
        if self.writer.doubtful.load(Ordering::Relaxed) {
            self.repair().await?;
        }
        let connection = self.guard.as_mut().ok_or_else(closed)?;
        sqlx::query(sql).fetch_optional(connection).await.map_err(stored)
    }

    /// Replaces a connection that is stuck in a transaction; nobody uses it now.
    async fn repair(&mut self) -> StoreResult<()> {
        let connection = self.guard.as_mut().ok_or_else(closed)?;
        // A dropped transaction is rolled back before this ping is answered.
        let usable = connection.ping().await.is_ok() && !connection.is_in_transaction();
        if !usable {
            let fresh = SqliteConnection::connect_with(&self.writer.options).await;
            let lost = self.guard.replace(fresh.map_err(stored)?);
            if let Some(Err(error)) = async { Some(lost?.close().await) }.await {
                tracing::warn!(%error, "closing the old writing connection failed");
            }
            tracing::warn!("the writing connection was stuck in a transaction and was replaced");
        }
        self.writer.doubtful.store(false, Ordering::Relaxed);
        Ok(())
    }
}

/// A transaction that writes.
pub(super) struct WriteTransaction<'a> {
    transaction: Transaction<'a, Sqlite>,
    place: &'a FilePlace,
    /// Whether the connection wipes more than it does otherwise.
    wipes: bool,
}

impl WriteTransaction<'_> {
    pub(super) async fn commit(mut self) -> StoreResult<()> {
        if self.wipes {
            // At the transaction's end; after a roll-back the next one wipes more than it
            // must.
            sqlx::query(WIPE_CHEAPLY).execute(&mut *self.transaction).await.map_err(stored)?;
        }
        self.transaction.commit().await.map_err(stored)?;
        self.place.check()
    }
}

impl Deref for WriteTransaction<'_> {
    type Target = SqliteConnection;
    fn deref(&self) -> &SqliteConnection {
        &self.transaction
    }
}

impl DerefMut for WriteTransaction<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pages(writer: &WriterConnection, most: u32) {
        let mut writing = writer.lock().await.unwrap();
        let connection = writing.guard.as_mut().unwrap();
        let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {most}"));
        sqlx::query(limit).execute(connection).await.unwrap();
    }

    async fn write(writer: &WriterConnection) -> StoreResult<()> {
        let mut writing = writer.lock().await?;
        let mut tx = writing.begin().await?;
        let insert = sqlx::query("INSERT INTO filled VALUES (zeroblob(100000))");
        insert.execute(&mut *tx).await.map_err(stored)?;
        tx.commit().await
    }

    #[tokio::test]
    async fn it_writes_again_once_a_full_disk_has_room() {
        let folder = tempfile::tempdir().unwrap();
        let (_lock, place) =
            super::super::lock::FileLock::take(&folder.path().join("db"), true).unwrap();
        let options = SqliteConnectOptions::new().filename(&place.path);
        let writer = WriterConnection::open(options, Arc::new(place)).await.unwrap();
        {
            let mut writing = writer.lock().await.unwrap();
            let mut tx = writing.begin().await.unwrap();
            sqlx::query("CREATE TABLE filled (bytes BLOB)").execute(&mut *tx).await.unwrap();
            tx.commit().await.unwrap();
        }
        pages(&writer, 10).await;
        let refused = write(&writer).await.unwrap_err();
        assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
        pages(&writer, 1_000_000).await;
        // The first may find out that the connection is lost.
        let _ = write(&writer).await;
        write(&writer).await.unwrap();
    }
}
