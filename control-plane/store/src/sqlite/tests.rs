//! That statements which step along an index jump, however much lies in between.

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
    let options = OpenOptions { migrate: true, shards: 8, max_connections: 1 };
    let store = SqliteStore::open(path.to_str().unwrap(), &options).await.unwrap();
    for (statement, searches) in [
        (work::SELECT_WAITING_SUBSCRIPTIONS, &["tenant=? AND subscription>?)", "tenant>?)"][..]),
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
