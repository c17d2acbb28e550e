//! Tests of retry policies and success rules on the wire.

use tonic_types::StatusExt;

use crate::api::subscriptions::retry_policy::*;

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
            let told = status.get_details_bad_request().unwrap().field_violations;
            told.into_iter().map(|violation| violation.field).collect()
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
