//! The spans of publishes: each event's, that of its commit below it, and that of the batch.
//!
//! Fed by the writer after each commit; feeds the tracer. A batch is of many traces, so it is
//! the only span of a trace of its own, linked with those of its events.

use postrider_domain::time::Timestamp;
use postrider_store::{NewEvent, PublishOutcome, StoreError};
use postrider_telemetry::{EndedSpan, ProcessTracer, SpanKind, process_tracer};

use super::batch::PublishWaiter;
use crate::clock::Clock;
use crate::event_spans::{PublishTrace, about_batch, about_event, span_times};

/// The tracer, if some of these publishes are recorded.
fn tracer_for(waiters: &[PublishWaiter]) -> Option<&'static ProcessTracer> {
    process_tracer().filter(|_| waiters.iter().any(|waiter| waiter.trace.is_some()))
}

/// Records what a commit, which began at `started`, has decided.
pub(super) fn record_committed(
    waiters: &[PublishWaiter],
    new: &[NewEvent],
    outcomes: &[PublishOutcome],
    (clock, started): (&dyn Clock, Timestamp),
) {
    let Some(tracer) = tracer_for(waiters) else { return };
    let ended = clock.now();
    // An event that is matched again has another commit, and another id.
    let is_decided = |outcome: &PublishOutcome| !matches!(outcome, PublishOutcome::StaleConfig);
    let members = waiters.iter().zip(new).zip(outcomes);
    let decided = members.filter(|(_, outcome)| is_decided(outcome));
    let recorded = decided.filter_map(|((waiter, new), outcome)| {
        let trace = waiter.trace.as_ref()?;
        Some((trace, trace.context(new.event.id), new, outcome))
    });
    let recorded: Vec<_> = recorded.collect();
    if recorded.is_empty() {
        return;
    }
    let times = span_times(started, ended);
    let batch = about_batch(EndedSpan::new("commit batch", SpanKind::Internal, times), "commit")
        .number("messaging.batch.message_count", new.len())
        .links(recorded.iter().map(|(_, publish, ..)| publish.clone()));
    let batch = tracer.record_alone(batch);
    for (trace, publish, new, outcome) in recorded {
        let commit = EndedSpan::new("commit", SpanKind::Internal, times);
        let commit = about_event(commit, "commit", &new.event.tenant, new.event.id);
        tracer.record(&publish, commit.links([batch.clone()]));
        let span = publish_span(trace, new, outcome, ended);
        tracer.record_as(publish.span_id(), &trace.parent, span);
    }
}

fn publish_span(
    trace: &PublishTrace,
    new: &NewEvent,
    outcome: &PublishOutcome,
    ended: Timestamp,
) -> EndedSpan {
    let event = &new.event;
    let id = match outcome {
        PublishOutcome::Duplicate { event, .. } => *event,
        PublishOutcome::Committed { .. } | PublishOutcome::StaleConfig => event.id,
    };
    let span = EndedSpan::new("publish", SpanKind::Producer, span_times(trace.started, ended));
    let span = about_event(span, "publish", &event.tenant, id)
        .text("messaging.operation.type", "send")
        .number("messaging.message.body.size", event.content.payload.len())
        .text("postrider.event.type", event.content.event_type.as_str())
        .number("postrider.event.matched_subscriptions", event.matched);
    match outcome {
        PublishOutcome::Duplicate { same_request, .. } => {
            let span = span.flag("postrider.event.duplicate", true);
            if *same_request { span } else { span.failed("idempotency_key_reused", "") }
        }
        PublishOutcome::Committed { .. } | PublishOutcome::StaleConfig => span,
    }
}

/// Records that events were not committed.
pub(super) fn record_failed(
    waiters: &[PublishWaiter],
    new: &[NewEvent],
    error: &StoreError,
    clock: &dyn Clock,
) {
    let Some(tracer) = tracer_for(waiters) else { return };
    let ended = clock.now();
    let error_type = if error.is_rejected_input() { "rejected" } else { "store_unavailable" };
    for (waiter, new) in waiters.iter().zip(new) {
        let Some(trace) = &waiter.trace else { continue };
        let span = EndedSpan::new("publish", SpanKind::Producer, span_times(trace.started, ended));
        let span = about_event(span, "publish", &new.event.tenant, new.event.id)
            .text("messaging.operation.type", "send")
            .failed(error_type, "");
        tracer.record_as(trace.context(new.event.id).span_id(), &trace.parent, span);
    }
}
