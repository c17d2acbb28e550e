//! When a failed delivery is tried again.
//!
//! Fed by a subscription's policy, the number of its delivery's failures, what
//! the receiver said in Retry-After, and a random number; feeds
//! [`crate::delivery::conclude`] the delay. Guarantees that every policy ends:
//! the attempts are counted, each delay is bounded, what a receiver asks for
//! included, and so is the age of a delivery (invariant `every-delivery-ends`).

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Most delays of a list. Five times the default timetable's.
pub const MAX_DELAYS: usize = 50;
/// The longest delay, before jitter. Longer than any outage that is repaired; after that a
/// replay is the way.
pub const MAX_DELAY: Duration = Duration::from_secs(7 * 24 * 3600);
/// Most attempts of a delivery, the first one included. Five minutes apart they last for
/// eight hours.
pub const MAX_ATTEMPTS: u32 = 100;
/// The factors that an exponential timetable may grow by. From even delays to such as reach
/// the longest in a few steps.
pub const MULTIPLIER_PERCENT: std::ops::RangeInclusive<u32> = 100..=1000;
/// Most jitter. With more a timetable would say little.
pub const MAX_JITTER_PERCENT: u8 = 50;
/// Jitter of a policy that names none. It parts what failed together, and leaves the
/// timetable readable.
pub const DEFAULT_JITTER_PERCENT: u8 = 10;
/// The shortest maximum age. Due times are looked for once a second.
pub const MIN_AGE: Duration = Duration::from_secs(1);
/// How long a delivery may be tried at most, whatever its policy. As long as events are
/// kept by default (`database.retention_days`).
pub const MAX_AGE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Added to the timetable's length to get the deadline: for the attempts themselves and for
/// waiting in queues. Small beside a timetable of days.
pub const DEADLINE_GRACE: Duration = Duration::from_secs(3600);

/// The longest wait that a policy may grant to a receiver who asks for one.
/// `dispatch.max_retry_after_seconds` by default; for longer a subscription is paused.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);
/// The default: enough for a receiver's maintenance, and not much if a receiver asks by
/// mistake.
pub const DEFAULT_MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

const MINUTE_SECONDS: u64 = 60;
const HOUR_SECONDS: u64 = 60 * MINUTE_SECONDS;

/// What Standard Webhooks recommends, after an attempt made at once.
const STANDARD_DELAYS: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * MINUTE_SECONDS),
    Duration::from_secs(30 * MINUTE_SECONDS),
    Duration::from_secs(2 * HOUR_SECONDS),
    Duration::from_secs(5 * HOUR_SECONDS),
    Duration::from_secs(10 * HOUR_SECONDS),
    Duration::from_secs(14 * HOUR_SECONDS),
    Duration::from_secs(20 * HOUR_SECONDS),
    Duration::from_secs(24 * HOUR_SECONDS),
];

/// The delays between attempts, before jitter. The first attempt is always made
/// at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryTimetable {
    /// Ten attempts over three days.
    #[default]
    Standard,
    /// One attempt more than there are delays.
    List(Vec<Duration>),
    /// `initial`, and each delay longer than the one before by `increment`.
    Linear { initial: Duration, increment: Duration, max_attempts: u32 },
    /// `initial`, and each delay longer by a factor, up to `max_delay`.
    Exponential {
        initial: Duration,
        multiplier_percent: u32,
        max_delay: Duration,
        max_attempts: u32,
    },
}

impl RetryTimetable {
    /// How many attempts there are, the first one included.
    pub fn attempts(&self) -> u32 {
        let listed =
            |delays: &[Duration]| u32::try_from(delays.len()).unwrap_or(u32::MAX).saturating_add(1);
        let attempts = match self {
            Self::Standard => listed(&STANDARD_DELAYS),
            Self::List(delays) => listed(delays),
            Self::Linear { max_attempts, .. } | Self::Exponential { max_attempts, .. } => {
                *max_attempts
            }
        };
        attempts.clamp(1, MAX_ATTEMPTS)
    }

    fn delay(&self, retry: u32) -> Option<Duration> {
        let place = usize::try_from(retry.checked_sub(1)?).ok()?;
        match self {
            Self::Standard => STANDARD_DELAYS.get(place).copied(),
            Self::List(delays) => delays.get(place).copied(),
            Self::Linear { initial, increment, .. } => {
                Some(initial.saturating_add(increment.saturating_mul(retry - 1)))
            }
            Self::Exponential { initial, multiplier_percent, max_delay, .. } => {
                Some(grown(*initial, *multiplier_percent, *max_delay, retry - 1))
            }
        }
    }
}

