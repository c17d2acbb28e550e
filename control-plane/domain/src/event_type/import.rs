//! A whole catalogue as one JSON document.
//!
//! Fed by `ImportEventTypes` with the document; feeds it the event types that the
//! document describes, or everything that is wrong with it, each error with its
//! place. Guarantees that schemas and samples come out byte for byte as they
//! are in the document, and that what it does not understand is refused and
//! not ignored.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{EventTypeField, EventTypeInput, ValidationMode};

/// Largest document, in bytes. gRPC's default limit for a message.
pub const MAX_IMPORT_BYTES: usize = 4 * 1024 * 1024;
/// Most event types of a document. A tenth of the catalogue; a larger one comes in several
/// documents.
pub const MAX_IMPORT_TYPES: usize = 1000;

/// Most errors that are collected for one entry. Nobody corrects more at a time.
const MAX_ENTRY_ERRORS: usize = 64;
const TYPES_FIELD: &str = "event_types";

/// A problem in a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct ImportError {
    /// Where: `event_types[3].schema`; empty for the whole document.
    pub path: String,
    pub message: String,
}

impl ImportError {
    fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

/// The document: `{"event_types": [{"name": "payment.completed", "description":
/// "…", "group": "payments", "validation": "ENFORCE", "schema": {…}, "sample":
/// {…}}]}`, all but the name optional.
#[derive(Clone, Copy, Debug)]
pub struct ImportDocument;

impl ImportDocument {
    /// Parses a document. The event types it returns are valid.
    pub fn parse(json: &str) -> Result<Vec<EventTypeInput>, Vec<ImportError>> {
        let items = items(json).map_err(|error| vec![error])?;
        let mut errors = Vec::new();
        let mut types = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for (index, item) in items.into_iter().enumerate() {
            let path = format!("{TYPES_FIELD}[{index}]");
            let Some(input) = event_type(&path, item, &mut errors) else { continue };
            if let Some(first) = places.get(&input.name) {
                let message = format!("{:?} is in {TYPES_FIELD}[{first}] already", input.name);
                errors.push(ImportError::new(format!("{path}.name"), message));
            }
            places.entry(input.name.clone()).or_insert(index);
            types.push(input);
        }
        if errors.is_empty() { Ok(types) } else { Err(errors) }
    }
}

/// The entries of the document's list.
fn items(json: &str) -> Result<Vec<&RawValue>, ImportError> {
    if json.len() > MAX_IMPORT_BYTES {
        let message = format!("must have at most {MAX_IMPORT_BYTES} bytes");
        return Err(ImportError::new("", message));
    }
    let ObjectFields(fields) = serde_json::from_str(json).map_err(|error| {
        ImportError::new("", format!("must be a JSON object with {TYPES_FIELD:?}: {error}"))
    })?;
    let mut list = None;
    for (name, value) in fields {
        if name != TYPES_FIELD {
            return Err(ImportError::new(name, "is not a field of an import document"));
        }
        if list.replace(value).is_some() {
            return Err(ImportError::new(TYPES_FIELD, "must occur only once"));
        }
    }
    let list = list.ok_or_else(|| ImportError::new(TYPES_FIELD, "is missing"))?;
    let items: Vec<&RawValue> = serde_json::from_str(list.get())
        .map_err(|_| ImportError::new(TYPES_FIELD, "must be a list of event types"))?;
    if items.len() > MAX_IMPORT_TYPES {
        let message = format!("must have at most {MAX_IMPORT_TYPES} entries");
        return Err(ImportError::new(TYPES_FIELD, message));
    }
    Ok(items)
}

/// Parses one entry and collects its errors; `None` if it is not an object.
fn event_type(
    path: &str,
    item: &RawValue,
    errors: &mut Vec<ImportError>,
) -> Option<EventTypeInput> {
    let Ok(ObjectFields(fields)) = serde_json::from_str(item.get()) else {
        errors.push(ImportError::new(path, "must be an object"));
        return None;
    };
    let mut input = EventTypeInput::default();
    let mut validation = None;
    let mut seen: HashSet<String> = HashSet::new();
    let before = errors.len();
    for (name, value) in fields {
        let path = format!("{path}.{name}");
        if errors.len() - before >= MAX_ENTRY_ERRORS {
            break;
        }
        if seen.contains(&name) {
            errors.push(ImportError::new(path, "must occur only once"));
            continue;
        }
        let read = match name.as_str() {
            "name" => text(value).map(|text| input.name = text),
            "description" => text(value).map(|text| input.description = text),
            "group" => text(value).map(|text| input.group = text),
            "validation" => text(value).and_then(|text| {
                validation =
                    Some(text.parse::<ValidationMode>().map_err(|error| error.to_string())?);
                Ok(())
            }),
            "schema" => {
                input.schema = Some(value.get().to_owned());
                Ok(())
            }
            "sample" => {
                input.sample = Some(value.get().to_owned());
                Ok(())
            }
            _ => Err("is not a field of an event type".to_owned()),
        };
        if let Err(message) = read {
            errors.push(ImportError::new(path, message));
        }
        seen.insert(name);
    }
    input.validation = validation.unwrap_or(ValidationMode::by_default(input.schema.is_some()));
    let found = errors.split_off(before);
    let unread = |path: &str| found.iter().any(|error| error.path == path);
    let checked = input.check().into_iter().filter_map(|error| {
        let path = format!("{path}.{}", field_name(error.field));
        // A field that could not be read is not reported as missing too.
        (!unread(&path)).then(|| ImportError::new(path, error.message))
    });
    let checked: Vec<ImportError> = checked.collect();
    errors.extend(found);
    errors.extend(checked);
    Some(input)
}

fn text(value: &RawValue) -> Result<String, String> {
    serde_json::from_str(value.get()).map_err(|_| "must be a string".to_owned())
}

const fn field_name(field: EventTypeField) -> &'static str {
    match field {
        EventTypeField::Name => "name",
        EventTypeField::Description => "description",
        EventTypeField::Group => "group",
        EventTypeField::Schema => "schema",
        EventTypeField::Validation => "validation",
        EventTypeField::Sample => "sample",
    }
}

/// An object's fields in order, including repeated names.
struct ObjectFields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for ObjectFields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldCollector;

        impl<'de> Visitor<'de> for FieldCollector {
            type Value = ObjectFields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<ObjectFields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(ObjectFields(fields))
            }
        }

        deserializer.deserialize_map(FieldCollector)
    }
}
