//! What browsers send to the console, as it is read: requests, fields of forms, cookies, ID
//! tokens.

use std::iter;
use std::ops::Range;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::Full;
use postrider::api::fuzzing::read_filter_values;
use postrider::callers::{PendingSignIn, SignInProvider};
use postrider::console::answers::Flash;
use postrider::console::cookies::{CookieKind, Cookies};
use postrider::console::filters::all_of;
use postrider::console::pages::subscriptions::fuzzing::{read_form, reread_subscription};
use postrider::console::request::{BrowserRequest, MAX_FORM_BYTES};
use postrider::console::values::{parse_span, parse_time, span_text, time_field};
use postrider::console::visit::path;
use postrider::console::visitor::return_path;
use postrider::settings::Settings;
use postrider_domain::assignment_key::AssignmentKey;
use postrider_identity::{ConsoleEntryKind, ConsoleId, ConsoleIdKey};
use postrider_proto::v1;
use serde_json::Value;
use tonic::body::Body;
use url::{Url, form_urlencoded};

use crate::runtime::block_on;
use crate::target::texts;

const OWN_ADDRESS: &str = "https://own.example";
/// As `control-plane/src/api/lists/filter_syntax.rs` has it.
const MAX_FILTER_BYTES: usize = 2048;
/// The years 1 to 9999, as far as a field of a date and a time can show them.
const SHOWN_MICROSECONDS: Range<i64> = -62_135_596_800_000_000..253_402_300_800_000_000;
/// Each is looked for among all.
const MAX_COMPARED_FIELDS: usize = 64;
/// Longest target of a request that is one.
const MAX_TARGET_BYTES: usize = 65_534;
const MINUTE_MICROSECONDS: i64 = 60_000_000;
/// What a form tells besides what was typed.
const MAX_PROBLEM_BYTES: usize = 64 * 1024;
const COOKIE_KINDS: [CookieKind; 4] =
    [CookieKind::Session, CookieKind::Visitor, CookieKind::PendingSignIn, CookieKind::Flash];

static IDS: LazyLock<ConsoleIdKey> =
    LazyLock::new(|| ConsoleIdKey::of(&AssignmentKey::new([0x5c; 32])));

static PROVIDER: LazyLock<SignInProvider> = LazyLock::new(|| {
    let text = "[[auth.issuers]]\nissuer = \"https://issuer.example\"\naudiences = [\"console\"]\n\
         jwks_url = \"https://issuer.example/keys\"\n\
         rules = [{ claim = \"sub\", role = \"reader\", installation = true }]\n\
         [console]\nenabled = true\npublic_url = \"https://own.example\"\n\
         [[console.providers]]\nname = \"Staff\"\nissuer = \"https://issuer.example\"\n\
         client_id = \"console\"\nauthorization_url = \"https://issuer.example/login\"\n\
         token_url = \"http://127.0.0.1:1/token\"\n";
    let settings = Settings::parse(text, iter::empty());
    let mut providers = SignInProvider::read(&settings.expect("the example")).expect("the example");
    providers.pop().expect("the example has one")
});

/// A line with a target, then a form. What is read is what was sent, and leads nowhere else.
pub fn requests(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (target, form) = data.split_at(end);
    let form = form.strip_prefix(b"\n").unwrap_or(form);
    let Some(request) = read_request(&String::from_utf8_lossy(target), form) else { return };
    let sent: Vec<(String, String)> = form_urlencoded::parse(form).into_owned().collect();
    check_fields(&sent, &request);
    let mut written = form_urlencoded::Serializer::new(String::new());
    let written = written.extend_pairs(&sent).finish();
    if written.len() <= MAX_FORM_BYTES {
        let again = read_request("/console", written.as_bytes()).expect("a form that was read");
        check_fields(&sent, &again);
    }
    check_path(&request);
    check_query(&request);
    for given in [request.form("to"), request.query("to"), &request.uri.to_string()] {
        if let Some(kept) = return_path(given) {
            check_own(kept);
        }
    }
    assert!(!request.is_foreign(OWN_ADDRESS), "no header says so");
}

