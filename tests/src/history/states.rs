//! States that are final.
//!
//! Fed by a story; feeds its faults. Guarantees that no delivery that had ended was
//! seen elsewhere later: the only change is EXHAUSTED to SUCCEEDED, once, and none
//! vanishes.

use std::collections::BTreeMap;

use postrider_proto::v1::DeliveryState;

use super::CrashHistory;

fn is_final(state: DeliveryState) -> bool {
    use DeliveryState::{Cancelled, Exhausted, Succeeded, Suppressed};
    matches!(state, Cancelled | Exhausted | Succeeded | Suppressed)
}

pub(super) fn faults(story: &CrashHistory) -> Vec<String> {
    let mut faults = Vec::new();
    let now: BTreeMap<&str, DeliveryState> = story
        .deliveries
        .iter()
        .map(|(delivery, _)| (delivery.name.as_str(), delivery.state()))
        .collect();
    let seen = story.sightings.iter().map(|(name, state)| (name.as_str(), *state));
    let mut last: BTreeMap<&str, DeliveryState> = BTreeMap::new();
    for (name, state) in seen.chain(now.iter().map(|(name, state)| (*name, *state))) {
        let Some(before) = last.insert(name, state) else { continue };
        let late = (before, state) == (DeliveryState::Exhausted, DeliveryState::Succeeded);
        if is_final(before) && before != state && !late {
            let (before, state) = (before.as_str_name(), state.as_str_name());
            faults.push(format!("{name}: was {before} and then {state}"));
        }
    }
    let vanished = last.keys().filter(|name| !now.contains_key(*name));
    faults.extend(vanished.map(|name| format!("{name}: has vanished")));
    faults
}
