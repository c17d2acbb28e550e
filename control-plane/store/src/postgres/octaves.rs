//! Counts of attempts by duration, as a row of PostgreSQL's holds them.
//!
//! Fed by the durations of a batch and by rows read; feeds the statement that adds to the
//! rows, and the figures. A row is an octave (`latency`), and its counts are one decimal
//! number, twelve digits for each bucket, the first bucket's last: to add to a row that
//! other replicas add to as well is to add two numbers. Guarantees that a row is bounded
//! by 768 digits, and that below 10^12 attempts in an hour no count runs into the next.

use std::collections::BTreeMap;

use crate::codec::corrupt;
use crate::error::{StoreError, StoreResult};
use crate::latency::{MAX_COUNT, OCTAVE_BUCKETS};

/// Decimal digits of a bucket's count.
const COUNT_DIGITS: usize = 12;

/// A bucket's octave, and its place within it.
pub(super) const fn octave(bucket: u16) -> (i16, u16) {
    // Below 2^10.
    ((bucket / OCTAVE_BUCKETS).cast_signed(), bucket % OCTAVE_BUCKETS)
}

/// The counts of an octave by place; missing ones are 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OctaveCounts(BTreeMap<u16, u64>);

impl OctaveCounts {
    /// Counts one attempt more.
    pub(super) fn add(&mut self, place: u16) {
        let count = self.0.entry(place).or_default();
        *count = count.saturating_add(1).min(MAX_COUNT);
    }

    /// By bucket.
    pub(super) fn buckets(self, octave: u16) -> impl Iterator<Item = (u16, u64)> {
        let first = octave.saturating_mul(OCTAVE_BUCKETS);
        self.0.into_iter().map(move |(place, count)| (first.saturating_add(place), count))
    }

    /// As one number.
    pub(super) fn to_number(&self) -> String {
        let last = self.0.last_key_value().map_or(0, |(place, _)| usize::from(*place));
        let mut digits = vec![b'0'; (last + 1) * COUNT_DIGITS];
        for (place, count) in &self.0 {
            let count = count.to_string();
            let places = digits.iter_mut().rev().skip(usize::from(*place) * COUNT_DIGITS);
            places.zip(count.bytes().rev()).for_each(|(place, digit)| *place = digit);
        }
        String::from_utf8(digits).unwrap_or_default() // They are digits.
    }

    /// Reads what [`Self::to_number`] wrote, or a sum of such.
    pub(super) fn from_number(number: &str) -> StoreResult<Self> {
        let mut counts = BTreeMap::new();
        for (at, digits) in number.as_bytes().rchunks(COUNT_DIGITS).enumerate() {
            let digit = |digit: u8| digit.is_ascii_digit().then(|| u64::from(digit - b'0'));
            let count =
                digits.iter().try_fold(0, |count: u64, next| Some(count * 10 + digit(*next)?));
            let place = u16::try_from(at).ok().filter(|place| *place < OCTAVE_BUCKETS);
            let (Some(count), Some(place)) = (count, place) else { return Err(no_counts()) };
            if count > 0 {
                counts.insert(place, count);
            }
        }
        Ok(Self(counts))
    }
}

fn no_counts() -> StoreError {
    corrupt("the counts of attempts are damaged")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(each: &[(u16, u64)]) -> OctaveCounts {
        OctaveCounts(each.iter().copied().collect())
    }

    #[test]
    fn counts_come_back_from_the_number() {
        let full: Vec<_> = (0..OCTAVE_BUCKETS).map(|place| (place, MAX_COUNT)).collect();
        for each in [
            counts(&[]),
            counts(&[(0, 1)]),
            counts(&[(0, 128), (2, 16_383), (63, 123_456_789_012)]),
            counts(&full),
        ] {
            let number = each.to_number();
            assert!(number.len() <= 768, "{each:?}");
            assert_eq!(OctaveCounts::from_number(&number).unwrap(), each);
            // As a database gives it.
            assert_eq!(OctaveCounts::from_number(number.trim_start_matches('0')).unwrap(), each);
        }
        let mut two = counts(&[(1, 6), (2, MAX_COUNT)]);
        [0, 1, 2].into_iter().for_each(|place| two.add(place));
        assert_eq!(two.to_number(), "999999999999000000000007000000000001");
        let buckets: Vec<_> = two.buckets(1).collect();
        assert_eq!(buckets, [(64, 1), (65, 7), (66, MAX_COUNT)]);
    }

    #[test]
    fn what_is_no_number_of_counts_is_refused() {
        for wrong in ["-1", "1.5", "x", "+1", "1e3", "NaN", "é", " 1"] {
            assert!(OctaveCounts::from_number(wrong).is_err(), "{wrong}");
        }
        for long in [65, 256, 70_000] {
            assert!(OctaveCounts::from_number(&"0".repeat(long * COUNT_DIGITS)).is_err());
        }
    }
}
