//! What the spans about events have in common: names, ids and times.
//!
//! Fed by whoever records a step of an event's way; feeds its spans. The id of a publish's
//! span follows from the event's id, so that nothing beside the publisher's `traceparent`
//! is kept for the spans that are below it.

use postrider_domain::event::Event;
use postrider_domain::ids::{AttemptKey, EventId, SubscriptionKey, TenantId};
use postrider_domain::time::Timestamp;
use postrider_telemetry::{
    EndedSpan, SpanContext, SpanId, SpanTimes, derived_span_id, sampled_context, span_beside,
};

/// The number by which a publish's span is derived; those of attempts are from 1.
const PUBLISH_SPAN_NUMBER: u32 = 0;

/// A publish whose trace is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishTrace {
    /// The publisher's span, or that of its call.
    pub parent: SpanContext,
    pub started: Timestamp,
    /// Whether the publisher told of no trace, so that the event keeps the one that began
    /// with its call.
    pub begins_here: bool,
}

impl PublishTrace {
    /// The span of the publish of an event.
    pub fn context(&self, event: EventId) -> SpanContext {
        span_beside(&self.parent, publish_span_id(event))
    }
}

fn publish_span_id(event: EventId) -> SpanId {
    derived_span_id(*event.0.as_bytes(), PUBLISH_SPAN_NUMBER)
}

/// The span of an event's publish, if its trace is recorded.
pub fn publish_context(event: &Event) -> Option<SpanContext> {
    let told = sampled_context(&event.content.traceparent)?;
    Some(span_beside(&told, publish_span_id(event.id)))
}

/// Of what has just ended. Spans have the machine's clock, events that of the database.
pub fn span_times(start: Timestamp, end: Timestamp) -> SpanTimes {
    SpanTimes::ending_now(end.since(start))
}

/// Adds what the operation is and which event it is about, by OpenTelemetry's conventions for
/// messages.
pub fn about_event(
    span: EndedSpan,
    operation: &'static str,
    tenant: &TenantId,
    event: EventId,
) -> EndedSpan {
    about_batch(span, operation)
        .text("messaging.destination.name", format!("tenants/{tenant}"))
        .text("messaging.message.id", event.to_string())
}

/// Adds which attempt it is about.
pub fn about_attempt(
    span: EndedSpan,
    subscription: &SubscriptionKey,
    key: AttemptKey,
) -> EndedSpan {
    span.text("messaging.destination.subscription.name", subscription.to_string())
        .text("postrider.delivery.id", key.delivery.to_string())
        .number("postrider.attempt.number", key.number)
}

/// Adds what the operation is.
pub fn about_batch(span: EndedSpan, operation: &'static str) -> EndedSpan {
    span.text("messaging.system", "postrider").text("messaging.operation.name", operation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    const PUBLISHER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_is_below_a_publish_finds_its_span() {
        let mut event = fixtures::event();
        assert_eq!(publish_context(&event), None);
        event.content.traceparent = PUBLISHER.to_owned();
        let trace = PublishTrace {
            parent: sampled_context(PUBLISHER).unwrap(),
            started: Timestamp::from_micros(1),
            begins_here: false,
        };
        let publish = trace.context(event.id);
        assert_eq!(publish_context(&event), Some(publish.clone()));
        assert_eq!(publish.trace_id(), trace.parent.trace_id());
        assert_ne!(publish.span_id(), trace.parent.span_id());
        event.content.traceparent = PUBLISHER.replace("-01", "-00");
        assert_eq!(publish_context(&event), None);
    }
}
