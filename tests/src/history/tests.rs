//! Doctored stories: each kind of fault is seen.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use postrider_proto::v1::{
    Attempt, AttemptOutcome, AttemptTimings, Delivery, DeliveryState, DeliverySummary, HttpHeader,
    ReconcileSummary, ReconciledEvent,
};

use super::{Account, CrashHistory, Pair, Post, faults};
use crate::receiver::NUMBER_HEADER;

const SUBSCRIPTION_NAME: &str = "t/subscriptions/s";

fn pair(event: &str) -> Pair {
    (event.to_owned(), SUBSCRIPTION_NAME.to_owned())
}

fn post(number: u64, event: &str, sequence: i64) -> Post {
    Post { number, event: event.to_owned(), subscription: SUBSCRIPTION_NAME.to_owned(), sequence }
}

/// An attempt that answers a POST, or one without an answer.
fn attempt(number: u32, outcome: AttemptOutcome, post: Option<u64>) -> Attempt {
    let header = |post: u64| HttpHeader {
        name: NUMBER_HEADER.to_owned(),
        value: post.to_string().into_bytes().into(),
    };
    let answered = |_| if outcome == AttemptOutcome::Succeeded { 200 } else { 503 };
    Attempt {
        number,
        outcome: outcome.into(),
        http_status: post.map_or(0, answered),
        response_headers: post.into_iter().map(header).collect(),
        ..Attempt::default()
    }
}

fn delivery(event: &str, sequence: i64, attempts: Vec<Attempt>) -> (Delivery, Vec<Attempt>) {
    let delivery = Delivery {
        name: format!("t/deliveries/{event}"),
        event: event.to_owned(),
        subscription: SUBSCRIPTION_NAME.to_owned(),
        state: DeliveryState::Succeeded.into(),
        attempt_count: u32::try_from(attempts.len()).unwrap_or_default(),
        sequence,
        ordering_key: "k".to_owned(),
        ..Delivery::default()
    };
    (delivery, attempts)
}

fn row(event: &str, sequence: i64) -> ReconciledEvent {
    ReconciledEvent {
        event: event.to_owned(),
        subscription: SUBSCRIPTION_NAME.to_owned(),
        delivery: format!("t/deliveries/{event}"),
        state: DeliveryState::Succeeded.into(),
        sequence,
        ..ReconciledEvent::default()
    }
}

/// An event delivered at once; one whose first attempt nobody knows of; and one
/// that failed before. A fourth matched nothing.
fn good() -> CrashHistory {
    use AttemptOutcome::{HttpStatus, Succeeded, Unknown};
    let once = vec![attempt(1, Succeeded, Some(1))];
    let unknown = vec![attempt(1, Unknown, None), attempt(2, Succeeded, Some(3))];
    let failed = vec![attempt(1, HttpStatus, Some(4)), attempt(2, Succeeded, Some(5))];
    let unmatched = ReconciledEvent { event: "d".to_owned(), ..ReconciledEvent::default() };
    let account = Account {
        tenant: "t".to_owned(),
        published: ["a", "b", "c", "d"].map(str::to_owned).into(),
        rows: vec![row("a", 1), row("b", 2), row("c", 3), unmatched],
        summary: ReconcileSummary {
            event_count: 4,
            unmatched_event_count: 1,
            pair_count: 3,
            pair_counts: Some(DeliverySummary { succeeded: 3, ..DeliverySummary::default() }),
            ..ReconcileSummary::default()
        },
    };
    let name = "t/deliveries/b".to_owned();
    CrashHistory {
        owed: vec![pair("a"), pair("b"), pair("c")],
        posts: vec![post(1, "a", 1), post(2, "b", 2), post(3, "b", 2), post(4, "c", 3)]
            .into_iter()
            .chain([post(5, "c", 3)])
            .collect(),
        deliveries: vec![delivery("a", 1, once), delivery("b", 2, unknown)]
            .into_iter()
            .chain([delivery("c", 3, failed)])
            .collect(),
        brief: BTreeSet::new(),
        deleted: BTreeSet::new(),
        unknown_after: None,
        agents_live: false,
        places: BTreeMap::from([("a", 0), ("b", 1), ("c", 2)].map(|(e, p)| (e.to_owned(), p))),
        sightings: vec![
            (name.clone(), DeliveryState::Held),
            (name.clone(), DeliveryState::Waiting),
            (name, DeliveryState::InFlight),
        ],
        accounts: vec![account],
    }
}

