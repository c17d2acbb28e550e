//! Which programs may work on which schema.
//!
//! Fed by the engines with the migrations that they know, those that a database has,
//! and its minimum version. Guarantees that a program works on its own schema, or on a
//! newer one that allows it, so that replicas of the previous version keep working,
//! restart and can be rolled back to during a roll-out.
//!
//! A database stores in `meta` the newest migration that a program must know
//! (`minimum_version`). A migration that older programs cannot work with raises it, and
//! writes down the first release that knows it (`minimum_release`), for whoever is refused.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{AppliedMigration, MigrateError, Migration, MigrationType, Migrator};

use crate::error::{StoreError, StoreResult};

/// The key of the minimum in `meta`.
pub(crate) const MINIMUM_KEY: &str = "minimum_version";
/// The key in `meta` of the first release that knows it.
pub(crate) const MINIMUM_RELEASE_KEY: &str = "minimum_release";
const OWN_RELEASE: &str = env!("CARGO_PKG_VERSION");

/// The oldest program that may work on a schema, as `meta` has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct MinimumProgram {
    /// The newest migration that it must know.
    pub migration: Option<String>,
    /// The first release that knows it. Only people read it.
    pub release: Option<String>,
}

/// Version, description and text of a migration. A released one is never edited,
/// because the database keeps its checksum.
pub(crate) type KnownMigration = (i64, &'static str, &'static str);

/// The driver's own table, of what was applied.
const APPLIED_TABLE: &str = "_sqlx_migrations";

/// The tables that migrations make, and the driver's. Partitions are made beside them.
pub(crate) fn table_names(known: &[KnownMigration]) -> Vec<&'static str> {
    let lines = known.iter().flat_map(|(_, _, sql)| sql.lines());
    let made = lines.filter_map(|line| line.strip_prefix("CREATE TABLE "));
    let is_over = |letter: char| !(letter == '_' || letter.is_ascii_alphanumeric());
    made.filter_map(|rest| rest.split(is_over).next()).chain([APPLIED_TABLE]).collect()
}

pub(crate) fn migrator(known: &[KnownMigration]) -> Migrator {
    let migration = |(version, description, sql): &KnownMigration| {
        let (kind, description) = (MigrationType::Simple, (*description).into());
        Migration::new(*version, description, kind, (*sql).into_sql_str(), false)
    };
    let mut migrator = Migrator::with_migrations(known.iter().map(migration).collect());
    // Newer ones are judged here.
    migrator.set_ignore_missing(true);
    migrator
}

/// Whether a program may migrate a schema, and whether it is up to date.
pub(crate) fn is_current(
    known: &Migrator,
    applied: &[AppliedMigration],
    minimum: &MinimumProgram,
) -> StoreResult<bool> {
    let newest_known = known.iter().map(|migration| migration.version).max().unwrap_or_default();
    let find = |version| applied.iter().find(|applied| applied.version == version);
    let mut is_current = true;
    for migration in known.iter() {
        match find(migration.version) {
            None => is_current = false,
            Some(applied) if applied.checksum != migration.checksum => {
                let version = migration.version;
                let text = format!("migration {version} differs from the one that was applied");
                return Err(StoreError::Corrupt(text));
            }
            Some(_) => {}
        }
    }
    let Some(newest) = applied.iter().map(|applied| applied.version).max() else {
        return Ok(false);
    };
    if newest <= newest_known && applied.iter().all(|applied| known.version_exists(applied.version))
    {
        return Ok(is_current);
    }
    let migration = minimum.migration.as_deref().and_then(|text| text.parse::<i64>().ok());
    match migration {
        Some(needed) if is_current && needed <= newest_known => Ok(true),
        Some(needed) if is_current => {
            let release = minimum.release.as_ref();
            let release = release.map(|release| format!(" (Postrider {release} or later)"));
            let release = release.unwrap_or_default();
            Err(StoreError::Corrupt(format!(
                "its schema is at migration {newest} and needs a program that knows migration \
                 {needed}{release}; this one is older and knows {newest_known} (Postrider \
                 {OWN_RELEASE})"
            )))
        }
        _ => Err(StoreError::Corrupt(format!(
            "its schema has migration {newest}, which this program does not know, and lacks one \
             that it does"
        ))),
    }
}

