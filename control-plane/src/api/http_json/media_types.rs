//! Forms of bodies.
//!
//! Fed by the headers of requests; feeds `layer`. A form of HTML can send none of those that
//! are taken, so that a page cannot call without asking first.

use http::Request;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, GetAll, HeaderValue};
use http_body::Body as _;
use tonic::body::Body;

pub const JSON: &str = "application/json";
/// JSON values as lines. There is no registered name.
pub const LINES: &str = "application/x-ndjson";
/// What a method takes that takes both.
pub const JSON_OR_LINES: &str = "application/json, application/x-ndjson";
/// Other names of the same.
const OTHER_LINES: [&str; 3] = ["application/ndjson", "application/jsonl", "application/jsonlines"];
/// Server-sent events.
pub const EVENTS: &str = "text/event-stream";

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyForm {
    Empty,
    Json,
    Lines,
}

/// The form of a request's body; an error says what is taken.
pub fn body_form(request: &Request<Body>) -> Result<BodyForm, String> {
    if request.body().is_end_stream() {
        return Ok(BodyForm::Empty);
    }
    let headers = request.headers();
    if headers.contains_key(CONTENT_ENCODING) {
        return Err("a body is taken uncompressed only".to_owned());
    }
    let given = headers.get(CONTENT_TYPE).map(essence).unwrap_or_default();
    if given == JSON {
        Ok(BodyForm::Json)
    } else if given == LINES || OTHER_LINES.contains(&given.as_str()) {
        Ok(BodyForm::Lines)
    } else {
        Err(format!("a body is taken as {JSON} or, where it is many, as {LINES}"))
    }
}

/// Whether a client asks for server-sent events, as browsers do.
pub fn accepts_events(accept: GetAll<'_, HeaderValue>) -> bool {
    let mut given = accept.iter().filter_map(|value| value.to_str().ok());
    given.any(|value| value.split(',').any(|range| media_type(range) == EVENTS))
}

fn essence(value: &HeaderValue) -> String {
    media_type(value.to_str().unwrap_or_default())
}

/// Without parameters.
fn media_type(text: &str) -> String {
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::Full;

    use super::*;

    fn form(body: &'static str, headers: &[(&str, &str)]) -> Result<BodyForm, String> {
        let mut request = Request::post("/v1/tenants");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Body::new(Full::new(Bytes::from_static(body.as_bytes())));
        body_form(&request.body(body).unwrap())
    }

    #[test]
    fn a_body_says_what_it_is() {
        assert_eq!(form("", &[]), Ok(BodyForm::Empty));
        for json in ["application/json", "Application/JSON; charset=utf-8"] {
            assert_eq!(form("{}", &[("content-type", json)]), Ok(BodyForm::Json), "{json}");
        }
        for lines in [LINES, "application/jsonl"] {
            assert_eq!(form("{}", &[("content-type", lines)]), Ok(BodyForm::Lines), "{lines}");
        }
        for other in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
        {
            assert!(form("{}", &[("content-type", other)]).is_err(), "{other}");
        }
        assert!(form("{}", &[]).is_err());
        let compressed = [("content-type", JSON), ("content-encoding", "gzip")];
        assert!(form("{}", &compressed).is_err());
    }

    #[test]
    fn events_are_asked_for() {
        let accepts = |value: &'static str| {
            let mut headers = http::HeaderMap::new();
            headers.insert("accept", HeaderValue::from_static(value));
            accepts_events(headers.get_all("accept"))
        };
        assert!(accepts("text/event-stream"));
        assert!(accepts("application/json, Text/Event-Stream;q=0.9"));
        assert!(!accepts("*/*") && !accepts(""));
    }
}
