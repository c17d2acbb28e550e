//! Records of changes, and what somebody who can write the database does to them.
//!
//! Fed by a cluster of its own on each engine, whose database is changed while no replica
//! runs. Guarantees that every kind of tampering is found through the API, a cut tail by
//! what the replica had logged.

use std::time::{Duration, Instant};

use postrider_proto::v1::audit_fault::Kind;
use postrider_proto::v1::{
    AuditFault, AuditRecord, DeleteTenantRequest, ListAuditRecordsRequest, Tenant,
    UpdateTenantRequest, VerifyAuditLogRequest, VerifyAuditLogResponse,
};
use postrider_tests::api::Api;
use postrider_tests::cluster::{Cluster, Description, Engine};
use prost_types::FieldMask;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor};
use tonic::Code;

use crate::stage::SOON_LIMIT;

on_both_engines!(
    tampering_is_found,
    a_trigger_that_drops_records_stops_changes_and_is_told,
    replicas_write_one_chain,
    heads_are_logged_at_the_beginning_and_at_the_end
);

/// Changes of each tenant, its creation included.
const CHANGE_COUNT: usize = 5;

async fn change(api: &mut Api, id: &str, number: usize) {
    let tenant = Tenant {
        name: format!("tenants/{id}"),
        display_name: format!("Number {number}"),
        ..Tenant::default()
    };
    let update = UpdateTenantRequest {
        tenant: Some(tenant),
        update_mask: Some(FieldMask { paths: vec!["display_name".to_owned()] }),
    };
    api.tenants.update_tenant(update).await.unwrap();
}

async fn verify(api: &mut Api, id: &str, known: Option<(i64, String)>) -> VerifyAuditLogResponse {
    let (known_number, known_hash) = known.unwrap_or_default();
    let request = VerifyAuditLogRequest {
        parent: format!("tenants/{id}"),
        known_number,
        known_hash,
        ..VerifyAuditLogRequest::default()
    };
    api.audit.verify_audit_log(request).await.unwrap().into_inner()
}

async fn records(api: &mut Api, parent: &str) -> Vec<AuditRecord> {
    let request =
        ListAuditRecordsRequest { parent: parent.to_owned(), ..ListAuditRecordsRequest::default() };
    api.audit.list_audit_records(request).await.unwrap().into_inner().audit_records
}

fn fault(kind: Kind, first_number: i64, last_number: i64, original_number: i64) -> AuditFault {
    AuditFault { kind: kind.into(), first_number, last_number, original_number }
}

/// The head of a tenant's chain as a replica has logged it.
async fn logged_head(cluster: &mut Cluster, id: &str, number: i64) -> (i64, String) {
    logged_again(cluster, id, number, 1).await
}

