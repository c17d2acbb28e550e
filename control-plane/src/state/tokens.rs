//! Tokens as this replica knows them.
//!
//! Fed by the store and by revocations anywhere; feeds the check of calls. Guarantees
//! that a revocation is answered only once every replica that can be reached has forgotten
//! the token, and any other must have read it again; that a check of a token in use costs
//! no read, and any other waits so long at most; that so many tokens are remembered, and no
//! more; and that no tenant and no maker takes the room of all others.
//!
//! Keeps the invariant `revoked-means-refused`.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use postrider_domain::time::Timestamp;
use postrider_identity::{
    AuditDraft, CallerIdentity, IssuedToken, TokenHash, TokenId, TokenKind, TokenRecord,
};
use postrider_store::{Store, StoreError, StoreResult, TokenBounds, TokenCreation, WriteError};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::peers::Peers;
use crate::clock::Clock;

/// For how long a token counts as it was read; what cannot be told of a revocation has
/// read it anew after this time. Revoking waits for it where a replica cannot be reached.
pub const TOKEN_CACHE_AGE: Duration = Duration::from_secs(2);
/// A token in use is read again in the background after this: half of that time, so that
/// no call waits.
const REFRESH_AFTER: Duration = Duration::from_secs(1);
/// How long a call waits for its token, the wait for other reads included: what is read more
/// slowly would not count any more when it is there.
const MAX_READ_TIME: Duration = TOKEN_CACHE_AGE;
/// Most tokens that are remembered, in about 10 MiB. Backends have few; portals have one for
/// each open page.
const MAX_CACHED_TOKENS: usize = 10_000;
/// Most reads at once, so that invented tokens cost others little. A read takes a
/// millisecond.
const MAX_CONCURRENT_READS: usize = 4;
/// Most tokens of an installation. A thousand tenants with a hundred open pages each.
pub const MAX_TOKENS: u64 = 100_000;
/// Of these only the command makes the last: whoever runs it gets in, and can revoke.
const TOKENS_RESERVED_FOR_COMMAND: u64 = 1000;
/// Before these only tokens for the whole installation are made: tenants do not keep its
/// services out.
const TOKENS_RESERVED_FOR_INSTALLATION: u64 = 9000;
/// Most tokens of one tenant, ended ones included until they are forgotten: two thousand
/// open pages that ask for another token every quarter of an hour.
const MAX_TENANT_TOKENS: u64 = 10_000;
/// The last of these are for services: who shows a tenant's pages keeps none of them out.
const TENANT_TOKENS_RESERVED_FOR_SERVICES: u64 = 1000;
/// Most tokens of one maker: half, since one backend may serve every tenant's portal.
const MAX_MAKER_TOKENS: u64 = MAX_TOKENS / 2;

/// What holds for a token that a caller makes.
fn callers_bounds(token: &TokenRecord) -> TokenBounds {
    let of_callers = MAX_TOKENS - TOKENS_RESERVED_FOR_COMMAND;
    let all = match token.counted_tenant() {
        Some(_) => of_callers - TOKENS_RESERVED_FOR_INSTALLATION,
        None => of_callers,
    };
    let of_tenant = match token.kind {
        TokenKind::Portal => MAX_TENANT_TOKENS - TENANT_TOKENS_RESERVED_FOR_SERVICES,
        TokenKind::Service => MAX_TENANT_TOKENS,
    };
    TokenBounds { all, of_tenant, of_maker: MAX_MAKER_TOKENS }
}

/// What holds for a token that the command makes.
pub const COMMAND_TOKEN_BOUNDS: TokenBounds =
    TokenBounds { all: MAX_TOKENS, of_tenant: MAX_TOKENS, of_maker: MAX_TOKENS };

/// Why a token is refused.
#[derive(Debug, thiserror::Error)]
pub enum TokenRefusal {
    #[error("there is no such token")]
    Unknown,
    #[error("the token has expired or was revoked")]
    Ended,
    #[error(transparent)]
    Store(StoreError),
}

