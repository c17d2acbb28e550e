//! Secrets through everything that is done with them, and then a search for them.
//!
//! Fed by a cluster of its own on each engine, with logs at TRACE. Guarantees that no
//! secret stands in the database's files, its log, a dump, the programs' logs, metrics,
//! or an answer other than the one that shows it.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use postrider_proto::v1::signature_scheme::Scheme;
use postrider_proto::v1::test_subscription_request::PayloadForm;
use postrider_proto::v1::{
    CustomHeader, DeleteSubscriptionRequest, DeliveryState, GetAttemptRequest,
    GetSubscriptionRequest, HmacSignature, ListSubscriptionsRequest, RotateSigningSecretRequest,
    SignatureScheme, SigningKeyKind, StandardWebhooksV1, StandardWebhooksV1a, StaticSecret,
    Subscription, TestSubscriptionRequest, UpdateSubscriptionRequest,
};
use postrider_tests::cluster::{Cluster, Description, Engine};
use postrider_tests::postgres::Server;
use postrider_tests::publish::event;
use postrider_tests::receiver::{Receiver, behaviour};
use postrider_tests::token::{TEST_TOKEN, TOKEN_FILE};
use prost_types::FieldMask;

use super::credentials::subscribe_with_credentials;
use super::needles::{Needles, bytes_stand_below, holds, stands_below};
use super::turn_over::{
    both_keys, refuse_without_the_key, sealed_in_postgres, sealed_in_sqlite, turn_over,
};
use super::used::Used;
use crate::stage::{SOON_LIMIT, Stage, delays};

const TENANT_ID: &str = "findable-tenant";
const SEED: &[u8; 32] = b"SECRETseed0123456789abcdefghijkl";

fn schemes(schemes: impl IntoIterator<Item = Scheme>) -> Vec<SignatureScheme> {
    schemes.into_iter().map(|scheme| SignatureScheme { scheme: Some(scheme) }).collect()
}

fn header(name: &str, value: &str) -> CustomHeader {
    CustomHeader { name: name.to_owned(), value: value.to_owned(), ..CustomHeader::default() }
}

/// Every way in which a secret is given, used, changed and removed.
async fn use_secrets(cluster: &Cluster) -> (Used, Receiver) {
    let mut used = Used::default();
    let mut stage = Stage::set(cluster, TENANT_ID).await;
    stage.receiver.script("/fails", [behaviour::status(StatusCode::SERVICE_UNAVAILABLE)]);
    let mut kept = Vec::new();

    let standard = Subscription {
        signing_secret: used.whsec(b"SECRETstandard-0123456789-abcdef"),
        headers: vec![header("Authorization", &used.secret("Bearer SECRETheader-created"))],
        signature_schemes: schemes([
            Scheme::StandardWebhooksV1(StandardWebhooksV1 {}),
            Scheme::StandardWebhooksV1a(StandardWebhooksV1a {}),
        ]),
        ..stage.wanted("/standard")
    };
    kept.push(stage.create(standard).await);
    let hmac = HmacSignature { header: "X-Signature".to_owned(), ..HmacSignature::default() };
    let text = Subscription {
        signing_secret: used.secret("SECRETtext-created"),
        signature_schemes: schemes([Scheme::Hmac(hmac)]),
        retry_policy: Some(delays(&[1])),
        ..stage.wanted("/fails")
    };
    kept.push(stage.create(text).await);
    let fixed = StaticSecret { header: "X-Secret".to_owned(), ..StaticSecret::default() };
    let fixed = Subscription {
        signing_secret: used.secret("SECRETstatic-created"),
        signature_schemes: schemes([Scheme::StaticSecret(fixed)]),
        headers: vec![header("X-Deleted", &used.secret("SECRETheader-deleted"))],
        ..stage.wanted("/static")
    };
    let deleted = stage.create(fixed).await;
    let made = stage.subscribe("/made").await;
    used.secret(&made.signing_secret);
    kept.push(made);
    kept.extend(subscribe_with_credentials(cluster, &stage, &mut used).await);
    used.failing.push(kept[1].name.clone());

    rotate(&mut stage, &mut used, &kept).await;
    let update = UpdateSubscriptionRequest {
        subscription: Some(Subscription {
            name: kept[0].name.clone(),
            headers: vec![header("Authorization", &used.secret("Bearer SECRETheader-updated"))],
            ..Subscription::default()
        }),
        update_mask: Some(FieldMask { paths: vec!["headers".to_owned()] }),
    };
    used.tell(stage.api.subscriptions.update_subscription(update).await.unwrap().get_ref());
    refuse(&mut stage, &mut used, &kept[0].name).await;
    deliver(&mut stage, &mut used, &kept, &deleted).await;

    for name in kept.iter().chain([&deleted]).map(|made| made.name.clone()) {
        let read = GetSubscriptionRequest { name };
        used.tell(stage.api.subscriptions.get_subscription(read).await.unwrap().get_ref());
    }
    let delete = DeleteSubscriptionRequest { name: deleted.name.clone(), ..Default::default() };
    stage.api.subscriptions.delete_subscription(delete).await.unwrap();
    let list = ListSubscriptionsRequest {
        parent: stage.tenant.clone(),
        show_deleted: true,
        ..ListSubscriptionsRequest::default()
    };
    used.tell(stage.api.subscriptions.list_subscriptions(list).await.unwrap().get_ref());
    (used, stage.receiver)
}

