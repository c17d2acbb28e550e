//! Moments, as whole microseconds.
//!
//! Every time in the domain comes in as a parameter; a [`Timestamp`] is the
//! database's clock carried forward by a monotonic one (rule 15).

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Microseconds since the Unix epoch.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const MAX: Self = Self(i64::MAX);

    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds, which is what an id carries.
    pub const fn truncate_to_millis(self) -> Self {
        Self(self.0.div_euclid(1000) * 1000)
    }

    /// How long after `earlier`; zero when it was not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(time) => time.fmt(f),
            Err(_) => write!(f, "{} µs", self.0),
        }
    }
}

/// Counts the time during which a delivery's deadline does not run: while its
/// subscription is paused, or its region has no agent (rule 11).
///
/// A deadline is kept on the *running* clock, which stands still while this one
/// counts, so that a pause of a million deliveries changes one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoppedClock {
    /// Stopped time that is over.
    pub total: Duration,
    /// Since when time is stopped now, if it is.
    pub since: Option<Timestamp>,
}

impl StoppedClock {
    /// Stopped time up to `now`.
    pub fn elapsed(&self, now: Timestamp) -> Duration {
        self.total + self.since.map_or(Duration::ZERO, |since| now.since(since))
    }

    /// The running clock at `now`.
    pub fn running(&self, now: Timestamp) -> Timestamp {
        now - self.elapsed(now)
    }

    /// Stops the running clock; does nothing when it is stopped already.
    pub fn stop(&mut self, now: Timestamp) {
        self.since.get_or_insert(now);
    }

    /// Lets the running clock run again; does nothing when it runs.
    pub fn start(&mut self, now: Timestamp) {
        self.total = self.elapsed(now);
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn running_time_stands_still_while_stopped() {
        let mut clock = StoppedClock::default();
        assert_eq!(clock.running(at(10)), at(10));
        clock.stop(at(10));
        clock.stop(at(12));
        assert_eq!(clock.running(at(15)), at(10));
        clock.start(at(20));
        clock.start(at(21));
        assert_eq!(clock.running(at(25)), at(15));
        clock.stop(at(30));
        assert_eq!(clock.running(at(40)), at(20));
    }

    #[test]
    fn timestamps_print_as_rfc_3339() {
        assert_eq!(at(1_700_000_000).to_string(), "2023-11-14T22:13:20Z");
    }
}
