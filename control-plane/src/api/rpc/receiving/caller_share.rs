//! What one caller, or all callers of a tenant, may have unfinished at a door, on whatever
//! connections.
//!
//! Fed by `body` as bytes arrive, and by `layer` with the caller of a request, who is known
//! before anything of its message is read; feeds `body` with a refusal beyond the share, and
//! `http_json` with the caller. Guarantees that nobody gets a larger part by connecting more
//! often, with more tokens, or with smaller requests. A little request that is there at once, as
//! nearly every event is, is left out, and costs nothing here: it is decoded at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::api::rpc::caller::CountedCaller;
use crate::listeners::HolderBytes;

/// A request that holds no more is left out unless it stays.
const LITTLE_BYTES: usize = 64 * 1024;

/// The caller of a request, among its extensions; known once the call is judged.
#[derive(Clone, Default)]
pub struct RequestCaller(Arc<OnceLock<JudgedCaller>>);

struct JudgedCaller {
    counted: CountedCaller,
    /// Whether the request stays when it has arrived, until its call has its turn.
    waits: bool,
}

impl RequestCaller {
    /// Tells who it is, and whether the call waits for its turn.
    pub fn tell(&self, counted: CountedCaller, waits: bool) {
        let _ = self.0.set(JudgedCaller { counted, waits });
    }

    /// Who it is. Absent before the call is judged, and where the method is open.
    pub fn counted(&self) -> Option<&CountedCaller> {
        self.0.get().map(|caller| &caller.counted)
    }

    fn waits(&self) -> bool {
        self.0.get().is_some_and(|caller| caller.waits)
    }
}

/// The shares of a door's callers. Cheap to clone.
#[derive(Clone)]
pub struct CallerShares {
    /// Of callers that count for no tenant.
    callers: Arc<HolderBytes>,
    tenants: Arc<HolderBytes>,
    max: usize,
}

/// A caller, or its tenant, has as much as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareExceeded;

impl CallerShares {
    /// Of at most so many bytes each.
    pub fn new(max: usize) -> Self {
        Self { callers: Arc::default(), tenants: Arc::default(), max }
    }

    fn count_of(&self, caller: &CountedCaller) -> Arc<AtomicUsize> {
        match caller.tenant() {
            Some(tenant) => self.tenants.shared(tenant.as_str()),
            None => self.callers.shared(caller.name()),
        }
    }

    /// Nothing yet, for a request.
    pub fn hold(&self, caller: RequestCaller) -> CallerShare {
        CallerShare { shares: self.clone(), caller, bytes: 0, counted: 0, count: None }
    }
}

/// What a request takes of the share of its caller or tenant; given back when dropped.
pub struct CallerShare {
    shares: CallerShares,
    caller: RequestCaller,
    bytes: usize,
    /// How many of these are in the count.
    counted: usize,
    /// The caller's or its tenant's. Absent until it is needed, and where there is no caller.
    count: Option<Arc<AtomicUsize>>,
}

impl CallerShare {
    /// Holds so many more, unless the share is exceeded.
    pub fn add(&mut self, bytes: usize) -> Result<(), ShareExceeded> {
        self.bytes += bytes;
        if self.bytes <= LITTLE_BYTES { Ok(()) } else { self.count() }
    }

    /// More of the request is waited for.
    pub fn stay(&mut self) -> Result<(), ShareExceeded> {
        self.count()
    }

    /// The request has arrived.
    pub fn arrived(&mut self) -> Result<(), ShareExceeded> {
        if self.caller.waits() { self.count() } else { Ok(()) }
    }

    /// Counts what is not counted yet.
    fn count(&mut self) -> Result<(), ShareExceeded> {
        let added = self.bytes - self.counted;
        if added == 0 {
            return Ok(());
        }
        if self.count.is_none() {
            self.count = self.caller.counted().map(|caller| self.shares.count_of(caller));
        }
        let Some(count) = &self.count else { return Ok(()) };
        let of_caller = count.fetch_add(added, Ordering::Relaxed).saturating_add(added);
        if of_caller > self.shares.max {
            count.fetch_sub(added, Ordering::Relaxed);
            return Err(ShareExceeded);
        }
        self.counted = self.bytes;
        Ok(())
    }

    /// Gives all of them back. Whose they were is kept: more of a stream may come.
    pub fn release(&mut self) {
        self.bytes = 0;
        let counted = std::mem::take(&mut self.counted);
        if let Some(count) = &self.count
            && counted > 0
        {
            count.fetch_sub(counted, Ordering::Relaxed);
        }
    }
}

impl Drop for CallerShare {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A caller with a role in some tenants; of none, in the installation.
    fn caller_of(actor: &str, tenants: &[&str]) -> RequestCaller {
        let caller = RequestCaller::default();
        caller.tell(CountedCaller::fixture(actor, tenants), false);
        caller
    }

    fn caller(actor: &str) -> RequestCaller {
        caller_of(actor, &[])
    }

    #[test]
    fn a_callers_requests_have_one_share() {
        let shares = CallerShares::new(200_000);
        let mut first = shares.hold(caller("token:a"));
        let mut second = shares.hold(caller("token:a"));
        first.add(60_000).unwrap();
        first.add(60_000).unwrap();
        second.add(LITTLE_BYTES).unwrap();
        assert_eq!(second.add(LITTLE_BYTES), Err(ShareExceeded));
        let mut little = shares.hold(caller("token:a"));
        little.add(LITTLE_BYTES).unwrap();
        little.arrived().unwrap();
        shares.hold(caller("token:b")).add(200_000).unwrap();
        first.release();
        second.add(0).unwrap();
        assert_eq!(first.add(100_000), Err(ShareExceeded));
        drop(second);
        first.add(0).unwrap();
        // Whom nobody knows has the bounds of its connection.
        shares.hold(RequestCaller::default()).add(1_000_000).unwrap();
    }

    #[test]
    fn little_requests_that_stay_are_counted_together() {
        let shares = CallerShares::new(200_000);
        let mut staying = Vec::new();
        for _ in 0..4 {
            let mut little = shares.hold(caller("token:a"));
            little.add(50_000).unwrap();
            little.stay().unwrap();
            little.stay().unwrap();
            staying.push(little);
        }
        let mut fifth = shares.hold(caller("token:a"));
        fifth.add(1).unwrap();
        fifth.arrived().unwrap();
        assert_eq!(fifth.stay(), Err(ShareExceeded));
        let read = caller_of("reader", &["acme"]);
        let waiting = RequestCaller::default();
        waiting.tell(read.counted().unwrap().clone(), true);
        let mut read = shares.hold(waiting);
        read.add(1).unwrap();
        read.arrived().unwrap();
        assert_eq!(read.counted, 1, "it waits for its turn");
        staying.pop();
        fifth.stay().unwrap();
        drop((staying, fifth));
        shares.hold(caller("token:a")).add(200_000).unwrap();
    }

    #[test]
    fn all_tokens_of_a_tenant_have_one_share() {
        let shares = CallerShares::new(200_000);
        let mut first = shares.hold(caller_of("token:a", &["acme"]));
        first.add(100_000).unwrap();
        let mut second = shares.hold(caller_of("token:b", &["acme", "zeta"]));
        second.add(70_000).unwrap();
        let mut third = shares.hold(caller_of("token:c", &["acme"]));
        assert_eq!(third.add(70_000), Err(ShareExceeded));
        third.release();
        shares.hold(caller_of("token:d", &["zeta"])).add(200_000).unwrap();
        shares.hold(caller_of("acme", &[])).add(200_000).unwrap();
        drop(first);
        third.add(100_000).unwrap();
    }
}
