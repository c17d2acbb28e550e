//! Where a schema's references lead.
//!
//! Fed by the compilation of a schema, before the schema goes to the validator;
//! feeds it a refusal or nothing. Guarantees that every reference ends inside
//! the schema (fetching another would be a request that whoever wrote the schema
//! makes the control plane send), that none leads back to itself, and that the
//! schema with all its references followed is of a bounded size. So what
//! validating a payload costs is bounded by the product of both sizes: a
//! recursive `oneOf` would cost two to the power of the payload's depth.

use std::collections::HashMap;

use serde_json::Value;

use super::schema::{SchemaError, shortened};

pub(super) const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// Most references on the way from the root of a schema to any of its rules.
pub(super) const MAX_REFERENCES: usize = 16;
/// Most values of a schema, references followed.
pub(super) const MAX_RULES: usize = 50_000;

/// Keywords whose value is data, whatever it looks like.
const DATA_KEYWORDS: [&str; 4] = ["const", "default", "enum", "examples"];

/// Keywords whose value is schemas by name, so that no name in it is a keyword.
const NAMED_SCHEMAS: [&str; 5] =
    ["$defs", "definitions", "dependentSchemas", "patternProperties", "properties"];

/// Refuses a schema that is not closed in itself. Its nesting must be bounded.
pub(super) fn inspect(schema: &Value) -> Result<(), SchemaError> {
    let mut inspection = Inspection { root: schema, anchors: HashMap::new(), rules: 0 };
    inspection.find_anchors(schema, "#")?;
    inspection.follow(schema, "#", 0)
}

struct Inspection<'s> {
    root: &'s Value,
    anchors: HashMap<&'s str, &'s Value>,
    rules: usize,
}

impl<'s> Inspection<'s> {
    /// Anchors wherever something looks like one. A name that is there twice is
    /// refused: which of the two the validator takes may depend on where they stand.
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
            _ => Ok(()),
        }
    }

    fn follow(&mut self, schema: &'s Value, at: &str, links: usize) -> Result<(), SchemaError> {
        self.rules += 1;
        if self.rules > MAX_RULES {
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
            _ => {}
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
            ("$schema", Value::String(dialect)) if dialect.trim_end_matches('#') != DIALECT => {
                Err(SchemaError::Dialect { pointer: pointer() })
            }
            // Both exist to be resolved by what stands elsewhere.
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
        // The validator would decode it, and might end somewhere else than this does.
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
