//! Sessions: begun, found again at any replica, and ended.
//!
//! Fed by `sign_in` with callers whose credential was verified, and by browsers' cookies; feeds
//! `visit` with who is signed in. Guarantees that a session begins with a new id, that it ends
//! with the token that began it, that one which was ended counts nowhere any more, that a
//! portal's code begins one once, and that neither whoever invents ids nor whoever signs in again
//! and again keeps the store from others.
//!
//! Keeps the invariants `revoked-means-refused` and `bounded-everything`.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use postrider_domain::time::Timestamp;
use postrider_identity::{
    CallerIdentity, ConsoleEntryKind, ConsoleHash, ConsoleId, ConsoleIdKey, ConsoleSession,
};
use postrider_store::{ConsoleCreation, Store, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::failure::PageFailure;
use super::limits::ConsoleLimit;
use crate::callers::{Authenticator, CredentialRefusal};
use crate::clock::Clock;
use crate::state::console_bounds::console_bounds;
use crate::state::context::ReplicaContext;
use crate::state::rate_limits::{RateLimits, RatedCall};

/// How often it is written that a session is used; oftener where sessions end soon.
const USE_WRITE_INTERVAL: Duration = Duration::from_secs(60);
/// At least so many times while a session may be unused: one that is used does not end.
const USE_WRITES_PER_IDLE: u32 = 4;
/// Most reads at once, so that ids of sessions that are over cost others little. A read takes a
/// millisecond.
const MAX_CONCURRENT_READS: usize = 4;
/// Most sessions that are begun at once. Each is a commit, which publishing waits for too.
const MAX_CONCURRENT_BEGINNINGS: usize = 2;
/// How long a page waits for its session, the wait for other reads included.
const MAX_READ_TIME: Duration = Duration::from_secs(2);

/// What asks for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionUse {
    /// Somebody who looks or does something.
    ByPerson,
    /// A page that goes on by itself: nobody need be there.
    ByPage,
}

/// Who is signed in.
#[derive(Debug)]
pub struct SignedIn {
    pub id: ConsoleId,
    pub identity: Arc<CallerIdentity>,
    pub expire_time: Timestamp,
}

/// The right to begin one session.
pub struct BeginningTurn {
    _permit: OwnedSemaphorePermit,
}

/// Keeps sessions.
#[derive(Clone)]
pub struct Sessions {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    authenticator: Authenticator,
    max_age: Duration,
    max_idle: Duration,
    rates: RateLimits,
    ids: ConsoleIdKey,
    reads: Arc<Semaphore>,
    beginnings: Arc<Semaphore>,
}

impl Sessions {
    pub fn new(context: &ReplicaContext, authenticator: Authenticator) -> Self {
        let settings = &context.settings.console;
        Self {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            authenticator,
            max_age: settings.max_session(),
            max_idle: settings.max_idle(),
            rates: context.rate_limits.clone(),
            ids: ConsoleIdKey::of(&context.assignment_key),
            reads: Arc::new(Semaphore::new(MAX_CONCURRENT_READS)),
            beginnings: Arc::new(Semaphore::new(MAX_CONCURRENT_BEGINNINGS)),
        }
    }

    /// The id of a session, if a replica of this installation has made it.
    pub fn id(&self, text: &str) -> Option<ConsoleId> {
        self.ids.read(ConsoleEntryKind::Session, text)
    }

    /// The code of a portal's link, likewise.
    pub fn portal_code(&self, text: &str) -> Option<ConsoleId> {
        self.ids.read(ConsoleEntryKind::PortalCode, text)
    }

    /// Counts that a caller signs in, whatever comes of it.
    pub fn count_sign_in(&self, identity: &CallerIdentity) -> Result<(), PageFailure> {
        let (call, who) = (RatedCall::SignIn, identity.principal.to_string());
        let taken = match identity.counted_tenant() {
            Some(tenant) => self.rates.take_of_both(call, &who, tenant),
            None => self.rates.take_of_caller(call, &who),
        };
        taken.map_err(|refusal| PageFailure::TooOften(refusal.retry_after))
    }

    /// A turn for a caller who was counted. Nothing of his is spent before he has it.
    pub async fn beginning_turn(&self) -> Result<BeginningTurn, PageFailure> {
        let turn = Arc::clone(&self.beginnings).acquire_owned();
        match tokio::time::timeout(MAX_READ_TIME, turn).await {
            Ok(Ok(permit)) => Ok(BeginningTurn { _permit: permit }),
            // Nobody closes it.
            Ok(Err(_)) | Err(_) => Err(PageFailure::Busy(ConsoleLimit::NewSessions)),
        }
    }

