//! How often somebody may do something, with bursts.
//!
//! Fed by the layers around the services, which ask before each call; feeds them yes, or
//! how long to wait. Guarantees that over any span no more is done than the rate allows,
//! and a burst besides. A subscription's rate limit, which has no bursts, is `rate`.
//!
//! How to drive it: [`RateBudget::try_take`] before each call, with the same [`RateLimit`];
//! what is refused has taken nothing.

use std::time::Duration;

use crate::time::Timestamp;

/// Micro-seconds in a second.
const SECOND_MICROS: u64 = 1_000_000;

/// So many a second, and so many at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    per_second: u32,
    burst: u32,
}

impl RateLimit {
    /// `burst_seconds` of the rate may come at once. `None` for a rate of 0, which limits
    /// nothing.
    pub fn new(per_second: u32, burst_seconds: u32) -> Option<Self> {
        let burst = per_second.saturating_mul(burst_seconds.max(1));
        (per_second > 0).then_some(Self { per_second, burst })
    }

    pub const fn per_second(self) -> u32 {
        self.per_second
    }

    /// How long so many take at the rate.
    fn span(self, count: u32) -> Duration {
        let micros = u64::from(count) * SECOND_MICROS;
        Duration::from_micros(micros.div_ceil(u64::from(self.per_second.max(1))))
    }
}

/// How much of a limit somebody has used: the time from which nothing is used any more
/// (the generic cell rate algorithm).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateBudget {
    free_at: Option<Timestamp>,
}

impl RateBudget {
    /// Takes so many, or says how long to wait for them. More than a burst is taken for a
    /// burst: it could never be had otherwise.
    pub fn try_take(
        &mut self,
        limit: RateLimit,
        count: u32,
        now: Timestamp,
    ) -> Result<(), Duration> {
        *self = self.after(limit, count, now)?;
        Ok(())
    }

    /// What is used once so many are taken, or how long to wait for them: for whoever takes of
    /// several budgets or of none.
    pub fn after(self, limit: RateLimit, count: u32, now: Timestamp) -> Result<Self, Duration> {
        let burst = limit.span(limit.burst);
        let free_at = self.free_at.map_or(now, |free_at| free_at.max(now))
            + limit.span(count.min(limit.burst));
        let latest = now + burst;
        if free_at > latest {
            return Err(free_at.since(latest));
        }
        Ok(Self { free_at: Some(free_at) })
    }

    /// Gives back so many that were taken.
    pub fn give_back(&mut self, limit: RateLimit, count: u32) {
        self.free_at = self.free_at.map(|free_at| free_at - limit.span(count.min(limit.burst)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(millis * 1000)
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let limit = RateLimit::new(10, 2).unwrap();
        let mut budget = RateBudget::default();
        for _ in 0..20 {
            budget.try_take(limit, 1, at(0)).unwrap();
        }
        assert_eq!(budget.try_take(limit, 1, at(0)), Err(Duration::from_millis(100)));
        assert_eq!(budget.try_take(limit, 5, at(100)), Err(Duration::from_millis(400)));
        budget.try_take(limit, 5, at(500)).unwrap();
        assert!(budget.try_take(limit, 1, at(500)).is_err());
        // After a pause a burst, and no more.
        budget.try_take(limit, 20, at(100_000)).unwrap();
        assert!(budget.try_take(limit, 1, at(100_000)).is_err());
    }

    #[test]
    fn more_than_a_burst_is_a_burst() {
        let limit = RateLimit::new(10, 1).unwrap();
        let mut budget = RateBudget::default();
        budget.try_take(limit, 1000, at(0)).unwrap();
        assert_eq!(budget.try_take(limit, 1000, at(0)), Err(Duration::from_secs(1)));
        budget.try_take(limit, 1000, at(1000)).unwrap();
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let limit = RateLimit::new(1, 1).unwrap();
        let mut budget = RateBudget::default();
        budget.try_take(limit, 1, at(0)).unwrap();
        assert!(budget.after(limit, 1, at(0)).is_err());
        budget.give_back(limit, 1);
        assert!(budget.after(limit, 1, at(0)).is_ok());
        budget.try_take(limit, 1, at(0)).unwrap();
        assert!(budget.try_take(limit, 1, at(0)).is_err(), "to look takes nothing");
    }

    #[test]
    fn no_rate_is_no_limit() {
        assert_eq!(RateLimit::new(0, 5), None);
        assert_eq!(RateLimit::new(7, 0).map(RateLimit::per_second), Some(7));
    }
}
