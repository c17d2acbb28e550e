//! Patterns, scopes, and the index against the plain rule.

use std::collections::{BTreeMap, BTreeSet};

use postrider_domain::event_type_name::{EventTypeError, EventTypePattern, validate_event_type};
use postrider_domain::ids::SubscriptionId;
use postrider_domain::matching::{SubscriptionMatcher, matches};
use postrider_domain::subscription::{Subscription, SubscriptionConfig, SubscriptionStatus};
use postrider_domain::time::{StoppedClock, Timestamp};
use proptest::prelude::*;

/// All of them, under their places.
fn matcher_of(all: &[Subscription]) -> SubscriptionMatcher {
    let mut matcher = SubscriptionMatcher::default();
    for (place, one) in all.iter().enumerate() {
        matcher.insert(&id(place), &one.settings);
    }
    matcher
}

fn id(place: usize) -> SubscriptionId {
    format!("s{place:03}").parse().unwrap()
}

fn found(matcher: &SubscriptionMatcher, event_type: &str, account: Option<&str>) -> Vec<usize> {
    let place = |id: &SubscriptionId| id.as_str()[1..].parse().unwrap();
    matcher.matching(event_type, account).map(place).collect()
}

fn subscription(patterns: &[&str], accounts: &[&str]) -> Subscription {
    let now = Timestamp::from_micros(0);
    Subscription {
        tenant: "acme".parse().unwrap(),
        id: "main".parse().unwrap(),
        status: SubscriptionStatus::Enabled,
        status_reason: String::new(),
        settings: SubscriptionConfig {
            url: "https://hooks.example.com/".into(),
            event_types: patterns.iter().map(|text| text.parse().unwrap()).collect(),
            accounts: accounts.iter().map(|text| (*text).to_owned()).collect::<BTreeSet<_>>(),
            region: "home".parse().unwrap(),
            ..SubscriptionConfig::default()
        },
        signing_keys: Vec::new(),
        paused_clock: StoppedClock::default(),
        revision: 1,
        request_revision: 1,
        create_time: now,
        update_time: now,
        delete_time: None,
    }
}

#[test]
fn event_types_are_segments_between_single_dots() {
    let longest = "a".repeat(128);
    for good in
        ["payment.completed", "order_created", "IncomingPaymentBooked", "a-1.b_2.C", &longest]
    {
        assert_eq!(validate_event_type(good), Ok(()), "{good}");
        assert_eq!(good.parse(), Ok(EventTypePattern::Exact(good.to_owned())));
    }
    for (bad, error) in [
        ("", EventTypeError::Empty),
        (&"a".repeat(129), EventTypeError::TooLong),
        (".", EventTypeError::Malformed),
        ("payment.", EventTypeError::Malformed),
        (".payment", EventTypeError::Malformed),
        ("payment..completed", EventTypeError::Malformed),
        ("payment completed", EventTypeError::Malformed),
        ("zahlung.erhöht", EventTypeError::Malformed),
    ] {
        assert_eq!(validate_event_type(bad), Err(error), "{bad}");
        assert_eq!(bad.parse::<EventTypePattern>(), Err(error), "{bad}");
    }
    assert_eq!(validate_event_type("payment.*"), Err(EventTypeError::Malformed));
}

#[test]
fn a_star_stands_alone_or_for_the_last_segments() {
    assert_eq!("*".parse(), Ok(EventTypePattern::All));
    assert_eq!("a.b.*".parse(), Ok(EventTypePattern::Prefix("a.b.".into())));
    for bad in ["*.created", "pay*", "a.*.b", "**", "a.b*", "*.*"] {
        assert_eq!(bad.parse::<EventTypePattern>(), Err(EventTypeError::Wildcard), "{bad}");
    }
    assert_eq!(".*".parse::<EventTypePattern>(), Err(EventTypeError::Malformed));
    assert!(format!("{}.*", "a".repeat(127)).parse::<EventTypePattern>().is_err());
}

#[test]
fn a_prefix_takes_everything_below_it_and_nothing_beside_it() {
    let prefix: EventTypePattern = "payment.*".parse().unwrap();
    assert!(prefix.matches("payment.completed"));
    assert!(prefix.matches("payment.refund.completed"));
    for other in ["payment", "payments.completed", "Payment.completed", "my.payment.completed"] {
        assert!(!prefix.matches(other), "{other}");
    }
}

