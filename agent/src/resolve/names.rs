//! What is known of receivers' names, and whose look-up comes next.
//!
//! Fed by `resolve` with questions, with the ends of look-ups and with the time;
//! feeds it answers, waits and look-ups to start. Guarantees that there is one
//! look-up at a time for a name, whoever waits for it; that a tenant never has
//! more than its share of the look-ups under way, of the names that wait and of
//! those that are remembered, so that names which never answer keep nobody else's
//! waiting; and that everything is bounded. Pure.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::outcome::{Found, FoundAddresses, LookupFailure, LookupNews, Outcome};

/// A failure is remembered for as long as its look-up took, and at least this
/// long, so that a storm of attempts for a broken name asks for it a few times a
/// second and not thousands of times.
const FAILURE_KEPT_AT_LEAST: Duration = Duration::from_secs(1);
/// For so long after that, name servers are not waited for where there is an old
/// answer, only asked.
const FAILING_AT_MOST: Duration = Duration::from_secs(30);
/// An answer with a shorter time to live is kept this long.
const ANSWER_KEPT_AT_LEAST: Duration = Duration::from_secs(1);
/// Names remembered at most; of one tenant a quarter of them.
const NAMES_MAX: usize = 16_384;
const TENANT_NAMES_MAX: usize = NAMES_MAX / 4;
/// Names that wait for their look-up at most; of one tenant an eighth of them.
const WAITING_MAX: usize = 8_192;
const TENANT_WAITING_MAX: usize = WAITING_MAX / 8;

/// How many look-ups there may be, and how long their answers are kept.
#[derive(Debug, Clone)]
pub struct LookupLimits {
    /// Look-ups under way. An eighth of them is left to tenants that have none.
    pub total: usize,
    /// Look-ups under way for one tenant.
    pub per_tenant: usize,
    /// A look-up is given up after this long, and so is waiting for one.
    pub longest: Duration,
    /// The longest that an answer is kept, whatever its time to live.
    pub keep: Duration,
    /// How long after that it is used while name servers fail.
    pub keep_old: Duration,
}

impl Default for LookupLimits {
    fn default() -> Self {
        Self {
            total: 64,
            per_tenant: 8,
            longest: Duration::from_secs(5),
            keep: Duration::from_secs(300),
            keep_old: Duration::from_secs(3_600),
        }
    }
}

/// The answer to a question.
#[derive(Debug)]
pub enum Known {
    /// It is known.
    Now(Outcome),
    /// It will be told; meanwhile there may be an answer that was good before.
    Soon { news: Arc<LookupNews>, old: Option<FoundAddresses> },
}

/// A look-up to start now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    pub name: Arc<str>,
    pub tenant: Arc<str>,
}

/// What is known of one name.
#[derive(Debug)]
struct Name {
    kept: Option<KeptAnswer>,
    failed: Option<(LookupFailure, Instant)>,
    /// Tells those that wait; there from the first question to the look-up's end.
    news: Option<Arc<LookupNews>>,
    /// Of the tenants in whose lines the name stands; empty while it is looked up.
    asked_by: Vec<Arc<str>>,
    /// Whose share of the names it counts in.
    owner: Arc<str>,
    last_used: u64,
}

#[derive(Debug)]
struct KeptAnswer {
    addresses: FoundAddresses,
    until: Instant,
}

/// One tenant's part.
#[derive(Debug, Default)]
struct TenantLine {
    running: usize,
    waiting: VecDeque<Arc<str>>,
    remembered: usize,
}

/// All names.
#[derive(Debug)]
pub struct Names {
    limits: LookupLimits,
    by_name: HashMap<Arc<str>, Name>,
    lines: HashMap<Arc<str>, TenantLine>,
    /// Tenants that have names waiting, in the order of their turns.
    turns: VecDeque<Arc<str>>,
    running: usize,
    waiting: usize,
    uses: u64,
}

