//! From a browser's request to its answer.
//!
//! Fed by `layer`; feeds pages with a `Visit`, and browsers with what comes of it. Guarantees
//! that a page is made for somebody who is signed in, that a form counts only with the token of
//! its session, that so many requests are worked on at once, and that every answer has the
//! headers of `security`.
//!
//! Keeps the invariants `nothing-without-permission` and `bounded-everything`.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, ALLOW, HeaderName, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use postrider_identity::{AuditOrigin, ConsoleId};
use tonic::body::Body;

use super::Console;
use super::answers::{Answer, Flash, document, see_other, with_cookie};
use super::calls::{ApiCalls, DoorService};
use super::cookies::CookieKind;
use super::failure::PageFailure;
use super::limits::ConsoleLimit;
use super::request::{BrowserRequest, MAX_FORM_BYTES, MAX_VISITOR_FORM_BYTES, UnreadRequest};
use super::sessions::{SessionUse, SignedIn};
use super::sign_in;
use super::static_files::FILES_FOLDER;
use super::turns::TurnOwner;
use super::visit::{Visit, path};
use super::visitor::Visitor;
use super::{layout, live, pages};
use crate::api::CountedCaller;
use crate::listeners::ConnectionPeer;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// How long a message waits for the next page.
const FLASH_TTL: Duration = Duration::from_secs(60);
/// As records name pages.
const CONSOLE_METHOD: &str = "console";
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST");

/// The answer to a request of the console.
pub async fn serve(
    console: &Arc<Console>,
    door: DoorService,
    request: Request<Body>,
) -> Response<Body> {
    let mut answer = match static_file(console, &request) {
        Some(file) => file,
        // All that is built on the way would make the caller's future large.
        None => match Box::pin(page(console, door, request)).await {
            Ok(answer) => answer,
            Err(failure) => failed(console, &failure),
        },
    };
    console.security.tell(answer.headers_mut());
    answer
}

fn static_file(console: &Console, request: &Request<Body>) -> Option<Response<Body>> {
    let (folder, name) = request.uri().path().rsplit_once('/')?;
    let is_file = folder == path(&[FILES_FOLDER]) && is_read(request.method());
    if is_file { console.files.find(name) } else { None }
}

fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

