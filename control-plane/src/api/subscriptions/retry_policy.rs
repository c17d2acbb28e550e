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
#[path = "retry_policy_tests.rs"]
mod tests;
