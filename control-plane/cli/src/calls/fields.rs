//! What a message has in a field.

use jiff::Timestamp;
use prost_reflect::{DynamicMessage, FieldDescriptor, ReflectMessage as _, Value};

/// The field at a path such as "attempt.outcome", and its value; `None` where it is absent. A
/// path leads through a google.protobuf.Any into the message that it holds.
pub fn value_at(message: &DynamicMessage, path: &str) -> Option<(FieldDescriptor, Value)> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let field = message.descriptor().get_field_by_name(name)?;
    if field.supports_presence() && !message.has_field(&field) {
        return None;
    }
    let value = message.get_field(&field).into_owned();
    let Some(rest) = rest else { return Some((field, value)) };
    let inner = value.as_message()?;
    match inner.descriptor().get_field_by_name(first_name(rest)) {
        Some(_) => value_at(inner, rest),
        None => value_at(&unpacked(inner)?, rest),
    }
}

fn first_name(path: &str) -> &str {
    path.split_once('.').map_or(path, |(name, _)| name)
}

/// A text; of an enum, the name of the value. Empty where it is absent.
pub fn text_at(message: &DynamicMessage, path: &str) -> String {
    match value_at(message, path) {
        Some((_, Value::String(text))) => text,
        Some((field, Value::EnumNumber(number))) => {
            let kind = field.kind();
            let value = kind.as_enum().and_then(|kind| kind.get_value(number));
            value.map_or_else(|| number.to_string(), |value| value.name().to_owned())
        }
        _ => String::new(),
    }
}

/// A number, or 1 and 0 for true and false. 0 where it is absent.
pub fn number_at(message: &DynamicMessage, path: &str) -> i64 {
    match value_at(message, path).map(|(_, value)| value) {
        Some(Value::I32(number)) => number.into(),
        Some(Value::I64(number)) => number,
        Some(Value::U32(number)) => number.into(),
        Some(Value::U64(number)) => i64::try_from(number).unwrap_or(i64::MAX),
        Some(Value::Bool(is_true)) => is_true.into(),
        _ => 0,
    }
}

/// A message; `None` where it is absent.
pub fn message_at(message: &DynamicMessage, path: &str) -> Option<DynamicMessage> {
    match value_at(message, path)? {
        (_, Value::Message(inner)) => Some(inner),
        _ => None,
    }
}

/// A list of messages; empty where it is absent.
pub fn messages_at(message: &DynamicMessage, path: &str) -> Vec<DynamicMessage> {
    let Some((_, Value::List(items))) = value_at(message, path) else { return Vec::new() };
    let messages = items.into_iter().filter_map(|item| match item {
        Value::Message(message) => Some(message),
        _ => None,
    });
    messages.collect()
}

/// A time; `None` where it is absent.
pub fn time_at(message: &DynamicMessage, path: &str) -> Option<Timestamp> {
    let time = message_at(message, path)?;
    let nanoseconds = i32::try_from(number_at(&time, "nanos")).ok()?;
    Timestamp::new(number_at(&time, "seconds"), nanoseconds).ok()
}

/// The message that a google.protobuf.Any holds, if its type is known.
pub fn unpacked(any: &DynamicMessage) -> Option<DynamicMessage> {
    let url = text_at(any, "type_url");
    let name = url.rsplit('/').next()?;
    let descriptor = any.descriptor();
    let inner = descriptor.parent_pool().get_message_by_name(name)?;
    let (_, Value::Bytes(bytes)) = value_at(any, "value")? else { return None };
    DynamicMessage::decode(inner, bytes).ok()
}
