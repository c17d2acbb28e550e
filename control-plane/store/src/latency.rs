//! An HDR histogram of attempts' durations.
//!
//! Fed by the engines with durations to count; feeds them buckets, and callers
//! quantiles. Guarantees two significant digits: a reported duration of at least 64 µs
//! is off by at most a 128th, because a bucket is at most a 64th of its lower bound
//! wide and its middle is reported.
//!
//! 64 buckets of one width form an octave. From 64 µs on each octave is twice as wide
//! as the one before, and 27 of them reach above an hour, which bounds an hour's
//! counts. How a row stores them is the engine's choice: `postgres/octaves.rs`,
//! `sqlite/histogram.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

/// Buckets of an octave. A quantile is within a 128th (decision 0022).
pub(crate) const OCTAVE_BUCKETS: u16 = 64;
/// Buckets of all octaves. They end beyond an hour, and no attempt takes ten minutes.
pub(crate) const LATENCY_BUCKETS: u16 = 27 * OCTAVE_BUCKETS;
/// Higher counts are not stored: nobody makes so many attempts in an hour.
pub(crate) const MAX_COUNT: u64 = 999_999_999_999;
/// Durations above an hour count as this; no attempt takes more than minutes.
const MAX_MICROSECONDS: u64 = u32::MAX as u64;

/// The bucket of a duration; the longer, the higher. Part of the storage format.
pub fn latency_bucket(duration: Duration) -> u16 {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).min(MAX_MICROSECONDS);
    let octave = micros.max(1).ilog2().saturating_sub(5);
    let place = (micros >> octave.saturating_sub(1)) % u64::from(OCTAVE_BUCKETS);
    u16::try_from(u64::from(octave) * u64::from(OCTAVE_BUCKETS) + place).unwrap_or(u16::MAX)
}

/// The shortest duration of a bucket, and how much longer the next bucket's is.
fn latency_span(bucket: u16) -> (Duration, Duration) {
    let (octave, place) = (bucket / OCTAVE_BUCKETS, u64::from(bucket % OCTAVE_BUCKETS));
    let (lower, width) = match octave.min(40) {
        0 => (place, 1),
        octave => ((u64::from(OCTAVE_BUCKETS) + place) << (octave - 1), 1 << (octave - 1)),
    };
    (Duration::from_micros(lower), Duration::from_micros(width))
}

/// The duration that this part of the attempts took at most: the middle of its bucket;
/// `None` without attempts.
// A rank needs no more than 52 bits.
pub fn latency_quantile(counts: &BTreeMap<u16, u64>, part: f64) -> Option<Duration> {
    let total = counts.values().fold(0, |total: u64, count| total.saturating_add(*count));
    let wanted = total as f64 * part;
    let mut up_to = 0_u64;
    let reaches = |(_, count): &(&u16, &u64)| {
        up_to = up_to.saturating_add(**count);
        **count > 0 && up_to as f64 >= wanted
    };
    let (bucket, _) = counts.iter().find(reaches)?;
    let (lower, width) = latency_span(*bucket);
    Some(lower + width / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Durations of all lengths, in microseconds, close to each other.
    fn durations() -> impl Iterator<Item = u64> {
        let next = |micros: &u64| Some(micros + (micros / 200).max(1));
        std::iter::successors(Some(0), next).take_while(|micros| *micros <= MAX_MICROSECONDS)
    }

    #[test]
    fn each_duration_lies_in_its_bucket_which_is_narrow() {
        for micros in durations() {
            let duration = Duration::from_micros(micros);
            let bucket = latency_bucket(duration);
            let (lower, width) = latency_span(bucket);
            assert!(lower <= duration && duration < lower + width, "{micros} µs: {lower:?}");
            assert!(width <= (lower / 64).max(Duration::from_micros(1)), "{lower:?}: {width:?}");
            assert_eq!(latency_span(bucket + 1).0, lower + width);
        }
        for long in [Duration::from_micros(MAX_MICROSECONDS), Duration::MAX] {
            assert_eq!(latency_bucket(long), LATENCY_BUCKETS - 1);
        }
        assert_eq!(latency_bucket(Duration::ZERO), 0);
        let (lower, width) = latency_span(u16::MAX);
        assert!(lower > Duration::from_secs(3600) && width < lower);
    }

    #[test]
    fn a_quantile_is_within_a_128th_of_a_duration() {
        for micros in durations().filter(|micros| *micros >= 64) {
            let duration = Duration::from_micros(micros);
            // As few as there can be, and as many.
            for count in [1, u64::MAX] {
                let counts = BTreeMap::from([(latency_bucket(duration), count)]);
                for part in [0.0, 0.5, 0.95, 1.0] {
                    let told = latency_quantile(&counts, part).unwrap();
                    assert!(told.abs_diff(duration) <= duration / 128, "{duration:?}: {told:?}");
                }
            }
        }
        let none = BTreeMap::from([(7, 0)]);
        assert_eq!((latency_quantile(&none, 0.5), latency_quantile(&none, 0.0)), (None, None));
        let halves = BTreeMap::from([(64, 5), (128, 0), (192, 5)]);
        let told = |part| latency_bucket(latency_quantile(&halves, part).unwrap());
        assert_eq!((told(0.5), told(0.51), told(1.0)), (64, 192, 192));
    }
}
