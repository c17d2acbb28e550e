//! JWTs against a server of keys, which are rotated.

mod provider;

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{EncodingKey, Header};
use postrider_identity::MAX_GRANT_TENANTS;
use serde_json::json;
use tokio::net::TcpListener;

use super::*;
use crate::clock::{SystemClock, wall_clock};
use crate::settings::Settings;

const ISSUER: &str = "https://id.example";

/// A key that signs.
struct IssuerSigningKey {
    id: &'static str,
    key: EncodingKey,
}

impl IssuerSigningKey {
    fn create(id: &'static str) -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let key = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap();
        Self { id, key }
    }

    fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, Algorithm::ES256).unwrap();
        jwk.common.key_id = Some(self.id.to_owned());
        serde_json::to_value(jwk).unwrap()
    }

    fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.id.to_owned()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }
}

/// What the server answers, and how often it was asked.
struct KeyServer {
    url: String,
    keys: Arc<Mutex<Value>>,
    asked: Arc<AtomicUsize>,
    authorization: Arc<Mutex<Option<String>>>,
    /// Whether it takes requests and never answers.
    silent: Arc<AtomicBool>,
}

impl KeyServer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys?v=1", listener.local_addr().unwrap());
        let server = Self {
            url,
            keys: Arc::default(),
            asked: Arc::default(),
            authorization: Arc::default(),
            silent: Arc::default(),
        };
        let (keys, asked) = (Arc::clone(&server.keys), Arc::clone(&server.asked));
        let authorization = Arc::clone(&server.authorization);
        let silent = Arc::clone(&server.silent);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let answer = service_fn(|request: http::Request<hyper::body::Incoming>| {
                    asked.fetch_add(1, Ordering::Relaxed);
                    let given = request.headers().get("authorization");
                    *authorization.lock() = given.map(|value| value.to_str().unwrap().to_owned());
                    let right = request.uri().path_and_query().unwrap() == "/keys?v=1";
                    let body = Full::new(Bytes::from(keys.lock().to_string()));
                    let mut answer = Response::new(body);
                    if !right {
                        *answer.status_mut() = StatusCode::NOT_FOUND;
                    }
                    let is_silent = silent.load(Ordering::Relaxed);
                    async move {
                        if is_silent {
                            std::future::pending::<()>().await;
                        }
                        Ok::<_, Infallible>(answer)
                    }
                });
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
            }
        });
        server
    }

    fn serve(&self, keys: &[&IssuerSigningKey]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
        *self.keys.lock() = json!({ "keys": keys });
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

fn issuers(keys: &str) -> Issuers {
    let settings = settings_with(keys);
    Issuers::new(&settings.auth, SystemClock::starting_at(wall_clock())).unwrap()
}

fn settings_with(keys: &str) -> Settings {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("postrider.toml");
    let text = format!(
        "[[auth.issuers]]\nissuer = \"{ISSUER}\"\naudiences = [\"postrider\"]\n{keys}\n\
         leeway_seconds = 5\n[[auth.issuers.rules]]\nclaim = \"groups\"\nvalue = \"ops\"\n\
         role = \"operator\"\ntenants_claim = \"tenants\"\n"
    );
    std::fs::write(&path, text).unwrap();
    Settings::load(Some(&path), &[]).unwrap()
}

fn now() -> i64 {
    wall_clock().as_micros() / 1_000_000
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": ["other", "postrider"], "sub": "alice", "exp": now() + 600,
        "groups": ["ops"], "tenants": ["acme"],
    })
}

/// The claims with one changed; null leaves it out.
fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    let all = claims.as_object_mut().unwrap();
    all.remove(name);
    if !value.is_null() {
        all.insert(name.to_owned(), value);
    }
    claims
}