struct CachedToken {
    record: TokenRecord,
    identity: Arc<CallerIdentity>,
    /// When its read began.
    read_at: Instant,
    refreshing: bool,
    /// A use that is not yet written.
    used: Option<Timestamp>,
}

#[derive(Default)]
struct TokenCache {
    by_id: HashMap<TokenId, CachedToken>,
    /// How often something was forgotten: what was read before is not kept.
    forgotten: u64,
}

struct TokensShared {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    peers: Peers,
    cache: Mutex<TokenCache>,
    reads: Semaphore,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Tokens(Arc<TokensShared>);

impl Tokens {
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, peers: Peers) -> Self {
        let (cache, reads) = (Mutex::default(), Semaphore::new(MAX_CONCURRENT_READS));
        Self(Arc::new(TokensShared { store, clock, peers, cache, reads }))
    }

    /// The caller who presents a token.
    pub async fn verify(
        &self,
        id: &TokenId,
        hash: &TokenHash,
    ) -> Result<Arc<CallerIdentity>, TokenRefusal> {
        if let Some(known) = self.check_cached(id, Some(hash)) {
            return known;
        }
        self.read(id).await?;
        self.check_cached(id, Some(hash)).unwrap_or_else(|| Err(read_too_slowly()))
    }

    /// Whether a token that was verified still counts.
    pub async fn require_valid(&self, id: &TokenId) -> Result<(), TokenRefusal> {
        if let Some(known) = self.check_cached(id, None) {
            return known.map(|_| ());
        }
        self.read(id).await?;
        self.check_cached(id, None).unwrap_or_else(|| Err(read_too_slowly())).map(|_| ())
    }

    /// What the cache says, if it knows and is fresh.
    fn check_cached(
        &self,
        id: &TokenId,
        hash: Option<&TokenHash>,
    ) -> Option<Result<Arc<CallerIdentity>, TokenRefusal>> {
        let now = self.0.clock.now();
        let mut cache = self.cache();
        let known = cache.by_id.get_mut(id)?;
        let age = known.read_at.elapsed();
        if age >= TOKEN_CACHE_AGE {
            return None;
        }
        if hash.is_some_and(|hash| !known.record.hash.matches(hash)) {
            return Some(Err(TokenRefusal::Unknown));
        }
        if !known.record.is_valid(now) {
            return Some(Err(TokenRefusal::Ended));
        }
        known.used = Some(now);
        if age >= REFRESH_AFTER && !known.refreshing {
            known.refreshing = true;
            let (tokens, id) = (self.clone(), id.clone());
            tokio::spawn(async move {
                // One that fails is read again by the next call.
                let _ = tokens.read(&id).await;
            });
        }
        Some(Ok(Arc::clone(&known.identity)))
    }

    /// Reads a token into the cache, or says in time that it cannot be read now. A database
    /// that does not answer would be waited for much longer.
    async fn read(&self, id: &TokenId) -> Result<(), TokenRefusal> {
        let read = within_read_time(self.read_now(id)).await;
        if read.is_err()
            && let Some(known) = self.cache().by_id.get_mut(id)
        {
            known.refreshing = false;
        }
        read
    }

    async fn read_now(&self, id: &TokenId) -> Result<(), TokenRefusal> {
        let _permit = self.0.reads.acquire().await;
        loop {
            let read_at = Instant::now();
            let forgotten = self.cache().forgotten;
            let found = self.0.store.get_token(id).await;
            let mut cache = self.cache();
            let found = found.map_err(TokenRefusal::Store)?;
            if cache.forgotten != forgotten {
                // It may have been read before the revocation of which we were told.
                continue;
            }
            let Some(record) = found else {
                cache.by_id.remove(id);
                return Err(TokenRefusal::Unknown);
            };
            cache.insert(record, read_at);
            return Ok(());
        }
    }

    /// Forgets a token that was revoked elsewhere.
    pub fn forget(&self, id: &TokenId) {
        let mut cache = self.cache();
        cache.forgotten += 1;
        cache.by_id.remove(id);
    }

