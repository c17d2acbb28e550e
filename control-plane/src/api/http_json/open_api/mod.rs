//! The description of all paths: OpenAPI 3.1, made of the protos.
//!
//! Fed by the table of routes and the comments in the descriptors; feeds callers with
//! `/openapi.json`, and the repository with docs/openapi.json. Guarantees that what is served
//! is described, since both are made of the same table.

mod comments;
mod operations;
mod schemas;

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use self::comments::ProtoComments;
use self::operations::operation;
use self::schemas::SchemaWriter;
use super::routes::RouteTable;

const DESCRIPTION: &str = "Postrider's API over HTTP and JSON: the same services, permissions, \
    limits and errors as over gRPC. Members have the names of the protos' fields in \
    lowerCamelCase; members that have their default are left out of answers. See docs/http.md.";

/// The document, in the order of its names.
pub fn document(table: &RouteTable) -> anyhow::Result<String> {
    let comments = ProtoComments::read(&table.pool);
    let mut schemas = SchemaWriter::new(&comments);
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut tags = BTreeMap::new();
    for route in table.all() {
        let service = route.rpc.parent_service();
        let text = comments.of(&service.parent_file(), service.path());
        tags.insert(service.name().to_owned(), text);
        let (path, names) = route.template.open_api_path();
        let method = route.http_method.as_str().to_ascii_lowercase();
        let described = operation(route, &names, &comments, &mut schemas);
        paths.entry(path).or_default().insert(method, described);
    }
    let status = table.pool.get_message_by_name("google.rpc.Status");
    schemas.message(&status.context("google.rpc.Status is not described")?);
    let mut referred = schemas.referred();
    referred.insert("Error".to_owned(), error_schema());
    let tags: Vec<Value> =
        tags.iter().map(|(name, text)| json!({"name": name, "description": text})).collect();
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Postrider",
            "version": "v1",
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"certificate": []}],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": referred,
            "responses": {"Error": {
                "description": "The call failed: AIP-193. docs/errors.md has every reason.",
                "content": {"application/json": {
                    "schema": {"$ref": "#/components/schemas/Error"},
                }},
            }},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "certificate": {"type": "mutualTLS"},
            },
        },
    });
    let mut text = serde_json::to_string_pretty(&document)?;
    text.push('\n');
    Ok(text)
}

/// AIP-193.
fn error_schema() -> Value {
    json!({
        "type": "object",
        "required": ["error"],
        "properties": {"error": {
            "type": "object",
            "required": ["code", "status", "message", "details"],
            "properties": {
                "code": {"type": "integer", "description": "The HTTP status."},
                "status": {"type": "string", "description": "The name of gRPC's code."},
                "message": {"type": "string", "description": "For people; it may change."},
                "details": {
                    "type": "array",
                    "description": "google.rpc.ErrorInfo with the reason, and more by reason.",
                    "items": {
                        "type": "object",
                        "required": ["@type"],
                        "properties": {"@type": {"type": "string"}},
                    },
                },
            },
        }},
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use postrider_proto::FILE_DESCRIPTOR_SET;

    use super::*;

    fn written() -> String {
        document(&RouteTable::read(FILE_DESCRIPTOR_SET).unwrap()).unwrap()
    }

    /// Each reference within a document.
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(elements) => {
                elements.iter().for_each(|element| references(element, found));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn what_is_referred_to_is_there() {
        let document: Value = serde_json::from_str(&written()).unwrap();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 100, "{}", found.len());
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn operations_have_names_of_their_own_and_comments() {
        let document: Value = serde_json::from_str(&written()).unwrap();
        let mut names = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for operation in methods.as_object().unwrap().values() {
                names.push(operation["operationId"].as_str().unwrap().to_owned());
                assert!(!operation["description"].as_str().unwrap().is_empty(), "{path}");
            }
        }
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        let event = &document["components"]["schemas"]["Event"]["properties"];
        assert!(event["data"]["description"].is_string());
        assert_eq!(event["payloadSize"]["type"], "string");
    }

    /// `POSTRIDER_WRITE_DOCS=1` writes the document instead.
    #[test]
    fn the_documents_have_what_is_served() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
        if std::env::var_os("POSTRIDER_WRITE_DOCS").is_some() {
            std::fs::write(&path, written()).unwrap();
            return;
        }
        let committed = std::fs::read_to_string(&path).unwrap();
        assert!(committed == written(), "docs/openapi.json is not what the protos say");
    }
}
