//! Tests of what a new subscription is made of.

use tonic_types::StatusExt;

use super::*;
use crate::fixtures::{self, FIXTURE_TIME};

#[test]
fn made_ids_are_valid_and_differ() {
    let one = chosen_id("").unwrap();
    assert!(one.as_str().parse::<SubscriptionId>().is_ok(), "{one}");
    assert_ne!(one, chosen_id("").unwrap());
    assert!(chosen_id("Bad").is_err());
}

#[test]
fn a_new_subscription_takes_its_status_and_secret() {
    let named = || Some(("acme".parse().unwrap(), "erp".parse().unwrap()));
    let mut given = v1::Subscription {
        url: "https://example.com".into(),
        event_types: vec!["*".into()],
        signing_secret: fixtures::subscription().signing_keys[0]
            .secret
            .to_standard_webhooks()
            .to_string(),
        ..Default::default()
    };
    given.set_status(v1::SubscriptionStatus::Paused);
    let mut violations = FieldViolations::default();
    let new = new_subscription(named(), &given, false, FIXTURE_TIME, &mut violations).unwrap();
    assert!(violations.is_empty());
    assert_eq!(
        (new.status, new.paused_clock.since),
        (SubscriptionStatus::Paused, Some(FIXTURE_TIME))
    );
    assert_eq!(new.signing_keys[0].secret, fixtures::subscription().signing_keys[0].secret);
    given.signing_secret = "whsec_x".into();
    given.status = 17;
    let refused = new_subscription(named(), &given, false, FIXTURE_TIME, &mut violations);
    let fields = violations.finish(refused).unwrap_err();
    let fields = fields.get_details_bad_request().unwrap().field_violations;
    let fields: Vec<_> = fields.into_iter().map(|violation| violation.field).collect();
    assert_eq!(fields, ["subscription.status", "subscription.signing_secret"]);
}
