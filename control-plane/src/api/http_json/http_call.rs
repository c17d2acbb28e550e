//! A call that came over HTTP, and its messages.
//!
//! Fed by `layer` with the route of a request; feeds `request_body` with messages made of the
//! path, the query and the body's JSON, and `answers` with JSON made of messages. Guarantees
//! that what a path names is what is called for: a body that names something else is refused;
//! and that no field has more entries than it may, neither while its JSON is read nor in the
//! message that a service decodes.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor, Value};
use tonic::Status;

use super::idempotency_keys::key_field;
use super::json_entries::{JsonEntryCounter, JsonFault};
use super::payload_members::AnswerForm;
use super::query_parameters;
use super::routes::{HttpRoute, RouteBody, RouteTable};
use crate::api::rpc::errors::{self, ErrorReason};
use crate::api::rpc::receiving::{EntryCounter, UNCOUNTED_BYTES, refused_entries};

/// Where a stream of answers can be taken up again, in both directions.
const RESUME_FIELD: &str = "resume_token";
/// Longest text about what cannot be read: it may repeat a member's name.
const MAX_PROBLEM_CHARACTERS: usize = 512;
/// Of a message in gRPC: whether it is compressed, and its length.
pub(super) const FRAME_HEAD_BYTES: usize = 5;

/// See the module.
#[derive(Debug)]
pub struct HttpCall {
    pub table: Arc<RouteTable>,
    pub route: Arc<HttpRoute>,
    /// What the path's variables stand for.
    pub captures: Vec<String>,
    pub query: String,
    /// Whether each line of the body is a message.
    pub has_lines: bool,
    /// Whether answers are server-sent events.
    pub sends_events: bool,
    /// The id of the last event that a client saw before it connected again.
    pub last_event_id: Option<String>,
    /// The key that a header gives; only where the request has one.
    pub idempotency_key: Option<String>,
}

impl HttpCall {
    /// The request in a body that is all of it.
    pub fn read_body(&self, body: &[u8]) -> Result<DynamicMessage, Status> {
        match (&self.route.lines_field, self.has_lines) {
            (Some(list), true) => self.read_lines(list, body),
            (Some(_) | None, _) => self.read_message(body),
        }
    }

    /// A request, or one of many on a stream.
    pub fn read_message(&self, body: &[u8]) -> Result<DynamicMessage, Status> {
        let route = &self.route;
        let input = route.rpc.input();
        let mut entries = counter_of(body);
        let mut message = query_parameters::read(input.clone(), &route.parameters, &self.query)?;
        match &route.body {
            RouteBody::Nothing if is_blank(body) => {}
            RouteBody::Nothing => return Err(malformed("the request has a body, and takes none")),
            RouteBody::Whole => message = self.parse(&input, body, entries.as_mut())?,
            RouteBody::Field(field) => {
                let kind = field.kind();
                let inside = kind.as_message().ok_or_else(unfit)?;
                if let Some(entries) = &mut entries {
                    entries.enter(field);
                }
                let parsed = self.parse(inside, body, entries.as_mut())?;
                message.set_field(field, Value::Message(parsed));
            }
        }
        self.bind_path(&mut message)?;
        self.bind_key(&mut message)?;
        self.resume(&mut message);
        Ok(message)
    }

    /// A batch whose requests are lines.
    fn read_lines(&self, list: &FieldDescriptor, body: &[u8]) -> Result<DynamicMessage, Status> {
        let kind = list.kind();
        let element = kind.as_message().ok_or_else(unfit)?;
        let mut entries = counter_of(body);
        if let Some(entries) = &mut entries {
            entries.enter(list);
        }
        let mut elements = Vec::new();
        for (line, number) in body.split(|byte| *byte == b'\n').zip(1_u64..) {
            if !is_blank(line) {
                let counted = entries.as_mut().map_or(Ok(()), JsonEntryCounter::take_element);
                counted.map_err(refused)?;
                let parsed = self.parse(element, line, entries.as_mut());
                elements.push(Value::Message(parsed.map_err(|status| at_line(number, &status))?));
            }
        }
        let mut message = DynamicMessage::new(self.route.rpc.input());
        message.set_field(list, Value::List(elements));
        self.bind_path(&mut message)?;
        Ok(message)
    }

    /// A message of its JSON; an empty body has no members. What is large is counted first.
    fn parse(
        &self,
        message: &MessageDescriptor,
        body: &[u8],
        entries: Option<&mut JsonEntryCounter>,
    ) -> Result<DynamicMessage, Status> {
        if is_blank(body) {
            return Ok(DynamicMessage::new(message.clone()));
        }
        let text = std::str::from_utf8(body).map_err(|_| malformed("the body is not in UTF-8"))?;
        if let Some(entries) = entries {
            entries.take(message, text).map_err(refused)?;
        }
        let text = self.table.payloads.read(message, text).map_err(|e| not_json(&e))?;
        let mut reader = serde_json::Deserializer::from_str(&text);
        let parsed = DynamicMessage::deserialize(message.clone(), &mut reader);
        let parsed = parsed.map_err(|e| not_json(&e))?;
        reader.end().map_err(|e| not_json(&e))?;
        Ok(parsed)
    }

