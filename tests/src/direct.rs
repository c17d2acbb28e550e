//! A cluster's database, past the program.
//!
//! Fed by a [`Cluster`]; feeds tests and the soak, which change or read what no API does.
//! Guarantees a connection beside those of the program on both engines, for statements that
//! both understand.

use std::time::Duration;

use anyhow::Result;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::cluster::{Cluster, Engine};

/// How long SQLite's file is waited for, while the program writes to it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection of the test's own.
#[derive(Debug)]
pub enum DirectConnection {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl DirectConnection {
    /// Opens one beside the cluster's programs; SQLite's file lies in the cluster's folder.
    pub async fn open(cluster: &Cluster) -> Result<Self> {
        if let Some(database) = cluster.database() {
            return Ok(Self::Postgres(database.connect().await?));
        }
        let file = cluster.folder().join("postrider.db");
        let options = SqliteConnectOptions::new().filename(file).busy_timeout(BUSY_TIMEOUT);
        Ok(Self::Sqlite(SqliteConnection::connect_with(&options).await?))
    }

    pub const fn engine(&self) -> Engine {
        match self {
            Self::Postgres(_) => Engine::Postgres,
            Self::Sqlite(_) => Engine::Sqlite,
        }
    }

    /// Runs a statement that nobody from outside wrote.
    pub async fn execute(&mut self, sql: &str) -> Result<()> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Postgres(connection) => connection.execute(sql).await.map(drop)?,
            Self::Sqlite(connection) => connection.execute(sql).await.map(drop)?,
        }
        Ok(())
    }

    /// What a query of a name and a number finds.
    pub async fn figures(&mut self, sql: &str) -> Result<Vec<(String, i64)>> {
        let sql = AssertSqlSafe(sql.to_owned());
        Ok(match self {
            Self::Postgres(connection) => sqlx::query_as(sql).fetch_all(connection).await?,
            Self::Sqlite(connection) => sqlx::query_as(sql).fetch_all(connection).await?,
        })
    }
}
