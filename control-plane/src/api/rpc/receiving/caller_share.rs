//! What one caller may have unfinished at a door, on whatever connections.
//!
//! Fed by `body` as bytes arrive, and by `layer` with the caller of a request, who is known
//! before anything of its message is read; feeds `body` with a refusal beyond the share.
//! Guarantees that nobody gets a larger part by connecting more often. Requests that have
//! little are left out, and cost nothing here.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use postrider_identity::AuditOrigin;

use crate::listeners::HolderBytes;

/// A request that holds no more is left out: nearly all events are smaller.
const LITTLE_BYTES: usize = 64 * 1024;

/// The caller of a request, among its extensions; known once the call is judged.
#[derive(Clone, Default)]
pub struct RequestCaller(Arc<OnceLock<Arc<AuditOrigin>>>);

impl RequestCaller {
    /// Tells who it is.
    pub fn tell(&self, origin: &Arc<AuditOrigin>) {
        let _ = self.0.set(Arc::clone(origin));
    }
}

/// The shares of a door's callers. Cheap to clone.
#[derive(Clone)]
pub struct CallerShares {
    callers: Arc<HolderBytes>,
    max: usize,
}

/// A caller has as much as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareExceeded;

impl CallerShares {
    /// Of at most so many bytes each.
    pub fn new(max: usize) -> Self {
        Self { callers: Arc::default(), max }
    }

    /// Nothing yet, for a request.
    pub fn hold(&self, caller: RequestCaller) -> CallerShare {
        CallerShare { shares: self.clone(), caller, bytes: 0, counted: 0, count: None }
    }
}

/// What a request takes of its caller's share; given back when dropped.
pub struct CallerShare {
    shares: CallerShares,
    caller: RequestCaller,
    bytes: usize,
    /// How many of these are in the count.
    counted: usize,
    /// The caller's. Absent while there is little, and where there is no caller.
    count: Option<Arc<AtomicUsize>>,
}

impl CallerShare {
    /// Holds so many more, unless the share is exceeded.
    pub fn add(&mut self, bytes: usize) -> Result<(), ShareExceeded> {
        self.bytes += bytes;
        if self.bytes <= LITTLE_BYTES {
            return Ok(());
        }
        if self.count.is_none() {
            let origin = self.caller.0.get();
            self.count = origin.map(|origin| self.shares.callers.shared(&origin.actor));
        }
        let Some(count) = &self.count else { return Ok(()) };
        let added = self.bytes - self.counted;
        let of_caller = count.fetch_add(added, Ordering::Relaxed).saturating_add(added);
        if of_caller > self.shares.max {
            count.fetch_sub(added, Ordering::Relaxed);
            return Err(ShareExceeded);
        }
        self.counted = self.bytes;
        Ok(())
    }

    /// Gives all of them back.
    pub fn release(&mut self) {
        self.bytes = 0;
        if let Some(count) = self.count.take() {
            count.fetch_sub(std::mem::take(&mut self.counted), Ordering::Relaxed);
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

    fn caller(actor: &str) -> RequestCaller {
        let origin = AuditOrigin {
            actor: actor.to_owned(),
            address: String::new(),
            request_id: String::new(),
            method: "".into(),
        };
        let caller = RequestCaller::default();
        caller.tell(&Arc::new(origin));
        caller
    }

    #[test]
    fn a_callers_requests_have_one_share_and_little_ones_none() {
        let shares = CallerShares::new(200_000);
        let mut first = shares.hold(caller("token:a"));
        let mut second = shares.hold(caller("token:a"));
        first.add(60_000).unwrap();
        first.add(60_000).unwrap();
        second.add(LITTLE_BYTES).unwrap();
        assert_eq!(second.add(LITTLE_BYTES), Err(ShareExceeded));
        let mut little = shares.hold(caller("token:a"));
        little.add(LITTLE_BYTES).unwrap();
        shares.hold(caller("token:b")).add(200_000).unwrap();
        first.release();
        second.add(0).unwrap();
        assert_eq!(first.add(100_000), Err(ShareExceeded));
        drop(second);
        first.add(0).unwrap();
        // Whom nobody knows has the bounds of its connection.
        shares.hold(RequestCaller::default()).add(1_000_000).unwrap();
    }
}
