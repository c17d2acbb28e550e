//! From a receiver's host to the addresses that may be dialled.
//!
//! Fed by `client` with the host of a subscription's URL and its tenant; feeds it
//! judged addresses. Guarantees that every address of a host went through the
//! guard each time it is used, an old one too, and that an answer which mixes
//! permitted and refused addresses is refused as a whole (half of a rebinding
//! attack is still one). A look-up belongs to no attempt: it goes on when the one
//! that asked is over, everybody who wants the name shares it (`names`), and it
//! ends in bounded time.

mod lookup;
mod names;
mod outcome;
mod system_files;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::time::timeout;
use url::Host;

use crate::guard::{AllowList, Refusal, judge};

pub use lookup::LookupWay;
use lookup::Lookups;
pub use names::LookupLimits;
use names::{Known, Lookup, Names};
use outcome::{Found, LookupFailure, Outcome};

/// How long name servers have before an answer that was good a while ago is used.
/// RFC 8767, section 5, has 1.8 s for this; attempts have less time.
const OLD_ANSWER_DELAY: Duration = Duration::from_millis(500);
/// Addresses of one host that are remembered at most.
const ADDRESSES_MAX: usize = 64;

/// Why a host cannot be dialled.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ResolveError {
    /// The name has no address, or the look-up failed.
    #[error("no address for {host}: {cause}")]
    NotFound { host: String, cause: String },
    /// The guard refused one of the addresses.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// At least one address, all of them judged.
pub type Addresses = Arc<[IpAddr]>;

type Answer = Result<Addresses, ResolveError>;

/// Looks names up and judges what comes back.
#[derive(Clone)]
pub struct Resolver(Arc<Shared>);

struct Shared {
    allow: AllowList,
    lookups: Lookups,
    /// Of a look-up, and of waiting for one.
    limit: Duration,
    names: Mutex<Names>,
}

impl Resolver {
    /// Judges by `allow`, and looks names up in the given way and within limits.
    pub fn new(allow: AllowList, way: LookupWay, limits: LookupLimits) -> Self {
        let (limit, lookups) = (limits.longest, Lookups::new(way));
        let names = Mutex::new(Names::new(limits));
        Self(Arc::new(Shared { allow, lookups, limit, names }))
    }

    /// The judged addresses of `host`, for a subscription of `tenant`; the flag says
    /// whether they had to be looked up.
    pub async fn resolve(&self, host: &Host<String>, tenant: &str) -> (Answer, bool) {
        match host {
            Host::Ipv4(address) => (self.judged([IpAddr::V4(*address)].into()), false),
            Host::Ipv6(address) => (self.judged([IpAddr::V6(*address)].into()), false),
            Host::Domain(name) => {
                let (outcome, looked_up) = Box::pin(self.ask(name, tenant)).await;
                let answer = match outcome {
                    Ok(addresses) => self.judged(addresses),
                    Err(LookupFailure { cause, .. }) => {
                        Err(ResolveError::NotFound { host: name.clone(), cause })
                    }
                };
                (answer, looked_up)
            }
        }
    }

    fn judged(&self, found: Addresses) -> Answer {
        for address in found.iter() {
            judge(*address, &self.0.allow)?;
        }
        Ok(found)
    }

    async fn ask(&self, name: &str, tenant: &str) -> (Outcome, bool) {
        let known = self.names().ask(name, tenant, Instant::now());
        self.start_lookups();
        let (news, old) = match known {
            Known::Now(outcome) => return (outcome, false),
            Known::Soon { news, old } => (news, old),
        };
        let limit = self.0.limit;
        let patience = if old.is_some() { OLD_ANSWER_DELAY.min(limit) } else { limit };
        let told = timeout(patience, news.wait()).await.ok().flatten();
        let outcome = match (told, old) {
            (Some(outcome), _) => outcome,
            (None, Some(old)) => Ok(old),
            (None, None) => Err(too_late(limit)),
        };
        (outcome, true)
    }

    /// Starts what may be started; each look-up that ends does so again.
    fn start_lookups(&self) {
        loop {
            let Some(lookup) = self.names().start_next() else { return };
            let running = RunningLookup { resolver: self.clone(), lookup, told: false };
            let resolver = self.clone();
            tokio::spawn(async move {
                running.run().await;
                resolver.start_lookups();
            });
        }
    }

    /// Bounds what is remembered of an answer; what the guard refuses stays in it.
    fn bounded(&self, found: Found) -> Found {
        if found.addresses.len() <= ADDRESSES_MAX {
            return found;
        }
        let mut addresses = found.addresses.to_vec();
        addresses.sort_by_key(|address| judge(*address, &self.0.allow).is_ok());
        addresses.truncate(ADDRESSES_MAX);
        Found { addresses: addresses.into(), ..found }
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.0.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn too_late(limit: Duration) -> LookupFailure {
    LookupFailure::passing(format!("no name server answered within {limit:?}"))
}

/// A look-up under way; however it ends, those who wait are told and its place is
/// free again.
struct RunningLookup {
    resolver: Resolver,
    lookup: Lookup,
    told: bool,
}

impl RunningLookup {
    async fn run(mut self) {
        let began = Instant::now();
        let resolver = self.resolver.clone();
        let name = Arc::clone(&self.lookup.name);
        let mut look_up = pin!(resolver.0.lookups.look_up(&name));
        let limit = resolver.0.limit;
        let outcome = timeout(limit, &mut look_up).await;
        let given_up = outcome.is_err();
        let outcome = outcome.unwrap_or_else(|_| Err(too_late(limit)));
        self.tell(outcome.map(|found| resolver.bounded(found)), began.elapsed());
        if given_up && resolver.0.lookups.outlives_its_end() {
            // Its thread is still taken, and so is its place.
            let _ = look_up.await;
        }
    }

    fn tell(&mut self, outcome: Result<Found, LookupFailure>, took: Duration) {
        self.told = true;
        self.resolver.names().conclude(&self.lookup, outcome, took, Instant::now());
    }
}

impl Drop for RunningLookup {
    fn drop(&mut self) {
        if !self.told {
            self.tell(Err(LookupFailure::passing("the look-up broke")), Duration::ZERO);
        }
        self.resolver.names().release(&self.lookup);
    }
}
