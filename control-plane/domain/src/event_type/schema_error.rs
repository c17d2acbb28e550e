//! Why a schema is refused, and the limits that it must keep.
//!
//! Fed by the compilation of schemas; feeds whoever set one.

/// Largest schema, in bytes. As large as a sample; all are held in memory, compiled.
pub const MAX_SCHEMA_BYTES: usize = 64 * 1024;
/// Deepest nesting of a schema. Half of what a payload may nest: a level of it takes a
/// level of the schema or two, and references add to it.
pub const MAX_SCHEMA_NESTING: usize = 32;
pub(super) const SCHEMA_DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// Most references on the path from the root to any rule. A validator follows them one
/// inside the other.
pub(super) const MAX_REFERENCES: usize = 16;
/// Most values of a schema after following its references. About ten times what
/// `MAX_SCHEMA_BYTES` hold without references.
pub(super) const MAX_SCHEMA_RULES: usize = 50_000;
/// Longest part of a schema or of a payload's field names in a message, in characters. A
/// line of a terminal.
const MAX_QUOTED_CHARS: usize = 100;

/// Why a schema was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    #[error("must have at most {MAX_SCHEMA_BYTES} bytes")]
    TooLarge,
    #[error("must be nested at most {MAX_SCHEMA_NESTING} deep")]
    TooDeep,
    #[error("must be JSON: {0}")]
    NotJson(String),
    #[error("must be an object or a boolean")]
    NotASchema,
    #[error(
        "{pointer}: {reference:?} points outside the schema; a reference must begin with \"#\""
    )]
    RemoteReference { pointer: String, reference: String },
    #[error("{pointer}: {reference:?} points to nothing")]
    LostReference { pointer: String, reference: String },
    #[error(
        "{pointer}: refers back to itself, or goes through more than {MAX_REFERENCES} references"
    )]
    Recursive { pointer: String },
    #[error("has more than {MAX_SCHEMA_RULES} rules once its references are resolved")]
    TooManyRules,
    #[error("{pointer}: only JSON Schema 2020-12 is understood, {SCHEMA_DIALECT:?}")]
    Dialect { pointer: String },
    #[error("{pointer}: must not be used here")]
    Unsupported { pointer: String },
    #[error("{pointer}: {message}")]
    Invalid { pointer: String, message: String },
}

pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