    /// Begins a session of a caller who has a turn, and ends the one that his browser had.
    pub async fn begin(
        &self,
        _turn: BeginningTurn,
        identity: &CallerIdentity,
        before: Option<ConsoleId>,
    ) -> Result<ConsoleId, PageFailure> {
        if let Some(before) = before {
            self.end(&before).await?;
        }
        let kind = ConsoleEntryKind::Session;
        let id = self.ids.make(kind, &rand::random());
        let now = self.clock.now();
        let session = ConsoleSession::new(&id, kind, identity.clone(), now, self.max_age);
        let created = self.store.create_console_session(&session, console_bounds(identity)).await;
        match created.map_err(unavailable)? {
            ConsoleCreation::Created => Ok(id),
            ConsoleCreation::TooMany => Err(PageFailure::Busy(ConsoleLimit::Sessions)),
            ConsoleCreation::TooManyOfTenant => {
                Err(PageFailure::Busy(ConsoleLimit::SessionsOfTenant))
            }
        }
    }

    /// The session of an id that a browser sends, if it still counts. What a page asks for by
    /// itself does not keep it from ending unused.
    pub async fn find(&self, id: ConsoleId, by: SessionUse) -> Result<SignedIn, PageFailure> {
        let hash = id.hash();
        let found = self.read(ConsoleEntryKind::Session, &hash).await?;
        let now = self.clock.now();
        let session = found.filter(|session| session.is_valid(now, self.max_idle));
        let session = session.ok_or(PageFailure::SignedOut)?;
        let expire_time = session.expire_time;
        let identity = self.authenticator.of_session(&Arc::new(session.identity)).await;
        let identity = identity.map_err(refused)?;
        let write_interval = USE_WRITE_INTERVAL.min(self.max_idle / USE_WRITES_PER_IDLE);
        let is_due = now.since(session.last_use_time) >= write_interval;
        if is_due && by == SessionUse::ByPerson {
            // A page is shown all the same; the next one tries it again.
            let _ = self.store.note_console_use(&hash, now).await;
        }
        Ok(SignedIn { id, identity, expire_time })
    }

    /// What is stored with a hash.
    async fn read(
        &self,
        kind: ConsoleEntryKind,
        hash: &ConsoleHash,
    ) -> Result<Option<ConsoleSession>, PageFailure> {
        let read = async {
            // Nobody closes it.
            let _turn = self.reads.acquire().await;
            self.store.get_console_session(kind, hash).await
        };
        let too_slow = || StoreError::Unavailable("a session was read too slowly".to_owned());
        let read = tokio::time::timeout(MAX_READ_TIME, read).await;
        read.unwrap_or_else(|_| Err(too_slow())).map_err(unavailable)
    }

    /// Ends a session.
    pub async fn end(&self, id: &ConsoleId) -> Result<(), PageFailure> {
        let kind = ConsoleEntryKind::Session;
        self.store.take_console_session(kind, &id.hash()).await.map_err(unavailable)?;
        Ok(())
    }

    /// The caller for whom a portal's code stands, and the turn to begin his session. The code
    /// stands for nobody afterwards. Who comes too often, or finds no turn, keeps his code, and who
    /// has none costs no write.
    pub async fn redeem(
        &self,
        code: &ConsoleId,
    ) -> Result<(Arc<CallerIdentity>, BeginningTurn), PageFailure> {
        let (hash, kind) = (code.hash(), ConsoleEntryKind::PortalCode);
        let found = self.read(kind, &hash).await?;
        let found = found.filter(|code| self.clock.now() < code.expire_time);
        let identity = Arc::new(found.ok_or_else(spent_link)?.identity);
        self.count_sign_in(&identity)?;
        let identity = self.authenticator.of_session(&identity).await.map_err(refused)?;
        let turn = self.beginning_turn().await?;
        // Of several with the same code one finds it here.
        let taken = self.store.take_console_session(kind, &hash).await.map_err(unavailable)?;
        let taken = taken.filter(|code| self.clock.now() < code.expire_time);
        taken.ok_or_else(spent_link)?;
        Ok((identity, turn))
    }
}

fn spent_link() -> PageFailure {
    let message = "This link was used already, or is older than a minute. Open the page from \
                   where you came again.";
    PageFailure::Other(StatusCode::FORBIDDEN, message)
}

fn unavailable(error: StoreError) -> PageFailure {
    tracing::debug!(%error, "a session of the console could not be read or written");
    let message = "The database does not answer. Try again in a moment.";
    PageFailure::Other(StatusCode::SERVICE_UNAVAILABLE, message)
}

/// What comes of a credential that does not count.
pub fn refused(refusal: CredentialRefusal) -> PageFailure {
    match refusal {
        CredentialRefusal::Missing | CredentialRefusal::Invalid(_) => PageFailure::SignedOut,
        CredentialRefusal::Unavailable(error) => unavailable(error),
    }
}
