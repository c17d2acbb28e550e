//! The web console: pages for operators, tenants and their customers, at `/console`.
//!
//! Fed by browsers at the callers' door; feeds them pages made on the server, and calls the API
//! for all that they show and do, in this process, as whoever is signed in. Guarantees that
//! nothing is possible here that a token cannot do, that every text is escaped by the templates,
//! that a form counts for its session only, and that pages work without scripts, but for what
//! goes on by itself.
//!
//! - `layer`: which requests are the console's. `serve`: from a request to an answer.
//!   `request`, `cookies`: what a browser sends. `answers`, `security`, `static_files`: what it
//!   gets. `failure`: why there is no page. `filters`: what was typed, for lists. `values`: spans
//!   and times of forms.
//! - `turns`, `places`: how much of it goes on at once. `limits`: under which names that is
//!   counted.
//! - `sessions`: who is signed in. `sign_in`: with a token, by a provider, by a portal's link;
//!   of `visitor`, a browser without a session, and `sign_in_pages`. `begun_sign_ins`: how many
//!   leave for providers. `redemptions`: how often providers are asked.
//! - `visit`: what a page works with. `calls`: the API. `live`: pages that go on by themselves.
//! - `layout`: the frame around a page. `components`: what pages are made of.
//! - `pages`: the pages, and how another one is added.

pub mod answers;
pub mod begun_sign_ins;
pub mod calls;
pub mod components;
pub mod cookies;
pub mod failure;
pub mod filters;
pub mod layer;
pub mod layout;
pub mod limits;
pub mod live;
pub mod pages;
pub mod places;
pub mod redemptions;
pub mod request;
pub mod security;
pub mod serve;
pub mod sessions;
pub mod sign_in;
pub mod sign_in_pages;
pub mod static_files;
#[cfg(test)]
mod tests;
pub mod turns;
pub mod values;
pub mod visit;
pub mod visitor;

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use postrider_domain::assignment_key::AssignmentKey;
use postrider_secret_encryption::DerivedKey;
use sha2::Sha256;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

pub use self::layer::ConsoleLayer;

use self::begun_sign_ins::BegunSignIns;
use self::cookies::Cookies;
use self::failure::PageFailure;
use self::limits::ConsoleLimit;
use self::places::Places;
use self::redemptions::Redemptions;
use self::security::SecurityHeaders;
use self::sessions::Sessions;
use self::static_files::StaticFiles;
use self::turns::ConsoleTurns;
use crate::api::AnswerBounds;
use crate::callers::{Authenticator, SignInProvider};
use crate::clock::Clock;
use crate::metrics::LimitMetrics;
use crate::settings::ConsoleSettings;
use crate::state::context::ReplicaContext;

/// Says what the key is for, and in which form cookies are.
const SIGN_IN_KEY_PURPOSE: &[u8] = b"postrider console sign-in 1";
/// A tenant, or another owner, has one in so many of the requests that are worked on at once: of
/// 64 eight, where it has two reads at once.
const REQUEST_OWNERS: usize = 8;
/// The same of pages that are kept up to date: of 64 sixteen, as it has watches.
const LIVE_PAGE_OWNERS: usize = 4;
/// Most forms of callers that are arriving, in 16 MiB, and as many in their growth.
const MAX_ARRIVING_FORMS: usize = 128;
const FORM_OWNERS: usize = 8;
/// The same of browsers without a session, in 5 MiB.
const MAX_VISITOR_FORMS: usize = 256;
/// Most forms whose JWTs wait for the keys of one issuer. An issuer that is well answers within
/// tens of milliseconds, and is asked once a minute.
const MAX_KEY_WAITS: usize = 8;

/// What all pages share.
pub struct Console {
    pub settings: ConsoleSettings,
    pub clock: Arc<dyn Clock>,
    pub sessions: Sessions,
    pub authenticator: Authenticator,
    pub providers: Vec<SignInProvider>,
    pub files: StaticFiles,
    pub cookies: Cookies,
    pub security: SecurityHeaders,
    /// Those of the door, for the API and the console together.
    pub answers: AnswerBounds,
    /// Seals what a browser carries to a provider and back, at any replica.
    pub sign_in_key: DerivedKey,
    pub receive_timeout: Duration,
    pub page_size: i32,
    pub requests: Arc<ConsoleTurns>,
    pub live_pages: Arc<ConsoleTurns>,
    /// Of forms that are arriving.
    pub forms: Arc<ConsoleTurns>,
    pub visitor_forms: Arc<Places>,
    /// Of each issuer: forms that wait for its keys.
    pub key_waits: Vec<Semaphore>,
    pub begun_sign_ins: BegunSignIns,
    pub redemptions: Redemptions,
    limit_metrics: LimitMetrics,
}

impl Console {
    /// The console, if it is switched on. Reads the files that the settings name.
    pub fn new(
        context: &ReplicaContext,
        authenticator: &Authenticator,
        answers: AnswerBounds,
    ) -> anyhow::Result<Option<Arc<Self>>> {
        let settings = &context.settings;
        let console = &settings.console;
        if !console.enabled {
            return Ok(None);
        }
        let issuers = settings.auth.issuers.iter();
        Ok(Some(Arc::new(Self {
            settings: console.clone(),
            sessions: Sessions::new(context, authenticator.clone()),
            clock: Arc::clone(&context.clock),
            authenticator: authenticator.clone(),
            redemptions: Redemptions::new(console.providers.len()),
            providers: SignInProvider::read(settings)?,
            files: StaticFiles::new(console)?,
            cookies: Cookies { is_secure: settings.console_is_secure() },
            security: SecurityHeaders::new(console),
            answers,
            sign_in_key: sign_in_key(&context.assignment_key),
            receive_timeout: settings.requests.receive_timeout(),
            page_size: i32::try_from(settings.api.default_page_size).unwrap_or(i32::MAX),
            requests: ConsoleTurns::new(console.max_concurrent_requests, REQUEST_OWNERS),
            live_pages: ConsoleTurns::new(console.max_live_pages, LIVE_PAGE_OWNERS),
            forms: ConsoleTurns::new(MAX_ARRIVING_FORMS, FORM_OWNERS),
            visitor_forms: Places::new(MAX_VISITOR_FORMS),
            key_waits: issuers.map(|_| Semaphore::new(MAX_KEY_WAITS)).collect(),
            begun_sign_ins: BegunSignIns::default(),
            limit_metrics: context.metrics.limits().clone(),
        })))
    }

    /// Counts what a limit of the console refused. Rates and the API count theirs themselves.
    pub fn count(&self, failure: &PageFailure) {
        if let PageFailure::Busy(limit) = failure {
            self.count_reached(*limit);
        }
    }

    /// Counts what a limit refused and no page tells as [`PageFailure::Busy`].
    pub fn count_reached(&self, limit: ConsoleLimit) {
        self.limit_metrics.reached(limit.name());
    }
}

/// A key of this purpose's own: what is known of it says nothing of proofs of assignment.
fn sign_in_key(installation: &AssignmentKey) -> DerivedKey {
    let mut derived = Zeroizing::new([0_u8; 32]);
    // HMAC takes a key of any length.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(installation.bytes()) {
        mac.update(SIGN_IN_KEY_PURPOSE);
        *derived = mac.finalize().into_bytes().into();
    }
    DerivedKey::new(&derived)
}
