//! Databases of releases: restored, migrated and read.
//!
//! Fed by the folders beside this file, one for each release, which `make.py` made with the
//! programs of the release; feeds the engines. Guarantees that this program brings each of these
//! databases up to date, reads from it what the release's own API told of it, and goes on with
//! the work in it. A migration that was edited after its release fails here, because a dump has
//! the checksum of what was applied (docs/migrations.md).

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod answers;
mod configuration;
mod history;
#[path = "../support/mod.rs"]
mod support;
mod work;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use postrider_secret_encryption::LocalKeys;
use postrider_store::{MaintenanceOptions, OpenOptions, Store};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

use answers::ReleaseAnswers;
use support::{FreshDatabase, execute};
use work::SHARD_COUNT;

const KEYS: &str = include_str!("test-keys");
/// However old a dump is, nothing in it is too old.
const LONG_RETENTION: Duration = Duration::from_secs(10_000 * 24 * 60 * 60);

#[tokio::test(flavor = "multi_thread")]
async fn databases_of_releases_are_read_on_sqlite() {
    for release in releases() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("postrider.db");
        let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        connection.execute(AssertSqlSafe(text_of(&release, "sqlite.sql"))).await.unwrap();
        connection.close().await.unwrap();
        Box::pin(check(&release, "sqlite", &format!("sqlite:{}", file.display()))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_of_releases_are_read_on_postgres() {
    for release in releases() {
        let Some(database) = FreshDatabase::create().await else { return };
        execute(&database.url, &text_of(&release, "postgres.sql")).await;
        Box::pin(check(&release, "postgres", &database.url)).await;
        database.drop().await;
    }
}

fn releases() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/released");
    let found = fs::read_dir(here).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = found.filter(|path| path.join("sqlite.sql").exists()).collect();
    folders.sort_unstable();
    assert!(!folders.is_empty(), "there is no release");
    folders
}

fn text_of(release: &Path, file: &str) -> String {
    fs::read_to_string(release.join(file)).unwrap()
}

async fn open(url: &str, migrate: bool) -> Arc<dyn Store> {
    let keys = Arc::new(LocalKeys::parse(&[KEYS], "").unwrap());
    let (shards, max_connections, max_read_connections) = (SHARD_COUNT, 4, 2);
    let options = OpenOptions { migrate, shards, max_connections, max_read_connections, keys };
    let opened = postrider_store::open(url, &options).await;
    let why = opened.as_ref().err();
    assert!(opened.is_ok(), "{why:?}: was a released migration edited? See docs/migrations.md");
    opened.unwrap()
}

/// Migrates a restored database, reads it, works in it, and opens it again.
async fn check(release: &Path, engine: &str, url: &str) {
    let answers = ReleaseAnswers::parse(&text_of(release, &format!("{engine}.json")));
    let store = open(url, true).await;
    store.require_keys().await.unwrap();
    configuration::check(&*store, &answers).await;
    history::check(&*store, &answers).await;
    work::check(&*store, &answers).await;
    let now = store.now().await.unwrap();
    let options = MaintenanceOptions { retention: LONG_RETENTION, days_ahead: 7 };
    store.maintain(now, options).await.unwrap();
    store.ready(now).await.unwrap();
    store.rehearse_conclusion(now).await.unwrap();
    history::check(&*store, &answers).await;
    work::go_on(&*store).await;
    assert_eq!(store.unreadable_rows(), 0);
    store.close().await;
    drop(store);
    open(url, false).await.close().await;
}
