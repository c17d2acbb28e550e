//! The span of a dispatch: from when a delivery was due to when it is sent to an agent.
//!
//! Fed by the conversion of assignments; feeds the tracer, and the agent with what its own
//! spans continue.

use postrider_domain::event::Event;
use postrider_domain::scheduler::ScheduledDelivery;
use postrider_domain::time::Timestamp;
use postrider_telemetry::{EndedSpan, ProcessTracer, SpanKind, to_traceparent};

use crate::event_spans::{about_attempt, about_event, publish_context, span_times};

/// Records the dispatch of a delivery's current attempt, and returns the `traceparent` that
/// the attempt continues, if the event's trace is recorded.
pub fn record_dispatch(
    tracer: &ProcessTracer,
    scheduled: &ScheduledDelivery,
    event: &Event,
    now: Timestamp,
) -> Option<String> {
    let delivery = &scheduled.delivery;
    let publish = publish_context(event)?;
    // One that somebody asked for is sent before it is due.
    let times = span_times(delivery.due.min(now), now);
    let span = EndedSpan::new("dispatch", SpanKind::Producer, times);
    let span = about_event(span, "dispatch", &event.tenant, event.id);
    let span = about_attempt(span, &delivery.subscription, delivery.current_attempt())
        .text("messaging.operation.type", "send")
        .number("messaging.message.body.size", event.content.payload.len());
    let dispatch = tracer.record(&publish, span);
    // Once the tracer is shut down, there is none.
    dispatch.is_sampled().then(|| to_traceparent(&dispatch))
}
