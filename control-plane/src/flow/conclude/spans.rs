//! The spans of conclusions: each result's, below its attempt's, and that of the batch.
//!
//! Fed by the writer after each commit; feeds the tracer. A batch is of many traces, so it is
//! the only span of a trace of its own, linked with those of its results.

use std::time::Duration;

use postrider_domain::delivery::{AttemptRecord, DeliveryState, DeliveryTransition};
use postrider_domain::time::Timestamp;
use postrider_store::{Conclusion, ConclusionOutcome};
use postrider_telemetry::{EndedSpan, SpanKind, process_tracer, random_span_id, span_beside};

use super::report::{AttemptReport, ResultTrace};
use super::stages::ConclusionBatch;
use crate::event_spans::{about_attempt, about_batch, about_event, span_times};
use crate::metrics::{outcome_name, state_name};

/// Records what was committed together, in a commit that began at `started`.
pub(super) fn record_concluded(
    batch: &ConclusionBatch,
    outcomes: &[ConclusionOutcome],
    (started, took): (Timestamp, Duration),
) {
    let is_traced = || batch.follow_ups.iter().any(|follow_up| follow_up.report.trace.is_some());
    let Some(tracer) = process_tracer().filter(|_| is_traced()) else { return };
    let ended = started + took;
    let results = batch.rows.iter().zip(&batch.follow_ups).zip(outcomes);
    // What no longer applies is recorded as a late result.
    let applied = results.filter(|(_, outcome)| matches!(outcome, ConclusionOutcome::Applied));
    let recorded = applied.filter_map(|((row, follow_up), _)| {
        let trace = follow_up.report.trace.as_deref()?;
        Some((row, trace, random_span_id()))
    });
    let recorded: Vec<_> = recorded.collect();
    if recorded.is_empty() {
        return;
    }
    let span = EndedSpan::new("conclude batch", SpanKind::Internal, span_times(started, ended));
    let span = about_batch(span, "conclude")
        .number("messaging.batch.message_count", batch.rows.len())
        .links(recorded.iter().map(|(_, trace, id)| span_beside(&trace.attempt, *id)));
    let whole = tracer.record_alone(span);
    for (row, trace, id) in recorded {
        let span = conclude_span(&row.record, trace, ended)
            .text("postrider.delivery.state", state_after(row))
            .links([whole.clone()]);
        tracer.record_as(id, &trace.attempt, span);
    }
}

/// Records a result whose delivery had moved on.
pub(super) fn record_late(report: &AttemptReport, ended: Timestamp) {
    let (Some(tracer), Some(trace)) = (process_tracer(), report.trace.as_deref()) else { return };
    let span = conclude_span(&report.record, trace, ended).flag("postrider.late", true);
    tracer.record(&trace.attempt, span);
}

fn conclude_span(attempt: &AttemptRecord, trace: &ResultTrace, ended: Timestamp) -> EndedSpan {
    let times = span_times(trace.received, ended);
    let span = EndedSpan::new("conclude", SpanKind::Internal, times);
    let span = about_event(span, "conclude", &attempt.subscription.tenant, attempt.event);
    about_attempt(span, &attempt.subscription, attempt.key)
        .text("messaging.operation.type", "settle")
        .text("postrider.attempt.outcome", outcome_name(attempt.outcome))
}

/// What has become of the delivery.
fn state_after(row: &Conclusion) -> &'static str {
    match row.transition {
        DeliveryTransition::End { state, .. } => state_name(state),
        DeliveryTransition::Retry { .. } => state_name(DeliveryState::Waiting),
    }
}
