//! A payload as a JSON value of its own, `data`, beside ProtoJSON's `payload` and
//! `payloadJson`.
//!
//! Fed by the JSON of requests and of answers; feeds ProtoJSON's reader with `payloadJson` in
//! the place of `data`, and callers with `data` in the place of `payloadJson`. Guarantees that
//! the bytes of the value are neither read nor written anew, in either direction: duplicate
//! keys, large numbers, escapes and spaces stay. A payload that could not be taken from an
//! answer as it is, is `payload` there, in base64: one with spaces around its value or, where
//! a line is a message, with line ends in it.
//!
//! Keeps the invariant `payload-bytes-kept`.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The member that is a JSON value.
pub const DATA_MEMBER: &str = "data";
/// What it becomes in ProtoJSON.
const TEXT_FIELD: &str = "payload_json";
const TEXT_MEMBER: &str = "payloadJson";
const BYTES_FIELD: &str = "payload";

/// Most members of a message: far more than any has. Each takes five bytes in a text, and some
/// fifty where it is taken apart.
const MAX_MEMBERS: usize = 1024;

/// What of JSON surrounds values.
const JSON_SPACES: [char; 4] = [' ', '\t', '\n', '\r'];

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerForm {
    /// It is all there is.
    Whole,
    /// It is a line among others.
    Line,
}

/// Which way a text is rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RewriteDirection {
    Request,
    Answer(AnswerForm),
}

/// The messages that have a payload, or a message that has one.
#[derive(Debug, Default)]
pub struct PayloadMessages(HashSet<String>);

/// Whether a message itself has a payload in both forms.
pub fn has_payload(message: &MessageDescriptor) -> bool {
    let is = |name: &str, kind: Kind| {
        message.get_field_by_name(name).is_some_and(|field| field.kind() == kind)
    };
    is(TEXT_FIELD, Kind::String) && is(BYTES_FIELD, Kind::Bytes)
}

impl PayloadMessages {
    pub fn of(pool: &DescriptorPool) -> Self {
        let with_payload = pool.all_messages().filter(has_payload);
        let mut found: HashSet<String> =
            with_payload.map(|message| message.full_name().to_owned()).collect();
        loop {
            let holds = |field: FieldDescriptor| {
                let kind = field.kind();
                let inside = kind.as_message().filter(|_| !field.is_map());
                inside.is_some_and(|inside| found.contains(inside.full_name()))
            };
            let more: Vec<String> = pool
                .all_messages()
                .filter(|message| !found.contains(message.full_name()))
                .filter(|message| message.fields().any(holds))
                .map(|message| message.full_name().to_owned())
                .collect();
            if more.is_empty() {
                return Self(found);
            }
            found.extend(more);
        }
    }

    fn holds(&self, message: &MessageDescriptor) -> bool {
        self.0.contains(message.full_name())
    }

