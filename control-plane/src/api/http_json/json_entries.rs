//! How many entries the fields of a request have, counted in its JSON before that is read.
//!
//! Fed by `http_call` with the texts of requests; feeds it with what is wrong. An entry takes
//! two bytes in a text, and hundreds once it is read. Guarantees for JSON what `EntryCounter`
//! does for protobuf, by the same table: that no field of a request has more entries than it
//! may, wherever in the request they stand. Numbers that repeat, and names in a mask, are
//! entries here too. What is of another kind than its field is left to whoever reads it.
//!
//! Keeps the invariant `bounded-everything`.

use std::collections::HashMap;
use std::fmt;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::payload_members::{DATA_MEMBER, has_payload};
use crate::api::rpc::receiving::{EntryFault, max_entries};

/// A message that is a text with several names.
const FIELD_MASK: &str = "google.protobuf.FieldMask";
const MASK_PATHS: &str = "google.protobuf.FieldMask.paths";

/// Why a text is not read.
#[derive(Debug)]
pub enum JsonFault {
    Entries(EntryFault),
    NotJson(serde_json::Error),
}

/// Counts the entries of one request.
#[derive(Debug, Default)]
pub struct JsonEntryCounter {
    /// By the full names of the fields.
    counts: HashMap<String, usize>,
    /// The fields that the reader is in, from the request on.
    path: Vec<FieldDescriptor>,
    fault: Option<EntryFault>,
}

impl JsonEntryCounter {
    /// Goes into a field of the request: the texts that follow are its.
    pub fn enter(&mut self, field: &FieldDescriptor) {
        self.path.push(field.clone());
    }

    /// Counts an element of the list that was gone into.
    pub fn take_element(&mut self) -> Result<(), JsonFault> {
        let Some(list) = self.path.last().cloned() else { return Ok(()) };
        self.count(list.full_name(), 1).map_err(JsonFault::Entries)
    }

    /// Counts what is in the text of a message.
    pub fn take(&mut self, message: &MessageDescriptor, text: &str) -> Result<(), JsonFault> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let value = CountedValue { shape: ValueShape::Message(message), counter: &mut *self };
        let read = value.deserialize(&mut reader);
        match self.fault.take() {
            Some(fault) => Err(JsonFault::Entries(fault)),
            None => read.map_err(JsonFault::NotJson),
        }
    }

    fn count(&mut self, name: &str, entries: usize) -> Result<(), EntryFault> {
        let max = max_entries(name);
        let count = match self.counts.get_mut(name) {
            Some(count) => count,
            None => self.counts.entry(name.to_owned()).or_default(),
        };
        *count = count.saturating_add(entries);
        if *count <= max {
            return Ok(());
        }
        let path: Vec<&str> = self.path.iter().map(FieldDescriptor::name).collect();
        Err(EntryFault::TooMany { field: path.join("."), max })
    }

    /// The same while a text is read, which an error ends.
    fn count_in_text<E: Error>(&mut self, name: &str, entries: usize) -> Result<(), E> {
        self.count(name, entries).map_err(|fault| {
            self.fault = Some(fault);
            E::custom("a field has too many entries")
        })
    }
}

