//! Which fields of messages repeat, and how often they may.
//!
//! Fed by the compiled-in descriptors and by the table below; feeds `entries`, which counts.
//! Guarantees that every field that repeats has a bound. Numbers that repeat are left out:
//! decoded, they take sixteen times their bytes at most.

use std::collections::HashMap;
use std::sync::LazyLock;

use anyhow::{Context as _, anyhow};
use postrider_proto::FILE_DESCRIPTOR_SET;
use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};

/// Most entries of a field in one message, counted over all places where the field stands in
/// it. No service takes more in one place; those that take less say so in their own words.
const MAX_ENTRIES: usize = 1024;

/// Fields that may have more. docs/message-limits.md has them too.
const MAX_ENTRIES_OF: [(&str, usize); 10] = [
    // Twice what a batch of events may have.
    ("postrider.v1.Event.attributes", 65_536),
    // 16 grants of 1,000 tenants.
    ("postrider.v1.Grant.tenants", 16_384),
    // 128 of each result; agents send 256 results.
    ("postrider.agent.v1.AttemptResult.response_headers", 131_072),
    // As many as agents.max_in_flight_per_agent may be.
    ("postrider.agent.v1.Hello.in_flight", 65_536),
    ("postrider.agent.v1.Hello.unacknowledged", 65_536),
    ("postrider.agent.v1.Return.keys", 65_536),
    ("postrider.agent.v1.Inventory.in_flight", 65_536),
    ("postrider.agent.v1.Inventory.unacknowledged", 65_536),
    // What a replica sends at most.
    ("postrider.replica.v1.HintRequest.waiting", 10_000),
    ("postrider.replica.v1.HintRequest.concluded", 10_000),
];

/// A field that repeats, or in whose message others do.
#[derive(Debug, PartialEq, Eq)]
pub struct FieldShape {
    pub number: u32,
    pub name: String,
    /// Absent where the field does not repeat.
    pub repeats: Option<RepeatedField>,
    /// Its message's place, if fields of that repeat.
    pub message: Option<usize>,
}

/// How often a field may repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepeatedField {
    /// The place of its count.
    pub count: usize,
    pub max: usize,
}

/// The messages of the contract.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct MessageShapes {
    messages: Vec<Vec<FieldShape>>,
    /// How many fields repeat.
    pub counts: usize,
    /// The request of each method, by the method's path; those in which nothing repeats are
    /// left out.
    requests: HashMap<String, usize>,
}

/// A request in which fields repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestShape {
    pub shapes: &'static MessageShapes,
    pub message: usize,
}

static SHAPES: LazyLock<Result<MessageShapes, String>> = LazyLock::new(|| {
    MessageShapes::read(FILE_DESCRIPTOR_SET).map_err(|error| format!("{error:#}"))
});

impl MessageShapes {
    /// Those of the compiled-in descriptors.
    pub fn compiled_in() -> anyhow::Result<&'static Self> {
        (*SHAPES).as_ref().map_err(|error| anyhow!("{error}"))
    }

    /// What a method's request looks like; `None` if nothing in it repeats.
    pub fn of_request(&'static self, path: &str) -> Option<RequestShape> {
        Some(RequestShape { shapes: self, message: *self.requests.get(path)? })
    }

    /// The fields of a message.
    pub fn fields(&self, message: usize) -> &[FieldShape] {
        self.messages.get(message).map(Vec::as_slice).unwrap_or_default()
    }

    fn read(descriptors: &[u8]) -> anyhow::Result<Self> {
        let set = FileDescriptorSet::decode(descriptors).context("the compiled-in descriptors")?;
        let mut found = Vec::new();
        for file in &set.file {
            collect_messages(&format!(".{}", file.package()), &file.message_type, &mut found);
        }
        let places: HashMap<&str, usize> =
            found.iter().zip(0..).map(|((name, _), place)| (name.as_str(), place)).collect();
        let mut shapes = Self::default();
        for (name, message) in &found {
            let fields = message.field.iter();
            let fields = fields.filter_map(|field| shapes.field(name, field, &places)).collect();
            shapes.messages.push(fields);
        }
        shapes.leave_out_messages();
        for file in &set.file {
            for service in &file.service {
                for method in &service.method {
                    let place = places.get(method.input_type()).copied();
                    let place = place.with_context(|| method.input_type().to_owned())?;
                    let service = format!("{}.{}", file.package(), service.name());
                    if !shapes.fields(place).is_empty() {
                        shapes.requests.insert(format!("/{service}/{}", method.name()), place);
                    }
                }
            }
        }
        Ok(shapes)
    }

    /// A field that repeats, or that is a message.
    fn field(
        &mut self,
        message_name: &str,
        field: &FieldDescriptorProto,
        places: &HashMap<&str, usize>,
    ) -> Option<FieldShape> {
        let is_message = field.r#type() == Type::Message;
        let is_bytes = matches!(field.r#type(), Type::String | Type::Bytes);
        let repeats = field.label() == Label::Repeated && (is_message || is_bytes);
        let message = if is_message { places.get(field.type_name()).copied() } else { None };
        let name = format!("{}.{}", message_name.trim_start_matches('.'), field.name());
        let repeats = repeats.then(|| {
            self.counts += 1;
            RepeatedField { count: self.counts - 1, max: max_entries(&name) }
        });
        let number = u32::try_from(field.number()).ok()?;
        let shape = FieldShape { number, name: field.name().to_owned(), repeats, message };
        (shape.repeats.is_some() || shape.message.is_some()).then_some(shape)
    }

    /// Leaves out the messages in which nothing repeats, however deep.
    fn leave_out_messages(&mut self) {
        let mut repeating = vec![false; self.messages.len()];
        loop {
            let is_repeating = |place: usize| repeating.get(place).copied().unwrap_or_default();
            let repeats = |field: &FieldShape| {
                field.repeats.is_some() || field.message.is_some_and(is_repeating)
            };
            let now: Vec<bool> =
                self.messages.iter().map(|fields| fields.iter().any(repeats)).collect();
            if now == repeating {
                break;
            }
            repeating = now;
        }
        for fields in &mut self.messages {
            for field in fields.iter_mut() {
                field.message = field
                    .message
                    .filter(|place| repeating.get(*place).copied().unwrap_or_default());
            }
            fields.retain(|field| field.repeats.is_some() || field.message.is_some());
        }
    }
}

