//! Receivers that ask who comes: client certificates, authorities of their own, Basic. What
//! one subscription proves serves no other.

mod support;

use postrider_proto::agent::v1::work_response::Message as ReplicaMessage;
use postrider_proto::agent::v1::{self as wire, Fact};
use support::bank::{BankServer, CertifiedClient, ClientAdmission};
use support::control_plane::{ReplicaStream, ScriptedReplica};
use support::{RunningTestAgent, assignment, config, start, subscribed, subscription};

const HTTP1: &[&[u8]] = &[b"http/1.1"];
const HTTP2: &[&[u8]] = &[b"h2", b"http/1.1"];

async fn bank(
    admission: ClientAdmission,
    clients: &[&CertifiedClient],
    alpn: &[&[u8]],
) -> BankServer {
    BankServer::start(admission, clients, alpn, |_| (200, "thank you".to_owned())).await
}

/// The settings of a tenant, the only ones that it has.
fn settings(tenant: &str, url: &str, tls: Option<wire::ReceiverTls>) -> wire::SubscriptionUpdate {
    let update = subscription(url, 1);
    wire::SubscriptionUpdate { tenant: tenant.to_owned(), receiver_tls: tls, ..update }
}

fn assignment_of(tenant: &str, number: u32) -> wire::Assignment {
    wire::Assignment { tenant: tenant.to_owned(), ..assignment(number) }
}

/// An agent that trusts the platform's roots alone, with these settings.
async fn agent_with(
    updates: Vec<wire::SubscriptionUpdate>,
) -> (RunningTestAgent, ScriptedReplica, ReplicaStream) {
    let mut replica = ScriptedReplica::start("replica-1").await;
    let agent = start(config(&[&replica], &[]));
    let stream = replica.welcome_stream().await;
    for update in updates {
        stream.send(ReplicaMessage::SubscriptionUpdate(update)).await;
    }
    (agent, replica, stream)
}

#[tokio::test]
async fn who_demands_a_certificate_gets_it() {
    for alpn in [HTTP1, HTTP2] {
        let client = CertifiedClient::new();
        let bank = bank(ClientAdmission::WithCertificate, &[&client], alpn).await;
        let update = settings("acme", &bank.url("/hooks"), Some(client.tls()));
        let (_agent, _replica, mut stream) = subscribed(update, bank.ca_pem.as_bytes()).await;
        for number in 1..=3 {
            let result = stream.attempt(assignment(number)).await;
            assert_eq!((result.fact(), result.http_status), (Fact::Response, 200), "{result:?}");
        }
        let requests = bank.take_requests();
        assert_eq!(requests.len(), 3);
        assert!(requests.iter().all(|seen| seen.certificate.as_ref() == Some(&client.certificate)));
        assert!(requests.iter().all(|seen| seen.connection == 1), "it is kept");
    }
}

#[tokio::test]
async fn who_has_no_certificate_is_not_let_in() {
    let (client, stranger) = (CertifiedClient::new(), CertifiedClient::new());
    let bank = bank(ClientAdmission::WithCertificate, &[&client], HTTP1).await;
    for tls in [None, Some(stranger.tls())] {
        let update = settings("acme", &bank.url("/hooks"), tls);
        let (_agent, _replica, mut stream) = subscribed(update, bank.ca_pem.as_bytes()).await;
        let result = stream.attempt(assignment(1)).await;
        // Over TLS 1.3 the server's answer to the certificate comes after the handshake.
        let refused = [Fact::TlsFailed, Fact::ConnectionClosed];
        assert!(refused.contains(&result.fact()), "{result:?}");
    }
    assert!(bank.take_requests().is_empty());
}

/// Neither connections nor TLS sessions are shared: the neighbour is not let in as the one
/// with the certificate, and the other way round.
#[tokio::test]
async fn neighbours_at_one_host_share_nothing() {
    for alpn in [HTTP1, HTTP2] {
        let (client, other_client) = (CertifiedClient::new(), CertifiedClient::new());
        let clients = [&client, &other_client];
        let bank = bank(ClientAdmission::Anybody, &clients, alpn).await;
        let url = bank.url("/hooks");
        let trusting = |tls: Option<wire::ReceiverTls>| wire::ReceiverTls {
            ca_certificates: bank.ca_pem.clone(),
            ..tls.unwrap_or_default()
        };
        let (_agent, _replica, mut stream) = agent_with(vec![
            settings("acme", &url, Some(trusting(Some(client.tls())))),
            settings("none", &url, Some(trusting(None))),
            settings("other", &url, Some(trusting(Some(other_client.tls())))),
            // The same credentials, and another tenant.
            settings("twin", &url, Some(trusting(Some(client.tls())))),
        ])
        .await;
        let mut number = 0;
        for tenant in ["acme", "none", "other", "twin", "none", "acme", "other", "twin"] {
            number += 1;
            let result = stream.attempt(assignment_of(tenant, number)).await;
            assert_eq!(result.fact(), Fact::Response, "{result:?}");
            let seen = bank.take_requests().pop().unwrap();
            let expected = match tenant {
                "acme" | "twin" => Some(&client.certificate),
                "other" => Some(&other_client.certificate),
                _ => None,
            };
            assert_eq!(seen.certificate.as_ref(), expected, "{tenant}");
            // Each has one of its own, and keeps it.
            let own = match tenant {
                "acme" => 1,
                "none" => 2,
                "other" => 3,
                _ => 4,
            };
            assert_eq!(seen.connection, own, "{tenant}");
        }
    }
}

