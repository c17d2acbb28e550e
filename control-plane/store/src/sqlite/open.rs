//! From a path to a store: the lock, the schema, the connections.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use postrider_domain::time::Timestamp;
use sqlx::Connection;
use sqlx::migrate::{Migrate as _, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};

use super::checkpoint::CheckpointTask;
use super::engine::{SqliteStore, SteadyClock};
use super::errors::stored;
use super::lock::FileLock;
use super::reading::ReadingGate;
use super::writer::WriterConnection;
use crate::error::{StoreError, StoreResult};
use crate::schema::{self, KnownMigration, MinimumProgram};
use crate::sealing::SecretSealer;
use crate::store::OpenOptions;
use crate::unreadable::UnreadableRows;

/// How long a reader is waited for, and how long for another program that looks at the
/// file. As at PostgreSQL for a connection.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the log's new start, which holds up the writer, waits for another program's
/// reader: what a publisher does not notice. Ours are not there (see `reading`).
pub(super) const CHECKPOINT_BUSY_TIMEOUT: Duration = Duration::from_millis(20);
const READER_TIMEOUT: Duration = Duration::from_secs(5);
/// Kilobytes, by SQLite's convention for negative numbers. The writer touches most tables,
/// 64 MiB; a reader one page of a list, 8 MiB.
const WRITER_CACHE: &str = "-65536";
const READER_CACHE: &str = "-8192";
/// 256 MiB of addresses, not of memory: what is hot in a small installation.
const MMAP_BYTES: &str = "268435456";
/// What the log's file is cut down to after it was larger. Twice the size at which it
/// starts over, so that ordinary growth is not cut off each time.
const LOG_LIMIT_BYTES: &str = "134217728";
/// Statements of many rows come in several lengths, each prepared once.
const STATEMENT_CACHE_SIZE: usize = 256;
/// Rows that a worker thread may read ahead, so that it need not wait for its reader at
/// each of them. A page of the largest size (`api.max_page_size`).
const READ_AHEAD_ROWS: usize = 1024;

const MIGRATIONS: &[KnownMigration] =
    &[(1, "tables", include_str!("../../migrations/sqlite/0001_tables.sql"))];

const DELETE_REPLICAS: &str = "DELETE FROM replicas";

/// The tables of this program.
pub(super) fn own_tables() -> Vec<&'static str> {
    schema::table_names(MIGRATIONS)
}

pub(super) async fn open(path: &str, options: &OpenOptions) -> StoreResult<SqliteStore> {
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() || path == ":memory:" {
        return Err(StoreError::Rejected("a SQLite store needs a file: sqlite:PATH".to_owned()));
    }
    let (lock, place) = FileLock::take(Path::new(path), options.migrate)?;
    let place = Arc::new(place);
    let connect = connect_options(&place.path);
    let writer_options = connect.clone().pragma("cache_size", WRITER_CACHE);
    let mut writer = SqliteConnection::connect_with(&writer_options).await.map_err(stored)?;
    let migrator = schema::migrator(MIGRATIONS);
    let is_current = is_current(&mut writer, &migrator).await?;
    if options.migrate {
        let migrated = migrator.run_direct(None, &mut writer, false).await;
        migrated.map_err(|error| schema::migrate_error(error, stored))?;
        if !is_current {
            schema::log_migration(&migrator);
        }
    } else if !is_current {
        return Err(schema::not_current());
    }
    fix_shards(&mut writer, options.shards).await?;
    forget_earlier_processes(&mut writer).await?;
    let checkpointer = connect.clone().busy_timeout(CHECKPOINT_BUSY_TIMEOUT);
    let checkpointer = SqliteConnection::connect_with(&checkpointer).await.map_err(stored)?;
    let reading = ReadingGate::default();
    let connect = connect.pragma("query_only", "ON").pragma("cache_size", READER_CACHE);
    let readers = |most: u32| {
        SqlitePoolOptions::new()
            .max_connections(most.max(1))
            .acquire_timeout(READER_TIMEOUT)
            .test_before_acquire(false)
            .connect_lazy_with(connect.clone())
    };
    writer.close().await.map_err(stored)?;
    let writer = Arc::new(WriterConnection::open(writer_options, Arc::clone(&place)).await?);
    Ok(SqliteStore {
        checkpoints: CheckpointTask::start(checkpointer, Arc::clone(&writer), reading.clone()),
        reading,
        writer,
        readers: readers(options.max_connections),
        list_readers: readers(options.max_read_connections),
        place,
        unreadable: UnreadableRows::default(),
        clock: SteadyClock { wall: wall_clock(), since: Instant::now() },
        shards: options.shards,
        sealer: SecretSealer::new(Arc::clone(&options.keys)),
        // Of what an earlier process removed, the log may have traces.
        secrets_removed: AtomicBool::new(true),
        lock: Mutex::new(Some(lock)),
    })
}

