//! The envelope around a payload: body, media type and headers.
//!
//! Fed by `request` with a payload and its media type; feeds it the body that is signed
//! and sent. Guarantees (invariant `same-webhook-every-attempt`) that the payload's bytes
//! appear in the body as they were published, except for JSON whitespace if the
//! subscription asks for compact JSON, and that the same assignment gives the same bytes
//! in every attempt: the only time in them is the event's.
//!
//! Keeps the invariant `payload-bytes-kept`.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use postrider_proto::agent::v1::{Assignment, Envelope};
use thiserror::Error;

use crate::compact_json;

const JSON_MEDIA_TYPE: &str = "application/json";
const JSON_MEDIA_TYPE_VALUE: HeaderValue = HeaderValue::from_static(JSON_MEDIA_TYPE);
const CLOUDEVENTS_JSON_MEDIA_TYPE: HeaderValue =
    HeaderValue::from_static("application/cloudevents+json; charset=utf-8");

/// What the HTTP binding of CloudEvents 1.0 has encoded in a header, beside all
/// that is not ASCII (section 3.1.3.2).
const CLOUDEVENTS_HEADER_ESCAPES: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// Why there is nothing to send.
#[derive(Debug, Error)]
pub enum EnvelopeError {
    /// Publishing refuses it too.
    #[error("a JSON envelope cannot hold a payload of type {0:?}")]
    NotJson(String),
    /// An envelope tells the event's time, which is in its id.
    #[error("the event's id is not a version 7 UUID")]
    EventId,
    /// With a line break, for instance.
    #[error("the value of the header {0} is not a valid header value")]
    Header(HeaderName),
    #[error("the envelope could not be written: {0}")]
    Written(#[from] serde_json::Error),
}

/// What an envelope makes of an assignment.
#[derive(Debug)]
pub struct EnvelopedBody {
    /// What is signed and sent.
    pub body: Bytes,
    /// The body's media type.
    pub content_type: HeaderValue,
    /// What the envelope says in headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// Puts the envelope around the assignment's payload, which is compacted on the
/// way where that is wanted and it is JSON. An envelope of JSON is compact itself.
pub fn build_body(
    envelope: Envelope,
    compact_json: bool,
    assignment: &Assignment,
) -> Result<EnvelopedBody, EnvelopeError> {
    let compact = compact_json && is_json(content_type(assignment));
    match envelope {
        Envelope::Unspecified | Envelope::None => build_bare(assignment, compact),
        Envelope::StandardWebhooks => standard_webhooks(assignment, compact),
        Envelope::IdTypePayloadDate => id_type_payload_date(assignment, compact),
        Envelope::CloudeventsStructured => cloudevents_structured(assignment, compact),
        Envelope::CloudeventsBinary => cloudevents_binary(assignment, compact),
    }
}

fn build_bare(assignment: &Assignment, compact: bool) -> Result<EnvelopedBody, EnvelopeError> {
    let content_type = match content_type(assignment) {
        // Nearly always, and then nothing is copied.
        JSON_MEDIA_TYPE => JSON_MEDIA_TYPE_VALUE,
        other => HeaderValue::from_str(other).map_err(|_| EnvelopeError::Header(CONTENT_TYPE))?,
    };
    let payload = &assignment.payload;
    let body = if compact && !compact_json::is_compact(payload) {
        let mut body = Vec::with_capacity(payload.len());
        compact_json::append_compact(payload, &mut body);
        body.into()
    } else {
        payload.clone()
    };
    Ok(EnvelopedBody { body, content_type, headers: Vec::new() })
}

fn standard_webhooks(
    assignment: &Assignment,
    compact: bool,
) -> Result<EnvelopedBody, EnvelopeError> {
    let mut object = JsonObjectWriter::with_room_for(assignment, compact)?;
    object.text("type", &assignment.event_type)?;
    object.text("timestamp", &event_time(assignment)?)?;
    object.payload("data", &assignment.payload);
    Ok(object.wrapped(JSON_MEDIA_TYPE_VALUE))
}

fn id_type_payload_date(
    assignment: &Assignment,
    compact: bool,
) -> Result<EnvelopedBody, EnvelopeError> {
    let mut object = JsonObjectWriter::with_room_for(assignment, compact)?;
    object.text("id", &assignment.webhook_id)?;
    object.text("type", &assignment.event_type)?;
    object.payload("payload", &assignment.payload);
    object.text("date", &event_time(assignment)?)?;
    Ok(object.wrapped(JSON_MEDIA_TYPE_VALUE))
}

fn cloudevents_structured(
    assignment: &Assignment,
    compact: bool,
) -> Result<EnvelopedBody, EnvelopeError> {
    let mut object = JsonObjectWriter::with_room_for(assignment, compact)?;
    object.text("specversion", "1.0")?;
    object.text("id", &assignment.webhook_id)?;
    object.text("source", &source(assignment))?;
    object.text("type", &assignment.event_type)?;
    if !assignment.account.is_empty() {
        object.text("subject", &assignment.account)?;
    }
    object.text("time", &event_time(assignment)?)?;
    object.text("datacontenttype", content_type(assignment))?;
    if let Some(sequence) = sequence_of(assignment) {
        object.text("sequence", &sequence.to_string())?;
    }
    object.payload("data", &assignment.payload);
    Ok(object.wrapped(CLOUDEVENTS_JSON_MEDIA_TYPE))
}

fn cloudevents_binary(
    assignment: &Assignment,
    compact: bool,
) -> Result<EnvelopedBody, EnvelopeError> {
    let mut wrapped = build_bare(assignment, compact)?;
    let mut put = |name: HeaderName, text: &str| {
        let encoded = utf8_percent_encode(text, CLOUDEVENTS_HEADER_ESCAPES).to_string();
        let value = HeaderValue::from_maybe_shared(Bytes::from(encoded))
            .map_err(|_| EnvelopeError::Header(name.clone()))?;
        wrapped.headers.push((name, value));
        Ok::<_, EnvelopeError>(())
    };
    put(HeaderName::from_static("ce-specversion"), "1.0")?;
    put(HeaderName::from_static("ce-id"), &assignment.webhook_id)?;
    put(HeaderName::from_static("ce-source"), &source(assignment))?;
    put(HeaderName::from_static("ce-type"), &assignment.event_type)?;
    put(HeaderName::from_static("ce-time"), &event_time(assignment)?)?;
    if !assignment.account.is_empty() {
        put(HeaderName::from_static("ce-subject"), &assignment.account)?;
    }
    if let Some(sequence) = sequence_of(assignment) {
        put(HeaderName::from_static("ce-sequence"), &sequence.to_string())?;
    }
    Ok(wrapped)
}

/// The delivery's place in its subscription's order, if it has one.
pub fn sequence_of(assignment: &Assignment) -> Option<i64> {
    Some(assignment.sequence).filter(|sequence| *sequence > 0)
}

fn source(assignment: &Assignment) -> String {
    format!("/tenants/{}", assignment.tenant)
}

/// The payload's media type.
fn content_type(assignment: &Assignment) -> &str {
    match assignment.content_type.as_str() {
        "" => JSON_MEDIA_TYPE,
        given => given,
    }
}

/// Parameters say nothing about whether it is JSON.
fn is_json(content_type: &str) -> bool {
    // The most common value first.
    if content_type == JSON_MEDIA_TYPE {
        return true;
    }
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media == JSON_MEDIA_TYPE || media == "text/json" || media.ends_with("+json")
}

/// The millisecond in the event's id, as RFC 3339 writes it.
fn event_time(assignment: &Assignment) -> Result<String, EnvelopeError> {
    let id: [u8; 16] =
        assignment.event_id.as_ref().try_into().map_err(|_| EnvelopeError::EventId)?;
    let [a, b, c, d, e, f, version, ..] = id;
    if version >> 4 != 7 {
        return Err(EnvelopeError::EventId);
    }
    let milliseconds = i64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    let time = Timestamp::from_millisecond(milliseconds).map_err(|_| EnvelopeError::EventId)?;
    Ok(format!("{time:.3}"))
}

/// A JSON object that is being written; nobody but this module names its members.
struct JsonObjectWriter {
    text: Vec<u8>,
    compact: bool,
}

impl JsonObjectWriter {
    /// Room for the payload, which must be JSON, and for what is around it.
    fn with_room_for(assignment: &Assignment, compact: bool) -> Result<Self, EnvelopeError> {
        /// The longest names and values of an envelope beside the payload are about as
        /// long; too little costs one reallocation.
        const MEMBERS_BYTES: usize = 256;
        let content_type = content_type(assignment);
        if !is_json(content_type) {
            return Err(EnvelopeError::NotJson(content_type.to_owned()));
        }
        let text = Vec::with_capacity(assignment.payload.len() + MEMBERS_BYTES);
        Ok(Self { text, compact })
    }

    fn name(&mut self, name: &str) {
        let before: &[u8] = if self.text.is_empty() { b"{\"" } else { b",\"" };
        for part in [before, name.as_bytes(), b"\":"] {
            self.text.extend_from_slice(part);
        }
    }

    fn text(&mut self, name: &str, value: &str) -> Result<(), EnvelopeError> {
        self.name(name);
        Ok(serde_json::to_writer(&mut self.text, value)?)
    }

    fn payload(&mut self, name: &str, json: &[u8]) {
        self.name(name);
        match self.compact {
            true => compact_json::append_compact(json, &mut self.text),
            false => self.text.extend_from_slice(json),
        }
    }

    fn wrapped(mut self, content_type: HeaderValue) -> EnvelopedBody {
        self.text.push(b'}');
        EnvelopedBody { body: self.text.into(), content_type, headers: Vec::new() }
    }
}

#[cfg(test)]
mod tests;
