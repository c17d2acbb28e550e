//! A subscription's rate limit.
//!
//! Fed by the scheduler, which asks before each attempt; feeds it yes, or when to ask
//! again. Guarantees that no second, wherever it begins, has more starts than the
//! limit, even when the owner or the limit changes.
//!
//! How to drive it: `try_take` right before each start; if it refuses, again at the time
//! that it says.

use std::time::Duration;

use crate::time::Timestamp;

/// How late a start may be and still keep its place in the schedule. Timers tick in
/// milliseconds; without this a limit of 500/s would reach half of it.
const MAX_CATCH_UP: Duration = Duration::from_millis(10);

/// How much the time to the receiver may vary between requests before it counts more
/// than the limit in one of its own seconds.
const TRANSIT_VARIATION: Duration = Duration::from_millis(40);

/// A limit that is spread evenly: no bursts, so nothing is saved up while idle.
///
/// `limit` starts take up a second plus the two allowances above, and a start
/// may come at most `MAX_CATCH_UP` before an even schedule would have it. So any
/// `limit + 1` starts span more than a second and `TRANSIT_VARIATION`; the price is that
/// the limit is approached to 95 %.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    spacing: Duration,
    next: Timestamp,
}

impl TokenBucket {
    /// Starts as if a request had just begun: an earlier owner, or the earlier limit,
    /// may have begun one.
    pub fn new(per_second: u32, now: Timestamp) -> Self {
        let second = Duration::from_secs(1) + MAX_CATCH_UP + TRANSIT_VARIATION;
        let micros = second.as_micros().div_ceil(u128::from(per_second.max(1)));
        let spacing = Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
        Self { spacing, next: now + spacing }
    }

    /// Whether a request may be started now.
    pub fn may_start(&self, now: Timestamp) -> bool {
        now >= self.next
    }

    /// How many starts from `since` until now the limit allowed and nobody made.
    pub fn missed_starts(&self, since: Timestamp, now: Timestamp) -> u32 {
        let first = self.next.max(since);
        if now < first {
            return 0;
        }
        let further = now.since(first).as_micros() / self.spacing.as_micros().max(1);
        u32::try_from(further).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// Takes the right to start one request now, or says when to ask again.
    pub fn try_take(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        if !self.may_start(now) {
            return Err(self.next);
        }
        self.next = self.next.max(now - MAX_CATCH_UP) + self.spacing;
        Ok(())
    }
}