#[tokio::test]
async fn a_new_certificate_gets_a_new_connection() {
    let (old, new) = (CertifiedClient::new(), CertifiedClient::new());
    let bank = bank(ClientAdmission::WithCertificate, &[&old, &new], HTTP2).await;
    let update = settings("acme", &bank.url("/hooks"), Some(old.tls()));
    let (_agent, _replica, mut stream) = subscribed(update, bank.ca_pem.as_bytes()).await;
    assert_eq!(stream.attempt(assignment(1)).await.fact(), Fact::Response);
    let update = settings("acme", &bank.url("/hooks"), Some(new.tls()));
    let update = wire::SubscriptionUpdate { version: 2, ..update };
    stream.send(ReplicaMessage::SubscriptionUpdate(update)).await;
    assert_eq!(stream.attempt(assignment(2)).await.fact(), Fact::Response);
    let shown: Vec<_> = bank.take_requests().into_iter().map(|seen| seen.certificate).collect();
    assert_eq!(shown, [Some(old.certificate), Some(new.certificate)]);
}

#[tokio::test]
async fn a_subscriptions_authorities_count_for_it_alone() {
    let bank = bank(ClientAdmission::Anybody, &[], HTTP1).await;
    let stranger = self::bank(ClientAdmission::Anybody, &[], HTTP1).await;
    let own = |pem: &str| {
        let ca_certificates = pem.to_owned();
        Some(wire::ReceiverTls { ca_certificates, ..Default::default() })
    };
    let url = bank.url("/hooks");
    let updates = vec![
        settings("acme", &url, own(&bank.ca_pem)),
        settings("none", &url, None),
        settings("other", &url, own(&stranger.ca_pem)),
    ];
    let (_agent, _replica, mut stream) = agent_with(updates).await;
    for (number, tenant, fact) in [
        (1, "acme", Fact::Response),
        (2, "none", Fact::TlsFailed),
        (3, "other", Fact::TlsFailed),
        (4, "acme", Fact::Response),
    ] {
        let result = stream.attempt(assignment_of(tenant, number)).await;
        assert_eq!(result.fact(), fact, "{tenant}: {result:?}");
    }
    // Where the agent trusts the receiver, a subscription may still trust others alone.
    let update = settings("acme", &url, own(&stranger.ca_pem));
    let (_agent, _replica, mut stream) = subscribed(update, bank.ca_pem.as_bytes()).await;
    assert_eq!(stream.attempt(assignment(1)).await.fact(), Fact::TlsFailed);
}

#[tokio::test]
async fn a_user_and_password_go_along_and_are_not_told() {
    let answer = |seen: &support::bank::BankRequest| {
        (403, format!("not {}, that is hush-hush", seen.authorization()))
    };
    let bank = BankServer::start(ClientAdmission::Anybody, &[], HTTP2, answer).await;
    let basic =
        wire::BasicAuthorization { username: "acme".to_owned(), password: "hush-hush".to_owned() };
    let update = wire::SubscriptionUpdate {
        authorization: Some(wire::subscription_update::Authorization::Basic(basic)),
        ..subscription(&bank.url("/hooks"), 1)
    };
    let (_agent, _replica, mut stream) = subscribed(update, bank.ca_pem.as_bytes()).await;
    let result = stream.attempt(assignment(1)).await;
    assert_eq!(bank.take_requests()[0].authorization(), "Basic YWNtZTpodXNoLWh1c2g=");
    let masked = format!("not {}, that is *********", "*".repeat(26));
    assert_eq!(result.response_body, masked.as_bytes());
}

#[tokio::test]
async fn credentials_that_cannot_be_used_are_told_and_nothing_is_sent() {
    let bank = bank(ClientAdmission::Anybody, &[], HTTP1).await;
    let broken = wire::ReceiverTls {
        certificate_chain: "no PEM".to_owned(),
        ..CertifiedClient::new().tls()
    };
    let update = settings("acme", &bank.url("/hooks"), Some(broken));
    let (_agent, _replica, mut stream) = subscribed(update, bank.ca_pem.as_bytes()).await;
    let result = stream.attempt(assignment(1)).await;
    assert_eq!(result.fact(), Fact::InvalidRequest);
    assert!(result.error.contains("the client certificate"), "{}", result.error);
    assert!(bank.take_requests().is_empty());
}