/// A request with a form, as a browser's is read.
fn read_request(target: &str, form: &[u8]) -> Option<BrowserRequest> {
    let kind = "application/x-www-form-urlencoded";
    let body = Body::new(Full::new(Bytes::copy_from_slice(form)));
    let request = Request::post(target).header("content-type", kind).body(body).ok()?;
    let timeout = Duration::from_secs(5);
    let read = block_on(BrowserRequest::read(request, MAX_FORM_BYTES, timeout));
    read.ok().map(|(request, _)| request)
}

fn check_fields(sent: &[(String, String)], request: &BrowserRequest) {
    for (name, _) in sent.iter().take(MAX_COMPARED_FIELDS) {
        let all = || sent.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        assert!(request.forms(name).eq(all()), "{name}");
        assert_eq!(Some(request.form(name)), all().next());
    }
}

/// A link to where the request went is a link to there.
fn check_path(request: &BrowserRequest) {
    let parts: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    let written = path(&parts);
    check_own(&written);
    if parts.iter().any(|part| matches!(*part, "." | "..")) {
        return;
    }
    match read_request(&written, b"") {
        Some(again) => assert_eq!(again.segments, request.segments, "{written}"),
        None => assert!(written.len() > MAX_TARGET_BYTES, "{written}"),
    }
}

/// Another page of the same list keeps what was looked for.
fn check_query(request: &BrowserRequest) {
    let query = request.query_with("page_token", "a&b=\u{e9}");
    let target = format!("/console?{query}");
    let Some(again) = read_request(&target, b"") else { return };
    assert_eq!(again.query("page_token"), "a&b=\u{e9}");
    for name in ["q", "to", "code", "state", "b"] {
        assert_eq!(again.query(name), request.query(name), "{target}");
    }
}

/// Fails unless a browser takes it as an address of the console.
fn check_own(address: &str) {
    let base = Url::parse(OWN_ADDRESS).expect("the example").join("/console/x/y");
    let base = base.expect("the example");
    let led = base.join(address).unwrap_or_else(|error| panic!("{address}: {error}"));
    assert_eq!(led.origin(), base.origin(), "{address}");
    let rest = led.path().strip_prefix("/console");
    assert!(rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')), "{address}");
}

/// What is typed in one field: a span, a time, a text that is looked for. What is shown of it is
/// read back, and a text that is looked for is a value and nothing else.
pub fn fields(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(span) = parse_span(&text) {
        let shown = span_text(span);
        assert_eq!(parse_span(&shown), Ok(span), "{text} is shown as {shown}");
    }
    if let Ok(time) = parse_time(&text)
        && SHOWN_MICROSECONDS.contains(&time.as_micros())
    {
        let shown = time_field(time);
        let micros = time.as_micros().div_euclid(MINUTE_MICROSECONDS) * MINUTE_MICROSECONDS;
        let again = parse_time(&shown).unwrap_or_else(|error| panic!("{shown}: {error}"));
        assert_eq!(again.as_micros(), micros, "{text} is shown as {shown}");
    }
    let typed = text.trim();
    let filter = all_of(&[("account:", &*text), ("event_type = ", "a.b")]);
    match read_filter_values(&filter) {
        Some(values) if typed.is_empty() => assert_eq!(values, ["a.b"]),
        Some(values) => assert_eq!(values, [typed, "a.b"], "{filter}"),
        None => assert!(filter.len() > MAX_FILTER_BYTES || typed.contains('\0'), "{filter}"),
    }
}

/// The form of a subscription. What was read is read again from the form that shows it.
pub fn subscription_forms(data: &[u8]) {
    let Some(request) = read_request("/console/tenants/acme/new-subscription", data) else {
        return;
    };
    let (told, errors) = read_form(&request);
    let problems: usize = errors.of_others(&[]).map(|problem| problem.len()).sum();
    assert!(problems <= MAX_PROBLEM_BYTES + 3 * data.len(), "{problems} bytes of problems");
    // The API refuses a region of several parts, of which a form shows the last.
    let region = told.region.strip_prefix("regions/").unwrap_or_default();
    if !errors.is_empty() || region.contains('/') {
        return;
    }
    let (again, errors) = reread_subscription(&told);
    assert!(errors.is_empty(), "{:?}", errors.of_others(&[]).collect::<Vec<_>>());
    assert!(again == shown(told), "something is read otherwise than it was shown");
}

/// A subscription without what no form shows again.
fn shown(mut told: v1::Subscription) -> v1::Subscription {
    told.signing_secret.clear();
    for header in &mut told.headers {
        header.value.clear();
    }
    told
}

/// A `Cookie` header. Nothing is a session or a code that was not made here, and whoever sets
/// other cookies changes nobody's.
pub fn cookies(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, value);
    for is_secure in [true, false] {
        let cookies = Cookies { is_secure };
        for kind in COOKIE_KINDS {
            if let Some(sent) = cookies.read(&headers, kind) {
                check_cookie(sent);
            }
        }
        let own = IDS.make(ConsoleEntryKind::Session, &[7; 32]);
        let set = cookies.set(CookieKind::Session, own.reveal(), None).expect("a header's value");
        let set = set.to_str().expect("a text").split(';').next().expect("a cookie").to_owned();
        let mut beside = headers.clone();
        beside.append(COOKIE, HeaderValue::from_str(&set).expect("a header's value"));
        let read = cookies.read(&beside, CookieKind::Session);
        assert!(read.is_none_or(|read| read == own.reveal()), "somebody else's session");
        check_changed(own.reveal(), data);
    }
}

