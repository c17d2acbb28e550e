//! One kind of capacity, divided over streams by cumulative promises.
//!
//! Fed by `capacity` with targets; feeds it what to announce. Guarantees that
//! what is in use and what is promised never exceed the total together, that a
//! promise only grows, and that a stream without any is served before one is
//! enlarged. Tested through `capacity`. Pure.

use std::collections::BTreeMap;

use crate::key::StreamId;

/// One kind of capacity.
#[derive(Debug)]
pub struct Quota {
    pub total: u64,
    /// In use by all streams, those that ended included.
    pub used: u64,
    pub lines: BTreeMap<StreamId, Line>,
}

/// One stream's part of it; the first two are cumulative.
#[derive(Debug, Default)]
pub struct Line {
    granted: u64,
    arrived: u64,
    pub used: u64,
}

impl Line {
    fn outstanding(&self) -> u64 {
        self.granted.saturating_sub(self.arrived)
    }
}

impl Quota {
    /// So much, for no stream yet.
    pub fn new(total: u64) -> Self {
        Self { total, used: 0, lines: BTreeMap::new() }
    }

    /// What a stream may take in all, since it began.
    pub fn granted(&self, stream: StreamId) -> u64 {
        self.lines.get(&stream).map_or(0, |line| line.granted)
    }

    /// What a stream was promised and has not taken.
    pub fn outstanding(&self, stream: StreamId) -> u64 {
        self.lines.get(&stream).map_or(0, Line::outstanding)
    }

    /// What all streams were promised and have not taken.
    pub fn all_outstanding(&self) -> u64 {
        self.lines.values().map(Line::outstanding).sum()
    }

    /// Something came in under a stream's promise.
    pub fn arrive(&mut self, stream: StreamId, amount: u64) {
        if let Some(line) = self.lines.get_mut(&stream) {
            line.arrived += amount;
        }
    }

    /// What came in is in use.
    pub fn occupy(&mut self, stream: StreamId, amount: u64) {
        self.used += amount;
        if let Some(line) = self.lines.get_mut(&stream) {
            line.used += amount;
        }
    }

    /// It no longer is.
    pub fn release(&mut self, stream: StreamId, amount: u64) {
        self.used = self.used.saturating_sub(amount);
        if let Some(line) = self.lines.get_mut(&stream) {
            line.used = line.used.saturating_sub(amount);
        }
    }

    /// Raises what is granted towards the targets; returns whose was raised.
    pub fn top_up(&mut self, targets: &[(StreamId, u64)]) -> Vec<StreamId> {
        let mut free = self.total.saturating_sub(self.used).saturating_sub(self.all_outstanding());
        let mut raised = Vec::new();
        // A stream without any credit comes first, with a small amount, so that
        // a newcomer is served whatever the others hold.
        let first_aid = self.total / 64;
        for (stream, target) in targets {
            let amount = first_aid.min(free / 8).max(1).min(*target).min(free);
            if self.outstanding(*stream) == 0 && amount > 0 {
                self.grant(*stream, amount);
                free -= amount;
                raised.push(*stream);
            }
        }
        // The rest stops short of everything, to have that small amount for
        // whoever comes next while all the others are idle.
        let reserve = (self.total / 8).max(2).min(self.total / 2);
        let may_promise = (self.total - reserve).saturating_sub(self.all_outstanding());
        let spare = free.min(may_promise);
        let missing = |quota: &Self, (stream, target): &(StreamId, u64)| {
            target.saturating_sub(quota.outstanding(*stream))
        };
        let all_missing: u64 = targets.iter().map(|one| missing(self, one)).sum();
        for one @ (stream, target) in targets {
            let wanted = missing(self, one);
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
        raised
    }

    fn grant(&mut self, stream: StreamId, amount: u64) {
        if let Some(line) = self.lines.get_mut(&stream) {
            // Counted from what arrived, should more have come than was granted.
            line.granted = line.granted.max(line.arrived) + amount;
        }
    }
}

/// a × b ÷ c without overflow.
pub fn mul_div(a: u64, b: u64, c: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b) / u128::from(c.max(1));
    u64::try_from(wide).unwrap_or(u64::MAX)
}
