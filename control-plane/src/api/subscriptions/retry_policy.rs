//! Retry policies and success rules.
//!
//! Bounds are the contract's, told for the field in which the caller wrote them.

use std::ops::RangeInclusive;
use std::time::Duration;

use postrider_domain::retry::{RetryPolicy, RetryTimetable};
use postrider_domain::subscription::SuccessRule;
use postrider_proto::v1;
use postrider_proto::v1::retry_policy::Timetable as Given;

use crate::api::rpc::errors::FieldViolations;
use crate::api::values::time::{duration, span};

/// These and the following are the domain's (`postrider_domain::retry`), as gRPC has the
/// types.
const MAX_DELAY: Duration = Duration::from_secs(7 * 86_400);
const MAX_AGE_RANGE: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(30 * 86_400);
const MAX_RETRY_AFTER: Duration = Duration::from_secs(86_400);
const MAX_DELAYS: usize = 50;
const ATTEMPTS_RANGE: RangeInclusive<u32> = 1..=100;
const MULTIPLIER_PERCENT_RANGE: RangeInclusive<u32> = 100..=1000;
const MAX_JITTER_PERCENT: u32 = 50;
/// A list of what counts as success; with any 2xx none is needed.
const MAX_STATUS_CODES: usize = 32;
const STATUS_CODE_RANGE: RangeInclusive<u32> = 200..=599;

/// Reads a retry policy; absent means the default.
pub fn policy(
    given: Option<&v1::RetryPolicy>,
    field: &str,
    violations: &mut FieldViolations,
) -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    let Some(given) = given else { return policy };
    if let Some(timetable) = &given.timetable {
        policy.timetable = self::timetable(timetable, field, violations);
    }
    if let Some(percent) = given.jitter_percent {
        match u8::try_from(percent) {
            Ok(small) if percent <= MAX_JITTER_PERCENT => policy.jitter_percent = small,
            _ => violations.add(format!("{field}.jitter_percent"), "must be 0 to 50"),
        }
    }
    if let Some(age) = &given.max_age {
        let field = format!("{field}.max_age");
        let age = violations.keep(&field, span(age)).unwrap_or_default();
        if !MAX_AGE_RANGE.contains(&age) {
            violations.add(field, "must be 1 s to 30 d");
        }
        policy.max_age = Some(age);
    }
    if let Some(longest) = &given.max_retry_after {
        let field = format!("{field}.max_retry_after");
        let longest = violations.keep(&field, span(longest)).unwrap_or_default();
        if longest > MAX_RETRY_AFTER {
            violations.add(field, "must be 0 s to 24 h");
        }
        policy.max_retry_after = Some(longest);
    }
    policy
}

fn timetable(given: &Given, field: &str, violations: &mut FieldViolations) -> RetryTimetable {
    match given {
        Given::Standard(_) => RetryTimetable::Standard,
        Given::FixedDelays(fixed) => {
            let field = format!("{field}.fixed_delays.delays");
            if fixed.delays.is_empty() || fixed.delays.len() > MAX_DELAYS {
                violations.add(field.as_str(), "must hold 1 to 50 delays");
            }
            let delays = fixed.delays.iter().take(MAX_DELAYS).enumerate();
            let read =
                |(index, delay)| bounded(Some(delay), &format!("{field}[{index}]"), violations);
            RetryTimetable::List(delays.map(read).collect())
        }
        Given::Linear(linear) => linear_timetable(linear, &format!("{field}.linear"), violations),
        Given::Exponential(exponential) => {
            exponential_timetable(exponential, &format!("{field}.exponential"), violations)
        }
    }
}

fn linear_timetable(
    given: &v1::LinearBackoff,
    field: &str,
    violations: &mut FieldViolations,
) -> RetryTimetable {
    let first = format!("{field}.initial_delay");
    let initial = bounded(given.initial_delay.as_ref(), &first, violations);
    let increment = bounded(given.increment.as_ref(), &format!("{field}.increment"), violations);
    let max_attempts = attempts(given.max_attempts, field, violations);
    let growths = max_attempts.saturating_sub(2);
    if initial.saturating_add(increment.saturating_mul(growths)) > MAX_DELAY {
        violations.add(format!("{field}.increment"), "must not let a delay grow past 7 d");
    }
    RetryTimetable::Linear { initial, increment, max_attempts }
}

