//! Programs on a schema that is newer than they are: the one that they upgrade to, and the
//! one that they are rolled back on.

use std::path::Path;
use std::time::Duration;

use postrider_proto::v1::{DeliveryState, ResendEventRequest};
use postrider_tests::cluster::{Cluster, Engine};
use postrider_tests::direct::DirectConnection;
use postrider_tests::process::{self, Program};

use crate::stage::{SOON_LIMIT, Stage};

/// Of a migration that no program knows yet.
const NEWER_MIGRATION: i64 = 999;
const NEWER_RELEASE: &str = "9.1.0";
/// A start that is refused ends by itself.
const REFUSAL_LIMIT: Duration = Duration::from_secs(20);
/// Tables whose rows programs write, and read by the names of their columns.
const WIDENED_TABLES: [&str; 8] = [
    "tenants",
    "subscriptions",
    "events",
    "deliveries",
    "ended_deliveries",
    "later_deliveries",
    "attempts",
    "idempotency_keys",
];

/// As a release's migration that only adds: columns, a table and an index.
async fn migrate_to_a_newer_schema(database: &mut DirectConnection) {
    let (time, checksum) = match database.engine() {
        Engine::Postgres => ("now()", "'\\x00'"),
        Engine::Sqlite => ("CURRENT_TIMESTAMP", "x'00'"),
    };
    for table in WIDENED_TABLES {
        let sql = format!("ALTER TABLE {table} ADD COLUMN newer integer");
        database.execute(&sql).await.unwrap();
    }
    database.execute("CREATE TABLE newer (id integer)").await.unwrap();
    database.execute("CREATE INDEX newer_deliveries ON deliveries (newer)").await.unwrap();
    let sql = format!(
        "INSERT INTO _sqlx_migrations
         (version, description, installed_on, success, checksum, execution_time)
         VALUES ({NEWER_MIGRATION}, 'newer', {time}, true, {checksum}, 0)"
    );
    database.execute(&sql).await.unwrap();
}

/// Sets a value in `meta`.
async fn set_meta(database: &mut DirectConnection, name: &str, value: &str) {
    let column = match database.engine() {
        Engine::Postgres => "key",
        Engine::Sqlite => "name",
    };
    let sql = format!(
        "INSERT INTO meta ({column}, value) VALUES ('{name}', '{value}')
         ON CONFLICT ({column}) DO UPDATE SET value = excluded.value"
    );
    database.execute(&sql).await.unwrap();
}

/// As a later release's migration that leaves out what this program still uses.
async fn raise_the_minimum(database: &mut DirectConnection) {
    set_meta(database, "minimum_version", &NEWER_MIGRATION.to_string()).await;
    set_meta(database, "minimum_release", NEWER_RELEASE).await;
}

/// As if this program were the one that the schema wants.
async fn lower_the_minimum(database: &mut DirectConnection) {
    set_meta(database, "minimum_version", "1").await;
}

/// Publishes, and returns the event once it is delivered.
async fn is_delivered(stage: &Stage) -> String {
    let event = stage.publish().await;
    let delivery = stage.wait_for(&event, DeliveryState::Succeeded).await;
    assert_eq!(delivery.attempt_count, 1, "{delivery:?}");
    event
}

/// A delivery that is made later, by hand.
async fn is_sent_again(stage: &Stage, event: &str) {
    let received = stage.receiver.received();
    let request = ResendEventRequest { name: event.to_owned(), ..ResendEventRequest::default() };
    stage.api.clone().events.resend_event(request).await.unwrap();
    stage.receiver.wait_for(received + 1, SOON_LIMIT).await.unwrap();
}

/// `postrider migrate` of this version.
fn migrate(cluster: &Cluster, log: &str) -> Program {
    let mut command = process::command("postrider").unwrap();
    let url = match cluster.database() {
        Some(database) => database.url().to_owned(),
        None => format!("sqlite:{}", cluster.folder().join("postrider.db").display()),
    };
    command.args(["migrate", "--database-url", &url, "--keys-file"]).arg(cluster.keys_file());
    let log: &Path = &cluster.folder().join(log);
    Program::start("migrate", command, log).unwrap()
}

/// Refused, with all that somebody needs who reads the log at night.
fn assert_refused(said: &str) {
    let wanted = [
        format!("its schema is at migration {NEWER_MIGRATION}"),
        format!("needs a program that knows migration {NEWER_MIGRATION}"),
        format!("(Postrider {NEWER_RELEASE} or later)"),
        "this one is older and knows ".to_owned(),
        format!("(Postrider {})", env!("CARGO_PKG_VERSION")),
    ];
    for text in wanted {
        assert!(said.contains(&text), "without {text:?}: {said}");
    }
}

/// The schema is brought up to date under a program of the version before, which goes on,
/// is restarted and rolled back to, until a schema says that it no longer may.
async fn an_older_program_serves_a_newer_schema_that_allows_it(engine: Engine) {
    let mut cluster = Cluster::small(engine).await.unwrap();
    let stage = Stage::set(&cluster, "upgraded").await;
    stage.subscribe("/hook").await;
    is_delivered(&stage).await;
    let mut database = DirectConnection::open(&cluster).await.unwrap();

    migrate_to_a_newer_schema(&mut database).await;
    is_delivered(&stage).await;
    cluster.replicas[0].stop().await.unwrap();
    let mut migrating = migrate(&cluster, "migrate-allowed");
    migrating.wait_for_exit(0, REFUSAL_LIMIT).await.unwrap();
    cluster.replicas[0].start_again().await.unwrap();
    let event = is_delivered(&stage).await;
    is_sent_again(&stage, &event).await;

    // Who runs already is not stopped: the page says to look who does.
    raise_the_minimum(&mut database).await;
    let event = is_delivered(&stage).await;
    let replica = &mut cluster.replicas[0];
    replica.stop().await.unwrap();
    replica.launch().unwrap();
    let program = replica.program().unwrap();
    program.wait_for_exit(1, REFUSAL_LIMIT).await.unwrap();
    assert_refused(&program.log());
    let mut migrating = migrate(&cluster, "migrate-refused");
    migrating.wait_for_exit(1, REFUSAL_LIMIT).await.unwrap();
    assert_refused(&migrating.log());

    // It was refused before it changed anything: for a program that may, all is there.
    lower_the_minimum(&mut database).await;
    cluster.replicas[0].start_again().await.unwrap();
    assert_eq!(stage.delivery(&event).await.state(), DeliveryState::Succeeded);
    is_delivered(&stage).await;
    assert_eq!(stage.receiver.received(), 6);
}

on_both_engines!(an_older_program_serves_a_newer_schema_that_allows_it);
