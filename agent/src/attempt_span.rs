//! The spans of one attempt: from the assignment to the result, and below it the POST.
//!
//! Fed by the coordinator with assignments and results; feeds the tracer. An attempt is
//! recorded if its assignment says that its trace is: without a collector, and for any other
//! trace, there is nothing here. The id of an attempt's span follows from the delivery's id
//! and the attempt's number, so that each attempt can be linked to the first, whoever made
//! that.

use std::time::{Duration, Instant, SystemTime};

use http::Uri;
use postrider_proto::agent::v1::{Assignment, AttemptResult, Fact};
use postrider_telemetry::{
    EndedSpan, ProcessTracer, SpanContext, SpanKind, SpanTimes, derived_span_id, random_span_id,
    sampled_context, span_beside, to_traceparent,
};
use postrider_webhook_request::{OutgoingTraceContext, WebhookTarget};

use crate::metrics::fact_label;

/// From here on a status is an error of whoever sent the request, or of the receiver.
const FIRST_ERROR_STATUS: u32 = 400;

/// An attempt that is recorded.
pub struct AttemptSpan {
    /// The dispatch's span.
    parent: SpanContext,
    attempt: SpanContext,
    /// It has an id before it is sent, and is recorded only if it is.
    post: SpanContext,
    /// Of the delivery's first attempt, if this is a later one.
    first_attempt: Option<SpanContext>,
    began: Instant,
    event: String,
    tenant: String,
    subscription: String,
    delivery: String,
    number: u32,
    payload_bytes: usize,
    is_test: bool,
}

impl AttemptSpan {
    /// Begins the span of an attempt, if its trace is recorded. Boxed: most are not.
    pub fn begin(assignment: &Assignment) -> Option<Box<Self>> {
        let parent = sampled_context(&assignment.traceparent)?;
        let key = assignment.key.as_ref()?;
        let delivery = <[u8; 16]>::try_from(key.delivery_id.as_ref()).ok()?;
        let attempt = |number| span_beside(&parent, derived_span_id(delivery, number));
        Some(Box::new(Self {
            attempt: attempt(key.number),
            post: span_beside(&parent, random_span_id()),
            first_attempt: (key.number > 1).then(|| attempt(1)),
            began: Instant::now(),
            event: assignment.webhook_id.clone(),
            tenant: format!("tenants/{}", assignment.tenant),
            subscription: format!(
                "tenants/{}/subscriptions/{}",
                assignment.tenant, assignment.subscription
            ),
            delivery: format!("dlv_{}", hex::encode(delivery)),
            number: key.number,
            payload_bytes: assignment.payload.len(),
            is_test: assignment.test,
            parent,
        }))
    }

    /// What the receiver continues.
    pub fn outgoing(&self) -> OutgoingTraceContext {
        OutgoingTraceContext::new(to_traceparent(&self.post))
    }

    /// What the control plane continues.
    pub fn traceparent(&self) -> String {
        to_traceparent(&self.attempt)
    }

    /// Records the attempt, and its POST if the request was sent, at `sent`.
    pub fn record(
        &self,
        tracer: &ProcessTracer,
        agent: &str,
        result: &AttemptResult,
        (target, sent): (Option<&WebhookTarget>, Option<Instant>),
    ) {
        let end = SystemTime::now();
        let since = |moment: Instant| SpanTimes {
            start: end.checked_sub(moment.elapsed()).unwrap_or(end),
            end,
        };
        if let (Some(target), Some(sent)) = (target, sent) {
            let span = self.post_span(target, result, since(sent));
            tracer.record_as(self.post.span_id(), &self.attempt, span);
        }
        let span = self.attempt_span(agent, result, since(self.began));
        tracer.record_as(self.attempt.span_id(), &self.parent, span);
    }

    fn attempt_span(&self, agent: &str, result: &AttemptResult, times: SpanTimes) -> EndedSpan {
        let timings = result.timings.unwrap_or_default();
        let span = EndedSpan::new("attempt", SpanKind::Consumer, times)
            .text("messaging.system", "postrider")
            .text("messaging.operation.name", "attempt")
            .text("messaging.operation.type", "process")
            .text("messaging.destination.name", self.tenant.as_str())
            .text("messaging.destination.subscription.name", self.subscription.as_str())
            .text("messaging.message.id", self.event.as_str())
            .number("messaging.message.body.size", self.payload_bytes)
            .text("messaging.client.id", agent)
            .text("postrider.delivery.id", self.delivery.as_str())
            .number("postrider.attempt.number", self.number)
            .text("postrider.attempt.fact", fact_label(result.fact()))
            .flag("postrider.test", self.is_test)
            .fraction("postrider.attempt.dns_seconds", seconds(timings.dns))
            .fraction("postrider.attempt.connect_seconds", seconds(timings.connect))
            .fraction("postrider.attempt.tls_seconds", seconds(timings.tls))
            .links(self.first_attempt.clone());
        match result.fact() {
            Fact::Response => span,
            fact => span.failed(fact_label(fact), result.error.clone()),
        }
    }

