//! From a path to a store: the lock, the schema, the connections.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use postrider_domain::time::Timestamp;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection, SqlSafeStr};

use super::checkpoint::Checkpoints;
use super::errors::stored;
use super::lock::FileLock;
use super::writer::Writer;
use super::{Clock, SqliteStore};
use crate::OpenOptions;
use crate::codec::corrupt;
use crate::error::{StoreError, StoreResult};

/// How long a reader is waited for, and how long for another program that looks
/// at the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READER_TIMEOUT: Duration = Duration::from_secs(5);
/// Kilobytes, by SQLite's convention for negative numbers.
const WRITER_CACHE: &str = "-65536";
const READER_CACHE: &str = "-8192";
const MMAP_BYTES: &str = "268435456";
/// What the log's file is cut down to after it was larger.
const LOG_LIMIT_BYTES: &str = "134217728";
/// Statements of many rows come in several lengths, each prepared once.
const STATEMENTS: usize = 256;
/// Rows that a worker thread may read ahead, so that it need not wait for its
/// reader at each of them.
const ROWS_AHEAD: usize = 1024;

const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "initial", include_str!("../../migrations/sqlite/0001_initial.sql")),
    (2, "event_types", include_str!("../../migrations/sqlite/0002_event_types.sql")),
    (3, "announcements", include_str!("../../migrations/sqlite/0003_announcements.sql")),
    (4, "operations", include_str!("../../migrations/sqlite/0004_operations.sql")),
    (5, "filter_failed", include_str!("../../migrations/sqlite/0005_filter_failed.sql")),
    (6, "sequences", include_str!("../../migrations/sqlite/0006_sequences.sql")),
    (7, "ordering", include_str!("../../migrations/sqlite/0007_ordering.sql")),
];

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
    if options.migrate {
        migrator().run_direct(None, &mut writer, false).await.map_err(migrating)?;
    } else {
        check_schema(&mut writer).await?;
    }
    fix_shards(&mut writer, options.shards).await?;
    let checkpointer = SqliteConnection::connect_with(&connect).await.map_err(stored)?;
    let readers = SqlitePoolOptions::new()
        .max_connections(options.max_connections.max(1))
        .acquire_timeout(READER_TIMEOUT)
        .test_before_acquire(false)
        .connect_lazy_with(connect.pragma("query_only", "ON").pragma("cache_size", READER_CACHE));
    writer.close().await.map_err(stored)?;
    let writer = Arc::new(Writer::open(writer_options, Arc::clone(&place)).await?);
    Ok(SqliteStore {
        checkpoints: Checkpoints::start(checkpointer, Arc::clone(&writer)),
        writer,
        readers,
        place,
        clock: Clock { wall: wall_clock(), since: Instant::now() },
        shards: options.shards,
        lock: Mutex::new(Some(lock)),
    })
}

fn connect_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(false)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(STATEMENTS)
        .row_buffer_size(ROWS_AHEAD)
        .pragma("wal_autocheckpoint", "0")
        .pragma("journal_size_limit", LOG_LIMIT_BYTES)
        .pragma("mmap_size", MMAP_BYTES)
        .pragma("temp_store", "MEMORY")
}

pub(super) fn wall_clock() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(0) + since_epoch
}

fn migrator() -> Migrator {
    let migration = |(version, name, sql): &(i64, &'static str, &'static str)| {
        let kind = MigrationType::Simple;
        Migration::new(*version, (*name).into(), kind, (*sql).into_sql_str(), false)
    };
    Migrator::with_migrations(MIGRATIONS.iter().map(migration).collect())
}

fn migrating(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => stored(error),
        error => corrupt(error),
    }
}

/// Whether exactly the migrations that this program knows have been made.
async fn check_schema(connection: &mut SqliteConnection) -> StoreResult<()> {
    let made: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations ORDER BY version")
            .fetch_all(connection)
            .await
            .unwrap_or_default();
    let migrator = migrator();
    let known = migrator.iter().map(|m| (m.version, m.checksum.to_vec()));
    if known.eq(made) {
        Ok(())
    } else {
        Err(corrupt("its schema is not this version's: run `postrider migrate`"))
    }
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
