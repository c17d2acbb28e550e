//! Checks what is left after crashes.
//!
//! Fed by what publishers were acknowledged, what receivers got and what the API showed
//! during and afterwards; feeds tests every contradiction. Guarantees to be a pure
//! function with its own understanding of the promises, so that manipulated histories
//! can show that it detects each kind of loss.

mod accounts;
mod attempts;
mod order;
mod sequences;
mod states;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use postrider_proto::v1::{Attempt, Delivery, DeliveryState};

pub use self::accounts::Account;
use crate::receiver::Received;

/// An event and a subscription, by their names.
pub type Pair = (String, String);

/// A POST that a receiver read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Post {
    /// Its place in the order of arrival.
    pub number: u64,
    pub event: String,
    pub subscription: String,
    /// As `webhook-sequence` says; 0 when it says nothing.
    pub sequence: i64,
}

impl Post {
    /// A request to this subscription's path.
    pub fn of(request: &Received, subscription: &str) -> Self {
        let tenant = subscription.split_once("/subscriptions/").map_or("", |(tenant, _)| tenant);
        Self {
            number: request.number,
            event: format!("{tenant}/events/{}", request.webhook_id()),
            subscription: subscription.to_owned(),
            sequence: request.header("webhook-sequence").parse().unwrap_or_default(),
        }
    }

    fn pair(&self) -> Pair {
        (self.event.clone(), self.subscription.clone())
    }
}

/// Everything that is known.
#[derive(Clone, Debug, Default)]
pub struct CrashHistory {
    /// Acknowledged events, with each subscription that they match.
    pub owed: Vec<Pair>,
    /// Every POST that a receiver read, in the order of arrival.
    pub posts: Vec<Post>,
    /// Every delivery, with its attempts in the order of their numbers.
    pub deliveries: Vec<(Delivery, Vec<Attempt>)>,
    /// Subscriptions that give up, so that a delivery may end EXHAUSTED.
    pub brief: BTreeSet<String>,
    /// Subscriptions that were deleted in the meantime, so that a delivery may end CANCELLED.
    /// Nothing is owed to them.
    pub deleted: BTreeSet<String>,
    /// How soon an attempt may become UNKNOWN, where an agent can be out of reach for
    /// longer; its late success can then stand beside the one that came after it.
    pub unknown_after: Option<Duration>,
    /// Whether every agent lived through all of it: they keep what attempts came to, so
    /// that whatever reached a receiver is known in the end.
    pub agents_live: bool,
    /// Events' places within their ordering keys, as they were published, from 0.
    pub places: BTreeMap<String, u64>,
    /// Where deliveries, by name, were seen to stand in the meantime, in the order of time.
    pub sightings: Vec<(String, DeliveryState)>,
    /// What reconciliation told of each tenant.
    pub accounts: Vec<Account>,
}

/// What contradicts the promises; empty when they were kept.
pub fn faults(story: &CrashHistory) -> Vec<String> {
    let mut faults = pairs(story);
    faults.extend(attempts::faults(story));
    faults.extend(order::faults(story));
    faults.extend(sequences::faults(story));
    faults.extend(states::faults(story));
    faults.extend(story.accounts.iter().flat_map(|account| accounts::faults(story, account)));
    faults
}

/// What was acknowledged was delivered, and nothing else was.
fn pairs(story: &CrashHistory) -> Vec<String> {
    let mut faults = Vec::new();
    let posts: BTreeSet<Pair> = story.posts.iter().map(Post::pair).collect();
    let mut told = BTreeSet::new();
    for (delivery, _) in &story.deliveries {
        if !told.insert((delivery.event.clone(), delivery.subscription.clone())) {
            faults.push(format!("{}: a second one of its pair", delivery.name));
        }
    }
    for pair in &story.owed {
        let (event, subscription) = pair;
        if !told.contains(pair) {
            faults.push(format!("{event} has no delivery to {subscription}"));
        }
        if !posts.contains(pair) {
            faults.push(format!("{event} never came to {subscription}"));
        }
    }
    for (event, subscription) in posts.iter().filter(|pair| !told.contains(*pair)) {
        faults.push(format!("{event} came to {subscription} without a delivery"));
    }
    faults
}
