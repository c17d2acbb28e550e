//! Signing in and out, by browsers that have no session.
//!
//! Fed by `serve` with requests; feeds `sessions` with callers whose credential was verified.
//! Guarantees that a form is of the browser that sends it, that a provider's answer belongs to
//! the request of the same browser, that a portal's code is spent by a POST alone, that no
//! credential stands in an address or in the log, and that whoever tries again and again leaves a
//! line in a while.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, Response, StatusCode};
use postrider_identity::CallerIdentity;
use postrider_telemetry::LineLimit;
use tokio::sync::SemaphorePermit;
use tonic::body::Body;
use zeroize::Zeroizing;

use super::Console;
use super::answers::{Flash, see_other, with_cookie};
use super::cookies::CookieKind;
use super::failure::PageFailure;
use super::limits::ConsoleLimit;
use super::redemptions::RefusedCode;
use super::request::BrowserRequest;
use super::sessions::{self, BeginningTurn};
use super::sign_in_pages::{self, SignInNotice};
use super::visit::path;
use super::visitor::Visitor;
use crate::callers::{CredentialRefusal, PendingSignIn};
use crate::settings::CONSOLE_PATH;

/// How long somebody may take at a provider.
const PROVIDER_TTL: Duration = Duration::from_secs(600);
/// Binds a sealed cookie to its use.
const SEAL_PLACE: &[u8] = b"sign-in";
/// Anybody can send codes. Enough to see what is wrong with a provider's settings.
static UNREDEEMED_CODES: LineLimit = LineLimit::new(5, Duration::from_secs(10));
static REFUSED_SIGN_INS: LineLimit = LineLimit::new(1, Duration::from_secs(60));

/// The answer to a request for which nobody has to be signed in; `None` for all others.
pub async fn route(visitor: &Visitor<'_>) -> Option<Result<Response<Body>, PageFailure>> {
    let path: Vec<&str> = visitor.request.segments.iter().map(String::as_str).collect();
    let is_post = visitor.request.method == Method::POST;
    Some(match (is_post, path.as_slice()) {
        (false, ["sign-in"]) => Ok(show(visitor)),
        (true, ["sign-in"]) => with_token(visitor).await,
        (true, ["sign-in", "with", provider]) => leave(visitor, provider),
        (false, ["sign-in", "back"]) => come_back(visitor).await,
        (false, ["portal", code]) => Ok(show_portal(visitor, code)),
        (true, ["portal"]) => by_portal(visitor).await,
        _ => return None,
    })
}

/// Whether a provider is waited for on the way to the answer, in a place of its own.
pub fn asks_provider(request: &BrowserRequest) -> bool {
    request.method != Method::POST && request.segments == ["sign-in", "back"]
}

/// The place of a form whose JWT waits for the keys of its issuer; `None` for what does not wait
/// for any.
pub fn key_wait<'c>(
    console: &'c Console,
    request: &BrowserRequest,
) -> Result<Option<SemaphorePermit<'c>>, PageFailure> {
    if request.method != Method::POST || request.segments != ["sign-in"] {
        return Ok(None);
    }
    let issuer = console.authenticator.awaited_issuer(request.form("token").trim());
    let Some(places) = issuer.and_then(|number| console.key_waits.get(number)) else {
        return Ok(None);
    };
    let place = places.try_acquire();
    place.map(Some).map_err(|_| PageFailure::Busy(ConsoleLimit::KeyWaits))
}

fn show(visitor: &Visitor<'_>) -> Response<Body> {
    let cookies = visitor.console.cookies;
    let flash = cookies.read(&visitor.request.headers, CookieKind::Flash);
    let notice = flash.and_then(Flash::from_code).map(SignInNotice::Done);
    let page = sign_in_pages::sign_in(visitor, &visitor.return_path(), notice);
    with_cookie(visitor.page(StatusCode::OK, page), cookies.remove(CookieKind::Flash))
}

