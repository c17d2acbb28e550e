//! The one connection that writes.
//!
//! Fed by every method that changes something, one at a time and in the order of
//! their asking; feeds transactions that begin IMMEDIATE, so that none finds out
//! at its end that it may not write. A caller that goes away in the middle takes
//! its transaction along: dropping it rolls it back. A disk without room makes
//! SQLite roll back by itself, after which the driver believes in a transaction
//! that is not there and begins no other: such a connection is replaced. What was
//! committed while the file's name led elsewhere is not answered as written.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection, Transaction};
use tokio::sync::{Mutex, MutexGuard};

use super::errors::stored;
use super::lock::FilePlace;
use crate::error::{StoreError, StoreResult};

/// Owns the writing connection until closed.
pub(super) struct Writer {
    connection: Mutex<Option<SqliteConnection>>,
    options: SqliteConnectOptions,
    place: Arc<FilePlace>,
    /// A transaction could not begin: the connection may be of no use any more.
    doubtful: AtomicBool,
}

impl Writer {
    pub(super) async fn open(
        options: SqliteConnectOptions,
        place: Arc<FilePlace>,
    ) -> StoreResult<Self> {
        let connection = SqliteConnection::connect_with(&options).await.map_err(stored)?;
        let doubtful = AtomicBool::new(false);
        Ok(Self { connection: Mutex::new(Some(connection)), options, place, doubtful })
    }

    /// Waits for the connection.
    pub(super) async fn lock(&self) -> StoreResult<Writing<'_>> {
        let guard = self.connection.lock().await;
        if guard.is_some() { Ok(Writing { guard, writer: self }) } else { Err(closed()) }
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

/// The right to write, for one transaction.
pub(super) struct Writing<'a> {
    guard: MutexGuard<'a, Option<SqliteConnection>>,
    writer: &'a Writer,
}

impl Writing<'_> {
    pub(super) async fn begin(&mut self) -> StoreResult<Tx<'_>> {
        self.writer.place.check()?;
        if self.writer.doubtful.load(Ordering::Relaxed) {
            self.repair().await?;
        }
        let doubtful = &self.writer.doubtful;
        let connection = self.guard.as_mut().ok_or_else(closed)?;
        let begun = connection.begin_with("BEGIN IMMEDIATE").await;
        begun.map(|transaction| Tx { transaction, place: &self.writer.place }).map_err(|error| {
            doubtful.store(true, Ordering::Relaxed);
            stored(error)
        })
    }

    /// Replaces a connection that is left in a transaction; nobody is in one now.
    async fn repair(&mut self) -> StoreResult<()> {
        let connection = self.guard.as_mut().ok_or_else(closed)?;
        // What was dropped before is rolled back before this is answered.
        let usable = connection.ping().await.is_ok() && !connection.is_in_transaction();
        if !usable {
            let fresh = SqliteConnection::connect_with(&self.writer.options).await;
            let lost = self.guard.replace(fresh.map_err(stored)?);
            if let Some(Err(error)) = async { Some(lost?.close().await) }.await {
                tracing::warn!(%error, "closing a connection that was lost failed");
            }
            tracing::warn!("the writing connection was left in a transaction; it was replaced");
        }
        self.writer.doubtful.store(false, Ordering::Relaxed);
        Ok(())
    }
}

/// A transaction that writes.
pub(super) struct Tx<'a> {
    transaction: Transaction<'a, Sqlite>,
    place: &'a FilePlace,
}

impl Tx<'_> {
    pub(super) async fn commit(self) -> StoreResult<()> {
        self.transaction.commit().await.map_err(stored)?;
        self.place.check()
    }
}

impl Deref for Tx<'_> {
    type Target = SqliteConnection;
    fn deref(&self) -> &SqliteConnection {
        &self.transaction
    }
}

impl DerefMut for Tx<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    async fn pages(writer: &Writer, most: u32) {
        let mut writing = writer.lock().await.unwrap();
        let connection = writing.guard.as_mut().unwrap();
        let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {most}"));
        sqlx::query(limit).execute(connection).await.unwrap();
    }

    async fn write(writer: &Writer) -> StoreResult<()> {
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
        let writer = Writer::open(options, Arc::new(place)).await.unwrap();
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
