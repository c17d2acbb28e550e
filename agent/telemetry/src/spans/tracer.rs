//! The tracer of the process: what spans are recorded with.
//!
//! Fed by whoever has something to tell; feeds the SDK. A span that a task lives through is a
//! span of `tracing`, which the layer of `tracing-opentelemetry` exports ([`start_span`]). One
//! that goes over queues is built when it has ended, of the times that are known then.

use std::sync::OnceLock;

use opentelemetry::Context;
use opentelemetry::trace::{
    Span as _, SpanContext, SpanId, Status, TraceContextExt as _, Tracer as _,
};
use opentelemetry_sdk::trace::SdkTracer;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::ended_span::EndedSpan;
use super::metrics::SpanMetrics;
use super::span_ids::with_span_id;
use crate::metrics::MetricRegistry;

/// The target of spans of `tracing` that are exported; they are not in the log.
pub const EXPORTED_TARGET: &str = "postrider_traces";

/// There is one for the process, as there is one log.
static PROCESS_TRACER: OnceLock<ProcessTracer> = OnceLock::new();

/// The process's tracer; none where no collector is named.
pub fn process_tracer() -> Option<&'static ProcessTracer> {
    PROCESS_TRACER.get()
}

/// Shows what became of spans, if any are recorded.
pub fn observe_spans(registry: &MetricRegistry) {
    SpanMetrics::observe(registry, || process_tracer().map(|tracer| &tracer.metrics));
}

/// Records spans.
#[derive(Debug)]
pub struct ProcessTracer {
    pub(super) tracer: SdkTracer,
    pub(super) metrics: SpanMetrics,
}

impl ProcessTracer {
    /// Makes this the process's tracer; to be called once.
    pub(super) fn install(self) -> anyhow::Result<()> {
        PROCESS_TRACER.set(self).map_err(|_| anyhow::anyhow!("spans are recorded already"))
    }

    /// Records a span below another, and returns its context.
    pub fn record(&self, parent: &SpanContext, span: EndedSpan) -> SpanContext {
        self.end(&Context::new().with_remote_span_context(parent.clone()), span)
    }

    /// Records a span below another with an id by which others know it.
    pub fn record_as(&self, id: SpanId, parent: &SpanContext, span: EndedSpan) -> SpanContext {
        with_span_id(id, || self.record(parent, span))
    }

    /// Records the only span of a trace of its own, if it is linked with one that is recorded.
    pub fn record_alone(&self, span: EndedSpan) -> SpanContext {
        self.end(&Context::new(), span)
    }

    fn end(&self, parent: &Context, span: EndedSpan) -> SpanContext {
        let EndedSpan { builder, end, failure, .. } = span.finished();
        let mut started = self.tracer.build_with_context(builder, parent);
        if let Some(message) = failure {
            started.set_status(Status::error(message));
        }
        started.end_with_timestamp(end);
        started.span_context().clone()
    }
}