async fn with_token(visitor: &Visitor<'_>) -> Result<Response<Body>, PageFailure> {
    visitor.require_own_form()?;
    let token = visitor.request.form("token").trim();
    let problem = match visitor.console.authenticator.sign_in(token).await {
        Ok(identity) => {
            let sessions = &visitor.console.sessions;
            sessions.count_sign_in(&identity)?;
            let turn = sessions.beginning_turn().await?;
            return begin(visitor, turn, &identity, &visitor.return_path()).await;
        }
        Err(CredentialRefusal::Unavailable(error)) => {
            return Err(sessions::refused(CredentialRefusal::Unavailable(error)));
        }
        Err(CredentialRefusal::Missing) => "The token is missing.".to_owned(),
        Err(CredentialRefusal::Invalid(problem)) => format!("Nobody is let in by this: {problem}."),
    };
    let notice = Some(SignInNotice::Problem(problem));
    let page = sign_in_pages::sign_in(visitor, &visitor.return_path(), notice);
    Ok(visitor.page(StatusCode::UNPROCESSABLE_ENTITY, page))
}

/// Begins a session with a new id, and ends the one that the browser had.
async fn begin(
    visitor: &Visitor<'_>,
    turn: BeginningTurn,
    identity: &CallerIdentity,
    to: &str,
) -> Result<Response<Body>, PageFailure> {
    let Console { cookies, sessions, .. } = &**visitor.console;
    let before = cookies.read(&visitor.request.headers, CookieKind::Session);
    let before = before.and_then(|text| sessions.id(text));
    let id = sessions.begin(turn, identity, before).await?;
    tracing::info!(who = %identity.principal, "somebody signed in at the console");
    let answer = with_cookie(see_other(to), cookies.set(CookieKind::Session, id.reveal(), None));
    let answer = with_cookie(answer, cookies.remove(CookieKind::Visitor));
    Ok(with_cookie(answer, cookies.remove(CookieKind::PendingSignIn)))
}

/// Sends the browser to a provider.
fn leave(visitor: &Visitor<'_>, provider: &str) -> Result<Response<Body>, PageFailure> {
    visitor.require_own_form()?;
    let Console { providers, cookies, sign_in_key, clock, begun_sign_ins, .. } = &**visitor.console;
    let number: usize = provider.parse().map_err(|_| PageFailure::NotFound)?;
    let provider = providers.get(number).ok_or(PageFailure::NotFound)?;
    if !begun_sign_ins.may_begin(visitor.request.peer, clock.now()) {
        note_refused(&provider.name, "sign-ins in a second");
        return Err(PageFailure::Busy(ConsoleLimit::ProviderSignIns));
    }
    let expires = (clock.now() + PROVIDER_TTL).as_micros();
    let pending = PendingSignIn::new(number, expires);
    let text = serde_json::to_vec(&pending).ok();
    let sealed = text.and_then(|text| sign_in_key.seal(&text, SEAL_PLACE).ok());
    let sealed = sealed.ok_or_else(not_sealed)?;
    let value = URL_SAFE_NO_PAD.encode(sealed);
    let cookie = cookies.set(CookieKind::PendingSignIn, &value, Some(PROVIDER_TTL));
    let url = provider.authorization_url(&pending, &come_back_address(visitor));
    Ok(with_cookie(see_other(url.as_str()), cookie))
}

fn not_sealed() -> PageFailure {
    let message = "This machine has no randomness now. Try again in a moment.";
    PageFailure::Other(StatusCode::SERVICE_UNAVAILABLE, message)
}

/// The settings say where, if there is a provider.
fn come_back_address(visitor: &Visitor<'_>) -> String {
    visitor.console.settings.public_address("/sign-in/back").unwrap_or_default()
}

/// What the browser carried to the provider and back, if it is an answer to that.
fn pending(visitor: &Visitor<'_>) -> Option<PendingSignIn> {
    let Console { cookies, sign_in_key, clock, .. } = &**visitor.console;
    let sealed = cookies.read(&visitor.request.headers, CookieKind::PendingSignIn)?;
    let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let opened = sign_in_key.open(&sealed, SEAL_PLACE).ok()?;
    let pending: PendingSignIn = serde_json::from_slice(&opened).ok()?;
    let is_answer = pending.has_state(visitor.request.query("state"));
    (is_answer && clock.now().as_micros() < pending.expires).then_some(pending)
}

