//! Order within a key, as a receiver sees it.
//!
//! Fed by a story; feeds its faults. Guarantees that no event of a key comes before
//! an earlier one or again after a later one, and that sequence numbers say the
//! same.

use std::collections::BTreeMap;

use super::{CrashHistory, Pair};

/// The last of a key that came.
#[derive(Clone, Copy)]
struct Last {
    place: u64,
    sequence: i64,
}

pub(super) fn faults(story: &CrashHistory) -> Vec<String> {
    let ordered = story.deliveries.iter().filter(|(delivery, _)| !delivery.ordering_key.is_empty());
    let keys: BTreeMap<Pair, &str> = ordered
        .map(|(ordered, _)| {
            ((ordered.event.clone(), ordered.subscription.clone()), ordered.ordering_key.as_str())
        })
        .collect();
    let mut last: BTreeMap<(&str, &str), Last> = BTreeMap::new();
    let mut faults = Vec::new();
    for post in &story.posts {
        let (Some(key), Some(&place)) = (keys.get(&post.pair()), story.places.get(&post.event))
        else {
            continue;
        };
        let now = Last { place, sequence: post.sequence };
        let before = last.insert((&post.subscription, key), now);
        let what = match before {
            None if place != 0 => Some(format!("{place} came first")),
            Some(before) if place < before.place || place > before.place + 1 => {
                Some(format!("{place} came after {}", before.place))
            }
            Some(before) if (place > before.place) != (post.sequence > before.sequence) => {
                Some(format!("sequence {} came after {}", post.sequence, before.sequence))
            }
            _ => None,
        };
        faults.extend(what.map(|what| format!("{} key {key}: {what}", post.subscription)));
    }
    faults
}
