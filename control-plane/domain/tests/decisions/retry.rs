//! Timetables, jitter, bounds, and what receivers ask for.

use std::time::Duration;

use postrider_domain::retry::{
    MAX_AGE, MAX_ATTEMPTS, RetryPolicy, RetryTimetable, parse_retry_after,
};
use postrider_domain::time::Timestamp;
use proptest::prelude::*;

const HOUR: u64 = 3600;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn policy(timetable: RetryTimetable) -> RetryPolicy {
    RetryPolicy { timetable, ..RetryPolicy::default() }
}

fn delays(policy: &RetryPolicy) -> Vec<Duration> {
    (1..).map_while(|failures| policy.delay_after(failures)).collect()
}

#[test]
fn the_standard_timetable_has_ten_attempts() {
    let standard = RetryPolicy::default();
    let hours = |list: &[u64]| list.iter().map(|h| secs(h * HOUR)).collect::<Vec<_>>();
    let mut wanted = vec![secs(5), secs(300), secs(1800)];
    wanted.extend(hours(&[2, 5, 10, 14, 20, 24]));
    assert_eq!(delays(&standard), wanted);
    assert_eq!(standard.delay_after(0), Some(Duration::ZERO), "the first attempt is made at once");
    assert_eq!(standard.delay_after(u32::MAX), None);
    assert_eq!(standard.total(), secs(75 * HOUR + 35 * 60 + 5));
    let jitter = standard.total() / 10;
    assert_eq!(standard.deadline_span(), standard.total() + jitter + secs(HOUR));
}

#[test]
fn a_list_has_one_attempt_more_than_delays() {
    let list = policy(RetryTimetable::List(vec![secs(1), secs(1), secs(9)]));
    assert_eq!(delays(&list), [secs(1), secs(1), secs(9)]);
    assert_eq!(list.timetable.attempts(), 4);
    assert_eq!(list.total(), secs(11));
}

#[test]
fn linear_delays_grow_by_the_increment() {
    let half = Duration::from_millis(500);
    let linear = policy(RetryTimetable::Linear { initial: half, increment: half, max_attempts: 6 });
    assert_eq!(delays(&linear), [1, 2, 3, 4, 5].map(|halves| half * halves));
}

#[test]
fn exponential_delays_grow_by_the_factor_up_to_the_longest() {
    let exponential = |percent, attempts| {
        delays(&policy(RetryTimetable::Exponential {
            initial: secs(10),
            multiplier_percent: percent,
            max_delay: secs(60),
            max_attempts: attempts,
        }))
    };
    assert_eq!(exponential(200, 6), [10, 20, 40, 60, 60].map(secs));
    let thirds = [10_000, 15_000, 22_500, 33_750].map(Duration::from_millis);
    assert_eq!(exponential(150, 5), thirds);
    assert_eq!(exponential(100, 4), [10, 10, 10].map(secs));
    assert_eq!(exponential(200, 1), []);
}

#[test]
fn a_maximum_age_is_the_deadline() {
    let aged = RetryPolicy { max_age: Some(secs(90)), ..RetryPolicy::default() };
    assert_eq!(aged.deadline_span(), secs(90));
}

fn paths(policy: &RetryPolicy) -> Vec<String> {
    policy.validate().err().unwrap_or_default().into_iter().map(|(path, _)| path).collect()
}

#[test]
fn what_is_out_of_bounds_is_named() {
    let week = secs(7 * 24 * HOUR);
    assert_eq!(paths(&RetryPolicy::default()), [""; 0]);
    assert_eq!(paths(&policy(RetryTimetable::List(vec![]))), ["fixed_delays.delays"]);
    assert_eq!(paths(&policy(RetryTimetable::List(vec![secs(1); 51]))), ["fixed_delays.delays"]);
    let long = policy(RetryTimetable::List(vec![secs(1), week + secs(1)]));
    assert_eq!(paths(&long), ["fixed_delays.delays[1]"]);

    let linear = |initial, increment, max_attempts| {
        paths(&policy(RetryTimetable::Linear { initial, increment, max_attempts }))
    };
    assert_eq!(linear(secs(0), secs(0), 100), [""; 0]);
    assert_eq!(linear(secs(1), secs(1), 0), ["linear.max_attempts"]);
    assert_eq!(linear(secs(1), secs(24 * HOUR), 9), ["linear.increment"]);
    assert_eq!(linear(week + secs(1), secs(1), 2), ["linear.initial_delay"]);

    let exponential = |initial, multiplier_percent, max_delay, max_attempts| {
        let timetable =
            RetryTimetable::Exponential { initial, multiplier_percent, max_delay, max_attempts };
        paths(&policy(timetable))
    };
    assert_eq!(exponential(secs(1), 200, secs(HOUR), 20), [""; 0]);
    assert_eq!(exponential(secs(0), 200, secs(HOUR), 20), ["exponential.initial_delay"]);
    assert_eq!(
        exponential(secs(2), 99, secs(1), 101),
        ["exponential.max_attempts", "exponential.multiplier_percent", "exponential.max_delay"]
    );

    let jitter = RetryPolicy { jitter_percent: 51, ..RetryPolicy::default() };
    assert_eq!(paths(&jitter), ["jitter_percent"]);
    for age in [secs(0), MAX_AGE + secs(1)] {
        let aged = RetryPolicy { max_age: Some(age), ..RetryPolicy::default() };
        assert_eq!(paths(&aged), ["max_age"]);
    }
}

