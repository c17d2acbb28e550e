//! Certificates that are renewed, and authorities that are changed over, while events go on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::join;
use postrider_proto::v1::{
    AttemptOutcome, CaCertificates, ClientCertificate, ListAttemptsRequest, ReceiverCredentials,
    Subscription, UpdateSubscriptionRequest,
};
use postrider_tests::cluster::Cluster;
use postrider_tests::pki::Identity;
use postrider_tests::receiver::{Certificate, Options, Receiver};
use postrider_tests::wait;
use prost_types::FieldMask;

use crate::stage::{SOON_LIMIT, Stage, delays};

/// Between two events, and so many times that between two changes.
const PUBLISH_PAUSE: Duration = Duration::from_millis(20);

fn shown_with(identity: &Identity) -> Option<ClientCertificate> {
    Some(ClientCertificate {
        certificate_chain: identity.certificate_pem.clone(),
        private_key: identity.key_pem.clone(),
        certificate: None,
    })
}

/// A client's certificate, and the authorities that may have signed the receiver's.
fn credentials(
    client_certificate: Option<ClientCertificate>,
    authorities: &[&str],
) -> ReceiverCredentials {
    let ca_certificates = CaCertificates { pem: authorities.concat(), certificates: Vec::new() };
    ReceiverCredentials {
        client_certificate,
        ca_certificates: Some(ca_certificates),
        authorization: None,
    }
}

async fn change(stage: &Stage, name: &str, credentials: ReceiverCredentials) {
    let update = UpdateSubscriptionRequest {
        subscription: Some(Subscription {
            name: name.to_owned(),
            credentials: Some(credentials),
            ..Subscription::default()
        }),
        update_mask: Some(FieldMask { paths: vec!["credentials".to_owned()] }),
    };
    let before = stage.receiver.connections();
    stage.api.clone().subscriptions.update_subscription(update).await.unwrap();
    connected_beyond(stage, before).await;
}

/// What was published since went over a connection of its own.
async fn connected_beyond(stage: &Stage, before: u64) {
    wait::until("a connection after the change", SOON_LIMIT, || async {
        let connections = stage.receiver.connections();
        (connections > before).then_some(()).ok_or_else(|| format!("{connections}"))
    })
    .await
    .unwrap();
}

/// As `docs/receivers.md` says: a new certificate of the client's; then the receiver's new
/// authority beside the old one, the receiver's new certificate, and the new authority alone.
async fn renew(cluster: &Cluster, stage: &Stage, name: &str) {
    let pki = cluster.pki();
    let (old, new) = (pki.ca_pem(), pki.stranger_pem());
    for number in 1..=2 {
        let renewed = pki.caller(&format!("acme-{number}")).unwrap();
        change(stage, name, credentials(shown_with(&renewed), &[old])).await;
    }
    let kept = || Some(ClientCertificate::default());
    change(stage, name, credentials(kept(), &[old, new])).await;
    // It ends the connections that there are.
    let before = stage.receiver.connections();
    stage.receiver.show(Certificate::OtherAuthority);
    connected_beyond(stage, before).await;
    change(stage, name, credentials(kept(), &[new])).await;
}

/// What is in flight over a connection of before ends there, and what comes later has one of
/// its own: nothing fails but what was on its way when the receiver itself was restarted.
pub async fn certificates_are_renewed_without_a_lost_delivery(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "renewed").await;
    let options = Options { demands_certificate: true, ..Options::default() };
    stage.receiver = Receiver::with(cluster.pki(), options).await.unwrap();
    let first = cluster.pki().caller("acme-0").unwrap();
    let wanted = Subscription {
        credentials: Some(credentials(shown_with(&first), &[cluster.pki().ca_pem()])),
        retry_policy: Some(delays(&[100; 20])),
        ..stage.wanted("/hook")
    };
    let name = stage.create(wanted).await.name;
    let is_over = AtomicBool::new(false);
    let publishing = async {
        let mut published = 0;
        while !is_over.load(Ordering::Relaxed) {
            stage.publish().await;
            published += 1;
            tokio::time::sleep(PUBLISH_PAUSE).await;
        }
        published
    };
    let renewing = async {
        wait::until("a connection with the first certificate", SOON_LIMIT, || async {
            (stage.receiver.connections() > 0).then_some(()).ok_or_else(|| "none".to_owned())
        })
        .await
        .unwrap();
        renew(cluster, &stage, &name).await;
        is_over.store(true, Ordering::Relaxed);
    };
    let (published, ()) = join(Box::pin(publishing), Box::pin(renewing)).await;
    let all = "state = SUCCEEDED";
    stage.api.wait_for_deliveries(&stage.tenant, all, published, SOON_LIMIT).await.unwrap();

    // A connection for each of three certificates, twice for its authorities, and after the
    // receiver's restart.
    assert!(stage.receiver.connections() >= 6, "{}", stage.receiver.connections());
    let request =
        ListAttemptsRequest { parent: name, page_size: 1_000, ..ListAttemptsRequest::default() };
    let attempts = stage.api.clone().deliveries.list_attempts(request).await.unwrap();
    for attempt in attempts.into_inner().attempts {
        let expected = match attempt.outcome() {
            AttemptOutcome::Succeeded | AttemptOutcome::ConnectionClosed => true,
            // The receiver was stopped between a connection's beginning and its handshake.
            AttemptOutcome::TlsFailed => attempt.error.ends_with("tls handshake eof"),
            _ => false,
        };
        assert!(expected, "{attempt:?}");
    }
}
