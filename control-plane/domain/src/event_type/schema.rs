//! JSON Schema 2020-12, compiled.
//!
//! Fed by the text of a schema, once for each change of it, and by payloads;
//! feeds the catalogue what is wrong with them. Guarantees that nothing is
//! fetched (see [`super::references`]), that patterns run in linear time (the
//! engine knows no look-around and no back-references, and a schema that uses
//! them is refused), that nesting is bounded on both sides, and that a violation
//! says which rule was broken where, never by which value.
//!
//! Numbers: integers of 64 bits are compared exactly, larger ones and decimals
//! as doubles. `multipleOf` is exact for decimals of the usual size
//! (`"multipleOf": 0.01` accepts 19.99), and is computed in doubles above 2^53:
//! whoever needs more takes decimal strings with a `pattern`.
//!
//! Keeps the invariant `conditions-hold-up-nobody`.

use std::fmt;
use std::sync::Arc;

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;

use super::references::inspect;
use super::schema_error::{MAX_SCHEMA_BYTES, MAX_SCHEMA_NESTING, SchemaError, shortened};

/// Deepest nesting of a payload that is validated. As of a content filter.
const MAX_PAYLOAD_NESTING: usize = 64;
/// Most violations that are named of one payload. They travel in a header, and the first
/// ones tell.
pub const MAX_VIOLATIONS: usize = 20;
/// For a larger payload only the first violation is reported, because all of them are
/// collected in memory. The largest payload by default (`publish.max_payload_bytes`).
const MAX_ITEMISED_BYTES: usize = 256 * 1024;
/// Most that a compiled pattern may take, in bytes. A tenth of the regex crate's own limit:
/// a catalogue may have thousands.
const MAX_PATTERN_BYTES: usize = 1024 * 1024;

/// A rule that a payload violates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaViolation {
    /// Where, as a JSON pointer; empty for the whole payload.
    pub path: String,
    pub message: String,
}

impl SchemaViolation {
    fn whole(message: impl Into<String>) -> Self {
        Self { path: String::new(), message: message.into() }
    }
}

impl fmt::Display for SchemaViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "/" } else { &self.path };
        write!(f, "{path} {}", self.message)
    }
}

/// A compiled schema. Cheap to clone.
#[derive(Clone)]
pub struct CompiledSchema(Arc<Validator>);

impl CompiledSchema {
    pub fn compile(text: &str) -> Result<Self, SchemaError> {
        if text.len() > MAX_SCHEMA_BYTES {
            return Err(SchemaError::TooLarge);
        }
        let schema: Value =
            serde_json::from_str(text).map_err(|error| SchemaError::NotJson(error.to_string()))?;
        if !schema.is_object() && !schema.is_boolean() {
            return Err(SchemaError::NotASchema);
        }
        if nesting_exceeds(&schema, MAX_SCHEMA_NESTING) {
            return Err(SchemaError::TooDeep);
        }
        inspect(&schema)?;
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .offline()
            .should_validate_formats(true)
            .with_pattern_options(PatternOptions::regex().size_limit(MAX_PATTERN_BYTES))
            .build(&schema)
            .map_err(|error| invalid(&error))?;
        Ok(Self(Arc::new(validator)))
    }

    /// The violations of a payload, at most [`MAX_VIOLATIONS`]; empty if it is valid.
    pub fn violations(&self, payload: &[u8]) -> Vec<SchemaViolation> {
        let value = match serde_json::from_slice::<Value>(payload) {
            Ok(value) if !nesting_exceeds(&value, MAX_PAYLOAD_NESTING) => value,
            Ok(_) => return vec![SchemaViolation::whole(too_deep())],
            Err(error) => return vec![SchemaViolation::whole(beyond(&error))],
        };
        if self.0.is_valid(&value) {
            return Vec::new();
        }
        if payload.len() > MAX_ITEMISED_BYTES {
            return self.0.validate(&value).err().iter().map(violation).collect();
        }
        self.0.iter_errors(&value).take(MAX_VIOLATIONS).map(|error| violation(&error)).collect()
    }
}

impl fmt::Debug for CompiledSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CompiledSchema")
    }
}

fn too_deep() -> String {
    format!("must be nested at most {MAX_PAYLOAD_NESTING} deep")
}

