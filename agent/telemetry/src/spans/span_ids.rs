//! Ids of spans: given where others name a span without having been told, otherwise random.
//!
//! Fed by the tracer with the id of the span that it starts next; feeds the SDK, which asks
//! for one id for each span, in the thread that starts it.

use std::cell::Cell;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

thread_local! {
    static NEXT_SPAN_ID: Cell<Option<SpanId>> = const { Cell::new(None) };
}

/// The SDK's own ids, unless one is given.
#[derive(Debug, Default)]
pub struct GivenOrRandomIds(RandomIdGenerator);

impl IdGenerator for GivenOrRandomIds {
    fn new_trace_id(&self) -> TraceId {
        self.0.new_trace_id()
    }

    fn new_span_id(&self) -> SpanId {
        NEXT_SPAN_ID.take().unwrap_or_else(|| self.0.new_span_id())
    }
}

/// Starts a span with this id. `start` starts one span, and nothing else.
pub fn with_span_id<R>(id: SpanId, start: impl FnOnce() -> R) -> R {
    NEXT_SPAN_ID.set(Some(id));
    let started = start();
    // A provider that was shut down asks for none.
    NEXT_SPAN_ID.set(None);
    started
}

/// An id like those of the SDK, for a span that is named before it is built.
pub fn random_span_id() -> SpanId {
    RandomIdGenerator::default().new_span_id()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_given_to_one_span_only() {
        let (ids, given) = (GivenOrRandomIds::default(), SpanId::from(7));
        let [first, second] = with_span_id(given, || [ids.new_span_id(), ids.new_span_id()]);
        assert_eq!(first, given);
        assert_ne!(second, given);
        with_span_id(given, || {});
        assert_ne!(ids.new_span_id(), given);
    }
}
