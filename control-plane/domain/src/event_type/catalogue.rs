//! The event types of an installation, ready to judge payloads.
//!
//! Fed by the store's event types whenever its version of them changed; feeds
//! `flow::publish` a verdict on each event. Guarantees that a rebuilt catalogue
//! compiles only the schemas that changed, and that two answers of one catalogue
//! belong to one version.

use std::collections::HashMap;
use std::sync::Arc;

use super::schema::{CompiledSchema, SchemaViolation};
use super::schema_error::SchemaError;
use super::{EventType, ValidationMode};
use crate::event::is_json;
use crate::event_type_name::is_reserved;

/// The catalogue's judgement of an event that is about to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogueVerdict {
    Accepted,
    /// It may be published; the publisher gets warnings.
    Warned(Vec<SchemaViolation>),
    Refused(Vec<SchemaViolation>),
    /// A setting decides whether that is an error.
    Unknown,
    Archived,
    /// Only Postrider itself publishes these types.
    Reserved,
}

/// All event types at one version.
#[derive(Clone, Debug, Default)]
pub struct EventTypeCatalogue {
    version: i64,
    types: HashMap<String, Arc<CatalogueEntry>>,
}

#[derive(Debug)]
struct CatalogueEntry {
    event_type: EventType,
    schema: Option<Result<CompiledSchema, SchemaError>>,
}

impl CatalogueEntry {
    fn new(event_type: EventType, previous: Option<&Arc<Self>>) -> Self {
        let schema = match previous {
            Some(entry) if entry.event_type.schema == event_type.schema => entry.schema.clone(),
            _ => event_type.schema.as_deref().map(CompiledSchema::compile),
        };
        Self { event_type, schema }
    }
}

impl EventTypeCatalogue {
    /// A catalogue of all `types` at `version`. Schemas that did not change are taken
    /// over from this one.
    pub fn rebuilt(&self, version: i64, types: impl IntoIterator<Item = EventType>) -> Self {
        let entry = |event_type: EventType| {
            let name = event_type.name.clone();
            let previous = self.types.get(&name);
            let entry = match previous {
                Some(entry) if entry.event_type == event_type => Arc::clone(entry),
                _ => Arc::new(CatalogueEntry::new(event_type, previous)),
            };
            (name, entry)
        };
        Self { version, types: types.into_iter().map(entry).collect() }
    }

    pub fn version(&self) -> i64 {
        self.version
    }

    pub fn get(&self, name: &str) -> Option<&EventType> {
        self.types.get(name).map(|entry| &entry.event_type)
    }

    pub fn len(&self) -> usize {
        self.types.len()
    }

    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// Judges an event that is about to be published.
    pub fn check(&self, event_type: &str, content_type: &str, payload: &[u8]) -> CatalogueVerdict {
        if is_reserved(event_type) {
            return CatalogueVerdict::Reserved;
        }
        let Some(entry) = self.types.get(event_type) else { return CatalogueVerdict::Unknown };
        if entry.event_type.is_archived() {
            return CatalogueVerdict::Archived;
        }
        let validation = entry.event_type.validation;
        let schema = match (&entry.schema, validation) {
            (None, _) | (_, ValidationMode::Off) => return CatalogueVerdict::Accepted,
            (Some(Ok(schema)), _) => schema,
            // It compiled when it was stored, but this version does not accept it. The
            // event is published with a warning.
            (Some(Err(error)), _) => {
                let message = format!("the event type's schema cannot be used: {error}");
                return CatalogueVerdict::Warned(vec![SchemaViolation {
                    path: String::new(),
                    message,
                }]);
            }
        };
        let violations = if is_json(content_type) {
            schema.violations(payload)
        } else {
            let message = "an event type with a schema accepts only JSON".to_owned();
            vec![SchemaViolation { path: String::new(), message }]
        };
        match (violations.is_empty(), validation) {
            (true, _) => CatalogueVerdict::Accepted,
            (false, ValidationMode::Enforce) => CatalogueVerdict::Refused(violations),
            (false, _) => CatalogueVerdict::Warned(violations),
        }
    }
}
