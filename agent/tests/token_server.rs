//! Tokens of a token server that is not ours: `oidc-provider` of npm.
//!
//! `POSTRIDER_TEST_TOKEN_SERVER` names the folder in which it is installed; without it the
//! test is skipped, and says so.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may stop at the first surprise"
)]

mod support;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postrider_proto::agent::v1::oauth_client::ClientAuthentication;
use postrider_proto::agent::v1::subscription_update::Authorization;
use postrider_proto::agent::v1::{self as wire, Fact};
use support::bank::{BankRequest, BankServer, ClientAdmission};
use support::{assignment, subscribed, subscription};

const TOKEN_SERVER: &str = "POSTRIDER_TEST_TOKEN_SERVER";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oauth/token-server.mjs");
const SECRET: &str = "a secret: of 40% & more + characters";

/// The public half of a key on P-256, as a JWK.
fn public_jwk(key: &rcgen::KeyPair) -> String {
    let point = key.public_key_raw();
    let (x, y) = point[1..].split_at(32);
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    format!(r#"{{"kty":"EC","crv":"P-256","kid":"key-1","use":"sig","x":"{x}","y":"{y}"}}"#)
}

/// The server as a process, ended when dropped.
struct TokenServer {
    process: Child,
    port: u16,
}

impl TokenServer {
    fn start(folder: &str, key: &rcgen::KeyPair) -> Self {
        let mut process = Command::new("node")
            .args([SCRIPT, folder, &public_jwk(key)])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Node.js is installed");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().expect("the server prints its port");
        Self { process, port }
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_real_token_server_gives_tokens_to_clients_of_every_kind() {
    let Ok(folder) = std::env::var(TOKEN_SERVER) else {
        eprintln!("==== SKIPPED: {TOKEN_SERVER} is not set ====");
        return;
    };
    let key = rcgen::KeyPair::generate().unwrap();
    let server = TokenServer::start(&folder, &key);
    let answer = |seen: &BankRequest| {
        let token = seen.authorization().strip_prefix("Bearer ").unwrap_or_default();
        (if token.len() > 20 { 200 } else { 401 }, String::new())
    };
    let bank = BankServer::start(ClientAdmission::Anybody, &[], &[b"h2"], answer).await;
    let signing = wire::AssertionKey {
        private_key: key.serialize_pem().into_bytes().into(),
        algorithm: "ES256".to_owned(),
        key_id: "key-1".to_owned(),
    };
    let secret = || SECRET.to_owned();
    let wrong = || ClientAuthentication::ClientSecretBasic("wrong".to_owned());
    for (client_id, proof, is_given) in [
        ("basic", ClientAuthentication::ClientSecretBasic(secret()), true),
        ("post", ClientAuthentication::ClientSecretPost(secret()), true),
        ("key", ClientAuthentication::AssertionKey(signing), true),
        ("basic", wrong(), false),
        ("nobody", wrong(), false),
    ] {
        let client = wire::OauthClient {
            token_url: format!("http://localhost:{}/token", server.port),
            allow_insecure_url: true,
            client_id: client_id.to_owned(),
            scope: "hooks".to_owned(),
            client_authentication: Some(proof),
            ..Default::default()
        };
        let update = wire::SubscriptionUpdate {
            authorization: Some(Authorization::Oauth(client)),
            ..subscription(&bank.url("/hooks"), 1)
        };
        let (_agent, _replica, mut stream) = subscribed(update, bank.ca_pem.as_bytes()).await;
        let result = stream.attempt(assignment(1)).await;
        if is_given {
            assert_eq!((result.fact(), result.http_status), (Fact::Response, 200), "{result:?}");
        } else {
            assert_eq!(result.fact(), Fact::TokenFailed, "{result:?}");
            assert!(result.error.contains("invalid_client"), "{}", result.error);
        }
    }
}
