//! Who signs in too often, ids that nobody has made, and a provider or an issuer that does not
//! answer.

use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::FutureExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::console::redemptions::MAX_CODE_TRIES;
use crate::state::rate_limits::RatedCall;

/// Uses up what a tenant's callers may sign in.
fn sign_in_until_refused(browser: &Browser, tenant: &str) {
    let (rates, tenant) = (&browser.plane.context.rate_limits, tenant.parse().unwrap());
    let mut times = 0..1_000;
    let take = |who: u32| rates.take_of_both(RatedCall::SignIn, &who.to_string(), &tenant);
    assert!(times.any(|who| take(who).is_err()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signs_in_too_often_is_told_when_to_come_back_and_keeps_his_link() {
    let rates =
        [("rates.sign_ins_per_second_per_tenant", "1"), ("rates.sign_in_burst_seconds", "1")];
    let mut browser = Browser::with(&rates).await;
    browser.create_tenant("acme", "Acme").await;
    let made = browser.portal_link("acme").await;
    let code = made.console_url.rsplit('/').next().unwrap().to_owned();
    let form_token = browser.get("/console/sign-in").await.form_token();
    let by_link = [("form_token", form_token.as_str()), ("code", code.as_str())];
    let by_token = [("form_token", form_token.as_str()), ("token", made.secret.as_str())];
    for (path, form) in [("/console/portal", by_link), ("/console/sign-in", by_token)] {
        sign_in_until_refused(&browser, "acme");
        let refused = browser.post(path, &form).await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{}", refused.text);
        assert_eq!(refused.headers["retry-after"], "1");
        assert!(refused.text.contains("You sign in too often"), "{}", refused.text);
        assert!(browser.session().is_none());
    }
    // Of the installation, and so of no tenant.
    assert_eq!(browser.sign_in(BOOTSTRAP).await.status, StatusCode::SEE_OTHER);
    browser.cookies.clear();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let form_token = browser.get("/console/sign-in").await.form_token();
    let by_link = [("form_token", form_token.as_str()), ("code", code.as_str())];
    let opened = browser.post("/console/portal", &by_link).await;
    assert_eq!(opened.status, StatusCode::SEE_OTHER, "{}", opened.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_is_good_until_its_session_can_begin() {
    let mut browser = Browser::start().await;
    browser.create_tenant("acme", "Acme").await;
    let made = browser.portal_link("acme").await;
    let code = made.console_url.rsplit('/').next().unwrap();
    let form_token = browser.get("/console/sign-in").await.form_token();
    let cookie = format!("postrider-visitor={}", browser.cookies["postrider-visitor"]);
    let console = console_beside(&browser);
    let open = || {
        let request = Request::post("/console/portal")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(COOKIE, cookie.as_str());
        let form = Bytes::from(format!("form_token={form_token}&code={code}"));
        let request = request.body(Body::new(Full::new(form))).unwrap();
        Box::pin(crate::console::serve::serve(&console, no_door(), request))
    };
    // As many as are committed at once.
    let mut taken = Vec::new();
    while let Some(turn) = console.sessions.beginning_turn().now_or_never() {
        taken.push(turn.unwrap());
    }
    assert_eq!(taken.len(), 2);
    assert_eq!(open().await.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(taken);
    assert_eq!(open().await.status(), StatusCode::SEE_OTHER, "the link was not spent");
    assert_eq!(open().await.status(), StatusCode::FORBIDDEN, "now it is");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_that_no_replica_has_made_are_not_looked_up() {
    let mut browser = Browser::start().await;
    browser.create_tenant("acme", "Acme").await;
    browser.sign_in(BOOTSTRAP).await;
    let session = browser.session().unwrap().to_owned();
    let code = browser.portal_link("acme").await.console_url;
    let code = code.rsplit('/').next().unwrap();
    let console = console_beside(&browser);
    assert!(console.sessions.id(&session).is_some(), "any replica knows it");
    assert!(console.sessions.portal_code(code).is_some());
    let invented = "0123456789abcdef".repeat(6);
    for unknown in [code, invented.as_str(), &session[..64]] {
        assert!(console.sessions.id(unknown).is_none(), "{unknown}");
        browser.cookies.insert("postrider-session".to_owned(), unknown.to_owned());
        let shown = browser.get("/console/tenants").await;
        assert!(shown.location().starts_with("/console/sign-in"), "{}", shown.text);
    }
    assert!(console.sessions.portal_code(&session).is_none());
}

/// With a provider at an address.
async fn browser_of_provider(url: &str) -> Browser {
    let issuer = format!(
        r#"[{{"issuer": "{url}", "audiences": ["console"], "jwks_url": "{url}/keys",
        "rules": [{{"claim": "sub", "role": "reader", "installation": true}}]}}]"#
    );
    let provider = format!(
        r#"[{{"name": "Staff", "issuer": "{url}", "client_id": "console",
        "authorization_url": "{url}/login", "token_url": "{url}/token"}}]"#
    );
    Browser::with(&[
        ("auth.issuers", issuer.as_str()),
        ("console.providers", provider.as_str()),
        // Of which browsers without a session have one.
        ("console.max_concurrent_requests", "8"),
    ])
    .await
}

/// Begins to sign in with the provider: where the browser comes back with an invented code.
async fn leave_for_provider(browser: &mut Browser) -> String {
    let form_token = browser.get("/console/sign-in").await.form_token();
    let form = [("form_token", form_token.as_str())];
    let left = browser.post("/console/sign-in/with/0", &form).await;
    let address = url::Url::parse(left.location()).unwrap();
    let state = address.query_pairs().find(|(name, _)| name == "state").unwrap().1;
    format!("/console/sign-in/back?code=invented&state={state}")
}

fn pending_cookie(browser: &Browser) -> String {
    format!("postrider-sign-in={}", browser.cookies["postrider-sign-in"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_slow_keeps_nobody_from_signing_in() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut browser = browser_of_provider(&url).await;
    let honest = (leave_for_provider(&mut browser).await, pending_cookie(&browser));
    let other = (leave_for_provider(&mut browser).await, pending_cookie(&browser));
    let console = console_beside(&browser);
    let come_back = |(back, cookie): &(String, String)| {
        let request = Request::get(back.as_str()).header(COOKIE, cookie.as_str());
        let request = request.body(Body::empty()).unwrap();
        Box::pin(crate::console::serve::serve(&console, no_door(), request))
    };
    let mut waiting = come_back(&honest);
    assert!(waiting.as_mut().now_or_never().is_none());
    let mut invented: Vec<_> = (0..100).map(|_| come_back(&other)).collect();
    for answer in &mut invented {
        let _ = answer.as_mut().now_or_never();
    }
    assert!(waiting.as_mut().now_or_never().is_none(), "nobody else's codes end it");
    let request = Request::get("/console/sign-in").body(Body::empty()).unwrap();
    let page = crate::console::serve::serve(&console, no_door(), request).await;
    assert_eq!(page.status(), StatusCode::OK, "none of them has a turn");
    let newer = come_back(&honest).now_or_never();
    assert!(newer.is_none());
    assert_eq!(waiting.await.status(), StatusCode::SERVICE_UNAVAILABLE, "of the same sign-in");
    let metrics = browser.plane.context.metrics.limits();
    assert_eq!(metrics.times_reached("console:provider_codes"), 1);
}

/// A JWT of an issuer, with a key that nobody knows.
fn invented_jwt(issuer: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"invented"}"#);
    let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"iss":"{issuer}"}}"#));
    format!("{header}.{claims}.c2ln")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_are_waited_for_keep_nobody_from_signing_in() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut browser = browser_of_provider(&url).await;
    let form_token = browser.get("/console/sign-in").await.form_token();
    let cookie = format!("postrider-visitor={}", browser.cookies["postrider-visitor"]);
    let console = console_beside(&browser);
    let sign_in = |token: &str| {
        let request = Request::post("/console/sign-in")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(COOKIE, cookie.as_str());
        let form = Bytes::from(format!("form_token={form_token}&token={token}"));
        let request = request.body(Body::new(Full::new(form))).unwrap();
        Box::pin(crate::console::serve::serve(&console, no_door(), request))
    };
    let invented = invented_jwt(&url);
    let mut waiting: Vec<_> = (0..MAX_KEY_WAITS).map(|_| sign_in(&invented)).collect();
    for answer in &mut waiting {
        assert!(answer.as_mut().now_or_never().is_none());
    }
    assert_eq!(sign_in(&invented).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    let metrics = browser.plane.context.metrics.limits();
    assert_eq!(metrics.times_reached("console:issuer_keys"), 1);
    let request = Request::get("/console/sign-in").body(Body::empty()).unwrap();
    let page = crate::console::serve::serve(&console, no_door(), request).await;
    assert_eq!(page.status(), StatusCode::OK, "none of them has a turn");
    assert_eq!(sign_in(BOOTSTRAP).await.status(), StatusCode::SEE_OTHER, "a token needs no keys");
    drop(waiting);
    assert!(sign_in(&invented).now_or_never().is_none(), "the places are free again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_asks_its_provider_so_often() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let length = stream.read(&mut request).await.unwrap_or(0);
            if request[..length].starts_with(b"POST /token") {
                counted.fetch_add(1, Ordering::Relaxed);
            }
            let answer = "HTTP/1.1 400 Bad Request\r\ncontent-length: 25\r\nconnection: close\r\n\r\n\
                          {\"error\":\"invalid_grant\"}";
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let mut browser = browser_of_provider(&url).await;
    for begun in 1..=2 {
        let back = leave_for_provider(&mut browser).await;
        for number in 1..=10 {
            let refused = browser.get(&back).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text);
            let is_spent = refused.text.contains("tried too often");
            assert_eq!(is_spent, number > MAX_CODE_TRIES, "{number}: {}", refused.text);
        }
        assert_eq!(asked.load(Ordering::Relaxed), begun * MAX_CODE_TRIES);
    }
    let metrics = browser.plane.context.metrics.limits();
    assert_eq!(metrics.times_reached("console:provider_tries"), 14);
}
