//! A database past its engine, as another program would use it.

use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::engine::Engine;

/// Another program's connection to the same database.
pub enum Database {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Database {
    pub async fn of(engine: &Engine) -> Self {
        match engine.url.strip_prefix("sqlite:") {
            None => Self::Postgres(PgConnection::connect(&engine.url).await.unwrap()),
            Some(file) => {
                let options = SqliteConnectOptions::new().filename(file);
                let options = options.busy_timeout(Duration::from_secs(10));
                Self::Sqlite(SqliteConnection::connect_with(&options).await.unwrap())
            }
        }
    }

    pub async fn execute(&mut self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Postgres(connection) => connection.execute(sql).await.map(drop),
            Self::Sqlite(connection) => connection.execute(sql).await.map(drop),
        }
        .unwrap();
    }

    /// Every row of a table is refused; with a SQLSTATE, and more, on PostgreSQL.
    pub async fn refuse(&mut self, table: &str, using: &str) {
        let trigger = format!("CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH ROW");
        match self {
            Self::Postgres(_) => {
                let function = format!(
                    "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger AS $$
                    BEGIN RAISE EXCEPTION USING {using}; END $$ LANGUAGE plpgsql"
                );
                self.execute(&format!("{function}; {trigger} EXECUTE FUNCTION refuse()")).await;
            }
            Self::Sqlite(_) => {
                self.execute(&format!("{trigger} BEGIN SELECT RAISE(ABORT, 'refused'); END")).await;
            }
        }
    }

    pub async fn allow(&mut self, table: &str) {
        match self {
            Self::Postgres(_) => self.execute(&format!("DROP TRIGGER refuse ON {table}")).await,
            Self::Sqlite(_) => self.execute("DROP TRIGGER refuse").await,
        }
    }
}
