//! JSON schemas of messages, as ProtoJSON has them.
//!
//! Fed by `mod.rs` with the messages of requests and answers; feeds it the schemas, and those
//! of all messages within. An answer leaves out members that have their default, so that a
//! schema requires none but where a request has to give it.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::comments::ProtoComments;
use crate::api::http_json::payload_members::{DATA_MEMBER, has_payload};

/// The package whose names stand alone.
const OWN_PACKAGE: &str = "postrider.v1";
const DATA_DESCRIPTION: &str = "The payload as any JSON value, which is taken, signed, sent and \
    given back byte for byte. Instead of payload and payloadJson. An answer has payload instead \
    where the payload is no JSON or has spaces around it and, in a line or an event, where it \
    has line ends.";

/// Writes schemas, and remembers which others they refer to.
pub struct SchemaWriter<'a> {
    comments: &'a ProtoComments,
    waiting: Vec<Kind>,
    seen: BTreeSet<String>,
}

impl<'a> SchemaWriter<'a> {
    pub fn new(comments: &'a ProtoComments) -> Self {
        Self { comments, waiting: Vec::new(), seen: BTreeSet::new() }
    }

    /// The schema of a message, by reference where it is one of the contract's.
    pub fn message(&mut self, message: &MessageDescriptor) -> Value {
        self.kind(&Kind::Message(message.clone()))
    }

    /// The schema of a request's body: all fields but those that stand in the path.
    pub fn body(&mut self, message: &MessageDescriptor, in_path: &[&FieldDescriptor]) -> Value {
        let mut schema = self.object(message, in_path);
        let required = message
            .fields()
            .filter(|field| self.comments.is_required(field) && !in_path.contains(&field));
        let names: Vec<String> = required.map(|field| field.json_name().to_owned()).collect();
        if let (Some(object), false) = (schema.as_object_mut(), names.is_empty()) {
            object.insert("required".to_owned(), json!(names));
        }
        schema
    }

    /// A field's schema with its description.
    pub fn field(&mut self, field: &FieldDescriptor) -> Value {
        let mut schema = if field.is_map() {
            let kind = field.kind();
            let value = kind.as_message().map(|entry| entry.map_entry_value_field().kind());
            let values = value.map_or_else(|| json!({}), |value| self.kind(&value));
            json!({"type": "object", "additionalProperties": values})
        } else if field.is_list() {
            json!({"type": "array", "items": self.kind(&field.kind())})
        } else {
            self.kind(&field.kind())
        };
        let Some(object) = schema.as_object_mut() else { return schema };
        let file = field.parent_message().parent_file();
        describe(object, self.comments.of(&file, field.path()));
        if self.comments.is_output_only(field) {
            object.insert("readOnly".to_owned(), Value::Bool(true));
        }
        schema
    }

    /// All schemas that were referred to, by their names.
    pub fn referred(mut self) -> BTreeMap<String, Value> {
        let mut schemas = BTreeMap::new();
        while let Some(kind) = self.waiting.pop() {
            if let Some(message) = kind.as_message() {
                schemas.insert(name(message.full_name()), self.object(message, &[]));
            } else if let Some(listed) = kind.as_enum() {
                schemas.insert(name(listed.full_name()), self.enumeration(listed));
            }
        }
        schemas
    }

    fn object(&mut self, message: &MessageDescriptor, without: &[&FieldDescriptor]) -> Value {
        let mut properties = Map::new();
        for field in message.fields() {
            if !without.contains(&&field) {
                properties.insert(field.json_name().to_owned(), self.field(&field));
            }
        }
        if has_payload(message) {
            properties.insert(DATA_MEMBER.to_owned(), json!({"description": DATA_DESCRIPTION}));
        }
        let mut object = Map::new();
        object.insert("type".to_owned(), json!("object"));
        object.insert("properties".to_owned(), Value::Object(properties));
        describe(&mut object, self.comments.of(&message.parent_file(), message.path()));
        Value::Object(object)
    }

    fn enumeration(&self, listed: &EnumDescriptor) -> Value {
        let file = listed.parent_file();
        let names: Vec<String> = listed.values().map(|value| value.name().to_owned()).collect();
        let mut text = self.comments.of(&file, listed.path());
        for value in listed.values() {
            let comment = self.comments.of(&file, value.path()).replace('\n', " ");
            text.push_str(&format!("\n- {}: {comment}", value.name()));
        }
        json!({"type": "string", "enum": names, "description": text})
    }

    fn kind(&mut self, kind: &Kind) -> Value {
        match kind {
            Kind::String => json!({"type": "string"}),
            Kind::Bool => json!({"type": "boolean"}),
            Kind::Double | Kind::Float => json!({"type": "number"}),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                json!({"type": "integer", "minimum": i32::MIN, "maximum": i32::MAX})
            }
            Kind::Uint32 | Kind::Fixed32 => {
                json!({"type": "integer", "minimum": 0, "maximum": u32::MAX})
            }
            // As texts, since many readers of JSON have no integers of 64 bits.
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
                json!({"type": "string", "format": "int64", "pattern": "^-?[0-9]{1,19}$"})
            }
            Kind::Uint64 | Kind::Fixed64 => {
                json!({"type": "string", "format": "uint64", "pattern": "^[0-9]{1,20}$"})
            }
            Kind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
            Kind::Message(message) => match well_known(message.full_name()) {
                Some(schema) => schema,
                None => self.reference(kind, message.full_name()),
            },
            Kind::Enum(listed) => self.reference(kind, listed.full_name()),
        }
    }

    fn reference(&mut self, kind: &Kind, full_name: &str) -> Value {
        if self.seen.insert(full_name.to_owned()) {
            self.waiting.push(kind.clone());
        }
        json!({"$ref": format!("#/components/schemas/{}", name(full_name))})
    }
}

fn describe(object: &mut Map<String, Value>, description: String) {
    if !description.is_empty() {
        object.insert("description".to_owned(), Value::String(description));
    }
}

/// The contract's own names without their package.
fn name(full_name: &str) -> String {
    let own = full_name.strip_prefix(OWN_PACKAGE).and_then(|rest| rest.strip_prefix('.'));
    own.unwrap_or(full_name).to_owned()
}

/// Messages that ProtoJSON writes in a way of their own.
fn well_known(full_name: &str) -> Option<Value> {
    Some(match full_name {
        "google.protobuf.Timestamp" => json!({"type": "string", "format": "date-time"}),
        "google.protobuf.Duration" => {
            json!({"type": "string", "pattern": r"^-?[0-9]{1,12}(\.[0-9]{1,9})?s$"})
        }
        "google.protobuf.FieldMask" => json!({"type": "string"}),
        "google.protobuf.Empty" => json!({"type": "object"}),
        "google.protobuf.Any" => json!({
            "type": "object",
            "properties": {"@type": {"type": "string"}},
            "required": ["@type"],
        }),
        _ => return None,
    })
}