fn exponential_timetable(
    given: &v1::ExponentialBackoff,
    field: &str,
    violations: &mut FieldViolations,
) -> RetryTimetable {
    let first = format!("{field}.initial_delay");
    let initial = bounded(given.initial_delay.as_ref(), &first, violations);
    if given.initial_delay.is_some() && initial.is_zero() {
        violations.add(first, "must be more than 0 s");
    }
    let longest = format!("{field}.max_delay");
    let max_delay = bounded(given.max_delay.as_ref(), &longest, violations);
    if given.max_delay.is_some() && max_delay < initial {
        violations.add(longest, "must be at least initial_delay");
    }
    if !MULTIPLIER_PERCENT_RANGE.contains(&given.multiplier_percent) {
        violations.add(format!("{field}.multiplier_percent"), "must be 100 to 1000");
    }
    RetryTimetable::Exponential {
        initial,
        multiplier_percent: given.multiplier_percent,
        max_delay,
        max_attempts: attempts(given.max_attempts, field, violations),
    }
}

/// A delay of 0 s to 7 d.
fn bounded(
    given: Option<&prost_types::Duration>,
    field: &str,
    violations: &mut FieldViolations,
) -> Duration {
    let Some(given) = given else {
        violations.add(field, "is missing");
        return Duration::ZERO;
    };
    match span(given) {
        Ok(delay) if delay <= MAX_DELAY => delay,
        _ => {
            violations.add(field, "must be 0 s to 7 d");
            Duration::ZERO
        }
    }
}

fn attempts(given: u32, field: &str, violations: &mut FieldViolations) -> u32 {
    if !ATTEMPTS_RANGE.contains(&given) {
        violations.add(format!("{field}.max_attempts"), "must be 1 to 100");
    }
    given.min(*ATTEMPTS_RANGE.end())
}

pub fn policy_to_proto(policy: &RetryPolicy) -> v1::RetryPolicy {
    let timetable = match &policy.timetable {
        RetryTimetable::Standard => Given::Standard(v1::StandardTimetable {}),
        RetryTimetable::List(delays) => Given::FixedDelays(v1::FixedDelays {
            delays: delays.iter().copied().map(duration).collect(),
        }),
        RetryTimetable::Linear { initial, increment, max_attempts } => {
            Given::Linear(v1::LinearBackoff {
                initial_delay: Some(duration(*initial)),
                increment: Some(duration(*increment)),
                max_attempts: *max_attempts,
            })
        }
        RetryTimetable::Exponential { initial, multiplier_percent, max_delay, max_attempts } => {
            Given::Exponential(v1::ExponentialBackoff {
                initial_delay: Some(duration(*initial)),
                multiplier_percent: *multiplier_percent,
                max_delay: Some(duration(*max_delay)),
                max_attempts: *max_attempts,
            })
        }
    };
    v1::RetryPolicy {
        timetable: Some(timetable),
        jitter_percent: Some(policy.jitter_percent.into()),
        max_age: policy.max_age.map(duration),
        max_retry_after: policy.max_retry_after.map(duration),
    }
}

/// Reads a success rule; absent or empty means any 2xx.
pub fn success_rule(
    given: Option<&v1::SuccessRule>,
    field: &str,
    violations: &mut FieldViolations,
) -> SuccessRule {
    let codes = given.map(|rule| rule.status_codes.as_slice()).unwrap_or_default();
    let field = format!("{field}.status_codes");
    if codes.len() > MAX_STATUS_CODES {
        violations.add(field.as_str(), "must hold at most 32 statuses");
    }
    if codes.iter().any(|code| !STATUS_CODE_RANGE.contains(code)) {
        violations.add(field, "must hold statuses of 200 to 599");
    }
    match codes {
        [] => SuccessRule::Any2xx,
        codes => SuccessRule::Listed(codes.iter().filter_map(|c| u16::try_from(*c).ok()).collect()),
    }
}