#[test]
fn a_timetable_longer_than_the_longest_age_needs_an_age() {
    let weeks = policy(RetryTimetable::List(vec![secs(7 * 24 * HOUR); 5]));
    assert_eq!(paths(&weeks), ["max_age"]);
    assert_eq!(paths(&RetryPolicy { max_age: Some(MAX_AGE), ..weeks }), [""; 0]);
}

#[test]
fn policies_are_stored_and_read_back() {
    let linear = RetryTimetable::Linear { initial: secs(1), increment: secs(2), max_attempts: 3 };
    for timetable in [RetryTimetable::Standard, RetryTimetable::List(vec![secs(1)]), linear] {
        let policy = RetryPolicy { max_age: Some(secs(9)), ..policy(timetable) };
        let text = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<RetryPolicy>(&text).unwrap(), policy);
    }
}

/// Sun, 06 Nov 1994 08:49:37 GMT.
const NOVEMBER: Timestamp = Timestamp::from_micros(784_111_777_000_000);

#[test]
fn retry_after_is_seconds_or_a_date() {
    let earlier = NOVEMBER - secs(90);
    for (text, wanted) in [
        ("0", Some(0)),
        ("120", Some(120)),
        (" 120\t", Some(120)),
        ("999999999", Some(999_999_999)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(90)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", Some(90)),
        ("Sun Nov  6 08:49:37 1994", Some(90)),
        // As some receivers write it, and parsers of the exact forms refuse it.
        ("Sun, 6 Nov 1994 8:49:37 GMT", Some(90)),
        ("sun, 06 nov 1994 08:49:37 GMT", Some(90)),
        ("Sun, 06 Nov 1994 08:40:00 GMT", Some(0)),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("12 s", None),
        ("Sun, 06 Nov 1994 08:49:37 CET", None),
        ("Sun, 31 Feb 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 25:49:37 GMT", None),
        (&"9".repeat(65), None),
    ] {
        assert_eq!(parse_retry_after(text.as_bytes(), None, earlier), wanted.map(secs), "{text:?}");
    }
}

#[test]
fn a_large_number_in_retry_after_is_a_time() {
    let now = Timestamp::from_micros(1_793_491_200_000_000);
    for (text, wanted) in [
        ("1793491230", Some(30)),
        ("1793491230000", Some(30)),
        // It is over.
        ("1000000000", Some(0)),
        ("1793491199", Some(0)),
        ("1000000000000", Some(0)),
    ] {
        assert_eq!(parse_retry_after(text.as_bytes(), None, now), wanted.map(secs), "{text:?}");
    }
    for endless in ["999999999999", "99999999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let wait = parse_retry_after(endless.as_bytes(), None, now).unwrap();
        assert_eq!(RetryPolicy::default().granted(wait), secs(HOUR), "{endless}");
    }
}

#[test]
fn a_time_in_retry_after_is_by_the_receivers_clock() {
    let wait = |value: &str, date: &str| {
        parse_retry_after(value.as_bytes(), Some(date.as_bytes()), NOVEMBER)
    };
    // An hour slow, and an hour fast.
    let slow = "Sun, 06 Nov 1994 07:49:37 GMT";
    assert_eq!(wait("Sun, 06 Nov 1994 07:50:07 GMT", slow), Some(secs(30)));
    let fast = "Sun, 06 Nov 1994 09:49:37 GMT";
    assert_eq!(wait("Sun, 06 Nov 1994 09:50:07 GMT", fast), Some(secs(30)));
    assert_eq!(wait("Sun, 06 Nov 1994 09:00:00 GMT", fast), Some(secs(0)));
    assert_eq!(wait("1000000030", "Sun, 09 Sep 2001 01:46:40 GMT"), Some(secs(30)));
    // Seconds are nobody's time.
    assert_eq!(wait("30", fast), Some(secs(30)));
    for no_date in ["", "soon", "0", &"9".repeat(99)] {
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:07 GMT", no_date), Some(secs(30)), "{no_date:?}");
    }
}

#[test]
fn a_policy_grants_a_wait_up_to_its_limit() {
    let policy = |max_retry_after| RetryPolicy { max_retry_after, ..RetryPolicy::default() };
    assert_eq!(policy(None).granted(secs(7200)), secs(HOUR));
    assert_eq!(policy(Some(secs(60))).granted(secs(7200)), secs(60));
    assert_eq!(policy(Some(secs(0))).granted(secs(7200)), secs(0));
    assert_eq!(policy(Some(secs(24 * HOUR))).granted(secs(7200)), secs(7200));
    let too_long = policy(Some(secs(24 * HOUR + 1))).validate().unwrap_err();
    assert_eq!(too_long[0].0, "max_retry_after");
}

#[test]
fn the_longest_delays_are_the_timetable_with_its_jitter() {
    let policy = policy(RetryTimetable::List(vec![secs(10), secs(100)]));
    let policy = RetryPolicy { jitter_percent: 10, ..policy };
    assert_eq!(policy.longest_delays(), [secs(0), secs(11), secs(110)]);
}

fn any_span() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (0_u64..1_000_000).prop_map(Duration::from_millis),
        any::<(u64, u32)>().prop_map(|(s, n)| Duration::new(s / 2, n % 1_000_000_000)),
    ]
}

