//! Who shares what at one host: subscriptions of one tenant with the same credentials, and
//! nobody else. What neighbours must not learn of each other is in `credentials.rs` too.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use postrider_proto::agent::v1::oauth_client::ClientAuthentication;
use postrider_proto::agent::v1::subscription_update::Authorization;
use postrider_proto::agent::v1::work_response::Message as ReplicaMessage;
use postrider_proto::agent::v1::{self as wire, Fact};
use support::bank::{BankRequest, BankServer, CertifiedClient, ClientAdmission};
use support::raw::{HTTP_1_1_REQUIRED, RawReceiver, ReceiverAction};
use support::{assignment, subscribed, subscription};

const HTTP2: &[&[u8]] = &[b"h2", b"http/1.1"];
const TOKEN_PATH: &str = "/token";
const HOOK_PATH: &str = "/hooks";

/// What a test changes of settings: whose they are.
fn of(tenant: &str, id: &str, update: wire::SubscriptionUpdate) -> wire::SubscriptionUpdate {
    let (tenant, subscription) = (tenant.to_owned(), id.to_owned());
    wire::SubscriptionUpdate { tenant, subscription, ..update }
}

fn assignment_of(tenant: &str, id: &str, number: u32) -> wire::Assignment {
    let (tenant, subscription) = (tenant.to_owned(), id.to_owned());
    wire::Assignment { tenant, subscription, ..assignment(number) }
}

/// That a receiver wants HTTP/1.1 is asked anew by each tenant, over a connection of its own.
#[tokio::test]
async fn what_was_learned_of_http_versions_serves_its_tenant_alone() {
    let receiver = RawReceiver::start(HTTP2, |asked| match asked.http2 {
        true => ReceiverAction::Reset(HTTP_1_1_REQUIRED),
        false => ReceiverAction::Answer,
    })
    .await;
    let update = subscription(&receiver.url(), 1);
    let (_agent, _replica, mut stream) = subscribed(update.clone(), &receiver.ca_pem).await;
    stream.send(ReplicaMessage::SubscriptionUpdate(of("other", "orders", update))).await;
    for (number, tenant) in (1..).zip(["acme", "acme", "other", "other"]) {
        let result = stream.attempt(assignment_of(tenant, "orders", number)).await;
        assert_eq!((result.fact(), result.http_status), (Fact::Response, 200), "{result:?}");
    }
    let versions: Vec<bool> = receiver.asked().iter().map(|asked| asked.http2).collect();
    assert_eq!(versions, [true, false, false, true, false, false], "each asks once by HTTP/2");
}

/// A tenant that has one certificate gives it to each of its subscriptions.
#[tokio::test]
async fn subscriptions_with_one_certificate_share_a_connection() {
    let client = CertifiedClient::new();
    let answer = |_: &BankRequest| (200, String::new());
    let admission = ClientAdmission::WithCertificate;
    let bank = BankServer::start(admission, &[&client], HTTP2, answer).await;
    let with_certificate = |path: &str| {
        let receiver_tls = Some(client.tls());
        wire::SubscriptionUpdate { receiver_tls, ..subscription(&bank.url(path), 1) }
    };
    let orders = with_certificate("/orders");
    let (_agent, _replica, mut stream) = subscribed(orders, bank.ca_pem.as_bytes()).await;
    let refunds = of("acme", "refunds", with_certificate("/refunds"));
    stream.send(ReplicaMessage::SubscriptionUpdate(refunds)).await;
    for (number, id) in (1..).zip(["orders", "refunds", "orders"]) {
        let result = stream.attempt(assignment_of("acme", id, number)).await;
        assert_eq!(result.fact(), Fact::Response, "{result:?}");
    }
    let seen = bank.take_requests();
    let seen: Vec<_> =
        seen.iter().map(|request| (request.path.as_str(), request.connection)).collect();
    assert_eq!(seen, [("/orders", 1), ("/refunds", 1), ("/orders", 1)]);
}

/// Subscriptions of one client share a token; another client of the same tenant has its own.
#[tokio::test]
async fn subscriptions_of_one_client_share_a_token() {
    let given = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&given);
    let answer = move |seen: &BankRequest| match seen.path.as_str() {
        TOKEN_PATH => {
            let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
            (200, format!("{{\"access_token\":\"token-{number}\"}}"))
        }
        _ => (200, String::new()),
    };
    let bank = BankServer::start(ClientAdmission::Anybody, &[], HTTP2, answer).await;
    let with_secret = |secret: &str| {
        let client = wire::OauthClient {
            token_url: bank.url(TOKEN_PATH),
            client_id: "acme".to_owned(),
            client_authentication: Some(ClientAuthentication::ClientSecretPost(secret.to_owned())),
            ..Default::default()
        };
        let authorization = Some(Authorization::Oauth(client));
        wire::SubscriptionUpdate { authorization, ..subscription(&bank.url(HOOK_PATH), 1) }
    };
    let orders = with_secret("hush-hush");
    let (_agent, _replica, mut stream) = subscribed(orders, bank.ca_pem.as_bytes()).await;
    for (id, secret) in [("refunds", "hush-hush"), ("payouts", "another")] {
        let update = of("acme", id, with_secret(secret));
        stream.send(ReplicaMessage::SubscriptionUpdate(update)).await;
    }
    for (number, id) in (1..).zip(["orders", "refunds", "payouts", "orders", "payouts"]) {
        let result = stream.attempt(assignment_of("acme", id, number)).await;
        assert_eq!(result.fact(), Fact::Response, "{result:?}");
    }
    let hooks = bank.take_requests().into_iter().filter(|seen| seen.path == HOOK_PATH);
    let tokens: Vec<_> = hooks.map(|seen| seen.authorization().to_owned()).collect();
    let [first, second] = ["Bearer token-1", "Bearer token-2"];
    assert_eq!(tokens, [first, first, second, first, second]);
    assert_eq!(given.load(Ordering::SeqCst), 2);
}
