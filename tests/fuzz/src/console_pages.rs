//! The whole console, without ports: what a browser is shown that may send anything.

use std::cell::OnceCell;
use std::iter;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use postrider::api::fuzzing::FUZZED_TIME;
use postrider::callers::Authenticator;
use postrider::clock::{Clock as _, SystemClock};
use postrider::console::Console;
use postrider::console::calls::DoorService;
use postrider::console::serve::serve;
use postrider::metrics::Metrics;
use postrider::replicas::GrpcCalls;
use postrider::serve::{AssembledReplica, assemble};
use postrider::settings::Settings;
use postrider::state::console_bounds::console_bounds;
use postrider_domain::assignment_key::AssignmentKey;
use postrider_domain::tenant::{Tenant, TenantRetention};
use postrider_identity::{
    AuditOrigin, CallerIdentity, ConsoleEntryKind, ConsoleId, ConsoleIdKey, ConsoleSession, Grant,
    GrantScope, Principal, Role,
};
use postrider_store::Store;
use postrider_store_memory::MemoryStore;
use postrider_telemetry::metrics::MetricRegistry;
use tempfile::NamedTempFile;
use tonic::body::Body;
use url::{Url, form_urlencoded};

use crate::credentials::KEY_SET;
use crate::examples;
use crate::markup::check_page;
use crate::runtime::block_on;
use crate::target::texts;

const OWN_ADDRESS: &str = "https://own.example";
const PROVIDER_PAGE: &str = "https://issuer.example/login?";
const SHARD_COUNT: u16 = 4;
const SESSION_TTL: Duration = Duration::from_secs(30 * 86_400);
const FORM: &str = "application/x-www-form-urlencoded";
/// A page without what was typed, and how often and how long what was typed stands in it: some
/// times, each character as "&quot;".
const MAX_PAGE_BYTES: usize = 512 * 1024;
const MAX_ECHO_FACTOR: usize = 32;
/// What others wrote, as a tenant's name and a caller's.
const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";

/// What an input may have, and what stands for it there.
struct OwnTexts {
    session: String,
    session_form: String,
    visitor: String,
    visitor_form: String,
    /// A way to a provider, and its state.
    pending: String,
    state: String,
}

struct ConsoleWorld {
    console: Arc<Console>,
    door: DoorService,
    store: Arc<dyn Store>,
    opened: ConsoleSession,
    own: OwnTexts,
    /// Stops when it is dropped.
    _parts: Box<dyn std::any::Any>,
}

thread_local! {
    /// Never dropped: its runtime may be gone by then.
    static WORLD: OnceCell<ManuallyDrop<ConsoleWorld>> = const { OnceCell::new() };
}

/// A request: a line with the method and the target, lines of headers, an empty line and a form.
/// `$SESSION`, `$FORM`, `$VISITOR`, `$VISITOR_FORM`, `$PENDING` and `$STATE` stand for what a
/// browser was given.
pub fn serve_request(data: &[u8]) {
    WORLD.with(|world| {
        let world =
            world.get_or_init(|| ManuallyDrop::new(block_on(Box::pin(ConsoleWorld::start()))));
        block_on(Box::pin(world.check(&String::from_utf8_lossy(data))));
    });
}