    fn post_span(
        &self,
        target: &WebhookTarget,
        result: &AttemptResult,
        times: SpanTimes,
    ) -> EndedSpan {
        let origin = &target.origin;
        let mut span = EndedSpan::new("POST", SpanKind::Client, times)
            .text("http.request.method", "POST")
            .text("url.full", shown_url(&target.absolute))
            .text("server.address", origin.host.to_string().trim_matches(['[', ']']))
            .number("server.port", origin.port)
            .text("network.protocol.name", "http")
            .text("network.protocol.version", protocol_version(&result.http_version))
            .number("http.response.body.size", result.response_body_bytes);
        if let Some((address, port)) = result.remote_address.rsplit_once(':') {
            span = span.text("network.peer.address", address.trim_matches(['[', ']']));
            if let Ok(port) = port.parse::<u16>() {
                span = span.number("network.peer.port", port);
            }
        }
        if self.number > 1 {
            span = span.number("http.request.resend_count", self.number - 1);
        }
        let status = result.http_status;
        if status > 0 {
            span = span.number("http.response.status_code", status);
        }
        match result.fact() {
            Fact::Response if status < FIRST_ERROR_STATUS => span,
            // The status says it all.
            Fact::Response => span.failed(status.to_string(), ""),
            fact => span.failed(fact_label(fact), result.error.clone()),
        }
    }
}

/// A URL without user, query and fragment, which may hold secrets.
fn shown_url(url: &Uri) -> String {
    let scheme = url.scheme_str().unwrap_or_default();
    let authority = url.authority().map(|authority| authority.as_str()).unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{}", url.path())
}

/// OpenTelemetry's name of "HTTP/1.1" and "HTTP/2".
fn protocol_version(version: &str) -> &str {
    version.strip_prefix("HTTP/").unwrap_or_default()
}

fn seconds(duration: Option<prost_types::Duration>) -> Option<f64> {
    Duration::try_from(duration?).ok().map(|duration| duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use postrider_proto::agent::v1::AttemptKey;

    use super::*;

    const DISPATCH: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn assignment(number: u32) -> Assignment {
        Assignment {
            key: Some(AttemptKey {
                delivery_id: vec![7; 16].into(),
                number,
                ..AttemptKey::default()
            }),
            tenant: "acme".to_owned(),
            traceparent: DISPATCH.to_owned(),
            ..Assignment::default()
        }
    }

    #[test]
    fn an_attempt_is_recorded_if_its_trace_is() {
        let begin = |traceparent: &str| {
            let assignment = Assignment { traceparent: traceparent.to_owned(), ..assignment(1) };
            AttemptSpan::begin(&assignment)
        };
        assert!(begin("").is_none() && begin(&DISPATCH.replace("-01", "-00")).is_none());
        let span = begin(DISPATCH).unwrap();
        assert_eq!(to_traceparent(&span.parent), DISPATCH);
        assert_eq!(span.attempt.trace_id(), span.parent.trace_id());
        let outgoing = span.outgoing();
        assert_eq!(outgoing.parent_or(DISPATCH), to_traceparent(&span.post));
        assert!(AttemptSpan::begin(&Assignment { key: None, ..assignment(1) }).is_none());
    }

    #[test]
    fn later_attempts_are_linked_to_the_first() {
        let begin = |number| AttemptSpan::begin(&assignment(number)).unwrap();
        let (first, third) = (begin(1), begin(3));
        assert_eq!(first.first_attempt, None);
        assert_eq!(third.first_attempt.as_ref(), Some(&first.attempt));
        assert_ne!(third.attempt, first.attempt);
    }

    #[test]
    fn a_url_is_shown_without_what_may_be_secret() {
        let url: Uri = "https://user:secret@pay.example:8443/hooks?token=secret".parse().unwrap();
        assert_eq!(shown_url(&url), "https://pay.example:8443/hooks");
        assert_eq!(protocol_version("HTTP/1.1"), "1.1");
    }
}
