//! The body of a request, from JSON to what gRPC sends.
//!
//! Fed by `receiving` with what has arrived, within its limits; feeds the services with
//! messages in gRPC's frames. Nothing is read before a service, and so the layer before it
//! that judges the caller, asks for it. Guarantees that what is received stays counted until
//! it is decoded.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures::stream;
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::http_call::{HttpCall, malformed};
use super::transcoding::transcode;

/// Turns the bodies of calls that came over HTTP into gRPC's.
#[derive(Clone, Copy, Debug)]
pub struct JsonRequestLayer;

impl<S> Layer<S> for JsonRequestLayer {
    type Service = JsonRequestService<S>;

    fn layer(&self, inner: S) -> JsonRequestService<S> {
        JsonRequestService { inner }
    }
}

/// See [`JsonRequestLayer`].
#[derive(Clone, Debug)]
pub struct JsonRequestService<S> {
    inner: S,
}

impl<S: Service<Request<Body>>> Service<Request<Body>> for JsonRequestService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> S::Future {
        let Some(call) = request.extensions().get::<Arc<HttpCall>>().cloned() else {
            return self.inner.call(request);
        };
        let request = request.map(|body| match call.route.streams_requests() {
            true => message_stream(call, body),
            false => whole_message(call, body),
        });
        self.inner.call(request)
    }
}

/// The one message of a request, once all of its body is there.
fn whole_message(call: Arc<HttpCall>, mut received: Body) -> Body {
    let message = async move {
        let body = collect(&mut received).await?;
        let message = transcode(body.len(), move || {
            let message = call.read_body(&body).and_then(|message| call.framed(&message));
            // Until here it is counted among what is received, also if nobody waits any more.
            drop(received);
            message
        });
        message.await.map(Frame::data)
    };
    Body::new(StreamBody::new(stream::once(message)))
}

async fn collect(received: &mut Body) -> Result<Bytes, Status> {
    let mut whole = BytesMut::new();
    let mut first = Bytes::new();
    while let Some(frame) = received.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if first.is_empty() && whole.is_empty() {
            first = data;
        } else {
            whole.extend_from_slice(&std::mem::take(&mut first));
            whole.extend_from_slice(&data);
        }
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

/// A message of each line, as they arrive; the first that cannot be read ends them.
fn message_stream(call: Arc<HttpCall>, received: Body) -> Body {
    let lines = LineReader { received, buffer: BytesMut::new(), searched_bytes: 0, number: 0 };
    let messages = stream::unfold(Some((call, lines)), |reading| async move {
        let (call, mut lines) = reading?;
        let line = match lines.next_line().await? {
            Ok(line) => line,
            Err(status) => return Some((Err(status), None)),
        };
        let reading = Arc::clone(&call);
        let message = transcode(line.len(), move || reading.framed(&reading.read_message(&line)?));
        let message = message.await;
        match message {
            Ok(message) => Some((Ok(Frame::data(message)), Some((call, lines)))),
            Err(status) => {
                let told = malformed(format!("line {}: {}", lines.number, status.message()));
                Some((Err(told), None))
            }
        }
    });
    Body::new(StreamBody::new(messages))
}

/// Lines of a body. How long one may be is checked by `receiving`.
struct LineReader {
    received: Body,
    buffer: BytesMut,
    /// So much of the buffer has no line end.
    searched_bytes: usize,
    number: u64,
}

impl LineReader {
    /// The next line that is not blank; `None` at the end.
    async fn next_line(&mut self) -> Option<Result<Bytes, Status>> {
        loop {
            let unsearched = self.buffer.get(self.searched_bytes..).unwrap_or_default();
            if let Some(at) = unsearched.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(self.searched_bytes + at + 1).freeze();
                self.searched_bytes = 0;
                self.number += 1;
                if !line.iter().all(u8::is_ascii_whitespace) {
                    return Some(Ok(line));
                }
                continue;
            }
            self.searched_bytes = self.buffer.len();
            match self.received.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(status)) => return Some(Err(status)),
                None => {
                    let rest = self.buffer.split().freeze();
                    self.searched_bytes = 0;
                    self.number += 1;
                    let is_blank = rest.iter().all(u8::is_ascii_whitespace);
                    return (!is_blank).then_some(Ok(rest));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;
    use http::Method;
    use postrider_proto::FILE_DESCRIPTOR_SET;

    use super::*;
    use crate::api::http_json::routes::{FoundRoute, RouteTable};

    fn reader(parts: &[&'static str]) -> LineReader {
        let frames: Vec<Result<Frame<Bytes>, Status>> =
            parts.iter().map(|part| Ok(Frame::data(Bytes::from_static(part.as_bytes())))).collect();
        let received = Body::new(StreamBody::new(stream::iter(frames)));
        LineReader { received, buffer: BytesMut::new(), searched_bytes: 0, number: 0 }
    }

    #[tokio::test]
    async fn lines_are_found_wherever_they_are_cut() {
        for parts in [
            &["{\"a\":1}\n\r\n{\"b\":2}\r\n{}"][..],
            &["{\"a\"", ":1}", "\n", "\r", "\n{\"b\":2}\r\n{", "}"],
        ] {
            let mut lines = reader(parts);
            let mut found = Vec::new();
            while let Some(line) = lines.next_line().await {
                let line = String::from_utf8(line.unwrap().to_vec()).unwrap();
                found.push((lines.number, line.trim().to_owned()));
            }
            let expected = [(1, "{\"a\":1}"), (3, "{\"b\":2}"), (4, "{}")];
            assert_eq!(found, expected.map(|(number, line)| (number, line.to_owned())));
        }
    }

    #[tokio::test]
    async fn a_body_is_counted_until_its_message_is_made() {
        let table = Arc::new(RouteTable::read(FILE_DESCRIPTOR_SET).unwrap());
        let found = table.find(&Method::POST, "/v1/tenants/acme/events:publish");
        let FoundRoute::Route(route, captures) = found else { panic!("no route") };
        let call = Arc::new(HttpCall {
            table,
            route,
            captures,
            query: String::new(),
            has_lines: false,
            sends_events: false,
            last_event_id: None,
            idempotency_key: None,
        });
        let counted = Arc::new(());
        let text = format!(r#"{{"event":{{"data":"{}"}}}}"#, "x".repeat(256 * 1024));
        let frame = Ok::<_, Status>(Frame::data(Bytes::from(text)));
        let holder = Arc::clone(&counted);
        // The body has it for as long as it is there.
        let frames =
            stream::once(std::future::ready(frame)).inspect(move |_| drop(Arc::clone(&holder)));
        let mut message = whole_message(call, Body::new(StreamBody::new(frames)));
        let framed = message.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(framed.len() > 256 * 1024);
        assert_eq!(Arc::strong_count(&counted), 1, "it is given back with the message");
    }

    #[tokio::test]
    async fn a_body_is_collected_whole() {
        for parts in [&[][..], &["a"], &["a", "", "bc", "d"]] {
            let mut body = reader(parts).received;
            assert_eq!(collect(&mut body).await.unwrap(), parts.concat());
        }
    }
}