impl Names {
    /// Knows nothing yet.
    pub fn new(limits: LookupLimits) -> Self {
        Self {
            limits,
            by_name: HashMap::new(),
            lines: HashMap::new(),
            turns: VecDeque::new(),
            running: 0,
            waiting: 0,
            uses: 0,
        }
    }

    /// Answers for `tenant`, or puts the name into its line.
    pub fn ask(&mut self, name: &str, tenant: &str, now: Instant) -> Known {
        self.uses += 1;
        let (uses, keep_old) = (self.uses, self.limits.keep_old);
        let mut old = None;
        if let Some(held) = self.by_name.get_mut(name) {
            held.last_used = uses;
            if let Some(outcome) = held.known(now, keep_old) {
                return Known::Now(outcome);
            }
            old = held.usable(now, keep_old);
            if let Some(news) = &held.news
                && held.asked_by.is_empty()
            {
                return match old {
                    Some(old) if held.failed_lately(now) => Known::Now(Ok(old)),
                    old => Known::Soon { news: Arc::clone(news), old },
                };
            }
        }
        let failing = self.by_name.get(name).is_some_and(|held| held.failed_lately(now));
        let stands = |held: &Name| held.asked_by.iter().any(|one| **one == *tenant);
        if !self.by_name.get(name).is_some_and(stands)
            && let Err(full) = self.stand_in_line(name, tenant)
        {
            return Known::Now(old.ok_or(full));
        }
        match (self.by_name.get_mut(name), old) {
            // Name servers failed the last time: nobody waits for the next.
            (Some(held), Some(old)) if failing => {
                held.subscribe();
                Known::Now(Ok(old))
            }
            (Some(held), old) => Known::Soon { news: held.subscribe(), old },
            (None, _) => Known::Now(Err(LookupFailure::passing("it was forgotten"))),
        }
    }