/// What a value is to be.
#[derive(Clone, Copy)]
enum ValueShape<'a> {
    Message(&'a MessageDescriptor),
    List(&'a FieldDescriptor),
    Map(&'a FieldDescriptor),
    /// Nothing in it is counted.
    Other,
}

impl<'a> ValueShape<'a> {
    /// Of one value of a kind.
    fn of_kind(kind: &'a Kind) -> Self {
        kind.as_message().map_or(Self::Other, Self::Message)
    }

    /// Of all of a field.
    fn of_field(field: &'a FieldDescriptor, kind: &'a Kind) -> Self {
        if field.is_map() {
            Self::Map(field)
        } else if field.is_list() {
            Self::List(field)
        } else {
            Self::of_kind(kind)
        }
    }
}

/// A value that is read for its entries alone.
struct CountedValue<'a> {
    shape: ValueShape<'a>,
    counter: &'a mut JsonEntryCounter,
}

impl<'de> DeserializeSeed<'de> for CountedValue<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for CountedValue<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        match self.shape {
            ValueShape::Message(message) => count_members(message, self.counter, members),
            ValueShape::Map(field) => count_map(field, self.counter, members),
            ValueShape::List(_) | ValueShape::Other => {
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(())
            }
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let ValueShape::List(field) = self.shape else {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        let kind = field.kind();
        loop {
            let shape = ValueShape::of_kind(&kind);
            let element = CountedValue { shape, counter: &mut *self.counter };
            if list.next_element_seed(element)?.is_none() {
                return Ok(());
            }
            self.counter.count_in_text(field.full_name(), 1)?;
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        match self.shape {
            ValueShape::Message(message) if message.full_name() == FIELD_MASK => {
                let commas = text.bytes().filter(|byte| *byte == b',').count();
                self.counter.count_in_text(MASK_PATHS, commas + 1)
            }
            ValueShape::Message(_)
            | ValueShape::List(_)
            | ValueShape::Map(_)
            | ValueShape::Other => Ok(()),
        }
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Counts in the members of a message. A payload's value is its publisher's own.
fn count_members<'de, A: MapAccess<'de>>(
    message: &MessageDescriptor,
    counter: &mut JsonEntryCounter,
    mut members: A,
) -> Result<(), A::Error> {
    while let Some(name) = members.next_key::<String>()? {
        let is_payload = name == DATA_MEMBER && has_payload(message);
        let field = message.get_field_by_json_name(&name);
        let field = field.or_else(|| message.get_field_by_name(&name));
        let Some(field) = field.filter(|_| !is_payload) else {
            members.next_value::<IgnoredAny>()?;
            continue;
        };
        let kind = field.kind();
        let shape = ValueShape::of_field(&field, &kind);
        counter.enter(&field);
        members.next_value_seed(CountedValue { shape, counter: &mut *counter })?;
        counter.path.pop();
    }
    Ok(())
}

fn count_map<'de, A: MapAccess<'de>>(
    field: &FieldDescriptor,
    counter: &mut JsonEntryCounter,
    mut members: A,
) -> Result<(), A::Error> {
    let kind = field.kind();
    let entry = kind.as_message().filter(|entry| entry.is_map_entry());
    let value = entry.map(|entry| entry.map_entry_value_field().kind());
    while members.next_key::<IgnoredAny>()?.is_some() {
        counter.count_in_text(field.full_name(), 1)?;
        let shape = value.as_ref().map_or(ValueShape::Other, ValueShape::of_kind);
        members.next_value_seed(CountedValue { shape, counter: &mut *counter })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use postrider_proto::FILE_DESCRIPTOR_SET;
    use prost_reflect::DescriptorPool;

    use super::*;

    fn message(name: &str) -> MessageDescriptor {
        let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap();
        pool.get_message_by_name(name).unwrap()
    }

    fn counted(name: &str, text: &str) -> Result<(), JsonFault> {
        JsonEntryCounter::default().take(&message(name), text)
    }

    fn too_many(name: &str, text: &str) -> Option<(String, usize)> {
        match counted(name, text) {
            Err(JsonFault::Entries(EntryFault::TooMany { field, max })) => Some((field, max)),
            Ok(()) => None,
            Err(other) => panic!("{other:?}"),
        }
    }

    fn list(element: &str, count: usize) -> String {
        format!("[{}]", vec![element; count].join(","))
    }

    #[test]
    fn entries_are_counted_wherever_they_stand() {
        let batch = "postrider.v1.PublishEventsRequest";
        let requests = |element: &str, count| format!(r#"{{"requests":{}}}"#, list(element, count));
        assert_eq!(too_many(batch, &requests("{}", 1024)), None);
        let refused = too_many(batch, &requests("{}", 1025));
        assert_eq!(refused, Some(("requests".to_owned(), 1024)));
        let attributes = |count: usize| {
            let members: Vec<_> = (0..count).map(|number| format!("\"{number}\":\"\"")).collect();
            format!(r#"{{"event":{{"attributes":{{{}}}}}}}"#, members.join(","))
        };
        assert_eq!(too_many(batch, &requests(&attributes(6553), 10)), None);
        let refused = too_many(batch, &requests(&attributes(6554), 10));
        assert_eq!(refused, Some(("requests.event.attributes".to_owned(), 65_536)));
    }

    #[test]
    fn numbers_and_names_in_masks_are_entries() {
        let subscription = "postrider.v1.UpdateSubscriptionRequest";
        let mask = |count| format!(r#"{{"updateMask":"{}"}}"#, vec!["url"; count].join(","));
        assert_eq!(too_many(subscription, &mask(1024)), None);
        let refused = too_many(subscription, &mask(1025));
        assert_eq!(refused, Some(("update_mask".to_owned(), 1024)));
        let replay = "postrider.v1.ReplayDeliveriesRequest";
        let states = |name: &str| format!(r#"{{"{name}":{}}}"#, list("1", 1025));
        assert!(too_many(replay, &states("states")).is_some());
    }

    #[test]
    fn payloads_and_what_nobody_knows_are_not_counted() {
        let event = "postrider.v1.Event";
        for text in [
            format!(r#"{{"data":{},"eventType":"a.b"}}"#, list("{}", 2000)),
            format!(r#"{{"unknown":{}}}"#, list("1e400", 2000)),
            format!(r#"{{"eventType":{}}}"#, list("{}", 2000)),
            "null".to_owned(),
        ] {
            assert!(counted(event, &text).is_ok(), "{text:.40}");
        }
        for text in ["{", r#"{"attributes":[}"#, ""] {
            assert!(matches!(counted(event, text), Err(JsonFault::NotJson(_))), "{text}");
        }
    }
}