    /// The text of a request as ProtoJSON has it.
    pub fn read<'a>(
        &self,
        message: &MessageDescriptor,
        text: &'a str,
    ) -> serde_json::Result<Cow<'a, str>> {
        self.rewritten(message, text, RewriteDirection::Request)
    }

    /// The text of an answer from ProtoJSON.
    pub fn write<'a>(
        &self,
        message: &MessageDescriptor,
        text: &'a str,
        form: AnswerForm,
    ) -> serde_json::Result<Cow<'a, str>> {
        self.rewritten(message, text, RewriteDirection::Answer(form))
    }

    fn rewritten<'a>(
        &self,
        message: &MessageDescriptor,
        text: &'a str,
        rewriting: RewriteDirection,
    ) -> serde_json::Result<Cow<'a, str>> {
        if !self.holds(message) {
            return Ok(Cow::Borrowed(text));
        }
        // Escapes are most of what is added.
        let mut out = String::with_capacity(text.len() + text.len() / 8);
        self.push_message(message, text, rewriting, &mut out)?;
        Ok(Cow::Owned(out))
    }

    fn push_message(
        &self,
        message: &MessageDescriptor,
        text: &str,
        rewriting: RewriteDirection,
        out: &mut String,
    ) -> serde_json::Result<()> {
        // What is no object is refused by whoever reads on.
        if !self.holds(message) || !text.trim_start_matches(JSON_SPACES).starts_with('{') {
            out.push_str(text);
            return Ok(());
        }
        let members: JsonMembers<'_> = serde_json::from_str(text)?;
        out.push('{');
        for (index, (name, value)) in members.0.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            self.push_member(message, (name.as_str(), value.get()), rewriting, out)?;
        }
        out.push('}');
        Ok(())
    }

    fn push_member(
        &self,
        message: &MessageDescriptor,
        (name, value): (&str, &str),
        rewriting: RewriteDirection,
        out: &mut String,
    ) -> serde_json::Result<()> {
        match rewriting {
            RewriteDirection::Request if name == DATA_MEMBER && has_payload(message) => {
                push_name(TEXT_MEMBER, out)?;
                out.push_str(&serde_json::to_string(value)?);
                return Ok(());
            }
            RewriteDirection::Answer(form) if name == TEXT_MEMBER && has_payload(message) => {
                return push_payload(&serde_json::from_str::<String>(value)?, form, out);
            }
            RewriteDirection::Request | RewriteDirection::Answer(_) => push_name(name, out)?,
        }
        let field = message.get_field_by_json_name(name);
        let field = field.or_else(|| message.get_field_by_name(name));
        let kind = field.as_ref().map(FieldDescriptor::kind);
        match (field, kind.as_ref().and_then(Kind::as_message)) {
            (Some(field), Some(inside)) if field.is_list() && self.holds(inside) => {
                self.push_list(inside, value, rewriting, out)
            }
            (Some(field), Some(inside)) if !field.is_map() => {
                self.push_message(inside, value, rewriting, out)
            }
            (Some(_) | None, _) => {
                out.push_str(value);
                Ok(())
            }
        }
    }

    fn push_list(
        &self,
        element: &MessageDescriptor,
        text: &str,
        rewriting: RewriteDirection,
        out: &mut String,
    ) -> serde_json::Result<()> {
        if !text.starts_with('[') {
            out.push_str(text);
            return Ok(());
        }
        let elements: Vec<&RawValue> = serde_json::from_str(text)?;
        out.push('[');
        for (index, value) in elements.into_iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            self.push_message(element, value.get(), rewriting, out)?;
        }
        out.push(']');
        Ok(())
    }
}

fn push_name(name: &str, out: &mut String) -> serde_json::Result<()> {
    out.push_str(&serde_json::to_string(name)?);
    out.push(':');
    Ok(())
}

/// A payload in an answer.
fn push_payload(payload: &str, form: AnswerForm, out: &mut String) -> serde_json::Result<()> {
    let is_bare = payload.trim_matches(JSON_SPACES).len() == payload.len();
    let fits = form == AnswerForm::Whole || !payload.contains(['\n', '\r']);
    if is_bare && fits && serde_json::from_str::<IgnoredAny>(payload).is_ok() {
        push_name(DATA_MEMBER, out)?;
        out.push_str(payload);
    } else {
        push_name(BYTES_FIELD, out)?;
        out.push_str(&serde_json::to_string(&STANDARD.encode(payload))?);
    }
    Ok(())
}

/// An object's members in their order, with the text of each value.
struct JsonMembers<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for JsonMembers<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = JsonMembers<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            if members.len() >= MAX_MEMBERS {
                let problem = format!("a message has more than {MAX_MEMBERS} members");
                return Err(A::Error::custom(problem));
            }
            members.push(member);
        }
        Ok(JsonMembers(members))
    }
}

#[cfg(test)]
mod tests {
    use postrider_proto::FILE_DESCRIPTOR_SET;

    use super::*;