fn check_cookie(sent: &str) {
    assert!(!sent.is_empty() && sent.trim() == sent && !sent.contains(';'));
    for kind in ConsoleEntryKind::ALL {
        assert!(IDS.read(kind, sent).is_none(), "an id that nobody has made");
    }
    assert!(Flash::from_code(sent).is_none_or(|flash| flash.code() == sent));
    if let Some(visitor) = ConsoleId::parse(sent) {
        assert_eq!(visitor.reveal(), sent);
        assert!(!visitor.owns_form(sent), "a cookie is no token of a form");
    }
}

/// An id with one bit changed is none.
fn check_changed(id: &str, data: &[u8]) {
    let at = usize::from(data.first().copied().unwrap_or_default()) % id.len();
    let mut changed = id.as_bytes().to_vec();
    changed[at] ^= 1;
    let changed = String::from_utf8(changed).expect("ASCII");
    assert!(IDS.read(ConsoleEntryKind::Session, &changed).is_none(), "byte {at} was changed");
    assert!(IDS.read(ConsoleEntryKind::PortalCode, id).is_none(), "of another kind");
}

/// What a provider gives as an ID token, whole or its claims alone, and what it sends a browser
/// back with as the state. It is an answer to one request, of this provider, to this client.
pub fn id_tokens(data: &[u8]) {
    let pending = PendingSignIn {
        provider: 0,
        state: "a state".to_owned(),
        nonce: "a nonce".to_owned(),
        verifier: "a verifier".to_owned(),
        expires: i64::MAX,
    };
    let text = String::from_utf8_lossy(data);
    assert_eq!(pending.has_state(&text), text == "a state");
    let header = URL_SAFE_NO_PAD.encode("{\"alg\":\"RS256\"}");
    let wrapped = format!("{header}.{}.c2ln", URL_SAFE_NO_PAD.encode(data));
    if PROVIDER.answers(&wrapped, &pending) {
        let claims: Value = serde_json::from_slice(data).expect("claims are JSON");
        assert_eq!(claims["nonce"], "a nonce");
        assert_eq!(claims["iss"], "https://issuer.example");
        let names = |value: &Value| value == "console";
        let is_own = |all: &Vec<Value>| all.iter().any(names);
        assert!(names(&claims["aud"]) || claims["aud"].as_array().is_some_and(is_own));
        assert!(claims["azp"].as_str().is_none_or(|party| party.is_empty() || party == "console"));
    }
    let _ = PROVIDER.answers(&text, &pending);
    let back = PROVIDER.authorization_url(&pending, &text);
    let told = back.query_pairs().find(|(name, _)| name == "redirect_uri").map(|(_, told)| told);
    assert_eq!(told.as_deref(), Some(&*text));
    assert!(back.as_str().starts_with("https://issuer.example/login?"));
}

pub fn request_texts() -> Vec<Vec<u8>> {
    texts(&[
        "/console/sign-in?to=/console/tenants%3Fq%3Da\nform_token=ab&token=prt_x&to=%2Fconsole%2Ffleet",
        "/console/tenants/%2E%2E/%2e/a%2Fb//c?q=%22+OR+a&page_token=x\nto=/console/..//evil.example",
        "/console/sign-in/back?code=abc&state=a+state&b=%FF\nto=https://evil.example",
        "/console/portal/0123%3Cscript%3E\ncode=01&event_types=a.b&event_types=*&x",
        "/console\nto=/console/%5C%5Cevil.example&to=/console?a#b&=&&=a=b",
    ])
}

