//! One kind of capacity (attempts, or payload bytes), divided among streams by
//! cumulative grants.
//!
//! In use plus granted never exceeds the total. A grant only grows. A stream without
//! credit is served before another stream's credit is raised. Tested through
//! `credit_allocator`. Pure.

use std::collections::BTreeMap;

use crate::ids::StreamNumber;

/// One kind of capacity.
#[derive(Debug)]
pub struct SharedQuota {
    pub total: u64,
    /// In use by all streams, those that ended included.
    pub used: u64,
    pub by_stream: BTreeMap<StreamNumber, StreamQuota>,
}

/// One stream's part of it; the first two are cumulative.
#[derive(Debug, Default)]
pub struct StreamQuota {
    granted: u64,
    consumed: u64,
    pub used: u64,
}

impl StreamQuota {
    fn outstanding(&self) -> u64 {
        self.granted.saturating_sub(self.consumed)
    }
}

impl SharedQuota {
    /// So much, for no stream yet.
    pub fn new(total: u64) -> Self {
        Self { total, used: 0, by_stream: BTreeMap::new() }
    }

    /// What a stream may take in all, since it began.
    pub fn granted(&self, stream: StreamNumber) -> u64 {
        self.by_stream.get(&stream).map_or(0, |quota| quota.granted)
    }

    /// What a stream was promised and has not taken.
    pub fn outstanding(&self, stream: StreamNumber) -> u64 {
        self.by_stream.get(&stream).map_or(0, StreamQuota::outstanding)
    }

    /// What all streams were promised and have not taken.
    pub fn total_outstanding(&self) -> u64 {
        self.by_stream.values().map(StreamQuota::outstanding).sum()
    }

    /// Something came in under a stream's promise.
    pub fn consume_credit(&mut self, stream: StreamNumber, amount: u64) {
        if let Some(quota) = self.by_stream.get_mut(&stream) {
            quota.consumed += amount;
        }
    }

    /// What came in is in use.
    pub fn mark_in_use(&mut self, stream: StreamNumber, amount: u64) {
        self.used += amount;
        if let Some(quota) = self.by_stream.get_mut(&stream) {
            quota.used += amount;
        }
    }

    /// It no longer is.
    pub fn release(&mut self, stream: StreamNumber, amount: u64) {
        debug_assert!(self.used >= amount, "what is released was in use");
        self.used = self.used.saturating_sub(amount);
        if let Some(quota) = self.by_stream.get_mut(&stream) {
            quota.used = quota.used.saturating_sub(amount);
        }
    }

    /// Raises what is granted towards the targets; returns whose was raised.
    ///
    /// A grant is final, so three parts of the total are kept back: a 64th for each stream
    /// that has nothing (a newcomer is served at once), an eighth as a reserve for the next
    /// newcomer, and a raise smaller than a quarter of its target waits (one message for
    /// many attempts).
    ///
    /// Example: a total of 512, of which 100 are in use; streams A (60 outstanding, target
    /// 200) and B (nothing, target 100). B gets 512/64 = 8 first. Of the 344 that are free
    /// now, the reserve of 64 leaves min(344, 448 - 68) = 344 to promise; A misses 140 and B
    /// 92, together 232, so both get all of it.
    pub fn grant_credit(&mut self, targets: &[(StreamNumber, u64)]) -> Vec<StreamNumber> {
        let mut free =
            self.total.saturating_sub(self.used).saturating_sub(self.total_outstanding());
        let mut raised = Vec::new();
        // A stream without any credit comes first, with a small amount, so that
        // a newcomer is served whatever the others hold.
        let starter_amount = self.total / 64;
        for (stream, target) in targets {
            let amount = starter_amount.min(free / 8).max(1).min(*target).min(free);
            if self.outstanding(*stream) == 0 && amount > 0 {
                self.grant(*stream, amount);
                free -= amount;
                raised.push(*stream);
            }
        }
        // The rest stops short of everything, to have that small amount for
        // whoever comes next while all the others are idle.
        let reserve = (self.total / 8).max(2).min(self.total / 2);
        let may_promise = (self.total - reserve).saturating_sub(self.total_outstanding());
        let spare = free.min(may_promise);
        let missing = |quota: &Self, (stream, target): &(StreamNumber, u64)| {
            target.saturating_sub(quota.outstanding(*stream))
        };
        let all_missing: u64 = targets.iter().map(|target| missing(self, target)).sum();
        for entry @ (stream, target) in targets {
            let wanted = missing(self, entry);
            let amount = match all_missing <= spare {
                true => wanted,
                false => mul_div(wanted, spare, all_missing),
            };
            // A quarter at a time, not a message for every attempt.
            let worth_it = amount > 0 && amount >= (target / 4).max(1);
            if worth_it || (amount > 0 && raised.contains(stream)) {
                self.grant(*stream, amount);
                if !raised.contains(stream) {
                    raised.push(*stream);
                }
            }
        }
        debug_assert!(
            raised.is_empty() || self.used + self.total_outstanding() <= self.total,
            "more is granted than there is"
        );
        raised
    }

    fn grant(&mut self, stream: StreamNumber, amount: u64) {
        if let Some(quota) = self.by_stream.get_mut(&stream) {
            // Counted from what arrived, should more have come than was granted.
            quota.granted = quota.granted.max(quota.consumed) + amount;
        }
    }
}

/// a × b ÷ c without overflow.
pub fn mul_div(a: u64, b: u64, c: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b) / u128::from(c.max(1));
    u64::try_from(wide).unwrap_or(u64::MAX)
}
