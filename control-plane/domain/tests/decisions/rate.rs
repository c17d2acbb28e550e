//! The limit holds in every second, and is nearly reached.

use std::time::Duration;

use postrider_domain::rate::TokenBucket;
use postrider_domain::time::Timestamp;
use proptest::prelude::*;

const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

/// What the receiver's clock may differ in from ours, from one request to the next.
const SECOND_AND_TRANSIT: Duration = Duration::from_millis(1040);

/// Starts as soon as it may, each time late by the next of `late`, until `end`.
fn starts(
    bucket: &mut TokenBucket,
    late: impl Iterator<Item = Duration>,
    end: Duration,
) -> Vec<Timestamp> {
    let mut now = START;
    let mut starts = Vec::new();
    for delay in late {
        match bucket.try_take(now) {
            Ok(()) => starts.push(now),
            Err(when) => now = when + delay,
        }
        if now > START + end {
            break;
        }
    }
    starts
}

#[test]
fn there_is_no_burst_at_first_nor_after_idling() {
    let mut bucket = TokenBucket::new(10, START);
    let first = bucket.try_take(START).unwrap_err();
    assert!(bucket.try_take(first).is_ok());
    assert!(bucket.try_take(first).is_err());
    let later = first + Duration::from_secs(3600);
    assert!(bucket.try_take(later).is_ok());
    let next = bucket.try_take(later).unwrap_err();
    assert!(next.since(later) >= Duration::from_millis(90), "{:?}", next.since(later));
}

#[test]
fn the_limit_is_nearly_reached_although_timers_tick_in_milliseconds() {
    for limit in [1_u32, 5, 10, 100, 500, 1000] {
        let late = std::iter::repeat(Duration::from_millis(1));
        let made = starts(&mut TokenBucket::new(limit, START), late, Duration::from_secs(60)).len();
        let wanted = usize::try_from(limit).unwrap() * 60;
        assert!(made * 100 >= wanted * 93 && made <= wanted, "{made} of {wanted}");
    }
}

#[test]
fn a_limit_of_nothing_is_taken_for_one_a_second() {
    let mut bucket = TokenBucket::new(0, START);
    assert!(bucket.try_take(START + Duration::from_secs(2)).is_ok());
}

proptest! {
    /// Whoever is late or idle, and wherever the bucket is built again.
    #[test]
    fn no_second_has_more_starts_than_the_limit(
        limit in 1_u32..300,
        late in proptest::collection::vec((0_u64..40_000, 0_u8..50), 50..1500),
    ) {
        let mut bucket = TokenBucket::new(limit, START);
        let mut now = START;
        let mut starts = Vec::new();
        for (micros, event) in late {
            if event == 0 {
                bucket = TokenBucket::new(limit, now);
            }
            match bucket.try_take(now) {
                Ok(()) => starts.push(now),
                Err(when) => now = when + Duration::from_micros(micros),
            }
        }
        let reach = usize::try_from(limit).unwrap();
        for (first, last) in starts.iter().zip(starts.iter().skip(reach)) {
            prop_assert!(last.since(*first) >= SECOND_AND_TRANSIT, "{:?}", last.since(*first));
        }
    }
}
