//! Receivers behind a token server.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use postrider_proto::agent::v1::oauth_client::ClientAuthentication;
use postrider_proto::agent::v1::subscription_update::Authorization;
use postrider_proto::agent::v1::work_response::Message as ReplicaMessage;
use postrider_proto::agent::v1::{self as wire, Fact};
use support::bank::{BankRequest, BankServer, CertifiedClient, ClientAdmission};
use support::control_plane::ReplicaStream;
use support::{assignment, key, subscribed, subscription};

const HTTP2: &[&[u8]] = &[b"h2", b"http/1.1"];
const TOKEN_PATH: &str = "/token";
const HOOK_PATH: &str = "/hooks";

/// A receiver and its token server in one, which count what they were asked.
struct TokenBank {
    server: BankServer,
    /// The token that the receiver accepts: `token-N`.
    accepted: Arc<AtomicUsize>,
}

impl TokenBank {
    /// Gives `token-1`, `token-2` and so on, each for so many seconds.
    async fn start(expires_in: u64) -> Self {
        let (given, accepted) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(1)));
        let accepts = Arc::clone(&accepted);
        let answer = move |seen: &BankRequest| match seen.path.as_str() {
            TOKEN_PATH => {
                let number = given.fetch_add(1, Ordering::SeqCst) + 1;
                let token = format!("\"access_token\":\"token-{number}\"");
                (200, format!("{{{token},\"token_type\":\"Bearer\",\"expires_in\":{expires_in}}}"))
            }
            _ => {
                let expected = format!("Bearer token-{}", accepts.load(Ordering::SeqCst));
                let status = if seen.authorization() == expected { 200 } else { 401 };
                (status, format!("you sent {}", seen.authorization()))
            }
        };
        let server = BankServer::start(ClientAdmission::Anybody, &[], HTTP2, answer).await;
        Self { server, accepted }
    }

    fn settings(&self, proof: ClientAuthentication) -> wire::SubscriptionUpdate {
        let client = client(&self.server.url(TOKEN_PATH), proof);
        with_client(&self.server.url(HOOK_PATH), client)
    }
}

fn secret() -> ClientAuthentication {
    ClientAuthentication::ClientSecretPost("hush-hush".to_owned())
}

fn client(token_url: &str, proof: ClientAuthentication) -> wire::OauthClient {
    wire::OauthClient {
        token_url: token_url.to_owned(),
        client_id: "acme".to_owned(),
        scope: "hooks".to_owned(),
        client_authentication: Some(proof),
        ..Default::default()
    }
}

fn with_client(url: &str, client: wire::OauthClient) -> wire::SubscriptionUpdate {
    let authorization = Some(Authorization::Oauth(client));
    wire::SubscriptionUpdate { authorization, ..subscription(url, 1) }
}

#[tokio::test]
async fn all_who_wait_share_a_token_and_it_is_kept() {
    let bank = TokenBank::start(3600).await;
    let ca = bank.server.ca_pem.clone();
    let (_agent, _replica, mut stream) = subscribed(bank.settings(secret()), ca.as_bytes()).await;
    stream.assign((1..=20).map(assignment).collect()).await;
    for result in stream.collect(20).await {
        assert_eq!((result.fact(), result.http_status), (Fact::Response, 200), "{result:?}");
        assert_eq!(result.response_body, "you sent Bearer *******", "the token is not told");
    }
    stream.acknowledge((1..=20).map(key).collect()).await;
    assert_eq!(stream.attempt(assignment(21)).await.http_status, 200);
    assert_eq!(bank.server.count_at(TOKEN_PATH), 1);
    let requests = bank.server.take_requests();
    let asked = requests.iter().find(|seen| seen.path == TOKEN_PATH).unwrap();
    assert_eq!(asked.headers["content-type"], "application/x-www-form-urlencoded");
    let form = "grant_type=client_credentials&scope=hooks&client_id=acme&client_secret=hush-hush";
    assert_eq!(asked.body, form);
    assert!(asked.headers["user-agent"].to_str().unwrap().starts_with("Postrider/"));
}

#[tokio::test]
async fn a_token_that_is_refused_is_fetched_anew_by_the_next_attempt() {
    let bank = TokenBank::start(3600).await;
    let ca = bank.server.ca_pem.clone();
    let (_agent, _replica, mut stream) = subscribed(bank.settings(secret()), ca.as_bytes()).await;
    assert_eq!(stream.attempt(assignment(1)).await.http_status, 200);
    bank.accepted.store(2, Ordering::SeqCst);
    assert_eq!(stream.attempt(assignment(2)).await.http_status, 401);
    assert_eq!(bank.server.count_at(HOOK_PATH), 2, "an attempt is one POST");
    assert_eq!(stream.attempt(assignment(3)).await.http_status, 200);
    assert_eq!(bank.server.count_at(TOKEN_PATH), 2);
}

#[tokio::test]
async fn a_token_that_expires_is_fetched_anew_before() {
    let bank = TokenBank::start(1).await;
    let ca = bank.server.ca_pem.clone();
    let (_agent, _replica, mut stream) = subscribed(bank.settings(secret()), ca.as_bytes()).await;
    assert_eq!(stream.attempt(assignment(1)).await.http_status, 200);
    tokio::time::sleep(Duration::from_secs(1)).await;
    bank.accepted.store(2, Ordering::SeqCst);
    assert_eq!(stream.attempt(assignment(2)).await.http_status, 200);
}