async fn come_back(visitor: &Visitor<'_>) -> Result<Response<Body>, PageFailure> {
    let refused = |message| Err(PageFailure::Other(StatusCode::FORBIDDEN, message));
    let Some(pending) = pending(visitor) else {
        return refused("Signing in took too long, or began in another browser. Begin again.");
    };
    let Console { providers, authenticator, redemptions, clock, .. } = &**visitor.console;
    let provider = providers.get(pending.provider).ok_or(PageFailure::NotFound)?;
    let code = visitor.request.query("code");
    if code.is_empty() {
        return refused("The provider did not sign you in.");
    }
    let (console, back) = (Arc::clone(visitor.console), come_back_address(visitor));
    let asked = Box::pin(redeem(console, pending.clone(), code.to_owned(), back));
    let redeemed = redemptions.ask(&pending, clock.now(), asked).await;
    let redeemed = redeemed.map_err(|refusal| not_asked(visitor, &provider.name, refusal))?;
    let id_token = match redeemed {
        Ok(id_token) => id_token,
        Err(error) => {
            note_unredeemed(&provider.name, &error);
            return refused("The provider does not confirm who you are. Begin again.");
        }
    };
    let identity = match authenticator.sign_in(&id_token).await {
        Ok(identity) => identity,
        Err(CredentialRefusal::Unavailable(error)) => {
            return Err(sessions::refused(CredentialRefusal::Unavailable(error)));
        }
        Err(CredentialRefusal::Missing | CredentialRefusal::Invalid(_)) => {
            return refused("The provider knows you, and no rule here lets you in.");
        }
    };
    if !provider.answers(&id_token, &pending) {
        return refused("The provider's answer is to another request. Begin again.");
    }
    let sessions = &visitor.console.sessions;
    sessions.count_sign_in(&identity)?;
    let turn = sessions.beginning_turn().await?;
    begin(visitor, turn, &identity, CONSOLE_PATH).await
}

/// Asks a sign-in's provider. What it needs is its own: it goes on once the browser has left.
async fn redeem(
    console: Arc<Console>,
    pending: PendingSignIn,
    code: String,
    back: String,
) -> anyhow::Result<Zeroizing<String>> {
    let provider = console.providers.get(pending.provider).context("there is no such provider")?;
    provider.redeem(&pending, &code, &back).await
}

fn note_unredeemed(provider: &str, error: &anyhow::Error) {
    if let Some(left_out) = UNREDEEMED_CODES.next_line(Instant::now()) {
        tracing::warn!(provider, error = %format!("{error:#}"), left_out, "a provider's code was not redeemed");
    }
}

/// `reason`: what there were too many of.
fn note_refused(provider: &str, reason: &str) {
    if let Some(left_out) = REFUSED_SIGN_INS.next_line(Instant::now()) {
        tracing::warn!(
            provider,
            reason,
            left_out,
            "a sign-in with a provider was refused: there are too many"
        );
    }
}

fn not_asked(visitor: &Visitor<'_>, provider: &str, refusal: RefusedCode) -> PageFailure {
    note_refused(provider, refusal.reason());
    match refusal {
        RefusedCode::Spent => {
            visitor.console.count_reached(ConsoleLimit::ProviderTries);
            let message = "This was tried too often. Begin again.";
            PageFailure::Other(StatusCode::FORBIDDEN, message)
        }
        RefusedCode::Displaced | RefusedCode::Full => {
            PageFailure::Busy(ConsoleLimit::ProviderCodes)
        }
    }
}

fn show_portal(visitor: &Visitor<'_>, code: &str) -> Response<Body> {
    // A code that is none is told of when it is redeemed.
    visitor.page(StatusCode::OK, sign_in_pages::portal(visitor, code))
}

async fn by_portal(visitor: &Visitor<'_>) -> Result<Response<Body>, PageFailure> {
    visitor.require_own_form()?;
    let sessions = &visitor.console.sessions;
    let code = sessions.portal_code(visitor.request.form("code"));
    let (identity, turn) = sessions.redeem(&code.ok_or(PageFailure::NotFound)?).await?;
    let tenant = identity.counted_tenant().map(|tenant| tenant.as_str().to_owned());
    let to = match &tenant {
        Some(tenant) => path(&["tenants", tenant, "subscriptions"]),
        None => CONSOLE_PATH.to_owned(),
    };
    begin(visitor, turn, &identity, &to).await
}
