//! Resolves a receiver's host to addresses that may be dialled.
//!
//! Fed by `client` with hosts; feeds it addresses. Guarantees that every address is
//! checked by the guard each time it is used, including cached ones; that an answer with
//! one refused address is refused as a whole (a rebinding attack may mix them); and that
//! a lookup ends in bounded time. A lookup does not belong to one attempt: it continues
//! when the attempt that started it has ended, and everyone who needs the name shares it
//! (`name_cache`).
//!
//! Keeps the invariants `only-judged-addresses` and `fair-look-ups`.

mod lookup;
mod lookup_result;
mod name_cache;
mod system_files;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use thiserror::Error;
use tokio::time::timeout;
use url::Host;

use crate::address_guard::{AddressRefusal, PortRefusal, SubnetRules, check_address};
use crate::limits::{LookupBackend, LookupLimits};

use lookup::LookupClient;
use lookup_result::{LookupAnswer, LookupFailure, LookupResult};
use name_cache::{CacheAnswer, NameCache, NameLookup};

/// How long name servers have before an answer that was good a while ago is used.
/// RFC 8767, section 5, has 1.8 s for this; attempts have less time.
const STALE_ANSWER_DELAY: Duration = Duration::from_millis(500);
/// Addresses of one host that are remembered at most. An attempt has time to try a few of
/// them.
const MAX_ADDRESSES_PER_NAME: usize = 64;

/// Why a host cannot be dialled.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ResolveError {
    /// The name has no address, or the look-up failed.
    #[error("{host} could not be resolved: {cause}")]
    NotFound { host: String, cause: String },
    /// The guard refused one of the addresses …
    #[error(transparent)]
    Refused(#[from] AddressRefusal),
    /// … or the port, and nothing was looked up.
    #[error(transparent)]
    RefusedPort(#[from] PortRefusal),
}

/// At least one address, all of them judged.
pub type CheckedAddresses = Arc<[IpAddr]>;

type ResolveResult = Result<CheckedAddresses, ResolveError>;

/// Looks names up and judges what comes back.
#[derive(Clone)]
pub struct Resolver(Arc<ResolverState>);

struct ResolverState {
    rules: SubnetRules,
    lookups: LookupClient,
    /// Of a look-up, and of waiting for one.
    limit: Duration,
    names: Mutex<NameCache>,
}

impl Resolver {
    /// Judges by `rules`, and looks names up in the given way and within limits.
    pub fn new(rules: SubnetRules, way: LookupBackend, limits: LookupLimits) -> Self {
        let (limit, lookups) = (limits.timeout, LookupClient::new(way));
        let names = Mutex::new(NameCache::new(limits));
        Self(Arc::new(ResolverState { rules, lookups, limit, names }))
    }

    /// The judged addresses of `origin`, for a subscription of `tenant`; the flag says
    /// whether they had to be looked up.
    pub async fn resolve(&self, host: &Host<String>, tenant: &str) -> (ResolveResult, bool) {
        match host {
            Host::Ipv4(address) => (self.check_all([IpAddr::V4(*address)].into()), false),
            Host::Ipv6(address) => (self.check_all([IpAddr::V6(*address)].into()), false),
            Host::Domain(name) => {
                let (outcome, looked_up) = Box::pin(self.look_up(name, tenant)).await;
                let answer = match outcome {
                    Ok(addresses) => self.check_all(addresses),
                    Err(LookupFailure { cause, .. }) => {
                        Err(ResolveError::NotFound { host: name.clone(), cause })
                    }
                };
                (answer, looked_up)
            }
        }
    }

    fn check_all(&self, found: CheckedAddresses) -> ResolveResult {
        for address in found.iter() {
            check_address(*address, &self.0.rules)?;
        }
        Ok(found)
    }

    async fn look_up(&self, name: &str, tenant: &str) -> (LookupResult, bool) {
        let known = self.lock_cache().query(name, tenant, Instant::now());
        self.start_lookups();
        let (broadcast, stale) = match known {
            CacheAnswer::Ready(outcome) => return (outcome, false),
            CacheAnswer::Pending { broadcast, stale } => (broadcast, stale),
        };
        let limit = self.0.limit;
        let patience = if stale.is_some() { STALE_ANSWER_DELAY.min(limit) } else { limit };
        let fresh = timeout(patience, broadcast.wait()).await.ok().flatten();
        let outcome = match (fresh, stale) {
            (Some(outcome), _) => outcome,
            (None, Some(stale)) => Ok(stale),
            (None, None) => Err(lookup_timed_out(limit)),
        };
        (outcome, true)
    }

    /// Starts what may be started; each look-up that ends does so again.
    fn start_lookups(&self) {
        loop {
            let Some(lookup) = self.lock_cache().start_next() else { return };
            let running = LookupTask { resolver: self.clone(), lookup, is_complete: false };
            let resolver = self.clone();
            tokio::spawn(async move {
                running.run().await;
                resolver.start_lookups();
            });
        }
    }

    /// Bounds what is remembered of an answer; what the guard refuses stays in it.
    fn bounded(&self, found: LookupAnswer) -> LookupAnswer {
        if found.addresses.len() <= MAX_ADDRESSES_PER_NAME {
            return found;
        }
        let mut addresses = found.addresses.to_vec();
        addresses.sort_by_key(|address| check_address(*address, &self.0.rules).is_ok());
        addresses.truncate(MAX_ADDRESSES_PER_NAME);
        LookupAnswer { addresses: addresses.into(), ..found }
    }

    fn lock_cache(&self) -> MutexGuard<'_, NameCache> {
        self.0.names.lock()
    }
}

fn lookup_timed_out(limit: Duration) -> LookupFailure {
    LookupFailure::temporary(format!("no name server answered within {limit:?}"))
}

/// A look-up under way; however it ends, those who wait are told and its place is
/// free again.
struct LookupTask {
    resolver: Resolver,
    lookup: NameLookup,
    is_complete: bool,
}

impl LookupTask {
    async fn run(mut self) {
        let began = Instant::now();
        let resolver = self.resolver.clone();
        let name = Arc::clone(&self.lookup.name);
        let mut look_up = pin!(resolver.0.lookups.look_up(&name));
        let limit = resolver.0.limit;
        let outcome = timeout(limit, &mut look_up).await;
        let given_up = outcome.is_err();
        let outcome = outcome.unwrap_or_else(|_| Err(lookup_timed_out(limit)));
        self.tell(outcome.map(|found| resolver.bounded(found)), began.elapsed());
        if given_up && resolver.0.lookups.continues_after_timeout() {
            // Its thread is still taken, and so is its place.
            let _ = look_up.await;
        }
    }

    fn tell(&mut self, outcome: Result<LookupAnswer, LookupFailure>, took: Duration) {
        self.is_complete = true;
        self.resolver.lock_cache().complete_lookup(&self.lookup, outcome, took, Instant::now());
    }
}

impl Drop for LookupTask {
    fn drop(&mut self) {
        if !self.is_complete {
            self.tell(Err(LookupFailure::temporary("the lookup task panicked")), Duration::ZERO);
        }
        self.resolver.lock_cache().release_place(&self.lookup);
    }
}
