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
mod bulk;
mod checkpoint;
mod claim;
mod clocks;
mod conclude;
mod config;
mod config_lists;
mod config_rows;
mod data_keys;
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
mod publishing;
mod reading;
mod rows;
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
    use std::sync::Arc;

    use postrider_secret_encryption::LocalKeys;
    use sqlx::AssertSqlSafe;

    use super::{SqliteStore, ordering, work};
    use crate::{MaintenanceStore as _, OpenOptions};

    /// How SQLite would carry a statement out, a step a line.
    async fn plan(store: &SqliteStore, statement: &str) -> String {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let steps: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(explain).fetch_all(&store.readers).await.unwrap();
        steps.into_iter().map(|(_, _, _, step)| step + "\n").collect()
    }

    #[tokio::test]
    async fn the_next_subscription_and_the_next_key_are_searched_for() {
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
