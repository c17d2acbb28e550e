//! Moves committed pages from the write-ahead log into the database file.
//!
//! Fed by time alone; feeds the disk. A checkpoint on the writing path would
//! make whoever commits wait for it (58 to 96 ms at the 99th percentile in the
//! prototype), so the writer never makes one and a connection of its own does,
//! PASSIVE: beside the writer, waiting for nobody. Guarantees a bounded log: it
//! starts over only when all of it is in the database and nobody writes, which
//! under steady load never happens by itself. So above a size one more checkpoint
//! is made under the writer's lock, over the few pages that have come since.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::errors::stored;
use super::writer::WriterConnection;
use crate::error::StoreResult;

/// More often, and pages that change all the time are written for nothing; less often, and
/// the log grows.
const CHECKPOINT_INTERVAL: Duration = Duration::from_millis(500);
/// 64 MiB of 4 KiB pages. Small enough to be searched quickly, and seldom reached, since
/// the writer waits for a restart.
const RESTART_ABOVE_PAGES: i64 = 16 * 1024;
/// Each leaves less to the next. After three, the one under the writer's lock took 1 to
/// 6 ms; after one, 48 to 73.
const PASSIVE_BEFORE_RESTART: u32 = 3;

/// The task that makes checkpoints.
pub(super) struct CheckpointTask {
    stop: watch::Sender<()>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl CheckpointTask {
    pub(super) fn start(connection: SqliteConnection, writer: Arc<WriterConnection>) -> Self {
        let (stop, stopped) = watch::channel(());
        let task = tokio::spawn(run(connection, writer, stopped));
        Self { stop, task: Mutex::new(Some(task)) }
    }

    /// Ends the task and closes its connection.
    pub(super) async fn stop(&self) {
        self.stop.send_replace(());
        let task = self.task.lock().take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the checkpoint task failed");
        }
    }
}

async fn run(
    mut connection: SqliteConnection,
    writer: Arc<WriterConnection>,
    mut stopped: watch::Receiver<()>,
) {
    loop {
        // Stopped, or its sender was dropped: the store is closed.
        if tokio::time::timeout(CHECKPOINT_INTERVAL, stopped.changed()).await.is_ok() {
            break;
        }
        if let Err(error) = checkpoint(&mut connection, &writer).await {
            tracing::warn!(%error, "a checkpoint failed; the next one will catch up");
        }
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "closing the checkpoint connection failed");
    }
}

async fn checkpoint(
    connection: &mut SqliteConnection,
    writer: &WriterConnection,
) -> StoreResult<()> {
    let pages = pragma(connection, "PRAGMA wal_checkpoint(PASSIVE)").await?;
    if pages < RESTART_ABOVE_PAGES {
        return Ok(());
    }
    // One of them waits for the disk, some 40 ms. The one under the lock must not.
    for _ in 0..PASSIVE_BEFORE_RESTART {
        pragma(connection, "PRAGMA wal_checkpoint(PASSIVE)").await?;
    }
    let _writing = writer.lock().await?;
    pragma(connection, "PRAGMA wal_checkpoint(RESTART)").await?;
    Ok(())
}

/// Makes a checkpoint; returns how many pages the log has.
async fn pragma(connection: &mut SqliteConnection, sql: &'static str) -> StoreResult<i64> {
    let row = sqlx::query(sql).fetch_one(connection).await.map_err(stored)?;
    row.try_get(1).map_err(stored)
}
