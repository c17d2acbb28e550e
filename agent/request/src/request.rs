//! Builds the POST of one attempt.
//!
//! Invariant `same-webhook-every-attempt`: `webhook-id` is the event's id, the body is the
//! same in every attempt, what is signed is what is sent, and only the timestamp and
//! the signatures differ between attempts. Headers that a subscription adds never
//! replace Postrider's own. Every request states its event's type, and whether it is a
//! test.

use std::time::{Instant, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use http_body_util::Full;
use postrider_proto::agent::v1::Assignment;
use thiserror::Error;

use crate::envelope::{self, EnvelopeError};
use crate::header_names::{
    TRACEPARENT, TRACESTATE, WEBHOOK_EVENT_TYPE, WEBHOOK_ID, WEBHOOK_SEQUENCE, WEBHOOK_TEST,
    WEBHOOK_TIMESTAMP,
};
use crate::signing::{SignedContent, SigningError};
use crate::template::RequestTemplate;
use crate::trace_context::OutgoingTraceContext;
use crate::user_agent::DEFAULT_USER_AGENT;

/// Room for Postrider's own headers and a signature.
const OWN_HEADERS_CAPACITY: usize = 12;

/// What a connection sends.
pub type WebhookRequest = Request<Full<Bytes>>;

/// Why no request can be built.
#[derive(Debug, Error)]
pub enum RequestError {
    /// A value with line breaks, for instance.
    #[error("the value of the header {0} is not a valid header value")]
    Header(HeaderName),
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    #[error(transparent)]
    Signing(#[from] SigningError),
}

/// The moment of a POST, by both clocks.
#[derive(Debug, Clone, Copy)]
pub struct SigningTime {
    /// What receivers are told.
    pub wall: SystemTime,
    /// What keys expire by.
    pub monotonic: Instant,
}

/// The signed request, for a connection of `version`.
pub fn build_request(
    assignment: &Assignment,
    template: &RequestTemplate,
    trace: &OutgoingTraceContext,
    version: Version,
    now: SigningTime,
) -> Result<WebhookRequest, RequestError> {
    let RequestParts { uri, headers, body } =
        build_parts(assignment, template, trace, version, now)?;
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.version_mut() = version;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(request)
}

/// What a request consists of. On its way the agent says who it is (`UserAgent`), and over
/// HTTP/1.1 how names are spelt (`HeaderSpellings`); nothing else is added.
pub struct RequestParts {
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// The parts of [`build_request`]'s request.
pub fn build_parts(
    assignment: &Assignment,
    template: &RequestTemplate,
    trace: &OutgoingTraceContext,
    version: Version,
    now: SigningTime,
) -> Result<RequestParts, RequestError> {
    let wrapped = envelope::build_body(template.envelope, template.compact_json, assignment)?;
    let timestamp = unix_seconds(now.wall).to_string();

    // The subscription's own first: all that follows takes precedence.
    let mut headers = HeaderMap::with_capacity(OWN_HEADERS_CAPACITY + template.headers.len());
    for (name, value) in &template.headers {
        headers.append(name.clone(), value.clone());
    }
    let mut put = |name: HeaderName, value: &str| match HeaderValue::from_str(value) {
        Ok(value) => {
            headers.insert(name, value);
            Ok(())
        }
        Err(_) => Err(RequestError::Header(name)),
    };
    put(WEBHOOK_ID, &assignment.webhook_id)?;
    put(WEBHOOK_TIMESTAMP, &timestamp)?;
    put(WEBHOOK_EVENT_TYPE, &assignment.event_type)?;
    let parent = trace.parent_or(&assignment.traceparent);
    if template.sends_trace_context && !parent.is_empty() {
        put(TRACEPARENT, parent)?;
        if !assignment.tracestate.is_empty() {
            put(TRACESTATE, &assignment.tracestate)?;
        }
    }
    if let Some(sequence) = envelope::sequence_of(assignment) {
        headers.insert(WEBHOOK_SEQUENCE, decimal_value(WEBHOOK_SEQUENCE, sequence)?);
    }
    if assignment.test {
        headers.insert(WEBHOOK_TEST, HeaderValue::from_static("true"));
    }
    headers.insert(CONTENT_TYPE, wrapped.content_type);
    headers.extend(wrapped.headers);
    let message = SignedContent {
        webhook_id: &assignment.webhook_id,
        timestamp: &timestamp,
        body: &wrapped.body,
    };
    template.signers.sign(now.monotonic, message, &mut headers)?;
    // The sender puts its own in place of it.
    headers.insert(USER_AGENT, DEFAULT_USER_AGENT);
    // hyper writes none for an empty body, and some receivers then answer 411.
    headers.insert(CONTENT_LENGTH, decimal_value(CONTENT_LENGTH, wrapped.body.len())?);
    let uri = if version == Version::HTTP_2 {
        template.target.absolute.clone()
    } else {
        headers.insert(HOST, template.target.host_header.clone());
        template.target.path.clone()
    };
    Ok(RequestParts { uri, headers, body: wrapped.body })
}

/// A number as a header's value. Made of its text, which is no longer than it is, it is one
/// allocation; `HeaderValue::from` makes two.
fn decimal_value(name: HeaderName, number: impl ToString) -> Result<HeaderValue, RequestError> {
    HeaderValue::from_maybe_shared(Bytes::from(number.to_string()))
        .map_err(|_| RequestError::Header(name))
}

fn unix_seconds(now: SystemTime) -> u64 {
    // A clock before 1970 gives 0, which every receiver refuses as too old.
    now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use http_body_util::BodyExt;
    use postrider_proto::agent::v1 as wire;

    use super::*;
    use crate::template::TemplateError;

    fn update() -> wire::SubscriptionUpdate {
        wire::SubscriptionUpdate {
            url: "https://pay.example/hooks?a=1".to_owned(),
            signers: vec![wire::Signer {
                keys: vec![wire::SignerKey { secret: "key".into(), expires_in: None }],
                scheme: Some(wire::signer::Scheme::StandardWebhooksV1(Default::default())),
            }],
            send_trace_context: true,
            ..Default::default()
        }
    }

    fn template() -> RequestTemplate {
        RequestTemplate::from_wire(&update(), Instant::now()).unwrap()
    }

    fn assignment() -> Assignment {
        Assignment {
            webhook_id: "evt_1".to_owned(),
            event_type: "payment.completed".to_owned(),
            payload: Bytes::from_static(b"{\"a\" : 1.0}"),
            content_type: "application/cloudevents+json".to_owned(),
            traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
            tracestate: "vendor=1".to_owned(),
            ..Default::default()
        }
    }

    fn at(seconds: u64) -> SigningTime {
        SigningTime { wall: UNIX_EPOCH + Duration::from_secs(seconds), monotonic: Instant::now() }
    }

    #[tokio::test]
    async fn the_request_is_the_event_s_byte_for_byte() {
        let built = build_request(
            &assignment(),
            &template(),
            &OutgoingTraceContext::default(),
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
    fn a_receiver_is_told_of_the_trace_only_if_it_wants_to() {
        let built = |wanted, own: &str| {
            let update = wire::SubscriptionUpdate { send_trace_context: wanted, ..update() };
            let template = RequestTemplate::from_wire(&update, Instant::now()).unwrap();
            let trace = OutgoingTraceContext::new(own.to_owned());
            build_request(&assignment(), &template, &trace, Version::HTTP_11, at(1)).unwrap()
        };
        let own = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b8-01";
        assert_eq!(built(true, own).headers()["traceparent"], own);
        assert_eq!(built(true, own).headers()["tracestate"], "vendor=1");
        for name in ["traceparent", "tracestate"] {
            assert!(!built(false, own).headers().contains_key(name), "{name}");
        }
    }

    #[test]
    fn only_timestamp_and_signature_differ_between_attempts() {
        let headers = |seconds| {
            let built = build_request(
                &assignment(),
                &template(),
                &OutgoingTraceContext::default(),
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
        let built = build_request(
            &assignment(),
            &template(),
            &OutgoingTraceContext::default(),
            Version::HTTP_2,
            at(1),
        )
        .unwrap();
        assert_eq!(built.uri(), "https://pay.example/hooks?a=1");
        assert!(!built.headers().contains_key("host"));
    }

    #[test]
    fn json_is_the_default_media_type() {
        let plain = Assignment { webhook_id: "evt_1".to_owned(), ..Default::default() };
        let built = build_request(
            &plain,
            &template(),
            &OutgoingTraceContext::default(),
            Version::HTTP_11,
            at(1),
        )
        .unwrap();
        assert_eq!(built.headers()["content-type"], "application/json");
        assert!(!built.headers().contains_key("traceparent"));
    }

    #[test]
    fn a_header_cannot_be_smuggled() {
        let evil = || "1\r\nx-evil: 1".to_owned();
        for smuggling in [
            Assignment { webhook_id: evil(), ..assignment() },
            Assignment { event_type: evil(), ..assignment() },
            Assignment { content_type: evil(), ..assignment() },
            Assignment { traceparent: evil(), ..assignment() },
            Assignment { tracestate: evil(), ..assignment() },
        ] {
            let trace = OutgoingTraceContext::default();
            assert!(
                build_request(&smuggling, &template(), &trace, Version::HTTP_11, at(1)).is_err()
            );
        }
    }

    #[test]
    fn every_request_says_its_type_and_a_test_that_it_is_one() {
        for test in [false, true] {
            let assignment = Assignment { test, ..assignment() };
            let trace = OutgoingTraceContext::default();
            let built =
                build_request(&assignment, &template(), &trace, Version::HTTP_11, at(1)).unwrap();
            assert_eq!(built.headers()["webhook-event-type"], "payment.completed");
            let said = built.headers().get("webhook-test").map(|value| value.to_str().unwrap());
            assert_eq!(said, test.then_some("true"));
        }
    }

    #[test]
    fn a_sequence_number_goes_along_when_there_is_one() {
        for (sequence, header) in [(-1, None), (0, None), (17, Some("17"))] {
            let numbered = Assignment { sequence, ..assignment() };
            let trace = OutgoingTraceContext::default();
            let built =
                build_request(&numbered, &template(), &trace, Version::HTTP_2, at(1)).unwrap();
            let sent = built.headers().get("webhook-sequence");
            assert_eq!(sent.map(|value| value.to_str().unwrap()), header);
        }
    }

    #[test]
    fn headers_of_a_subscription_s_own_stand_beside_postrider_s() {
        let header = |value: &str| wire::Header {
            name: "X-Tenant".to_owned(),
            value: value.to_owned().into(),
        };
        let update =
            wire::SubscriptionUpdate { headers: vec![header("a"), header("b")], ..update() };
        let template = RequestTemplate::from_wire(&update, Instant::now()).unwrap();
        let trace = OutgoingTraceContext::default();
        let built =
            build_request(&assignment(), &template, &trace, Version::HTTP_11, at(1)).unwrap();
        assert_eq!(built.headers().get_all("x-tenant").iter().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(built.headers()["webhook-id"], "evt_1");
    }

    #[tokio::test]
    async fn what_is_signed_is_what_the_envelope_made() {
        let update = wire::SubscriptionUpdate {
            envelope: wire::Envelope::StandardWebhooks.into(),
            compact_json: true,
            ..update()
        };
        let template = RequestTemplate::from_wire(&update, Instant::now()).unwrap();
        let event_id = Bytes::from_static(b"\x01\xa2\x11\x13\x30\xfb\x70\x01\x80\0\0\0\0\0\0\0");
        let assignment = Assignment { event_id, ..assignment() };
        let now = SigningTime { wall: SystemTime::now(), monotonic: Instant::now() };
        let trace = OutgoingTraceContext::default();
        let built = build_request(&assignment, &template, &trace, Version::HTTP_11, now).unwrap();
        let (head, body) = built.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        assert!(body.ends_with(b",\"data\":{\"a\":1.0}}"));
        let webhook = standardwebhooks::Webhook::from_bytes(b"key".to_vec()).unwrap();
        webhook.verify(&body, &head.headers).unwrap();
    }

    #[test]
    fn nothing_is_sent_unsigned_by_mistake() {
        let unsigned = |unsigned| {
            let update = wire::SubscriptionUpdate { signers: Vec::new(), unsigned, ..update() };
            RequestTemplate::from_wire(&update, Instant::now())
        };
        let error = unsigned(false).unwrap_err();
        assert!(matches!(error, TemplateError::Signing(SigningError::NoKey)), "{error}");
        let trace = OutgoingTraceContext::default();
        let template = unsigned(true).unwrap();
        let built =
            build_request(&assignment(), &template, &trace, Version::HTTP_11, at(1)).unwrap();
        assert_eq!(built.headers()["webhook-timestamp"], "1");
        assert!(!built.headers().contains_key("webhook-signature"));
    }
}
