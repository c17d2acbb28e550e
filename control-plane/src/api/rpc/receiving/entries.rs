//! How many entries the fields of a message have, counted before it is decoded.
//!
//! Fed by `message` with the bytes of messages as they arrive; feeds it with what is wrong.
//! An empty entry takes two bytes in a message, and hundreds once it is decoded.
//! Guarantees that no field of a message has more entries than it may, wherever in the
//! message they stand, and that its parts fit into each other: the decoder reads on behind
//! the end of one that does not, and says so afterwards.

use super::message_shapes::{FieldShape, MessageShapes, RequestShape};

/// Messages in messages; the decoder refuses more.
const MAX_DEPTH: usize = 100;
/// A number takes ten bytes at most, of seven bits each.
const LAST_BYTE_BITS: u32 = 63;

/// What is wrong with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryFault {
    /// A field, by its path, has more entries than it may.
    TooMany { field: String, max: usize },
    /// It is no message of protobuf's.
    Malformed,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AwaitedPart {
    /// The number and the kind of a field.
    Key,
    /// A field that is a number.
    Number,
    /// The length of this field.
    Length(u32),
    /// So many bytes of a field.
    Bytes(usize),
}

/// A message whose end has not come.
#[derive(Debug)]
struct OpenMessage {
    name: &'static str,
    fields: &'static [FieldShape],
    /// Where it ends, in the outermost one.
    end: usize,
}

/// Counts the entries of one message.
///
/// How to drive it: [`EntryCounter::take`] with all bytes of the message, in their order.
#[derive(Debug)]
pub struct EntryCounter {
    shapes: &'static MessageShapes,
    counts: Vec<usize>,
    /// From the outermost one on.
    open: Vec<OpenMessage>,
    /// Groups in the innermost one whose end has not come. Only the second version of
    /// protobuf has them; what is in one is passed over.
    open_groups: usize,
    position: usize,
    awaited: AwaitedPart,
    number: u64,
    number_bits: u32,
}

impl EntryCounter {
    /// For a message of so many bytes.
    pub fn new(request: RequestShape, bytes: usize) -> Self {
        let RequestShape { shapes, message } = request;
        let outermost = OpenMessage { name: "", fields: shapes.fields(message), end: bytes };
        Self {
            shapes,
            counts: vec![0; shapes.counts],
            open: vec![outermost],
            open_groups: 0,
            position: 0,
            awaited: AwaitedPart::Key,
            number: 0,
            number_bits: 0,
        }
    }

    /// Takes the next bytes; an error as soon as it is known.
    pub fn take(&mut self, mut bytes: &[u8]) -> Result<(), EntryFault> {
        while let Some((byte, rest)) = bytes.split_first() {
            if let AwaitedPart::Bytes(missing) = self.awaited {
                let part = missing.min(bytes.len());
                bytes = bytes.get(part..).unwrap_or_default();
                self.position += part;
                self.awaited = AwaitedPart::Bytes(missing - part);
                if part == missing {
                    self.end_field()?;
                }
                continue;
            }
            bytes = rest;
            self.position += 1;
            if let Some(number) = self.take_byte(*byte)? {
                self.take_number(number)?;
            }
        }
        Ok(())
    }

    /// Takes a byte of a number; answers the number with its last one.
    fn take_byte(&mut self, byte: u8) -> Result<Option<u64>, EntryFault> {
        if self.number_bits > LAST_BYTE_BITS {
            return Err(EntryFault::Malformed);
        }
        self.number |= u64::from(byte & 0x7f) << self.number_bits;
        self.number_bits += 7;
        if byte & 0x80 != 0 {
            return Ok(None);
        }
        self.number_bits = 0;
        Ok(Some(std::mem::take(&mut self.number)))
    }

    fn take_number(&mut self, number: u64) -> Result<(), EntryFault> {
        match self.awaited {
            AwaitedPart::Key => self.begin_field(number),
            AwaitedPart::Length(field) => self.begin_bytes(field, number),
            AwaitedPart::Number | AwaitedPart::Bytes(_) => self.end_field(),
        }
    }

