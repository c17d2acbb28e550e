//! What an import would do.
//!
//! Fed by a catalogue and the checked types of an import document; feeds
//! ImportEventTypes what to write and what to answer. Guarantees that importing
//! a document a second time writes nothing, and that an import leaves alone what
//! its document does not name.

use super::{Catalogue, EventType, EventTypeInput};
use crate::time::Timestamp;

/// What an import does to a catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportPlan {
    /// What is new or differs, as it is to be stored.
    pub writes: Vec<EventType>,
    pub created: usize,
    pub updated: usize,
    pub unchanged: usize,
}

impl Catalogue {
    /// What an import at `now` does. A type that is archived is brought back.
    pub fn plan_import(&self, inputs: Vec<EventTypeInput>, now: Timestamp) -> ImportPlan {
        let mut plan = ImportPlan::default();
        for input in inputs {
            match self.get(&input.name) {
                None => {
                    plan.created += 1;
                    plan.writes.push(EventType::new(input, now));
                }
                Some(there) if !there.is_archived() && there.input() == input => {
                    plan.unchanged += 1;
                }
                Some(there) => {
                    plan.updated += 1;
                    plan.writes.push(EventType { archive_time: None, ..there.changed(input, now) });
                }
            }
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEN: Timestamp = Timestamp::from_micros(1);
    const NOW: Timestamp = Timestamp::from_micros(2);

    fn input(name: &str) -> EventTypeInput {
        EventTypeInput { name: name.to_owned(), ..EventTypeInput::default() }
    }

    #[test]
    fn what_is_new_or_differs_is_written() {
        let same = EventType::new(input("same"), THEN);
        let other = EventType::new(input("other"), THEN);
        let back = EventType { archive_time: Some(THEN), ..EventType::new(input("back"), THEN) };
        let left = EventType::new(input("left"), THEN);
        let catalogue = Catalogue::default().rebuilt(7, [same, other, back, left]);
        let changed = EventTypeInput { group: "g".to_owned(), ..input("other") };
        let inputs = vec![input("same"), changed, input("back"), input("new")];
        let plan = catalogue.plan_import(inputs.clone(), NOW);
        assert_eq!((plan.created, plan.updated, plan.unchanged), (1, 2, 1));
        let written: Vec<_> = plan.writes.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(written, ["other", "back", "new"]);
        assert!(plan.writes.iter().all(|one| !one.is_archived() && one.update_time == NOW));
        let created: Vec<_> = plan.writes.iter().map(|one| one.create_time).collect();
        assert_eq!(created, [THEN, THEN, NOW]);
        let after = catalogue
            .rebuilt(8, plan.writes.into_iter().chain([EventType::new(input("same"), THEN)]));
        let again = after.plan_import(inputs, NOW);
        assert_eq!((again.writes.len(), again.unchanged), (0, 4));
    }
}
