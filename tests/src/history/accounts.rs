//! What reconciliation tells, against the deliveries.
//!
//! Fed by a story and one tenant's account; feeds its faults. Guarantees that the
//! account has each event that was published once, each pair once, with the state
//! and the number that its delivery has, and that the counts are those of the rows.

use std::collections::{BTreeMap, BTreeSet};

use postrider_proto::v1::{DeliveryState, DeliverySummary, ReconcileSummary, ReconciledEvent};

use super::CrashHistory;

/// One tenant's account of all that was published.
#[derive(Clone, Debug, Default)]
pub struct Account {
    pub tenant: String,
    /// The events that publishers were told of.
    pub published: BTreeSet<String>,
    pub rows: Vec<ReconciledEvent>,
    pub summary: ReconcileSummary,
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn faults(story: &CrashHistory, account: &Account) -> Vec<String> {
    let found = [events(account), pairs(story, account), counts(account)];
    let found = found.into_iter().flatten();
    found.map(|what| format!("account of {}: {what}", account.tenant)).collect()
}

/// The events are those that were published, and no key made two.
fn events(account: &Account) -> Vec<String> {
    let told: BTreeSet<&String> = account.rows.iter().map(|row| &row.event).collect();
    let published: BTreeSet<&String> = account.published.iter().collect();
    let missing = published.difference(&told).map(|event| format!("{event} is missing"));
    let strange = told.difference(&published).map(|event| format!("{event} is nobody's"));
    missing.chain(strange).collect()
}

/// The pairs are the deliveries, and stand where they do.
fn pairs(story: &CrashHistory, account: &Account) -> Vec<String> {
    let prefix = format!("{}/", account.tenant);
    let own = story.deliveries.iter().filter(|(delivery, _)| delivery.name.starts_with(&prefix));
    let mut own: BTreeMap<&str, _> = own.map(|(own, _)| (own.name.as_str(), own)).collect();
    let mut faults = Vec::new();
    for row in account.rows.iter().filter(|row| !row.subscription.is_empty()) {
        match own.remove(row.delivery.as_str()) {
            None => faults.push(format!("{} is twice there, or not a delivery", row.delivery)),
            Some(one) => {
                let told = (&row.event, &row.subscription, row.state, row.sequence);
                if told != (&one.event, &one.subscription, one.state, one.sequence) {
                    faults.push(format!("{} is told otherwise: {told:?}", row.delivery));
                }
            }
        }
    }
    faults.extend(own.keys().map(|name| format!("{name} is missing")));
    faults
}

fn counts(account: &Account) -> Vec<String> {
    let mut counts = DeliverySummary::default();
    let mut unmatched = 0;
    for row in &account.rows {
        match row.state() {
            DeliveryState::Unspecified => unmatched += 1,
            DeliveryState::Held => counts.held += 1,
            DeliveryState::Waiting => counts.waiting += 1,
            DeliveryState::InFlight => counts.in_flight += 1,
            DeliveryState::Succeeded => counts.succeeded += 1,
            DeliveryState::Exhausted => counts.exhausted += 1,
            DeliveryState::Cancelled => counts.cancelled += 1,
            DeliveryState::Suppressed => counts.suppressed += 1,
        }
    }
    let events: BTreeSet<&String> = account.rows.iter().map(|row| &row.event).collect();
    let wanted = ReconcileSummary {
        event_count: count(events.len()),
        unmatched_event_count: unmatched,
        pair_count: count(account.rows.len()) - unmatched,
        pair_counts: Some(counts),
        ..account.summary
    };
    if wanted == account.summary {
        return Vec::new();
    }
    vec![format!("counts {:?} for rows {wanted:?}", account.summary)]
}