    fn stand_in_line(&mut self, name: &str, tenant: &str) -> Result<(), LookupFailure> {
        let waits_already = self.lines.get(tenant).map_or(0, |line| line.waiting.len());
        if waits_already >= TENANT_WAITING_MAX || self.waiting >= WAITING_MAX {
            let cause = format!("{waits_already} other names of this tenant wait for name servers");
            return Err(LookupFailure::passing(cause));
        }
        let tenant: Arc<str> = match self.lines.get_key_value(tenant) {
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
        let line = self.lines.entry(Arc::clone(&tenant)).or_default();
        if line.waiting.is_empty() {
            self.turns.push_back(tenant);
        }
        line.waiting.push_back(name);
        self.waiting += 1;
        Ok(())
    }

    fn remember(&mut self, name: &str, owner: &Arc<str>) -> Arc<str> {
        if self.lines.get(owner).is_some_and(|line| line.remembered >= TENANT_NAMES_MAX) {
            self.forget(|held| held.owner == *owner, TENANT_NAMES_MAX / 8);
        }
        if self.by_name.len() >= NAMES_MAX {
            self.forget(|_| true, NAMES_MAX / 8);
        }
        let name: Arc<str> = name.into();
        let held = Name {
            kept: None,
            failed: None,
            news: None,
            asked_by: Vec::new(),
            owner: Arc::clone(owner),
            last_used: self.uses,
        };
        self.by_name.insert(Arc::clone(&name), held);
        self.lines.entry(Arc::clone(owner)).or_default().remembered += 1;
        name
    }

    /// Forgets so many of the names that were used longest ago and for which
    /// nobody waits.
    fn forget(&mut self, which: impl Fn(&Name) -> bool, count: usize) {
        let rests = |held: &Name| held.news.is_none() && which(held);
        let mut uses: Vec<u64> =
            self.by_name.values().filter(|held| rests(held)).map(|held| held.last_used).collect();
        uses.sort_unstable();
        let Some(newest) = uses.get(count.min(uses.len()).saturating_sub(1)).copied() else {
            return;
        };
        let lines = &mut self.lines;
        self.by_name.retain(|_, held| {
            let stays = !rests(held) || held.last_used > newest;
            if !stays && let Some(line) = lines.get_mut(&held.owner) {
                line.remembered = line.remembered.saturating_sub(1);
            }
            stays
        });
        self.lines.retain(|_, line| !line.is_empty());
    }

    /// The next look-up, if one may be started: tenants take turns.
    pub fn start_next(&mut self) -> Option<Lookup> {
        for _ in 0..self.turns.len() {
            let tenant = self.turns.pop_front()?;
            let Some(line) = self.lines.get_mut(&tenant) else { continue };
            // Some are left to those that have none, however many tenants wait.
            let reserve = if line.running > 0 { self.limits.total / 8 } else { 0 };
            let may_start =
                line.running < self.limits.per_tenant && self.running + reserve < self.limits.total;
            let next =
                if may_start { line.next(&mut self.by_name, &mut self.waiting) } else { None };
            if next.is_some() {
                line.running += 1;
                self.running += 1;
            }
            if !line.waiting.is_empty() {
                self.turns.push_back(Arc::clone(&tenant));
            }
            if line.is_empty() {
                self.lines.remove(&tenant);
            }
            if let Some(name) = next {
                return Some(Lookup { name, tenant });
            }
        }
        None
    }

    /// A look-up ended, after `took`: everybody who waits is told.
    pub fn conclude(
        &mut self,
        lookup: &Lookup,
        outcome: Result<Found, LookupFailure>,
        took: Duration,
        now: Instant,
    ) {
        let Some(held) = self.by_name.get_mut(&lookup.name) else { return };
        match outcome {
            Ok(found) => {
                let longest = self.limits.keep.max(ANSWER_KEPT_AT_LEAST);
                let keep = found.time_to_live.clamp(ANSWER_KEPT_AT_LEAST, longest);
                held.kept = Some(KeptAnswer { addresses: found.addresses, until: now + keep });
                held.failed = None;
            }
            Err(failure) => {
                if failure.final_answer {
                    held.kept = None;
                }
                held.failed = Some((failure, now + took.max(FAILURE_KEPT_AT_LEAST)));
            }
        }
        let known = held.known(now, self.limits.keep_old);
        if let (Some(news), Some(known)) = (held.news.take(), known) {
            news.tell(known);
        }
    }

    /// What a look-up used is free again.
    pub fn release(&mut self, lookup: &Lookup) {
        self.running = self.running.saturating_sub(1);
        if let Some(line) = self.lines.get_mut(&lookup.tenant) {
            line.running = line.running.saturating_sub(1);
            if line.is_empty() {
                self.lines.remove(&lookup.tenant);
            }
        }
    }
}

impl Name {
    /// What can be answered without a look-up.
    fn known(&self, now: Instant, keep_old: Duration) -> Option<Outcome> {
        if let Some(kept) = &self.kept
            && now < kept.until
        {
            return Some(Ok(Arc::clone(&kept.addresses)));
        }
        let (failure, _) = self.failed.as_ref().filter(|(_, until)| now < *until)?;
        Some(self.usable(now, keep_old).ok_or_else(|| failure.clone()))
    }

    /// Whether nobody should wait for name servers again while there is an old answer.
    fn failed_lately(&self, now: Instant) -> bool {
        self.failed.as_ref().is_some_and(|(_, until)| now < *until + FAILING_AT_MOST)
    }

    /// The last good answer, while it may be used.
    fn usable(&self, now: Instant, keep_old: Duration) -> Option<FoundAddresses> {
        let kept = self.kept.as_ref().filter(|kept| now < kept.until + keep_old)?;
        Some(Arc::clone(&kept.addresses))
    }

    fn subscribe(&mut self) -> Arc<LookupNews> {
        Arc::clone(self.news.get_or_insert_default())
    }
}

impl TenantLine {
    /// The first name that still waits; one that another tenant's turn came to
    /// first does not.
    fn next(
        &mut self,
        by_name: &mut HashMap<Arc<str>, Name>,
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