/// What is wrong with a payload that no value can be made of: as a rule it is JSON
/// by its grammar, and beyond what values can hold. The parser names these limits
/// in words only.
fn beyond(error: &serde_json::Error) -> String {
    let place = format!("(line {}, column {})", error.line(), error.column());
    let message = error.to_string();
    if message.starts_with("recursion limit") {
        too_deep()
    } else if message.starts_with("number out of range") {
        format!("must have no number beyond a double's range, about 1.8e308 {place}")
    } else if message.contains("surrogate") || message.contains("hex escape") {
        format!(
            "must have no \\u escape of half a surrogate pair, which is not a character {place}"
        )
    } else {
        format!("must be JSON: {message}")
    }
}

fn nesting_exceeds(value: &Value, most: usize) -> bool {
    let Some(left) = most.checked_sub(1) else {
        return value.is_object() || value.is_array();
    };
    match value {
        Value::Array(items) => items.iter().any(|item| nesting_exceeds(item, left)),
        Value::Object(fields) => fields.values().any(|field| nesting_exceeds(field, left)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the validator's kinds have one text each")]
fn invalid(error: &ValidationError<'_>) -> SchemaError {
    // The schema was the instance of the dialect's own schema, unless the
    // compiler itself found fault.
    let instance = error.instance_path().as_str();
    let place = if instance.is_empty() { error.schema_path().as_str() } else { instance };
    let message = match error.kind() {
        Kind::Referencing(error) => error.to_string(),
        Kind::Custom { message, .. } => message.clone(),
        Kind::Format { format } if format == "regex" => {
            "must be a regular expression without look-around or back-references".to_owned()
        }
        kind => rule(kind),
    };
    SchemaError::Invalid { pointer: format!("#{place}"), message: shortened(&message) }
}

fn violation(error: &ValidationError<'_>) -> SchemaViolation {
    SchemaViolation {
        path: shortened(error.instance_path().as_str()),
        message: shortened(&rule(error.kind())),
    }
}

/// The violated rule in the schema's words, without any value of the payload.
#[expect(clippy::wildcard_enum_match_arm, reason = "the validator may learn rules")]
fn rule(kind: &Kind) -> String {
    match kind {
        Kind::Required { property } => format!("must have the field {property}"),
        Kind::Type { kind: TypeKind::Single(one) } => format!("must be of type {one}"),
        Kind::Type { kind: TypeKind::Multiple(several) } => {
            let names: Vec<String> = several.iter().map(|problem| problem.to_string()).collect();
            format!("must be of type {}", names.join(" or "))
        }
        Kind::AdditionalProperties { unexpected } => {
            format!("must not have the field {}", quoted(unexpected))
        }
        Kind::UnevaluatedProperties { .. } => "has fields that no rule allows".to_owned(),
        Kind::Constant { expected_value } => format!("must be {expected_value}"),
        Kind::Enum { options } => format!("must be one of {options}"),
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::MinLength { limit } => format!("must have at least {limit} characters"),
        Kind::MaxLength { limit } => format!("must have at most {limit} characters"),
        Kind::Pattern { pattern } => format!("must match the pattern {pattern}"),
        Kind::Format { format } => format!("must have the format {format}"),
        Kind::MinItems { limit } => format!("must have at least {limit} items"),
        Kind::MaxItems { limit } => format!("must have at most {limit} items"),
        Kind::AdditionalItems { limit } => format!("must have at most {limit} items"),
        Kind::UniqueItems => "must not have the same item twice".to_owned(),
        Kind::Contains => "must contain an item that the schema requires".to_owned(),
        Kind::MinProperties { limit } => format!("must have at least {limit} fields"),
        Kind::MaxProperties { limit } => format!("must have at most {limit} fields"),
        Kind::PropertyNames { error } => {
            format!("has a field whose name {}", rule(error.kind()))
        }
        Kind::AnyOf { .. } => "must meet one of several schemas (anyOf)".to_owned(),
        Kind::OneOfNotValid { .. } => "must meet one of several schemas (oneOf)".to_owned(),
        Kind::OneOfMultipleValid { .. } => {
            "must meet only one of several schemas (oneOf)".to_owned()
        }
        Kind::Not { .. } => "must not meet a schema that it meets (not)".to_owned(),
        Kind::FalseSchema => "is not allowed".to_owned(),
        other => format!("breaks the rule {}", other.keyword()),
    }
}

/// Field names are less sensitive than values, and without them a misspelt one cannot
/// be found.
fn quoted(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().take(3).map(|name| format!("{name:?}")).collect();
    let more = if names.len() > quoted.len() { " and others" } else { "" };
    format!("{}{more}", quoted.join(", "))
}
