//! A field's value on one line.

use std::time::Duration;

use jiff::Timestamp;
use prost_reflect::{DynamicMessage, EnumDescriptor, Kind, MapKey, ReflectMessage as _, Value};

use crate::calls::{number_at, value_at};
use crate::terminal::one_line;
use crate::values::times::{TimeStyle, duration_text};

/// How often an outcome was seen.
const OUTCOME_COUNT_TYPE: &str = "postrider.v1.OutcomeCount";

/// A value as people read it, without line ends and control characters.
pub(super) fn scalar(kind: &Kind, value: &Value, times: TimeStyle) -> String {
    match value {
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::I32(number) => number.to_string(),
        Value::I64(number) => number.to_string(),
        Value::U32(number) => number.to_string(),
        Value::U64(number) => number.to_string(),
        Value::F32(number) => number.to_string(),
        Value::F64(number) => format!("{number:.4}"),
        Value::String(text) => one_line(text),
        Value::Bytes(bytes) => one_line(&String::from_utf8_lossy(bytes)),
        Value::EnumNumber(number) => {
            kind.as_enum().map_or_else(|| number.to_string(), |kind| spoken_enum(kind, *number))
        }
        Value::Message(message) => message_text(message, times),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| scalar(kind, item, times)).collect();
            items.join(", ")
        }
        Value::Map(entries) => {
            let mut entries: Vec<_> = entries
                .iter()
                .map(|(key, value)| format!("{}={}", key_text(key), map_value(kind, value, times)))
                .collect();
            entries.sort_unstable();
            entries.join(", ")
        }
    }
}

fn map_value(kind: &Kind, value: &Value, times: TimeStyle) -> String {
    match kind.as_message().filter(|entry| entry.is_map_entry()) {
        Some(entry) => scalar(&entry.map_entry_value_field().kind(), value, times),
        None => String::new(),
    }
}

fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::String(text) => one_line(text),
        MapKey::Bool(is_true) => is_true.to_string(),
        MapKey::I32(number) => number.to_string(),
        MapKey::I64(number) => number.to_string(),
        MapKey::U32(number) => number.to_string(),
        MapKey::U64(number) => number.to_string(),
    }
}

fn field_text(message: &DynamicMessage, name: &str, times: TimeStyle) -> String {
    let found = value_at(message, name);
    found.map_or_else(String::new, |(field, value)| scalar(&field.kind(), &value, times))
}

/// Times and durations as such, counts behind what they count; of any other message its fields.
fn message_text(message: &DynamicMessage, times: TimeStyle) -> String {
    let (seconds, nanoseconds) = (number_at(message, "seconds"), number_at(message, "nanos"));
    match message.descriptor().full_name() {
        "google.protobuf.Timestamp" => {
            let nanoseconds = i32::try_from(nanoseconds).unwrap_or(0);
            Timestamp::new(seconds, nanoseconds).map_or_else(|_| String::new(), |at| times.show(at))
        }
        "google.protobuf.Duration" => {
            let is_negative = seconds < 0 || nanoseconds < 0;
            let seconds = seconds.unsigned_abs();
            let part = u32::try_from(nanoseconds.unsigned_abs()).unwrap_or(0);
            let text = duration_text(Duration::new(seconds, part));
            // What rounds to nothing has no sign.
            if is_negative && text != "0 ms" { format!("-{text}") } else { text }
        }
        OUTCOME_COUNT_TYPE => {
            let texts = ["outcome", "count"].map(|name| field_text(message, name, times));
            texts.join(" ")
        }
        _ => {
            let fields = message.fields();
            let fields: Vec<_> = fields
                .map(|(field, value)| {
                    format!("{} {}", spoken(field.name()), scalar(&field.kind(), value, times))
                })
                .collect();
            fields.join("; ")
        }
    }
}

/// Whether a message is shown as a value and not by its fields.
pub(super) fn is_scalar_message(message: &DynamicMessage) -> bool {
    let descriptor = message.descriptor();
    matches!(
        descriptor.full_name(),
        "google.protobuf.Timestamp" | "google.protobuf.Duration" | OUTCOME_COUNT_TYPE
    )
}

/// The name of an enum's value without the prefix that all of them have.
pub fn spoken_enum(kind: &EnumDescriptor, number: i32) -> String {
    let Some(value) = kind.get_value(number) else { return number.to_string() };
    let prefix = enum_prefix(kind.name());
    value.name().strip_prefix(&prefix).unwrap_or(value.name()).to_owned()
}

/// "`DELIVERY_STATE_`" of `DeliveryState`.
fn enum_prefix(name: &str) -> String {
    let mut prefix = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !prefix.is_empty() {
            prefix.push('_');
        }
        prefix.push(c.to_ascii_uppercase());
    }
    prefix + "_"
}

/// A field's name in words.
pub(super) fn spoken(field: &str) -> String {
    field.replace('_', " ")
}

/// The last part of a resource's name.
pub fn short_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::message;

    #[test]
    fn a_duration_that_rounds_to_nothing_has_no_sign() {
        let times = TimeStyle { is_absolute: true, now: Timestamp::UNIX_EPOCH };
        let shown = |text| message_text(&message("google.protobuf.Duration", json!(text)), times);
        assert_eq!((shown("-0.000300s"), shown("-0.030s")), ("0 ms".into(), "-30 ms".into()));
    }

    #[test]
    fn outcomes_stand_with_their_counts() {
        let times = TimeStyle { is_absolute: true, now: Timestamp::UNIX_EPOCH };
        let fields = json!({"outcome": "ATTEMPT_OUTCOME_TIMEOUT", "count": "2"});
        let count = message(OUTCOME_COUNT_TYPE, fields);
        assert_eq!(message_text(&count, times), "TIMEOUT 2");
        assert!(is_scalar_message(&count));
    }

    #[test]
    fn prefixes_are_those_of_the_protos() {
        assert_eq!(enum_prefix("DeliveryState"), "DELIVERY_STATE_");
        assert_eq!(enum_prefix("Kind"), "KIND_");
    }

    #[test]
    fn a_name_is_short_by_its_last_part() {
        assert_eq!(short_name("tenants/acme/events/evt_1"), "evt_1");
        assert_eq!(short_name(""), "");
    }
}
