//! Judges what is left after crashes.
//!
//! Fed by what publishers were promised, what receivers got and what the API
//! tells afterwards; feeds tests with every contradiction. Guarantees to be a
//! pure function with its own understanding of the promises, so that doctored
//! stories can show that it sees each kind of loss.

use std::collections::{BTreeMap, BTreeSet};

use postrider_proto::v1::{Attempt, AttemptOutcome, Delivery, DeliveryState};

/// An event and a subscription, by their names.
pub type Pair = (String, String);

/// Everything that is known.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// Acknowledged events, with each subscription that they match.
    pub owed: Vec<Pair>,
    /// Every POST that a receiver read.
    pub posts: Vec<Pair>,
    /// Every delivery, with its attempts in the order of their numbers.
    pub deliveries: Vec<(Delivery, Vec<Attempt>)>,
}

/// What contradicts the promises; empty when they were kept. The receivers must
/// have been such that every delivery can succeed in the end.
pub fn faults(story: &Story) -> Vec<String> {
    let mut faults = Vec::new();
    let mut posts: BTreeMap<Pair, usize> = BTreeMap::new();
    for pair in &story.posts {
        *posts.entry(pair.clone()).or_default() += 1;
    }
    let mut told = BTreeSet::new();
    for (delivery, attempts) in &story.deliveries {
        let pair = (delivery.event.clone(), delivery.subscription.clone());
        let received = posts.get(&pair).copied().unwrap_or_default();
        faults.extend(faults_of(delivery, attempts, received));
        if !told.insert(pair) {
            faults.push(format!("{}: a second one of its pair", delivery.name));
        }
    }
    for pair in &story.owed {
        let (event, subscription) = pair;
        if !told.contains(pair) {
            faults.push(format!("{event} has no delivery to {subscription}"));
        }
        if !posts.contains_key(pair) {
            faults.push(format!("{event} never came to {subscription}"));
        }
    }
    for (event, subscription) in posts.keys().filter(|pair| !told.contains(*pair)) {
        faults.push(format!("{event} came to {subscription} without a delivery"));
    }
    faults
}

fn faults_of(delivery: &Delivery, attempts: &[Attempt], received: usize) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |what: String| faults.push(format!("{}: {what}", delivery.name));
    let state = delivery.state();
    if state != DeliveryState::Succeeded {
        fault(format!("is {}", state.as_str_name()));
    }
    let numbers: Vec<u32> = attempts.iter().map(|attempt| attempt.number).collect();
    let wanted: Vec<u32> = (1..=delivery.attempt_count).collect();
    if numbers != wanted {
        fault(format!("has attempts {numbers:?} and counts {}", delivery.attempt_count));
    }
    if received > attempts.len() {
        fault(format!("{received} POSTs, {} attempts", attempts.len()));
    }
    let answered = attempts.iter().filter(|attempt| attempt.http_status != 0).count();
    if answered > received {
        fault(format!("{answered} answers, {received} POSTs"));
    }
    // A second POST is excused by the attempt before it: a failure, or UNKNOWN.
    let successes =
        attempts.iter().filter(|attempt| attempt.outcome() == AttemptOutcome::Succeeded);
    if state == DeliveryState::Succeeded && successes.count() != 1 {
        fault("succeeded, and not by exactly one attempt".to_owned());
    }
    let after_success = attempts
        .iter()
        .rev()
        .skip(1)
        .find(|attempt| attempt.outcome() == AttemptOutcome::Succeeded);
    if let Some(attempt) = after_success {
        fault(format!("went on after attempt {} succeeded", attempt.number));
    }
    faults
}

#[cfg(test)]
mod tests {
    use postrider_proto::v1::{Attempt, AttemptOutcome, Delivery, DeliveryState};

    use super::{Pair, Story, faults};

    fn pair(event: &str) -> Pair {
        (event.to_owned(), "s".to_owned())
    }

    fn attempt(number: u32, outcome: AttemptOutcome) -> Attempt {
        let answered = outcome == AttemptOutcome::Succeeded;
        Attempt {
            number,
            outcome: outcome.into(),
            http_status: if answered { 200 } else { 0 },
            ..Attempt::default()
        }
    }

    fn delivery(event: &str, attempts: Vec<Attempt>) -> (Delivery, Vec<Attempt>) {
        let delivery = Delivery {
            name: format!("delivery of {event}"),
            event: event.to_owned(),
            subscription: "s".to_owned(),
            state: DeliveryState::Succeeded.into(),
            attempt_count: u32::try_from(attempts.len()).unwrap_or_default(),
            ..Delivery::default()
        };
        (delivery, attempts)
    }

    /// One event delivered at once, and one whose first attempt nobody knows of.
    fn good() -> Story {
        let once = vec![attempt(1, AttemptOutcome::Succeeded)];
        let twice =
            vec![attempt(1, AttemptOutcome::Unknown), attempt(2, AttemptOutcome::Succeeded)];
        Story {
            owed: vec![pair("a"), pair("b")],
            posts: vec![pair("a"), pair("b"), pair("b")],
            deliveries: vec![delivery("a", once), delivery("b", twice)],
        }
    }

    /// The good story with one thing changed.
    fn doctored(change: impl FnOnce(&mut Story)) -> Vec<String> {
        let mut story = good();
        change(&mut story);
        faults(&story)
    }

    #[test]
    fn kept_promises_have_no_faults() {
        assert_eq!(faults(&good()), Vec::<String>::new());
        // The UNKNOWN attempt need not have been made.
        assert_eq!(doctored(|story| drop(story.posts.pop())), Vec::<String>::new());
        // What committed and was never acknowledged is delivered, too.
        assert_eq!(doctored(|story| drop(story.owed.pop())), Vec::<String>::new());
    }

    #[test]
    fn each_broken_promise_is_seen() {
        type Change = fn(&mut Story);
        let changes: [(&str, Change); 9] = [
            ("no delivery", |story| {
                story.deliveries.remove(0);
            }),
            ("never came", |story| {
                story.posts.remove(0);
            }),
            ("1 answers, 0 POSTs", |story| {
                story.posts.remove(0);
            }),
            ("without a delivery", |story| story.posts.push(pair("c"))),
            ("2 POSTs, 1 attempts", |story| story.posts.push(pair("a"))),
            ("is DELIVERY_STATE_WAITING", |story| {
                for (delivery, _) in &mut story.deliveries {
                    delivery.state = DeliveryState::Waiting.into();
                }
            }),
            ("has attempts [2]", |story| {
                for (_, attempts) in story.deliveries.iter_mut().skip(1) {
                    attempts.remove(0);
                }
            }),
            ("a second one", |story| {
                story.deliveries.extend(good().deliveries);
            }),
            ("went on after attempt 1", |story| {
                for (_, attempts) in story.deliveries.iter_mut().skip(1) {
                    attempts.iter_mut().for_each(|attempt| {
                        attempt.outcome = AttemptOutcome::Succeeded.into();
                    });
                }
            }),
        ];
        for (wanted, change) in changes {
            let seen = doctored(change);
            assert!(seen.iter().any(|fault| fault.contains(wanted)), "{wanted}: {seen:?}");
        }
    }
}