fn failed(console: &Console, failure: &PageFailure) -> Response<Body> {
    console.count(failure);
    let body = layout::failure(failure);
    let page = layout::plain_document(console, failure.title(), body);
    let mut answer = document(failure.http_status(), page);
    if let Some(seconds) = failure.retry_seconds() {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if answer.status() == StatusCode::METHOD_NOT_ALLOWED {
        answer.headers_mut().insert(ALLOW, METHODS);
    }
    answer
}

async fn page(
    console: &Arc<Console>,
    door: DoorService,
    request: Request<Body>,
) -> Result<Response<Body>, PageFailure> {
    if !(is_read(request.method()) || request.method() == Method::POST) {
        let message = "The console takes GET and POST.";
        return Err(PageFailure::Other(StatusCode::METHOD_NOT_ALLOWED, message));
    }
    let id = console.cookies.read(request.headers(), CookieKind::Session);
    let id = id.and_then(|text| console.sessions.id(text));
    let by = match is_live(request.headers()) {
        true => SessionUse::ByPage,
        false => SessionUse::ByPerson,
    };
    let signed_in = signed_in(console, id, by).await?;
    let owner = match &signed_in {
        Some(signed_in) => TurnOwner::of(&signed_in.identity),
        None => TurnOwner::Visitors,
    };
    let (request, parts) = received(console, request, owner.clone()).await?;
    // Not before: who sends slowly would keep others out. So would a provider that is slow with a
    // code, or an issuer with its keys: what waits for either has another place, and no turn.
    let key_wait = sign_in::key_wait(console, &request)?;
    let busy = PageFailure::Busy(ConsoleLimit::Requests);
    let _turn = match key_wait.is_some() || sign_in::asks_provider(&request) {
        true => None,
        false => Some(console.requests.take(owner).ok_or(busy)?),
    };
    let is_post = request.method == Method::POST;
    if is_post && request.is_foreign(&console.settings.public_url) {
        return Err(PageFailure::ForeignForm);
    }
    if let Some(answered) = sign_in::route(&Visitor::new(console, &request)).await {
        return answered;
    }
    let Some(signed_in) = signed_in else { return nobody(console, &request) };
    if is_post && !signed_in.id.owns_form(request.form("form_token")) {
        return Err(PageFailure::ForeignForm);
    }
    if is_post && request.segments == ["sign-out"] {
        console.sessions.end(&signed_in.id).await?;
        tracing::info!(who = %signed_in.identity.principal, "somebody signed out of the console");
        return Ok(to_sign_in(console, &request, Some(Flash::SignedOut)));
    }
    let calls = ApiCalls::new(door, &parts, Arc::clone(&signed_in.identity));
    let now = console.clock.now();
    let visit = Visit { console: Arc::clone(console), request, signed_in, calls, now };
    visited(&visit, &parts).await
}

/// The request, once its form is there. Forms that come slowly are so many, and keep no other
/// owner's out.
async fn received(
    console: &Console,
    request: Request<Body>,
    owner: TurnOwner,
) -> Result<(BrowserRequest, Parts), PageFailure> {
    let timeout = console.receive_timeout;
    let (max_bytes, is_visitor) = match owner {
        TurnOwner::Visitors => (MAX_VISITOR_FORM_BYTES, true),
        TurnOwner::Tenant(_) | TurnOwner::Caller(_) => (MAX_FORM_BYTES, false),
    };
    let is_post = request.method() == Method::POST;
    let read = BrowserRequest::read(request, max_bytes, timeout);
    if !is_post {
        return read.await.map_err(unread);
    }
    if !is_visitor {
        let turn = console.forms.take(owner);
        let _turn = turn.ok_or(PageFailure::Busy(ConsoleLimit::Forms))?;
        return read.await.map_err(unread);
    }
    let arriving = console.visitor_forms.begin();
    tokio::select! {
        biased;
        read = read => read.map_err(unread),
        () = arriving.displaced.cancelled() => Err(PageFailure::Busy(ConsoleLimit::VisitorForms)),
    }
}

/// Who is signed in at the browser, if somebody is.
async fn signed_in(
    console: &Console,
    id: Option<ConsoleId>,
    by: SessionUse,
) -> Result<Option<SignedIn>, PageFailure> {
    let Some(id) = id else { return Ok(None) };
    match console.sessions.find(id, by).await {
        Ok(signed_in) => Ok(Some(signed_in)),
        Err(PageFailure::SignedOut) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Makes the page of somebody who is signed in.
async fn visited(visit: &Visit, parts: &Parts) -> Result<Response<Body>, PageFailure> {
    let console = &visit.console;
    let mut answer = match Box::pin(pages::route(visit)).await {
        Ok(Answer::Page(page)) => {
            let shown = console.cookies.read(&visit.request.headers, CookieKind::Flash);
            let flash = shown.and_then(Flash::from_code);
            let markup = layout::document(visit, &page, flash);
            let answer = document(page.http_status, markup);
            let gone = flash.and_then(|_| console.cookies.remove(CookieKind::Flash));
            counted(visit, parts, with_cookie(answer, gone))?
        }
        Ok(Answer::See(path, flash)) => {
            let cookie = flash.and_then(|flash| {
                console.cookies.set(CookieKind::Flash, flash.code(), Some(FLASH_TTL))
            });
            with_cookie(see_other(&path), cookie)
        }
        Ok(Answer::Live(body)) => live::answer(body),
        Err(PageFailure::SignedOut) => nobody(console, &visit.request)?,
        Err(failure) => {
            console.count(&failure);
            let page = layout::failure_page(&failure);
            document(failure.http_status(), layout::document(visit, &page, None))
        }
    };
    if let Ok(id) = HeaderValue::from_str(visit.calls.request_id()) {
        answer.headers_mut().insert(REQUEST_ID, id);
    }
    Ok(answer)
}

/// The answer, counted for its caller until it is sent, as one of the API is.
fn counted(
    visit: &Visit,
    parts: &Parts,
    answer: Response<Body>,
) -> Result<Response<Body>, PageFailure> {
    let peer = parts.extensions.get::<ConnectionPeer>();
    let origin = AuditOrigin {
        actor: visit.caller(),
        address: peer.map_or_else(String::new, |peer| peer.address.to_string()),
        request_id: visit.calls.request_id().to_owned(),
        method: CONSOLE_METHOD.into(),
    };
    let caller = CountedCaller::new(Arc::new(origin), Arc::clone(&visit.signed_in.identity));
    let (head, body) = answer.into_parts();
    let body = visit.console.answers.hold(body, &caller)?;
    Ok(Response::from_parts(head, body))
}

/// The answer to somebody who is not signed in.
fn nobody(console: &Console, request: &BrowserRequest) -> Result<Response<Body>, PageFailure> {
    // The script would be led to the page of signing in, and take the words that are for people.
    if is_live(&request.headers) {
        return Err(PageFailure::SignedOut);
    }
    let had_session = console.cookies.read(&request.headers, CookieKind::Session).is_some();
    Ok(to_sign_in(console, request, had_session.then_some(Flash::SessionEnded)))
}

/// Whether events are asked for, and no page (`EventSource`).
fn is_live(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT).and_then(|accepted| accepted.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/event-stream"))
}

/// Sends a browser to sign in, and back to where it was, without the cookie of a session that is
/// over. Whoever signs out does not come back.
fn to_sign_in(console: &Console, request: &BrowserRequest, flash: Option<Flash>) -> Response<Body> {
    let mut address = path(&["sign-in"]);
    let signs_out = flash == Some(Flash::SignedOut);
    let from = request.uri.path_and_query().filter(|_| !signs_out && is_read(&request.method));
    if let Some(from) = from {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        address = format!("{address}?{}", query.append_pair("to", from.as_str()).finish());
    }
    let cookies = console.cookies;
    let answer = with_cookie(see_other(&address), cookies.remove(CookieKind::Session));
    let age = Some(FLASH_TTL);
    let message = flash.and_then(|flash| cookies.set(CookieKind::Flash, flash.code(), age));
    with_cookie(answer, message)
}

fn unread(problem: UnreadRequest) -> PageFailure {
    let (status, message) = match problem {
        UnreadRequest::Malformed => (StatusCode::BAD_REQUEST, "The request cannot be read."),
        UnreadRequest::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "The form is too large."),
        UnreadRequest::TooSlow => (StatusCode::REQUEST_TIMEOUT, "The form came too slowly."),
    };
    PageFailure::Other(status, message)
}