    fn begin_field(&mut self, key: u64) -> Result<(), EntryFault> {
        let key = u32::try_from(key).map_err(|_| EntryFault::Malformed)?;
        let field = key >> 3;
        let ends_before = self.open.last().is_none_or(|innermost| innermost.end < self.position);
        if field == 0 || ends_before {
            return Err(EntryFault::Malformed);
        }
        self.awaited = match key & 7 {
            0 => AwaitedPart::Number,
            1 => AwaitedPart::Bytes(8),
            2 => AwaitedPart::Length(field),
            3 => {
                self.open_groups += 1;
                return self.end_field();
            }
            4 => {
                let left = self.open_groups.checked_sub(1);
                self.open_groups = left.ok_or(EntryFault::Malformed)?;
                return self.end_field();
            }
            5 => AwaitedPart::Bytes(4),
            _ => return Err(EntryFault::Malformed),
        };
        Ok(())
    }

    /// Begins a text, bytes or a message.
    fn begin_bytes(&mut self, field: u32, length: u64) -> Result<(), EntryFault> {
        let innermost = self.open.last().ok_or(EntryFault::Malformed)?;
        let length = usize::try_from(length).map_err(|_| EntryFault::Malformed)?;
        let end = self.position.checked_add(length).filter(|end| *end <= innermost.end);
        let end = end.ok_or(EntryFault::Malformed)?;
        let known = innermost.fields.iter().find(|known| known.number == field);
        let known = known.filter(|_| self.open_groups == 0);
        if let Some(known) = known {
            self.count(known)?;
        }
        let Some((known, message)) = known.and_then(|known| Some((known, known.message?))) else {
            self.awaited = AwaitedPart::Bytes(length);
            return if length == 0 { self.end_field() } else { Ok(()) };
        };
        if self.open.len() >= MAX_DEPTH {
            return Err(EntryFault::Malformed);
        }
        let fields = self.shapes.fields(message);
        self.open.push(OpenMessage { name: &known.name, fields, end });
        self.end_field()
    }

    fn count(&mut self, field: &FieldShape) -> Result<(), EntryFault> {
        let Some(repeats) = field.repeats else { return Ok(()) };
        let Some(count) = self.counts.get_mut(repeats.count) else { return Ok(()) };
        *count += 1;
        if *count <= repeats.max {
            return Ok(());
        }
        let outside = self.open.iter().skip(1).map(|message| message.name);
        let path: Vec<&str> = outside.chain([field.name.as_str()]).collect();
        Err(EntryFault::TooMany { field: path.join("."), max: repeats.max })
    }