/// How often a field may repeat in a message, by its full name.
pub fn max_entries(field: &str) -> usize {
    let more = MAX_ENTRIES_OF.iter().find(|(name, _)| *name == field);
    more.map_or(MAX_ENTRIES, |(_, max)| *max)
}

/// Messages with those inside them, by their full names.
fn collect_messages<'a>(
    prefix: &str,
    messages: &'a [DescriptorProto],
    found: &mut Vec<(String, &'a DescriptorProto)>,
) {
    for message in messages {
        let name = format!("{prefix}.{}", message.name());
        collect_messages(&name, &message.nested_type, found);
        found.push((name, message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    fn names(fields: &[FieldShape]) -> Vec<&str> {
        fields.iter().map(|field| field.name.as_str()).collect()
    }

    #[test]
    fn what_repeats_is_found_in_requests_of_every_door() {
        let shapes = MessageShapes::compiled_in().unwrap();
        let of = |path: &str| shapes.of_request(path).map(|request| shapes.fields(request.message));
        let batch = of("/postrider.v1.EventService/PublishEvents").unwrap();
        assert_eq!(names(batch), ["requests"]);
        let request = shapes.fields(batch[0].message.unwrap());
        assert_eq!(names(request), ["event"]);
        let event = shapes.fields(request[0].message.unwrap());
        assert_eq!(names(event), ["attributes"]);
        assert_eq!(event[0].repeats.unwrap().max, 65_536);
        assert_eq!(event[0].message, None, "an entry of a map has a name and a value");
        let work = of("/postrider.agent.v1.AgentService/Work").unwrap();
        assert_eq!(names(work), ["hello", "results", "return_assignments", "inventory"]);
        let hints = of("/postrider.replica.v1.ReplicaService/Hint").unwrap();
        assert_eq!(hints.iter().map(|field| field.repeats.unwrap().max).sum::<usize>(), 20_000);
        assert!(of("/postrider.v1.EventService/GetEvent").is_none());
        assert!(of("/grpc.health.v1.Health/Check").is_none());
    }

    #[test]
    fn each_field_has_a_count_of_its_own() {
        let shapes = MessageShapes::compiled_in().unwrap();
        let fields = shapes.messages.iter().flatten();
        let mut counts: Vec<_> = fields.filter_map(|field| Some(field.repeats?.count)).collect();
        counts.sort_unstable();
        assert_eq!(counts, (0..shapes.counts).collect::<Vec<_>>());
    }

    #[test]
    fn the_documents_have_the_fields_that_may_have_more() {
        let page = fixtures::document("message-limits.md");
        let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
        let mut found = Vec::new();
        for file in &set.file {
            collect_messages(file.package(), &file.message_type, &mut found);
        }
        for (field, max) in MAX_ENTRIES_OF {
            let (message, name) = field.rsplit_once('.').unwrap();
            let (_, described) = found.iter().find(|(found, _)| found == message).unwrap();
            assert!(described.field.iter().any(|field| field.name() == name), "{field}");
            let mut digits = max.to_string();
            digits.insert(digits.len() - 3, ',');
            assert!(page.contains(&format!("| `{field}` | {digits} |")), "{field}: {digits}");
        }
    }
}
