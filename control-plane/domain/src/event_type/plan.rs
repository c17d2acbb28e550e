//! The changes that an import makes.
//!
//! Fed by a catalogue and the types of an import document; feeds `ImportEventTypes` what
//! to write and what to answer. Guarantees that importing a document again writes
//! nothing, and that types which the document does not name stay as they are.

use super::{EventType, EventTypeCatalogue, EventTypeInput};
use crate::time::Timestamp;

/// The changes that an import makes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportPlan {
    /// New and changed types as they are to be stored, each with its current revision,
    /// or 0 if it is new.
    pub writes: Vec<EventType>,
    pub created: usize,
    pub updated: usize,
    pub unchanged: usize,
}

impl EventTypeCatalogue {
    /// Plans an import. An archived type that the document names is unarchived.
    pub fn plan_import(&self, inputs: Vec<EventTypeInput>, now: Timestamp) -> ImportPlan {
        let mut plan = ImportPlan::default();
        for input in inputs {
            match self.get(&input.name) {
                None => {
                    plan.created += 1;
                    plan.writes.push(EventType { revision: 0, ..EventType::new(input, now) });
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

    const EARLIER_TIME: Timestamp = Timestamp::from_micros(1);
    const IMPORT_TIME: Timestamp = Timestamp::from_micros(2);

    fn input(name: &str) -> EventTypeInput {
        EventTypeInput { name: name.to_owned(), ..EventTypeInput::default() }
    }

    #[test]
    fn what_is_new_or_differs_is_written() {
        let same = EventType::new(input("same"), EARLIER_TIME);
        let other = EventType::new(input("other"), EARLIER_TIME);
        let back = EventType {
            archive_time: Some(EARLIER_TIME),
            ..EventType::new(input("back"), EARLIER_TIME)
        };
        let left = EventType::new(input("left"), EARLIER_TIME);
        let catalogue = EventTypeCatalogue::default().rebuilt(7, [same, other, back, left]);
        let changed = EventTypeInput { group: "g".to_owned(), ..input("other") };
        let inputs = vec![input("same"), changed, input("back"), input("new")];
        let plan = catalogue.plan_import(inputs.clone(), IMPORT_TIME);
        assert_eq!((plan.created, plan.updated, plan.unchanged), (1, 2, 1));
        let written: Vec<_> = plan.writes.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(written, ["other", "back", "new"]);
        assert!(
            plan.writes.iter().all(|item| !item.is_archived() && item.update_time == IMPORT_TIME)
        );
        let created: Vec<_> = plan.writes.iter().map(|item| item.create_time).collect();
        assert_eq!(created, [EARLIER_TIME, EARLIER_TIME, IMPORT_TIME]);
        let revisions: Vec<_> = plan.writes.iter().map(|item| item.revision).collect();
        assert_eq!(revisions, [1, 1, 0]);
        let after = catalogue.rebuilt(
            8,
            plan.writes.into_iter().chain([EventType::new(input("same"), EARLIER_TIME)]),
        );
        let again = after.plan_import(inputs, IMPORT_TIME);
        assert_eq!((again.writes.len(), again.unchanged), (0, 4));
    }
}
