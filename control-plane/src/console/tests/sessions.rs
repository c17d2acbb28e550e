//! Sessions that end by themselves, by a clock that a test moves.

use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use http::header::{ACCEPT, ALLOW};
use postrider_domain::time::Timestamp;

use super::*;
use crate::console::sessions::SessionUse;

const MINUTE: Duration = Duration::from_secs(60);

/// A clock that stands until it is moved.
struct MovedClock(AtomicI64);

impl MovedClock {
    fn at(time: Timestamp) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(time.as_micros())))
    }

    fn advance(&self, span: Duration) {
        self.0.fetch_add(i64::try_from(span.as_micros()).unwrap(), Ordering::Relaxed);
    }
}

#[async_trait]
impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }

    async fn sleep_until(&self, _: Timestamp) {
        std::future::pending::<()>().await;
    }
}

/// A browser that has just signed in, and another replica's console with a clock of its own.
struct SignedInBrowser {
    console: Arc<Console>,
    clock: Arc<MovedClock>,
    session: String,
    _browser: Browser,
}

impl SignedInBrowser {
    async fn new() -> Self {
        Self::with_idle_minutes("30").await
    }

    async fn with_idle_minutes(minutes: &str) -> Self {
        let settings = [("console.max_session_hours", "2"), ("console.max_idle_minutes", minutes)];
        let mut browser = Browser::with(&settings).await;
        browser.sign_in(BOOTSTRAP).await;
        let session = browser.session().unwrap().to_owned();
        let mut context = (*browser.plane.context).clone();
        let clock = MovedClock::at(context.clock.now());
        context.clock = Arc::clone(&clock) as Arc<dyn Clock>;
        let console = console_of(&browser, &context);
        Self { console, clock, session, _browser: browser }
    }

    async fn is_signed_in_after(&self, span: Duration) -> bool {
        self.clock.advance(span);
        let id = self.console.sessions.id(&self.session).unwrap();
        match self.console.sessions.find(id, SessionUse::ByPerson).await {
            Ok(_) => true,
            Err(PageFailure::SignedOut) => false,
            Err(failure) => panic!("{failure:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ends_by_its_age_however_much_it_is_used() {
    let browser = SignedInBrowser::new().await;
    for used in 1..6 {
        assert!(browser.is_signed_in_after(20 * MINUTE).await, "{used}");
    }
    assert!(!browser.is_signed_in_after(20 * MINUTE).await, "two hours");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_not_used_ends() {
    let browser = SignedInBrowser::new().await;
    for used in 1..3 {
        assert!(browser.is_signed_in_after(29 * MINUTE).await, "{used}");
    }
    assert!(!browser.is_signed_in_after(30 * MINUTE).await, "half an hour");
    let request = Request::get("/console/tenants")
        .header(COOKIE, format!("postrider-session={}", browser.session));
    let request = request.body(Body::empty()).unwrap();
    let answer = crate::console::serve::serve(&browser.console, no_door(), request).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let location = answer.headers()[LOCATION].to_str().unwrap();
    assert!(location.starts_with("/console/sign-in?to="), "{location}");
    let removed = answer.headers()[SET_COOKIE].to_str().unwrap();
    assert!(removed.starts_with("postrider-session=;"), "{removed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_goes_on_by_itself_is_no_use_of_its_session() {
    for (accept, is_use) in [("text/html", true), ("text/event-stream", false)] {
        let browser = SignedInBrowser::new().await;
        browser.clock.advance(20 * MINUTE);
        let request = Request::get("/console/nothing")
            .header(ACCEPT, accept)
            .header(COOKIE, format!("postrider-session={}", browser.session));
        let request = request.body(Body::empty()).unwrap();
        let answer = crate::console::serve::serve(&browser.console, no_door(), request).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{accept}: one is signed in");
        assert_eq!(browser.is_signed_in_after(20 * MINUTE).await, is_use, "{accept}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_used_stays_however_short_the_idle_time() {
    let browser = SignedInBrowser::with_idle_minutes("1").await;
    for used in 1..6 {
        assert!(browser.is_signed_in_after(Duration::from_secs(40)).await, "{used}");
    }
    assert!(!browser.is_signed_in_after(MINUTE).await, "a minute");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_page_is_told_that_its_session_is_over_and_takes_no_message() {
    let browser = Browser::start().await;
    let console = console_beside(&browser);
    let request = Request::get("/console/tenants/acme/tail/live")
        .header(ACCEPT, "text/event-stream")
        .header(COOKIE, "postrider-session=over");
    let request = request.body(Body::empty()).unwrap();
    let answer = crate::console::serve::serve(&console, no_door(), request).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert!(!answer.headers().contains_key(SET_COOKIE), "{:?}", answer.headers());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_methods_are_told_which_there_are() {
    let mut browser = Browser::start().await;
    let refused = browser.send(Method::PUT, "/console/tenants", "").await;
    assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(refused.headers[ALLOW], "GET, HEAD, POST");
}
