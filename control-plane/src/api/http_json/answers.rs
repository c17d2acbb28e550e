//! Answers, from what gRPC sends to JSON.
//!
//! Fed by the services with answers in gRPC's frames; feeds callers with one JSON message, or
//! with a stream of them as lines (NDJSON) or as server-sent events. Guarantees that an error
//! is told: as the answer's status where nothing was sent yet, otherwise as the last line or
//! event, since a status that was sent cannot be taken back; and that a stream of events is
//! never silent for long.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use futures::stream;
use http::{HeaderMap, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tonic::body::Body;
use tonic::{Code, Status};

use super::error_answer::ErrorAnswer;
use super::http_call::{FRAME_HEAD_BYTES, HttpCall};
use super::payload_members::AnswerForm;
use super::transcoding::transcode;
use crate::api::rpc::byte_budget::HeldBytes;
use crate::api::rpc::errors::{self, ErrorReason};
use crate::api::rpc::unsent_answers::too_much;

/// After so long without an event a comment is sent: proxies close what is silent for a minute,
/// and WHATWG HTML advises "every 15 seconds or so".
const MAX_EVENT_SILENCE: Duration = Duration::from_secs(15);
/// A comment, which readers of events pass over.
const EVENT_COMMENT: &[u8] = b":\n\n";

/// The JSON of an answer that is one message, which is counted by `held` until it is JSON.
pub(super) async fn whole_answer(
    call: Arc<HttpCall>,
    answer: Response<Body>,
    mut held: Option<HeldBytes>,
) -> Result<Bytes, Status> {
    let (parts, mut body) = answer.into_parts();
    require_ok(&parts.headers)?;
    let mut frames = BytesMut::new();
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(data) => {
                if let Some(held) = &mut held {
                    held.add(data.len()).map_err(|exceeded| too_much(held, exceeded))?;
                }
                frames.extend_from_slice(&data);
            }
            Err(frame) => frame.trailers_ref().map_or(Ok(()), require_ok)?,
        }
    }
    let message = take_message(&mut frames).ok_or_else(cut_off)?;
    transcode(message.len(), move || {
        let text = call.write_message(message, AnswerForm::Whole).map(|(text, _)| text);
        // Also if nobody waits for it any more.
        drop(held);
        text.map(Bytes::from)
    })
    .await
}

/// The answers of a stream, once it has begun.
pub(super) fn answer_stream(call: Arc<HttpCall>, answer: Response<Body>) -> Result<Body, Status> {
    let (parts, body) = answer.into_parts();
    require_ok(&parts.headers)?;
    let (frames, max_silence) = (BytesMut::new(), MAX_EVENT_SILENCE);
    let reader = AnswerReader { call, body, frames, max_silence };
    let texts = stream::unfold(Some(reader), |reader| async move {
        let mut reader = reader?;
        match reader.next_text().await {
            Ok(Some(text)) => Some((Ok::<_, Status>(Frame::data(text)), Some(reader))),
            Ok(None) => None,
            Err(status) => Some((Ok(Frame::data(reader.last_text(status))), None)),
        }
    });
    Ok(Body::new(StreamBody::new(texts)))
}

/// An error if headers or trailers tell one.
pub(super) fn require_ok(headers: &HeaderMap) -> Result<(), Status> {
    match Status::from_header_map(headers) {
        Some(status) if status.code() != Code::Ok => Err(status),
        Some(_) | None => Ok(()),
    }
}

/// A message that has arrived whole.
fn take_message(frames: &mut BytesMut) -> Option<Bytes> {
    let [_, a, b, c, d] = *frames.get(..FRAME_HEAD_BYTES)? else { return None };
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
    if frames.len() < FRAME_HEAD_BYTES + length {
        return None;
    }
    frames.advance(FRAME_HEAD_BYTES);
    Some(frames.split_to(length).freeze())
}

fn cut_off() -> Status {
    errors::status(ErrorReason::Internal, "the answer has no message")
}

/// Messages of a stream.
struct AnswerReader {
    call: Arc<HttpCall>,
    body: Body,
    frames: BytesMut,
    /// Where they are events.
    max_silence: Duration,
}

impl AnswerReader {
    /// The next message as it is sent; `None` at the end.
    async fn next_text(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            if let Some(message) = take_message(&mut self.frames) {
                let call = Arc::clone(&self.call);
                let text = transcode(message.len(), move || {
                    let (text, token) = call.write_message(message, AnswerForm::Line)?;
                    Ok(sent(&call, &text, token.as_deref()))
                });
                return text.await.map(Some);
            }
            let arrived = match self.call.sends_events {
                true => tokio::time::timeout(self.max_silence, self.body.frame()).await,
                false => Ok(self.body.frame().await),
            };
            let Ok(arrived) = arrived else {
                return Ok(Some(Bytes::from_static(EVENT_COMMENT)));
            };
            let Some(frame) = arrived else { return Ok(None) };
            match frame?.into_data() {
                Ok(data) => self.frames.extend_from_slice(&data),
                Err(frame) => frame.trailers_ref().map_or(Ok(()), require_ok)?,
            }
        }
    }

    /// The error that ends a stream.
    fn last_text(&self, status: Status) -> Bytes {
        let text = ErrorAnswer::from(status).json(&self.call.table.pool);
        match self.call.sends_events {
            true => Bytes::from(format!("event: error\ndata: {text}\n\n")),
            false => Bytes::from(format!("{text}\n")),
        }
    }
}

