//! One resource, field by field.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage as _, Value};

use super::scalars::{is_scalar_message, scalar, spoken};
use crate::calls::{text_at, unpacked, value_at};
use crate::terminal::one_line;
use crate::values::bodies::body_text;
use crate::values::times::TimeStyle;

const INDENT_SPACES: usize = 2;
/// Texts that are shown by the bytes beside them, which a body has always.
const TEXT_TWINS: &[(&str, &str)] = &[("response_text", "response_body"), ("body_text", "body")];
/// Texts that are bodies: JSON is laid out.
const BODY_FIELDS: &[&str] = &["payload_json", "json_schema", "sample_payload_json"];

/// The fields that are set, each on a line, bodies on as many as they have.
pub fn details(message: &DynamicMessage, times: TimeStyle) -> Vec<String> {
    let mut lines = Vec::new();
    add_fields(&mut lines, message, 0, times);
    lines
}

fn add_fields(lines: &mut Vec<String>, message: &DynamicMessage, depth: usize, times: TimeStyle) {
    for (field, value) in message.fields() {
        let is_twin = TEXT_TWINS
            .iter()
            .any(|(text, body)| field.name() == *text && value_at(message, body).is_some());
        if !is_twin {
            add_field(lines, &field, value, depth, times);
        }
    }
}

fn add_field(
    lines: &mut Vec<String>,
    field: &FieldDescriptor,
    value: &Value,
    depth: usize,
    times: TimeStyle,
) {
    let (indent, name) = (" ".repeat(depth * INDENT_SPACES), spoken(field.name()));
    match value {
        Value::Message(inner) if !is_scalar_message(inner) => {
            lines.push(format!("{indent}{name}:"));
            let unpacked = unpacked(inner);
            add_fields(lines, unpacked.as_ref().unwrap_or(inner), depth + 1, times);
        }
        Value::List(items) if is_list_of_messages(&field.kind(), items) => {
            lines.push(format!("{indent}{name}:"));
            for item in items.iter().filter_map(Value::as_message) {
                add_item(lines, item, depth + 1, times);
            }
        }
        Value::Bytes(body) => add_body(lines, &name, &body_text(body), depth),
        Value::String(body) if BODY_FIELDS.contains(&field.name()) => {
            add_body(lines, &name, &body_text(body.as_bytes()), depth);
        }
        value => lines.push(format!("{indent}{name}: {}", scalar(&field.kind(), value, times))),
    }
}

fn is_list_of_messages(kind: &Kind, items: &[Value]) -> bool {
    kind.as_message().is_some()
        && items.iter().filter_map(Value::as_message).any(|item| !is_scalar_message(item))
}

/// An item of a list: a header on one line, anything else behind a dash.
fn add_item(lines: &mut Vec<String>, item: &DynamicMessage, depth: usize, times: TimeStyle) {
    let indent = " ".repeat(depth * INDENT_SPACES);
    if let Some(header) = header_text(item) {
        lines.push(format!("{indent}{header}"));
        return;
    }
    let first = lines.len();
    let unpacked = unpacked(item);
    add_fields(lines, unpacked.as_ref().unwrap_or(item), depth + 1, times);
    match lines.get_mut(first) {
        Some(line) => {
            let text = line.trim_start().to_owned();
            *line = format!("{indent}- {text}");
        }
        None => lines.push(format!("{indent}-")),
    }
}

/// A header of a request or an answer: its name, and its value where that is shown.
fn header_text(item: &DynamicMessage) -> Option<String> {
    let descriptor = item.descriptor();
    if !matches!(descriptor.full_name(), "postrider.v1.HttpHeader" | "postrider.v1.RequestHeader") {
        return None;
    }
    let value = match value_at(item, "value") {
        Some((_, Value::Bytes(value))) => String::from_utf8_lossy(&value).into_owned(),
        Some((_, Value::String(value))) => value,
        _ => String::new(),
    };
    let view = text_at(item, "view");
    let note = if view.ends_with("_NOT_KEPT") { "(not stored)" } else { "" };
    Some(format!("{}: {}{note}", one_line(&text_at(item, "name")), one_line(&value)))
}

fn add_body(lines: &mut Vec<String>, name: &str, body: &str, depth: usize) {
    let indent = " ".repeat(depth * INDENT_SPACES);
    if !body.contains('\n') {
        lines.push(format!("{indent}{name}: {body}"));
        return;
    }
    lines.push(format!("{indent}{name}:"));
    let inner = " ".repeat((depth + 1) * INDENT_SPACES);
    lines.extend(body.lines().map(|line| format!("{inner}{line}")));
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::fixtures::message;

    fn shown(type_name: &str, fields: Json) -> String {
        let now: Timestamp = "2026-11-02T12:00:00Z".parse().unwrap();
        details(&message(type_name, fields), TimeStyle { is_absolute: false, now }).join("\n")
    }

    #[test]
    fn an_event_is_shown_with_its_payload_laid_out() {
        let event = json!({
            "name": "tenants/acme/events/evt_1",
            "eventType": "payment.completed",
            "payloadJson": "{\"amount\":1.00,\"note\":\"\u{9b}31m\"}",
            "createTime": "2026-11-02T11:00:00Z",
            "deliverySummary": {"succeeded": 2},
        });
        assert_eq!(
            shown("postrider.v1.Event", event),
            "name: tenants/acme/events/evt_1\nevent type: payment.completed\npayload json:\n  {\n    \
             \"amount\": 1.00,\n    \"note\": \"\\u{9b}31m\"\n  }\ncreate time: 1 h ago\n\
             delivery summary:\n  succeeded: 2"
        );
    }

    #[test]
    fn an_attempt_is_shown_with_headers_and_body() {
        let attempt = json!({
            "outcome": "ATTEMPT_OUTCOME_HTTP_STATUS",
            "httpStatus": 503,
            "timings": {"total": "0.250s"},
            "responseHeaders": [{"name": "x-a", "value": "YRtbMw=="}],
            "responseBody": "YnVzeQ==",
            "responseText": "busy",
        });
        assert_eq!(
            shown("postrider.v1.Attempt", attempt),
            "outcome: HTTP_STATUS\nhttp status: 503\ntimings:\n  total: 250 ms\nresponse headers:\n  \
             x-a: a\\u{1b}[3\nresponse body: busy"
        );
    }

    #[test]
    fn details_of_an_operation_s_error_are_unpacked() {
        let operation = json!({"done": true, "error": {"code": 1, "details": [{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "OPERATION_CANCELLED",
            "domain": "postrider",
        }]}});
        assert_eq!(
            shown("google.longrunning.Operation", operation),
            "done: yes\nerror:\n  code: 1\n  details:\n    - reason: OPERATION_CANCELLED\n      \
             domain: postrider"
        );
    }

    #[test]
    fn items_of_a_list_stand_behind_dashes() {
        let token = json!({"grants": [
            {"role": "ROLE_READER", "tenants": ["tenants/a", "tenants/b"]},
            {"role": "ROLE_OPERATOR", "installation": true},
        ]});
        assert_eq!(
            shown("postrider.v1.Token", token),
            "grants:\n  - role: READER\n    tenants: tenants/a, tenants/b\n  - role: OPERATOR\n    \
             installation: yes"
        );
    }
}