/// A rotation of each kind, with secrets of the caller's and of Postrider's making.
async fn rotate(stage: &mut Stage, used: &mut Used, kept: &[Subscription]) {
    let seed = used.secret(&format!("whsk_{}", STANDARD.encode(SEED)));
    let rotations = [
        (0, SigningKeyKind::Standard, used.whsec(b"SECRETrotated-0123456789-abcdefg")),
        (0, SigningKeyKind::Standard, String::new()),
        (0, SigningKeyKind::Ed25519, seed),
        (0, SigningKeyKind::Ed25519, String::new()),
        (1, SigningKeyKind::Text, used.secret("SECRETtext-rotated")),
        (1, SigningKeyKind::Text, String::new()),
    ];
    for (place, kind, signing_secret) in rotations {
        let answer = stage.api.subscriptions.rotate_signing_secret(RotateSigningSecretRequest {
            name: kept[place].name.clone(),
            kind: kind.into(),
            signing_secret,
            ..RotateSigningSecretRequest::default()
        });
        let answer = answer.await.unwrap().into_inner().subscription.unwrap();
        if !answer.signing_secret.is_empty() {
            used.secret(&answer.signing_secret);
        }
    }
}

/// Secrets that are refused: the error names the field and not its text.
async fn refuse(stage: &mut Stage, used: &mut Used, name: &str) {
    for (kind, secret) in [
        (SigningKeyKind::Standard, "whsec_SECRETrefused-not-base64!"),
        (SigningKeyKind::Standard, "SECRETrefused-without-prefix"),
        (SigningKeyKind::Ed25519, "whsk_U0VDUkVUcmVmdXNlZC10b28tc2hvcnQ="),
    ] {
        let signing_secret = used.secret(secret);
        let rotate = RotateSigningSecretRequest {
            name: name.to_owned(),
            kind: kind.into(),
            signing_secret,
            ..RotateSigningSecretRequest::default()
        };
        used.tell_error(&stage.api.subscriptions.rotate_signing_secret(rotate).await.unwrap_err());
    }
    let refused = Subscription {
        signing_secret: used.secret("whsec_SECRETrefused-at-creation!"),
        headers: vec![header("X-Refused", &used.secret("SECRETheader-refused\n"))],
        ..stage.wanted("/refused")
    };
    let mut api = stage.api.clone();
    used.tell_error(&api.subscribe(&stage.tenant, refused).await.unwrap_err());
}

async fn deliver(
    stage: &mut Stage,
    used: &mut Used,
    kept: &[Subscription],
    deleted: &Subscription,
) {
    stage.publish().await;
    for path in ["/standard", "/static", "/made"] {
        stage.receiver.wait_for_at(path, 1, SOON_LIMIT).await.unwrap();
    }
    stage.receiver.wait_for_at("/fails", 2, SOON_LIMIT).await.unwrap();
    let mut api = stage.api.clone();
    for delivery in api.all_deliveries(&stage.tenant, "").await.unwrap() {
        let ended = [DeliveryState::Succeeded, DeliveryState::Exhausted];
        let wanted = ended[usize::from(used.failing.contains(&delivery.subscription))];
        api.wait_for_state(&delivery.name, wanted, SOON_LIMIT).await.unwrap();
        for attempt in api.attempts(&delivery.name).await.unwrap() {
            let read = GetAttemptRequest { name: attempt.name.clone() };
            used.tell(api.deliveries.get_attempt(read).await.unwrap().get_ref());
            used.tell(&attempt);
        }
    }
    for name in kept.iter().chain([deleted]).map(|made| made.name.clone()) {
        let test = TestSubscriptionRequest {
            name,
            event_type: "payment.completed".to_owned(),
            payload_form: Some(PayloadForm::PayloadJson("{}".to_owned())),
            ..TestSubscriptionRequest::default()
        };
        used.tell(api.subscriptions.test_subscription(test).await.unwrap().get_ref());
    }
}

async fn cluster(engine: Engine, server_url: Option<String>) -> Cluster {
    let description = Description {
        engine,
        server_url,
        environment: vec![("RUST_LOG".to_owned(), "trace".to_owned())],
        replica_environment: both_keys("test"),
        ..Description::default()
    };
    Cluster::start(&description).await.unwrap()
}

async fn metrics(cluster: &Cluster, used: &mut Used) {
    for replica in &cluster.replicas {
        used.told.push(replica.metrics().await.unwrap().text().as_bytes().to_vec());
    }
}