impl ConsoleWorld {
    async fn start() -> Self {
        let keys = NamedTempFile::new().expect("a file");
        std::fs::write(keys.path(), KEY_SET).expect("a file");
        let settings = Arc::new(settings(&keys));
        let clock = SystemClock::starting_at(FUZZED_TIME);
        let read = Arc::clone(&clock);
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(SHARD_COUNT, move || read.now()));
        let key = AssignmentKey::new([0x5c; 32]);
        let session = ConsoleIdKey::of(&key).make(ConsoleEntryKind::Session, &[3; 32]);
        let opened = fill(&*store, &session).await;
        let metrics = Metrics::new(&MetricRegistry::unread(), &[]);
        let calls = Arc::new(GrpcCalls::new(None));
        let own_address = "http://127.0.0.1:1".to_owned();
        let stored = (Arc::clone(&store), key);
        let assembled = assemble(Arc::clone(&settings), stored, clock, own_address, calls, metrics);
        let AssembledReplica { context, flow, loops, tasks, health } = assembled;
        context.event_types.refresh().await.expect("a store in memory");
        // No heartbeat comes, for which the account of a window that ends now would wait.
        let view = context.cluster.view();
        context.cluster.record_view((*view).clone(), FUZZED_TIME + SESSION_TTL);
        let authenticator =
            Authenticator::new(&settings, context.tokens.clone(), Arc::clone(&context.clock));
        let authenticator = authenticator.expect("the example");
        let api = postrider::api::callers_api(context.clone(), flow, authenticator.clone());
        let api = api.expect("the services");
        let console = Console::new(&context, &authenticator, api.answers).expect("the example");
        let visitor = ConsoleId::new(&[5; 32]);
        let own = OwnTexts {
            session: session.reveal().to_owned(),
            session_form: session.form_token(),
            visitor: visitor.reveal().to_owned(),
            visitor_form: visitor.form_token(),
            pending: String::new(),
            state: String::new(),
        };
        let mut world = Self {
            console: console.expect("it is switched on"),
            door: DoorService::new(api.routes.prepare()),
            store,
            opened,
            own,
            _parts: Box::new((loops, tasks, health, keys)),
        };
        world.leave_for_provider().await;
        world
    }

    /// Begins to sign in with the provider, as a browser does.
    async fn leave_for_provider(&mut self) {
        let leave = "POST /console/sign-in/with/0\ncontent-type: application/x-www-form-urlencoded\n\
             cookie: __Host-postrider-visitor=$VISITOR\n\nform_token=$VISITOR_FORM";
        let request = read_request(&self.filled(leave)).expect("a request").0;
        let left = serve(&self.console, self.door.clone(), request).await;
        let address = Url::parse(location(left.headers())).expect("the provider's page");
        let state = address.query_pairs().find(|(name, _)| name == "state");
        self.own.state = state.expect("a state").1.into_owned();
        let cookie = left.headers()[SET_COOKIE].to_str().expect("a text");
        let (_, value) = cookie.split_once('=').expect("a cookie");
        self.own.pending = value.split(';').next().expect("a value").to_owned();
    }

    /// A text with what a browser was given.
    fn filled(&self, text: &str) -> String {
        let own = &self.own;
        // The longer of two that begin alike is first.
        text.replace("$VISITOR_FORM", &own.visitor_form)
            .replace("$VISITOR", &own.visitor)
            .replace("$SESSION", &own.session)
            .replace("$FORM", &own.session_form)
            .replace("$PENDING", &own.pending)
            .replace("$STATE", &own.state)
    }

    async fn check(&self, input: &str) {
        let input = self.filled(input);
        let Some((request, form)) = read_request(&input) else { return };
        let rest = request.uri().path().strip_prefix("/console");
        if !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
            return;
        }
        let (method, headers) = (request.method().clone(), request.headers().clone());
        let target = request.uri().to_string();
        let answer = serve(&self.console, self.door.clone(), request).await;
        check_headers(&answer);
        if method == Method::POST {
            self.check_post(&answer, &headers, &form);
            self.open_session_again(&answer).await;
        }
        let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if !kind.is_some_and(|kind| kind.starts_with("text/html")) {
            return;
        }
        let page = answer.into_body().collect().await.expect("a whole page").to_bytes();
        assert!(page.len() <= MAX_PAGE_BYTES + MAX_ECHO_FACTOR * input.len(), "{}", page.len());
        let page = std::str::from_utf8(&page).expect("a text");
        check_page(page);
        let sent_session = has_cookie(&headers, &self.own.session);
        let is_signed_in = page.contains("action=\"/console/sign-out\"");
        assert!(sent_session || !is_signed_in, "somebody is signed in without a session");
        let was_typed = target.contains(&self.own.session) || form.contains(&self.own.session);
        assert!(was_typed || !page.contains(&self.own.session), "the session's id is on a page");
        assert!(!page.contains(&self.own.pending) || input.contains(&self.own.pending));
    }

    /// A form counts with the token of its page alone, and none of another site's page.
    fn check_post(&self, answer: &Response<Body>, headers: &HeaderMap, form: &str) {
        let status = answer.status();
        let is_refused = status.is_client_error() || status.is_server_error();
        if is_refused && status != StatusCode::UNPROCESSABLE_ENTITY {
            return;
        }
        let is_cross = headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
        assert!(!is_cross, "a form of another site's page is answered with {status}");
        if location(answer.headers()) == "/console/sign-in" {
            return;
        }
        let token = form_urlencoded::parse(form.as_bytes()).find(|(name, _)| name == "form_token");
        let token = token.map(|(_, value)| value).unwrap_or_default();
        let own = [&self.own.session_form, &self.own.visitor_form];
        assert!(own.iter().any(|own| **own == token), "a form without its token: {status}");
    }

    /// Who signed out is signed in again, for the inputs to come.
    async fn open_session_again(&self, answer: &Response<Body>) {
        if location(answer.headers()) == "/console/sign-in" {
            let bounds = console_bounds(&self.opened.identity);
            // Where it goes on, it is there.
            let _ = self.store.create_console_session(&self.opened, bounds).await;
        }
    }
}

