//! How many requests a second may be started: one subscription's limit.
//!
//! Fed by the scheduler, which asks before each attempt; feeds it a yes, or the
//! moment to ask again. Guarantees that no second, wherever it begins, has more
//! starts than the limit, over changes of the owner and of the limit too.

use std::time::Duration;

use crate::time::Timestamp;

/// How late the scheduler may come to a start and still make up for it. Timers
/// tick in milliseconds: without this, a limit of 500/s would reach half of it.
const CATCH_UP: Duration = Duration::from_millis(10);

/// How much the way to the receiver may vary from one request to the next
/// (stream, connection, handshake) before the receiver sees more than the limit
/// in one of its own seconds.
const TRANSIT: Duration = Duration::from_millis(40);

/// A limit that is spread evenly: no bursts, so nothing is saved up while idle.
///
/// `limit` starts take up a second plus the two allowances above, and a start
/// may come at most `CATCH_UP` before an even schedule would have it. So any
/// `limit + 1` starts span more than a second and `TRANSIT`; the price is that
/// the limit is approached to 95 %.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    spacing: Duration,
    next: Timestamp,
}

impl TokenBucket {
    /// Begins as if a start had just been made: an owner before, or the limit
    /// before, may have made one.
    pub fn new(per_second: u32, now: Timestamp) -> Self {
        let second = Duration::from_secs(1) + CATCH_UP + TRANSIT;
        let micros = second.as_micros().div_ceil(u128::from(per_second.max(1)));
        let spacing = Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
        Self { spacing, next: now + spacing }
    }

    /// Takes the right to start one request now, or says when to ask again.
    pub fn try_take(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        if now < self.next {
            return Err(self.next);
        }
        self.next = self.next.max(now - CATCH_UP) + self.spacing;
        Ok(())
    }
}
