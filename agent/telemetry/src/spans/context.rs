//! Contexts of spans: what W3C Trace Context says, and ids that follow from something.
//!
//! Fed by `traceparent` values; feeds spans with what they are below, and what is sent on.

use http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;

const TRACEPARENT: &str = "traceparent";
/// Of a version, two ids and flags, in hexadecimal with dashes.
const TRACEPARENT_BYTES: usize = 55;

const TRACESTATE: &str = "tracestate";
/// What W3C Trace Context asks to propagate; more is dropped. It is kept as long as spans are.
pub const MAX_TRACESTATE_BYTES: usize = 512;

/// The headers of a call, without a `tracestate` that is too long.
struct CallCarrier<'h>(HeaderExtractor<'h>);

impl Extractor for CallCarrier<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let fits = |value: &&str| key != TRACESTATE || value.len() <= MAX_TRACESTATE_BYTES;
        self.0.get(key).filter(fits)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys()
    }
}

/// A `traceparent` without a `tracestate`.
struct TraceparentCarrier<'t>(&'t str);

impl Extractor for TraceparentCarrier<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACEPARENT).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

/// What the headers of a call tell of its caller's trace; of a call that tells of none, an
/// empty context. They are believed: they must be those of a caller who may call.
pub fn remote_context(headers: &HeaderMap) -> Context {
    let headers = CallCarrier(HeaderExtractor(headers));
    if !headers.get(TRACEPARENT).is_some_and(has_form) {
        return Context::new();
    }
    TraceContextPropagator::new().extract_with_context(&Context::new(), &headers)
}

/// Whether it begins with `version-trace_id-parent_id-flags`. The propagator takes shorter ids
/// and signs for numbers, too.
fn has_form(traceparent: &str) -> bool {
    let head = traceparent.as_bytes().get(..TRACEPARENT_BYTES);
    head.is_some_and(|head| {
        head.iter().enumerate().all(|(at, byte)| match at {
            2 | 35 | 52 => *byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
    })
}

/// The span that a `traceparent` names, if it is recorded.
pub fn sampled_context(traceparent: &str) -> Option<SpanContext> {
    if !has_form(traceparent) {
        return None;
    }
    let carrier = TraceparentCarrier(traceparent);
    let told = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    let context = told.span().span_context().clone();
    context.is_sampled().then_some(context)
}

/// A recorded span as a `traceparent`.
pub fn to_traceparent(context: &SpanContext) -> String {
    let sampled = context.trace_flags() & TraceFlags::SAMPLED;
    format!("00-{}-{}-{sampled:02x}", context.trace_id(), context.span_id())
}

/// Another span of the same trace, of Postrider's own.
pub fn span_beside(context: &SpanContext, id: SpanId) -> SpanContext {
    let (trace, flags) = (context.trace_id(), context.trace_flags());
    SpanContext::new(trace, id, flags, false, context.trace_state().clone())
}

/// The id that everybody computes who knows the same thing's id and the same number: a span
/// can be named without its id being kept or sent.
pub fn derived_span_id(id: [u8; 16], number: u32) -> SpanId {
    let whole = u128::from_be_bytes(id);
    let (high, low) = ((whole >> 64) as u64, whole as u64);
    // Zero is no id.
    SpanId::from(mixed(mixed(mixed(high) ^ low) ^ u64::from(number)).max(1))
}

/// The last step of splitmix64: each bit of the input changes about half of the output's.
const fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn told_by(traceparent: &str) -> SpanContext {
        let value = HeaderValue::from_str(traceparent).unwrap();
        let headers = HeaderMap::from_iter([(http::HeaderName::from_static(TRACEPARENT), value)]);
        remote_context(&headers).span().span_context().clone()
    }

    #[test]
    fn a_sampled_parent_is_written_as_it_was_read() {
        assert_eq!(to_traceparent(&sampled_context(SAMPLED).unwrap()), SAMPLED);
        assert_eq!(to_traceparent(&told_by(SAMPLED)), SAMPLED);
        let later = format!("01{}-more", &SAMPLED[2..]);
        assert_eq!(to_traceparent(&sampled_context(&later).unwrap()), SAMPLED);
    }

    #[test]
    fn a_state_that_is_too_long_is_dropped() {
        let told = |state: &str| {
            let header = |name, value: &str| {
                (http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
            };
            let headers = [header(TRACEPARENT, SAMPLED), header(TRACESTATE, state)];
            let context = remote_context(&HeaderMap::from_iter(headers));
            assert_eq!(to_traceparent(context.span().span_context()), SAMPLED);
            context.span().span_context().trace_state().header()
        };
        let longest = format!("a={},b={}", "x".repeat(253), "y".repeat(254));
        assert_eq!(longest.len(), MAX_TRACESTATE_BYTES);
        assert_eq!(told(&longest), longest);
        assert_eq!(told(&format!("{longest}y")), "");
    }

    #[test]
    fn a_parent_that_is_not_sampled_is_not_absent() {
        let unsampled = SAMPLED.replace("-01", "-02");
        assert!(told_by(&unsampled).is_valid());
        assert_eq!(sampled_context(&unsampled), None);
        for absent in [
            "",
            "00",
            "nonsense",
            &SAMPLED.to_uppercase(),
            &format!("{SAMPLED}-more"),
            &SAMPLED.replacen("00", "ff", 1),
            &SAMPLED.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &SAMPLED.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &SAMPLED.replace("4bf9", "+bf9"),
        ] {
            assert!(!told_by(absent).is_valid(), "{absent}");
            assert_eq!(sampled_context(absent), None, "{absent}");
        }
    }

    #[test]
    fn derived_ids_are_the_same_everywhere_and_differ_by_id_and_number() {
        let (this, other) = ([7; 16], [8; 16]);
        assert_eq!(derived_span_id(this, 1), derived_span_id(this, 1));
        assert_ne!(derived_span_id(this, 1), derived_span_id(this, 2));
        assert_ne!(derived_span_id(this, 1), derived_span_id(other, 1));
        // Agents and replicas of different versions must agree.
        assert_eq!(derived_span_id([0; 16], 0).to_string(), "238275bc38fcbe91");
    }
}