    /// Values that a reader which understands JSON would change.
    const VALUES: [&str; 8] = [
        r#"{"a":1,"a":2}"#,
        "1e400",
        r#""\u00e9\/\ud800""#,
        "{ \"n\" : 1.00 ,\t\"m\":[ ] }",
        "null",
        "[1,\n 2]",
        "-0",
        "12345678901234567890123",
    ];

    fn message(name: &str) -> (PayloadMessages, MessageDescriptor) {
        let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap();
        let message = pool.get_message_by_name(name).unwrap();
        (PayloadMessages::of(&pool), message)
    }

    #[test]
    fn the_messages_with_payloads_are_found() {
        let (found, event) = message("postrider.v1.Event");
        assert!(found.holds(&event));
        for (name, holds) in [
            ("postrider.v1.PublishEventsRequest", true),
            ("postrider.v1.PublishStreamRequest", true),
            ("postrider.v1.ListEventsResponse", true),
            ("postrider.v1.TestSubscriptionRequest", true),
            ("postrider.v1.PublishEventResponse", false),
            ("postrider.v1.Subscription", false),
        ] {
            let (_, message) = message(name);
            assert_eq!(found.holds(&message), holds, "{name}");
        }
    }

    #[test]
    fn a_value_is_taken_as_it_is_and_put_back_so() {
        let (payloads, request) = message("postrider.v1.PublishEventsRequest");
        let (_, event) = message("postrider.v1.Event");
        for value in VALUES {
            let given = format!(r#"{{"requests":[ {{"event":{{"data": {value} }}}} ]}}"#);
            let read = payloads.read(&request, &given).unwrap();
            let text = serde_json::to_string(value).unwrap();
            assert_eq!(read, format!(r#"{{"requests":[{{"event":{{"payloadJson":{text}}}}}]}}"#));
            let answer = format!(r#"{{"name":"x","payloadJson":{text}}}"#);
            let written = payloads.write(&event, &answer, AnswerForm::Whole).unwrap();
            assert_eq!(written, format!(r#"{{"name":"x","data":{value}}}"#));
        }
    }

    #[test]
    fn what_would_not_come_back_is_base64() {
        let (payloads, event) = message("postrider.v1.Event");
        let written = |payload: &str, form| {
            let text = serde_json::to_string(payload).unwrap();
            let answer = format!(r#"{{"payloadJson":{text}}}"#);
            payloads.write(&event, &answer, form).unwrap().into_owned()
        };
        for (payload, form) in [
            ("{}\n", AnswerForm::Whole),
            (" 1", AnswerForm::Line),
            ("[1,\n2]", AnswerForm::Line),
            ("{\r}", AnswerForm::Line),
            ("not JSON", AnswerForm::Whole),
            ("", AnswerForm::Whole),
        ] {
            let base64 = STANDARD.encode(payload);
            assert_eq!(written(payload, form), format!(r#"{{"payload":"{base64}"}}"#));
        }
        assert_eq!(written("[1, 2]", AnswerForm::Line), r#"{"data":[1, 2]}"#);
    }

    #[test]
    fn what_is_no_payload_stays_as_it_is() {
        let (payloads, stats) = message("postrider.v1.Subscription");
        let text = r#"{ "data": 1e400 }"#;
        assert!(matches!(payloads.read(&stats, text).unwrap(), Cow::Borrowed(_)));
        let (_, event) = message("postrider.v1.Event");
        for odd in ["[]", "1", "null", r#"{"attributes":{"data":"x"}}"#] {
            assert_eq!(payloads.read(&event, odd).unwrap(), odd);
        }
        assert!(payloads.read(&event, r#"{"data":"#).is_err());
        let many = vec![r#""x":1"#; MAX_MEMBERS + 1].join(",");
        let refused = payloads.read(&event, &format!("{{{many}}}")).unwrap_err().to_string();
        assert!(refused.contains("more than 1024 members"), "{refused}");
    }
}
