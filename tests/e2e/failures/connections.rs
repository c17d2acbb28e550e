//! Receivers that cannot be spoken with.
//!
//! Fed by a small cluster; feeds `failures`. Guarantees that each step of making
//! a connection fails under its own name, and that nothing is sent to an address
//! or a certificate that must not have it.

use postrider_proto::v1::{AttemptOutcome, DeliveryState, Subscription};
use postrider_tests::cluster::Cluster;
use postrider_tests::ports::free_port;
use postrider_tests::receiver::{Admission, Certificate};
use postrider_tests::wait;

use crate::stage::{SOON_LIMIT, Stage, delays, once};

/// Of an attempt: long enough for each fault to show on a busy machine, since one of them
/// is that nothing happens.
const TIMEOUT_SECONDS: i64 = 5;

/// A subscription at a URL that the stage's receiver does not have.
async fn elsewhere(stage: &Stage, url: &str) -> String {
    let subscription = stage.create(Subscription {
        url: url.to_owned(),
        retry_policy: Some(once()),
        request_timeout: Some(prost_types::Duration { seconds: TIMEOUT_SECONDS, nanos: 0 }),
        ..stage.wanted("")
    });
    subscription.await.name
}

/// Publishes one event to these URLs and checks that every delivery ends so.
async fn all_end_with(stage: &Stage, urls: &[String], outcome: AttemptOutcome) {
    for url in urls {
        let subscription = elsewhere(stage, url).await;
        let event = stage.publish().await;
        let filter = format!("subscription = \"{subscription}\" AND event = \"{event}\"");
        let deliveries = stage.api.wait_for_deliveries(&stage.tenant, &filter, 1, SOON_LIMIT);
        let name = deliveries.await.unwrap().remove(0).name;
        let ended = stage.api.wait_for_state(&name, DeliveryState::Exhausted, SOON_LIMIT);
        let attempt = stage.attempts(&ended.await.unwrap()).await.remove(0);
        assert_eq!(attempt.outcome(), outcome, "{url}: {attempt:?}");
        assert!(!attempt.error.is_empty(), "{url}: {attempt:?}");
        assert_eq!(attempt.http_status, 0, "{url}: {attempt:?}");
        let mut api = stage.api.clone();
        let deleted =
            api.subscriptions.delete_subscription(postrider_proto::v1::DeleteSubscriptionRequest {
                name: subscription,
                ..Default::default()
            });
        deleted.await.unwrap();
    }
}

pub async fn every_failed_connection_is_recorded(cluster: &Cluster) {
    let stage = Stage::set(cluster, "unreachable").await;
    let nobody = format!("https://127.0.0.1:{}/", free_port().unwrap());
    all_end_with(&stage, &[nobody], AttemptOutcome::ConnectFailed).await;
    let unknown = "https://no-such-host.invalid/".to_owned();
    all_end_with(&stage, &[unknown], AttemptOutcome::DnsFailed).await;
    stage.receiver.admit(Admission::Drop);
    all_end_with(&stage, &[stage.receiver.url("/")], AttemptOutcome::TlsFailed).await;
    stage.receiver.admit(Admission::Stall);
    all_end_with(&stage, &[stage.receiver.url("/")], AttemptOutcome::Timeout).await;
    assert_eq!(stage.receiver.received(), 0);
}

/// The harness allows its agents 127.0.0.0/8 and nothing else. Without the guard
/// 0.0.0.0 would reach the receiver.
pub async fn refused_addresses_are_not_dialled(cluster: &Cluster) {
    let stage = Stage::set(cluster, "refused").await;
    let port = stage.receiver.port();
    let hosts = ["0.0.0.0", "[::1]", "[::]", "10.255.255.1", "169.254.169.254"];
    // The same in other words: metadata as one number, and by NAT64.
    let disguised = ["0xa9fea9fe", "[64:ff9b::a9fe:a9fe]", "[::ffff:a9fe:a9fe]"];
    let urls: Vec<String> =
        hosts.iter().chain(&disguised).map(|host| format!("https://{host}:{port}/")).collect();
    all_end_with(&stage, &urls, AttemptOutcome::BlockedAddress).await;
    // A mail server's, which is at an allowed address.
    let mail = "https://127.0.0.1:25/".to_owned();
    all_end_with(&stage, &[mail], AttemptOutcome::BlockedAddress).await;
    assert_eq!(stage.receiver.connections(), 0);
    // The tenant is told neither address nor rule; operators are, by the agent's log.
    let log = std::fs::read_to_string(cluster.folder().join("agent-eu-1.log")).unwrap();
    let refusals = log.lines().filter(|line| line.contains("the address guard refuses"));
    let refusals: Vec<_> = refusals.filter(|line| line.contains("tenant=\"refused\"")).collect();
    for address in ["169.254.169.254", "64:ff9b::a9fe:a9fe"] {
        let told = |line: &&&str| line.contains(&format!("address={address} "));
        let line = refusals.iter().find(told).unwrap_or_else(|| panic!("{address}: {log}"));
        assert!(line.contains("rule=\"link-local\""), "{line}");
    }
}

pub async fn bad_certificates_are_refused(cluster: &Cluster) {
    let stage = Stage::set(cluster, "certificates").await;
    for certificate in [Certificate::OtherAuthority, Certificate::OtherName, Certificate::Expired] {
        stage.receiver.show(certificate);
        all_end_with(&stage, &[stage.receiver.url("/")], AttemptOutcome::TlsFailed).await;
    }
    assert_eq!(stage.receiver.received(), 0);
}

pub async fn a_receiver_that_comes_back_gets_what_waited(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "back").await;
    stage
        .create(Subscription { retry_policy: Some(delays(&[400; 40])), ..stage.wanted("/hook") })
        .await;
    // A connection that was good is in the agent's pool when the receiver goes.
    let event = stage.publish().await;
    stage.wait_for(&event, DeliveryState::Succeeded).await;
    stage.receiver.stop().await;
    let event = stage.publish().await;
    let waiting = stage.wait_for_retry(&event).await;
    let first = stage.attempts(&waiting).await.remove(0);
    let gone = [AttemptOutcome::ConnectFailed, AttemptOutcome::ConnectionClosed];
    assert!(gone.contains(&first.outcome()), "{first:?}");
    // Before it is back: a retry in between would succeed.
    stage.receiver.show(Certificate::OtherName);
    stage.receiver.resume().await.unwrap();
    wait::until("a certificate to be refused", SOON_LIMIT, || async {
        let attempts = stage.attempts(&waiting).await;
        wait::when(attempts, |all| all.iter().any(|a| a.outcome() == AttemptOutcome::TlsFailed))
    })
    .await
    .unwrap();
    stage.receiver.show(Certificate::Good);
    stage.wait_for(&event, DeliveryState::Succeeded).await;
    assert_eq!(stage.receiver.received(), 2);
}
