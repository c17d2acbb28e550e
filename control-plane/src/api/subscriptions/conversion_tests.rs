//! Tests of subscriptions on the wire.

use postrider_domain::subscription::SuccessRule;
use prost_types::FieldMask;
use tonic_types::StatusExt;

use crate::api::subscriptions::conversion::*;
use crate::fixtures;

fn all() -> UpdateMask {
    let mask = FieldMask { paths: vec!["*".into()] };
    UpdateMask::read(
        Some(&mask),
        &fields(&v1::Subscription::default()),
        &[],
        &mut FieldViolations::default(),
    )
}

fn given() -> v1::Subscription {
    v1::Subscription {
        url: "https://example.com/hook".into(),
        event_types: vec!["payment.*".into(), "payment.*".into(), "refund.created".into()],
        ..Default::default()
    }
}

fn read(given: &v1::Subscription) -> Result<SubscriptionConfig, Vec<String>> {
    let mut settings = SubscriptionConfig::default();
    let mut violations = FieldViolations::default();
    apply(&mut settings, given, &all(), false, &mut violations);
    violations.check().map(|()| settings).map_err(|status| {
        let violations = status.get_details_bad_request().unwrap().field_violations;
        violations.into_iter().map(|violation| violation.field).collect()
    })
}

#[test]
fn the_least_that_is_needed_gets_every_default() {
    let settings = read(&given()).unwrap();
    assert_eq!(settings.event_types.len(), 2, "what repeats is kept once");
    assert_eq!(settings.region.as_str(), DEFAULT_REGION);
    assert_eq!(settings.request_timeout, Duration::from_secs(15));
    assert_eq!((settings.max_in_flight, settings.max_requests_per_second), (None, None));
    assert_eq!(settings.success, SuccessRule::Any2xx);
}

#[test]
fn everything_wrong_is_told_at_once() {
    let bad = v1::Subscription {
        display_name: "x".repeat(129),
        url: "http://example.com".into(),
        event_types: vec!["ok".into(), "a.*.b".into()],
        accounts: vec![String::new()],
        region: "eu".into(),
        request_timeout: Some(prost_types::Duration { seconds: 61, nanos: 0 }),
        max_requests_per_second: 10_001,
        max_in_flight: 10_001,
        success_rule: Some(v1::SuccessRule { status_codes: vec![100] }),
        content_filter: "event.payload.amount >".into(),
        ordering: 9,
        exhausted_key_policy: 9,
        auto_disable: Some(v1::AutoDisable {
            after: Some(prost_types::Duration { seconds: 59, nanos: 0 }),
            never: false,
        }),
        ..Default::default()
    };
    let fields = read(&bad).unwrap_err();
    let fields: Vec<_> = fields.iter().map(|f| f.trim_start_matches("subscription.")).collect();
    assert_eq!(
        fields,
        [
            "display_name",
            "url",
            "event_types[1]",
            "accounts[0]",
            "region",
            "success_rule.status_codes",
            "request_timeout",
            "max_requests_per_second",
            "max_in_flight",
            "content_filter",
            "ordering",
            "exhausted_key_policy",
            "auto_disable.after",
        ]
    );
    assert_eq!(read(&v1::Subscription { event_types: vec![], ..given() }).unwrap_err().len(), 1);
}

#[test]
fn a_mask_changes_only_what_it_names() {
    let mut settings = fixtures::subscription().settings;
    let before = settings.clone();
    let given = v1::Subscription {
        max_in_flight: 7,
        url: "https://other.example".into(),
        ..Default::default()
    };
    let mask = FieldMask { paths: vec!["max_in_flight".into()] };
    let mut violations = FieldViolations::default();
    let mask = UpdateMask::read(Some(&mask), &fields(&given), &[], &mut violations);
    apply(&mut settings, &given, &mask, false, &mut violations);
    assert!(violations.is_empty());
    assert_eq!(settings, SubscriptionConfig { max_in_flight: Some(7), ..before });
}

#[test]
fn what_is_shown_reads_back_as_the_same() {
    let subscription = fixtures::subscription();
    let shown = to_proto(&subscription, None, fixtures::FIXTURE_TIME);
    let mut settings = SubscriptionConfig::default();
    apply(&mut settings, &shown, &all(), false, &mut FieldViolations::default());
    assert_eq!(settings, subscription.settings);
}

#[test]
fn the_secret_is_shown_only_when_asked_and_dead_keys_not_at_all() {
    let mut subscription = fixtures::subscription();
    let mut old = subscription.signing_keys.first().unwrap().clone();
    old.expire_time = Some(fixtures::FIXTURE_TIME);
    subscription.signing_keys.insert(0, old);
    let shown = to_proto(&subscription, None, fixtures::FIXTURE_TIME);
    assert_eq!((shown.signing_keys.len(), shown.signing_secret.as_str()), (1, ""));
    assert!(
        with_secret(shown, &subscription, KeyKind::Standard).signing_secret.starts_with("whsec_")
    );
}

#[test]
fn statuses_round_trip() {
    for each in
        [SubscriptionStatus::Enabled, SubscriptionStatus::Paused, SubscriptionStatus::Disabled]
    {
        assert_eq!(status_from(status(each)), Some(each));
    }
}
