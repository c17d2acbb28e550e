//! One method at one path.
//!
//! Fed by `mod.rs` with a route; feeds it the operation: parameters, body and answers.

use prost_reflect::FieldDescriptor;
use serde_json::{Value, json};

use super::comments::ProtoComments;
use super::schemas::SchemaWriter;
use crate::api::http_json::http_call::resume_field;
use crate::api::http_json::idempotency_keys::key_field;
use crate::api::http_json::media_types::{EVENTS, JSON, LINES};
use crate::api::http_json::routes::{HttpRoute, RouteBody};

const KEY_DESCRIPTION: &str = "The idempotencyKey of the body, which may have the same.";
const LAST_EVENT_DESCRIPTION: &str =
    "The id of the last server-sent event that was seen: the resumeToken after which to go on.";

/// A name's segment may have what ids may have; a slash never.
const SEGMENT_PATTERN: &str = "^[^/]+$";

/// A route as OpenAPI has it; `path_names` are the wildcards in its path.
pub fn operation(
    route: &HttpRoute,
    path_names: &[String],
    comments: &ProtoComments,
    schemas: &mut SchemaWriter<'_>,
) -> Value {
    let rpc = &route.rpc;
    let service = rpc.parent_service().name().to_owned();
    let mut id = format!("{service}_{}", rpc.name());
    if route.rule_index > 0 {
        id.push_str(&format!("_{}", route.rule_index + 1));
    }
    let mut described = json!({
        "operationId": id,
        "tags": [service],
        "description": comments.of(&rpc.parent_file(), rpc.path()),
        "parameters": parameters(route, path_names, comments, schemas),
        "responses": {
            "200": {"description": "OK", "content": answer(route, schemas)},
            "default": {"$ref": "#/components/responses/Error"},
        },
    });
    if let (Some(body), Some(object)) = (body(route, schemas), described.as_object_mut()) {
        object.insert("requestBody".to_owned(), body);
    }
    described
}

fn parameters(
    route: &HttpRoute,
    path_names: &[String],
    comments: &ProtoComments,
    schemas: &mut SchemaWriter<'_>,
) -> Vec<Value> {
    let in_path = path_names.iter().map(|name| {
        let schema = json!({"type": "string", "minLength": 1, "pattern": SEGMENT_PATTERN});
        json!({"name": name, "in": "path", "required": true, "schema": schema})
    });
    let mut parameters: Vec<Value> = in_path.collect();
    for parameter in &route.parameters {
        let Some(field) = parameter.path.last() else { continue };
        let description = comments.of(&field.parent_message().parent_file(), field.path());
        parameters.push(json!({
            "name": parameter.name,
            "in": "query",
            "required": parameter.path.len() == 1 && comments.is_required(field),
            "description": description,
            "schema": schemas.field(field),
        }));
    }
    parameters.extend(headers(route));
    parameters
}

/// The headers that say what a field of the request can say too.
fn headers(route: &HttpRoute) -> Vec<Value> {
    let input = route.rpc.input();
    let header = |name: &str, description: &str| {
        let schema = json!({"type": "string"});
        json!({"name": name, "in": "header", "description": description, "schema": schema})
    };
    let mut headers = Vec::new();
    if !route.streams_requests() && key_field(&input).is_some() {
        headers.push(header("Idempotency-Key", KEY_DESCRIPTION));
    }
    if route.streams_answers() && resume_field(&input).is_some() {
        headers.push(header("Last-Event-ID", LAST_EVENT_DESCRIPTION));
    }
    headers
}

fn body(route: &HttpRoute, schemas: &mut SchemaWriter<'_>) -> Option<Value> {
    let input = route.rpc.input();
    match &route.body {
        RouteBody::Nothing => None,
        RouteBody::Field(field) => {
            let kind = field.kind();
            let schema = schemas.message(kind.as_message()?);
            Some(json!({"required": true, "content": {JSON: {"schema": schema}}}))
        }
        RouteBody::Whole if route.streams_requests() => {
            let schema = schemas.message(&input);
            Some(json!({"required": true, "content": {LINES: {"schema": schema}}}))
        }
        RouteBody::Whole => {
            let in_path: Vec<&FieldDescriptor> = route
                .path_fields
                .iter()
                .filter_map(|path| if let [field] = path.as_slice() { Some(field) } else { None })
                .collect();
            let mut content = json!({JSON: {"schema": schemas.body(&input, &in_path)}});
            let lines = route.lines_field.as_ref().map(FieldDescriptor::kind);
            if let Some(element) = lines.as_ref().and_then(|kind| kind.as_message()) {
                let schema = schemas.message(element);
                if let Some(content) = content.as_object_mut() {
                    content.insert(LINES.to_owned(), json!({"schema": schema}));
                }
            }
            Some(json!({"content": content}))
        }
    }
}

/// What an answer is; of a stream, each line or event.
fn answer(route: &HttpRoute, schemas: &mut SchemaWriter<'_>) -> Value {
    let schema = schemas.message(&route.rpc.output());
    match route.streams_answers() {
        true => json!({LINES: {"schema": schema}, EVENTS: {"schema": {"type": "string"}}}),
        false => json!({JSON: {"schema": schema}}),
    }
}