    /// Stores a new token that a caller makes, if there is room for it.
    pub async fn create(
        &self,
        token: &IssuedToken,
        audit: &AuditDraft,
    ) -> Result<TokenCreation, WriteError> {
        self.0.store.create_token(&token.record, callers_bounds(&token.record), audit).await
    }

    /// Revokes a token. Returns once no replica accepts a new call with it.
    pub async fn revoke(&self, id: &TokenId, audit: &AuditDraft) -> StoreResult<()> {
        // Even if it was revoked before: the call that did may have failed on the way.
        self.0.store.revoke_token(id, audit.time, audit).await?;
        self.forget(id);
        self.0.peers.forget_token(id, TOKEN_CACHE_AGE).await;
        Ok(())
    }

    /// The uses that are not written yet.
    pub fn take_uses(&self) -> Vec<(TokenId, Timestamp)> {
        let mut cache = self.cache();
        let used = cache.by_id.iter_mut();
        used.filter_map(|(id, known)| Some((id.clone(), known.used.take()?))).collect()
    }

    fn cache(&self) -> MutexGuard<'_, TokenCache> {
        self.0.cache.lock()
    }
}

async fn within_read_time(
    read: impl Future<Output = Result<(), TokenRefusal>>,
) -> Result<(), TokenRefusal> {
    let read = tokio::time::timeout(MAX_READ_TIME, read).await;
    read.unwrap_or_else(|_| Err(read_too_slowly()))
}

fn read_too_slowly() -> TokenRefusal {
    TokenRefusal::Store(StoreError::Unavailable("a token was read too slowly".to_owned()))
}

impl TokenCache {
    fn insert(&mut self, record: TokenRecord, read_at: Instant) {
        if self.by_id.len() >= MAX_CACHED_TOKENS && !self.by_id.contains_key(&record.id) {
            // What has not been used for a while is read again when it is needed.
            self.by_id.retain(|_, known| known.read_at.elapsed() < TOKEN_CACHE_AGE);
            if self.by_id.len() >= MAX_CACHED_TOKENS {
                self.by_id.clear();
            }
        }
        let identity = Arc::new(CallerIdentity::of_token(&record));
        let used = self.by_id.get(&record.id).and_then(|known| known.used);
        let id = record.id.clone();
        let fresh = CachedToken { record, identity, read_at, refreshing: false, used };
        self.by_id.insert(id, fresh);
    }
}

#[cfg(test)]
mod tests {
    use postrider_identity::{Grant, GrantScope, Role};

    use super::*;

    #[tokio::test]
    async fn a_database_that_does_not_answer_is_not_waited_for_long() {
        let began = Instant::now();
        let refused = within_read_time(std::future::pending()).await.unwrap_err();
        assert!(matches!(refused, TokenRefusal::Store(StoreError::Unavailable(_))), "{refused}");
        assert!(began.elapsed() < 2 * MAX_READ_TIME, "{:?}", began.elapsed());
        assert!(within_read_time(async { Ok(()) }).await.is_ok());
    }

    #[test]
    fn tenants_leave_room_for_the_installation_and_both_for_the_command() {
        let bounds_of = |kind: TokenKind, scope: GrantScope| {
            let grants = vec![Grant { role: Role::Reader, scope }];
            let now = Timestamp::from_micros(1);
            let token = IssuedToken::new([1; 10], &[1; 32], kind, grants, now);
            callers_bounds(&token.record)
        };
        let bounds = |scope: GrantScope| bounds_of(TokenKind::Service, scope);
        let acme = || GrantScope::tenant("acme".parse().unwrap());
        assert!(bounds_of(TokenKind::Portal, acme()).of_tenant < bounds(acme()).of_tenant);
        let tenant = bounds(GrantScope::tenant("acme".parse().unwrap()));
        let installation = bounds(GrantScope::Installation);
        assert!(tenant.of_tenant < tenant.of_maker && tenant.of_maker < tenant.all);
        assert!(tenant.all < installation.all && installation.all < COMMAND_TOKEN_BOUNDS.all);
    }
}
