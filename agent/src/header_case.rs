//! Names of headers as customers spell them, in the form in which hyper writes them.
//!
//! Over HTTP/1.1 hyper writes the names of a request in lower case, unless the request has an
//! extension with their spellings. That extension has no constructor: hyper's parser makes it
//! (`preserve_header_case`), for messages that are passed on. So hyper is given a head with the
//! names to parse, once for each version of a subscription's settings, and what it made goes
//! with every request. Subscriptions whose names are all in lower case have none of this.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::ready;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use http::{Extensions, Request, Response, Version};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use postrider_webhook_request::{HeaderSpellings, WebhookRequest};

/// What a request over HTTP/1.1 gets; nothing where all names are in lower case.
#[derive(Debug, Default)]
pub struct HeaderCase(Extensions);

impl HeaderCase {
    /// Prepares these spellings.
    pub fn of(spellings: &HeaderSpellings) -> Self {
        let lines = spellings.lines();
        if lines.len() == 0 {
            return Self::default();
        }
        let count = lines.len();
        let mut head = String::from("POST / HTTP/1.1\r\n");
        for spelling in lines {
            head.push_str(spelling);
            head.push_str(":\r\n");
        }
        head.push_str("\r\n");
        Self(parse_extensions(&head, count))
    }

    /// Adds the spellings to a request; HTTP/2 has none.
    pub fn write(&self, request: &mut WebhookRequest) {
        if request.version() == Version::HTTP_11 && !self.0.is_empty() {
            *request.extensions_mut() = self.0.clone();
        }
    }
}

/// The extensions of a request with this head, as hyper's server hands them out.
fn parse_extensions(head: &str, lines: usize) -> Extensions {
    let parsed = Cell::new(Extensions::new());
    let service = service_fn(|request: Request<Incoming>| {
        parsed.set(request.into_parts().0.extensions);
        ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    });
    let connection = http1::Builder::new()
        .preserve_header_case(true)
        .max_headers(lines)
        .header_read_timeout(None::<Duration>)
        .auto_date_header(false)
        .serve_connection(RequestHead(head.as_bytes()), service);
    // Everything is there to be read, so there is nothing to wait for.
    let _ = connection.now_or_never();
    parsed.into_inner()
}

/// A stream that has the rest of a head, and takes whatever is written.
struct RequestHead<'a>(&'a [u8]);

impl Read for RequestHead<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let (read, rest) = self.0.split_at(buffer.remaining().min(self.0.len()));
        buffer.put_slice(read);
        self.0 = rest;
        Poll::Ready(Ok(()))
    }
}

impl Write for RequestHead<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;
    use postrider_proto::agent::v1 as wire;

    use super::*;

    fn case_of(names: &[&str]) -> HeaderCase {
        let header = |name: &&str| wire::Header { name: (*name).to_owned(), value: "1".into() };
        HeaderCase::of(&HeaderSpellings::from_wire(&wire::SubscriptionUpdate {
            headers: names.iter().map(header).collect(),
            ..Default::default()
        }))
    }

    /// That hyper writes them is seen by a receiver in `tests/header_case.rs`.
    #[test]
    fn only_names_with_capitals_and_http1_need_an_extension() {
        let extensions = |case: &HeaderCase, version| {
            let mut request: WebhookRequest = Request::new(Full::default());
            *request.version_mut() = version;
            case.write(&mut request);
            request.extensions().len()
        };
        let mixed = case_of(&["X-API-Key", "x-team"]);
        assert_eq!(extensions(&mixed, Version::HTTP_11), 1);
        assert_eq!(extensions(&mixed, Version::HTTP_2), 0);
        assert_eq!(extensions(&case_of(&["x-api-key"]), Version::HTTP_11), 0);
        assert_eq!(extensions(&case_of(&[]), Version::HTTP_11), 0);
    }

    #[test]
    fn as_many_names_are_taken_as_there_may_be() {
        let names: Vec<String> = (0..2_000).map(|number| format!("X-Name-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(case_of(&names).0.len(), 1);
    }
}