    fn bind_path(&self, message: &mut DynamicMessage) -> Result<(), Status> {
        let variables = &self.route.template.variables;
        let fields = self.route.path_fields.iter().zip(variables);
        for ((path, variable), text) in fields.zip(&self.captures) {
            if !bind(message, path, text) {
                let problem = format!("differs from the path, which says {text}");
                return Err(errors::invalid(&variable.field_path, problem));
            }
        }
        Ok(())
    }

    /// The key of a header is the request's, which may have the same.
    fn bind_key(&self, message: &mut DynamicMessage) -> Result<(), Status> {
        let Some(key) = &self.idempotency_key else { return Ok(()) };
        let Some(field) = key_field(&self.route.rpc.input()) else { return Ok(()) };
        match bind(message, std::slice::from_ref(&field), key) {
            true => Ok(()),
            false => Err(errors::invalid(field.name(), "differs from the header Idempotency-Key")),
        }
    }

    /// Goes on after the last event that the client saw, unless it says from where.
    fn resume(&self, message: &mut DynamicMessage) {
        let Some(last) = &self.last_event_id else { return };
        let Some(field) = resume_field(&self.route.rpc.input()) else { return };
        if !message.has_field(&field) {
            message.set_field(&field, Value::String(last.clone()));
        }
    }

    /// A message as gRPC sends it.
    pub fn framed(&self, message: &DynamicMessage) -> Result<Bytes, Status> {
        let encoded = message.encode_to_vec();
        let shape = self.route.request_shape.filter(|_| encoded.len() > UNCOUNTED_BYTES);
        if let Some(shape) = shape {
            // What stood in the query, and whatever the JSON's reader knew better.
            let mut entries = EntryCounter::new(shape, encoded.len());
            entries.take(&encoded).map_err(refused_entries)?;
        }
        let length = u32::try_from(encoded.len());
        let length = length.map_err(|_| malformed("the message is too large"))?;
        let mut frame = Vec::with_capacity(encoded.len() + FRAME_HEAD_BYTES);
        frame.push(0);
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(&encoded);
        Ok(frame.into())
    }

    /// An answer as JSON, and where a later call goes on after it.
    pub fn write_message(
        &self,
        encoded: Bytes,
        form: AnswerForm,
    ) -> Result<(String, Option<String>), Status> {
        let output = self.route.rpc.output();
        let message = DynamicMessage::decode(output.clone(), encoded).map_err(|_| unfit())?;
        let text = serde_json::to_string(&message).map_err(|_| unfit())?;
        let text = self.table.payloads.write(&output, &text, form).map_err(|_| unfit())?;
        let token = resume_field(&output).map(|field| message.get_field(&field).into_owned());
        let token = token.and_then(|token| token.as_str().map(str::to_owned));
        Ok((text.into_owned(), token.filter(|token| !token.is_empty())))
    }
}

/// The field with which a stream is taken up again.
pub(super) fn resume_field(message: &MessageDescriptor) -> Option<FieldDescriptor> {
    message.get_field_by_name(RESUME_FIELD)
}

/// Sets a text along a path of fields; `false` if another one stands there.
fn bind(message: &mut DynamicMessage, path: &[FieldDescriptor], text: &str) -> bool {
    let Some((field, rest)) = path.split_first() else { return true };
    if !rest.is_empty() {
        let Value::Message(inside) = message.get_field_mut(field) else { return false };
        return bind(inside, rest, text);
    }
    let differs =
        message.get_field(field).as_str().is_some_and(|given| !given.is_empty() && given != text);
    if !differs {
        message.set_field(field, Value::String(text.to_owned()));
    }
    !differs
}

fn is_blank(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_whitespace)
}

/// A request that cannot be read. What it names is told only so far.
pub(super) fn malformed(message: impl Into<String>) -> Status {
    let message: String = message.into();
    let cut: String = message.chars().take(MAX_PROBLEM_CHARACTERS).collect();
    errors::status(ErrorReason::MalformedRequest, cut)
}

/// What counts the entries of a body; small ones are not counted, as over gRPC.
fn counter_of(body: &[u8]) -> Option<JsonEntryCounter> {
    (body.len() > UNCOUNTED_BYTES).then(JsonEntryCounter::default)
}

fn refused(fault: JsonFault) -> Status {
    match fault {
        JsonFault::Entries(fault) => refused_entries(fault),
        JsonFault::NotJson(error) => not_json(&error),
    }
}

fn not_json(error: &serde_json::Error) -> Status {
    malformed(format!("the JSON cannot be read: {error}"))
}

fn at_line(number: u64, status: &Status) -> Status {
    malformed(format!("line {number}: {}", status.message()))
}

/// For what the table of routes has already checked, and for answers.
fn unfit() -> Status {
    errors::status(ErrorReason::Internal, "the message does not fit its description")
}
