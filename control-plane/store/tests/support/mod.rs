//! Databases for tests on PostgreSQL.
//!
//! Fed by `POSTRIDER_TEST_POSTGRES_URL`; feeds all test programs of this crate.
//! Guarantees an empty database that nobody else uses.

#![allow(dead_code, reason = "each test program uses its part")]

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

const POSTGRES_URL: &str = "POSTRIDER_TEST_POSTGRES_URL";
const POLL_PAUSE: Duration = Duration::from_millis(5);
const POLL_LIMIT: Duration = Duration::from_secs(30);

/// A database on the server of the environment.
pub struct FreshDatabase {
    admin: String,
    name: String,
    pub url: String,
}

impl FreshDatabase {
    /// `None`, and a word about it, where no server is named.
    pub async fn create() -> Option<Self> {
        let Ok(admin) = std::env::var(POSTGRES_URL) else {
            eprintln!("==== SKIPPED ON POSTGRESQL: {POSTGRES_URL} is not set ====");
            return None;
        };
        let name = format!("store_{}", uuid::Uuid::now_v7().simple());
        execute(&admin, &format!("CREATE DATABASE {name}")).await;
        let (server, query) = match admin.split_once('?') {
            Some((server, query)) => (server, format!("?{query}")),
            None => (admin.as_str(), String::new()),
        };
        let after_scheme = server.find("://").unwrap() + 3;
        let host_ends = server[after_scheme..].find('/').map_or(server.len(), |n| after_scheme + n);
        let url = format!("{}/{name}{query}", &server[..host_ends]);
        Some(Self { admin, name, url })
    }

    pub async fn drop(&self) {
        execute(&self.admin, &format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }
}

pub async fn execute(url: &str, sql: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}

/// Waits until something holds, and fails where it never does.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(POLL_PAUSE).await;
        }
    };
    let waited = tokio::time::timeout(POLL_LIMIT, waiting).await;
    assert!(waited.is_ok(), "waited {POLL_LIMIT:?} for {what}");
}