/// A tenant with a subscription, and a session of somebody who may read.
async fn fill(store: &dyn Store, session: &ConsoleId) -> ConsoleSession {
    store.begin_audit_log(FUZZED_TIME).await.expect("a store in memory");
    let audit = AuditOrigin::command("a test").draft("tests/1", FUZZED_TIME);
    let tenant = Tenant {
        id: "acme".parse().expect("an id"),
        display_name: HOSTILE.to_owned(),
        allow_insecure_urls: false,
        labels: iter::once(("tier".to_owned(), HOSTILE.to_owned())).collect(),
        retention: TenantRetention::default(),
        config_version: 1,
        revision: 1,
        create_time: FUZZED_TIME,
        update_time: FUZZED_TIME,
        delete_time: None,
    };
    store.create_tenant(&tenant, &audit).await.expect("the tenant");
    let mut subscription = examples::subscription();
    subscription.settings.display_name = HOSTILE.to_owned();
    store.create_subscription(&subscription, 10, &audit).await.expect("the subscription");
    let principal = Principal::Subject {
        issuer: "https://issuer.example".to_owned(),
        subject: HOSTILE.to_owned(),
    };
    let grants = vec![Grant { role: Role::Reader, scope: GrantScope::Installation }];
    let identity = CallerIdentity { principal, grants, expire_time: None };
    let bounds = console_bounds(&identity);
    let kind = ConsoleEntryKind::Session;
    let opened = ConsoleSession::new(session, kind, identity, FUZZED_TIME, SESSION_TTL);
    store.create_console_session(&opened, bounds).await.expect("a store in memory");
    opened
}

fn settings(keys: &NamedTempFile) -> Settings {
    // A provider where nobody listens.
    let text = format!(
        "[database]\nurl = \"postgres://memory\"\nshard_count = {SHARD_COUNT}\n\
         [server]\nmetrics_listen = \"\"\n\
         [[auth.issuers]]\nissuer = \"https://issuer.example\"\naudiences = [\"console\"]\n\
         jwks_file = {:?}\nalgorithms = [\"ES256\"]\n\
         rules = [{{ claim = \"sub\", role = \"reader\", installation = true }}]\n\
         [console]\nenabled = true\npublic_url = \"{OWN_ADDRESS}\"\nmax_session_hours = 720\n\
         [[console.providers]]\nname = \"Staff\"\nissuer = \"https://issuer.example\"\n\
         client_id = \"console\"\nauthorization_url = \"https://issuer.example/login\"\n\
         token_url = \"http://127.0.0.1:1/token\"\n",
        keys.path()
    );
    Settings::parse(&text, iter::empty()).expect("the example")
}

/// A request, and its form.
fn read_request(text: &str) -> Option<(Request<Body>, String)> {
    let (head, form) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let (method, target) = lines.next()?.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        request = request.header(name, value.trim());
    }
    let body = Body::new(Full::new(Bytes::from(form.to_owned())));
    Some((request.body(body).ok()?, form.to_owned()))
}

