//! Checks the references of a schema.
//!
//! Fed by the compilation of a schema, before the validator sees it; feeds it an error
//! or nothing. Guarantees that every reference stays within the schema (fetching
//! another one would let its author make the control plane send requests), that none
//! leads back to itself, and that the schema is of bounded size after following all
//! references. So validating a payload costs at most the product of both sizes: a
//! recursive `oneOf` would cost two to the power of the payload's depth.

use std::collections::HashMap;

use serde_json::Value;

use super::schema_error::{
    MAX_REFERENCES, MAX_SCHEMA_RULES, SCHEMA_DIALECT, SchemaError, shortened,
};

/// Keywords whose value is data, whatever it looks like.
const DATA_KEYWORDS: [&str; 4] = ["const", "default", "enum", "examples"];

/// Keywords whose value maps names to schemas, so that the names are not keywords.
const NAMED_SCHEMAS: [&str; 5] =
    ["$defs", "definitions", "dependentSchemas", "patternProperties", "properties"];

/// Refuses a schema that refers to anything outside itself. Its nesting must be
/// bounded.
pub(super) fn inspect(schema: &Value) -> Result<(), SchemaError> {
    let mut inspection = ReferenceInspection { root: schema, anchors: HashMap::new(), rules: 0 };
    inspection.find_anchors(schema, "#")?;
    inspection.follow(schema, "#", 0)
}

struct ReferenceInspection<'s> {
    root: &'s Value,
    anchors: HashMap<&'s str, &'s Value>,
    rules: usize,
}

impl<'s> ReferenceInspection<'s> {
    /// Every possible anchor. A name that occurs twice is refused, because it is
    /// undefined which one the validator uses.
    fn find_anchors(&mut self, schema: &'s Value, at: &str) -> Result<(), SchemaError> {
        match schema {
            Value::Array(items) => items
                .iter()
                .enumerate()
                .try_for_each(|(index, item)| self.find_anchors(item, &format!("{at}/{index}"))),
            Value::Object(fields) => {
                if let Some(Value::String(anchor)) = fields.get("$anchor")
                    && self.anchors.insert(anchor, schema).is_some()
                {
                    return Err(SchemaError::Unsupported { pointer: below(at, "$anchor") });
                }
                fields
                    .iter()
                    .try_for_each(|(name, value)| self.find_anchors(value, &below(at, name)))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }

    fn follow(&mut self, schema: &'s Value, at: &str, links: usize) -> Result<(), SchemaError> {
        self.rules += 1;
        if self.rules > MAX_SCHEMA_RULES {
            return Err(SchemaError::TooManyRules);
        }
        match schema {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.follow(item, &format!("{at}/{index}"), links)?;
                }
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.keyword(name, value, &below(at, name), links)?;
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        Ok(())
    }

    fn keyword(
        &mut self,
        name: &str,
        value: &'s Value,
        at: &str,
        links: usize,
    ) -> Result<(), SchemaError> {
        let pointer = || at.to_owned();
        match (name, value) {
            ("$ref", Value::String(reference)) => {
                let target = self.target(reference, at)?;
                if links == MAX_REFERENCES {
                    return Err(SchemaError::Recursive { pointer: pointer() });
                }
                self.follow(target, reference, links + 1)
            }
            ("$schema", Value::String(dialect))
                if dialect.trim_end_matches('#') != SCHEMA_DIALECT =>
            {
                Err(SchemaError::Dialect { pointer: pointer() })
            }
            // These keywords only make sense with other schemas.
            ("$dynamicRef", Value::String(_)) => {
                Err(SchemaError::Unsupported { pointer: pointer() })
            }
            ("$id", Value::String(_)) if at != "#/$id" => {
                Err(SchemaError::Unsupported { pointer: pointer() })
            }
            (keyword, Value::Object(schemas)) if NAMED_SCHEMAS.contains(&keyword) => schemas
                .iter()
                .try_for_each(|(name, schema)| self.follow(schema, &below(at, name), links)),
            (keyword, _) if DATA_KEYWORDS.contains(&keyword) => Ok(()),
            _ => self.follow(value, at, links),
        }
    }

    fn target(&self, reference: &str, at: &str) -> Result<&'s Value, SchemaError> {
        let pointer = at.to_owned();
        let Some(fragment) = reference.strip_prefix('#') else {
            let reference = shortened(reference);
            return Err(SchemaError::RemoteReference { pointer, reference });
        };
        // The validator would decode it and could resolve it differently.
        if fragment.contains('%') {
            let reference = shortened(reference);
            return Err(SchemaError::LostReference { pointer, reference });
        }
        let target = if fragment.is_empty() || fragment.starts_with('/') {
            self.root.pointer(fragment)
        } else {
            self.anchors.get(fragment).copied()
        };
        target
            .ok_or_else(|| SchemaError::LostReference { pointer, reference: shortened(reference) })
    }
}

fn below(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}
