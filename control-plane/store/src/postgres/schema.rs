//! The schema: found, brought up to date, or checked to be.
//!
//! Fed by `open` with a connection; feeds the pools with the schema in which all connections
//! work. Guarantees that this is the one that holds the tables: another one that comes before
//! it in somebody's `search_path`, such as one of the role's own name, is not looked into.

use std::sync::Arc;

use sqlx::migrate::{Migrate as _, Migrator};
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};

use super::errors::{Checked as _, store_error};
use crate::error::{StoreError, StoreResult};
use crate::schema::{self, KnownMigration, MinimumProgram};

const MIGRATIONS: &[KnownMigration] =
    &[(1, "tables", include_str!("../../migrations/postgres/0001_tables.sql"))];

const SHARDS_KEY: &str = "shards";

/// Where the tables are, or will be, by the connection's own path; quoted.
const SELECT_SCHEMA: &str = "SELECT quote_ident(coalesce((
        SELECT n.nspname
        FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.oid = to_regclass($1)
    ), current_schema()))";

/// The tables of this program.
pub(super) fn own_tables() -> Vec<&'static str> {
    schema::table_names(MIGRATIONS)
}

/// A statement by which a connection works in one schema alone, whatever its role's path
/// says. Tables that a session makes for itself come last: they would be found first.
#[derive(Clone, Debug)]
pub(super) struct SchemaPath(pub(super) Arc<str>);

impl SchemaPath {
    /// Finds the schema that holds the tables, and keeps the connection to it.
    pub(super) async fn pin(connection: &mut PgConnection) -> StoreResult<Self> {
        let table = schema::migrator(MIGRATIONS).table_name;
        let found: Option<String> = sqlx::query_scalar(SELECT_SCHEMA)
            .bind(table.as_ref())
            .fetch_one(&mut *connection)
            .await
            .checked()?;
        let found = found.ok_or_else(|| {
            let told = "no schema of the role's search_path is there, or may be used";
            StoreError::Faulty(told.to_owned())
        })?;
        let path = Self(format!("SET search_path TO {found}, pg_temp").into());
        let pin = sqlx::raw_sql(AssertSqlSafe(Arc::clone(&path.0)));
        connection.execute(pin).await.checked()?;
        Ok(path)
    }
}

/// Applies what is missing, under a lock: several replicas may start at once.
pub(super) async fn migrate(connection: &mut PgConnection, shards: u16) -> StoreResult<()> {
    let migrator = schema::migrator(MIGRATIONS);
    let was_current = is_current(connection, &migrator).await?;
    let migrated = migrator.run_direct(None, connection, false).await;
    migrated.map_err(|error| schema::migrate_error(error, store_error))?;
    if !was_current {
        schema::log_migration(&migrator);
    }
    sqlx::query("INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(SHARDS_KEY)
        .bind(shards.to_string())
        .execute(&mut *connection)
        .await
        .checked()?;
    sqlx::query(
        "INSERT INTO shards (shard) SELECT generate_series(0, value::integer - 1) \
         FROM meta WHERE key = $1 ON CONFLICT DO NOTHING",
    )
    .bind(SHARDS_KEY)
    .execute(connection)
    .await
    .checked()?;
    Ok(())
}

/// Whether the schema is as new as this program's; an error when this program is too
/// old for it.
async fn is_current(connection: &mut PgConnection, migrator: &Migrator) -> StoreResult<bool> {
    let made: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(migrator.table_name.as_ref())
        .fetch_one(&mut *connection)
        .await
        .checked()?;
    if !made {
        return Ok(false);
    }
    let applied = connection.list_applied_migrations(&migrator.table_name).await;
    let applied = applied.map_err(|error| schema::migrate_error(error, store_error))?;
    let mut minimum = MinimumProgram::default();
    if !applied.is_empty() {
        minimum.migration = meta_value(connection, schema::MINIMUM_KEY).await?;
        minimum.release = meta_value(connection, schema::MINIMUM_RELEASE_KEY).await?;
    }
    schema::is_current(migrator, &applied, &minimum)
}

async fn meta_value(connection: &mut PgConnection, key: &str) -> StoreResult<Option<String>> {
    sqlx::query_scalar("SELECT value FROM meta WHERE key = $1")
        .bind(key)
        .fetch_optional(connection)
        .await
        .checked()
}

/// Fails unless this program can work on the schema, with this many shards.
pub(super) async fn check(connection: &mut PgConnection, shards: u16) -> StoreResult<()> {
    if !is_current(connection, &schema::migrator(MIGRATIONS)).await? {
        return Err(schema::not_current());
    }
    let stored: String = sqlx::query_scalar("SELECT value FROM meta WHERE key = $1")
        .bind(SHARDS_KEY)
        .fetch_one(connection)
        .await
        .checked()?;
    if stored == shards.to_string() {
        Ok(())
    } else {
        Err(StoreError::Corrupt(format!("it has {stored} shards, the settings say {shards}")))
    }
}
