//! The one connection that writes.
//!
//! Fed by every method that changes something, one at a time and in the order of
//! their asking; feeds transactions that begin IMMEDIATE, so that none finds out
//! at its end that it may not write. A caller that goes away in the middle takes
//! its transaction along: dropping it rolls it back.

use std::ops::{Deref, DerefMut};

use sqlx::sqlite::{Sqlite, SqliteConnection};
use sqlx::{Connection, Transaction};
use tokio::sync::{Mutex, MutexGuard};

use super::errors::stored;
use crate::error::{StoreError, StoreResult};

/// Owns the writing connection until closed.
pub(super) struct Writer {
    connection: Mutex<Option<SqliteConnection>>,
}

impl Writer {
    pub(super) fn new(connection: SqliteConnection) -> Self {
        Self { connection: Mutex::new(Some(connection)) }
    }

    /// Waits for the connection.
    pub(super) async fn lock(&self) -> StoreResult<Writing<'_>> {
        let guard = self.connection.lock().await;
        if guard.is_some() { Ok(Writing { guard }) } else { Err(closed()) }
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
}

impl Writing<'_> {
    pub(super) async fn begin(&mut self) -> StoreResult<Tx<'_>> {
        let connection = self.guard.as_mut().ok_or_else(closed)?;
        connection.begin_with("BEGIN IMMEDIATE").await.map(Tx).map_err(stored)
    }
}

/// A transaction that writes.
pub(super) struct Tx<'a>(Transaction<'a, Sqlite>);

impl Tx<'_> {
    pub(super) async fn commit(self) -> StoreResult<()> {
        self.0.commit().await.map_err(stored)
    }
}

impl Deref for Tx<'_> {
    type Target = SqliteConnection;
    fn deref(&self) -> &SqliteConnection {
        &self.0
    }
}

impl DerefMut for Tx<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.0
    }
}
