//! The cache of receivers' names, and the order of lookups.
//!
//! Fed by `resolve` with the names that attempts need, and with what lookups found; feeds
//! it the next lookup to run. Guarantees at most one lookup at a time for a name, however
//! many attempts wait for it, and a bounded share of the running lookups, of the waiting
//! names and of the cached names for each tenant, so that names which never answer do not
//! delay other tenants. Tenants take turns. Everything is bounded. Pure.
//!
//! How to drive it: `query` for each attempt; then `start_next` until it returns
//! `None`, and run each lookup; `complete_lookup` when it ends, `release_place` when its
//! resources are free, and `start_next` again.
//!
//! Keeps the invariant `fair-look-ups`.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::limits::LookupLimits;

use super::lookup_result::{
    LookupAnswer, LookupBroadcast, LookupFailure, LookupResult, UncheckedAddresses,
};

/// A failure is remembered for as long as its look-up took, and at least this
/// long, so that a storm of attempts for a broken name asks for it a few times a
/// second and not thousands of times.
const MIN_FAILURE_TTL: Duration = Duration::from_secs(1);
/// For this long after a failure, a stale answer is used at once, while a lookup runs in
/// the background. Until then each attempt would wait `STALE_ANSWER_DELAY` for servers that
/// have just failed.
const STALE_WITHOUT_WAIT_PERIOD: Duration = Duration::from_secs(30);
/// An answer with a shorter time to live is kept this long. With 0 s each attempt would
/// ask; nobody's change of address is noticed a second too late.
const MIN_ANSWER_TTL: Duration = Duration::from_secs(1);
/// Names remembered at most; of one tenant a quarter of them. Four times the connections
/// that an agent may have (`receivers.max_connections`).
const MAX_CACHED_NAMES: usize = 16_384;
const MAX_CACHED_NAMES_PER_TENANT: usize = MAX_CACHED_NAMES / 4;
/// Names that wait for their look-up at most; of one tenant an eighth of them. Sixteen
/// times `work.max_in_flight`, so that what one tenant may have is still more than an agent
/// has in flight.
const MAX_WAITING_NAMES: usize = 8_192;
const MAX_WAITING_NAMES_PER_TENANT: usize = MAX_WAITING_NAMES / 8;

/// The answer to a question.
#[derive(Debug)]
pub enum CacheAnswer {
    /// It is known.
    Ready(LookupResult),
    /// It will be told; meanwhile there may be an answer that was good before.
    Pending { broadcast: Arc<LookupBroadcast>, stale: Option<UncheckedAddresses> },
}

/// A look-up to start now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameLookup {
    pub name: Arc<str>,
    pub tenant: Arc<str>,
}

/// What is known of one name.
#[derive(Debug)]
struct CachedName {
    cached: Option<CachedAddresses>,
    failed: Option<(LookupFailure, Instant)>,
    /// Tells those that wait; there from the first question to the look-up's end.
    broadcast: Option<Arc<LookupBroadcast>>,
    /// Of the tenants in whose lines the name stands; empty while it is looked up.
    asked_by: Vec<Arc<str>>,
    /// The tenant whose share of cached names it counts in.
    owner: Arc<str>,
    last_used: u64,
}

#[derive(Debug)]
struct CachedAddresses {
    addresses: UncheckedAddresses,
    until: Instant,
}

/// One tenant's part.
#[derive(Debug, Default)]
struct TenantLookupQueue {
    running: usize,
    waiting: VecDeque<Arc<str>>,
    remembered: usize,
}

/// All names.
#[derive(Debug)]
pub struct NameCache {
    limits: LookupLimits,
    by_name: HashMap<Arc<str>, CachedName>,
    tenant_queues: HashMap<Arc<str>, TenantLookupQueue>,
    /// Tenants that have names waiting, in the order of their turns.
    tenant_rotation: VecDeque<Arc<str>>,
    running: usize,
    waiting: usize,
    uses: u64,
}

impl NameCache {
    /// Knows nothing yet.
    pub fn new(limits: LookupLimits) -> Self {
        Self {
            limits,
            by_name: HashMap::new(),
            tenant_queues: HashMap::new(),
            tenant_rotation: VecDeque::new(),
            running: 0,
            waiting: 0,
            uses: 0,
        }
    }

