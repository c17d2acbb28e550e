//! The spans of one trace, and what must hold of them.
//!
//! Fed by scenarios with what a collector has; panics with the spans where something does not
//! hold.

use http::HeaderMap;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use postrider_tests::otlp_collector::{CollectedSpan, OtlpCollector};

pub const TRACE_ID: [u8; 16] = [
    0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36,
];
const PUBLISHER_SPAN: [u8; 8] = [0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7];

/// A publisher's `traceparent`.
pub fn publisher(is_recorded: bool) -> String {
    let flags = if is_recorded { "01" } else { "00" };
    format!("00-{}-{}-{flags}", hex::encode(TRACE_ID), hex::encode(PUBLISHER_SPAN))
}

/// The spans of one trace, and those of batches, which have traces of their own.
pub struct SpanTree {
    spans: Vec<CollectedSpan>,
    batches: Vec<CollectedSpan>,
}

impl SpanTree {
    pub fn new(spans: Vec<CollectedSpan>, collector: &OtlpCollector) -> Self {
        let mut batches = collector.spans();
        batches.retain(|collected| collected.name().ends_with(" batch"));
        Self { spans, batches }
    }

    /// The spans of a name, in the order of their beginning.
    fn named(&self, name: &str) -> Vec<&CollectedSpan> {
        self.spans.iter().filter(|collected| collected.name() == name).collect()
    }

    fn only(&self, name: &str) -> &CollectedSpan {
        let named = self.named(name);
        assert_eq!(named.len(), 1, "{name}: {:?}", self.spans);
        named[0]
    }

    /// The only span of a name below another.
    fn below(&self, name: &str, parent: &CollectedSpan) -> &CollectedSpan {
        let named = self.named(name).into_iter();
        let mut below =
            named.filter(|collected| collected.span.parent_span_id == parent.span.span_id);
        let found = below.next();
        assert!(below.next().is_none(), "{name}: {:?}", self.spans);
        found.unwrap_or_else(|| panic!("{name} below {}: {:?}", parent.name(), self.spans))
    }

    /// The way of an event of which the first attempt got a 502, and the second succeeded.
    pub fn assert_way_of_two_attempts(&self, tenant: &str) {
        assert_eq!(self.spans.len(), 11, "{:?}", self.spans);
        let call = self.only("postrider.v1.EventService/PublishEvent");
        assert_eq!(call.span.parent_span_id, PUBLISHER_SPAN);
        assert_attributes(
            call,
            SpanKind::Server,
            &[
                ("rpc.system.name", "grpc"),
                ("rpc.method", "postrider.v1.EventService/PublishEvent"),
                ("rpc.response.status_code", "OK"),
            ],
        );
        let publish = self.below("publish", call);
        assert_attributes(
            publish,
            SpanKind::Producer,
            &[
                ("messaging.system", "postrider"),
                ("messaging.operation.name", "publish"),
                ("messaging.operation.type", "send"),
                ("messaging.destination.name", tenant),
                ("postrider.event.type", "payment.completed"),
                ("postrider.event.matched_subscriptions", "1"),
            ],
        );
        let event = publish.attribute("messaging.message.id");
        assert!(event.starts_with("evt_"), "{event}");
        let commit = self.below("commit", publish);
        self.assert_in_batch("commit batch", commit, publish);
        let dispatches = self.named("dispatch");
        assert_eq!(dispatches.len(), 2, "{:?}", self.spans);
        let mut attempts = Vec::new();
        for (dispatch, number) in dispatches.into_iter().zip(["1", "2"]) {
            assert_eq!(dispatch.span.parent_span_id, publish.span.span_id);
            assert_eq!(dispatch.service, "postrider");
            attempts.push(self.assert_attempt(dispatch, number, &event));
        }
        let (first, second) = (attempts[0], attempts[1]);
        assert!(first.linked().is_empty());
        assert_eq!(second.linked(), [first.span.span_id.as_slice()]);
        assert_eq!(second.span.links[0].trace_id, TRACE_ID);
        for collected in self.spans.iter().chain(&self.batches) {
            assert_eq!(collected.schema_url, "https://opentelemetry.io/schemas/1.45.0");
            let span = &collected.span;
            assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{collected:?}");
            let told = format!("{span:?}");
            assert!(!told.contains("secret-of-the-query") && !told.contains("10.00"), "{told}");
        }
    }