/// A message as a line or an event; its JSON has no line ends.
fn sent(call: &HttpCall, text: &str, token: Option<&str>) -> Bytes {
    if !call.sends_events {
        return Bytes::from(format!("{text}\n"));
    }
    let token = token.filter(|token| !token.contains(['\n', '\r', '\0']));
    let id = token.map(|token| format!("id: {token}\n")).unwrap_or_default();
    Bytes::from(format!("{id}data: {text}\n\n"))
}

#[cfg(test)]
mod tests {
    use http::Method;
    use http_body_util::Full;
    use postrider_proto::{FILE_DESCRIPTOR_SET, v1};
    use prost::Message as _;

    use super::*;
    use crate::api::http_json::routes::{FoundRoute, RouteTable};

    fn call(path: &str, sends_events: bool) -> Arc<HttpCall> {
        let table = Arc::new(RouteTable::read(FILE_DESCRIPTOR_SET).unwrap());
        let FoundRoute::Route(route, captures) = table.find(&Method::GET, path) else {
            panic!("{path}");
        };
        Arc::new(HttpCall {
            table,
            route,
            captures,
            query: String::new(),
            has_lines: false,
            sends_events,
            last_event_id: None,
            idempotency_key: None,
        })
    }

    fn grpc(messages: &[Vec<u8>], end: Status) -> Response<Body> {
        let mut frames = Vec::new();
        for message in messages {
            frames.push(0);
            frames.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
            frames.extend(message);
        }
        let mut trailers = HeaderMap::new();
        end.add_header(&mut trailers).unwrap();
        let body = Full::new(Bytes::from(frames)).with_trailers(async move { Some(Ok(trailers)) });
        Response::new(Body::new(body))
    }

    fn watched(token: &str) -> Vec<u8> {
        let resume_token = token.to_owned();
        v1::WatchAttemptsResponse { resume_token, ..Default::default() }.encode_to_vec()
    }

    async fn streamed(sends_events: bool, end: Status) -> String {
        let call = call("/v1/tenants/acme/attempts:watch", sends_events);
        let answer = grpc(&[watched("a"), watched("b")], end);
        let body = answer_stream(call, answer).unwrap().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn an_answer_is_one_json_message() {
        let tenant = v1::Tenant { name: "tenants/acme".to_owned(), ..Default::default() };
        let answer = grpc(&[tenant.encode_to_vec()], Status::ok(""));
        let text = whole_answer(call("/v1/tenants/acme", false), answer, None).await.unwrap();
        assert_eq!(text, r#"{"name":"tenants/acme"}"#);
        let answer = grpc(&[], Status::not_found("no"));
        let refused =
            whole_answer(call("/v1/tenants/acme", false), answer, None).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
        let answer = Status::not_found("no").into_http();
        let refused =
            whole_answer(call("/v1/tenants/acme", false), answer, None).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
    }

    #[tokio::test]
    async fn a_stream_is_lines_or_events() {
        assert_eq!(
            streamed(false, Status::ok("")).await,
            "{\"resumeToken\":\"a\"}\n{\"resumeToken\":\"b\"}\n"
        );
        assert_eq!(
            streamed(true, Status::ok("")).await,
            "id: a\ndata: {\"resumeToken\":\"a\"}\n\nid: b\ndata: {\"resumeToken\":\"b\"}\n\n"
        );
    }

    #[tokio::test]
    async fn events_are_never_silent_for_long() {
        let max_silence = Duration::from_millis(10);
        let silent = |sends_events| AnswerReader {
            call: call("/v1/tenants/acme/attempts:watch", sends_events),
            body: Body::new(StreamBody::new(stream::pending::<Result<Frame<Bytes>, Status>>())),
            frames: BytesMut::new(),
            max_silence,
        };
        let mut events = silent(true);
        for _ in 0..2 {
            assert_eq!(events.next_text().await.unwrap().unwrap(), EVENT_COMMENT);
        }
        let mut lines = silent(false);
        let nothing = tokio::time::timeout(max_silence * 10, lines.next_text()).await;
        assert!(nothing.is_err(), "a comment is no line");
    }

    #[tokio::test]
    async fn an_error_ends_a_stream_and_is_told() {
        let lines = streamed(false, Status::unavailable("gone")).await;
        let last = lines.lines().last().unwrap();
        assert!(last.starts_with(r#"{"error":{"code":503,"#), "{last}");
        let events = streamed(true, Status::unavailable("gone")).await;
        assert!(events.contains("\n\nevent: error\ndata: {\"error\":"), "{events}");
        let call = call("/v1/tenants/acme/attempts:watch", true);
        let refused = answer_stream(call, Status::permission_denied("no").into_http());
        assert_eq!(refused.err().unwrap().code(), Code::PermissionDenied);
    }
}