#[tokio::test]
async fn another_tenant_has_a_token_of_its_own() {
    let bank = TokenBank::start(3600).await;
    let ca = bank.server.ca_pem.clone();
    let (_agent, _replica, mut stream) = subscribed(bank.settings(secret()), ca.as_bytes()).await;
    assert_eq!(stream.attempt(assignment(1)).await.http_status, 200);
    let tenant = "other".to_owned();
    let update = wire::SubscriptionUpdate { tenant: tenant.clone(), ..bank.settings(secret()) };
    stream.send(ReplicaMessage::SubscriptionUpdate(update)).await;
    bank.accepted.store(2, Ordering::SeqCst);
    let other = wire::Assignment { tenant, ..assignment(2) };
    assert_eq!(stream.attempt(other).await.http_status, 200);
    assert_eq!(bank.server.count_at(TOKEN_PATH), 2);
}

/// Attempts an attempt for which no token can be had; gives the words.
async fn without_token(stream: &mut ReplicaStream, number: u32) -> String {
    let result = stream.attempt(assignment(number)).await;
    assert_eq!((result.fact(), result.http_status), (Fact::TokenFailed, 0), "{result:?}");
    result.error
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    let answer = |seen: &BankRequest| match seen.path.as_str() {
        "/refuses" => {
            let words = "\"error_description\":\"not hush-hush\"";
            (401, format!("{{\"error\":\"invalid_client\",{words}}}"))
        }
        "/huge" => (200, "x".repeat(100_000)),
        _ => (302, String::new()),
    };
    let bank = BankServer::start(ClientAdmission::Anybody, &[], HTTP2, answer).await;
    for (token_url, words) in [
        (bank.url("/refuses"), "401, invalid_client: not *********"),
        (bank.url("/huge"), "too large"),
        (bank.url("/moved"), "answered 302"),
        ("https://localhost:4/token".to_owned(), "failed"),
        ("https://no-such-host.invalid/token".to_owned(), "resolved"),
        // Customers choose these addresses, too.
        ("https://10.0.0.1/token".to_owned(), "the address is not allowed"),
        ("https://localhost:25/token".to_owned(), "the port 25 is not allowed"),
    ] {
        let update = with_client(&bank.url(HOOK_PATH), client(&token_url, secret()));
        let (_agent, _replica, mut stream) = subscribed(update, bank.ca_pem.as_bytes()).await;
        let told = without_token(&mut stream, 1).await;
        assert!(told.contains("no access token") && told.contains(words), "{told}");
    }
    assert_eq!(bank.count_at(HOOK_PATH), 0);
}

#[tokio::test]
async fn a_token_server_that_hangs_ends_with_the_attempt() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let token_url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let bank = TokenBank::start(3600).await;
    let update = with_client(&bank.server.url(HOOK_PATH), client(&token_url, secret()));
    let ca = bank.server.ca_pem.clone();
    let (_agent, _replica, mut stream) = subscribed(update, ca.as_bytes()).await;
    let result = stream.attempt(assignment(1)).await;
    assert_eq!(result.fact(), Fact::Timeout);
    assert!(result.error.contains("access token"), "{}", result.error);
    assert_eq!(bank.server.count_at(HOOK_PATH), 0);
}

#[tokio::test]
async fn a_client_may_prove_itself_by_a_key() {
    let bank = TokenBank::start(3600).await;
    let key = rcgen::KeyPair::generate().unwrap();
    let proof = ClientAuthentication::AssertionKey(wire::AssertionKey {
        private_key: key.serialize_pem().into_bytes().into(),
        algorithm: "ES256".to_owned(),
        key_id: "key-1".to_owned(),
    });
    let ca = bank.server.ca_pem.clone();
    let (_agent, _replica, mut stream) = subscribed(bank.settings(proof), ca.as_bytes()).await;
    assert_eq!(stream.attempt(assignment(1)).await.http_status, 200);
    let requests = bank.server.take_requests();
    let asked = requests.iter().find(|seen| seen.path == TOKEN_PATH).unwrap();
    let assertion = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type\
                     %3Ajwt-bearer&client_assertion=ey";
    assert!(asked.body.contains(assertion), "{}", asked.body);
}

/// As at banks: the token server asks for the certificate too.
#[tokio::test]
async fn a_token_server_is_shown_the_certificate() {
    let client_certificate = CertifiedClient::new();
    let answer = |seen: &BankRequest| match seen.path.as_str() {
        TOKEN_PATH => (200, "{\"access_token\":\"token-1\"}".to_owned()),
        _ => (200, String::new()),
    };
    let clients = [&client_certificate];
    let bank = BankServer::start(ClientAdmission::WithCertificate, &clients, HTTP2, answer).await;
    let update = with_client(&bank.url(HOOK_PATH), client(&bank.url(TOKEN_PATH), secret()));
    // Its authority is the subscription's own.
    let tls =
        wire::ReceiverTls { ca_certificates: bank.ca_pem.clone(), ..client_certificate.tls() };
    let update = wire::SubscriptionUpdate { receiver_tls: Some(tls), ..update };
    let stranger = TokenBank::start(1).await;
    let ca = stranger.server.ca_pem.clone();
    let (_agent, _replica, mut stream) = subscribed(update, ca.as_bytes()).await;
    assert_eq!(stream.attempt(assignment(1)).await.http_status, 200);
    assert!(bank.take_requests().iter().all(|seen| seen.certificate.is_some()));
}