#[tokio::test]
async fn a_jwt_of_a_known_issuer_names_its_caller() {
    let (server, key) = (KeyServer::start().await, IssuerSigningKey::create("k1"));
    server.serve(&[&key]);
    let issuers = issuers(&format!("jwks_url = \"{}\"", server.url));
    let text = key.sign(&claims());
    let caller = issuers.verify(&text).await.unwrap();
    assert_eq!(caller.principal.to_string(), "subject:alice@https://id.example");
    assert!(caller.knows(&"acme".parse().unwrap()) && !caller.knows(&"other".parse().unwrap()));
    assert!(caller.expire_time.is_some());
    issuers.verify(&text).await.unwrap();
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn what_is_wrong_with_a_jwt_refuses_it() {
    let (server, key) = (KeyServer::start().await, IssuerSigningKey::create("k1"));
    server.serve(&[&key]);
    let issuers = issuers(&format!("jwks_url = \"{}\"", server.url));
    for (name, value) in [
        ("iss", json!("https://evil.example")),
        ("iss", Value::Null),
        ("aud", json!("other")),
        ("aud", Value::Null),
        ("sub", Value::Null),
        ("sub", json!("")),
        ("exp", json!(now() - 10)),
        ("exp", Value::Null),
        ("nbf", json!(now() + 60)),
        ("groups", json!(["dev"])),
        ("groups", Value::Null),
        ("tenants", json!([])),
        ("tenants", json!("*")),
        ("tenants", Value::Null),
    ] {
        let refused = issuers.verify(&key.sign(&with(name, value.clone()))).await;
        assert!(refused.is_err(), "{name}: {value}");
    }
    for (name, value) in
        [("exp", json!(now() - 2)), ("nbf", json!(now() + 2)), ("aud", json!("postrider"))]
    {
        assert!(issuers.verify(&key.sign(&with(name, value))).await.is_ok(), "{name}");
    }
    let stranger = IssuerSigningKey::create("k1");
    assert!(issuers.verify(&stranger.sign(&claims())).await.is_err());
    let text = key.sign(&claims());
    let (head, signature) = text.rsplit_once('.').unwrap();
    for bad in ["", "a", "a.b.c", head, &format!("{head}."), &format!("{head}.{signature}x")] {
        assert!(issuers.verify(bad).await.is_err(), "{bad}");
    }
    // Neither no signature nor one by the public key as a secret.
    let encoded = |text: &str| {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
    };
    let none = format!("{}.{}.", encoded(r#"{"alg":"none"}"#), encoded(&claims().to_string()));
    assert!(issuers.verify(&none).await.is_err());
    let header = Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::HS256) };
    let secret = EncodingKey::from_secret(key.jwk().to_string().as_bytes()).unwrap();
    let symmetric = jsonwebtoken::encode(&header, &claims(), &secret).unwrap();
    assert!(issuers.verify(&symmetric).await.is_err());
}

#[tokio::test]
async fn keys_are_rotated_and_asked_for_once_a_minute() {
    let (old, new) = (IssuerSigningKey::create("old"), IssuerSigningKey::create("new"));
    let server = KeyServer::start().await;
    server.serve(&[&old]);
    let issuers = issuers(&format!("jwks_url = \"{}\"", server.url));
    let start = Instant::now();
    let at = start;
    issuers.verify_at(&old.sign(&claims()), at).await.unwrap();
    server.serve(&[&old, &new]);
    for number in 0..20 {
        let invented = IssuerSigningKey { id: "invented", key: new.key.clone() };
        let text = invented.sign(&with("n", json!(number)));
        assert!(issuers.verify_at(&text, at).await.is_err());
    }
    assert!(issuers.verify_at(&new.sign(&claims()), at).await.is_err());
    assert_eq!(server.asked(), 1);
    let at = start + Duration::from_secs(61);
    issuers.verify_at(&new.sign(&claims()), at).await.unwrap();
    assert_eq!(server.asked(), 2);
    // A key that is withdrawn counts no longer than it is remembered.
    server.serve(&[&new]);
    let text = old.sign(&with("n", json!("late")));
    issuers.verify_at(&text, at).await.unwrap();
    let at = at + Duration::from_secs(301);
    assert!(issuers.verify_at(&text, at).await.is_err());
    issuers.verify_at(&new.sign(&claims()), at).await.unwrap();
    assert_eq!(server.asked(), 3);
}

#[tokio::test]
async fn an_issuer_that_is_silent_holds_up_one_call_for_a_moment() {
    let (server, key) = (KeyServer::start().await, IssuerSigningKey::create("k1"));
    server.serve(&[&key]);
    let issuers = issuers(&format!("jwks_url = \"{}\"", server.url));
    let start = Instant::now();
    issuers.verify_at(&key.sign(&claims()), start).await.unwrap();
    server.silent.store(true, Ordering::Relaxed);
    let later = start + Duration::from_secs(301);
    let began = Instant::now();
    for number in 0..5 {
        let text = key.sign(&with("n", json!(number)));
        issuers.verify_at(&text, later).await.unwrap();
    }
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn it_is_known_before_whether_a_jwt_waits_for_keys() {
    let (server, key) = (KeyServer::start().await, IssuerSigningKey::create("k1"));
    server.serve(&[&key]);
    let issuers = issuers(&format!("jwks_url = \"{}\"", server.url));
    let text = key.sign(&claims());
    assert_eq!(issuers.awaited_issuer(&text), Some(0), "no key is known yet");
    issuers.verify(&text).await.unwrap();
    assert_eq!(issuers.awaited_issuer(&text), None);
    let invented = IssuerSigningKey { id: "invented", key: key.key.clone() };
    let text = invented.sign(&claims());
    assert_eq!(issuers.awaited_issuer(&text), None, "the keys were fetched a moment ago");
    let text = invented.sign(&with("iss", json!("https://other.example")));
    assert_eq!(issuers.awaited_issuer(&text), None);
    assert_eq!(issuers.awaited_issuer("x"), None);
}

#[tokio::test]
async fn keys_of_an_issuer_that_fails_count_for_an_hour() {
    let (server, key) = (KeyServer::start().await, IssuerSigningKey::create("k1"));
    server.serve(&[&key]);
    let issuers = issuers(&format!("jwks_url = \"{}\"", server.url));
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    issuers.verify_at(&key.sign(&claims()), start).await.unwrap();
    *server.keys.lock() = json!("broken");
    for seconds in [301, 900, 3599] {
        let text = key.sign(&with("n", json!(seconds)));
        issuers.verify_at(&text, at(seconds)).await.unwrap();
    }
    let late = key.sign(&with("n", json!("late")));
    assert!(issuers.verify_at(&late, at(3601)).await.is_err());
    server.serve(&[&key]);
    issuers.verify_at(&late, at(3700)).await.unwrap();
}

#[tokio::test]
async fn a_bearer_token_is_sent_and_a_file_of_keys_is_read() {
    let (server, key) = (KeyServer::start().await, IssuerSigningKey::create("k1"));
    server.serve(&[&key]);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, "service-account\n").unwrap();
    let by_url = issuers(&format!(
        "jwks_url = \"{}\"\nbearer_token_file = \"{}\"",
        server.url,
        file.display()
    ));
    by_url.verify(&key.sign(&claims())).await.unwrap();
    let sent = server.authorization.lock().clone();
    assert_eq!(sent.as_deref(), Some("Bearer service-account"));
    let keys = directory.path().join("keys.json");
    std::fs::write(&keys, json!({ "keys": [key.jwk()] }).to_string()).unwrap();
    let by_file = issuers(&format!("jwks_file = \"{}\"", keys.display()));
    by_file.verify(&key.sign(&claims())).await.unwrap();
}

#[tokio::test]
async fn subjects_that_begin_alike_are_not_one_caller() {
    let (server, key) = (KeyServer::start().await, IssuerSigningKey::create("k1"));
    server.serve(&[&key]);
    let issuers = issuers(&format!("jwks_url = \"{}\"", server.url));
    let mut seen = HashSet::new();
    let long = "x".repeat(MAX_NAME_CHARACTERS);
    for subject in [&*long, &format!("{long}1"), &format!("{long}2"), "a?", "a\u{7}", "a\u{8}"] {
        let caller = issuers.verify(&key.sign(&with("sub", json!(subject)))).await.unwrap();
        let shown = caller.principal.to_string();
        assert!(shown.len() < 2 * MAX_NAME_CHARACTERS, "{shown}");
        assert!(seen.insert(shown), "{subject}");
    }
}

#[tokio::test]
async fn a_jwt_with_too_many_tenants_is_told_so() {
    let (server, key) = (KeyServer::start().await, IssuerSigningKey::create("k1"));
    server.serve(&[&key]);
    let issuers = issuers(&format!("jwks_url = \"{}\"", server.url));
    let tenants: Vec<String> = (0..=MAX_GRANT_TENANTS).map(|number| format!("t{number}")).collect();
    let refused = issuers.verify(&key.sign(&with("tenants", json!(tenants)))).await;
    let told = refused.err().unwrap();
    assert!(told.contains(&MAX_GRANT_TENANTS.to_string()), "{told}");
}

#[tokio::test]
async fn a_file_without_keys_ends_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let refused = |file: &str| {
        let keys = format!("jwks_file = \"{}\"", directory.path().join(file).display());
        let settings = settings_with(&keys);
        let refused = Issuers::new(&settings.auth, SystemClock::starting_at(wall_clock()));
        format!("{:#}", refused.err().unwrap())
    };
    let missing = refused("missing.json");
    assert!(missing.contains("https://id.example"), "{missing}");
    assert!(missing.contains("jwks_file: cannot read "), "{missing}");
    let symmetric = json!({ "keys": [{ "kty": "oct", "k": "AAAA", "alg": "HS256" }] });
    for text in [json!({ "keys": [] }), symmetric] {
        std::fs::write(directory.path().join("none.json"), text.to_string()).unwrap();
        let empty = refused("none.json");
        assert!(empty.contains("jwks_file: no key of "), "{empty}");
    }
}

#[tokio::test]
async fn an_issuer_that_is_away_or_sends_too_much_refuses_callers() {
    let (server, key) = (KeyServer::start().await, IssuerSigningKey::create("k1"));
    *server.keys.lock() = json!({ "keys": [], "padding": "x".repeat(300 * 1024) });
    let large = issuers(&format!("jwks_url = \"{}\"", server.url));
    assert!(large.verify(&key.sign(&claims())).await.is_err());
    let away = issuers("jwks_url = \"http://127.0.0.1:1/keys\"");
    assert!(away.verify(&key.sign(&claims())).await.is_err());
}
