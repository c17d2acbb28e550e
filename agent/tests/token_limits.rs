//! What a token server may cost: its own clients alone, and no more than is bounded.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use postrider_proto::agent::v1::oauth_client::ClientAuthentication;
use postrider_proto::agent::v1::subscription_update::Authorization;
use postrider_proto::agent::v1::work_response::Message as ReplicaMessage;
use postrider_proto::agent::v1::{self as wire, Fact};
use support::bank::{BankRequest, BankServer, ClientAdmission};
use support::raw::{RawReceiver, ReceiverAction};
use support::{assignment, key, subscribed, subscription};
use tokio::net::TcpListener;

const HTTP1: &[&[u8]] = &[b"http/1.1"];
const HTTP2: &[&[u8]] = &[b"h2", b"http/1.1"];
const TOKEN_PATH: &str = "/token";
const HOOK_PATH: &str = "/hooks";
const TOKEN_ANSWER: &str = "{\"access_token\":\"token-1\",\"token_type\":\"Bearer\"}";
/// As many as one subscription may have; the agent gives back what is more.
const HELD_ATTEMPTS: u32 = 64;

/// A receiver that is a token server too.
async fn token_bank() -> BankServer {
    let answer = |seen: &BankRequest| match seen.path.as_str() {
        TOKEN_PATH => (200, TOKEN_ANSWER.to_owned()),
        _ => (200, String::new()),
    };
    BankServer::start(ClientAdmission::Anybody, &[], HTTP2, answer).await
}

/// The only subscription of a tenant.
fn settings(tenant: &str, url: &str, token_url: Option<&str>) -> wire::SubscriptionUpdate {
    let authorization = token_url.map(|token_url| {
        let secret = ClientAuthentication::ClientSecretPost("hush-hush".to_owned());
        Authorization::Oauth(wire::OauthClient {
            token_url: token_url.to_owned(),
            client_id: "acme".to_owned(),
            client_authentication: Some(secret),
            ..Default::default()
        })
    });
    let tenant = tenant.to_owned();
    wire::SubscriptionUpdate { tenant, authorization, ..subscription(url, 1) }
}

fn within(update: wire::SubscriptionUpdate, seconds: i64) -> wire::SubscriptionUpdate {
    let request_timeout = Some(prost_types::Duration { seconds, nanos: 0 });
    wire::SubscriptionUpdate { request_timeout, ..update }
}

fn assignment_of(tenant: &str, number: u32) -> wire::Assignment {
    wire::Assignment { tenant: tenant.to_owned(), ..assignment(number) }
}

/// Accepts connections, counts them and says nothing.
async fn silent_server() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/token", listener.local_addr().unwrap().port());
    let accepted = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&accepted);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            held.push(stream);
        }
    });
    (url, accepted)
}

/// Neither those without tokens nor those who get theirs elsewhere wait for it, and all who
/// do wait share one connection.
#[tokio::test]
async fn a_token_server_that_hangs_holds_nobody_else() {
    let bank = token_bank().await;
    let (silent, accepted) = silent_server().await;
    let hooks = bank.url(HOOK_PATH);
    let held = within(settings("held", &hooks, Some(&silent)), 4);
    let (_agent, _replica, mut stream) = subscribed(held, bank.ca_pem.as_bytes()).await;
    for update in
        [settings("plain", &hooks, None), settings("served", &hooks, Some(&bank.url(TOKEN_PATH)))]
    {
        stream.send(ReplicaMessage::SubscriptionUpdate(update)).await;
    }
    let begun = Instant::now();
    stream.assign((1..=HELD_ATTEMPTS).map(|number| assignment_of("held", number)).collect()).await;
    let mut number = HELD_ATTEMPTS;
    for tenant in ["plain", "served", "plain", "served"] {
        number += 1;
        let result = stream.attempt(assignment_of(tenant, number)).await;
        assert_eq!((result.fact(), result.http_status), (Fact::Response, 200), "{result:?}");
        assert_eq!(result.tenant, tenant, "{result:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    for result in stream.collect(HELD_ATTEMPTS as usize).await {
        assert_eq!((&*result.tenant, result.fact()), ("held", Fact::Timeout), "{result:?}");
    }
    stream.acknowledge((1..=HELD_ATTEMPTS).map(key).collect()).await;
    assert_eq!(accepted.load(Ordering::SeqCst), 1, "they share a fetch");
    assert_eq!(bank.count_at(HOOK_PATH), 4);
}

/// One that begins to answer and does not end is given up before the attempt is, so that its
/// error says why; the next attempt asks again.
#[tokio::test]
async fn a_fetch_ends_in_ten_seconds_and_its_failure_is_not_remembered() {
    let server = RawReceiver::start(HTTP1, |asked| {
        let whole = TOKEN_ANSWER.len();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {whole}\r\n\r\n");
        let sent = if asked.connection == 1 { whole / 2 } else { whole };
        ReceiverAction::Bytes((head + &TOKEN_ANSWER[..sent]).into_bytes())
    })
    .await;
    let bank = token_bank().await;
    let update = settings("acme", &bank.url(HOOK_PATH), Some(&server.url()));
    let trusted = [bank.ca_pem.as_bytes(), server.ca_pem.as_slice()].concat();
    let (_agent, _replica, mut stream) = subscribed(within(update, 30), &trusted).await;
    let begun = Instant::now();
    let result = stream.attempt(assignment(1)).await;
    assert_eq!(result.fact(), Fact::TokenFailed, "{result:?}");
    assert!(result.error.contains("did not answer within 10s"), "{}", result.error);
    let took = begun.elapsed();
    assert!(took > Duration::from_secs(9) && took < Duration::from_secs(15), "{took:?}");
    assert_eq!(bank.count_at(HOOK_PATH), 0);
    assert_eq!(stream.attempt(assignment(2)).await.http_status, 200);
    assert_eq!((server.connections(), bank.count_at(HOOK_PATH)), (2, 1));
}

/// Wherever it points: the client's secret goes to the token URL alone.
#[tokio::test]
async fn a_redirection_of_a_token_server_is_not_followed() {
    let elsewhere = token_bank().await;
    let location = elsewhere.url(TOKEN_PATH);
    for status in ["301 Moved Permanently", "303 See Other", "307 Temporary Redirect"] {
        let answer =
            format!("HTTP/1.1 {status}\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        let server =
            RawReceiver::start(HTTP1, move |_| ReceiverAction::Bytes(answer.clone().into_bytes()))
                .await;
        let update = settings("acme", &elsewhere.url(HOOK_PATH), Some(&server.url()));
        let trusted = [elsewhere.ca_pem.as_bytes(), server.ca_pem.as_slice()].concat();
        let (_agent, _replica, mut stream) = subscribed(update, &trusted).await;
        let result = stream.attempt(assignment(1)).await;
        assert_eq!(result.fact(), Fact::TokenFailed, "{result:?}");
        assert!(result.error.contains(&status[..3]), "{}", result.error);
        assert_eq!(server.asked().len(), 1, "an attempt asks once");
    }
    assert!(elsewhere.take_requests().is_empty());
}