    /// What is below a dispatch; returns the attempt.
    fn assert_attempt<'t>(
        &'t self,
        dispatch: &CollectedSpan,
        number: &str,
        event: &str,
    ) -> &'t CollectedSpan {
        assert_attributes(
            dispatch,
            SpanKind::Producer,
            &[("messaging.message.id", event), ("postrider.attempt.number", number)],
        );
        let attempt = self.below("attempt", dispatch);
        assert_eq!(attempt.service, "postrider-agent");
        let delivery = dispatch.attribute("postrider.delivery.id");
        assert_attributes(
            attempt,
            SpanKind::Consumer,
            &[
                ("messaging.operation.type", "process"),
                ("messaging.message.id", event),
                ("postrider.delivery.id", &delivery),
                ("postrider.attempt.number", number),
                ("postrider.attempt.fact", "response"),
            ],
        );
        let post = self.below("POST", attempt);
        let (status, resend_count, state) = match number {
            "1" => ("502", "", "waiting"),
            _ => ("200", "1", "succeeded"),
        };
        assert_attributes(
            post,
            SpanKind::Client,
            &[
                ("http.request.method", "POST"),
                ("http.response.status_code", status),
                ("http.request.resend_count", resend_count),
                ("error.type", if status == "502" { "502" } else { "" }),
                ("server.address", "127.0.0.1"),
            ],
        );
        let code = post.span.status.as_ref().map_or(0, |status| status.code);
        let wanted = if status == "502" { StatusCode::Error } else { StatusCode::Unset };
        assert_eq!(code, i32::from(wanted), "{post:?}");
        assert!(post.attribute("url.full").ends_with("/hook"), "{post:?}");
        let conclude = self.below("conclude", attempt);
        assert_attributes(
            conclude,
            SpanKind::Internal,
            &[("messaging.message.id", event), ("postrider.delivery.state", state)],
        );
        self.assert_in_batch("conclude batch", conclude, conclude);
        attempt
    }

    /// Whether a span is linked with its batch, and the batch with `member`.
    fn assert_in_batch(&self, name: &str, linked: &CollectedSpan, member: &CollectedSpan) {
        let batch =
            self.batches.iter().find(|batch| linked.linked() == [batch.span.span_id.as_slice()]);
        let batch = batch.unwrap_or_else(|| panic!("{linked:?}: {:?}", self.batches));
        assert_eq!(batch.name(), name);
        assert!(batch.span.parent_span_id.is_empty() && batch.span.trace_id != TRACE_ID);
        assert_ne!(batch.attribute("messaging.batch.message_count"), "");
        assert!(batch.linked().contains(&member.span.span_id.as_slice()), "{batch:?}");
    }

    /// The receiver of the second attempt is told of its POST.
    pub fn assert_receiver_continues(&self, headers: &HeaderMap) {
        let posts = self.named("POST");
        let post = hex::encode(&posts[1].span.span_id);
        let told = headers["traceparent"].to_str().unwrap();
        assert_eq!(told, format!("00-{}-{post}-01", hex::encode(TRACE_ID)));
    }
}

fn assert_attributes(collected: &CollectedSpan, kind: SpanKind, wanted: &[(&str, &str)]) {
    assert_eq!(collected.span.kind(), kind, "{collected:?}");
    for (key, value) in wanted {
        assert_eq!(collected.attribute(key), *value, "{key} of {collected:?}");
    }
}
