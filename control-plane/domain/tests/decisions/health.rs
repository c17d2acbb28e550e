//! Windows, breakers and holds.

use std::time::Duration;

use postrider_domain::endpoint_health::{
    BreakerConfig, BreakerState, CircuitBreaker, ConcurrencyWindow, ConcurrencyWindowConfig,
    DispatchPermission, EndpointHold,
};
use postrider_domain::ids::DeliveryId;
use postrider_domain::time::Timestamp;
use proptest::prelude::*;

const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const QUICK: Duration = Duration::from_millis(20);

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn delivery(number: u8) -> DeliveryId {
    DeliveryId::new(START, [number; 10])
}

fn window() -> ConcurrencyWindow {
    ConcurrencyWindow::new(ConcurrencyWindowConfig {
        initial: 4,
        min: 1,
        max: 64,
        quick: Duration::from_millis(500),
    })
}

fn succeed(window: &mut ConcurrencyWindow, times: u32, now: Timestamp) {
    for _ in 0..times {
        window.on_success(QUICK, now);
    }
}

#[test]
fn a_new_window_doubles_in_a_round_trip() {
    let mut window = window();
    assert_eq!(window.size(), 4);
    succeed(&mut window, 4, START);
    assert_eq!(window.size(), 8);
    succeed(&mut window, 8, START);
    assert_eq!(window.size(), 16);
    succeed(&mut window, 1000, START);
    assert_eq!(window.size(), 64);
}

#[test]
fn time_outs_of_one_round_trip_halve_once() {
    let mut window = window();
    succeed(&mut window, 60, START);
    for _ in 0..64 {
        window.on_timeout(START);
    }
    assert_eq!(window.size(), 32);
    window.on_timeout(START + secs(1));
    assert_eq!(window.size(), 16);
    for round in 2..20 {
        window.on_timeout(START + secs(round));
    }
    assert_eq!(window.size(), 1);
}

#[test]
fn after_a_time_out_it_grows_by_one_in_a_round_trip() {
    let mut window = window();
    succeed(&mut window, 4, START);
    window.on_timeout(START);
    assert_eq!(window.size(), 4);
    succeed(&mut window, 100, START);
    assert_eq!(window.size(), 4, "these were begun before it was halved");
    let later = START + secs(1);
    succeed(&mut window, 4, later);
    assert_eq!(window.size(), 5);
    succeed(&mut window, 5, later);
    assert_eq!(window.size(), 6);
}

#[test]
fn slow_successes_do_not_let_it_grow() {
    let mut window = window();
    for _ in 0..100 {
        window.on_success(secs(2), START);
    }
    assert_eq!(window.size(), 4);
}

#[test]
fn an_error_only_makes_growth_cautious_for_a_round_trip() {
    let mut window = window();
    window.on_failure(START);
    assert_eq!(window.size(), 4);
    succeed(&mut window, 4, START);
    assert_eq!(window.size(), 5);
    succeed(&mut window, 5, START + secs(1));
    assert_eq!(window.size(), 10);
}

#[test]
fn failures_without_a_success_between_halve_it_and_it_doubles_again_after() {
    let mut window = window();
    succeed(&mut window, 60, START);
    let fail = |window: &mut ConcurrencyWindow, times| {
        for _ in 0..times {
            window.on_failure(START);
        }
    };
    for _ in 0..10 {
        fail(&mut window, 63);
        succeed(&mut window, 1, START);
    }
    assert_eq!(window.size(), 64, "one success in 64 shows that it lives");
    fail(&mut window, 64);
    assert_eq!(window.size(), 32);
    fail(&mut window, 32 + 16 + 8 + 4 + 2);
    assert_eq!(window.size(), 1);
    fail(&mut window, 100);
    assert_eq!(window.size(), 1);
    assert_eq!(window.rests(START), Some(START + Duration::from_millis(100)));
    assert_eq!(window.rests(START + Duration::from_millis(100)), None);
    succeed(&mut window, 63, START + secs(1));
    assert_eq!(window.size(), 64);
    fail(&mut window, 100);
    assert_eq!(window.rests(START), None, "the success ended the row");
}

proptest! {
    #[test]
    fn a_window_stays_within_its_bounds(
        (initial, min, max) in (0_u32..100, 0_u32..100, 0_u32..100),
        ends in proptest::collection::vec((0_u8..3, 0_u64..2000), 0..300),
    ) {
        let mut window = ConcurrencyWindow::new(ConcurrencyWindowConfig { initial, min, max, quick: secs(1) });
        let mut now = START;
        let bounds = min.clamp(1, max.max(1))..=max.max(1);
        for (end, millis) in ends {
            let before = window.size();
            prop_assert!(bounds.contains(&before), "{before} not in {bounds:?}");
            now = now + Duration::from_millis(millis / 10);
            match end {
                0 => window.on_success(Duration::from_millis(millis), now),
                1 => window.on_timeout(now),
                _ => window.on_failure(now),
            }
            let after = window.size();
            prop_assert!(after <= before + 1 && after >= (before / 2).max(1));
            prop_assert!(end == 0 || after <= before, "only success lets it grow");
        }
    }
}

