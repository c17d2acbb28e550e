//! Counts of attempts by duration, as a row of SQLite's holds them.
//!
//! Fed by the durations of a batch and by rows read; feeds the rows written, and the
//! figures. A row has the counts of an hour for an outcome: for each bucket (`latency`)
//! that has attempts, in order, how many buckets it skips and its count, both with seven
//! bits to a byte, the low ones first, and the high bit in each byte but the last. There
//! is one writer, so a row is read, added to and written; that is one row for most
//! subscriptions of a batch. Guarantees that a row is bounded: 27 octaves of 64 buckets,
//! with less than 16,384 attempts in each, are about 5 kB, and a few octaves less than 1.

use std::collections::BTreeMap;

use crate::codec::corrupt;
use crate::error::{StoreError, StoreResult};
use crate::latency::{LATENCY_BUCKETS, MAX_COUNT};

/// How many attempts more, or fewer, by bucket.
pub(super) type HistogramChange = BTreeMap<u16, i64>;

/// A row's counts, changed.
pub(super) fn changed(row: &[u8], change: &HistogramChange) -> StoreResult<Vec<u8>> {
    let mut after = HistogramRowWriter::with_room(row.len() + 3 * change.len());
    let mut changes = change.iter().peekable();
    for before in counts(row) {
        let (bucket, count) = before?;
        while let Some((new, by)) = changes.next_if(|(new, _)| **new < bucket) {
            after.put(*new, sum(0, *by));
        }
        let by = changes.next_if(|(same, _)| **same == bucket).map_or(0, |(_, by)| *by);
        after.put(bucket, sum(count, by));
    }
    changes.for_each(|(new, by)| after.put(*new, sum(0, *by)));
    Ok(after.bytes)
}

/// What a row counts, by bucket, in order; none is 0.
pub(super) fn counts(row: &[u8]) -> HistogramCounts<'_> {
    HistogramCounts { rest: row, next: 0 }
}

fn sum(count: u64, by: i64) -> u64 {
    count.saturating_add_signed(by).min(MAX_COUNT)
}

#[derive(Default)]
struct HistogramRowWriter {
    bytes: Vec<u8>,
    /// The bucket that follows the last one.
    next: u16,
}

impl HistogramRowWriter {
    fn with_room(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), next: 0 }
    }

    fn put(&mut self, bucket: u16, count: u64) {
        if count > 0 {
            self.number(bucket.saturating_sub(self.next).into());
            self.number(count);
            self.next = bucket.saturating_add(1);
        }
    }

    fn number(&mut self, mut number: u64) {
        while number > 0x7f {
            self.bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push((number & 0x7f) as u8);
    }
}

/// See [`counts`]. Nothing follows an error.
pub(super) struct HistogramCounts<'a> {
    rest: &'a [u8],
    next: u16,
}

impl HistogramCounts<'_> {
    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in [0, 7, 14, 21, 28, 35] {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn pair(&mut self) -> Option<(u16, u64)> {
        let skipped = self.number().and_then(|skipped| u16::try_from(skipped).ok())?;
        let bucket = self.next.checked_add(skipped).filter(|bucket| *bucket < LATENCY_BUCKETS)?;
        let count = self.number().filter(|count| (1..=MAX_COUNT).contains(count))?;
        self.next = bucket + 1;
        Some((bucket, count))
    }
}

impl Iterator for HistogramCounts<'_> {
    type Item = StoreResult<(u16, u64)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let pair = self.pair().ok_or_else(no_counts);
        if pair.is_err() {
            self.rest = &[];
        }
        Some(pair)
    }
}

fn no_counts() -> StoreError {
    corrupt("the counts of attempts are damaged")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(change: &[(u16, i64)]) -> Vec<u8> {
        changed(&[], &change.iter().copied().collect()).unwrap()
    }

    fn read(row: &[u8]) -> Vec<(u16, u64)> {
        counts(row).collect::<StoreResult<_>>().unwrap()
    }

    #[test]
    fn counts_come_back_from_the_row() {
        let last = LATENCY_BUCKETS - 1;
        let each = [(0, 1), (1, 127), (200, 128), (201, 16_384), (last, 123_456_789_012)];
        let bytes = row(&each);
        assert_eq!(read(&bytes), each.map(|(bucket, count)| (bucket, count.unsigned_abs())));
        assert_eq!(bytes[..7], [0, 1, 0, 127, 0xc6, 1, 0x80]);
        assert_eq!((row(&[]), read(&[])), (vec![], vec![]));
        let all = |count| -> Vec<_> { (0..LATENCY_BUCKETS).map(|each| (each, count)).collect() };
        assert_eq!(row(&all(16_383)).len(), 3 * 1728);
        let full = row(&all(i64::MAX));
        assert_eq!(full.len(), 7 * 1728);
        assert!(read(&full).iter().all(|(_, count)| *count == MAX_COUNT));
    }

    #[test]
    fn a_change_is_added_where_it_belongs() {
        let before = row(&[(5, 3), (7, 1), (300, 9), (400, 2)]);
        let change = [(0, 1), (5, 2), (6, 4), (7, -1), (8, -1), (300, -10), (400, -1), (401, 6)];
        let after = changed(&before, &change.into_iter().collect()).unwrap();
        assert_eq!(read(&after), [(0, 1), (5, 5), (6, 4), (400, 1), (401, 6)]);
        assert_eq!(changed(&after, &HistogramChange::new()).unwrap(), after);
        let most = row(&[(5, i64::MAX)]);
        assert_eq!(changed(&most, &[(5, i64::MAX)].into_iter().collect()).unwrap(), most);
        let none = [(5, i64::MIN)].into_iter().collect();
        assert!(changed(&most, &none).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_row_of_counts_is_refused() {
        let refused: [&[u8]; 9] = [
            &[0],
            &[0, 0],
            &[0x80],
            &[0, 0x80],
            &[0, 1, 0xff],
            // Bucket 1,728, and one far above it.
            &[0xc0, 0x0d, 1],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1],
            // More than are counted, and a number without end.
            &[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
            &[0, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1],
        ];
        for wrong in refused {
            assert!(counts(wrong).any(|each| each.is_err()), "{wrong:?}");
            assert!(counts(wrong).count() <= 2, "{wrong:?}");
            assert!(changed(wrong, &HistogramChange::new()).is_err(), "{wrong:?}");
        }
        let mut last = row(&[(LATENCY_BUCKETS - 1, 1)]);
        last.extend([0, 1]);
        assert!(changed(&last, &HistogramChange::new()).is_err());
    }
}
