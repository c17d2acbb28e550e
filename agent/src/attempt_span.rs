//! The span of one attempt.
//!
//! A child of the publisher's span, whose context comes with the assignment; the receiver
//! gets the attempt's context as its parent. Without a collector the span costs one
//! comparison: it is a debug span, and the default log filter excludes it.

use std::collections::HashMap;

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use postrider_proto::agent::v1::Assignment;
use postrider_webhook_request::OutgoingTraceContext;
use tracing::{Span, debug_span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The span of one attempt, a child of the publisher's, and the context under
/// which the receiver continues it.
pub fn start_attempt_span(assignment: &Assignment) -> (Span, OutgoingTraceContext) {
    let key = assignment.key.as_ref();
    let span = debug_span!(
        "attempt",
        otel.kind = "client",
        event = %assignment.webhook_id,
        delivery = %key.map_or_else(String::new, |key| hex::encode(&key.delivery_id)),
        attempt = key.map_or(0, |key| key.number),
        tenant = %assignment.tenant,
        subscription = %assignment.subscription,
        fact = field::Empty,
        http_status = field::Empty,
    );
    if span.is_disabled() {
        return (span, OutgoingTraceContext::default());
    }
    let propagator = TraceContextPropagator::new();
    if !assignment.traceparent.is_empty() {
        let carrier = HashMap::from([
            ("traceparent".to_owned(), assignment.traceparent.clone()),
            ("tracestate".to_owned(), assignment.tracestate.clone()),
        ]);
        // It fails when nothing exports this span, and then nobody misses it.
        let _ = span.set_parent(propagator.extract(&carrier));
    }
    let mut carrier = HashMap::new();
    propagator.inject_context(&span.context(), &mut carrier);
    let mut take = |name: &str| carrier.remove(name).unwrap_or_default();
    let headers = OutgoingTraceContext::new(take("traceparent"), take("tracestate"));
    (span, headers)
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    const PUBLISHER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn assignment() -> Assignment {
        Assignment {
            traceparent: PUBLISHER.to_owned(),
            tracestate: "vendor=1".to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn without_an_exporter_the_publisher_s_context_is_passed_on() {
        let (_span, headers) = start_attempt_span(&assignment());
        assert_eq!(headers.or(PUBLISHER, "vendor=1"), (PUBLISHER, "vendor=1"));
    }

    #[test]
    fn with_an_exporter_the_attempt_is_a_child_of_the_publisher_s_span() {
        let provider = SdkTracerProvider::builder().build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            let (_span, headers) = start_attempt_span(&assignment());
            let (parent, state) = headers.or("", "");
            assert!(parent.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"), "{parent}");
            assert_ne!(parent, PUBLISHER);
            assert_eq!(state, "vendor=1");
        });
    }
}
