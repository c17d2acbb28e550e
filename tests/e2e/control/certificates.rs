//! Certificates of subscriptions' credentials that end.
//!
//! Fed by control planes on a clock of the test's; feeds `control`. Guarantees that a tenant
//! who asks for it is told before a client's certificate or an authority ends, once for each
//! stage, that other tenants are not, and that a renewed certificate is warned of by its own
//! end.

use std::time::{Duration, SystemTime};

use postrider_proto::v1::{
    CaCertificates, ClientCertificate, ReceiverCredentials, Subscription, UpdateSubscriptionRequest,
};
use postrider_tests::cluster::Engine;
use postrider_tests::publish::subscription;
use postrider_tests::receiver::Receiver;
use postrider_tests::timed::Timed;
use postrider_tests::wait;
use prost_types::FieldMask;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use serde_json::Value;

use super::notices::{operators, told};
use crate::stage::{DEFAULT_REGION, SETTLE_WAIT};

const ONE_DAY: Duration = Duration::from_hours(24);
/// Before the first warning is due, so that everything is set up by then.
const LEAD_TIME: Duration = Duration::from_mins(10);
/// Certificates are looked at once a minute. A look that comes while leases are renewed after
/// a leap finds none of its own; the next one may be leapt to, but for the last seconds.
const NEXT_LOOK_LEAP: Duration = Duration::from_secs(56);
const NEXT_LOOK_WAIT: Duration = Duration::from_secs(6);
const WARNING_LIMIT: Duration = Duration::from_secs(90);

/// A certificate that signed itself.
struct EndingCertificate {
    pem: String,
    key_pem: String,
}

/// One that ends so long from now, and can be an authority.
fn ending_in(left: Duration, common_name: &str) -> EndingCertificate {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let mut params = CertificateParams::new(["acme.example".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + (since_epoch + left);
    let key = KeyPair::generate().unwrap();
    EndingCertificate { pem: params.self_signed(&key).unwrap().pem(), key_pem: key.serialize_pem() }
}

fn shown_with(own: &EndingCertificate) -> Option<ClientCertificate> {
    Some(ClientCertificate {
        certificate_chain: own.pem.clone(),
        private_key: own.key_pem.clone(),
        certificate: None,
    })
}

fn checked_with(authorities: &[&EndingCertificate]) -> Option<CaCertificates> {
    let pem = authorities.iter().map(|authority| authority.pem.as_str()).collect();
    Some(CaCertificates { pem, certificates: Vec::new() })
}

/// The reasons of a subscription's warnings.
fn warned(subscription: &Subscription) -> Vec<&str> {
    subscription.warnings.iter().map(|warning| warning.reason.as_str()).collect()
}

/// Waits until so many warnings have come to a path in all, and returns the newest `new`, each
/// as certificate, subject and days left, in order.
async fn next_warnings(
    timed: &Timed,
    receiver: &Receiver,
    (count, new): (usize, usize),
) -> Vec<(String, String, u64)> {
    let requests = wait::until("the warnings", WARNING_LIMIT, || async {
        if receiver.wait_for_at("/operators", count, NEXT_LOOK_WAIT).await.is_err() {
            timed.clock.advance(NEXT_LOOK_LEAP);
        }
        wait::when(receiver.requests_to("/operators"), |requests| requests.len() >= count)
    });
    let requests = requests.await.unwrap();
    // One too many would come now.
    tokio::time::sleep(SETTLE_WAIT).await;
    assert_eq!(receiver.received_at("/operators"), count as u64);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let newest = requests[count - new..].iter().map(|request| {
        let (kind, data) = told(request);
        assert_eq!(kind, "postrider.certificate.expiring");
        assert_eq!(data["host"], "127.0.0.1");
        assert_eq!(data["sha256_fingerprint"].as_str().unwrap().len(), 64);
        assert!(data["expire_time"].as_str().unwrap().ends_with('Z'), "{data}");
        let days = data["days_left"].as_u64().unwrap();
        (text(&data["certificate"]), text(&data["certificate_subject"]), days)
    });
    let mut newest: Vec<_> = newest.collect();
    newest.sort();
    newest
}

fn warning(certificate: &str, subject: &str, days: u64) -> (String, String, u64) {
    (certificate.to_owned(), format!("CN={subject}"), days)
}

/// The client's certificate ends in a month, and its receiver's authority in a week; then the
/// client has one that ends sooner, and the authority a successor.
async fn a_tenant_is_warned_before_a_certificate_ends(engine: Engine) {
    let timed = Timed::start(engine).await.unwrap();
    let receiver = timed.receiver().await.unwrap();
    let mut api = timed.api();
    let tenant = api.create_tenant("bank").await.unwrap();
    let neighbour = api.create_tenant("neighbour").await.unwrap();
    for (tenant, path) in [(&tenant, "/operators"), (&neighbour, "/neighbour")] {
        let wanted = operators(&receiver.url(path), &["postrider.*"]);
        api.subscribe(tenant, wanted).await.unwrap();
    }
    let client = ending_in(30 * ONE_DAY + LEAD_TIME, "client");
    let authority = ending_in(7 * ONE_DAY + LEAD_TIME + Duration::from_secs(5), "authority");
    let wanted = Subscription {
        region: DEFAULT_REGION.to_owned(),
        credentials: Some(ReceiverCredentials {
            client_certificate: shown_with(&client),
            ca_certificates: checked_with(&[&authority]),
            authorization: None,
        }),
        ..subscription(&receiver.url("/hook"), &["payment.*"])
    };
    let made = api.subscribe(&tenant, wanted).await.unwrap();
    assert_eq!(warned(&made), ["CERTIFICATE_EXPIRES_SOON"], "the authority: {:?}", made.warnings);

    // Seconds apart: both are due between two looks.
    timed.clock.advance(LEAD_TIME + Duration::from_secs(10));
    let told = next_warnings(&timed, &receiver, (2, 2)).await;
    assert_eq!(told, [warning("AUTHORITY", "authority", 7), warning("CLIENT", "client", 30)]);

    let renewed = ending_in(6 * ONE_DAY + ONE_DAY / 2, "renewed client");
    let successor = ending_in(400 * ONE_DAY, "successor");
    let update = UpdateSubscriptionRequest {
        subscription: Some(Subscription {
            name: made.name.clone(),
            credentials: Some(ReceiverCredentials {
                client_certificate: shown_with(&renewed),
                ca_certificates: checked_with(&[&authority, &successor]),
                authorization: None,
            }),
            ..Subscription::default()
        }),
        update_mask: Some(FieldMask { paths: vec!["credentials".to_owned()] }),
    };
    let updated = api.subscriptions.update_subscription(update).await.unwrap().into_inner();
    assert_eq!(warned(&updated), ["CERTIFICATE_EXPIRES_SOON"], "the client: {updated:?}");
    timed.clock.advance(6 * ONE_DAY);
    let told = next_warnings(&timed, &receiver, (3, 1)).await;
    assert_eq!(told, [warning("CLIENT", "renewed client", 1)], "the successor goes on");
    assert_eq!(receiver.received_at("/neighbour"), 0);
    timed.stop().await.unwrap();
}

on_both_engines!(a_tenant_is_warned_before_a_certificate_ends);