/// `initial` times the factor, `times` over; in whole numbers, so that a
/// timetable reads back as it was written.
fn grown(initial: Duration, percent: u32, max: Duration, times: u32) -> Duration {
    let mut nanos = initial.as_nanos().min(max.as_nanos());
    for _ in 0..times {
        nanos = (nanos.saturating_mul(u128::from(percent)) / 100).min(max.as_nanos());
    }
    u64::try_from(nanos).map_or(max, Duration::from_nanos)
}

/// How a subscription wants failed deliveries to be tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    pub timetable: RetryTimetable,
    /// By how much at most a delay is shortened or lengthened at random.
    pub jitter_percent: u8,
    /// How long after its event's commit a delivery may still be tried.
    pub max_age: Option<Duration>,
    /// The longest wait that is granted to a receiver's Retry-After.
    pub max_retry_after: Option<Duration>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        let timetable = RetryTimetable::Standard;
        let jitter_percent = DEFAULT_JITTER_PERCENT;
        Self { timetable, jitter_percent, max_age: None, max_retry_after: None }
    }
}

impl RetryPolicy {
    /// The delay, before jitter, after this many counted failures; `None` if no attempt
    /// is left.
    pub fn delay_after(&self, failures: u32) -> Option<Duration> {
        match failures {
            0 => Some(Duration::ZERO),
            failures if failures < self.timetable.attempts() => self.timetable.delay(failures),
            _ => None,
        }
    }

    /// The same with jitter; `random` is uniform in 0..1.
    pub fn next_delay(&self, failures: u32, random: f64) -> Option<Duration> {
        let delay = self.delay_after(failures)?;
        if self.jitter_percent == 0 {
            return Some(delay);
        }
        let factor = 1.0 + (2.0 * random - 1.0) * f64::from(self.jitter_percent) / 100.0;
        Some(Duration::try_from_secs_f64(delay.as_secs_f64() * factor).unwrap_or(delay))
    }

    /// The granted part of a wait that a receiver asked for.
    pub fn granted(&self, wish: Duration) -> Duration {
        wish.min(self.max_retry_after.unwrap_or(DEFAULT_MAX_RETRY_AFTER))
    }

    /// The longest delay with jitter after each number of counted failures, from 0,
    /// that leaves an attempt.
    pub fn longest_delays(&self) -> Vec<Duration> {
        let longest =
            |delay: Duration| delay.saturating_mul(100 + u32::from(self.jitter_percent)) / 100;
        (0..self.timetable.attempts())
            .filter_map(|failures| self.delay_after(failures).map(longest))
            .collect()
    }

    /// How long the whole timetable takes, before jitter.
    pub fn total(&self) -> Duration {
        (1..self.timetable.attempts())
            .filter_map(|failures| self.delay_after(failures))
            .fold(Duration::ZERO, Duration::saturating_add)
    }

    /// How long after its commit a delivery expires, in time that counts
    /// (invariant `every-delivery-ends`).
    pub fn deadline_span(&self) -> Duration {
        self.max_age.unwrap_or_else(|| {
            let longest = self.total().saturating_mul(100 + u32::from(self.jitter_percent)) / 100;
            longest.saturating_add(DEADLINE_GRACE)
        })
    }

    /// Validates a caller's policy. Returns each invalid field by its path in the API,
    /// with what is allowed.
    pub fn validate(&self) -> Result<(), Vec<(String, String)>> {
        let mut wrong = PolicyViolations::default();
        self.timetable.validate(&mut wrong);
        if self.jitter_percent > MAX_JITTER_PERCENT {
            wrong.add("jitter_percent", format!("must be at most {MAX_JITTER_PERCENT}"));
        }
        match self.max_age {
            Some(age) if !(MIN_AGE..=MAX_AGE).contains(&age) => {
                wrong.add("max_age", "must be 1 s to 30 d".to_owned());
            }
            // Without a limit of its own a delivery could outlive its event.
            None if wrong.0.is_empty() && self.deadline_span() > MAX_AGE => {
                let why = "must be set, since the timetable takes longer than 30 d";
                wrong.add("max_age", why.to_owned());
            }
            _ => {}
        }
        if self.max_retry_after.is_some_and(|longest| longest > MAX_RETRY_AFTER) {
            wrong.add("max_retry_after", "must be 0 s to 24 h".to_owned());
        }
        if wrong.0.is_empty() { Ok(()) } else { Err(wrong.0) }
    }
}

#[derive(Default)]
struct PolicyViolations(Vec<(String, String)>);

impl PolicyViolations {
    fn add(&mut self, path: impl Into<String>, description: String) {
        self.0.push((path.into(), description));
    }