    /// Ends a field, or begins a message, and ends all messages that end here.
    fn end_field(&mut self) -> Result<(), EntryFault> {
        self.awaited = AwaitedPart::Key;
        while let Some(innermost) = self.open.last() {
            if self.position < innermost.end {
                break;
            }
            if self.position > innermost.end || self.open_groups > 0 {
                return Err(EntryFault::Malformed);
            }
            self.open.pop();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use postrider_proto::agent::v1::{
        AttemptKey, AttemptResult, Header, Hello, Results, WorkRequest, work_request,
    };
    use postrider_proto::v1::{Event, PublishEventRequest, PublishEventsRequest};
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;

    const PUBLISH: &str = "/postrider.v1.EventService/PublishEvents";
    const WORK: &str = "/postrider.agent.v1.AgentService/Work";

    /// Counts the bytes in parts of a size.
    fn count(path: &str, bytes: &[u8], part_bytes: usize) -> Result<(), EntryFault> {
        let request = MessageShapes::compiled_in().unwrap().of_request(path).unwrap();
        let mut counter = EntryCounter::new(request, bytes.len());
        bytes.chunks(part_bytes).try_for_each(|part| counter.take(part))
    }

    fn too_many(field: &str, max: usize) -> Result<(), EntryFault> {
        Err(EntryFault::TooMany { field: field.to_owned(), max })
    }

    fn batch(events: usize, attributes: usize) -> Vec<u8> {
        let attributes: HashMap<_, _> =
            (0..attributes).map(|number| (number.to_string(), "x".repeat(200))).collect();
        let event = Event { attributes, ..Event::default() };
        let request = PublishEventRequest { event: Some(event), ..PublishEventRequest::default() };
        let requests = vec![request; events];
        PublishEventsRequest { parent: "tenants/acme".to_owned(), requests }.encode_to_vec()
    }

    #[test]
    fn entries_are_counted_wherever_the_bytes_are_cut() {
        for part_bytes in [1, 2, 3, 7, 64, 100_000] {
            assert_eq!(count(PUBLISH, &batch(1000, 3), part_bytes), Ok(()));
            assert_eq!(count(PUBLISH, &batch(1025, 0), part_bytes), too_many("requests", 1024));
            let many = too_many("requests.event.attributes", 65_536);
            assert_eq!(count(PUBLISH, &batch(10, 6554), part_bytes), many);
        }
    }

    #[test]
    fn nothing_but_entries_is_refused_by_its_field() {
        let empty_requests = [0x12, 0].repeat(2000);
        assert_eq!(count(PUBLISH, &empty_requests, 500), too_many("requests", 1024));
        let results = Results { results: vec![AttemptResult::default(); 2000] };
        let message = Some(work_request::Message::Results(results));
        let work = WorkRequest { message }.encode_to_vec();
        assert_eq!(count(WORK, &work, 500), too_many("results.results", 1024));
        // The decoder makes one of them.
        let one = WorkRequest {
            message: Some(work_request::Message::Results(Results {
                results: vec![AttemptResult::default(); 100],
            })),
        };
        let many = one.encode_to_vec().repeat(11);
        assert_eq!(count(WORK, &many, 500), too_many("results.results", 1024));
        let Some(work_request::Message::Results(merged)) =
            WorkRequest::decode(many.as_slice()).unwrap().message
        else {
            panic!("results");
        };
        assert_eq!(merged.results.len(), 1100);
    }

    #[test]
    fn what_honest_agents_say_is_taken() {
        let key = AttemptKey {
            delivery_id: vec![7; 16].into(),
            number: 1,
            shard: 3,
            epoch: 9,
            mac: vec![7; 16].into(),
        };
        let hello = Hello { in_flight: vec![key; 65_536], ..Hello::default() };
        let header = Header { name: "x".to_owned(), ..Header::default() };
        let result =
            AttemptResult { response_headers: vec![header; 128], ..AttemptResult::default() };
        let results = Results { results: vec![result; 256] };
        for message in
            [work_request::Message::Hello(hello), work_request::Message::Results(results)]
        {
            let work = WorkRequest { message: Some(message) }.encode_to_vec();
            assert_eq!(count(WORK, &work, 16_384), Ok(()));
        }
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        for malformed in [
            // A request of one byte with an event of 100.
            &[0x12, 1, 0x0a, 100, 0, 0][..],
            // A request that ends within a number.
            &[0x12, 1, 0x80, 0x01],
            // A length behind the end, field 0, wire type 7, a number of eleven bytes, the end
            // of a group that has not begun, and a group without one.
            &[0x12, 5, 0],
            &[0x02, 0],
            &[0x17, 0],
            &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
            &[0x7c],
            &[0x7b],
        ] {
            assert_eq!(count(PUBLISH, malformed, 100), Err(EntryFault::Malformed), "{malformed:?}");
            assert!(PublishEventsRequest::decode(malformed).is_err(), "{malformed:?}");
        }
        // A field that nobody knows, which is a group with what looks like requests.
        let group = [&[0x7b][..], &[0x12, 0].repeat(2000), &[0x7c]].concat();
        assert_eq!(count(PUBLISH, &group, 100), Ok(()));
        assert!(PublishEventsRequest::decode(group.as_slice()).is_ok());
    }

    fn wire() -> impl Strategy<Value = Vec<u8>> {
        let small = prop::collection::vec(
            prop_oneof![Just(0x0a_u8), Just(0x12), Just(0x1a), Just(0x22), 0..16_u8, any::<u8>()],
            0..40,
        );
        prop_oneof![small, prop::collection::vec(any::<u8>(), 0..40)]
    }

    proptest! {
        #[test]
        fn what_can_be_decoded_is_not_malformed(bytes in wire(), part_bytes in 1..9_usize) {
            let decoded = PublishEventsRequest::decode(bytes.as_slice());
            let counted = count(PUBLISH, &bytes, part_bytes);
            prop_assert!(decoded.is_err() || counted.is_ok(), "{counted:?}");
            prop_assert_eq!(counted, count(PUBLISH, &bytes, 100));
        }
    }
}
