//! JWTs of an OIDC provider that is not ours: `oidc-provider-mock` of `PyPI`.
//!
//! `POSTRIDER_TEST_OIDC_PROVIDER` names its program; without it the test is skipped, and
//! says so.

use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::super::*;
use crate::clock::{SystemClock, wall_clock};
use crate::settings::Settings;

const PROVIDER: &str = "POSTRIDER_TEST_OIDC_PROVIDER";
const START_PAUSE: Duration = Duration::from_millis(100);
const START_TRIES: usize = 200;

/// The provider, as a process.
struct OidcProvider {
    process: Child,
    port: u16,
}

impl Drop for OidcProvider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl OidcProvider {
    async fn start(program: &str, port: u16) -> Self {
        let process = Command::new(program)
            .args(["--port", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let provider = Self { process, port };
        for _ in 0..START_TRIES {
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return provider;
            }
            tokio::time::sleep(START_PAUSE).await;
        }
        panic!("the provider does not listen");
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: &str,
    ) -> (http::HeaderMap, Bytes) {
        let connection = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(connection)).await.unwrap();
        let connection = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, format!("localhost:{}", self.port))
            .header(header::CONTENT_TYPE, kind)
            .body(Full::new(Bytes::from(body.to_owned())))
            .unwrap();
        let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        connection.abort();
        (parts.headers, body)
    }

    /// Signs a user in, as a browser and a backend would together.
    async fn id_token(&self, user: &str, claims: &str) -> String {
        const FORM: &str = "application/x-www-form-urlencoded";
        self.send(Method::PUT, &format!("/users/{user}"), "application/json", claims).await;
        let ask = "/oauth2/authorize?client_id=postrider&redirect_uri=http://localhost/back\
                   &response_type=code&scope=openid&state=1";
        let (headers, _) = self.send(Method::POST, ask, FORM, &format!("sub={user}")).await;
        let back = headers.get(header::LOCATION).unwrap().to_str().unwrap();
        let back = url::Url::parse(back).unwrap();
        let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        let form = format!(
            "grant_type=authorization_code&code={code}&client_id=postrider&client_secret=x\
             &redirect_uri=http://localhost/back"
        );
        let (_, body) = self.send(Method::POST, "/oauth2/token", FORM, &form).await;
        let answer: Value = serde_json::from_slice(&body).unwrap();
        answer["id_token"].as_str().unwrap().to_owned()
    }
}

fn issuers(port: u16) -> Issuers {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("postrider.toml");
    let text = format!(
        "[[auth.issuers]]\nissuer = \"http://localhost:{port}\"\naudiences = [\"postrider\"]\n\
         jwks_url = \"http://localhost:{port}/jwks\"\n[[auth.issuers.rules]]\n\
         claim = \"groups\"\nvalue = \"ops\"\nrole = \"operator\"\ntenants_claim = \"tenants\"\n"
    );
    std::fs::write(&path, text).unwrap();
    let settings = Settings::load(Some(&path), &[]).unwrap();
    Issuers::new(&settings.auth, SystemClock::starting_at(wall_clock())).unwrap()
}

#[tokio::test]
async fn a_real_provider_s_tokens_are_verified_before_and_after_its_keys_change() {
    let Ok(program) = std::env::var(PROVIDER) else {
        eprintln!("==== SKIPPED: {PROVIDER} is not set ====");
        return;
    };
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let claims = r#"{"groups": ["ops"], "tenants": ["acme"]}"#;
    let (issuers, start) = (issuers(port), Instant::now());
    let provider = OidcProvider::start(&program, port).await;
    let first = provider.id_token("alice", claims).await;
    let caller = issuers.verify_at(&first, start).await.unwrap();
    assert_eq!(caller.principal.to_string(), format!("subject:alice@http://localhost:{port}"));
    assert!(caller.knows(&"acme".parse().unwrap()) && !caller.knows(&"other".parse().unwrap()));
    let nobody = provider.id_token("bob", "{}").await;
    assert!(issuers.verify_at(&nobody, start).await.is_err());
    drop(provider);

    // Another process draws other keys.
    let provider = OidcProvider::start(&program, port).await;
    let second = provider.id_token("alice", claims).await;
    assert!(issuers.verify_at(&second, start).await.is_err());
    let later = start + Duration::from_secs(301);
    issuers.verify_at(&second, later).await.unwrap();
    assert!(issuers.verify_at(&first, later).await.is_err());
}
