//! Texts of the command line as values of fields.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use super::inputs::read_input;
use crate::exits::CliError;
use crate::values::bodies::is_json;

/// Sets a field at a path of names.
pub(super) fn set(request: &mut Map<String, Json>, path: &str, value: Json) {
    let Some((name, rest)) = path.split_once('.') else {
        request.insert(path.to_owned(), value);
        return;
    };
    let inside = request.entry(name).or_insert_with(|| json!({}));
    if let Some(inside) = inside.as_object_mut() {
        set(inside, rest, value);
    }
}

/// The members of a JSON object.
pub(super) fn document(text: &str) -> Result<Map<String, Json>, CliError> {
    let document: Result<Map<String, Json>, _> = serde_json::from_str(text);
    document.map_err(|error| CliError::Usage(format!("is no JSON object: {error}")))
}

/// The field of a body and its value: JSON as it is, other bytes encoded.
pub(super) fn payload_members(text: &str) -> Result<(&'static str, Json), CliError> {
    let bytes = read_input(text)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) if is_json(text) => Ok(("payload_json", json!(text))),
        _ => Ok(("payload", json!(STANDARD.encode(&bytes)))),
    }
}

/// "KEY=VALUE".
pub(super) fn pair(text: &str) -> Result<(&str, &str), CliError> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    pair.ok_or_else(|| CliError::Usage(format!("\"{text}\" must be KEY=VALUE")))
}

/// A text of a filter.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A word as the API writes it: "in-flight" is `IN_FLIGHT`.
pub(super) fn word(text: &str) -> String {
    text.to_ascii_uppercase().replace('-', "_")
}

/// The name of an enum's value, with the prefix that all of them have.
pub(super) fn enum_name(prefix: &str, text: &str) -> String {
    let word = word(text);
    if word.starts_with(prefix) { word } else { format!("{prefix}{word}") }
}

/// A span as the API's JSON has it.
pub(super) fn span_text(span: Duration) -> String {
    format!("{}.{:03}s", span.as_secs(), span.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_json_or_bytes() {
        assert_eq!(payload_members("{\"a\":1}").unwrap(), ("payload_json", json!("{\"a\":1}")));
        assert_eq!(payload_members("a,b").unwrap(), ("payload", json!("YSxi")));
    }

    #[test]
    fn words_are_the_apis() {
        assert_eq!(enum_name("ROLE_", "subscription-manager"), "ROLE_SUBSCRIPTION_MANAGER");
        assert_eq!(enum_name("ROLE_", "ROLE_READER"), "ROLE_READER");
        assert_eq!(quoted("a\"\\"), "\"a\\\"\\\\\"");
    }
}