/// Starts a new span of `tracing`, whose target is [`EXPORTED_TARGET`], below what a caller
/// told; none if it is not recorded. It ends when it is dropped.
pub fn start_span(span: &tracing::Span, caller: Context) -> Option<SpanContext> {
    // It fails where no layer exports spans.
    span.set_parent(caller).ok()?;
    let started = span.context().span().span_context().clone();
    started.is_sampled().then_some(started)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use opentelemetry::trace::{SpanKind, TracerProvider as _};
    use opentelemetry_sdk::error::OTelSdkResult;
    use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
    use parking_lot::Mutex;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::super::context::{sampled_context, span_beside};
    use super::super::ended_span::SpanTimes;
    use super::super::sampler::span_sampler;
    use super::super::span_ids::GivenOrRandomIds;
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[derive(Clone, Debug, Default)]
    struct KeptSpans(Arc<Mutex<Vec<SpanData>>>);

    impl SpanExporter for KeptSpans {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            self.0.lock().extend(batch);
            Ok(())
        }
    }

    impl KeptSpans {
        fn take(&self) -> Vec<SpanData> {
            std::mem::take(&mut *self.0.lock())
        }
    }

    fn tracer(traces_per_million: u32) -> (ProcessTracer, KeptSpans) {
        let kept = KeptSpans::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(kept.clone())
            .with_sampler(span_sampler(traces_per_million))
            .with_id_generator(GivenOrRandomIds::default())
            .build();
        let tracer = provider.tracer("test");
        (ProcessTracer { tracer, metrics: SpanMetrics::default() }, kept)
    }

    fn ended(name: &'static str) -> EndedSpan {
        let times = SpanTimes::ending_now(Duration::from_millis(5));
        EndedSpan::new(name, SpanKind::Internal, times)
    }

    #[test]
    fn a_span_holds_what_it_was_given() {
        let (tracer, kept) = tracer(0);
        let (parent, id) = (sampled_context(PARENT).unwrap(), SpanId::from(9));
        let span = ended("publish").text("messaging.system", "postrider").text("absent", "");
        let context = tracer.record_as(id, &parent, span.failed("timeout", "too late"));
        assert_eq!(context.span_id(), span_beside(&parent, id).span_id());
        let span = kept.take().remove(0);
        assert_eq!(span.span_context, context);
        assert_eq!(
            (span.parent_span_id, context.trace_id()),
            (parent.span_id(), parent.trace_id())
        );
        assert_eq!(span.end_time.duration_since(span.start_time).unwrap().as_millis(), 5);
        let keys: Vec<_> = span.attributes.iter().map(|pair| pair.key.as_str()).collect();
        assert_eq!(keys, ["messaging.system", "error.type"]);
        assert_eq!(span.status, Status::error("too late"));
        // The next one has an id of its own.
        assert_ne!(tracer.record(&parent, ended("commit")).span_id(), id);
    }

    #[test]
    fn a_span_never_ends_before_it_begins() {
        let (tracer, kept) = tracer(0);
        let SpanTimes { start, end } = SpanTimes::ending_now(Duration::from_secs(1));
        let times = SpanTimes { start: end, end: start };
        let span = EndedSpan::new("x", SpanKind::Internal, times);
        tracer.record(&sampled_context(PARENT).unwrap(), span);
        assert_eq!(kept.take()[0].end_time, end);
    }

    #[test]
    fn a_batch_is_recorded_if_a_member_is() {
        let (tracer, kept) = tracer(0);
        tracer.record_alone(ended("commit batch"));
        assert!(kept.take().is_empty());
        let member = sampled_context(PARENT).unwrap();
        let others = (1..=130).map(|id| span_beside(&member, SpanId::from(id)));
        let context = tracer.record_alone(ended("commit batch").links(others));
        let span = kept.take().remove(0);
        assert_ne!(context.trace_id(), member.trace_id());
        assert_eq!((span.links.len(), span.links.dropped_count), (128, 2));
        assert_eq!(span.parent_span_id, SpanId::INVALID);
    }

    #[test]
    fn the_caller_decides_where_it_told_of_a_trace() {
        let started = |traces_per_million, traceparent: &str| {
            let (tracer, kept) = tracer(traces_per_million);
            let layer = tracing_opentelemetry::layer().with_tracer(tracer.tracer.clone());
            let subscriber = tracing_subscriber::registry().with(layer);
            tracing::subscriber::with_default(subscriber, || {
                let span = tracing::info_span!(target: EXPORTED_TARGET, parent: None, "call");
                let mut headers = http::HeaderMap::new();
                headers.insert("traceparent", traceparent.parse().unwrap());
                let caller = super::super::context::remote_context(&headers);
                let started = start_span(&span, caller);
                drop(span);
                assert_eq!(kept.take().len(), usize::from(started.is_some()));
                started
            })
        };
        let whole = 1_000_000;
        let below = started(0, PARENT).unwrap();
        assert_eq!(below.trace_id(), sampled_context(PARENT).unwrap().trace_id());
        assert_eq!(started(whole, &PARENT.replace("-01", "-00")), None);
        assert!(started(whole, "nonsense").is_some() && started(0, "nonsense").is_none());
    }

    #[test]
    fn of_other_traces_a_part_is_recorded() {
        let count = |per_million| {
            let (tracer, _) = tracer(per_million);
            (0..10_000).filter(|_| tracer.record_alone(ended("x")).is_sampled()).count()
        };
        assert_eq!((count(0), count(1_000_000)), (0, 10_000));
        // Far beyond what chance does.
        assert!((1_900..3_100).contains(&count(250_000)));
    }
}
