//! Connections that read, and the gates through which they come.
//!
//! Fed by the pools; feeds every method that reads. Guarantees that no reader is in the
//! log while it starts over: a writer never waits for one (see `checkpoint`); and that short
//! reads, which dispatching and publishing make too, do not wait for a list meanwhile.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{Sqlite, SqliteConnection};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::errors::stored;
use crate::error::StoreResult;

/// How long new lists wait for the last of those that go on, and new short reads, at most,
/// for the last of theirs. Each is a page.
const LAST_READER_TIMEOUT: Duration = Duration::from_secs(1);

/// Open to readers, but while the log starts over. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct ReadingGate {
    lists: Arc<RwLock<()>>,
    short_reads: Arc<RwLock<()>>,
}

impl ReadingGate {
    /// A connection of a pool for one short read, once the gate is open.
    pub async fn acquire(&self, pool: &SqlitePool) -> StoreResult<ReaderConnection> {
        acquire(&self.short_reads, pool).await
    }

    /// A connection of a pool for many rows, once the gate is open.
    pub async fn acquire_for_list(&self, pool: &SqlitePool) -> StoreResult<ReaderConnection> {
        acquire(&self.lists, pool).await
    }

    /// Closes the gate once those who read have ended; `None` if that takes too long. To
    /// short reads it stays open until the last list has ended.
    pub async fn close(&self) -> Option<ClosedGate> {
        let closing = async {
            let lists = Arc::clone(&self.lists).write_owned().await;
            let short_reads = Arc::clone(&self.short_reads).write_owned().await;
            ClosedGate { _lists: lists, _short_reads: short_reads }
        };
        tokio::time::timeout(LAST_READER_TIMEOUT, closing).await.ok()
    }
}

async fn acquire(gate: &Arc<RwLock<()>>, pool: &SqlitePool) -> StoreResult<ReaderConnection> {
    // The connection first: whoever waits for one is not in the log yet.
    let connection = pool.acquire().await.map_err(stored)?;
    let reading = Arc::clone(gate).read_owned().await;
    Ok(ReaderConnection { connection, _reading: reading })
}

/// The gate is closed until this is dropped.
pub(super) struct ClosedGate {
    _lists: OwnedRwLockWriteGuard<()>,
    _short_reads: OwnedRwLockWriteGuard<()>,
}

/// A connection that reads.
pub(super) struct ReaderConnection {
    connection: PoolConnection<Sqlite>,
    _reading: OwnedRwLockReadGuard<()>,
}

impl Deref for ReaderConnection {
    type Target = SqliteConnection;
    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for ReaderConnection {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqlitePoolOptions;
    use tokio::time::timeout;

    use super::*;

    const MOMENT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn readers_end_first_and_new_ones_wait_while_the_gate_is_closed() {
        let pool = SqlitePoolOptions::new().max_connections(2).connect_lazy("sqlite::memory:");
        let (gate, pool) = (ReadingGate::default(), pool.unwrap());
        let reader = gate.acquire(&pool).await.unwrap();
        assert!(timeout(MOMENT, gate.close()).await.is_err(), "somebody reads");
        let (closed, ()) = tokio::join!(gate.close(), async {
            tokio::time::sleep(MOMENT).await;
            drop(reader);
        });
        let closed = closed.unwrap();
        assert!(timeout(MOMENT, gate.acquire(&pool)).await.is_err(), "it is closed");
        drop(closed);
        let endless = gate.acquire(&pool).await.unwrap();
        assert!(gate.close().await.is_none(), "whoever reads too long is not waited for");
        gate.acquire(&pool).await.unwrap();
        drop(endless);
    }

    #[tokio::test]
    async fn short_reads_do_not_wait_for_a_list_while_the_gate_is_being_closed() {
        let pool = SqlitePoolOptions::new().max_connections(2).connect_lazy("sqlite::memory:");
        let (gate, pool) = (ReadingGate::default(), pool.unwrap());
        let list = gate.acquire_for_list(&pool).await.unwrap();
        // The connection is open then.
        drop(gate.acquire(&pool).await.unwrap());
        let mut closing = Box::pin(gate.close());
        assert!(timeout(MOMENT, &mut closing).await.is_err(), "a list goes on");
        timeout(MOMENT, gate.acquire(&pool)).await.unwrap().unwrap();
        assert!(timeout(MOMENT, gate.acquire_for_list(&pool)).await.is_err(), "no new ones");
        drop(list);
        let closed = closing.await.unwrap();
        assert!(timeout(MOMENT, gate.acquire(&pool)).await.is_err(), "it is closed to all");
        drop(closed);
        gate.acquire_for_list(&pool).await.unwrap();
    }
}
