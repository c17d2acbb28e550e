//! Connections that read, and the gate through which they come.
//!
//! Fed by the pools; feeds every method that reads. Guarantees that no reader is in the
//! log while it starts over: a writer never waits for one (see `checkpoint`).

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{Sqlite, SqliteConnection};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::errors::stored;
use crate::error::StoreResult;

/// How long new reads wait for the last of those that go on. Each is short: a page of a list.
const LAST_READER_TIMEOUT: Duration = Duration::from_secs(1);

/// Open to readers, but while the log starts over. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct ReadingGate(Arc<RwLock<()>>);

impl ReadingGate {
    /// A connection of a pool, once the gate is open.
    pub async fn acquire(&self, pool: &SqlitePool) -> StoreResult<ReaderConnection> {
        // The connection first: whoever waits for one is not in the log yet.
        let connection = pool.acquire().await.map_err(stored)?;
        let reading = Arc::clone(&self.0).read_owned().await;
        Ok(ReaderConnection { connection, _reading: reading })
    }

    /// Closes the gate once those who read have ended; `None` if that takes too long.
    pub async fn close(&self) -> Option<OwnedRwLockWriteGuard<()>> {
        let closed = Arc::clone(&self.0).write_owned();
        tokio::time::timeout(LAST_READER_TIMEOUT, closed).await.ok()
    }
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
}