    /// Answers for `tenant`, or puts the name into its line.
    pub fn query(&mut self, name: &str, tenant: &str, now: Instant) -> CacheAnswer {
        self.uses += 1;
        let (uses, max_stale) = (self.uses, self.limits.max_stale);
        let mut stale = None;
        if let Some(held) = self.by_name.get_mut(name) {
            held.last_used = uses;
            if let Some(outcome) = held.known(now, max_stale) {
                return CacheAnswer::Ready(outcome);
            }
            stale = held.usable(now, max_stale);
            if let Some(broadcast) = &held.broadcast
                && held.asked_by.is_empty()
            {
                return match stale {
                    Some(stale) if held.failed_lately(now) => CacheAnswer::Ready(Ok(stale)),
                    stale => CacheAnswer::Pending { broadcast: Arc::clone(broadcast), stale },
                };
            }
        }
        let failing = self.by_name.get(name).is_some_and(|held| held.failed_lately(now));
        let stands =
            |held: &CachedName| held.asked_by.iter().any(|tenant_id| **tenant_id == *tenant);
        if !self.by_name.get(name).is_some_and(stands)
            && let Err(full) = self.enqueue(name, tenant)
        {
            return CacheAnswer::Ready(stale.ok_or(full));
        }
        match (self.by_name.get_mut(name), stale) {
            // Name servers failed the last time: nobody waits for the next.
            (Some(held), Some(stale)) if failing => {
                held.subscribe();
                CacheAnswer::Ready(Ok(stale))
            }
            (Some(held), stale) => CacheAnswer::Pending { broadcast: held.subscribe(), stale },
            (None, _) => CacheAnswer::Ready(Err(LookupFailure::temporary(
                "the name was evicted from the cache",
            ))),
        }
    }

    fn enqueue(&mut self, name: &str, tenant: &str) -> Result<(), LookupFailure> {
        let waits_already = self.tenant_queues.get(tenant).map_or(0, |queue| queue.waiting.len());
        if waits_already >= MAX_WAITING_NAMES_PER_TENANT || self.waiting >= MAX_WAITING_NAMES {
            let cause =
                format!("{waits_already} other names of this tenant are waiting to be looked up");
            return Err(LookupFailure::temporary(cause));
        }
        let tenant: Arc<str> = match self.tenant_queues.get_key_value(tenant) {
            Some((known, _)) => Arc::clone(known),
            None => tenant.into(),
        };
        let name: Arc<str> = match self.by_name.get_key_value(name) {
            Some((known, _)) => Arc::clone(known),
            None => self.remember(name, &tenant),
        };
        if let Some(held) = self.by_name.get_mut(&name) {
            held.asked_by.push(Arc::clone(&tenant));
        }
        let queue = self.tenant_queues.entry(Arc::clone(&tenant)).or_default();
        if queue.waiting.is_empty() {
            self.tenant_rotation.push_back(tenant);
        }
        queue.waiting.push_back(name);
        self.waiting += 1;
        Ok(())
    }

    fn remember(&mut self, name: &str, owner: &Arc<str>) -> Arc<str> {
        if self
            .tenant_queues
            .get(owner)
            .is_some_and(|queue| queue.remembered >= MAX_CACHED_NAMES_PER_TENANT)
        {
            self.forget(|held| held.owner == *owner, MAX_CACHED_NAMES_PER_TENANT / 8);
        }
        if self.by_name.len() >= MAX_CACHED_NAMES {
            self.forget(|_| true, MAX_CACHED_NAMES / 8);
        }
        let name: Arc<str> = name.into();
        let held = CachedName {
            cached: None,
            failed: None,
            broadcast: None,
            asked_by: Vec::new(),
            owner: Arc::clone(owner),
            last_used: self.uses,
        };
        self.by_name.insert(Arc::clone(&name), held);
        self.tenant_queues.entry(Arc::clone(owner)).or_default().remembered += 1;
        name
    }

    /// Forgets so many of the names that were used longest ago and for which
    /// nobody waits.
    fn forget(&mut self, which: impl Fn(&CachedName) -> bool, count: usize) {
        let rests = |held: &CachedName| held.broadcast.is_none() && which(held);
        let mut uses: Vec<u64> =
            self.by_name.values().filter(|held| rests(held)).map(|held| held.last_used).collect();
        uses.sort_unstable();
        let Some(newest) = uses.get(count.min(uses.len()).saturating_sub(1)).copied() else {
            return;
        };
        let tenant_queues = &mut self.tenant_queues;
        self.by_name.retain(|_, held| {
            let stays = !rests(held) || held.last_used > newest;
            if !stays && let Some(queue) = tenant_queues.get_mut(&held.owner) {
                queue.remembered = queue.remembered.saturating_sub(1);
            }
            stays
        });
        self.tenant_queues.retain(|_, queue| !queue.is_empty());
    }

