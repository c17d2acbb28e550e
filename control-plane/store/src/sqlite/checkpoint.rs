//! Moves committed pages from the write-ahead log into the database file.
//!
//! Fed by time alone; feeds the disk. A checkpoint on the writing path would
//! make whoever commits wait for it (58 to 96 ms at the 99th percentile in the
//! prototype), so the writer never makes one and a connection of its own does,
//! PASSIVE: beside the writer, waiting for nobody. Guarantees a bounded log: it
//! starts over only when all of it is in the database and nobody writes, which
//! under steady load never happens by itself. So above a size one more checkpoint
//! is made under the writer's lock, over the few pages that have come since.
//!
//! That one would wait for whoever reads the log, and with it every writer: beside 40
//! callers that list, one always does, and half of all publishes took 3.5 s. So readers
//! are let out first, and new ones wait meanwhile.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::errors::stored;
use super::reading::ReadingGate;
use super::writer::WriterConnection;
use crate::error::StoreResult;

/// More often, and pages that change all the time are written for nothing; less often, and
/// the log grows.
const CHECKPOINT_INTERVAL: Duration = Duration::from_millis(500);
/// 64 MiB of 4 KiB pages. Small enough to be searched quickly, and seldom reached, since
/// the writer waits for a restart.
const RESTART_ABOVE_PAGES: i64 = 16 * 1024;
/// After a reader kept the log from starting over: new readers wait for each try.
const RESTART_RETRY_PAUSE: Duration = Duration::from_secs(5);
/// Each leaves less to the next. After three, the one under the writer's lock took 1 to
/// 6 ms; after one, 48 to 73.
const PASSIVE_BEFORE_RESTART: u32 = 3;
const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";
const RESTART: &str = "PRAGMA wal_checkpoint(RESTART)";

/// The task that makes checkpoints.
pub(super) struct CheckpointTask {
    stop: watch::Sender<()>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl CheckpointTask {
    pub(super) fn start(
        connection: SqliteConnection,
        writer: Arc<WriterConnection>,
        reading: ReadingGate,
    ) -> Self {
        let (stop, stopped) = watch::channel(());
        let task = tokio::spawn(run(connection, writer, reading, stopped));
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
    reading: ReadingGate,
    mut stopped: watch::Receiver<()>,
) {
    let mut restart_from = Instant::now();
    loop {
        // Stopped, or its sender was dropped: the store is closed.
        if tokio::time::timeout(CHECKPOINT_INTERVAL, stopped.changed()).await.is_ok() {
            break;
        }
        let may_restart = Instant::now() >= restart_from;
        match checkpoint(&mut connection, &writer, &reading, may_restart).await {
            Ok(RestartOutcome::Done) => {}
            Ok(RestartOutcome::ReaderInTheWay) => {
                restart_from = Instant::now() + RESTART_RETRY_PAUSE;
            }
            Err(error) => {
                tracing::warn!(%error, "a checkpoint failed; the next one will catch up");
            }
        }
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "closing the checkpoint connection failed");
    }
}

/// Whether the log has started over where it was to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RestartOutcome {
    Done,
    ReaderInTheWay,
}

async fn checkpoint(
    connection: &mut SqliteConnection,
    writer: &WriterConnection,
    reading: &ReadingGate,
    may_restart: bool,
) -> StoreResult<RestartOutcome> {
    let CheckpointAnswer { pages, .. } = run_checkpoint(connection, PASSIVE).await?;
    if pages < RESTART_ABOVE_PAGES || !may_restart {
        return Ok(RestartOutcome::Done);
    }
    // One of them waits for the disk, some 40 ms. The one under the lock must not.
    for _ in 0..PASSIVE_BEFORE_RESTART {
        run_checkpoint(connection, PASSIVE).await?;
    }
    restart(connection, writer, reading).await
}

/// Has the log start over, unless somebody reads it who does not end soon.
pub(super) async fn restart(
    connection: &mut SqliteConnection,
    writer: &WriterConnection,
    reading: &ReadingGate,
) -> StoreResult<RestartOutcome> {
    let Some(_closed) = reading.close().await else {
        tracing::debug!("somebody still reads the log; it starts over another time");
        return Ok(RestartOutcome::ReaderInTheWay);
    };
    let _writing = writer.lock().await?;
    if run_checkpoint(connection, RESTART).await?.was_blocked {
        tracing::debug!("another program reads the log; it starts over another time");
        return Ok(RestartOutcome::ReaderInTheWay);
    }
    Ok(RestartOutcome::Done)
}

/// What a checkpoint says of itself.
struct CheckpointAnswer {
    /// Somebody was in its way. That is no error.
    was_blocked: bool,
    /// How many the log has.
    pages: i64,
}

async fn run_checkpoint(
    connection: &mut SqliteConnection,
    sql: &'static str,
) -> StoreResult<CheckpointAnswer> {
    let row = sqlx::query(sql).fetch_one(connection).await.map_err(stored)?;
    let blocked: i64 = row.try_get(0).map_err(stored)?;
    Ok(CheckpointAnswer { was_blocked: blocked != 0, pages: row.try_get(1).map_err(stored)? })
}