/// The same, once it was logged so many times, by one process after the other.
async fn logged_again(cluster: &mut Cluster, id: &str, number: i64, times: usize) -> (i64, String) {
    let begun = Instant::now();
    let (chain, sequence) = (format!("tenants/{id}"), format!("sequence={number} "));
    loop {
        let log = cluster.replicas[0].program().unwrap().log();
        let mut lines = log.lines().filter(|line| {
            line.contains("audit head") && line.contains(&chain) && line.contains(&sequence)
        });
        let line = lines.nth(times - 1);
        let hash = line.and_then(|line| line.split("hash=").nth(1)).map(|rest| &rest[..64]);
        if let Some(hash) = hash {
            return (number, hash.to_owned());
        }
        assert!(begun.elapsed() < SOON_LIMIT, "the head of {id} is not logged:\n{log}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Runs statements against the database, as another program would.
async fn tamper(cluster: &Cluster, statements: &[&'static str]) {
    match cluster.database() {
        Some(database) => {
            let mut connection = database.connect().await.unwrap();
            for statement in statements {
                connection.execute(*statement).await.unwrap();
            }
            connection.close().await.unwrap();
        }
        None => {
            let file = cluster.folder().join("postrider.db");
            let options = SqliteConnectOptions::new().filename(file);
            let mut connection = options.connect().await.unwrap();
            for statement in statements {
                connection.execute(*statement).await.unwrap();
            }
            connection.close().await.unwrap();
        }
    }
}

/// What somebody does who writes to the database, a chain each.
const TAMPERINGS: [&str; 10] = [
    "UPDATE audit_records SET actor = 'token:somebody'
        WHERE chain = 'changed' AND sequence = 3",
    "DELETE FROM audit_records WHERE chain = 'removed' AND sequence = 3",
    "UPDATE audit_records SET sequence = 99 WHERE chain = 'reordered' AND sequence = 2",
    "UPDATE audit_records SET sequence = 2 WHERE chain = 'reordered' AND sequence = 3",
    "UPDATE audit_records SET sequence = 3 WHERE chain = 'reordered' AND sequence = 99",
    "DELETE FROM audit_records WHERE chain = 'cut' AND sequence > 3",
    "UPDATE audit_chains
        SET sequence = 3, hash = (
            SELECT hash FROM audit_records WHERE chain = 'cut' AND sequence = 3
        )
        WHERE chain = 'cut'",
    "DELETE FROM audit_records WHERE chain IN ('gone', '')",
    "DELETE FROM audit_chains WHERE chain IN ('gone', '')",
    "UPDATE tenants SET delete_time = NULL WHERE id = 'undeleted'",
];

async fn tampering_is_found(engine: Engine) {
    let interval = ("POSTRIDER_AUDIT__HEAD_LOG_INTERVAL_SECONDS".to_owned(), "1".to_owned());
    let description =
        Description { engine, replica_environment: vec![interval], ..Description::default() };
    let mut cluster = Cluster::start(&description).await.unwrap();
    let mut api = cluster.api().unwrap();
    for id in ["whole", "changed", "removed", "reordered", "cut", "gone", "remembered", "undeleted"]
    {
        api.create_tenant(id).await.unwrap();
        for number in 1..CHANGE_COUNT {
            change(&mut api, id, number).await;
        }
        let checked = verify(&mut api, id, None).await;
        assert_eq!((checked.faults.len(), checked.checked_record_count), (0, 5), "{id}");
    }
    let known = logged_head(&mut cluster, "cut", 5).await;
    let delete = DeleteTenantRequest { name: "tenants/undeleted".to_owned(), ..Default::default() };
    api.tenants.delete_tenant(delete).await.unwrap();

    cluster.replicas[0].stop().await.unwrap();
    tamper(&cluster, &TAMPERINGS).await;
    cluster.replicas[0].start_again().await.unwrap();

    let mut api = cluster.api().unwrap();
    assert_eq!(verify(&mut api, "whole", None).await.faults, []);
    let changed = verify(&mut api, "changed", None).await.faults;
    assert_eq!(changed, [fault(Kind::Changed, 3, 3, 0)]);
    let removed = verify(&mut api, "removed", None).await.faults;
    assert_eq!(removed, [fault(Kind::Missing, 3, 3, 0)]);
    let reordered = verify(&mut api, "reordered", None).await.faults;
    assert_eq!(reordered, [fault(Kind::Reordered, 2, 2, 3), fault(Kind::Reordered, 3, 3, 2)]);
    // Its head was set back too: only the log knows of the rest.
    assert_eq!(verify(&mut api, "cut", None).await.faults, []);
    let cut = verify(&mut api, "cut", Some(known)).await.faults;
    assert_eq!(cut, [fault(Kind::Missing, 4, 5, 0)]);
    let gone = verify(&mut api, "gone", None).await.faults;
    assert_eq!(gone, [fault(Kind::Missing, 1, 1, 0)]);
    // Nothing is held up by it.
    change(&mut api, "removed", 6).await;
    assert_eq!(records(&mut api, "tenants/removed").await.len(), CHANGE_COUNT);
    let metrics = cluster.replicas[0].metrics().await.unwrap();
    assert!(metrics.text().contains("postrider_audit_alarms_total{kind=\"fault_found\"} 5"));
    // Whoever is deleted is not changed any more.
    change(&mut api, "undeleted", 6).await;
    let undeleted = verify(&mut api, "undeleted", None).await.faults;
    assert_eq!(undeleted, [fault(Kind::AfterDeletion, 7, 7, 0)]);
    // Nor is a chain whole because it goes on.
    change(&mut api, "gone", 6).await;
    let begun_anew = verify(&mut api, "gone", None).await.faults;
    assert_eq!(begun_anew, [fault(Kind::Missing, 1, 1, 0)]);
    let request = VerifyAuditLogRequest { parent: "installation".to_owned(), ..Default::default() };
    let installation = api.audit.verify_audit_log(request).await.unwrap().into_inner();
    assert_eq!(installation.faults, [fault(Kind::Missing, 1, 1, 0)]);
    // A replica that runs remembers what it has logged.
    logged_again(&mut cluster, "remembered", 5, 2).await;
    tamper(&cluster, &["DELETE FROM audit_chains WHERE chain = 'remembered'"]).await;
    let alarm = "postrider_audit_alarms_total{kind=\"chain_removed\"} 1";
    let begun = Instant::now();
    while !cluster.replicas[0].metrics().await.unwrap().text().contains(alarm) {
        assert!(begun.elapsed() < SOON_LIMIT, "nothing tells of the chain");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn a_trigger_that_drops_records_stops_changes_and_is_told(engine: Engine) {
    let interval = ("POSTRIDER_AUDIT__HEAD_LOG_INTERVAL_SECONDS".to_owned(), "1".to_owned());
    let description =
        Description { engine, replica_environment: vec![interval], ..Description::default() };
    let mut cluster = Cluster::start(&description).await.unwrap();
    let mut api = cluster.api().unwrap();
    api.create_tenant("acme").await.unwrap();
    assert!(verify(&mut api, "acme", None).await.foreign_triggers.is_empty());
    let triggers: &[&'static str] = match engine {
        Engine::Postgres => &[
            "CREATE FUNCTION drop_row() RETURNS trigger LANGUAGE plpgsql
                AS 'BEGIN RETURN NULL; END'",
            "CREATE TRIGGER dropping BEFORE INSERT ON audit_records
                FOR EACH ROW EXECUTE FUNCTION drop_row()",
            "CREATE TRIGGER staying BEFORE UPDATE ON audit_chains
                FOR EACH ROW EXECUTE FUNCTION drop_row()",
            "CREATE TRIGGER elsewhere AFTER INSERT ON events
                FOR EACH ROW EXECUTE FUNCTION drop_row()",
        ],
        Engine::Sqlite => &[
            "CREATE TRIGGER dropping BEFORE INSERT ON audit_records
                BEGIN SELECT RAISE(IGNORE); END",
            "CREATE TRIGGER staying BEFORE UPDATE ON audit_chains
                BEGIN SELECT RAISE(IGNORE); END",
            "CREATE TRIGGER elsewhere AFTER INSERT ON events BEGIN SELECT 1; END",
        ],
    };
    tamper(&cluster, triggers).await;
    let renamed = Tenant {
        name: "tenants/acme".to_owned(),
        display_name: "Renamed".to_owned(),
        ..Tenant::default()
    };
    let update = UpdateTenantRequest {
        tenant: Some(renamed),
        update_mask: Some(FieldMask { paths: vec!["display_name".to_owned()] }),
    };
    let refused = api.tenants.update_tenant(update).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    let checked = verify(&mut api, "acme", None).await;
    assert_eq!((checked.faults.len(), checked.head_number), (0, 1));
    assert_eq!(checked.foreign_triggers.len(), 3, "{checked:?}");
    let begun = Instant::now();
    let mut is_told = || {
        let log = cluster.replicas[0].program().unwrap().log();
        log.contains("others have triggers at the tables")
    };
    while !is_told() {
        assert!(begun.elapsed() < SOON_LIMIT, "nothing tells of the triggers");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let undone = match engine {
        Engine::Postgres => {
            ["DROP TRIGGER dropping ON audit_records", "DROP TRIGGER staying ON audit_chains"]
        }
        Engine::Sqlite => ["DROP TRIGGER dropping", "DROP TRIGGER staying"],
    };
    tamper(&cluster, &undone).await;
    change(&mut api, "acme", 1).await;
    let checked = verify(&mut api, "acme", None).await;
    assert_eq!((checked.faults.len(), checked.head_number), (0, 2));
}

async fn heads_are_logged_at_the_beginning_and_at_the_end(engine: Engine) {
    // Every ten minutes, as it is by default.
    let description = Description { engine, ..Description::default() };
    let mut cluster = Cluster::start(&description).await.unwrap();
    let mut api = cluster.api().unwrap();
    api.create_tenant("acme").await.unwrap();
    change(&mut api, "acme", 1).await;
    cluster.replicas[0].stop().await.unwrap();
    cluster.replicas[0].start_again().await.unwrap();
    // Once at the end, and once by the process after it.
    let (number, hash) = logged_again(&mut cluster, "acme", 2, 2).await;
    let checked = verify(&mut api, "acme", Some((number, hash))).await;
    assert_eq!((checked.faults.len(), checked.head_number), (0, 2));
}

async fn replicas_write_one_chain(engine: Engine) {
    let replicas = if engine == Engine::Postgres { 2 } else { 1 };
    let description = Description { engine, replicas, ..Description::default() };
    let cluster = Cluster::start(&description).await.unwrap();
    let mut api = cluster.api_of(0).unwrap();
    let ids = ["one", "two"];
    for id in ids {
        api.create_tenant(id).await.unwrap();
    }
    let mut writers = Vec::new();
    for place in 0..4 {
        let mut api = cluster.api_of(place % replicas).unwrap();
        writers.push(tokio::spawn(async move {
            for number in 0..10 {
                // Without an etag a change that loses a race is made again.
                change(&mut api, ids[place % 2], place * 100 + number).await;
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    for id in ids {
        let checked = verify(&mut api, id, None).await;
        assert_eq!(
            (checked.faults.as_slice(), checked.checked_record_count),
            (&[][..], 21),
            "{id}"
        );
    }
    let all = records(&mut api, "tenants/-").await;
    assert_eq!(all.len(), 42);
    let actors = all.iter().filter(|record| record.actor.starts_with("token:"));
    assert_eq!(actors.count(), 42, "{all:?}");
}
