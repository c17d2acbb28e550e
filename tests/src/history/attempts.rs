//! Attempts against POSTs.
//!
//! Fed by a story; feeds its faults. Guarantees that each POST that a receiver read
//! is an attempt of the history, one that was answered or one that may have been
//! made, and that no attempt claims a POST that was not.

use std::collections::{BTreeMap, BTreeSet};

use postrider_proto::v1::{Attempt, AttemptOutcome, Delivery, DeliveryState};

use super::{Pair, Post, Story};
use crate::receiver::NUMBER_HEADER;

pub(super) fn faults(story: &Story) -> Vec<String> {
    let mut posts: BTreeMap<Pair, BTreeSet<u64>> = BTreeMap::new();
    for post in &story.posts {
        posts.entry(Post::pair(post)).or_default().insert(post.number);
    }
    let mut faults = Vec::new();
    for (delivery, attempts) in &story.deliveries {
        let pair = (delivery.event.clone(), delivery.subscription.clone());
        let received = posts.get(&pair).cloned().unwrap_or_default();
        let brief = story.brief.contains(&delivery.subscription);
        let found = [
            ended(delivery, brief),
            counted(delivery, attempts),
            matched(attempts, received),
            concluded(delivery, attempts),
        ];
        let found = found.into_iter().flatten();
        faults.extend(found.map(|what| format!("{}: {what}", delivery.name)));
    }
    faults
}

fn ended(delivery: &Delivery, brief: bool) -> Vec<String> {
    match delivery.state() {
        DeliveryState::Succeeded => Vec::new(),
        DeliveryState::Exhausted if brief => Vec::new(),
        state => vec![format!("is {}", state.as_str_name())],
    }
}

fn counted(delivery: &Delivery, attempts: &[Attempt]) -> Vec<String> {
    let numbers: Vec<u32> = attempts.iter().map(|attempt| attempt.number).collect();
    let wanted: Vec<u32> = (1..=delivery.attempt_count).collect();
    if numbers == wanted {
        return Vec::new();
    }
    vec![format!("has attempts {numbers:?} and counts {}", delivery.attempt_count)]
}

/// The number that a receiver gave the POST which it answered.
fn named(attempt: &Attempt) -> Option<u64> {
    let header = attempt.response_headers.iter().find(|header| header.name == NUMBER_HEADER)?;
    std::str::from_utf8(&header.value).ok()?.parse().ok()
}

/// Whether it may have been sent without an answer.
fn may_be_unanswered(attempt: &Attempt) -> bool {
    use AttemptOutcome::{ConnectionClosed, Timeout, Unknown};
    matches!(attempt.outcome(), Unknown | Timeout | ConnectionClosed)
}

/// Each answer belongs to a POST, and each other POST to an attempt without one.
fn matched(attempts: &[Attempt], mut received: BTreeSet<u64>) -> Vec<String> {
    let mut faults = Vec::new();
    let (mut answered, mut unanswered) = (0, 0);
    for attempt in attempts {
        match named(attempt) {
            Some(post) if received.remove(&post) => {}
            Some(post) => {
                faults.push(format!("attempt {} answers POST {post}, not its own", attempt.number));
            }
            None if attempt.http_status != 0 => answered += 1,
            None if may_be_unanswered(attempt) => unanswered += 1,
            None => {}
        }
    }
    if received.len() > answered + unanswered {
        let excused = answered + unanswered;
        faults.push(format!("POSTs {received:?} stand in the history as {excused}"));
    }
    if answered > received.len() {
        faults.push(format!("{answered} answers without a number, {} POSTs", received.len()));
    }
    faults
}

/// The first success ends it, and nothing else ends it with success.
fn concluded(delivery: &Delivery, attempts: &[Attempt]) -> Vec<String> {
    let mut faults = Vec::new();
    let succeeded = |attempt: &&Attempt| attempt.outcome() == AttemptOutcome::Succeeded;
    let successes = attempts.iter().filter(succeeded).count();
    match delivery.state() {
        DeliveryState::Succeeded if successes != 1 => {
            faults.push("succeeded, and not by exactly one attempt".to_owned());
        }
        DeliveryState::Exhausted if successes != 0 => {
            faults.push("is exhausted, and has succeeded".to_owned());
        }
        _ => {}
    }
    // A second POST is excused by the attempt before it: a failure, or UNKNOWN.
    if let Some(attempt) = attempts.iter().rev().skip(1).find(succeeded) {
        faults.push(format!("went on after attempt {} succeeded", attempt.number));
    }
    faults
}
