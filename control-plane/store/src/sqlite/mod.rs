//! The embedded engine: one file, one process.
//!
//! Fed by the same calls as PostgreSQL; feeds a database in WAL mode with `synchronous
//! = FULL`, so that what was answered is on the disk. Guarantees sqlite-one-writer: one
//! connection writes at a time; readers have their own connections, which cannot write,
//! for one short read each; locks on the database's file and beside it refuse a second
//! process.
//!
//! Keeps the invariant `sqlite-one-writer`.

mod attempts;
mod audit;
mod audit_append;
mod bulk;
mod checkpoint;
mod claim;
mod clocks;
mod conclude;
mod config;
mod config_lists;
mod config_rows;
mod console;
mod data_keys;
mod ending_attempts;
mod engine;
mod errors;
mod event_types;
mod histogram;
mod history;
mod list_sql;
mod lock;
mod maintenance;
mod open;
mod operations;
mod operations_history;
mod ordering;
mod outbox;
mod ownership;
mod payload_removal;
mod publishing;
mod reading;
mod rows;
mod tenant_retention;
mod tokens;
mod work;
mod work_rows;
mod writer;

pub use self::engine::SqliteStore;
use crate::error::StoreResult;
use crate::store::OpenOptions;

impl SqliteStore {
    /// Opens, and with `options.migrate` makes, the database at a path.
    pub async fn open(path: &str, options: &OpenOptions) -> StoreResult<Self> {
        open::open(path, options).await
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::time::Duration;

    use postrider_domain::ids::{AttemptKey, DeliveryId};
    use postrider_secret_encryption::LocalKeys;
    use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
    use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Row as _};
    use tempfile::TempDir;
    use uuid::Uuid;

    use super::bulk::BoundValues;
    use super::checkpoint::{RestartOutcome, restart};
    use super::open::{BUSY_TIMEOUT, CHECKPOINT_BUSY_TIMEOUT};
    use super::{SqliteStore, ordering, work};
    use crate::{HistoryStore as _, MaintenanceStore as _, OpenOptions};

    /// Far more than a commit takes, and far less than a connection waits for a reader.
    const PATIENCE: Duration = Duration::from_secs(2);

    /// A store with one reader of each kind, and its file.
    async fn open() -> (TempDir, PathBuf, SqliteStore) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let keys = Arc::new(LocalKeys::default());
        let options = OpenOptions {
            migrate: true,
            shards: 8,
            max_connections: 1,
            max_read_connections: 1,
            keys,
        };
        let store = SqliteStore::open(path.to_str().unwrap(), &options).await.unwrap();
        (folder, path, store)
    }

    /// A connection as another program has it.
    async fn connect(path: &Path) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(path);
        let options = options.busy_timeout(CHECKPOINT_BUSY_TIMEOUT);
        SqliteConnection::connect_with(&options).await.unwrap()
    }

    /// From then on the connection reads the log as it is now.
    async fn begin_to_read(connection: &mut SqliteConnection) {
        connection.execute("BEGIN").await.unwrap();
        connection.execute("SELECT count(*) FROM meta").await.unwrap();
    }

    /// Writes something into the log.
    async fn write(store: &SqliteStore) {
        let sql = "INSERT INTO meta (name, value) SELECT 'test' || count(*), '' FROM meta";
        assert_eq!(store.changed_by(BoundValues::default(), sql).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn another_programs_reader_keeps_the_log_from_starting_over() {
        let (_folder, path, store) = open().await;
        // Two checkpoints at once are in each other's way.
        store.checkpoints.stop().await;
        let (mut checkpointer, mut reader) = (connect(&path).await, connect(&path).await);
        write(&store).await;
        begin_to_read(&mut reader).await;
        write(&store).await;
        let mut outcome = restart(&mut checkpointer, &store.writer, &store.reading).await;
        assert_eq!(outcome.unwrap(), RestartOutcome::ReaderInTheWay);
        reader.execute("ROLLBACK").await.unwrap();
        outcome = restart(&mut checkpointer, &store.writer, &store.reading).await;
        assert_eq!(outcome.unwrap(), RestartOutcome::Done);
        store.close().await;
    }

    #[tokio::test]
    async fn who_writes_waits_for_no_reader_while_the_log_is_cut_down() {
        let (_folder, path, store) = open().await;
        store.checkpoints.stop().await;
        write(&store).await;
        let mut reader = store.list_reader().await.unwrap();
        begin_to_read(&mut reader).await;
        let writing = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            tokio::time::timeout(PATIENCE, write(&store)).await
        };
        let (cut, written) = tokio::join!(store.truncate_after_removals(), writing);
        assert!(cut.unwrap_err().is_transient());
        written.unwrap();
        reader.execute("ROLLBACK").await.unwrap();
        drop(reader);
        let mut other = connect(&path).await;
        begin_to_read(&mut other).await;
        write(&store).await;
        let cut = tokio::time::timeout(PATIENCE, store.truncate_after_removals()).await;
        assert!(cut.unwrap().unwrap_err().is_transient());
        other.execute("ROLLBACK").await.unwrap();
        // What could not be done is done the next time.
        store.truncate_after_removals().await.unwrap();
        let log = path.with_file_name("db-wal");
        assert_eq!(std::fs::metadata(log).unwrap().len(), 0);
        let mut writing = store.writer.lock().await.unwrap();
        let timeout = writing.run_alone("PRAGMA busy_timeout").await.unwrap().unwrap();
        assert_eq!(timeout.get::<i64, _>(0), BUSY_TIMEOUT.as_millis() as i64);
        drop(writing);
        store.close().await;
    }

    #[tokio::test]
    async fn whoever_delivers_waits_for_no_list() {
        let (_folder, _, store) = open().await;
        // The only one.
        let list = store.list_reader().await.unwrap();
        let tenant = "acme".parse().unwrap();
        let delivery = DeliveryId(Uuid::nil());
        let asked = [AttemptKey { delivery, number: 1 }];
        let found = tokio::time::timeout(PATIENCE, store.recorded_results(&tenant, &asked)).await;
        assert!(found.unwrap().unwrap().is_empty());
        let listed = store.list_attempts(&tenant, delivery, 0, 1);
        assert!(tokio::time::timeout(PATIENCE / 10, listed).await.is_err());
        drop(list);
        store.close().await;
    }

    /// How SQLite would carry a statement out, a step a line.
    async fn plan(store: &SqliteStore, statement: &str) -> String {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let steps: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(explain).fetch_all(&store.readers).await.unwrap();
        steps.into_iter().map(|(_, _, _, step)| step + "\n").collect()
    }

    #[tokio::test]
    async fn the_next_subscription_and_the_next_key_are_searched_for() {
        let (_folder, _, store) = open().await;
        for (statement, searches) in [
            (
                work::SELECT_WAITING_SUBSCRIPTIONS,
                &["tenant=? AND subscription>?)", "tenant>?)"][..],
            ),
            (
                ordering::SELECT_KEY_BACKLOGS,
                &[
                    "tenant=? AND subscription=? AND ordering_key>?)",
                    "tenant=? AND subscription>?)",
                    "tenant>?)",
                ],
            ),
        ] {
            let plan = plan(&store, statement).await;
            for search in searches {
                assert!(plan.contains(search), "no search for {search} in\n{plan}");
            }
            assert!(!plan.contains("TEMP B-TREE"), "it sorts:\n{plan}");
        }
        store.close().await;
    }
}