type Change = fn(&mut CrashHistory);

/// The good story with one thing changed.
fn doctored(change: Change) -> Vec<String> {
    let mut story = good();
    change(&mut story);
    faults(&story)
}

fn assert_seen(changes: &[(&str, Change)]) {
    for (wanted, change) in changes {
        let seen = doctored(*change);
        assert!(seen.iter().any(|fault| fault.contains(wanted)), "{wanted}: {seen:?}");
    }
}

fn set_state(story: &mut CrashHistory, delivery: usize, state: DeliveryState) {
    story.deliveries[delivery].0.state = state.into();
}

/// Two successes, so many seconds from one another.
fn twice(story: &mut CrashHistory, seconds: i64) {
    let (_, attempts) = &mut story.deliveries[2];
    attempts[0] = attempt(1, AttemptOutcome::Succeeded, Some(4));
    for (attempt, seconds) in attempts.iter_mut().zip([0, seconds]) {
        attempt.start_time = Some(prost_types::Timestamp { seconds, nanos: 0 });
    }
}

#[test]
fn kept_promises_have_no_faults() {
    let none = Vec::<String>::new();
    assert_eq!(faults(&good()), none);
    // The UNKNOWN attempt need not have been made.
    assert_eq!(doctored(|story| drop(story.posts.remove(1))), none);
    let not_made = doctored(|story| {
        story.posts.remove(1);
        story.agents_live = true;
    });
    assert_eq!(not_made, none);
    // What committed and was never acknowledged is delivered, too.
    assert_eq!(doctored(|story| drop(story.owed.pop())), none);
    // Who has no order gets them as they come.
    let unordered = doctored(|story| {
        story.deliveries.iter_mut().for_each(|(delivery, _)| delivery.ordering_key.clear());
        story.posts.reverse();
    });
    assert_eq!(unordered, none);
    // Who was taken for lost may have succeeded.
    let excused = doctored(|story| {
        twice(story, 3);
        story.unknown_after = Some(Duration::from_secs(3));
    });
    assert_eq!(excused, none);
    let under_way = doctored(|story| {
        twice(story, 3);
        let total = prost_types::Duration { seconds: 9, nanos: 0 };
        let timings = AttemptTimings { total: Some(total), ..AttemptTimings::default() };
        story.deliveries[2].1[0].timings = Some(timings);
        story.unknown_after = Some(Duration::from_secs(3));
    });
    assert_eq!(under_way, none);
    // What waited when its subscription was deleted was cancelled.
    let deleted = doctored(|story| {
        story.deleted.insert(SUBSCRIPTION_NAME.to_owned());
        set_state(story, 0, DeliveryState::Cancelled);
        story.accounts.clear();
    });
    assert_eq!(deleted, none);
    // A late success is a success.
    let late = doctored(|story| {
        story.sightings.push(("t/deliveries/c".to_owned(), DeliveryState::Exhausted));
    });
    assert_eq!(late, none);
}

#[test]
fn losses_are_seen() {
    assert_seen(&[
        ("a has no delivery", |story| drop(story.deliveries.remove(0))),
        ("a never came", |story| drop(story.posts.remove(0))),
        ("z came to t/subscriptions/s without", |story| story.posts.push(post(9, "z", 9))),
        ("a second one", |story| story.deliveries.extend(good().deliveries)),
    ]);
}

#[test]
fn attempts_that_are_missing_or_invented_are_seen() {
    assert_seen(&[
        ("POSTs {9} are in the history as 0", |story| story.posts.insert(1, post(9, "a", 1))),
        ("answers POST 1, not its own", |story| drop(story.posts.remove(0))),
        ("answers POST 1, not its own", |story| {
            let (_, attempts) = &mut story.deliveries[1];
            attempts[1] = attempt(2, AttemptOutcome::Succeeded, Some(1));
        }),
        ("1 answers without a number, 0 POSTs", |story| {
            story.deliveries[0].1[0].response_headers.clear();
            story.posts.remove(0);
        }),
        ("has attempts [2]", |story| drop(story.deliveries[1].1.remove(0))),
        ("POSTs {2} are in the history as 0", |story| story.agents_live = true),
        ("went on after attempt 1", |story| {
            twice(story, 3);
            story.unknown_after = Some(Duration::from_secs(3));
            story.agents_live = true;
        }),
        ("has attempts [1] and counts 2", |story| story.deliveries[0].0.attempt_count = 2),
        ("has attempts [1, 2] and counts 4", |story| story.deliveries[2].0.attempt_count = 4),
        ("not by an attempt", |story| {
            story.deliveries[0].1[0] = attempt(1, AttemptOutcome::HttpStatus, Some(1));
        }),
        ("went on after attempt 1", |story| {
            story.deliveries[2].1[0] = attempt(1, AttemptOutcome::Succeeded, Some(4));
        }),
        ("went on after attempt 1", |story| {
            twice(story, 2);
            story.unknown_after = Some(Duration::from_secs(3));
        }),
    ]);
}

