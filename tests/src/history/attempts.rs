//! Attempts against POSTs.
//!
//! Fed by a story; feeds its faults. Guarantees that each POST that a receiver read
//! is an attempt of the history, one that was answered or one that may have been
//! made, and that no attempt claims a POST that was not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use postrider_proto::v1::{Attempt, AttemptOutcome, Delivery, DeliveryState};

use super::{CrashHistory, Pair, Post};
use crate::receiver::NUMBER_HEADER;

pub(super) fn faults(story: &CrashHistory) -> Vec<String> {
    let mut posts: BTreeMap<Pair, BTreeSet<u64>> = BTreeMap::new();
    for post in &story.posts {
        posts.entry(Post::pair(post)).or_default().insert(post.number);
    }
    let mut faults = Vec::new();
    for (delivery, attempts) in &story.deliveries {
        let pair = (delivery.event.clone(), delivery.subscription.clone());
        let received = posts.get(&pair).cloned().unwrap_or_default();
        let found = [
            ended(delivery, story),
            counted(delivery, attempts),
            matched(attempts, received, story.agents_live),
            concluded(delivery, attempts, story.unknown_after.filter(|_| !story.agents_live)),
        ];
        let found = found.into_iter().flatten();
        faults.extend(found.map(|what| format!("{}: {what}", delivery.name)));
    }
    faults
}

fn ended(delivery: &Delivery, story: &CrashHistory) -> Vec<String> {
    match delivery.state() {
        DeliveryState::Succeeded => Vec::new(),
        DeliveryState::Exhausted if story.brief.contains(&delivery.subscription) => Vec::new(),
        DeliveryState::Cancelled if story.deleted.contains(&delivery.subscription) => Vec::new(),
        state => vec![format!("is {}", state.as_str_name())],
    }
}

/// Numbers follow one another up to the count.
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

/// Whether it may have been sent without an answer. Only one whose agent died is
/// UNKNOWN to the end although it was sent.
fn may_be_unanswered(attempt: &Attempt, agents_live: bool) -> bool {
    use AttemptOutcome::{ConnectionClosed, Timeout, Unknown};
    match attempt.outcome() {
        Unknown => !agents_live,
        outcome => matches!(outcome, Timeout | ConnectionClosed),
    }
}

/// Each answer belongs to a POST, and each other POST to an attempt without one.
fn matched(attempts: &[Attempt], mut received: BTreeSet<u64>, agents_live: bool) -> Vec<String> {
    let mut faults = Vec::new();
    let (mut answered, mut unanswered) = (0, 0);
    for attempt in attempts {
        match named(attempt) {
            Some(post) if received.remove(&post) => {}
            Some(post) => {
                faults.push(format!("attempt {} answers POST {post}, not its own", attempt.number));
            }
            None if attempt.http_status != 0 => answered += 1,
            None if may_be_unanswered(attempt, agents_live) => unanswered += 1,
            None => {}
        }
    }
    if received.len() > answered + unanswered {
        let excused = answered + unanswered;
        faults.push(format!("POSTs {received:?} are in the history as {excused}"));
    }
    if answered > received.len() {
        faults.push(format!("{answered} answers without a number, {} POSTs", received.len()));
    }
    faults
}

/// A success ends it, and nothing else does. Another attempt after it is excused
/// only where the first was taken for UNKNOWN in the meantime, which takes time.
fn concluded(
    delivery: &Delivery,
    attempts: &[Attempt],
    unknown_after: Option<Duration>,
) -> Vec<String> {
    let mut faults = Vec::new();
    let succeeded = |attempt: &&Attempt| attempt.outcome() == AttemptOutcome::Succeeded;
    let first = attempts.iter().find(succeeded);
    match delivery.state() {
        DeliveryState::Succeeded if first.is_none() => {
            faults.push("succeeded, and not by an attempt".to_owned());
        }
        DeliveryState::Exhausted if first.is_some() => {
            faults.push("is exhausted, and has succeeded".to_owned());
        }
        _ => {}
    }
    let Some(first) = first else { return faults };
    let later = attempts.iter().filter(|attempt| attempt.number > first.number);
    let excused = |attempt: &&Attempt| {
        let again = began(attempt);
        // It was silent since its end, or all the while that it was under way.
        let silent_since = if again < ended_at(first) { began(first) } else { ended_at(first) };
        let between = again.checked_sub(silent_since);
        matches!((between, unknown_after), (Some(between), Some(after)) if between >= after)
    };
    if later.clone().any(|attempt| !excused(&attempt)) {
        faults.push(format!("went on after attempt {} succeeded", first.number));
    }
    faults
}

fn began(attempt: &Attempt) -> Duration {
    let start = attempt.start_time.unwrap_or_default();
    let seconds = Duration::from_secs(u64::try_from(start.seconds).unwrap_or_default());
    seconds + Duration::from_nanos(u64::try_from(start.nanos).unwrap_or_default())
}

fn ended_at(attempt: &Attempt) -> Duration {
    let total = attempt.timings.as_ref().and_then(|timings| timings.total);
    let total: Option<Duration> = total.and_then(|total| total.try_into().ok());
    began(attempt) + total.unwrap_or_default()
}
