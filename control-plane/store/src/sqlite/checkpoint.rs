//! Moves committed pages from the write-ahead log into the database file.
//!
//! Fed by time alone; feeds the disk. A checkpoint on the writing path would
//! make whoever commits wait for it (58 to 96 ms at the 99th percentile in the
//! prototype), so the writer never makes one and a connection of its own does,
//! PASSIVE: beside the writer, waiting for nobody. Guarantees a bounded log: when
//! a steady writer has outrun the passive ones for long, one more is made under
//! the writer's lock, over the few pages that have come since, after which the
//! log begins anew.

use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::errors::stored;
use super::writer::Writer;
use crate::error::StoreResult;

const PERIOD: Duration = Duration::from_millis(500);
/// 64 MiB of 4 KiB pages.
const RESTART_ABOVE_PAGES: i64 = 16 * 1024;
/// What a restart may leave to be copied under the writer's lock: a few
/// milliseconds.
const RESTART_BELOW_REST_PAGES: i64 = 1024;
/// Passive checkpoints in a row that try to come that close.
const RESTART_TRIES: u32 = 8;

/// The task that makes checkpoints.
pub(super) struct Checkpoints {
    stop: watch::Sender<()>,
    task: std::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Checkpoints {
    pub(super) fn start(connection: SqliteConnection, writer: Arc<Writer>) -> Self {
        let (stop, stopped) = watch::channel(());
        let task = tokio::spawn(run(connection, writer, stopped));
        Self { stop, task: std::sync::Mutex::new(Some(task)) }
    }

    /// Ends the task and closes its connection.
    pub(super) async fn stop(&self) {
        self.stop.send_replace(());
        let task = self.task.lock().ok().and_then(|mut task| task.take());
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the checkpoint task failed");
        }
    }
}

async fn run(
    mut connection: SqliteConnection,
    writer: Arc<Writer>,
    mut stopped: watch::Receiver<()>,
) {
    loop {
        // Told, or its sender dropped: either way the store is gone.
        if tokio::time::timeout(PERIOD, stopped.changed()).await.is_ok() {
            break;
        }
        if let Err(error) = checkpoint(&mut connection, &writer).await {
            tracing::warn!(%error, "a checkpoint failed; the next one makes up for it");
        }
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "closing the checkpoint connection failed");
    }
}

/// Pages of the log, as a checkpoint left them.
struct Log {
    pages: i64,
    rest: i64,
}

async fn checkpoint(connection: &mut SqliteConnection, writer: &Writer) -> StoreResult<()> {
    let mut log = pragma(connection, "PRAGMA wal_checkpoint(PASSIVE)").await?;
    if log.pages < RESTART_ABOVE_PAGES || log.rest == 0 {
        // With no rest the writer itself begins the log anew.
        return Ok(());
    }
    for _ in 0..RESTART_TRIES {
        if log.rest <= RESTART_BELOW_REST_PAGES {
            break;
        }
        log = pragma(connection, "PRAGMA wal_checkpoint(PASSIVE)").await?;
    }
    let _writing = writer.lock().await?;
    pragma(connection, "PRAGMA wal_checkpoint(RESTART)").await?;
    Ok(())
}

async fn pragma(connection: &mut SqliteConnection, sql: &'static str) -> StoreResult<Log> {
    let row = sqlx::query(sql).fetch_one(connection).await.map_err(stored)?;
    let pages: i64 = row.try_get(1).map_err(stored)?;
    let copied: i64 = row.try_get(2).map_err(stored)?;
    Ok(Log { pages, rest: pages - copied })
}