fn breaker() -> CircuitBreaker {
    CircuitBreaker::new(BreakerConfig::default())
}

/// Opened at the time that it gives.
fn opened() -> (CircuitBreaker, Timestamp) {
    let mut breaker = breaker();
    for number in 0..20 {
        breaker.on_attempt_result(delivery(number), false, START);
    }
    let now = START + secs(30);
    breaker.on_attempt_result(delivery(0), false, now);
    assert_eq!(breaker.state(now), BreakerState::Open);
    (breaker, now)
}

#[test]
fn one_delivery_never_opens_it() {
    let mut breaker = breaker();
    for second in 0..10_000 {
        breaker.on_attempt_result(delivery(1), false, START + secs(second));
    }
    assert_eq!(breaker.may_dispatch(START + secs(10_000)), DispatchPermission::Yes);
}

#[test]
fn it_opens_after_20_deliveries_over_30_seconds_and_no_sooner() {
    let mut many = breaker();
    for number in 0..=255 {
        many.on_attempt_result(delivery(number), false, START + Duration::from_millis(29_999));
    }
    assert_eq!(many.state(START), BreakerState::Closed, "failures of one moment");
    let mut few = breaker();
    for number in 0..19 {
        few.on_attempt_result(delivery(number), false, START + secs(10 * u64::from(number)));
    }
    assert_eq!(few.state(START), BreakerState::Closed, "19 deliveries");
    let now = START + secs(200);
    few.on_attempt_result(delivery(19), false, now);
    assert_eq!(few.may_dispatch(now), DispatchPermission::No { until: now + secs(30) });
    assert_eq!(few.opened_since(), Some(now));
}

#[test]
fn a_success_between_begins_the_count_anew() {
    let mut breaker = breaker();
    for number in 0..200 {
        let now = START + secs(10 * u64::from(number));
        breaker.on_attempt_result(delivery(number), number % 20 == 19, now);
        assert_eq!(breaker.state(now), BreakerState::Closed);
    }
}

#[test]
fn probes_come_one_at_a_time_and_ever_more_rarely() {
    let (mut breaker, since) = opened();
    let mut now = since;
    for interval in [30, 60, 120, 240, 300, 300] {
        let due = now + secs(interval);
        assert_eq!(breaker.may_dispatch(now), DispatchPermission::No { until: due });
        assert_eq!(breaker.may_dispatch(due), DispatchPermission::Probe);
        now = due + secs(1);
        breaker.probe_started(now);
        assert_eq!(breaker.state(now), BreakerState::HalfOpen);
        assert!(
            matches!(breaker.may_dispatch(now), DispatchPermission::No { .. }),
            "one probe at a time"
        );
        breaker.on_attempt_result(delivery(7), false, now);
        assert_eq!(breaker.state(now), BreakerState::Open);
        assert_eq!(breaker.opened_since(), Some(since));
    }
}

#[test]
fn a_success_closes_it_and_begins_anew() {
    let (mut breaker, now) = opened();
    breaker.probe_started(now + secs(30));
    breaker.on_attempt_result(delivery(7), true, now + secs(31));
    assert_eq!(breaker.may_dispatch(now + secs(31)), DispatchPermission::Yes);
    assert_eq!(breaker.opened_since(), None);
    for number in 0..19 {
        breaker.on_attempt_result(delivery(number), false, now + secs(100 + u64::from(number)));
    }
    assert_eq!(breaker.state(now), BreakerState::Closed);
}

#[test]
fn what_was_begun_before_it_opened_does_not_postpone_the_probe() {
    let (mut breaker, now) = opened();
    breaker.on_attempt_result(delivery(9), false, now + secs(29));
    assert_eq!(breaker.may_dispatch(now + secs(30)), DispatchPermission::Probe);
}

#[test]
fn a_probe_that_was_never_sent_or_is_lost_is_made_again() {
    let (mut breaker, now) = opened();
    let due = now + secs(30);
    breaker.probe_started(due);
    breaker.probe_abandoned(due + secs(1));
    assert_eq!(breaker.may_dispatch(due + secs(1)), DispatchPermission::Probe);
    breaker.probe_started(due + secs(2));
    let lost = due + secs(122);
    assert_eq!(breaker.may_dispatch(due + secs(3)), DispatchPermission::No { until: lost });
    assert_eq!(breaker.may_dispatch(lost), DispatchPermission::Probe);
}

#[test]
fn a_closed_breaker_knows_no_probes() {
    let mut breaker = breaker();
    breaker.probe_started(START);
    breaker.probe_abandoned(START);
    assert_eq!(breaker.may_dispatch(START), DispatchPermission::Yes);
}