#[track_caller]
fn none(found: Vec<String>) {
    assert!(found.is_empty(), "{} places hold a secret:\n{}", found.len(), found.join("\n"));
}

/// Whether an event still arrives, signed and dressed as before.
async fn deliver_again(cluster: &Cluster, receiver: &Receiver) {
    let mut api = cluster.api().unwrap();
    let before = receiver.received_at("/standard");
    let tenant = format!("tenants/{TENANT_ID}");
    api.publish(&tenant, event("payment.completed", "{}"), "").await.unwrap();
    let wanted = usize::try_from(before).unwrap() + 1;
    let requests = receiver.wait_for_at("/standard", wanted, SOON_LIMIT).await.unwrap();
    let request = requests.last().unwrap();
    assert_eq!(request.header("authorization"), "Bearer SECRETheader-updated");
    assert_eq!(
        request.header("webhook-signature").split(' ').count(),
        6,
        "three keys of each kind"
    );
}

/// Where the callers' token is, but for the file by which the replica is given it.
fn tokens_below(folder: &Path) -> Vec<String> {
    let mut needles = Needles::default();
    needles.add(TEST_TOKEN.rsplit_once('_').unwrap().1);
    let mut found = needles.found_below(folder);
    let given = folder.join(TOKEN_FILE).display().to_string();
    found.retain(|place| !place.starts_with(&given));
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_stands_anywhere_on_sqlite() {
    let mut cluster = cluster(Engine::Sqlite, None).await;
    let (mut used, receiver) = use_secrets(&cluster).await;
    metrics(&cluster, &mut used).await;
    assert!(stands_below(cluster.folder(), TENANT_ID), "the search sees the database");
    let mut found = used.found();
    found.extend(used.needles.found_below(cluster.folder()));
    found.extend(tokens_below(cluster.folder()));
    none(found);

    cluster.replicas[0].stop().await.unwrap();
    let file = cluster.folder().join("postrider.db");
    let url = format!("sqlite:{}", file.display());
    let sealed = sealed_in_sqlite(&file).await;
    assert!(sealed.iter().filter(|bytes| holds(&file, bytes)).count() > 10);
    turn_over(&cluster, &url);
    assert!(!sealed.iter().any(|bytes| holds(&file, bytes)), "what was sealed before is gone");
    refuse_without_the_key(&cluster, &url);
    cluster.replicas[0].start_again().await.unwrap();
    cluster.wait_for_agents().await.unwrap();
    deliver_again(&cluster, &receiver).await;
    none(used.needles.found_below(cluster.folder()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_stands_anywhere_on_postgres() {
    let server = Server::start().await.unwrap();
    let cluster = cluster(Engine::Postgres, Some(server.url().to_owned())).await;
    let (mut used, receiver) = use_secrets(&cluster).await;
    metrics(&cluster, &mut used).await;
    let database = cluster.database().unwrap();
    let mut found = used.found();
    let dump = dump(database.url());
    assert!(dump.windows(TENANT_ID.len()).any(|text| text == TENANT_ID.as_bytes()));
    found.extend(used.needles.found_in("pg_dump", &dump));
    let mut connection = database.connect().await.unwrap();
    sqlx::query("CHECKPOINT").execute(&mut connection).await.unwrap();
    assert!(stands_below(server.data_folder(), TENANT_ID), "the search sees the database");
    found.extend(used.needles.found_below(server.data_folder()));
    found.extend(used.needles.found_below(cluster.folder()));
    found.extend(tokens_below(cluster.folder()));
    found.extend(tokens_below(server.data_folder()));
    none(found);

    let sealed = sealed_in_postgres(&mut connection).await;
    let tables = server.data_folder().join("base");
    assert!(sealed.iter().filter(|bytes| bytes_stand_below(&tables, bytes)).count() > 10);
    // Beside the replica that serves.
    turn_over(&cluster, database.url());
    deliver_again(&cluster, &receiver).await;
    sqlx::query("CHECKPOINT").execute(&mut connection).await.unwrap();
    assert!(!sealed.iter().any(|bytes| bytes_stand_below(&tables, bytes)), "it is gone");
    refuse_without_the_key(&cluster, database.url());
    none(used.needles.found_below(server.data_folder()));
    none(used.needles.found_below(cluster.folder()));
}

fn dump(url: &str) -> Vec<u8> {
    let answer = Command::new(pg_dump()).arg(url).output().unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    answer.stdout
}

/// Of the same version as the server, where there are several.
fn pg_dump() -> PathBuf {
    let beside = Path::new("/usr/lib/postgresql");
    let versions = std::fs::read_dir(beside).into_iter().flatten().flatten();
    let newest =
        versions.map(|entry| entry.path().join("bin/pg_dump")).filter(|p| p.is_file()).max();
    newest.unwrap_or_else(|| "pg_dump".into())
}