    /// The next look-up, if one may be started: tenants take turns.
    pub fn start_next(&mut self) -> Option<NameLookup> {
        for _ in 0..self.tenant_rotation.len() {
            let tenant = self.tenant_rotation.pop_front()?;
            let Some(queue) = self.tenant_queues.get_mut(&tenant) else { continue };
            // An eighth is reserved for tenants without a running lookup.
            let reserve = if queue.running > 0 { self.limits.total / 8 } else { 0 };
            let may_start = queue.running < self.limits.per_tenant
                && self.running + reserve < self.limits.total;
            let next =
                if may_start { queue.next(&mut self.by_name, &mut self.waiting) } else { None };
            if next.is_some() {
                queue.running += 1;
                self.running += 1;
            }
            if !queue.waiting.is_empty() {
                self.tenant_rotation.push_back(Arc::clone(&tenant));
            }
            if queue.is_empty() {
                self.tenant_queues.remove(&tenant);
            }
            if let Some(name) = next {
                return Some(NameLookup { name, tenant });
            }
        }
        None
    }

    /// A look-up ended, after `took`: everybody who waits is told.
    pub fn complete_lookup(
        &mut self,
        lookup: &NameLookup,
        outcome: Result<LookupAnswer, LookupFailure>,
        took: Duration,
        now: Instant,
    ) {
        let Some(held) = self.by_name.get_mut(&lookup.name) else { return };
        match outcome {
            Ok(found) => {
                let longest = self.limits.max_ttl.max(MIN_ANSWER_TTL);
                let keep = found.time_to_live.clamp(MIN_ANSWER_TTL, longest);
                held.cached =
                    Some(CachedAddresses { addresses: found.addresses, until: now + keep });
                held.failed = None;
            }
            Err(failure) => {
                if failure.is_definitive {
                    held.cached = None;
                }
                held.failed = Some((failure, now + took.max(MIN_FAILURE_TTL)));
            }
        }
        let known = held.known(now, self.limits.max_stale);
        if let (Some(broadcast), Some(known)) = (held.broadcast.take(), known) {
            broadcast.publish(known);
        }
    }

    /// What a look-up used is free again.
    pub fn release_place(&mut self, lookup: &NameLookup) {
        self.running = self.running.saturating_sub(1);
        if let Some(queue) = self.tenant_queues.get_mut(&lookup.tenant) {
            queue.running = queue.running.saturating_sub(1);
            if queue.is_empty() {
                self.tenant_queues.remove(&lookup.tenant);
            }
        }
    }
}

impl CachedName {
    /// What can be answered without a look-up.
    fn known(&self, now: Instant, max_stale: Duration) -> Option<LookupResult> {
        if let Some(cached) = &self.cached
            && now < cached.until
        {
            return Some(Ok(Arc::clone(&cached.addresses)));
        }
        let (failure, _) = self.failed.as_ref().filter(|(_, until)| now < *until)?;
        Some(self.usable(now, max_stale).ok_or_else(|| failure.clone()))
    }

    /// Whether nobody should wait for name servers again while there is an old answer.
    fn failed_lately(&self, now: Instant) -> bool {
        self.failed.as_ref().is_some_and(|(_, until)| now < *until + STALE_WITHOUT_WAIT_PERIOD)
    }

    /// The last good answer, while it may be used.
    fn usable(&self, now: Instant, max_stale: Duration) -> Option<UncheckedAddresses> {
        let cached = self.cached.as_ref().filter(|cached| now < cached.until + max_stale)?;
        Some(Arc::clone(&cached.addresses))
    }

    fn subscribe(&mut self) -> Arc<LookupBroadcast> {
        Arc::clone(self.broadcast.get_or_insert_default())
    }
}

impl TenantLookupQueue {
    /// The first name that still waits; one that another tenant's turn came to
    /// first does not.
    fn next(
        &mut self,
        by_name: &mut HashMap<Arc<str>, CachedName>,
        waiting: &mut usize,
    ) -> Option<Arc<str>> {
        while let Some(name) = self.waiting.pop_front() {
            *waiting = waiting.saturating_sub(1);
            if let Some(held) = by_name.get_mut(&name)
                && !held.asked_by.is_empty()
            {
                held.asked_by.clear();
                return Some(name);
            }
        }
        None
    }

    fn is_empty(&self) -> bool {
        self.running == 0 && self.waiting.is_empty() && self.remembered == 0
    }
}