/// Forgets processes before this one, which would count as living for a while: whoever
/// has the file's lock is alone with it.
async fn forget_earlier_processes(writer: &mut SqliteConnection) -> StoreResult<()> {
    sqlx::query(DELETE_REPLICAS).execute(writer).await.map_err(stored)?;
    Ok(())
}

fn connect_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(false)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(STATEMENT_CACHE_SIZE)
        .row_buffer_size(READ_AHEAD_ROWS)
        .pragma("wal_autocheckpoint", "0")
        .pragma("journal_size_limit", LOG_LIMIT_BYTES)
        .pragma("mmap_size", MMAP_BYTES)
        .pragma("temp_store", "MEMORY")
        .pragma("secure_delete", "FAST")
}

pub(super) fn wall_clock() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(0) + since_epoch
}

/// Whether the schema is as new as this program's; an error when this program is too
/// old for it.
async fn is_current(connection: &mut SqliteConnection, migrator: &Migrator) -> StoreResult<bool> {
    let made: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = ?)")
            .bind(migrator.table_name.as_ref())
            .fetch_one(&mut *connection)
            .await
            .map_err(stored)?;
    if !made {
        return Ok(false);
    }
    let applied = connection.list_applied_migrations(&migrator.table_name).await;
    let applied = applied.map_err(|error| schema::migrate_error(error, stored))?;
    let mut minimum = MinimumProgram::default();
    if !applied.is_empty() {
        minimum.migration = meta_value(connection, schema::MINIMUM_KEY).await?;
        minimum.release = meta_value(connection, schema::MINIMUM_RELEASE_KEY).await?;
    }
    schema::is_current(migrator, &applied, &minimum)
}

async fn meta_value(connection: &mut SqliteConnection, name: &str) -> StoreResult<Option<String>> {
    sqlx::query_scalar("SELECT value FROM meta WHERE name = ?")
        .bind(name)
        .fetch_optional(connection)
        .await
        .map_err(stored)
}

/// Writes down the number of shards once; from then on it can only be the same,
/// since every stored delivery has its shard in it.
async fn fix_shards(connection: &mut SqliteConnection, shards: u16) -> StoreResult<()> {
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await.map_err(stored)?;
    let made: Option<String> = sqlx::query_scalar("SELECT value FROM meta WHERE name = 'shards'")
        .fetch_optional(&mut *tx)
        .await
        .map_err(stored)?;
    match made {
        Some(made) if made == shards.to_string() => Ok(()),
        Some(made) => Err(StoreError::Rejected(format!(
            "it was made for {made} shards, which cannot be changed to {shards}"
        ))),
        None => {
            sqlx::query("INSERT INTO meta (name, value) VALUES ('shards', ?)")
                .bind(shards.to_string())
                .execute(&mut *tx)
                .await
                .map_err(stored)?;
            sqlx::query(
                "WITH RECURSIVE n(shard) AS \
                 (SELECT 0 UNION ALL SELECT shard + 1 FROM n WHERE shard + 1 < ?) \
                 INSERT INTO shards (shard, epoch, owner, lease_until) \
                 SELECT shard, 0, NULL, 0 FROM n",
            )
            .bind(i64::from(shards))
            .execute(&mut *tx)
            .await
            .map_err(stored)?;
            tx.commit().await.map_err(stored)
        }
    }
}