/// What holds for every answer, whatever it is to.
fn check_headers(answer: &Response<Body>) {
    let headers = answer.headers();
    let policy = headers[CONTENT_SECURITY_POLICY].to_str().expect("a text");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert_eq!(headers[REFERRER_POLICY], "no-referrer");
    assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
    for cookie in headers.get_all(SET_COOKIE) {
        let cookie = cookie.to_str().expect("a text");
        assert!(cookie.starts_with("__Host-postrider-"), "{cookie}");
        let (_, attributes) = cookie.split_once(';').expect("attributes");
        assert!(attributes.starts_with(" Path=/; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    }
    let to = location(headers);
    if !to.is_empty() && !to.starts_with(PROVIDER_PAGE) {
        let base = Url::parse(OWN_ADDRESS).expect("the example");
        let led = base.join(to).unwrap_or_else(|error| panic!("{to}: {error}"));
        let rest = led.path().strip_prefix("/console");
        let is_own = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        assert!(is_own && led.origin() == base.origin(), "a browser is sent to {to}");
    }
}

fn location(headers: &HeaderMap) -> &str {
    headers.get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default()
}

fn has_cookie(headers: &HeaderMap, id: &str) -> bool {
    let cookies = headers.get_all("cookie").iter();
    cookies.filter_map(|line| line.to_str().ok()).any(|line| line.contains(id))
}

pub fn request_texts() -> Vec<Vec<u8>> {
    let signed_in = "cookie: __Host-postrider-session=$SESSION; __Host-postrider-flash=saved";
    let visitor = "cookie: __Host-postrider-visitor=$VISITOR; __Host-postrider-sign-in=$PENDING";
    let reads = [
        "?",
        "/tenants?q=%22%3E%3Cscript%3E&page_token=x",
        "/tenants/acme/subscriptions?q=%3Cimg+src=x%3E",
        "/tenants/acme/subscriptions/erp",
        "/tenants/acme/subscriptions/erp/edit",
        "/tenants/acme/attempts?http_status=%22%3E&since=soon&event_type=%3Cb%3E&result=failure",
        "/tenants/acme/reconcile?start_time=2026-10-31T12:00&end_time=%3Cb%3E",
        "/tenants/acme/tail?subscription=%22+onfocus=",
        "/tenants/%2E%2E/%3Cscript%3E",
        "/search?q=tenants/../../v1/tenants",
        "/search?q=prt_0123456789abcdef0123_x",
        "/audit?actor=%3Cb%3E&parent=%22",
    ];
    let mut all: Vec<String> =
        reads.iter().map(|path| format!("GET /console{path}\n{signed_in}\n")).collect();
    let post = |path: &str, cookie: &str, form: &str| {
        format!("POST /console{path}\ncontent-type: {FORM}\n{cookie}\n\n{form}")
    };
    all.extend([
        format!("GET /console/sign-in?to=/console/%22%3E\n{visitor}\n"),
        format!("GET /console/portal/%22%3E%3Cscript%3E\n{visitor}\n"),
        format!("GET /console/sign-in/back?code=%3Cb%3E&state=$STATE\n{visitor}\n"),
        format!("GET /console/sign-in/back?code=x&state=y\n{visitor}\n"),
        post("/sign-in", visitor, "form_token=$VISITOR_FORM&token=prt_%3Cb%3E&to=//evil.example"),
        post("/portal", visitor, "form_token=$VISITOR_FORM&code=0123"),
        post("/sign-in/with/0", visitor, "form_token=$VISITOR_FORM"),
        post("/sign-in", visitor, "form_token=$FORM&token=x"),
        post(
            "/tenants/acme/new-subscription",
            signed_in,
            "form_token=$FORM&do=draw&subscription_id=%22%3E&display_name=%22%3E%3Cscript%3E\
             &headers=%3Cb%3E&other_event_types=%3C/textarea%3E&timetable=linear\
             &retry_policy.linear.initial_delay=1s&retry_policy.linear.max_attempts=3",
        ),
        post("/tenants/acme/replay", signed_in, "form_token=$FORM&start_time=%22%3E&states=x"),
        post("/tenants/acme/subscriptions/erp/edit", signed_in, "form_token=$VISITOR_FORM&url=x"),
        post("/sign-out", &format!("{signed_in}\nsec-fetch-site: cross-site"), "form_token=$FORM"),
    ]);
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    texts(&all)
}
