//! W3C trace context of publishers.
//!
//! Fed by events and by calls' metadata; feeds what is stored with the event, and the span
//! of its publish.
//! Guarantees that malformed values are dropped, as the standard asks, and that
//! whatever is stored is a valid header value.

use postrider_domain::time::Timestamp;
use postrider_telemetry::{MAX_TRACESTATE_BYTES, SpanContext, process_tracer, sampled_context};
use tonic::Request;

use crate::api::rpc::call_trace::CallSpan;
use crate::api::rpc::errors::FieldViolations;
use crate::event_spans::PublishTrace;

/// A publisher's trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceContext {
    pub traceparent: String,
    pub tracestate: String,
    /// The call's own span, if it is recorded.
    span: Option<SpanContext>,
}

impl TraceContext {
    /// The call's trace context.
    pub fn of<T>(request: &Request<T>) -> Self {
        let metadata = request.metadata();
        let text =
            |key| metadata.get(key).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let tracestate = text("tracestate");
        let fits = tracestate.len() <= MAX_TRACESTATE_BYTES;
        let span = request.extensions().get::<CallSpan>().map(|call| call.0.clone());
        let tracestate = if fits { tracestate } else { "" }.to_owned();
        Self { span, ..Self::checked(text("traceparent").to_owned(), tracestate) }
    }

    /// The publish's trace of an event that keeps this `traceparent`, if it is recorded: below
    /// the call's span, or below the publisher's where the event has one of its own.
    pub fn begin_publish(
        &self,
        kept: &str,
        now: impl FnOnce() -> Timestamp,
    ) -> Option<PublishTrace> {
        let parent = match kept == self.traceparent {
            true => self.span.clone()?,
            false => process_tracer().and_then(|_| sampled_context(kept))?,
        };
        Some(PublishTrace { parent, started: now(), begins_here: kept.is_empty() })
    }

    /// The event's trace context, or the call's if it has none.
    pub fn of_event(
        traceparent: String,
        tracestate: String,
        call: &Self,
        violations: &mut FieldViolations,
    ) -> Self {
        if tracestate.len() > MAX_TRACESTATE_BYTES {
            let problem = format!("must have at most {MAX_TRACESTATE_BYTES} bytes");
            violations.add("event.tracestate", problem);
        }
        if traceparent.is_empty() { call.clone() } else { Self::checked(traceparent, tracestate) }
    }

    fn checked(traceparent: String, tracestate: String) -> Self {
        if !is_traceparent(&traceparent) {
            return Self::default();
        }
        let printable = tracestate.bytes().all(|b| (b' '..=b'~').contains(&b));
        let tracestate = if printable { tracestate } else { String::new() };
        Self { traceparent, tracestate, span: None }
    }
}

/// `version-trace_id-parent_id-flags` in lower-case hexadecimal, with ids that are not
/// zero. Later versions may add parts.
fn is_traceparent(text: &str) -> bool {
    const LENGTH: usize = 55;
    let mut parts = text.splitn(5, '-');
    let mut hex = |length| {
        parts.next().filter(|part| {
            part.len() == length
                && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        })
    };
    let (Some(version), Some(trace), Some(parent), Some(_)) = (hex(2), hex(32), hex(16), hex(2))
    else {
        return false;
    };
    let zero = |part: &str| part.bytes().all(|b| b == b'0');
    let whole = text.len() == LENGTH || (version != "00" && text.len() <= MAX_TRACESTATE_BYTES);
    let printable = text.bytes().all(|b| b.is_ascii_graphic());
    version != "ff" && !zero(trace) && !zero(parent) && whole && printable
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn only_what_w3c_allows_is_a_traceparent() {
        assert!(is_traceparent(GOOD));
        assert!(is_traceparent(&format!("01{}-extra", &GOOD[2..])));
        for bad in [
            "",
            "00",
            &GOOD.to_uppercase(),
            &format!("{GOOD}-extra"),
            &GOOD.replacen("00", "ff", 1),
            &GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &format!("01{}-\r\nx: y", &GOOD[2..]),
        ] {
            assert!(!is_traceparent(bad), "{bad}");
        }
    }

    #[test]
    fn the_events_own_context_comes_first() {
        let mut request = Request::new(());
        request.metadata_mut().insert("traceparent", GOOD.parse().unwrap());
        request.metadata_mut().insert("tracestate", "a=1".parse().unwrap());
        let call = TraceContext::of(&request);
        assert_eq!((call.traceparent.as_str(), call.tracestate.as_str()), (GOOD, "a=1"));
        let mut violations = FieldViolations::default();
        let mut of = |parent: &str, state: &str| {
            TraceContext::of_event(parent.into(), state.into(), &call, &mut violations)
        };
        assert_eq!(of("", "b=2"), call);
        assert_eq!(of("nonsense", "b=2"), TraceContext::default());
        let other = GOOD.replace("4bf9", "4bfa");
        assert_eq!(of(&other, "b=2").tracestate, "b=2");
        assert_eq!(of(&other, "b=\n").tracestate, "");
        assert!(violations.is_empty());
        TraceContext::of_event(String::new(), "x".repeat(513), &call, &mut violations);
        assert!(!violations.is_empty());
    }

    #[test]
    fn a_publish_is_recorded_below_its_call() {
        let now = || Timestamp::from_micros(7);
        let begin = |traceparent: &str, kept: &str| {
            let mut request = Request::new(());
            if !traceparent.is_empty() {
                request.metadata_mut().insert("traceparent", traceparent.parse().unwrap());
            }
            let unrecorded = TraceContext::of(&request).begin_publish(kept, now);
            assert_eq!(unrecorded, None);
            let span = sampled_context(GOOD).unwrap();
            request.extensions_mut().insert(CallSpan(span.clone()));
            let begun = TraceContext::of(&request).begin_publish(kept, now);
            assert!(begun.as_ref().is_none_or(|trace| trace.parent == span));
            begun.map(|trace| trace.begins_here)
        };
        assert_eq!(begin("", ""), Some(true));
        assert_eq!(begin(GOOD, GOOD), Some(false));
        // Of a trace of its own, and nobody records here.
        assert_eq!(begin("", GOOD), None);
    }
}