/// The rule as it is written, without a bound on memory.
fn should_open(failures: &[(u8, Timestamp)]) -> bool {
    let different: std::collections::BTreeSet<u8> =
        failures.iter().map(|(number, _)| *number).collect();
    let span = failures.first().zip(failures.last()).map(|(first, last)| last.1.since(first.1));
    different.len() >= 20 && span.is_some_and(|span| span >= secs(30))
}

proptest! {
    #[test]
    fn it_opens_exactly_by_the_rule(
        results in proptest::collection::vec((0_u8..40, 0_u8..60, 0_u64..4), 0..300),
    ) {
        let mut breaker = breaker();
        let mut failures = Vec::new();
        let mut now = START;
        for (number, luck, seconds) in results {
            now = now + secs(seconds);
            let success = luck == 0;
            breaker.on_attempt_result(delivery(number), success, now);
            if success {
                failures.clear();
            } else {
                failures.push((number, now));
            }
            let open = breaker.state(now) == BreakerState::Open;
            prop_assert_eq!(open, should_open(&failures));
            if open {
                break;
            }
        }
    }

    /// Whatever happens to its probes, an open breaker comes to another.
    #[test]
    fn it_never_stays_open_without_another_probe(
        events in proptest::collection::vec((0_u8..4, 0_u64..400), 0..200),
    ) {
        let (mut breaker, mut now) = opened();
        for (event, seconds) in events {
            now = now + secs(seconds);
            match event {
                0 if breaker.may_dispatch(now) == DispatchPermission::Probe => breaker.probe_started(now),
                1 => breaker.on_attempt_result(delivery(1), false, now),
                2 => breaker.probe_abandoned(now),
                _ => {}
            }
            match breaker.may_dispatch(now) {
                DispatchPermission::No { until } => {
                    prop_assert!(until > now && until.since(now) <= secs(300));
                    prop_assert_eq!(breaker.may_dispatch(until), DispatchPermission::Probe);
                }
                DispatchPermission::Probe => {}
                DispatchPermission::Yes => prop_assert!(false, "closed without a success"),
            }
        }
    }
}

#[test]
fn a_hold_is_lengthened_never_shortened_and_ends() {
    let mut hold = EndpointHold::default();
    assert_eq!(hold.held(START), None);
    hold.hold_until(START + secs(10));
    hold.hold_until(START + secs(5));
    assert_eq!(hold.held(START), Some(START + secs(10)));
    hold.hold_until(START + secs(20));
    assert_eq!(hold.held(START + secs(10)), Some(START + secs(20)));
    assert_eq!(hold.held(START + secs(20)), None);
}

#[test]
fn one_attempt_ends_a_hold() {
    let mut hold = EndpointHold::default();
    assert_eq!(hold.may_dispatch(START), DispatchPermission::Yes);
    hold.hold_until(START + secs(10));
    let at = |seconds| START + secs(seconds);
    assert_eq!(hold.may_dispatch(at(9)), DispatchPermission::No { until: at(10) });
    assert!(!hold.on_attempt_result(), "it was begun before the hold");
    assert_eq!(hold.may_dispatch(at(10)), DispatchPermission::Probe);
    hold.attempt_started(at(10), secs(60));
    assert_eq!(hold.held(at(11)), None);
    assert_eq!(hold.may_dispatch(at(11)), DispatchPermission::No { until: at(70) });
    assert_eq!(hold.may_dispatch(at(70)), DispatchPermission::Probe, "it is taken for lost");
    hold.attempt_abandoned(at(12));
    assert_eq!(hold.may_dispatch(at(12)), DispatchPermission::Probe);
    hold.attempt_started(at(12), secs(60));
    hold.hold_until(at(40));
    assert_eq!(
        hold.may_dispatch(at(13)),
        DispatchPermission::No { until: at(40) },
        "it asked again"
    );
    hold.attempt_started(at(40), secs(60));
    assert!(hold.on_attempt_result());
    assert_eq!(hold.may_dispatch(at(41)), DispatchPermission::Yes);
    hold.attempt_started(at(41), secs(60));
    hold.attempt_abandoned(at(41));
    assert_eq!(hold.may_dispatch(at(41)), DispatchPermission::Yes);
}

#[test]
fn a_window_restarts_no_wider_than_it_was() {
    let mut window = ConcurrencyWindow::new(ConcurrencyWindowConfig {
        initial: 4,
        ..ConcurrencyWindowConfig::default()
    });
    for _ in 0..20 {
        window.on_success(Duration::ZERO, START);
    }
    assert_eq!(window.size(), 24);
    window.restart();
    assert_eq!(window.size(), 4);
    window.on_timeout(START);
    window.restart();
    assert_eq!(window.size(), 2);
}