#[test]
fn wrong_ends_are_seen() {
    assert_seen(&[
        ("is DELIVERY_STATE_WAITING", |story| set_state(story, 0, DeliveryState::Waiting)),
        ("is DELIVERY_STATE_EXHAUSTED", |story| set_state(story, 0, DeliveryState::Exhausted)),
        ("is DELIVERY_STATE_CANCELLED", |story| set_state(story, 0, DeliveryState::Cancelled)),
        ("is exhausted, and has succeeded", |story| {
            story.brief.insert(SUBSCRIPTION_NAME.to_owned());
            set_state(story, 0, DeliveryState::Exhausted);
        }),
        ("was DELIVERY_STATE_SUCCEEDED and then DELIVERY_STATE_EXHAUSTED", |story| {
            let name = "t/deliveries/a".to_owned();
            story.sightings.push((name.clone(), DeliveryState::Succeeded));
            story.sightings.push((name, DeliveryState::Exhausted));
        }),
        ("was DELIVERY_STATE_EXHAUSTED and then DELIVERY_STATE_WAITING", |story| {
            let name = "t/deliveries/a".to_owned();
            story.sightings.push((name.clone(), DeliveryState::Exhausted));
            story.sightings.push((name, DeliveryState::Waiting));
        }),
        ("was DELIVERY_STATE_SUCCEEDED and then DELIVERY_STATE_IN_FLIGHT", |story| {
            story.sightings.push(("t/deliveries/a".to_owned(), DeliveryState::Succeeded));
            set_state(story, 0, DeliveryState::InFlight);
        }),
        ("has vanished", |story| {
            story.sightings.push(("t/deliveries/z".to_owned(), DeliveryState::Waiting));
        }),
    ]);
}

#[test]
fn wrong_orders_are_seen() {
    assert_seen(&[
        ("1 came first", |story| story.posts.swap(0, 1)),
        ("0 came after 2", |story| story.posts.push(post(9, "a", 1))),
        ("2 came after 0", |story| drop(story.posts.drain(1..3))),
        ("sequence 1 came after 2", |story| {
            for post in &mut story.posts {
                post.sequence = [2, 1, 1, 3, 3][usize::try_from(post.number).unwrap_or(1) - 1];
            }
        }),
    ]);
}

#[test]
fn gaps_and_repetitions_of_numbers_are_seen() {
    assert_seen(&[
        ("number 3 stands where 2 should", |story| drop(story.deliveries.remove(1))),
        ("number 2 stands where 3 should", |story| story.deliveries[2].0.sequence = 2),
        ("POST 1 says number 7, history 1", |story| story.posts[0].sequence = 7),
    ]);
}

#[test]
fn accounts_that_do_not_add_up_are_seen() {
    assert_seen(&[
        ("d is missing", |story| drop(story.accounts[0].rows.pop())),
        ("d is nobody's", |story| {
            story.accounts[0].published.remove("d");
        }),
        ("t/deliveries/a is missing", |story| drop(story.accounts[0].rows.remove(0))),
        ("is twice there", |story| {
            let first = story.accounts[0].rows[0].clone();
            story.accounts[0].rows.push(first);
        }),
        ("t/deliveries/a is told otherwise", |story| story.accounts[0].rows[0].sequence = 5),
        ("t/deliveries/a is told otherwise", |story| {
            story.accounts[0].rows[0].state = DeliveryState::Waiting.into();
        }),
        ("counts", |story| story.accounts[0].summary.event_count += 1),
        ("counts", |story| story.accounts[0].summary.unmatched_event_count = 0),
        ("counts", |story| story.accounts[0].summary.pair_counts = None),
    ]);
}
