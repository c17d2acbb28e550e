//! The event types that Postrider publishes itself, as a catalogue.
//!
//! Fed by the document that ships with the examples, which is compiled in; feeds
//! whoever lists event types or sends a sample. Guarantees that what is published
//! meets the schemas in it: the tests of this folder hold every payload to them.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::event_type::{EventType, EventTypeInput, ValidationMode};
use crate::time::Timestamp;

const BUILT_IN_DOCUMENT: &str =
    include_str!("../../../../examples/operational-events/event-types.json");

static BUILT_IN_TYPES: LazyLock<Vec<EventType>> = LazyLock::new(|| {
    // The tests read it too.
    let document: BuiltInDocument = serde_json::from_str(BUILT_IN_DOCUMENT).unwrap_or_default();
    let mut types: Vec<_> = document.event_types.into_iter().map(BuiltInEntry::into_type).collect();
    types.sort_by(|item, other| item.name.cmp(&other.name));
    types
});

#[derive(Default, Deserialize)]
struct BuiltInDocument {
    event_types: Vec<BuiltInEntry>,
}

/// As in the document of an import, but for the name.
#[derive(Deserialize)]
struct BuiltInEntry {
    name: String,
    description: String,
    group: String,
    validation: ValidationMode,
    schema: Box<RawValue>,
    sample: Box<RawValue>,
}

impl BuiltInEntry {
    fn into_type(self) -> EventType {
        let input = EventTypeInput {
            name: self.name,
            description: self.description,
            group: self.group,
            schema: Some(self.schema.get().to_owned()),
            validation: self.validation,
            sample: Some(self.sample.get().to_owned()),
        };
        EventType::new(input, Timestamp::from_micros(0))
    }
}

/// The built-in types, in the order of their names.
pub fn built_in() -> &'static [EventType] {
    &BUILT_IN_TYPES
}

/// A built-in type.
pub fn built_in_type(name: &str) -> Option<&'static EventType> {
    BUILT_IN_TYPES.iter().find(|built_in_type| built_in_type.name == name)
}
