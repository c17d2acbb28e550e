//! Tests of the console as a browser meets it, on a whole control plane with SQLite.

use std::collections::BTreeMap;
use std::convert::Infallible;

use bytes::Bytes;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use postrider_identity::{
    CallerIdentity, ConsoleEntryKind, ConsoleId, ConsoleSession, Grant, GrantScope, Principal,
    Role, TokenId,
};
use postrider_proto::v1::token_service_client::TokenServiceClient;
use postrider_proto::v1::{self, portal_service_client::PortalServiceClient};
use tempfile::TempDir;
use tonic::body::Body;
use tonic::transport::Channel;

use super::*;
use crate::api::{self, CallersApi};
use crate::serve::{self as server, ControlPlane};
use crate::settings::Settings;
use crate::state::console_bounds::{PORTAL_CODE_TTL, console_bounds};

mod forms;
mod names;
mod pages;
mod refusals;
mod sessions;
mod sign_ins;

const TEST_KEY: &str = "test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
/// An administrator's, as a file names it.
const BOOTSTRAP: &str =
    "prt_0123456789abcdef0123_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";

/// A control plane with a console, and a browser's cookies.
struct Browser {
    plane: ControlPlane,
    _directory: TempDir,
    cookies: BTreeMap<String, String>,
}

/// What a browser is shown.
struct Shown {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Shown {
    fn location(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |address| address.to_str().unwrap())
    }