    fn delay(&mut self, path: impl Into<String>, delay: Duration) {
        if delay > MAX_DELAY {
            self.add(path, "must be at most 7 d".to_owned());
        }
    }

    fn attempts(&mut self, path: &str, attempts: u32) {
        if !(1..=MAX_ATTEMPTS).contains(&attempts) {
            self.add(path, format!("must be 1 to {MAX_ATTEMPTS}"));
        }
    }
}

impl RetryTimetable {
    fn validate(&self, wrong: &mut PolicyViolations) {
        match self {
            Self::Standard => {}
            Self::List(delays) => {
                if !(1..=MAX_DELAYS).contains(&delays.len()) {
                    wrong.add("fixed_delays.delays", format!("must be 1 to {MAX_DELAYS} delays"));
                }
                for (place, delay) in delays.iter().enumerate().take(MAX_DELAYS) {
                    wrong.delay(format!("fixed_delays.delays[{place}]"), *delay);
                }
            }
            Self::Linear { initial, increment, max_attempts } => {
                wrong.delay("linear.initial_delay", *initial);
                wrong.attempts("linear.max_attempts", *max_attempts);
                let last = self.delay(self.attempts() - 1).unwrap_or_default();
                if *increment > MAX_DELAY || (last > MAX_DELAY && *initial <= MAX_DELAY) {
                    let what = "must be at most 7 d, and so must every delay that it leads to";
                    wrong.add("linear.increment", what.to_owned());
                }
            }
            Self::Exponential { initial, multiplier_percent, max_delay, max_attempts } => {
                wrong.attempts("exponential.max_attempts", *max_attempts);
                wrong.delay("exponential.initial_delay", *initial);
                if initial.is_zero() {
                    wrong.add("exponential.initial_delay", "must be more than 0 s".to_owned());
                }
                if !MULTIPLIER_PERCENT.contains(multiplier_percent) {
                    wrong.add("exponential.multiplier_percent", "must be 100 to 1,000".to_owned());
                }
                wrong.delay("exponential.max_delay", *max_delay);
                if max_delay < initial {
                    let what = "must be at least the initial delay";
                    wrong.add("exponential.max_delay", what.to_owned());
                }
            }
        }
    }
}

/// The three forms of an HTTP-date (RFC 9110, 5.6.7), which all mean UTC.
const HTTP_DATE_FORMATS: [&str; 3] =
    ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];

/// Longer than any form of the field, so that a hostile one costs nothing.
const MAX_RETRY_AFTER_BYTES: usize = 64;

/// A number of seconds from here on (32 years) is a Unix time in seconds, and from the
/// second constant on one in milliseconds.
const EPOCH_SECONDS: u64 = 1_000_000_000;
const EPOCH_MILLISECONDS: u64 = 1_000_000_000_000;

/// The wait that a Retry-After field asks for (RFC 9110, 10.2.3); `None` if it is
/// invalid. A time in it is compared with the response's Date header or, without one,
/// with our clock.
pub fn parse_retry_after(value: &[u8], date: Option<&[u8]>, now: Timestamp) -> Option<Duration> {
    let value = value.trim_ascii();
    if value.is_empty() || value.len() > MAX_RETRY_AFTER_BYTES {
        return None;
    }
    let receivers_now = || date.and_then(parse_http_date).unwrap_or(now);
    if value.iter().all(u8::is_ascii_digit) {
        let number = std::str::from_utf8(value).ok()?.parse::<u64>().unwrap_or(u64::MAX);
        let micros_each = match number {
            0..EPOCH_SECONDS => return Some(Duration::from_secs(number)),
            EPOCH_SECONDS..EPOCH_MILLISECONDS => 1_000_000,
            EPOCH_MILLISECONDS.. => 1_000,
        };
        let micros = i64::try_from(number).ok().and_then(|n| n.checked_mul(micros_each));
        return Some(micros.map_or(Timestamp::MAX, Timestamp::from_micros).since(receivers_now()));
    }
    Some(parse_http_date(value)?.since(receivers_now()))
}

/// An HTTP-date in any of its forms.
fn parse_http_date(value: &[u8]) -> Option<Timestamp> {
    let value = value.trim_ascii();
    if value.len() > MAX_RETRY_AFTER_BYTES {
        return None;
    }
    let date = HTTP_DATE_FORMATS
        .iter()
        .find_map(|form| BrokenDownTime::parse(form, value).ok()?.to_datetime().ok())?;
    // [`jiff::Timestamp`] ends a day before the year 9999 does.
    let since = date.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
    Some(i64::try_from(since.as_micros()).map_or(Timestamp::MAX, Timestamp::from_micros))
}