pub fn success_rule_to_proto(rule: &SuccessRule) -> v1::SuccessRule {
    let status_codes = match rule {
        SuccessRule::Any2xx => Vec::new(),
        SuccessRule::Listed(codes) => codes.iter().copied().map(u32::from).collect(),
    };
    v1::SuccessRule { status_codes }
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt;

    use super::*;

    fn seconds(seconds: i64) -> Option<prost_types::Duration> {
        Some(prost_types::Duration { seconds, nanos: 0 })
    }

    /// What is wrong with a policy, by field.
    fn wrong(policy: v1::RetryPolicy) -> Vec<String> {
        let mut violations = FieldViolations::default();
        crate::api::subscriptions::retry_policy::policy(Some(&policy), "p", &mut violations);
        match violations.check() {
            Ok(()) => Vec::new(),
            Err(status) => {
                let violations = status.get_details_bad_request().unwrap().field_violations;
                violations.into_iter().map(|violation| violation.field).collect()
            }
        }
    }

    fn with(timetable: Given) -> v1::RetryPolicy {
        v1::RetryPolicy { timetable: Some(timetable), ..Default::default() }
    }

    #[test]
    fn every_policy_round_trips() {
        let policies = [
            with(Given::Standard(v1::StandardTimetable {})),
            with(Given::FixedDelays(v1::FixedDelays {
                delays: [seconds(0), seconds(60)].into_iter().flatten().collect(),
            })),
            with(Given::Linear(v1::LinearBackoff {
                initial_delay: seconds(1),
                increment: seconds(2),
                max_attempts: 6,
            })),
            v1::RetryPolicy {
                jitter_percent: Some(0),
                max_age: seconds(3600),
                max_retry_after: seconds(0),
                ..with(Given::Exponential(v1::ExponentialBackoff {
                    initial_delay: seconds(1),
                    multiplier_percent: 200,
                    max_delay: seconds(60),
                    max_attempts: 10,
                }))
            },
        ];
        for mut given in policies {
            let mut violations = FieldViolations::default();
            let policy = policy(Some(&given), "p", &mut violations);
            assert!(violations.is_empty());
            assert!(policy.validate().is_ok(), "the domain refuses what the contract allows");
            given.jitter_percent = given.jitter_percent.or(Some(10));
            assert_eq!(policy_to_proto(&policy), given);
        }
        assert_eq!(policy(None, "p", &mut FieldViolations::default()), RetryPolicy::default());
    }

    #[test]
    fn every_bound_is_told_for_its_field() {
        let fixed = |delays: Vec<i64>| {
            let delays = delays.into_iter().filter_map(seconds).collect();
            wrong(with(Given::FixedDelays(v1::FixedDelays { delays })))
        };
        assert_eq!(fixed(vec![]), ["p.fixed_delays.delays"]);
        assert_eq!(fixed(vec![1; 51]), ["p.fixed_delays.delays"]);
        assert_eq!(
            fixed(vec![1, -1, 604_801]),
            ["p.fixed_delays.delays[1]", "p.fixed_delays.delays[2]"]
        );
        assert!(fixed(vec![604_800]).is_empty());
        let linear = v1::LinearBackoff {
            initial_delay: seconds(1),
            increment: seconds(604_800),
            max_attempts: 3,
        };
        assert_eq!(wrong(with(Given::Linear(linear))), ["p.linear.increment"]);
        assert_eq!(
            wrong(with(Given::Linear(v1::LinearBackoff::default()))),
            ["p.linear.initial_delay", "p.linear.increment", "p.linear.max_attempts"]
        );
        let exponential = v1::ExponentialBackoff {
            initial_delay: seconds(10),
            multiplier_percent: 99,
            max_delay: seconds(5),
            max_attempts: 101,
        };
        assert_eq!(
            wrong(with(Given::Exponential(exponential))),
            [
                "p.exponential.max_delay",
                "p.exponential.multiplier_percent",
                "p.exponential.max_attempts"
            ]
        );
        let policy = v1::RetryPolicy {
            jitter_percent: Some(51),
            max_age: seconds(0),
            max_retry_after: seconds(86_401),
            timetable: None,
        };
        assert_eq!(wrong(policy), ["p.jitter_percent", "p.max_age", "p.max_retry_after"]);
    }

    #[test]
    fn success_rules_round_trip_and_are_bounded() {
        let read = |codes: &[u32]| {
            let rule = v1::SuccessRule { status_codes: codes.to_vec() };
            let mut violations = FieldViolations::default();
            let rule = success_rule(Some(&rule), "r", &mut violations);
            violations.is_empty().then_some(rule)
        };
        assert_eq!(read(&[]), Some(SuccessRule::Any2xx));
        let listed = read(&[204, 200, 204]).unwrap();
        assert_eq!(success_rule_to_proto(&listed).status_codes, [200, 204]);
        assert_eq!(read(&[199]), None);
        assert_eq!(read(&[600]), None);
        assert_eq!(read(&[70_000]), None);
        assert_eq!(read(&[200; 33]), None);
    }
}
