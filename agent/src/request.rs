//! Builds the POST of one attempt.
//!
//! Fed by `attempt` with an assignment, its settings and the time; feeds
//! `client` a request for the HTTP version that the connection speaks.
//! Guarantees rule 8: `webhook-id` is the event's id, the body is the payload
//! byte for byte, and only timestamp and signature differ between attempts.

use std::time::{Instant, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version};
use http_body_util::Full;
use postrider_proto::agent::v1::Assignment;
use thiserror::Error;

use crate::signing::KeyError;
use crate::subscriptions::Usable;
use crate::telemetry::TraceHeaders;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const AGENT_NAME: HeaderValue =
    HeaderValue::from_static(concat!("Postrider/", env!("CARGO_PKG_VERSION")));
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What a connection sends.
pub type Post = Request<Full<Bytes>>;

/// Why no request can be built.
#[derive(Debug, Error)]
pub enum RequestError {
    /// A value with line breaks, for instance.
    #[error("the value of the header {0} is not permitted in a request")]
    Header(HeaderName),
    /// A POST is never sent unsigned.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The moment of a POST, by both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// What receivers are told.
    pub wall: SystemTime,
    /// What keys expire by.
    pub steady: Instant,
}

impl Moment {
    /// This moment.
    pub fn now() -> Self {
        Self { wall: SystemTime::now(), steady: Instant::now() }
    }
}

/// The signed request, for a connection of `version`.
pub fn build(
    assignment: &Assignment,
    usable: &Usable,
    trace: &TraceHeaders,
    version: Version,
    now: Moment,
) -> Result<Post, RequestError> {
    let timestamp = unix_seconds(now.wall).to_string();
    let (id, payload) = (&assignment.webhook_id, &assignment.payload);
    let signature = usable.keys.sign(now.steady, id, &timestamp, payload)?;

    let mut headers = HeaderMap::with_capacity(10);
    let mut put = |name: HeaderName, value: &str| match HeaderValue::from_str(value) {
        Ok(value) => {
            headers.insert(name, value);
            Ok(())
        }
        Err(_) => Err(RequestError::Header(name)),
    };
    put(WEBHOOK_ID, &assignment.webhook_id)?;
    put(WEBHOOK_TIMESTAMP, &timestamp)?;
    put(WEBHOOK_SIGNATURE, &signature)?;
    if !assignment.content_type.is_empty() {
        put(CONTENT_TYPE, &assignment.content_type)?;
    }
    let (parent, state) = trace.or(&assignment.traceparent, &assignment.tracestate);
    if !parent.is_empty() {
        put(TRACEPARENT, parent)?;
        if !state.is_empty() {
            put(TRACESTATE, state)?;
        }
    }
    if assignment.content_type.is_empty() {
        headers.insert(CONTENT_TYPE, JSON);
    }
    headers.insert(USER_AGENT, AGENT_NAME);
    let uri = if version == Version::HTTP_2 {
        usable.target.absolute.clone()
    } else {
        headers.insert(HOST, usable.target.host_header.clone());
        usable.target.path.clone()
    };

    let mut request = Request::new(Full::new(assignment.payload.clone()));
    *request.method_mut() = Method::POST;
    *request.version_mut() = version;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(request)
}

fn unix_seconds(now: SystemTime) -> u64 {
    // A clock before 1970 gives 0, which every receiver refuses as too old.
    now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::time::{Duration, UNIX_EPOCH};

    use http_body_util::BodyExt;
    use postrider_proto::agent::v1 as wire;

    use super::*;
    use crate::signing::SigningKeys;
    use crate::target::Target;

    fn usable() -> Usable {
        Usable {
            target: Target::parse("https://pay.example/hooks?a=1", false).unwrap(),
            keys: SigningKeys::from_wire(
                &[wire::SigningKey {
                    scheme: wire::SigningScheme::StandardWebhooksV1.into(),
                    secret: Bytes::from_static(b"key"),
                    expires_in: None,
                }],
                Instant::now(),
            )
            .unwrap(),
        }
    }

    fn assignment() -> Assignment {
        Assignment {
            webhook_id: "evt_1".to_owned(),
            payload: Bytes::from_static(b"{\"a\" : 1.0}"),
            content_type: "application/cloudevents+json".to_owned(),
            traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
            tracestate: "vendor=1".to_owned(),
            ..Default::default()
        }
    }

    fn at(seconds: u64) -> Moment {
        Moment { wall: UNIX_EPOCH + Duration::from_secs(seconds), steady: Instant::now() }
    }

    #[tokio::test]
    async fn the_request_is_the_event_s_byte_for_byte() {
        let built = build(
            &assignment(),
            &usable(),
            &TraceHeaders::default(),
            Version::HTTP_11,
            at(1_700_000_000),
        )
        .unwrap();
        assert_eq!(built.method(), Method::POST);
        assert_eq!(built.uri(), "/hooks?a=1");
        let header = |name: &str| built.headers().get(name).unwrap().to_str().unwrap();
        assert_eq!(header("host"), "pay.example");
        assert_eq!(header("webhook-id"), "evt_1");
        assert_eq!(header("webhook-timestamp"), "1700000000");
        assert!(header("webhook-signature").starts_with("v1,"));
        assert_eq!(header("content-type"), "application/cloudevents+json");
        assert_eq!(header("traceparent"), assignment().traceparent);
        assert_eq!(header("tracestate"), "vendor=1");
        assert!(header("user-agent").starts_with("Postrider/"));
        let body = built.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, assignment().payload);
    }

    #[test]
    fn only_timestamp_and_signature_differ_between_attempts() {
        let headers = |seconds| {
            let built = build(
                &assignment(),
                &usable(),
                &TraceHeaders::default(),
                Version::HTTP_2,
                at(seconds),
            );
            let mut headers = built.unwrap().headers().clone();
            let timestamp = headers.remove("webhook-timestamp").unwrap();
            let signature = headers.remove("webhook-signature").unwrap();
            (headers, timestamp, signature)
        };
        let (first, second) = (headers(1_700_000_000), headers(1_700_000_005));
        assert_eq!(first.0, second.0);
        assert_ne!(first.1, second.1);
        assert_ne!(first.2, second.2);
    }

    #[test]
    fn http2_gets_the_whole_url_and_no_host() {
        let built =
            build(&assignment(), &usable(), &TraceHeaders::default(), Version::HTTP_2, at(1))
                .unwrap();
        assert_eq!(built.uri(), "https://pay.example/hooks?a=1");
        assert!(!built.headers().contains_key("host"));
    }

    #[test]
    fn json_is_the_default_media_type() {
        let plain = Assignment { webhook_id: "evt_1".to_owned(), ..Default::default() };
        let built =
            build(&plain, &usable(), &TraceHeaders::default(), Version::HTTP_11, at(1)).unwrap();
        assert_eq!(built.headers()["content-type"], "application/json");
        assert!(!built.headers().contains_key("traceparent"));
    }

    #[test]
    fn a_header_cannot_be_smuggled() {
        let smuggling =
            Assignment { webhook_id: "evt_1\r\nx-evil: 1".to_owned(), ..Default::default() };
        let built = build(&smuggling, &usable(), &TraceHeaders::default(), Version::HTTP_11, at(1));
        assert!(built.is_err());
    }
}
