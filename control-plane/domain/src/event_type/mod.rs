//! The catalogue of event types: what may be published, and what its payloads
//! look like.
//!
//! Fed by `api`, which checks an [`EventTypeInput`] before it is stored, and by
//! the store, whose event types become a [`EventTypeCatalogue`]; feeds `flow::publish` a
//! [`CatalogueVerdict`] on each payload. Guarantees that every schema is compiled once
//! for each change of it, that validation fetches nothing and does not
//! backtrack, and that no verdict repeats what is in a payload.

mod catalogue;
mod import;
mod plan;
mod references;
mod schema;
mod schema_error;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::catalogue::{CatalogueVerdict, EventTypeCatalogue};
pub use self::import::{ImportDocument, ImportError, MAX_IMPORT_BYTES, MAX_IMPORT_TYPES};
pub use self::plan::ImportPlan;
pub use self::schema::{CompiledSchema, MAX_VIOLATIONS, SchemaViolation};
pub use self::schema_error::{MAX_SCHEMA_BYTES, MAX_SCHEMA_NESTING, SchemaError};
use crate::event_type_name::{is_reserved, validate_event_type};
use crate::time::Timestamp;

/// Most event types: all of them are held in memory. At some KiB each tens of megabytes, in
/// every replica.
pub const MAX_EVENT_TYPES: usize = 10_000;
/// Longest description, in characters. A paragraph or two.
pub const MAX_DESCRIPTION_CHARS: usize = 1024;
/// Longest group, in characters. A heading on one line.
pub const MAX_GROUP_CHARS: usize = 64;
/// Largest sample payload, in bytes. As large as a schema; a sample is read by people.
pub const MAX_SAMPLE_BYTES: usize = 64 * 1024;

/// What happens to a payload that violates its type's schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ValidationMode {
    /// Nothing is checked.
    #[default]
    Off,
    /// The event is published, and the answer names what is wrong.
    Warn,
    /// The event is refused.
    Enforce,
}

impl ValidationMode {
    /// The default.
    pub const fn by_default(has_schema: bool) -> Self {
        if has_schema { Self::Enforce } else { Self::Off }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Warn => "WARN",
            Self::Enforce => "ENFORCE",
        }
    }
}

impl fmt::Display for ValidationMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not a validation mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be OFF, WARN or ENFORCE")]
pub struct UnknownValidationMode;

impl FromStr for ValidationMode {
    type Err = UnknownValidationMode;

    fn from_str(text: &str) -> Result<Self, UnknownValidationMode> {
        [Self::Off, Self::Warn, Self::Enforce]
            .into_iter()
            .find(|validation| validation.as_str() == text)
            .ok_or(UnknownValidationMode)
    }
}

/// An event type, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventType {
    /// The event type of its events.
    pub name: String,
    pub description: String,
    pub group: String,
    /// JSON Schema 2020-12, byte for byte as given.
    pub schema: Option<String>,
    pub validation: ValidationMode,
    /// A payload for tests, byte for byte as given.
    pub sample: Option<String>,
    /// Since when it cannot be published.
    pub archive_time: Option<Timestamp>,
    /// Raised by every change; shown as the etag.
    pub revision: i64,
    pub create_time: Timestamp,
    pub update_time: Timestamp,
}

impl EventType {
    /// A new event type.
    pub fn new(input: EventTypeInput, now: Timestamp) -> Self {
        Self {
            name: input.name,
            description: input.description,
            group: input.group,
            schema: input.schema,
            validation: input.validation,
            sample: input.sample,
            archive_time: None,
            revision: 1,
            create_time: now,
            update_time: now,
        }
    }

    /// Its editable part.
    pub fn input(&self) -> EventTypeInput {
        EventTypeInput {
            name: self.name.clone(),
            description: self.description.clone(),
            group: self.group.clone(),
            schema: self.schema.clone(),
            validation: self.validation,
            sample: self.sample.clone(),
        }
    }

    /// The event type after an edit at `now`.
    pub fn changed(&self, input: EventTypeInput, now: Timestamp) -> Self {
        Self {
            archive_time: self.archive_time,
            revision: self.revision,
            create_time: self.create_time,
            ..Self::new(input, now)
        }
    }

    pub fn is_archived(&self) -> bool {
        self.archive_time.is_some()
    }
}

/// The editable part of an event type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventTypeInput {
    pub name: String,
    pub description: String,
    pub group: String,
    pub schema: Option<String>,
    pub validation: ValidationMode,
    pub sample: Option<String>,
}

/// A field of an [`EventTypeInput`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventTypeField {
    Name,
    Description,
    Group,
    Schema,
    Validation,
    Sample,
}

/// Why a field was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EventTypeFieldError {
    pub field: EventTypeField,
    pub message: String,
}

impl EventTypeInput {
    /// Every problem; empty if it may be stored.
    pub fn check(&self) -> Vec<EventTypeFieldError> {
        let mut errors = Vec::new();
        let mut refuse =
            |field, message: String| errors.push(EventTypeFieldError { field, message });
        if let Err(error) = validate_event_type(&self.name) {
            refuse(EventTypeField::Name, error.to_string());
        } else if is_reserved(&self.name) {
            refuse(
                EventTypeField::Name,
                "must not be \"postrider\" or below it: those are built in".into(),
            );
        }
        for (field, text, most) in [
            (EventTypeField::Description, &self.description, MAX_DESCRIPTION_CHARS),
            (EventTypeField::Group, &self.group, MAX_GROUP_CHARS),
        ] {
            if text.chars().count() > most {
                refuse(field, format!("must have at most {most} characters"));
            }
            if text.chars().any(char::is_control) {
                refuse(field, "must not contain control characters".into());
            }
        }
        let schema = self.schema.as_deref().map(CompiledSchema::compile).transpose();
        if let Err(error) = &schema {
            refuse(EventTypeField::Schema, error.to_string());
        }
        if self.schema.is_none() && self.validation != ValidationMode::Off {
            refuse(EventTypeField::Validation, "must be OFF without a schema".into());
        }
        if let Some(sample) = &self.sample {
            let enforced =
                schema.ok().flatten().filter(|_| self.validation == ValidationMode::Enforce);
            for message in wrong_with_sample(sample, enforced.as_ref()) {
                refuse(EventTypeField::Sample, message);
            }
        }
        errors
    }
}

fn wrong_with_sample(sample: &str, enforced: Option<&CompiledSchema>) -> Vec<String> {
    if sample.len() > MAX_SAMPLE_BYTES {
        return vec![format!("must have at most {MAX_SAMPLE_BYTES} bytes")];
    }
    match (enforced, serde_json::from_str::<Value>(sample)) {
        (_, Err(error)) => vec![format!("must be JSON: {error}")],
        (None, Ok(_)) => Vec::new(),
        (Some(schema), Ok(_)) => {
            let violations = schema.violations(sample.as_bytes());
            violations
                .iter()
                .map(|violation| format!("must meet the schema: {violation}"))
                .collect()
        }
    }
}