#[test]
fn patterns_are_stored_as_their_text() {
    let patterns: Vec<EventTypePattern> =
        serde_json::from_str(r#"["*","payment.*","order_created"]"#).unwrap();
    assert_eq!(serde_json::to_string(&patterns).unwrap(), r#"["*","payment.*","order_created"]"#);
    assert!(serde_json::from_str::<EventTypePattern>(r#""pay*""#).is_err());
}

#[test]
fn an_event_without_account_never_matches_a_scoped_subscription() {
    let tenant_wide = subscription(&["*"], &[]).settings;
    let scoped = subscription(&["*"], &["SE1", "SE2"]).settings;
    assert!(matches(&tenant_wide, "a", None) && matches(&tenant_wide, "a", Some("SE9")));
    assert!(matches(&scoped, "a", Some("SE2")));
    assert!(!matches(&scoped, "a", Some("SE9")));
    assert!(!matches(&scoped, "a", None));
}

#[test]
fn a_subscription_is_found_once_however_many_of_its_patterns_match() {
    let all = [
        subscription(&["*", "a.*", "a.b.*", "a.b.c"], &[]),
        subscription(&["a.*", "a.b.c"], &["x"]),
    ];
    let matcher = matcher_of(&all);
    assert_eq!(found(&matcher, "a.b.c", Some("x")), [0, 1]);
    assert_eq!(found(&matcher, "a.b.c", None), [0]);
    assert_eq!(found(&SubscriptionMatcher::default(), "a", None), [0; 0]);
}

/// Few different names, so that they meet.
fn name() -> impl Strategy<Value = String> {
    proptest::collection::vec(prop_oneof!["a", "b", "ab", "a_b"], 1..4).prop_map(|s| s.join("."))
}

fn pattern() -> impl Strategy<Value = String> {
    prop_oneof![1 => Just("*".to_owned()), 3 => name().prop_map(|n| format!("{n}.*")), 4 => name()]
}

fn any_subscription() -> impl Strategy<Value = Subscription> {
    let patterns = proptest::collection::vec(pattern(), 0..4);
    let accounts = proptest::collection::vec(prop_oneof!["x", "y", "z"], 0..3);
    (patterns, accounts).prop_map(|(patterns, accounts)| {
        let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
        let accounts: Vec<&str> = accounts.iter().map(String::as_str).collect();
        subscription(&patterns, &accounts)
    })
}

proptest! {
    #[test]
    fn the_index_agrees_with_the_rule(
        all in proptest::collection::vec(any_subscription(), 0..40),
        event_type in name(),
        account in proptest::option::of(prop_oneof!["x", "y", "w"]),
    ) {
        let account = account.as_deref();
        let plain: Vec<usize> = (0..all.len())
            .filter(|index| matches(&all[*index].settings, &event_type, account))
            .collect();
        prop_assert_eq!(found(&matcher_of(&all), &event_type, account), plain);
    }

    /// However it came about; and what it was made from stays as it was.
    #[test]
    fn the_index_agrees_with_the_rule_after_changes(
        before in proptest::collection::vec(any_subscription(), 0..20),
        changes in proptest::collection::vec((0_usize..25, any_subscription(), any::<bool>()), 0..20),
        event_type in name(),
        account in proptest::option::of(prop_oneof!["x", "y", "w"]),
    ) {
        let account = account.as_deref();
        let first = matcher_of(&before);
        let earlier = found(&first, &event_type, account);
        let mut there: BTreeMap<usize, Subscription> = before.into_iter().enumerate().collect();
        let mut matcher = first.clone();
        for (place, new, deleted) in changes {
            if let Some(old) = there.remove(&place) {
                matcher.remove(&id(place), &old.settings);
            }
            if !deleted {
                matcher.insert(&id(place), &new.settings);
                there.insert(place, new);
            }
        }
        let plain = there.iter().filter(|(_, there)| matches(&there.settings, &event_type, account));
        let plain: Vec<usize> = plain.map(|(place, _)| *place).collect();
        prop_assert_eq!(found(&matcher, &event_type, account), plain);
        prop_assert_eq!(found(&first, &event_type, account), earlier);
    }

    #[test]
    fn a_pattern_reads_back_as_it_prints(text in "\\PC{0,12}|[a-b.*_-]{0,8}") {
        if let Ok(pattern) = text.parse::<EventTypePattern>() {
            prop_assert_eq!(pattern.to_string(), text);
        }
    }
}

#[test]
fn everything_leaves_out_postriders_own() {
    let own = "postrider.endpoint.failing";
    let cases = [
        (&["*"][..], false),
        (&["postrider.*"], true),
        (&["postrider.endpoint.*"], true),
        (&["postrider.secret.*"], false),
        (&["*", "postrider.endpoint.failing"], true),
    ];
    for (patterns, wanted) in cases {
        let subscription = subscription(patterns, &[]);
        assert_eq!(matches(&subscription.settings, own, None), wanted, "{patterns:?}");
        let matcher = matcher_of(&[subscription]);
        assert_eq!(matcher.matching(own, None).count(), usize::from(wanted), "{patterns:?}");
    }
    let everything = subscription(&["*"], &["acc-1"]);
    assert!(!matches(&everything.settings, own, Some("acc-1")));
    let matcher = matcher_of(&[everything]);
    assert_eq!(matcher.matching(own, Some("acc-1")).count(), 0);
    assert_eq!(matcher.matching("postriders.x", Some("acc-1")).count(), 1);
}

/// Too many types and accounts to be listed under each.
#[test]
fn the_widest_subscriptions_are_found_too_and_taken_out_again() {
    let types: Vec<String> = (0..256).map(|n| format!("t{n}.x")).collect();
    let accounts: Vec<String> = (0..1_000).map(|n| format!("a{n}")).collect();
    let text = |all: &'static [String]| all.iter().map(String::as_str).collect::<Vec<_>>();
    let (types, accounts) = (text(types.leak()), text(accounts.leak()));
    let all = [subscription(&types, &accounts), subscription(&["t7.*"], &["a9"])];
    let mut matcher = matcher_of(&all);
    assert_eq!(found(&matcher, "t7.x", Some("a9")), [0, 1]);
    assert_eq!(found(&matcher, "t8.x", Some("a9")), [0]);
    assert_eq!(found(&matcher, "t7.y", Some("a9")), [1]);
    assert_eq!(found(&matcher, "t7.x", None), [0; 0]);
    matcher.remove(&id(0), &all[0].settings);
    assert_eq!(found(&matcher, "t7.x", Some("a9")), [1]);
    matcher.remove(&id(1), &all[1].settings);
    assert_eq!(found(&matcher, "t7.x", Some("a9")), [0; 0]);
}
