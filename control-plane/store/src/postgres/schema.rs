//! The schema: brought up to date, or checked to be.

use std::borrow::Cow;

use sqlx::migrate::{Migrate as _, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{PgConnection, SqlSafeStr as _};

use super::errors::{Checked as _, store_error};
use crate::error::{StoreError, StoreResult};

/// Version, description and text of each migration. A migration that was
/// released is never edited: its checksum is kept in the database.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "tables", include_str!("../../migrations/postgres/0001_tables.sql")),
    (2, "event_types", include_str!("../../migrations/postgres/0002_event_types.sql")),
    (3, "announcements", include_str!("../../migrations/postgres/0003_announcements.sql")),
    (4, "operations", include_str!("../../migrations/postgres/0004_operations.sql")),
    (5, "filter_failed", include_str!("../../migrations/postgres/0005_filter_failed.sql")),
    (6, "sequences", include_str!("../../migrations/postgres/0006_sequences.sql")),
    (7, "ordering", include_str!("../../migrations/postgres/0007_ordering.sql")),
    (8, "inputs", include_str!("../../migrations/postgres/0008_inputs.sql")),
];

const SHARDS_KEY: &str = "shards";

fn migrator() -> Migrator {
    let migration = |&(version, description, text): &(i64, &'static str, &'static str)| {
        let sql = text.into_sql_str();
        Migration::new(version, Cow::Borrowed(description), MigrationType::Simple, sql, false)
    };
    Migrator::with_migrations(MIGRATIONS.iter().map(migration).collect())
}

/// Applies what is missing, under a lock: several replicas may start at once.
pub(super) async fn migrate(connection: &mut PgConnection, shards: u16) -> StoreResult<()> {
    migrator().run_direct(None, connection, false).await.map_err(migrate_error)?;
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

/// Fails unless the schema is exactly this program's, with this many shards.
pub(super) async fn check(connection: &mut PgConnection, shards: u16) -> StoreResult<()> {
    let migrator = migrator();
    let made: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(migrator.table_name.as_ref())
        .fetch_one(&mut *connection)
        .await
        .checked()?;
    let applied = if made {
        connection.list_applied_migrations(&migrator.table_name).await.map_err(migrate_error)?
    } else {
        Vec::new()
    };
    for migration in migrator.iter() {
        match applied.iter().find(|applied| applied.version == migration.version) {
            None => {
                return Err(StoreError::Corrupt(
                    "its schema is not up to date: run `postrider migrate`".to_owned(),
                ));
            }
            Some(applied) if applied.checksum != migration.checksum => {
                return Err(migrate_error(MigrateError::VersionMismatch(migration.version)));
            }
            Some(_) => {}
        }
    }
    if let Some(newer) = applied.iter().find(|applied| !migrator.version_exists(applied.version)) {
        return Err(migrate_error(MigrateError::VersionMissing(newer.version)));
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

fn migrate_error(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            store_error(error)
        }
        MigrateError::VersionMissing(version) => StoreError::Corrupt(format!(
            "its schema has migration {version}, which this program does not know: it is older"
        )),
        MigrateError::VersionMismatch(version) => {
            StoreError::Corrupt(format!("migration {version} was another one when it was applied"))
        }
        other => StoreError::Corrupt(other.to_string()),
    }
}
