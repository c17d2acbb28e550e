//! Customers' pages, as a browser without scripts meets them.

use super::*;

const LIST: &str = "/console/tenants/acme/subscriptions";
const CREATE: &str = "/console/tenants/acme/new-subscription";

impl Shown {
    /// The value of a hidden field.
    pub(super) fn hidden(&self, name: &str) -> String {
        let begin = format!("type=\"hidden\" name=\"{name}\" value=\"");
        let (_, rest) = self.text.split_once(&begin).unwrap();
        rest.split('"').next().unwrap().to_owned()
    }
}

/// The form of a new subscription, filled in.
fn filled<'a>(form: &'a [(&'a str, String)]) -> Vec<(&'a str, &'a str)> {
    form.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

impl Browser {
    pub(super) async fn at_home() -> Self {
        let mut browser = Self::start().await;
        browser.create_tenant("acme", "Acme").await;
        browser.sign_in(BOOTSTRAP).await;
        browser
    }

    /// What is sent with the form of a new subscription.
    async fn new_form(&mut self, name: &str, url: &str) -> Vec<(&'static str, String)> {
        let page = self.get(CREATE).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        vec![
            ("form_token", page.form_token()),
            ("subscription_id", page.hidden("subscription_id")),
            ("display_name", name.to_owned()),
            ("url", url.to_owned()),
            ("event_types", "*".to_owned()),
            ("status", "enabled".to_owned()),
            ("signing", "v1".to_owned()),
            ("timetable", "standard".to_owned()),
            ("do", "save".to_owned()),
        ]
    }

    /// A page, when it is as it is waited for.
    pub(super) async fn until(&mut self, path: &str, is_ready: impl Fn(&Shown) -> bool) -> Shown {
        for _ in 0..200 {
            let shown = self.get(path).await;
            if is_ready(&shown) {
                return shown;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{path} is not as it should be");
    }

    pub(super) async fn make(&mut self, name: &str) -> String {
        let form = self.new_form(name, "https://shop.example/hooks").await;
        let made = self.post(CREATE, &filled(&form)).await;
        assert_eq!(made.status, StatusCode::OK, "{}", made.text);
        format!("{LIST}/{}", form[1].1)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_that_is_sent_twice_makes_one_subscription_and_shows_its_secret_once() {
    let mut browser = Browser::at_home().await;
    let form = browser.new_form("Ledger", "https://shop.example/hooks").await;
    let made = browser.post(CREATE, &filled(&form)).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    assert!(made.text.contains("value=\"whsec_"), "{}", made.text);
    let again = browser.post(CREATE, &filled(&form)).await;
    let own = format!("{LIST}/{}", form[1].1);
    assert_eq!((again.status, again.location()), (StatusCode::SEE_OTHER, own.as_str()));
    for path in [own.as_str(), LIST] {
        let shown = browser.get(path).await;
        assert_eq!(shown.status, StatusCode::OK, "{}", shown.text);
        assert!(shown.text.contains("Ledger") && !shown.text.contains("whsec_"), "{}", shown.text);
    }
    assert_eq!(browser.get(LIST).await.text.matches(">Ledger</a>").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_told_at_its_field_and_what_was_typed_stays() {
    let mut browser = Browser::at_home().await;
    let mut form = browser.new_form("Ledger", "http://plain.example/hooks").await;
    let refused = browser.post(CREATE, &filled(&form)).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
    assert!(refused.text.contains("id=\"field-url-problem\""), "{}", refused.text);
    let (_, field) = refused.text.split_once("<input id=\"field-url\"").unwrap();
    let (field, _) = field.split_once('>').unwrap();
    assert!(field.contains(" autofocus"), "{field}");
    assert_eq!(refused.text.matches(" autofocus").count(), 1, "{}", refused.text);
    assert!(refused.text.contains("http://plain.example/hooks"), "{}", refused.text);
    form.push(("request_timeout", "soon".to_owned()));
    let refused = browser.post(CREATE, &filled(&form)).await;
    assert!(refused.text.contains("id=\"field-request_timeout-problem\""), "{}", refused.text);
    form.retain(|(name, _)| !["do", "timetable", "request_timeout"].contains(name));
    form.push(("do", "draw".to_owned()));
    form.push(("timetable", "linear".to_owned()));
    form.push(("retry_policy.linear.initial_delay", "500ms".to_owned()));
    form.push(("retry_policy.linear.increment", "500ms".to_owned()));
    form.push(("retry_policy.linear.max_attempts", "6".to_owned()));
    let drawn = browser.post(CREATE, &filled(&form)).await;
    assert_eq!(drawn.status, StatusCode::OK, "nothing is made yet");
    assert!(drawn.text.contains("6 attempts over 7 seconds"), "{}", drawn.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_is_edited_paused_rotated_and_deleted() {
    let mut browser = Browser::at_home().await;
    let own = browser.make("Ledger").await;
    let page = browser.get(&format!("{own}/edit")).await;
    let (token, etag) = (page.form_token(), page.hidden("etag"));
    let mut form = vec![
        ("form_token", token.as_str()),
        ("etag", etag.as_str()),
        ("display_name", "Ledger 2"),
        ("url", "https://shop.example/other"),
        ("event_types", "*"),
        ("status", "paused"),
        ("signing", "v1"),
        ("timetable", "standard"),
        ("do", "save"),
    ];
    let saved = browser.post(&format!("{own}/edit"), &form).await;
    assert_eq!(saved.location(), own, "{}", saved.text);
    let shown = browser.get(&own).await;
    let events = browser.get(&format!("{own}/attempts")).await;
    assert!(events.text.contains(">Ledger 2</a>"), "a crumb is a name: {}", events.text);
    for told in ["Ledger 2", "https://shop.example/other", "Paused", "Your changes are saved."] {
        assert!(shown.text.contains(told), "{told}: {}", shown.text);
    }
    // Somebody else has changed it since.
    form[2].1 = "Ledger 3";
    let late = browser.post(&format!("{own}/edit"), &form).await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", late.text);
    let enabled = browser.post(&format!("{own}/enable"), &[("form_token", &token)]).await;
    assert_eq!(enabled.location(), own);
    let page = browser.get(&format!("{own}/rotate")).await;
    let etag = page.hidden("etag");
    let form = [("form_token", token.as_str()), ("etag", etag.as_str()), ("grace_period", "1h")];
    let rotated = browser.post(&format!("{own}/rotate"), &form).await;
    assert!(rotated.text.contains("value=\"whsec_"), "{}", rotated.text);
    let again = browser.post(&format!("{own}/rotate"), &form).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.text);
    let page = browser.get(&format!("{own}/delete")).await;
    let etag = page.hidden("etag");
    let form = [("form_token", token.as_str()), ("etag", etag.as_str())];
    let deleted = browser.post(&format!("{own}/delete"), &form).await;
    assert_eq!(deleted.location(), LIST, "{}", deleted.text);
    assert!(!browser.get(LIST).await.text.contains("Ledger"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_taken_back_is_asked_first() {
    let mut browser = Browser::at_home().await;
    let own = browser.make("Ledger").await;
    let page = browser.get(&format!("{own}/rotate")).await;
    let (token, etag) = (page.form_token(), page.hidden("etag"));
    let form = [("form_token", token.as_str()), ("etag", etag.as_str()), ("grace_period", "1h")];
    let rotated = browser.post(&format!("{own}/rotate"), &form).await;
    assert_eq!(rotated.status, StatusCode::OK, "{}", rotated.text);
    let shown = browser.get(&own).await;
    let begin = format!("href=\"{own}/revoke?key_id=");
    let (_, key) = shown.text.split_once(&begin).unwrap();
    let key = key.split('"').next().unwrap();
    let revoke = (format!("{own}/revoke?key_id={key}"), "Revoke this signing key?", "Revoked.");
    let disable = (format!("{own}/disable"), "Disable this subscription?", "Disabled.");
    for (asking, title, told) in [revoke, disable] {
        let target = asking.split('?').next().unwrap();
        let action = format!("action=\"{target}\"");
        let before = browser.get(&own).await;
        assert!(before.text.contains(&format!("href=\"{asking}\"")), "{}", before.text);
        assert!(!before.text.contains(&action), "not at once: {}", before.text);
        let asked = browser.get(&asking).await;
        assert_eq!(asked.status, StatusCode::OK, "{}", asked.text);
        assert!(asked.text.contains(title) && asked.text.contains(&action), "{}", asked.text);
        assert!(!browser.get(&own).await.text.contains(told), "asking changes nothing");
        let etag = asked.hidden("etag");
        let mut form = vec![("form_token", token.as_str()), ("key_id", key), ("etag", "another")];
        let late = browser.post(target, &form).await;
        assert!(late.status.is_client_error(), "what was shown has changed: {}", late.text);
        form[2].1 = &etag;
        let done = browser.post(target, &form).await;
        assert_eq!(done.location(), own, "{}", done.text);
        let after = browser.get(&own).await;
        assert!(after.text.contains(told), "{}", after.text);
        assert!(!after.text.contains(&format!("href=\"{asking}\"")), "{}", after.text);
    }
    let gone = browser.get(&format!("{own}/revoke?key_id={key}")).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND, "{}", gone.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_of_a_tenant_is_there_and_escapes_what_others_wrote() {
    let mut browser = Browser::at_home().await;
    let own = browser.make(HOSTILE).await;
    let tenant = "/console/tenants/acme";
    for path in [
        LIST.to_owned(),
        own.clone(),
        format!("{own}/edit"),
        format!("{own}/test"),
        format!("{own}/statistics"),
        format!("{own}/rotate"),
        format!("{own}/delete"),
        format!("{own}/disable"),
        format!("{own}/attempts?result=failure&http_status=500&test=false&since=2026-03-01T12:00"),
        format!("{tenant}/attempts"),
        format!("{tenant}/events?account=%3Cscript%3E"),
        format!("{tenant}/tail"),
        format!("{tenant}/replay"),
        format!("{tenant}/operations"),
        format!("{tenant}/reconcile?start_time=2020-03-01T12:00&end_time=2020-03-01T13:00"),
        "/console/overview".to_owned(),
        "/console/fleet".to_owned(),
    ] {
        let shown = browser.get(&path).await;
        assert_eq!(shown.status, StatusCode::OK, "{path}: {}", shown.text);
        assert!(!shown.text.contains("<script>alert"), "{path}: {}", shown.text);
        assert!(!shown.text.contains("<img"), "{path}: {}", shown.text);
        assert!(!shown.text.contains("style="), "{path}: {}", shown.text);
    }
    for path in ["/attempts?http_status=x", "/attempts?since=soon", "/reconcile?start_time=soon"] {
        let shown = browser.get(&format!("{tenant}{path}")).await;
        assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}: {}", shown.text);
    }
    for path in ["/deliveries/x", "/nothing", "/operations/x"] {
        let shown = browser.get(&format!("{tenant}{path}")).await;
        assert!(shown.status.is_client_error(), "{path}: {}", shown.status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_leads_to_how_far_it_is() {
    let mut browser = Browser::at_home().await;
    let page = browser.get("/console/tenants/acme/replay").await;
    let token = page.form_token();
    let form = [
        ("form_token", token.as_str()),
        ("start_time", "2020-01-01T00:00"),
        ("states", "DELIVERY_STATE_EXHAUSTED"),
    ];
    let started = browser.post("/console/tenants/acme/replay", &form).await;
    assert!(started.location().starts_with("/console/tenants/acme/operations/op_"));
    let shown = browser.get(started.location()).await;
    assert!(shown.text.contains("<progress") && shown.text.contains("Replay"), "{}", shown.text);
    let path = started.location().to_owned();
    let ended = browser.until(&path, |shown| !shown.text.contains("data-live")).await;
    assert!(!ended.text.contains("/cancel\""), "what has ended keeps no button: {}", ended.text);
    let wrong = [("form_token", token.as_str()), ("start_time", "soon")];
    let refused = browser.post("/console/tenants/acme/replay", &wrong).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("id=\"field-start_time-problem\""), "{}", refused.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_of_any_kind_leads_to_its_page() {
    let mut browser = Browser::at_home().await;
    let own = browser.make("Ledger").await;
    let page = browser.get("/console/tenants/acme/replay").await;
    let token = page.form_token();
    let form = [
        ("form_token", token.as_str()),
        ("start_time", "2020-01-01T00:00"),
        ("states", "DELIVERY_STATE_EXHAUSTED"),
    ];
    let started = browser.post("/console/tenants/acme/replay", &form).await;
    let operation = started.location().split('?').next().unwrap().to_owned();
    let made = browser.make_reader(HOSTILE).await;
    let name = made.token.unwrap().name;
    let token_page = format!("/console/{name}");
    for page in [own.as_str(), operation.as_str(), "/console/tenants/acme", token_page.as_str()] {
        let id = page.rsplit('/').next().unwrap();
        let found = browser.get(&format!("/console/search?q={id}")).await;
        assert!(found.text.contains(&format!("href=\"{page}\"")), "{page}: {}", found.text);
    }
    // Of a token's text, and by its whole name.
    let found = browser.get(&format!("/console/search?q={}", made.secret)).await;
    assert!(found.text.contains(&format!("href=\"{token_page}\"")), "{}", found.text);
    let named = browser.get(&format!("/console/search?q={name}")).await;
    assert_eq!(named.location(), token_page);
    let shown = browser.get(&token_page).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.text);
    for told in ["Valid", "Reader", "/console/tenants/acme", "&lt;script&gt;"] {
        assert!(shown.text.contains(told), "{told}: {}", shown.text);
    }
    assert!(!shown.text.contains(made.secret.rsplit('_').next().unwrap()), "never its secret");
    let mut tokens = TokenServiceClient::new(browser.channel().await);
    tokens.revoke_token(by_administrator(v1::RevokeTokenRequest { name })).await.unwrap();
    let shown = browser.get(&token_page).await;
    assert!(shown.text.contains("Revoked"), "{}", shown.text);
    assert!(browser.get("/console/tokens/x").await.status.is_client_error());
}
