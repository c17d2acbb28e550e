//! Moments, as whole microseconds.
//!
//! Every time in the domain comes in as a parameter; a [`Timestamp`] is the
//! database's clock carried forward by a monotonic one (invariant `database-clock`).

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use jiff::SignedDuration;
use jiff::civil::DateTime;
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
        Self(self.0.div_euclid(1000).saturating_mul(1000))
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
        // [`jiff::Timestamp`] ends a day before the calendar does.
        let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
        match epoch.checked_add(SignedDuration::from_micros(self.0)) {
            Ok(time) => write!(f, "{time}Z"),
            Err(_) => write!(f, "{} µs", self.0),
        }
    }
}

/// Counts the time during which a delivery's deadline does not run: while its
/// subscription is paused, or its region has no agent (invariant `deadlines-stand-still`).
///
/// A deadline is kept on the *running* clock, which stands still while this one
/// counts, so that a pause of a million deliveries changes one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoppedClock {
    /// Stopped time that is over.
    pub total: Duration,
    /// Since when time is stopped, if it is.
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

/// Counts the time for which a receiver was left alone at its request: like
/// [`StoppedClock`], but the end is known at the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HoldClock {
    /// Held time before the latest hold.
    pub total: Duration,
    /// The latest hold's beginning and end.
    pub since: Timestamp,
    pub until: Timestamp,
    /// Raised by every change: of two, the one with the higher number is the later one.
    pub version: i64,
}

impl HoldClock {
    /// Held time up to `now`. If `ended` is within the latest hold, the hold ended
    /// then.
    pub fn elapsed(&self, now: Timestamp, ended: Timestamp) -> Duration {
        self.total + self.end(ended).min(now).since(self.since)
    }

    /// When the latest hold ends, or when something ended it.
    fn end(&self, ended: Timestamp) -> Timestamp {
        if ended > self.since { self.until.min(ended) } else { self.until }
    }

    /// Until when it holds, if it does.
    pub fn held(&self, now: Timestamp, ended: Timestamp) -> Option<Timestamp> {
        Some(self.end(ended)).filter(|until| now < *until)
    }

    /// A hold from `now` until `until`, or until the present one ends if that is later.
    pub fn hold(&mut self, now: Timestamp, until: Timestamp, ended: Timestamp) {
        if self.held(now, ended).is_some() {
            self.until = self.until.max(until);
        } else {
            (self.total, self.since, self.until) = (self.elapsed(now, ended), now, until);
        }
        self.version = self.version.saturating_add(1);
    }

    /// The latest hold ends at `until` at the latest, which is not before `now`; it did
    /// not begin after `now`, whatever a clock said that was set back since.
    pub fn shorten(&mut self, now: Timestamp, until: Timestamp) {
        self.since = self.since.min(now);
        self.until = self.until.min(until);
        self.version = self.version.saturating_add(1);
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
        assert_eq!(Timestamp::from_micros(-1).to_string(), "1969-12-31T23:59:59.999999Z");
        assert_eq!(at(253_402_300_799).to_string(), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn any_moment_has_a_whole_millisecond() {
        let whole = |micros| Timestamp::from_micros(micros).truncate_to_millis().as_micros();
        assert_eq!((whole(1_999), whole(-1)), (1_000, -1_000));
        assert_eq!((whole(i64::MIN), whole(i64::MAX) % 1_000), (i64::MIN, 0));
    }

    #[test]
    fn held_time_counts_once_and_to_its_end() {
        let never = at(0);
        let mut clock = HoldClock::default();
        assert_eq!(clock.elapsed(at(5), never), Duration::ZERO);
        clock.hold(at(10), at(40), never);
        clock.hold(at(12), at(42), never);
        clock.hold(at(13), at(20), never);
        assert_eq!(clock.held(at(41), never), Some(at(42)));
        assert_eq!(clock.elapsed(at(30), never), Duration::from_secs(20));
        assert_eq!(clock.elapsed(at(99), never), Duration::from_secs(32));
        clock.hold(at(100), at(110), never);
        assert_eq!(clock.elapsed(at(105), never), Duration::from_secs(37));
        assert_eq!(clock.elapsed(at(200), never), Duration::from_secs(42));
    }

    #[test]
    fn a_hold_that_is_shortened_counts_to_its_new_end_whatever_comes_later() {
        let mut clock = HoldClock::default();
        clock.hold(at(10), at(40), at(5));
        clock.shorten(at(20), at(20));
        assert_eq!(clock.held(at(20), at(5)), None);
        assert_eq!(clock.elapsed(at(99), at(35)), Duration::from_secs(10));
        clock.shorten(at(3), at(8));
        assert_eq!((clock.since, clock.until, clock.version), (at(3), at(8), 3));
    }

    #[test]
    fn a_hold_ends_early_by_what_came_between() {
        let mut clock = HoldClock::default();
        clock.hold(at(10), at(40), at(5));
        assert_eq!(clock.held(at(20), at(5)), Some(at(40)));
        assert_eq!(clock.held(at(20), at(15)), None);
        assert_eq!(clock.elapsed(at(20), at(15)), Duration::from_secs(5));
        clock.hold(at(20), at(30), at(15));
        assert_eq!(clock.elapsed(at(50), at(15)), Duration::from_secs(15));
    }
}