fn any_timetable() -> impl Strategy<Value = RetryTimetable> {
    prop_oneof![
        Just(RetryTimetable::Standard),
        proptest::collection::vec(any_span(), 0..200).prop_map(RetryTimetable::List),
        (any_span(), any_span(), any::<u32>()).prop_map(|(initial, increment, max_attempts)| {
            RetryTimetable::Linear { initial, increment, max_attempts }
        }),
        (any_span(), 0..2000_u32, any_span(), any::<u32>()).prop_map(
            |(initial, multiplier_percent, max_delay, max_attempts)| RetryTimetable::Exponential {
                initial,
                multiplier_percent,
                max_delay,
                max_attempts
            }
        ),
    ]
}

fn any_policy() -> impl Strategy<Value = RetryPolicy> {
    (any_timetable(), any::<u8>(), proptest::option::of(any_span())).prop_map(
        |(timetable, jitter_percent, max_age)| RetryPolicy {
            timetable,
            jitter_percent,
            max_age,
            max_retry_after: None,
        },
    )
}

proptest! {
    /// Also one that was never validated: it ends, and nothing overflows.
    #[test]
    fn every_policy_ends(policy in any_policy(), random in 0.0..1.0_f64) {
        let attempts = policy.timetable.attempts();
        prop_assert!((1..=MAX_ATTEMPTS).contains(&attempts));
        prop_assert_eq!(delays(&policy).len(), usize::try_from(attempts - 1).unwrap());
        for failures in 0..attempts {
            prop_assert!(policy.next_delay(failures, random).is_some());
        }
        prop_assert_eq!(policy.next_delay(attempts, random), None);
        policy.deadline_span();
    }

    #[test]
    fn what_is_valid_is_bounded(policy in any_policy()) {
        if policy.validate().is_ok() {
            prop_assert!(policy.deadline_span() <= MAX_AGE);
            prop_assert!(delays(&policy).iter().all(|delay| *delay <= secs(7 * 24 * HOUR)));
        }
    }

    #[test]
    fn jitter_stays_within_its_percentage(jitter in 0_u8..=50, failures in 1_u32..10, random in 0.0..1.0_f64) {
        let policy = RetryPolicy { jitter_percent: jitter, ..RetryPolicy::default() };
        let plain = policy.delay_after(failures).unwrap();
        let delay = policy.next_delay(failures, random).unwrap();
        let most = plain * u32::from(jitter) / 100 + Duration::from_micros(1);
        prop_assert!(delay.abs_diff(plain) <= most, "{delay:?} for {plain:?}");
        if jitter == 0 {
            prop_assert_eq!(delay, plain);
        }
    }

    #[test]
    fn jitter_rises_with_the_random_number(failures in 1_u32..10, a in 0.0..1.0_f64, b in 0.0..1.0_f64) {
        let policy = RetryPolicy::default();
        let (low, high) = (a.min(b), a.max(b));
        prop_assert!(policy.next_delay(failures, low) <= policy.next_delay(failures, high));
    }

    #[test]
    fn no_retry_after_header_upsets_the_parser(
        value in proptest::collection::vec(any::<u8>(), 0..80),
        digits in "[0-9]{0,30}",
        date in proptest::collection::vec(any::<u8>(), 0..80),
        now in any::<i64>(),
    ) {
        for value in [value.as_slice(), digits.as_bytes()] {
            let _ = parse_retry_after(value, Some(&date), Timestamp::from_micros(now));
        }
    }
}