/// The error for a program that may not migrate an old schema.
pub(crate) fn not_current() -> StoreError {
    StoreError::Corrupt("its schema is not up to date: run `postrider migrate`".to_owned())
}

/// Says that the schema was brought up to date, and to what.
pub(crate) fn log_migration(migrator: &Migrator) {
    let version = migrator.iter().map(|migration| migration.version).max();
    tracing::info!(version, "the schema was brought up to date");
}

pub(crate) fn migrate_error(
    error: MigrateError,
    store_error: impl FnOnce(sqlx::Error) -> StoreError,
) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            store_error(error)
        }
        MigrateError::VersionMismatch(version) => StoreError::Corrupt(format!(
            "migration {version} differs from the one that was applied"
        )),
        other => StoreError::Corrupt(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[KnownMigration] = &[(1, "one", "SELECT 1"), (2, "two", "SELECT 2")];

    /// Those of [`KNOWN`], and newer ones.
    fn applied(versions: &[i64]) -> Vec<AppliedMigration> {
        let known = migrator(KNOWN);
        let checksum = |version| {
            let found = known.iter().find(|migration| migration.version == version);
            found.map_or(vec![9].into(), |migration| migration.checksum.clone())
        };
        let applied = |&version| AppliedMigration { version, checksum: checksum(version) };
        versions.iter().map(applied).collect()
    }

    fn minimum(migration: Option<&str>) -> MinimumProgram {
        MinimumProgram { migration: migration.map(str::to_owned), release: None }
    }

    fn judge(versions: &[i64], migration: Option<&str>) -> StoreResult<bool> {
        is_current(&migrator(KNOWN), &applied(versions), &minimum(migration))
    }

    #[test]
    fn tables_are_known_by_the_migrations_that_make_them() {
        let made =
            "-- CREATE TABLE no (\nCREATE TABLE one (\n    id text\n);\nCREATE TABLE two_2 (a);";
        let known: &[KnownMigration] =
            &[(1, "one", made), (2, "two", "CREATE INDEX x ON one (id);")];
        assert_eq!(table_names(known), ["one", "two_2", APPLIED_TABLE]);
        assert_eq!(migrator(known).table_name, APPLIED_TABLE);
    }

    #[test]
    fn a_schema_of_this_program_or_an_older_one_is_fine() {
        assert!(!judge(&[], None).unwrap());
        assert!(!judge(&[1], Some("1")).unwrap());
        assert!(judge(&[1, 2], Some("1")).unwrap());
        assert!(judge(&[1, 2], Some("2")).unwrap());
    }

    #[test]
    fn a_newer_schema_is_fine_as_long_as_it_says_so() {
        assert!(judge(&[1, 2, 3], Some("1")).unwrap());
        assert!(judge(&[1, 2, 3, 4], Some("2")).unwrap());
        let text = judge(&[1, 2, 3, 4], Some("3")).unwrap_err().to_string();
        assert!(text.contains("at migration 4"), "{text}");
        assert!(text.contains("knows migration 3; this one is older and knows 2"), "{text}");
        for minimum in [None, Some(""), Some("two")] {
            assert!(judge(&[1, 2, 3], minimum).is_err());
        }
    }

    #[test]
    fn who_is_too_old_is_told_what_to_install() {
        let needed = MinimumProgram { release: Some("9.1.0".to_owned()), ..minimum(Some("3")) };
        let refused = is_current(&migrator(KNOWN), &applied(&[1, 2, 3]), &needed);
        let text = refused.unwrap_err().to_string();
        assert!(text.contains("knows migration 3 (Postrider 9.1.0 or later); this one"), "{text}");
        assert!(text.ends_with(&format!("knows 2 (Postrider {OWN_RELEASE})")), "{text}");
    }

    #[test]
    fn a_schema_of_another_line_is_refused() {
        assert!(judge(&[2, 3], Some("1")).is_err());
        assert!(judge(&[1, 3], Some("1")).is_err());
        let mut other = applied(&[1, 2]);
        other[1].checksum = vec![7].into();
        assert!(is_current(&migrator(KNOWN), &other, &minimum(Some("1"))).is_err());
    }
}
