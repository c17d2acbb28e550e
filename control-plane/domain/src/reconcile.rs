//! The state of an event's delivery to each subscription, and counts that add up.
//!
//! Fed by `api` with the deliveries of one event after the other; feeds it rows and a
//! summary. Guarantees that every delivery is in exactly one row, and that the summary
//! is the sum of the rows.

use std::collections::BTreeMap;

use crate::delivery::{Delivery, DeliveryState, DeliveryStatus};
use crate::ids::{DeliveryId, SubscriptionKey};

/// The deliveries of one event to one subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReconciledPair {
    pub subscription: SubscriptionKey,
    /// The first delivery of the pair.
    pub delivery: DeliveryId,
    /// SUCCEEDED if any delivery of the pair has succeeded, otherwise the latest one's
    /// state.
    pub standing: DeliveryStatus,
    /// The first number that a delivery of the pair was given.
    pub sequence: Option<i64>,
    pub deliveries: u32,
}

/// Groups an event's deliveries by subscription.
pub fn pairs(deliveries: &[Delivery]) -> Vec<ReconciledPair> {
    let mut sorted: Vec<&Delivery> = deliveries.iter().collect();
    sorted.sort_unstable_by_key(|delivery| delivery.id);
    let mut pairs: BTreeMap<&SubscriptionKey, ReconciledPair> = BTreeMap::new();
    for delivery in sorted {
        let pair = pairs.entry(&delivery.subscription).or_insert_with(|| ReconciledPair {
            subscription: delivery.subscription.clone(),
            delivery: delivery.id,
            standing: delivery.standing(),
            sequence: None,
            deliveries: 0,
        });
        pair.deliveries += 1;
        pair.sequence = pair.sequence.or(delivery.sequence);
        if pair.standing.state != DeliveryState::Succeeded {
            pair.standing = delivery.standing();
        }
    }
    pairs.into_values().collect()
}

/// The counts of a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReconciliationCounts {
    pub events: u64,
    /// Of these, those that matched nothing.
    pub unmatched: u64,
    pub pairs: u64,
    /// Pairs by state.
    pub by_state: BTreeMap<DeliveryState, u32>,
}

impl ReconciliationCounts {
    /// Counts an event and its rows.
    pub fn add(&mut self, pairs: &[ReconciledPair]) {
        self.events += 1;
        self.unmatched += u64::from(pairs.is_empty());
        for pair in pairs {
            self.pairs += 1;
            let count = self.by_state.entry(pair.standing.state).or_default();
            *count = count.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::tests::delivery;
    use crate::ids::SubscriptionId;
    use crate::time::Timestamp;

    fn one(subscription: &str, at: i64, state: DeliveryState, sequence: Option<i64>) -> Delivery {
        let mut delivery = delivery(1, 0);
        delivery.subscription.subscription = SubscriptionId::from_stored(subscription);
        delivery.id = DeliveryId::new(Timestamp::from_micros(at * 1000), [1; 10]);
        (delivery.state, delivery.sequence) = (state, sequence);
        delivery
    }

    #[test]
    fn a_success_counts_whenever_it_was_and_otherwise_the_latest() {
        use DeliveryState::{Exhausted, Succeeded, Suppressed, Waiting};
        let deliveries = [
            one("b", 3, Waiting, Some(4)),
            one("b", 1, Suppressed, None),
            one("a", 2, Succeeded, Some(1)),
            one("a", 5, Exhausted, Some(1)),
        ];
        let found = pairs(&deliveries);
        let shown: Vec<_> = found
            .iter()
            .map(|pair| {
                let name = pair.subscription.subscription.as_str();
                (name, pair.standing.state, pair.sequence, pair.deliveries)
            })
            .collect();
        assert_eq!(shown, [("a", Succeeded, Some(1), 2), ("b", Waiting, Some(4), 2)]);
        assert_eq!(found[1].delivery, deliveries[1].id);

        let mut summary = ReconciliationCounts::default();
        summary.add(&found);
        summary.add(&[]);
        assert_eq!((summary.events, summary.unmatched, summary.pairs), (2, 1, 2));
        assert_eq!(summary.by_state.values().sum::<u32>(), 2);
    }
}