    /// The token of the page's first form.
    fn form_token(&self) -> String {
        let (_, rest) = self.text.split_once("name=\"form_token\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }
}

impl Browser {
    async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With settings of a test's own.
    async fn with(settings: &[(&'static str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let token_file = directory.path().join("token");
        std::fs::write(&token_file, BOOTSTRAP).unwrap();
        let mut flags = vec![
            ("server.listen", "127.0.0.1:0".to_owned()),
            ("agents.listen", "127.0.0.1:0".to_owned()),
            ("server.metrics_listen", String::new()),
            ("server.drain_timeout_seconds", "5".to_owned()),
            ("database.data_dir", directory.path().display().to_string()),
            ("keys.encryption_keys", TEST_KEY.to_owned()),
            ("auth.bootstrap_token_file", token_file.display().to_string()),
            ("console.enabled", true.to_string()),
            ("console.public_url", "http://localhost:7443".to_owned()),
        ];
        flags.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let settings = Settings::load(None, &flags).unwrap();
        let plane = server::start(settings, None).await.unwrap();
        Self { plane, _directory: directory, cookies: BTreeMap::new() }
    }

    /// Sends a request over the network, as a browser does.
    async fn send(&mut self, method: Method, path: &str, form: &str) -> Shown {
        let address = self.plane.addresses.callers;
        let tcp = tokio::net::TcpStream::connect(address).await.unwrap();
        let io = hyper_util::rt::TokioIo::new(tcp);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        let cookies: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", address.to_string())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(COOKIE, cookies.join("; "))
            .body(Full::new(Bytes::from(form.to_owned())))
            .unwrap();
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        let text = body.collect().await.unwrap().to_bytes();
        for set in head.headers.get_all(SET_COOKIE) {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            match value {
                "" => self.cookies.remove(name),
                _ => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        let text = String::from_utf8(text.to_vec()).unwrap();
        Shown { status: head.status, headers: head.headers, text }
    }

    async fn get(&mut self, path: &str) -> Shown {
        self.send(Method::GET, path, "").await
    }

    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Shown {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        let form = form.extend_pairs(fields).finish();
        self.send(Method::POST, path, &form).await
    }

    async fn sign_in(&mut self, token: &str) -> Shown {
        let page = self.get("/console/sign-in").await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        let form_token = page.form_token();
        self.post("/console/sign-in", &[("form_token", &form_token), ("token", token)]).await
    }

    fn session(&self) -> Option<&str> {
        self.cookies.get("postrider-session").map(String::as_str)
    }

    async fn channel(&self) -> Channel {
        let address = format!("http://{}", self.plane.addresses.callers);
        Channel::from_shared(address).unwrap().connect().await.unwrap()
    }

    /// A token of somebody who may only read, in one tenant.
    async fn make_reader(&self, display_name: &str) -> v1::CreateTokenResponse {
        let grant = v1::Grant {
            role: v1::Role::Reader.into(),
            tenants: vec!["tenants/acme".to_owned()],
            installation: false,
        };
        let token = v1::Token {
            grants: vec![grant],
            display_name: display_name.to_owned(),
            ..v1::Token::default()
        };
        let request = v1::CreateTokenRequest { token: Some(token), ttl: None };
        let mut tokens = TokenServiceClient::new(self.channel().await);
        tokens.create_token(by_administrator(request)).await.unwrap().into_inner()
    }
}

/// A call as the administrator.
fn by_administrator<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    let header = format!("Bearer {BOOTSTRAP}").parse().unwrap();
    request.metadata_mut().insert("authorization", header);
    request
}

impl Browser {
    async fn create_tenant(&self, id: &str, name: &str) {
        use v1::tenant_service_client::TenantServiceClient;
        let tenant = v1::Tenant { display_name: name.to_owned(), ..v1::Tenant::default() };
        let request = v1::CreateTenantRequest { tenant_id: id.to_owned(), tenant: Some(tenant) };
        let mut tenants = TenantServiceClient::new(self.channel().await);
        tenants.create_tenant(by_administrator(request)).await.unwrap();
    }

    async fn portal_link(&self, tenant: &str) -> v1::CreatePortalTokenResponse {
        let request = v1::CreatePortalTokenRequest {
            parent: format!("tenants/{tenant}"),
            roles: vec![v1::Role::SubscriptionManager.into()],
            ttl: None,
        };
        let mut portal = PortalServiceClient::new(self.channel().await);
        portal.create_portal_token(by_administrator(request)).await.unwrap().into_inner()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_signs_in_with_a_token_and_out_again() {
    let mut browser = Browser::start().await;
    let before = browser.get("/console/tenants?q=a").await;
    assert_eq!(before.status, StatusCode::SEE_OTHER);
    assert_eq!(before.location(), "/console/sign-in?to=%2Fconsole%2Ftenants%3Fq%3Da");
    let refused = browser.sign_in("prt_wrong").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("Nobody is let in by this"), "{}", refused.text);
    assert!(browser.session().is_none());

    let signed_in = browser.sign_in(BOOTSTRAP).await;
    assert_eq!((signed_in.status, signed_in.location()), (StatusCode::SEE_OTHER, "/console"));
    let cookie = signed_in.headers.get_all(SET_COOKIE).iter().find_map(|cookie| {
        cookie.to_str().ok().filter(|text| text.starts_with("postrider-session="))
    });
    assert!(cookie.unwrap().ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie:?}");
    let first = browser.session().unwrap().to_owned();

    let overview = browser.get("/console/overview").await;
    assert_eq!(overview.status, StatusCode::OK, "{}", overview.text);
    assert!(overview.text.contains("<h1>Overview</h1>"), "{}", overview.text);
    let policy = overview.headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(overview.headers["referrer-policy"], "no-referrer");
    assert_eq!(overview.headers["cache-control"], "no-store");
    for page in ["/console/tenants", "/console/fleet", "/console/audit", "/console/failing"] {
        let shown = browser.get(page).await;
        assert_eq!(shown.status, StatusCode::OK, "{page}: {}", shown.text);
    }
    assert_eq!(browser.get("/console/nothing").await.status, StatusCode::NOT_FOUND);

    browser.sign_in(BOOTSTRAP).await;
    assert_ne!(browser.session().unwrap(), first, "an id is new at each sign-in");
    let form_token = browser.get("/console/tenants").await.form_token();
    let out = browser.post("/console/sign-out", &[("form_token", &form_token)]).await;
    assert_eq!((out.status, out.location()), (StatusCode::SEE_OTHER, "/console/sign-in"));
    browser.cookies.insert("postrider-session".to_owned(), first);
    assert_eq!(browser.get("/console/tenants").await.status, StatusCode::SEE_OTHER, "it is over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_without_its_sessions_token_is_refused() {
    let mut browser = Browser::start().await;
    let other = browser.get("/console/sign-in").await.form_token();
    browser.sign_in(BOOTSTRAP).await;
    for form in [vec![], vec![("form_token", "x")], vec![("form_token", other.as_str())]] {
        let refused = browser.post("/console/sign-out", &form).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{form:?}");
    }
    assert_eq!(browser.get("/console/overview").await.status, StatusCode::OK);
    browser.cookies.clear();
    let unbound = [("form_token", other.as_str()), ("token", BOOTSTRAP)];
    let refused = browser.post("/console/sign-in", &unbound).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "of another browser");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ends_with_its_token() {
    let mut browser = Browser::start().await;
    browser.create_tenant("acme", "Acme").await;
    let mut tokens = TokenServiceClient::new(browser.channel().await);
    let made = browser.make_reader("").await;
    browser.sign_in(&made.secret).await;
    let first = browser.get("/console").await;
    assert_eq!(first.location(), "/console/tenants/acme/subscriptions");
    assert_eq!(browser.get(first.location()).await.status, StatusCode::OK);
    assert_eq!(browser.get("/console/overview").await.status, StatusCode::FORBIDDEN);
    let name = made.token.unwrap().name;
    tokens.revoke_token(by_administrator(v1::RevokeTokenRequest { name })).await.unwrap();
    let after = browser.get("/console/tenants/acme/subscriptions").await;
    assert_eq!(after.status, StatusCode::SEE_OTHER);
    assert!(after.location().starts_with("/console/sign-in"), "{}", after.location());
    assert!(browser.session().is_none());
    let told = browser.get(after.location()).await;
    assert!(told.text.contains("Your session is over."), "{}", told.text);
    let told = browser.get(after.location()).await;
    assert!(!told.text.contains("Your session is over."), "once: {}", told.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_portals_link_is_good_once_and_shows_one_tenant() {
    let mut browser = Browser::start().await;
    browser.create_tenant("acme", "Acme").await;
    browser.create_tenant("other", "Other").await;
    let made = browser.portal_link("acme").await;
    let path = made.console_url.strip_prefix("http://localhost:7443").unwrap().to_owned();
    let code = path.strip_prefix("/console/portal/").unwrap().to_owned();
    assert!(!path.contains(&made.secret), "no token stands in an address");
    // Whoever only looks at it does not spend it.
    for _ in 0..2 {
        assert_eq!(browser.get(&path).await.status, StatusCode::OK);
    }
    let form_token = browser.get("/console/sign-in").await.form_token();
    let form = [("form_token", form_token.as_str()), ("code", code.as_str())];
    let opened = browser.post("/console/portal", &form).await;
    assert_eq!(opened.location(), "/console/tenants/acme/subscriptions");
    let page = browser.get(opened.location()).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(!page.text.contains("/console/tenants\""), "{}", page.text);
    for (path, status) in [
        ("/console/tenants/other/subscriptions", StatusCode::NOT_FOUND),
        ("/console/tenants/other", StatusCode::NOT_FOUND),
        ("/console/tenants/other/new-subscription", StatusCode::NOT_FOUND),
        ("/console/overview", StatusCode::FORBIDDEN),
        ("/console/fleet", StatusCode::FORBIDDEN),
        ("/console/audit", StatusCode::FORBIDDEN),
    ] {
        assert_eq!(browser.get(path).await.status, status, "{path}");
    }
    browser.cookies.clear();
    let form_token = browser.get(&path).await.form_token();
    let form = [("form_token", form_token.as_str()), ("code", code.as_str())];
    let again = browser.post("/console/portal", &form).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN);
    assert!(again.text.contains("used already"), "{}", again.text);
    assert!(browser.session().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_texts_are_shown_and_do_not_run() {
    let mut browser = Browser::start().await;
    let name: String = HOSTILE.chars().take(128).collect();
    browser.create_tenant("acme", &name).await;
    browser.sign_in(BOOTSTRAP).await;
    let encoded: String = url::form_urlencoded::byte_serialize(HOSTILE.as_bytes()).collect();
    for path in [
        "/console/tenants".to_owned(),
        "/console/tenants/acme".to_owned(),
        format!("/console/tenants?q={encoded}"),
        format!("/console/search?q={encoded}"),
        format!("/console/audit?actor={encoded}&parent={encoded}"),
        format!("/console/tenants/{encoded}"),
    ] {
        let shown = browser.get(&path).await;
        assert!(!shown.text.contains("<script>alert"), "{path}: {}", shown.text);
        assert!(!shown.text.contains("<img"), "{path}: {}", shown.text);
    }
    let shown = browser.get("/console/tenants").await;
    assert!(shown.text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{}", shown.text);
}

/// Services that must not be called.
fn no_door() -> calls::DoorService {
    calls::DoorService::new(tower::service_fn(|_: Request<Body>| async {
        Ok::<_, Infallible>(Response::new(Body::empty()))
    }))
}

/// Another console on the same control plane.
fn console_beside(browser: &Browser) -> Arc<Console> {
    console_of(browser, &browser.plane.context)
}

/// Another console, of a context.
fn console_of(browser: &Browser, context: &ReplicaContext) -> Arc<Console> {
    let flow = &browser.plane.flow;
    let clock = Arc::clone(&context.clock);
    let authenticator =
        Authenticator::new(&context.settings, context.tokens.clone(), clock).unwrap();
    let CallersApi { answers, .. } =
        api::callers_api(context.clone(), (**flow).clone(), authenticator.clone()).unwrap();
    Console::new(context, &authenticator, answers).unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_console_and_a_code_that_is_too_old_are_told() {
    let browser = Browser::start().await;
    let context = &browser.plane.context;
    let console = console_beside(&browser);

    let identity = CallerIdentity {
        principal: Principal::PortalToken(TokenId::from_stored("0123456789abcdef0123")),
        grants: vec![Grant {
            role: Role::Reader,
            scope: GrantScope::tenant("acme".parse().unwrap()),
        }],
        expire_time: None,
    };
    let code = ConsoleId::new(&[1; 32]);
    let (kind, made) = (ConsoleEntryKind::PortalCode, context.clock.now() - PORTAL_CODE_TTL);
    let entry = ConsoleSession::new(&code, kind, identity.clone(), made, PORTAL_CODE_TTL);
    let bounds = console_bounds(&identity);
    context.store.create_console_session(&entry, bounds).await.unwrap();
    assert!(console.sessions.redeem(&code).await.is_err(), "it is a minute old");

    let others = (0..console.settings.max_concurrent_requests)
        .map(|number| turns::TurnOwner::Caller(number.to_string()));
    let _turns: Vec<_> = others.map(|owner| console.requests.take(owner).unwrap()).collect();
    let request = Request::get("/console").body(Body::empty()).unwrap();
    let busy = super::serve::serve(&console, no_door(), request).await;
    assert_eq!(busy.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(busy.headers()["retry-after"], "1");
    let counted = context.metrics.limits().times_reached("console.max_concurrent_requests");
    assert_eq!(counted, 1);
    assert!(busy.headers().contains_key(CONTENT_SECURITY_POLICY));
    let file = Request::get(console.files.style_sheet()).body(Body::empty()).unwrap();
    let file = super::serve::serve(&console, no_door(), file).await;
    assert_eq!(file.status(), StatusCode::OK);
    let text = file.into_body().collect().await.unwrap().to_bytes();
    assert!(text.starts_with(b":root{--accent:"));
}
