//! Keys turned over by the command, and what is left of what was sealed before.
//!
//! Fed by a cluster whose replica has two key-encryption keys; feeds its test with bytes
//! that must be gone.

use std::path::Path;
use std::process::{Command, Output};

use postrider_tests::cluster::Cluster;
use postrider_tests::process;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, Row};

/// Beside the key in the cluster's file.
const SECOND_KEY: &str = "second:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

const SEALED: &str = "SELECT signing_keys, coalesce(credentials, header_values) FROM subscriptions
    WHERE data_key IS NOT NULL";
const WRAPPED: &str = "SELECT wrapped FROM data_keys";

/// Settings of a program that has both keys.
pub fn both_keys(current: &str) -> Vec<(String, String)> {
    vec![
        ("POSTRIDER_KEYS__ENCRYPTION_KEYS".to_owned(), SECOND_KEY.to_owned()),
        ("POSTRIDER_KEYS__CURRENT".to_owned(), current.to_owned()),
    ]
}

/// Rows may be stored in several places, so they are looked for in pieces.
const PIECE_BYTES: usize = 32;

fn pieces(sealed: &[Vec<u8>]) -> Vec<Vec<u8>> {
    sealed.iter().flat_map(|bytes| bytes.chunks_exact(PIECE_BYTES)).map(<[u8]>::to_vec).collect()
}

/// Pieces of what stands in the columns that hold secrets and data keys.
pub async fn sealed_in_postgres(connection: &mut PgConnection) -> Vec<Vec<u8>> {
    let mut sealed = Vec::new();
    for row in sqlx::query(SEALED).fetch_all(&mut *connection).await.unwrap() {
        sealed.extend([row.get::<Vec<u8>, _>(0), row.get(1)]);
    }
    for row in sqlx::query(WRAPPED).fetch_all(connection).await.unwrap() {
        sealed.push(row.get(0));
    }
    pieces(&sealed)
}

/// As [`sealed_in_postgres`], while nobody serves.
pub async fn sealed_in_sqlite(file: &Path) -> Vec<Vec<u8>> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut connection = options.connect().await.unwrap();
    let mut sealed = Vec::new();
    for row in sqlx::query(SEALED).fetch_all(&mut connection).await.unwrap() {
        sealed.extend([row.get::<Vec<u8>, _>(0), row.get(1)]);
    }
    for row in sqlx::query(WRAPPED).fetch_all(&mut connection).await.unwrap() {
        sealed.push(row.get(0));
    }
    connection.close().await.unwrap();
    pieces(&sealed)
}

/// A command at the cluster's database, with its key file and these settings.
fn command(cluster: &Cluster, url: &str, environment: &[(String, String)]) -> Command {
    let mut command = process::command("postrider").unwrap();
    command.current_dir(cluster.folder()).envs(environment.iter().cloned());
    command.env("POSTRIDER_DATABASE__URL", url).env("POSTRIDER_KEYS__FILE", cluster.keys_file());
    command
}

fn succeed(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let said = String::from_utf8_lossy(&stdout).into_owned();
    assert!(status.success(), "{said}{}", String::from_utf8_lossy(&stderr));
    said
}

/// Makes all keys new, and shows that the old one is not needed. Besides the tenant's data
/// key there are the assignment key and the audit key, which are only wrapped anew.
pub fn turn_over(cluster: &Cluster, url: &str) {
    let mut rewrap = command(cluster, url, &both_keys("second"));
    rewrap.args(["keys", "rewrap", "--data"]);
    let said = succeed(rewrap);
    assert!(said.contains("tenants with new data keys: 1;"), "{said}");
    let mut list = command(cluster, url, &both_keys("second"));
    list.args(["keys", "list"]);
    let said = succeed(list);
    assert!(said.contains("second: wraps 3 data keys, current"), "{said}");
    assert!(said.contains("test: wraps 0 data keys\n"), "{said}");
}

/// A replica that has only the first key does not start, and says which it lacks.
pub fn refuse_without_the_key(cluster: &Cluster, url: &str) {
    let mut serve = command(cluster, url, &[]);
    serve.args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", ""]);
    let Output { status, stderr, .. } = serve.output().unwrap();
    let said = String::from_utf8_lossy(&stderr);
    assert!(!status.success() && said.contains("\"second\" (3 data keys)"), "{said}");
}
