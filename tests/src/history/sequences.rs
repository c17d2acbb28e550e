//! Sequence numbers.
//!
//! Fed by a story; feeds its faults. Guarantees that a subscription's deliveries are
//! numbered from 1 without a gap and without a number twice, and that receivers were
//! told the numbers that the history has.

use std::collections::BTreeMap;

use super::{CrashHistory, Pair};

pub(super) fn faults(story: &CrashHistory) -> Vec<String> {
    let mut faults = Vec::new();
    let mut numbers: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    let mut told: BTreeMap<Pair, i64> = BTreeMap::new();
    for (delivery, _) in &story.deliveries {
        // Those that are sent again keep their number; tests have none.
        if delivery.resend_of.is_empty() && !delivery.test {
            numbers.entry(&delivery.subscription).or_default().push(delivery.sequence);
        }
        told.insert((delivery.event.clone(), delivery.subscription.clone()), delivery.sequence);
    }
    for (subscription, mut numbers) in numbers {
        numbers.sort_unstable();
        let wrong = numbers.iter().zip(1..).find(|(number, wanted)| *number != wanted);
        if let Some((number, wanted)) = wrong {
            faults.push(format!("{subscription}: number {number} stands where {wanted} should"));
        }
    }
    for post in &story.posts {
        let number = told.get(&post.pair()).copied().unwrap_or(post.sequence);
        if post.sequence != number {
            let said = post.sequence;
            faults.push(format!("POST {} says number {said}, history {number}", post.number));
        }
    }
    faults
}