pub fn field_texts() -> Vec<Vec<u8>> {
    texts(&[
        "1h 30m",
        "P1DT2H0.5S",
        "500ms",
        "631107417599",
        "2026-03-01T12:00",
        "2026-03-01T12:00:59.999999+14:00",
        "0001-01-01T00:00",
        "\" OR b=\"\\",
        " acc-1\\\" AND test = true ",
    ])
}

pub fn subscription_form_texts() -> Vec<Vec<u8>> {
    let mut all = texts(&[
        "form_token=ab&display_name=Shop&url=https://shop.example/hooks&event_types=*&event_types=a.b\
         &other_event_types=c.*%0D%0Aa.b&status=paused&signing=hmac\
         &signature_schemes[0].hmac.header=x-sig&signature_schemes[0].hmac.prefix=sha256%3D\
         &signature_schemes[0].hmac.hash=HMAC_HASH_SHA512\
         &signature_schemes[0].hmac.timestamp.header=x-time&signature_schemes[0].hmac.timestamp.separator=|\
         &timetable=linear&retry_policy.linear.initial_delay=500ms&retry_policy.linear.increment=1h+30m\
         &retry_policy.linear.max_attempts=6&retry_policy.jitter_percent=0&do=save",
        "url=x&signing=both&signing_secret=whsec_x&timetable=fixed\
         &retry_policy.fixed_delays.delays=5s,+1m%0A2h,soon&headers=X-A:+b%0Ano+colon%0A:%0Ab:c:d\
         &success_rule.status_codes=200,+202%0A4294967296&max_in_flight=many&region=eu/west",
        "url=x&signing=static&signature_schemes[0].static_secret.header=h&timetable=exponential\
         &retry_policy.exponential.initial_delay=1&retry_policy.exponential.max_delay=631107417599\
         &retry_policy.exponential.multiplier_percent=200&headers=X-A:+b&accounts=a%0A+b+%0A\
         &auto_disable.after=7d&auto_disable.never=true&http1_only=true&ordering=ORDERING_PER_KEY",
    ]);
    // Very many lines, and each of some is wrong.
    let names: Vec<String> = (0..3_000).map(|number| number.to_string()).collect();
    all.push(format!("other_event_types={}", names.join("\n")).into_bytes());
    all.push(format!("headers={0}&accounts={0}", "x\n".repeat(3_000)).into_bytes());
    all
}

pub fn cookie_texts() -> Vec<Vec<u8>> {
    let other = ConsoleIdKey::of(&AssignmentKey::new([1; 32]));
    let session = other.make(ConsoleEntryKind::Session, &[7; 32]);
    let visitor = ConsoleId::new(&[7; 32]);
    let own = format!(
        "__Host-postrider-session={}; postrider-visitor={}; __Host-postrider-flash=saved",
        session.reveal(),
        visitor.reveal()
    );
    let mut all = texts(&[
        "postrider-session=a; postrider-session=b;; =c; __Host-postrider-session",
        "a=b; __Host-postrider-sign-in=AAAA_-; postrider-flash=signed-out; \
         postrider-sign-in= x ; __Host-postrider-visitor=\"\"",
    ]);
    all.push(own.into_bytes());
    all
}

pub fn id_token_texts() -> Vec<Vec<u8>> {
    texts(&[
        "{\"iss\":\"https://issuer.example\",\"aud\":\"console\",\"nonce\":\"a nonce\"}",
        "{\"iss\":\"https://issuer.example\",\"aud\":[\"other\",\"console\"],\"azp\":\"console\",\
         \"nonce\":\"a nonce\",\"exp\":1}",
        "{\"iss\":[\"https://issuer.example\"],\"aud\":{\"console\":1},\"nonce\":null}",
        "eyJhbGciOiJSUzI1NiJ9.eyJub25jZSI6ImEgbm9uY2UifQ.c2ln",
        "a state",
        "https://own.example/console/sign-in/back?a=b&c",
    ])
}
